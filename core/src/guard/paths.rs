//! Paths of the host, compared by their words.
//!
//! Links are not followed here, for core sees no disk: a host that allows a directory vouches for the links in it.

use std::collections::BTreeSet;

/// The words of an absolute path, without empty ones and `.`; none if it is not absolute or holds `..`.
fn words(path: &str) -> Option<Vec<&str>> {
    let words: Vec<&str> = path.strip_prefix('/')?.split('/').filter(|word| !matches!(*word, "" | ".")).collect();
    (!words.contains(&"..") && !path.contains('\0')).then_some(words)
}

/// Why a path may not be mounted; none if it may.
pub(super) fn refusal(path: &str, allowed: &BTreeSet<String>, protected: &BTreeSet<String>) -> Option<String> {
    let Some(wanted) = words(path) else {
        return Some("it is not an absolute path without `..`".to_owned());
    };
    if wanted.is_empty() {
        return Some("it is the whole machine".to_owned());
    }
    // What stands above a protected path shows it as much as the path itself does.
    let touches =
        |other: &&String| words(other).is_none_or(|other| other.starts_with(&wanted) || wanted.starts_with(&other));
    if let Some(touched) = protected.iter().find(touches) {
        return Some(format!("it would show {touched}, which no container may mount"));
    }
    let inside = |other: &String| words(other).is_some_and(|other| !other.is_empty() && wanted.starts_with(&other));
    (!allowed.iter().any(inside)).then(|| "it is not below a path that the host's policy allows".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::Policy;

    fn allowed(path: &str, prefixes: &[&str]) -> bool {
        let prefixes = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
        refusal(path, &prefixes, &Policy::baseline().protected_paths).is_none()
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
    }
}
