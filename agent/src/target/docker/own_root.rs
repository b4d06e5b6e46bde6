//! What an agent that runs in a container sees of the host: folders that are mounted there under the path that the host has.
//!
//! Invariant: of a path that may be another one on the host, nothing is said.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;

use tokio::net::UnixStream;
use tokio::runtime::Handle;

/// Files by which engines mark their containers. Source: Docker and Podman.
const MARKS: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

/// File systems that are made for a container, and of which the host has others at the same paths.
const MADE: [&str; 8] = ["tmpfs", "devtmpfs", "proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue"];

/// How far the agent sees the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sight {
    /// It runs on it.
    Whole,
    /// It runs in a container that has these mounts, in the words of `/proc/self/mountinfo`.
    Mounts(String),
}

impl Sight {
    /// That of this process, whose engine listens at `socket`. An engine that has the same root runs beside the agent, be that
    /// in a container of both. Where that cannot be found out, the marks of containers count.
    pub(super) fn own(socket: &Path) -> Self {
        let is_apart = match shares_root(socket) {
            Some(shares) => !shares,
            None => MARKS.iter().any(|mark| Path::new(mark).exists()),
        };
        if is_apart {
            // Where that cannot be read nothing is seen.
            Self::Mounts(fs::read_to_string("/proc/self/mountinfo").unwrap_or_default())
        } else {
            Self::Whole
        }
    }

    /// True if what is found at a path is what the host has there.
    pub(super) fn reaches(&self, path: &Path) -> bool {
        let Self::Mounts(mounts) = self else { return true };
        let around = mounts.lines().filter_map(Mount::read).filter(|mount| path.starts_with(mount.point));
        // The last of those at one point lies over the others.
        let nearest = around.max_by_key(|mount| mount.point.components().count());
        nearest.is_some_and(|mount| {
            let inner = mount.root.strip_prefix("/").unwrap_or(mount.root);
            mount.point != Path::new("/") && !MADE.contains(&mount.made_of) && mount.point.ends_with(inner)
        })
    }
}

/// Whether whoever listens at a socket has the root that this process has; none if that cannot be found out.
fn shares_root(socket: &Path) -> Option<bool> {
    let runtime = Handle::try_current().ok()?;
    let _within = runtime.enter();
    let stream = StdStream::connect(socket).ok()?;
    stream.set_nonblocking(true).ok()?;
    let process = UnixStream::from_std(stream).ok()?.peer_cred().ok()?.pid()?;
    if process == 0 {
        // It is none that this process could see.
        return Some(false);
    }
    let root = |path: &str| fs::metadata(path).map(|root| (root.dev(), root.ino())).ok();
    Some(root(&format!("/proc/{process}/root/"))? == root("/")?)
}

/// One mount: which folder of which file system lies where.
struct Mount<'a> {
    root: &'a Path,
    point: &'a Path,
    made_of: &'a str,
}

impl<'a> Mount<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (mount, made) = line.split_once(" - ")?;
        let mut words = mount.split(' ').skip(3);
        let (root, point) = (Path::new(words.next()?), Path::new(words.next()?));
        Some(Self { root, point, made_of: made.split(' ').next()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
1 0 0:50 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/docker/x
2 1 0:51 / /proc rw - proc proc rw
3 1 0:52 / /dev rw - tmpfs tmpfs rw
4 1 0:53 / /tmp rw - tmpfs tmpfs rw
5 1 8:1 /srv/media /srv/media ro master:1 - ext4 /dev/sda1 rw
6 1 8:2 / /data rw - xfs /dev/sda2 rw
7 1 8:3 /lib/writ /var/lib/writ rw - ext4 /dev/sda3 rw
8 1 8:1 /home/ann /srv/ann rw - ext4 /dev/sda1 rw
9 1 8:1 /var/lib/docker/containers/c/hosts /etc/hosts rw - ext4 /dev/sda1 rw
10 5 0:54 / /srv/media/cache rw - tmpfs tmpfs rw
";

    #[tokio::test]
    async fn whoever_listens_beside_this_process_has_its_root_and_of_nobody_nothing_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        assert_eq!(shares_root(&socket), None);
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert_eq!(shares_root(&socket), Some(true));
        assert_eq!(Sight::own(&socket), Sight::Whole);
    }

    fn check(path: &str, reaches: bool) {
        assert_eq!(Sight::Mounts(MOUNTS.to_owned()).reaches(Path::new(path)), reaches, "{path}");
        assert!(Sight::Whole.reaches(Path::new(path)));
    }

    #[test]
    fn a_folder_of_the_host_that_is_mounted_under_its_own_path_is_seen_and_all_else_is_not() {
        for path in ["/srv/media", "/srv/media/a/b", "/data", "/data/x", "/var/lib/writ/state"] {
            check(path, true);
        }
        for path in ["/", "/srv", "/etc/passwd", "/etc/hosts", "/dev/kvm", "/proc/1", "/tmp/x", "/srv/media/cache/x"] {
            check(path, false);
        }
        // It is another folder there.
        check("/srv/ann", false);
        assert!(!Sight::Mounts(String::new()).reaches(Path::new("/srv/media")));
    }
}
