//! Whom a commit's tree authorizes for the next commit.

use super::openpgp::OpenPgpKeys;
use super::reason::Reason;
use super::revoked::Revocations;
use super::rules::Rules;
use super::signer::Signer;
use super::signers::{AllowedSigners, NAMESPACE, Standing, Use};

/// The folder, at the root of the tree, that holds who may sign.
pub const FOLDER: &str = ".writ";

/// The file in [`FOLDER`] that lists the signers.
pub const SIGNERS: &str = "allowed_signers";

/// The file in [`FOLDER`] that lists what is revoked.
pub const REVOKED: &str = "revoked";

/// The folder in [`FOLDER`] that holds OpenPGP certificates.
pub const KEYS: &str = "keys";

/// The file in [`FOLDER`] that holds rules of trust.
pub const RULES: &str = "trust.toml";

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
    Listed(Box<Listed>),
    /// The tree cannot be followed: the reason that its commit is refused for, and what is wrong.
    Refused(Reason, String),
}

/// Everything in [`FOLDER`] that says who may sign the next commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listed {
    /// What [`SIGNERS`] lists.
    pub signers: AllowedSigners,
    /// What [`KEYS`] holds.
    pub openpgp: OpenPgpKeys,
    /// What [`REVOKED`] lists.
    pub revoked: Revocations,
    /// What [`RULES`] says; none if there is no such file.
    pub rules: Option<Rules>,
}

/// What the entries of [`FOLDER`] hold, as far as they are what they should be.
#[derive(Debug, Default)]
pub struct Files<'a> {
    /// The content of [`SIGNERS`], if that entry is a file.
    pub signers: Option<&'a [u8]>,
    /// The content of [`REVOKED`], if that entry is a file.
    pub revoked: Option<&'a [u8]>,
    /// The content of [`RULES`], if that entry is a file.
    pub rules: Option<&'a [u8]>,
    /// The certificates in [`KEYS`], if that entry is a folder; in words what is wrong with it.
    pub openpgp: Option<Result<OpenPgpKeys, String>>,
}

/// What kinds of entries [`FOLDER`] has under the names that count; none where it has none.
#[derive(Debug, Default)]
struct Kinds {
    signers: Option<EntryKind>,
    revoked: Option<EntryKind>,
    openpgp: Option<EntryKind>,
    rules: Option<EntryKind>,
}

impl Listed {
    /// What the files say about a signer who was at work so. What is revoked may not sign, whoever lists it.
    #[must_use]
    pub fn standing<'a>(&'a self, signer: &'a Signer, used: Use<'_>) -> Standing<'a> {
        let Self { signers, openpgp, revoked, rules: _ } = self;
        if let Some(detail) = revoked.revokes(signer) {
            return Standing::Refused(Reason::Revoked, format!("{detail} in {FOLDER}/{REVOKED}"));
        }
        match signer {
            Signer::Key(key) => signers.standing(&key.id(), used),
            Signer::Certificate(certificate) => signers.standing_by_certificate(certificate, used),
            // Only commits are signed so.
            Signer::OpenPgp(_) if used.namespace != NAMESPACE => Standing::WrongNamespace,
            Signer::OpenPgp(signer) => match openpgp.standing(signer, used.moments) {
                Some(Ok(principal)) => Standing::Authorized(principal),
                Some(Err((reason, detail))) => Standing::Refused(reason, detail),
                None => Standing::Unknown,
            },
        }
    }
}

impl Authorizations {
    /// What the tree says, if it can be followed.
    #[must_use]
    pub const fn listed(&self) -> Option<&Listed> {
        match self {
            Self::Listed(listed) => Some(listed),
            Self::Refused(..) => None,
        }
    }

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

    /// Judges the entries of [`FOLDER`] and what they hold.
    #[must_use]
    pub fn read<'a>(entries: impl IntoIterator<Item = (&'a [u8], EntryKind)>, files: Files<'_>) -> Self {
        let mut kinds = Kinds::default();
        for (name, kind) in entries {
            let Kinds { signers, revoked, openpgp, rules } = &mut kinds;
            for (known, place) in [(SIGNERS, signers), (REVOKED, revoked), (KEYS, openpgp), (RULES, rules)] {
                // Beside the right name, another spelling would be a list that somebody believes in and nobody reads.
                if name == known.as_bytes() {
                    *place = Some(kind);
                } else if name.eq_ignore_ascii_case(known.as_bytes()) {
                    let name = String::from_utf8_lossy(name);
                    return Self::Refused(Reason::PathNotAllowed, format!("{FOLDER}/{name} must be written {known}"));
                }
            }
        }
        Self::put_together(kinds, files).unwrap_or_else(|detail| Self::Refused(Reason::AuthorizationsRemoved, detail))
    }

    fn put_together(kinds: Kinds, files: Files<'_>) -> Result<Self, String> {
        let Files { signers, revoked, openpgp, rules } = files;
        let openpgp = match kinds.openpgp.map(|kind| (kind, openpgp)) {
            None => OpenPgpKeys::default(),
            Some((EntryKind::Folder, Some(keys))) => keys.map_err(|error| format!("{FOLDER}/{KEYS}/{error}"))?,
            Some(_) => return Err(format!("{FOLDER}/{KEYS} in its tree is no folder that can be read")),
        };
        let content = |name: &str, kind: Option<EntryKind>, content: Option<&[u8]>| match (kind, content) {
            (None, _) => Ok(None),
            (Some(EntryKind::File), Some(bytes)) => Ok(Some(bytes.to_vec())),
            (Some(_), _) => Err(format!("{FOLDER}/{name} in its tree is no plain file of a permitted size")),
        };
        let unreadable = |name: &str, error: &dyn std::fmt::Display| format!("{FOLDER}/{name} cannot be read: {error}");
        let revoked = match content(REVOKED, kinds.revoked, revoked)? {
            None => Revocations::default(),
            Some(bytes) => Revocations::parse(&bytes).map_err(|error| unreadable(REVOKED, &error))?,
        };
        let signers = match content(SIGNERS, kinds.signers, signers)? {
            None if openpgp.is_empty() => return Ok(Self::missing()),
            None => AllowedSigners::default(),
            Some(bytes) => AllowedSigners::parse(&bytes).map_err(|error| unreadable(SIGNERS, &error))?,
        };
        if signers.is_empty() && openpgp.is_empty() {
            return Err(format!("{FOLDER}/{SIGNERS} in its tree lists no key"));
        }
        let rules = content(RULES, kinds.rules, rules)?;
        let rules = rules.map(|bytes| Rules::parse(&bytes)).transpose().map_err(|error| unreadable(RULES, &error))?;
        Ok(Self::Listed(Box::new(Listed { signers, openpgp, revoked, rules })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = b"a@x ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH0h4EpZxLCDdZsVwW7RDAHwO0Yr2rYzBXNBRlR0Qv2S\n";

    fn check(entries: &[(&str, EntryKind)], signers: Option<&[u8]>) -> Option<Reason> {
        let entries = entries.iter().map(|(name, kind)| (name.as_bytes(), *kind));
        match Authorizations::read(entries, Files { signers, ..Files::default() }) {
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
        assert_eq!(check(&[file], Some(b"a@x ssh-ed25519 AAAA\n")), Some(Reason::AuthorizationsRemoved));
        for kind in [EntryKind::Link, EntryKind::Folder, EntryKind::Submodule, EntryKind::Other] {
            assert_eq!(check(&[(SIGNERS, kind)], None), Some(Reason::AuthorizationsRemoved), "{kind:?}");
        }
    }

    #[test]
    fn other_spellings_and_other_things_under_a_name_that_counts_are_refused_and_not_ignored() {
        let file = (SIGNERS, EntryKind::File);
        for name in ["Trust.TOML", "Revoked", "KEYS", "Allowed_Signers"] {
            assert_eq!(check(&[file, (name, EntryKind::File)], Some(LINE)), Some(Reason::PathNotAllowed), "{name}");
        }
        for name in [REVOKED, KEYS, RULES] {
            let found = check(&[file, (name, EntryKind::Link)], Some(LINE));
            assert_eq!(found, Some(Reason::AuthorizationsRemoved), "{name} is a link");
        }
    }

    #[test]
    fn what_is_revoked_may_not_sign_though_it_is_listed() {
        let key = base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            std::str::from_utf8(LINE).unwrap().split_whitespace().nth(2).unwrap(),
        );
        let signer = Signer::Key(super::super::signer::SshKey::of(&key.unwrap()));
        let entries = || [(SIGNERS.as_bytes(), EntryKind::File), (REVOKED.as_bytes(), EntryKind::File)];
        let standing = |revoked: &str| {
            let files = Files { signers: Some(LINE), revoked: Some(revoked.as_bytes()), ..Files::default() };
            match Authorizations::read(entries(), files) {
                Authorizations::Listed(listed) => {
                    matches!(listed.standing(&signer, Use::commit(&[])), Standing::Authorized("a@x"))
                }
                Authorizations::Refused(_, detail) => panic!("{detail}"),
            }
        };
        assert!(standing("# nobody\n"));
        assert!(!standing(&format!("{}\n", signer.id())));
    }
}
