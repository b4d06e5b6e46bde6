//! By which rules and people commits change paths, in words and documents: what let an object's file be what it is.

use serde_json::{Value, json};
use writ_core::account::{Clash, Naming};
use writ_core::trust::{Allowance, Grounds};

use super::event::short_commit;
use crate::record::Allowed;

/// How many paths of one commit are named in text; a document has all.
const PATHS_SHOWN: usize = 3;

/// The file that declares an object, from the root of the tree, and what let it be what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The file.
    pub file: String,
    /// What let it be what it is.
    pub grounds: Grounds,
    /// As whom it is applied to a cluster, and who says so, or why as nobody; none as the agent itself.
    pub account: Result<Option<Naming>, Clash>,
}

impl Declared {
    /// The lines of `writ why`: a name and what stands behind it.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let Self { file, grounds, account } = self;
        let mut lines = vec![("file", file.clone())];
        match grounds {
            Grounds::Unruled => lines.push(("allowed", "there are no rules: each listed key may change it".to_owned())),
            Grounds::Introduced => {
                lines.push((
                    "allowed",
                    "no commit changed it since the introduction, which this host pinned".to_owned(),
                ));
            }
            Grounds::Changed { commit, allowances } if allowances.is_empty() => {
                lines.push(("allowed", format!("commit {commit} changed it last, when there were no rules")));
            }
            Grounds::Changed { commit, allowances } => {
                let by = Allowed::of(allowances);
                lines.extend(by.iter().map(|it| ("allowed", format!("to commit {commit} {}", in_words(it)))));
            }
        }
        match account {
            Ok(Some(Naming { by, account })) => lines.push(("applied", format!("as {account}, which {by} names"))),
            Ok(None) => {}
            Err(clash) => lines.push(("applied", format!("as nobody: {clash}"))),
        }
        lines
    }

    /// As a document.
    pub fn document(&self) -> Value {
        let Self { file, grounds, account } = self;
        let account = account.as_ref().ok().and_then(Option::as_ref).map(|naming| naming.account.to_string());
        let (basis, commit, allowances) = match grounds {
            Grounds::Unruled => ("no-rules", None, [].as_slice()),
            Grounds::Introduced => ("introduction", None, [].as_slice()),
            Grounds::Changed { commit, allowances } => ("commit", Some(commit.to_string()), allowances.as_slice()),
        };
        json!({
            "file": file, "basis": basis, "commit": commit, "allowed": documents(allowances), "account": account,
        })
    }
}

/// What let a commit change its paths, as a document.
pub fn documents(allowances: &[Allowance]) -> Vec<Value> {
    let documents = allowances.iter().map(|allowance| {
        let Allowance { parent, path, rules, people, approvals } = allowance;
        json!({
            "parent": parent.to_string(), "path": String::from_utf8_lossy(path), "rules": rules, "people": people,
            "approvals": approvals,
        })
    });
    documents.collect()
}

/// What let a commit change its paths, in a line for all paths that have it in common.
pub fn lines(allowed: &[Allowed]) -> Vec<String> {
    let line =
        |it: &Allowed| format!("{}: {}, against {}", paths(it, PATHS_SHOWN), in_words(it), short_commit(&it.parent));
    allowed.iter().map(line).collect()
}

/// The first `shown` of the paths, and how many there are beyond these.
pub fn paths(allowed: &Allowed, shown: usize) -> String {
    let Allowed { parent: _, rules: _, people: _, approvals: _, paths, more } = allowed;
    let named: Vec<String> = paths.iter().take(shown).map(|path| path.escape_debug().to_string()).collect();
    let beyond = u64::try_from(paths.len() - named.len()).unwrap_or(u64::MAX).saturating_add(*more);
    let beyond = if beyond == 0 { String::new() } else { format!(" and {beyond} more") };
    named.join(", ") + &beyond
}

/// The rules and the people.
pub fn in_words(allowed: &Allowed) -> String {
    let Allowed { parent: _, rules, people, approvals, paths: _, more: _ } = allowed;
    let rules: Vec<String> = rules.iter().map(|rule| format!("{rule:?}")).collect();
    let by = match rules.as_slice() {
        [] => "without a rule".to_owned(),
        [rule] => format!("by rule {rule}"),
        rules => format!("by rules {}", rules.join(", ")),
    };
    let named = people.iter().map(|person| match approvals.contains(person) {
        true => format!("{person} (approved)"),
        false => person.clone(),
    });
    let people: Vec<String> = named.collect();
    format!("{by} for {}", if people.is_empty() { "nobody by name".to_owned() } else { people.join(", ") })
}
