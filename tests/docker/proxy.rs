//! A proxy between the program and its engine that counts calls, and spoils or holds up the one that it is told to.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, copy_bidirectional, sink};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// How a call is spoilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The engine never hears of it, and an error is answered.
    Refused,
    /// The connection is closed before the engine hears of it.
    Cut,
    /// The engine does it, and its answer is lost.
    Unanswered,
}

/// A proxy, gone when dropped.
pub struct Proxy {
    folder: TempDir,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    /// Method and path of each call.
    calls: Vec<String>,
    /// Which of the calls that come is spoilt; 0 for none.
    spoil: usize,
    fault: Option<Fault>,
    /// Calls with this in them wait; none if there is none such.
    hold: Option<&'static str>,
    /// How many wait, or waited.
    held: usize,
}

impl Proxy {
    /// A proxy before the engine at `endpoint`.
    pub fn before(endpoint: &str) -> Self {
        let engine = PathBuf::from(endpoint.strip_prefix("unix://").unwrap());
        let folder = TempDir::new().unwrap();
        let listener = UnixListener::bind(folder.path().join("docker.sock")).unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (engine, shared) = (engine.clone(), Arc::clone(&shared));
                // A side that goes away in the middle ends the call, as it does without a proxy.
                drop(tokio::spawn(async move { serve(client, &engine, &shared).await.ok() }));
            }
        });
        Self { folder, seen, task }
    }

    pub fn endpoint(&self) -> String {
        format!("unix://{}/docker.sock", self.folder.path().display())
    }

    /// The calls so far, but for the stream of events.
    pub fn calls(&self) -> Vec<String> {
        let mut calls = self.seen.lock().unwrap().calls.clone();
        calls.retain(|call| !call.contains("/events"));
        calls
    }

    /// Spoils the `number`th call from here on, counted from 1.
    pub fn spoil(&self, number: usize, fault: Fault) {
        let mut seen = self.seen.lock().unwrap();
        (seen.spoil, seen.fault) = (number, Some(fault));
    }

    /// Holds up each call that has this in its method and path, until [`Proxy::release`].
    pub fn hold(&self, part: &'static str) {
        self.seen.lock().unwrap().hold = Some(part);
    }

    /// How many calls were held up so far.
    pub fn held(&self) -> usize {
        self.seen.lock().unwrap().held
    }

    /// Lets all calls go on.
    pub fn release(&self) {
        self.seen.lock().unwrap().hold = None;
    }

    /// True if the call that was to be spoilt came; spoils none any more.
    pub fn spoilt(&self) -> bool {
        let mut seen = self.seen.lock().unwrap();
        seen.spoil = 0;
        seen.fault.take().is_none()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Hands on one call. Each has a connection of its own: the engine is asked to close it.
async fn serve(mut client: UnixStream, engine: &PathBuf, seen: &Mutex<Seen>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let mut part = [0; 4096];
        match client.read(&mut part).await? {
            0 => return Ok(()),
            count => head.extend_from_slice(&part[..count]),
        }
    }
    let first = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
    let fault = note(&first, &mut seen.lock().unwrap());
    match fault {
        Some(Fault::Refused) => {
            let body = r#"{"message":"spoilt by the test"}"#;
            let form = "HTTP/1.1 500 So\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length:";
            client.write_all(format!("{form} {}\r\n\r\n{body}", body.len()).as_bytes()).await?;
            return client.shutdown().await;
        }
        Some(Fault::Cut) => return Ok(()),
        Some(Fault::Unanswered) | None => {}
    }
    if !wait(&first, &mut client, &mut head, seen).await? {
        return Ok(());
    }
    let upgrades = String::from_utf8_lossy(&head).to_ascii_lowercase().contains("\r\nupgrade:");
    if !upgrades {
        let end = head.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        head.splice(end..end, *b"Connection: close\r\n");
    }
    let mut engine = UnixStream::connect(engine).await?;
    engine.write_all(&head).await?;
    if fault == Some(Fault::Unanswered) {
        let (mut from_engine, mut to_engine) = engine.split();
        let (mut from_client, _to_client) = client.split();
        let mut nowhere = sink();
        let mut answer = std::pin::pin!(copy(&mut from_engine, &mut nowhere));
        return tokio::select! {
            done = &mut answer => done.map(|_| ()),
            // All that was asked is with the engine; it still has to do it.
            _ = copy(&mut from_client, &mut to_engine) => answer.await.map(|_| ()),
        };
    }
    copy_bidirectional(&mut client, &mut engine).await.map(|_| ())
}

/// Waits as long as the call is held up. False if its caller went away meanwhile: the engine never hears of it.
async fn wait(first: &str, client: &mut UnixStream, head: &mut Vec<u8>, seen: &Mutex<Seen>) -> std::io::Result<bool> {
    let is_held = || seen.lock().unwrap().hold.is_some_and(|part| first.contains(part));
    if is_held() {
        seen.lock().unwrap().held += 1;
    }
    while is_held() {
        let mut part = [0; 4096];
        tokio::select! {
            read = client.read(&mut part) => match read? {
                0 => return Ok(false),
                count => head.extend_from_slice(&part[..count]),
            },
            () = tokio::time::sleep(Duration::from_millis(10)) => {}
        }
    }
    Ok(true)
}

/// Counts a call; how it is to be spoilt.
fn note(first: &str, seen: &mut Seen) -> Option<Fault> {
    let call = first.rsplit_once(' ').map_or(first, |(call, _)| call);
    seen.calls.push(call.to_owned());
    // The stream of events begins whenever it likes, so that counting it would spoil another call each time.
    if seen.spoil == 0 || call.contains("/events") {
        return None;
    }
    seen.spoil -= 1;
    if seen.spoil == 0 { seen.fault.take() } else { None }
}
