//! What git hands over for a judgement: the commits, in little memory, without their bytes.

use std::collections::{BTreeMap, BTreeSet};

use super::authorizations::Authorizations;
use super::commit::{Malformed, PayloadDigest, RawCommit};
use super::id::{CommitId, TreeId};
use super::reason::Reason;
use super::signature::Signature;

/// The commits between the floor or the introduction and an offered head, with all edges between them.
///
/// It says what was read, not what to think of it. What is missing shows as a parent that is not in it.
#[derive(Debug)]
pub struct Evidence {
    head: CommitId,
    nodes: Vec<Node>,
    places: BTreeMap<CommitId, usize>,
    authorizations: Vec<Authorizations>,
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
        let node = Node { id: commit.id(), parents: commit.parents().to_vec(), content: Ok(content) };
        self.nodes.insert(node.id, node);
    }

    /// Adds a commit that the parser refused.
    pub fn malformed(&mut self, id: CommitId, malformed: Malformed) {
        let Malformed { reason, detail, parents } = malformed;
        self.nodes.insert(id, Node { id, parents, content: Err((reason, detail)) });
    }

    /// Notes that every line of this commit's history goes back to the introduction, though the lines themselves are not
    /// in the evidence. Without this note a floor proves nothing: it may stem from an introduction that the host no longer
    /// trusts.
    pub fn rooted(&mut self, id: CommitId) {
        self.rooted = Some(id);
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
        Evidence { head: self.head, nodes, places, authorizations: self.authorizations, rooted: self.rooted }
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
    /// Committer date, as claimed; the oldest for what could not be read.
    fn committed(&self) -> i64 {
        self.content.as_ref().map_or(i64::MIN, |content| content.committed)
    }
}
