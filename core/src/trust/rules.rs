//! Reads rules of trust: `.writ/trust.toml` of a tree, and the file of the same form by which a host sets its ceiling.
//!
//! Invariant: rules narrow. They are combined by AND, and where there are rules, what none of them covers is denied.
//! Invariant: what is not understood refuses the file; no key is skipped.

use std::collections::BTreeSet;

use serde::Deserialize;
use toml::Spanned;

use super::paths::PathPatterns;
use super::pattern::PatternList;
use crate::guard::Power;
use crate::limits::{RULE_THRESHOLD_MAX, RULES_BYTES_MAX, RULES_MAX};
use crate::time::Seconds;

/// The form that this version reads, named by the key `version`.
const VERSION: i64 = 1;

/// Rules of trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    max_age: Option<Seconds>,
    heartbeat: Option<PatternList>,
    forge: Option<PatternList>,
    rules: Vec<Rule>,
}

/// One rule: who may change some paths, and what the manifests there may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    name: String,
    paths: PathPatterns,
    hosts: Option<PatternList>,
    signers: PatternList,
    threshold: usize,
    may: Option<BTreeSet<Power>>,
}

/// Why people may not change a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Denial {
    /// There are rules, and none of them covers the path on this host.
    NoRule,
    /// A rule names none of them.
    NoSigner {
        /// The rule.
        rule: String,
    },
    /// A rule wants more of them.
    TooFew {
        /// The rule.
        rule: String,
        /// How many it wants.
        wanted: usize,
        /// How many of them it counts.
        found: usize,
    },
}

impl std::fmt::Display for Denial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoRule => f.write_str("no rule covers it on this host"),
            Self::NoSigner { rule } => write!(f, "rule {rule:?} names none of them"),
            Self::TooFew { rule, wanted, found } => {
                write!(f, "rule {rule:?} wants {wanted} of them and counts {found}")
            }
        }
    }
}

/// All that is wrong with a file of rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct RulesError(Vec<String>);

mod raw {
    use super::{Deserialize, Spanned};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Rules {
        pub(super) version: Spanned<i64>,
        pub(super) max_age: Option<Spanned<String>>,
        pub(super) heartbeat: Option<Spanned<Vec<String>>>,
        pub(super) forge: Option<Spanned<Vec<String>>>,
        #[serde(default)]
        pub(super) rule: Vec<Spanned<Rule>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Rule {
        pub(super) name: Spanned<String>,
        pub(super) paths: Spanned<Vec<String>>,
        pub(super) hosts: Option<Spanned<Vec<String>>>,
        pub(super) signers: Spanned<Vec<String>>,
        pub(super) threshold: Option<Spanned<i64>>,
        pub(super) may: Option<Spanned<Vec<String>>>,
    }
}

impl Rules {
    /// Reads a file of rules.
    ///
    /// # Errors
    /// All that is wrong with it, each with its line.
    pub fn parse(bytes: &[u8]) -> Result<Self, RulesError> {
        let one = |text: String| RulesError(vec![text]);
        if u64::try_from(bytes.len()).is_ok_and(|length| length > RULES_BYTES_MAX) {
            return Err(one(format!("it is longer than {RULES_BYTES_MAX} bytes")));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| one("it is not UTF-8 text".to_owned()))?;
        let raw: raw::Rules = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line(text, span.start));
            one(format!("line {line}: {}", error.message().lines().collect::<Vec<_>>().join(" ")))
        })?;
        let mut reader = Reader { text, problems: Vec::new() };
        let rules = reader.rules(raw);
        if reader.problems.is_empty() { Ok(rules) } else { Err(RulesError(reader.problems)) }
    }

    /// For how long after its committer date a head may still change a host.
    #[must_use]
    pub const fn max_age(&self) -> Option<Seconds> {
        self.max_age
    }

    /// True if the principal's key can do nothing but confirm that nothing changed.
    pub(super) fn is_heartbeat(&self, principal: &str) -> bool {
        self.heartbeat.as_ref().is_some_and(|list| list.matches(principal))
    }

    /// True if the principal is a forge, which merges what people made and is nobody itself.
    pub(super) fn is_forge(&self, principal: &str) -> bool {
        self.forge.as_ref().is_some_and(|list| list.matches(principal))
    }

    /// True if any of these principals and paths is judged by these rules at all.
    pub(super) const fn decide(&self) -> bool {
        let Self { max_age: _, heartbeat, forge, rules } = self;
        heartbeat.is_some() || forge.is_some() || !rules.is_empty()
    }

    /// Whether these people together may change a path on a host, and by which rules. Without rules they may, by none.
    /// Every rule counts for a host of unknown name.
    pub(super) fn permit(&self, host: Option<&str>, path: &[u8], people: &BTreeSet<&str>) -> Result<Vec<&str>, Denial> {
        let mut by = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.covers(host, path)) {
            let found = people.iter().filter(|person| rule.signers.matches(person)).count();
            if found == 0 {
                return Err(Denial::NoSigner { rule: rule.name.clone() });
            }
            if found < rule.threshold {
                return Err(Denial::TooFew { rule: rule.name.clone(), wanted: rule.threshold, found });
            }
            by.push(rule.name.as_str());
        }
        if by.is_empty() && !self.rules.is_empty() { Err(Denial::NoRule) } else { Ok(by) }
    }

    /// What manifests at a path may ask for on a host, as their `may` says; none if nothing narrows it. Where there are
    /// rules and none covers the path, that is nothing.
    #[must_use]
    pub fn powers(&self, host: Option<&str>, path: &[u8]) -> Option<BTreeSet<Power>> {
        let mut covering = self.rules.iter().filter(|rule| rule.covers(host, path)).peekable();
        if covering.peek().is_none() && !self.rules.is_empty() {
            return Some(BTreeSet::new());
        }
        covering.filter_map(|rule| rule.may.clone()).reduce(|one, other| one.intersection(&other).copied().collect())
    }
}

impl Rule {
    fn covers(&self, host: Option<&str>, path: &[u8]) -> bool {
        let on_host = match (&self.hosts, host) {
            (Some(hosts), Some(host)) => hosts.matches(host),
            (None, _) | (Some(_), None) => true,
        };
        on_host && self.paths.matches(path)
    }
}

/// Turns what was written into what it means, and collects what is wrong.
struct Reader<'a> {
    text: &'a str,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn wrong(&mut self, at: usize, what: &str) {
        self.problems.push(format!("line {}: {what}", line(self.text, at)));
    }

    fn rules(&mut self, raw: raw::Rules) -> Rules {
        let raw::Rules { version, max_age, heartbeat, forge, rule } = raw;
        if *version.get_ref() != VERSION {
            self.wrong(version.span().start, &format!("`version` is {VERSION} in what this program reads"));
        }
        if rule.len() > RULES_MAX {
            self.wrong(0, &format!("there are more than {RULES_MAX} rules"));
        }
        let mut names = BTreeSet::new();
        let mut rules = Vec::with_capacity(rule.len());
        for raw in rule {
            let at = raw.span().start;
            if let Some(rule) = self.rule(raw.into_inner()) {
                if !names.insert(rule.name.clone()) {
                    self.wrong(at, &format!("two rules are called `{}`", rule.name));
                }
                rules.push(rule);
            }
        }
        let max_age = max_age.and_then(|written| {
            let age = Seconds::parse(written.get_ref()).filter(|age| age.0 > 0);
            if age.is_none() {
                self.wrong(written.span().start, "`max_age` is a span such as `12h` or `30d`, above zero");
            }
            age
        });
        let heartbeat = heartbeat.and_then(|list| self.patterns("heartbeat", list));
        let forge = forge.and_then(|list| self.patterns("forge", list));
        Rules { max_age, heartbeat, forge, rules }
    }

    fn rule(&mut self, raw: raw::Rule) -> Option<Rule> {
        let raw::Rule { name, paths, hosts, signers, threshold, may } = raw;
        if name.get_ref().is_empty() || name.get_ref().chars().any(char::is_control) {
            self.wrong(name.span().start, "`name` is a word or some words, in one line");
        }
        let at = paths.span().start;
        let paths = PathPatterns::parse(paths.get_ref().iter().map(String::as_str));
        if let Err((place, error)) = &paths {
            self.wrong(at, &format!("pattern {} of `paths` is none: {error}", place + 1));
        }
        let hosts = hosts.map(|list| self.patterns("hosts", list));
        let signers = self.patterns("signers", signers);
        let threshold = threshold.map_or(Some(1), |written| {
            let count =
                usize::try_from(*written.get_ref()).ok().filter(|count| (1..=RULE_THRESHOLD_MAX).contains(count));
            if count.is_none() {
                self.wrong(written.span().start, &format!("`threshold` is a number from 1 to {RULE_THRESHOLD_MAX}"));
            }
            count
        });
        let may = may.map(|list| self.powers(&list));
        // One that is there and wrong makes no rule; one that is absent does.
        let sound = hosts.as_ref().is_none_or(Option::is_some) && may.as_ref().is_none_or(Option::is_some);
        let (name, hosts, may) = (name.into_inner(), hosts.flatten(), may.flatten());
        sound.then_some(Rule { name, paths: paths.ok()?, hosts, signers: signers?, threshold: threshold?, may })
    }

    fn patterns(&mut self, key: &str, list: Spanned<Vec<String>>) -> Option<PatternList> {
        let patterns = PatternList::of(list.get_ref());
        if patterns.is_none() {
            let what = format!("`{key}` is a list of patterns that can match somebody, each without a comma");
            self.wrong(list.span().start, &what);
        }
        patterns
    }

    fn powers(&mut self, list: &Spanned<Vec<String>>) -> Option<BTreeSet<Power>> {
        let powers = list.get_ref().iter().map(|word| Power::parse(word).ok_or(word.as_str()));
        let (known, unknown): (Vec<_>, Vec<_>) = powers.partition(Result::is_ok);
        if unknown.is_empty() {
            return Some(known.into_iter().flatten().collect());
        }
        let unknown: Vec<&str> = unknown.into_iter().filter_map(Result::err).collect();
        let all = Power::ALL.map(Power::name).join(", ");
        self.wrong(list.span().start, &format!("`may` names no power by {}; there are {all}", unknown.join(", ")));
        None
    }
}

/// The line of a place in a text, counted from 1.
fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
