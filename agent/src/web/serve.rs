//! Connections: each bounded in what it may take and in how long it may take it.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::request::Parts;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use super::answer::{Answer, Body};
use super::gate::Gate;
use super::listen::{Listener, Stream};
use super::tls::Tls;
use super::verify::verify;
use super::{GateError, House, route};
use crate::error::chain;
use crate::limits::{
    WEB_CONNECTION_SECONDS_MAX, WEB_CONNECTIONS_MAX, WEB_HEADER_BYTES_MAX, WEB_HEADER_SECONDS_MAX, WEB_HEADERS_MAX,
    WEB_STREAM_SECONDS_MAX, WEB_STREAMS_MAX,
};
use crate::settings::Listen;

/// Time until it is tried again to listen.
const LISTEN_AGAIN: Duration = Duration::from_secs(5);

/// Time until it is tried again to take somebody in: most often there are no descriptors left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// How much less than others the thread gets of a processor that is wanted by several. A pass comes first.
const NICENESS: i32 = 10;

/// Why it is not listened.
#[derive(Debug, thiserror::Error)]
enum Unheard {
    #[error(transparent)]
    Gate(#[from] GateError),
    #[error("cannot listen at {place}")]
    Listen {
        place: String,
        #[source]
        source: std::io::Error,
    },
}

/// Answers for ever.
pub(super) async fn serve(house: Arc<House>) {
    let gate = Arc::new(Gate::new(&house.web));
    drop(tokio::spawn(verify(Arc::clone(&house))));
    let streams = Arc::new(Semaphore::new(WEB_STREAMS_MAX));
    let guest = |stream| {
        let (house, gate, streams) = (Arc::clone(&house), Arc::clone(&gate), Arc::clone(&streams));
        let guest = Guest { house, gate, streams, stays: Arc::default() };
        async move {
            match stream {
                Stream::Address(stream) => guest.serve_at_address(stream).await,
                Stream::Socket(stream) => guest.serve(stream).await,
            }
        }
    };
    attend("web", &house.web.listen, &house.web.place(), || gate.check(), WEB_CONNECTIONS_MAX, guest).await;
}

/// Listens for ever, and attends to each who comes. What keeps it from listening is told, and tried again.
pub(super) async fn attend<A: Future<Output = ()> + Send + 'static>(
    name: &str,
    listen: &Listen,
    place: &str,
    ready: impl Fn() -> Result<(), GateError>,
    most: usize,
    guest: impl Fn(Stream) -> A,
) {
    step_back();
    let mut told = String::new();
    loop {
        match open(listen, place, &ready).await {
            Ok(listener) => {
                tracing::info!("{name}: listening at {place}");
                accept(&listener, most, &guest).await;
            }
            Err(error) => {
                let trouble = chain(&error);
                if trouble != told {
                    tracing::error!(error = trouble, "{name}: nobody is answered; passes go on");
                    told = trouble;
                }
            }
        }
        sleep(LISTEN_AGAIN).await;
    }
}

/// Lets others have the processor first. Where that is not allowed, the thread is as important as the rest.
pub(super) fn step_back() {
    match rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS) {
        Ok(()) | Err(_) => {}
    }
}

async fn open(listen: &Listen, place: &str, ready: impl Fn() -> Result<(), GateError>) -> Result<Listener, Unheard> {
    ready()?;
    let listener = Listener::open(listen).await;
    listener.map_err(|source| Unheard::Listen { place: place.to_owned(), source })
}

/// Takes in one after the other, as long as there is room. Whoever finds none waits in the kernel's queue.
async fn accept<A: Future<Output = ()> + Send + 'static>(
    listener: &Listener,
    most: usize,
    guest: impl Fn(Stream) -> A,
) {
    let room = Arc::new(Semaphore::new(most));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok(stream) = listener.accept().await else {
            sleep(ACCEPT_AGAIN).await;
            continue;
        };
        let attended = guest(stream);
        drop(tokio::spawn(async move {
            attended.await;
            drop(place);
        }));
    }
}

/// What takes a connection: one question, whose head is bounded in size and time.
pub(super) fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .keep_alive(false)
        .max_headers(WEB_HEADERS_MAX)
        .max_buf_size(WEB_HEADER_BYTES_MAX)
        .header_read_timeout(Duration::from_secs(WEB_HEADER_SECONDS_MAX));
    builder
}

/// One who asks.
#[derive(Clone)]
struct Guest {
    house: Arc<House>,
    gate: Arc<Gate>,
    /// Places for those who listen to events.
    streams: Arc<Semaphore>,
    /// The place of this one, who listens to events.
    stays: Arc<OnceLock<OwnedSemaphorePermit>>,
}

impl Guest {
    /// The same for one who came by an address, where TLS may be spoken. Nothing is said to whoever is refused by that.
    async fn serve_at_address(self, stream: TcpStream) {
        match self.gate.tls().map(Tls::acceptor) {
            None => self.serve(stream).await,
            Some(Err(error)) => tracing::error!(error = chain(&error), "web: nobody is let in"),
            Some(Ok(acceptor)) => {
                match timeout(Duration::from_secs(WEB_HEADER_SECONDS_MAX), acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => self.serve(stream).await,
                    Ok(Err(error)) => tracing::debug!(error = chain(&error), "web: a handshake failed"),
                    Err(_) => tracing::debug!("web: a handshake was ended at its limit of time"),
                }
            }
        }
    }

    /// One question and its answer, within the time for it.
    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send) {
        let stays = Arc::clone(&self.stays);
        let limit = async {
            sleep(Duration::from_secs(WEB_CONNECTION_SECONDS_MAX)).await;
            if stays.get().is_some() {
                sleep(Duration::from_secs(WEB_STREAM_SECONDS_MAX)).await;
            }
        };
        tokio::select! {
            () = self.connection(stream) => {}
            () = limit => tracing::debug!("web: a connection was ended at its limit of time"),
        }
    }

    /// What is sent beside the question's head is not read.
    async fn connection(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send) {
        let service = service_fn(|request: Request<Incoming>| async move {
            let (head, _) = request.into_parts();
            let response = self.answer(&head).finish(&head);
            tracing::debug!(method = %head.method, status = response.status().as_u16(), "web: answered");
            Ok::<Response<Body>, Infallible>(response)
        });
        if let Err(error) = builder().serve_connection(TokioIo::new(stream), service).await {
            tracing::debug!(error = chain(&error), "web: a connection ended early");
        }
    }

    /// Whoever listens to events takes one of their places; there are fewer of them than of connections.
    fn answer(&self, head: &Parts) -> Answer {
        let answer = route::answer(&self.house, &self.gate, head);
        if !answer.goes_on() {
            return answer;
        }
        match Arc::clone(&self.streams).try_acquire_owned().map(|place| self.stays.set(place)) {
            Ok(_) => answer,
            Err(_) => Answer::text(StatusCode::SERVICE_UNAVAILABLE, "as many listen already as there is room for\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tempfile::TempDir;
    use tokio::io::AsyncReadExt as _;
    use tokio::net::UnixStream;

    use super::*;

    #[tokio::test]
    async fn a_fault_while_somebody_is_attended_to_is_theirs_alone_and_gives_their_place_back() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("socket");
        let listener = Listener::open(&Listen::Socket(path.clone())).await.unwrap();
        let attended = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&attended);
        let guest = move |stream: Stream| {
            let nth = count.fetch_add(1, Ordering::Relaxed);
            async move {
                drop(stream);
                assert!(nth == 2, "a fault");
            }
        };
        let visits = async {
            for _ in 0..3 {
                let mut stream = UnixStream::connect(&path).await.unwrap();
                assert_eq!(stream.read_to_end(&mut Vec::new()).await.unwrap(), 0);
            }
        };
        tokio::select! {
            () = accept(&listener, 1, guest) => panic!("it goes on"),
            () = visits => assert_eq!(attended.load(Ordering::Relaxed), 3),
        }
    }
}
