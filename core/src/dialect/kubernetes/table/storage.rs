//! Fields of Namespace, StorageClass, ConfigMap, Secret, and of claims.

use super::super::shape::{
    Format, LABEL, LINE, LINES, Literal, SUBDOMAIN, Shape, TEXTS, Type, WORD, idle, idle_but, must, no, only, yes,
};
use super::metadata::{CLAIM_META, LABEL_SELECTOR, OBJECT_META};
use super::place::TOPOLOGY_SELECTOR_TERM;

/// What a cluster reports about an object.
pub(super) const STATUS: &str = "a cluster writes it; Writ looks for itself";

const IMMUTABLE: &str = "Git decides; a change rolls the workloads that use it";

pub(super) static NAMESPACE: Shape = Shape {
    name: "Namespace",
    fields: &[
        must("apiVersion", WORD),
        must("kind", WORD),
        must("metadata", Type::Object(&OBJECT_META)),
        idle("spec", Type::Object(&NAMESPACE_SPEC), "no controller waits for finalizers on Docker"),
        idle("status", Type::Any, STATUS),
    ],
};

static NAMESPACE_SPEC: Shape = Shape { name: "NamespaceSpec", fields: &[yes("finalizers", LINES)] };

pub(super) static STORAGE_CLASS: Shape = Shape {
    name: "StorageClass",
    fields: &[
        must("apiVersion", WORD),
        must("kind", WORD),
        must("metadata", Type::Object(&OBJECT_META)),
        idle("provisioner", WORD, "every claim becomes a volume of this host's Docker engine").required(),
        idle_but(
            "reclaimPolicy",
            Type::Choice(&["Retain", "Delete"]),
            &[Literal::Text("Retain")],
            "volumes are destroyed by `writ delete --prune` alone",
        ),
        yes("volumeBindingMode", Type::Choice(&["Immediate", "WaitForFirstConsumer"])),
        idle_but(
            "allowVolumeExpansion",
            Type::Boolean,
            &[Literal::Boolean(false)],
            "volumes of Docker have no size, so they need no growing",
        ),
        idle("allowedTopologies", Type::List(&Type::Object(&TOPOLOGY_SELECTOR_TERM)), "there is one host"),
        idle("mountOptions", LINES, "volumes of Docker are directories and are not mounted with options"),
        idle("parameters", TEXTS, "they are for a provisioner that Docker does not have"),
    ],
};

pub(super) static CONFIG_MAP: Shape = Shape {
    name: "ConfigMap",
    fields: &[
        must("apiVersion", WORD),
        must("kind", WORD),
        must("metadata", Type::Object(&OBJECT_META)),
        yes("data", Type::Map(Format::DataKey, &Type::Text(Format::Prose))),
        yes("binaryData", Type::Map(Format::DataKey, &Type::HiddenBase64)),
        idle_but("immutable", Type::Boolean, &[Literal::Boolean(false)], IMMUTABLE),
    ],
};

pub(super) static SECRET: Shape = Shape {
    name: "Secret",
    fields: &[
        must("apiVersion", WORD),
        must("kind", WORD),
        must("metadata", Type::Object(&OBJECT_META)),
        yes("data", Type::Map(Format::DataKey, &Type::HiddenBase64)),
        yes("stringData", Type::Map(Format::DataKey, &Type::Hidden)),
        idle_but(
            "type",
            LINE,
            &[
                Literal::Text("Opaque"),
                Literal::Text(""),
                Literal::Text("kubernetes.io/dockerconfigjson"),
                Literal::Text("kubernetes.io/dockercfg"),
            ],
            "every Secret is a set of keys on Docker",
        ),
        idle_but("immutable", Type::Boolean, &[Literal::Boolean(false)], IMMUTABLE),
    ],
};

/// A claim template of a StatefulSet.
pub(super) static CLAIM: Shape = Shape {
    name: "PersistentVolumeClaim",
    fields: &[
        idle_but("apiVersion", WORD, &[Literal::Text("v1")], "a claim template is always of `v1`"),
        idle_but(
            "kind",
            WORD,
            &[Literal::Text("PersistentVolumeClaim")],
            "a claim template is always a PersistentVolumeClaim",
        ),
        must("metadata", Type::Object(&CLAIM_META)),
        must("spec", Type::Object(&CLAIM_SPEC)),
        idle("status", Type::Any, STATUS),
    ],
};

static CLAIM_SPEC: Shape = Shape {
    name: "PersistentVolumeClaimSpec",
    fields: &[
        must("accessModes", Type::List(&ACCESS_MODE)),
        yes("storageClassName", SUBDOMAIN),
        must("resources", Type::Object(&CLAIM_RESOURCES)),
        only(
            "volumeMode",
            Type::Choice(&["Filesystem", "Block"]),
            &[Literal::Text("Filesystem")],
            "use a volume with files",
        ),
        no("volumeName", LINE, "leave it out; the volume is made for the claim"),
        no("selector", Type::Object(&LABEL_SELECTOR), "leave it out; the volume is made for the claim"),
        no("dataSource", Type::Any, "fill the volume by an init container"),
        no("dataSourceRef", Type::Any, "fill the volume by an init container"),
        no("volumeAttributesClassName", LABEL, "leave it out; volumes of Docker have no attributes"),
    ],
};

static ACCESS_MODE: Type = Type::Choice(&["ReadWriteOnce", "ReadWriteOncePod", "ReadOnlyMany", "ReadWriteMany"]);

static CLAIM_RESOURCES: Shape = Shape {
    name: "VolumeResourceRequirements",
    fields: &[
        must("requests", Type::Object(&CLAIM_REQUESTS)),
        idle("limits", Type::Map(Format::Word, &Type::Quantity), NO_SIZE),
    ],
};

const NO_SIZE: &str = "volumes of Docker have no size; the disk of the host is the limit";

static CLAIM_REQUESTS: Shape =
    Shape { name: "ResourceList", fields: &[idle("storage", Type::Quantity, NO_SIZE).required()] };
