//! Assets by `url()`: what is fetched, what is kept for later, and what is refused. A server on loopback sends the files.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

use writ_core::limits::ASSET_BYTES_MAX;
use writ_core::status::State;

use crate::pass::World;

/// A server that gives every request one answer, or closes the connection without any.
struct Server {
    address: SocketAddr,
    answer: Arc<Mutex<Option<String>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, answer) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(None::<String>)));
        let shared = Arc::clone(&answer);
        // Ends with the tests' process.
        drop(std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, mut request) = (stream.unwrap(), Vec::new());
                let mut part = [0; 1024];
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read(&mut part) {
                        Ok(0) | Err(_) => break,
                        Ok(count) => request.extend_from_slice(&part[..count]),
                    }
                }
                let answer = shared.lock().unwrap().clone();
                // A client that has read enough hangs up.
                drop(answer.map(|answer| stream.write_all(answer.as_bytes())));
            }
        }));
        Self { address, answer }
    }

    fn sends(&self, content: &str) {
        self.answers("200 OK", &format!("content-length: {}\r\n", content.len()), content);
    }

    fn answers(&self, status: &str, headers: &str, body: &str) {
        *self.answer.lock().unwrap() = Some(format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}\r\n{body}"));
    }

    fn is_down(&self) {
        *self.answer.lock().unwrap() = None;
    }

    /// A workload that mounts what this server sends.
    fn manifest(&self, image: &str) -> String {
        format!(
            "deployment \"shop\" \"web\" {{\n  image = \"{image}\"\n  replicas = 1\n  \
             volumes = [\"${{asset.shop.conf.main}}:/etc/main:ro\"]\n}}\n\
             asset \"shop\" \"conf\" {{\n  main = url(\"http://{}/main?key=canary\")\n}}\n",
            self.address
        )
    }
}

#[tokio::test]
async fn v62_url_takes_the_bytes_of_a_server_and_changed_bytes_roll_who_mounts_them() {
    let server = Server::start();
    server.sends("one");
    let world = World::with(&[("web.hcl", &server.manifest("web:1"))]);
    let end = world.pass().await;
    assert!(end.changes > 0 && !end.refused && !end.failed, "{end:?}");
    let host = world.host();
    assert_eq!(world.pass().await.changes, 0);
    assert_eq!(world.host(), host);
    server.sends("two");
    assert!(world.pass().await.changes > 0);
    assert_ne!(world.host(), host);
}

#[tokio::test]
async fn a_copy_stands_in_for_a_server_that_is_down_and_nothing_restarts() {
    let server = Server::start();
    server.sends("one");
    let world = World::with(&[("web.hcl", &server.manifest("web:1"))]);
    world.pass().await;
    let host = world.host();
    server.is_down();
    let end = world.pass().await;
    assert!(end.changes == 0 && !end.refused && !end.failed, "{end:?}");
    assert_eq!(world.host(), host);
    let (_, state, text) = world.standing();
    let told = text.contains("; an older copy is used: http://") && text.contains(": it was fetched at ");
    assert!(state == State::Success && told && !text.contains("canary"), "{text}");
    let copies: Vec<_> = std::fs::read_dir(world.settings.host.state.join("urls")).unwrap().collect();
    let mode = copies[0].as_ref().unwrap().metadata().unwrap().permissions().mode();
    assert_eq!((copies.len(), mode & 0o777), (1, 0o600));
}

/// Copies that are older than any that another process may be about to use.
fn grow_old(world: &World) {
    for copy in std::fs::read_dir(world.settings.host.state.join("urls")).unwrap() {
        let file = std::fs::File::options().write(true).open(copy.unwrap().path()).unwrap();
        file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(7_200)).unwrap();
    }
}

fn copies(world: &World) -> usize {
    std::fs::read_dir(world.settings.host.state.join("urls")).unwrap().count()
}

#[tokio::test]
async fn a_server_that_is_up_again_is_told_no_more() {
    let server = Server::start();
    server.sends("one");
    let world = World::with(&[("web.hcl", &server.manifest("web:1"))]);
    world.pass().await;
    server.is_down();
    world.pass().await;
    server.sends("one");
    world.pass().await;
    assert_eq!(world.standing().2, "1 workload, 1 of 1 pod available");
}

#[tokio::test]
async fn a_copy_that_no_commit_in_use_names_goes_and_one_in_use_stays_while_its_server_is_down() {
    let (old, new) = (Server::start(), Server::start());
    old.sends("one");
    new.sends("two");
    let world = World::with(&[("web.hcl", &old.manifest("web:1"))]);
    world.pass().await;
    world.deploy("web.hcl", &new.manifest("web:2"));
    world.pass().await;
    assert_eq!(copies(&world), 2, "one that is young stays: another process may be about to use it");
    grow_old(&world);
    new.is_down();
    let end = world.pass().await;
    assert!(!end.refused && !end.failed, "{end:?}");
    assert_eq!(copies(&world), 1);
    let end = world.pass().await;
    assert!(!end.refused && !end.failed && world.standing().2.contains("an older copy"), "{end:?}");
}

#[tokio::test]
async fn a_copy_of_the_commit_that_is_applied_stays_while_a_refused_head_names_it_no_more() {
    let (server, other) = (Server::start(), Server::start());
    server.sends("one");
    let world = World::with(&[("web.hcl", &server.manifest("web:1"))]);
    world.pass().await;
    world.deploy("web.hcl", &other.manifest("web:2"));
    grow_old(&world);
    for _ in 0..2 {
        assert!(world.pass().await.refused);
        assert_eq!(copies(&world), 1);
    }
}

#[tokio::test]
async fn what_cannot_be_fetched_is_refused_at_its_place_and_nothing_changes() {
    let server = Server::start();
    let world = World::with(&[("web.hcl", &server.manifest("web:1"))]);
    let large = "x".repeat(ASSET_BYTES_MAX + 1);
    let length = format!("content-length: {}\r\n", large.len());
    type Makes<'a> = &'a dyn Fn(&Server);
    let cases: [(&str, Makes<'_>); 6] = [
        ("cannot be asked", &|server| server.is_down()),
        ("answered 404", &|server| server.answers("404 Not Found", "content-length: 0\r\n", "")),
        ("answered 204", &|server| server.answers("204 No Content", "", "")),
        ("larger than 1024 KiB", &|server| server.answers("200 OK", &length, &large)),
        ("larger than 1024 KiB", &|server| server.answers("200 OK", "", &large)),
        ("redirects to evil.example", &|server| {
            server.answers("302 Found", "location: https://evil.example/main?key=canary\r\ncontent-length: 0\r\n", "");
        }),
    ];
    for (why, makes) in cases {
        makes(&server);
        let end = world.pass().await;
        assert!(end.refused && end.changes == 0, "{why}: {end:?}");
        let told = |text: &str| text.contains(why) && text.contains("web.hcl:7:14") && !text.contains("canary");
        assert!(end.units.iter().any(|(_, state, text)| *state == State::Error && told(text)), "{why}: {end:?}");
        assert!(!world.host().contains("pod "), "{why}");
    }
    server.sends(&"x".repeat(ASSET_BYTES_MAX));
    let end = world.pass().await;
    assert!(end.changes > 0 && !end.refused, "the largest that is taken: {end:?}");
}

#[tokio::test]
async fn a_commit_whose_contents_cannot_be_fetched_leaves_what_the_last_one_made() {
    let (server, other) = (Server::start(), Server::start());
    server.sends("one");
    let world = World::with(&[("web.hcl", &server.manifest("web:1"))]);
    world.pass().await;
    let (good, host) = (world.standing().0, world.host());
    world.deploy("web.hcl", &other.manifest("web:2"));
    let end = world.pass().await;
    assert!(end.refused && end.changes == 0, "{end:?}");
    assert_eq!((world.standing().0, world.host()), (good, host));
}
