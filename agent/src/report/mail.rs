//! One mail server that takes news for people.
//!
//! Invariant: where the way is to be encrypted, nothing is said on one that is not.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{AsyncSmtpTransport, Error};
use lettre::{AsyncTransport as _, Message, Tokio1Executor};
use writ_core::time::Timestamp;

use super::answer::{self, Answer, Try};
use super::news::News;
use crate::error::chain;
use crate::limits::FORGE_SECONDS;
use crate::record::Waiting;
use crate::settings::{Mail, Tls};
use crate::token;

/// Answers of a server that wants another login, or one at all. Source: RFC 4954, section 6.
const LOGIN_WANTED: [u16; 4] = [530, 534, 535, 538];

/// A server, and for whom it takes mail.
#[derive(Debug)]
pub struct Mailer {
    /// The name by which the outbox knows it.
    pub(super) id: String,
    mail: Mail,
    /// The record that tells, by which its mails are told apart from those of others.
    store: String,
}

/// Why nothing can be sent.
#[derive(Debug, thiserror::Error)]
enum Unready {
    #[error("cannot read the password in {path}", path = path.display())]
    Password {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the mail cannot be written")]
    Message(#[from] lettre::error::Error),
    #[error("an address is none that mail takes")]
    Address(#[from] lettre::address::AddressError),
    #[error("cannot prepare the connection")]
    Server(#[source] Error),
}

impl Mailer {
    /// Mail as the settings have it, known to the outbox as `id`, which a record tells that is called `store`.
    pub(super) const fn new(id: String, mail: Mail, store: String) -> Self {
        Self { id, mail, store }
    }

    /// Sends the news, and says what became of that.
    pub(super) async fn offer(&self, waiting: &Waiting, attempt: Try) -> Answer {
        let Some(news) = News::read(waiting) else { return Answer::Never("it is no alert".to_owned()) };
        let ready = self.message(&news).and_then(|message| Ok((self.server()?, message)));
        let (server, message) = match ready {
            Ok(ready) => ready,
            Err(error) => return answer::denied(&attempt, &chain(&error)),
        };
        match server.send(message).await {
            Ok(_) => Answer::Taken(None),
            Err(error) => judge(&attempt, &error),
        }
    }

    fn message(&self, news: &News<'_>) -> Result<Message, Unready> {
        let Mail { to, from, host, port: _, tls: _, login: _ } = &self.mail;
        let mut builder: MessageBuilder = Message::builder().from(Mailbox::new(None, from.parse()?));
        for to in to {
            builder = builder.to(Mailbox::new(None, to.parse()?));
        }
        // The same mail bears the same name when it is sent once more.
        let name = format!("<{}.{}@{host}>", self.store, news.id);
        let builder = builder.subject(news.title()).date(moment(news.at)).message_id(Some(name));
        Ok(builder.header(ContentType::TEXT_PLAIN).body(news.body())?)
    }

    fn server(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, Unready> {
        let Mail { to: _, from, host, port, tls, login } = &self.mail;
        let builder = match tls {
            Tls::Whole => AsyncSmtpTransport::<Tokio1Executor>::relay(host).map_err(Unready::Server)?,
            Tls::Started => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(host).map_err(Unready::Server)?,
            Tls::Loopback => AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host),
        };
        let own = from.split_once('@').map_or("localhost", |(_, host)| host);
        let builder = builder
            .port(*port)
            .timeout(Some(Duration::from_secs(FORGE_SECONDS)))
            .hello_name(ClientId::Domain(own.to_owned()));
        let Some((user, path)) = login else { return Ok(builder.build()) };
        let password = token::read(path).map_err(|source| Unready::Password { path: path.clone(), source })?;
        Ok(builder
            .credentials(Credentials::new(user.clone(), password.expose_str().unwrap_or_default().to_owned()))
            .build())
    }
}

/// What an error of a server means for the mail.
fn judge(attempt: &Try, error: &Error) -> Answer {
    let reason = chain(error);
    match error.status().map(u16::from) {
        Some(code) if LOGIN_WANTED.contains(&code) => answer::denied(attempt, &reason),
        Some(_) if error.is_permanent() => answer::never(&reason),
        Some(_) => answer::later(attempt, &reason),
        None => answer::unanswered(attempt, &reason),
    }
}

fn moment(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(at.0.unsigned_abs())
}
