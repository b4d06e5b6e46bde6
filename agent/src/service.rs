//! Tells the service manager how the agent is. Source: sd_notify(3), without its library.
//!
//! Invariant: whatever becomes of a message, the agent goes on.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::limits::PULSE_SECONDS;
use crate::settings::Manager;

/// Characters of a state that are told; a line of a terminal.
const STATE_CHARACTERS_MAX: usize = 200;

/// The way to the service manager; none where nothing waits for messages.
#[derive(Debug, Default)]
pub struct Service {
    way: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Service {
    /// The way to a manager. One that cannot be reached is told nothing.
    #[must_use]
    pub fn new(manager: &Manager) -> Self {
        let Manager { socket, watchdog } = manager;
        let way = socket.as_ref().and_then(|socket| {
            let bytes = socket.as_os_str().as_bytes();
            let address = match bytes.strip_prefix(b"@") {
                Some(name) => SocketAddr::from_abstract_name(name),
                None => SocketAddr::from_pathname(socket),
            };
            let own = UnixDatagram::unbound().ok()?;
            own.set_nonblocking(true).ok()?;
            Some((own, address.ok()?))
        });
        Self { way, watchdog: *watchdog }
    }

    /// The agent follows its sources.
    pub fn ready(&self) {
        self.tell("READY=1\n");
    }

    /// How it is, in a line for people.
    pub fn state(&self, text: &str) {
        let line: String =
            text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(STATE_CHARACTERS_MAX).collect();
        self.tell(&format!("STATUS={line}\n"));
    }

    /// The agent's loop has a turn.
    pub fn alive(&self) {
        if self.watchdog.is_some() {
            self.tell("WATCHDOG=1\n");
        }
    }

    /// It ends.
    pub fn stopping(&self) {
        self.tell("STOPPING=1\n");
    }

    /// Time between two turns by which it must show that it lives: two may be lost before the manager acts.
    #[must_use]
    pub fn pulse(&self) -> Duration {
        let own = Duration::from_secs(PULSE_SECONDS);
        self.watchdog.map_or(own, |watchdog| own.min(watchdog / 3))
    }

    fn tell(&self, message: &str) {
        let Some((own, address)) = &self.way else { return };
        if let Err(error) = own.send_to_addr(message.as_bytes(), address) {
            tracing::debug!(%error, "the service manager was not told");
        }
    }
}
