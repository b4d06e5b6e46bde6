//! What is led from outside to pods: host names and paths, and the name of the Service behind each.
//!
//! Invariant: nothing here but [`Entrance::pairs`] holds a secret; routes are kept in the record and shown to people.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::ObjectId;
use crate::hash::SpecHash;
use crate::text::SecretText;

/// All that one Ingress asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Entrance {
    /// The Ingress.
    pub id: ObjectId,
    /// The file that declares it, by its path in the tree.
    pub file: Option<String>,
    /// Where it leads, in the order of hosts and paths.
    pub routes: Vec<Route>,
    /// Certificates of Secrets, each followed by its key as PEM, by the name that [`RouteTls::Pair`] gives them.
    pub pairs: BTreeMap<String, SecretText>,
    /// Hash of the parts.
    pub revision: SpecHash,
    /// Each route in words, by the address that it is about, so that a change can be explained.
    pub parts: BTreeMap<String, String>,
}

/// One way in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The host name in lower case, `*.example.org` for every name one label below it; none for whatever no other route
    /// names.
    pub host: Option<String>,
    /// The paths.
    pub path: RoutePath,
    /// What else a request must be.
    #[serde(default, skip_serializing_if = "Condition::is_empty")]
    pub condition: Condition,
    /// Where it leads.
    pub to: Target,
    /// What becomes of requests and answers on the way.
    #[serde(default, skip_serializing_if = "Changes::is_empty")]
    pub changes: Changes,
    /// How it is encrypted; none for plain HTTP.
    pub tls: Option<RouteTls>,
    /// Of one that is encrypted: plain requests are left to other routes, and not sent to HTTPS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaves_plain: bool,
}

/// What a request must be beside its host and path.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Its method.
    pub method: Option<String>,
    /// Headers that it must have, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Parameters that its query must have.
    pub query: BTreeMap<String, String>,
}

/// Where a route leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// To the pods of a Service.
    Pods {
        /// The name on the host's network that leads to those that are ready.
        name: String,
        /// The port on which they listen.
        port: u16,
    },
    /// To another address, of which the client is told.
    Redirect(Redirect),
}

/// Another address. What it does not say is as in the request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// `http` or `https`.
    pub scheme: Option<String>,
    /// The host name.
    pub host: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// The path.
    pub path: Option<NewPath>,
    /// The status of the answer.
    pub code: u16,
}

/// A path in the place of another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NewPath {
    /// Of all of it.
    Full(String),
    /// Of the part that was matched.
    Prefix(String),
}

/// What becomes of requests and answers on the way.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// The host that the pods are asked for.
    pub host: Option<String>,
    /// The path that they are asked for.
    pub path: Option<NewPath>,
    /// Headers of requests.
    pub request: Headers,
    /// Headers of answers.
    pub response: Headers,
}

/// Changes of headers.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Headers {
    /// In the place of what is there.
    pub set: BTreeMap<String, String>,
    /// Beside what is there.
    pub add: BTreeMap<String, String>,
    /// Taken away.
    pub remove: Vec<String>,
}

/// The paths of a route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoutePath {
    /// This one.
    Exact(String),
    /// This one and all below it; `/` for all. Does not end with a slash otherwise.
    Prefix(String),
}

/// Where the certificate of a route comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteTls {
    /// Whoever the host's settings name issues it; told this address about it, where there is one.
    Issued(Option<String>),
    /// The ingress itself issues it, by an authority of its own.
    Internal,
    /// A Secret holds it; see [`Entrance::pairs`].
    Pair(String),
}

impl Route {
    /// Its routes read back from what [`Route::write`] wrote; none if that is not it.
    #[must_use]
    pub fn read(text: &str) -> Option<Vec<Self>> {
        serde_json::from_str(text).ok()
    }

    /// Routes as text, for the record.
    #[must_use]
    pub fn write(routes: &[Self]) -> String {
        serde_json::to_string(routes).expect("names and numbers serialize")
    }

    /// What it is about: `https://shop.example/api/…`.
    #[must_use]
    pub fn address(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{}{}", self.host.as_deref().unwrap_or("*"), self.path, self.condition)
    }

    /// Where it leads, and by which certificate.
    #[must_use]
    pub fn leads_to(&self) -> String {
        let certificate = match &self.tls {
            None => "",
            Some(RouteTls::Issued(_)) => ", with a certificate that is issued for it",
            Some(RouteTls::Internal) => ", with a certificate of the ingress itself",
            Some(RouteTls::Pair(_)) => ", with the certificate of a Secret",
        };
        let changes = if self.changes.is_empty() { "" } else { ", changed on the way" };
        match &self.to {
            Target::Pods { name, port } => format!("{name}:{port}{changes}{certificate}"),
            Target::Redirect(redirect) => format!("{redirect}{certificate}"),
        }
    }

    /// The more it says, the earlier it is tried: a name before a pattern before any name, a longer path before a
    /// shorter one, one path before all below it.
    #[must_use]
    pub(crate) fn order(&self) -> impl Ord + '_ {
        let host = match self.host.as_deref() {
            Some(host) if !host.starts_with('*') => (0, 0),
            Some(pattern) => (1, usize::MAX - pattern.len()),
            None => (2, 0),
        };
        let (path, kind) = match &self.path {
            RoutePath::Exact(path) => (path, 0),
            RoutePath::Prefix(path) => (path, 1),
        };
        let Condition { method, headers, query } = &self.condition;
        let conditions = (method.is_none(), usize::MAX - headers.len(), usize::MAX - query.len());
        (host, usize::MAX - path.len(), kind, conditions, self)
    }
}

impl RoutePath {
    /// The path alone.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Exact(path) | Self::Prefix(path) => path,
        }
    }
}

impl Condition {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Changes {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// True if a part of the path is replaced, here or by a redirect.
    #[must_use]
    pub(crate) fn replaces_prefix(&self, to: &Target) -> bool {
        let redirected = match to {
            Target::Redirect(redirect) => redirect.path.as_ref(),
            Target::Pods { name: _, port: _ } => None,
        };
        [self.path.as_ref(), redirected].into_iter().flatten().any(|path| matches!(path, NewPath::Prefix(_)))
    }
}

/// ` GET, x-tenant: a, ?v=2`, nothing where nothing more is asked for.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, headers, query } = self;
        let headers = headers.iter().map(|(name, value)| format!("{name}: {value}"));
        let query = query.iter().map(|(name, value)| format!("?{name}={value}"));
        let all: Vec<String> = method.iter().cloned().chain(headers).chain(query).collect();
        if all.is_empty() { Ok(()) } else { write!(f, " ({})", all.join(", ")) }
    }
}

/// `redirect to https://shop.example:8443/new`
impl fmt::Display for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port, path, code } = self;
        write!(f, "redirect ({code}) to {}://", scheme.as_deref().unwrap_or("…"))?;
        f.write_str(host.as_deref().unwrap_or("…"))?;
        port.iter().try_for_each(|port| write!(f, ":{port}"))?;
        match path {
            None => f.write_str("/…"),
            Some(NewPath::Full(path)) => f.write_str(path),
            Some(NewPath::Prefix(path)) => write!(f, "{}/…", path.trim_end_matches('/')),
        }
    }
}

/// `/api/…` for all below it, `/api` for that one alone.
impl fmt::Display for RoutePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => f.write_str(path),
            Self::Prefix(path) if path == "/" => f.write_str("/…"),
            Self::Prefix(path) => write!(f, "{path}/…"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(host: Option<&str>, path: RoutePath) -> Route {
        let to = Target::Pods { name: "web.shop".to_owned(), port: 80 };
        Route {
            host: host.map(str::to_owned),
            path,
            condition: Condition::default(),
            to,
            changes: Changes::default(),
            tls: None,
            leaves_plain: false,
        }
    }

    #[test]
    fn routes_are_written_and_read_back() {
        let mut route = route(Some("*.example.org"), RoutePath::Exact("/a".to_owned()));
        for tls in [
            None,
            Some(RouteTls::Internal),
            Some(RouteTls::Issued(None)),
            Some(RouteTls::Issued(Some("ops@example.org".to_owned()))),
            Some(RouteTls::Pair("shop-cert-1a2b".to_owned())),
        ] {
            route.tls = tls;
            let text = Route::write(std::slice::from_ref(&route));
            assert_eq!(Route::read(&text), Some(vec![route.clone()]), "{text}");
        }
        assert_eq!(Route::read("{}"), None);
        assert_eq!(
            Route::read(
                r#"[{"host":null,"path":{"prefix":"/"},"to":{"pods":{"name":"a","port":80}},"tls":null,"more":1}]"#
            ),
            None
        );
    }

    #[test]
    fn what_says_more_is_tried_first() {
        let prefix = |path: &str| RoutePath::Prefix(path.to_owned());
        let ordered = [
            route(Some("a.example.org"), RoutePath::Exact("/api".to_owned())),
            route(Some("a.example.org"), prefix("/api")),
            route(Some("a.example.org"), prefix("/")),
            route(Some("*.a.example.org"), prefix("/")),
            route(Some("*.example.org"), prefix("/")),
            route(None, prefix("/api")),
            route(None, prefix("/")),
        ];
        for pair in ordered.windows(2) {
            assert!(pair[0].order() < pair[1].order(), "{} before {}", pair[0].address(), pair[1].address());
        }
    }
}
