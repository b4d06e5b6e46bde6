//! `[ingress]`: where the host's ingress listens, what it is, and who issues its certificates.
//!
//! Invariant: without a word about it, it listens on loopback alone.

use std::collections::BTreeSet;

use writ_core::ingress::{Issuer, Settings};
use writ_core::text::{Problems, Written};

use super::check::refuse;
use super::raw;

/// What the settings say; what they do not is as by default.
pub(super) fn check_ingress(raw: raw::Ingress, problems: &mut Problems) -> Settings {
    let raw::Ingress { image, addresses, http_port, https_port, email, ca, directory } = raw;
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
    Settings { image, addresses, ports, email, issuer: check_issuer(ca, directory, problems) }
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

fn check_issuer(ca: Option<Written<String>>, directory: Option<Written<String>>, problems: &mut Problems) -> Issuer {
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
    if internal { Issuer::Internal } else { Issuer::Acme(directory) }
}
