//! What is taken from the process and the machine instead of the settings file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::DEFAULT_PATH;

/// What settings take from the process and the machine.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The machine's name.
    pub machine: String,
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self {
            machine: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            docker_host: std::env::var("DOCKER_HOST").ok().filter(|value| !value.is_empty()),
        }
    }
}

/// What a service manager asks to be told, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manager {
    /// Where it listens: a path, or a name without one that begins with `@`.
    pub socket: Option<PathBuf>,
    /// Time after which it takes the agent for dead that told it nothing.
    pub watchdog: Option<Duration>,
}

impl Manager {
    /// That of this process: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`. Source: sd_notify(3),
    /// sd_watchdog_enabled(3).
    #[must_use]
    pub fn of_this_process() -> Self {
        let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
        let is_ours = number("WATCHDOG_PID").is_none_or(|process| process == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|micros| is_ours && *micros > 0).map(Duration::from_micros);
        let socket = std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()).map(PathBuf::from);
        Self { socket, watchdog }
    }
}

/// Which file holds the settings: the one given, else `WRIT_CONFIG`, else [`DEFAULT_PATH`].
#[must_use]
pub fn file(given: Option<&Path>) -> PathBuf {
    let named = given.map(Path::to_path_buf).or_else(|| std::env::var_os("WRIT_CONFIG").map(PathBuf::from));
    named.unwrap_or_else(|| PathBuf::from(DEFAULT_PATH))
}

/// Who runs this program, for the audit: the person behind `sudo` if there is one.
#[must_use]
pub fn person() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let sound = |name: &String| !name.is_empty() && !name.chars().any(char::is_control);
    named.filter(sound).unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}

/// False if colour is not wanted, wherever output goes. Source: <https://no-color.org>.
#[must_use]
pub fn wants_colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    !refused && !dumb
}

/// What the agent logs: `WRIT_LOG` (`debug`, `writ=debug`), else what matters.
#[must_use]
pub fn log_filter() -> String {
    std::env::var("WRIT_LOG").unwrap_or_else(|_| "warn,writ=info".to_owned())
}
