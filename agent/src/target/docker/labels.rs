//! Labels by which what Writ made is known again, and by which nothing else is.
//!
//! Invariant: a label holds no value of a secret.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use writ_core::hash::SpecHash;
use writ_core::model::{ContainerSpec, Hook, ObjectId, PodIndex, PodSpec, ProbeAction, VolumeSpec};
use writ_core::observed::{Holder, ObservedVolume};
use writ_core::time::Seconds;

use crate::target::{Context, Keeper};

/// The host that made it.
pub(super) const HOST: &str = "writ.host";
/// The unit that wanted it.
pub(super) const UNIT: &str = "writ.unit";
/// The workload.
pub(super) const OBJECT: &str = "writ.object";
/// The pod.
pub(super) const POD: &str = "writ.pod";
/// Which of the workload's pods.
pub(super) const INDEX: &str = "writ.index";
/// The hash of what it was made from.
pub(super) const SPEC: &str = "writ.spec";
/// The commit that wanted it.
pub(super) const COMMIT: &str = "writ.commit";
/// What a container is to its pod; absent on the container that is the pod. See [`Role`].
pub(super) const ROLE: &str = "writ.role";
/// The name in the manifest of a container of a pod that has several.
pub(super) const CONTAINER: &str = "writ.container";
/// The claim of a volume.
pub(super) const CLAIM: &str = "writ.claim";
/// The ordinal of a volume.
pub(super) const ORDINAL: &str = "writ.ordinal";
/// The digest of the image.
pub(super) const IMAGE: &str = "writ.image";
/// The store that a mark belongs to.
pub(super) const STORE: &str = "writ.store";
/// The machine on which a mark was made.
pub(super) const MACHINE: &str = "writ.machine";
/// What was asked for, as far as a person can change it later; see [`Asked`].
pub(super) const ASKED: &str = "writ.asked";
/// The volume that a mark says is being restored.
pub(super) const RESTORING: &str = "writ.restoring";

/// Every label of Writ's own, and so every label that it sets.
pub(super) const ALL: [&str; 16] = [
    HOST, UNIT, OBJECT, POD, INDEX, SPEC, COMMIT, ROLE, CONTAINER, CLAIM, ORDINAL, IMAGE, STORE, MACHINE, ASKED,
    RESTORING,
];

/// What a container is to its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It is the pod.
    Whole,
    /// It prepares the pod, and ends.
    Init,
    /// It bears the name of a pod of several containers, and holds what they share.
    Sandbox,
    /// It is one of several that run as long as the pod.
    Part,
}

impl Role {
    /// Its label's text; none where it has no label.
    const fn text(self) -> Option<&'static str> {
        match self {
            Self::Whole => None,
            Self::Init => Some("init"),
            Self::Sandbox => Some("sandbox"),
            Self::Part => Some("part"),
        }
    }

    /// Reads the label; none if it is none of ours.
    fn parse(text: Option<&String>) -> Option<Self> {
        [Self::Whole, Self::Init, Self::Sandbox, Self::Part]
            .into_iter()
            .find(|role| role.text() == text.map(String::as_str))
    }
}

/// The containers of a pod that has several, by their names in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Members {
    /// Those that stand beside the main ones, in the order in which they start.
    pub(super) sidecars: Vec<String>,
    /// The main ones, in the order in which they start.
    pub(super) mains: Vec<String>,
    /// The one that is meant where none is named.
    pub(super) default: String,
}

impl Members {
    /// Those of a pod; none if it is one container.
    pub(super) fn of(pod: &PodSpec) -> Option<Self> {
        let mains = [&pod.main].into_iter().chain(&pod.beside);
        pod.is_joined().then(|| Self {
            sidecars: pod.init.iter().filter(|init| init.sidecar).map(|init| init.name.clone()).collect(),
            mains: mains.map(|main| main.name.clone()).collect(),
            default: pod.default_container.clone().unwrap_or_else(|| pod.main.name.clone()),
        })
    }

    /// All of them, in the order in which they start.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &String> {
        self.sidecars.iter().chain(&self.mains)
    }
}

/// What is done before a container is asked to end, as its label holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum PreStop {
    /// A program in it.
    Exec(Vec<String>),
    /// A request to it.
    Http { path: String, port: u16, tls: bool, headers: Vec<(String, String)> },
    /// A connection to it.
    Tcp { port: u16 },
    /// A question of gRPC.
    Grpc { port: u16, service: String },
    /// A pause, in seconds.
    Sleep(u32),
}

impl PreStop {
    /// The label's form of a hook.
    pub(super) fn of(hook: &Hook) -> Self {
        match hook.clone() {
            Hook::Act(ProbeAction::Exec(words)) => Self::Exec(words),
            Hook::Act(ProbeAction::Http { path, port, tls, headers }) => Self::Http { path, port, tls, headers },
            Hook::Act(ProbeAction::Tcp { port }) => Self::Tcp { port },
            Hook::Act(ProbeAction::Grpc { port, service }) => Self::Grpc { port, service },
            Hook::Sleep(seconds) => Self::Sleep(seconds.0),
        }
    }

    /// The hook.
    pub(super) fn hook(self) -> Hook {
        match self {
            Self::Exec(words) => Hook::Act(ProbeAction::Exec(words)),
            Self::Http { path, port, tls, headers } => Hook::Act(ProbeAction::Http { path, port, tls, headers }),
            Self::Tcp { port } => Hook::Act(ProbeAction::Tcp { port }),
            Self::Grpc { port, service } => Hook::Act(ProbeAction::Grpc { port, service }),
            Self::Sleep(seconds) => Hook::Sleep(Seconds(seconds)),
        }
    }
}

/// What a pod's container was asked to be, as far as it can change while it lives.
///
/// It is written into a label at creation, so that a later look needs neither the manifest nor the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Names that lead to it always.
    pub(super) own: Vec<String>,
    /// Names that lead to it while it is ready.
    pub(super) shared: Vec<String>,
    /// Its address on the host's network; none on the host's own.
    pub(super) address: Option<String>,
    /// Time from asking it to stop to killing it.
    pub(super) grace: u32,
    /// Group that owns the files of its claims, and the volumes of those.
    pub(super) fs_group: Option<(u32, Vec<String>)>,
    /// `CpuShares`; 0 for the engine's default, as in the four below.
    pub(super) cpu_shares: i64,
    /// `NanoCpus`.
    pub(super) nano_cpus: i64,
    /// `Memory`.
    pub(super) memory: i64,
    /// `MemoryReservation`.
    pub(super) memory_reservation: i64,
    /// `MemorySwap`.
    pub(super) memory_swap: i64,
    /// It runs to its end, and nobody starts it again; left out of the label of all others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) ends: bool,
    /// What is done before it is asked to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pre_stop: Option<PreStop>,
    /// The containers that are joined to it, if it is a sandbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) members: Option<Members>,
}

impl Asked {
    /// Reads the label; none if it is missing or not ours.
    pub(super) fn parse(labels: &HashMap<String, String>) -> Option<Self> {
        serde_json::from_str(labels.get(ASKED)?).ok()
    }

    /// The label's text.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("numbers and names serialize")
    }

    /// Time from asking the container to stop to killing it.
    pub(super) const fn grace(&self) -> Seconds {
        Seconds(self.grace)
    }
}

/// Who a container belongs to, by its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PodLabels {
    pub(super) unit: String,
    pub(super) pod: String,
    pub(super) object: ObjectId,
    pub(super) index: PodIndex,
    pub(super) revision: Option<SpecHash>,
    pub(super) role: Role,
    /// Its name in the manifest, where its pod has several.
    pub(super) container: Option<String>,
}

impl PodLabels {
    /// Reads the labels of a container of `host`; none if it is not of that host.
    pub(super) fn parse(host: &str, labels: &HashMap<String, String>) -> Option<Self> {
        if labels.get(HOST)? != host {
            return None;
        }
        let object = ObjectId::parse(labels.get(OBJECT)?)?;
        Some(Self {
            unit: labels.get(UNIT)?.clone(),
            pod: labels.get(POD)?.clone(),
            index: PodIndex::parse(object.kind, labels.get(INDEX)?)?,
            revision: labels.get(SPEC).and_then(|text| SpecHash::parse(text)),
            role: Role::parse(labels.get(ROLE))?,
            container: labels.get(CONTAINER).cloned(),
            object,
        })
    }
}

/// The unit of a container of `host`, and the commit that it is labelled with, as it is written; none if it is another
/// host's, or no commit asked for it.
pub(super) fn commit(host: &str, labels: &HashMap<String, String>) -> Option<(String, String)> {
    let ours = labels.get(HOST).is_some_and(|of| of == host);
    ours.then_some((labels.get(UNIT)?.clone(), labels.get(COMMIT)?.clone()))
}

/// The labels of a container of `pod`.
pub(super) fn of_container(
    context: &Context,
    pod: &PodSpec,
    container: &ContainerSpec,
    digest: &str,
    (role, asked): (Role, Option<&Asked>),
) -> Labels {
    let mut labels = of_host(context);
    labels.insert(OBJECT.to_owned(), pod.object.to_string());
    labels.insert(POD.to_owned(), pod.name.clone());
    labels.insert(INDEX.to_owned(), pod.index.to_string());
    labels.insert(SPEC.to_owned(), pod.revision.to_string());
    labels.insert(IMAGE.to_owned(), digest.to_owned());
    labels.extend(asked.map(|asked| (ASKED.to_owned(), asked.text())));
    labels.extend(role.text().map(|role| (ROLE.to_owned(), role.to_owned())));
    if pod.is_joined() && role != Role::Sandbox {
        labels.insert(CONTAINER.to_owned(), container.name.clone());
    }
    labels
}

/// The labels of a volume of a claim.
pub(super) fn of_volume(context: &Context, volume: &VolumeSpec) -> Labels {
    let VolumeSpec { name: _, object, claim, ordinal } = volume;
    let mut labels = of_host(context);
    labels.insert(OBJECT.to_owned(), object.to_string());
    labels.insert(CLAIM.to_owned(), claim.clone());
    labels.insert(ORDINAL.to_owned(), ordinal.to_string());
    labels
}

/// The labels of the mark that says who looks after a unit.
pub(super) fn of_mark(context: &Context, keeper: &Keeper) -> Labels {
    let Keeper { store, machine } = keeper;
    let Context { host, unit, commit: _ } = context;
    let labels = [(HOST, host), (UNIT, unit), (STORE, store), (MACHINE, machine)];
    labels.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()
}

/// The labels of a directory that lives as long as its pod.
pub(super) fn of_empty(context: &Context, pod: &PodSpec) -> Labels {
    let mut labels = of_host(context);
    labels.insert(POD.to_owned(), pod.name.clone());
    labels
}

/// Labels as they are sent.
pub(super) type Labels = BTreeMap<String, String>;

fn of_host(context: &Context) -> Labels {
    let Context { host, unit, commit } = context;
    let mut labels = Labels::new();
    labels.insert(HOST.to_owned(), host.clone());
    labels.insert(UNIT.to_owned(), unit.clone());
    if let Some(commit) = commit {
        labels.insert(COMMIT.to_owned(), commit.clone());
    }
    labels
}

/// A volume of `host` by its labels; none if it is another's, or a directory that lives as long as its pod.
pub(super) fn volume(host: &str, labels: &HashMap<String, String>) -> Option<ObservedVolume> {
    if labels.get(HOST)? != host || labels.contains_key(POD) {
        return None;
    }
    Some(ObservedVolume {
        object: labels.get(OBJECT).and_then(|text| ObjectId::parse(text)),
        claim: labels.get(CLAIM).cloned().unwrap_or_default(),
        ordinal: labels.get(ORDINAL).and_then(|text| text.parse().ok()),
    })
}

/// True for the labels of a volume that holds nothing and marks a unit or another volume.
pub(super) fn is_mark(host: &str, labels: &HashMap<String, String>) -> bool {
    let marks = labels.contains_key(STORE) || labels.contains_key(RESTORING);
    marks && labels.get(HOST).is_some_and(|of| of == host)
}

/// Who holds something with these labels, in words: another unit, another host, or nobody that we know.
pub(super) fn holder(host: &str, what: &str, name: &str, labels: &HashMap<String, String>) -> Holder {
    match (labels.get(HOST), labels.get(UNIT)) {
        (Some(other), _) if other != host => Holder(format!("host {other}")),
        (Some(_), Some(unit)) => Holder(format!("unit {unit}")),
        (Some(_), None) | (None, _) => Holder(format!("{what} {name}, not made by Writ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    const POD_LABELS: [(&str, &str); 5] =
        [(HOST, "edge-1"), (UNIT, "data"), (OBJECT, "statefulset/data/pg"), (POD, "data-pg.0"), (INDEX, "0")];

    #[test]
    fn a_container_of_this_host_is_known_by_its_labels() {
        let read = PodLabels::parse("edge-1", &labels(&POD_LABELS)).unwrap();
        assert_eq!((read.unit.as_str(), read.pod.as_str(), read.role), ("data", "data-pg.0", Role::Whole));
        assert_eq!(read.index, PodIndex::Ordinal(0));
        for (text, role) in [("init", Role::Init), ("sandbox", Role::Sandbox), ("part", Role::Part)] {
            let read = PodLabels::parse("edge-1", &labels(&[&POD_LABELS[..], &[(ROLE, text)]].concat()));
            assert_eq!(read.unwrap().role, role);
        }
        let other = labels(&[&POD_LABELS[..], &[(ROLE, "other")]].concat());
        assert_eq!(PodLabels::parse("edge-1", &other), None, "what is not known is not taken for the pod");
    }

    #[test]
    fn a_container_of_another_host_or_with_broken_labels_is_not_ours() {
        assert_eq!(PodLabels::parse("edge-2", &labels(&POD_LABELS)), None);
        for missing in POD_LABELS {
            let pairs: Vec<_> = POD_LABELS.into_iter().filter(|pair| *pair != missing).collect();
            assert_eq!(PodLabels::parse("edge-1", &labels(&pairs)), None, "without {missing:?}");
        }
    }

    #[test]
    fn the_commit_of_a_container_is_read_as_it_is_written_and_only_of_this_host() {
        let read =
            |host: &str, commit: &[(&str, &str)]| super::commit(host, &labels(&[&POD_LABELS[..], commit].concat()));
        let edge = |commit: &str| Some(("data".to_owned(), commit.to_owned()));
        assert_eq!(read("edge-1", &[(COMMIT, "9f2c")]), edge("9f2c"));
        assert_eq!(read("edge-1", &[(COMMIT, "")]), edge(""), "what cannot be read is there");
        assert_eq!(read("edge-1", &[]), None);
        assert_eq!(read("edge-2", &[(COMMIT, "9f2c")]), None);
    }

    #[test]
    fn a_holder_is_named_as_closely_as_its_labels_tell() {
        let named = |pairs: &[(&str, &str)]| holder("edge-1", "container", "redis", &labels(pairs)).0;
        assert_eq!(named(&[]), "container redis, not made by Writ");
        assert_eq!(named(&[(HOST, "edge-1"), (UNIT, "web")]), "unit web");
        assert_eq!(named(&[(HOST, "edge-2"), (UNIT, "web")]), "host edge-2");
    }
}
