//! Counts what comes in, and ends an exchange that brings too much, says nothing for too long, or takes too long.

use std::io::{self, BufRead, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::bounds::{Allowance, memory_held};
use crate::clock::Stopwatch;

/// Time between two looks at the memory that an exchange takes, while one is under way: a thread unpacks some 100 MiB in it.
const LOOK: Duration = Duration::from_millis(50);

/// Pieces of an answer that are read ahead of whoever wants them.
const AHEAD: usize = 4;

/// The limit that an exchange reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    /// The time for all of it.
    Time,
    /// The time without a byte.
    Silence,
    /// The bytes that it may bring.
    Bytes,
    /// The memory that it may take.
    Memory,
}

/// What one exchange with a remote moved, and why it was stopped, if it was.
#[derive(Debug)]
pub(super) struct Meter {
    started: Stopwatch,
    allowance: Allowance,
    received: AtomicU64,
    /// Milliseconds after the start, and one, since which a byte is waited for; 0 while none is.
    waiting: AtomicU64,
    reached: Mutex<Option<Reached>>,
    /// Looked at by `gix` between pieces of work.
    pub(super) interrupted: AtomicBool,
    redirect: Mutex<Option<String>>,
}

impl Meter {
    pub(super) fn new(allowance: Allowance) -> Arc<Self> {
        Arc::new(Self {
            started: Stopwatch::start(),
            allowance,
            received: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            reached: Mutex::new(None),
            interrupted: AtomicBool::new(false),
            redirect: Mutex::new(None),
        })
    }

    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// The limit that was reached first.
    pub(super) fn reached(&self) -> Option<Reached> {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The limit that ended the exchange: also where the client gave up in the same moment as the deadline, and told it first.
    pub(super) fn ended_by(&self) -> Option<Reached> {
        self.reached().or_else(|| self.overdue())
    }

    pub(super) fn set_redirect(&self, to: String) {
        *self.redirect.lock().unwrap_or_else(PoisonError::into_inner) = Some(to);
    }

    pub(super) fn redirect(&self) -> Option<String> {
        self.redirect.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Time that is left of that for the whole exchange.
    pub(super) fn left(&self) -> Duration {
        self.allowance.time.saturating_sub(self.started.elapsed())
    }

    /// Stops the exchange. The first limit stays: what follows is its consequence.
    fn stop(&self, limit: Reached) -> io::Error {
        let first = *self.reached.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(limit);
        self.interrupted.store(true, Ordering::Relaxed);
        stopped(first)
    }

    fn is_open(&self) -> io::Result<()> {
        self.reached().map_or(Ok(()), |limit| Err(stopped(limit)))
    }

    fn count(&self, bytes: usize) -> io::Result<()> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let before = self.received.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.allowance.bytes {
            return Err(self.stop(Reached::Bytes));
        }
        Ok(())
    }

    /// Waits for a byte, and lets the deadline know.
    fn wait<T>(&self, read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.is_open()?;
        let since = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.waiting.store(since + 1, Ordering::Relaxed);
        let read = read();
        self.waiting.store(0, Ordering::Relaxed);
        read
    }

    /// The limit of time that is reached by now.
    fn overdue(&self) -> Option<Reached> {
        if self.left().is_zero() {
            return Some(Reached::Time);
        }
        let since = self.waiting.load(Ordering::Relaxed).checked_sub(1).map(Duration::from_millis)?;
        (self.started.elapsed().saturating_sub(since) > self.allowance.silence).then_some(Reached::Silence)
    }
}

fn stopped(limit: Reached) -> io::Error {
    io::Error::other(match limit {
        Reached::Time => "the exchange took longer than the limit",
        Reached::Silence => "the remote was silent for longer than the limit",
        Reached::Bytes => "the remote sends more than the limit",
        Reached::Memory => "what the remote sends takes more memory than the limit",
    })
}

/// A reader whose bytes are counted and whose waits are seen.
pub(super) struct Metered<R> {
    inner: R,
    meter: Arc<Meter>,
}

impl<R> Metered<R> {
    pub(super) fn new(inner: R, meter: Arc<Meter>) -> Self {
        Self { inner, meter }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let inner = &mut self.inner;
        let read = self.meter.wait(|| inner.read(buffer))?;
        self.meter.count(read)?;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Metered<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let Self { inner, meter } = self;
        meter.is_open()?;
        inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // Consuming cannot fail; past the limit, the next look fails instead.
        self.meter.count(amount).ok();
        self.inner.consume(amount);
    }
}

/// A reader that gives up in time, whatever the one within does: a thread reads that one.
pub(super) struct Timed {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: io::Cursor<Vec<u8>>,
    meter: Arc<Meter>,
}

impl Timed {
    pub(super) fn new(inner: impl BufRead + Send + 'static, meter: Arc<Meter>) -> Self {
        let (sender, pieces) = sync_channel(AHEAD);
        // Ends with its reader, or with the first piece that nobody takes.
        std::thread::spawn(move || read_ahead(inner, &sender));
        Self { pieces, piece: io::Cursor::default(), meter }
    }
}

fn read_ahead(mut inner: impl BufRead, pieces: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        // Whatever is there at once: to fill a buffer of a size would be to wait for it.
        let piece = match inner.fill_buf() {
            Ok(piece) => Ok(piece.to_vec()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let length = piece.as_ref().map_or(0, Vec::len);
        inner.consume(length);
        if pieces.send(piece).is_err() || length == 0 {
            return;
        }
    }
}

impl BufRead for Timed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.piece.fill_buf()?.is_empty() {
            let pieces = &self.pieces;
            let patience = self.meter.left().min(self.meter.allowance.silence);
            let piece = self.meter.wait(|| Ok(pieces.recv_timeout(patience)))?;
            self.piece = io::Cursor::new(match piece {
                Ok(piece) => piece?,
                // The reader has told its end already.
                Err(RecvTimeoutError::Disconnected) => Vec::new(),
                Err(RecvTimeoutError::Timeout) => {
                    let limit = if self.meter.left().is_zero() { Reached::Time } else { Reached::Silence };
                    return Err(self.meter.stop(limit));
                }
            });
        }
        self.piece.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.piece.consume(amount);
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.fill_buf()?;
        let read = io::Read::read(&mut &*piece, buffer)?;
        self.consume(read);
        Ok(read)
    }
}

/// Ends an exchange at its limits: sets the flag, and ends the program in between.
pub(super) struct Deadline {
    cancel: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Deadline {
    /// Watches from now on. `end` is called once, if a limit is reached.
    pub(super) fn start(meter: Arc<Meter>, end: impl FnOnce() + Send + 'static) -> Self {
        let (cancel, cancelled) = channel();
        let thread = std::thread::spawn(move || watch(&cancelled, &meter, end));
        Self { cancel: Some(cancel), thread: Some(thread) }
    }
}

fn watch(cancelled: &Receiver<()>, meter: &Meter, end: impl FnOnce()) {
    let before = memory_held();
    loop {
        match cancelled.recv_timeout(LOOK.min(meter.left())) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
        }
        // What cannot be read is not bounded here; the time is.
        let grown = memory_held().zip(before).map_or(0, |(now, before)| now.saturating_sub(before));
        let reached = meter.overdue().or((grown > meter.allowance.memory).then_some(Reached::Memory));
        if let Some(limit) = reached {
            // Whoever reads next gets this error; the one who waits is woken by the end of the program.
            drop(meter.stop(limit));
            return end();
        }
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        drop(self.cancel.take());
        if let Some(thread) = self.thread.take() {
            // The thread only waits and sets flags; it has nothing to tell.
            thread.join().ok();
        }
    }
}
