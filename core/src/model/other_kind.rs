//! The names of kinds that only a cluster knows.
//!
//! Invariant: equal names are one and the same text in memory, so that a kind is copied and compared as cheaply as the others.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::Kind;
use crate::limits::OTHER_KINDS_MAX;

/// A kind that only a cluster knows, by the name that `kubectl` takes: `certificate.cert-manager.io`, or `serviceaccount`
/// where it is of the core group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OtherKind(&'static str);

/// Kinds of the core group that have no name of their own among [`Kind`]. Without a group, no other name is a kind: a
/// misspelt one is none.
const OF_CORE: [&str; 15] = [
    "binding",
    "componentstatus",
    "endpoints",
    "event",
    "limitrange",
    "node",
    "persistentvolume",
    "persistentvolumeclaim",
    "pod",
    "podtemplate",
    "replicationcontroller",
    "resourcequota",
    "serviceaccount",
    "status",
    "podstatusresult",
];

/// Longest name of a kind or a group. Source: Kubernetes, DNS labels and subdomains.
const LABEL_BYTES_MAX: usize = 63;
const GROUP_BYTES_MAX: usize = 253;

/// All names that this process met. They are never forgotten, and there are no more than [`OTHER_KINDS_MAX`].
static MET: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// The kind of what defines further kinds.
pub(crate) const DEFINITION: &str = "customresourcedefinition.apiextensions.k8s.io";

impl OtherKind {
    /// The kind of that qualified name; none if it is no such name, or one of [`Kind`]'s own.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let sound = match name.split_once('.') {
            None => OF_CORE.contains(&name),
            Some((kind, group)) => {
                is_label(kind)
                    && group.len() <= GROUP_BYTES_MAX
                    && group.split('.').all(is_label)
                    && Kind::ALL.into_iter().all(|known| known.qualified() != name)
            }
        };
        sound.then(|| Self::met(name)).flatten()
    }

    /// The kind of an object that says `apiVersion` and `kind`.
    pub(super) fn of(api_version: &str, kind: &str) -> Option<Self> {
        let kind = kind.to_ascii_lowercase();
        match api_version.split_once('/') {
            None => (is_label(&kind) && is_label(api_version)).then(|| Self::met(&kind)).flatten(),
            Some((group, version)) => is_label(version).then(|| Self::named(&format!("{kind}.{group}"))).flatten(),
        }
    }

    /// Its qualified name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }

    fn met(name: &str) -> Option<Self> {
        let mut met = MET.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = met.get(name) {
            return Some(Self(known));
        }
        if met.len() >= OTHER_KINDS_MAX {
            return None;
        }
        let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
        met.insert(name);
        Some(Self(name))
    }
}

fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= LABEL_BYTES_MAX && text.bytes().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_called_as_kubectl_calls_it_and_a_misspelt_one_is_none() {
        for name in ["certificate.cert-manager.io", "role.rbac.authorization.k8s.io", "serviceaccount", "pod"] {
            assert_eq!(OtherKind::named(name).map(OtherKind::name), Some(name));
        }
        for name in
            ["deployment.apps", "statefulst", "", ".", "a.", ".b", "Role.rbac", "a b.c", "ingress.networking.k8s.io"]
        {
            assert_eq!(OtherKind::named(name), None, "{name}");
        }
    }

    #[test]
    fn the_kind_of_an_object_does_not_depend_on_its_version() {
        let of = |version: &str, kind: &str| Kind::of(version, kind);
        assert_eq!(of("apps/v1", "Deployment"), Some(Kind::Deployment));
        assert_eq!(of("batch/v1beta1", "CronJob"), Some(Kind::CronJob));
        assert_eq!(of("v1", "Secret"), Some(Kind::Secret));
        assert_eq!(of("extensions/v1beta1", "Ingress").map(Kind::name), Some("ingress.extensions"));
        assert_eq!(of("v1", "ServiceAccount").map(Kind::name), Some("serviceaccount"));
        assert_eq!(of("example.org/v1", "Widget"), of("example.org/v2", "Widget"));
        for (version, kind) in [("", "Secret"), ("apps/v1/x", "Deployment"), ("v1", ""), ("example.org/v1", "Wid get")]
        {
            assert_eq!(of(version, kind), None, "{version} {kind}");
        }
    }
}
