//! When people are told that something is wrong, that it still is, and that it is over.
//!
//! Invariant: the same is not told again before its reminder is due, however many passes find it.

use crate::time::{Seconds, Timestamp};

/// In which way something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What runs moved away from what was applied, and was left so.
    Drift,
    /// A commit, its files, or what they ask for is refused.
    Refusal,
    /// Something failed, does not answer, or could not be looked at.
    Failure,
    /// Nobody knows whether what is followed is still the newest.
    Stale,
}

/// What a pass found wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The commit that it concerns; none where there is none.
    pub commit: Option<String>,
    /// What is wrong, for people.
    pub text: String,
    /// How long it must last before anybody is told.
    pub lasts: Seconds,
}

/// What is remembered of one kind of trouble between passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// What was found last.
    pub text: String,
    /// The commit that it concerns.
    pub commit: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// How far it is.
    pub phase: Phase,
}

/// How far a trouble is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It is there, and nobody was told yet: it must last, or came back soon after it was over and must be found once more.
    Doubted {
        /// It came back soon.
        flaps: bool,
    },
    /// People were told last at that moment.
    Told {
        /// When.
        at: Timestamp,
        /// It came back soon: that it is over must be found twice, too.
        flaps: bool,
        /// The last pass did not find it.
        missed: bool,
    },
    /// It is over since then.
    Over {
        /// When.
        at: Timestamp,
    },
}

/// What people are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What of it.
    pub news: News,
    /// The commit that it concerns.
    pub commit: Option<String>,
    /// What is or was wrong.
    pub text: String,
    /// Since when.
    pub since: Timestamp,
}

/// What there is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It is wrong.
    Begun,
    /// It is still wrong.
    Lasts,
    /// It is over.
    Over,
}

/// How often people want to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Time after which they are reminded of what lasts; none if never.
    pub remind: Option<Seconds>,
    /// What comes back within this time after it was over flaps.
    pub flapping: Seconds,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Drift, Self::Refusal, Self::Failure, Self::Stale];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drift => "drift",
            Self::Refusal => "refusal",
            Self::Failure => "failure",
            Self::Stale => "stale",
        }
    }

    /// Finds a kind by name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What is remembered and what is told after a pass that looked for one kind of trouble.
#[must_use]
pub fn decide(
    now: Timestamp,
    rules: Rules,
    known: Option<&Watch>,
    found: Option<&Found>,
) -> (Option<Watch>, Option<Notice>) {
    match (known, found) {
        (None, None) => (None, None),
        (None, Some(found)) => begin(now, found, false),
        (Some(known), None) => missing(now, rules, known),
        (Some(known), Some(found)) => match known.phase {
            Phase::Over { at } => begin(now, found, now < at.plus(rules.flapping)),
            Phase::Doubted { flaps } => confirm(now, known, found, flaps),
            Phase::Told { at, flaps, missed: _ } => again(now, rules, known, found, (at, flaps)),
        },
    }
}

/// It is found for the first time, or again after it was over.
fn begin(now: Timestamp, found: &Found, flaps: bool) -> (Option<Watch>, Option<Notice>) {
    if flaps || found.lasts > Seconds(0) {
        return (Some(watch(found, now, Phase::Doubted { flaps })), None);
    }
    tell(now, found, now, flaps)
}

/// It is found once more, and nobody was told yet.
fn confirm(now: Timestamp, known: &Watch, found: &Found, flaps: bool) -> (Option<Watch>, Option<Notice>) {
    if now < known.since.plus(found.lasts) {
        return (Some(watch(found, known.since, known.phase)), None);
    }
    tell(now, found, known.since, flaps)
}

fn tell(now: Timestamp, found: &Found, since: Timestamp, flaps: bool) -> (Option<Watch>, Option<Notice>) {
    let watch = watch(found, since, Phase::Told { at: now, flaps, missed: false });
    let notice = notice(&watch, News::Begun);
    (Some(watch), Some(notice))
}

/// It is still found. Of another commit, it is another one.
fn again(
    now: Timestamp,
    rules: Rules,
    known: &Watch,
    found: &Found,
    (at, flaps): (Timestamp, bool),
) -> (Option<Watch>, Option<Notice>) {
    if found.commit != known.commit {
        return tell(now, found, now, flaps);
    }
    let is_due = rules.remind.is_some_and(|remind| now >= at.plus(remind));
    let at = if is_due { now } else { at };
    let watch = watch(found, known.since, Phase::Told { at, flaps, missed: false });
    let notice = is_due.then(|| notice(&watch, News::Lasts));
    (Some(watch), notice)
}

/// It is not found any more.
fn missing(now: Timestamp, rules: Rules, known: &Watch) -> (Option<Watch>, Option<Notice>) {
    let over = || Some(Watch { phase: Phase::Over { at: now }, ..known.clone() });
    match known.phase {
        // Nobody was told of it. That it came back counts all the same.
        Phase::Doubted { flaps } => (over().filter(|_| flaps), None),
        Phase::Told { at, flaps: true, missed: false } => {
            (Some(Watch { phase: Phase::Told { at, flaps: true, missed: true }, ..known.clone() }), None)
        }
        Phase::Told { .. } => (over(), Some(notice(known, News::Over))),
        Phase::Over { at } => (Some(known.clone()).filter(|_| now < at.plus(rules.flapping)), None),
    }
}

fn watch(found: &Found, since: Timestamp, phase: Phase) -> Watch {
    Watch { text: found.text.clone(), commit: found.commit.clone(), since, phase }
}

fn notice(watch: &Watch, news: News) -> Notice {
    Notice { news, commit: watch.commit.clone(), text: watch.text.clone(), since: watch.since }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { remind: Some(Seconds(100)), flapping: Seconds(50) };

    fn found(text: &str) -> Option<Found> {
        Some(Found { commit: Some("c1".to_owned()), text: text.to_owned(), lasts: Seconds(0) })
    }

    /// What is told after passes that found this, by seconds.
    fn told(passes: &[(i64, Option<Found>)]) -> Vec<String> {
        let (mut known, mut told) = (None, Vec::new());
        for (second, found) in passes {
            let (watch, notice) = decide(Timestamp::from_seconds(*second), RULES, known.as_ref(), found.as_ref());
            known = watch;
            told.extend(notice.map(|it| format!("{second} {:?} {} since {}", it.news, it.text, it.since.seconds())));
        }
        told
    }

    #[test]
    fn what_is_wrong_is_told_once_and_again_when_its_reminder_is_due_and_when_it_is_over() {
        let passes: Vec<_> = (0..25).map(|pass| (pass * 10, (pass < 24).then(|| found("a").unwrap()))).collect();
        assert_eq!(
            told(&passes),
            ["0 Begun a since 0", "100 Lasts a since 0", "200 Lasts a since 0", "240 Over a since 0"]
        );
    }

    #[test]
    fn nothing_is_told_where_nothing_is_wrong() {
        assert_eq!(told(&[(0, None), (10, None)]), [""; 0]);
    }

    #[test]
    fn other_words_are_no_news_and_another_commit_is() {
        let other = Some(Found { commit: Some("c2".to_owned()), ..found("b").unwrap() });
        let passes = [(0, found("a")), (10, found("b")), (20, other.clone()), (30, other)];
        assert_eq!(told(&passes), ["0 Begun a since 0", "20 Begun b since 20"]);
    }

    #[test]
    fn what_comes_back_soon_is_told_once_it_was_found_twice_in_a_row_and_so_is_its_end() {
        // Found by every other pass: told the first time and not again.
        let every_other = (0..20).map(|pass| (pass * 10, if pass % 2 == 0 { found("a") } else { None }));
        assert_eq!(told(&every_other.collect::<Vec<_>>()), ["0 Begun a since 0", "10 Over a since 0"]);
        let passes = [(0, found("a")), (10, None), (20, found("a")), (30, found("a")), (40, None), (50, found("a"))];
        let rest = [(60, None), (70, None), (80, None)];
        assert_eq!(
            told(&[passes.to_vec(), rest.to_vec()].concat()),
            ["0 Begun a since 0", "10 Over a since 0", "30 Begun a since 20", "70 Over a since 20"]
        );
    }

    #[test]
    fn what_comes_back_late_is_told_at_once() {
        let passes = [(0, found("a")), (10, None), (20, None), (70, found("a"))];
        assert_eq!(told(&passes), ["0 Begun a since 0", "10 Over a since 0", "70 Begun a since 70"]);
        // Also where no pass was made meanwhile.
        let passes = [(0, found("a")), (10, None), (70, found("a"))];
        assert_eq!(told(&passes), ["0 Begun a since 0", "10 Over a since 0", "70 Begun a since 70"]);
    }

    #[test]
    fn what_must_last_is_told_when_it_did_and_not_at_all_when_it_did_not() {
        let lasting = |text| found(text).map(|found| Found { lasts: Seconds(30), ..found });
        let passes = [(0, lasting("a")), (10, lasting("a")), (20, None), (40, lasting("a")), (70, lasting("a"))];
        assert_eq!(told(&passes), ["70 Begun a since 40"]);
    }

    #[test]
    fn every_kind_has_a_name_by_which_it_is_found() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.name()), Some(kind));
        }
        assert_eq!(Kind::parse("weather"), None);
    }
}
