//! Fields of ObjectMeta and of selectors.

use super::super::shape::{
    COUNT, Field, Format, LABEL, LABELS, LINE, LINES, SUBDOMAIN, Shape, Type, WORD, idle, must, no, yes,
};

const BY_CLUSTER: &str = "a cluster writes it; on Docker nothing reads it";

pub(super) const ANNOTATIONS: Type = Type::Map(Format::LabelKey, &Type::Text(Format::Prose));

const ANNOTATED: Field = yes("annotations", ANNOTATIONS);
const LABELLED: Field = yes("labels", LABELS);
const OWNERS: Field = idle("ownerReferences", Type::Any, "the owner of an object is the unit that holds its manifest");
const FINALIZERS: Field = idle("finalizers", LINES, "no controller waits for them on Docker");
const GENERATED: Field = no("generateName", LINE, "give a fixed `name`; what is in Git is found again by it");

pub(super) static OBJECT_META: Shape = Shape {
    name: "ObjectMeta",
    fields: &[
        must("name", SUBDOMAIN),
        yes("namespace", LABEL),
        LABELLED,
        ANNOTATED,
        GENERATED,
        FINALIZERS,
        OWNERS,
        idle("creationTimestamp", LINE, BY_CLUSTER),
        idle("deletionGracePeriodSeconds", COUNT, BY_CLUSTER),
        idle("deletionTimestamp", LINE, BY_CLUSTER),
        idle("generation", COUNT, BY_CLUSTER),
        idle("managedFields", Type::Any, BY_CLUSTER),
        idle("resourceVersion", LINE, BY_CLUSTER),
        idle("selfLink", LINE, BY_CLUSTER),
        idle("uid", LINE, BY_CLUSTER),
    ],
};

/// Of a pod template.
pub(super) static TEMPLATE_META: Shape = Shape {
    name: "ObjectMeta",
    fields: &[
        LABELLED,
        ANNOTATED,
        idle("name", LINE, "pods are named after their workload"),
        idle("namespace", LINE, "pods live in the namespace of their workload"),
        GENERATED,
        FINALIZERS,
        OWNERS,
        idle("creationTimestamp", LINE, BY_CLUSTER),
        idle("deletionGracePeriodSeconds", COUNT, BY_CLUSTER),
        idle("deletionTimestamp", LINE, BY_CLUSTER),
        idle("generation", COUNT, BY_CLUSTER),
        idle("managedFields", Type::Any, BY_CLUSTER),
        idle("resourceVersion", LINE, BY_CLUSTER),
        idle("selfLink", LINE, BY_CLUSTER),
        idle("uid", LINE, BY_CLUSTER),
    ],
};

/// Of a claim template.
pub(super) static CLAIM_META: Shape = Shape {
    name: "ObjectMeta",
    fields: &[
        must("name", LABEL),
        idle("namespace", LINE, "a claim lives in the namespace of its workload"),
        idle("labels", LABELS, "volumes of Docker carry the labels that Writ gives them"),
        idle("annotations", ANNOTATIONS, "volumes of Docker carry the labels that Writ gives them"),
        GENERATED,
        FINALIZERS,
        OWNERS,
        idle("creationTimestamp", LINE, BY_CLUSTER),
        idle("deletionGracePeriodSeconds", COUNT, BY_CLUSTER),
        idle("deletionTimestamp", LINE, BY_CLUSTER),
        idle("generation", COUNT, BY_CLUSTER),
        idle("managedFields", Type::Any, BY_CLUSTER),
        idle("resourceVersion", LINE, BY_CLUSTER),
        idle("selfLink", LINE, BY_CLUSTER),
        idle("uid", LINE, BY_CLUSTER),
    ],
};

pub(super) static LABEL_SELECTOR: Shape = Shape {
    name: "LabelSelector",
    fields: &[
        yes("matchLabels", LABELS),
        yes("matchExpressions", Type::List(&Type::Object(&LABEL_SELECTOR_REQUIREMENT))),
    ],
};

static LABEL_SELECTOR_REQUIREMENT: Shape = Shape {
    name: "LabelSelectorRequirement",
    fields: &[
        must("key", WORD),
        must("operator", Type::Choice(&["In", "NotIn", "Exists", "DoesNotExist"])),
        yes("values", LINES),
    ],
};
