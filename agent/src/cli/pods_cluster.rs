//! Finds the pod that a command is about in the clusters of all units.

use writ::settings::Target as Kind;
use writ::target::Target;
use writ::target::kubernetes::{Meant, Pod};
use writ_core::model::ObjectId;

use super::exit::Failure;
use super::host::{Host, block_on};
use super::pods::{Found, Several, only_clusters};

/// The pod that the text means, and of its containers the one that is named; none if no cluster of this host has one, and it has
/// others than those of clusters.
pub(super) fn find(
    host: &Host,
    text: &str,
    scope: Option<&str>,
    container: Option<&str>,
    several: Several,
) -> Result<Option<Found>, Failure> {
    let settings = host.settings()?;
    let units = &settings.units;
    let mut kinds: Vec<&Kind> = Vec::new();
    for unit in units.iter().filter(|unit| matches!(unit.target, Kind::Kubernetes(_))) {
        if !kinds.contains(&&unit.target) {
            kinds.push(&unit.target);
        }
    }
    let only = only_clusters(settings);
    let object = ObjectId::parse(text);
    let meant = match &object {
        Some(pod) if pod.kind.qualified() == "pod" && !pod.scope.0.is_empty() => {
            Meant::Named(&pod.name, Some(&pod.scope.0))
        }
        Some(object) if !object.scope.0.is_empty() => Meant::Of(object),
        Some(_) | None => Meant::Named(text.strip_prefix("pod/").unwrap_or(text), scope),
    };
    for kind in kinds {
        let target = host.target_of(kind)?;
        let pods = match target.cluster().map(|cluster| block_on(cluster.pods(meant))).transpose()? {
            Some(Ok(pods)) => pods,
            // One that does not answer keeps nobody from pods of this host.
            Some(Err(error)) if !only => {
                host.terminal.say(&format!("not looked at: {}", writ::error::chain(&error)));
                continue;
            }
            Some(Err(error)) => return Err(error.into()),
            None => continue,
        };
        if !pods.is_empty() {
            let pod = chosen(host, text, meant, &pods, several)?;
            return found(host, target, pod, container).map(Some);
        }
    }
    if only {
        Err(Failure::message(format!("there is no pod `{text}` in the clusters of this host")))
    } else {
        Ok(None)
    }
}

/// The one of these pods that is meant.
fn chosen<'p>(
    host: &Host,
    text: &str,
    meant: Meant<'_>,
    pods: &'p [Pod],
    several: Several,
) -> Result<&'p Pod, Failure> {
    let names: Vec<String> = pods.iter().map(full_name).collect();
    let what_to_do = match (meant, several) {
        _ if pods.len() == 1 => return Ok(&pods[0]),
        (Meant::Of(_), Several::First) => {
            host.terminal.say(&format!("{} pods, this is {}", pods.len(), names[0]));
            return Ok(&pods[0]);
        }
        (Meant::Of(_), Several::Refused) => "name one of them, as `pod/SCOPE/NAME`",
        (Meant::Named(..), Several::First | Several::Refused) => "name its scope by `-n`",
    };
    Err(Failure::message(format!("`{text}` may be any of {}: {what_to_do}", names.join(", "))))
}

fn full_name(pod: &Pod) -> String {
    format!("{}/{}", pod.namespace, pod.name)
}

fn found(host: &Host, target: Target, pod: &Pod, container: Option<&str>) -> Result<Found, Failure> {
    let (full, all) = (full_name(pod), pod.containers.join(", "));
    let name = match (container, &pod.default, pod.containers.first()) {
        (Some(wanted), _, _) if pod.containers.iter().any(|known| known == wanted) => wanted,
        (Some(wanted), _, _) => {
            return Err(Failure::message(format!("pod {full} has no container `{wanted}`: it has {all}")));
        }
        (None, Some(default), _) => default,
        (None, None, Some(first)) => first,
        (None, None, None) => return Err(Failure::message(format!("pod {full} has no container"))),
    };
    if container.is_none() && pod.containers.len() > 1 {
        host.terminal.say(&format!("this is container {name}, out of {all}"));
    }
    Ok(Found { target, container: pod.container(name), name: full })
}
