//! Fields of Volume. What a container engine cannot mount is refused whole and not looked into.

use super::super::shape::{
    Format, LABEL, LINE, Literal, MODE, SUBDOMAIN, Shape, Type, WORD, idle_but, must, no, only, yes,
};
use super::container::{FIELD_SELECTOR, RESOURCE_SELECTOR};

const CLAIM: &str = "use `volumeClaimTemplates` of a StatefulSet, `emptyDir`, or `hostPath`";
const MOUNTED: &str = "mount it on the host and use `hostPath`";

pub(super) static VOLUME: Shape = Shape {
    name: "Volume",
    fields: &[
        must("name", LABEL),
        yes("configMap", Type::Object(&CONFIG_MAP)),
        yes("secret", Type::Object(&SECRET)),
        yes("projected", Type::Object(&PROJECTED)),
        yes("downwardAPI", Type::Object(&DOWNWARD)),
        yes("emptyDir", Type::Object(&EMPTY)),
        yes("hostPath", Type::Object(&HOST_PATH)),
        no("persistentVolumeClaim", Type::Object(&CLAIMED), CLAIM),
        no("ephemeral", Type::Any, CLAIM),
        no("csi", Type::Any, CLAIM),
        no("flexVolume", Type::Any, CLAIM),
        no("image", Type::Any, "copy the files by an init container"),
        no("gitRepo", Type::Any, "clone by an init container"),
        no("nfs", Type::Any, MOUNTED),
        no("iscsi", Type::Any, MOUNTED),
        no("cephfs", Type::Any, MOUNTED),
        no("rbd", Type::Any, MOUNTED),
        no("fc", Type::Any, MOUNTED),
        no("glusterfs", Type::Any, MOUNTED),
        no("awsElasticBlockStore", Type::Any, MOUNTED),
        no("azureDisk", Type::Any, MOUNTED),
        no("azureFile", Type::Any, MOUNTED),
        no("cinder", Type::Any, MOUNTED),
        no("flocker", Type::Any, MOUNTED),
        no("gcePersistentDisk", Type::Any, MOUNTED),
        no("photonPersistentDisk", Type::Any, MOUNTED),
        no("portworxVolume", Type::Any, MOUNTED),
        no("quobyte", Type::Any, MOUNTED),
        no("scaleIO", Type::Any, MOUNTED),
        no("storageos", Type::Any, MOUNTED),
        no("vsphereVolume", Type::Any, MOUNTED),
    ],
};

static CONFIG_MAP: Shape = Shape {
    name: "ConfigMapVolumeSource",
    fields: &[
        must("name", SUBDOMAIN),
        yes("items", Type::List(&Type::Object(&ITEM))),
        yes("defaultMode", MODE),
        yes("optional", Type::Boolean),
    ],
};

static SECRET: Shape = Shape {
    name: "SecretVolumeSource",
    fields: &[
        must("secretName", SUBDOMAIN),
        yes("items", Type::List(&Type::Object(&ITEM))),
        yes("defaultMode", MODE),
        yes("optional", Type::Boolean),
    ],
};

static ITEM: Shape = Shape {
    name: "KeyToPath",
    fields: &[must("key", Type::Text(Format::DataKey)), must("path", Type::Text(Format::Relative)), yes("mode", MODE)],
};

static PROJECTED: Shape = Shape {
    name: "ProjectedVolumeSource",
    fields: &[must("sources", Type::List(&Type::Object(&PROJECTION))), yes("defaultMode", MODE)],
};

static PROJECTION: Shape = Shape {
    name: "VolumeProjection",
    fields: &[
        yes("configMap", Type::Object(&CONTENT_PROJECTION)),
        yes("secret", Type::Object(&CONTENT_PROJECTION)),
        yes("downwardAPI", Type::Object(&DOWNWARD_PROJECTION)),
        no("serviceAccountToken", Type::Any, "leave it out; there is no Kubernetes API to speak to"),
        no("clusterTrustBundle", Type::Any, "put the certificates into a ConfigMap"),
    ],
};

static CONTENT_PROJECTION: Shape = Shape {
    name: "Projection",
    fields: &[must("name", SUBDOMAIN), yes("items", Type::List(&Type::Object(&ITEM))), yes("optional", Type::Boolean)],
};

static DOWNWARD: Shape = Shape {
    name: "DownwardAPIVolumeSource",
    fields: &[yes("items", Type::List(&Type::Object(&DOWNWARD_ITEM))), yes("defaultMode", MODE)],
};

static DOWNWARD_PROJECTION: Shape =
    Shape { name: "DownwardAPIProjection", fields: &[yes("items", Type::List(&Type::Object(&DOWNWARD_ITEM)))] };

static DOWNWARD_ITEM: Shape = Shape {
    name: "DownwardAPIVolumeFile",
    fields: &[
        must("path", Type::Text(Format::Relative)),
        yes("fieldRef", Type::Object(&FIELD_SELECTOR)),
        yes("resourceFieldRef", Type::Object(&RESOURCE_SELECTOR)),
        yes("mode", MODE),
    ],
};

static EMPTY: Shape = Shape {
    name: "EmptyDirVolumeSource",
    fields: &[
        only("medium", LINE, &[Literal::Text(""), Literal::Text("Memory")], "known is `Memory`"),
        yes("sizeLimit", Type::Quantity),
    ],
};

static HOST_PATH: Shape = Shape {
    name: "HostPathVolumeSource",
    fields: &[
        must("path", Type::Text(Format::Absolute)),
        idle_but(
            "type",
            Type::Choice(&[
                "",
                "DirectoryOrCreate",
                "Directory",
                "FileOrCreate",
                "File",
                "Socket",
                "CharDevice",
                "BlockDevice",
            ]),
            &[Literal::Text("")],
            "the engine does not check what the path is",
        ),
    ],
};

static CLAIMED: Shape = Shape {
    name: "PersistentVolumeClaimVolumeSource",
    fields: &[must("claimName", WORD), yes("readOnly", Type::Boolean)],
};
