//! The lane of a Deployment: replicas without numbers, as many serving as the strategy asks for.

use std::collections::BTreeSet;

use super::draft;
use super::draft::{Birth, Draft};
use super::look::{Look, Need, look, reported};
use super::replica::Names;
use super::step::{Cause, Lane, Verb};
use super::world::Subject;
use crate::model::PodIndex;
use crate::model::template::container_name;

/// How this Deployment wants it.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) recreate: bool,
    pub(super) max_surge: u32,
    pub(super) max_unavailable: u32,
}

/// The replicas as the steps of the lane leave them.
struct Replicas<'a> {
    /// Of the wanted revision.
    current: Vec<Look<'a>>,
    /// To be replaced while they serve, the first to go first.
    old: Vec<Look<'a>>,
    /// Out of sight.
    unseen: Vec<(&'a str, &'a str)>,
    /// Serving now.
    serving: u32,
    /// Made or mended, and not waited for yet.
    pending: Vec<Pending<'a>>,
    /// Still to be made.
    missing: u32,
    /// Why each replica that needs a new one in its place does, and who caused that; the last is the next to get it.
    replaced: Vec<(String, Cause)>,
}

enum Pending<'a> {
    Found(Look<'a>),
    New(String),
}

/// The lane; pods in `gone` are taken to be removed by the steps that `draft` already holds.
pub(super) fn lane<'a>(subject: &'a Subject<'a>, rules: Rules, mut draft: Draft<'a>, gone: &BTreeSet<&str>) -> Lane {
    let mut names = Names::new(subject);
    let id = &subject.workload.id;
    let unseen: Vec<_> = subject.world.unseen(id).into_iter().map(|(name, _, reason)| (name, reason)).collect();
    for (name, reason) in &unseen {
        draft.unseen(name, reason);
    }
    let seen = subject.world.pods(id).iter().filter(|(name, _)| !gone.contains(name));
    let looks: Vec<Look<'a>> = seen.map(|(name, pod)| look(subject, name, pod, None)).collect();
    let (old, current): (Vec<_>, Vec<_>) = looks.into_iter().partition(|look| look.need == Need::Renew);

    let mut replicas =
        Replicas { current, old, unseen, serving: 0, pending: Vec::new(), missing: 0, replaced: Vec::new() };
    replicas.trim(&mut draft, subject);
    replicas.drop_broken(&mut draft, rules);
    replicas.mend(&mut draft);
    replicas.count_missing(&mut draft, subject);
    let complete = replicas.roll(&mut draft, subject, rules, &mut names);
    for look in replicas.current.iter().filter(|look| look.need == Need::Note) {
        draft.note(look.name, look.why.clone(), look.cause);
    }
    if !complete {
        return exhausted(subject);
    }
    draft.finish(replicas.unseen.is_empty())
}

/// All names are taken; there are 65,536.
fn exhausted(subject: &Subject<'_>) -> Lane {
    let id = &subject.workload.id;
    let why = format!("no free name {} is left for a new replica", container_name(id, "0000 to ffff"));
    draft::refusal(id, why)
}

impl<'a> Replicas<'a> {
    fn wanted(subject: &Subject<'_>) -> u32 {
        subject.workload.replicas
    }

    /// Removes replicas of the wanted revision that are too many: those that do not serve first, then the youngest.
    fn trim(&mut self, draft: &mut Draft<'_>, subject: &Subject<'_>) {
        let wanted = Self::wanted(subject);
        self.current.sort_by(|one, other| first_to_stay(one).cmp(&first_to_stay(other)));
        let keep = usize::try_from(wanted).unwrap_or(usize::MAX).min(self.current.len());
        let why = match subject.held {
            Some(held) if held.replicas > wanted => format!("replicas {} -> {wanted}", held.replicas),
            Some(_) | None => format!("more than {wanted} replicas"),
        };
        // Never drift: nobody but Writ makes a replica.
        for look in self.current.split_off(keep).iter().rev() {
            draft.remove(Verb::Scale, look.name, look.pod, why.clone(), Cause::Change);
        }
    }

    /// Removes replicas that must be replaced and serve nobody; all of them, where the strategy lets old ones go first.
    fn drop_broken(&mut self, draft: &mut Draft<'_>, rules: Rules) {
        let old = std::mem::take(&mut self.old);
        self.replaced = old.iter().map(|look| (look.why.clone(), look.cause)).collect();
        let (mut gone, mut stay): (Vec<_>, Vec<_>) =
            old.into_iter().partition(|look| !look.serves || (rules.recreate && self.unseen.is_empty()));
        gone.sort_by(|one, other| first_to_stay(other).cmp(&first_to_stay(one)));
        stay.sort_by(|one, other| first_to_stay(other).cmp(&first_to_stay(one)));
        for look in gone {
            let broken = if look.serves { "" } else { "not ready; " };
            draft.remove(Verb::Remove, look.name, look.pod, format!("{broken}{}", look.why), look.cause);
        }
        self.old = stay;
    }

    fn mend(&mut self, draft: &mut Draft<'_>) {
        let serving = self.current.iter().chain(&self.old).filter(|look| serves_on(look));
        self.serving = count(serving.count());
        for look in &self.current {
            draft.mend(look);
        }
        let (pending, current) = std::mem::take(&mut self.current)
            .into_iter()
            .partition(|look| matches!(look.need, Need::Await | Need::Start(_) | Need::Mend(_)));
        self.current = current;
        let pending: Vec<Look<'a>> = pending;
        self.pending = pending.into_iter().map(Pending::Found).collect();
    }

    /// How many are to be made. Those that a person removed are drift; where that is only reported, they stay away.
    fn count_missing(&mut self, draft: &mut Draft<'_>, subject: &Subject<'_>) {
        let there = count(self.current.len() + self.pending.len() + self.unseen.len());
        self.missing = Self::wanted(subject).saturating_sub(there);
        let lost = self.missing.saturating_sub(count(self.replaced.len()));
        if lost > 0 && subject.applied_in_full() && subject.reports_drift() {
            let wanted = Self::wanted(subject);
            let why = reported(&format!("{lost} of {wanted} replicas are gone"));
            draft.note_all(why, Cause::Drift);
            self.missing -= lost;
        }
    }

    /// Makes new replicas and removes old ones in turns: never more than `replicas + maxSurge` there, never fewer
    /// than `replicas - maxUnavailable` serving. False if no name was left for a new one.
    fn roll(&mut self, draft: &mut Draft<'_>, subject: &Subject<'_>, rules: Rules, names: &mut Names) -> bool {
        let wanted = Self::wanted(subject);
        let unavailable = if rules.max_surge == 0 { rules.max_unavailable.max(1) } else { rules.max_unavailable };
        let (most, least) = (wanted.saturating_add(rules.max_surge), wanted.saturating_sub(unavailable));
        let mut there = count(self.current.len() + self.pending.len() + self.old.len() + self.unseen.len());
        if !self.unseen.is_empty() {
            self.spare_old(draft);
        }
        loop {
            let makes = self.missing.min(most.saturating_sub(there));
            for _ in 0..makes {
                let Some(name) = names.next() else { return false };
                self.make(draft, subject, name);
            }
            let drops = self.serving.saturating_sub(least).min(count(self.old.len()));
            for look in self.old.drain(..usize::try_from(drops).unwrap_or(usize::MAX)) {
                draft.remove(Verb::Remove, look.name, look.pod, look.why.clone(), look.cause);
            }
            self.serving -= drops;
            self.missing -= makes;
            there = there + makes - drops;
            let waits = count(self.pending.len());
            self.await_pending(draft);
            self.serving += waits;
            if makes == 0 && drops == 0 && waits == 0 {
                return true;
            }
        }
    }

    /// With a replica out of sight nobody knows how many serve, so none that serves is taken away.
    fn spare_old(&mut self, draft: &mut Draft<'_>) {
        let blocker = self.unseen.first().map_or("", |(name, _)| name);
        for look in self.old.drain(..) {
            draft.note(look.name, format!("not replaced: {blocker} was not seen ({})", look.why), Cause::None);
        }
        self.missing = 0;
    }

    fn make(&mut self, draft: &mut Draft<'_>, subject: &Subject<'_>, id: String) {
        let name = container_name(&subject.workload.id, &id);
        if draft.create(subject.workload, &PodIndex::Replica(id), birth(subject, self.replaced.pop())) {
            self.pending.push(Pending::New(name));
        }
    }

    fn await_pending(&mut self, draft: &mut Draft<'_>) {
        for pending in self.pending.drain(..) {
            match pending {
                Pending::Found(look) if look.need == Need::Await => draft.await_found(&look),
                Pending::Found(look) => draft.await_new(look.name),
                Pending::New(name) => draft.await_new(&name),
            }
        }
    }
}

/// Why a replica is made; `replaced` is why another needs one in its place.
fn birth(subject: &Subject<'_>, replaced: Option<(String, Cause)>) -> Birth {
    let wanted = subject.workload.replicas;
    let (verb, why, cause) = match (subject.held, replaced) {
        (_, Some((why, cause))) => (Verb::Create, format!("in the place of an old one: {why}"), cause),
        (None, None) => (Verb::Create, "new".to_owned(), Cause::Change),
        (Some(held), None) if held.replicas < wanted => {
            (Verb::Scale, format!("replicas {} -> {wanted}", held.replicas), Cause::Change)
        }
        (Some(_), None) if subject.applied_in_full() => {
            (Verb::Create, format!("fewer than {wanted} replicas"), Cause::Drift)
        }
        (Some(_), None) => (Verb::Create, format!("fewer than {wanted} replicas"), Cause::Change),
    };
    Birth { verb, why, cause }
}

/// It serves, and no step of this lane interrupts it before it is waited for.
const fn serves_on(look: &Look<'_>) -> bool {
    look.serves && !matches!(look.need, Need::Await | Need::Start(_) | Need::Mend(_))
}

/// Sorts by who should stay: those that serve, then the oldest.
fn first_to_stay<'l>(look: &Look<'l>) -> (bool, crate::time::Timestamp, &'l str) {
    (!look.serves, look.pod.since, look.name)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
