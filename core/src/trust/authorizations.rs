//! Whom a commit's tree authorizes for the next commit.

use super::reason::Reason;
use super::signer::Signer;
use super::signers::{AllowedSigners, Standing};
use crate::time::Timestamp;

/// The folder, at the root of the tree, that holds who may sign.
pub const FOLDER: &str = ".writ";

/// The file in [`FOLDER`] that lists the signers.
pub const SIGNERS: &str = "allowed_signers";

/// Names in [`FOLDER`] that ask for rules of a later version, with what they ask for. Taking them for any other file
/// would let a host ignore a rule that its owner wrote.
const RESERVED: [(&str, &str); 3] =
    [("trust.toml", "rules of trust"), ("revoked", "revocation"), ("keys", "OpenPGP keys")];

/// What kind of entry of a tree something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A file, mode 100644 or 100755.
    File,
    /// A folder, mode 040000.
    Folder,
    /// A symbolic link.
    Link,
    /// A commit of another repository.
    Submodule,
    /// Any other mode.
    Other,
}

/// What a commit's tree says about who may sign the next commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorizations {
    /// These may sign.
    Listed(Listed),
    /// The tree cannot be followed: the reason that its commit is refused for, and what is wrong.
    Refused(Reason, String),
}

/// Everything in [`FOLDER`] that says who may sign the next commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listed {
    /// What [`SIGNERS`] lists.
    pub signers: AllowedSigners,
}

impl Listed {
    /// What the files say about a signer at all of these moments.
    #[must_use]
    pub fn standing(&self, signer: &Signer, moments: &[Timestamp]) -> Standing<'_> {
        let Self { signers } = self;
        match signer {
            Signer::Key(key) => signers.standing(&key.id(), moments),
        }
    }
}

impl Authorizations {
    /// What a tree without [`FOLDER`] says.
    #[must_use]
    pub fn missing() -> Self {
        Self::Refused(Reason::AuthorizationsRemoved, format!("its tree holds no {FOLDER}/{SIGNERS}"))
    }

    /// What a tree says whose [`FOLDER`] is something else than a folder.
    #[must_use]
    pub fn not_a_folder() -> Self {
        Self::Refused(Reason::AuthorizationsRemoved, format!("{FOLDER} in its tree is no folder"))
    }

    /// What a tree says that is there and does not follow Git's grammar.
    #[must_use]
    pub fn unreadable(detail: String) -> Self {
        Self::Refused(Reason::MalformedCommit, detail)
    }

    /// Judges the entries of [`FOLDER`]. `signers` is the content of [`SIGNERS`], if that entry is a file.
    #[must_use]
    pub fn read<'a>(entries: impl IntoIterator<Item = (&'a [u8], EntryKind)>, signers: Option<&[u8]>) -> Self {
        let mut found = None;
        for (name, kind) in entries {
            if let Some((name, what)) =
                RESERVED.iter().find(|(reserved, _)| name.eq_ignore_ascii_case(reserved.as_bytes()))
            {
                return Self::Refused(Reason::PathNotAllowed, format!("{FOLDER}/{name} ({what}) is not supported yet"));
            }
            if name == SIGNERS.as_bytes() {
                found = Some(kind);
            }
        }
        match (found, signers) {
            (None, _) => Self::missing(),
            (Some(EntryKind::File), Some(bytes)) => Self::read_signers(bytes),
            (
                Some(EntryKind::File | EntryKind::Folder | EntryKind::Link | EntryKind::Submodule | EntryKind::Other),
                _,
            ) => {
                Self::Refused(Reason::AuthorizationsRemoved, format!("{FOLDER}/{SIGNERS} in its tree is no plain file"))
            }
        }
    }

    fn read_signers(bytes: &[u8]) -> Self {
        match AllowedSigners::parse(bytes) {
            Ok(signers) if signers.is_empty() => {
                Self::Refused(Reason::AuthorizationsRemoved, format!("{FOLDER}/{SIGNERS} in its tree lists no key"))
            }
            Ok(signers) => Self::Listed(Listed { signers }),
            Err(error) => {
                Self::Refused(Reason::AuthorizationsRemoved, format!("{FOLDER}/{SIGNERS} cannot be read: {error}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = b"a@x ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH0h4EpZxLCDdZsVwW7RDAHwO0Yr2rYzBXNBRlR0Qv2S\n";

    fn check(entries: &[(&str, EntryKind)], signers: Option<&[u8]>) -> Option<Reason> {
        let entries = entries.iter().map(|(name, kind)| (name.as_bytes(), *kind));
        match Authorizations::read(entries, signers) {
            Authorizations::Listed(_) => None,
            Authorizations::Refused(reason, _) => Some(reason),
        }
    }

    #[test]
    fn a_plain_file_that_lists_a_key_is_followed_and_its_neighbours_are_not() {
        let file = (SIGNERS, EntryKind::File);
        assert_eq!(check(&[file, ("README.md", EntryKind::File)], Some(LINE)), None);
        assert_eq!(check(&[], None), Some(Reason::AuthorizationsRemoved));
        assert_eq!(check(&[file], Some(b"# nobody\n")), Some(Reason::AuthorizationsRemoved));
        assert_eq!(check(&[file], Some(b"a@x cert-authority ssh-ed25519 AAAA\n")), Some(Reason::AuthorizationsRemoved));
        for kind in [EntryKind::Link, EntryKind::Folder, EntryKind::Submodule, EntryKind::Other] {
            assert_eq!(check(&[(SIGNERS, kind)], None), Some(Reason::AuthorizationsRemoved), "{kind:?}");
        }
    }

    #[test]
    fn rules_of_a_later_version_are_refused_and_not_ignored() {
        let file = (SIGNERS, EntryKind::File);
        for name in ["trust.toml", "revoked", "keys", "Trust.TOML"] {
            assert_eq!(check(&[file, (name, EntryKind::File)], Some(LINE)), Some(Reason::PathNotAllowed), "{name}");
        }
    }
}
