//! The heads of requests to merge something, fetched into a repository of their own.
//!
//! Invariant: nobody has judged them. A [`Proposed`] is no `Admitted` and leads to none: it is read, and told of.
//! Invariant: nothing in this repository is needed by anything else: where it is broken or grew too large, it is removed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use writ_core::dialect::Files;
use writ_core::trust::{CommitId, TreeId};

use super::error::GitError;
use super::exchange::fetch_ref;
use super::mirror::{alone, init};
use super::objects::{Repository, commit_id, io_broken};
use super::remote::Remote;
use super::renewal::{Extent, sweep};
use crate::error::chain;
use crate::folders::Folders;

/// Where our own names for heads of requests begin.
const OURS: &str = "refs/writ-requests/";

/// The heads of a source's requests.
#[derive(Debug)]
pub struct Proposals {
    folder: PathBuf,
    remote: Remote,
    /// What the remote calls the head of a request, before its number and after it.
    theirs: (&'static str, &'static str),
}

/// A commit that somebody proposes, with its tree. Whose it is was not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    commit: CommitId,
    tree: TreeId,
}

impl Proposed {
    /// The commit.
    #[must_use]
    pub const fn commit(&self) -> CommitId {
        self.commit
    }
}

impl Proposals {
    /// Those of a remote, in `folder`, which is made when the first one is fetched.
    #[must_use]
    pub const fn new(folder: PathBuf, remote: Remote, theirs: (&'static str, &'static str)) -> Self {
        Self { folder, remote, theirs }
    }

    /// The head of a request as it was fetched last; none if it never was, or is no commit.
    pub fn fetched(&self, number: u32) -> Result<Option<Proposed>, GitError> {
        let Some(repository) = self.open()? else { return Ok(None) };
        let Some(commit) = heads(&repository)?.remove(&number) else { return Ok(None) };
        Ok(repository.tree_of(commit).ok().map(|tree| Proposed { commit, tree }))
    }

    /// Fetches the head of a request, within the bounds of a fetch of the source. None if the remote has none.
    pub fn fetch(&self, number: u32) -> Result<Option<Proposed>, GitError> {
        let fetched = match self.fetch_once(number) {
            Err(GitError::MirrorBroken { .. }) => {
                self.discard()?;
                self.fetch_once(number)
            }
            fetched => fetched,
        };
        let Some((repository, commit)) = fetched? else { return Ok(None) };
        // What somebody proposes may be no commit at all; that breaks nothing but the proposal.
        let tree = repository.tree_of(commit).map_err(|error| {
            let (path, reason) = (".".to_owned(), chain(&error));
            GitError::Content { path, commit, reason }
        })?;
        Ok(Some(Proposed { commit, tree }))
    }

    fn fetch_once(&self, number: u32) -> Result<Option<(Repository, CommitId)>, GitError> {
        let _alone = alone(&self.folder)?;
        if Extent::of(&self.folder).exceeds(self.remote.bounds.growth) {
            self.discard()?;
        }
        let repository = match self.open()? {
            Some(repository) => repository,
            None => init(&self.folder)?,
        };
        sweep(&self.folder);
        let (before, after) = self.theirs;
        let (theirs, ours) = (format!("{before}{number}{after}"), format!("{OURS}{number}"));
        let Some(commit) = fetch_ref(&repository.inner, &self.remote, (&theirs, &ours))? else { return Ok(None) };
        Ok(Some((repository.again()?, commit)))
    }

    /// The files of a proposed commit in these folders.
    pub fn files(&self, proposed: &Proposed, folders: &Folders) -> Result<Files, GitError> {
        let gone =
            || GitError::MirrorBroken { folder: self.folder.clone(), detail: "it is gone".to_owned(), source: None };
        let repository = self.open()?.ok_or_else(gone)?;
        repository.files_below(proposed.commit, proposed.tree, folders)
    }

    /// Forgets the heads of all requests but these, and gives the numbers of those that were forgotten.
    pub fn keep_only(&self, wanted: &BTreeSet<u32>) -> Result<BTreeSet<u32>, GitError> {
        let heads = match self.open().and_then(|opened| opened.as_ref().map_or(Ok(BTreeMap::new()), heads)) {
            Ok(heads) => heads,
            Err(GitError::MirrorBroken { .. }) => {
                self.discard()?;
                return Ok(BTreeSet::new());
            }
            Err(error) => return Err(error),
        };
        let forgotten: BTreeSet<u32> = heads.keys().filter(|number| !wanted.contains(number)).copied().collect();
        if !forgotten.is_empty() && forgotten.len() == heads.len() {
            let _alone = alone(&self.folder)?;
            self.discard()?;
            return Ok(forgotten);
        }
        let Some(repository) = self.open()?.filter(|_| !forgotten.is_empty()) else { return Ok(forgotten) };
        let _alone = alone(&self.folder)?;
        for number in &forgotten {
            let name = format!("{OURS}{number}");
            let found = repository.inner.try_find_reference(name.as_str());
            let gone = found.and_then(|found| found.map_or(Ok(()), |reference| reference.delete()));
            gone.map_err(|error| repository.broken(&format!("{name} cannot be removed: {error}")))?;
        }
        Ok(forgotten)
    }

    fn open(&self) -> Result<Option<Repository>, GitError> {
        let is_there = self.folder.join("HEAD").try_exists();
        let is_there = is_there.map_err(|error| io_broken(&self.folder, "it cannot be looked at", error))?;
        if is_there { Repository::open(&self.folder).map(Some) } else { Ok(None) }
    }

    fn discard(&self) -> Result<(), GitError> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(io_broken(&self.folder, "it cannot be removed", error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Where they are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// The requests whose heads are there.
fn heads(repository: &Repository) -> Result<BTreeMap<u32, CommitId>, GitError> {
    let cannot = |error: &dyn std::fmt::Display| repository.broken(&format!("its refs cannot be read: {error}"));
    let platform = repository.inner.references().map_err(|error| cannot(&error))?;
    let found = platform.prefixed(OURS).map_err(|error| cannot(&error))?;
    let mut heads = BTreeMap::new();
    for reference in found {
        let reference = reference.map_err(|error| cannot(&error))?;
        let name = reference.name().as_bstr().to_string();
        let number = name.strip_prefix(OURS).and_then(|number| number.parse().ok());
        if let (Some(number), Some(id)) = (number, reference.target().try_id()) {
            heads.insert(number, commit_id(id).map_err(|error| cannot(&error))?);
        }
    }
    Ok(heads)
}
