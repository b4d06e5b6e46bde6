//! Puts the agent together for a command, and runs what the command asks of it.

use std::rc::Rc;

use writ::agent::Agent;
use writ::attendance::Attendance;
use writ::interrupt::{Interrupt, Reason};
use writ::one_off::{LOCAL, local_unit, shared_plugins};
use writ::settings::Settings;
use writ::source::Source;
use writ_core::plan::{Plan, Step, Verb};

use super::exit::{Exit, Failure};
use super::host::{Host, block_on};
use super::pods;
use super::progress::Shown;

/// The agent with the units of the settings.
pub(crate) fn agent(host: &Host) -> Result<(Agent, Attendance), Failure> {
    with(host, host.settings()?.clone())
}

/// The agent with one more unit, to which local files belong. It is on the engine, unless the host has none.
pub(crate) fn agent_with_local(host: &Host) -> Result<(Agent, Attendance), Failure> {
    let mut settings = host.settings()?.clone();
    let kind = pods::local_kind(&settings);
    let plugins = shared_plugins(&settings.units);
    settings.units.push(local_unit(kind, settings.host.guard.clone(), plugins));
    with(host, settings)
}

fn with(host: &Host, settings: Settings) -> Result<(Agent, Attendance), Failure> {
    let store = Rc::new(host.store()?);
    Ok(Agent::new(settings, host.clock(), store, Box::new(Shown::on(host.terminal)))?)
}

/// The sources of the settings, opened.
pub(crate) fn sources(host: &Host) -> Result<Vec<Source>, Failure> {
    let settings = host.settings()?;
    settings.sources.iter().map(|source| Ok(Source::open(&settings.host, source)?)).collect()
}

/// Does some work with the agent while somebody looks after its pods, until it is done or the user ends it.
pub(crate) fn attended<T>(
    agent: &Agent,
    attendance: Attendance,
    interrupt: &Interrupt,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    block_on(async {
        let stop = async {
            if tokio::signal::ctrl_c().await.is_ok() {
                interrupt.raise(Reason::Stop);
            }
            std::future::pending().await
        };
        tokio::select! {
            done = work => done,
            never = attendance.run(agent) => match never {},
            never = stop => never,
        }
    })?
}

/// The name of the unit that local files belong to.
pub(crate) const fn local() -> &'static str {
    LOCAL
}

/// What a plan comes to, as an exit code: nothing to do, something, or something refused.
pub(crate) fn exit_of(plan: &Plan) -> Exit {
    if plan.steps().any(|step| step.verb == Verb::Refuse) {
        Exit::Refused
    } else if plan.is_empty() {
        Exit::Success
    } else {
        Exit::Changed
    }
}

/// The steps of a plan as programs read them.
pub(crate) fn steps(plan: &Plan) -> Vec<serde_json::Value> {
    let step = |step: &Step| {
        let Step { verb, object, pod, why, cause: _, from, to, act: _, wait: _ } = step;
        let hash = |hash: &Option<writ_core::hash::SpecHash>| hash.as_ref().map(|hash| hash.as_str().to_owned());
        serde_json::json!({
            "verb": verb.name(), "object": object.to_string(), "pod": pod, "why": why, "from": hash(from),
            "to": hash(to),
        })
    };
    plan.steps().map(step).collect()
}
