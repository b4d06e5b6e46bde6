//! OpenMCF YAML, lowered to documents of Kubernetes objects, which go on as if they had been written.
//!
//! Invariant: a document that is wrong gives no object, and every problem of it is reported.

mod container;
mod head;
mod ingress;
mod known;
mod made;
mod mount;
mod namespace;
mod read;
mod server;
mod stateful_set;

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

pub(super) use known::Known;
use known::Outside;
use read::Scene;

use super::Target;
use super::yaml::{Node, place};
use crate::text::{Problem, Problems, quoted};

/// Domains whose API groups are OpenMCF's, under its name of today and those of other times.
const DOMAINS: [&str; 3] = ["openmcf.org", "planton.dev", "project-planton.org"];
const WHOLE: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];
const STATEFUL_SET: &str = "KubernetesStatefulSet";
const NAMESPACE: &str = "KubernetesNamespace";
/// The only kinds there are.
const KINDS: [&str; 4] = [NAMESPACE, STATEFUL_SET, server::SERVERS[0].kind, server::SERVERS[1].kind];
const VERSIONS: [&str; 2] = ["kubernetes.openmcf.org/v1", "kubernetes.planton.dev/v1"];

fn is_domain(group: &str) -> bool {
    DOMAINS.iter().any(|domain| group.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// True for a document whose `apiVersion` makes it one of OpenMCF.
pub(super) fn is_ours(document: &Node<'_>) -> bool {
    let group = document.get("apiVersion").and_then(|version| version.text()?.split('/').next());
    group.is_some_and(is_domain)
}

/// The documents of Kubernetes objects that one of OpenMCF stands for. `hidden` takes the bytes that hold secrets.
pub(super) fn documents<'a>(
    file: &Arc<str>,
    text: &str,
    document: &Node<'a>,
    (target, known): (Target, &Known),
    (problems, hidden): (&mut Problems, &mut Vec<Range<usize>>),
) -> Vec<Rc<Node<'a>>> {
    hidden.extend(read::secrets(document));
    let kind = document.get("kind").and_then(|kind| kind.text()).unwrap_or("its kind");
    let version = document.get("apiVersion");
    let written = version.and_then(|version| version.text()).unwrap_or_default();
    if !KINDS.contains(&kind) || !VERSIONS.contains(&written) {
        let at = version.map(|version| place(file, text, &version.range));
        let message = format!("{} of OpenMCF ({}) is not supported", quoted(kind), quoted(written));
        let known = format!("known are {} of {}", KINDS.join(", "), VERSIONS.join(" and "));
        let help =
            format!("{known}; write others as Kubernetes objects (StatefulSet, Service, …) or as a Voodu manifest");
        problems.push(Problem::error(at, message).help(help));
        return Vec::new();
    }
    let mut scene = Scene { file, text, problems, failed: false };
    let Some(whole) = scene.fields(document, (String::new(), &document.label()), &WHOLE) else { return Vec::new() };
    let Some(head) = head::read(&mut scene, &whole, kind) else { return Vec::new() };
    let mut outside = Outside::new(known);
    let server = server::SERVERS.iter().find(|server| server.kind == kind);
    let objects = match (kind, server) {
        (NAMESPACE, _) => namespace::lower(&mut scene, &head, &whole),
        (_, None) => stateful_set::lower(&mut scene, &head, &whole, target, &mut outside),
        (_, Some(server)) => server::stands_for(&mut scene, &head, &whole, server).map_or_else(Vec::new, |meant| {
            let whole = scene.fields(&meant, (String::new(), &whole.at), &WHOLE);
            whole.map_or_else(Vec::new, |whole| stateful_set::lower(&mut scene, &head, &whole, target, &mut outside))
        }),
    };
    if scene.failed { Vec::new() } else { objects }
}
