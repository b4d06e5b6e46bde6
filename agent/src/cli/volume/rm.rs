//! `writ volume rm NAME`

use serde_json::json;
use writ::record::{OperatorEvent, VolumeLock};
use writ::settings::person;

use super::super::exit::{Ended, Exit, Failure};
use super::super::host::{Host, block_on};
use super::{between_passes, holdings, is_asked_for, one, target};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The volume (voodu-data-pg-data-0)
    name: String,
    /// Ask nothing
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let Arguments { name, yes } = arguments;
    let store = host.store()?;
    let state = &host.settings()?.host.state;
    let _lock = VolumeLock::acquire(state)?;
    let target = target(host)?;
    let engine = target.engine_of_volumes()?;
    let look = || -> Result<_, Failure> {
        let volume = block_on(one(engine, name))??;
        if let [first, ..] = volume.users.as_slice() {
            let text = format!("{} uses volume {name}, even if it is stopped: nothing was done", first.container);
            return Err(Failure::message(text));
        }
        if is_asked_for(&volume, &holdings(host, Some(&store))?) {
            let whose = volume.object.as_ref().map_or_else(|| "its workload".to_owned(), ToString::to_string);
            return Err(Failure::message(format!(
                "{whose} asks for volume {name} still: take it out of its manifest, or `writ delete {whose} --prune`"
            )));
        }
        Ok(volume)
    };
    look()?;
    host.terminal.confirm(&format!("Destroy volume {name} for ever, with all that is on it?"), *yes)?;
    // The answer may have taken its time: no pass comes in between from here on.
    let _turn = between_passes(state)?;
    let volume = look()?;
    let event = OperatorEvent::VolumeDestroyed { unit: volume.unit, volume: name.clone(), owner: person() };
    store.append(host.now(), &event.into())?;
    block_on(engine.destroy_volume(name))??;
    let value = json!({"schema": "writ/volume-removal/v1", "volume": name});
    host.terminal.show(&value, &format!("volume {name} is gone\n"))?;
    Ok(Exit::Success)
}
