//! Git, asked about what Writ admits: by the keys that each parent lists, and by no others.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

use git2::{ObjectType, Oid};

use crate::openpgp::Gnupg;
use crate::repository::program;

/// What Git is not asked about again.
#[derive(Default)]
pub(crate) struct Agreed {
    /// Commits that it took, each with the file of signers that it was given.
    taken: Mutex<BTreeSet<(String, String)>>,
    /// Commits that Writ knows more about than the programs of this machine.
    beyond: Mutex<BTreeSet<String>>,
}

impl Agreed {
    /// The programs of this machine cannot judge this commit; the caller says why.
    pub(crate) fn is_beyond(&self, commit: &str) {
        self.beyond.lock().unwrap().insert(commit.to_owned());
    }
}

/// A repository, and what an operator hands Git to verify its commits.
pub(crate) struct Operator<'a> {
    pub(crate) repository: &'a Path,
    /// What `gpg` takes for now, in seconds since 1970.
    pub(crate) now: i64,
    /// A file of signers that stands in for the one that a commit lists.
    pub(crate) signers: Option<&'a str>,
    /// Settings of Git beside `gpg.ssh.allowedSignersFile`.
    pub(crate) settings: &'a [String],
}

impl<'a> Operator<'a> {
    pub(crate) const fn new(repository: &'a Path, now: i64) -> Self {
        Self { repository, now, signers: None, settings: &[] }
    }

    /// Fails unless Git takes a commit that was admitted, by the files of each parent; the introduction by its own.
    pub(crate) fn agrees(&self, commit: &str, introduction: &str, agreed: &Agreed) {
        if agreed.beyond.lock().unwrap().contains(commit) {
            return;
        }
        let parents = if commit == introduction { vec![commit.to_owned()] } else { self.parents(commit) };
        assert!(!parents.is_empty(), "{commit} was admitted and has no parent");
        for parent in parents {
            let signers = self.file(&parent, ".writ/allowed_signers").unwrap_or_default();
            if agreed.taken.lock().unwrap().insert((commit.to_owned(), signers)) {
                assert!(self.takes(commit, &parent), "git refuses {commit} by the files of {parent}");
            }
        }
    }

    /// What `git verify-commit` says of a commit with the keys that another one lists.
    pub(crate) fn takes(&self, commit: &str, by: &str) -> bool {
        let listed = self.signers.map(str::to_owned).or_else(|| self.file(by, ".writ/allowed_signers"));
        let folder = tempfile::tempdir().unwrap();
        let signers = folder.path().join("signers");
        std::fs::write(&signers, listed.unwrap_or_default()).unwrap();
        let mut command = program("git");
        command.arg("-C").arg(self.repository);
        command.arg("-c").arg(format!("gpg.ssh.allowedSignersFile={}", signers.display()));
        for setting in self.settings {
            command.args(["-c", setting]);
        }
        let object = self.object(commit);
        let is_openpgp = object.is_some_and(|(_, bytes)| bytes.windows(13).any(|part| part == b"PGP SIGNATURE"));
        let gnupg = is_openpgp.then(|| self.keyring(by));
        if let Some(gnupg) = &gnupg {
            command.arg("-c").arg(gnupg.as_setting());
            command.env("GIT_COMMITTER_DATE", format!("{} +0000", self.now));
        }
        command.args(["verify-commit", commit]).output().unwrap().status.success()
    }

    /// The parents as the bytes of a commit name them, however odd the rest is; none of what is no commit.
    pub(crate) fn parents(&self, commit: &str) -> Vec<String> {
        let Some((ObjectType::Commit, bytes)) = self.object(commit) else { return Vec::new() };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let header = text.split("\n\n").next().unwrap_or_default();
        header.lines().filter_map(|line| line.strip_prefix("parent ")).map(str::to_owned).collect()
    }

    /// The bytes of an object, whatever stands in for it elsewhere.
    pub(crate) fn object(&self, name: &str) -> Option<(ObjectType, Vec<u8>)> {
        let opened = self.opened();
        let odb = opened.odb().unwrap();
        let object = odb.read(Oid::from_str(name).unwrap()).ok()?;
        Some((object.kind(), object.data().to_vec()))
    }

    /// A file of a commit's tree, if it is one and text.
    pub(crate) fn file(&self, commit: &str, path: &str) -> Option<String> {
        let opened = self.opened();
        let commit = opened.find_commit(Oid::from_str(commit).unwrap()).ok()?;
        let entry = commit.tree().ok()?.get_path(Path::new(path)).ok()?;
        let blob = opened.find_blob(entry.id()).ok()?;
        String::from_utf8(blob.content().to_vec()).ok()
    }

    pub(crate) fn opened(&self) -> git2::Repository {
        git2::Repository::open(self.repository).unwrap()
    }

    /// A keyring that holds what a commit's tree lists and nothing else.
    fn keyring(&self, commit: &str) -> Gnupg {
        let (gnupg, opened) = (Gnupg::new(), self.opened());
        let tree = opened.find_commit(Oid::from_str(commit).unwrap()).unwrap().tree().unwrap();
        let Ok(keys) = tree.get_path(Path::new(".writ/keys")) else { return gnupg };
        for key in &opened.find_tree(keys.id()).unwrap() {
            gnupg.import(std::str::from_utf8(opened.find_blob(key.id()).unwrap().content()).unwrap());
        }
        gnupg
    }
}
