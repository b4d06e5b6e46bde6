//! Why a commit is refused: the codes that scripts rely on, and the advice that people need.

/// Why a commit is refused.
///
/// Some are given by rules that are not part of this version; they keep their place, so that adding one breaks every
/// place that has to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It carries no signature.
    Unsigned,
    /// The signature does not match the commit.
    BadSignature,
    /// The signer's key is not authorized by every parent.
    UnknownKey,
    /// The signer's key was revoked.
    Revoked,
    /// The signer's key was no longer valid.
    Expired,
    /// The signer's key was not valid yet.
    NotYetValid,
    /// The signature was made for another use than Git.
    WrongNamespace,
    /// The signer's key is of a kind or size that is not strong enough.
    WeakKey,
    /// The commit's bytes do not follow the grammar.
    MalformedCommit,
    /// The signature is written otherwise than OpenSSH or an OpenPGP program writes it.
    NotCanonical,
    /// The commit carries more than one signature.
    TwoSignatures,
    /// The commit would leave nobody authorized for the next.
    AuthorizationsRemoved,
    /// The commit changes or holds a path that it must not.
    PathNotAllowed,
    /// Too few people approved.
    ThresholdNotMet,
    /// The commit does not descend from what was applied last.
    Rewind,
    /// The commit does not descend from the introduction.
    UnrelatedHistory,
    /// A merge holds more than the merge of its parents.
    NotACleanMerge,
    /// The commit claims to be older than its parent.
    TimeGoesBack,
    /// Nothing new was signed for too long.
    Stale,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 19] = [
        Self::Unsigned,
        Self::BadSignature,
        Self::UnknownKey,
        Self::Revoked,
        Self::Expired,
        Self::NotYetValid,
        Self::WrongNamespace,
        Self::WeakKey,
        Self::MalformedCommit,
        Self::NotCanonical,
        Self::TwoSignatures,
        Self::AuthorizationsRemoved,
        Self::PathNotAllowed,
        Self::ThresholdNotMet,
        Self::Rewind,
        Self::UnrelatedHistory,
        Self::NotACleanMerge,
        Self::TimeGoesBack,
        Self::Stale,
    ];

    /// The code in verdicts, records and commit statuses.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::BadSignature => "bad-signature",
            Self::UnknownKey => "unknown-key",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::WrongNamespace => "wrong-namespace",
            Self::WeakKey => "weak-key",
            Self::MalformedCommit => "malformed-commit",
            Self::NotCanonical => "not-canonical",
            Self::TwoSignatures => "two-signatures",
            Self::AuthorizationsRemoved => "authorizations-removed",
            Self::PathNotAllowed => "path-not-allowed",
            Self::ThresholdNotMet => "threshold-not-met",
            Self::Rewind => "rewind",
            Self::UnrelatedHistory => "unrelated-history",
            Self::NotACleanMerge => "not-a-clean-merge",
            Self::TimeGoesBack => "time-goes-back",
            Self::Stale => "stale",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Unsigned => "sign it (`git commit --amend -S`, with `gpg.format=ssh`) and push again",
            Self::BadSignature => "it was changed after it was signed: find out by whom, then push what was signed",
            Self::UnknownKey => {
                "sign with a key that `.writ/allowed_signers` or `.writ/keys` of every parent lists, or let such a key sign a \
                 commit that adds this one first"
            }
            Self::Revoked => "sign with a key that is not revoked",
            Self::Expired => {
                "let a valid key sign a commit that renews `valid-before` or the OpenPGP file, or sign with a valid key or \
                 certificate"
            }
            Self::NotYetValid => "wait until `valid-after`, or sign with a key that is valid now",
            Self::WrongNamespace => "sign with `git commit -S`, and let `namespaces` of the signer's line hold `git`",
            Self::WeakKey => "use Ed25519, ECDSA P-256 or P-384, or RSA of 3072 bits and more, with SHA-256 or SHA-512",
            Self::MalformedCommit => "make the commit again with Git itself",
            Self::NotCanonical => "sign the commit again with Git",
            Self::TwoSignatures => "make the commit again with one signature",
            Self::AuthorizationsRemoved => "keep readable files in `.writ` of every commit that list a key",
            Self::PathNotAllowed => "take that path out of the commit",
            Self::ThresholdNotMet => "collect the approvals that are missing",
            Self::Rewind => {
                "push a commit that descends from the one applied last; to go back, revert and sign the revert"
            }
            Self::UnrelatedHistory => {
                "push a history that goes back to the introduction on every line, or enrol the source anew on the host"
            }
            Self::NotACleanMerge => "merge again without other changes, or sign the merge yourself",
            Self::TimeGoesBack => "set the clock right and make the commit again",
            Self::Stale => "sign and push a new commit",
        }
    }
}

/// The code.
impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}
