//! Signatures that were found good, so that each is checked once in the life of the agent.
//!
//! Invariant: only what a commit's bytes alone decide is kept: that a plain SSH key signed them. Who may sign, since when
//! and what is decided anew each time, by all rules in force, so that no change of a rule has anything to forget here.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};
use writ_core::trust::{Signature, Signer, SshKey};

use crate::limits::SIGNATURES_KNOWN_MAX;

/// Who signed what, by the SHA-256 of a commit's bytes: its name is a SHA-1.
#[derive(Debug, Clone, Default)]
pub(super) struct Known(HashMap<[u8; 32], SshKey>);

impl Known {
    /// What a check of this commit would find, if it was found before.
    pub(super) fn signature(&self, commit: &[u8]) -> Option<Signature> {
        // Nothing is hashed in vain while nothing is known.
        let key = (!self.0.is_empty()).then(|| self.0.get(&digest(commit))).flatten();
        key.map(|key| Signature::Good(Signer::Key(*key)))
    }

    /// Keeps what was found, if it can be kept. Where there is no more room, all of it is forgotten: it is checked again.
    pub(super) fn learn(&mut self, commit: &[u8], found: &Signature) {
        let Signature::Good(Signer::Key(key)) = found else { return };
        if self.0.len() >= SIGNATURES_KNOWN_MAX {
            self.0.clear();
        }
        self.0.insert(digest(commit), *key);
    }
}

fn digest(commit: &[u8]) -> [u8; 32] {
    Sha256::digest(commit).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(key: &[u8]) -> Signature {
        Signature::Good(Signer::Key(SshKey::of(key)))
    }

    #[test]
    fn a_good_signature_is_known_for_these_bytes_alone_and_a_bad_one_never() {
        let mut known = Known::default();
        known.learn(b"commit", &good(b"alice"));
        known.learn(b"forged", &Signature::Bad("no".into()));
        assert_eq!(known.signature(b"commit"), Some(good(b"alice")));
        assert_eq!((known.signature(b"commit "), known.signature(b"forged")), (None, None));
    }

    #[test]
    fn no_more_is_known_than_there_is_room_for() {
        let mut known = Known::default();
        (0..=SIGNATURES_KNOWN_MAX).for_each(|number| known.learn(&number.to_be_bytes(), &good(b"alice")));
        assert!(known.0.len() == 1 && known.signature(&SIGNATURES_KNOWN_MAX.to_be_bytes()).is_some());
    }
}
