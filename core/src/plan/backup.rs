//! Which steps destroy or may harm what is on a volume, and the copies that are made before them.
//!
//! Invariant: what is not known of what ran on a volume counts as harm.
//! Invariant: a volume is copied once in a lane, right before the first step that may harm it.

use std::collections::{BTreeMap, BTreeSet};

use super::Input;
use super::draft::{nothing, of_pod};
use super::step::{Act, Lane, Step, Verb};
use super::why;
use crate::hash::SpecHash;
use crate::holdings::Held;
use crate::model::{PodSpec, Workload};
use crate::time::Timestamp;

/// Where copies of volumes go before a step that may harm them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backups {
    /// A folder of the host, by its absolute path.
    pub directory: String,
    /// How many whole copies of a volume stay there, at least one.
    pub keep: u32,
}

/// The copying of one volume.
#[derive(Debug, Clone, PartialEq)]
pub struct BackUp {
    /// The volume, by its name in the engine.
    pub volume: String,
    /// Where to.
    pub to: Backups,
    /// The moment of the plan, which stands in the name of the copy.
    pub at: Timestamp,
    /// What takes the place of the pod: its images must be there before anything is stopped. None where nothing does.
    pub next: Option<Box<PodSpec>>,
}

/// What a step may do to data.
struct Harm<'a> {
    volumes: Vec<&'a str>,
    why: String,
    next: Option<&'a PodSpec>,
}

/// The name of the part of a template that an image stands under.
const IMAGE: &str = "/image";

/// The lane, with a copy of each volume before the step that may harm it; as it is where the unit wants none.
pub(super) fn before_harm(input: &Input<'_>, lane: Lane) -> Lane {
    let Some(to) = &input.policy.backup else { return lane };
    let mut copied: BTreeSet<String> = BTreeSet::new();
    let mut steps: Vec<Step> = Vec::new();
    for step in lane.steps {
        if let Some(Harm { volumes, why, next }) = harm(input, &step) {
            for volume in volumes.into_iter().filter(|volume| copied.insert((*volume).to_owned())) {
                let why = format!("back up volume {volume} first: {why}");
                let mut copy = nothing(Verb::Create, &step.object, step.pod.as_deref(), why, step.cause);
                (copy.from, copy.to) = (step.from.clone(), step.to.clone());
                let next = next.map(|spec| Box::new(spec.clone()));
                let (volume, to, at) = (volume.to_owned(), to.clone(), input.now);
                copy.act = Act::BackUp(Box::new(BackUp { volume, to, at, next }));
                steps.push(copy);
            }
        }
        steps.push(step);
    }
    Lane { steps, ..lane }
}

/// What a step may do to data that is there; none if it does nothing to any.
fn harm<'a>(input: &'a Input<'_>, step: &'a Step) -> Option<Harm<'a>> {
    let harm = match &step.act {
        Act::RemoveVolume { volume } => Harm { volumes: vec![volume], why: "it is destroyed".to_owned(), next: None },
        Act::ReplacePod { container: _, spec } => {
            let why = other_image(input, step, spec, step.from.as_ref())?;
            Harm { volumes: there(input, spec), why, next: Some(spec) }
        }
        // What ran on it is gone; what is held tells of it.
        Act::CreatePod(spec) => {
            let held = input.held.objects.get(&step.object).map(|held| &held.revision);
            Harm { volumes: there(input, spec), why: other_image(input, step, spec, held)?, next: None }
        }
        Act::RemovePod { pod, container: _, grace: _ } => {
            Harm { volumes: of(input, step, pod), why: without_pod(input, step)?, next: None }
        }
        Act::Nothing
        | Act::CreateNetwork
        | Act::CreateVolume(_)
        | Act::BackUp(_)
        | Act::StartPod { .. }
        | Act::MendPod { .. }
        | Act::Serve(_)
        | Act::ApplyObject(_)
        | Act::DeleteObject(_) => return None,
    };
    (!harm.volumes.is_empty()).then_some(harm)
}

/// The volumes of a pod that are there already; a new one holds nothing.
fn there<'a>(input: &Input<'_>, spec: &'a PodSpec) -> Vec<&'a str> {
    let names = spec.volumes.iter().map(|volume| volume.name.as_str());
    names.filter(|name| input.observed.volumes.contains_key(*name)).collect()
}

/// The volumes of a pod that was seen.
fn of<'a>(input: &'a Input<'_>, step: &Step, pod: &str) -> Vec<&'a str> {
    let Some(seen) = input.observed.pods.get(pod) else { return Vec::new() };
    let volumes = input.observed.volumes.iter().filter(|(_, it)| it.object.as_ref() == Some(&step.object));
    let volumes: Vec<_> = volumes.map(|(name, it)| (name.as_str(), it)).collect();
    of_pod(&volumes, &seen.index)
}

/// Why the removal of a pod counts: no pod of its set stays, or one of another image comes in its place.
fn without_pod(input: &Input<'_>, step: &Step) -> Option<String> {
    // What no manifest asks for any more keeps its volumes, and nobody is let at them.
    let workload = input.desired.workloads.get(&step.object)?;
    if workload.replicas == 0 {
        return Some("its workload is scaled to none".to_owned());
    }
    // One pod fewer of several is no harm; one that is made anew from another template may be.
    (step.verb == Verb::Remove).then(|| images_differ(input, workload, step.from.as_ref())).flatten()
}

/// How the images that ran differ from those of the pod that a step makes; none if they do not.
fn other_image(input: &Input<'_>, step: &Step, spec: &PodSpec, ran: Option<&SpecHash>) -> Option<String> {
    if ran == Some(&spec.revision) {
        return None;
    }
    let workload = input.desired.workloads.get(&step.object)?;
    if spec.revision != workload.revision {
        return Some("it comes at an earlier revision".to_owned());
    }
    images_differ(input, workload, ran)
}

fn images_differ(input: &Input<'_>, workload: &Workload, ran: Option<&SpecHash>) -> Option<String> {
    if ran == Some(&workload.revision) {
        return None;
    }
    let held = input.held.objects.get(&workload.id).filter(|held| Some(&held.revision) == ran);
    let Some(Held { parts, .. }) = held else {
        return Some("which image ran on it last is not known".to_owned());
    };
    let images = |parts: &'_ BTreeMap<String, String>| -> BTreeMap<String, String> {
        let of = parts.iter().filter(|(name, _)| name.ends_with(IMAGE));
        of.map(|(name, image)| (name.clone(), image.clone())).collect()
    };
    let (old, new) = (images(parts), images(&workload.parts));
    why::changes(&old.iter().collect(), &new.iter().collect())
}
