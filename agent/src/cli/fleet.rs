//! `writ fleet`

use serde_json::{Value, json};
use writ::error::chain;
use writ::fleet::{Member, members};
use writ::git::Repository;
use writ::settings::{Source, duration};
use writ::view::health::Health;
use writ::view::moment;
use writ_core::time::Timestamp;

use super::exit::{Ended, Exit, Failure};
use super::host::Host;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 all are as the head says, 2 some lag, wait or drifted, 1 some fail, fell silent or contradict."
)]
pub(crate) struct Arguments {
    /// Only this source
    #[arg(long)]
    source: Option<String>,
    /// A host that published nothing for this long counts as silent. Each publishes once a day at least
    #[arg(long, value_name = "TIME", default_value = "2d", value_parser = span)]
    silent: i64,
}

fn span(text: &str) -> Result<i64, String> {
    let millis = duration(text).and_then(|span| i64::try_from(span.as_millis()).ok());
    millis.ok_or_else(|| "write it as 12h or 2d".to_owned())
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let (settings, now) = (host.settings()?, host.now());
    let named = |source: &&Source| arguments.source.as_ref().is_none_or(|name| source.name == *name);
    let sources: Vec<&Source> = settings.sources.iter().filter(named).collect();
    if sources.is_empty() {
        return Err(Failure::message("the settings name no such source"));
    }
    let (mut worst, mut documents, mut text) = (Health::Healthy, Vec::new(), String::new());
    for source in sources {
        let found = of_source(host, source, Timestamp(now.0.saturating_sub(arguments.silent)))?;
        let (hosts, unusable) = match found {
            Ok(found) => found,
            Err(why) => {
                worst = worst.max(Health::Progressing);
                text.push_str(&format!("source {}: {why}\n", source.name));
                documents.push(json!({"source": source.name, "hosts": [], "unusable": [], "unknown": why}));
                continue;
            }
        };
        worst = hosts.iter().map(Member::health).chain([worst]).max().unwrap_or(worst);
        text.push_str(&lines(&source.name, &hosts, &unusable, now));
        let hosts: Vec<Value> = hosts.iter().map(|member| member.document(now)).collect();
        documents.push(json!({"source": source.name, "hosts": hosts, "unusable": unusable, "unknown": null}));
    }
    host.terminal.show(&json!({"schema": "writ/fleet/v1", "health": worst.name(), "sources": documents}), &text)?;
    Ok(match worst {
        Health::Healthy => Exit::Success,
        Health::Progressing | Health::Drifted => Exit::Changed,
        Health::Failing => Exit::Failure,
    })
}

/// Hosts, and what of what is published cannot be used.
type Found = (Vec<Member>, Vec<String>);

/// The hosts of a source by this host's copy of it, and what cannot be used there; the inner error says why nothing is known.
fn of_source(host: &Host, source: &Source, silent_before: Timestamp) -> Result<Result<Found, String>, Failure> {
    if !source.publish {
        return Ok(Err("this host does not take part: set `publish = true` in its [[source]]".to_owned()));
    }
    let Some(own) = host.store()?.floor(&source.name)?.and_then(|floor| floor.parse().ok()) else {
        return Ok(Err("nothing was applied from it yet".to_owned()));
    };
    let found = Repository::open_copy(&host.mirror_folder(source)?, &source.name)
        .and_then(|repository| members(&repository, &source.branch, own, silent_before));
    Ok(found.map_err(|error| chain(&error)))
}

fn lines(source: &str, hosts: &[Member], unusable: &[String], now: Timestamp) -> String {
    let width = hosts.iter().map(|member| member.published.host.len()).max().unwrap_or_default();
    let line = |member: &Member| {
        let (published, health) = (&member.published, member.health().name());
        let (head, since) = (published.head.to_string(), moment::age(published.time, now));
        let remarks = member.remarks(now).join("; ");
        let line = format!("  {:width$}  {health:11}  {head:.8}  {since:>4} ago  {remarks}", published.host);
        format!("{}\n", line.trim_end())
    };
    let mut text = format!("source {source}: {} {}\n", hosts.len(), if hosts.len() == 1 { "host" } else { "hosts" });
    text.extend(hosts.iter().map(line));
    text.extend(unusable.iter().map(|why| format!("  not used: {why}\n")));
    text
}
