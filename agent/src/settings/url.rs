//! Addresses of repositories and forges: which are taken, and what to write instead of those that are not.

use super::{Tls, Transport};
use crate::limits::PAGES_ADDRESS_BYTES_MAX;

/// What is wrong with an address, and what to do.
pub(super) struct Complaint {
    pub(super) message: String,
    pub(super) help: String,
}

fn complaint<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, Complaint> {
    Err(Complaint { message: message.into(), help: help.into() })
}

/// How the repository at `url` is reached.
pub(super) fn source(url: &str) -> Result<Transport, Complaint> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return complaint("the address has no scheme", "write ssh://USER@HOST/PATH, https://HOST/PATH or file:///PATH");
    };
    sound(rest)?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if path.is_empty() {
        return complaint("the address names no repository", format!("write {scheme}://…/PATH"));
    }
    if authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')) {
        return complaint(
            "the address holds a password",
            "take it out, and name a file that holds it in `credentials`",
        );
    }
    match scheme {
        "ssh" if !authority.is_empty() => Ok(Transport::Ssh),
        "https" if !authority.is_empty() => Ok(Transport::Https),
        "http" if is_loopback(authority) => Ok(Transport::Https),
        "http" => complaint("http is only taken from this machine itself", "write https://…"),
        "file" if authority.is_empty() => Ok(Transport::File),
        "file" => complaint("a file address names no host", "write file:///PATH"),
        "ssh" | "https" => complaint("the address names no host", format!("write {scheme}://HOST/PATH")),
        _ => complaint(
            format!("`{}` is not a way to reach a repository", scheme.escape_debug()),
            "use ssh, https or file",
        ),
    }
}

/// Checks the address of a forge.
pub(super) fn forge(url: &str) -> Result<(), Complaint> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return complaint("the address has no scheme", "write https://HOST");
    };
    sound(rest)?;
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return complaint("the address of a forge names no user", "take out what stands before `@`");
    }
    match scheme {
        _ if authority.is_empty() => complaint("the address names no host", "write https://HOST"),
        "https" => Ok(()),
        "http" if is_loopback(authority) => Ok(()),
        "http" => complaint("http would show the token to the network", "write https://…"),
        _ => complaint(format!("a forge is not reached by `{}`", scheme.escape_debug()), "write https://HOST"),
    }
}

/// Checks the address by which people reach the agent's own pages: those lead to each other from its root.
pub(super) fn pages(url: &str) -> Result<(), Complaint> {
    const HELP: &str = "write https://HOST[:PORT]";
    let Some((scheme, rest)) = url.split_once("://") else {
        return complaint("the address has no scheme", HELP);
    };
    sound(rest)?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
    match scheme {
        _ if authority.contains('@') => {
            complaint("the address of the pages names no user", "take out what stands before `@`")
        }
        _ if authority.is_empty() => complaint("the address names no host", HELP),
        _ if !authority.bytes().all(is_host) => complaint(format!("`{}` is no host", authority.escape_debug()), HELP),
        _ if !["", "/"].contains(&path) => complaint(
            "the pages stand at the root of their address, and nothing follows it",
            format!("{HELP}: a proxy gives the agent a name or a port of its own"),
        ),
        _ if url.len() > PAGES_ADDRESS_BYTES_MAX => complaint(
            format!("the address of the pages has {} bytes", url.len()),
            format!("use at most {PAGES_ADDRESS_BYTES_MAX}: forges take no longer address of a commit's page"),
        ),
        "http" | "https" => Ok(()),
        _ => complaint(format!("no page is reached by `{}`", scheme.escape_debug()), HELP),
    }
}

/// Checks the address of a webhook.
pub(super) fn webhook(url: &str) -> Result<(), Complaint> {
    told("a webhook", url)
}

/// Checks the address of whoever is told something over HTTP.
pub(super) fn told(who: &str, url: &str) -> Result<(), Complaint> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return complaint("the address has no scheme", "write https://HOST/PATH");
    };
    sound(rest)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match scheme {
        _ if authority.contains('@') => {
            complaint(format!("the address of {who} names no user"), "take out what stands before `@`")
        }
        _ if authority.is_empty() => complaint("the address names no host", "write https://HOST/PATH"),
        "https" => Ok(()),
        "http" if is_loopback(authority) => Ok(()),
        "http" => complaint("http would show what is told to the network", "write https://…"),
        _ => complaint(format!("{who} is not reached by `{}`", scheme.escape_debug()), "write https://HOST/PATH"),
    }
}

/// The same for an address that stood in a file.
///
/// # Errors
/// In words, without the address.
pub fn webhook_address(url: &str) -> Result<(), String> {
    webhook(url).map_err(|Complaint { message, help }| format!("{message}: {help}"))
}

/// The host and port of a mail server, and how the way there is protected.
pub(super) fn mail_server(url: &str) -> Result<(String, u16, Tls), Complaint> {
    const HELP: &str = "write smtps://HOST, smtp+starttls://HOST, or smtp://127.0.0.1 for a server on this machine";
    let Some((scheme, authority)) = url.split_once("://") else {
        return complaint("the server has no scheme", HELP);
    };
    sound(authority)?;
    let (tls, usual) = match scheme {
        "smtps" => (Tls::Whole, 465),
        "smtp+starttls" => (Tls::Started, 587),
        "smtp" if is_loopback(authority) => (Tls::Loopback, 25),
        "smtp" => return complaint("smtp would show what is told to the network", HELP),
        _ => return complaint(format!("no mail is sent by `{}`", scheme.escape_debug()), HELP),
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0)),
        None => (authority, Some(usual)),
    };
    let is_name = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    match port.filter(|_| is_name) {
        Some(port) => Ok((host.to_owned(), port, tls)),
        None => complaint(format!("`{}` is no host", authority.escape_debug()), HELP),
    }
}

/// The project at a forge that the address of a repository tells (`ops/infra`).
pub(super) fn project(url: &str, transport: Transport) -> Option<String> {
    let path = match transport {
        Transport::File => return None,
        Transport::Ssh | Transport::Https => url.split_once("://")?.1.split_once('/')?.1,
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    path.contains('/').then(|| path.to_owned())
}

fn sound(rest: &str) -> Result<(), Complaint> {
    if rest.starts_with('-') || rest.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return complaint("the address holds characters that belong in none", "write it without spaces");
    }
    Ok(())
}

fn is_loopback(authority: &str) -> bool {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
