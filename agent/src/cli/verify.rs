//! `writ verify`: the verdict on every commit, from what is on this machine.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use writ::git::Repository;
use writ::record::{Allowed, RecordError};
use writ::settings::Source;
use writ::view::event::short_commit;
use writ::view::grounds;
use writ_core::trust::{CommitId, HostTrust, Introduction, KeyId, Outcome, Question, Reason, Verdict, Verdicts};

use super::exit::{Ended, Exit, Failure};
use super::host::Host;
use super::terminal::Colour;

#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 admitted, 3 refused, 1 could not check.")]
pub(crate) struct Arguments {
    /// The commit, branch or ref to judge [default: HEAD, or what the source offered last]
    revision: Option<String>,
    /// A repository to read instead of the host's own copy
    #[arg(long, value_name = "FOLDER", requires_all = ["introduction", "signer"], conflicts_with = "source")]
    git_dir: Option<PathBuf>,
    /// Where trust begins: a commit
    #[arg(long, value_name = "COMMIT", requires = "git_dir")]
    introduction: Option<CommitId>,
    /// Fingerprint of the key that signed it (SHA256:… or OPENPGP:…)
    #[arg(long, requires = "git_dir")]
    signer: Option<KeyId>,
    /// Judge the head of this branch
    #[arg(long, requires = "git_dir", conflicts_with = "revision")]
    branch: Option<String>,
    /// Judge as the host of this name does; without it every rule counts, whichever hosts it is for
    #[arg(long, value_name = "NAME", requires = "git_dir")]
    host: Option<String>,
    /// The source, if the settings name several
    #[arg(long)]
    source: Option<String>,
}

/// What is judged, and from where.
struct Asked {
    repository: Repository,
    introduction: Introduction,
    floor: Option<CommitId>,
    head: CommitId,
    trust: Arc<HostTrust>,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let asked = asked(host, arguments)?;
    let mut verdicts = asked.repository.verdicts(&asked.question(host, None))?;
    if let Some(floor) = asked.floor {
        refuse_rewind(host, &asked, floor, &mut verdicts)?;
    }
    host.terminal.show(&document(&verdicts), &text(host, &verdicts))?;
    let refused = verdicts.commits.iter().any(|verdict| matches!(verdict.outcome, Outcome::Refused(..)));
    Ok(match (verdicts.admitted(), refused) {
        (true, _) => Exit::Success,
        (false, true) => Exit::Refused,
        (false, false) => Exit::Failure,
    })
}

impl Asked {
    fn question(&self, host: &Host, floor: Option<CommitId>) -> Question {
        let Self { repository: _, introduction, floor: _, head, trust } = self;
        let (introduction, head, trust) = (*introduction, *head, Arc::clone(trust));
        Question { head, introduction, floor, first_seen: host.now(), host: trust }
    }
}

fn asked(host: &Host, arguments: &Arguments) -> Result<Asked, Failure> {
    let Arguments { revision, git_dir, introduction, signer, branch, host: name, source } = arguments;
    if let (Some(folder), Some(commit), Some(signer)) = (git_dir, introduction, signer) {
        let repository = Repository::open(folder)?;
        let revision = match (revision, branch) {
            (Some(revision), _) => revision.clone(),
            (None, Some(branch)) => format!("refs/heads/{branch}"),
            (None, None) => "HEAD".to_owned(),
        };
        let head = repository.resolve(&revision)?;
        let introduction = Introduction { commit: *commit, signer: *signer };
        let trust = Arc::new(HostTrust { name: name.clone(), ..HostTrust::default() });
        return Ok(Asked { repository, introduction, floor: None, head, trust });
    }
    let source = host.source(source.as_deref())?;
    let introduction = enrolled(host, source)?;
    let folder = host.mirror_folder(source)?;
    if !folder.exists() {
        return Err(Failure::message(format!(
            "source `{}` was never fetched: run `writ plan` or `writ run --once`",
            source.name
        )));
    }
    let repository = Repository::open_copy(&folder, &source.name)?;
    let offered = format!("refs/writ/{}/offered", source.name);
    let head = match revision.as_deref() {
        None | Some("HEAD") => repository.resolve(&offered)?,
        Some(revision) => repository.resolve(revision)?,
    };
    let floor = match host.store_read_only() {
        Ok(store) => store.floor(&source.name)?.map(|floor| floor.parse()).transpose()?,
        Err(Failure::Error(error)) if matches!(error.downcast_ref(), Some(RecordError::Absent { .. })) => None,
        Err(failure) => return Err(failure),
    };
    let trust = Arc::new(host.trust()?);
    Ok(Asked { repository, introduction, floor, head, trust })
}

/// Where trust in a source begins.
fn enrolled(host: &Host, source: &Source) -> Result<Introduction, Failure> {
    let enrolled = match host.store_read_only() {
        Ok(store) => store.introduction(&source.name)?.map(|introduced| (introduced.commit, introduced.signer)),
        Err(Failure::Error(error)) if matches!(error.downcast_ref(), Some(RecordError::Absent { .. })) => None,
        Err(failure) => return Err(failure),
    };
    let pinned = source.introduction.as_ref().map(|pinned| (pinned.commit.clone(), pinned.signer.clone()));
    let (commit, signer) = enrolled
        .or(pinned)
        .ok_or_else(|| Failure::message(format!("source `{0}` is not enrolled: run `writ enrol {0}`", source.name)))?;
    Ok(Introduction { commit: commit.parse()?, signer: signer.parse()? })
}

/// Adds what the floor says: a head that does not descend from what was applied last is refused, whoever signed it.
fn refuse_rewind(host: &Host, asked: &Asked, floor: CommitId, verdicts: &mut Verdicts) -> Result<(), Failure> {
    let heard = asked.repository.judge(&asked.question(host, Some(floor)))?;
    let Err(refusal) = heard.end(None) else { return Ok(()) };
    if refusal.reason != Some(Reason::Rewind) {
        return Ok(());
    }
    for verdict in verdicts.commits.iter_mut().filter(|verdict| verdict.commit == refusal.commit) {
        verdict.outcome = Outcome::Refused(Reason::Rewind, refusal.detail.clone());
    }
    Ok(())
}

fn document(verdicts: &Verdicts) -> Value {
    let commits: Vec<Value> = verdicts.commits.iter().map(commit).collect();
    json!({
        "schema": "writ/verdicts/v1", "head": verdicts.head.to_string(), "admitted": verdicts.admitted(),
        "commits": commits,
    })
}

fn commit(verdict: &Verdict) -> Value {
    let Verdict { commit, outcome, signer, principal, allowances } = verdict;
    let (verdict, reason, detail) = match outcome {
        Outcome::Admitted => ("admitted", None, None),
        Outcome::Refused(reason, detail) => ("refused", Some(reason.code()), Some(detail)),
        Outcome::Unchecked(detail) => ("unchecked", None, Some(detail)),
    };
    json!({
        "commit": commit.to_string(), "verdict": verdict, "signer": signer.map(|signer| signer.to_string()),
        "principal": principal, "reason": reason, "detail": detail,
        "allowed": grounds::documents(allowances),
    })
}

fn text(host: &Host, verdicts: &Verdicts) -> String {
    let terminal = &host.terminal;
    let mut text = String::new();
    let mut advice = None;
    for Verdict { commit, outcome, signer, principal, allowances } in &verdicts.commits {
        let commit = commit.to_string();
        let commit = short_commit(&commit);
        let who = match (principal, signer) {
            (Some(principal), Some(signer)) => format!("{principal}  {signer}"),
            (None, Some(signer)) => signer.to_string(),
            (_, None) => "no good signature".to_owned(),
        };
        let (verdict, why) = match outcome {
            Outcome::Admitted => (terminal.paint(Colour::Good, "admitted "), String::new()),
            Outcome::Refused(reason, detail) => {
                advice.get_or_insert(reason.advice());
                (terminal.paint(Colour::Bad, "refused  "), format!("  {}: {detail}", reason.code()))
            }
            Outcome::Unchecked(detail) => (terminal.paint(Colour::Busy, "unchecked"), format!("  {detail}")),
        };
        text.push_str(&format!("{verdict}  {commit}  {who}{why}\n"));
        for line in grounds::lines(&Allowed::of(allowances)) {
            text.push_str(&format!("           {line}\n"));
        }
    }
    let head = verdicts.head;
    match (verdicts.admitted(), advice) {
        (true, _) => text.push_str(&format!("head {head} is admitted\n")),
        (false, Some(advice)) => text.push_str(&format!("head {head} is refused. To mend it: {advice}\n")),
        (false, None) => text.push_str(&format!("head {head} could not be checked\n")),
    }
    text
}
