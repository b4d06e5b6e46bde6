//! What an answer of a forge means for the status that was offered, and when to try again.
//!
//! Decides from values alone: no network, no clock, no randomness of its own.

use writ_core::time::{Seconds, Timestamp};

use super::Speaks;
use crate::limits::{
    FORGE_BACKOFF_SECONDS_MAX, FORGE_BACKOFF_SECONDS_MIN, FORGE_DENIED_SECONDS, FORGE_REASON_CHARACTERS_MAX,
    FORGE_SPREAD_SECONDS_MIN, FORGE_WAIT_SECONDS_MAX,
};

/// What became of an offered status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It stands on the commit. Where the forge wants to be let alone then, until when.
    Taken(Option<Timestamp>),
    /// It, and what its context says after it, is offered again then.
    Later(Timestamp, String),
    /// The forge is let alone until then.
    ForgeLater(Timestamp, String),
    /// It will never be taken.
    Never(String),
}

impl Answer {
    /// The same without these words in its reason.
    pub(super) fn without(self, secret: &str) -> Self {
        // The path of an address that has none is in many a text.
        let without = |reason: String| if secret.len() > 1 { reason.replace(secret, "…") } else { reason };
        match self {
            Self::Taken(until) => Self::Taken(until),
            Self::Later(until, reason) => Self::Later(until, without(reason)),
            Self::ForgeLater(until, reason) => Self::ForgeLater(until, without(reason)),
            Self::Never(reason) => Self::Never(without(reason)),
        }
    }

    /// The same where not the status was refused, but `what` it takes to offer one: no status is given up for that.
    pub(super) fn for_want_of(self, what: &str, attempt: &Try) -> Self {
        let why = |reason: &str| cut(&format!("cannot get {what}: {reason}"));
        match self {
            Self::Taken(_) => denied(attempt, &why("none was answered")),
            Self::Later(until, reason) | Self::ForgeLater(until, reason) => Self::ForgeLater(until, why(&reason)),
            Self::Never(reason) => denied(attempt, &why(&reason)),
        }
    }
}

/// The headers of an answer that matter here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Headers {
    /// `Retry-After`: seconds or a date.
    pub(super) retry_after: Option<String>,
    /// `X-RateLimit-Remaining` or `RateLimit-Remaining`.
    pub(super) remaining: Option<String>,
    /// `X-RateLimit-Reset` or `RateLimit-Reset`: seconds since 1970.
    pub(super) reset: Option<String>,
    /// `Location`.
    pub(super) location: Option<String>,
    /// `ETag`, by which the forge knows an answer again.
    pub(super) tag: Option<String>,
}

/// What surrounds one try.
#[derive(Debug, Clone, Copy)]
pub(super) struct Try {
    /// Which interface was spoken to, if it was a forge.
    pub(super) speaks: Option<Speaks>,
    /// The moment.
    pub(super) now: Timestamp,
    /// Failures in a row before this one.
    pub(super) failures: u32,
    /// Random bits, by which agents that failed together do not come back together.
    pub(super) random: u64,
}

/// Judges an answer that came.
pub(super) fn judge(attempt: &Try, status: u16, headers: &Headers, body: &str) -> Answer {
    let now = attempt.now;
    let asked = asked_to_wait(now, headers).map(|until| spread(attempt, until));
    let (who, key) = match attempt.speaks {
        Some(_) => ("the forge", "the report's `url`"),
        None => ("the other side", "the alert's address"),
    };
    let reason = || cut(&format!("{who} answered {status}: {}", body.trim()));
    match status {
        200..=299 => Answer::Taken(asked.filter(|_| exhausted(headers))),
        300..=399 => {
            let to = headers.location.as_deref().unwrap_or("nowhere");
            denied(
                attempt,
                &format!(
                    "{who} answered {status} and points to {to}, which is not followed: set {key} to where it \
                     really is"
                ),
            )
        }
        400 if stands_already(attempt, body) => Answer::Taken(None),
        // GitHub answers 403, too, to whoever asks too often.
        401 | 403 => {
            let limited = headers.retry_after.is_some() || exhausted(headers);
            let until = asked.filter(|_| limited).unwrap_or_else(|| now.plus(Seconds(FORGE_DENIED_SECONDS)));
            Answer::ForgeLater(until, reason())
        }
        429 => Answer::ForgeLater(asked.unwrap_or_else(|| backoff(attempt)), reason()),
        408 | 409 | 425 | 500..=599 => match asked.filter(|_| headers.retry_after.is_some()) {
            Some(until) => Answer::ForgeLater(until, reason()),
            None => Answer::Later(backoff(attempt), reason()),
        },
        // 404, 422 and everything else that the same request would be told again.
        _ => Answer::Never(reason()),
    }
}

/// Judges a try that got no answer: `reason` says what happened instead.
pub(super) fn unanswered(attempt: &Try, reason: &str) -> Answer {
    Answer::ForgeLater(backoff(attempt), cut(reason))
}

/// Judges a try that a person must mend before it is made again.
pub(super) fn denied(attempt: &Try, reason: &str) -> Answer {
    Answer::ForgeLater(attempt.now.plus(Seconds(FORGE_DENIED_SECONDS)), cut(reason))
}

/// Judges a try that did not succeed now.
pub(super) fn later(attempt: &Try, reason: &str) -> Answer {
    Answer::Later(backoff(attempt), cut(reason))
}

/// Judges a try that would be told the same again.
pub(super) fn never(reason: &str) -> Answer {
    Answer::Never(cut(reason))
}

/// When to come back after failures: twice as long each time up to a cap, and of that a random part, at least half.
pub(super) fn backoff(attempt: &Try) -> Timestamp {
    let half = doubled(attempt, FORGE_BACKOFF_SECONDS_MIN) * 500;
    Timestamp(attempt.now.0.saturating_add(half + part(attempt, half)))
}

/// When to come back after a moment that others may have been told, too: some random time after it, which grows.
fn spread(attempt: &Try, until: Timestamp) -> Timestamp {
    let whole = doubled(attempt, FORGE_SPREAD_SECONDS_MIN) * 1_000;
    Timestamp(until.0.saturating_add(part(attempt, whole)))
}

/// So many seconds, doubled with each failure up to a cap.
fn doubled(attempt: &Try, seconds: u32) -> i64 {
    let times = 1_u32.checked_shl(attempt.failures.min(16)).unwrap_or(u32::MAX);
    i64::from(seconds.saturating_mul(times).min(FORGE_BACKOFF_SECONDS_MAX))
}

/// A random part of a time.
fn part(attempt: &Try, whole: i64) -> i64 {
    i64::try_from(attempt.random % (whole.unsigned_abs() + 1)).unwrap_or_default()
}

/// GitLab refuses a state that the commit has already, as it refuses to go back in a running one.
fn stands_already(attempt: &Try, body: &str) -> bool {
    match attempt.speaks {
        Some(Speaks::GitLab) => body.contains("Cannot transition status"),
        Some(Speaks::Gitea | Speaks::GitHub | Speaks::BitbucketCloud | Speaks::BitbucketDataCenter) | None => false,
    }
}

pub(super) fn exhausted(headers: &Headers) -> bool {
    headers.remaining.as_deref().is_some_and(|remaining| remaining.trim() == "0")
}

/// Until when the forge asked to be let alone, at most [`FORGE_WAIT_SECONDS_MAX`] from now.
fn asked_to_wait(now: Timestamp, headers: &Headers) -> Option<Timestamp> {
    let Headers { retry_after, remaining: _, reset, location: _, tag: _ } = headers;
    let after = retry_after.as_deref().and_then(|text| {
        let seconds = text.trim().parse::<u32>().ok().map(|seconds| now.plus(Seconds(seconds)));
        seconds.or_else(|| http_date(text))
    });
    let reset = || reset.as_deref()?.trim().parse::<i64>().ok().map(Timestamp::from_seconds);
    let until = after.or_else(|| exhausted(headers).then(reset).flatten())?;
    Some(until.clamp(now.plus(Seconds(1)), now.plus(Seconds(FORGE_WAIT_SECONDS_MAX))))
}

/// A date as HTTP writes it (`Sun, 06 Nov 1994 08:49:37 GMT`). Source: RFC 9110, section 5.6.7.
fn http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let (day, month, year, clock) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    (words.next() == Some("GMT")).then(|| Timestamp::parse(&format!("{year}-{month:02}-{day}T{clock}Z"))).flatten()
}

fn cut(text: &str) -> String {
    let plain = text.chars().map(|character| if character.is_control() { ' ' } else { character });
    let mut cut: String = plain.take(FORGE_REASON_CHARACTERS_MAX).collect();
    if text.chars().count() > FORGE_REASON_CHARACTERS_MAX {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn attempt(failures: u32, random: u64) -> Try {
        Try { speaks: Some(Speaks::GitHub), now: NOW, failures, random }
    }

    #[track_caller]
    fn waits(status: u16, headers: &Headers) -> i64 {
        let answer = judge(&attempt(0, 0), status, headers, "slow down");
        let Answer::ForgeLater(until, _) = answer else { panic!("{answer:?}") };
        until.millis_since(NOW) / 1_000
    }

    #[test]
    fn retry_after_is_obeyed_in_seconds_and_as_a_date_up_to_a_day() {
        let headers = |text: &str| Headers { retry_after: Some(text.to_owned()), ..Headers::default() };
        assert_eq!(waits(429, &headers("90")), 90);
        assert_eq!(waits(503, &headers("7")), 7);
        // NOW is 1970-01-12T13:46:40Z.
        assert_eq!(waits(429, &headers("Mon, 12 Jan 1970 13:47:40 GMT")), 60);
        assert_eq!(waits(429, &headers("Mon, 12 Jan 1970 13:40:00 GMT")), 1);
        assert_eq!(waits(429, &headers("4000000000")), i64::from(FORGE_WAIT_SECONDS_MAX));
    }

    #[test]
    fn github_says_403_when_its_limit_is_used_up_and_when_the_token_may_not() {
        let reset = Some((NOW.seconds() + 300).to_string());
        let used_up = Headers { remaining: Some("0".to_owned()), reset, ..Headers::default() };
        assert_eq!(waits(403, &used_up), 300);
        assert_eq!(waits(403, &Headers::default()), i64::from(FORGE_DENIED_SECONDS));
        assert_eq!(judge(&attempt(0, 0), 201, &used_up, ""), Answer::Taken(Some(NOW.plus(Seconds(300)))));
        assert_eq!(judge(&attempt(0, 0), 201, &Headers::default(), ""), Answer::Taken(None));
    }

    #[test]
    fn backing_off_doubles_up_to_the_cap_and_keeps_at_least_half() {
        let span = |failures, random| backoff(&attempt(failures, random)).millis_since(NOW);
        for failures in 0..40 {
            let whole = (i64::from(FORGE_BACKOFF_SECONDS_MIN) << failures.min(16)) * 1_000;
            let whole = whole.min(i64::from(FORGE_BACKOFF_SECONDS_MAX) * 1_000);
            for random in [0, 1, 12_345, u64::MAX] {
                let span = span(failures, random);
                assert!((whole / 2..=whole).contains(&span), "{failures} {random}: {span}");
            }
        }
        assert_ne!(span(5, 1), span(5, 2));
    }

    #[test]
    fn what_would_be_told_again_is_given_up_with_the_cut_body() {
        for status in [400, 404, 410, 422] {
            let Answer::Never(reason) = judge(&attempt(0, 0), status, &Headers::default(), &"x\n".repeat(4_000)) else {
                panic!("{status} is tried again")
            };
            assert!(reason.starts_with(&format!("the forge answered {status}: x x")), "{reason}");
            assert_eq!(reason.chars().count(), FORGE_REASON_CHARACTERS_MAX + 1);
        }
        for status in [408, 409, 500, 502, 599] {
            assert!(matches!(judge(&attempt(0, 0), status, &Headers::default(), ""), Answer::Later(..)), "{status}");
        }
    }

    #[test]
    fn gitlab_that_has_the_state_already_has_taken_it() {
        let body = r#"{"message":"Cannot transition status via :enqueue from :pending"}"#;
        let gitlab = Try { speaks: Some(Speaks::GitLab), ..attempt(0, 0) };
        assert_eq!(judge(&gitlab, 400, &Headers::default(), body), Answer::Taken(None));
        assert!(matches!(judge(&gitlab, 400, &Headers::default(), "name is missing"), Answer::Never(_)));
        assert!(matches!(judge(&attempt(0, 0), 400, &Headers::default(), body), Answer::Never(_)));
    }
}
