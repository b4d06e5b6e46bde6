//! `writ plan`

use serde_json::json;
use writ::agent::Agent;
use writ::cycle::{self, Preview, Refused};
use writ::interrupt::Interrupt;
use writ::source::{Source, Trouble};
use writ::view::event::short_commit;
use writ::wanted::WantedError;

use super::exit::{Ended, Exit, Failure};
use super::host::Host;
use super::spine;

#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 nothing to do, 2 steps, 3 refused, 1 failed.")]
pub(crate) struct Arguments {
    /// The commit to plan for, all 40 digits [default: what the branch leads to]
    #[arg(value_name = "REV")]
    revision: Option<String>,
    /// Only this unit
    #[arg(long)]
    unit: Option<String>,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let revision = arguments.revision.as_deref().filter(|revision| *revision != "HEAD");
    let wanted = arguments.unit.as_deref().map(|name| host.unit(name)).transpose()?.map(|unit| unit.name.clone());
    if host.settings()?.units.is_empty() {
        return Err(Failure::message(format!("{} names no [[unit]]", host.settings_file().display())));
    }
    let (agent, attendance) = spine::agent(host)?;
    let sources = spine::sources(host)?;
    let interrupt = Interrupt::default();
    let work = previews(&agent, sources, wanted.as_deref(), revision);
    let previews = spine::attended(&agent, attendance, &interrupt, work)?;
    let mut worst = Exit::Success;
    for preview in &previews {
        note(host, &agent, preview);
        worst = worse(worst, show(host, preview)?);
    }
    Ok(worst)
}

/// Shows warnings about the files that a plan follows from, and what of them is without effect.
fn note(host: &Host, agent: &Agent, preview: &Preview) {
    let unit = agent.unit(&preview.unit).filter(|_| preview.plan.is_some());
    let Some(wanted) = unit.and_then(|unit| unit.wanted.last()) else { return };
    if !wanted.notes.is_empty() {
        host.terminal.say(&wanted.notes.render(&wanted.sources, host.terminal.error_colour()));
    }
}

async fn previews(
    agent: &Agent,
    sources: Vec<Source>,
    wanted: Option<&str>,
    revision: Option<&str>,
) -> Result<Vec<Preview>, Failure> {
    let mut previews = Vec::new();
    for mut source in sources {
        let name = source.settings.name.clone();
        for unit in agent.units_of(&name).filter(|unit| wanted.is_none_or(|wanted| unit.settings.name == wanted)) {
            previews.push(cycle::preview(agent, &mut source, unit, revision).await?);
        }
    }
    Ok(previews)
}

/// Shows one unit's plan: a document of its own.
fn show(host: &Host, preview: &Preview) -> Ended {
    let Preview { unit, commit, plan, refusal, wait } = preview;
    let plan = plan.as_ref().map(writ_core::guard::CheckedPlan::plan);
    let refusal_text = refusal.as_ref().map(describe);
    let steps = plan.map(spine::steps).unwrap_or_default();
    let wait = wait.as_ref().map(ToString::to_string);
    let value = json!({
        "schema": "writ/plan/v1", "unit": unit, "commit": commit, "steps": steps, "refusal": refusal_text, "wait": wait,
    });
    let at = commit
        .as_deref()
        .map_or_else(|| "no commit to follow".to_owned(), |commit| format!("commit {}", short_commit(commit)));
    let mut text = format!("unit {unit}, {at}\n");
    if let Some(plan) = plan {
        text.push_str(&plan.to_string());
        if plan.is_empty() {
            text.push_str("nothing to do\n");
        }
    }
    if let Some(wait) = wait {
        text.push_str(&format!("not now: {wait}\n"));
    }
    host.terminal.show(&value, &text)?;
    let by_plan = plan.map_or(Exit::Success, spine::exit_of);
    Ok(match refusal {
        None => by_plan,
        Some(refusal) => {
            match refusal {
                Refused::Files(WantedError::Manifests { problems, sources }) => {
                    host.terminal.say(&problems.render(sources, host.terminal.error_colour()));
                }
                Refused::Files(WantedError::Tree(_) | WantedError::Confined(_) | WantedError::Unread(_))
                | Refused::Head(_) => {}
            }
            host.terminal.complain(&format!("unit {unit}: {}", describe(refusal)));
            exit_of(refusal)
        }
    })
}

fn describe(refusal: &Refused) -> String {
    match refusal {
        Refused::Head(trouble) => trouble.to_string(),
        Refused::Files(error) if !error.is_refusal() => format!("could not check: {}", error.in_short()),
        Refused::Files(error) => format!("the files of the commit are not right: {}", error.in_short()),
    }
}

const fn exit_of(refusal: &Refused) -> Exit {
    match refusal {
        Refused::Files(error) if !error.is_refusal() => Exit::Failure,
        Refused::Head(Trouble::Refused(_) | Trouble::NotEnrolled | Trouble::Gone) | Refused::Files(_) => Exit::Refused,
        Refused::Head(Trouble::Contradiction | Trouble::Unreadable(_) | Trouble::Unreachable(_)) => Exit::Failure,
    }
}

/// The exit code that says more of several units.
const fn worse(one: Exit, other: Exit) -> Exit {
    match (one, other) {
        (Exit::Failure, _) | (_, Exit::Failure) => Exit::Failure,
        (Exit::Refused, _) | (_, Exit::Refused) => Exit::Refused,
        (Exit::Changed, _) | (_, Exit::Changed) => Exit::Changed,
        (Exit::Success | Exit::Of(_), Exit::Success | Exit::Of(_)) => Exit::Success,
    }
}
