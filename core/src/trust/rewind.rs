//! Decides whether a host may go back behind what it applied last.
//!
//! A rewind is let in by people whom the files of the floor authorize, as if they changed [`FOLDER`]`/`[`SIGNERS`]: who
//! may say who signs may also say where history goes on. Several signatures under one and the same text count together.
//!
//! Invariant: one statement is used once, on one host, for one floor, and not after its end.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use super::authorizations::{FOLDER, Listed, SIGNERS};
use super::host::HostTrust;
use super::id::CommitId;
use super::key_id::KeyId;
use super::signer::Signer;
use super::signers::{Standing, Use};
use super::statement::{REWIND_NAMESPACE, Rewind};
use crate::time::Timestamp;

/// SHA-256 of a rewind's text: what marks it as used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RewindId(pub [u8; 32]);

/// A rewind with a good signature in its namespace, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRewind {
    /// What it says.
    pub rewind: Rewind,
    /// Who signed it.
    pub signer: Signer,
}

/// What a rewind is decided by.
#[derive(Debug, Clone, Copy)]
pub struct RewindCase<'a> {
    /// The source, by the host's name for it.
    pub source: &'a str,
    /// What the host itself says.
    pub host: &'a HostTrust,
    /// The commit that was applied last.
    pub floor: CommitId,
    /// What the floor's tree says.
    pub listed: &'a Listed,
    /// The statements that are there, for whichever host.
    pub statements: &'a [SignedRewind],
    /// Those that were used.
    pub used: &'a BTreeSet<RewindId>,
    /// The time of the pass.
    pub now: Timestamp,
}

/// A rewind that was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetBack {
    /// What marks it as used.
    pub id: RewindId,
    /// The commit that takes the place of the floor.
    pub to: CommitId,
    /// Who signed it.
    pub signers: Vec<KeyId>,
    /// Under which names.
    pub principals: Vec<String>,
}

/// The rewinds that the host may follow, and for each other one that is about this host and source, why not.
#[must_use]
pub fn rewinds(case: &RewindCase<'_>) -> (Vec<LetBack>, Vec<String>) {
    let mut by_text: BTreeMap<RewindId, Vec<&SignedRewind>> = BTreeMap::new();
    let own = case
        .statements
        .iter()
        .filter(|signed| signed.rewind.source == case.source && Some(&signed.rewind.host) == case.host.name.as_ref());
    for signed in own {
        by_text.entry(signed.rewind.id()).or_default().push(signed);
    }
    let mut refused = Vec::new();
    let mut followed = Vec::new();
    for (id, signed) in by_text {
        match judge(case, id, &signed) {
            Ok(back) => followed.push(back),
            Err(why) => refused.push(format!("a rewind to {}: {why}", signed[0].rewind.to)),
        }
    }
    (followed, refused)
}

fn judge(case: &RewindCase<'_>, id: RewindId, signed: &[&SignedRewind]) -> Result<LetBack, String> {
    let Rewind { source: _, host: _, from, to, until } = &signed[0].rewind;
    if *from != case.floor {
        return Err(format!("it is from {from}, and {} was applied last", case.floor));
    }
    if case.used.contains(&id) {
        return Err("it was used already".to_owned());
    }
    if *until <= case.now {
        return Err(format!("it ended at {until}"));
    }
    let (mut people, mut signers) = (BTreeSet::new(), Vec::new());
    for SignedRewind { rewind: _, signer } in signed {
        match case.listed.standing(signer, Use { namespace: REWIND_NAMESPACE, moments: &[case.now] }) {
            Standing::Authorized(principal) if case.host.revokes(signer).is_none() => {
                people.insert(principal);
                signers.push(signer.id());
            }
            Standing::Authorized(_)
            | Standing::Unknown
            | Standing::WrongNamespace
            | Standing::Expired
            | Standing::NotYetValid
            | Standing::Refused(..) => {}
        }
    }
    let rules = || case.listed.rules.iter().chain(&case.host.ceiling);
    // Neither is anybody who could decide such a thing.
    people.retain(|principal| !rules().any(|rules| rules.is_forge(principal) || rules.is_heartbeat(principal)));
    if people.is_empty() {
        let who = signed.iter().map(|signed| signed.signer.id().to_string()).collect::<Vec<_>>().join(", ");
        return Err(format!("{who} may not sign it by the files of what was applied last"));
    }
    let path = format!("{FOLDER}/{SIGNERS}");
    for rules in rules() {
        rules.permit(case.host.name.as_deref(), path.as_bytes(), &people).map_err(|denial| {
            let people: Vec<&str> = people.iter().copied().collect();
            format!("{} may not say who signs ({path}), which it takes: {denial}", people.join(", "))
        })?;
    }
    let principals = people.into_iter().map(str::to_owned).collect();
    Ok(LetBack { id, to: *to, signers, principals })
}

impl Rewind {
    /// What marks the statement as used.
    #[must_use]
    pub fn id(&self) -> RewindId {
        RewindId(Sha256::digest(self.text()).into())
    }
}

impl RewindId {
    /// Reads what [`Display`](std::fmt::Display) writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        let bytes = digits.collect::<Option<Vec<u8>>>()?.try_into().ok().map(Self)?;
        (bytes.to_string() == text).then_some(bytes)
    }
}

impl std::fmt::Display for RewindId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
#[path = "rewind_tests.rs"]
mod tests;
