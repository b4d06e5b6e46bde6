//! What commands share: the settings and the record of this host, opened when they are needed.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use writ::clock::Clock;
use writ::error::chain;
use writ::git;
use writ::host_trust;
use writ::record::Store;
use writ::settings::{self, Settings, Source, Transport, Unit};
use writ::target::Target;
use writ_core::time::Timestamp;
use writ_core::trust::HostTrust;

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

    /// Where time comes from.
    pub(crate) const fn clock(&self) -> Clock {
        self.clock
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

    /// The settings if they are right, without a word if they are not.
    pub(crate) fn quiet_settings(&self) -> Option<&Settings> {
        if let Some(settings) = self.settings.get() {
            return Some(settings);
        }
        settings::load(&self.file).ok().map(|settings| self.settings.get_or_init(|| settings))
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

    /// The source of that name, or the only one.
    pub(crate) fn source(&self, name: Option<&str>) -> Result<&Source, Failure> {
        let settings = self.settings()?;
        let names: Vec<&str> = settings.sources.iter().map(|source| source.name.as_str()).collect();
        let file = self.file.display();
        match (name, settings.sources.as_slice()) {
            (Some(name), _) => settings.source(name).ok_or_else(|| {
                Failure::message(format!("there is no source called `{name}` in {file}; there is {}", names.join(", ")))
            }),
            (None, [only]) => Ok(only),
            (None, []) => Err(Failure::message(format!("there is no [[source]] in {file}"))),
            (None, _) => Err(Failure::message(format!("name one of the sources: {}", names.join(", ")))),
        }
    }

    /// The target of a unit. Reaches for nothing yet.
    pub(crate) fn target(&self, unit: &Unit) -> Result<Target, Failure> {
        self.target_of(&unit.target)
    }

    /// The target of that kind.
    pub(crate) fn target_of(&self, kind: &settings::Target) -> Result<Target, Failure> {
        Ok(writ::agent::target(&self.settings()?.host, kind, self.clock))
    }

    /// Where the agent keeps its copy of a source.
    /// What the host itself says about trust.
    pub(crate) fn trust(&self) -> Result<HostTrust, Failure> {
        Ok(host_trust::read(&self.settings()?.host)?)
    }

    pub(crate) fn mirror_folder(&self, source: &Source) -> Result<PathBuf, Failure> {
        Ok(self.settings()?.host.state.join("git").join(&source.name))
    }
}

/// A source as Git is asked for it.
pub(crate) fn remote(source: &Source) -> git::Remote {
    let Source { name, url, transport, branch, poll: _, publish: _, hint_secret_file: _, credentials, introduction: _ } =
        source;
    let credentials = match transport {
        Transport::Ssh => git::Credentials::Ssh {
            key_file: credentials.ssh_key_file.clone(),
            known_hosts_file: credentials.known_hosts_file.clone(),
        },
        Transport::Https => match &credentials.token_file {
            Some(file) => git::Credentials::Token { file: file.clone() },
            None => git::Credentials::None,
        },
        Transport::File => git::Credentials::None,
    };
    let bounds = git::Bounds::default();
    git::Remote { name: name.clone(), url: url.clone(), branch: branch.clone(), credentials, bounds }
}

/// Waits for what a target or a remote answers.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(work);
    // A thread that still reads standard input is not waited for.
    runtime.shutdown_background();
    Ok(done)
}
