//! One comment on a request, kept up to date.
//!
//! Invariant: what is there already is written anew only where it says something else, and by whoever begins it as we do.

use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::json;

use super::answer::{self, Answer, Try};
use super::app::Power;
use super::forge::Call;
use super::speaks::below;
use super::{Forge, Speaks};
use crate::limits::{REQUESTS_ANSWER_BYTES_MAX, REQUESTS_PAGE, REQUESTS_PAGES_MAX};
use crate::record::Waiting;

/// What a forge answers to whoever may not do something.
const FORBIDDEN: u16 = 403;

/// Answers to whoever may not change a comment, or changes one that is gone.
const NOT_OURS: [u16; 2] = [FORBIDDEN, 404];

/// A comment, oldest first in each listing.
#[derive(Debug, Deserialize)]
struct Comment {
    id: u64,
    body: Option<String>,
}

impl Speaks {
    /// Where the comments on a request are, oldest first. Sources: "List all comments on an issue" of Gitea, "List issue comments"
    /// of GitHub, "List all merge request notes" of GitLab.
    fn comments(self, base: &Url, project: &str, number: u32) -> Option<Url> {
        let (project, number) = (self.project(base, project)?, number.to_string());
        match self {
            Self::Gitea | Self::GitHub => Some(below(&project, &["issues", &number, "comments"])),
            Self::GitLab => Some(below(&project, &["merge_requests", &number, "notes"])),
            Self::BitbucketCloud | Self::BitbucketDataCenter => None,
        }
    }

    /// A page of them. Gitea gives them all at once.
    fn comments_page(self, comments: &Url, page: usize) -> Option<Url> {
        let (mut url, count, page) = (comments.clone(), REQUESTS_PAGE.to_string(), page.to_string());
        let query = match self {
            Self::Gitea if page == "1" => return Some(url),
            Self::Gitea | Self::BitbucketCloud | Self::BitbucketDataCenter => return None,
            Self::GitHub => vec![("per_page", &*count), ("page", &page)],
            Self::GitLab => {
                vec![("sort", "asc"), ("order_by", "created_at"), ("per_page", &count), ("page", &page)]
            }
        };
        url.query_pairs_mut().extend_pairs(query);
        Some(url)
    }

    /// How one of them is changed.
    fn edit(self, base: &Url, project: &str, comments: &Url, id: u64) -> Option<(Method, Url)> {
        let id = id.to_string();
        match self {
            Self::Gitea | Self::GitHub => {
                Some((Method::PATCH, below(&self.project(base, project)?, &["issues", "comments", &id])))
            }
            Self::GitLab => Some((Method::PUT, below(comments, &[&id]))),
            Self::BitbucketCloud | Self::BitbucketDataCenter => None,
        }
    }
}

impl Forge {
    /// The name by which the outbox knows comments on its requests: it may refuse them and take statuses.
    #[must_use]
    pub fn remarks_id(&self) -> String {
        format!("{} comments", self.id())
    }

    /// Has a comment stand on a request. Never fails: what goes wrong is an answer, too.
    pub(super) async fn remark(&self, waiting: &Waiting, attempt: Try) -> Answer {
        let number = waiting.status.context.rsplit('/').next().and_then(|number| number.parse().ok());
        let (Some(number), Some(text)) = (number, &waiting.remark) else {
            return answer::never("it is no comment on a request");
        };
        self.keep_remark(number, text, &attempt).await.unwrap_or_else(|answer| answer)
    }

    async fn keep_remark(&self, number: u32, text: &str, attempt: &Try) -> Result<Answer, Answer> {
        let comments = self.speaks.comments(&self.base, &self.project, number);
        let comments = comments.ok_or_else(|| answer::never("no comments are written there"))?;
        let body = json!({ "body": text });
        for Comment { id, body: stands } in self.ours(&comments, text, attempt).await? {
            if stands.is_some_and(|stands| stands.replace("\r\n", "\n").trim_end() == text.trim_end()) {
                return Ok(Answer::Taken(None));
            }
            let Some((method, address)) = self.speaks.edit(&self.base, &self.project, &comments, id) else { continue };
            let told = self.ask(&Call::saying(Power::Requests, method, address, body.clone()), attempt, 0).await?;
            // Somebody else may have begun one as we do.
            if told.is_limited() || !NOT_OURS.contains(&told.code) {
                return Ok(told.judge(attempt));
            }
        }
        let told = self.ask(&Call::saying(Power::Requests, Method::POST, comments, body), attempt, 0).await?;
        Ok(match told.judge(attempt) {
            // One request may be closed to comments, and those on others need not wait for that.
            Answer::ForgeLater(_, reason) if told.code == FORBIDDEN && !told.is_limited() => Answer::Never(reason),
            answer @ (Answer::Taken(_) | Answer::Later(..) | Answer::ForgeLater(..) | Answer::Never(_)) => answer,
        })
    }

    /// The comments that begin with the first line of a text.
    async fn ours(&self, comments: &Url, text: &str, attempt: &Try) -> Result<Vec<Comment>, Answer> {
        let marker = text.lines().next().unwrap_or_default();
        let mut ours = Vec::new();
        for page in 1..=REQUESTS_PAGES_MAX {
            let Some(address) = self.speaks.comments_page(comments, page) else { return Ok(ours) };
            let told =
                self.ask(&Call::reading(Power::Requests, address, None), attempt, REQUESTS_ANSWER_BYTES_MAX).await?;
            if !told.is_success() {
                return Err(told.judge(attempt));
            }
            let unread = |_| answer::later(attempt, "the forge answered no list of comments that could be understood");
            let found: Vec<Comment> = serde_json::from_str(&told.body).map_err(unread)?;
            let is_last = found.len() < REQUESTS_PAGE;
            let is_ours = |it: &Comment| it.body.as_deref().is_some_and(|body| body.lines().next() == Some(marker));
            ours.extend(found.into_iter().filter(is_ours));
            if is_last || !ours.is_empty() {
                break;
            }
        }
        Ok(ours)
    }
}
