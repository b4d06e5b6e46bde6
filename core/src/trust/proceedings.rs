//! A judgement that hears its evidence window by window, oldest first, and gives its one answer at the end.
//!
//! Invariant: what was found of one window is never handed out, so that it cannot be laid before another judgement: of
//! another introduction, host or time.
//! Invariant: the answer is an [`Admitted`] only if the evidence of every window was heard, and every commit in it was good.

use std::sync::Arc;

use super::admit::{Admitted, Case, Introduction, Refusal, Verdict, Verdicts};
use super::evidence::Evidence;
use super::host::HostTrust;
use super::id::CommitId;
use super::judge::{Base, Court, Judged, Outcome, find_descending};
use super::permission::Allowance;
use super::witness::Witnesses;
use crate::time::Timestamp;

/// What is asked: may this head change the host?
#[derive(Debug, Clone)]
pub struct Question {
    /// The head that is offered.
    pub head: CommitId,
    /// Where trust begins.
    pub introduction: Introduction,
    /// The last commit that was applied; none before the first deployment.
    pub floor: Option<CommitId>,
    /// When the host first saw what lies above the floor: the time of the pass.
    pub first_seen: Timestamp,
    /// What the host itself says.
    pub host: Arc<HostTrust>,
}

/// The part of a history whose evidence is heard next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The commit at which its lines end; none for the oldest one, whose lines end at the floor or the introduction.
    pub base: Option<CommitId>,
    /// Its last commit.
    pub head: CommitId,
}

/// A judgement that is going on.
#[derive(Debug)]
pub struct Proceedings {
    question: Question,
    /// The heads of the windows that were not heard yet, the next one last.
    left: Vec<CommitId>,
    /// What was found about the windows that were heard.
    base: Option<Base>,
    /// The head descends from the floor.
    brings_floor: bool,
    /// The oldest commit that is in the way.
    refusal: Option<Refusal>,
    /// The head, if it was heard and nothing stands against itself.
    good: Option<Admitted>,
    /// The verdicts, if they were asked for.
    told: Option<Vec<Verdict>>,
}

impl Proceedings {
    /// Begins to judge a history in windows, by their heads, oldest first: as [`super::windows()`] gives them.
    #[must_use]
    pub fn new(question: Question, mut heads: Vec<CommitId>) -> Self {
        heads.reverse();
        let (base, refusal, good, told) = (None, None, None, None);
        Self { question, left: heads, base, brings_floor: false, refusal, good, told }
    }

    /// Begins to judge a case whose evidence is all there.
    pub(super) fn whole(case: &Case<'_>) -> Self {
        let Case { evidence, introduction, floor, witnesses: _, first_seen, host } = *case;
        let (head, introduction, floor) = (evidence.head(), *introduction, floor.copied());
        let question = Question { head, introduction, floor, first_seen, host: Arc::new(host.clone()) };
        Self::new(question, vec![head])
    }

    /// Keeps the verdict on each commit, too.
    #[must_use]
    pub fn telling(self) -> Self {
        Self { told: Some(Vec::new()), ..self }
    }

    /// The window whose evidence is heard next; none if all were heard.
    #[must_use]
    pub fn window(&self) -> Option<Window> {
        let base = self.base.as_ref().map(|base| base.commit);
        self.left.last().map(|head| Window { base, head: *head })
    }

    /// Hears the evidence of [`Proceedings::window`]. That of anything else is refused, and with it the head.
    #[must_use]
    pub fn take(mut self, evidence: &Evidence) -> Self {
        let heard = self.left.pop().filter(|head| *head == evidence.head());
        if heard.is_none() {
            self.left.clear();
            let detail = format!("the evidence of {} was not asked for", evidence.head());
            self.note(self.question.head, &Outcome::Unchecked(detail));
            return self;
        }
        let base = self.base.take();
        let Question { head: _, introduction, floor, first_seen, host } = self.question.clone();
        let above = base.as_ref().map(|base| base.commit).or(floor);
        let (floor_here, introduction, host) = (above.as_ref(), &introduction, host.as_ref());
        let case = Case { evidence, introduction, floor: floor_here, witnesses: None, first_seen, host };
        let court = Court::new(&case, base.as_ref());
        if base.is_none() {
            // A floor that any window holds lies in the oldest one, where lines end.
            self.brings_floor = floor.is_none_or(|floor| court.brings(&floor));
        }
        let judged = court.judge();
        judged.iter().for_each(|judged| self.note(judged.commit, &judged.outcome));
        if self.left.is_empty() {
            let head = judged.last().filter(|judged| judged.commit == self.question.head);
            let good = head.filter(|judged| judged.outcome == Outcome::Admitted);
            self.good = good.and_then(|judged| Admitted::of(&case, judged, allowances(&court, introduction, judged)));
        } else {
            self.base = Some(court.base());
        }
        if let Some(told) = &mut self.told {
            told.extend(judged.into_iter().map(|judged| verdict(&court, introduction, judged)));
        }
        self
    }

    /// Decides whether the head may change the host.
    ///
    /// # Errors
    /// If a commit is refused or could not be checked: the oldest of these. If a window was not heard.
    pub fn end(mut self, witnesses: Option<&Witnesses>) -> Result<Admitted, Refusal> {
        let head = self.question.head;
        if let Some(outcome) = self.not_descending(witnesses) {
            self.note(head, &outcome);
        }
        let unheard = || {
            let detail = "the head was not among the commits that were judged".to_owned();
            Refusal { head, commit: head, reason: None, detail, further: 0 }
        };
        match self.refusal {
            Some(refusal) => Err(refusal),
            None => self.good.ok_or_else(unheard),
        }
    }

    /// The verdict on every commit of the windows that were heard.
    #[must_use]
    pub fn verdicts(mut self, witnesses: Option<&Witnesses>) -> Verdicts {
        let against = self.not_descending(witnesses);
        let mut commits = self.told.take().unwrap_or_default();
        if let (Some(last), Some(outcome)) = (commits.last_mut(), against) {
            (last.outcome, last.allowances) = (outcome, Vec::new());
        }
        Verdicts { head: self.question.head, commits }
    }

    /// Why a head against which nothing else stands does not go on from where the host was.
    fn not_descending(&self, witnesses: Option<&Witnesses>) -> Option<Outcome> {
        let head = self.good.as_ref()?.commit();
        let missed = self.question.floor.as_ref().filter(|_| !self.brings_floor);
        find_descending(&head, missed, witnesses).err()
    }

    fn note(&mut self, commit: CommitId, outcome: &Outcome) {
        let (reason, detail) = match outcome {
            Outcome::Admitted => return,
            Outcome::Refused(reason, detail) => (Some(*reason), detail),
            Outcome::Unchecked(detail) => (None, detail),
        };
        match &mut self.refusal {
            Some(refusal) => refusal.further += 1,
            None => {
                let (head, detail) = (self.question.head, detail.clone());
                self.refusal = Some(Refusal { head, commit, reason, detail, further: 0 });
            }
        }
    }
}

fn verdict(court: &Court<'_>, introduction: &Introduction, judged: Judged) -> Verdict {
    let allowances = allowances(court, introduction, &judged);
    let Judged { commit, outcome, signer, principal } = judged;
    Verdict { commit, outcome, signer, principal, allowances }
}

fn allowances(court: &Court<'_>, introduction: &Introduction, judged: &Judged) -> Vec<Allowance> {
    let asked = judged.outcome == Outcome::Admitted && judged.commit != introduction.commit;
    if asked { court.explain(&judged.commit).unwrap_or_default() } else { Vec::new() }
}
