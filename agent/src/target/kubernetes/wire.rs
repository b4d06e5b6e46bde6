//! The way to a server: connected once, asked with patience, in the server's own words about when to come again.
//!
//! Invariant: every request can be made a second time without doing more; those that lose their answer are.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{AsyncRead, Stream, StreamExt as _};
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{Method, Request, Response};
use k8s_openapi::api::core::v1::Pod;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::WatchEvent;
use kube::{Api, Client, Config};
use serde_json::Value;
use writ_core::account::Account;

use super::lead::Fence;
use super::observe::text;
use super::said::Said;
use super::{Access, lock};
use crate::clock::Stopwatch;
use crate::error::chain;
use crate::limits::{CLUSTER_ANSWER_SECONDS, CLUSTER_PAGE_OBJECTS, CLUSTER_PATIENCE_SECONDS};
use crate::measure::{CallEnd, Calls};
use crate::target::TargetError;

/// What applications are sent as. JSON is YAML.
pub(super) const APPLY: &str = "application/apply-patch+yaml";
pub(super) const JSON: &str = "application/json";

/// Names the user as whom something is asked.
const IMPERSONATE: &str = "impersonate-user";

/// Pauses between tries where the server names none: doubled each time, up to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_LONGEST: Duration = Duration::from_secs(8);

/// What a server tells of a kind, one object after another.
pub(super) type Changes = Pin<Box<dyn Stream<Item = Result<WatchEvent<Value>, (u16, String)>> + Send>>;

/// A connection to one cluster.
#[derive(Clone)]
pub(super) struct Wire {
    client: Client,
    endpoint: String,
    /// As whom is asked; as whoever the credentials are if that is nobody.
    user: Option<String>,
    /// Until when may be written, where agents stand by for each other.
    fence: Option<Arc<Fence>>,
    /// Where questions are counted.
    calls: Arc<Calls>,
}

/// A question to a server.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) accept: &'static str,
    /// What is sent, and as what.
    pub(super) body: Option<(&'static str, Vec<u8>)>,
}

impl Ask {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), accept: JSON, body: None }
    }

    /// True of a question that changes something.
    fn writes(&self) -> bool {
        self.method != Method::GET && !self.path.contains("dryRun=All")
    }

    pub(super) fn apply(path: impl Into<String>, body: &Value) -> Self {
        let body = Some((APPLY, body.to_string().into_bytes()));
        Self { method: Method::PATCH, path: path.into(), accept: JSON, body }
    }
}

impl Wire {
    /// Reads how the cluster is reached. Asks it nothing yet.
    pub(super) async fn connect(access: &Access) -> Result<Self, TargetError> {
        let failed = |reason: String| TargetError::Failed { operation: format!("reach {}", named(access)), reason };
        let config = match access {
            Access::Around => Config::incluster().map_err(|error| failed(chain(&error)))?,
            Access::Context { file, name } => {
                let options = KubeConfigOptions { context: Some(name.clone()), ..KubeConfigOptions::default() };
                let read = Kubeconfig::read_from(file).map_err(|error| failed(chain(&error)))?;
                Config::from_custom_kubeconfig(read, &options).await.map_err(|error| failed(chain(&error)))?
            }
        };
        let endpoint = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let client = Client::try_from(config).map_err(|error| failed(chain(&error)))?;
        Ok(Self { client, endpoint, user: None, fence: None, calls: Arc::default() })
    }

    /// The same, where nothing is written that the fence does not let through.
    pub(super) fn behind(mut self, fence: Option<Arc<Fence>>) -> Self {
        self.fence = fence;
        self
    }

    /// The same, where questions are counted there.
    pub(super) fn counted_by(mut self, calls: &Arc<Calls>) -> Self {
        self.calls = Arc::clone(calls);
        self
    }

    /// The same, where everything is asked as that account, if there is one.
    pub(super) fn acting_as(&self, account: Option<&Account>) -> Self {
        let user = account.map(Account::user).or_else(|| self.user.clone());
        Self { user, ..self.clone() }
    }

    /// The same without a fence.
    pub(super) fn unfenced(&self) -> Self {
        Self { fence: None, ..self.clone() }
    }

    /// The namespace that the credentials are at home in.
    pub(super) fn namespace(&self) -> &str {
        self.client.default_namespace()
    }

    /// Where the server answers.
    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Asks until there is an answer or the patience is over. What the server refuses is an answer.
    pub(super) async fn ask(&self, operation: &str, ask: &Ask) -> Result<Said, TargetError> {
        self.ask_for(operation, ask, CLUSTER_PATIENCE_SECONDS).await
    }

    /// The same, with a patience of so many seconds.
    pub(super) async fn ask_for(&self, operation: &str, ask: &Ask, seconds: u64) -> Result<Said, TargetError> {
        if ask.writes() && self.fence.as_ref().is_some_and(|fence| fence.remaining().is_none()) {
            let reason = "this agent does not hold the Lease by which it may act".to_owned();
            return Err(TargetError::Failed { operation: operation.to_owned(), reason });
        }
        let last = Mutex::new(Err("it did not answer in time".to_owned()));
        let asked = async {
            let mut pause = PAUSE_FIRST;
            loop {
                let (answer, after) = match self.once(ask).await {
                    Ok((said, _)) if !said.is_busy() => return said,
                    Ok((said, after)) => (Ok(said), after),
                    Err(reason) => (Err(reason), None),
                };
                tracing::debug!(operation, "asked again");
                *lock(&last) = answer;
                tokio::time::sleep(after.unwrap_or(pause).min(PAUSE_LONGEST)).await;
                pause = (pause * 2).min(PAUSE_LONGEST);
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(seconds), asked).await;
        // A server that went on saying the same has said it.
        let answer = in_time.map_or_else(|_| lock(&last).clone(), Ok);
        answer.map_err(|reason| self.unreachable(operation, &reason))
    }

    /// Lists what is at a path with a query, page by page, each of which goes to `each`. `what` is what people call it. An error
    /// is the status that the server told, or 0, and why.
    pub(super) async fn pages(
        &self,
        what: &str,
        query: &str,
        mut each: impl FnMut(Value),
    ) -> Result<(), (u16, String)> {
        let operation = format!("list {what}");
        let mut token = String::new();
        loop {
            let ask = Ask::get(format!("{query}limit={CLUSTER_PAGE_OBJECTS}{token}"));
            let said = self.ask(&operation, &ask).await.map_err(|error| (0, chain(&error)))?;
            if !said.is_ok() {
                return Err((said.status, format!("{what} could not be listed: {}", said.words())));
            }
            let next = text(&said.body, "/metadata/continue").filter(|next| !next.is_empty());
            let next = next.map(|next| format!("&continue={next}"));
            each(said.body);
            match next {
                Some(next) => token = next,
                None => return Ok(()),
            }
        }
    }

    /// What happens from now on at a path that asks for it. An error is the status that the server told, or 0, and why.
    pub(super) async fn watch(&self, path: String) -> Result<Changes, (u16, String)> {
        let events = self.begin(self.client.request_events::<Value>(plain(path)?)).await?;
        Ok(Box::pin(events.map(|event| event.map_err(told))))
    }

    /// What is at a path, as it comes. An error is the status that the server told, or 0, and why.
    pub(super) async fn read(&self, path: String) -> Result<impl AsyncRead + Send + use<>, (u16, String)> {
        self.begin(self.client.request_stream(plain(path)?)).await
    }

    /// The pods of a namespace, as the library knows them.
    pub(super) fn pods(&self, namespace: &str) -> Api<Pod> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Waits until something has begun that then lasts as long as it will. An error is the status that the server told, or 0,
    /// and why.
    pub(super) async fn begin<T>(&self, begins: impl Future<Output = kube::Result<T>>) -> Result<T, (u16, String)> {
        let begun = tokio::time::timeout(Duration::from_secs(CLUSTER_ANSWER_SECONDS), begins).await;
        begun.map_err(|_| (0, format!("no answer in {CLUSTER_ANSWER_SECONDS} s")))?.map_err(told)
    }

    async fn once(&self, ask: &Ask) -> Result<(Said, Option<Duration>), String> {
        let mut time = Duration::from_secs(CLUSTER_ANSWER_SECONDS);
        if let Some(fence) = self.fence.as_ref().filter(|_| ask.writes()) {
            let left = fence.remaining();
            time = time.min(left.ok_or_else(|| "this agent no longer holds the Lease to act".to_owned())?);
        }
        let answered = async {
            let response =
                self.client.send(request(ask, self.user.as_deref())?).await.map_err(|error| chain(&error))?;
            let after = retry_after(&response);
            let status = response.status().as_u16();
            let bytes = response.into_body().collect_bytes().await.map_err(|error| chain(&error))?;
            Ok((Said::read(status, &bytes), after))
        };
        let watch = Stopwatch::start();
        let answer = tokio::time::timeout(time, answered).await;
        let end = match &answer {
            Ok(Ok((said, _))) if said.is_ok() || said.is_absent() => CallEnd::Answered,
            Ok(Ok(_)) => CallEnd::Refused,
            Ok(Err(_)) | Err(_) => CallEnd::Unanswered,
        };
        self.calls.ended(end, watch.elapsed());
        answer.map_err(|_| format!("no answer in {} s", time.as_secs()))?
    }

    pub(super) fn unreachable(&self, operation: &str, reason: &str) -> TargetError {
        TargetError::ClusterUnreachable {
            operation: operation.to_owned(),
            endpoint: self.endpoint.clone(),
            reason: reason.to_owned(),
        }
    }
}

/// A question for what is at a path.
fn plain(path: String) -> Result<Request<Vec<u8>>, (u16, String)> {
    Request::builder().uri(path).body(Vec::new()).map_err(|error| (0, error.to_string()))
}

/// The status that the server told, or 0, and why.
fn told(error: kube::Error) -> (u16, String) {
    if let kube::Error::Api(status) = &error {
        return (status.code, status.message.clone());
    }
    (0, chain(&error))
}

fn named(access: &Access) -> String {
    match access {
        Access::Around => "the cluster around this agent".to_owned(),
        Access::Context { file, name } => format!("the cluster of context {name} of {}", file.display()),
    }
}

fn request(ask: &Ask, user: Option<&str>) -> Result<Request<Body>, String> {
    let Ask { method, path, accept, body } = ask;
    let mut request = Request::builder().method(method.clone()).uri(path).header(ACCEPT, *accept);
    if let Some(user) = user {
        request = request.header(IMPERSONATE, user);
    }
    let bytes = match body {
        Some((kind, bytes)) => {
            request = request.header(CONTENT_TYPE, *kind);
            bytes.clone()
        }
        None => Vec::new(),
    };
    request.body(Body::from(bytes)).map_err(|error| error.to_string())
}

fn retry_after<T>(response: &Response<T>) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// A value in a question. Source: RFC 3986, the characters that are never anything else.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use writ_core::cluster::telling;
    use writ_core::model::Reference;

    use super::*;

    #[test]
    fn a_value_in_a_question_is_nothing_but_a_value() {
        assert_eq!(encoded("a in (b,c)&x=ü"), "a%20in%20%28b%2Cc%29%26x%3D%C3%BC");
        let (kind, name, environment) = ("KubernetesRedis".to_owned(), "cache".to_owned(), Some("prod".to_owned()));
        let (_, labels) = telling(&Reference { kind, name, environment, output: "service".to_owned() });
        let expected =
            "planton.ai%2Fkind%3DKubernetesRedis%2Cplanton.ai%2Fname%3Dcache%2Cplanton.ai%2Fenvironment%3Dprod";
        assert_eq!(encoded(&labels), expected);
    }
}
