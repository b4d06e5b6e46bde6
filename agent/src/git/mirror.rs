//! The bare mirror of one source.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use writ_core::trust::{Admitted, CommitId, Listed, Published, SignedRewind};

use super::clone::host_ref;
use super::error::GitError;
use super::exchange::{self, Statements};
use super::objects::{Repository, broken, commit_id, io_broken, open_options};
use super::push::push;
use super::remote::Remote;
use super::renewal::{Extent, Reading, beside, discard, exchange as exchange_folders, lost, sweep};
use crate::folders::Folders;

/// The bare mirror of one source's branch, below the agent's state.
///
/// It holds nothing that cannot be fetched again: the floor and the introduction are in the record.
#[derive(Debug)]
pub struct Mirror {
    remote: Remote,
    repository: Repository,
    received: u64,
    /// The statements of the last fetch.
    statements: Statements,
    /// The last listing showed others.
    moved: bool,
    /// Packs above which it is made afresh, where a try before came to nothing.
    patience: usize,
}

/// What became of a mirror that was looked at for its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewed {
    /// It is small enough, or it is not time to try again.
    No,
    /// It was made afresh.
    Yes,
    /// It stays as it is, because somebody else reads it.
    Read,
    /// It stays as it is: the remote does not have these commits any more, and they are needed.
    Needed(Vec<CommitId>),
}

impl Mirror {
    /// Opens the mirror in `folder`, and makes it if there is none.
    pub fn open(folder: &Path, remote: &Remote) -> Result<Self, GitError> {
        remote.address()?;
        remote.reference()?;
        remote.offered()?;
        let _alone = alone(folder)?;
        Self::open_alone(folder, remote)
    }

    fn open_alone(folder: &Path, remote: &Remote) -> Result<Self, GitError> {
        Reading::prepare(folder)?;
        if is_empty(folder) {
            return Self::make(folder, remote);
        }
        sweep(folder);
        discard(&beside(folder, "fresh"));
        let mirror = Self::new(remote, Repository::open(folder)?);
        mirror.check()?;
        Ok(mirror)
    }

    fn new(remote: &Remote, repository: Repository) -> Self {
        let repository = repository.with_statements(remote.statements());
        let (received, statements, moved, patience) = (0, Statements::new(), false, 0);
        Self { remote: remote.clone(), repository, received, statements, moved, patience }
    }

    /// Throws the mirror in `folder` away, whatever it is, and makes a new one. Nothing is lost: the next fetch brings
    /// the history again, and the floor is not here.
    pub fn afresh(folder: &Path, remote: &Remote) -> Result<Self, GitError> {
        let _alone = alone(folder)?;
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(io_broken(folder, "it cannot be removed", error))
            }
            Ok(()) | Err(_) => Self::open_alone(folder, remote),
        }
    }

    fn make(folder: &Path, remote: &Remote) -> Result<Self, GitError> {
        Ok(Self::new(remote, init(folder)?))
    }

    /// Finds what would make every later fetch fail: a ref that cannot be read, or a lock that a crash left behind.
    fn check(&self) -> Result<(), GitError> {
        let offered = self.remote.offered()?;
        let folder = self.repository.folder();
        for lock in [folder.join(format!("{offered}.lock")), folder.join("packed-refs.lock"), folder.join("HEAD.lock")]
        {
            if lock.exists() {
                return Err(self.repository.broken(&format!("{} was left behind by a crash", lock.display())));
            }
        }
        let found = self.repository.inner.try_find_reference(offered.as_str());
        found.map(drop).map_err(|error| broken(folder, "its ref cannot be read", error))
    }

    /// Walks the history that was fetched last, which a fetch tells the remote about.
    fn readable(&self) -> Result<(), GitError> {
        let Some(head) = self.offered()? else { return Ok(()) };
        let folder = self.repository.folder();
        let unreadable = |error: Box<dyn std::error::Error + Send + Sync>| GitError::MirrorBroken {
            folder: folder.to_owned(),
            detail: "its history cannot be read".to_owned(),
            source: Some(error),
        };
        let head = gix::ObjectId::from_hex(head.to_string().as_bytes()).map_err(|error| unreadable(error.into()))?;
        let walk = self.repository.inner.rev_walk([head]).all().map_err(|error| unreadable(error.into()))?;
        walk.into_iter().try_for_each(|commit| commit.map(drop).map_err(|error| unreadable(error.into())))
    }

    /// Where the branch is on the remote: one listing of one ref. None if the branch is not there, which removes nothing.
    pub fn list(&mut self) -> Result<Option<CommitId>, GitError> {
        let outcome = exchange::list(&self.repository.inner, &self.remote)?;
        self.received = outcome.received;
        self.moved = outcome.statements != self.statements;
        Ok(outcome.offered)
    }

    /// True if the last listing showed other approvals or rewinds than the last fetch brought.
    #[must_use]
    pub const fn statements_moved(&self) -> bool {
        self.moved
    }

    /// Brings the branch into the mirror and returns what it offers. None if the branch is not on the remote.
    pub fn fetch(&mut self) -> Result<Option<CommitId>, GitError> {
        let _alone = alone(self.repository.folder())?;
        // `gix` has room for as many packs as there were when it was opened, and some more: each fetch brings one.
        self.repository = self.repository.again()?;
        let fetched = exchange::fetch(&self.repository.inner, &self.remote);
        // A fetch also fails because the mirror is broken, and then no waiting helps.
        let outcome = fetched.map_err(|error| self.check().and_then(|()| self.readable()).err().unwrap_or(error))?;
        self.received = outcome.received;
        self.repository.keep_statements(&outcome.statements)?;
        (self.statements, self.moved) = (outcome.statements, false);
        Ok(outcome.offered)
    }

    /// Makes the mirror afresh if it grew too large: beside itself, from the remote, and exchanged in one step. Each of
    /// `needed` that is there stays there. After a try that came to nothing, more fetches have to come before the next.
    pub fn renew(&mut self, needed: &[CommitId]) -> Result<Renewed, GitError> {
        let folder = self.repository.folder().to_owned();
        let extent = Extent::of(&folder);
        if !extent.exceeds(self.remote.bounds.growth) || extent.packs <= self.patience {
            return Ok(Renewed::No);
        }
        // Until it is done, this try has come to nothing.
        self.patience = extent.packs + self.remote.bounds.growth.packs / 4;
        let _alone = alone(&folder)?;
        let fresh = beside(&folder, "fresh");
        let renewed = self.renew_at(&folder, &fresh, needed);
        discard(&fresh);
        renewed
    }

    fn renew_at(&mut self, folder: &Path, fresh: &Path, needed: &[CommitId]) -> Result<Renewed, GitError> {
        discard(fresh);
        let made = init(fresh)?;
        exchange::fetch(&made.inner, &self.remote)?;
        let mut needed = needed.to_vec();
        needed.extend(self.offered()?);
        let lost = lost(&self.repository, &made, &needed)?;
        if !lost.is_empty() {
            return Ok(Renewed::Needed(lost));
        }
        drop(made);
        if !exchange_folders(&self.repository, fresh)? {
            return Ok(Renewed::Read);
        }
        self.repository = Repository::open(folder)?.with_statements(self.remote.statements());
        self.patience = 0;
        Ok(Renewed::Yes)
    }

    /// What the last successful fetch offered, without asking the remote.
    pub fn offered(&self) -> Result<Option<CommitId>, GitError> {
        let name = self.remote.offered()?;
        let found = self.repository.inner.try_find_reference(name.as_str());
        let found = found.map_err(|error| broken(self.repository.folder(), "its ref cannot be read", error))?;
        let id = found.and_then(|reference| reference.target().try_id().map(ToOwned::to_owned));
        id.map(|id| commit_id(&id).map_err(|error| self.repository.broken(&error.to_string()))).transpose()
    }

    /// The files of an admitted commit in these folders.
    pub fn files(&self, admitted: &Admitted, folders: &Folders) -> Result<writ_core::dialect::Files, GitError> {
        self.repository.files(admitted, folders)
    }

    /// The rewinds of a host, and for each that cannot be used, why not.
    pub fn rewinds(&self, host: &str) -> Result<(Vec<SignedRewind>, Vec<String>), GitError> {
        self.repository.rewinds(host)
    }

    /// The repository itself, to be read.
    #[must_use]
    pub const fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Publishes what this host says, under a ref of the remote, with the history of `parent` behind it.
    pub fn publish(
        &mut self,
        published: &Published,
        (text, signature): (&str, &str),
        parent: CommitId,
    ) -> Result<(), GitError> {
        let _alone = alone(self.repository.folder())?;
        let theirs = host_ref(published);
        let ours = format!("{}published", self.repository.statements_prefix());
        let parent = Some(parent).filter(|parent| self.repository.holds_commit(*parent));
        let commit = self.repository.keep_statement(&ours, (text, signature), parent, published.time)?;
        push(self.repository.folder(), &self.remote, &ours, &theirs)?;
        // The next listing shows what is known here already.
        let below = self.repository.statements_prefix();
        let known = theirs.strip_prefix("refs/writ/").map_or(theirs.clone(), |name| format!("{below}{name}"));
        self.repository.keep_statement(&known, (text, signature), parent, published.time)?;
        self.statements.insert(known, gix::ObjectId::from(*commit.as_bytes()));
        Ok(())
    }

    /// What the files of a commit say about who may sign; none if they cannot be followed.
    pub fn listed_at(&self, commit: CommitId) -> Result<Option<Listed>, GitError> {
        self.repository.listed_at(commit)
    }

    /// Where the remote lies, if it is on this machine, so that its changes can be watched.
    #[must_use]
    pub fn local_path(&self) -> Option<PathBuf> {
        self.remote.local_path()
    }

    /// Bytes that the last listing or fetch received: the protocol's own, without what SSH or TLS put around them.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.received
    }
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder)
        .map_or_else(|error| error.kind() == std::io::ErrorKind::NotFound, |mut all| all.next().is_none())
}

/// Makes a bare repository.
pub(super) fn init(folder: &Path) -> Result<Repository, GitError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| io_broken(folder, "it cannot be made", error))?;
    let options = gix::create::Options { destination_must_be_empty: Some(true), ..Default::default() };
    let made = gix::ThreadSafeRepository::init_opts(folder, gix::create::Kind::Bare, options, open_options());
    made.map_err(|error| broken(folder, "it cannot be made", error))?;
    Repository::open(folder)
}

/// Waits until no other process changes the mirror in `folder`, and keeps them waiting until the value is dropped: a lock of
/// theirs must not be taken for one that a crash left behind.
pub(super) fn alone(folder: &Path) -> Result<fs::File, GitError> {
    let mut file = folder.as_os_str().to_owned();
    file.push(".lock");
    let file = PathBuf::from(file);
    let made = file.parent().map_or(Ok(()), |parent| fs::DirBuilder::new().recursive(true).mode(0o700).create(parent));
    let opened = made.and_then(|()| fs::File::options().create(true).truncate(false).write(true).open(&file));
    let locked = opened.and_then(|opened| opened.lock().map(|()| opened));
    locked.map_err(|error| io_broken(folder, "its lock cannot be taken", error))
}
