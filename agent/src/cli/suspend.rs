//! `writ suspend` and `writ resume`

use serde_json::json;
use writ::settings::person;

use super::exit::{Ended, Exit, Failure};
use super::host::Host;
use super::moment;

#[derive(Debug, clap::Args)]
pub(crate) struct Suspend {
    /// The unit
    unit: String,
    /// Why, for everyone who looks at its status
    #[arg(long)]
    reason: String,
    /// End by itself after this time (30m, 8h, 2d)
    #[arg(long = "for", value_name = "TIME")]
    span: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Resume {
    /// The unit
    unit: String,
}

pub(crate) fn suspend(host: &Host, arguments: &Suspend) -> Ended {
    let Suspend { unit, reason, span } = arguments;
    if reason.trim().is_empty() {
        return Err(Failure::message("--reason is empty: say why, others will read it"));
    }
    let now = host.now();
    let until = span.as_deref().map(|span| moment::end(now, span)).transpose()?;
    let unit = &host.unit(unit)?.name;
    let owner = person();
    host.store()?.suspend(now, unit, &owner, reason, until)?;
    let value = json!({
        "schema": "writ/suspension/v1", "unit": unit, "suspended": true, "owner": owner, "reason": reason,
        "until": until.map(|until| until.to_string()),
    });
    let end = until.map_or_else(|| "it is resumed".to_owned(), moment::shown);
    host.terminal.show(&value, &format!("{unit} is suspended until {end}; what runs keeps running\n"))?;
    Ok(Exit::Success)
}

pub(crate) fn resume(host: &Host, arguments: &Resume) -> Ended {
    let unit = &host.unit(&arguments.unit)?.name;
    let was = host.store()?.resume(host.now(), unit, Some(&person()))?;
    let value = json!({"schema": "writ/suspension/v1", "unit": unit, "suspended": false, "was": was});
    let text = if was { format!("{unit} goes on\n") } else { format!("{unit} was not suspended\n") };
    host.terminal.show(&value, &text)?;
    Ok(Exit::Success)
}
