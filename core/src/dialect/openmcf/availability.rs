//! How many pods of a workload there are, how they are replaced, and how many may be missing.

use std::ops::Range;

use super::kind::Form;
use super::made::{Draft, Made, number, word};
use super::read::{Fields, Scene};
use crate::text::quoted;

const REPLICAS_MAX: i64 = i32::MAX as i64;
const STATEFUL_SET: [&str; 2] = ["replicas", "podDisruptionBudget"];
const DEPLOYMENT: [&str; 4] = ["minReplicas", "horizontalPodAutoscaling", "deploymentStrategy", "podDisruptionBudget"];
const SCALING: [&str; 3] = ["isEnabled", "targetCpuUtilizationPercent", "targetMemoryUtilization"];

/// What is said of the number of pods.
pub(super) struct Availability<'a> {
    pub(super) replicas: (i64, Range<usize>),
    /// How the pods of a deployment are replaced.
    pub(super) strategy: Option<Made<'a>>,
    pub(super) budget: Option<(&'static str, Made<'a>)>,
}

/// Reads it; where nothing is said there is one pod.
pub(super) fn read<'a>(scene: &mut Scene<'_>, spec: &Fields<'_, 'a>, form: Form) -> Availability<'a> {
    let (known, count) = match form {
        Form::StatefulSet => (&STATEFUL_SET[..], "replicas"),
        Form::Deployment => (&DEPLOYMENT[..], "minReplicas"),
    };
    let one = (1, spec.at.clone());
    let Some(part) = spec.child(scene, "availability", known) else {
        return Availability { replicas: one, strategy: None, budget: None };
    };
    let replicas = part.number(scene, count, 1..=REPLICAS_MAX).unwrap_or(one);
    scaling(scene, &part);
    Availability { replicas, strategy: strategy(scene, &part), budget: budget(scene, &part) }
}

/// An autoscaler needs to be told how many pods are too many, for which there is no field.
fn scaling(scene: &mut Scene<'_>, part: &Fields<'_, '_>) {
    let Some(scaling) = part.child(scene, "horizontalPodAutoscaling", &SCALING) else { return };
    let path = quoted(&scaling.path);
    if scaling.flag(scene, "isEnabled") {
        let message = format!("{path} does not say how many pods there may be at most");
        let help = "leave it out; in a cluster, declare a HorizontalPodAutoscaler with `maxReplicas` beside it";
        scene.error(&scaling.at, message, help);
    } else {
        scene.note(&scaling.at, format!("{path} has no effect: it is not enabled"));
    }
}

fn strategy<'a>(scene: &mut Scene<'_>, part: &Fields<'_, '_>) -> Option<Made<'a>> {
    let strategy = part.child(scene, "deploymentStrategy", &["maxUnavailable", "maxSurge"])?;
    let mut rolling = Draft::new(&strategy.at);
    for name in ["maxUnavailable", "maxSurge"] {
        rolling = rolling.maybe(name, share(scene, &strategy, name));
    }
    if rolling.is_empty() {
        return None;
    }
    Some(Draft::new(&strategy.at).says("type", "RollingUpdate").put("rollingUpdate", rolling.done()).done())
}

fn budget<'a>(scene: &mut Scene<'_>, part: &Fields<'_, '_>) -> Option<(&'static str, Made<'a>)> {
    let known = ["enabled", "minAvailable", "maxUnavailable"];
    let budget = part.child(scene, "podDisruptionBudget", &known)?;
    let (least, most) = (share(scene, &budget, "minAvailable"), share(scene, &budget, "maxUnavailable"));
    if least.is_some() && most.is_some() {
        let message = format!("{} has both `minAvailable` and `maxUnavailable`", quoted(&budget.path));
        scene.error(&budget.at, message, "keep one of them");
    }
    if !budget.flag(scene, "enabled") {
        if least.is_some() || most.is_some() {
            let message = format!("{} has no effect: it is not enabled", quoted(&budget.path));
            scene.note(&budget.at, message);
        }
        return None;
    }
    let share = match (least, most) {
        (None, Some(most)) => ("maxUnavailable", most),
        (Some(least), _) => ("minAvailable", least),
        (None, None) => ("minAvailable", number(1, &budget.at)),
    };
    Some(share)
}

/// A number of pods or a percentage, written as text.
fn share<'a>(scene: &mut Scene<'_>, budget: &Fields<'_, '_>, name: &str) -> Option<Made<'a>> {
    let text = budget.word(scene, name).filter(|share| !share.text.is_empty())?;
    if let Ok(count) = text.text.parse::<u32>() {
        return Some(number(i64::from(count), &text.at));
    }
    let digits = text.text.strip_suffix('%').unwrap_or_default();
    if digits.parse::<u8>().is_ok_and(|share| share <= 100) {
        return Some(word(&text));
    }
    let path = quoted(&budget.under(name));
    scene.error(&text.at, format!("{path} must be a number of pods or a percentage as in \"50%\""), "");
    None
}
