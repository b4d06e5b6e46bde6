//! What a host itself says about trust, beyond what it pinned at its introduction.

use super::revoked::Revocations;
use super::rules::Rules;
use super::signer::Signer;

/// What a host says: who it is to the rules, and the limits that no repository can raise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostTrust {
    /// Its name. Where it is unknown, as when a history is judged away from any host, every rule counts, and an approval
    /// for certain hosts does not.
    pub name: Option<String>,
    /// Its own rules: they are held against every edge together with those of the repository.
    pub ceiling: Option<Rules>,
    /// Keys that this host no longer trusts, whatever a repository says.
    pub revoked: Option<Revocations>,
}

impl HostTrust {
    /// How the host revokes a signer, in words; none if it does not.
    #[must_use]
    pub fn revokes(&self, signer: &Signer) -> Option<String> {
        self.revoked.as_ref()?.revokes(signer)
    }
}
