//! Looks at data before a pod with another container is let at it: a server that cannot read its data is down, and one that
//! finds none where it looks makes a new, empty database.
//!
//! Invariant: what could not be found out refuses nothing, and is said.

mod postgres;
mod redis;

use std::collections::{BTreeMap, BTreeSet};

use super::Policy;
use super::draft::nothing;
use super::step::{Act, Cause, Lane, Plan, Step, Verb};
use crate::model::{ContainerSpec, Mount, MountSource, PodSpec};

pub use postgres::{FOLDER, MAJOR, major};
pub use redis::{FOLDER_FORM, RELEASE, Release};

/// What must be found out about a pod before it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The pod.
    pub pod: String,
    /// The volume, by its name in the engine.
    pub volume: String,
    /// Folders in it, below its top, in which data is most likely; the empty text is the top itself.
    pub folders: BTreeSet<String>,
    /// The image that would be let at it.
    pub image: String,
}

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// There is no data that anybody here knows.
    None,
    /// There is.
    Found(Found),
    /// It could not be found out, and why.
    Unknown(String),
}

/// Data on a volume, and what an image says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The data.
    pub places: Vec<Place>,
    /// Why there may be more of it; none if all was looked at.
    pub rest: Option<String>,
    /// The image.
    pub image: Says,
}

/// A folder of a volume, with data in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The folder, below the top of the volume; empty for that itself.
    pub folder: String,
    /// What data.
    pub form: Form,
}

/// Of what program data is, and in which form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// PostgreSQL, of that major version.
    Postgres(u32),
    /// Redis, in that form of its files. Source: the version of RDB files.
    Redis(u32),
}

/// What an image says of itself; nothing of it where it does not, or is not there yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Says {
    /// The major version of PostgreSQL that it runs.
    pub postgres: Option<u32>,
    /// The release of Redis that it runs.
    pub redis: Option<Release>,
    /// Where its PostgreSQL looks for its data.
    pub pgdata: Option<String>,
    /// The folder in which its program starts.
    pub working_dir: Option<String>,
}

/// What was found out, by pod, volume and image.
pub type Evidence = BTreeMap<(String, String, String), Data>;

/// One container that would be let at one volume with data.
struct Case<'a> {
    pod: &'a PodSpec,
    container: &'a ContainerSpec,
    mount: &'a Mount,
    volume: &'a str,
    found: &'a Found,
}

/// Where a path of a container leads.
enum Leads<'a> {
    /// To that folder of the volume.
    Here(&'a str),
    /// To something else that is mounted.
    Elsewhere,
    /// To that path, at which nothing is mounted: what is written there goes with the container.
    Nowhere(&'a str),
    /// It cannot be told from the manifest.
    Unknown,
}

/// What is to be said of a container and data.
enum Verdict {
    /// It does not start on it.
    Unfit { why: String, ways: String },
    /// It starts elsewhere, without it.
    Astray { why: String, leads: String },
    /// It could not be told.
    Unsure(String),
}

/// What must be found out before a plan is let at data: one question for each volume of a claim that a new container would
/// get, none for what merely starts again.
#[must_use]
pub fn questions(plan: &Plan) -> Vec<Question> {
    let mut all = Vec::new();
    for pod in plan.steps().filter_map(made) {
        for (container, mount, volume) in claims(pod) {
            let case = Case { pod, container, mount, volume, found: &Found::default() };
            let told = case.told(FOLDER).and_then(|path| case.within(path));
            let usual = postgres::FOLDERS.into_iter().chain(redis::FOLDERS);
            let folders = usual.chain(told).map(str::to_owned).collect();
            let (pod, image) = (pod.name.clone(), container.image.clone());
            all.push(Question { pod, volume: volume.to_owned(), folders, image });
        }
    }
    all
}

/// The plan, with a refusal in the place of every lane that would let a server at data that it cannot read, or start it where
/// its data is not.
pub fn preflight(plan: Plan, evidence: &Evidence, policy: &Policy) -> Plan {
    if evidence.values().all(|data| *data == Data::None) {
        return plan;
    }
    let Plan { shared, lanes } = plan;
    Plan { shared, lanes: lanes.into_iter().map(|lane| judged(lane, evidence, policy)).collect() }
}

fn judged(lane: Lane, evidence: &Evidence, policy: &Policy) -> Lane {
    let (mut refused, mut said) = (Vec::<Step>::new(), Vec::<Step>::new());
    for pod in lane.steps.iter().filter_map(made) {
        let mut tell = |verb, why: String| {
            let steps = if verb == Verb::Refuse { &mut refused } else { &mut said };
            let step = nothing(verb, &lane.object, Some(&pod.name), why, Cause::None);
            if !steps.contains(&step) {
                steps.push(step);
            }
        };
        for (container, mount, volume) in claims(pod) {
            let asked = (pod.name.clone(), volume.to_owned(), container.image.clone());
            let found = match evidence.get(&asked) {
                None | Some(Data::None) => continue,
                Some(Data::Found(found)) => found,
                Some(Data::Unknown(why)) => {
                    tell(Verb::Keep, format!("the data in volume {volume} could not be checked: {why}"));
                    continue;
                }
            };
            if let Some(why) = &found.rest {
                tell(Verb::Keep, format!("the data in volume {volume} could not be checked to the end: {why}"));
            }
            let case = Case { pod, container, mount, volume, found };
            for verdict in [postgres::judge(&case), redis::judge(&case)].into_iter().flatten() {
                let (verb, why) = words(verdict, pod, policy);
                tell(verb, why);
            }
        }
    }
    if !refused.is_empty() {
        return Lane { object: lane.object, steps: refused, then: None, delay: None, run: None };
    }
    said.extend(lane.steps);
    Lane { steps: said, ..lane }
}

/// What a verdict comes to for a pod. An init container may put data right before a server is let at it.
fn words(verdict: Verdict, pod: &PodSpec, policy: &Policy) -> (Verb, String) {
    let has_init = pod.init.iter().any(|container| !container.sidecar);
    match verdict {
        Verdict::Unfit { why, ways: _ } if has_init => {
            (Verb::Keep, format!("{why}: an init container has to bring it up before"))
        }
        Verdict::Unfit { why, ways } => (Verb::Refuse, format!("{why}, {ways}")),
        Verdict::Astray { why, leads } if has_init => {
            (Verb::Keep, format!("{why}, and {leads}: an init container has to move it there before"))
        }
        Verdict::Astray { why, leads } if policy.recreate => {
            (Verb::Keep, format!("{why}, and {leads}; the unit's `recreate` allows it"))
        }
        Verdict::Astray { why, leads } => (
            Verb::Refuse,
            format!(
                "{why}, and {leads}: lead it there again; or move the data in an init container; or, if that is meant, allow \
                 it by the unit's `recreate`"
            ),
        ),
        Verdict::Unsure(why) => (Verb::Keep, why),
    }
}

/// The volumes of claims that containers of a pod may write to, in their order.
fn claims(pod: &PodSpec) -> impl Iterator<Item = (&ContainerSpec, &Mount, &str)> {
    let mounts = pod.lasting().flat_map(|container| container.mounts.iter().map(move |mount| (container, mount)));
    // A server writes to its data.
    mounts.filter(|(_, mount)| !mount.read_only).filter_map(|(container, mount)| match &mount.source {
        MountSource::Volume(volume) => Some((container, mount, volume.as_str())),
        MountSource::Directory(_) | MountSource::File(_) | MountSource::Empty { .. } | MountSource::Host(_) => None,
    })
}

impl<'a> Case<'a> {
    /// The text of a variable of the container.
    fn told(&self, variable: &str) -> Option<&'a str> {
        self.container.env.get(variable).and_then(|value| value.expose_str())
    }

    fn is_main(&self) -> bool {
        self.container.name == self.pod.main.name
    }

    fn is_of_main_image(&self) -> bool {
        self.container.image == self.pod.main.image
    }

    /// The folder of the volume that a path of the container leads to.
    fn within<'p>(&self, path: &'p str) -> Option<&'p str> {
        below(&self.mount.path, path)
    }

    fn leads(&self, path: Option<&'a str>) -> Leads<'a> {
        let Some(path) = path.filter(|path| path.starts_with('/') && !path.contains("..")) else {
            return Leads::Unknown;
        };
        let nearest = self.container.mounts.iter().filter_map(|mount| Some((mount, below(&mount.path, path)?)));
        match nearest.max_by_key(|(mount, _)| mount.path.trim_end_matches('/').len()) {
            Some((mount, folder)) if mount.path == self.mount.path => Leads::Here(folder),
            Some(_) => Leads::Elsewhere,
            None => Leads::Nowhere(path),
        }
    }

    /// A folder of the volume, in words.
    fn shown(&self, folder: &str) -> String {
        if folder.is_empty() { "its top".to_owned() } else { format!("its folder `{folder}`") }
    }

    /// A folder of the volume, or a path of the container as it stands.
    fn path(&self, to: &str) -> String {
        if to.starts_with('/') { format!("{to}, which no claim holds") } else { self.shown(to) }
    }
}

/// What is left of a path below another; empty if they are the same.
fn below<'p>(top: &str, path: &'p str) -> Option<&'p str> {
    let rest = path.strip_prefix(top.trim_end_matches('/'))?;
    (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_matches('/'))
}

/// What stands before the server in a command of the images of both, and runs it.
const STARTER: &str = "docker-entrypoint.sh";

/// The words of a command, as far as a manifest says them, from the server on.
fn command(container: &ContainerSpec) -> Vec<&str> {
    let words = container.entrypoint.iter().chain(&container.arguments).flatten();
    let mut words: Vec<&str> = words.map(String::as_str).collect();
    if words.first() == Some(&STARTER) {
        words.remove(0);
    }
    words
}

/// What an image of that name is tagged with, up to the first `-` or `_`; nobody else's tags say a version.
fn tag<'i>(image: &'i str, name: &str) -> Option<&'i str> {
    let (repository, tag) = image.split('@').next().unwrap_or(image).rsplit_once(':')?;
    let is_it = repository.rsplit('/').next() == Some(name);
    is_it.then(|| tag.split(['-', '_']).next().unwrap_or_default())
}

/// A number in digits alone.
fn number(text: &str) -> Option<u32> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// The pod that a step makes, in the place of an old one or not.
fn made(step: &Step) -> Option<&PodSpec> {
    match &step.act {
        Act::CreatePod(spec) | Act::ReplacePod { container: _, spec } => Some(spec),
        Act::Nothing
        | Act::CreateNetwork
        | Act::CreateVolume(_)
        | Act::BackUp(_)
        | Act::StartPod { .. }
        | Act::MendPod { .. }
        | Act::RemovePod { .. }
        | Act::RemoveVolume { .. }
        | Act::Serve(_)
        | Act::ApplyObject(_)
        | Act::DeleteObject(_) => None,
    }
}
