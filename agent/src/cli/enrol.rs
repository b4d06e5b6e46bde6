//! `writ enrol`: a person says where trust in a source begins.
//!
//! Invariant: nothing is enrolled that the named key did not sign.

use std::sync::Arc;

use serde_json::json;
use writ::git::{GitError, Mirror, Repository, Summary};
use writ::record::{Introduced, OperatorEvent, Store, machine};
use writ::settings::{Source, person};
use writ::target::{Context, Keeper};
use writ_core::trust::{CommitId, Introduction, KeyId, Outcome, Question, Verdict};

use super::exit::{Ended, Exit, Failure};
use super::host::{self, Host, block_on};
use super::moment;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The source, if the settings name several
    source: Option<String>,
    /// The commit where trust begins [default: as the settings pin it; else the head of the branch, after a question]
    #[arg(long)]
    commit: Option<CommitId>,
    /// Fingerprint of the key that signed it (SHA256:… or OPENPGP:…) [default: as the settings pin it; else as found, after a question]
    #[arg(long)]
    signer: Option<KeyId>,
    /// Take the source's units over from another state directory that looks after them on the engine: for when that one is
    /// lost or given up
    #[arg(long)]
    take_over: bool,
    /// Ask nothing; needs --commit and --signer, or settings that pin them
    #[arg(long)]
    yes: bool,
}

/// An introduction with all that a person needs to say yes to it.
struct Proposal {
    introduction: Introduction,
    principal: Option<String>,
    summary: Summary,
    head: CommitId,
    head_trouble: Option<String>,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let Arguments { source, commit, signer, take_over, yes } = arguments;
    let source = host.source(source.as_deref())?;
    let (commit, signer) = wanted(source, *commit, *signer)?;
    if *yes && (commit.is_none() || signer.is_none()) {
        return Err(Failure::message(
            "--yes needs --commit and --signer: without a person, nothing else says what to trust",
        ));
    }
    let proposal = propose(host, source, commit, signer)?;
    let introduced = Introduced {
        commit: proposal.introduction.commit.to_string(),
        signer: proposal.introduction.signer.to_string(),
    };
    let store = host.store()?;
    let before = store.introduction(&source.name)?;
    let is_new = before.as_ref() != Some(&introduced);
    host.terminal.say(&describe(source, &proposal));
    if is_new {
        if let Some(Introduced { commit, signer }) = &before {
            host.terminal
                .say(&format!("It replaces commit {commit} of {signer}, and the floor that was reached from there."));
        }
        host.terminal.confirm("Is this where trust begins?", *yes)?;
        store.enrol(host.now(), &source.name, &introduced)?;
    }
    let taken = if *take_over { take_units_over(host, source, &store, *yes)? } else { Vec::new() };
    let value = json!({
        "schema": "writ/enrolment/v1", "source": source.name, "commit": introduced.commit, "signer": introduced.signer,
        "principal": proposal.principal, "new": is_new,
        "taken_over": taken,
    });
    let how = if is_new { "enrolled" } else { "was enrolled so already" };
    host.terminal
        .show(&value, &format!("source {} {how}: trust begins at commit {}\n", source.name, introduced.commit))?;
    Ok(Exit::Success)
}

/// Takes the units of a source over from another state directory. What is looked after by nobody else stays as it is.
/// Gives the units that were taken.
fn take_units_over(host: &Host, source: &Source, store: &Store, yes: bool) -> Result<Vec<String>, Failure> {
    let settings = host.settings()?;
    let here = Keeper { store: store.id()?, machine: machine() };
    let mut taken = Vec::new();
    for unit in settings.units.iter().filter(|unit| unit.source == source.name) {
        let target = host.target(unit)?.kept_by(here.clone());
        let context = Context { host: settings.host.name.clone(), unit: unit.name.clone(), commit: None };
        let Some(Keeper { store: other, machine }) = block_on(target.other_keeper(&context))?? else { continue };
        host.terminal.say(&format!("Unit {} is looked after by store {other}, machine {machine}.", unit.name));
        host.terminal.confirm("Is that one ended for good, and shall this one look after it?", yes)?;
        let event = OperatorEvent::Overridden {
            unit: unit.name.clone(),
            object: None,
            owner: person(),
            rule: "one-keeper".to_owned(),
            reason: format!("taken over from store {other}, machine {machine}"),
        };
        store.append(host.now(), &event.into())?;
        block_on(target.take_over(&context))??;
        taken.push(unit.name.clone());
    }
    Ok(taken)
}

/// What the words or the settings name. Two that differ are refused: the agent would refuse them, too.
fn wanted(
    source: &Source,
    commit: Option<CommitId>,
    signer: Option<KeyId>,
) -> Result<(Option<CommitId>, Option<KeyId>), Failure> {
    let Some(pinned) = &source.introduction else { return Ok((commit, signer)) };
    let (pinned_commit, pinned_signer) = (pinned.commit.parse()?, pinned.signer.parse()?);
    if commit.is_some_and(|commit| commit != pinned_commit) || signer.is_some_and(|signer| signer != pinned_signer) {
        let message = format!("the settings pin another introduction of source `{}`: change them first", source.name);
        return Err(Failure::message(message));
    }
    Ok((Some(pinned_commit), Some(pinned_signer)))
}

/// Fetches the source and finds out who signed the commit.
fn propose(host: &Host, source: &Source, commit: Option<CommitId>, signer: Option<KeyId>) -> Result<Proposal, Failure> {
    let (folder, remote) = (host.mirror_folder(source)?, host::remote(source));
    let mut mirror = match Mirror::open(&folder, &remote) {
        Err(GitError::MirrorBroken { .. }) => Mirror::afresh(&folder, &remote)?,
        opened => opened?,
    };
    let head = mirror.fetch()?.ok_or_else(|| {
        Failure::message(format!("source `{}` has no branch `{}`: push it first", source.name, source.branch))
    })?;
    let repository = Repository::open(&folder)?;
    let commit = commit.unwrap_or(head);
    let summary = repository.summary(commit)?;
    // Whose signature a commit bears is found by any judgement of it, whichever key it asks for.
    let asked = Introduction { commit, signer: signer.unwrap_or_else(|| KeyId::of_key(b"")) };
    let found = judge(host, &repository, &asked, commit)?;
    let introduction = match (signer, found.signer) {
        (None, Some(signer)) => Introduction { commit, signer },
        (Some(_), _) | (None, None) => asked,
    };
    let Verdict { commit: _, outcome, signer: _, principal, allowances: _ } =
        judge(host, &repository, &introduction, commit)?;
    match outcome {
        Outcome::Admitted => {}
        Outcome::Refused(reason, detail) => {
            let message = format!("commit {commit} cannot be enrolled ({}): {detail}", reason.code());
            return Err(Failure::message(message));
        }
        Outcome::Unchecked(detail) => {
            return Err(Failure::message(format!("commit {commit} could not be checked: {detail}")));
        }
    }
    let heard = repository.judge(&question(host, &introduction, head)?)?;
    let head_trouble = heard.end(None).err().map(|refusal| refusal.to_string());
    Ok(Proposal { introduction, principal, summary, head, head_trouble })
}

fn question(host: &Host, introduction: &Introduction, head: CommitId) -> Result<Question, Failure> {
    let (introduction, own) = (*introduction, Arc::new(host.trust()?));
    Ok(Question { head, introduction, floor: None, first_seen: host.now(), host: own })
}

fn judge(
    host: &Host,
    repository: &Repository,
    introduction: &Introduction,
    commit: CommitId,
) -> Result<Verdict, Failure> {
    let verdicts = repository.verdicts(&question(host, introduction, commit)?)?;
    let verdict = verdicts.commits.into_iter().find(|verdict| verdict.commit == commit);
    verdict.ok_or_else(|| Failure::message(format!("commit {commit} could not be judged")))
}

fn describe(source: &Source, proposal: &Proposal) -> String {
    let Proposal { introduction, principal, summary, head, head_trouble } = proposal;
    let Summary { author, committed, subject } = summary;
    let principal = principal.as_deref().unwrap_or("nobody that it names");
    let mut text = format!(
        "source   {} ({}, branch {})\ncommit   {}\n         {subject}\n         {author}, {}\nsigned   with {}\n         by {principal}\n",
        source.name,
        source.url,
        source.branch,
        introduction.commit,
        moment::shown(*committed),
        introduction.signer,
    );
    match head_trouble {
        None if *head == introduction.commit => text.push_str("head     this commit\n"),
        None => text.push_str(&format!("head     {head}, admitted from there\n")),
        Some(trouble) => text.push_str(&format!("head     {head} is NOT admitted from there: {trouble}\n")),
    }
    text
}
