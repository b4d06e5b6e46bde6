//! `writ run`

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use writ::cycle::PassEnd;
use writ::record::AgentLock;
use writ::report::Traces;
use writ::service::Service;
use writ::settings::{Manager, Settings, log_filter};
use writ::trace::{self, Collector};
use writ::wake::Bell;
use writ::web::{self, Hints, House};
use writ_core::status::State;

use super::exit::{Ended, Exit, Failure};
use super::host::{Host, block_on};
use super::spine;
use super::terminal::Format;

#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes of --once: 0 nothing to do, 2 changes made, 3 refused, 1 failed.")]
pub(crate) struct Arguments {
    /// Make one pass over every source, and end
    #[arg(long)]
    once: bool,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let settings = host.settings()?;
    if settings.sources.is_empty() || settings.units.is_empty() {
        let message = format!(
            "{} names no [[source]] or no [[unit]]: there is nothing to follow",
            host.settings_file().display()
        );
        return Err(Failure::message(message));
    }
    let mut traces = start_log(host, settings);
    if arguments.once {
        let ended = once(host);
        if let Some(traces) = &mut traces {
            block_on(traces.finish())?;
        }
        return ended;
    }
    let (agent, attendance) = spine::agent(host)?;
    let _lock = AgentLock::acquire(&settings.host.state)?;
    let sources = spine::sources(host)?;
    let record = agent.store.audit_head()?.record;
    if let Some(house) = House::new(settings, Arc::clone(&agent.bulletin), host.clock(), record) {
        web::start(house);
    }
    let bells: BTreeMap<String, Bell> =
        settings.sources.iter().map(|source| (source.name.clone(), Bell::default())).collect();
    if let Some(hints) = Hints::new(settings, &bells) {
        web::start_hints(hints);
    }
    let service = Service::new(&Manager::of_this_process());
    block_on(async {
        let running = writ::run::run(&agent, attendance, sources, &bells, &service);
        let Some(traces) = &mut traces else { return running.await };
        let ended = tokio::select! {
            ended = running => ended,
            never = traces.run() => match never {},
        };
        traces.finish().await;
        ended
    })??;
    Ok(Exit::Success)
}

fn once(host: &Host) -> Ended {
    let (agent, attendance) = spine::agent(host)?;
    let sources = spine::sources(host)?;
    let ends = block_on(writ::run::once(&agent, attendance, sources))??;
    let units: Vec<&(String, State, String)> = ends.iter().flat_map(|end| &end.units).collect();
    let text: String = units.iter().map(|(unit, state, text)| format!("{unit}: {}: {text}\n", state.name())).collect();
    host.terminal.show(&document(&ends, &units), &text)?;
    Ok(exit(&ends))
}

fn document(ends: &[PassEnd], units: &[&(String, State, String)]) -> Value {
    let units: Vec<Value> =
        units.iter().map(|(unit, state, text)| json!({"unit": unit, "state": state.name(), "text": text})).collect();
    json!({
        "schema": "writ/pass/v1", "changes": ends.iter().map(|end| end.changes).sum::<usize>(),
        "refused": ends.iter().any(|end| end.refused), "failed": ends.iter().any(failed), "units": units,
    })
}

fn exit(ends: &[PassEnd]) -> Exit {
    if ends.iter().any(failed) {
        Exit::Failure
    } else if ends.iter().any(|end| end.refused) {
        Exit::Refused
    } else if ends.iter().any(|end| end.changes > 0) {
        Exit::Changed
    } else {
        Exit::Success
    }
}

/// A pass that was cut short did not do what it was to do.
fn failed(end: &PassEnd) -> bool {
    end.failed || end.unreachable || end.interrupted.is_some()
}

/// The log of the agent goes to standard error, as JSON if documents are asked for as that. Gives what sends traces, where
/// somebody collects them.
fn start_log(host: &Host, settings: &Settings) -> Option<Traces> {
    let said = EnvFilter::new(log_filter()).and(filter_fn(|metadata| !Collector::takes(metadata)));
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let log = match host.terminal.format() {
        Format::Json => log.json().boxed(),
        Format::Text | Format::Yaml => log.with_ansi(host.terminal.error_colour()).with_target(false).boxed(),
    };
    let wanted = settings.traces.clone().map(|traces| (traces, trace::collect()));
    let (collector, sending) = wanted.map(|(traces, (collector, spans))| (collector, (traces, spans))).unzip();
    let spans = filter_fn(Collector::takes).with_max_level_hint(LevelFilter::INFO);
    let collector = collector.map(|collector| collector.with_filter(spans));
    tracing_subscriber::registry().with(log.with_filter(said)).with(collector).init();
    sending.map(|(traces, spans)| Traces::new(traces, &settings.host.name, spans))
}
