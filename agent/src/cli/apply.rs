//! `writ apply -f PATH`: files that nobody signed, on a host that allows it.

use std::path::PathBuf;

use serde_json::{Value, json};
use writ::agent::{Agent, Unit};
use writ::apply::{Applied, LaneEnd};
use writ::interrupt::Interrupt;
use writ::one_off::{self, Proposal};
use writ::record::OperatorEvent;
use writ::settings::person;
use writ::wanted::WantedError;
use writ_core::plan::Verb;

use super::exit::{Ended, Exit, Failure};
use super::host::Host;
use super::variables::Given;
use super::{files, spine};

#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 nothing to do, 2 changes made, 3 refused, 1 failed.")]
pub(crate) struct Arguments {
    /// A folder with manifests, or one manifest
    #[arg(short = 'f', long = "file", value_name = "PATH")]
    path: PathBuf,
    #[command(flatten)]
    variables: Given,
    /// Ask nothing
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let Arguments { path, variables, yes } = arguments;
    let variables = variables.read()?;
    if !host.settings()?.host.allow_unsigned_apply {
        host.terminal.complain(
            "this host applies signed commits alone: commit the files, or set `allow_unsigned_apply = true` in [host]",
        );
        return Err(Failure::Said(Exit::Refused));
    }
    let files = files::read(path)?;
    let (agent, attendance) = spine::agent_with_local(host, variables)?;
    let unit = agent.unit(spine::local()).ok_or_else(|| Failure::message("the unit of local files is missing"))?;
    let interrupt = Interrupt::default();
    spine::attended(&agent, attendance, &interrupt, async {
        let (proposal, wanted) = match one_off::propose_files(&agent, unit, &files).await? {
            Ok(proposed) => proposed,
            Err(WantedError::Manifests { problems, sources }) => {
                return Err(files::refused(&problems, &sources, &host.terminal));
            }
            Err(error @ (WantedError::Tree(_) | WantedError::Confined(_) | WantedError::Unread(_))) => {
                return Err(Failure::message(error.to_string()));
            }
        };
        if !wanted.notes.is_empty() {
            host.terminal.say(&wanted.notes.render(&wanted.sources, host.terminal.error_colour()));
        }
        let shown = path.display().to_string();
        if !proposal.plan.plan().is_empty() {
            host.terminal.say(&proposal.plan.plan().to_string());
            host.terminal.confirm("Do this, with files that nobody signed?", *yes)?;
            let event = OperatorEvent::UnsignedApply { unit: unit.settings.name.clone(), owner: person(), path: shown };
            agent.store.append(host.now(), &event.into())?;
        }
        accept(host, &agent, unit, &proposal, &interrupt).await
    })
}

/// Applies a proposal and says what became of it.
pub(crate) async fn accept(
    host: &Host,
    agent: &Agent,
    unit: &Unit,
    proposal: &Proposal,
    interrupt: &Interrupt,
) -> Ended {
    let applied = one_off::accept(agent, unit, proposal, interrupt).await?;
    let Applied { changes, ends } = &applied;
    let documents: Vec<Value> = ends
        .iter()
        .map(|(object, end)| {
            let (end, detail) = told(end);
            json!({"object": object.to_string(), "end": end, "detail": detail})
        })
        .collect();
    let value = json!({
        "schema": "writ/applied/v1", "unit": unit.settings.name, "changes": changes,
        "steps": spine::steps(proposal.plan.plan()), "objects": documents,
    });
    let mut text = String::new();
    for (object, end) in ends {
        let (end, detail) = told(end);
        let detail = detail.map(|detail| format!(": {detail}")).unwrap_or_default();
        text.push_str(&format!("{object}  {end}{detail}\n"));
    }
    text.push_str(&match changes {
        0 => "nothing was changed\n".to_owned(),
        1 => "1 step was taken\n".to_owned(),
        more => format!("{more} steps were taken\n"),
    });
    host.terminal.show(&value, &text)?;
    let refused = proposal.plan.plan().steps().any(|step| step.verb == Verb::Refuse);
    let failed = ends.iter().any(|(_, end)| matches!(end, LaneEnd::Failed(_) | LaneEnd::Interrupted { .. }));
    Ok(match (failed, refused, changes) {
        (true, _, _) => Exit::Failure,
        (false, true, _) => Exit::Refused,
        (false, false, 0) => Exit::Success,
        (false, false, _) => Exit::Changed,
    })
}

fn told(end: &LaneEnd) -> (&'static str, Option<String>) {
    match end {
        LaneEnd::Done => ("done", None),
        LaneEnd::Refused(why) => ("refused", Some(why.clone())),
        LaneEnd::Failed(why) => ("failed", Some(why.clone())),
        LaneEnd::Interrupted { waiting_for, reason } => {
            ("interrupted", Some(format!("{reason}, waiting for {waiting_for}")))
        }
    }
}
