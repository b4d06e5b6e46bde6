//! Whether the people behind a commit may make its changes: the rules of trust, held against every edge of history.
//!
//! An edge is a commit and one of its parents; what differs between their trees is judged by the rules of that parent and
//! by the ceiling of the host. The people behind it are whoever signed the commit, and whoever approved of its tree. A
//! clean merge of two parents adds nothing of its own, so on each of its edges also those count who made the changes that
//! it conveys (`decisions/0008`).
//!
//! Invariant: a forge and a heartbeat are nobody: neither ever counts as one of the people.
//! Invariant: changes that were not read are "could not check", never "no changes".

use std::collections::{BTreeMap, BTreeSet};

use super::authorizations::{Authorizations, Listed};
use super::evidence::{Changed, Content, Evidence, Merged, Node};
use super::host::HostTrust;
use super::id::CommitId;
use super::judge::Outcome;
use super::reason::Reason;
use super::rules::{Denial, Rules};
use super::signature::Signature;
use super::signer::Signer;
use super::signers::{Standing, Use};
use super::statement::{APPROVAL_NAMESPACE, SignedApproval};
use crate::text::quoted;
use crate::time::Timestamp;

/// What let a commit change a path, on one of its edges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// The parent whose rules were asked.
    pub parent: CommitId,
    /// The path, from the root of the tree.
    pub path: Vec<u8>,
    /// The rules that cover it, by name; none where there are none.
    pub rules: Vec<String>,
    /// The people who counted, by the names that the parent's files give their keys.
    pub people: Vec<String>,
    /// Those of them who approved of the commit's tree.
    pub approvals: Vec<String>,
}

/// What let a path be what it is in the tree of a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grounds {
    /// No rules of trust were ever in force: each listed key may change everything.
    Unruled,
    /// No commit since the introduction changed it: it is as the host pinned it.
    Introduced,
    /// A commit changed it last.
    Changed {
        /// The commit.
        commit: CommitId,
        /// What let it do so, on each edge on which it changed the path; nothing where no rules were in force by then.
        allowances: Vec<Allowance>,
    },
}

/// What a signer is to the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Person,
    Forge,
    Heartbeat,
}

/// What is known about the places of commits in history, and what the host says.
pub(super) struct Permission<'a> {
    pub(super) evidence: &'a Evidence,
    pub(super) host: &'a HostTrust,
    pub(super) first_seen: Timestamp,
    /// The floor and what came before it.
    pub(super) settled: &'a [bool],
}

/// A parent that is there and well formed.
#[derive(Clone, Copy)]
struct Parent<'a> {
    id: CommitId,
    content: &'a Content,
    listed: &'a Listed,
}

/// Who made what a clean merge brings to one of its parents.
#[derive(Default)]
struct Makers<'a> {
    /// For each path, those who changed it, by the names of that parent's files.
    people: BTreeMap<&'a [u8], BTreeSet<&'a str>>,
    /// Some of it is settled, so that it runs already: a path that nobody else changed stems from there.
    settled: bool,
}

impl<'a> Permission<'a> {
    /// What lets a commit make its changes; one allowance for each edge and path. The signer is authorized by every
    /// parent already.
    pub(super) fn find(&self, node: &'a Node, content: &'a Content) -> Result<Vec<Allowance>, Outcome> {
        let parents = self.parents(node)?;
        let rules = parents.iter().filter_map(|parent| parent.listed.rules.as_ref()).chain(&self.host.ceiling);
        if !rules.clone().any(Rules::decide) {
            return Ok(Vec::new());
        }
        self.find_by_role(node, content, &parents).map_err(|outcome| self.with_unusable(content, &parents, outcome))
    }

    /// A refusal for want of people tells which approvals could not be used.
    fn with_unusable(&self, content: &Content, parents: &[Parent<'a>], outcome: Outcome) -> Outcome {
        let uncounted = self.evidence.approvals_of(content.tree).iter().filter_map(|signed| {
            let SignedApproval { approval, signer } = signed;
            let why = approval.why_not(self.host.name.as_deref(), self.first_seen);
            let why = why.or_else(|| self.host.revokes(signer).map(|why| format!("{why} by this host")));
            let why = why.or_else(|| parents.iter().find_map(|parent| self.why_nobody(parent, signer)));
            Some(format!("that of {}: {}", signer.id(), why?))
        });
        let unusable = self.evidence.unusable_approvals_of(content.tree).iter().cloned();
        let why = unusable.chain(uncounted).collect::<Vec<_>>().join("; ");
        match outcome {
            Outcome::Refused(reason, detail) if !why.is_empty() => {
                Outcome::Refused(reason, format!("{detail}; an approval of its tree cannot be used: {why}"))
            }
            Outcome::Refused(..) | Outcome::Unchecked(_) | Outcome::Admitted => outcome,
        }
    }

    /// Why an approver is nobody to a parent's files, in words.
    fn why_nobody(&self, parent: &Parent<'_>, signer: &Signer) -> Option<String> {
        let files = format!("the files of its parent {}", parent.id);
        let used = Use { namespace: APPROVAL_NAMESPACE, moments: &[self.first_seen] };
        match parent.listed.standing(signer, used) {
            Standing::Authorized(principal) if self.role_of(parent.listed, principal) != Role::Person => {
                Some(format!("{principal} is no person to {files}"))
            }
            Standing::Authorized(_) => None,
            Standing::Unknown => Some(format!("{files} do not list the key")),
            Standing::WrongNamespace => Some(format!("{files} do not let the key approve")),
            Standing::Expired => Some(format!("{files} no longer let the key approve")),
            Standing::NotYetValid => Some(format!("{files} do not yet let the key approve")),
            Standing::Refused(_, detail) => Some(format!("{files} refuse the key: {detail}")),
        }
    }

    fn find_by_role(
        &self,
        node: &'a Node,
        content: &'a Content,
        parents: &[Parent<'a>],
    ) -> Result<Vec<Allowance>, Outcome> {
        let role = self.role(content, parents);
        if role == Role::Heartbeat {
            return find_heartbeat(content, parents);
        }
        let merged = if parents.len() == 2 { &node.merged } else { &Merged::Differs(String::new()) };
        let unchecked = |why: &str| Outcome::Unchecked(format!("its parents could not be merged again: {why}"));
        match merged {
            Merged::NotTried => Err(unchecked("nobody tried")),
            Merged::Clean => self.find_on_edges(node, content, role, parents, true),
            Merged::Differs(_) if role == Role::Forge && self.approvers(content).next().is_none() => {
                Err(not_a_clean_merge(node))
            }
            Merged::Differs(_) => self.find_on_edges(node, content, role, parents, false),
            // What is allowed without a clean merge is allowed in any case.
            Merged::CannotTell(why) if role == Role::Person => {
                self.find_on_edges(node, content, role, parents, false).map_err(|_| unchecked(why))
            }
            Merged::CannotTell(why) => Err(unchecked(why)),
        }
    }

    fn find_on_edges(
        &self,
        node: &'a Node,
        content: &'a Content,
        role: Role,
        parents: &[Parent<'a>],
        clean: bool,
    ) -> Result<Vec<Allowance>, Outcome> {
        let mut allowances = Vec::new();
        for (at, parent) in parents.iter().enumerate() {
            if clean && self.is_superseded(at, parents) {
                continue;
            }
            let people = self.people(content, role, parent.listed);
            let approvals = self.approving(content, parent.listed);
            let Makers { people: mut makers, settled } =
                if clean { self.makers(node, parent)? } else { Makers::default() };
            for path in paths(node, at)? {
                let here = match makers.remove(path) {
                    Some(makers) => people.union(&makers).copied().collect(),
                    None if settled => continue,
                    None => people.clone(),
                };
                allowances.push(self.permit(parent, role, path, (&here, &approvals))?);
            }
        }
        Ok(allowances)
    }

    fn parents(&self, node: &Node) -> Result<Vec<Parent<'a>>, Outcome> {
        let parents = node.parents.iter().map(|id| {
            let place = self.evidence.place(id);
            let place = place.ok_or_else(|| Outcome::Unchecked(format!("its parent {id} was not fetched")))?;
            let content = self.evidence.nodes()[place].content.as_ref();
            let content = content.map_err(|(reason, detail)| Outcome::Refused(*reason, detail.clone()))?;
            match self.evidence.authorizations_of(content) {
                Authorizations::Listed(listed) => Ok(Parent { id: *id, content, listed }),
                Authorizations::Refused(reason, detail) => Err(Outcome::Refused(*reason, detail.clone())),
            }
        });
        parents.collect()
    }

    /// The most limited role that any parent's rules, or the host's, give the signer.
    fn role(&self, content: &Content, parents: &[Parent<'_>]) -> Role {
        let Signature::Good(signer) = &content.signature else { return Role::Person };
        let roles = parents.iter().filter_map(|parent| {
            let principal = standing(parent.listed, signer, Use::commit(&[]))?;
            Some(self.role_of(parent.listed, principal))
        });
        roles.fold(Role::Person, |role, other| match (role, other) {
            (Role::Heartbeat, _) | (_, Role::Heartbeat) => Role::Heartbeat,
            (Role::Forge, _) | (_, Role::Forge) => Role::Forge,
            (Role::Person, Role::Person) => Role::Person,
        })
    }

    fn role_of(&self, listed: &Listed, principal: &str) -> Role {
        let any = |is: fn(&Rules, &str) -> bool| {
            listed.rules.iter().chain(&self.host.ceiling).any(|rules| is(rules, principal))
        };
        if any(Rules::is_heartbeat) {
            Role::Heartbeat
        } else if any(Rules::is_forge) {
            Role::Forge
        } else {
            Role::Person
        }
    }

    /// The signers of those approvals of a commit's tree that count on this host and now.
    fn approvers(&self, content: &Content) -> impl Iterator<Item = &'a Signer> {
        let approvals = self.evidence.approvals_of(content.tree).iter();
        let counting = approvals.filter(|signed| signed.approval.counts(self.host.name.as_deref(), self.first_seen));
        counting.map(|signed| &signed.signer).filter(|signer| self.host.revokes(signer).is_none())
    }

    /// The people behind a commit itself, by the names that a parent's files give their keys.
    fn people(&self, content: &'a Content, role: Role, listed: &'a Listed) -> BTreeSet<&'a str> {
        let committed = Timestamp::from_seconds(content.committed);
        let signer = match (&content.signature, role) {
            (Signature::Good(signer), Role::Person) => standing(listed, signer, Use::commit(&[committed])),
            (_, Role::Person | Role::Forge | Role::Heartbeat) => None,
        };
        let signer = signer.filter(|principal| self.role_of(listed, principal) == Role::Person);
        signer.into_iter().chain(self.approving(content, listed)).collect()
    }

    /// The people who approved of a commit's tree, by the names that a parent's files give their keys.
    fn approving(&self, content: &Content, listed: &'a Listed) -> BTreeSet<&'a str> {
        let moments = [self.first_seen];
        let used = Use { namespace: APPROVAL_NAMESPACE, moments: &moments };
        let approving = self.approvers(content).filter_map(|signer| standing(listed, signer, used));
        approving.filter(|principal| self.role_of(listed, principal) == Role::Person).collect()
    }

    /// Who made what a merge brings to one of its parents.
    fn makers(&self, merge: &Node, parent: &Parent<'a>) -> Result<Makers<'a>, Outcome> {
        let (brought, there) = (self.evidence.ancestry(&merge.id), self.evidence.ancestry(&parent.id));
        let mut makers = Makers::default();
        for (place, node) in self.evidence.nodes().iter().enumerate() {
            let Ok(content) = &node.content else { continue };
            if !brought[place] || there[place] || node.id == merge.id {
                continue;
            }
            if self.settled[place] {
                makers.settled = true;
                continue;
            }
            let people = self.people(content, Role::Person, parent.listed);
            for at in 0..node.parents.len() {
                for path in paths(node, at)? {
                    makers.people.entry(path).or_default().extend(&people);
                }
            }
        }
        Ok(makers)
    }

    /// True if a parent's files are merely an older state of another parent's: since both lines parted, that other one
    /// changed them and this one did not. What the newer state lets in, the older one cannot know.
    fn is_superseded(&self, at: usize, parents: &[Parent<'_>]) -> bool {
        let [one, other] = parents else { return false };
        let (this, that) = if at == 0 { (one, other) } else { (other, one) };
        if this.content.authorizations == that.content.authorizations {
            return false;
        }
        let mut bases = self.evidence.merge_bases(&this.id, &that.id).into_iter().peekable();
        let files = |place: usize| self.evidence.nodes()[place].content.as_ref().ok().map(|it| it.authorizations);
        bases.peek().is_some() && bases.all(|base| files(base) == Some(this.content.authorizations))
    }

    /// What lets these people change a path, by the rules of one parent and of the host.
    fn permit(
        &self,
        parent: &Parent<'_>,
        role: Role,
        path: &[u8],
        (people, approvals): (&BTreeSet<&str>, &BTreeSet<&str>),
    ) -> Result<Allowance, Outcome> {
        let Parent { id, content: _, listed } = parent;
        let whose = format!("of its parent {id}");
        let mut by = Vec::new();
        for (rules, whose) in listed
            .rules
            .iter()
            .map(|it| (it, whose.as_str()))
            .chain(self.host.ceiling.iter().map(|it| (it, "of this host")))
        {
            let found = rules.permit(self.host.name.as_deref(), path, people);
            by.extend(found.map_err(|denial| denied(&denial, whose, path, people))?);
        }
        if role == Role::Forge && people.is_empty() {
            let detail =
                format!("a forge brings it, and nobody whom its parent {id} authorizes changed {}", shown(path));
            return Err(Outcome::Refused(Reason::PathNotAllowed, detail));
        }
        let names = |people: &BTreeSet<&str>| people.iter().map(|person| (*person).to_owned()).collect();
        let rules = by.into_iter().map(str::to_owned).collect();
        let (people, approvals) = (names(people), names(approvals));
        Ok(Allowance { parent: *id, path: path.to_vec(), rules, people, approvals })
    }
}

/// A heartbeat confirms one parent and changes nothing.
fn find_heartbeat(content: &Content, parents: &[Parent<'_>]) -> Result<Vec<Allowance>, Outcome> {
    match parents {
        [parent] if parent.content.tree == content.tree => Ok(Vec::new()),
        _ => {
            let detail = "it is signed by a heartbeat's key, which may confirm one parent and change nothing";
            Err(Outcome::Refused(Reason::PathNotAllowed, detail.to_owned()))
        }
    }
}

fn not_a_clean_merge(node: &Node) -> Outcome {
    let why = match (&node.merged, node.parents.len()) {
        (Merged::Differs(how), 2) => format!("it is not the merge of its parents ({how})"),
        (Merged::Clean | Merged::Differs(_) | Merged::NotTried | Merged::CannotTell(_), 0 | 1) => {
            "it is no merge".to_owned()
        }
        (Merged::Clean | Merged::Differs(_) | Merged::NotTried | Merged::CannotTell(_), count) => {
            format!("it merges {count} parents at once")
        }
    };
    let detail = format!("it is signed by a forge's key, {why}, and nobody approved of its tree");
    Outcome::Refused(Reason::NotACleanMerge, detail)
}

/// The name that a tree's files give a signer who was at work so; none if they do not let it.
fn standing<'a>(listed: &'a Listed, signer: &'a Signer, used: Use<'_>) -> Option<&'a str> {
    match listed.standing(signer, used) {
        Standing::Authorized(principal) => Some(principal),
        Standing::Unknown
        | Standing::WrongNamespace
        | Standing::Expired
        | Standing::NotYetValid
        | Standing::Refused(..) => None,
    }
}

/// What a commit changed against one of its parents.
fn paths(node: &Node, parent: usize) -> Result<impl Iterator<Item = &[u8]>, Outcome> {
    match node.changed.get(parent) {
        Some(Changed::Paths(paths)) => Ok(paths.iter().map(AsRef::as_ref)),
        Some(Changed::Unjudged(why)) => Err(Outcome::Refused(Reason::PathNotAllowed, why.clone())),
        Some(Changed::NotRead) | None => Err(Outcome::Unchecked(format!("what {} changes was not read", node.id))),
    }
}

fn denied(denial: &Denial, whose: &str, path: &[u8], people: &BTreeSet<&str>) -> Outcome {
    let path = shown(path);
    let is_nobody = people.is_empty();
    let people = match people.iter().copied().collect::<Vec<_>>().join(", ") {
        nobody if nobody.is_empty() => "nobody whom it authorizes".to_owned(),
        people => people,
    };
    let (reason, detail) = match denial {
        Denial::NoRule => (Reason::PathNotAllowed, format!("no rule {whose} covers {path} on this host")),
        Denial::NoSigner { rule } => {
            let who = format!("does not let {people} change {path}");
            let nobody = format!("is about {path}, and there is {people} behind the change");
            (Reason::PathNotAllowed, format!("rule {rule:?} {whose} {}", if is_nobody { nobody } else { who }))
        }
        Denial::TooFew { rule, wanted, found } => (
            Reason::ThresholdNotMet,
            format!(
                "rule {rule:?} {whose} wants {wanted} people behind a change of {path} and counts {found} in {people}"
            ),
        ),
    };
    Outcome::Refused(reason, detail)
}

fn shown(path: &[u8]) -> String {
    quoted(&String::from_utf8_lossy(path))
}

#[cfg(test)]
#[path = "permission_tests.rs"]
mod tests;
