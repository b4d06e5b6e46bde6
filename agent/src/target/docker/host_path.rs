//! Paths of the host that pods mount: where they lead, and whether they still lead there.
//!
//! Invariant: nothing that a path leads to is opened; only links are read.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use bollard::models::MountPoint;
use writ_core::guard::{HostPaths, Seen};

use super::Docker;
use super::own_root::Sight;

impl Docker {
    /// Where paths of the host lead. The engine's socket is known by itself, whatever it is called.
    #[must_use]
    pub fn host_paths(&self, wanted: &BTreeSet<String>) -> HostPaths {
        let mut paths = HostPaths::default();
        let socket = self.socket();
        let sight = Sight::own(&socket);
        for path in wanted {
            let is_socket = is_same(Path::new(path), &socket);
            paths.insert(path, if is_socket { Seen::At(shown(&socket)) } else { look(Path::new(path), &sight) });
        }
        paths
    }

    /// Paths of the host that are the engine's own: its socket, and where it keeps what containers and volumes hold.
    #[must_use]
    pub fn private_paths(&self) -> Vec<PathBuf> {
        let root = self.memory().data_root.clone();
        root.into_iter().chain([self.socket()]).collect()
    }

    fn socket(&self) -> PathBuf {
        PathBuf::from(self.endpoint.trim_start_matches("unix://"))
    }
}

/// Where a path leads. Of one that is not there yet, what is there of it.
fn look(path: &Path, sight: &Sight) -> Seen {
    match fs::canonicalize(path) {
        Ok(found) if !sight.reaches(&found) => Seen::Unknown(format!(
            "this agent runs in a container, which does not have {} of the host: mount it there under the same path",
            found.display()
        )),
        Ok(found) => at(&found),
        Err(error) if error.kind() == ErrorKind::NotFound => look_above(path, sight),
        Err(error) => Seen::Unknown(error.to_string()),
    }
}

fn at(found: &Path) -> Seen {
    match fs::symlink_metadata(found) {
        Err(error) => Seen::Unknown(error.to_string()),
        Ok(meta) if meta.file_type().is_block_device() || meta.file_type().is_char_device() => {
            Seen::Device(shown(found))
        }
        Ok(_) => {
            found.to_str().map_or_else(|| Seen::Unknown("it is no text".to_owned()), |text| Seen::At(text.to_owned()))
        }
    }
}

fn look_above(path: &Path, sight: &Sight) -> Seen {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Seen::Unknown("it is not there".to_owned());
    };
    if fs::symlink_metadata(path).is_ok() {
        return Seen::Unknown(format!("{} is a link that leads nowhere", path.display()));
    }
    match look(parent, sight) {
        Seen::At(found) => Seen::At(format!("{}/{}", found.trim_end_matches('/'), name.to_string_lossy())),
        found @ (Seen::Device(_) | Seen::Unknown(_)) => found,
    }
}

/// A mount of the host that leads elsewhere than when it was judged; none if there is none. `own` is where the files are
/// that Writ itself writes.
pub(super) fn moved(mounts: Option<&Vec<MountPoint>>, own: &Path) -> Option<String> {
    let binds = mounts.into_iter().flatten().filter(|mount| mount.typ.as_deref() == Some("bind"));
    let sources = binds.filter_map(|mount| mount.source.as_deref());
    sources.filter(|source| !Path::new(source).starts_with(own)).find_map(|source| match fs::canonicalize(source) {
        Ok(found) if found == Path::new(source) => None,
        Ok(found) => Some(format!("{source} is a link to {} now", found.display())),
        Err(error) => Some(format!("{source} cannot be looked at: {error}")),
    })
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        (Ok(_) | Err(_), Ok(_) | Err(_)) => false,
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn bind(source: &Path) -> Option<Vec<MountPoint>> {
        Some(vec![MountPoint { typ: Some("bind".to_owned()), source: Some(shown(source)), ..MountPoint::default() }])
    }

    #[test]
    fn a_path_is_found_where_its_links_lead_and_what_is_not_there_yet_where_it_would_be() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let (real, link) = (root.join("real"), root.join("link"));
        fs::create_dir(&real).unwrap();
        symlink(&real, &link).unwrap();
        assert_eq!(look(&real, &Sight::Whole), Seen::At(shown(&real)));
        assert_eq!(look(&link, &Sight::Whole), Seen::At(shown(&real)));
        assert_eq!(look(&link.join("later/still"), &Sight::Whole), Seen::At(shown(&real.join("later/still"))));
    }

    #[test]
    fn what_a_container_does_not_have_of_the_host_is_unknown_also_where_it_would_be() {
        let folder = tempfile::tempdir().unwrap();
        let sight = Sight::Mounts(String::new());
        for path in [folder.path().to_owned(), folder.path().join("later")] {
            let Seen::Unknown(why) = look(&path, &sight) else { panic!("{path:?} is said to be known") };
            assert!(why.contains("mount it there under the same path"), "{why}");
        }
    }

    #[test]
    fn a_device_and_a_link_that_leads_nowhere_are_told_from_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let dangling = folder.path().join("dangling");
        symlink("/nowhere/at/all", &dangling).unwrap();
        assert!(matches!(look(&dangling, &Sight::Whole), Seen::Unknown(_)));
        assert!(matches!(look(&dangling.join("below"), &Sight::Whole), Seen::Unknown(_)));
        assert_eq!(look(Path::new("/dev/null"), &Sight::Whole), Seen::Device("/dev/null".to_owned()));
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        assert!(matches!(look(&file.join("below"), &Sight::Whole), Seen::Unknown(_)), "a file holds no path");
    }

    #[test]
    fn a_mount_that_became_a_link_since_it_was_judged_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let (path, own) = (root.join("media"), root.join("own"));
        fs::create_dir(&path).unwrap();
        assert_eq!(moved(bind(&path).as_ref(), &own), None);
        fs::remove_dir(&path).unwrap();
        assert!(moved(bind(&path).as_ref(), &own).is_some());
        symlink("/etc", &path).unwrap();
        let found = moved(bind(&path).as_ref(), &own).unwrap();
        assert!(found.ends_with("is a link to /etc now"), "{found}");
        assert_eq!(moved(bind(&path).as_ref(), &root), None, "Writ's own files are not judged");
    }

    #[test]
    fn the_engines_socket_is_known_by_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let (socket, other) = (root.join("docker.sock"), root.join("innocent"));
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        fs::hard_link(&socket, &other).unwrap();
        let docker = Docker::new("edge-1", root.join("state"), &format!("unix://{}", socket.display()));
        let found = docker.host_paths(&BTreeSet::from([shown(&other)]));
        let mut expected = HostPaths::default();
        expected.insert(&shown(&other), Seen::At(shown(&socket)));
        assert_eq!(found, expected);
    }
}
