//! Reads rules of trust: `.writ/trust.toml` of a tree, and the file of the same form by which a host sets its ceiling.
//!
//! Invariant: rules narrow. They are combined by AND, and where there are rules, what none of them covers is denied.
//! Invariant: what is not understood refuses the file; no key is skipped.

use std::collections::BTreeSet;

use super::authorizations::RULES;
use super::paths::PathPatterns;
use super::pattern::PatternList;
use super::terms::Terms;
use crate::account::{Account, Naming};
use crate::guard::Power;
use crate::limits::{RULE_THRESHOLD_MAX, RULES_BYTES_MAX, RULES_MAX};
use crate::text::{Place, Problem, Problems, Section, Written, is_control, quoted, read_toml};
use crate::time::Seconds;

/// The form that this version reads, named by the key `version`.
const VERSION: u32 = 1;

/// Rules of trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    max_age: Option<Seconds>,
    heartbeat: Option<PatternList>,
    forge: Option<PatternList>,
    rules: Vec<Rule>,
}

/// One rule: who may change some paths, what the manifests there may ask for, and as whom they are applied.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    name: String,
    paths: PathPatterns,
    hosts: Option<PatternList>,
    signers: PatternList,
    threshold: usize,
    may: Option<BTreeSet<Power>>,
    account: Option<Account>,
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
        let mut problems = Problems::default();
        let rules = read_toml(RULES, "the file of rules", text, &mut problems, read);
        let told = problems.sorted().into_iter().map(|problem| {
            let line = problem.place.as_ref().map_or(1, |place| line(text, place.start));
            let help = problem.help.as_ref().map_or(String::new(), |help| format!(" ({help})"));
            format!("line {line}: {}{help}", problem.message)
        });
        let told: Vec<String> = told.collect();
        rules.flatten().filter(|_| told.is_empty()).ok_or(RulesError(told))
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

    /// What holds on a host for manifests at a path. Where there are rules and none covers the path, they may ask for nothing.
    /// `from` is whose rules these are, in words.
    #[must_use]
    pub fn terms(&self, host: Option<&str>, path: &[u8], from: &str) -> Terms {
        let mut covering = self.rules.iter().filter(|rule| rule.covers(host, path)).peekable();
        if covering.peek().is_none() && !self.rules.is_empty() {
            return Terms { powers: Some(BTreeSet::new()), ..Terms::default() };
        }
        covering.map(|rule| rule.terms(from)).fold(Terms::default(), Terms::and)
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

    fn terms(&self, from: &str) -> Terms {
        let naming =
            |account: &Account| Naming { by: format!("rule {:?} of {from}", self.name), account: account.clone() };
        Terms { powers: self.may.clone(), accounts: self.account.iter().map(naming).collect() }
    }
}

/// Reads the whole file; none if anything in it is not right, which `problems` tells.
fn read(root: &mut Section<'_>, problems: &mut Problems) -> Option<Rules> {
    let version = root.number("version", problems);
    let version = root.require("version", version, problems);
    if let Some(version) = version.filter(|version| version.value != VERSION) {
        wrong(problems, version.place, format!("`version` is {VERSION} in what this program reads"));
    }
    let max_age = root.string("max_age", problems).map(|written| {
        let age = Seconds::parse(&written.value).filter(|age| age.0 > 0);
        if age.is_none() {
            wrong(problems, written.place, "`max_age` is a span such as `12h` or `30d`, above zero".to_owned());
        }
        age
    });
    let heartbeat = optional_patterns(root, "heartbeat", problems);
    let forge = optional_patterns(root, "forge", problems);
    let sections = root.sections("rule", problems);
    if sections.len() > RULES_MAX {
        wrong(problems, root.place.clone(), format!("there are more than {RULES_MAX} rules"));
        return None;
    }
    let mut names = BTreeSet::new();
    let mut rules = Vec::with_capacity(sections.len());
    for section in sections {
        let place = section.place.clone();
        let rule = read_rule(section, problems);
        if let Some(rule) = &rule
            && !names.insert(rule.name.clone())
        {
            wrong(problems, place, format!("two rules are called {}", quoted(&rule.name)));
        }
        rules.push(rule);
    }
    let rules = rules.into_iter().collect::<Option<Vec<_>>>();
    Some(Rules { max_age: max_age.flatten(), heartbeat: heartbeat?, forge: forge?, rules: rules? })
}

fn read_rule(mut section: Section<'_>, problems: &mut Problems) -> Option<Rule> {
    let name = section.string("name", problems);
    let name = section.require("name", name, problems);
    let paths = section.strings("paths", problems);
    let paths = section.require("paths", paths, problems).and_then(|paths| read_paths(&paths, problems));
    let hosts = optional_patterns(&mut section, "hosts", problems);
    let signers = section.strings("signers", problems);
    let signers = section.require("signers", signers, problems);
    let signers = signers.and_then(|signers| patterns("signers", &signers, problems));
    let threshold = section.number("threshold", problems).map_or(Some(1), |written| {
        let count = usize::try_from(written.value).ok().filter(|count| (1..=RULE_THRESHOLD_MAX).contains(count));
        if count.is_none() {
            wrong(problems, written.place, format!("`threshold` is a number from 1 to {RULE_THRESHOLD_MAX}"));
        }
        count
    });
    let may = section.strings("may", problems).map(|words| read_powers(&words, problems));
    let account = section.string("account", problems).map(|written| Account::read(written, problems));
    section.finish(problems);
    let name = name.filter(|name| {
        let sound = !name.value.is_empty() && !name.value.chars().any(is_control);
        if !sound {
            wrong(problems, name.place.clone(), "`name` is a word or some words, in one line".to_owned());
        }
        sound
    });
    // One that is there and wrong makes no rule; one that is absent does.
    let sound = may.as_ref().is_none_or(Option::is_some) && account.as_ref().is_none_or(Option::is_some);
    let (name, paths, hosts, signers, threshold) = (name?.value, paths?, hosts?, signers?, threshold?);
    sound.then_some(Rule { name, paths, hosts, signers, threshold, may: may.flatten(), account: account.flatten() })
}

fn read_paths(paths: &Written<Vec<Written<String>>>, problems: &mut Problems) -> Option<PathPatterns> {
    let read = PathPatterns::parse(paths.value.iter().map(|path| path.value.as_str()));
    read.map_err(|(at, error)| {
        let place = paths.value.get(at).map_or(&paths.place, |path| &path.place);
        wrong(problems, place.clone(), format!("this is no pattern of paths: {error}"));
    })
    .ok()
}

/// The patterns of a key that need not be there: the outer one is none if they are wrong.
fn optional_patterns(
    section: &mut Section<'_>,
    key: &'static str,
    problems: &mut Problems,
) -> Option<Option<PatternList>> {
    match section.strings(key, problems) {
        None => Some(None),
        Some(written) => patterns(key, &written, problems).map(Some),
    }
}

fn patterns(key: &str, list: &Written<Vec<Written<String>>>, problems: &mut Problems) -> Option<PatternList> {
    let texts: Vec<String> = list.value.iter().map(|text| text.value.clone()).collect();
    let patterns = PatternList::of(&texts);
    if patterns.is_none() {
        let what = format!("`{key}` is a list of patterns that can match somebody, each without a comma");
        wrong(problems, list.place.clone(), what);
    }
    patterns
}

fn read_powers(words: &Written<Vec<Written<String>>>, problems: &mut Problems) -> Option<BTreeSet<Power>> {
    let powers = words.value.iter().map(|word| {
        let power = Power::parse(&word.value);
        if power.is_none() {
            let all = [&[Power::ORDINARY][..], &Power::ALL.map(Power::name)].concat().join(", ");
            let problem =
                Problem::error(Some(word.place.clone()), format!("no power is called {}", quoted(&word.value)));
            problems.push(problem.help(format!("there are {all}")));
        }
        power
    });
    // All of them are looked at, so that all problems are told.
    let powers: Vec<Option<BTreeSet<Power>>> = powers.collect();
    powers.into_iter().collect::<Option<Vec<_>>>().map(|powers| powers.into_iter().flatten().collect())
}

fn wrong(problems: &mut Problems, place: Place, what: String) {
    problems.push(Problem::error(Some(place), what));
}

/// The line of a place in a text, counted from 1.
fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
