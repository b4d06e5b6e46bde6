//! Jobs: how often their pods must succeed, and how often they may fail.

use std::collections::BTreeMap;

use super::Reader;
use super::workload::{Draft, pod_template};
use crate::limits::{BACKOFF_LIMIT_DEFAULT, PROGRESS_SECONDS_DEFAULT, REPLICAS_MAX};
use crate::model::template::Template;
use crate::model::view::workload::Job;
use crate::model::{Controller, JobRules, Work};
use crate::time::Seconds;

const TEMPLATE: &str = "/spec/template/spec";

/// Reads one Job.
pub(super) fn read<'a>(reader: &mut Reader<'a, '_>) -> Option<Draft<'a>> {
    let raw: Job = reader.view("/spec")?;
    let indexed = is_indexed(reader, raw.completion_mode.as_deref());
    let parallelism = reader.number(raw.parallelism, "/spec/parallelism", 1, 0, REPLICAS_MAX);
    // Source: Kubernetes: one completion, unless several pods share a queue.
    let queue = raw.completions.is_none() && parallelism > 1;
    let completions = (!queue).then(|| reader.number(raw.completions, "/spec/completions", 1, 0, REPLICAS_MAX));
    if indexed && raw.completions.is_none() {
        reader.error("/spec/completionMode", "an indexed Job needs `completions`");
    }
    let most = i32::MAX.unsigned_abs();
    let deadline = raw.active_deadline_seconds;
    let ttl = raw.ttl_seconds_after_finished;
    let rules = JobRules {
        completions,
        parallelism,
        backoff_limit: reader.number(raw.backoff_limit, "/spec/backoffLimit", BACKOFF_LIMIT_DEFAULT, 0, most),
        deadline: deadline.map(|_| Seconds(reader.number(deadline, "/spec/activeDeadlineSeconds", 1, 1, most))),
        ttl: ttl.map(|_| Seconds(reader.number(ttl, "/spec/ttlSecondsAfterFinished", 0, 0, most))),
        suspended: raw.suspend.unwrap_or(false),
        keeps_failed: reader.object.at(&format!("{TEMPLATE}/restartPolicy")).is_some_and(|policy| policy == "Never"),
    };
    let mut template = pod_template(reader, &[], &["Never", "OnFailure"])?;
    template.work = Some(Work { completions, indexed });
    check_probes(reader, &template);
    Some(Draft {
        replicas: completions.map_or(parallelism, |completions| completions.min(parallelism)),
        controller: Controller::Job(rules),
        service_name: None,
        fixed: BTreeMap::new(),
        min_ready: Seconds(0),
        progress_deadline: Seconds(PROGRESS_SECONDS_DEFAULT),
        pending: None,
        object: reader.object,
        template,
    })
}

fn is_indexed(reader: &mut Reader<'_, '_>, mode: Option<&str>) -> bool {
    match mode {
        None | Some("" | "NonIndexed") => false,
        Some("Indexed") => true,
        Some(other) => {
            let message = format!("`{other}` is no completion mode; use NonIndexed or Indexed");
            reader.error("/spec/completionMode", &message);
            false
        }
    }
}

/// A probe restarts a container, and what runs to its end is not restarted.
fn check_probes(reader: &mut Reader<'_, '_>, template: &Template) {
    let help = "leave it out; `activeDeadlineSeconds` ends what hangs";
    let init = template.init.iter().enumerate().map(|(at, container)| (format!("initContainers/{at}"), container));
    let mains = template.mains().enumerate().map(|(at, container)| (format!("containers/{at}"), container));
    for (place, container) in init.chain(mains) {
        // What is before the main containers waits for the start of a sidecar, here as well.
        let startup = container.startup.as_ref().filter(|_| !container.sidecar);
        for (field, probe) in [("livenessProbe", container.liveness.as_ref()), ("startupProbe", startup)] {
            if probe.is_some() {
                let pointer = format!("{TEMPLATE}/{place}/{field}");
                reader.error_help(&pointer, &format!("no {field} restarts a pod that runs to its end"), help);
            }
        }
        if container.hooks.post_start.is_some() {
            let message = "no postStart is done in a pod that runs to its end";
            let help = "let the program do it, or an init container";
            reader.error_help(&format!("{TEMPLATE}/{place}/lifecycle/postStart"), message, help);
        }
        if container.readiness.is_some() {
            let pointer = format!("{TEMPLATE}/{place}/readinessProbe");
            reader.note(&pointer, "`readinessProbe` has no effect: no Service leads to a pod that runs to its end");
        }
    }
}
