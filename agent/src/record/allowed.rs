//! What let an admitted commit change its paths, as the journal keeps it: paths that have it in common stand together.

use writ_core::trust::Allowance;

use crate::limits::ALLOWED_PATHS_MAX;

/// What let a commit change some of its paths, on one of its edges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// The parent whose rules were asked.
    pub parent: String,
    /// The rules that cover the paths, by name; none where there are none.
    pub rules: Vec<String>,
    /// The people who counted.
    pub people: Vec<String>,
    /// Those of them who approved.
    pub approvals: Vec<String>,
    /// The paths, from the root of the tree.
    pub paths: Vec<String>,
    /// Paths beyond [`ALLOWED_PATHS_MAX`].
    pub more: u64,
}

impl Allowed {
    /// All that let a commit change its paths, in the order of the first path of each.
    #[must_use]
    pub fn of(allowances: &[Allowance]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for Allowance { parent, path, rules, people, approvals } in allowances {
            let parent = parent.to_string();
            let path = String::from_utf8_lossy(path).into_owned();
            let same = |known: &&mut Self| {
                known.parent == parent
                    && known.rules == *rules
                    && known.people == *people
                    && known.approvals == *approvals
            };
            match all.iter_mut().find(same) {
                Some(known) if known.paths.len() < ALLOWED_PATHS_MAX => known.paths.push(path),
                Some(known) => known.more += 1,
                None => all.push(Self {
                    parent,
                    rules: rules.clone(),
                    people: people.clone(),
                    approvals: approvals.clone(),
                    paths: vec![path],
                    more: 0,
                }),
            }
        }
        all
    }
}
