//! `[ingress]`: where the host's ingress listens, what it is, and who issues its certificates.
//!
//! Invariant: without a word about it, it listens on loopback alone.

use std::collections::BTreeSet;

use writ_core::ingress::{Directory, Issuer, Settings};
use writ_core::text::{Problems, Written};

use super::check::refuse;
use super::path::{Privacy, file};
use super::raw;

/// What the settings say; what they do not is as by default.
pub(super) fn check_ingress(raw: raw::Ingress, problems: &mut Problems) -> Settings {
    let raw::Ingress { image, addresses, http_port, https_port, email, ca, directory, directory_roots_file } = raw;
    let default = Settings::default();
    let port = |written: Option<Written<u32>>, default: u16, problems: &mut Problems| {
        let Some(Written { value, place }) = written else { return default };
        u16::try_from(value).ok().filter(|port| *port > 0).unwrap_or_else(|| {
            refuse(problems, &place, format!("{value} is no port"), "use a number from 1 to 65535");
            default
        })
    };
    let ports = (port(http_port, default.ports.0, problems), port(https_port, default.ports.1, problems));
    let image = image.map_or(default.image, |Written { value, place }| {
        if value.is_empty() || value.contains(char::is_whitespace) {
            refuse(problems, &place, "`image` is no name of an image", "write it as `caddy:2`");
        }
        value
    });
    let email = email.map(|Written { value, place }| {
        if !value.contains('@') || value.contains(char::is_whitespace) {
            refuse(problems, &place, "`email` is no address of mail", "write it as `ops@example.org`");
        }
        value
    });
    let addresses = addresses.map_or(default.addresses, |written| check_addresses(written, problems));
    let roots = check_roots(directory_roots_file, directory.is_some(), problems);
    Settings { image, addresses, ports, email, issuer: check_issuer(ca, directory, roots, problems) }
}

fn check_addresses(written: Written<Vec<Written<String>>>, problems: &mut Problems) -> BTreeSet<std::net::IpAddr> {
    let Written { value, place } = written;
    if value.is_empty() {
        refuse(problems, &place, "`addresses` names none", "name one, as in `addresses = [\"0.0.0.0\"]`");
    }
    let mut addresses = BTreeSet::new();
    for Written { value, place } in value {
        match value.parse() {
            Ok(address) => drop(addresses.insert(address)),
            Err(_) => {
                let message = format!("`{}` is no address", value.escape_debug());
                refuse(problems, &place, message, "write it as 192.0.2.1 or 2001:db8::1; 0.0.0.0 is all of them");
            }
        }
    }
    addresses
}

/// Certificates of a file that vouch for the authority.
fn check_roots(written: Option<Written<String>>, has_directory: bool, problems: &mut Problems) -> Option<String> {
    let place = written.as_ref()?.place.clone();
    if !has_directory {
        let help = "name the authority in `directory`, or remove it";
        refuse(problems, &place, "`directory_roots_file` vouches for no `directory`", help);
        return None;
    }
    let path = file("directory_roots_file", written, Privacy::Public, problems)?;
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("`directory_roots_file`: cannot read {}: {error}", path.display());
            refuse(problems, &place, message, "make it a text file that the agent can read");
            return None;
        }
    };
    if !text.contains("-----BEGIN CERTIFICATE-----") || text.contains("PRIVATE KEY-----") {
        let message = format!("`directory_roots_file`: {} does not hold certificates alone", path.display());
        refuse(problems, &place, message, "write the certificates of the authority into it, as PEM, and no key");
        return None;
    }
    Some(text)
}

fn check_issuer(
    ca: Option<Written<String>>,
    directory: Option<Written<String>>,
    roots: Option<String>,
    problems: &mut Problems,
) -> Issuer {
    let internal = match &ca {
        None => false,
        Some(Written { value, place }) => match value.as_str() {
            "acme" => false,
            "internal" => true,
            _ => {
                let message = format!("`ca` cannot be `{}`", value.escape_debug());
                refuse(problems, place, message, "use acme or internal");
                false
            }
        },
    };
    let directory = directory.map(|Written { value, place }| {
        if internal {
            refuse(
                problems,
                &place,
                "an ingress that issues certificates itself asks no directory",
                "remove one of them",
            );
        } else if !value.starts_with("https://") || value.contains(char::is_whitespace) {
            let help = "write the address of the directory, as in https://acme.example/directory";
            refuse(problems, &place, "`directory` is no address of https", help);
        }
        value
    });
    let directory = directory.map(|address| Directory { address, roots });
    if internal { Issuer::Internal } else { Issuer::Acme(directory) }
}
