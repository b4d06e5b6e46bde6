//! What git hands over for a judgement: the commits, in little memory, without their bytes.

use std::collections::{BTreeMap, BTreeSet};

use super::authorizations::Authorizations;
use super::commit::{Malformed, PayloadDigest, RawCommit};
use super::host::HostTrust;
use super::id::{CommitId, TreeId};
use super::reason::Reason;
use super::rules::Rules;
use super::signature::Signature;
use super::statement::SignedApproval;

/// The commits between the floor or the introduction and an offered head, with all edges between them.
///
/// It says what was read, not what to think of it. What is missing shows as a parent that is not in it.
#[derive(Debug)]
pub struct Evidence {
    head: CommitId,
    nodes: Vec<Node>,
    places: BTreeMap<CommitId, usize>,
    authorizations: Vec<Authorizations>,
    approvals: BTreeMap<TreeId, Vec<SignedApproval>>,
    /// Why other approvals cannot be used.
    unusable: BTreeMap<TreeId, Vec<String>>,
    rooted: Option<CommitId>,
}

/// Collects evidence, in any order of commits.
#[derive(Debug)]
pub struct EvidenceBuilder {
    head: CommitId,
    nodes: BTreeMap<CommitId, Node>,
    authorizations: Vec<Authorizations>,
    rooted: Option<CommitId>,
}

/// The place of authorizations in the evidence, so that the thousand commits between two changes share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorizationsId(usize);

/// One commit.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: CommitId,
    pub(super) parents: Vec<CommitId>,
    pub(super) content: Result<Content, (Reason, String)>,
    /// What differs from each parent, in the order of the parents.
    pub(super) changed: Vec<Changed>,
    pub(super) merged: Merged,
}

/// What differs between the trees of a commit and of one of its parents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// Nobody looked.
    NotRead,
    /// These paths, sorted by their bytes, each once: files and links that came, went or are others now.
    Paths(Vec<Box<[u8]>>),
    /// More of them than are judged, or a tree that does not follow the grammar; which, in words.
    Unjudged(String),
}

/// Whether the tree of a merge is what merging its parents again gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// Nobody tried.
    NotTried,
    /// It is.
    Clean,
    /// It is not; how, in words.
    Differs(String),
    /// It could not be found out; why, in words.
    CannotTell(String),
}

/// Something that the judgement needs and the evidence lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// What differs between a commit and one of its parents.
    Changes {
        /// The commit.
        commit: CommitId,
        /// Which of its parents, by place.
        parent: usize,
        /// The parent's tree.
        from: TreeId,
        /// The commit's tree.
        to: TreeId,
    },
    /// Whether a commit of two parents is their merge.
    Merge {
        /// The commit.
        commit: CommitId,
        /// Its parents.
        parents: [CommitId; 2],
        /// Its tree.
        tree: TreeId,
    },
}

/// What a well-formed commit says.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) tree: TreeId,
    pub(super) committed: i64,
    pub(super) payload: PayloadDigest,
    pub(super) signature: Signature,
    pub(super) authorizations: AuthorizationsId,
}

impl EvidenceBuilder {
    /// Begins with the commit that the remote offers.
    #[must_use]
    pub fn new(head: CommitId) -> Self {
        Self { head, nodes: BTreeMap::new(), authorizations: Vec::new(), rooted: None }
    }

    /// Keeps the authorizations of a tree and returns their place.
    pub fn authorizations(&mut self, authorizations: Authorizations) -> AuthorizationsId {
        self.authorizations.push(authorizations);
        AuthorizationsId(self.authorizations.len() - 1)
    }

    /// Adds a commit.
    pub fn commit(&mut self, commit: &RawCommit<'_>, signature: Signature, authorizations: AuthorizationsId) {
        let content = Content {
            tree: commit.tree(),
            committed: commit.committer().seconds,
            payload: commit.payload_digest(),
            signature,
            authorizations,
        };
        let node = Node::new(commit.id(), commit.parents().to_vec(), Ok(content));
        self.nodes.insert(node.id, node);
    }

    /// Adds a commit that the parser refused.
    pub fn malformed(&mut self, id: CommitId, malformed: Malformed) {
        let Malformed { reason, detail, parents } = malformed;
        self.nodes.insert(id, Node::new(id, parents, Err((reason, detail))));
    }

    /// Notes that every line of this commit's history goes back to the introduction, though the lines themselves are not
    /// in the evidence. Without this note a floor proves nothing: it may stem from an introduction that the host no longer
    /// trusts.
    pub fn rooted(&mut self, id: CommitId) {
        self.rooted = Some(id);
    }

    /// The authorizations at a place.
    #[must_use]
    pub fn authorizations_in(&self, place: AuthorizationsId) -> &Authorizations {
        let AuthorizationsId(at) = place;
        &self.authorizations[at]
    }

    /// The authorizations of a well-formed commit that is there already.
    #[must_use]
    pub fn authorizations_at(&self, id: &CommitId) -> Option<AuthorizationsId> {
        self.nodes.get(id)?.content.as_ref().ok().map(|content| content.authorizations)
    }

    /// True if the commit is there already.
    #[must_use]
    pub fn holds(&self, id: &CommitId) -> bool {
        self.nodes.contains_key(id)
    }

    /// The number of commits so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True if there is no commit yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Puts the commits into order: parents before children, and of those that are free the oldest first.
    #[must_use]
    pub fn finish(mut self) -> Evidence {
        let mut waiting: BTreeMap<CommitId, usize> = BTreeMap::new();
        let mut children: BTreeMap<CommitId, Vec<CommitId>> = BTreeMap::new();
        let mut free = BTreeSet::new();
        for node in self.nodes.values() {
            let parents: BTreeSet<&CommitId> = node.parents.iter().filter(|id| self.nodes.contains_key(*id)).collect();
            for parent in &parents {
                children.entry(**parent).or_default().push(node.id);
            }
            if parents.is_empty() {
                free.insert((node.committed(), node.id));
            } else {
                waiting.insert(node.id, parents.len());
            }
        }
        let mut nodes = Vec::with_capacity(self.nodes.len());
        while let Some((_, id)) = free.pop_first() {
            for child in children.remove(&id).unwrap_or_default() {
                let left = waiting.get_mut(&child).expect("a child waits for each of its parents");
                *left -= 1;
                if *left == 0 {
                    free.insert((self.nodes[&child].committed(), child));
                }
            }
            nodes.extend(self.nodes.remove(&id));
        }
        let places = nodes.iter().enumerate().map(|(place, node)| (node.id, place)).collect();
        let Self { head, nodes: _, authorizations, rooted } = self;
        let (approvals, unusable) = (BTreeMap::new(), BTreeMap::new());
        Evidence { head, nodes, places, authorizations, approvals, unusable, rooted }
    }
}

impl Evidence {
    /// The commit that the remote offers.
    #[must_use]
    pub const fn head(&self) -> CommitId {
        self.head
    }

    /// The number of commits.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True if there is no commit, not even the head.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// What the rules of trust need to be judged by, if any are in force in these trees or on the host, and was not read
    /// yet: changes and merges of all that is not settled by the floor.
    #[must_use]
    pub fn lacks(&self, floor: Option<&CommitId>, host: &HostTrust) -> Vec<Lack> {
        if !self.has_rules(host) {
            return Vec::new();
        }
        let settled = floor.map(|floor| self.ancestry(floor));
        let open = self.nodes.iter().enumerate().filter(|(place, _)| !settled.as_ref().is_some_and(|it| it[*place]));
        open.flat_map(|(_, node)| self.lacks_of(node)).collect()
    }

    /// True if rules of trust are in force in any of these trees, or on the host.
    #[must_use]
    pub fn has_rules(&self, host: &HostTrust) -> bool {
        let listed = self.authorizations.iter().filter_map(Authorizations::listed);
        listed.filter_map(|listed| listed.rules.as_ref()).chain(&host.ceiling).any(Rules::decide)
    }

    /// The trees that the commits record.
    #[must_use]
    pub fn trees(&self) -> BTreeSet<TreeId> {
        self.nodes.iter().filter_map(|node| Some(node.content.as_ref().ok()?.tree)).collect()
    }

    fn lacks_of(&self, node: &Node) -> Vec<Lack> {
        let Ok(content) = &node.content else { return Vec::new() };
        let (commit, tree) = (node.id, content.tree);
        let changes = node.parents.iter().zip(&node.changed).enumerate().filter_map(|(parent, (id, changed))| {
            let from = self.node(id)?.content.as_ref().ok()?.tree;
            (*changed == Changed::NotRead).then_some(Lack::Changes { commit, parent, from, to: tree })
        });
        let merge = match (node.parents.as_slice(), &node.merged) {
            (&[one, other], Merged::NotTried) => Some(Lack::Merge { commit, parents: [one, other], tree }),
            (_, Merged::NotTried | Merged::Clean | Merged::Differs(_) | Merged::CannotTell(_)) => None,
        };
        changes.chain(merge).collect()
    }

    /// Adds what differs between a commit and one of its parents, named by its place.
    pub fn changed(&mut self, commit: &CommitId, parent: usize, changed: Changed) {
        if let Some(place) = self.place(commit)
            && let Some(edge) = self.nodes[place].changed.get_mut(parent)
        {
            *edge = changed;
        }
    }

    /// Adds whether a commit is the merge of its parents.
    pub fn merged(&mut self, commit: &CommitId, merged: Merged) {
        if let Some(place) = self.place(commit) {
            self.nodes[place].merged = merged;
        }
    }

    /// Adds an approval whose signature is good.
    pub fn approved(&mut self, signed: SignedApproval) {
        self.approvals.entry(signed.approval.tree).or_default().push(signed);
    }

    /// Adds that there is an approval of a tree which cannot be used, and why.
    pub fn unusable_approval(&mut self, tree: TreeId, why: String) {
        self.unusable.entry(tree).or_default().push(why);
    }

    /// Why approvals of a tree cannot be used.
    pub(super) fn unusable_approvals_of(&self, tree: TreeId) -> &[String] {
        self.unusable.get(&tree).map_or(&[], Vec::as_slice)
    }

    /// The places of the newest commits from which both are reached: of each line of history, where the two parted.
    pub(super) fn merge_bases(&self, one: &CommitId, other: &CommitId) -> Vec<usize> {
        let (one, other) = (self.ancestry(one), self.ancestry(other));
        let mut below = vec![false; self.nodes.len()];
        let mut bases = Vec::new();
        for place in (0..self.nodes.len()).rev().filter(|place| one[*place] && other[*place]) {
            if !below[place] {
                bases.push(place);
            }
            // Parents stand before children, so what is below a base is marked before it is met.
            self.nodes[place].parents.iter().filter_map(|id| self.place(id)).for_each(|parent| below[parent] = true);
        }
        bases
    }

    /// The approvals of a tree.
    pub(super) fn approvals_of(&self, tree: TreeId) -> &[SignedApproval] {
        self.approvals.get(&tree).map_or(&[], Vec::as_slice)
    }

    /// True for the commit whose lines were all followed to the introduction beforehand.
    pub(super) fn is_rooted(&self, id: &CommitId) -> bool {
        self.rooted.as_ref() == Some(id)
    }

    /// The commits, parents before children.
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The place of a commit in [`Evidence::nodes`].
    pub(super) fn place(&self, id: &CommitId) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// A commit.
    pub(super) fn node(&self, id: &CommitId) -> Option<&Node> {
        self.place(id).map(|place| &self.nodes[place])
    }

    /// The authorizations of a well-formed commit's tree.
    pub(super) fn authorizations_of(&self, content: &Content) -> &Authorizations {
        &self.authorizations[content.authorizations.0]
    }

    /// A commit and all its ancestors, as far as the evidence goes: true at their places.
    pub(super) fn ancestry(&self, of: &CommitId) -> Vec<bool> {
        let mut reached = vec![false; self.nodes.len()];
        if let Some(place) = self.place(of) {
            reached[place] = true;
            // Parents stand before children, so one way from the back meets every edge after its child.
            for place in (0..=place).rev() {
                if reached[place] {
                    let parents = self.nodes[place].parents.iter();
                    parents.filter_map(|id| self.place(id)).for_each(|parent| reached[parent] = true);
                }
            }
        }
        reached
    }
}

impl Node {
    fn new(id: CommitId, parents: Vec<CommitId>, content: Result<Content, (Reason, String)>) -> Self {
        let changed = vec![Changed::NotRead; parents.len()];
        Self { id, parents, content, changed, merged: Merged::NotTried }
    }

    /// Committer date, as claimed; the oldest for what could not be read.
    fn committed(&self) -> i64 {
        self.content.as_ref().map_or(i64::MIN, |content| content.committed)
    }
}
