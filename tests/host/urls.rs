//! Assets by `url()`: what is fetched, what is kept for later, and what is refused. A server on loopback sends the files.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use writ_core::limits::ASSET_BYTES_MAX;
use writ_core::status::State;

use crate::pass::World;
use crate::server::Server;

impl Server {
    /// A workload that mounts what this server sends.
    fn manifest(&self, image: &str) -> String {
        self.manifest_with(image, "")
    }

    /// The same, with something behind the address.
    fn manifest_with(&self, image: &str, terms: &str) -> String {
        format!(
            "deployment \"shop\" \"web\" {{\n  image = \"{image}\"\n  replicas = 1\n  \
             volumes = [\"${{asset.shop.conf.main}}:/etc/main:ro\"]\n}}\n\
             asset \"shop\" \"conf\" {{\n  main = url(\"http://{}/main?key=canary\"{terms})\n}}\n",
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
async fn a_server_is_asked_by_its_own_words_for_what_changed_and_its_word_that_nothing_did_is_as_good_as_the_file() {
    let server = Server::start();
    let tag =
        |tag: &str| format!("content-length: 3\r\netag: {tag}\r\nlast-modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n");
    server.answers("200 OK", &tag("\"v1\""), "one");
    let world = World::with(&[("web.hcl", &server.manifest("web:1"))]);
    world.pass().await;
    let host = world.host();
    assert!(!server.was_asked().contains("if-none-match") && !server.was_asked().contains("if-modified-since"));
    assert_eq!(copies(&world), 2);
    grow_old(&world);
    server.answers("304 Not Modified", "", "");
    let end = world.pass().await;
    assert!(end.changes == 0 && !end.refused && world.host() == host, "{end:?}");
    let asked = server.was_asked();
    assert!(
        asked.contains("if-none-match: \"v1\"") && asked.contains("if-modified-since: thu, 01 jan 2026"),
        "{asked}"
    );
    // It counts as fetched now: nothing is told of an older copy, and its age begins anew.
    assert_eq!(world.standing().2, "1 workload, 1 of 1 pod available");
    server.is_down();
    world.pass().await;
    let told = world.standing().2;
    let year = told.split("fetched at ").nth(1).and_then(|rest| rest.get(..4)).unwrap().to_owned();
    assert!(year.parse::<u32>().unwrap() >= 2026, "{told}");
    // What is new comes with words of its own.
    server.answers("200 OK", &tag("\"v2\""), "two");
    assert!(world.pass().await.changes > 0);
    server.answers("304 Not Modified", "", "");
    assert!(!world.pass().await.refused && server.was_asked().contains("if-none-match: \"v2\""));
}

#[tokio::test]
async fn a_server_that_says_unchanged_without_having_been_asked_so_has_sent_nothing() {
    let server = Server::start();
    server.answers("304 Not Modified", "", "");
    let world = World::with(&[("web.hcl", &server.manifest("web:1"))]);
    let end = world.pass().await;
    assert!(end.refused && end.changes == 0, "{end:?}");
    server.sends("one");
    assert!(world.pass().await.changes > 0);
    // No words came with the file, so that none are said to the server.
    server.answers("304 Not Modified", "", "");
    let end = world.pass().await;
    assert!(!server.was_asked().contains("if-") && world.standing().2.contains("an older copy"), "{end:?}");
}

#[tokio::test]
async fn what_holds_when_a_server_is_down_is_what_the_manifest_says() {
    let server = Server::start();
    let world = World::with(&[("web.hcl", &server.manifest_with("web:1", ", { on_failure = \"skip\" }"))]);
    let end = world.pass().await;
    assert!(end.changes > 0 && !end.refused && !end.failed, "without the file: {end:?}");
    let (without, told) = (world.host(), world.standing().2);
    assert!(told.contains("; a file is left out: http://") && !told.contains("canary"), "{told}");
    assert_eq!(world.pass().await.changes, 0);
    server.sends("one");
    assert!(world.pass().await.changes > 0, "the file is there now");
    let with = world.host();
    assert!(with != without && !world.standing().2.contains("left out"));
    server.is_down();
    let end = world.pass().await;
    assert!(end.changes == 0 && world.host() == with, "the copy is better than nothing: {end:?}");
    // The strictest refuses the copy as well, and what runs goes on.
    world.deploy("web.hcl", &server.manifest_with("web:2", ", { on_failure = \"error\" }"));
    let end = world.pass().await;
    assert!(end.refused && end.changes == 0 && world.host() == with, "{end:?}");
    world.deploy("web.hcl", &server.manifest_with("web:2", ", { on_failure = \"stale\" }"));
    assert!(world.pass().await.changes > 0);
}

#[tokio::test]
async fn a_file_that_is_left_out_is_asked_for_again_by_the_same_agent() {
    let server = Server::start();
    let world = World::with(&[("web.hcl", &server.manifest_with("web:1", ", { on_failure = \"skip\" }"))]);
    let (agent, attendance) = world.agent();
    let passes = async {
        assert!(world.pass_of(&agent).await.changes > 0);
        server.sends("one");
        assert!(world.pass_of(&agent).await.changes > 0);
        server.sends("two");
        assert_eq!(world.pass_of(&agent).await.changes, 0, "one that is there is not asked for at every pass");
    };
    tokio::select! {
        () = passes => {}
        never = attendance.run(&agent) => match never {},
    }
}

#[tokio::test]
async fn a_server_is_given_the_time_that_the_manifest_says() {
    // Nobody takes the connection, and so nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let manifest = format!(
        "asset \"shop\" \"conf\" {{\n  main = url(\"http://{}/main\", {{ timeout = \"1s\" }})\n}}\n",
        silent.local_addr().unwrap()
    );
    let world = World::with(&[("web.hcl", &manifest)]);
    let end = world.pass().await;
    assert!(end.refused && end.units[0].2.contains("did not send it within 1 s"), "{end:?}");
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
