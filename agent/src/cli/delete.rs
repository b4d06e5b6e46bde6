//! `writ delete KIND/SCOPE/NAME`
//!
//! Invariant: data is destroyed only with `--prune`, and told in the record before it is.

use writ::agent::{Agent, Unit};
use writ::interrupt::Interrupt;
use writ::one_off;
use writ::record::OperatorEvent;
use writ::settings::person;
use writ_core::dialect::Variables;
use writ_core::model::{BucketRef, ObjectId};
use writ_core::plan::{Act, Plan};

use super::exit::{Ended, Exit, Failure};
use super::host::Host;
use super::{apply, object, spine};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The object (statefulset/data/pg)
    object: String,
    /// Destroy its volumes, those of every ordinal ever, and its config bucket, too
    #[arg(long)]
    prune: bool,
    /// Ask nothing
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let Arguments { object, prune, yes } = arguments;
    let object = object::parse(object)?;
    let (agent, attendance) = spine::agent_with_local(host, Variables::default())?;
    let unit = holder(&agent, &object)?;
    let interrupt = Interrupt::default();
    let ended = spine::attended(&agent, attendance, &interrupt, async {
        let proposal = one_off::propose_removal(&agent, unit, &object, *prune).await?;
        let plan = proposal.plan.plan();
        let bucket = BucketRef { scope: object.scope.clone(), name: Some(object.name.clone()) };
        let has_bucket = *prune && agent.store.buckets()?.contains_key(&bucket);
        let held = agent.store.holding(&unit.settings.name, &object)?.is_some();
        if plan.is_empty() && !has_bucket && !held {
            return Err(Failure::message(format!("there is nothing to remove of {object} on this host")));
        }
        host.terminal.say(&plan.to_string());
        let volumes = volumes(plan);
        host.terminal.confirm(&question(&object, *prune, &volumes, has_bucket), *yes)?;
        if *prune {
            let unit = held.then(|| unit.settings.name.clone());
            let event = OperatorEvent::Pruned { unit, object: object.clone(), owner: person(), volumes };
            agent.store.append(host.now(), &event.into())?;
        }
        let exit = apply::accept(host, &agent, unit, &proposal, &interrupt).await?;
        if *prune && matches!(exit, Exit::Success | Exit::Changed) {
            let keys = one_off::destroy_bucket(&agent, &object)?;
            if keys > 0 {
                host.terminal.say(&format!("config bucket {}/{} is gone ({keys} keys)", object.scope, object.name));
            }
        }
        if unit.settings.name != spine::local() && held {
            host.terminal.say("its unit follows Git: if the manifest is still there, the next pass makes it again");
        }
        Ok(exit)
    })?;
    // To remove is to change; whoever asked for that asks whether it is done.
    Ok(match ended {
        Exit::Success | Exit::Changed => Exit::Success,
        Exit::Failure | Exit::Refused | Exit::Of(_) => Exit::Failure,
    })
}

/// The unit that holds an object; that of local files for what nobody holds.
fn holder<'a>(agent: &'a Agent, object: &ObjectId) -> Result<&'a Unit, Failure> {
    for unit in agent.units() {
        if agent.store.holding(&unit.settings.name, object)?.is_some() {
            return Ok(unit);
        }
    }
    agent.unit(spine::local()).ok_or_else(|| Failure::message("the unit of local files is missing"))
}

fn volumes(plan: &Plan) -> Vec<String> {
    let named = plan.steps().filter_map(|step| match &step.act {
        Act::RemoveVolume { volume } => Some(volume.clone()),
        Act::Nothing
        | Act::CreateNetwork
        | Act::CreateVolume(_)
        | Act::BackUp(_)
        | Act::CreatePod(_)
        | Act::StartPod { .. }
        | Act::MendPod { .. }
        | Act::ReplacePod { .. }
        | Act::RemovePod { .. }
        | Act::Serve(_)
        | Act::ApplyObject(_)
        | Act::DeleteObject(_) => None,
    });
    named.collect()
}

fn question(object: &ObjectId, prune: bool, volumes: &[String], has_bucket: bool) -> String {
    if !prune {
        return format!("Remove {object}, and keep its volumes?");
    }
    let bucket = if has_bucket { " and its config bucket" } else { "" };
    match volumes {
        [] => format!("Remove {object}{bucket}? It has no volumes."),
        _ => format!("Remove {object}{bucket}, and destroy for ever: {}?", volumes.join(", ")),
    }
}
