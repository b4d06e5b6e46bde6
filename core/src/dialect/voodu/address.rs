//! Addresses of files that are fetched for `url()`, and what came of fetching them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

/// The address of a file: https, or http of this machine itself.
///
/// Invariant: names a host, and neither user nor password nor fragment; all of it is printable ASCII that every reader of
/// addresses takes alike. Only [`Address::parse`] builds one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address(String);

/// What came of fetching an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// Its contents, as the server sends them now.
    Fresh(Vec<u8>),
    /// Contents that were fetched before, because they could not be fetched now.
    Kept {
        /// The contents.
        bytes: Vec<u8>,
        /// When they were fetched, and why they could not be fetched again.
        why: String,
    },
    /// Neither now nor before.
    Failed {
        /// Why not.
        why: String,
    },
    /// Nobody asked, because manifests are judged without the network. A text that says so stands for the contents.
    Unasked,
}

/// What came of each address that the manifests of a unit name.
pub type Contents = BTreeMap<Address, Fetched>;

/// What is wrong with an address, and what to write instead.
pub(super) struct Unfit {
    pub(super) message: &'static str,
    pub(super) help: &'static str,
}

const HTTPS: &str = "https://";
const HTTP: &str = "http://";

impl Address {
    /// Reads an address.
    pub(super) fn parse(text: &str) -> Result<Self, Unfit> {
        let unfit = |message, help| Err(Unfit { message, help });
        let is_strange = |c: char| !c.is_ascii_graphic() || "\\\"<>^`{|}".contains(c);
        if text.contains(is_strange) {
            return unfit("the address holds characters that belong in none", "write them as `%` and two digits");
        }
        let secure = text.starts_with(HTTPS);
        let Some(rest) = text.strip_prefix(HTTPS).or_else(|| text.strip_prefix(HTTP)) else {
            return unfit("the address is not one of https", "write `url(\"https://HOST/PATH\")`");
        };
        if rest.contains('#') {
            return unfit("the address has a fragment", "take `#` and what follows out: no server sees it");
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.contains('@') {
            return unfit("the address names a user", "take out what stands before `@`: no login is sent for assets");
        }
        let Some(host) = host(authority) else {
            return unfit("the address names no host", "write `url(\"https://HOST/PATH\")`, and a port as `HOST:8443`");
        };
        if !secure && !is_loopback(host) {
            return unfit(
                "http is only taken from this machine itself",
                "write https://…: by http, anybody on the way can change the contents",
            );
        }
        Ok(Self(text.to_owned()))
    }

    /// Takes an address that was read before; none if it is not one.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }

    /// The whole of it, for the request alone: a query can hold what gives access.
    #[must_use]
    pub fn whole(&self) -> &str {
        &self.0
    }

    /// True for https.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.0.starts_with(HTTPS)
    }
}

/// Without its query, which can hold what gives access.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_once('?') {
            Some((before, _)) => write!(f, "{before}?…"),
            None => f.write_str(&self.0),
        }
    }
}

/// As it is shown.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// The host of `HOST` or `HOST:PORT`, an address of IPv6 without its brackets; none if it is not one.
fn host(authority: &str) -> Option<&str> {
    let (host, port, sound) = if let Some(bracketed) = authority.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']')?;
        (host, rest, host.parse::<std::net::Ipv6Addr>().is_ok())
    } else {
        let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
        let fits = |label: &str| {
            let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            !label.is_empty() && label.bytes().all(inner)
        };
        (host, port, host.split('.').all(fits))
    };
    let port_fits = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    (sound && port_fits).then_some(host)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_of_https_or_of_this_machine() {
        for sound in [
            "https://example.org/x",
            "https://example.org",
            "https://example.org:8443/a%20b?c=d&e",
            "https://[2001:db8::1]:8443/x",
            "http://localhost:8080/x",
            "http://127.0.0.1/x",
            "http://[::1]:80/x",
        ] {
            assert!(Address::parse(sound).is_ok(), "{sound}");
        }
        for unfit in [
            "",
            "example.org/x",
            "ftp://example.org/x",
            "file:///etc/passwd",
            "http://example.org/x",
            "http://127.0.0.1.example.org/x",
            "http://localhost@example.org/x",
            "https://",
            "https:///x",
            "https://?x",
            "https://user:word@example.org/x",
            "https://example.org/x#part",
            "https://example.org\\@evil.example/x",
            "https://example.org /x",
            "https://exämple.org/x",
            "https://example.org:0/x",
            "https://example.org:+1/x",
            "https://example.org:70000/x",
            "https://a..b/x",
            "https://[::1/x",
            "https://%65xample.org/x",
        ] {
            assert!(Address::parse(unfit).is_err(), "{unfit}");
        }
    }

    #[test]
    fn the_query_of_an_address_is_not_shown() {
        let shown = |text| Address::parse(text).map(|address| address.to_string()).ok();
        assert_eq!(shown("https://a.example/x?key=secret").as_deref(), Some("https://a.example/x?…"));
        assert_eq!(shown("https://a.example/x").as_deref(), Some("https://a.example/x"));
    }
}
