//! What a pod is given beyond Kubernetes's fields, or seldom: names of its own, whom it asks for names, limits of its
//! processes, parameters of its kernel namespaces, room for its log, logins for its images.
//!
//! Invariant: none of it is a power over the host but what the guard judges: names are the pod's alone, and limits and room
//! are bounded here.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Logins;
use crate::limits::{LOG_BYTES_MAX, LOG_FILES_MAX, PROCESS_LIMIT_MAX};
use crate::text::quoted;

/// What a pod is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extras {
    /// Names that lead to addresses inside of the pod, in the order in which they were written.
    pub hosts: Vec<(String, IpAddr)>,
    /// Whom it asks for names that the host's network does not know.
    pub dns: Dns,
    /// Parameters of the kernel for its own namespaces, by name (`net.core.somaxconn`); judged by the guard.
    pub sysctls: BTreeMap<String, String>,
    /// Limits of its processes, by their names (`nofile`).
    pub limits: BTreeMap<String, ProcessLimit>,
    /// Room for the log of each of its containers; none for what all have.
    pub log: Option<LogRoom>,
    /// Logins by which its images are pulled. No container sees them.
    pub logins: Logins,
}

/// How a pod asks for names, as far as it differs from what the engine does by itself. Source: PodDNSConfig of Kubernetes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dns {
    /// Servers; those of the host if none.
    pub nameservers: Vec<IpAddr>,
    /// What is put behind short names; what the host puts there if none, and `.` alone for nothing.
    pub searches: Vec<String>,
    /// Options of resolvers, as `resolv.conf(5)` has them.
    pub options: Vec<String>,
}

/// A limit of processes. Source: `setrlimit(2)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessLimit {
    /// What counts.
    pub soft: u64,
    /// How far a process may raise it.
    pub hard: u64,
}

/// Room for a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogRoom {
    /// Size at which a new file is begun, in bytes.
    pub bytes: u64,
    /// Files that are kept.
    pub files: u32,
}

impl LogRoom {
    /// What every container has. The engine's own default is without end.
    pub const DEFAULT: Self = Self { bytes: 10 << 20, files: 3 };
}

impl Extras {
    /// Limits that a manifest can set. Others are priorities over other processes of the host, or nothing in a container.
    pub const LIMITS: [&str; 6] = ["core", "fsize", "memlock", "nofile", "nproc", "stack"];
}

/// Reads limits as the annotation of a pod template has them: `nofile=65536:65536,nproc=4096`.
///
/// # Errors
/// If they are none: what is wrong.
pub(crate) fn read_limits(text: &str) -> Result<BTreeMap<String, ProcessLimit>, String> {
    let mut limits = BTreeMap::new();
    for part in text.split(',') {
        let (name, numbers) = part.split_once('=').ok_or_else(|| format!("{} is no `NAME=SOFT:HARD`", quoted(part)))?;
        let limit = read_limit(name, numbers)?;
        if limits.insert(name.to_owned(), limit).is_some() {
            return Err(format!("the limit `{name}` is set twice"));
        }
    }
    Ok(limits)
}

/// Reads one limit: `SOFT:HARD`, or one number for both.
///
/// # Errors
/// If it is none: what is wrong.
pub(crate) fn read_limit(name: &str, numbers: &str) -> Result<ProcessLimit, String> {
    if !Extras::LIMITS.contains(&name) {
        return Err(format!(
            "the limit {} cannot be set; those that can are {}",
            quoted(name),
            Extras::LIMITS.join(", ")
        ));
    }
    let (soft, hard) = numbers.split_once(':').unwrap_or((numbers, numbers));
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number: &u64| digits && *number <= PROCESS_LIMIT_MAX)
    };
    let limit = number(soft).zip(number(hard)).map(|(soft, hard)| ProcessLimit { soft, hard });
    let limit = limit.filter(|limit| limit.soft <= limit.hard);
    limit.ok_or_else(|| {
        format!(
            "the limit `{name}` is `SOFT:HARD` or one number, from 0 to {PROCESS_LIMIT_MAX}, and not {}",
            quoted(numbers)
        )
    })
}

/// Reads room for a log as the annotation of a pod template has it: `max-size=10m,max-file=3`. What is not said is as for
/// every container.
///
/// # Errors
/// If it is none: what is wrong.
pub(crate) fn read_log(text: &str) -> Result<LogRoom, String> {
    let mut room = LogRoom::DEFAULT;
    let mut seen = Vec::new();
    for part in text.split(',') {
        let (name, value) = part.split_once('=').ok_or_else(|| format!("{} is no `NAME=VALUE`", quoted(part)))?;
        match name {
            "max-size" => room.bytes = read_log_size(value)?,
            "max-file" => room.files = read_log_files(value)?,
            _ => return Err(format!("a log has `max-size` and `max-file`, and not {}", quoted(name))),
        }
        if seen.contains(&name) {
            return Err(format!("`{name}` is said twice"));
        }
        seen.push(name);
    }
    Ok(room)
}

/// Reads the size of a file of a log: `10m`, `512k`, `1g`.
///
/// # Errors
/// If it is none: what is wrong.
pub(crate) fn read_log_size(text: &str) -> Result<u64, String> {
    let units = [("k", 10), ("m", 20), ("g", 30)];
    let found = units.into_iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)));
    let bytes = found.and_then(|(digits, shift)| digits.parse::<u64>().ok()?.checked_mul(1 << shift));
    bytes.filter(|bytes| (1..=LOG_BYTES_MAX).contains(bytes)).ok_or_else(|| {
        format!(
            "the size of a log is a number with k, m or g, up to {}g, and not {}",
            LOG_BYTES_MAX >> 30,
            quoted(text)
        )
    })
}

/// Reads how many files of a log are kept.
///
/// # Errors
/// If it is no such number: what is wrong.
pub(crate) fn read_log_files(text: &str) -> Result<u32, String> {
    let files = text.parse::<u32>().ok().filter(|files| (1..=LOG_FILES_MAX).contains(files));
    files.ok_or_else(|| format!("the files of a log are 1 to {LOG_FILES_MAX}, and not {}", quoted(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_within_bounds_and_by_known_names_alone() {
        let both = |soft, hard| ProcessLimit { soft, hard };
        let read = read_limits("nofile=1024:65536,nproc=4096").unwrap();
        assert_eq!(read, [("nofile".to_owned(), both(1024, 65_536)), ("nproc".to_owned(), both(4096, 4096))].into());
        for wrong in
            ["", "nofile", "nofile=", "nofile=-1", "nofile=2:1", "nofile=1:", "rtprio=9", "nice=1", "nproc=1,nproc=1"]
        {
            assert!(read_limits(wrong).is_err(), "{wrong}");
        }
        assert!(read_limit("nofile", &PROCESS_LIMIT_MAX.to_string()).is_ok());
        assert!(read_limit("nofile", &(PROCESS_LIMIT_MAX + 1).to_string()).is_err());
    }

    #[test]
    fn room_for_a_log_is_read_within_bounds() {
        assert_eq!(read_log("max-size=1m"), Ok(LogRoom { bytes: 1 << 20, files: 3 }));
        assert_eq!(read_log("max-file=1,max-size=1g"), Ok(LogRoom { bytes: 1 << 30, files: 1 }));
        for wrong in
            ["", "max-size=", "max-size=10", "max-size=0m", "max-size=2g", "max-file=0", "max-file=101", "mode=x"]
        {
            assert!(read_log(wrong).is_err(), "{wrong}");
        }
        assert!(read_log("max-file=1,max-file=1").is_err());
    }
}
