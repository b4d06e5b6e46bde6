//! `[[alert]]`: who is told beside the forge that something is wrong, and of what.

use std::path::{Path, PathBuf};

use writ_core::alert::Kind;
use writ_core::text::{Place, Problems, Written};
use writ_core::time::Seconds;

use super::check::{check_name, check_reference, check_span, choose, refuse, refuse_duplicates};
use super::path::{Privacy, file};
use super::{raw, url};
use crate::limits::{ALERT_REMIND_SECONDS_DEFAULT, ALERT_REMIND_SECONDS_MAX, ALERT_REMIND_SECONDS_MIN};

/// Somebody who is told that something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Its name.
    pub name: String,
    /// How they are told.
    pub way: Way,
    /// The units that they are told of; none stands for all.
    pub units: Vec<String>,
    /// The kinds of trouble that they are told of.
    pub kinds: Vec<Kind>,
    /// Time after which they are reminded of what lasts; none if never.
    pub remind: Option<Seconds>,
}

/// How somebody is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// By a request to an address.
    Webhook {
        /// The address.
        address: Address,
        /// What it takes.
        format: Format,
    },
    /// By mail.
    Mail(Mail),
}

/// Where a webhook is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// At this address.
    Url(String),
    /// At the address in this file, which whoever knows it could use.
    File(PathBuf),
}

/// What a webhook takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// CloudEvents as JSON, signed by the secret in this file.
    Json {
        /// The file.
        secret_file: PathBuf,
    },
    /// What Slack takes, and others as it does.
    Slack,
}

/// A mailbox, and the server that takes mail for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// To whom.
    pub to: Vec<String>,
    /// From whom.
    pub from: String,
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way there is protected.
    pub tls: Tls,
    /// The user and the file of the password; none if the server asks for none.
    pub login: Option<(String, PathBuf)>,
}

/// How the way to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// By TLS from the beginning.
    Whole,
    /// By TLS after a word about it, without which nothing is sent.
    Started,
    /// Not at all: the server is this machine.
    Loopback,
}

impl Way {
    /// The files that are read for it, each of which holds a secret.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let (address, other) = match self {
            Self::Webhook { address, format } => (
                match address {
                    Address::Url(_) => None,
                    Address::File(path) => Some(path),
                },
                match format {
                    Format::Json { secret_file } => Some(secret_file),
                    Format::Slack => None,
                },
            ),
            Self::Mail(mail) => (None, mail.login.as_ref().map(|(_, path)| path)),
        };
        address.into_iter().chain(other).map(PathBuf::as_path)
    }
}

impl Alert {
    /// The name by which the outbox knows it.
    #[must_use]
    pub fn id(&self) -> String {
        format!("alert {}", self.name)
    }
}

/// All tables `[[alert]]`; none if one is not right.
pub(super) fn check_alerts(raw: Vec<raw::Alert>, units: &[String], problems: &mut Problems) -> Option<Vec<Alert>> {
    refuse_duplicates("alert", raw.iter().filter_map(|alert| alert.name.as_ref()), problems);
    let alerts: Vec<Option<Alert>> = raw.into_iter().map(|raw| check_alert(raw, units, problems)).collect();
    alerts.into_iter().collect()
}

fn check_alert(raw: raw::Alert, units: &[String], problems: &mut Problems) -> Option<Alert> {
    let raw::Alert { place, name, webhook, webhook_file, format, secret_file, mail, units: of, kinds, remind } = raw;
    let address = match (webhook, webhook_file, &mail) {
        (Some(webhook), None, None) => Some(check_webhook(webhook, problems)),
        (None, Some(written), None) => {
            Some(file("webhook_file", Some(written), Privacy::Secret, problems).map(Address::File))
        }
        (None, None, Some(_)) => None,
        _ => {
            let help = "name one of `webhook`, `webhook_file` and `mail`; write a further [[alert]] for another one";
            refuse(problems, &place, "[[alert]] does not say by which one way", help);
            return None;
        }
    };
    let way = match (address, mail) {
        (Some(address), _) => {
            let format = check_format(format, secret_file, &place, problems);
            address.zip(format).map(|(address, format)| Way::Webhook { address, format })
        }
        (None, mail) => {
            for written in [format, secret_file].into_iter().flatten() {
                refuse(problems, &written.place, "this is for webhooks alone", "take it out");
            }
            mail.and_then(|mail| check_mail(mail, problems)).map(Way::Mail)
        }
    };
    let name = check_name("alert", name, problems);
    let of = of.map_or(Vec::new(), |of| of.value);
    let of: Vec<Option<String>> = of.into_iter().map(|unit| check_reference("unit", unit, units, problems)).collect();
    let kinds = check_kinds(kinds, problems);
    let remind = check_remind(remind, problems);
    Some(Alert {
        name: name?,
        way: way?,
        units: of.into_iter().collect::<Option<_>>()?,
        kinds: kinds?,
        remind: remind?,
    })
}

fn check_webhook(written: Written<String>, problems: &mut Problems) -> Option<Address> {
    let Written { value, place } = written;
    match url::webhook(&value) {
        Ok(()) => Some(Address::Url(value)),
        Err(url::Complaint { message, help }) => {
            refuse(problems, &place, message, help);
            None
        }
    }
}

/// What a webhook takes: CloudEvents are signed, always; Slack knows no signature.
fn check_format(
    format: Option<Written<String>>,
    secret_file: Option<Written<String>>,
    place: &Place,
    problems: &mut Problems,
) -> Option<Format> {
    let is_json = match &format {
        None => true,
        Some(written) => choose("format", written, &[("json", true), ("slack", false)], problems)?,
    };
    match (is_json, secret_file) {
        (true, None) => {
            let help = "name a file with a secret in `secret_file` (`openssl rand -hex 32`): by it the other side knows who tells";
            refuse(problems, place, "[[alert]] has no secret to sign what it tells", help);
            None
        }
        (true, secret_file) => {
            file("secret_file", secret_file, Privacy::Secret, problems).map(|secret_file| Format::Json { secret_file })
        }
        (false, None) => Some(Format::Slack),
        (false, Some(written)) => {
            refuse(problems, &written.place, "what Slack takes is not signed", "take `secret_file` out");
            None
        }
    }
}

fn check_mail(raw: raw::Mail, problems: &mut Problems) -> Option<Mail> {
    let raw::Mail { place, to, from, server, user, password_file } = raw;
    let to: Vec<Option<String>> =
        to.map_or(Vec::new(), |to| to.value).into_iter().map(|to| mailbox(to, problems)).collect();
    if to.is_empty() {
        refuse(problems, &place, "`mail` names nobody", "set `to` to a list of addresses");
        return None;
    }
    let from = from.and_then(|from| mailbox(from, problems));
    let server = server.and_then(|server| check_server(server, problems));
    let login = match (user, password_file) {
        (None, None) => Some(None),
        (Some(user), Some(password_file)) => {
            file("password_file", Some(password_file), Privacy::Secret, problems).map(|path| Some((user.value, path)))
        }
        (Some(one), None) | (None, Some(one)) => {
            refuse(
                problems,
                &one.place,
                "a login has a user and a password",
                "name both `user` and `password_file`, or neither",
            );
            None
        }
    };
    let (host, port, tls) = server?;
    let login = login?;
    if let (Tls::Loopback, Some(_)) = (tls, &login) {
        refuse(
            problems,
            &place,
            "a password is sent by TLS alone",
            "use smtps://… or smtp+starttls://…, or take the login out",
        );
        return None;
    }
    Some(Mail { to: to.into_iter().collect::<Option<_>>()?, from: from?, host, port, tls, login })
}

fn check_server(written: Written<String>, problems: &mut Problems) -> Option<(String, u16, Tls)> {
    let Written { value, place } = written;
    match url::mail_server(&value) {
        Ok(server) => Some(server),
        Err(url::Complaint { message, help }) => {
            refuse(problems, &place, message, help);
            None
        }
    }
}

/// An address of mail as nearly all are: what stands in quotes, and names beside it, is refused.
fn mailbox(written: Written<String>, problems: &mut Problems) -> Option<String> {
    let Written { value, place } = written;
    let sound = value.split_once('@').is_some_and(|(user, host)| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&*+/=?^_{|}~-".contains(&byte);
        let is_label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        !user.is_empty()
            && user.bytes().all(is_plain)
            && user.split('.').all(|part| !part.is_empty())
            && host.split('.').all(is_label)
    });
    if sound {
        return Some(value);
    }
    refuse(
        problems,
        &place,
        format!("`{}` is no address of mail", value.escape_debug()),
        "write it as ops@example.org",
    );
    None
}

fn check_kinds(written: Option<Written<Vec<Written<String>>>>, problems: &mut Problems) -> Option<Vec<Kind>> {
    let Some(Written { value, place }) = written else { return Some(Kind::ALL.to_vec()) };
    if value.is_empty() {
        refuse(problems, &place, "nothing is told by this", "take `on` out for all kinds, or name some");
        return None;
    }
    let choices = Kind::ALL.map(|kind| (kind.name(), kind));
    let kinds: Vec<Option<Kind>> = value.iter().map(|kind| choose("on", kind, &choices, problems)).collect();
    kinds.into_iter().collect()
}

/// Time until people are reminded; the inner value is none where they never are.
fn check_remind(written: Option<Written<String>>, problems: &mut Problems) -> Option<Option<Seconds>> {
    let Some(written) = written else { return Some(Some(Seconds(ALERT_REMIND_SECONDS_DEFAULT))) };
    if written.value == "never" {
        return Some(None);
    }
    let bounds = (ALERT_REMIND_SECONDS_MIN.into(), ALERT_REMIND_SECONDS_MAX.into());
    let span = check_span("remind", &written, bounds, problems)?;
    Some(Some(Seconds(u32::try_from(span.as_secs()).unwrap_or(ALERT_REMIND_SECONDS_MAX))))
}
