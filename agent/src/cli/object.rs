//! Objects and pods as people name them.

use writ_core::model::{Kind, ObjectId, PodIndex};
use writ_core::observed::{Observed, ObservedPod};

use super::exit::Failure;

/// Reads `kind/scope/name`.
pub(crate) fn parse(text: &str) -> Result<ObjectId, Failure> {
    ObjectId::parse(text).ok_or_else(|| {
        let kinds: Vec<String> = Kind::ALL.iter().map(|kind| kind.name().to_lowercase()).collect();
        Failure::message(format!(
            "`{text}` is no object: write KIND/SCOPE/NAME, as statefulset/data/pg; the kinds are {}",
            kinds.join(", ")
        ))
    })
}

/// A pod as it was found by what a person wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundPod {
    /// Its name in the engine.
    pub(crate) name: String,
    pub(crate) pod: ObservedPod,
}

/// Finds the pods that `text` may mean: by the engine's name (`data-pg.0`), by the name that the ecosystem gives it
/// (`pg-0`, in a scope if one is named), or all those of an object (`statefulset/data/pg`). In order of their names.
pub(crate) fn find(observed: &[Observed], text: &str, scope: Option<&str>) -> Vec<FoundPod> {
    // A cluster may hold an object `pod/NAME`; what is meant here is the pod by that name.
    let pod = text.strip_prefix("pod/").filter(|name| !name.contains('/'));
    let object = if pod.is_some() { None } else { ObjectId::parse(text) };
    let all = || observed.iter().flat_map(|observed| &observed.pods);
    let in_scope = |pod: &ObservedPod| scope.is_none_or(|scope| pod.object.scope.0 == scope);
    let matching = |matches: &dyn Fn(&str, &ObservedPod) -> bool| -> Vec<FoundPod> {
        let found = all().filter(|(name, pod)| in_scope(pod) && matches(name, pod));
        found.map(|(name, pod)| FoundPod { name: name.clone(), pod: pod.clone() }).collect()
    };
    let by_name = matching(&|name, _| name == text);
    if !by_name.is_empty() {
        return by_name;
    }
    match object {
        Some(object) => {
            let mut found = matching(&|_, pod| pod.object == object);
            found.sort_by(|a, b| (&a.pod.index, &a.name).cmp(&(&b.pod.index, &b.name)));
            found
        }
        None => {
            let text = pod.unwrap_or(text);
            matching(&|name, pod| name == text || host_name(pod) == text)
        }
    }
}

/// Finds the one pod that `text` means.
pub(crate) fn find_one(observed: &[Observed], text: &str, scope: Option<&str>) -> Result<FoundPod, Failure> {
    let mut found = find(observed, text, scope);
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => {
            let known: Vec<&str> = observed.iter().flat_map(|seen| seen.pods.keys().map(String::as_str)).collect();
            let known =
                if known.is_empty() { "no pod runs here".to_owned() } else { format!("there is {}", known.join(", ")) };
            Err(Failure::message(format!("there is no pod `{text}`: {known}")))
        }
        _ => {
            let names: Vec<&str> = found.iter().map(|found| found.name.as_str()).collect();
            Err(Failure::message(format!("`{text}` may be any of {}: name one of them", names.join(", "))))
        }
    }
}

/// What a pod calls itself in the ecosystem: `pg-0`.
fn host_name(pod: &ObservedPod) -> String {
    if pod.object.kind == Kind::Service {
        return pod.object.name.clone();
    }
    let index = match &pod.index {
        PodIndex::Ordinal(ordinal) => ordinal.to_string(),
        PodIndex::Replica(id) => id.clone(),
        PodIndex::Try { .. } => pod.index.to_string(),
    };
    format!("{}-{index}", pod.object.name)
}

#[cfg(test)]
mod tests {
    use writ_core::observed::{PodState, Readiness};
    use writ_core::time::Timestamp;

    use super::*;

    fn observed(pods: &[(&str, &str, u32)]) -> Vec<Observed> {
        let pods = pods.iter().map(|(name, object, ordinal)| {
            let pod = ObservedPod {
                container: format!("id of {name}"),
                object: ObjectId::parse(object).unwrap(),
                index: PodIndex::Ordinal(*ordinal),
                revision: None,
                state: PodState::Running,
                readiness: Readiness::Available,
                since: Timestamp(0),
                unavailable: None,
                ended: None,
                altered: Vec::new(),
                parts: Vec::new(),
            };
            ((*name).to_owned(), pod)
        });
        vec![Observed { pods: pods.collect(), ..Observed::default() }]
    }

    #[track_caller]
    fn check(text: &str, scope: Option<&str>, wanted: &[&str]) {
        let observed = observed(&[
            ("data-pg.0", "statefulset/data/pg", 0),
            ("data-pg.2", "statefulset/data/pg", 2),
            ("data-pg.10", "statefulset/data/pg", 10),
            ("web-pg.0", "statefulset/web/pg", 0),
        ]);
        let found = find(&observed, text, scope);
        assert_eq!(found.iter().map(|found| found.name.as_str()).collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn a_pod_is_found_by_either_of_its_names_and_by_its_object() {
        check("data-pg.2", None, &["data-pg.2"]);
        check("pg-2", None, &["data-pg.2"]);
        check("pod/pg-2", None, &["data-pg.2"]);
        check("statefulset/data/pg", None, &["data-pg.0", "data-pg.2", "data-pg.10"]);
    }

    #[test]
    fn a_name_that_two_scopes_use_needs_the_scope() {
        check("pg-0", None, &["data-pg.0", "web-pg.0"]);
        check("pg-0", Some("web"), &["web-pg.0"]);
        check("pg-1", None, &[]);
        check("data-pg.0", Some("web"), &[]);
    }
}
