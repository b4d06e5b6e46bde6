//! By which rules and people commits change paths: words and documents, and what let an object's file be what it is.

use serde_json::{Value, json};
use writ::error::chain;
use writ::git::Repository;
use writ::record::Store;
use writ::source::introduction;
use writ::wanted::path_in_tree;
use writ_core::account::{Clash, Naming};
use writ_core::cluster;
use writ_core::dialect::Target;
use writ_core::model::ObjectId;
use writ_core::time::Timestamp;
use writ_core::trust::{self, Allowance, Case, CommitId, Grounds, Outcome};

use super::event::short_commit;
use super::exit::Failure;
use super::files;
use super::host::Host;

/// How many paths of one commit are named in text; a document has all.
const PATHS_SHOWN: usize = 3;

/// The file that declares an object, from the root of the tree, and what let it be what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Declared {
    file: String,
    grounds: Grounds,
    /// As whom it is applied to a cluster, and who says so, or why as nobody; none as the agent itself.
    account: Result<Option<Naming>, Clash>,
}

/// What let the file of an object be what it is in a commit that this host applied, by the host's own copy of the source;
/// the inner error says why that cannot be told. Approvals are counted as they stood at the moment `admitted`.
pub(crate) fn of_object(
    host: &Host,
    store: &Store,
    object: &ObjectId,
    (unit, commit): (&str, &str),
    admitted: Timestamp,
) -> Result<Result<Declared, String>, Failure> {
    let settings = host.settings()?;
    let Some(unit) = settings.unit(unit) else { return Ok(Err(format!("the settings name no unit {unit} any more"))) };
    let Some(source) = settings.source(&unit.source) else {
        return Ok(Err(format!("the settings name no source {} any more", unit.source)));
    };
    let introduction = match introduction(store, source)? {
        Ok(introduction) => introduction,
        Err(trouble) => return Ok(Err(trouble.to_string())),
    };
    let (folder, trust, commit) = (host.mirror_folder(source)?, host.trust()?, commit.parse::<CommitId>()?);
    let read = || {
        let repository = Repository::open_copy(&folder, &source.name)?;
        let evidence = repository.evidence(&introduction, None, commit, &trust)?;
        Ok((repository, evidence))
    };
    let (repository, evidence) = match read() {
        Ok(read) => read,
        Err::<_, writ::git::GitError>(error) => return Ok(Err(chain(&error))),
    };
    let (introduction, host) = (&introduction, &trust);
    let case = Case { evidence: &evidence, introduction, floor: None, witnesses: None, first_seen: admitted, host };
    let admitted = match trust::admit(&case) {
        Ok(admitted) => admitted,
        Err(refusal) => return Ok(Err(refusal.detail)),
    };
    let files = match repository.files(&admitted, &unit.path) {
        Ok(files) => files,
        Err(error) => return Ok(Err(chain(&error))),
    };
    if unit.renderer.is_some() {
        return Ok(Err("it is rendered, and any file of its unit may have made it".to_owned()));
    }
    let lowered = files::judged(&files, &unit.variables, unit.target.dialect())?.lowered;
    let place = lowered.ok().and_then(|lowered| lowered.objects.into_iter().find(|it| it.id == *object)?.place(""));
    let Some(place) = place else { return Ok(Err("no file of the commit declares it".to_owned())) };
    let file = path_in_tree(&unit.path, &place.file);
    let account = match unit.target.dialect() {
        Target::Kubernetes => cluster::whom(unit.account.as_ref(), &admitted.terms(file.as_bytes()).accounts),
        Target::Docker => Ok(None),
    };
    Ok(match trust::grounds(&case, file.as_bytes()) {
        Ok(grounds) => Ok(Declared { file, grounds, account }),
        Err(Outcome::Refused(_, detail) | Outcome::Unchecked(detail)) => Err(detail),
        Err(Outcome::Admitted) => Err("nobody said why".to_owned()),
    })
}

impl Declared {
    /// The lines of `writ why`: a name and what stands behind it.
    pub(crate) fn lines(&self) -> Vec<(&'static str, String)> {
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
                let by = allowances.iter().map(|it| ("allowed", format!("to commit {commit} {}", in_words(it))));
                lines.extend(by);
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
    pub(crate) fn document(&self) -> Value {
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
pub(crate) fn documents(allowances: &[Allowance]) -> Vec<Value> {
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
pub(crate) fn lines(allowances: &[Allowance]) -> Vec<String> {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for allowance in allowances {
        let why = format!("{}, against {}", in_words(allowance), short_commit(&allowance.parent.to_string()));
        let path = String::from_utf8_lossy(&allowance.path).escape_debug().to_string();
        match lines.iter_mut().find(|(known, _)| *known == why) {
            Some((_, paths)) => paths.push(path),
            None => lines.push((why, vec![path])),
        }
    }
    let shown = |paths: &[String]| {
        let named: Vec<&str> = paths.iter().take(PATHS_SHOWN).map(String::as_str).collect();
        let more = paths.len().saturating_sub(PATHS_SHOWN);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        named.join(", ") + &more
    };
    lines.into_iter().map(|(why, paths)| format!("{}: {why}", shown(&paths))).collect()
}

/// The rules and the people.
fn in_words(allowance: &Allowance) -> String {
    let Allowance { parent: _, path: _, rules, people, approvals } = allowance;
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
