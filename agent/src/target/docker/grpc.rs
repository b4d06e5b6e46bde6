//! The one question that a probe by gRPC asks: is a service serving?
//!
//! Sources: `grpc.health.v1` and the protocol of gRPC over HTTP/2, without TLS, as a kubelet asks.
//!
//! Invariant: whatever the server sends, an answer is read only as far as it may be long.

use std::net::Ipv4Addr;

use http::{HeaderMap, Request};
use tokio::net::TcpStream;

use crate::target::ProbeResult;

/// Most bytes of an answer: the message is a few bytes long.
const ANSWER_BYTES_MAX: usize = 4_096;

/// Bytes before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Asks once. Whoever asks limits the time.
pub(super) async fn check(address: Ipv4Addr, port: u16, service: &str) -> ProbeResult {
    let exchange = async {
        let stream = TcpStream::connect((address, port)).await.map_err(|error| error.to_string())?;
        ask(stream, &format!("http://{address}:{port}/grpc.health.v1.Health/Check"), service).await
    };
    match exchange.await {
        Ok(1) => ProbeResult::Success,
        Ok(status) => ProbeResult::Failure(format!("port {port}: {}", named(status))),
        Err(why) => ProbeResult::Failure(format!("port {port}: {why}")),
    }
}

/// How a service calls its state. Source: `HealthCheckResponse.ServingStatus`.
fn named(status: u64) -> String {
    match status {
        0 => "UNKNOWN".to_owned(),
        2 => "NOT_SERVING".to_owned(),
        3 => "SERVICE_UNKNOWN".to_owned(),
        other => format!("status {other}"),
    }
}

/// The state that the server tells, or why it tells none.
async fn ask(stream: TcpStream, url: &str, service: &str) -> Result<u64, String> {
    let text = |error: h2::Error| error.to_string();
    let (client, connection) = h2::client::handshake(stream).await.map_err(text)?;
    let exchange = async {
        let request = Request::post(url)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("user-agent", "writ-probe")
            .body(())
            .map_err(|error| error.to_string())?;
        let mut client = client.ready().await.map_err(text)?;
        let (answer, mut body) = client.send_request(request, false).map_err(text)?;
        body.send_data(message(service).into(), true).map_err(text)?;
        let (head, mut body) = answer.await.map_err(text)?.into_parts();
        let mut bytes = Vec::new();
        while let Some(piece) = body.data().await {
            let piece = piece.map_err(text)?;
            bytes.extend_from_slice(&piece);
            if bytes.len() > ANSWER_BYTES_MAX {
                return Err("the answer is too long".to_owned());
            }
            body.flow_control().release_capacity(piece.len()).map_err(text)?;
        }
        let trailers = body.trailers().await.map_err(text)?;
        verdict(&head.headers, trailers.as_ref(), &bytes)
    };
    tokio::select! {
        biased;
        told = exchange => told,
        ended = connection => Err(ended.err().map_or_else(|| "the connection ended".to_owned(), text)),
    }
}

fn verdict(head: &HeaderMap, trailers: Option<&HeaderMap>, bytes: &[u8]) -> Result<u64, String> {
    let code = trailers.and_then(|trailers| trailers.get("grpc-status")).or_else(|| head.get("grpc-status"));
    match code.and_then(|code| code.to_str().ok()) {
        Some("0") => status(bytes).ok_or_else(|| "the answer cannot be read".to_owned()),
        Some("5") => Err("it does not know the service (NOT_FOUND)".to_owned()),
        Some("12") => Err("it does not know the health protocol (UNIMPLEMENTED)".to_owned()),
        Some(code) => Err(format!("gRPC status {}", code.chars().take(3).collect::<String>())),
        None => Err("it is no server of gRPC".to_owned()),
    }
}

/// `HealthCheckRequest` with its prefix.
fn message(service: &str) -> Vec<u8> {
    let mut inner = Vec::new();
    if !service.is_empty() {
        // Field 1, a text.
        inner.push(0x0a);
        let mut length = service.len();
        while length >= 0x80 {
            inner.push(u8::try_from(length & 0x7f).unwrap_or(0) | 0x80);
            length >>= 7;
        }
        inner.push(u8::try_from(length).unwrap_or(0));
        inner.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(inner.len()).unwrap_or(u32::MAX);
    [&[0][..], &length.to_be_bytes(), &inner].concat()
}

/// The status in a `HealthCheckResponse` with its prefix; none if it is something else.
fn status(bytes: &[u8]) -> Option<u64> {
    let (prefix, mut rest) = bytes.split_at_checked(PREFIX)?;
    let length = u32::from_be_bytes(prefix.get(1..)?.try_into().ok()?);
    if prefix.first() != Some(&0) || usize::try_from(length) != Ok(rest.len()) {
        return None;
    }
    // A field that is not there is the first of its values.
    let mut status = 0;
    while !rest.is_empty() {
        let key = number(&mut rest)?;
        let value = number(&mut rest)?;
        match key {
            0x08 => status = value,
            _ => return None,
        }
    }
    Some(status)
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use http::Response;
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers once: to the service that it was asked for, a status or the code of an error.
    async fn served(answer: impl Fn(&[u8]) -> (Vec<u8>, &'static str) + Send + Sync + 'static) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(request) = connection.accept().await {
                let Ok((request, mut respond)) = request else { return };
                assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
                assert_eq!(request.headers()["content-type"], "application/grpc");
                let answer = &answer;
                let serve = async move {
                    let mut body = request.into_body();
                    let mut asked = Vec::new();
                    while let Some(piece) = body.data().await {
                        asked.extend_from_slice(&piece.unwrap());
                    }
                    let (bytes, code) = answer(&asked);
                    let mut send = respond.send_response(Response::new(()), false).unwrap();
                    send.send_data(bytes.into(), false).unwrap();
                    let mut trailers = HeaderMap::new();
                    trailers.insert("grpc-status", code.parse().unwrap());
                    send.send_trailers(trailers).unwrap();
                };
                tokio::select! {
                    () = serve => {}
                    _ = std::future::poll_fn(|context| connection.poll_closed(context)) => return,
                }
            }
        });
        port
    }

    fn telling(status: u8) -> Vec<u8> {
        vec![0, 0, 0, 0, 2, 8, status]
    }

    #[tokio::test]
    async fn a_service_that_serves_is_told_from_one_that_does_not_and_from_what_knows_no_health() {
        let ask = async |port: u16, service: &'static str| check(Ipv4Addr::LOCALHOST, port, service).await;
        let by_name = |asked: &[u8]| match asked.get(7..) {
            Some(b"db") => (telling(1), "0"),
            Some(_) => (Vec::new(), "5"),
            None => (telling(2), "0"),
        };
        assert_eq!(ask(served(by_name).await, "db").await, ProbeResult::Success);
        for (service, why) in [("", "NOT_SERVING"), ("other", "it does not know the service (NOT_FOUND)")] {
            let port = served(by_name).await;
            assert_eq!(ask(port, service).await, ProbeResult::Failure(format!("port {port}: {why}")), "{service}");
        }
        for (bytes, code, why) in [
            (Vec::new(), "12", "it does not know the health protocol (UNIMPLEMENTED)"),
            (vec![0, 0, 0, 0, 0], "0", "UNKNOWN"),
            (vec![1, 0, 0, 0, 2, 8, 1], "0", "the answer cannot be read"),
            (vec![0, 0, 0, 0, 9, 8, 1], "0", "the answer cannot be read"),
            (vec![0; 5_000], "0", "the answer is too long"),
        ] {
            let port = served(move |_| (bytes.clone(), code)).await;
            assert_eq!(ask(port, "").await, ProbeResult::Failure(format!("port {port}: {why}")));
        }
    }

    #[tokio::test]
    async fn what_is_no_server_of_grpc_fails() {
        let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap().port();
        let found = check(Ipv4Addr::LOCALHOST, nobody, "").await;
        assert!(matches!(&found, ProbeResult::Failure(why) if why.contains("refused")), "{found:?}");
        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = other.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = other.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        });
        let found = check(Ipv4Addr::LOCALHOST, port, "").await;
        assert!(matches!(found, ProbeResult::Failure(_)), "{found:?}");
    }
}
