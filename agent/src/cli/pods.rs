//! Finds the pod that a command is about, on the targets of all units.

use writ::one_off::LOCAL;
use writ::settings::{Settings, Target as Kind};
use writ::target::{Depth, Target};
use writ_core::observed::Observed;

use super::exit::Failure;
use super::host::{Host, block_on};
use super::object;

/// A pod with the target that runs it.
pub(crate) struct Found {
    pub(crate) target: Target,
    pub(crate) name: String,
    /// The engine's identifier of its container.
    pub(crate) container: String,
}

/// The one pod that the text means.
pub(crate) fn one(host: &Host, text: &str, scope: Option<&str>) -> Result<Found, Failure> {
    let looks = look(host)?;
    let observed: Vec<Observed> = looks.iter().map(|(_, observed)| observed.clone()).collect();
    let found = object::find_one(&observed, text, scope)?;
    with_target(looks, found)
}

/// The pod that the text means, or the first of the object that it means.
pub(crate) fn first(host: &Host, text: &str, scope: Option<&str>) -> Result<Found, Failure> {
    let looks = look(host)?;
    let observed: Vec<Observed> = looks.iter().map(|(_, observed)| observed.clone()).collect();
    let mut all = object::find(&observed, text, scope);
    let of_one_object = text.contains('/') && all.iter().all(|found| found.pod.object == all[0].pod.object);
    if all.len() > 1 && of_one_object {
        host.terminal.say(&format!("{} pods, this is {}", all.len(), all[0].name));
        return with_target(looks, all.remove(0));
    }
    with_target(looks, object::find_one(&observed, text, scope)?)
}

fn with_target(looks: Vec<(Target, Observed)>, found: object::FoundPod) -> Result<Found, Failure> {
    let object::FoundPod { name, pod } = found;
    let holder = looks.into_iter().find(|(_, observed)| observed.pods.get(&name) == Some(&pod));
    let (target, _) = holder.ok_or_else(|| Failure::message(format!("pod {name} went away")))?;
    Ok(Found { target, name, container: pod.container })
}

/// The pods of every unit, and of files that were applied by hand.
fn look(host: &Host) -> Result<Vec<(Target, Observed)>, Failure> {
    let settings = host.settings()?;
    let mut units: Vec<(&str, Kind)> = settings.units.iter().map(|unit| (unit.name.as_str(), unit.target)).collect();
    units.push((LOCAL, local_kind(settings)));
    let mut looks = Vec::new();
    for (unit, kind) in units {
        let target = host.target_of(kind)?;
        let observed = block_on(target.observe(unit, Depth::List, host.now()))??;
        looks.push((target, observed));
    }
    Ok(looks)
}

/// Where files go that a person applies by hand: to the engine, unless everything on this host is described.
pub(crate) fn local_kind(settings: &Settings) -> Kind {
    let described = !settings.units.is_empty() && settings.units.iter().all(|unit| unit.target == Kind::Simulated);
    if described { Kind::Simulated } else { Kind::Docker }
}
