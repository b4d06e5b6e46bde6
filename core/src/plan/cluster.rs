//! The lanes of objects of a cluster: what is applied, left alone, refused and removed, and why.
//!
//! Invariant: an object that was not seen gets no step; one that bears somebody else's labels gets none either.
//! Invariant: a field is taken back only from whoever set it after it had been applied from here.
//! Invariant: a removal follows from a positive statement: the unit holds it, no manifest has it, it was seen with its labels.
//! Invariant: what is done to an object is done as whom it is, or was, applied; a unit that names somebody has all of it done so.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{nothing, refusal};
use super::look::reported;
use super::removal::{GONE, refusal as over_budget};
use super::step::{Act, Application, Cause, Deletion, Lane, Plan, Step, Verb};
use super::{Drift, Input, setback, why};
use crate::account::Account;
use crate::cluster::{
    ACCOUNT, ClusterObject, Condition, Conflict, Field, FieldPath, Left, ObservedCluster, ObservedObject, Present,
    SPEC, Scaled, Trial, Wave, holds_data, names_pod_of,
};
use crate::holdings::{Held, HoldingChange};
use crate::model::ObjectId;
use crate::text::quoted;

/// Fields that one reason names; the rest is counted.
const FIELDS_SHOWN_MAX: usize = 3;

/// Who sets the number of replicas for an autoscaler. Source: kube-controller-manager, in which it runs.
const AUTOSCALER: &str = "kube-controller-manager";

/// The field that an autoscaler sets.
const REPLICAS: &str = "spec.replicas";

/// Everything to be done in a cluster.
pub(super) fn plan(input: &Input<'_>, cluster: &ObservedCluster) -> Plan {
    let mut lanes: BTreeMap<ObjectId, Lane> = BTreeMap::new();
    for (id, object) in &input.desired.objects {
        lanes.insert(id.clone(), lane(input, cluster, object));
    }
    lanes.extend(leaving(input, cluster).into_iter().map(|lane| (lane.object.clone(), lane)));
    let lanes = lanes.into_values().map(|lane| setback::hold_back(input, lane)).collect();
    Plan { shared: Vec::new(), lanes }
}

/// When a lane is walked: those of a wave begin when all of earlier waves have ended. None of what a container host runs
/// waits for another.
#[must_use]
pub fn wave(lane: &Lane) -> u8 {
    let of_step = |step: &Step| match &step.act {
        Act::ApplyObject(application) => Some(application.object.wave().applied()),
        Act::DeleteObject(deletion) if deletion.anew => Some(Wave::of(step.object.kind).applied()),
        Act::DeleteObject(_) => Some(Wave::of(step.object.kind).removed()),
        Act::Nothing
        | Act::CreateNetwork
        | Act::CreateVolume(_)
        | Act::BackUp(_)
        | Act::CreatePod(_)
        | Act::StartPod { .. }
        | Act::MendPod { .. }
        | Act::ReplacePod { .. }
        | Act::RemovePod { .. }
        | Act::RemoveVolume { .. }
        | Act::Serve(_) => None,
    };
    lane.steps.iter().find_map(of_step).unwrap_or(0)
}

/// The lane of an object that is wanted.
fn lane(input: &Input<'_>, cluster: &ObservedCluster, object: &ClusterObject) -> Lane {
    if let Some(why) = &object.waits {
        return refusal(&object.id, why.clone());
    }
    let subject = Subject {
        input,
        object,
        held: input.held.objects.get(&object.id),
        left: object.left_in(&cluster.scaled),
        scaled: &cluster.scaled,
    };
    match cluster.objects.get(&object.id) {
        None => subject.keep("not seen: nobody looked for it".to_owned()),
        Some(ObservedObject::Unseen(why)) => subject.keep(format!("not seen: {why}")),
        Some(ObservedObject::Foreign(holder)) if object.is_content_to_be_there() => {
            subject.keep(format!("it is there, held by {}, and nothing but its name is asked for", holder.0))
        }
        Some(ObservedObject::Foreign(holder)) => {
            let help = "`kubectl label` it with the labels of unit and host, as docs/kubernetes.md says";
            refusal(&object.id, format!("it is there and held by {}; to hand it over, {help}", holder.0))
        }
        Some(ObservedObject::Absent(trial)) => subject.absent(trial),
        Some(ObservedObject::Present(present)) => subject.present(present),
    }
}

struct Subject<'a> {
    input: &'a Input<'a>,
    object: &'a ClusterObject,
    held: Option<&'a Held>,
    /// Its fields that are left to others.
    left: Left,
    scaled: &'a Scaled,
}

/// What is done about fields that somebody else set since.
#[derive(Default)]
struct Dispute<'a> {
    /// Taken back: they had been applied from here.
    back: BTreeSet<&'a Conflict>,
    /// Left to an autoscaler.
    left: BTreeSet<&'a Conflict>,
    /// Somebody's who set them before they were ever applied from here.
    lost: BTreeSet<&'a Conflict>,
}

impl Subject<'_> {
    fn id(&self) -> &ObjectId {
        &self.object.id
    }

    /// True if what is wanted had been applied to the end.
    fn applied(&self) -> bool {
        self.held.is_some_and(|held| held.revision == self.object.revision && !held.is_under_way())
    }

    fn cause(&self) -> Cause {
        if self.applied() { Cause::Drift } else { Cause::Change }
    }

    fn keep(&self, why: String) -> Lane {
        let steps = vec![nothing(Verb::Keep, self.id(), None, why, Cause::None)];
        Lane { object: self.id().clone(), steps, then: None, delay: None, run: None }
    }

    /// An object that the server does not take.
    fn refused(&self, words: &str) -> Lane {
        let from = self.object.account.as_ref().map_or(String::new(), |account| format!(" from {account}"));
        refusal(self.id(), format!("the server does not take it{from}: {words}"))
    }

    fn absent(&self, trial: &Trial) -> Lane {
        match trial {
            Trial::Refused(words) | Trial::Immutable(words) => return self.refused(words),
            Trial::Unknown(why) => return self.keep(untried(why)),
            Trial::Unasked | Trial::Same | Trial::Differs { fields: _, conflicts: _ } => {}
        }
        let why = match (self.held, self.applied()) {
            (Some(_), true) => "it is gone".to_owned(),
            (Some(_), false) | (None, _) => "new".to_owned(),
        };
        self.apply(Verb::Create, why, None, &Dispute::default())
    }

    fn present(&self, present: &Present) -> Lane {
        let Present { uid, revision: _, account: _, deleting, since: _, condition, trial } = present;
        if *deleting {
            return self.keep("it is being deleted, and is made anew once it is gone".to_owned());
        }
        match trial {
            Trial::Refused(words) => self.refused(words),
            Trial::Unknown(why) => self.keep(untried(why)),
            Trial::Unasked => self.keep("not tried: what it needs is not there".to_owned()),
            Trial::Immutable(words) => self.immutable(present, words),
            Trial::Same => self.same(condition),
            Trial::Differs { fields, conflicts } => self.differs(present, uid, fields, conflicts),
        }
    }

    fn same(&self, condition: &Condition) -> Lane {
        let why = match condition {
            Condition::Ready => "as desired".to_owned(),
            Condition::Progressing(what) | Condition::Failed(what) => format!("as desired, but {what}"),
        };
        self.settled(and_left(why, &self.left))
    }

    /// Nothing is to be done; what is held is brought up to date.
    fn settled(&self, why: String) -> Lane {
        let mut lane = self.keep(why);
        lane.then = self.news();
        lane
    }

    fn differs(&self, present: &Present, uid: &str, fields: &[Field], conflicts: &[Conflict]) -> Lane {
        let dispute = self.dispute(present, conflicts);
        if let Some(lost) = dispute.lost.first() {
            let more = and_more(dispute.lost.len() - 1);
            let why = format!(
                "{} was set by {}{more}, before it was ever applied from here; leave it out of the manifest, or have {} give \
                 it up",
                lost.field, lost.manager, lost.manager
            );
            return refusal(self.id(), why);
        }
        let left = |field: &Field| dispute.left.iter().any(|it| field.path.is_within(&it.field));
        let spec = FieldPath::new(&format!("metadata.annotations.[{SPEC}]"));
        let open: Vec<&Field> = fields.iter().filter(|field| !left(field)).collect();
        let shown: Vec<&Field> = open.iter().copied().filter(|field| field.path != spec).collect();
        if open.is_empty() {
            return self.settled(and_left("as desired".to_owned(), &self.left_in(&dispute)));
        }
        let why = match (self.cause(), self.changes()) {
            (Cause::Change, Some(changes)) => changes,
            (Cause::Change | Cause::Drift | Cause::None, _) => named(&shown, &dispute),
        };
        self.apply(Verb::Update, why, Some(uid), &dispute)
    }

    /// What the manifests changed since the last application.
    fn changes(&self) -> Option<String> {
        let held = self.held.filter(|held| held.revision != self.object.revision)?;
        let told = |name: &String| !Held::is_mark(name) && !ClusterObject::is_summary(name);
        let old = held.parts.iter().filter(|(name, _)| told(name)).collect();
        why::changes(&old, &self.object.parts.iter().filter(|(name, _)| told(name)).collect())
    }

    fn dispute<'c>(&self, present: &Present, conflicts: &'c [Conflict]) -> Dispute<'c> {
        let mut dispute = Dispute::default();
        for conflict in conflicts {
            // Where the autoscalers are known, what is theirs was tried as it is.
            let unknown = self.scaled.is_err();
            let list = if unknown && conflict.manager == AUTOSCALER && conflict.field.as_str() == REPLICAS {
                &mut dispute.left
            } else if self.was_ours(present, &conflict.field) {
                &mut dispute.back
            } else {
                &mut dispute.lost
            };
            list.insert(conflict);
        }
        dispute
    }

    /// The fields that are left to others, those of a dispute included.
    fn left_in(&self, dispute: &Dispute<'_>) -> Left {
        let disputed = !dispute.left.is_empty();
        if disputed { self.left.scaled_by(None, &self.object.body) } else { self.left.clone() }
    }

    /// True if a field had been applied from here.
    fn was_ours(&self, present: &Present, field: &FieldPath) -> bool {
        // A host that lost its record knows it by what is written on the object.
        let all = self.applied() || present.revision.as_ref() == Some(&self.object.revision);
        let part = |name: &String| {
            let part = FieldPath::new(name);
            field.is_within(&part) || part.is_within(field)
        };
        all || self.held.is_some_and(|held| held.parts.keys().filter(|name| !Held::is_mark(name)).any(part))
    }

    /// An object whose fields cannot become what is wanted.
    fn immutable(&self, present: &Present, words: &str) -> Lane {
        let kept = if self.orphans() { "its pods and volumes stay" } else { "what it made goes with it" };
        let renewed = self.object.renewed && self.cause() == Cause::Change;
        if holds_data(self.id().kind) || !(self.input.policy.recreate || renewed) {
            let why = format!(
                "needs recreation: {words}; {kept}; allow it by the unit's `recreate`, or undo the change; what is there stays"
            );
            return refusal(self.id(), why);
        }
        let (object, cause) = (self.id().clone(), self.cause());
        let why = match self.changes().filter(|_| renewed) {
            Some(changes) => format!("it runs anew: {changes}"),
            None => format!("recreation, {kept}: {words}"),
        };
        let why = as_whom(why, self.object.account.as_ref());
        let mut remove = nothing(Verb::Remove, &object, None, why, cause);
        let Present { uid, .. } = present;
        remove.act = Act::DeleteObject(Box::new(Deletion {
            id: object.clone(),
            uid: uid.clone(),
            account: self.object.account.clone(),
            orphan: self.orphans(),
            anew: true,
        }));
        let mut lane = self.apply(Verb::Create, "recreation".to_owned(), None, &Dispute::default());
        lane.steps.insert(0, remove);
        lane
    }

    /// True if what an object made stays when it goes, for the next one to take over.
    fn orphans(&self) -> bool {
        use crate::model::Kind;
        matches!(self.id().kind, Kind::StatefulSet | Kind::Deployment | Kind::DaemonSet)
    }

    fn apply(&self, verb: Verb, why: String, uid: Option<&str>, dispute: &Dispute<'_>) -> Lane {
        let cause = self.cause();
        if cause == Cause::Drift && self.input.policy.drift == Drift::Report {
            let steps = vec![nothing(Verb::Keep, self.id(), None, reported(&why), cause)];
            return Lane { object: self.id().clone(), steps, then: None, delay: None, run: None };
        }
        let application = Application {
            object: self.object.clone(),
            uid: uid.map(str::to_owned),
            taken: dispute.back.iter().map(|it| it.field.clone()).collect(),
            left: if uid.is_some() { self.left_in(dispute) } else { Left::default() },
        };
        let mut step = nothing(verb, self.id(), None, as_whom(why, self.object.account.as_ref()), cause);
        step.from = self.held.map(|held| held.revision.clone());
        step.to = Some(self.object.revision.clone());
        step.act = Act::ApplyObject(Box::new(application));
        let then = self.news();
        Lane { object: self.id().clone(), steps: vec![step], then, delay: None, run: None }
    }

    /// What is held once the lane succeeded, if that is something new.
    fn news(&self) -> Option<HoldingChange> {
        let held = Held {
            revision: self.object.revision.clone(),
            replicas: 0,
            commit: self.input.commit.map(str::to_owned),
            parts: self.object.parts.clone(),
            fixed: BTreeMap::new(),
        };
        let same = self.held.is_some_and(|before| before.revision == held.revision && before.parts == held.parts);
        (!same).then(|| HoldingChange::Hold(self.id().clone(), Box::new(held)))
    }
}

/// The lanes of objects that are held or bear the unit's labels, and that no manifest has any more.
fn leaving(input: &Input<'_>, cluster: &ObservedCluster) -> Vec<Lane> {
    let known: BTreeSet<&ObjectId> = input.held.objects.keys().chain(cluster.objects.keys()).collect();
    let gone = known.into_iter().filter(|id| !input.desired.objects.contains_key(*id));
    let (kept, going): (Vec<&ObjectId>, Vec<&ObjectId>) = gone.partition(|id| is_kept(cluster, id));
    // What leads to one pod of a wanted set goes with the pod, as a replica does.
    let counted = going.iter().filter(|id| !names_pod_of(input.desired, id)).count();
    let refused = over_budget(input, counted);
    let kept = kept.into_iter().map(|id| {
        let why = format!("{GONE}, and stays, for data goes with it: remove it by `writ delete {id} --prune`");
        Lane { object: id.clone(), steps: vec![nothing(Verb::Keep, id, None, why, Cause::None)], ..empty(id) }
    });
    let going = going.into_iter().map(|id| match &refused {
        Some(why) => refusal(id, why.clone()),
        None => leave(input, cluster, id, GONE),
    });
    kept.chain(going).collect()
}

/// True for an object that is there and stays, for data goes with it.
fn is_kept(cluster: &ObservedCluster, id: &ObjectId) -> bool {
    holds_data(id.kind) && matches!(cluster.objects.get(id), Some(ObservedObject::Present(_)))
}

/// The lane of one object that goes.
pub(super) fn leave(input: &Input<'_>, cluster: &ObservedCluster, id: &ObjectId, reason: &str) -> Lane {
    let held = input.held.objects.contains_key(id);
    let release = held.then(|| HoldingChange::Release(id.clone()));
    let keep = |why: String, then: Option<HoldingChange>| Lane {
        steps: vec![nothing(Verb::Keep, id, None, why, Cause::None)],
        then,
        ..empty(id)
    };
    match cluster.objects.get(id) {
        None => keep(format!("not seen: {reason}, and nobody looked for it"), None),
        Some(ObservedObject::Unseen(why)) => keep(format!("not seen: {reason}, but {why}"), None),
        Some(ObservedObject::Absent(_)) => keep(format!("{reason}; it is not there"), release),
        Some(ObservedObject::Foreign(holder)) => {
            keep(format!("{reason}; what bears its name is held by {}, and stays", holder.0), release)
        }
        Some(ObservedObject::Present(present)) => {
            let Present { uid, revision, account: _, deleting, since: _, condition: _, trial: _ } = present.as_ref();
            if *deleting {
                return keep(format!("{reason}; it is being deleted"), None);
            }
            let account = match applied_as(input, id, present) {
                Ok(account) => account,
                Err(written) => {
                    let help = "mend or remove the annotation";
                    let why = format!("{reason}; {ACCOUNT} of it is no service account: {}; {help}", quoted(written));
                    return refusal(id, why);
                }
            };
            let why = as_whom(reason.to_owned(), account.as_ref());
            let mut step = nothing(Verb::Remove, id, None, why, Cause::Change);
            step.from.clone_from(revision);
            let uid = uid.clone();
            let deletion = Deletion { id: id.clone(), uid, account, orphan: false, anew: false };
            step.act = Act::DeleteObject(Box::new(deletion));
            Lane { steps: vec![step], then: release, ..empty(id) }
        }
    }
}

/// As whom an object was applied that goes: as the record has it, which nobody changes from within the cluster; where that was
/// lost, as the object itself says. An error is what it says if that is nobody.
fn applied_as<'p>(input: &Input<'_>, id: &ObjectId, present: &'p Present) -> Result<Option<Account>, &'p str> {
    if let Some(account) = &input.policy.account {
        return Ok(Some(account.clone()));
    }
    if let Some(held) = input.held.objects.get(id) {
        return Ok(held.parts.get(ACCOUNT).and_then(|text| Account::parse(text)));
    }
    present.account.as_deref().map(|text| Account::parse(text).ok_or(text)).transpose()
}

/// What `writ delete` does to one object; with `prune` to one with which data goes, too.
pub(super) fn removal(input: &Input<'_>, cluster: &ObservedCluster, id: &ObjectId, prune: bool) -> Plan {
    let lane = if is_kept(cluster, id) && !prune {
        refusal(id, "data goes with it: say `--prune`, too".to_owned())
    } else {
        leave(input, cluster, id, "deleted on request")
    };
    Plan { shared: Vec::new(), lanes: vec![lane] }
}

fn empty(id: &ObjectId) -> Lane {
    Lane { object: id.clone(), steps: Vec::new(), then: None, delay: None, run: None }
}

fn untried(why: &str) -> String {
    format!("not seen: what the server would make of it could not be tried: {why}")
}

/// The fields that differ, and from whom they are taken back.
fn named(fields: &[&Field], dispute: &Dispute<'_>) -> String {
    let manager = |field: &Field| {
        let taken = dispute.back.iter().find(|it| field.path.is_within(&it.field))?;
        Some(format!("{field} (by {})", taken.manager))
    };
    let mut words: Vec<String> =
        fields.iter().take(FIELDS_SHOWN_MAX).map(|field| manager(field).unwrap_or_else(|| field.to_string())).collect();
    match fields.len().saturating_sub(FIELDS_SHOWN_MAX) {
        0 => {}
        rest => words.push(format!("{rest} more")),
    }
    if words.is_empty() { "the note of what was applied differs".to_owned() } else { words.join(", ") }
}

/// A reason, and as whom it is done.
fn as_whom(why: String, account: Option<&Account>) -> String {
    match account {
        Some(account) => format!("{why}, as {account}"),
        None => why,
    }
}

/// A reason, and what is left to others.
fn and_left(why: String, left: &Left) -> String {
    if left.is_empty() { why } else { format!("{why}, {left}") }
}

fn and_more(rest: usize) -> String {
    if rest == 0 { String::new() } else { format!(" (and {rest} more)") }
}
