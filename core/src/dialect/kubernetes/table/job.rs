//! Fields of Job and CronJob.

use super::super::shape::{COUNT, LINE, Literal, POSITIVE, Shape, Type, WORD, idle, must, no, only, yes};
use super::metadata::{OBJECT_META, TEMPLATE_META};
use super::pod::POD_SPEC;
use super::storage::STATUS;
use crate::limits::REPLICAS_MAX;

const PODS: Type = Type::Integer(0, REPLICAS_MAX as i64);
const SELECTOR: &str = "leave it out; a Job knows its pods by labels of Writ's own";
const BY_INDEX: &str = "leave it out; `backoffLimit` counts the failures of all pods";
const BY_REASON: &str = "leave it out; every exit code but 0 is a failure, and every completion counts";

pub(super) static JOB: Shape = Shape {
    name: "Job",
    fields: &[
        must("apiVersion", WORD),
        must("kind", WORD),
        must("metadata", Type::Object(&OBJECT_META)),
        must("spec", Type::Object(&JOB_SPEC)),
        idle("status", Type::Any, STATUS),
    ],
};

static JOB_SPEC: Shape = Shape {
    name: "JobSpec",
    fields: &[
        must("template", Type::Object(&POD_TEMPLATE)),
        yes("completions", PODS),
        yes("parallelism", PODS),
        yes("completionMode", Type::Choice(&["NonIndexed", "Indexed"])),
        yes("backoffLimit", COUNT),
        yes("activeDeadlineSeconds", POSITIVE),
        yes("ttlSecondsAfterFinished", COUNT),
        yes("suspend", Type::Boolean),
        idle(
            "podReplacementPolicy",
            Type::Choice(&["TerminatingOrFailed", "Failed"]),
            "a new pod is made when the one before has ended",
        ),
        only("manualSelector", Type::Boolean, &[Literal::Boolean(false)], SELECTOR),
        no("selector", Type::Any, SELECTOR),
        only(
            "managedBy",
            LINE,
            &[Literal::Text("kubernetes.io/job-controller")],
            "leave it out; Writ itself runs the Jobs of its host",
        ),
        no("backoffLimitPerIndex", COUNT, BY_INDEX),
        no("maxFailedIndexes", COUNT, BY_INDEX),
        no("podFailurePolicy", Type::Any, BY_REASON),
        no("successPolicy", Type::Any, BY_REASON),
    ],
};

pub(super) static CRON_JOB: Shape = Shape {
    name: "CronJob",
    fields: &[
        must("apiVersion", WORD),
        must("kind", WORD),
        must("metadata", Type::Object(&OBJECT_META)),
        must("spec", Type::Object(&CRON_JOB_SPEC)),
        idle("status", Type::Any, STATUS),
    ],
};

static CRON_JOB_SPEC: Shape = Shape {
    name: "CronJobSpec",
    fields: &[
        must("schedule", LINE),
        must("jobTemplate", Type::Object(&JOB_TEMPLATE)),
        yes("timeZone", LINE),
        yes("concurrencyPolicy", Type::Choice(&["Allow", "Forbid", "Replace"])),
        yes("startingDeadlineSeconds", COUNT),
        yes("suspend", Type::Boolean),
        yes("successfulJobsHistoryLimit", PODS),
        yes("failedJobsHistoryLimit", PODS),
    ],
};

static JOB_TEMPLATE: Shape = Shape {
    name: "JobTemplateSpec",
    fields: &[
        idle("metadata", Type::Object(&TEMPLATE_META), "a run is known by the CronJob and its time"),
        must("spec", Type::Object(&JOB_SPEC)),
    ],
};

/// A Job finds its pods by no label of the template, so that it needs none.
static POD_TEMPLATE: Shape = Shape {
    name: "PodTemplateSpec",
    fields: &[yes("metadata", Type::Object(&TEMPLATE_META)), must("spec", Type::Object(&POD_SPEC))],
};
