//! Walls, tried from inside: what comes off without them does not behind them.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use writ::confine::{Landlock, Limits, confine};

/// Says which attempt to make behind walls, and where.
const ATTEMPT: &str = "WRIT_TEST_ATTEMPT";
const FOLDER: &str = "WRIT_TEST_FOLDER";

/// Exit codes that nothing else has.
const CAME_OFF: i32 = 41;
const WAS_DENIED: i32 = 42;

/// What was at hand before the walls stood.
struct Surroundings<'a> {
    folder: &'a Path,
    opened: File,
    port: u16,
}

/// How an attempt must fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is not let through.
    Denied,
    /// Whoever makes it is ended.
    Ended,
}

type Attempt = fn(&mut Surroundings<'_>) -> io::Result<()>;

const ATTEMPTS: [(&str, Fate, Attempt); 14] = [
    ("read a file", Fate::Denied, |_| fs::read("/etc/passwd").map(drop)),
    ("read a file of its own folder", Fate::Denied, |here| fs::read(here.folder.join("there")).map(drop)),
    ("list a folder", Fate::Denied, |_| fs::read_dir("/").map(drop)),
    ("write a file", Fate::Denied, |here| fs::write(here.folder.join("new"), "x")),
    ("remove a file", Fate::Denied, |here| fs::remove_file(here.folder.join("there"))),
    ("read what is open already", Fate::Denied, |here| here.opened.read(&mut [0]).map(drop)),
    ("connect to the engine's socket", Fate::Ended, |here| UnixStream::connect(here.folder.join("socket")).map(drop)),
    ("connect to a port", Fate::Ended, |here| TcpStream::connect(("127.0.0.1", here.port)).map(drop)),
    ("listen at a port", Fate::Ended, |_| TcpListener::bind("127.0.0.1:0").map(drop)),
    ("send a datagram", Fate::Ended, |_| UdpSocket::bind("127.0.0.1:0")?.send_to(b"x", "127.0.0.1:9").map(drop)),
    ("start a program", Fate::Denied, |_| Command::new("/bin/true").status().map(drop)),
    ("become a program", Fate::Ended, |_| Err(Command::new("/bin/true").exec())),
    ("start a thread", Fate::Denied, |_| std::thread::Builder::new().spawn(|| ()).map(drop)),
    ("take 1 GiB", Fate::Denied, |_| Vec::<u8>::new().try_reserve_exact(1 << 30).map_err(io::Error::other)),
];

#[test]
fn what_comes_off_without_walls_is_denied_or_ends_whoever_tries_it_behind_them() {
    if let Some(attempt) = std::env::var_os(ATTEMPT) {
        let folder = std::env::var(FOLDER).unwrap();
        try_behind_walls(Path::new(&folder), attempt.to_str().unwrap());
    }
    let folder = TempDir::new().unwrap();
    let _socket = UnixListener::bind(folder.path().join("socket")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for (name, fate, attempt) in ATTEMPTS {
        fs::write(folder.path().join("there"), "x").unwrap();
        fs::write(folder.path().join("port"), port.to_string()).unwrap();
        // One cannot come back from being another program.
        if name != "become a program" {
            let opened = File::open(folder.path().join("there")).unwrap();
            attempt(&mut Surroundings { folder: folder.path(), opened, port })
                .unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        fs::write(folder.path().join("there"), "x").unwrap();
        fs::remove_file(folder.path().join("new")).ok();
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "--nocapture"]).env(ATTEMPT, name).env(FOLDER, folder.path());
        let this = "confine::inside::what_comes_off_without_walls_is_denied_or_ends_whoever_tries_it_behind_them";
        let output = again.arg(this).output().unwrap();
        let found = match (output.status.signal(), output.status.code()) {
            (Some(31), _) => Some(Fate::Ended),
            (_, Some(WAS_DENIED)) => Some(Fate::Denied),
            _ => None,
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(found, Some(fate), "{name}: {} {said}", output.status);
        assert!(folder.path().join("there").exists() && !folder.path().join("new").exists(), "{name}");
    }
}

/// Puts up the walls, makes one attempt and ends this process, which is good for nothing else by then.
#[expect(clippy::exit, reason = "behind walls, what runs a test cannot go on")]
fn try_behind_walls(folder: &Path, attempt: &str) -> ! {
    let opened = File::open(folder.join("there")).unwrap();
    let port = fs::read_to_string(folder.join("port")).unwrap().parse().unwrap();
    let (_, _, attempt) = ATTEMPTS.into_iter().find(|(name, ..)| *name == attempt).unwrap();
    let walls = confine(Limits { memory_bytes: 512 << 20, processor_seconds: 10 }).unwrap();
    assert!(walls.filter && walls.landlock != Landlock::No, "{walls}");
    let came_off = attempt(&mut Surroundings { folder, opened, port }).is_ok();
    std::process::exit(if came_off { CAME_OFF } else { WAS_DENIED })
}
