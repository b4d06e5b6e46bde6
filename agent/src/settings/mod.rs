//! The agent's configuration: read as it was written, then checked, with every problem at once.
//!
//! Invariant: no value here is a secret; secrets are named by the file that holds them.
//! Invariant: nothing else reads the settings file or the environment.

mod account;
mod alert;
mod backup;
mod check;
mod folders;
mod guard;
mod hint;
mod ignore;
mod ingress;
mod mask;
mod order;
mod path;
mod plugin;
mod previews;
mod raw;
mod renderer;
mod report;
mod source;
mod surroundings;
mod traces;
mod url;
mod web;
mod window;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use writ_core::account::Account;
use writ_core::cluster::IgnoreRule;
use writ_core::dialect::Variables;
use writ_core::plan::{Backups, Drift, Policy, PruneBudget};
use writ_core::preview::Limits;
use writ_core::text::{Problems, Sources};
use writ_core::time::Seconds;
use writ_core::window::Window;

use crate::folders::Folders;

pub use alert::{Address, Alert, Format, Mail, Tls, Way};
pub use check::is_name;
pub use guard::Guard;
pub use hint::{Hint, hint_secret};
pub use surroundings::{Manager, Surroundings, file, log_filter, person, wants_colour};
pub use traces::Traces;
pub use url::webhook_address;
pub use web::{Listen, MutualTls, Web};

/// Where the settings are, unless `--config` or `WRIT_CONFIG` says otherwise.
pub const DEFAULT_PATH: &str = "/etc/writ/agent.toml";

/// Where the agent keeps its state, unless the settings say otherwise.
pub const DEFAULT_STATE: &str = "/var/lib/writ";

/// Where the container engine listens, unless `DOCKER_HOST` says otherwise.
pub const DEFAULT_ENGINE: &str = "/var/run/docker.sock";

/// Everything that is configured on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The host itself.
    pub host: Host,
    /// Repositories that are watched.
    pub sources: Vec<Source>,
    /// Parts of repositories that are applied here.
    pub units: Vec<Unit>,
    /// Forges that are told.
    pub reports: Vec<Report>,
    /// How the host's ingress is.
    pub ingress: writ_core::ingress::Settings,
    /// Where the agent answers those who ask; none if nowhere.
    pub web: Option<Web>,
    /// Where forges can say that a source may have news; none if nowhere.
    pub hint: Option<Hint>,
    /// Who is told beside the forges that something is wrong.
    pub alerts: Vec<Alert>,
    /// Who collects traces of passes; none if nobody.
    pub traces: Option<Traces>,
}

/// The host itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its name in labels and commit statuses.
    pub name: String,
    /// Directory of the agent's state.
    pub state: PathBuf,
    /// `writ apply -f` may apply files that no signature covers.
    pub allow_unsigned_apply: bool,
    /// What paths of units can name, beside its name.
    pub labels: BTreeMap<String, String>,
    /// Socket of the container engine.
    pub engine: PathBuf,
    /// What even an admitted commit may not do, where a unit says nothing else.
    pub guard: Guard,
    /// The host's own rules of trust, a ceiling that no repository raises.
    pub trust: Option<PathBuf>,
    /// Keys that the host no longer trusts.
    pub revoked: Option<PathBuf>,
    /// The host's identities of age, which open what is encrypted for it.
    pub age_identity_file: Option<PathBuf>,
    /// How clusters are reached, in the form of `kubectl`.
    pub kubeconfig: Option<PathBuf>,
    /// For how long an agent that acts in a cluster holds that, where others of this name stand by.
    pub standby: Option<Duration>,
}

/// A branch of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name in the settings.
    pub name: String,
    /// Its address. Holds no password.
    pub url: String,
    /// How it is reached.
    pub transport: Transport,
    /// The branch.
    pub branch: String,
    /// Time between two looks, before jitter.
    pub poll: Duration,
    /// The host says in that repository how far it is.
    pub publish: bool,
    /// File of the secret by which hints are signed; none if none are taken.
    pub hint_secret_file: Option<PathBuf>,
    /// Files that open it.
    pub credentials: Credentials,
    /// The commit and key that everything is trusted from, if the settings pin them.
    pub introduction: Option<Introduction>,
}

/// How a source is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// By the user's own `ssh`.
    Ssh,
    /// By HTTPS, or by HTTP on loopback.
    Https,
    /// A repository on this machine.
    File,
}

/// Names of the files that open a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Private key for `ssh`.
    pub ssh_key_file: Option<PathBuf>,
    /// Host keys that `ssh` accepts.
    pub known_hosts_file: Option<PathBuf>,
    /// Token for HTTPS.
    pub token_file: Option<PathBuf>,
}

/// The commit and the key that everything of a source is trusted from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introduction {
    /// The introducing commit: 40 hexadecimal digits.
    pub commit: String,
    /// Fingerprint of its signer: `SHA256:…` or `OPENPGP:…`.
    pub signer: String,
}

/// A directory of a source that is applied to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its name in labels and commit statuses.
    pub name: String,
    /// The source that it comes from.
    pub source: String,
    /// Folders of the tree that it is made of.
    pub folders: Folders,
    /// Where it is applied.
    pub target: Target,
    /// What happens to drift.
    pub drift: Drift,
    /// How many objects one pass may remove.
    pub prune: PruneBudget,
    /// Workloads whose fixed fields change may be recreated, their volumes kept.
    pub recreate: bool,
    /// Where volumes are copied to before a step that may harm what is on them.
    pub backup: Option<Backups>,
    /// What even an admitted commit may not do.
    pub guard: Guard,
    /// Programs that expand blocks of kinds which are not built in, each kind once.
    pub plugins: Vec<Plugin>,
    /// What makes its manifests, if its files are none yet.
    pub renderer: Option<Renderer>,
    /// Fields that are left alone in its cluster.
    pub ignore: Vec<IgnoreRule>,
    /// What its manifests can refer to as `${NAME}`.
    pub variables: Variables,
    /// As whom all of it is applied to its cluster; as rules of trust or else the agent itself if none is named.
    pub account: Option<Account>,
    /// When a new commit may be begun; at any time if there are none.
    pub windows: Vec<Window>,
    /// Units that must stand as their commit has them before it is brought to a new one.
    pub depends_on: Vec<String>,
    /// Which requests to merge something are planned, and told of; none if none are.
    pub previews: Option<Limits>,
}

/// A program that expands blocks of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugin {
    /// The kind.
    pub kind: String,
    /// The address of its repository. Holds no password.
    pub url: String,
    /// Files that open it.
    pub credentials: Credentials,
    /// Its version: the tag `vVERSION`, or else `VERSION`.
    pub version: String,
    /// The program's path in the tree.
    pub path: String,
    /// SHA-256 of the program, as 64 hexadecimal digits.
    pub digest: String,
}

/// A program that makes the manifests of a unit out of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renderer {
    /// What it makes them of.
    pub rendering: Rendering,
    /// The folder of the kustomization or the chart, below that of the unit; `.` is that of the unit.
    pub folder: String,
    /// Where the program lies.
    pub program: PathBuf,
    /// SHA-256 of the program, as 64 hexadecimal digits.
    pub digest: String,
}

/// What manifests are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rendering {
    /// A kustomization.
    Kustomize,
    /// A Helm chart.
    Helm {
        /// The name that it is installed under.
        release: String,
        /// The namespace of objects that name none.
        namespace: String,
        /// Files with values, below the folder of the unit; a later one has the last word.
        values: Vec<String>,
    },
}

/// Where a unit is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The container engine of this machine.
    Docker,
    /// A host that is described in the state directory and lives there alone.
    Simulated,
    /// A cluster.
    Kubernetes(Cluster),
}

/// Which cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cluster {
    /// That of a context of the kubeconfig.
    Context(String),
    /// The one that the agent runs in, as its service account.
    Around,
}

impl Settings {
    /// The report of a source whose forge lists the requests that units of it preview: the first that does. None if no unit asks.
    #[must_use]
    pub fn lists_requests(&self, source: &str) -> Option<&Report> {
        let is_asked = self.units.iter().any(|unit| unit.source == source && unit.previews.is_some());
        self.reports.iter().find(|report| is_asked && report.source == source && report.forge.lists_requests())
    }
}

impl Target {
    /// Its name in the settings.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Docker => "docker".to_owned(),
            Self::Simulated => "simulated".to_owned(),
            Self::Kubernetes(Cluster::Around) => "kubernetes:in-cluster".to_owned(),
            Self::Kubernetes(Cluster::Context(context)) => format!("kubernetes:{context}"),
        }
    }

    /// What its manifests are read for.
    #[must_use]
    pub const fn dialect(&self) -> writ_core::dialect::Target {
        match self {
            Self::Docker | Self::Simulated => writ_core::dialect::Target::Docker,
            Self::Kubernetes(_) => writ_core::dialect::Target::Kubernetes,
        }
    }
}

/// A forge that is told about the commits of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which interface it speaks.
    pub forge: ForgeKind,
    /// Where it answers.
    pub url: String,
    /// What shows the forge who tells it something.
    pub login: Login,
    /// The repository there (`ops/infra`).
    pub project: String,
    /// The source whose commits it is told about.
    pub source: String,
}

/// What shows a forge who tells it something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// The token in a file.
    Token(PathBuf),
    /// An app of GitHub, as it is installed for the repository's owner.
    App(App),
}

/// An app of GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its client id, or its number.
    pub id: String,
    /// The number of its installation.
    pub installation: u32,
    /// File of its private key.
    pub key_file: PathBuf,
}

impl Login {
    /// The file that it is in.
    #[must_use]
    pub fn file(&self) -> &Path {
        match self {
            Self::Token(file) => file,
            Self::App(app) => &app.key_file,
        }
    }
}

/// The interface of a forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ForgeKind {
    /// Gitea.
    Gitea,
    /// Forgejo, which speaks as Gitea does.
    Forgejo,
    /// GitHub and GitHub Enterprise.
    Github,
    /// GitLab.
    Gitlab,
    /// Bitbucket: that of bitbucket.org, and Data Center wherever else.
    Bitbucket,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file could not be read.
    #[error("cannot read the settings {path}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file is not right.
    #[error("the settings {path} are not right", path = path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problems: Problems,
        /// Its text and those of the policies that it names, with whatever looks like a secret blanked.
        sources: Sources,
    },
}

impl Settings {
    /// The source of that name.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// The unit of that name.
    #[must_use]
    pub fn unit(&self, name: &str) -> Option<&Unit> {
        self.units.iter().find(|unit| unit.name == name)
    }

    /// The address by which people reach the agent's own pages; none if nobody is led there.
    #[must_use]
    pub fn pages(&self) -> Option<&str> {
        self.web.as_ref()?.url.as_deref()
    }
}

impl Unit {
    /// What it says about plans.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            drift: self.drift,
            prune: self.prune,
            recreate: self.recreate,
            backup: self.backup.clone(),
            account: self.account.clone(),
        }
    }
}

impl ForgeKind {
    /// Its name in the settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gitea => "gitea",
            Self::Forgejo => "forgejo",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Bitbucket => "bitbucket",
        }
    }

    /// True if the requests of a repository there are read.
    #[must_use]
    pub const fn lists_requests(self) -> bool {
        match self {
            Self::Gitea | Self::Forgejo | Self::Github | Self::Gitlab => true,
            Self::Bitbucket => false,
        }
    }
}

/// Reads a span of time as settings and commands take it: `30s`, `5m`, `1h` or `2d`.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    Seconds::parse(text).map(|span| Duration::from_secs(u64::from(span.0)))
}

/// Reads and checks the settings.
///
/// # Errors
///
/// If the file cannot be read or anything in it is not right.
pub fn load(path: &Path) -> Result<Settings, SettingsError> {
    let read = |source| SettingsError::Read { path: path.to_path_buf(), source };
    let bytes = std::fs::read(path).map_err(read)?;
    let text = String::from_utf8(bytes)
        .map_err(|error| read(io::Error::new(io::ErrorKind::InvalidData, error.utf8_error().to_string())))?;
    parse(path, &text, &Surroundings::of_this_process())
}

/// Checks settings that have been read; `path` is their name in messages.
///
/// # Errors
///
/// If anything is not right: all problems together.
pub fn parse(path: &Path, text: &str, surroundings: &Surroundings) -> Result<Settings, SettingsError> {
    let file = path.display().to_string();
    let (mut problems, mut sources) = (Problems::default(), Sources::default());
    // Before anything is judged, so that lines can be named.
    sources.insert(file.clone(), mask::mask(text));
    let raw = raw::read(&file, text, &mut problems);
    match raw.and_then(|raw| check::settings(raw, surroundings, &mut problems, &mut sources)) {
        Some(settings) if !problems.has_errors() => Ok(settings),
        _ => Err(SettingsError::Invalid { path: path.to_path_buf(), problems, sources }),
    }
}

impl SettingsError {
    /// What is wrong, with the lines it is about; empty if there was nothing to read.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        match self {
            Self::Read { path: _, source: _ } => String::new(),
            Self::Invalid { path: _, problems, sources } => problems.render(sources, colour),
        }
    }
}
