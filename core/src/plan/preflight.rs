//! Looks at data before a pod with another image is let at it: a PostgreSQL server starts on data of its own major version
//! alone, and one that does not start is a database that is down.
//!
//! Invariant: what could not be found out refuses nothing, and is said.

use std::collections::BTreeMap;

use super::draft::nothing;
use super::step::{Act, Cause, Lane, Plan, Step, Verb};
use crate::model::{MountSource, PodSpec};

/// Folders of a volume in which data of PostgreSQL lies, where no variable says in which.
const FOLDERS: [&str; 3] = ["", "pgdata", "data"];

/// The file in which PostgreSQL says of which major version its data is. Source: its documentation, Database File Layout.
const FILE: &str = "PG_VERSION";

/// The variable by which images of PostgreSQL tell their major version, and a label that does the same.
pub const MAJOR: &str = "PG_MAJOR";

/// What must be found out about a pod before it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The pod.
    pub pod: String,
    /// The volume, by its name in the engine.
    pub volume: String,
    /// Paths in it, of which the first that is there is read.
    pub files: Vec<String>,
    /// The image that would be let at it.
    pub image: String,
}

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// There is no such data.
    None,
    /// The data is of that major version, and the image runs that one.
    Postgres {
        /// Of the data.
        data: u32,
        /// Of the image, as the image itself says; none if it does not.
        image: Option<u32>,
    },
    /// It could not be found out, and why.
    Unknown(String),
}

/// What was found out, by pod, volume and image.
pub type Evidence = BTreeMap<(String, String, String), Data>;

/// What must be found out before a plan is let at data: one question for each volume of a claim that a new container would
/// get, none for what merely starts again.
#[must_use]
pub fn questions(plan: &Plan) -> Vec<Question> {
    let pods = plan.steps().filter_map(made);
    pods.flat_map(|pod| {
        let mounts = pod.lasting().flat_map(|container| container.mounts.iter().map(move |mount| (container, mount)));
        // A server writes to its data.
        mounts.filter(|(_, mount)| !mount.read_only).filter_map(|(container, mount)| {
            let MountSource::Volume(volume) = &mount.source else { return None };
            let told = container.env.get("PGDATA").and_then(|value| value.expose_str());
            let told = told.and_then(|path| path.strip_prefix(mount.path.trim_end_matches('/')));
            let told = told.filter(|rest| rest.is_empty() || rest.starts_with('/')).map(|rest| rest.trim_matches('/'));
            let folders = told.map_or_else(|| FOLDERS.to_vec(), |folder| vec![folder]);
            let file = |folder: &str| if folder.is_empty() { FILE.to_owned() } else { format!("{folder}/{FILE}") };
            let files = folders.into_iter().map(file).collect();
            let (pod, image) = (pod.name.clone(), container.image.clone());
            Some(Question { pod, volume: volume.clone(), files, image })
        })
    })
    .collect()
}

/// The plan, with a refusal in the place of every lane that would let a server at data of another major version.
pub fn preflight(plan: Plan, evidence: &Evidence) -> Plan {
    if evidence.values().all(|data| *data == Data::None) {
        return plan;
    }
    let Plan { shared, lanes } = plan;
    Plan { shared, lanes: lanes.into_iter().map(|lane| judged(lane, evidence)).collect() }
}

fn judged(lane: Lane, evidence: &Evidence) -> Lane {
    let (mut refused, mut said) = (Vec::new(), Vec::new());
    for pod in lane.steps.iter().filter_map(made) {
        let may_bring_up = pod.init.iter().any(|container| !container.sidecar);
        for ((_, volume, image), data) in evidence.iter().filter(|((name, ..), _)| *name == pod.name) {
            let step = |verb, why| nothing(verb, &lane.object, Some(&pod.name), why, Cause::None);
            match data {
                Data::None => {}
                Data::Unknown(why) => {
                    said.push(step(Verb::Keep, format!("the data in volume {volume} could not be checked: {why}")));
                }
                Data::Postgres { data, image: told } => match told.or_else(|| major_of_tag(image)) {
                    Some(major) if major == *data => {}
                    Some(major) if !may_bring_up => refused.push(step(
                        Verb::Refuse,
                        format!(
                            "the data in volume {volume} is of PostgreSQL {data}, and {image} runs {major}, which does not \
                             start on it: go back to an image of {data}; or dump the data, and restore it into a claim of \
                             another name; or bring it up to {major} in an init container"
                        ),
                    )),
                    Some(major) => said.push(step(
                        Verb::Keep,
                        format!(
                            "the data in volume {volume} is of PostgreSQL {data}, and {image} runs {major}: an init \
                             container has to bring it up before"
                        ),
                    )),
                    // What stands beside a server may look at its data for any reason.
                    None if *image != pod.main.image => {}
                    None => said.push(step(
                        Verb::Keep,
                        format!(
                            "the data in volume {volume} is of PostgreSQL {data}; which version {image} runs could not be \
                             checked"
                        ),
                    )),
                },
            }
        }
    }
    if !refused.is_empty() {
        return Lane { object: lane.object, steps: refused, then: None, delay: None, run: None };
    }
    said.extend(lane.steps);
    Lane { steps: said, ..lane }
}

/// The pod that a step makes, in the place of an old one or not.
fn made(step: &Step) -> Option<&PodSpec> {
    match &step.act {
        Act::CreatePod(spec) | Act::ReplacePod { container: _, spec } => Some(spec),
        Act::Nothing
        | Act::CreateNetwork
        | Act::CreateVolume(_)
        | Act::StartPod { .. }
        | Act::MendPod { .. }
        | Act::RemovePod { .. }
        | Act::RemoveVolume { .. }
        | Act::Serve(_)
        | Act::ApplyObject(_)
        | Act::DeleteObject(_) => None,
    }
}

/// The major version that the tag of an image called `postgres` begins with; nobody else's tags say it.
fn major_of_tag(image: &str) -> Option<u32> {
    let name = image.split('@').next().unwrap_or(image);
    let (repository, tag) = name.rsplit_once(':')?;
    if repository.rsplit('/').next() != Some("postgres") {
        return None;
    }
    major(tag.split(['-', '_']).next().unwrap_or_default())
}

/// The major version of `15`, `15.4` or `9.6`: before version 10, two numbers were one.
#[must_use]
pub fn major(text: &str) -> Option<u32> {
    let text = text.trim();
    let (first, rest) = text.split_once('.').unwrap_or((text, ""));
    let number = |text: &str| -> Option<u32> {
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
    };
    let first = number(first)?;
    if first >= 10 {
        return Some(first);
    }
    // Of these, 9.6 and 9.5 are as far apart as 10 and 11; no later version is taken for one of them.
    let second = number(rest.split('.').next().unwrap_or_default())?;
    Some(first * 100 + second).filter(|_| second < 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_major_version_is_read_as_postgres_writes_it() {
        for (text, expected) in [
            ("15\n", Some(15)),
            ("15.4", Some(15)),
            ("9.6", Some(906)),
            ("9", None),
            ("", None),
            ("x", None),
            ("+15", None),
            ("15x", None),
        ] {
            assert_eq!(major(text), expected, "{text}");
        }
    }

    #[test]
    fn only_the_tag_of_an_image_called_postgres_tells_its_version() {
        for (image, expected) in [
            ("postgres:15-alpine", Some(15)),
            ("docker.io/library/postgres:16.2", Some(16)),
            ("localhost:5000/postgres:9.6-alpine@sha256:ab", Some(906)),
            ("postgres", None),
            ("postgres:latest", None),
            ("localhost:5000/postgres", None),
            ("postgis:15", None),
            ("pgautoupgrade:16", None),
        ] {
            assert_eq!(major_of_tag(image), expected, "{image}");
        }
    }
}
