//! Reads signed statements, approvals, rewinds and what hosts publish, from refs of their own.
//!
//! A statement is a commit whose tree holds two files, [`TEXT`] and [`SIGNATURE`]: a text, and what `ssh-keygen -Y sign`
//! made of it. The ref of an approval names the tree that it is about, so that none is read that concerns nothing here:
//!
//! ```text
//! refs/writ/approvals/TREE/ANY-NAME
//! refs/writ/rewinds/HOST/ANY-NAME
//! refs/writ/hosts/HOST/SOURCE
//! ```
//!
//! Invariant: who pushed the ref and who made the commit do not matter; the signature under the text alone does.
//! Invariant: a statement that cannot be used is told, and is never counted.

use gix::objs::Kind;
use writ_core::limits::{COMMIT_BYTES_MAX, STATEMENT_BYTES_MAX};
use writ_core::trust::{
    APPROVAL_NAMESPACE, Approval, Evidence, HOST_NAMESPACE, HostTrust, KeyId, Published, REWIND_NAMESPACE, RawCommit,
    Rewind, Signature, SignedApproval, SignedRewind, Signer, StatementError,
};

use super::error::GitError;
use super::exchange::Statements;
use super::objects::{Object, Repository, commit_id, read_entries, tree_id};
use crate::limits::STATEMENTS_MAX;
use crate::signature;

/// The file that holds what is said.
pub(super) const TEXT: &str = "statement";

/// The file that holds the signature.
pub(super) const SIGNATURE: &str = "statement.sig";

/// Where approvals stand below the refs of statements.
pub(super) const APPROVALS: &str = "approvals/";

/// Where rewinds stand below the refs of statements.
pub(super) const REWINDS: &str = "rewinds/";

/// Where what hosts publish stands below the refs of statements.
pub(super) const HOSTS: &str = "hosts/";

/// What a host published, with a good signature, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPublished {
    /// What it says.
    pub published: Published,
    /// The key that signed it.
    pub signer: KeyId,
}

/// The two files of a statement.
struct Parts {
    text: Vec<u8>,
    signature: Vec<u8>,
}

/// Why a statement cannot be used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("it is no commit of two files, `{TEXT}` and `{SIGNATURE}`")]
    Form,
    #[error(transparent)]
    Text(#[from] StatementError),
    #[error("its signature is not good: {0}")]
    Signature(String),
    #[error("its ref names another tree than its text")]
    Tree,
    #[error("its ref names another host or source than its text")]
    Host,
}

impl Repository {
    /// Adds to the evidence the approvals of trees in it, if rules ask for any.
    pub(super) fn add_approvals(&self, evidence: &mut Evidence, host: &HostTrust) -> Result<(), GitError> {
        if !evidence.has_rules(host) {
            return Ok(());
        }
        let trees = evidence.trees();
        for (name, id) in self.statements(APPROVALS)? {
            let tree = name.split('/').next().and_then(|tree| tree.parse().ok());
            let Some(tree) = tree.filter(|tree| trees.contains(tree)) else { continue };
            match self.approval(id)? {
                Ok(signed) if signed.approval.tree == tree => evidence.approved(signed),
                Ok(_) => evidence.unusable_approval(tree, format!("{name}: {}", Unusable::Tree)),
                Err(why) => evidence.unusable_approval(tree, format!("{name}: {why}")),
            }
        }
        Ok(())
    }

    /// Forgets statements that the remote does not have any more: what was withdrawn does not count.
    pub(super) fn keep_statements(&self, known: &Statements) -> Result<(), GitError> {
        for below in [APPROVALS, REWINDS, HOSTS] {
            let prefix = format!("{}{below}", self.statements_prefix());
            for (name, _) in self.statements(below)? {
                let name = format!("{prefix}{name}");
                if known.contains_key(&name) {
                    continue;
                }
                let found = self.inner.try_find_reference(name.as_str());
                let gone = found.and_then(|found| found.map_or(Ok(()), |reference| reference.delete()));
                gone.map_err(|error| self.broken(&format!("{name} cannot be removed: {error}")))?;
            }
        }
        Ok(())
    }

    /// The rewinds of a host, and for each that cannot be used, why not.
    ///
    /// # Errors
    /// If they cannot be read, or there are too many.
    pub fn rewinds(&self, host: &str) -> Result<(Vec<SignedRewind>, Vec<String>), GitError> {
        let (mut signed, mut unusable) = (Vec::new(), Vec::new());
        for (name, id) in self.statements(&format!("{REWINDS}{host}/"))? {
            match self.signed(id, REWIND_NAMESPACE, Rewind::parse)? {
                Ok((rewind, signer)) => signed.push(SignedRewind { rewind, signer }),
                Err(why) => unusable.push(format!("{name}: {why}")),
            }
        }
        Ok((signed, unusable))
    }

    /// What hosts published, and for each that cannot be used, why not.
    ///
    /// # Errors
    /// If it cannot be read, or there is too much.
    pub fn published(&self) -> Result<(Vec<SignedPublished>, Vec<String>), GitError> {
        let (mut signed, mut unusable) = (Vec::new(), Vec::new());
        for (name, id) in self.statements(HOSTS)? {
            match self.signed(id, HOST_NAMESPACE, Published::parse)? {
                Ok((published, signer)) if name == format!("{}/{}", published.host, published.source) => {
                    signed.push(SignedPublished { published, signer: signer.id() });
                }
                Ok(_) => unusable.push(format!("{name}: {}", Unusable::Host)),
                Err(why) => unusable.push(format!("{name}: {why}")),
            }
        }
        Ok((signed, unusable))
    }

    fn approval(&self, id: gix::ObjectId) -> Result<Result<SignedApproval, Unusable>, GitError> {
        let signed = self.signed(id, APPROVAL_NAMESPACE, Approval::parse)?;
        Ok(signed.map(|(approval, signer)| SignedApproval { approval, signer }))
    }

    /// The refs below a folder of statements, by their names from there, sorted.
    fn statements(&self, below: &str) -> Result<Vec<(String, gix::ObjectId)>, GitError> {
        let prefix = format!("{}{below}", self.statements_prefix());
        let cannot = |error: &dyn std::fmt::Display| self.broken(&format!("its refs cannot be read: {error}"));
        let platform = self.inner.references().map_err(|error| cannot(&error))?;
        let found = platform.prefixed(prefix.as_str()).map_err(|error| cannot(&error))?;
        let mut statements = Vec::new();
        for reference in found {
            let reference = reference.map_err(|error| cannot(&error))?;
            let name = reference.name().as_bstr().to_string();
            if let (Some(name), Some(id)) = (name.strip_prefix(&prefix), reference.target().try_id()) {
                statements.push((name.to_owned(), id.to_owned()));
            }
            if statements.len() > STATEMENTS_MAX {
                return Err(GitError::TooManyStatements { prefix, limit: STATEMENTS_MAX });
            }
        }
        statements.sort();
        Ok(statements)
    }

    /// Reads a statement and checks its signature.
    fn signed<T>(
        &self,
        id: gix::ObjectId,
        namespace: &str,
        parse: impl Fn(&[u8]) -> Result<T, StatementError>,
    ) -> Result<Result<(T, Signer), Unusable>, GitError> {
        let Some(Parts { text, signature }) = self.parts(id)? else { return Ok(Err(Unusable::Form)) };
        let read = || {
            let statement = parse(&text)?;
            match signature::check_statement(&text, &signature, namespace) {
                Signature::Good(signer) => Ok((statement, signer)),
                bad @ (Signature::Bad(_)
                | Signature::WrongNamespace(_)
                | Signature::Weak(_)
                | Signature::Unknown(_)
                | Signature::Missing
                | Signature::NotChecked) => Err(Unusable::Signature(bad.in_words())),
            }
        };
        Ok(read())
    }

    /// The text and the signature in a statement's commit, if it is one.
    fn parts(&self, id: gix::ObjectId) -> Result<Option<Parts>, GitError> {
        let Ok(commit) = commit_id(&id) else { return Ok(None) };
        let mut buffer = Vec::new();
        let Object::Right(bytes) = self.read(commit.as_bytes(), Kind::Commit, COMMIT_BYTES_MAX, &mut buffer)? else {
            return Ok(None);
        };
        let Ok(tree) = RawCommit::parse(commit, bytes).map(|commit| commit.tree()) else { return Ok(None) };
        let Ok(entries) = read_entries(self, tree, &mut Vec::new())? else { return Ok(None) };
        let file = |name: &str| -> Result<Option<Vec<u8>>, GitError> {
            let mut named = entries.iter().filter(|entry| entry.name == name.as_bytes());
            let (Some(entry), None) = (named.next(), named.next()) else { return Ok(None) };
            let Ok(blob) = tree_id(&entry.id) else { return Ok(None) };
            let mut content = Vec::new();
            Ok(match self.read(blob.as_bytes(), Kind::Blob, STATEMENT_BYTES_MAX, &mut content)? {
                Object::Right(bytes) => Some(bytes.to_vec()),
                Object::Other(_) | Object::Long(_) => None,
            })
        };
        Ok(file(TEXT)?.zip(file(SIGNATURE)?).map(|(text, signature)| Parts { text, signature }))
    }
}
