//! OpenMCF YAML, lowered to documents of Kubernetes objects, which go on as if they had been written.
//!
//! Invariant: a document that is wrong gives no object, and every problem of it is reported.

mod availability;
mod container;
mod cron_job;
mod head;
mod ingress;
mod kind;
mod known;
mod made;
mod mount;
mod namespace;
mod read;
mod server;
mod workload;

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use kind::{Form, Kind};
pub(super) use known::Known;
pub use known::Outputs;
use known::Outside;
use read::Scene;

use super::Target;
use super::yaml::{Node, place};
use crate::model::Unfilled;
use crate::text::{Problem, Problems, quoted};

/// Domains whose API groups are OpenMCF's, under its name of today and those of other times.
const DOMAINS: [&str; 3] = ["openmcf.org", "planton.dev", "project-planton.org"];
const WHOLE: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];
const VERSIONS: [&str; 2] = ["kubernetes.openmcf.org/v1", "kubernetes.planton.dev/v1"];

fn is_domain(group: &str) -> bool {
    DOMAINS.iter().any(|domain| group.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// True for a document whose `apiVersion` makes it one of OpenMCF.
pub(super) fn is_ours(document: &Node<'_>) -> bool {
    let group = document.get("apiVersion").and_then(|version| version.text()?.split('/').next());
    group.is_some_and(is_domain)
}

/// The documents of Kubernetes objects that one of OpenMCF stands for. `hidden` takes the bytes that hold secrets, `unfilled` what the
/// cluster is to be asked for.
pub(super) fn documents<'a>(
    file: &Arc<str>,
    text: &str,
    document: &Node<'a>,
    (target, known): (Target, &Known),
    (problems, hidden, unfilled): (&mut Problems, &mut Vec<Range<usize>>, &mut Vec<Unfilled>),
) -> Vec<Rc<Node<'a>>> {
    hidden.extend(read::secrets(document));
    let named = document.get("kind").and_then(|kind| kind.text()).unwrap_or("its kind");
    let version = document.get("apiVersion");
    let written = version.and_then(|version| version.text()).unwrap_or_default();
    let Some(kind) = Kind::of(named).filter(|_| VERSIONS.contains(&written)) else {
        let at = version.map(|version| place(file, text, &version.range));
        let message = format!("{} of OpenMCF ({}) is not supported", quoted(named), quoted(written));
        let known = format!("known are {} of {}", Kind::ALL.map(Kind::name).join(", "), VERSIONS.join(" and "));
        let help =
            format!("{known}; write others as Kubernetes objects (StatefulSet, Service, …) or as a Voodu manifest");
        problems.push(Problem::error(at, message).help(help));
        return Vec::new();
    };
    let mut scene = Scene { file, text, problems, failed: false, unfilled: Vec::new() };
    let Some(whole) = scene.fields(document, (String::new(), &document.label()), &WHOLE) else { return Vec::new() };
    let Some(head) = head::read(&mut scene, &whole, kind) else { return Vec::new() };
    let mut outside = Outside::new(known, target);
    let objects = match kind {
        Kind::Namespace => namespace::lower(&mut scene, &head, &whole),
        Kind::Workload(form) => workload::lower(&mut scene, (&head, &whole), (form, target), &mut outside),
        Kind::CronJob => cron_job::lower(&mut scene, (&head, &whole), &mut outside),
        Kind::Server(server) => {
            let meant = server::stands_for(&mut scene, &head, &whole, server);
            let meant = meant.as_deref().and_then(|meant| scene.fields(meant, (String::new(), &whole.at), &WHOLE));
            meant.map_or_else(Vec::new, |meant| {
                workload::lower(&mut scene, (&head, &meant), (Form::StatefulSet, target), &mut outside)
            })
        }
    };
    if scene.failed {
        return Vec::new();
    }
    unfilled.append(&mut scene.unfilled);
    objects
}
