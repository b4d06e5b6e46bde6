//! Reads what rules of trust are judged by: which paths a commit changed, and whether a merge adds anything of its own.
//!
//! Invariant: every tree that is compared is hashed again, and a tree in which two entries share a name is not judged.
//! Invariant: making a merge again writes nothing: its objects live in memory and die with it.

use std::collections::{BTreeMap, BTreeSet};

use gix::merge::tree::TreatAsUnresolved;
use writ_core::limits::CHANGED_PATHS_MAX;
use writ_core::trust::{Changed, CommitId, EntryKind, Evidence, HostTrust, Lack, Merged, TreeId};

use super::error::GitError;
use super::objects::{Entry, Repository, read_entries, tree_id};
use crate::limits::FOLDER_DEPTH_MAX;

impl Repository {
    /// Adds to the evidence what rules are judged by, as far as any are in force.
    pub(super) fn add_differences(
        &self,
        evidence: &mut Evidence,
        floor: Option<&CommitId>,
        host: &HostTrust,
    ) -> Result<(), GitError> {
        for lack in evidence.lacks(floor, host) {
            match lack {
                Lack::Changes { commit, parent, from, to } => {
                    evidence.changed(&commit, parent, self.changed(from, to)?);
                }
                Lack::Merge { commit, parents, tree } => evidence.merged(&commit, self.merge_again(parents, tree)),
            }
        }
        Ok(())
    }

    fn changed(&self, from: TreeId, to: TreeId) -> Result<Changed, GitError> {
        let mut comparison =
            Comparison { repository: self, changed: BTreeSet::new(), buffer: Vec::new(), unjudged: None };
        comparison.folders(&mut Vec::new(), Some(from), Some(to), 0)?;
        let Comparison { repository: _, changed, buffer: _, unjudged } = comparison;
        Ok(unjudged.map_or_else(|| Changed::Paths(changed.into_iter().collect()), Changed::Unjudged))
    }

    fn merge_again(&self, parents: [CommitId; 2], tree: TreeId) -> Merged {
        let repository = self.inner.clone().with_object_memory();
        let [ours, theirs] = parents.map(|parent| gix::ObjectId::from(*parent.as_bytes()));
        let made = || -> gix::Result<Option<gix::ObjectId>> {
            let options = repository.tree_merge_options()?;
            let labels = gix::merge::blob::builtin_driver::text::Labels::default();
            let merge = repository.merge_commits(ours, theirs, labels, options.into())?;
            let mut merged = merge.tree_merge;
            if merged.has_unresolved_conflicts(TreatAsUnresolved::git()) {
                return Ok(None);
            }
            Ok(Some(merged.tree.write()?.detach()))
        };
        match made() {
            Ok(None) => Merged::Differs("its parents do not merge without conflicts".to_owned()),
            Ok(Some(made)) if made.as_bytes() == tree.as_bytes() => Merged::Clean,
            Ok(Some(made)) => Merged::Differs(format!("merging them again gives the tree {made}")),
            Err(error) => Merged::CannotTell(crate::error::chain(&error)),
        }
    }
}

/// A comparison of two trees.
struct Comparison<'a> {
    repository: &'a Repository,
    changed: BTreeSet<Box<[u8]>>,
    buffer: Vec<u8>,
    /// Why the difference cannot be judged.
    unjudged: Option<String>,
}

/// The entries of a folder by name.
type Folder = BTreeMap<Vec<u8>, Entry>;

impl Comparison<'_> {
    /// Compares two folders at a path; one of them may not be there.
    fn folders(
        &mut self,
        path: &mut Vec<u8>,
        from: Option<TreeId>,
        to: Option<TreeId>,
        depth: usize,
    ) -> Result<(), GitError> {
        if depth > FOLDER_DEPTH_MAX {
            self.unjudged(&format!("its tree nests deeper than {FOLDER_DEPTH_MAX} folders"));
        }
        if from == to || self.unjudged.is_some() {
            return Ok(());
        }
        let (mut from, mut to) = (self.read(from)?, self.read(to)?);
        let names: BTreeSet<Vec<u8>> = from.keys().chain(to.keys()).cloned().collect();
        for name in names {
            let (from, to) = (from.remove(&name), to.remove(&name));
            let same = matches!((&from, &to), (Some(from), Some(to)) if from.mode == to.mode && from.id == to.id);
            if same || self.unjudged.is_some() {
                continue;
            }
            let length = path.len();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(&name);
            let (from, to) = (self.part(path, from)?, self.part(path, to)?);
            if from.is_some() || to.is_some() {
                self.folders(path, from, to, depth + 1)?;
            }
            path.truncate(length);
        }
        Ok(())
    }

    /// The folder that an entry is; whatever else it is has changed.
    fn part(&mut self, path: &[u8], entry: Option<Entry>) -> Result<Option<TreeId>, GitError> {
        let Some(entry) = entry else { return Ok(None) };
        if entry.kind == EntryKind::Folder {
            return tree_id(&entry.id).map(Some).map_err(|error| self.repository.broken(&error.to_string()));
        }
        self.changed.insert(path.into());
        if self.changed.len() > CHANGED_PATHS_MAX {
            self.unjudged(&format!("it changes more than {CHANGED_PATHS_MAX} paths"));
        }
        Ok(None)
    }

    fn read(&mut self, tree: Option<TreeId>) -> Result<Folder, GitError> {
        let Some(tree) = tree else { return Ok(Folder::new()) };
        let entries = match read_entries(self.repository, tree, &mut self.buffer)? {
            Ok(entries) => entries,
            Err(detail) => {
                self.unjudged(&detail);
                return Ok(Folder::new());
            }
        };
        let mut folder = Folder::new();
        for entry in entries {
            if entry.name.contains(&b'/') || entry.name.is_empty() {
                self.unjudged(&format!("a name in tree {tree} is none"));
            }
            if let Some(twice) = folder.insert(entry.name.clone(), entry) {
                let name = String::from_utf8_lossy(&twice.name).into_owned();
                self.unjudged(&format!("tree {tree} holds {} twice", writ_core::text::quoted(&name)));
            }
        }
        Ok(folder)
    }

    fn unjudged(&mut self, why: &str) {
        self.unjudged.get_or_insert_with(|| why.to_owned());
    }
}
