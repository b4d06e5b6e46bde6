//! What a service manager is told: that the agent follows its sources, what a pass came to, that it lives, and that it ends.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tempfile::TempDir;
use writ_core::status::State;

use crate::machine::{Machine, Origin, terminate, web};

/// Takes messages until one begins in that way; gives all of them.
#[track_caller]
fn until(manager: &UnixDatagram, begin: &str) -> Vec<String> {
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (mut told, mut bytes) = (Vec::new(), [0; 4096]);
    loop {
        let count = manager.recv(&mut bytes).unwrap_or_else(|error| panic!("no {begin}: {error}: {told:?}"));
        told.push(String::from_utf8(bytes[..count].to_vec()).unwrap());
        if told.last().is_some_and(|message| message.starts_with(begin)) {
            return told;
        }
    }
}

#[test]
fn a_service_manager_is_told_that_the_agent_is_ready_what_it_came_to_that_it_lives_and_that_it_ends() {
    let folder = TempDir::new().unwrap();
    let origin = Origin::new();
    origin.deploy(&[("web.hcl", &web("1"))]);
    let machine = Machine::new(&origin, "");
    let path = folder.path().join("notify");
    let name = format!("writ-test-{}", std::process::id());
    let unnamed = SocketAddr::from_abstract_name(&name).unwrap();
    for (socket, manager) in [
        (path.display().to_string(), UnixDatagram::bind(&path).unwrap()),
        (format!("@{name}"), UnixDatagram::bind_addr(&unnamed).unwrap()),
    ] {
        let mut command = machine.command(&["run"]);
        let child = command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "900000").spawn().unwrap();
        until(&manager, "READY=1\n");
        let told = until(&manager, "STATUS=");
        assert!(told.last().unwrap().starts_with("STATUS=edge: "), "{told:?}");
        // Two before the time is over, whatever a pass is at.
        until(&manager, "WATCHDOG=1\n");
        until(&manager, "WATCHDOG=1\n");
        terminate(&child);
        until(&manager, "STOPPING=1\n");
        assert!(child.wait_with_output().unwrap().status.success());
    }
}

#[test]
fn without_a_watchdog_no_sign_of_life_is_sent_and_a_manager_that_is_gone_holds_up_nothing() {
    let folder = TempDir::new().unwrap();
    let origin = Origin::new();
    origin.deploy(&[("web.hcl", &web("1"))]);
    let machine = Machine::new(&origin, "");
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let mut command = machine.command(&["run"]);
    // That of another process is not ours.
    let watched = [("WATCHDOG_USEC", "900000"), ("WATCHDOG_PID", "1")];
    let child = command.env("NOTIFY_SOCKET", &path).envs(watched).spawn().unwrap();
    let told = until(&manager, "STATUS=");
    terminate(&child);
    let told = [told, until(&manager, "STOPPING=1\n")].concat();
    assert!(!told.iter().any(|message| message.starts_with("WATCHDOG")), "{told:?}");
    assert!(child.wait_with_output().unwrap().status.success());
    drop(manager);
    let child = machine.command(&["run"]).env("NOTIFY_SOCKET", &path).spawn().unwrap();
    let start = std::time::Instant::now();
    while machine.history().iter().filter(|record| record.kind == "agent-started").count() < 2 {
        assert!(start.elapsed().as_secs() < 20);
        std::thread::sleep(Duration::from_millis(10));
    }
    terminate(&child);
    assert!(child.wait_with_output().unwrap().status.success());
    assert_eq!(machine.standing().map(|(_, state, _)| state), Some(State::Success));
}
