//! Earlier templates: what a commit that was applied before asks for, for pods that stay at its revision.
//!
//! Invariant: the commit is proved anew, like any that is applied.

use std::collections::BTreeMap;

use writ_core::holdings::Earlier;
use writ_core::model::ObjectId;
use writ_core::observed::Observed;
use writ_core::plan::{self, Template, Templates};

use crate::agent::{Agent, Unit};
use crate::record::RecordError;
use crate::source::Source;
use crate::wanted::Wanted;

/// The earlier templates that a plan for `wanted` needs; none in most passes.
///
/// # Errors
/// If the record cannot be read.
pub(crate) async fn templates(
    agent: &Agent,
    source: &Source,
    unit: &Unit,
    wanted: &Wanted,
    observed: &Observed,
) -> Result<Templates, RecordError> {
    let held = agent.store.holdings(&unit.settings.name)?;
    let mut templates = BTreeMap::new();
    for (object, Earlier { revision: _, commit }) in plan::earlier(&wanted.desired, observed, &held) {
        let template = match commit {
            Some(commit) => template(agent, source, unit, &object, &commit).await?,
            None => Template::Lost("files that nobody committed are not kept".to_owned()),
        };
        templates.insert(object, template);
    }
    Ok(templates)
}

async fn template(
    agent: &Agent,
    source: &Source,
    unit: &Unit,
    object: &ObjectId,
    commit: &str,
) -> Result<Template, RecordError> {
    let admitted = match source.prove(&agent.store, commit, agent.clock.now()).await? {
        Ok(admitted) => admitted,
        Err(trouble) => return Ok(Template::Lost(trouble.to_string())),
    };
    Ok(match unit.earlier.at(agent.reader(), &agent.store, source, &unit.settings, &admitted).await? {
        Ok(wanted) => match wanted.desired.workloads.get(object) {
            Some(workload) => Template::Found(Box::new(workload.clone())),
            None => Template::Lost("it does not ask for the workload".to_owned()),
        },
        Err(error) => Template::Lost(error.in_short()),
    })
}
