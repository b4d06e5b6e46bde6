//! Hints start a pass early, and that is all that anybody can do by them.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use writ::limits::{HINT_CONNECTIONS_MAX, HINT_PAUSE_SECONDS};
use writ_core::status::State;

use crate::ask::Place;
use crate::git_server;
use crate::machine::{Machine, Origin, Running, web as of_one_pod};

const SECRET: &str = "canary-secret-of-hints";

/// What no pass is made for but the first and those that are hinted: none of its pods begins to answer.
fn of_no_pods(image: &str) -> String {
    of_one_pod(image).replace("replicas = 1", "replicas = 0")
}

/// A host that asks its remote once an hour, and is hinted at.
struct World {
    origin: Origin,
    machine: Machine,
    hints: Place,
    web: Place,
}

impl World {
    fn new() -> Self {
        let (origin, web) = (Origin::new(), Place::own());
        let repository = origin.repository.path();
        let hints = Place::Socket(repository.with_file_name("hints.sock"));
        let (root, name) = (repository.parent().unwrap().to_owned(), repository.file_name().unwrap().to_str().unwrap());
        let url = format!("http://127.0.0.1:{}/{name}/.git", git_server::serve("127.0.0.1", root));
        let secret = repository.with_file_name("hint-secret");
        std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
        let more = format!("[hint]\nlisten = \"{}\"\n[web]\nlisten = \"{}\"\n", hints.listen(), web.listen());
        let machine = Machine::new(&origin, "");
        let settings = std::fs::read_to_string(machine.path("agent.toml")).unwrap();
        let source = format!("url = \"{url}\"\npoll = \"1h\"\nhint_secret_file = \"{}\"", secret.display());
        let settings = settings.replace(&format!("url = \"{}\"", origin.repository.url()), &source);
        std::fs::write(machine.path("agent.toml"), format!("{settings}\n{more}")).unwrap();
        Self { origin, machine, hints, web }
    }

    /// The agent after its first pass.
    fn run(&self) -> Running<'_> {
        self.origin.deploy(&[("web.hcl", &of_no_pods("1"))]);
        let running = self.machine.run();
        running
            .until("the first pass", |machine| machine.standing().is_some_and(|(_, state, _)| state == State::Success));
        running.until("an ear", |_| self.hints.connect().is_ok() && self.passes() == Some(1));
        running
    }

    /// How many passes were made.
    fn passes(&self) -> Option<u64> {
        let text = self.web.get("/metrics", &[]).ok()?.body;
        let counted = text.lines().filter_map(|line| line.strip_prefix("writ_passes_total{")?.rsplit_once(' '));
        counted.map(|(_, count)| count.parse::<u64>().ok()).sum()
    }

    fn hint(&self, headers: &[(&str, &str)], body: &[u8]) -> u16 {
        self.hints.post("/hints/infra", headers, body).unwrap().status
    }
}

/// The HMAC of a body by a secret, in hexadecimal digits.
fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_hint_of_each_forge_starts_a_pass_and_a_push_is_there_long_before_it_would_be_asked_for() {
    let world = World::new();
    let running = world.run();
    for (number, forges) in [vec!["github"], vec!["gitea", "forgejo", "gitlab"]].into_iter().enumerate() {
        let next = world.origin.deploy(&[("web.hcl", &of_no_pods(&format!("{number}")))]);
        for forge in forges {
            // Nothing of it is read: what it claims does not matter.
            let claims = "\"ref\": \"refs/heads/other\", \"repository\": {\"url\": \"https://evil.example\"}";
            let body = format!("{{\"by\": \"{forge}\", {claims}}}");
            let digits = signature(SECRET, body.as_bytes());
            let prefixed = format!("sha256={digits}");
            let header = match forge {
                "github" => ("x-hub-signature-256", prefixed.as_str()),
                "gitea" => ("x-gitea-signature", digits.as_str()),
                "forgejo" => ("x-forgejo-signature", digits.as_str()),
                _ => ("x-gitlab-token", SECRET),
            };
            assert_eq!(world.hint(&[header], body.as_bytes()), 202, "{forge}");
        }
        running.until("the push", |machine| {
            machine.standing().is_some_and(|(at, state, _)| at.as_ref() == Some(&next) && state == State::Success)
        });
    }
    let (ran, _) = running.stop();
    assert!(!ran.text.contains(SECRET), "{ran:?}");
}

#[test]
fn nobody_without_the_secret_starts_a_pass_or_learns_which_sources_there_are() {
    let world = World::new();
    let running = world.run();
    let body = b"{\"ref\": \"refs/heads/main\"}";
    let (right, wrong) =
        (format!("sha256={}", signature(SECRET, body)), format!("sha256={}", signature("another", body)));
    let refused = world.hints.post("/hints/infra", &[], body).unwrap();
    assert_eq!(refused.status, 401);
    for headers in [
        [("x-hub-signature-256", wrong.as_str())],
        [("x-hub-signature-256", "sha256=")],
        [("x-hub-signature-256", right.strip_suffix(|_: char| true).unwrap())],
        [("x-hub-signature", right.as_str())],
        [("x-gitea-signature", "not hexadecimal")],
        [("x-gitlab-token", "another")],
        [("x-gitlab-token", "")],
        [("authorization", SECRET)],
    ] {
        assert_eq!(world.hint(&headers, body), 401, "{headers:?}");
    }
    // Whoever knows a secret of one source cannot tell whether there is another one.
    for path in ["/hints/other", "/hints/", "/hints/infra/", "/hints/infra?x", "/", "/metrics", "/healthz"] {
        let reply = world.hints.post(path, &[("x-hub-signature-256", &wrong)], body).unwrap();
        assert_eq!((reply.status, &reply.body), (401, &refused.body), "{path}");
    }
    assert_eq!(world.hints.get("/hints/infra", &[]).unwrap().status, 405);
    // What was hinted once is no hint any more, and one that is signed starts one pass.
    assert_eq!(world.hint(&[("x-hub-signature-256", &right)], body), 202);
    running.until("the pass", |_| world.passes() == Some(2));
    for _ in 0..10 {
        assert_eq!(world.hint(&[("x-hub-signature-256", &right)], body), 200);
    }
    let (ran, _) = running.stop();
    assert!(!ran.text.contains(SECRET), "{ran:?}");
    let kinds: Vec<String> = world.machine.history().into_iter().map(|record| record.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "pass-ended").count(), 1, "{kinds:?}");
}

#[test]
fn a_flood_a_body_without_end_and_one_that_never_comes_are_let_go_in_memory_that_does_not_grow() {
    let world = World::new();
    let running = world.run();
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", running.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
    };
    let signed = |body: &[u8]| format!("sha256={}", signature(SECRET, body));
    let other = signature("another", b"");
    for forge in ["x-hub-signature-256", "x-gitea-signature", "x-forgejo-signature", "x-gitlab-token"] {
        for malformed in ["", "{", "[[[[", "null", "payload=%7B", "\u{0}\u{ff}"] {
            assert_eq!(world.hint(&[(forge, &other)], malformed.as_bytes()), 401, "{forge} {malformed}");
        }
    }
    let before = resident();
    // Longer than any forge's: by its own word, and without one. Neither is read to its end.
    let long = format!("content-length: {}", 100 << 20);
    let chunked = "transfer-encoding: chunked".to_owned();
    for length in [long, chunked] {
        let head =
            format!("POST /hints/infra HTTP/1.1\r\nhost: localhost\r\nx-gitlab-token: {SECRET}\r\n{length}\r\n\r\n");
        let mut stream = world.hints.connect().unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let part = [format!("{:x}\r\n", 64 << 10).as_bytes(), &[b'x'; 64 << 10], b"\r\n"].concat();
        let sent = (0..1_600).take_while(|_| stream.write_all(&part).is_ok()).count();
        assert!(sent < 1_000, "{sent} parts of 64 KiB were taken: {length}");
    }
    // Those that are slow have all the room but one place. How long they have it: `agent/src/web/hints.rs`.
    let slow: Vec<_> = (1..HINT_CONNECTIONS_MAX)
        .map(|_| {
            let mut stream = world.hints.connect().unwrap();
            let head =
                "POST /hints/infra HTTP/1.1\r\nhost: localhost\r\nx-gitlab-token: x\r\ncontent-length: 10\r\n\r\nx";
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    for number in 0..10_000 {
        let body = format!("{number}");
        let status = world.hint(&[("x-hub-signature-256", &signed(b"another"))], body.as_bytes());
        assert_eq!(status, 401);
    }
    drop(slow);
    assert_eq!(world.passes(), Some(1), "a pass was started that was not due");
    let after = resident();
    assert!(after < before + (16 << 20), "{before} bytes before and {after} after");
    // Those that are signed start few passes, however many they are.
    let start = Instant::now();
    let mut number = 0;
    while number < 200 || start.elapsed() < Duration::from_secs(1) {
        let body = format!("{{\"number\": {number}}}");
        assert_eq!(world.hint(&[("x-hub-signature-256", &signed(body.as_bytes()))], body.as_bytes()), 202);
        number += 1;
    }
    running.until("passes", |_| world.passes().is_some_and(|passes| passes >= 2));
    let most = 3 + start.elapsed().as_secs() / HINT_PAUSE_SECONDS;
    assert!(world.passes().unwrap() <= most, "{:?} passes of at most {most}", world.passes());
}
