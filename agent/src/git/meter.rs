//! Counts what comes in, stops what is too much, and ends what takes too long.

use std::io::{self, BufRead, Read};
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What one exchange with a remote moved, and why it was stopped, if it was.
#[derive(Debug, Default)]
pub(super) struct Meter {
    received: AtomicU64,
    limit: u64,
    too_much: AtomicBool,
    timed_out: AtomicBool,
    /// Looked at by `gix` between pieces of work.
    pub(super) interrupted: AtomicBool,
    redirect: Mutex<Option<String>>,
}

impl Meter {
    pub(super) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit, ..Self::default() })
    }

    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(super) fn too_much(&self) -> bool {
        self.too_much.load(Ordering::Relaxed)
    }

    pub(super) fn timed_out(&self) -> bool {
        self.timed_out.load(Ordering::Relaxed)
    }

    pub(super) fn set_redirect(&self, to: String) {
        *self.redirect.lock().unwrap_or_else(PoisonError::into_inner) = Some(to);
    }

    pub(super) fn redirect(&self) -> Option<String> {
        self.redirect.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, bytes: usize) -> io::Result<()> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let before = self.received.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.limit {
            self.too_much.store(true, Ordering::Relaxed);
            self.interrupted.store(true, Ordering::Relaxed);
            return Err(too_much());
        }
        Ok(())
    }
}

fn too_much() -> io::Error {
    io::Error::other("the remote sends more than the limit")
}

/// A reader whose bytes are counted.
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
        let read = self.inner.read(buffer)?;
        self.meter.count(read)?;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Metered<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.meter.too_much() {
            return Err(too_much());
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // Consuming cannot fail; past the limit, the next look fails instead.
        self.meter.count(amount).ok();
        self.inner.consume(amount);
    }
}

/// Ends an exchange at its deadline: sets the flag, and kills the program in between.
pub(super) struct Deadline {
    cancel: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Deadline {
    pub(super) fn start(after: Duration, meter: Arc<Meter>, child: Option<Arc<Mutex<Child>>>) -> Self {
        let (cancel, cancelled) = channel();
        let thread = std::thread::spawn(move || watch(after, &cancelled, &meter, child.as_deref()));
        Self { cancel: Some(cancel), thread: Some(thread) }
    }
}

fn watch(after: Duration, cancelled: &Receiver<()>, meter: &Meter, child: Option<&Mutex<Child>>) {
    match cancelled.recv_timeout(after) {
        Err(RecvTimeoutError::Timeout) => {
            meter.timed_out.store(true, Ordering::Relaxed);
            meter.interrupted.store(true, Ordering::Relaxed);
            if let Some(child) = child {
                // A program that has just ended cannot be killed, which is as good.
                child.lock().unwrap_or_else(PoisonError::into_inner).kill().ok();
            }
        }
        Ok(()) | Err(RecvTimeoutError::Disconnected) => {}
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
