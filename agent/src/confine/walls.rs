//! The walls that a child puts around itself before it reads a byte.
//!
//! Invariant: what a process gives up here it never gets back, and neither does any thread that it starts.
//! Invariant: a wall that every kernel has stands, or nothing is read. One that a kernel lacks is told.

use std::fmt;
use std::fs::File;
use std::io;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, LandlockStatus, PathBeneath, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};
use rustix::fs::Gid;
use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal, Uid};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags};
use rustix::{process, thread};

use super::syscalls;
use crate::limits::{PLUGIN_THREADS_MAX, PROGRAM_DESCRIPTORS_MAX, PROGRAM_RESERVED_BYTES_MAX};

/// Who owns nothing. Source: the kernel's overflow user.
const NOBODY: u32 = 65_534;

/// The first version of Landlock that knows of TCP.
const KNOWS_TCP: ABI = ABI::V4;

/// What a child may use at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Memory that it can write to, in bytes.
    pub memory_bytes: u64,
    /// Time of a processor, in seconds.
    pub processor_seconds: u64,
}

/// How far Landlock closes the file system and the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landlock {
    /// The kernel has none, or it is switched off.
    No,
    /// Files are closed; the kernel is too old to close TCP.
    Files,
    /// Files and TCP are closed.
    FilesAndTcp,
}

/// The walls that stand, of those that not every kernel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walls {
    /// No file can be opened.
    pub landlock: Landlock,
    /// No call of the kernel is answered but those that reading and thinking take.
    pub filter: bool,
    /// The network is one of its own, without a way out. Only root can have that.
    pub network: bool,
}

/// A wall that every kernel has and that could not be put up.
#[derive(Debug, thiserror::Error)]
pub enum WallError {
    /// The kernel refused it.
    #[error("cannot {act}")]
    Refused {
        /// What was to be done.
        act: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The filter of calls cannot be made for this processor.
    #[error("cannot filter calls of the kernel")]
    Filter(#[source] seccompiler::Error),
    /// Landlock fails in another way than by not being there.
    #[error("cannot close the file system")]
    Landlock(#[from] RulesetError),
}

/// Puts all walls around this thread and what it starts; limits are the whole process's.
///
/// # Errors
/// If a wall that every kernel has cannot be put up. Some may stand by then.
pub fn confine(limits: Limits) -> Result<Walls, WallError> {
    around(limits, None)
}

/// Puts up the same walls, behind which this process may yet become `program`, and that one may start threads.
pub(super) fn confine_program(limits: Limits, program: &File) -> Result<Walls, WallError> {
    around(limits, Some(program))
}

fn around(limits: Limits, program: Option<&File>) -> Result<Walls, WallError> {
    refused("leave the session", process::setsid().map(drop))?;
    // When memory runs out on the host, this process goes first, and no database does.
    std::fs::write("/proc/self/oom_score_adj", "1000").ok();
    #[expect(
        deprecated,
        reason = "its other name is unsafe for the sake of shared descriptors, which stay shared here"
    )]
    let network = thread::unshare(UnshareFlags::NEWNET).is_ok();
    give_up_powers()?;
    // Not sooner: the kernel takes both back when a process changes its user.
    refused("refuse a dump of memory", process::set_dumpable_behavior(DumpableBehavior::NotDumpable))?;
    refused("end with the agent", process::set_parent_process_death_signal(Some(Signal::KILL)))?;
    refused("give up new powers", thread::set_no_new_privs(true))?;
    let reserved = if program.is_some() { PROGRAM_RESERVED_BYTES_MAX } else { 0 };
    limit(Resource::As, limits.memory_bytes + reserved, limits.memory_bytes + reserved)?;
    limit(Resource::Data, limits.memory_bytes, limits.memory_bytes)?;
    // The first ends with a signal of its own, which tells why; the second cannot be caught.
    limit(Resource::Cpu, limits.processor_seconds, limits.processor_seconds + 1)?;
    for none in [Resource::Fsize, Resource::Core, Resource::Memlock, Resource::Msgqueue] {
        limit(none, 0, 0)?;
    }
    let threads = if program.is_some() { PLUGIN_THREADS_MAX } else { 0 };
    limit(Resource::Nproc, threads, threads)?;
    let landlock = close_files(program)?;
    let descriptors = if program.is_some() { PROGRAM_DESCRIPTORS_MAX } else { 0 };
    limit(Resource::Nofile, descriptors, descriptors)?;
    let filter = syscalls::filter(program.is_some())?;
    Ok(Walls { landlock, filter, network })
}

/// Ceases to be root, where it is, and to be able to do what others cannot.
fn give_up_powers() -> Result<(), WallError> {
    if process::geteuid().is_root() {
        let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
        // A root that may not do this, in a container, stays root without powers.
        let given_up = thread::set_thread_groups(&[])
            .and_then(|()| thread::set_thread_res_gid(group, group, group))
            .and_then(|()| thread::set_thread_res_uid(user, user, user));
        given_up.ok();
    }
    let none = CapabilitySet::empty();
    let none = CapabilitySets { effective: none, permitted: none, inheritable: none };
    refused("give up capabilities", thread::set_capabilities(None, none))
}

/// Sets a limit, or leaves one that is stricter.
fn limit(resource: Resource, current: u64, maximum: u64) -> Result<(), WallError> {
    let known = process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let new = Rlimit { current: Some(current.min(known)), maximum: Some(maximum.min(known)) };
    refused("set a limit", process::setrlimit(resource, new))
}

/// Nothing below `/` but `program`, no port and no other process is allowed, as far as the kernel knows how to refuse it.
fn close_files(program: Option<&File>) -> Result<Landlock, WallError> {
    let all = ABI::V10;
    let rules = Ruleset::default().handle_access(AccessFs::from_all(all))?.handle_access(AccessNet::from_all(all))?;
    let mut rules = rules.scope(Scope::from_all(all))?.create()?;
    if let Some(program) = program {
        rules = rules.add_rule(PathBeneath::new(program, AccessFs::Execute | AccessFs::ReadFile))?;
    }
    let status = rules.restrict_self()?;
    Ok(match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => Landlock::No,
        (_, LandlockStatus::Available { effective_abi, .. }) if effective_abi >= KNOWS_TCP => Landlock::FilesAndTcp,
        (RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced, _) => Landlock::Files,
    })
}

fn refused(act: &'static str, done: rustix::io::Result<()>) -> Result<(), WallError> {
    done.map_err(|source| WallError::Refused { act, source: source.into() })
}

impl Walls {
    /// How many bytes tell of walls.
    pub(super) const BYTES: usize = 3;

    /// What stands, for the parent.
    pub(super) const fn bytes(self) -> [u8; Self::BYTES] {
        let Self { landlock, filter, network } = self;
        let landlock = match landlock {
            Landlock::No => 0,
            Landlock::Files => 1,
            Landlock::FilesAndTcp => 2,
        };
        [landlock, filter as u8, network as u8]
    }

    /// What a child told.
    pub(super) const fn read(bytes: [u8; Self::BYTES]) -> Option<Self> {
        let [landlock, filter @ (0 | 1), network @ (0 | 1)] = bytes else { return None };
        let landlock = match landlock {
            0 => Landlock::No,
            1 => Landlock::Files,
            2 => Landlock::FilesAndTcp,
            _ => return None,
        };
        Some(Self { landlock, filter: filter == 1, network: network == 1 })
    }

    /// What this kernel does not have, and in which version it came; none if nothing is missing.
    #[must_use]
    pub fn missing(self) -> Option<String> {
        let Self { landlock, filter, network: _ } = self;
        let landlock = match landlock {
            Landlock::No => Some("Landlock (Linux 5.13, named in the kernel's `lsm=`)"),
            Landlock::Files => Some("Landlock for TCP (Linux 6.7)"),
            Landlock::FilesAndTcp => None,
        };
        let filter = (!filter).then_some("filters of calls of the kernel (CONFIG_SECCOMP_FILTER)");
        let missing: Vec<&str> = landlock.into_iter().chain(filter).collect();
        (!missing.is_empty()).then(|| missing.join(" and "))
    }
}

/// What stands.
impl fmt::Display for Walls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { landlock, filter, network } = self;
        let landlock = match landlock {
            Landlock::No => None,
            Landlock::Files => Some("files closed"),
            Landlock::FilesAndTcp => Some("files and TCP closed"),
        };
        let filter = filter.then_some("calls of the kernel filtered");
        let network = network.then_some("a network of its own");
        let standing = landlock.into_iter().chain(filter).chain(network);
        let standing: Vec<&str> = standing.chain(["memory and time bounded"]).collect();
        f.write_str(&standing.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_is_told_and_read_back_and_nothing_else_is() {
        for landlock in [Landlock::No, Landlock::Files, Landlock::FilesAndTcp] {
            for (filter, network) in [(false, false), (false, true), (true, false), (true, true)] {
                let walls = Walls { landlock, filter, network };
                assert_eq!(Walls::read(walls.bytes()), Some(walls));
            }
        }
        for strange in [[3, 1, 1], [0, 2, 0], [0, 0, 255]] {
            assert_eq!(Walls::read(strange), None, "{strange:?}");
        }
    }

    #[test]
    fn what_a_kernel_lacks_is_named_and_what_it_has_is_not() {
        let all = Walls { landlock: Landlock::FilesAndTcp, filter: true, network: false };
        assert_eq!((all.missing(), all.to_string().contains("files and TCP closed")), (None, true));
        let old = Walls { landlock: Landlock::Files, ..all };
        assert_eq!(old.missing().as_deref(), Some("Landlock for TCP (Linux 6.7)"));
        let bare = Walls { landlock: Landlock::No, filter: false, network: false };
        let missing = bare.missing().unwrap();
        assert!(missing.contains("5.13") && missing.contains("CONFIG_SECCOMP_FILTER"), "{missing}");
        assert_eq!(bare.to_string(), "memory and time bounded");
    }
}
