//! One repository at one forge.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::IF_NONE_MATCH;
use reqwest::{Client, Method, RequestBuilder, Url};
use serde_json::Value;
use writ_core::status::CommitStatus;

use super::answer::{self, Answer, Try};
use super::app::{Installation, Power};
use super::request::Told;
use super::{Speaks, request};
use crate::error::chain;
use crate::limits::{FORGE_SECONDS, TOKEN_BYTES_MAX};
use crate::page::{Link, Site};
use crate::settings::{Login, Report};

/// What a forge answers to a token that counts no more.
const UNAUTHORIZED: u16 = 401;

/// One repository at one forge.
#[derive(Debug)]
pub struct Forge {
    pub(super) speaks: Speaks,
    pub(super) base: Url,
    pub(super) project: String,
    credential: Credential,
    /// The address by which people reach the agent's own pages.
    pages: Option<String>,
    timeout: Duration,
    client: OnceLock<Client>,
}

/// What shows the forge who tells it something.
#[derive(Debug)]
enum Credential {
    /// The token in a file, read at each sending, so that it can be changed.
    Token(PathBuf),
    /// Tokens that GitHub gives to an app for an hour.
    App(Installation),
}

/// What is asked of a forge.
#[derive(Debug)]
pub(super) struct Call {
    power: Power,
    method: Method,
    address: Url,
    body: Option<Value>,
    /// By what the forge knows its last answer again.
    known_by: Option<String>,
}

/// Why a forge cannot be spoken to as it is set up.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// The address is none.
    #[error("`{url}` is no address of a forge: write https://HOST")]
    Address {
        /// As written.
        url: String,
    },
    /// The project is none.
    #[error("`{project}` is no project of a forge: write OWNER/REPOSITORY")]
    Project {
        /// As written.
        project: String,
    },
    /// The token cannot be read.
    #[error("cannot read the token in {path}", path = path.display())]
    TokenUnread {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file does not hold a token.
    #[error("{path} holds no token: it must hold one line of printable characters", path = path.display())]
    TokenUnfit {
        /// The file.
        path: PathBuf,
    },
    /// The client could not be made.
    #[error("cannot prepare the connection to {host}")]
    Client {
        /// The forge's host.
        host: String,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
}

impl Forge {
    /// The forge of a report of the settings. Statuses lead to the agent's own pages, if these have an address.
    pub fn new(report: &Report, pages: Option<&str>) -> Result<Self, ForgeError> {
        let Report { forge, url, login, project, source: _ } = report;
        let credential = match login {
            Login::Token(file) => Credential::Token(file.clone()),
            Login::App(app) => Credential::App(Installation::new(app.clone())),
        };
        let forge = Self::with(Speaks::of(*forge, url), url, project, credential)?;
        Ok(match pages {
            Some(pages) => forge.leading_to(pages),
            None => forge,
        })
    }

    /// A repository (`ops/infra`) at the forge that answers at `url`; the token is read from its file at each sending, so
    /// that it can be changed. Connects to nothing.
    pub fn at(speaks: Speaks, url: &str, project: &str, token_file: &Path) -> Result<Self, ForgeError> {
        Self::with(speaks, url, project, Credential::Token(token_file.to_path_buf()))
    }

    fn with(speaks: Speaks, url: &str, project: &str, credential: Credential) -> Result<Self, ForgeError> {
        let address = || ForgeError::Address { url: url.to_owned() };
        let mut base = Url::parse(url).map_err(|_| address())?;
        let plain = base.username().is_empty() && base.password().is_none() && base.query().is_none();
        if !plain || !["http", "https"].contains(&base.scheme()) || base.host_str().is_none() {
            return Err(address());
        }
        let parts: Vec<&str> = project.split('/').collect();
        if !speaks.takes_parts(parts.len()) || parts.iter().any(|part| part.is_empty() || *part == "." || *part == "..")
        {
            return Err(ForgeError::Project { project: project.to_owned() });
        }
        base.set_fragment(None);
        if let Some(host) = speaks.interface_host(base.host_str().unwrap_or_default()) {
            base.set_host(Some(host)).map_err(|_| address())?;
        }
        Ok(Self {
            speaks,
            base,
            project: project.to_owned(),
            credential,
            pages: None,
            timeout: Duration::from_secs(FORGE_SECONDS),
            client: OnceLock::new(),
        })
    }

    /// The same with another limit of time for one request.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same whose statuses lead to the pages at an address, which ends without a slash.
    #[must_use]
    pub fn leading_to(mut self, pages: &str) -> Self {
        self.pages = Some(pages.to_owned());
        self
    }

    /// The name by which the outbox knows it: `gitea https://forge.example/ops/infra`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}", self.writer(), self.project)
    }

    /// The forge itself: `gitea https://forge.example`.
    pub(super) fn writer(&self) -> String {
        format!("{} {}", self.speaks.name(), self.base.as_str().trim_end_matches('/'))
    }

    /// The interface that it speaks.
    #[must_use]
    pub const fn speaks(&self) -> Speaks {
        self.speaks
    }

    fn client(&self) -> Result<&Client, ForgeError> {
        let host = || self.base.host_str().unwrap_or_default().to_owned();
        request::client(&self.client, &self.base, self.timeout)
            .map_err(|source| ForgeError::Client { host: host(), source })
    }

    /// Where people read what this host knows of a commit.
    fn page(&self, commit: &str) -> Option<String> {
        let page = Site::Served.address(&Link::Commit(commit));
        self.pages.as_ref().map(|pages| format!("{pages}{page}"))
    }

    /// Offers a status, and says what became of it. Never fails: what goes wrong is an answer, too.
    pub(super) async fn offer(&self, status: &CommitStatus, attempt: Try) -> Answer {
        // An address that ends in `statuses/` would be answered 404, and nobody would know why.
        if ![40, 64].contains(&status.commit.len()) || !status.commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Answer::Never(format!("`{}` is no commit", status.commit.escape_debug()));
        }
        let page = self.page(&status.commit);
        if self.speaks.needs_page() && page.is_none() {
            return answer::denied(&attempt, "Bitbucket takes no status that leads nowhere: set `url` in [web]");
        }
        let address = self.speaks.address(&self.base, &self.project, &status.commit);
        let call = Call::saying(Power::Statuses, Method::POST, address, self.speaks.body(status, page.as_deref()));
        match self.ask(&call, &attempt, 0).await {
            Ok(told) => told.judge(&attempt),
            Err(answer) => answer,
        }
    }

    /// Asks the forge something. A token that was held is let go of when it is denied, for it may have been withdrawn, and a new one
    /// tried once.
    pub(super) async fn ask(&self, call: &Call, attempt: &Try, bytes_max: usize) -> Result<Told, Answer> {
        let was_held = match &self.credential {
            Credential::Token(_) => false,
            Credential::App(installation) => installation.is_holding(call.power, attempt.now),
        };
        let told = self.ask_once(call, attempt, bytes_max).await?;
        match &self.credential {
            Credential::App(installation) if told.code == UNAUTHORIZED => installation.forget(call.power),
            Credential::App(_) | Credential::Token(_) => return Ok(told),
        }
        if was_held { self.ask_once(call, attempt, bytes_max).await } else { Ok(told) }
    }

    async fn ask_once(&self, call: &Call, attempt: &Try, bytes_max: usize) -> Result<Told, Answer> {
        let Call { power, method, address, body, known_by } = call;
        let unready = |error: ForgeError| answer::unanswered(attempt, &chain(&error));
        let client = self.client().map_err(unready)?;
        let headers = match &self.credential {
            Credential::Token(file) => {
                let unfit = |_| ForgeError::TokenUnfit { path: file.clone() };
                token(file).and_then(|token| self.speaks.headers(&token).map_err(unfit)).map_err(unready)?
            }
            Credential::App(installation) => {
                installation.headers(*power, client, (&self.base, &self.project), attempt).await?
            }
        };
        let request = client.request(method.clone(), address.clone()).headers(headers);
        let request = body.iter().fold(request, RequestBuilder::json);
        let request = known_by.iter().fold(request, |request, tag| request.header(IF_NONE_MATCH, tag));
        request::ask(request, attempt, bytes_max).await
    }
}

impl Call {
    /// One that tells something.
    pub(super) const fn saying(power: Power, method: Method, address: Url, body: Value) -> Self {
        Self { power, method, address, body: Some(body), known_by: None }
    }

    /// One that asks for something, unless it is what the forge knows by this word.
    pub(super) const fn reading(power: Power, address: Url, known_by: Option<String>) -> Self {
        Self { power, method: Method::GET, address, body: None, known_by }
    }
}

fn token(file: &Path) -> Result<String, ForgeError> {
    let path = || file.to_path_buf();
    let mut text = String::new();
    (File::open(file))
        .and_then(|open| open.take(TOKEN_BYTES_MAX).read_to_string(&mut text))
        .map_err(|source| ForgeError::TokenUnread { path: path(), source })?;
    let token = text.trim();
    let fit = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if fit { Ok(token.to_owned()) } else { Err(ForgeError::TokenUnfit { path: path() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_forge_or_project_is_refused() {
        for url in
            ["forge.example", "ssh://forge.example", "https://user:secret@forge.example", "https://f.example/?a=b"]
        {
            assert!(Forge::at(Speaks::Gitea, url, "o/r", Path::new("t")).is_err(), "{url}");
        }
        for project in ["", "o", "o/", "/r", "o/r/x", "../r", "o/.."] {
            assert!(Forge::at(Speaks::Gitea, "https://f.example", project, Path::new("t")).is_err(), "{project}");
        }
    }
}
