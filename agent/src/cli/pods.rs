//! Finds the pod that a command is about, on the targets of all units.

use writ::one_off::LOCAL;
use writ::settings::{Settings, Target as Kind};
use writ::target::{Depth, Target};
use writ_core::observed::{Observed, ObservedPod};

use super::exit::Failure;
use super::host::{Host, block_on};
use super::{object, pods_cluster};

/// A pod with the target that runs it.
pub(crate) struct Found {
    pub(crate) target: Target,
    pub(crate) name: String,
    /// By which the target knows its container: the one that is meant, where it has several.
    pub(crate) container: String,
}

/// Which of several pods of an object is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Several {
    /// The first one, and it is told which that is.
    First,
    /// None: the person names one.
    Refused,
}

/// The one pod that the text means, and of its containers the one that is named.
pub(crate) fn one(host: &Host, text: &str, scope: Option<&str>, container: Option<&str>) -> Result<Found, Failure> {
    find(host, text, scope, container, Several::Refused)
}

/// The pod that the text means, or the first of the object that it means, and of its containers the one that is named.
pub(crate) fn first(host: &Host, text: &str, scope: Option<&str>, container: Option<&str>) -> Result<Found, Failure> {
    find(host, text, scope, container, Several::First)
}

/// Those of this host itself come before those of clusters, which may be long in answering.
fn find(
    host: &Host,
    text: &str,
    scope: Option<&str>,
    container: Option<&str>,
    several: Several,
) -> Result<Found, Failure> {
    let looks = look(host)?;
    let observed: Vec<Observed> = looks.iter().map(|(_, observed)| observed.clone()).collect();
    let mut all = object::find(&observed, text, scope);
    if all.is_empty()
        && let Some(found) = pods_cluster::find(host, text, scope, container, several)?
    {
        return Ok(found);
    }
    let of_one_object = text.contains('/') && all.iter().all(|found| found.pod.object == all[0].pod.object);
    if several == Several::First && all.len() > 1 && of_one_object {
        host.terminal.say(&format!("{} pods, this is {}", all.len(), all[0].name));
        return with_target(host, looks, all.remove(0), container);
    }
    with_target(host, looks, object::find_one(&observed, text, scope)?, container)
}

fn with_target(
    host: &Host,
    looks: Vec<(Target, Observed)>,
    found: object::FoundPod,
    container: Option<&str>,
) -> Result<Found, Failure> {
    let object::FoundPod { name, pod } = found;
    let holder = looks.into_iter().find(|(_, observed)| observed.pods.get(&name) == Some(&pod));
    let (target, _) = holder.ok_or_else(|| Failure::message(format!("pod {name} went away")))?;
    let named = container.is_some();
    let container = container_of(&name, &pod, container)?;
    if let Some(part) = pod.parts.iter().find(|part| part.container == container && !named) {
        let all: Vec<&str> = pod.parts.iter().map(|part| part.name.as_str()).collect();
        host.terminal.say(&format!("this is container {}, out of {}", part.name, all.join(", ")));
    }
    Ok(Found { target, name, container })
}

/// The container of a pod that is meant: the one that is named, or else the one that the pod names or has first.
fn container_of(name: &str, pod: &ObservedPod, wanted: Option<&str>) -> Result<String, Failure> {
    let found = match wanted {
        Some(wanted) => pod.parts.iter().find(|part| part.name == wanted),
        None => pod.parts.iter().find(|part| part.default).or_else(|| pod.parts.iter().find(|part| !part.init)),
    };
    match (found, wanted) {
        (Some(part), _) => Ok(part.container.clone()),
        (None, None) => Ok(pod.container.clone()),
        (None, Some(wanted)) => {
            let known: Vec<&str> = pod.parts.iter().map(|part| part.name.as_str()).collect();
            let known = match known.as_slice() {
                [] => "it is one container, which needs no name".to_owned(),
                known => format!("it has {}", known.join(", ")),
            };
            Err(Failure::message(format!("pod {name} has no container `{wanted}`: {known}")))
        }
    }
}

/// The pods of every unit but those of clusters, and of files that were applied by hand.
fn look(host: &Host) -> Result<Vec<(Target, Observed)>, Failure> {
    let settings = host.settings()?;
    if only_clusters(settings) {
        return Ok(Vec::new());
    }
    let of_host = settings.units.iter().filter(|unit| !matches!(unit.target, Kind::Kubernetes(_)));
    let mut units: Vec<(&str, Kind)> = of_host.map(|unit| (unit.name.as_str(), unit.target.clone())).collect();
    units.push((LOCAL, local_kind(settings)));
    let mut looks = Vec::new();
    for (unit, kind) in units {
        let target = host.target_of(&kind)?;
        let observed = block_on(target.observe(unit, Depth::List, host.now()))??;
        looks.push((target, observed));
    }
    Ok(looks)
}

/// True of a host that has no pods of its own.
pub(super) fn only_clusters(settings: &Settings) -> bool {
    !settings.units.is_empty() && settings.units.iter().all(|unit| matches!(unit.target, Kind::Kubernetes(_)))
}

/// Where files go that a person applies by hand: to the engine, unless everything on this host is described.
pub(crate) fn local_kind(settings: &Settings) -> Kind {
    let described = !settings.units.is_empty() && settings.units.iter().all(|unit| unit.target == Kind::Simulated);
    if described { Kind::Simulated } else { Kind::Docker }
}
