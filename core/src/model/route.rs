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
    /// The name on the host's network that leads to the ready pods behind it.
    pub name: String,
    /// The port on which those listen.
    pub port: u16,
    /// How it is encrypted; none for plain HTTP.
    pub tls: Option<RouteTls>,
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
        format!("{scheme}://{}{}", self.host.as_deref().unwrap_or("*"), self.path)
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
        format!("{}:{}{certificate}", self.name, self.port)
    }

    /// The more it says, the earlier it is tried: a name before a pattern before any name, a longer path before a
    /// shorter one, one path before all below it.
    #[must_use]
    pub(crate) fn order(&self) -> (u8, usize, usize, u8, &Self) {
        let host = match self.host.as_deref() {
            Some(host) if !host.starts_with('*') => (0, 0),
            Some(pattern) => (1, usize::MAX - pattern.len()),
            None => (2, 0),
        };
        let (path, kind) = match &self.path {
            RoutePath::Exact(path) => (path, 0),
            RoutePath::Prefix(path) => (path, 1),
        };
        (host.0, host.1, usize::MAX - path.len(), kind, self)
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
        Route { host: host.map(str::to_owned), path, name: "web.shop".to_owned(), port: 80, tls: None }
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
            Route::read(r#"[{"host":null,"path":{"prefix":"/"},"name":"a","port":80,"tls":null,"more":1}]"#),
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
