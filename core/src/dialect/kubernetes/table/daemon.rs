//! Fields of DaemonSet.

use super::super::shape::{COUNT, Literal, Shape, Type, WORD, idle, must, only, yes};
use super::metadata::{LABEL_SELECTOR, OBJECT_META};
use super::storage::STATUS;
use super::workload::{HISTORY, POD_TEMPLATE};

pub(super) static DAEMON_SET: Shape = Shape {
    name: "DaemonSet",
    fields: &[
        must("apiVersion", WORD),
        must("kind", WORD),
        must("metadata", Type::Object(&OBJECT_META)),
        must("spec", Type::Object(&DAEMON_SET_SPEC)),
        idle("status", Type::Any, STATUS),
    ],
};

static DAEMON_SET_SPEC: Shape = Shape {
    name: "DaemonSetSpec",
    fields: &[
        yes("updateStrategy", Type::Object(&UPDATE)),
        yes("minReadySeconds", COUNT),
        must("selector", Type::Object(&LABEL_SELECTOR)),
        must("template", Type::Object(&POD_TEMPLATE)),
        idle("revisionHistoryLimit", COUNT, HISTORY),
    ],
};

static UPDATE: Shape = Shape {
    name: "DaemonSetUpdateStrategy",
    fields: &[yes("type", Type::Choice(&["RollingUpdate", "OnDelete"])), yes("rollingUpdate", Type::Object(&ROLLING))],
};

static ROLLING: Shape = Shape {
    name: "RollingUpdateDaemonSet",
    fields: &[
        only(
            "maxSurge",
            Type::Share,
            &[Literal::Integer(0), Literal::Text("0%")],
            "leave it out; the new pod takes the place of the old one",
        ),
        idle("maxUnavailable", Type::Share, "there is one pod on one host"),
    ],
};
