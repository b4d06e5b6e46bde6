//! The interfaces of forges: where each takes a status of a commit, with which token, and in which words.

use reqwest::Url;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use writ_core::status::{CommitStatus, State};

use crate::settings::ForgeKind;

const GITHUB: &str = "github.com";
pub(super) const GITHUB_INTERFACE: &str = "api.github.com";
const GITHUB_VERSION: &str = "2022-11-28";
const BITBUCKET: &str = "bitbucket.org";
const BITBUCKET_INTERFACE: &str = "api.bitbucket.org";

/// Longest name by which Bitbucket Cloud tells statuses of a commit apart, in characters. It answers 400 to a longer one.
const BITBUCKET_KEY_CHARACTERS_MAX: usize = 40;

/// The interface that a forge speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Speaks {
    /// Gitea's, which Forgejo speaks too. Source: `POST /repos/{owner}/{repo}/statuses/{sha}` of Gitea's API v1.
    Gitea,
    /// GitHub's, of the service and of Enterprise Server. Source: "Create a commit status" of its REST API.
    GitHub,
    /// GitLab's. Source: "Set commit pipeline status" of its API v4.
    GitLab,
    /// That of bitbucket.org. Source: "Create a build status for a commit" of its REST API 2.0.
    BitbucketCloud,
    /// That of Bitbucket Data Center, from 7.14 on. Source: "Updating build status for commits" of its documentation.
    BitbucketDataCenter,
}

impl Speaks {
    /// The interface of a forge of this kind that answers at `url`.
    pub(super) fn of(kind: ForgeKind, url: &str) -> Self {
        let host = || Some(Url::parse(url).ok()?.host_str()?.to_owned());
        match kind {
            ForgeKind::Gitea | ForgeKind::Forgejo => Self::Gitea,
            ForgeKind::Github => Self::GitHub,
            ForgeKind::Gitlab => Self::GitLab,
            ForgeKind::Bitbucket => match host().as_deref() {
                Some(BITBUCKET | BITBUCKET_INTERFACE) => Self::BitbucketCloud,
                Some(_) | None => Self::BitbucketDataCenter,
            },
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gitea => "gitea",
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::BitbucketCloud | Self::BitbucketDataCenter => "bitbucket",
        }
    }

    /// The host of the interface, where it is another one than that of the pages.
    pub(super) fn interface_host(self, host: &str) -> Option<&'static str> {
        match (self, host) {
            (Self::GitHub, GITHUB) => Some(GITHUB_INTERFACE),
            (Self::BitbucketCloud, BITBUCKET) => Some(BITBUCKET_INTERFACE),
            (Self::Gitea | Self::GitHub | Self::GitLab | Self::BitbucketCloud | Self::BitbucketDataCenter, _) => None,
        }
    }

    /// True if a project can be of so many parts.
    pub(super) const fn takes_parts(self, count: usize) -> bool {
        match self {
            Self::GitLab => count >= 2,
            Self::Gitea | Self::GitHub | Self::BitbucketCloud | Self::BitbucketDataCenter => count == 2,
        }
    }

    /// True if it takes no status that leads nowhere.
    pub(super) const fn needs_page(self) -> bool {
        match self {
            Self::Gitea | Self::GitHub | Self::GitLab => false,
            Self::BitbucketCloud | Self::BitbucketDataCenter => true,
        }
    }

    /// Most statuses that it takes for one commit and context, if it counts them. Source: "REST API endpoints for commit
    /// statuses" of GitHub.
    pub(super) const fn statuses_max(self) -> Option<u32> {
        match self {
            Self::GitHub => Some(1_000),
            Self::Gitea | Self::GitLab | Self::BitbucketCloud | Self::BitbucketDataCenter => None,
        }
    }

    /// Where a status on a commit of a project is written, at the interface that answers at `base`.
    pub(super) fn address(self, base: &Url, project: &str, commit: &str) -> Url {
        let (owner, repository) = project.split_once('/').unwrap_or((project, ""));
        match self {
            Self::Gitea => below(base, &["api", "v1", "repos", owner, repository, "statuses", commit]),
            Self::GitHub if base.host_str() == Some(GITHUB_INTERFACE) => {
                below(base, &["repos", owner, repository, "statuses", commit])
            }
            Self::GitHub => below(base, &["api", "v3", "repos", owner, repository, "statuses", commit]),
            // One part, its slashes encoded.
            Self::GitLab => below(base, &["api", "v4", "projects", project, "statuses", commit]),
            Self::BitbucketCloud => {
                below(base, &["2.0", "repositories", owner, repository, "commit", commit, "statuses", "build"])
            }
            Self::BitbucketDataCenter => {
                let parts =
                    ["rest", "api", "latest", "projects", owner, "repos", repository, "commits", commit, "builds"];
                below(base, &parts)
            }
        }
    }

    /// Where an app of GitHub gets a token of an installation, at the interface that answers at `base`. Source: "Create an
    /// installation access token for an app" of its REST API.
    pub(super) fn tokens(base: &Url, installation: u32) -> Url {
        let parts = ["app", "installations", &installation.to_string(), "access_tokens"];
        let is_service = base.host_str() == Some(GITHUB_INTERFACE);
        if is_service { below(base, &parts) } else { below(&below(base, &["api", "v3"]), &parts) }
    }

    /// The headers of a request by whoever holds a token.
    pub(super) fn headers(self, token: &str) -> Result<HeaderMap, InvalidHeaderValue> {
        let (name, value) = match self {
            Self::Gitea => (AUTHORIZATION, format!("token {token}")),
            Self::GitHub | Self::BitbucketCloud | Self::BitbucketDataCenter => {
                (AUTHORIZATION, format!("Bearer {token}"))
            }
            Self::GitLab => (HeaderName::from_static("private-token"), token.to_owned()),
        };
        let mut value = HeaderValue::from_str(&value)?;
        value.set_sensitive(true);
        let mut headers = HeaderMap::from_iter([(name, value)]);
        match self {
            Self::GitHub => {
                headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
                headers.insert("x-github-api-version", HeaderValue::from_static(GITHUB_VERSION));
            }
            Self::Gitea | Self::GitLab | Self::BitbucketCloud | Self::BitbucketDataCenter => {
                headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
            }
        }
        Ok(headers)
    }

    /// A status as the interface takes it, which leads to `page`.
    pub(super) fn body(self, status: &CommitStatus, page: Option<&str>) -> Value {
        let CommitStatus { commit: _, context, state, description } = status;
        let state = self.state(*state);
        match self {
            Self::Gitea | Self::GitHub | Self::GitLab => {
                let mut body = json!({"state": state, "context": context, "description": description});
                if let Some(page) = page {
                    body["target_url"] = page.into();
                }
                body
            }
            Self::BitbucketCloud | Self::BitbucketDataCenter => {
                json!({"key": key(context), "name": context, "state": state, "description": description, "url": page})
            }
        }
    }

    /// The name that the interface gives a state. GitLab and Bitbucket know one kind of going wrong.
    const fn state(self, state: State) -> &'static str {
        match (self, state) {
            (Self::GitLab, State::Failure | State::Error) => "failed",
            (Self::GitLab, State::Pending | State::Success) | (Self::Gitea | Self::GitHub, _) => state.name(),
            (Self::BitbucketCloud | Self::BitbucketDataCenter, State::Pending) => "INPROGRESS",
            (Self::BitbucketCloud | Self::BitbucketDataCenter, State::Success) => "SUCCESSFUL",
            (Self::BitbucketCloud | Self::BitbucketDataCenter, State::Failure | State::Error) => "FAILED",
        }
    }
}

pub(super) fn below(base: &Url, parts: &[&str]) -> Url {
    let mut url = base.clone();
    url.path_segments_mut().expect("a http address has a path").pop_if_empty().extend(parts);
    url
}

/// By what a context is told from others on a commit: itself, or the beginning of its SHA-256 if it is too long for that.
fn key(context: &str) -> String {
    if context.chars().count() <= BITBUCKET_KEY_CHARACTERS_MAX {
        return context.to_owned();
    }
    let digest: String = Sha256::digest(context).iter().map(|byte| format!("{byte:02x}")).collect();
    digest.chars().take(BITBUCKET_KEY_CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_interface_has_its_address() {
        for (speaks, url, project, want) in [
            (Speaks::Gitea, "https://f.example", "o/r", "https://f.example/api/v1/repos/o/r/statuses/c0ffee"),
            (Speaks::Gitea, "https://f.example/git/", "o/r", "https://f.example/git/api/v1/repos/o/r/statuses/c0ffee"),
            (Speaks::GitHub, "https://api.github.com/", "o/r", "https://api.github.com/repos/o/r/statuses/c0ffee"),
            (Speaks::GitHub, "https://gh.example", "o/r", "https://gh.example/api/v3/repos/o/r/statuses/c0ffee"),
            (
                Speaks::GitLab,
                "https://l.example",
                "g/s/r",
                "https://l.example/api/v4/projects/g%2Fs%2Fr/statuses/c0ffee",
            ),
            (
                Speaks::BitbucketCloud,
                "https://api.bitbucket.org",
                "w/r",
                "https://api.bitbucket.org/2.0/repositories/w/r/commit/c0ffee/statuses/build",
            ),
            (
                Speaks::BitbucketDataCenter,
                "https://b.example/bitbucket",
                "~ann/r",
                "https://b.example/bitbucket/rest/api/latest/projects/~ann/repos/r/commits/c0ffee/builds",
            ),
        ] {
            assert_eq!(speaks.address(&Url::parse(url).unwrap(), project, "c0ffee").to_string(), want);
        }
    }

    #[test]
    fn an_app_gets_its_tokens_from_the_interface_of_the_service_or_of_a_server() {
        let tokens = |url| Speaks::tokens(&Url::parse(url).unwrap(), 77).to_string();
        assert_eq!(tokens("https://api.github.com"), "https://api.github.com/app/installations/77/access_tokens");
        assert_eq!(tokens("https://gh.example/"), "https://gh.example/api/v3/app/installations/77/access_tokens");
    }

    #[test]
    fn which_bitbucket_answers_is_told_by_its_host() {
        let speaks = |url| Speaks::of(ForgeKind::Bitbucket, url);
        for cloud in ["https://bitbucket.org", "https://api.bitbucket.org/"] {
            assert_eq!(speaks(cloud), Speaks::BitbucketCloud);
        }
        for own in ["https://bitbucket.example", "https://bitbucket.org.example", "https://git.example/bitbucket.org"] {
            assert_eq!(speaks(own), Speaks::BitbucketDataCenter);
        }
        assert_eq!(Speaks::BitbucketCloud.interface_host("bitbucket.org"), Some("api.bitbucket.org"));
        assert_eq!(Speaks::BitbucketDataCenter.interface_host("bitbucket.org"), None);
        assert_eq!(Speaks::GitHub.interface_host("github.com"), Some("api.github.com"));
    }

    #[test]
    fn a_context_that_is_too_long_for_a_key_is_told_apart_by_its_digest() {
        assert_eq!(key("writ/edge-1/web"), "writ/edge-1/web");
        let long = format!("writ/edge-1/{}", "w".repeat(40));
        let (one, other) = (key(&long), key(&format!("{long}w")));
        assert_eq!((one.len(), other.len()), (40, 40));
        assert_ne!(one, other);
    }

    #[test]
    fn each_interface_has_its_own_names_for_states() {
        let status = |state| CommitStatus {
            commit: String::new(),
            context: "writ/edge/web".to_owned(),
            state,
            description: "3 pods".to_owned(),
        };
        for (state, others, gitlab, bitbucket) in [
            (State::Pending, "pending", "pending", "INPROGRESS"),
            (State::Success, "success", "success", "SUCCESSFUL"),
            (State::Failure, "failure", "failed", "FAILED"),
            (State::Error, "error", "failed", "FAILED"),
        ] {
            for (speaks, want) in [
                (Speaks::Gitea, others),
                (Speaks::GitHub, others),
                (Speaks::GitLab, gitlab),
                (Speaks::BitbucketCloud, bitbucket),
                (Speaks::BitbucketDataCenter, bitbucket),
            ] {
                assert_eq!(speaks.body(&status(state), None)["state"], want);
            }
        }
    }
}
