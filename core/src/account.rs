//! As whom objects of a cluster are applied: a service account, and which one it is where several people name one.
//!
//! Invariant: of two that differ neither is taken.

use std::collections::BTreeSet;
use std::fmt;

use crate::text::{Problem, Problems, Written, quoted};

/// Longest name of a part. Source: names of namespaces and of service accounts.
const PART_BYTES_MAX: usize = 253;

/// A service account of a cluster: `shop/deployer`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    namespace: String,
    name: String,
}

/// Somebody who says as whom something is applied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Naming {
    /// Who says so, in words: a rule, or a unit.
    pub by: String,
    /// As whom.
    pub account: Account,
}

/// Two who say different things: both, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Clash(String);

impl Account {
    /// Reads `NAMESPACE/NAME`; none if that is no service account.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (namespace, name) = text.split_once('/')?;
        let sound = is_part(namespace) && is_part(name);
        sound.then(|| Self { namespace: namespace.to_owned(), name: name.to_owned() })
    }

    /// Reads what a person wrote; none if that is no service account, which `problems` tells.
    #[must_use]
    pub fn read(written: Written<String>, problems: &mut Problems) -> Option<Self> {
        let Written { value, place } = written;
        let account = Self::parse(&value);
        if account.is_none() {
            let problem = Problem::error(Some(place), format!("{} is no service account", quoted(&value)));
            problems.push(problem.help("write it as NAMESPACE/NAME, as in \"shop/deployer\""));
        }
        account
    }

    /// What a server calls it.
    #[must_use]
    pub fn user(&self) -> String {
        let Self { namespace, name } = self;
        format!("system:serviceaccount:{namespace}:{name}")
    }
}

/// `shop/deployer`
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, name } = self;
        write!(f, "{namespace}/{name}")
    }
}

/// `rule "shop" names the account shop/deployer`
impl fmt::Display for Naming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { by, account } = self;
        write!(f, "{by} names the account {account}")
    }
}

impl Clash {
    /// Of two who differ, among so many further accounts that are named.
    fn of(one: &Naming, other: &Naming, further: usize) -> Self {
        let more = if further == 0 { String::new() } else { format!(" (and {further} more)") };
        if one.by != other.by {
            return Self(format!("{one} and {other}{more}: let both name the same account, or only one of them any"));
        }
        // Each parent of a merge has rules of its own.
        Self(format!(
            "{one} in one parent of the commit and {} in another{more}: what was merged holds from the next commit on, so make \
             one (`git commit --allow-empty -S`)",
            other.account
        ))
    }
}

/// The one account that all name who name any; none if nobody does.
///
/// # Errors
/// If they name different ones.
pub fn agreed(namings: &BTreeSet<Naming>) -> Result<Option<&Naming>, Clash> {
    let Some(first) = namings.first() else { return Ok(None) };
    let accounts: BTreeSet<&Account> = namings.iter().map(|naming| &naming.account).collect();
    match namings.iter().find(|naming| naming.account != first.account) {
        None => Ok(Some(first)),
        Some(other) => Err(Clash::of(first, other, accounts.len() - 2)),
    }
}

/// What is told of accounts where objects are applied as nobody.
#[must_use]
pub fn without_effect(namings: &BTreeSet<Naming>) -> Problems {
    let mut problems = Problems::default();
    for naming in namings {
        let message =
            format!("{naming}, which has no effect here: only what is applied to a cluster is applied as somebody");
        problems.push(Problem::note(None, message));
    }
    problems
}

fn is_part(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    !text.is_empty() && text.len() <= PART_BYTES_MAX && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Sources;

    fn namings(all: &[(&str, &str)]) -> BTreeSet<Naming> {
        let naming =
            |(by, account): &(&str, &str)| Naming { by: (*by).to_owned(), account: Account::parse(account).unwrap() };
        all.iter().map(naming).collect()
    }

    #[test]
    fn an_account_is_a_namespace_and_a_name_and_nothing_else() {
        let account = Account::parse("shop/deployer.v-2").unwrap();
        assert_eq!(account.to_string(), "shop/deployer.v-2");
        assert_eq!(account.user(), "system:serviceaccount:shop:deployer.v-2");
        let long = format!("shop/{}", "a".repeat(254));
        for text in
            ["", "/", "deployer", "shop/", "/deployer", "a/b/c", "Shop/a", "shop/a b", "shop/a:b", "a:b/c", &long]
        {
            assert_eq!(Account::parse(text), None, "{text}");
        }
    }

    #[test]
    fn all_who_name_one_must_name_the_same() {
        assert_eq!(agreed(&namings(&[])), Ok(None));
        let alike = namings(&[("rule \"a\"", "shop/deployer"), ("the unit", "shop/deployer")]);
        assert_eq!(agreed(&alike).unwrap().unwrap().account.to_string(), "shop/deployer");
        let two = namings(&[("rule \"a\"", "shop/deployer"), ("the unit", "shop/other")]);
        assert_eq!(
            agreed(&two).unwrap_err().to_string(),
            "rule \"a\" names the account shop/deployer and the unit names the account shop/other: let both name the same \
             account, or only one of them any"
        );
        let three = namings(&[("a", "x/a"), ("b", "x/a"), ("c", "x/b"), ("d", "x/c")]);
        let told = agreed(&three).unwrap_err().to_string();
        assert!(told.starts_with("a names the account x/a and c names the account x/b (and 1 more): "), "{told}");
        let told = agreed(&namings(&[("a", "x/a"), ("a", "x/b")])).unwrap_err().to_string();
        assert!(told.starts_with("a names the account x/a in one parent of the commit and x/b in another: "), "{told}");
    }

    #[test]
    fn an_account_where_nothing_is_applied_as_anybody_is_told_to_be_without_effect() {
        let told = without_effect(&namings(&[("rule \"a\"", "shop/deployer")])).render(&Sources::default(), false);
        assert!(
            told.starts_with("note: rule \"a\" names the account shop/deployer, which has no effect here"),
            "{told}"
        );
    }
}
