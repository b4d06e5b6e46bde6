//! The agent's own server: what it tells, whom it lets ask, and that nothing it is asked touches a pass.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;
use writ_core::status::State;

use crate::ask::{Place, Reply};
use crate::machine::{Machine, Origin, Running, web};

const TOKEN: &str = "canary-token-0123456789abcdef0123456789abcdef";

/// A host on which something is to be deployed, with these settings of `[web]`.
pub(crate) fn host(settings: &str) -> (Origin, Machine) {
    let origin = Origin::new();
    origin.deploy(&[("web.hcl", &web("1"))]);
    let machine = Machine::new(&origin, &format!("[web]\n{settings}"));
    (origin, machine)
}

/// The same, with a socket in a folder.
fn host_at(folder: &TempDir) -> (Origin, Machine, Place) {
    let socket = folder.path().join("web.sock");
    let (origin, machine) = host(&format!("listen = \"unix:{}\"\n", socket.display()));
    (origin, machine, Place::Socket(socket))
}

fn token_in(folder: &TempDir, token: &str) -> String {
    let file = folder.path().join("token");
    fs::write(&file, format!("{token}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file.display().to_string()
}

/// Waits until a question is answered with this status, and gives the answer.
#[track_caller]
fn until(running: &Running<'_>, place: &Place, path: &str, status: u16) -> Reply {
    running.until(&format!("{status} of {path}"), |_| place.get(path, &[]).is_ok_and(|it| it.status == status));
    place.get(path, &[]).unwrap()
}

#[track_caller]
fn is_deployed(running: &Running<'_>, commit: &str) {
    running.until("the commit", |machine| {
        machine.standing().is_some_and(|(at, state, _)| at.as_deref() == Some(commit) && state == State::Success)
    });
}

#[test]
fn it_says_that_the_agent_lives_and_after_the_first_pass_that_it_is_ready() {
    let folder = TempDir::new().unwrap();
    let (_origin, machine, place) = host_at(&folder);
    let running = machine.run();
    let ready = until(&running, &place, "/readyz", 200);
    assert_eq!(ready.body, "ready\n");
    let alive = place.get("/healthz", &[]).unwrap();
    assert_eq!((alive.status, alive.body.as_str()), (200, "alive\n"));
}

#[test]
fn it_is_not_ready_while_a_target_was_not_looked_at_and_says_no_name() {
    let folder = TempDir::new().unwrap();
    let (origin, socket) = (Origin::new(), folder.path().join("web.sock"));
    let machine = Machine::stranger_to(&origin.repository.url());
    let settings = fs::read_to_string(machine.path("agent.toml")).unwrap();
    let settings = format!("{settings}[web]\nlisten = \"unix:{}\"\n", socket.display());
    fs::write(machine.path("agent.toml"), settings).unwrap();
    let (running, place) = (machine.run(), Place::Socket(socket));
    let waiting = "not ready: first passes: 1 of 1; targets that could be looked at: 0 of 1\n";
    running.until("the first pass", |_| place.get("/readyz", &[]).is_ok_and(|it| it.body == waiting));
    assert_eq!(place.get("/readyz", &[]).unwrap().status, 503);
    assert_eq!(place.get("/healthz", &[]).unwrap().status, 200);
}

#[test]
fn only_get_and_head_are_answered_and_every_answer_bears_the_headers_that_keep_it_in_its_place() {
    let folder = TempDir::new().unwrap();
    let (_origin, machine, place) = host_at(&folder);
    let running = machine.run();
    let ready = until(&running, &place, "/readyz", 200);
    let mut replies = vec![ready.clone(), place.get("/nothing", &[]).unwrap()];
    assert_eq!(replies[1].status, 404);
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        let refused = place.ask(method, "/readyz", &[]).unwrap();
        assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD")), "{method}");
        replies.push(refused);
    }
    let head = place.ask("HEAD", "/readyz", &[]).unwrap();
    assert_eq!((head.status, head.body.as_str(), head.header("etag")), (200, "", ready.header("etag")));
    let tag = ready.header("etag").unwrap();
    let known = place.get("/readyz", &[("if-none-match", tag)]).unwrap();
    assert_eq!((known.status, known.body.as_str()), (304, ""));
    let other = place.get("/readyz", &[("if-none-match", "\"0\"")]).unwrap();
    assert_eq!((other.status, other.body.as_str()), (200, "ready\n"));
    replies.extend([head, known, other]);
    for reply in replies {
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{reply:?}");
        assert_eq!(reply.header("x-frame-options"), Some("DENY"));
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(reply.header("cache-control"), Some("private, no-cache"));
        assert_eq!(reply.header("server"), None);
    }
}

#[test]
fn without_the_token_nothing_is_told_but_whether_the_agent_lives_and_a_renewed_one_counts_at_once() {
    let (folder, place) = (TempDir::new().unwrap(), Place::own());
    let file = token_in(&folder, TOKEN);
    let (_origin, machine) = host(&format!("listen = \"{}\"\ntoken_file = \"{file}\"\n", place.listen()));
    let running = machine.run();
    until(&running, &place, "/readyz", 200);
    let asked = |authorization: &str| place.get("/nothing", &[("authorization", authorization)]).unwrap();
    let refused = place.get("/nothing", &[]).unwrap();
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").unwrap().starts_with("Basic"), "{refused:?}");
    // Let in, it learns that nothing is there.
    assert_eq!(asked(&format!("Bearer {TOKEN}")).status, 404);
    let basic = format!("Basic {}", base64(&format!("anybody:{TOKEN}")));
    assert_eq!(asked(&basic).status, 404);
    for wrong in
        [&format!("Bearer {TOKEN}x"), &format!("Bearer {}", TOKEN.trim_start_matches('c')), "Bearer", "Bearer ", TOKEN]
    {
        assert_eq!(asked(wrong).status, 401, "{wrong}");
    }
    // A name is anybody's to give where a token is asked for: pages of others do not have it.
    let named = [("host", "edge-1.example"), ("authorization", basic.as_str())];
    assert_eq!(place.get("/nothing", &named).unwrap().status, 404);
    token_in(&folder, &TOKEN.replace("canary", "second"));
    assert_eq!(asked(&format!("Bearer {TOKEN}")).status, 401);
    assert_eq!(asked(&format!("Bearer {}", TOKEN.replace("canary", "second"))).status, 404);
    // One that could be guessed lets nobody in, and neither does none.
    token_in(&folder, "short");
    assert_eq!(asked("Bearer short").status, 503);
    fs::remove_file(&file).unwrap();
    assert_eq!(asked(&format!("Bearer {TOKEN}")).status, 503);
    assert_eq!(place.get("/healthz", &[]).unwrap().status, 200);
    let (ran, _) = running.stop();
    assert!(!ran.text.contains(TOKEN) && ran.text.contains("nobody is let in"), "{ran:?}");
}

#[test]
fn a_page_of_another_site_cannot_ask_in_a_visitors_name() {
    let place = Place::own();
    let (_origin, machine) = host(&format!("listen = \"{}\"\n", place.listen()));
    let running = machine.run();
    until(&running, &place, "/readyz", 200);
    assert_eq!(place.get("/nothing", &[]).unwrap().status, 404);
    assert_eq!(place.get("/nothing", &[("host", "localhost:8470")]).unwrap().status, 404);
    let elsewhere = place.get("/nothing", &[("host", "evil.example:8470")]).unwrap();
    assert_eq!(elsewhere.status, 421);
}

#[test]
fn a_flood_and_questions_without_end_are_let_go_and_passes_go_on() {
    let folder = TempDir::new().unwrap();
    let (origin, machine, place) = host_at(&folder);
    let running = machine.run();
    until(&running, &place, "/readyz", 200);
    // More than have room, none of which says anything.
    let mut silent: Vec<_> = (0..200).filter_map(|_| place.connect().ok()).collect();
    assert!(silent.len() > 64, "{}", silent.len());
    let next = origin.deploy(&[("web.hcl", &web("2"))]);
    is_deployed(&running, &next);
    // The first of them is let go, and with it all others that were let in.
    let mut rest = Vec::new();
    silent[0].read_to_end(&mut rest).unwrap();
    drop(silent);
    until(&running, &place, "/healthz", 200);
    let long = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    assert!(place.send(&long).is_ok_and(|reply| reply.status == 431) || place.send(&long).is_err());
    let many = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: y\r\n".repeat(100));
    assert!(place.send(&many).is_ok_and(|reply| reply.status == 431) || place.send(&many).is_err());
    // A body is never read: what it claims to be does not matter.
    let body = "GET /healthz HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000000\r\n\r\nx";
    assert_eq!(place.send(body).unwrap().status, 200);
    let mut stream = place.connect().unwrap();
    drop(stream.write_all(&[0xff; 4096]));
    drop(stream);
    for _ in 0..500 {
        assert_eq!(place.get("/healthz", &[]).unwrap().status, 200);
    }
    let third = origin.deploy(&[("web.hcl", &web("3"))]);
    is_deployed(&running, &third);
}

#[test]
fn what_keeps_it_from_listening_is_told_and_passes_go_on() {
    let folder = TempDir::new().unwrap();
    let short = token_in(&folder, "short");
    let busy = Place::own().listen();
    let _busy = std::net::TcpListener::bind(&busy).unwrap();
    let file = folder.path().join("a-file");
    fs::write(&file, "somebody's").unwrap();
    for (settings, told) in [
        (
            format!("listen = \"{}\"\ntoken_file = \"{short}\"\n", Place::own().listen()),
            "is shorter than 32 characters",
        ),
        (format!("listen = \"{busy}\"\n"), "cannot listen at http://127."),
        (format!("listen = \"unix:{}\"\n", file.display()), "something that is no socket lies there"),
        (format!("listen = \"unix:{}/no/web.sock\"\n", folder.path().display()), "cannot listen at unix:/"),
    ] {
        let (origin, machine) = host(&settings);
        let running = machine.run();
        running.until("a pass", |machine| machine.standing().is_some_and(|(_, state, _)| state == State::Success));
        drop(origin);
        let (ran, _) = running.stop();
        assert!(ran.text.contains(told) && ran.text.contains("passes go on"), "{told}: {ran:?}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "somebody's");
}

#[test]
fn a_socket_is_its_owners_alone_and_that_of_an_agent_which_is_gone_is_replaced() {
    let folder = TempDir::new().unwrap();
    let (_origin, machine, place) = host_at(&folder);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for _ in 0..2 {
        let running = machine.run();
        until(&running, &place, "/readyz", 200);
        assert_eq!(mode(&folder.path().join("web.sock")), 0o600);
        // Killed: the socket stays behind.
        drop(running);
    }
    assert!(place.connect().is_err() && folder.path().join("web.sock").exists());
}

#[test]
fn the_doctor_says_where_it_answers_and_that_a_token_could_be_guessed() {
    let folder = TempDir::new().unwrap();
    let file = token_in(&folder, TOKEN);
    let (_origin, machine) = host(&format!("listen = \"0.0.0.0:8470\"\ntoken_file = \"{file}\"\n"));
    let found = machine.writ(&["doctor"]).text;
    assert!(found.contains("http://0.0.0.0:8470, with a token") && !found.contains(TOKEN), "{found}");
    token_in(&folder, "short");
    let found = machine.writ(&["doctor"]).text;
    assert!(found.contains("is shorter than 32 characters") && found.contains("nobody is answered"), "{found}");
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
