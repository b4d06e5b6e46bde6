//! What a check of a commit's signature found.

use super::signer::Signer;

/// What a check of a commit's signature found, whoever may sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// This signer signed exactly this commit, for Git.
    Good(Signer),
    /// The signature does not match the commit; why, in words.
    Bad(Box<str>),
    /// It was made for another use than Git: the namespace that it names.
    WrongNamespace(Box<str>),
    /// The key or the algorithm is not strong enough; which, in words.
    Weak(Box<str>),
    /// A kind of signature or key that this version does not judge; which, in words.
    Unknown(Box<str>),
    /// The commit carries none.
    Missing,
    /// Nobody looked, because the commit is settled and only its place in history counts.
    NotChecked,
}

impl Signature {
    /// What was found, for people.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::Good(signer) => format!("it is good, by {}", signer.id()),
            Self::Bad(detail) | Self::Weak(detail) | Self::Unknown(detail) => detail.to_string(),
            Self::WrongNamespace(namespace) => format!("it is made for the namespace {namespace:?}"),
            Self::Missing => "there is none".to_owned(),
            Self::NotChecked => "nobody checked it".to_owned(),
        }
    }
}
