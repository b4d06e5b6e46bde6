//! Judges each commit of the evidence on its own merits.
//!
//! Invariant: a commit is admitted only by the files of every parent, never by its own; the introduction alone is admitted
//! by what the host pinned.

use super::admit::Case;
use super::authorizations::{Authorizations, FOLDER, Listed, REVOKED, RULES};
use super::evidence::{Changed, Content, Evidence, Node};
use super::id::CommitId;
use super::key_id::KeyId;
use super::permission::{Allowance, Grounds, Permission};
use super::reason::Reason;
use super::revoked::Revocations;
use super::signature::Signature;
use super::signer::Signer;
use super::signers::{Standing, Use};
use super::witness::{Descent, Witness, Witnesses};
use crate::limits::COMMIT_AHEAD_MAX;
use crate::time::Timestamp;

/// What to think of one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It may change the host, as far as it is concerned.
    Admitted,
    /// It must not: why, and what exactly is wrong.
    Refused(Reason, String),
    /// Nobody can tell: what is missing.
    Unchecked(String),
}

/// One commit with what was found about it.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) commit: CommitId,
    pub(super) outcome: Outcome,
    pub(super) signer: Option<KeyId>,
    pub(super) principal: Option<String>,
}

/// The commits to judge and what is known about their places in history.
pub(super) struct Court<'a> {
    case: &'a Case<'a>,
    /// Reached from the head.
    offered: Vec<bool>,
    /// The floor and what came before it.
    settled: Vec<bool>,
    /// What came before the introduction.
    before: Vec<bool>,
    /// Goes back to the introduction on every line.
    rooted: Vec<bool>,
    /// Commits that reached the head and revoke more than their parents do.
    revoking: Vec<(usize, &'a Revocations)>,
    /// What was found about all that came before, if this is the next part of a history.
    base: Option<&'a Base>,
}

/// What was found about the part of a history through whose head all later lines pass.
#[derive(Debug)]
pub(super) struct Base {
    /// That head.
    pub(super) commit: CommitId,
    /// It goes back to the introduction on every line.
    rooted: bool,
    /// Its commits that revoke more than their parents do, oldest first. None of them has a later commit in view.
    revoking: Vec<(CommitId, Revocations)>,
}

impl<'a> Court<'a> {
    /// The whole history of a case; or the part of it above a base, which is then the floor of the case.
    pub(super) fn new(case: &'a Case<'a>, base: Option<&'a Base>) -> Self {
        let Case { evidence, introduction, floor, witnesses: _, first_seen: _, host: _ } = *case;
        let nothing = || vec![false; evidence.len()];
        let settled = floor.map_or_else(nothing, |floor| evidence.ancestry(floor));
        let mut before = evidence.ancestry(&introduction.commit);
        let start = evidence.place(&introduction.commit);
        start.into_iter().for_each(|place| before[place] = false);
        let mut rooted = nothing();
        for (place, node) in evidence.nodes().iter().enumerate() {
            let is_floor = match base {
                Some(base) => base.commit == node.id && base.rooted,
                None => floor == Some(&node.id) && evidence.is_rooted(&node.id),
            };
            let on_every_line = || {
                let mut parents = node.parents.iter().map(|id| evidence.place(id).is_some_and(|parent| rooted[parent]));
                !node.parents.is_empty() && parents.all(|is_rooted| is_rooted)
            };
            rooted[place] = start == Some(place) || (!before[place] && (is_floor || on_every_line()));
        }
        let offered = evidence.ancestry(&evidence.head());
        let revoking = evidence.nodes().iter().enumerate().filter_map(|(place, node)| {
            let own = &listed(evidence, node).filter(|own| offered[place] && !own.revoked.is_empty())?.revoked;
            let same = |id| evidence.node(id).and_then(|it| listed(evidence, it)).is_some_and(|it| it.revoked == *own);
            // What a base revokes, it brings along itself: its parents are not here to be compared with.
            let is_base = base.is_some_and(|base| base.commit == node.id);
            let is_new = !is_base && (node.parents.is_empty() || !node.parents.iter().all(same));
            is_new.then_some((place, own))
        });
        let revoking = revoking.collect();
        Self { case, offered, settled, before, rooted, revoking, base }
    }

    /// What the next part of the history needs to know of this one and of all before it.
    pub(super) fn base(&self) -> Base {
        let evidence = self.case.evidence;
        let commit = evidence.head();
        let before = self.base.into_iter().flat_map(|base| base.revoking.iter().cloned());
        let here = self.revoking.iter().map(|(place, revoked)| (evidence.nodes()[*place].id, (*revoked).clone()));
        Base {
            commit,
            rooted: evidence.place(&commit).is_some_and(|place| self.rooted[place]),
            revoking: before.chain(here).collect(),
        }
    }

    /// True if a commit is the head or in its history, as far as the evidence goes.
    pub(super) fn brings(&self, commit: &CommitId) -> bool {
        self.case.evidence.place(commit).is_some_and(|place| self.offered[place])
    }

    /// Judges every commit that the head brings, oldest first, and the head in any case.
    pub(super) fn judge(&self) -> Vec<Judged> {
        let head = self.case.evidence.head();
        let mut all: Vec<Judged> = Vec::new();
        for (place, node) in self.case.evidence.nodes().iter().enumerate() {
            if self.offered[place] && !self.before[place] && (!self.settled[place] || node.id == head) {
                all.push(self.judge_node(place, node));
            }
        }
        if self.case.evidence.node(&head).is_none() {
            let outcome = Outcome::Unchecked("the commit is missing from what was fetched".to_owned());
            all.push(Judged { commit: head, outcome, signer: None, principal: None });
        }
        all
    }

    fn judge_node(&self, place: usize, node: &Node) -> Judged {
        let signer = match node.content.as_ref().map(|content| &content.signature) {
            Ok(Signature::Good(signer)) => Some(signer.id()),
            Ok(
                Signature::Bad(_)
                | Signature::WrongNamespace(_)
                | Signature::Weak(_)
                | Signature::Unknown(_)
                | Signature::Missing
                | Signature::NotChecked,
            )
            | Err(_) => None,
        };
        let (outcome, principal) = match self.find(place, node) {
            Ok(principal) => (Outcome::Admitted, Some(principal)),
            Err(outcome) => (outcome, None),
        };
        Judged { commit: node.id, outcome, signer, principal }
    }

    /// The principal under which a commit is admitted.
    fn find(&self, place: usize, node: &Node) -> Result<String, Outcome> {
        let content = node.content.as_ref().map_err(|(reason, detail)| Outcome::Refused(*reason, detail.clone()))?;
        if !self.rooted[place] {
            let detail =
                format!("a line of its history does not go back to the introduction {}", self.case.introduction.commit);
            return Err(Outcome::Refused(Reason::UnrelatedHistory, detail));
        }
        let signer = good_signature(&content.signature)?;
        if !self.settled[place] {
            self.find_revoked(place, signer)?;
        }
        let committed = Timestamp::from_seconds(content.committed);
        if !self.settled[place] && committed > self.case.first_seen.plus(COMMIT_AHEAD_MAX) {
            let detail =
                format!("its committer date {committed} lies in the future; the clock of who made it is wrong");
            return Err(Outcome::Refused(Reason::NotYetValid, detail));
        }
        let introduces = node.id == self.case.introduction.commit;
        let principal = if introduces {
            self.find_introduced(content, signer)?
        } else {
            self.find_authorized(node, content, signer, self.moments(place, content))?
        };
        let own = match self.case.evidence.authorizations_of(content) {
            Authorizations::Listed(own) => own,
            Authorizations::Refused(reason, detail) => return Err(Outcome::Refused(*reason, detail.clone())),
        };
        // What the floor settled was held against the rules when it was first seen.
        if !introduces && !self.settled[place] {
            self.find_unrevoked(node, own)?;
            self.find_unruled(node, own)?;
            self.permission().find(node, content)?;
        }
        Ok(principal)
    }

    /// What let a commit change each path, on each of its edges; nothing where no rules were asked.
    pub(super) fn explain(&self, commit: &CommitId) -> Result<Vec<Allowance>, Outcome> {
        let unknown = || Outcome::Unchecked(format!("commit {commit} is not among those that were judged"));
        let node = self.case.evidence.node(commit).ok_or_else(unknown)?;
        let content = node.content.as_ref().map_err(|(reason, detail)| Outcome::Refused(*reason, detail.clone()))?;
        self.permission().find(node, content)
    }

    /// What let a path be what it is in the head's tree.
    pub(super) fn grounds(&self, path: &[u8]) -> Result<Grounds, Outcome> {
        let Case { evidence, introduction, floor: _, witnesses: _, first_seen: _, host } = *self.case;
        if !evidence.has_rules(host) {
            return Ok(Grounds::Unruled);
        }
        let nodes = evidence.nodes().iter().enumerate().rev();
        for (_, node) in nodes.filter(|(place, _)| self.offered[*place] && !self.before[*place]) {
            if node.id != introduction.commit && changes(node, path)? {
                let mut allowances = self.explain(&node.id)?;
                allowances.retain(|allowance| allowance.path == path);
                return Ok(Grounds::Changed { commit: node.id, allowances });
            }
        }
        Ok(Grounds::Introduced)
    }

    /// Refuses a signer whom the host revokes, or whom any commit revokes that does not build on this one. A commit that
    /// revokes a key has all before it in view, and lets it stand; what is signed beside it was not there yet.
    fn find_revoked(&self, place: usize, signer: &Signer) -> Result<(), Outcome> {
        let revoked = |detail: String| Err(Outcome::Refused(Reason::Revoked, detail));
        if let Some(detail) = self.case.host.revokes(signer) {
            return revoked(format!("{detail} by this host"));
        }
        for (commit, revocations) in self.base.into_iter().flat_map(|base| &base.revoking) {
            if let Some(detail) = revocations.revokes(signer) {
                return revoked(not_in_view(&detail, commit));
            }
        }
        for (at, revocations) in &self.revoking {
            let node = &self.case.evidence.nodes()[*at];
            if let Some(detail) = revocations.revokes(signer)
                && !self.case.evidence.ancestry(&node.id)[place]
            {
                return revoked(not_in_view(&detail, &node.id));
            }
        }
        Ok(())
    }

    /// Refuses a commit that takes back what a parent revokes.
    fn find_unrevoked(&self, node: &Node, own: &Listed) -> Result<(), Outcome> {
        let before = node.parents.iter().filter_map(|id| listed(self.case.evidence, self.case.evidence.node(id)?));
        if before.into_iter().all(|before| own.revoked.is_superset_of(&before.revoked)) {
            return Ok(());
        }
        let detail = format!("it takes entries out of {FOLDER}/{REVOKED} that a parent has");
        Err(Outcome::Refused(Reason::AuthorizationsRemoved, detail))
    }

    /// Refuses a commit that removes the file of rules: whoever may change it can write one that asks for nothing.
    fn find_unruled(&self, node: &Node, own: &Listed) -> Result<(), Outcome> {
        let mut before = node.parents.iter().filter_map(|id| listed(self.case.evidence, self.case.evidence.node(id)?));
        if own.rules.is_some() || !before.any(|before| before.rules.is_some()) {
            return Ok(());
        }
        let detail = format!(
            "it removes {FOLDER}/{RULES}, which a parent has; a file with `version = 1` alone asks for nothing"
        );
        Err(Outcome::Refused(Reason::AuthorizationsRemoved, detail))
    }

    fn permission(&self) -> Permission<'_> {
        let Case { evidence, introduction: _, floor: _, witnesses: _, first_seen, host } = *self.case;
        Permission { evidence, host, first_seen, settled: &self.settled }
    }

    /// The moments at which the key must be valid. What the floor settled was judged when it was first seen.
    fn moments(&self, place: usize, content: &Content) -> Vec<Timestamp> {
        let committed = Timestamp::from_seconds(content.committed);
        if self.settled[place] { vec![committed] } else { vec![committed, self.case.first_seen] }
    }

    /// The introduction is signed by the pinned key, and its own tree lists that key.
    fn find_introduced(&self, content: &Content, signer: &Signer) -> Result<String, Outcome> {
        let (signed, pinned) = (signer.id(), self.case.introduction.signer);
        if signed != pinned {
            let detail = format!("it is the introduction and signed by {signed}, but {pinned} is pinned on this host");
            return Err(Outcome::Refused(Reason::UnknownKey, detail));
        }
        let moments = [Timestamp::from_seconds(content.committed)];
        authorized(self.case.evidence.authorizations_of(content), signer, &moments, "its own tree")
    }

    /// Every parent's tree authorizes the signer, and no parent is younger.
    fn find_authorized(
        &self,
        node: &Node,
        content: &Content,
        signer: &Signer,
        moments: Vec<Timestamp>,
    ) -> Result<String, Outcome> {
        let mut principal = None;
        for id in &node.parents {
            let parent = self.case.evidence.node(id);
            let parent = parent.ok_or_else(|| Outcome::Unchecked(format!("its parent {id} was not fetched")))?;
            let Ok(parent) = &parent.content else {
                let detail = format!("its parent {id} is malformed and authorizes nobody");
                return Err(Outcome::Refused(Reason::UnknownKey, detail));
            };
            let place = format!("its parent {id}");
            let found = authorized(self.case.evidence.authorizations_of(parent), signer, &moments, &place)?;
            if parent.committed > content.committed {
                let (parent, own) = (moment(parent.committed), moment(content.committed));
                let detail = format!("its committer date {own} lies before that of its parent {id}, {parent}");
                return Err(Outcome::Refused(Reason::TimeGoesBack, detail));
            }
            principal.get_or_insert(found);
        }
        principal.ok_or_else(|| Outcome::Unchecked("it has no parent and is not the introduction".to_owned()))
    }
}

/// Refuses a head that does not descend from the floor, where that is named, or from every witness.
pub(super) fn find_descending(
    head: &CommitId,
    missed: Option<&CommitId>,
    witnesses: Option<&Witnesses>,
) -> Result<(), Outcome> {
    let rewind = |detail: String| Err(Outcome::Refused(Reason::Rewind, detail));
    if let Some(floor) = missed {
        return rewind(format!("it does not descend from {floor}, which was applied last"));
    }
    let Some(witnesses) = witnesses else { return Ok(()) };
    let mut unknown = witnesses.unread.clone();
    for (Witness { commit, payload: _, by }, descent) in witnesses.against(head) {
        match descent {
            Descent::Yes => {}
            Descent::No => {
                return rewind(format!("it does not descend from {commit}, {by}; the record does not know that one"));
            }
            Descent::CannotTell(missing) => unknown.push(format!(
                "whether it descends from {commit}, {by}, cannot be told, for commit {missing} is missing"
            )),
        }
    }
    if unknown.is_empty() { Ok(()) } else { Err(Outcome::Unchecked(unknown.join("; "))) }
}

/// True if a commit changes a path, on any of its edges.
fn changes(node: &Node, path: &[u8]) -> Result<bool, Outcome> {
    let mut changes = false;
    for changed in &node.changed {
        match changed {
            Changed::Paths(paths) => changes |= paths.iter().any(|it| it.as_ref() == path),
            Changed::NotRead => return Err(Outcome::Unchecked(format!("what {} changes was not read", node.id))),
            Changed::Unjudged(why) => return Err(Outcome::Unchecked(format!("commit {}: {why}", node.id))),
        }
    }
    Ok(changes)
}

/// What a well-formed commit's tree says, if it can be followed.
fn listed<'a>(evidence: &'a Evidence, node: &'a Node) -> Option<&'a Listed> {
    evidence.authorizations_of(node.content.as_ref().ok()?).listed()
}

fn not_in_view(detail: &str, revoking: &CommitId) -> String {
    format!("{detail} by commit {revoking}, whose history does not hold it")
}

fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// Who made a good signature; what to think of any other.
fn good_signature(signature: &Signature) -> Result<&Signer, Outcome> {
    let (reason, detail) = match signature {
        Signature::Good(signer) => return Ok(signer),
        Signature::NotChecked => return Err(Outcome::Unchecked("its signature was not checked".to_owned())),
        Signature::Missing => (Reason::Unsigned, "it carries no signature".to_owned()),
        Signature::Bad(detail) => (Reason::BadSignature, detail.to_string()),
        Signature::Weak(detail) => (Reason::WeakKey, detail.to_string()),
        Signature::Unknown(detail) => (Reason::UnknownKey, detail.to_string()),
        Signature::WrongNamespace(namespace) => {
            (Reason::WrongNamespace, format!("it is signed for {namespace:?} and not for \"git\""))
        }
    };
    Err(Outcome::Refused(reason, detail))
}

/// The principal under which a tree authorizes a signer at all of these moments.
fn authorized(
    authorizations: &Authorizations,
    signer: &Signer,
    moments: &[Timestamp],
    tree: &str,
) -> Result<String, Outcome> {
    let listed = match authorizations {
        Authorizations::Listed(listed) => listed,
        Authorizations::Refused(_, detail) => {
            let detail = format!("{tree} authorizes nobody: {detail}");
            return Err(Outcome::Refused(Reason::UnknownKey, detail));
        }
    };
    let (reason, what) = match listed.standing(signer, Use::commit(moments)) {
        Standing::Authorized(principal) => return Ok(principal.to_owned()),
        Standing::Unknown => (Reason::UnknownKey, "does not list"),
        Standing::WrongNamespace => (Reason::WrongNamespace, "does not let sign for Git"),
        Standing::Expired => (Reason::Expired, "no longer lets sign"),
        Standing::NotYetValid => (Reason::NotYetValid, "does not yet let sign"),
        Standing::Refused(reason, detail) => {
            let detail = format!("{tree} does not let sign {}: {detail}", signer.id());
            return Err(Outcome::Refused(reason, detail));
        }
    };
    Err(Outcome::Refused(reason, format!("{tree} {what} {}", signer.id())))
}
