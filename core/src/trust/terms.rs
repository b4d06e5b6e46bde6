//! What rules of trust say of a path beside who may change it: what the manifests there may ask for, and as whom they are applied.
//!
//! Invariant: all rules that cover a path count; of powers, what all of them give.

use std::collections::BTreeSet;

use crate::account::Naming;
use crate::guard::Power;

/// What holds for what is declared at a path, or at several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// What it may ask for, in the words of `may`; none if no rule narrows it.
    pub powers: Option<BTreeSet<Power>>,
    /// Who says as whom it is applied to a cluster.
    pub accounts: BTreeSet<Naming>,
}

impl Terms {
    /// What holds for what is declared at both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let Self { powers, accounts } = self;
        let powers = match (powers, other.powers) {
            (Some(one), Some(other)) => Some(one.intersection(&other).copied().collect()),
            (one, other) => one.or(other),
        };
        Self { powers, accounts: accounts.into_iter().chain(other.accounts).collect() }
    }
}

#[cfg(test)]
#[path = "terms_tests.rs"]
mod tests;
