//! A client that asks again and again, by connections that are kept and by new ones, and counts every answer.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Longest time for one answer.
const PATIENCE: Duration = Duration::from_secs(180);

/// Connections that are kept, and as many askers that make a new one for each request.
const ASKERS: u32 = 10;

/// Requests under way.
pub struct Load {
    stop: Arc<AtomicBool>,
    counted: Arc<Mutex<Counted>>,
    askers: Vec<JoinHandle<()>>,
}

/// What became of all requests.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    /// Answered over a connection that was there.
    pub reused: usize,
    /// Answered over a new connection.
    pub fresh: usize,
    /// Not answered with 200, and why.
    pub lost: Vec<String>,
    answers: BTreeSet<String>,
}

impl Load {
    /// Asks `per_second` times a second, half of it over connections that are kept.
    pub async fn start(at: SocketAddr, host: &str, per_second: u32) -> Self {
        let (stop, counted) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Counted::default())));
        let pause = Duration::from_secs(1) * ASKERS * 2 / per_second;
        let askers = (0..ASKERS * 2).map(|number| {
            let (stop, counted, host) = (Arc::clone(&stop), Arc::clone(&counted), host.to_owned());
            tokio::spawn(async move { ask_on(at, &host, pause, number < ASKERS, &stop, &counted).await })
        });
        Self { askers: askers.collect(), stop, counted }
    }

    /// True if this was answered.
    pub fn seen(&self, answer: &str) -> bool {
        self.counted.lock().unwrap().answers.contains(answer)
    }

    /// Ends it once what is under way has been answered.
    pub async fn stop(self) -> Counted {
        self.stop.store(true, Ordering::Relaxed);
        for asker in self.askers {
            asker.await.unwrap();
        }
        self.counted.lock().unwrap().clone()
    }
}

async fn ask_on(at: SocketAddr, host: &str, pause: Duration, keep: bool, stop: &AtomicBool, counted: &Mutex<Counted>) {
    let mut tick = interval(pause);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connection = None;
    while !stop.load(Ordering::Relaxed) {
        tick.tick().await;
        let reused = connection.is_some();
        let asked = timeout(PATIENCE, ask(at, host, keep, &mut connection)).await;
        let asked = asked.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)));
        let mut counted = counted.lock().unwrap();
        match asked {
            Ok((200, text)) => {
                counted.answers.insert(text);
                if reused { counted.reused += 1 } else { counted.fresh += 1 }
            }
            Ok((status, text)) => counted.lost.push(format!("{status} {text}")),
            Err(error) => {
                counted.lost.push(format!("{error}, over a {} connection", if reused { "kept" } else { "new" }));
                connection = None;
            }
        }
    }
}

/// One request and its whole answer.
async fn ask(at: SocketAddr, host: &str, keep: bool, connection: &mut Option<TcpStream>) -> io::Result<(u16, String)> {
    let mut stream = match connection.take() {
        Some(stream) => stream,
        None => TcpStream::connect(at).await?,
    };
    let end = if keep { "keep-alive" } else { "close" };
    let request = format!("GET /version HTTP/1.1\r\nHost: {host}\r\nConnection: {end}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    let (head, length) = loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("cut off after {} bytes", answer.len())));
        }
        answer.extend_from_slice(&piece[..read]);
        let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        let length = length.ok_or_else(|| io::Error::other(format!("no length: {text}")))?;
        if answer.len() >= head + 4 + length {
            break (head, length);
        }
    };
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let (told, body) = text.split_at(head);
    let is_kept = keep && !told.to_ascii_lowercase().contains("connection: close");
    if is_kept {
        *connection = Some(stream);
    }
    Ok((status, body.get(4..4 + length).unwrap_or_default().trim().to_owned()))
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reused, fresh, lost, answers } = self;
        let first: Vec<&String> = lost.iter().take(5).collect();
        write!(
            f,
            "{reused} over kept and {fresh} over new connections, {} lost {first:?}, answers {answers:?}",
            lost.len()
        )
    }
}
