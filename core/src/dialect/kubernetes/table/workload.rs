//! Fields of StatefulSet, Deployment and PodDisruptionBudget.

use super::super::shape::{COUNT, LINE, Literal, POSITIVE, Shape, Type, WORD, idle, must, only, yes};
use super::metadata::{LABEL_SELECTOR, OBJECT_META, TEMPLATE_META};
use super::pod::POD_SPEC;
use super::storage::{CLAIM, STATUS};
use crate::limits::REPLICAS_MAX;

pub(super) const HISTORY: &str = "Git keeps the history; go back by reverting the commit";
const REPLICAS: Type = Type::Integer(0, REPLICAS_MAX as i64);

pub(super) static STATEFUL_SET: Shape = Shape {
    name: "StatefulSet",
    fields: &[
        must("apiVersion", WORD),
        must("kind", WORD),
        must("metadata", Type::Object(&OBJECT_META)),
        must("spec", Type::Object(&STATEFUL_SET_SPEC)),
        idle("status", Type::Any, STATUS),
    ],
};

static STATEFUL_SET_SPEC: Shape = Shape {
    name: "StatefulSetSpec",
    fields: &[
        yes("serviceName", LINE),
        yes("replicas", REPLICAS),
        yes("podManagementPolicy", Type::Choice(&["OrderedReady", "Parallel"])),
        yes("updateStrategy", Type::Object(&STATEFUL_UPDATE)),
        yes("minReadySeconds", COUNT),
        yes("ordinals", Type::Object(&ORDINALS)),
        must("selector", Type::Object(&LABEL_SELECTOR)),
        must("template", Type::Object(&POD_TEMPLATE)),
        yes("volumeClaimTemplates", Type::List(&Type::Object(&CLAIM))),
        yes("persistentVolumeClaimRetentionPolicy", Type::Object(&RETENTION)),
        idle("revisionHistoryLimit", COUNT, HISTORY),
    ],
};

static ORDINALS: Shape = Shape { name: "StatefulSetOrdinals", fields: &[yes("start", COUNT)] };

static STATEFUL_UPDATE: Shape = Shape {
    name: "StatefulSetUpdateStrategy",
    fields: &[
        yes("type", Type::Choice(&["RollingUpdate", "OnDelete"])),
        yes("rollingUpdate", Type::Object(&STATEFUL_ROLLING)),
    ],
};

static STATEFUL_ROLLING: Shape = Shape {
    name: "RollingUpdateStatefulSetStrategy",
    fields: &[yes("partition", COUNT), yes("maxUnavailable", Type::Share)],
};

const KEEP: &str = "leave it out; volumes are destroyed by `writ delete --prune` alone";

static RETENTION: Shape = Shape {
    name: "StatefulSetPersistentVolumeClaimRetentionPolicy",
    fields: &[
        only("whenDeleted", Type::Choice(&["Retain", "Delete"]), &[Literal::Text("Retain")], KEEP),
        only("whenScaled", Type::Choice(&["Retain", "Delete"]), &[Literal::Text("Retain")], KEEP),
    ],
};

pub(super) static DEPLOYMENT: Shape = Shape {
    name: "Deployment",
    fields: &[
        must("apiVersion", WORD),
        must("kind", WORD),
        must("metadata", Type::Object(&OBJECT_META)),
        must("spec", Type::Object(&DEPLOYMENT_SPEC)),
        idle("status", Type::Any, STATUS),
    ],
};

static DEPLOYMENT_SPEC: Shape = Shape {
    name: "DeploymentSpec",
    fields: &[
        yes("replicas", REPLICAS),
        yes("strategy", Type::Object(&DEPLOYMENT_STRATEGY)),
        yes("minReadySeconds", COUNT),
        yes("progressDeadlineSeconds", POSITIVE),
        must("selector", Type::Object(&LABEL_SELECTOR)),
        must("template", Type::Object(&POD_TEMPLATE)),
        only(
            "paused",
            Type::Boolean,
            &[Literal::Boolean(false)],
            "leave it out and say `writ suspend UNIT` while changes are to wait",
        ),
        idle("revisionHistoryLimit", COUNT, HISTORY),
    ],
};

static DEPLOYMENT_STRATEGY: Shape = Shape {
    name: "DeploymentStrategy",
    fields: &[
        yes("type", Type::Choice(&["RollingUpdate", "Recreate"])),
        yes("rollingUpdate", Type::Object(&DEPLOYMENT_ROLLING)),
    ],
};

static DEPLOYMENT_ROLLING: Shape = Shape {
    name: "RollingUpdateDeployment",
    fields: &[yes("maxSurge", Type::Share), yes("maxUnavailable", Type::Share)],
};

pub(super) static POD_TEMPLATE: Shape = Shape {
    name: "PodTemplateSpec",
    fields: &[must("metadata", Type::Object(&TEMPLATE_META)), must("spec", Type::Object(&POD_SPEC))],
};

pub(super) static POD_DISRUPTION_BUDGET: Shape = Shape {
    name: "PodDisruptionBudget",
    fields: &[
        must("apiVersion", WORD),
        must("kind", WORD),
        must("metadata", Type::Object(&OBJECT_META)),
        must("spec", Type::Object(&BUDGET_SPEC)),
        idle("status", Type::Any, STATUS),
    ],
};

static BUDGET_SPEC: Shape = Shape {
    name: "PodDisruptionBudgetSpec",
    fields: &[
        yes("minAvailable", Type::Share),
        yes("maxUnavailable", Type::Share),
        yes("selector", Type::Object(&LABEL_SELECTOR)),
        idle(
            "unhealthyPodEvictionPolicy",
            Type::Choice(&["IfHealthyBudget", "AlwaysAllow"]),
            "a pod that is not ready is mended whatever the budget says",
        ),
    ],
};
