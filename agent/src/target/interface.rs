//! The words that callers and targets share.

use std::fmt;
use std::pin::Pin;

use futures_util::Stream;
use tokio::io::AsyncWrite;
use writ_core::ailment::Ailment;
use writ_core::model::ObjectId;
use writ_core::time::Timestamp;

use super::TargetError;

/// Who asks for a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// This host, as in labels and statuses.
    pub host: String,
    /// The unit.
    pub unit: String,
    /// The commit; none for local files.
    pub commit: Option<String>,
}

/// From where a unit is looked after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeper {
    /// The store of the state directory, by its random name.
    pub store: String,
    /// The machine, as its kernel calls it.
    pub machine: String,
}

/// A volume of a claim, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldVolume {
    /// Its name in the engine.
    pub name: String,
    /// The unit for which it was made.
    pub unit: String,
    /// The workload; none if its label is not readable.
    pub object: Option<ObjectId>,
    /// The claim.
    pub claim: String,
    /// Which of the workload's pods; none if its label is not readable.
    pub ordinal: Option<u32>,
    /// When it was made, as the engine writes it.
    pub since: Option<String>,
    /// Bytes on the disk; none if they cannot be counted or would take too long.
    pub bytes: Option<u64>,
    /// The containers that mount it.
    pub users: Vec<VolumeUser>,
    /// It is being restored, or a restore of it ended in the middle.
    pub half_restored: bool,
}

/// A container that mounts a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeUser {
    /// Its name: that of its pod.
    pub container: String,
    /// It does not run, and starts no more by itself.
    pub stopped: bool,
}

/// How closely a target is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The lists: a fixed number of calls for any number of pods.
    List,
    /// Every field of every pod.
    Deep,
}

/// What a try of a probe showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeResult {
    /// It succeeded.
    Success,
    /// It failed: why, without what the container wrote.
    Failure(String),
}

/// What a container shows about its readiness and its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// It runs.
    pub running: bool,
    /// It does not run, and the engine will not start it again by itself.
    pub ended: bool,
    /// When it was last started.
    pub started: Timestamp,
    /// When a run of it ended last; none if none did, or the target cannot tell.
    pub finished: Option<Timestamp>,
    /// The shared names lead to it.
    pub shared: bool,
    /// Why it does not run, if it is for a known reason. Of one that runs: that memory ran out in it, as far as the engine still
    /// tells, for some forget it when they start the container again.
    pub ailment: Option<Ailment>,
}

/// Told about what takes long, while it lasts.
pub trait Progress {
    /// Something about an image.
    fn image(&self, image: &str, news: &ImageNews);
    /// An init container starts.
    fn init(&self, pod: &str, container: &str);
}

/// How far an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageNews {
    /// It is being pulled.
    Pulling {
        /// Bytes so far, of the layers whose size is known.
        done: u64,
        /// Bytes of those layers.
        total: u64,
    },
    /// It is there, with the digest that the container is made from.
    Ready {
        /// Its digest in the registry, or the engine's identifier if it came from none.
        digest: String,
        /// It was pulled just now.
        pulled: bool,
    },
}

/// Progress that nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn image(&self, _image: &str, _news: &ImageNews) {}
    fn init(&self, _pod: &str, _container: &str) {}
}

/// Something that happened on the target, whoever caused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// The container's or volume's identifier.
    pub id: String,
    /// The pod, by label, with the container's name behind it where it has several (`data-pg.0.app`); none for the network,
    /// and for volumes.
    pub pod: Option<String>,
    /// The unit, by label.
    pub unit: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// A container was made.
    Created,
    /// A container was started.
    Started,
    /// A container ended.
    Died,
    /// A container was removed.
    Removed,
    /// A container was frozen or let run on.
    Paused,
    /// A container was renamed.
    Renamed,
    /// Settings of a container were changed.
    Updated,
    /// A container was connected to the network or disconnected from it, by somebody else.
    Network,
    /// A volume was removed.
    VolumeRemoved,
    /// An object of a cluster became ready, or is so no more.
    Stirred,
}

/// What a target sends piece by piece.
pub type Output<T> = Pin<Box<dyn Stream<Item = Result<T, TargetError>> + Send>>;

/// What a program reads.
pub type Input = Pin<Box<dyn AsyncWrite + Send>>;

/// Which part of a log is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogRequest {
    /// Go on as more is written.
    pub follow: bool,
    /// Only so many of the last lines.
    pub tail: Option<u32>,
    /// Only what was written since, as exactly as the target tells it.
    pub since: Option<Timestamp>,
    /// Each line with its time.
    pub timestamps: bool,
}

/// A piece of what a container or a program wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    /// It was written to standard error.
    pub is_error: bool,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A program to run in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecRequest {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// With a terminal of that width and height in characters.
    pub terminal: Option<(u16, u16)>,
    /// It reads what is sent to [`Session::input`].
    pub interactive: bool,
}

/// A program that runs in a container.
pub struct Session {
    /// What `exec_resize` and `exec_code` know it by.
    pub id: String,
    /// What it reads.
    pub input: Input,
    /// What it writes; ends when it does.
    pub output: Output<LogChunk>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, input: _, output: _ } = self;
        f.debug_struct("Session").field("id", id).finish_non_exhaustive()
    }
}
