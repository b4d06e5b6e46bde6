//! Finds the pod that a command is about in the clusters of all units.

use writ::settings::Target as Kind;
use writ::target::Target;
use writ::target::kubernetes::{Meant, Pod};
use writ_core::model::ObjectId;

use super::exit::Failure;
use super::host::{Host, block_on};
use super::pods::Found;

/// The first pod that the text means, and of its containers the one that is named; none if no cluster of this host has one, and
/// it may be one of this host itself.
pub(super) fn first(
    host: &Host,
    text: &str,
    scope: Option<&str>,
    container: Option<&str>,
) -> Result<Option<Found>, Failure> {
    let units = &host.settings()?.units;
    let mut kinds: Vec<&Kind> = Vec::new();
    for unit in units.iter().filter(|unit| matches!(unit.target, Kind::Kubernetes(_))) {
        if !kinds.contains(&&unit.target) {
            kinds.push(&unit.target);
        }
    }
    let only = !units.is_empty() && units.iter().all(|unit| matches!(unit.target, Kind::Kubernetes(_)));
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
                host.terminal.say(&format!("not looked at: {}\n", writ::error::chain(&error)));
                continue;
            }
            Some(Err(error)) => return Err(error.into()),
            None => continue,
        };
        if !pods.is_empty() {
            return found(host, target, text, meant, &pods, container).map(Some);
        }
    }
    if only {
        Err(Failure::message(format!("there is no pod `{text}` in the clusters of this host")))
    } else {
        Ok(None)
    }
}

fn found(
    host: &Host,
    target: Target,
    text: &str,
    meant: Meant<'_>,
    pods: &[Pod],
    container: Option<&str>,
) -> Result<Found, Failure> {
    let names: Vec<String> = pods.iter().map(|pod| format!("{}/{}", pod.namespace, pod.name)).collect();
    match (meant, pods.len()) {
        (_, 1) => {}
        (Meant::Of(_), many) => host.terminal.say(&format!("{many} pods, this is {}", names[0])),
        (Meant::Named(..), _) => {
            let message = format!("`{text}` may be any of {}: name its scope by `-n`", names.join(", "));
            return Err(Failure::message(message));
        }
    }
    let pod = &pods[0];
    let all = pod.containers.join(", ");
    let name = match (container, &pod.default, pod.containers.first()) {
        (Some(wanted), _, _) if pod.containers.iter().any(|known| known == wanted) => wanted,
        (Some(wanted), _, _) => {
            return Err(Failure::message(format!("pod {} has no container `{wanted}`: it has {all}", names[0])));
        }
        (None, Some(default), _) => default,
        (None, None, Some(first)) => first,
        (None, None, None) => return Err(Failure::message(format!("pod {} has no container", names[0]))),
    };
    if container.is_none() && pod.containers.len() > 1 {
        host.terminal.say(&format!("this is container {name}, out of {all}"));
    }
    Ok(Found { target, name: names[0].clone(), container: pod.container(name) })
}
