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
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use super::answer::{Answer, Body};
use super::gate::Gate;
use super::listen::{Listener, Stream};
use super::verify::verify;
use super::{House, route};
use crate::error::chain;
use crate::limits::{
    WEB_CONNECTION_SECONDS_MAX, WEB_CONNECTIONS_MAX, WEB_HEADER_BYTES_MAX, WEB_HEADER_SECONDS_MAX, WEB_HEADERS_MAX,
    WEB_STREAM_SECONDS_MAX, WEB_STREAMS_MAX,
};

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
    Token(#[from] super::TokenError),
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
    step_back();
    drop(tokio::spawn(verify(Arc::clone(&house))));
    let mut told = String::new();
    loop {
        match open(&house, &gate).await {
            Ok(listener) => accept(&house, &gate, &listener).await,
            Err(error) => {
                let trouble = chain(&error);
                if trouble != told {
                    tracing::error!(error = trouble, "web: nobody is answered; passes go on");
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

async fn open(house: &House, gate: &Gate) -> Result<Listener, Unheard> {
    gate.check()?;
    let listen = &house.web.listen;
    let listener = Listener::open(listen).await;
    let place = listen.to_string();
    let listener = listener.map_err(|source| Unheard::Listen { place: place.clone(), source })?;
    tracing::info!("web: listening at {place}");
    Ok(listener)
}

/// Takes in one after the other, as long as there is room. Whoever finds none waits in the kernel's queue.
async fn accept(house: &Arc<House>, gate: &Arc<Gate>, listener: &Listener) {
    let room = Arc::new(Semaphore::new(WEB_CONNECTIONS_MAX));
    let streams = Arc::new(Semaphore::new(WEB_STREAMS_MAX));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok(stream) = listener.accept().await else {
            sleep(ACCEPT_AGAIN).await;
            continue;
        };
        let guest = Guest {
            house: Arc::clone(house),
            gate: Arc::clone(gate),
            streams: Arc::clone(&streams),
            stays: Arc::default(),
        };
        drop(tokio::spawn(async move {
            match stream {
                Stream::Address(stream) => guest.serve(stream).await,
                Stream::Socket(stream) => guest.serve(stream).await,
            }
            drop(place);
        }));
    }
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
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .keep_alive(false)
            .max_headers(WEB_HEADERS_MAX)
            .max_buf_size(WEB_HEADER_BYTES_MAX)
            .header_read_timeout(Duration::from_secs(WEB_HEADER_SECONDS_MAX));
        if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
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
