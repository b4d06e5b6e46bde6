//! Paths of the host, compared by their words, and where they lead on the disk.
//!
//! Core sees no disk: where links lead is told by [`HostPaths`], which the agent fills in before the guard is asked.

use std::collections::{BTreeMap, BTreeSet};

use super::Policy;

/// Where paths of the host lead, as found by a look at the disk. What nobody looked at is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostPaths {
    seen: BTreeMap<String, Seen>,
    as_written: bool,
}

/// What a look at a path of the host found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// The path without any link in it; the same path if there are none.
    At(String),
    /// A device, there.
    Device(String),
    /// It could not be found out, and why.
    Unknown(String),
}

impl HostPaths {
    /// Paths of a host that is only described, where each leads to itself.
    #[must_use]
    pub fn as_written() -> Self {
        Self { seen: BTreeMap::new(), as_written: true }
    }

    /// Notes what was found at a path.
    pub fn insert(&mut self, path: &str, seen: Seen) {
        self.seen.insert(path.to_owned(), seen);
    }

    /// What is known of a path.
    pub(super) fn of(&self, path: &str) -> Seen {
        match self.seen.get(path) {
            Some(seen) => seen.clone(),
            None if self.as_written => Seen::At(path.to_owned()),
            None => Seen::Unknown("nobody looked at it".to_owned()),
        }
    }
}

/// The words of an absolute path, without empty ones and `.`; none if it is not absolute or holds `..`.
fn words(path: &str) -> Option<Vec<&str>> {
    let words: Vec<&str> = path.strip_prefix('/')?.split('/').filter(|word| !matches!(*word, "" | ".")).collect();
    (!words.contains(&"..") && !path.contains('\0')).then_some(words)
}

/// True for an absolute path without `..`.
pub(super) fn is_sound(path: &str) -> bool {
    words(path).is_some()
}

/// True if `path` is `above` or below it.
pub(super) fn is_within(path: &str, above: &str) -> bool {
    words(path).zip(words(above)).is_some_and(|(path, above)| path.starts_with(&above))
}

/// Why a path may not be mounted; none if it may.
pub(super) fn refusal(path: &str, policy: &Policy) -> Option<String> {
    let Some(wanted) = words(path) else {
        return Some("it is not an absolute path without `..`".to_owned());
    };
    if wanted.is_empty() {
        return Some("it is the whole machine".to_owned());
    }
    // What stands above a protected path shows it as much as the path itself does.
    let touches =
        |other: &&str| words(other).is_none_or(|other| other.starts_with(&wanted) || wanted.starts_with(&other));
    let protected: BTreeSet<&str> =
        Policy::PROTECTED_PATHS.into_iter().chain(policy.protected_paths.iter().map(String::as_str)).collect();
    if let Some(touched) = protected.into_iter().find(touches) {
        return Some(format!("it would show {touched}, which no container may mount"));
    }
    let inside = |other: &String| is_within(path, other);
    (!policy.host_paths.iter().any(inside)).then(|| format!("the host's policy `{}` does not allow it", policy.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(path: &str, prefixes: &[&str]) -> bool {
        let host_paths = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
        refusal(path, &Policy { host_paths, ..Policy::baseline() }).is_none()
    }

    #[test]
    fn a_path_below_an_allowed_one_may_be_mounted_and_its_neighbour_may_not() {
        for path in ["/srv/media", "/srv/media/", "/srv//media/films", "/srv/./media"] {
            assert!(allowed(path, &["/srv/media"]), "{path}");
        }
        for path in ["/srv", "/srv/mediaeval", "/srv/media/../../etc", "srv/media", "", "/srv/media\0"] {
            assert!(!allowed(path, &["/srv/media"]), "{path}");
        }
        assert!(!allowed("/srv/media", &[]));
    }

    #[test]
    fn no_policy_allows_what_leads_to_the_whole_machine() {
        for path in [
            "/",
            "//",
            "/.",
            "/etc",
            "/etc/shadow",
            "/proc",
            "/sys/fs",
            "/dev",
            "/run",
            "/run/docker.sock",
            "/var/run/docker.sock",
            "/var",
            "/var/lib",
            "/var/lib/docker/volumes",
            "/var/lib/writ",
        ] {
            assert!(!allowed(path, &["/", "/etc", "/proc", "/sys", "/dev", "/run", "/var"]), "{path}");
        }
        assert!(allowed("/var/lib/films", &["/var"]));
        assert!(allowed("/srv/films", &["/"]));
    }
}
