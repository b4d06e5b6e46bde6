//! Remotes that are slow, silent, cut off, false or hostile: each exchange ends within its limits and leaves nothing behind.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use writ::error::chain;
use writ::git::{Allowance, Bounds, Credentials, GitError, Mirror, Remote};
use writ_core::trust::CommitId;

use crate::git::{World, id, list_files};
use crate::git_server::{cgi, receive};
use crate::machine::{Machine, Origin};
use crate::repository::program;

/// What a server sends to a request, piece by piece; the connection is closed at the end of the last.
type Answer = Arc<dyn Fn(&str, &[u8], &mut TcpStream) -> std::io::Result<()> + Send + Sync>;

/// A server on loopback. Ends with the tests' process.
fn serve(answer: Answer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/repository/.git", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || {
                let (head, body) = receive(&mut BufReader::new(stream.try_clone().ok()?))?;
                // A client that has had enough hangs up.
                answer(&head, &body, &mut stream).ok()
            });
        }
    });
    url
}

/// An answer whose body comes byte by byte, one each `pause`.
fn drip(answer: &[u8], pause: Duration, stream: &mut TcpStream) -> std::io::Result<()> {
    let body = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    stream.write_all(&answer[..body])?;
    answer[body..].chunks(1).try_for_each(|byte| {
        std::thread::sleep(pause);
        stream.write_all(byte)
    })
}

/// Sends nothing more, and keeps the connection until the client closes it.
fn hang(stream: &mut TcpStream) -> std::io::Result<()> {
    while stream.read(&mut [0; 64])? > 0 {}
    Ok(())
}

const SHORT: Allowance =
    Allowance { time: Duration::from_secs(12), silence: Duration::from_secs(5), bytes: 1 << 20, memory: 256 << 20 };

/// For a server that does not keep anybody waiting.
const LONG: Allowance =
    Allowance { time: Duration::from_secs(120), silence: Duration::from_secs(60), bytes: 8 << 20, memory: 256 << 20 };

fn remote(url: String, list: Allowance, fetch: Allowance) -> Remote {
    let bounds = Bounds { list, fetch, ..Bounds::default() };
    Remote { name: "infra".into(), url, branch: "main".into(), credentials: Credentials::None, bounds }
}

/// Is it the answer to the request for the pack?
fn is_fetch(body: &[u8]) -> bool {
    body.windows(13).any(|words| words == b"command=fetch")
}

/// A mirror that has the first commit, and a remote that has more.
fn behind() -> (World, PathBuf) {
    let world = World::new();
    world.mirror().fetch().unwrap();
    for number in 0..20 {
        let noise = (0..2_000_u32).map(|at| (at + number * 100_003).wrapping_mul(2_654_435_761) >> 11);
        let noise = noise.map(|number| number.to_string());
        world.repository.write(&format!("unit/{number}"), noise.collect::<String>());
    }
    world.commit("more");
    let root = world.repository.path().parent().unwrap().to_owned();
    (world, root)
}

/// A fetch that fails, within `patience`, and leaves the mirror byte for byte as it was; then a good one.
#[track_caller]
fn fails(world: &World, remote: &Remote, patience: Duration) -> GitError {
    fails_in(&world.folder(), world.introduction.commit, remote, patience)
}

#[track_caller]
fn fails_in(folder: &Path, first: CommitId, remote: &Remote, patience: Duration) -> GitError {
    let mut mirror = Mirror::open(folder, remote).unwrap();
    let (before, start) = (contents(folder), Instant::now());
    let error = match mirror.list() {
        Ok(_) => mirror.fetch().unwrap_err(),
        Err(error) => error,
    };
    assert!(start.elapsed() < patience, "{:?}: {error}", start.elapsed());
    assert_eq!(contents(folder), before, "{error}");
    assert_eq!(mirror.offered().unwrap(), Some(first));
    error
}

fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    list_files(folder).into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect()
}

#[test]
fn a_remote_that_is_silent_slow_or_too_long_is_given_up_at_the_limit_that_is_named() {
    let (world, root) = behind();
    let slow = {
        let root = root.clone();
        move |only_the_pack: bool, pause: u64| -> Answer {
            let root = root.clone();
            Arc::new(move |head, body, stream| {
                let whole = cgi(&root, head, body);
                if only_the_pack && !is_fetch(body) {
                    return stream.write_all(&whole);
                }
                drip(&whole, Duration::from_millis(pause), stream)
            })
        }
    };
    let whole: Answer = {
        let root = root.clone();
        Arc::new(move |head, body, stream| stream.write_all(&cgi(&root, head, body)))
    };
    let never: Answer = Arc::new(|_, _, stream| hang(stream));
    let stops: Answer = {
        let root = root.clone();
        Arc::new(move |head, body, stream| {
            let whole = cgi(&root, head, body);
            if !is_fetch(body) {
                return stream.write_all(&whole);
            }
            stream.write_all(&whole[..whole.len() / 2])?;
            hang(stream)
        })
    };
    let tiny = Allowance { bytes: 2_000, ..SHORT };
    let none = Allowance { bytes: 20, ..SHORT };
    let patience = SHORT.time + Duration::from_secs(30);
    let cases: [(Answer, Allowance, Allowance, &str); 6] = [
        (slow(false, 200), SHORT, SHORT, "list of URL took longer than its limit of 12 s"),
        (slow(true, 200), SHORT, SHORT, "fetch of URL took longer than its limit of 12 s"),
        (never, SHORT, SHORT, "list of URL was stopped: nothing came for 5 s, the limit for silence"),
        (stops, SHORT, SHORT, "fetch of URL was stopped: nothing came for 5 s, the limit for silence"),
        (Arc::clone(&whole), SHORT, tiny, "fetch of URL brought more than its limit of 2000 bytes"),
        (Arc::clone(&whole), none, SHORT, "list of URL brought more than its limit of 20 bytes"),
    ];
    let (folder, first) = (world.folder(), world.introduction.commit);
    let copies = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for (number, (answer, list, fetch, says)) in cases.into_iter().enumerate() {
            let copy = copies.path().join(number.to_string());
            assert!(program("cp").arg("-a").arg(&folder).arg(&copy).status().unwrap().success());
            scope.spawn(move || {
                let remote = remote(serve(answer), list, fetch);
                let error = fails_in(&copy, first, &remote, patience);
                assert!(error.to_string().starts_with(&says.replace("URL", &remote.url)), "{says}: {}", chain(&error));
            });
        }
    });
    let head = id(&world.repository.head());
    let mut mirror = Mirror::open(&world.folder(), &remote(serve(whole), SHORT, SHORT)).unwrap();
    assert_eq!(
        (mirror.list().unwrap(), mirror.fetch().unwrap()),
        (Some(head), Some(head)),
        "within the limits it is taken"
    );
}

#[test]
fn a_program_that_never_answers_is_ended_with_all_that_it_started() {
    let world = World::new();
    world.mirror().fetch().unwrap();
    // `git` waits for a pipe that nobody writes to, as it would for a disk that hangs.
    let away = world.repository.path().join(".git/packed-refs");
    assert!(program("mkfifo").arg(&away).status().unwrap().success());
    let remote = remote(world.repository.url(), SHORT, SHORT);
    let error = fails(&world, &remote, SHORT.time + Duration::from_secs(30));
    assert!(matches!(error, GitError::Silent { .. }), "{error}");
    fs::remove_file(away).unwrap();
    assert!(Mirror::open(&world.folder(), &remote).unwrap().list().unwrap().is_some());
}

#[test]
fn a_connection_that_is_cut_at_any_byte_of_a_pack_leaves_the_mirror_as_it_was() {
    let (world, root) = behind();
    let length = Arc::new(std::sync::atomic::AtomicUsize::new(usize::MAX));
    let cut = Arc::clone(&length);
    let url = serve(Arc::new(move |head, body, stream| {
        let whole = cgi(&root, head, body);
        let all = if is_fetch(body) { cut.load(std::sync::atomic::Ordering::Relaxed) } else { whole.len() };
        stream.write_all(&whole[..all.min(whole.len())])
    }));
    let remote = remote(url, LONG, LONG);
    // From the first bytes of the head to far into the pack.
    let places = (0..60).map(|number| number * 7).chain((0..60).map(|number| 420 + number * 411));
    let mut cuts = 0;
    for place in places {
        length.store(place, std::sync::atomic::Ordering::Relaxed);
        let error = fails(&world, &remote, LONG.silence);
        assert!(matches!(error, GitError::Remote { .. }), "cut at {place}: {error}");
        cuts += 1;
    }
    assert_eq!(cuts, 120);
    length.store(usize::MAX, std::sync::atomic::Ordering::Relaxed);
    let head = id(&world.repository.head());
    assert_eq!(Mirror::open(&world.folder(), &remote).unwrap().fetch().unwrap(), Some(head));
}

/// An answer to a fetch that holds these bytes as the pack.
fn pack_answer(pack: &[u8]) -> Vec<u8> {
    let line = |bytes: &[u8]| [format!("{:04x}", bytes.len() + 4).as_bytes(), bytes].concat();
    let mut body = line(b"packfile\n");
    for chunk in pack.chunks(60_000) {
        body.extend(line(&[b"\x01", chunk].concat()));
    }
    body.extend(b"0000");
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/x-git-upload-pack-result\r\n";
    [format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat()
}

/// A pack's head: the version and how many objects it claims.
fn pack_head(objects: u32) -> Vec<u8> {
    [b"PACK".as_slice(), &2_u32.to_be_bytes(), &objects.to_be_bytes()].concat()
}

/// Type and length before an object in a pack.
fn object_head(kind: u8, length: u64) -> Vec<u8> {
    let (mut byte, mut rest, mut head) = ((kind << 4) | u8::try_from(length & 15).unwrap(), length >> 4, Vec::new());
    while rest > 0 {
        head.push(byte | 0x80);
        (byte, rest) = (u8::try_from(rest & 0x7f).unwrap(), rest >> 7);
    }
    head.push(byte);
    head
}

/// The checksum at a pack's end.
fn sealed(root: &Path, pack: Vec<u8>) -> Vec<u8> {
    let file = root.join("pack");
    fs::write(&file, &pack).unwrap();
    let sum = program("sha1sum").arg(&file).output().unwrap().stdout;
    let digits = sum.chunks(2).take(20).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap());
    pack.into_iter().chain(digits).collect()
}

/// That many bytes of zero, as zlib writes them. `gzip` wraps the same stream otherwise.
fn zeros(count: u64) -> Vec<u8> {
    let script = format!("head -c {count} /dev/zero | gzip -9n");
    let zipped = program("sh").args(["-c", &script]).output().unwrap().stdout;
    let sum = u32::try_from(count % 65_521).unwrap() << 16 | 1;
    [b"\x78\x9c", &zipped[10..zipped.len() - 8], &sum.to_be_bytes()].concat()
}

/// A few bytes, as zlib writes what it does not compress.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    let (low, high) = bytes.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        ((low + u32::from(*byte)) % 65_521, (high + low + u32::from(*byte)) % 65_521)
    });
    [
        b"\x78\x01\x01".as_slice(),
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
        bytes,
        &(high << 16 | low).to_be_bytes(),
    ]
    .concat()
}

/// A delta that copies all of a base of 4 MiB.
fn copy() -> Vec<u8> {
    let mut length = 4_u32 << 20;
    let mut size = Vec::new();
    while length > 0x7f {
        size.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    size.push(u8::try_from(length).unwrap());
    // From the start, and the highest of the three bytes of the size.
    [size.clone(), size, vec![0x80 | 0x40, 0x40]].concat()
}

/// How far back a delta's base begins.
fn back(distance: usize) -> Vec<u8> {
    let (mut rest, mut bytes) = (distance >> 7, vec![u8::try_from(distance & 0x7f).unwrap()]);
    while rest > 0 {
        rest -= 1;
        bytes.insert(0, u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    bytes
}

/// A pack of a few KiB in which each large object is the base of six others, one of which goes on.
fn ladder(root: &Path, steps: usize) -> Vec<u8> {
    let mut pack = pack_head(u32::try_from(1 + steps * 6).unwrap());
    let delta = copy();
    let mut base = pack.len();
    pack.extend([object_head(3, 4 << 20), zeros(4 << 20)].concat());
    for _ in 0..steps {
        let mut next = base;
        for _ in 0..6 {
            // What comes last is unpacked first.
            let at = pack.len();
            next = at;
            let head = object_head(6, u64::try_from(delta.len()).unwrap());
            pack.extend([head, back(at - base), stored(&delta)].concat());
        }
        base = next;
    }
    sealed(root, pack)
}

#[test]
fn a_small_pack_of_deltas_that_hold_each_other_in_memory_is_stopped_at_the_limit_that_is_named() {
    let (world, root) = behind();
    let pack = ladder(&root, 60);
    assert!(pack.len() < 100_000, "{} bytes", pack.len());
    let url = serve(Arc::new(move |head, body, stream| match is_fetch(body) {
        true => stream.write_all(&pack_answer(&pack)),
        false => stream.write_all(&cgi(&root, head, body)),
    }));
    let tight = Allowance { memory: 32 << 20, ..LONG };
    let error = fails(&world, &remote(url, LONG, tight), LONG.time);
    let says = format!("needed more than its limit of {} bytes of memory", tight.memory);
    assert!(error.to_string().contains(&says), "{}", chain(&error));
}

#[test]
fn a_small_pack_that_unpacks_to_or_claims_more_than_there_is_memory_for_is_refused() {
    let (world, root) = behind();
    let claim = pack_head(u32::MAX);
    let bomb = sealed(&root, [pack_head(1), object_head(3, 160 << 20), zeros(160 << 20)].concat());
    assert!(bomb.len() < 200_000, "{} bytes", bomb.len());
    for pack in [claim.clone(), bomb] {
        let (root, is_claim) = (root.clone(), pack == claim);
        let url = serve(Arc::new(move |head, body, stream| match is_fetch(body) {
            true => stream.write_all(&pack_answer(&pack)),
            false => stream.write_all(&cgi(&root, head, body)),
        }));
        if is_claim {
            let error = fails(&world, &remote(url.clone(), LONG, LONG), LONG.time);
            assert!(matches!(error, GitError::TooLarge { .. }), "{}", chain(&error));
        }
        // The whole program, with less memory than that wants.
        let origin = Origin::new();
        let machine = Machine::new(&origin, "");
        let settings = fs::read_to_string(machine.path("agent.toml")).unwrap();
        fs::write(machine.path("agent.toml"), settings.replace(&origin.repository.url(), &url)).unwrap();
        let whole = machine.command(&["run", "--once"]);
        let mut limited = Command::new("sh");
        limited.args(["-c", "ulimit -d 150000; exec \"$0\" \"$@\""]).arg(whole.get_program()).args(whole.get_args());
        limited.env_clear().envs(whole.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ran = limited.stdin(Stdio::null()).output().unwrap();
        let told = machine.told();
        assert!(ran.status.code() == Some(1) && told.contains("above the limit of"), "{ran:?} {told}");
        let left = list_files(&machine.state().join("git/infra/objects"));
        assert_eq!(left, [""; 0].map(PathBuf::from), "nothing of it stays");
    }
}

/// A real TLS server that speaks a little HTTP, with a certificate of an authority of the moment.
struct TlsServer {
    child: Child,
    url: String,
}

impl TlsServer {
    fn start(folder: &Path, days: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let openssl = |words: &[&str]| {
            let done = program("openssl").current_dir(folder).args(words).output().unwrap();
            assert!(done.status.success(), "openssl {words:?}: {}", String::from_utf8_lossy(&done.stderr));
        };
        if !folder.join("ca.pem").exists() {
            let subject = ["-subj", "/CN=Test authority", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem"];
            openssl(
                &[&["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"], &subject[..]]
                    .concat(),
            );
        }
        fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
        let asked = ["-subj", "/CN=127.0.0.1", "-keyout", "own.key", "-out", "own.csr"];
        openssl(&[&["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"], &asked[..]].concat());
        let signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-days", days];
        openssl(&[&["x509", "-req", "-in", "own.csr", "-out", "own.pem"], &signed[..]].concat());
        let mut command = program("openssl");
        command
            .current_dir(folder)
            .args(["s_server", "-quiet", "-www", "-cert", "own.pem", "-key", "own.key", "-accept"]);
        let child =
            command.arg(format!("127.0.0.1:{port}")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(60), "openssl does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { child, url: format!("https://127.0.0.1:{port}/infra.git") }
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn a_certificate_that_is_expired_or_of_an_unknown_authority_is_refused_and_a_good_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::new();
    let machine = Machine::new(&origin, "");
    let settings = fs::read_to_string(machine.path("agent.toml")).unwrap();
    let told = |server: &TlsServer, authority: Option<&Path>| {
        fs::write(machine.path("agent.toml"), settings.replace(&origin.repository.url(), &server.url)).unwrap();
        let mut command = machine.command(&["run", "--once"]);
        command.envs(authority.map(|file| ("SSL_CERT_FILE", file)));
        assert_eq!(command.output().unwrap().status.code(), Some(1));
        machine.history().last().unwrap().body.clone()
    };
    let authority = folder.path().join("ca.pem");
    let good = TlsServer::start(folder.path(), "1");
    let certificate = |told: &str| told.to_lowercase().contains("certificate");
    let taken = told(&good, Some(&authority));
    assert!(!certificate(&taken), "the server is trusted, and only what it says is not Git: {taken}");
    let unknown = told(&good, None);
    assert!(certificate(&unknown) && unknown.to_lowercase().contains("unknownissuer"), "{unknown}");
    let old = TlsServer::start(folder.path(), "-1");
    let expired = told(&old, Some(&authority));
    assert!(certificate(&expired) && expired.to_lowercase().contains("expired"), "{expired}");
    assert_eq!(machine.pods(), [""; 0]);
}

#[test]
fn a_remote_that_is_away_is_asked_more_and_more_seldom() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = Origin::new();
    let machine = Machine::new(&origin, "");
    let settings = fs::read_to_string(machine.path("agent.toml")).unwrap();
    let url = format!("http://{}/infra.git\"\npoll = \"5s", listener.local_addr().unwrap());
    fs::write(machine.path("agent.toml"), settings.replace(&origin.repository.url(), &url)).unwrap();
    let running = machine.run();
    let mut asked = Vec::new();
    while asked.len() < 3 {
        let (stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        // A client may try a connection again that was closed; that is the same question.
        if asked.last().is_none_or(|last: &Instant| last.elapsed() > Duration::from_secs(2)) {
            asked.push(Instant::now());
        }
    }
    let pauses: Vec<f64> = asked.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs_f64()).collect();
    // Twice 5 s, then four times, give or take a tenth; a busy machine takes longer.
    assert!(pauses[0] >= 9.0 && pauses[1] >= 18.0 && pauses.iter().all(|pause| *pause < 60.0), "{pauses:?}");
    assert_eq!(running.stop().0.code, Some(0));
}
