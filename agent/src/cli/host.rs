//! What commands share: the settings and the record of this host, opened when they are needed.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use writ::clock::Clock;
use writ::error::chain;
use writ::record::Store;
use writ::settings::{self, Settings, Unit};
use writ_core::time::Timestamp;

use super::exit::{Exit, Failure};
use super::terminal::Terminal;

/// This host, as a command sees it.
pub(crate) struct Host {
    file: PathBuf,
    clock: Clock,
    settings: OnceCell<Settings>,
    pub(crate) terminal: Terminal,
}

impl Host {
    pub(crate) fn new(config: Option<&Path>, clock: Clock, terminal: Terminal) -> Self {
        Self { file: settings::file(config), clock, settings: OnceCell::new(), terminal }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The file that the settings are read from.
    pub(crate) fn settings_file(&self) -> &Path {
        &self.file
    }

    /// The settings; if they are not right, all problems are said.
    pub(crate) fn settings(&self) -> Result<&Settings, Failure> {
        if let Some(settings) = self.settings.get() {
            return Ok(settings);
        }
        match settings::load(&self.file) {
            Ok(settings) => Ok(self.settings.get_or_init(|| settings)),
            Err(error) => {
                let problems = error.render(self.terminal.error_colour());
                if !problems.is_empty() {
                    self.terminal.say(&problems);
                }
                self.terminal.complain(&chain(&error));
                Err(Failure::Said(Exit::Failure))
            }
        }
    }

    /// The record, to be written to; made if there is none.
    pub(crate) fn store(&self) -> Result<Store, Failure> {
        Ok(Store::open(self.now(), &self.settings()?.host.state)?)
    }

    /// The record, to be read alone.
    pub(crate) fn store_read_only(&self) -> Result<Store, Failure> {
        Ok(Store::open_read_only(&self.settings()?.host.state)?)
    }

    /// The unit of that name.
    pub(crate) fn unit(&self, name: &str) -> Result<&Unit, Failure> {
        let settings = self.settings()?;
        settings.unit(name).ok_or_else(|| {
            let names: Vec<&str> = settings.units.iter().map(|unit| unit.name.as_str()).collect();
            let known =
                if names.is_empty() { "there is none".to_owned() } else { format!("there is {}", names.join(", ")) };
            Failure::message(format!("there is no unit called `{name}` in {}: {known}", self.file.display()))
        })
    }
}
