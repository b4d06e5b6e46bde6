//! Fields that choose a place among several nodes.

use super::super::shape::{COUNT, LINE, LINES, POSITIVE, Shape, Type, WORD, must, yes};
use super::metadata::LABEL_SELECTOR;

pub(super) static AFFINITY: Shape = Shape {
    name: "Affinity",
    fields: &[
        yes("nodeAffinity", Type::Object(&NODE_AFFINITY)),
        yes("podAffinity", Type::Object(&POD_AFFINITY)),
        yes("podAntiAffinity", Type::Object(&POD_AFFINITY)),
    ],
};

static NODE_AFFINITY: Shape = Shape {
    name: "NodeAffinity",
    fields: &[
        yes("preferredDuringSchedulingIgnoredDuringExecution", Type::List(&Type::Object(&PREFERRED_NODE))),
        yes("requiredDuringSchedulingIgnoredDuringExecution", Type::Object(&NODE_SELECTOR)),
    ],
};

static PREFERRED_NODE: Shape = Shape {
    name: "PreferredSchedulingTerm",
    fields: &[must("preference", Type::Object(&NODE_TERM)), must("weight", WEIGHT)],
};

const WEIGHT: Type = Type::Integer(1, 100);

static NODE_SELECTOR: Shape =
    Shape { name: "NodeSelector", fields: &[must("nodeSelectorTerms", Type::List(&Type::Object(&NODE_TERM)))] };

static NODE_TERM: Shape = Shape {
    name: "NodeSelectorTerm",
    fields: &[
        yes("matchExpressions", Type::List(&Type::Object(&NODE_REQUIREMENT))),
        yes("matchFields", Type::List(&Type::Object(&NODE_REQUIREMENT))),
    ],
};

static NODE_REQUIREMENT: Shape = Shape {
    name: "NodeSelectorRequirement",
    fields: &[
        must("key", WORD),
        must("operator", Type::Choice(&["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"])),
        yes("values", LINES),
    ],
};

static POD_AFFINITY: Shape = Shape {
    name: "PodAffinity",
    fields: &[
        yes("preferredDuringSchedulingIgnoredDuringExecution", Type::List(&Type::Object(&PREFERRED_POD))),
        yes("requiredDuringSchedulingIgnoredDuringExecution", Type::List(&Type::Object(&POD_TERM))),
    ],
};

static PREFERRED_POD: Shape = Shape {
    name: "WeightedPodAffinityTerm",
    fields: &[must("podAffinityTerm", Type::Object(&POD_TERM)), must("weight", WEIGHT)],
};

static POD_TERM: Shape = Shape {
    name: "PodAffinityTerm",
    fields: &[
        yes("labelSelector", Type::Object(&LABEL_SELECTOR)),
        yes("matchLabelKeys", LINES),
        yes("mismatchLabelKeys", LINES),
        yes("namespaceSelector", Type::Object(&LABEL_SELECTOR)),
        yes("namespaces", LINES),
        must("topologyKey", WORD),
    ],
};

pub(super) static TOLERATION: Shape = Shape {
    name: "Toleration",
    fields: &[
        yes("effect", Type::Choice(&["", "NoSchedule", "PreferNoSchedule", "NoExecute"])),
        yes("key", LINE),
        yes("operator", Type::Choice(&["Exists", "Equal"])),
        yes("tolerationSeconds", Type::Integer(i64::MIN, i64::MAX)),
        yes("value", LINE),
    ],
};

pub(super) static SPREAD: Shape = Shape {
    name: "TopologySpreadConstraint",
    fields: &[
        yes("labelSelector", Type::Object(&LABEL_SELECTOR)),
        yes("matchLabelKeys", LINES),
        must("maxSkew", POSITIVE),
        yes("minDomains", COUNT),
        yes("nodeAffinityPolicy", Type::Choice(&["Honor", "Ignore"])),
        yes("nodeTaintsPolicy", Type::Choice(&["Honor", "Ignore"])),
        must("topologyKey", WORD),
        must("whenUnsatisfiable", Type::Choice(&["DoNotSchedule", "ScheduleAnyway"])),
    ],
};

pub(super) static TOPOLOGY_SELECTOR_TERM: Shape = Shape {
    name: "TopologySelectorTerm",
    fields: &[yes("matchLabelExpressions", Type::List(&Type::Object(&TOPOLOGY_LABEL)))],
};

static TOPOLOGY_LABEL: Shape =
    Shape { name: "TopologySelectorLabelRequirement", fields: &[must("key", WORD), must("values", LINES)] };
