//! What a pass tells: on commits, in the journal, and how a unit stands.
//!
//! Invariant: what is told on a commit is about that commit.

use writ_core::alert::Kind;
use writ_core::guard::CheckedPlan;
use writ_core::plan::{Cause, Verb};
use writ_core::status::{CommitStatus, State};

use crate::agent::{Agent, Unit};
use crate::cycle::{CycleError, PassEnd};
use crate::gate;
use crate::record::{Pass, PassState, WorkEvent};
use crate::source::{Source, Trouble};
use crate::wanted::{Wanted, WantedError};

/// Records that a commit's files are not right, and says so on it. Where that could not be found out, nothing is refused.
pub(crate) fn refuse_files(
    agent: &Agent,
    source: &Source,
    unit: &Unit,
    commit: &str,
    error: &WantedError,
    end: &mut PassEnd,
) -> Result<(), CycleError> {
    end.units.push((unit.settings.name.clone(), State::Error, error.to_string()));
    if !error.is_refusal() {
        end.failed = true;
        end.findings.put_all(&unit.settings.name, Kind::Failure, commit, &[error.in_short()]);
        tracing::error!(unit = unit.settings.name, commit, "could not check: {error}");
        return say(agent, source, unit, commit, State::Error, &format!("could not check: {}", error.in_short()));
    }
    end.refused = true;
    end.findings.put_all(&unit.settings.name, Kind::Refusal, commit, &[error.in_short()]);
    let event = WorkEvent::Refused {
        unit: unit.settings.name.clone(),
        commit: Some(commit.to_owned()),
        object: None,
        pod: None,
        rule: error.rule().to_owned(),
        detail: error.to_string(),
    };
    agent.store.append_news(agent.clock.now(), &event.into())?;
    say(agent, source, unit, commit, State::Error, &format!("refused: {}", error.in_short()))
}

/// Records refusals of the guard and of the planner, and drift that is left as it is.
pub(crate) fn tell_refusals_and_drift(
    agent: &Agent,
    unit: &Unit,
    wanted: &Wanted,
    checked: &CheckedPlan,
) -> Result<(), CycleError> {
    let (now, name) = (agent.clock.now(), &unit.settings.name);
    for step in checked.plan().steps() {
        let (unit, commit) = (name.clone(), Some(wanted.commit.clone()));
        let (object, pod, detail) = (step.object.clone(), step.pod.clone(), step.why.clone());
        let event = match (step.verb, step.cause) {
            (Verb::Refuse, _) => {
                let rule = "plan".to_owned();
                WorkEvent::Refused { unit, commit, object: Some(object), pod, rule, detail }
            }
            (Verb::Keep, Cause::Drift) => WorkEvent::Drift { unit, commit, object, pod, detail },
            (_, Cause::Change | Cause::Drift | Cause::None) => continue,
        };
        agent.store.append_news(now, &event.into())?;
    }
    Ok(())
}

/// Remembers how a unit stands and says it on the commit that it is kept at. That a newer one waits is no news of that.
pub(crate) fn settle(
    agent: &Agent,
    source: &Source,
    unit: &Unit,
    wanted: &Wanted,
    state: State,
    text: String,
    end: &mut PassEnd,
) -> Result<(), CycleError> {
    let splits: String = source
        .splits
        .iter()
        .map(|it| format!("; split view: host {} follows {:.8}", it.host, it.head.to_string()))
        .collect();
    let text = text + &splits;
    let (state, text) = if end.gone { (State::Error, format!("{}; {text}", Trouble::Gone)) } else { (state, text) };
    let (standing, told) = match &*unit.waits.borrow() {
        None => (state, text.clone()),
        Some(wait) => (if state == State::Success { State::Pending } else { state }, format!("{text}; {wait}")),
    };
    // The head that a status carries covers the records of its pass.
    stands(agent, unit, Some(&wanted.commit), standing, told, end)?;
    say(agent, source, unit, &wanted.commit, state, &text)
}

/// Remembers how a unit stands that no commit was ever applied of, for the first one waits.
pub(crate) fn settle_unbegun(agent: &Agent, unit: &Unit, end: &mut PassEnd) -> Result<(), CycleError> {
    let text = unit.waits.borrow().as_ref().map_or_else(String::new, ToString::to_string);
    let kept = agent.store.standing(&unit.settings.name)?.and_then(|it| it.commit);
    stands(agent, unit, kept.as_deref(), State::Pending, text, end)
}

fn stands(
    agent: &Agent,
    unit: &Unit,
    commit: Option<&str>,
    state: State,
    text: String,
    end: &mut PassEnd,
) -> Result<(), CycleError> {
    let pass = Pass {
        unit: &unit.settings.name,
        commit,
        floor: None,
        state: Some(PassState { state, text: &text }),
        statuses: Vec::new(),
    };
    let behind = gate::waiting_behind(agent, unit);
    let before = if behind.is_empty() { None } else { agent.store.standing(&unit.settings.name)? };
    agent.store.finish_pass(agent.clock.now(), &pass)?;
    if before.is_none_or(|before| (before.state, before.commit.as_deref()) != (state, commit)) {
        behind.iter().for_each(|it| it.stirred.notify_one());
    }
    end.units.push((unit.settings.name.clone(), state, text));
    Ok(())
}

/// Puts a status into the outbox of every forge that is told about the source.
pub(crate) fn say(
    agent: &Agent,
    source: &Source,
    unit: &Unit,
    commit: &str,
    state: State,
    text: &str,
) -> Result<(), CycleError> {
    let status = CommitStatus {
        commit: commit.to_owned(),
        context: format!("writ/{}/{}", agent.settings.host.name, unit.settings.name),
        state,
        description: text.to_owned(),
    };
    for forge in agent.forges_of(&source.settings.name) {
        if agent.store.enqueue(agent.clock.now(), &forge, &status)? {
            agent.news.notify_one();
        }
    }
    Ok(())
}
