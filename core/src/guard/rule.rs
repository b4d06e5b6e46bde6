//! The rules of the guard, by name, and the one power that each belongs to.

use super::Power;

/// What the guard refuses, unless the host's policy and the rules of trust both let it. Each has a case that is refused
/// and, where a manifest can avoid it, one that is accepted in `policies/cases`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A container with all of the host's powers.
    NoPrivileged,
    /// A container in the host's network.
    NoHostNetwork,
    /// A container that sees the host's processes.
    NoHostPid,
    /// A container that shares memory with the host's processes.
    NoHostIpc,
    /// A container in another namespace of the host, or in one of another container.
    NoHostNamespace,
    /// A capability that is not allowed.
    Capability,
    /// A container that keeps the capabilities that the engine gives to all.
    DefaultCapabilities,
    /// A container whose programs may gain powers.
    PrivilegeEscalation,
    /// A container that runs as root.
    Root,
    /// A container that may write to its own root file system.
    WritableRoot,
    /// Seccomp, AppArmor, SELinux or the masks of `/proc` other than the engine's own.
    SecurityOption,
    /// A parameter of the kernel for the pod's own namespaces, beside those that harm nobody else.
    Sysctl,
    /// A device of the host.
    Device,
    /// A runtime other than the engine's own.
    Runtime,
    /// A log driver other than Writ's own choice.
    LogDriver,
    /// A label that is not Writ's own.
    Label,
    /// A path of the host that is not allowed.
    HostPath,
    /// A volume that is not one of the pod's own claims.
    OwnVolume,
    /// A volume of another driver, or with options: a path of the host in disguise.
    PlainVolume,
    /// A port of the host that is not allowed.
    HostPort,
    /// A port published on an address of the host that is not allowed.
    HostPortAddress,
    /// An image of a registry that is not allowed.
    ImageRegistry,
    /// An image without a digest.
    PinnedImage,
    /// A host name for which requests may not be led through the host's ingress.
    IngressHost,
    /// An object of a cluster that lives in no namespace.
    ClusterKind,
    /// An object of a cluster of a kind that only its own controller understands.
    OtherKind,
    /// Anything else that an engine can be asked for and Writ never does.
    EngineField,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 27] = [
        Self::NoPrivileged,
        Self::NoHostNetwork,
        Self::NoHostPid,
        Self::NoHostIpc,
        Self::NoHostNamespace,
        Self::Capability,
        Self::DefaultCapabilities,
        Self::PrivilegeEscalation,
        Self::Root,
        Self::WritableRoot,
        Self::SecurityOption,
        Self::Sysctl,
        Self::Device,
        Self::Runtime,
        Self::LogDriver,
        Self::Label,
        Self::HostPath,
        Self::OwnVolume,
        Self::PlainVolume,
        Self::HostPort,
        Self::HostPortAddress,
        Self::ImageRegistry,
        Self::PinnedImage,
        Self::IngressHost,
        Self::ClusterKind,
        Self::OtherKind,
        Self::EngineField,
    ];

    /// Its name, as refusals show it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoPrivileged => "no-privileged",
            Self::NoHostNetwork => "no-host-network",
            Self::NoHostPid => "no-host-pid",
            Self::NoHostIpc => "no-host-ipc",
            Self::NoHostNamespace => "no-host-namespace",
            Self::Capability => "capability",
            Self::DefaultCapabilities => "default-capabilities",
            Self::PrivilegeEscalation => "privilege-escalation",
            Self::Root => "root",
            Self::WritableRoot => "writable-root",
            Self::SecurityOption => "security-option",
            Self::Sysctl => "sysctl",
            Self::Device => "device",
            Self::Runtime => "runtime",
            Self::LogDriver => "log-driver",
            Self::Label => "label",
            Self::HostPath => "host-path",
            Self::OwnVolume => "own-volume",
            Self::PlainVolume => "plain-volume",
            Self::HostPort => "host-port",
            Self::HostPortAddress => "host-port-address",
            Self::ImageRegistry => "image-registry",
            Self::PinnedImage => "pinned-image",
            Self::IngressHost => "ingress-host",
            Self::ClusterKind => "cluster-kind",
            Self::OtherKind => "other-kind",
            Self::EngineField => "engine-field",
        }
    }

    /// The power that it is about.
    #[must_use]
    pub const fn power(self) -> Power {
        match self {
            Self::NoPrivileged => Power::Privileged,
            Self::NoHostNetwork => Power::HostNetwork,
            Self::NoHostPid => Power::HostPid,
            Self::NoHostIpc => Power::HostIpc,
            Self::NoHostNamespace => Power::HostNamespaces,
            Self::Capability => Power::Capabilities,
            Self::DefaultCapabilities => Power::DefaultCapabilities,
            Self::PrivilegeEscalation => Power::PrivilegeEscalation,
            Self::Root => Power::Root,
            Self::WritableRoot => Power::WritableRoot,
            Self::SecurityOption => Power::SecurityOptions,
            Self::Sysctl => Power::Sysctls,
            Self::Device => Power::Devices,
            Self::Runtime => Power::Runtimes,
            Self::LogDriver => Power::LogDrivers,
            Self::Label => Power::Labels,
            Self::HostPath => Power::HostPaths,
            Self::OwnVolume => Power::Volumes,
            Self::PlainVolume => Power::VolumeDrivers,
            Self::HostPort => Power::Ports,
            Self::HostPortAddress => Power::ForeignAddresses,
            Self::ImageRegistry => Power::AnyRegistry,
            Self::PinnedImage => Power::UnpinnedImages,
            Self::IngressHost => Power::Ingress,
            Self::ClusterKind => Power::ClusterKinds,
            Self::OtherKind => Power::OtherKinds,
            Self::EngineField => Power::EngineFields,
        }
    }
}
