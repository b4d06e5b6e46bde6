//! Which calls of the kernel a child may make: those that reading, computing and answering take.
//!
//! Invariant: no descriptor but standard input, output and error is of any use, wherever it came from.
//! Invariant: no memory becomes a program.
//!
//! The program of a plugin, which any language may have made, may call what starting, threads and looking at what it was
//! given take as well: no path, no other process and no network comes of any of it, and no descriptor but those that a
//! runtime waits by.

use std::collections::BTreeMap;
use std::env::consts::ARCH;

use libc::{
    CLONE_THREAD, ENOSYS, EPERM, MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, PROT_EXEC, SYS_accept4, SYS_bind, SYS_bpf,
    SYS_brk, SYS_clock_gettime, SYS_clock_nanosleep, SYS_clone, SYS_clone3, SYS_close, SYS_connect, SYS_epoll_create1,
    SYS_epoll_ctl, SYS_epoll_pwait, SYS_eventfd2, SYS_execve, SYS_execveat, SYS_exit, SYS_exit_group, SYS_fcntl,
    SYS_fstat, SYS_futex, SYS_getpid, SYS_getrandom, SYS_gettid, SYS_io_uring_setup, SYS_keyctl, SYS_kill, SYS_listen,
    SYS_lseek, SYS_madvise, SYS_mmap, SYS_mount, SYS_mprotect, SYS_mremap, SYS_munmap, SYS_nanosleep,
    SYS_perf_event_open, SYS_pidfd_getfd, SYS_ppoll, SYS_process_vm_readv, SYS_process_vm_writev, SYS_ptrace, SYS_read,
    SYS_readv, SYS_restart_syscall, SYS_rseq, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,
    SYS_sched_getaffinity, SYS_sched_yield, SYS_sendmsg, SYS_sendto, SYS_set_robust_list, SYS_set_tid_address,
    SYS_setns, SYS_sigaltstack, SYS_socket, SYS_socketpair, SYS_tgkill, SYS_uname, SYS_unshare, SYS_userfaultfd,
    SYS_write, SYS_writev,
};
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

use super::walls::WallError;

/// Calls that are answered whatever they are given.
const HARMLESS: [i64; 17] = [
    SYS_brk,
    SYS_clock_gettime,
    SYS_exit,
    SYS_exit_group,
    SYS_futex,
    SYS_getpid,
    SYS_getrandom,
    SYS_gettid,
    SYS_madvise,
    SYS_mremap,
    SYS_munmap,
    SYS_restart_syscall,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sched_yield,
    SYS_sigaltstack,
];

/// Calls that no library makes by itself. Whoever makes one reaches out, and is ended.
const REACHING_OUT: [i64; 23] = [
    SYS_accept4,
    SYS_bind,
    SYS_bpf,
    SYS_connect,
    SYS_execve,
    SYS_execveat,
    SYS_io_uring_setup,
    SYS_keyctl,
    SYS_kill,
    SYS_listen,
    SYS_mount,
    SYS_pidfd_getfd,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_ptrace,
    SYS_sendmsg,
    SYS_sendto,
    SYS_setns,
    SYS_socket,
    SYS_socketpair,
    SYS_unshare,
    SYS_userfaultfd,
    SYS_perf_event_open,
];

/// Calls that the program of a plugin may make, too.
const OF_PROGRAMS: &[i64] = &[
    SYS_clock_nanosleep,
    SYS_clone3,
    SYS_close,
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_eventfd2,
    SYS_execve,
    SYS_fcntl,
    SYS_fstat,
    SYS_lseek,
    SYS_nanosleep,
    SYS_ppoll,
    SYS_read,
    SYS_readv,
    SYS_rseq,
    SYS_sched_getaffinity,
    SYS_set_robust_list,
    SYS_set_tid_address,
    SYS_uname,
    SYS_write,
    SYS_writev,
];

/// The same, of calls that not every processor has.
#[cfg(target_arch = "x86_64")]
const OF_PROCESSOR: &[i64] = &[libc::SYS_arch_prctl, libc::SYS_poll];
#[cfg(not(target_arch = "x86_64"))]
const OF_PROCESSOR: &[i64] = &[];

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Filters the calls of this thread and of all that it starts. False if the kernel knows no filters.
///
/// For the program of a plugin, calls that only such a one makes are answered as well.
pub(super) fn filter(program: bool) -> Result<bool, WallError> {
    let failed = |error: BackendError| WallError::Filter(error.into());
    let errno = |error: i32| SeccompAction::Errno(error.unsigned_abs());
    let ended = (reaching_out(program), SeccompAction::Allow, SeccompAction::KillProcess);
    // Its flags cannot be looked at here. As if the kernel were too old, libraries fall back to the call whose can.
    let unknown = (Rules::from([(SYS_clone3, Vec::new())]), SeccompAction::Allow, errno(ENOSYS));
    // Whatever else is called fails as if for want of permission: a library then does without.
    let allowed = if program { allowed_to_programs() } else { allowed() };
    let denied = (allowed.map_err(failed)?, errno(EPERM), SeccompAction::Allow);
    // In this order: the last lets no further one in.
    for (rules, otherwise, matching) in [ended, unknown, denied] {
        let processor = ARCH.try_into().map_err(failed)?;
        let filter = SeccompFilter::new(rules, otherwise, matching, processor).map_err(failed)?;
        let program = BpfProgram::try_from(filter).map_err(failed)?;
        match apply_filter(&program) {
            Ok(()) => {}
            Err(Error::Prctl(_) | Error::Seccomp(_)) => return Ok(false),
            Err(error) => return Err(WallError::Filter(error)),
        }
    }
    Ok(true)
}

fn reaching_out(program: bool) -> Rules {
    let calls = REACHING_OUT.into_iter().filter(|call| !program || *call != SYS_execve);
    calls.map(|call| (call, Vec::new())).collect()
}

/// What the program of a plugin may call: what is harmless, threads of its own, and becoming the one file that may be
/// executed. Without a path that can be opened and a descriptor that leads anywhere, none of it leads out.
fn allowed_to_programs() -> Result<Rules, BackendError> {
    let mut rules = allowed()?;
    rules.extend(OF_PROGRAMS.iter().chain(OF_PROCESSOR).map(|call| (*call, Vec::new())));
    let thread = u64::from(CLONE_THREAD.unsigned_abs());
    rules.insert(SYS_clone, vec![rule([when(0, SeccompCmpOp::MaskedEq(thread), thread)?])?]);
    Ok(rules)
}

/// Harmless calls, and those that are harmless with some arguments.
fn allowed() -> Result<Rules, BackendError> {
    let process = rustix::process::getpid().as_raw_nonzero().get();
    let executable = SeccompCmpOp::MaskedEq(u64::from(PROT_EXEC.unsigned_abs()));
    let anonymous = u64::from(MAP_ANONYMOUS.unsigned_abs());
    let is = |argument, value: u64| when(argument, SeccompCmpOp::Eq, value);
    let mut rules: Rules = HARMLESS.into_iter().map(|call| (call, Vec::new())).collect();
    rules.insert(SYS_read, vec![rule([is(0, 0)?])?]);
    rules.insert(SYS_write, vec![rule([is(0, 1)?])?, rule([is(0, 2)?])?]);
    rules.insert(SYS_tgkill, vec![rule([is(0, u64::from(process.unsigned_abs()))?])?]);
    rules.insert(SYS_mprotect, vec![rule([when(2, executable.clone(), 0)?])?]);
    // Memory that is shared would not count as the process's own.
    let [own, shared] = [MAP_PRIVATE, MAP_SHARED].map(|kind| u64::from(kind.unsigned_abs()));
    let fresh = when(3, SeccompCmpOp::MaskedEq(anonymous | own | shared), anonymous | own)?;
    rules.insert(SYS_mmap, vec![rule([when(2, executable, 0)?, fresh])?]);
    Ok(rules)
}

fn rule<const N: usize>(conditions: [SeccompCondition; N]) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions.into())
}

fn when(argument: u8, is: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, is, value)
}
