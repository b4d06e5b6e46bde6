//! One repository at one forge, and the request that each interface takes.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use serde_json::{Value, json};
use writ_core::status::{CommitStatus, State};

use super::answer::{self, Answer, Try};
use super::request;
use crate::error::chain;
use crate::limits::{FORGE_SECONDS, TOKEN_BYTES_MAX};
use crate::page::{Link, Site};
use crate::settings::{ForgeKind, Report};

const GITHUB: &str = "github.com";
const GITHUB_INTERFACE: &str = "api.github.com";
const GITHUB_VERSION: &str = "2022-11-28";

/// The interface that a forge speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Speaks {
    /// Gitea's, which Forgejo speaks too. Source: `POST /repos/{owner}/{repo}/statuses/{sha}` of Gitea's API v1.
    Gitea,
    /// GitHub's, of the service and of Enterprise Server. Source: "Create a commit status" of its REST API.
    GitHub,
    /// GitLab's. Source: "Set commit pipeline status" of its API v4.
    GitLab,
}

/// One repository at one forge.
#[derive(Debug)]
pub struct Forge {
    speaks: Speaks,
    base: Url,
    project: String,
    token_file: PathBuf,
    /// The address by which people reach the agent's own pages.
    pages: Option<String>,
    timeout: Duration,
    client: OnceLock<Client>,
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

impl Speaks {
    const fn name(self) -> &'static str {
        match self {
            Self::Gitea => "gitea",
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
        }
    }

    /// The name that the interface gives a state. GitLab knows one kind of going wrong.
    const fn state(self, state: State) -> &'static str {
        match (self, state) {
            (Self::GitLab, State::Failure | State::Error) => "failed",
            (Self::GitLab, State::Pending | State::Success) | (Self::Gitea | Self::GitHub, _) => state.name(),
        }
    }
}

impl Forge {
    /// The forge of a report of the settings. Statuses lead to the agent's own pages, if these have an address.
    pub fn new(report: &Report, pages: Option<&str>) -> Result<Self, ForgeError> {
        let Report { forge, url, token_file, project, source: _ } = report;
        let speaks = match forge {
            ForgeKind::Gitea | ForgeKind::Forgejo => Speaks::Gitea,
            ForgeKind::Github => Speaks::GitHub,
            ForgeKind::Gitlab => Speaks::GitLab,
        };
        let forge = Self::at(speaks, url, project, token_file)?;
        Ok(match pages {
            Some(pages) => forge.leading_to(pages),
            None => forge,
        })
    }

    /// A repository (`ops/infra`) at the forge that answers at `url`; the token is read from its file at each sending, so
    /// that it can be changed. Connects to nothing.
    pub fn at(speaks: Speaks, url: &str, project: &str, token_file: &Path) -> Result<Self, ForgeError> {
        let address = || ForgeError::Address { url: url.to_owned() };
        let mut base = Url::parse(url).map_err(|_| address())?;
        let plain = base.username().is_empty() && base.password().is_none() && base.query().is_none();
        if !plain || !["http", "https"].contains(&base.scheme()) || base.host_str().is_none() {
            return Err(address());
        }
        let parts: Vec<&str> = project.split('/').collect();
        let fitting = if speaks == Speaks::GitLab { parts.len() >= 2 } else { parts.len() == 2 };
        if !fitting || parts.iter().any(|part| part.is_empty() || *part == "." || *part == "..") {
            return Err(ForgeError::Project { project: project.to_owned() });
        }
        base.set_fragment(None);
        if speaks == Speaks::GitHub && base.host_str() == Some(GITHUB) {
            base.set_host(Some(GITHUB_INTERFACE)).map_err(|_| address())?;
        }
        Ok(Self {
            speaks,
            base,
            project: project.to_owned(),
            token_file: token_file.to_path_buf(),
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
        format!("{} {}/{}", self.speaks.name(), self.base.as_str().trim_end_matches('/'), self.project)
    }

    /// The interface that it speaks.
    #[must_use]
    pub const fn speaks(&self) -> Speaks {
        self.speaks
    }

    /// Where a status on a commit is written.
    fn address(&self, commit: &str) -> Url {
        let mut url = self.base.clone();
        let mut parts: Vec<&str> = match self.speaks {
            Speaks::Gitea => vec!["api", "v1", "repos"],
            Speaks::GitHub if url.host_str() == Some(GITHUB_INTERFACE) => vec!["repos"],
            Speaks::GitHub => vec!["api", "v3", "repos"],
            Speaks::GitLab => vec!["api", "v4", "projects"],
        };
        match self.speaks {
            // One part, its slashes encoded.
            Speaks::GitLab => parts.push(&self.project),
            Speaks::Gitea | Speaks::GitHub => parts.extend(self.project.split('/')),
        }
        parts.extend(["statuses", commit]);
        url.path_segments_mut().expect("a http address has a path").pop_if_empty().extend(parts);
        url
    }

    fn headers(&self) -> Result<HeaderMap, ForgeError> {
        let token = self.token()?;
        let (name, value) = match self.speaks {
            Speaks::Gitea => (AUTHORIZATION, format!("token {token}")),
            Speaks::GitHub => (AUTHORIZATION, format!("Bearer {token}")),
            Speaks::GitLab => (HeaderName::from_static("private-token"), token),
        };
        let unfit = |_| ForgeError::TokenUnfit { path: self.token_file.clone() };
        let mut value = HeaderValue::from_str(&value).map_err(unfit)?;
        value.set_sensitive(true);
        let mut headers = HeaderMap::from_iter([(name, value)]);
        match self.speaks {
            Speaks::GitHub => {
                headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
                headers.insert("x-github-api-version", HeaderValue::from_static(GITHUB_VERSION));
            }
            Speaks::Gitea | Speaks::GitLab => {
                headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
            }
        }
        Ok(headers)
    }

    fn token(&self) -> Result<String, ForgeError> {
        let path = || self.token_file.clone();
        let mut text = String::new();
        (File::open(&self.token_file))
            .and_then(|file| file.take(TOKEN_BYTES_MAX).read_to_string(&mut text))
            .map_err(|source| ForgeError::TokenUnread { path: path(), source })?;
        let token = text.trim();
        let fit = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if fit { Ok(token.to_owned()) } else { Err(ForgeError::TokenUnfit { path: path() }) }
    }

    fn client(&self) -> Result<&Client, ForgeError> {
        let host = || self.base.host_str().unwrap_or_default().to_owned();
        request::client(&self.client, &self.base, self.timeout)
            .map_err(|source| ForgeError::Client { host: host(), source })
    }

    fn body(&self, status: &CommitStatus) -> Value {
        let CommitStatus { commit, context, state, description } = status;
        let mut body = json!({ "state": self.speaks.state(*state), "context": context, "description": description });
        if let Some(page) = self.page(commit) {
            body["target_url"] = page.into();
        }
        body
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
        let prepared = self.headers().and_then(|headers| Ok((headers, self.client()?)));
        let (headers, client) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return answer::unanswered(&attempt, &chain(&error)),
        };
        let request = client.post(self.address(&status.commit)).headers(headers).json(&self.body(status));
        request::send(request, &attempt).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789012345678901234567890123456789";

    fn address(speaks: Speaks, url: &str, project: &str) -> String {
        let forge = Forge::at(speaks, url, project, Path::new("token")).unwrap();
        forge.address("c0ffee").to_string()
    }

    #[test]
    fn each_interface_has_its_address() {
        for (speaks, url, project, want) in [
            (Speaks::Gitea, "https://f.example", "o/r", "https://f.example/api/v1/repos/o/r/statuses/c0ffee"),
            (Speaks::Gitea, "https://f.example/git/", "o/r", "https://f.example/git/api/v1/repos/o/r/statuses/c0ffee"),
            (Speaks::GitHub, "https://github.com", "o/r", "https://api.github.com/repos/o/r/statuses/c0ffee"),
            (Speaks::GitHub, "https://api.github.com/", "o/r", "https://api.github.com/repos/o/r/statuses/c0ffee"),
            (Speaks::GitHub, "https://gh.example", "o/r", "https://gh.example/api/v3/repos/o/r/statuses/c0ffee"),
            (
                Speaks::GitLab,
                "https://l.example",
                "g/s/r",
                "https://l.example/api/v4/projects/g%2Fs%2Fr/statuses/c0ffee",
            ),
        ] {
            assert_eq!(address(speaks, url, project), want);
        }
    }

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

    #[test]
    fn gitlab_has_its_own_names_for_states() {
        let status = |state| CommitStatus {
            commit: COMMIT.to_owned(),
            context: "writ/edge/web".to_owned(),
            state,
            description: "3 pods".to_owned(),
        };
        let forge = |speaks| Forge::at(speaks, "https://f.example", "o/r", Path::new("t")).unwrap();
        for (state, gitlab, others) in [
            (State::Pending, "pending", "pending"),
            (State::Success, "success", "success"),
            (State::Failure, "failed", "failure"),
            (State::Error, "failed", "error"),
        ] {
            assert_eq!(forge(Speaks::GitLab).body(&status(state))["state"], gitlab);
            assert_eq!(forge(Speaks::GitHub).body(&status(state))["state"], others);
            assert_eq!(forge(Speaks::Gitea).body(&status(state))["state"], others);
        }
    }
}
