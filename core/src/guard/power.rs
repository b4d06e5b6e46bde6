//! What a rule of trust may grant: the powers over a host that a pod can have beyond running in its own box.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::ObjectId;

/// A power over the host. Each rule of the guard belongs to exactly one ([`Rule::power`](super::Rule::power)).
///
/// Those that a container has without asking (`root`, `default-capabilities`, …) are powers like the others: a manifest
/// without them must give them up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Power {
    /// Publish ports of the host.
    Ports,
    /// Publish them on addresses other than loopback.
    ForeignAddresses,
    /// Have volumes, which outlive the pod.
    Volumes,
    /// Have volumes of other drivers, or with options. No manifest can ask for it in this version.
    VolumeDrivers,
    /// Mount paths of the host.
    HostPaths,
    /// Use devices of the host. No manifest can ask for it in this version.
    Devices,
    /// Add capabilities.
    Capabilities,
    /// Keep the capabilities that an engine gives to each container, instead of dropping all.
    DefaultCapabilities,
    /// Let programs gain powers that the container's first one did not have (`sudo`).
    PrivilegeEscalation,
    /// Have all powers of the host.
    Privileged,
    /// Be in the host's network.
    HostNetwork,
    /// See and signal the host's processes.
    HostPid,
    /// Share memory with the host's processes.
    HostIpc,
    /// Be in any other namespace of the host, or in one of another container. No manifest can ask for it in this version.
    HostNamespaces,
    /// Change seccomp, AppArmor, SELinux or the masks of `/proc`. No manifest can ask for it in this version.
    SecurityOptions,
    /// Set parameters of the kernel for the pod's own namespaces, beyond those that harm nobody else.
    Sysctls,
    /// Choose what runs the container (`runc`). No manifest can ask for it in this version.
    Runtimes,
    /// Choose where logs go. No manifest can ask for it in this version.
    LogDrivers,
    /// Set labels by which engines and Writ know what belongs to whom. No manifest can ask for it in this version.
    Labels,
    /// Run as root inside of the container.
    Root,
    /// Write to the container's own root file system.
    WritableRoot,
    /// Run images by a tag, which can come to mean another image.
    UnpinnedImages,
    /// Run images of any registry, where the host lists none.
    AnyRegistry,
    /// Be reached from outside through the host's ingress, by host names.
    Ingress,
    /// Apply objects of a cluster that live in no namespace: roles of the whole cluster, definitions of kinds, webhooks.
    ClusterKinds,
    /// Apply objects of a cluster of kinds that only their own controllers understand, roles among them.
    OtherKinds,
    /// Set whatever else an engine can be asked for. No manifest can ask for it in this version.
    EngineFields,
}

impl Power {
    /// All powers.
    pub const ALL: [Self; 27] = [
        Self::Ports,
        Self::ForeignAddresses,
        Self::Volumes,
        Self::VolumeDrivers,
        Self::HostPaths,
        Self::Devices,
        Self::Capabilities,
        Self::DefaultCapabilities,
        Self::PrivilegeEscalation,
        Self::Privileged,
        Self::HostNetwork,
        Self::HostPid,
        Self::HostIpc,
        Self::HostNamespaces,
        Self::SecurityOptions,
        Self::Sysctls,
        Self::Runtimes,
        Self::LogDrivers,
        Self::Labels,
        Self::Root,
        Self::WritableRoot,
        Self::UnpinnedImages,
        Self::AnyRegistry,
        Self::Ingress,
        Self::ClusterKinds,
        Self::OtherKinds,
        Self::EngineFields,
    ];

    /// What a container has without asking, and what nearly every manifest in the world relies on. Rules grant all of it by
    /// one word, [`ORDINARY`](Self::ORDINARY).
    pub const OF_ORDINARY_PODS: [Self; 6] = [
        Self::Root,
        Self::DefaultCapabilities,
        Self::PrivilegeEscalation,
        Self::WritableRoot,
        Self::UnpinnedImages,
        Self::AnyRegistry,
    ];

    /// The word that stands for all of [`OF_ORDINARY_PODS`](Self::OF_ORDINARY_PODS).
    pub const ORDINARY: &str = "ordinary";

    /// Its name, as files and messages have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ports => "ports",
            Self::ForeignAddresses => "foreign-addresses",
            Self::Volumes => "volumes",
            Self::VolumeDrivers => "volume-drivers",
            Self::HostPaths => "host-paths",
            Self::Devices => "devices",
            Self::Capabilities => "capabilities",
            Self::DefaultCapabilities => "default-capabilities",
            Self::PrivilegeEscalation => "privilege-escalation",
            Self::Privileged => "privileged",
            Self::HostNetwork => "host-network",
            Self::HostPid => "host-pid",
            Self::HostIpc => "host-ipc",
            Self::HostNamespaces => "host-namespaces",
            Self::SecurityOptions => "security-options",
            Self::Sysctls => "sysctls",
            Self::Runtimes => "runtimes",
            Self::LogDrivers => "log-drivers",
            Self::Labels => "labels",
            Self::Root => "root",
            Self::WritableRoot => "writable-root",
            Self::UnpinnedImages => "unpinned-images",
            Self::AnyRegistry => "any-registry",
            Self::Ingress => "ingress",
            Self::ClusterKinds => "cluster-kinds",
            Self::OtherKinds => "other-kinds",
            Self::EngineFields => "engine-fields",
        }
    }

    /// The powers that a word of `may` stands for: one by its name, or all that ordinary pods have. None if it is no such
    /// word.
    #[must_use]
    pub fn parse(word: &str) -> Option<BTreeSet<Self>> {
        if word == Self::ORDINARY {
            return Some(Self::OF_ORDINARY_PODS.into());
        }
        Self::ALL.into_iter().find(|power| power.name() == word).map(|power| BTreeSet::from([power]))
    }
}

/// Which powers the rules of trust have granted to the objects of a plan, each by the path of the file that declares it.
/// An object that is not named here has all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants(BTreeMap<ObjectId, BTreeSet<Power>>);

impl Grants {
    /// All powers to all objects: no rule of trust says otherwise.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Leaves `object` with no more than `powers`. Of two sets for one object, what both hold is left.
    pub fn limit(&mut self, object: ObjectId, powers: BTreeSet<Power>) {
        let left = match self.0.get(&object) {
            Some(before) => before.intersection(&powers).copied().collect(),
            None => powers,
        };
        self.0.insert(object, left);
    }

    /// True if `object` has `power`.
    #[must_use]
    pub fn has(&self, object: &ObjectId, power: Power) -> bool {
        self.0.get(object).is_none_or(|powers| powers.contains(&power))
    }
}
