//! One connection that is passed on: two pipes, each of which holds back no more than the other side did not take yet.
//!
//! Invariant: what was read is written, in its order, or the connection breaks; an end of one direction ends that one alone.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpStream};
use std::os::fd::AsRawFd as _;
use std::time::Instant;

use crate::kernel::{Interest, Poll};

/// What is read at once, and so the most that a pipe holds back.
pub const BUFFER_BYTES: usize = 16 << 10;

/// Reads of one pipe before others have their turn.
const TURNS: usize = 16;

/// A connection from a client.
pub struct Stream {
    pub client: Side,
    pub address: IpAddr,
    pub route: usize,
    /// When it is given up, should no pod take it by then.
    pub until: Instant,
    pub phase: Phase,
    /// From the client to the pod, and back.
    up: Pipe,
    down: Pipe,
}

/// How far a connection is.
pub enum Phase {
    /// It is asked which pods there are.
    Asking,
    /// A pod is called; the others come after it, should that fail.
    Dialing { side: Side, pod: Ipv4Addr, others: VecDeque<Ipv4Addr>, until: Instant },
    /// No pod could be reached; they are asked for again at that time.
    Resting { again: Instant },
    /// It stands.
    Open { side: Side },
}

/// One end, and what is waited for there.
pub struct Side {
    pub socket: TcpStream,
    key: u64,
    interest: Interest,
}

#[derive(Default)]
struct Pipe {
    /// What was read and is not written yet.
    held: VecDeque<u8>,
    /// Nothing more comes, or nobody takes it.
    ended: bool,
    /// That was said to the other side.
    shut: bool,
}

/// What became of a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Course {
    /// It goes on.
    On,
    /// Both directions came to their end.
    Ended,
    /// One side broke it.
    Broken,
}

impl Side {
    pub fn new(socket: TcpStream, key: u64) -> Self {
        Self { socket, key, interest: Interest::default() }
    }

    pub fn wait(&mut self, poll: &Poll, interest: Interest) -> io::Result<()> {
        poll.change(self.socket.as_raw_fd(), self.key, self.interest, interest)?;
        self.interest = interest;
        Ok(())
    }
}

impl Stream {
    pub fn new(client: Side, address: IpAddr, route: usize, until: Instant) -> Self {
        Self { client, address, route, until, phase: Phase::Asking, up: Pipe::default(), down: Pipe::default() }
    }

    /// Passes on what there is, as far as the other side takes it.
    pub fn pass(&mut self, poll: &Poll, scratch: &mut [u8]) -> Course {
        let Phase::Open { side } = &mut self.phase else { return Course::On };
        let passed = self
            .up
            .pass(&self.client.socket, &side.socket, scratch)
            .and_then(|()| self.down.pass(&side.socket, &self.client.socket, scratch));
        if passed.is_err() {
            return Course::Broken;
        }
        if self.up.shut && self.down.shut {
            return Course::Ended;
        }
        let client = Interest { read: self.up.reads(), write: self.down.writes() };
        let pod = Interest { read: self.down.reads(), write: self.up.writes() };
        match self.client.wait(poll, client).and_then(|()| side.wait(poll, pod)) {
            Ok(()) => Course::On,
            Err(_) => Course::Broken,
        }
    }
}

impl Pipe {
    fn reads(&self) -> bool {
        !self.ended && self.held.is_empty()
    }

    fn writes(&self) -> bool {
        !self.held.is_empty()
    }

    fn pass(&mut self, from: &TcpStream, to: &TcpStream, scratch: &mut [u8]) -> io::Result<()> {
        for _ in 0..TURNS {
            if !self.write(to) {
                return Ok(());
            }
            if self.ended {
                if !self.shut {
                    // A side that is gone needs no word.
                    drop(to.shutdown(Shutdown::Write));
                    self.shut = true;
                }
                return Ok(());
            }
            match (&mut &*from).read(scratch) {
                Ok(0) => self.ended = true,
                Ok(count) => self.held.extend(&scratch[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes what is held back. False if the other side does not take all of it now.
    fn write(&mut self, to: &TcpStream) -> bool {
        while !self.held.is_empty() {
            match (&mut &*to).write(self.held.as_slices().0) {
                Ok(count) => drop(self.held.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Nobody takes it any more. What comes from there is passed on all the same.
                Err(_) => {
                    self.held.clear();
                    (self.ended, self.shut) = (true, true);
                }
            }
        }
        if self.held.capacity() > 0 {
            self.held = VecDeque::new();
        }
        true
    }
}
