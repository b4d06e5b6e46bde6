//! Which calls of the kernel a child may make: those that reading, computing and answering take.
//!
//! Invariant: no descriptor but standard input, output and error is of any use, wherever it came from.
//! Invariant: no memory becomes a program.

use std::collections::BTreeMap;
use std::env::consts::ARCH;

use libc::{
    EPERM, MAP_ANONYMOUS, PROT_EXEC, SYS_accept4, SYS_bind, SYS_bpf, SYS_brk, SYS_clock_gettime, SYS_connect,
    SYS_execve, SYS_execveat, SYS_exit, SYS_exit_group, SYS_futex, SYS_getpid, SYS_getrandom, SYS_gettid,
    SYS_io_uring_setup, SYS_keyctl, SYS_kill, SYS_listen, SYS_madvise, SYS_mmap, SYS_mount, SYS_mprotect, SYS_mremap,
    SYS_munmap, SYS_perf_event_open, SYS_pidfd_getfd, SYS_process_vm_readv, SYS_process_vm_writev, SYS_ptrace,
    SYS_read, SYS_restart_syscall, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sched_yield,
    SYS_sendmsg, SYS_sendto, SYS_setns, SYS_sigaltstack, SYS_socket, SYS_socketpair, SYS_tgkill, SYS_unshare,
    SYS_userfaultfd, SYS_write,
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

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Filters the calls of this thread and of all that it starts. False if the kernel knows no filters.
pub(super) fn filter() -> Result<bool, WallError> {
    let failed = |error: BackendError| WallError::Filter(error.into());
    let ended = (reaching_out(), SeccompAction::Allow, SeccompAction::KillProcess);
    // Whatever else is called fails as if for want of permission: a library then does without.
    let denied = (allowed().map_err(failed)?, SeccompAction::Errno(EPERM.unsigned_abs()), SeccompAction::Allow);
    // In this order: the second lets no third one in.
    for (rules, otherwise, matching) in [ended, denied] {
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

fn reaching_out() -> Rules {
    REACHING_OUT.into_iter().map(|call| (call, Vec::new())).collect()
}

/// Harmless calls, and those that are harmless with some arguments.
fn allowed() -> Result<Rules, BackendError> {
    let own = rustix::process::getpid().as_raw_nonzero().get();
    let executable = SeccompCmpOp::MaskedEq(u64::from(PROT_EXEC.unsigned_abs()));
    let anonymous = u64::from(MAP_ANONYMOUS.unsigned_abs());
    let is = |argument, value: u64| when(argument, SeccompCmpOp::Eq, value);
    let mut rules: Rules = HARMLESS.into_iter().map(|call| (call, Vec::new())).collect();
    rules.insert(SYS_read, vec![rule([is(0, 0)?])?]);
    rules.insert(SYS_write, vec![rule([is(0, 1)?])?, rule([is(0, 2)?])?]);
    rules.insert(SYS_tgkill, vec![rule([is(0, u64::from(own.unsigned_abs()))?])?]);
    rules.insert(SYS_mprotect, vec![rule([when(2, executable.clone(), 0)?])?]);
    let fresh = when(3, SeccompCmpOp::MaskedEq(anonymous), anonymous)?;
    rules.insert(SYS_mmap, vec![rule([when(2, executable, 0)?, fresh])?]);
    Ok(rules)
}

fn rule<const N: usize>(conditions: [SeccompCondition; N]) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions.into())
}

fn when(argument: u8, is: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, is, value)
}
