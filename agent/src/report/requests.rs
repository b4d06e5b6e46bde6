//! The open pull or merge requests of a repository, as its forge lists them.

use reqwest::Url;
use serde::Deserialize;
use writ_core::preview::{Request, moment};
use writ_core::time::Timestamp;

use super::answer::{self, Answer, Try};
use super::app::Power;
use super::forge::Call;
use super::speaks::{GITHUB_INTERFACE, below};
use super::{Forge, Speaks};
use crate::limits::{REQUESTS_ANSWER_BYTES_MAX, REQUESTS_PAGE, REQUESTS_PAGES_MAX};

/// What a listing showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The requests, those that were touched last first.
    pub requests: Vec<Request>,
    /// By what the forge knows this listing again; none if it has no such word, or the listing has several pages.
    pub tag: Option<String>,
}

/// Why there is no listing now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlisted {
    /// Until when the forge is let alone.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// A pull request of Gitea or GitHub.
#[derive(Deserialize)]
struct Pull {
    number: u32,
    updated_at: String,
    head: Head,
    base: Base,
}

#[derive(Deserialize)]
struct Head {
    sha: String,
}

#[derive(Deserialize)]
struct Base {
    r#ref: String,
}

/// A merge request of GitLab. One without a commit has no head.
#[derive(Deserialize)]
struct Merge {
    iid: u32,
    updated_at: String,
    sha: Option<String>,
    target_branch: String,
}

impl Speaks {
    /// What the forge calls the head of a request in the repository: before its number, and after it.
    pub(super) const fn request_refs(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Gitea | Self::GitHub => Some(("refs/pull/", "/head")),
            Self::GitLab => Some(("refs/merge-requests/", "/head")),
            Self::BitbucketCloud | Self::BitbucketDataCenter => None,
        }
    }

    /// Where a project is, for all but its statuses; none where no requests are read.
    pub(super) fn project(self, base: &Url, project: &str) -> Option<Url> {
        let (owner, repository) = project.split_once('/').unwrap_or((project, ""));
        match self {
            Self::Gitea => Some(below(base, &["api", "v1", "repos", owner, repository])),
            Self::GitHub if base.host_str() == Some(GITHUB_INTERFACE) => {
                Some(below(base, &["repos", owner, repository]))
            }
            Self::GitHub => Some(below(base, &["api", "v3", "repos", owner, repository])),
            Self::GitLab => Some(below(base, &["api", "v4", "projects", project])),
            Self::BitbucketCloud | Self::BitbucketDataCenter => None,
        }
    }

    /// A page of the open requests to a branch, those that were touched last first. Sources: "List a repository's pull requests"
    /// of Gitea, "List pull requests" of GitHub, "List project merge requests" of GitLab.
    fn requests(self, base: &Url, project: &str, branch: &str, page: usize) -> Option<Url> {
        let (count, page) = (REQUESTS_PAGE.to_string(), page.to_string());
        let (place, query) = match self {
            // It sorts out no branch in all of its versions.
            Self::Gitea => {
                ("pulls", vec![("state", "open"), ("sort", "recentupdate"), ("limit", &count), ("page", &page)])
            }
            Self::GitHub => (
                "pulls",
                vec![
                    ("state", "open"),
                    ("base", branch),
                    ("sort", "updated"),
                    ("direction", "desc"),
                    ("per_page", &count),
                    ("page", &page),
                ],
            ),
            Self::GitLab => (
                "merge_requests",
                vec![
                    ("state", "opened"),
                    ("target_branch", branch),
                    ("order_by", "updated_at"),
                    ("sort", "desc"),
                    ("per_page", &count),
                    ("page", &page),
                ],
            ),
            Self::BitbucketCloud | Self::BitbucketDataCenter => return None,
        };
        let mut url = below(&self.project(base, project)?, &[place]);
        url.query_pairs_mut().extend_pairs(query);
        Some(url)
    }

    /// The requests of a page; none if that is no page of requests. What has no head is left out.
    fn read(self, body: &str) -> Option<Vec<Option<Request>>> {
        match self {
            Self::Gitea | Self::GitHub => {
                let pulls: Vec<Pull> = serde_json::from_str(body).ok()?;
                let request = |Pull { number, updated_at, head: Head { sha: head }, base: Base { r#ref: branch } }| {
                    Some(Some(Request { number, head, branch, touched: moment(&updated_at)? }))
                };
                pulls.into_iter().map(request).collect()
            }
            Self::GitLab => {
                let merges: Vec<Merge> = serde_json::from_str(body).ok()?;
                let request = |Merge { iid: number, updated_at, sha, target_branch: branch }| {
                    let touched = moment(&updated_at)?;
                    Some(sha.map(|head| Request { number, head, branch, touched }))
                };
                merges.into_iter().map(request).collect()
            }
            Self::BitbucketCloud | Self::BitbucketDataCenter => None,
        }
    }
}

impl Forge {
    /// What the forge calls the head of a request in the repository: before its number, and after it; none if it has none.
    #[must_use]
    pub const fn request_refs(&self) -> Option<(&'static str, &'static str)> {
        self.speaks.request_refs()
    }

    /// The name by which the record knows listings of its requests: it may refuse them and take statuses.
    #[must_use]
    pub fn requests_id(&self) -> String {
        format!("{} requests", self.id())
    }

    /// The open requests to a branch that were touched since `oldest`; none if the listing is the one that the forge knows by a
    /// word. `failures` are those in a row before this one, and `random` is for the spread of later tries.
    ///
    /// # Errors
    /// If there is none that can be read: until when to wait, and why.
    pub async fn requests(
        &self,
        branch: &str,
        oldest: Timestamp,
        known_by: Option<&str>,
        (now, failures, random): (Timestamp, u32, u64),
    ) -> Result<Option<Listed>, Unlisted> {
        let attempt = Try { speaks: Some(self.speaks), now, failures, random };
        self.pages(branch, oldest, known_by, &attempt).await.map_err(|answer| match answer {
            Answer::Later(until, reason) | Answer::ForgeLater(until, reason) => Unlisted { until, reason },
            // A person must mend what is answered alike each time.
            Answer::Never(reason) => match answer::denied(&attempt, &reason) {
                Answer::ForgeLater(until, reason) | Answer::Later(until, reason) => Unlisted { until, reason },
                Answer::Taken(_) | Answer::Never(_) => Unlisted { until: now, reason },
            },
            Answer::Taken(until) => Unlisted { until: until.unwrap_or(now), reason: String::new() },
        })
    }

    async fn pages(
        &self,
        branch: &str,
        oldest: Timestamp,
        known_by: Option<&str>,
        attempt: &Try,
    ) -> Result<Option<Listed>, Answer> {
        let mut listed = Listed { requests: Vec::new(), tag: None };
        for page in 1..=REQUESTS_PAGES_MAX {
            let address = self.speaks.requests(&self.base, &self.project, branch, page);
            let address = address.ok_or_else(|| answer::never("no requests are read there"))?;
            let known_by = known_by.filter(|_| page == 1).map(str::to_owned);
            let is_known = known_by.is_some();
            let told = self
                .ask(&Call::reading(Power::Requests, address, known_by), attempt, REQUESTS_ANSWER_BYTES_MAX)
                .await?;
            if is_known && told.is_unchanged() {
                return Ok(None);
            }
            if !told.is_success() {
                return Err(told.judge(attempt));
            }
            let unread = || answer::later(attempt, "the forge answered no list of requests that could be understood");
            let requests = self.speaks.read(&told.body).ok_or_else(unread)?;
            let is_last = requests.len() < REQUESTS_PAGE;
            listed.requests.extend(requests.into_iter().flatten());
            let is_old = listed.requests.last().is_some_and(|request| request.touched < oldest);
            // What ended a listing behind its first page would not show in the tag of that.
            listed.tag = told.tag().filter(|_| page == 1).map(str::to_owned);
            if is_last || is_old {
                break;
            }
        }
        Ok(Some(listed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_interface_has_its_address_of_open_requests() {
        for (speaks, url, project, want) in [
            (
                Speaks::Gitea,
                "https://f.example/git",
                "o/r",
                "https://f.example/git/api/v1/repos/o/r/pulls?state=open&sort=recentupdate&limit=50&page=2",
            ),
            (
                Speaks::GitHub,
                "https://api.github.com",
                "o/r",
                "https://api.github.com/repos/o/r/pulls?state=open&base=release%2F1&sort=updated&direction=desc&per_page=50&page=2",
            ),
            (
                Speaks::GitLab,
                "https://l.example",
                "g/s/r",
                "https://l.example/api/v4/projects/g%2Fs%2Fr/merge_requests?state=opened&target_branch=release%2F1&\
                 order_by=updated_at&sort=desc&per_page=50&page=2",
            ),
        ] {
            let address = speaks.requests(&Url::parse(url).unwrap(), project, "release/1", 2).unwrap();
            assert_eq!(address.to_string(), want);
        }
        assert_eq!(Speaks::BitbucketCloud.requests(&Url::parse("https://b.example").unwrap(), "o/r", "main", 1), None);
    }

    #[test]
    fn a_page_is_read_whole_or_not_at_all() {
        let pull = r#"{"number": 7, "updated_at": "2026-11-27T13:00:00+01:00", "head": {"sha": "c0ffee", "ref": "x"},
                      "base": {"ref": "main"}, "draft": true, "title": "<script>"}"#;
        let touched = Timestamp::parse("2026-11-27T12:00:00Z").unwrap();
        let (head, branch) = ("c0ffee".to_owned(), "main".to_owned());
        let want = Request { number: 7, head, branch, touched };
        assert_eq!(Speaks::Gitea.read(&format!("[{pull}]")), Some(vec![Some(want.clone())]));
        assert_eq!(Speaks::GitHub.read(&format!("[{pull}, {{}}]")), None);
        assert_eq!(Speaks::GitHub.read(&format!("[{pull}")), None);
        let merge = r#"{"iid": 7, "id": 99, "updated_at": "2026-11-27T12:00:00.000Z", "sha": "c0ffee", "target_branch": "main"}"#;
        let empty = r#"{"iid": 8, "updated_at": "2026-11-27T12:00:00.000Z", "sha": null, "target_branch": "main"}"#;
        assert_eq!(Speaks::GitLab.read(&format!("[{merge}, {empty}]")), Some(vec![Some(want), None]));
    }
}
