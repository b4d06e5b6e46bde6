//! What the standard library has no words for: waiting for a signal, and burying children that ended.
//!
//! Invariant: beside `kernel.rs` the only file of Writ that speaks to the C library without a check of the compiler; each call
//! passes its own values alone.

use std::ffi::c_int;
use std::ptr;

/// A set of signals. Source: `sigset_t` of the C libraries for Linux, 1,024 bits.
#[repr(C)]
struct Set([u64; 16]);

unsafe extern "C" {
    fn sigfillset(set: *mut Set) -> c_int;
    fn sigprocmask(how: c_int, set: *const Set, old: *mut Set) -> c_int;
    fn sigwait(set: *const Set, signal: *mut c_int) -> c_int;
    fn waitpid(process: c_int, status: *mut c_int, options: c_int) -> c_int;
}

// Numbers of Linux on x86-64 and 64-bit ARM. Sources: signal(7), `asm-generic/signal-defs.h`, wait(2).
const INTERRUPT: c_int = 2;
const TERMINATE: c_int = 15;
const CHILD: c_int = 17;
const BLOCK: c_int = 0;
const ANY: c_int = -1;
const NO_HANG: c_int = 1;

/// What a signal asks for.
pub enum Ask {
    /// To end.
    End,
    /// To look for children that ended.
    Bury,
    /// Nothing that concerns this program.
    Nothing,
}

/// All signals, which wait until they are asked for.
pub struct Signals(Set);

impl Signals {
    /// Holds all signals back from then on. Also the first process of a container hears those that are asked for.
    pub fn held_back() -> Self {
        let mut all = Set([0; 16]);
        // SAFETY: the set is ours and as large as the C library expects; none is asked for the old one.
        unsafe {
            sigfillset(&mut all);
            sigprocmask(BLOCK, &all, ptr::null_mut());
        }
        Self(all)
    }

    /// Waits for the next signal.
    pub fn next(&self) -> Ask {
        let mut signal: c_int = 0;
        // SAFETY: the set was filled, and the number is ours.
        unsafe { sigwait(&self.0, &mut signal) };
        match signal {
            INTERRUPT | TERMINATE => Ask::End,
            CHILD => Ask::Bury,
            _ => Ask::Nothing,
        }
    }

    /// Buries every child that ended, so that none stays behind as a zombie.
    pub fn bury(&self) {
        // SAFETY: how a child ended is not asked for.
        while unsafe { waitpid(ANY, ptr::null_mut(), NO_HANG) } > 0 {}
    }
}
