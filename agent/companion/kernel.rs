//! What the standard library has no words for about sockets: waiting for many, connecting without waiting, and how they end.
//!
//! Invariant: beside `signals.rs` the only file of Writ that speaks to the C library without a check of the compiler; each
//! call passes its own values alone.

use std::ffi::{c_int, c_void};
use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd, RawFd};
use std::time::Duration;

/// One thing that a socket is ready for. Source: `struct epoll_event`, packed on x86-64 alone.
#[derive(Clone, Copy)]
#[cfg_attr(target_arch = "x86_64", repr(C, packed))]
#[cfg_attr(not(target_arch = "x86_64"), repr(C))]
struct Event {
    events: u32,
    key: u64,
}

/// Source: `struct sockaddr_in`.
#[repr(C)]
struct Address {
    family: u16,
    port: u16,
    address: u32,
    zero: [u8; 8],
}

/// Source: `struct linger`.
#[repr(C)]
struct Linger {
    on: c_int,
    seconds: c_int,
}

/// Source: `struct rlimit` on 64 bits.
#[repr(C)]
struct Limit {
    soft: u64,
    hard: u64,
}

unsafe extern "C" {
    fn epoll_create1(flags: c_int) -> c_int;
    fn epoll_ctl(epoll: c_int, operation: c_int, socket: c_int, event: *mut Event) -> c_int;
    fn epoll_wait(epoll: c_int, events: *mut Event, count: c_int, timeout: c_int) -> c_int;
    fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int;
    fn connect(socket: c_int, address: *const Address, length: u32) -> c_int;
    fn setsockopt(socket: c_int, level: c_int, name: c_int, value: *const c_void, length: u32) -> c_int;
    fn listen(socket: c_int, backlog: c_int) -> c_int;
    fn getrlimit(what: c_int, limit: *mut Limit) -> c_int;
    fn setrlimit(what: c_int, limit: *const Limit) -> c_int;
}

// Numbers of Linux on x86-64 and 64-bit ARM. Sources: epoll(7), socket(2), socket(7), tcp(7), getrlimit(2).
const CLOSE_ON_EXEC: c_int = 0o2_000_000;
const NON_BLOCKING: c_int = 0o4_000;
const ADD: c_int = 1;
const REMOVE: c_int = 2;
const CHANGE: c_int = 3;
const IN: u32 = 1;
const OUT: u32 = 4;
const INET: u16 = 2;
const STREAM: c_int = 1;
const LEVEL_SOCKET: c_int = 1;
const LEVEL_TCP: c_int = 6;
const OPTION_KEEP_ALIVE: c_int = 9;
const OPTION_LINGER: c_int = 13;
const TCP_KEEP_IDLE: c_int = 4;
const TCP_KEEP_INTERVAL: c_int = 5;
const TCP_KEEP_COUNT: c_int = 6;
const FILES: c_int = 7;
const IN_PROGRESS: i32 = 115;

/// Events that are fetched at once.
const EVENTS: usize = 256;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interest {
    pub read: bool,
    pub write: bool,
}

/// Many sockets that are waited for together.
pub struct Poll(OwnedFd);

fn done(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

impl Poll {
    pub fn new() -> io::Result<Self> {
        // SAFETY: the number that comes back is a descriptor that nobody else has.
        unsafe { Ok(Self(OwnedFd::from_raw_fd(done(epoll_create1(CLOSE_ON_EXEC))?))) }
    }

    /// Waits for a socket in another way than before. One that nothing is waited for is not told of at all, not even of its end.
    pub fn change(&self, socket: RawFd, key: u64, before: Interest, now: Interest) -> io::Result<()> {
        let none = Interest::default();
        let operation = match (before == none, now == none) {
            _ if before == now => return Ok(()),
            (true, _) => ADD,
            (false, true) => REMOVE,
            (false, false) => CHANGE,
        };
        let events = if now.read { IN } else { 0 } | if now.write { OUT } else { 0 };
        let mut event = Event { events, key };
        // SAFETY: the event is ours.
        done(unsafe { epoll_ctl(self.0.as_raw_fd(), operation, socket, &mut event) }).map(drop)
    }

    /// The keys of what became ready; none if nothing did in that time.
    pub fn wait(&self, limit: Option<Duration>) -> io::Result<Vec<u64>> {
        let mut events = [Event { events: 0, key: 0 }; EVENTS];
        let limit = limit.map_or(-1, |limit| c_int::try_from(limit.as_millis()).unwrap_or(c_int::MAX));
        // SAFETY: there is room for as many events as are said.
        let count = unsafe { epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr(), EVENTS as c_int, limit) };
        match done(count) {
            Ok(count) => Ok(events[..count as usize].iter().map(|event| event.key).collect()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

/// Begins a connection; it stands, or failed, once it can be written to.
pub fn begin(address: Ipv4Addr, port: u16) -> io::Result<TcpStream> {
    let to = Address { family: INET, port: port.to_be(), address: u32::from_ne_bytes(address.octets()), zero: [0; 8] };
    // SAFETY: the descriptor is nobody else's, and the address is as long as is said.
    unsafe {
        let made = done(socket(c_int::from(INET), STREAM | CLOSE_ON_EXEC | NON_BLOCKING, 0))?;
        let made = TcpStream::from_raw_fd(made);
        match done(connect(made.as_raw_fd(), &to, size_of::<Address>() as u32)) {
            Err(error) if error.raw_os_error() != Some(IN_PROGRESS) => Err(error),
            Ok(_) | Err(_) => Ok(made),
        }
    }
}

fn set<T>(socket: RawFd, level: c_int, option: c_int, value: &T) {
    // SAFETY: the value is as long as is said. An option that is not taken leaves the socket as it was.
    unsafe { setsockopt(socket, level, option, (&raw const *value).cast(), size_of::<T>() as u32) };
}

/// Lets so many callers of a listening socket wait; the library lets few.
pub fn let_wait(listener: &impl AsRawFd, callers: c_int) -> io::Result<()> {
    // SAFETY: numbers alone are handed over, and one that listens may be told again.
    done(unsafe { listen(listener.as_raw_fd(), callers) }).map(drop)
}

/// Lets a connection end by itself whose other side is gone without a word.
pub fn keep_alive(socket: &impl AsRawFd, idle: Duration, tries: c_int) {
    let socket = socket.as_raw_fd();
    let seconds = |time: Duration| c_int::try_from(time.as_secs()).unwrap_or(c_int::MAX);
    set(socket, LEVEL_TCP, TCP_KEEP_IDLE, &seconds(idle));
    set(socket, LEVEL_TCP, TCP_KEEP_INTERVAL, &seconds(idle / 4));
    set(socket, LEVEL_TCP, TCP_KEEP_COUNT, &tries);
    set(socket, LEVEL_SOCKET, OPTION_KEEP_ALIVE, &(1 as c_int));
}

/// Lets the end of a connection be seen by its other side as a break, not as an orderly end.
pub fn breaks(socket: &impl AsRawFd) {
    set(socket.as_raw_fd(), LEVEL_SOCKET, OPTION_LINGER, &Linger { on: 1, seconds: 0 });
}

/// Asks for as many descriptors as may be had; how many those are.
pub fn descriptors() -> u64 {
    let mut limit = Limit { soft: 0, hard: 0 };
    // SAFETY: the limit is ours, and written before it is read.
    unsafe {
        if getrlimit(FILES, &mut limit) != 0 {
            return 0;
        }
        let all = Limit { soft: limit.hard, hard: limit.hard };
        if setrlimit(FILES, &all) == 0 { limit.hard } else { limit.soft }
    }
}
