//! The lane of a StatefulSet: stable numbers, one pod after the other.
//!
//! Order: broken pods of an old revision first, so that a reverted commit heals; then containers that only have to run
//! again; then missing pods, lowest first; then those too many, highest first; then outdated ones, highest first.
//! Sources: `stateful_set_control.go` of Kubernetes; rules 1 and 9 of the design.

use std::collections::BTreeSet;

use super::draft::{Birth, Draft};
use super::earlier::{Template, stays_at};
use super::look::{Look, Need, look};
use super::step::{Cause, Lane, Verb};
use super::world::Subject;
use crate::holdings::Earlier;
use crate::model::template::container_name;
use crate::model::{PodIndex, PodManagement, StatefulUpdate, Workload};
use crate::observed::ObservedPod;

/// How this StatefulSet wants it.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) start: u32,
    pub(super) management: PodManagement,
    pub(super) update: StatefulUpdate,
}

/// A number that must have a pod.
struct Slot<'a> {
    ordinal: u32,
    name: String,
    sight: Sight<'a>,
    /// Its pod was there until this lane removed it.
    anew: bool,
}

enum Sight<'a> {
    Missing,
    Unseen(&'a str),
    Seen(Look<'a>),
}

/// A pod that must not be there.
enum Surplus<'a> {
    Unseen(&'a str, &'a str),
    Seen(&'a str, &'a ObservedPod),
}

/// The lane; pods in `gone` are taken to be removed by the steps that `draft` already holds.
pub(super) fn lane<'a>(subject: &'a Subject<'a>, rules: Rules, mut draft: Draft<'a>, gone: &BTreeSet<&str>) -> Lane {
    let slots = slots(subject, rules, gone);
    let surplus = surplus(subject, rules, gone);
    let ordered = rules.management == PodManagement::OrderedReady;
    let unseen = slots.iter().find(|slot| matches!(slot.sight, Sight::Unseen(_))).map(|slot| slot.name.clone());
    let hidden = unseen.is_some() || surplus.iter().any(|pod| matches!(pod, Surplus::Unseen(..)));

    renew_broken(&mut draft, subject, rules, &slots);
    for look in slots.iter().filter_map(Slot::look) {
        draft.mend(look);
    }
    if ordered {
        settle_in_order(&mut draft, subject, rules, &slots);
        shrink(&mut draft, subject, &surplus, unseen.as_deref());
    } else {
        let made = settle_at_once(&mut draft, subject, rules, &slots);
        shrink_at_once(&mut draft, subject, &surplus);
        await_all(&mut draft, &slots, &made);
    }
    roll(&mut draft, subject, rules, &slots, unseen.as_deref());
    for look in slots.iter().filter_map(Slot::look).filter(|look| look.need == Need::Note) {
        draft.note(look.name, look.why.clone(), look.cause);
    }
    draft.finish(!hidden)
}

impl<'a> Slot<'a> {
    const fn look(&self) -> Option<&Look<'a>> {
        match &self.sight {
            Sight::Seen(look) => Some(look),
            Sight::Missing | Sight::Unseen(_) => None,
        }
    }
}

fn slots<'a>(subject: &Subject<'a>, rules: Rules, gone: &BTreeSet<&str>) -> Vec<Slot<'a>> {
    let observed = subject.world.input.observed;
    let slot = |ordinal| {
        let name = container_name(&subject.workload.id, ordinal);
        let sight = match (observed.unseen.get(&name), observed.pods.get_key_value(&name)) {
            (Some(reason), _) => Sight::Unseen(reason),
            (None, Some((name, pod))) if pod.object == subject.workload.id && !gone.contains(name.as_str()) => {
                Sight::Seen(look(subject, name, pod, spared(subject, rules.update, ordinal).as_deref()))
            }
            (None, Some(_) | None) => Sight::Missing,
        };
        let anew = gone.contains(name.as_str());
        Slot { ordinal, name, sight, anew }
    };
    subject.workload.ordinals().into_iter().map(slot).collect()
}

/// Why the strategy leaves the pod of this number at the revision that it has; none if it does not.
fn spared(subject: &Subject<'_>, update: StatefulUpdate, ordinal: u32) -> Option<String> {
    let wanted = subject.workload.revision.short();
    match update {
        StatefulUpdate::Rolling { partition, max_unavailable: _ } if ordinal < partition => {
            Some(format!("stays as it is, not at revision {wanted}: it is below partition {partition}"))
        }
        StatefulUpdate::Rolling { .. } => None,
        StatefulUpdate::OnDelete => {
            Some(format!("stays as it is until it is deleted, then comes back at revision {wanted}: OnDelete"))
        }
    }
}

/// Pods whose numbers are not wanted, highest first.
fn surplus<'a>(subject: &Subject<'a>, rules: Rules, gone: &BTreeSet<&str>) -> Vec<Surplus<'a>> {
    let end = rules.start.saturating_add(subject.workload.replicas);
    let wanted = |index: &PodIndex| match index {
        PodIndex::Ordinal(ordinal) => (rules.start..end).contains(ordinal),
        PodIndex::Replica(_) | PodIndex::Try { .. } => false,
    };
    let id = &subject.workload.id;
    let seen = subject.world.pods(id).iter().filter(|(name, _)| !gone.contains(name));
    let mut found: Vec<(&PodIndex, Surplus<'a>)> =
        seen.map(|(name, pod)| (&pod.index, Surplus::Seen(name, pod))).collect();
    let unseen = subject.world.unseen(id);
    found.extend(unseen.iter().map(|(name, index, reason)| (index, Surplus::Unseen(name, reason))));
    found.retain(|(index, _)| !wanted(index));
    found.sort_by(|(one, _), (other, _)| other.cmp(one));
    found.into_iter().map(|(_, pod)| pod).collect()
}

/// A pod that must be replaced and does not serve anybody goes first, whatever the others do: else a broken revision
/// would hold up the one that mends it.
fn renew_broken(draft: &mut Draft<'_>, subject: &Subject<'_>, rules: Rules, slots: &[Slot<'_>]) {
    for (ordinal, look) in slots.iter().rev().filter_map(|slot| Some((slot.ordinal, slot.look()?))) {
        if look.need == Need::Renew && !look.serves {
            draft.renew(template(subject, rules, ordinal), look);
        }
    }
}

fn settle_in_order(draft: &mut Draft<'_>, subject: &Subject<'_>, rules: Rules, slots: &[Slot<'_>]) {
    let mut unseen: Option<&str> = None;
    for slot in slots {
        match (&slot.sight, unseen) {
            (Sight::Missing, Some(blocker)) => {
                draft.note(&slot.name, format!("not created: {blocker} before it was not seen"), Cause::None);
            }
            (Sight::Missing, None) => {
                if draft.create(
                    template(subject, rules, slot.ordinal),
                    &PodIndex::Ordinal(slot.ordinal),
                    birth(subject, rules, slot),
                ) {
                    draft.await_new(&slot.name);
                }
            }
            (Sight::Unseen(reason), _) => {
                draft.unseen(&slot.name, reason);
                unseen = unseen.or(Some(&slot.name));
            }
            (Sight::Seen(look), _) => await_seen(draft, look),
        }
    }
}

fn await_seen(draft: &mut Draft<'_>, look: &Look<'_>) {
    match &look.need {
        Need::Await => draft.await_found(look),
        Need::Start(_) | Need::Mend(_) => draft.await_new(look.name),
        Need::Nothing | Need::Note | Need::Renew => {}
    }
}

/// Makes all missing pods without waiting between; their names.
fn settle_at_once(draft: &mut Draft<'_>, subject: &Subject<'_>, rules: Rules, slots: &[Slot<'_>]) -> Vec<String> {
    let mut made = Vec::new();
    for slot in slots {
        match &slot.sight {
            Sight::Missing => {
                if draft.create(
                    template(subject, rules, slot.ordinal),
                    &PodIndex::Ordinal(slot.ordinal),
                    birth(subject, rules, slot),
                ) {
                    made.push(slot.name.clone());
                }
            }
            Sight::Unseen(reason) => draft.unseen(&slot.name, reason),
            Sight::Seen(_) => {}
        }
    }
    made
}

fn await_all(draft: &mut Draft<'_>, slots: &[Slot<'_>], made: &[String]) {
    for slot in slots {
        match &slot.sight {
            Sight::Seen(look) => await_seen(draft, look),
            Sight::Missing if made.contains(&slot.name) => draft.await_new(&slot.name),
            Sight::Missing | Sight::Unseen(_) => {}
        }
    }
}

/// Why the pod of a number is made.
fn birth(subject: &Subject<'_>, rules: Rules, slot: &Slot<'_>) -> Birth {
    let ordinal = slot.ordinal;
    let wanted = subject.workload.replicas;
    let place = ordinal.saturating_sub(rules.start);
    let (verb, why, cause) = match subject.held {
        None => (Verb::Create, "new".to_owned(), Cause::Change),
        Some(held) if place >= held.replicas => {
            (Verb::Scale, format!("replicas {} -> {wanted}", held.replicas), Cause::Change)
        }
        Some(_) if slot.anew => (Verb::Create, "made anew".to_owned(), Cause::Change),
        Some(_) if subject.applied => (Verb::Create, "it is gone".to_owned(), Cause::Drift),
        Some(_) => (Verb::Create, "it is not there".to_owned(), Cause::Change),
    };
    Birth { verb, why: format!("{why}{}", at_revision(subject, rules, ordinal)), cause }
}

/// True if a pod of this number is left at the revision that it has, or had.
const fn is_below(rules: Rules, ordinal: u32) -> bool {
    match rules.update {
        StatefulUpdate::Rolling { partition, max_unavailable: _ } => ordinal < partition,
        StatefulUpdate::OnDelete => false,
    }
}

/// What a pod of this number is made from.
fn template<'a>(subject: &Subject<'a>, rules: Rules, ordinal: u32) -> &'a Workload {
    let stays = is_below(rules, ordinal) && stays_at(subject.workload, subject.held).is_some();
    match subject.world.input.templates.get(&subject.workload.id).filter(|_| stays) {
        Some(Template::Found(earlier)) => earlier,
        Some(Template::Lost(_)) | None => subject.workload,
    }
}

/// At which revision a pod is made, where others of its set are at another one.
fn at_revision(subject: &Subject<'_>, rules: Rules, ordinal: u32) -> String {
    let below = is_below(rules, ordinal);
    let Some(earlier) = stays_at(subject.workload, subject.held).filter(|_| below) else { return String::new() };
    let Earlier { revision, commit } = &earlier;
    let commit = commit.as_deref().map_or("local files".to_owned(), |commit| format!("commit {commit:.8}"));
    let lost = |why: &str| format!("; comes at the new revision, for that of {commit} cannot be had: {why}");
    match subject.world.input.templates.get(&subject.workload.id) {
        Some(Template::Found(found)) if found.revision == *revision => {
            format!("; comes at revision {} of {commit}, for it is below the partition", revision.short())
        }
        Some(Template::Found(found)) => format!(
            "; comes at revision {} of {commit}, for it is below the partition; that was {} before values changed",
            found.revision.short(),
            revision.short()
        ),
        Some(Template::Lost(why)) => lost(why),
        None => lost("nobody looked for it"),
    }
}

/// Removes what is too many, highest first; stops where a pod was not seen.
fn shrink(draft: &mut Draft<'_>, subject: &Subject<'_>, surplus: &[Surplus<'_>], unseen: Option<&str>) {
    let mut blocker = unseen.map(str::to_owned);
    for pod in surplus {
        match (pod, &blocker) {
            (Surplus::Unseen(name, reason), _) => {
                draft.unseen(name, reason);
                blocker.get_or_insert_with(|| (*name).to_owned());
            }
            (Surplus::Seen(name, _), Some(blocker)) => {
                draft.note(name, format!("not removed: {blocker} was not seen"), Cause::None);
            }
            (Surplus::Seen(name, pod), None) => remove(draft, subject, name, pod),
        }
    }
}

fn shrink_at_once(draft: &mut Draft<'_>, subject: &Subject<'_>, surplus: &[Surplus<'_>]) {
    for pod in surplus {
        match pod {
            Surplus::Unseen(name, reason) => draft.unseen(name, reason),
            Surplus::Seen(name, pod) => remove(draft, subject, name, pod),
        }
    }
}

/// A pod too many is never drift: nobody but Writ makes one.
fn remove(draft: &mut Draft<'_>, subject: &Subject<'_>, name: &str, pod: &ObservedPod) {
    let wanted = subject.workload.replicas;
    let why = match subject.held {
        Some(held) if held.replicas > wanted => format!("replicas {} -> {wanted}", held.replicas),
        Some(_) | None => format!("not among the {wanted} replicas"),
    };
    draft.remove(Verb::Scale, name, pod, why, Cause::Change);
}

/// Replaces pods that serve, highest first, as many at a time as may be missing; all others are there by then. None while a
/// pod of the set is out of sight: it may be down.
fn roll(draft: &mut Draft<'_>, subject: &Subject<'_>, rules: Rules, slots: &[Slot<'_>], unseen: Option<&str>) {
    let looks = slots.iter().rev().filter_map(|slot| Some((slot.ordinal, slot.look()?)));
    let outdated: Vec<_> = looks.filter(|(_, look)| look.need == Need::Renew && look.serves).collect();
    let at_once = match rules.update {
        StatefulUpdate::Rolling { partition: _, max_unavailable } => max_unavailable.max(1),
        StatefulUpdate::OnDelete => 1,
    };
    for looks in outdated.chunks(usize::try_from(at_once).unwrap_or(usize::MAX)) {
        for (ordinal, look) in looks {
            match unseen {
                Some(blocker) => {
                    draft.note(look.name, format!("not replaced: {blocker} was not seen ({})", look.why), Cause::None);
                }
                None => draft.replace(template(subject, rules, *ordinal), look),
            }
        }
        if unseen.is_none() {
            looks.iter().for_each(|(_, look)| draft.await_new(look.name));
        }
    }
}
