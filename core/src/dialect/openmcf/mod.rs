//! OpenMCF YAML, recognised and refused: it is not supported yet.

use std::sync::Arc;

use crate::dialect::yaml::{Node, place};
use crate::text::{Problem, quoted};

/// Domains whose API groups are OpenMCF's, under its name of today and the one before.
const DOMAINS: [&str; 2] = ["openmcf.org", "project-planton.org"];

/// The refusal of a document, if its `apiVersion` makes it one of OpenMCF.
pub(super) fn refuse(file: &Arc<str>, text: &str, document: &Node<'_>) -> Option<Problem> {
    let version = document.get("apiVersion")?;
    let group = version.text()?.split('/').next()?;
    let ours = DOMAINS
        .iter()
        .any(|domain| group.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')));
    if !ours {
        return None;
    }
    let kind = document.get("kind").and_then(|kind| kind.text()).unwrap_or("its kind");
    let message = format!("{} of OpenMCF ({}) is not supported yet", quoted(kind), quoted(group));
    let help = "write it as Kubernetes objects (StatefulSet, Service, …) or as a Voodu manifest";
    Some(Problem::error(Some(place(file, text, &version.range)), message).help(help))
}
