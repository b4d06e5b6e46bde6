//! What the record says a unit holds: the objects that were applied, and what they were.

use std::collections::BTreeMap;
use std::fmt;

use crate::hash::SpecHash;
use crate::model::{ObjectId, Route};
use crate::time::Timestamp;

/// All that one unit holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holdings {
    /// The objects, by identity.
    pub objects: BTreeMap<ObjectId, Held>,
}

/// One object as it was last applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Hash of its template then.
    pub revision: SpecHash,
    /// Pods asked for then.
    pub replicas: u32,
    /// The commit that asked for it; none for local files.
    pub commit: Option<String>,
    /// Digests that went into the revision then, so that a change can be explained.
    pub parts: BTreeMap<String, String>,
    /// Its fixed fields then.
    pub fixed: BTreeMap<String, String>,
}

/// The name among the parts of an object that stands while it is being changed; it is no part of the revision.
const UNDER_WAY: &str = "under way";

/// The name among the parts of an object under which stands what its pods below the partition stay at.
const STAYS_AT: &str = "below the partition";

/// The name among the parts of a Job under which stands how far its run is.
const RUN: &str = "run";

/// The name among the parts of a StatefulSet under which the sizes of its claims stand; volumes have none, so that they are
/// no part of the revision.
const SIZES: &str = "sizes";

/// The name among the parts of an Ingress under which its routes stand, for the host's ingress to go on with.
const ROUTES: &str = "routes";

/// How far the run of a Job is, as far as its containers, which may be removed, do not tell for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunMark {
    /// It began at that time and has not ended.
    Started(Timestamp),
    /// It does not go on since that time, for it is suspended.
    Suspended(Timestamp),
    /// The last time of a CronJob that was run; its first sight, where none was yet.
    Scheduled(Timestamp),
    /// It ended well.
    Complete(Timestamp),
    /// It failed for good, and why.
    Failed(Timestamp, String),
}

/// What the pods of a StatefulSet below its partition stay at while those above it are at another revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// The hash of their template when it was applied.
    pub revision: SpecHash,
    /// The commit that asked for it; none for local files.
    pub commit: Option<String>,
}

impl Held {
    /// What its pods below the partition stay at, where that is not its revision.
    #[must_use]
    pub fn stays_at(&self) -> Option<Earlier> {
        let (revision, commit) = self.parts.get(STAYS_AT)?.split_once(' ')?;
        let commit = Some(commit.to_owned()).filter(|commit| !commit.is_empty());
        Some(Earlier { revision: SpecHash::parse(revision)?, commit })
    }

    /// The same, with what its pods below the partition stay at.
    #[must_use]
    pub fn staying_at(mut self, earlier: Option<&Earlier>) -> Self {
        self.parts.remove(STAYS_AT);
        if let Some(Earlier { revision, commit }) = earlier {
            let commit = commit.as_deref().unwrap_or_default();
            self.parts.insert(STAYS_AT.to_owned(), format!("{} {commit}", revision.as_str()));
        }
        self
    }

    /// How far its run is, of a Job that began.
    #[must_use]
    pub fn run(&self) -> Option<RunMark> {
        RunMark::parse(self.parts.get(RUN)?)
    }

    /// The same, with how far its run is.
    #[must_use]
    pub fn at(mut self, run: Option<&RunMark>) -> Self {
        self.parts.remove(RUN);
        if let Some(run) = run {
            self.parts.insert(RUN.to_owned(), run.to_string());
        }
        self
    }

    /// The routes of an Ingress, as they were applied last.
    #[must_use]
    pub fn routes(&self) -> Option<Vec<Route>> {
        Route::read(self.parts.get(ROUTES)?)
    }

    /// The same, with the routes of an Ingress.
    #[must_use]
    pub fn leading(mut self, routes: &[Route]) -> Self {
        self.parts.insert(ROUTES.to_owned(), Route::write(routes));
        self
    }

    /// The sizes in bytes that its claims asked for, by their names; empty where none did, or where nobody knows.
    #[must_use]
    pub fn sizes(&self) -> BTreeMap<String, u64> {
        let sizes = self.parts.get(SIZES).into_iter().flat_map(|text| text.split(' '));
        sizes
            .filter_map(|size| size.split_once('='))
            .filter_map(|(name, it)| Some((name.to_owned(), it.parse().ok()?)))
            .collect()
    }

    /// The same, with the sizes that its claims ask for.
    #[must_use]
    pub fn sized(mut self, sizes: &BTreeMap<String, u64>) -> Self {
        self.parts.remove(SIZES);
        let text: Vec<String> = sizes.iter().map(|(name, bytes)| format!("{name}={bytes}")).collect();
        if !text.is_empty() {
            self.parts.insert(SIZES.to_owned(), text.join(" "));
        }
        self
    }

    /// The same, with the mark that work on it has begun. Until that ends, what is missing or different is work left
    /// undone, and not what a person did: it is finished even where drift is only reported.
    #[must_use]
    pub fn begun(&self) -> Self {
        let mut begun = self.clone();
        begun.parts.insert(UNDER_WAY.to_owned(), String::new());
        begun
    }

    /// True if work on it began and did not end.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.parts.contains_key(UNDER_WAY)
    }

    /// True for the name of a part that says how it is held, and not what it is.
    #[must_use]
    pub fn is_mark(part: &str) -> bool {
        [UNDER_WAY, STAYS_AT, RUN, ROUTES, SIZES].contains(&part)
    }
}

impl RunMark {
    fn parse(text: &str) -> Option<Self> {
        let (state, rest) = text.split_once(' ')?;
        let (at, why) = rest.split_once(' ').unwrap_or((rest, ""));
        let at = Timestamp::parse(at)?;
        match state {
            "started" => Some(Self::Started(at)),
            "suspended" => Some(Self::Suspended(at)),
            "scheduled" => Some(Self::Scheduled(at)),
            "complete" => Some(Self::Complete(at)),
            "failed" => Some(Self::Failed(at, why.to_owned())),
            _ => None,
        }
    }
}

/// `started MOMENT`, `suspended MOMENT`, `scheduled MOMENT`, `complete MOMENT`, `failed MOMENT WHY`
impl fmt::Display for RunMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started(at) => write!(f, "started {at}"),
            Self::Suspended(at) => write!(f, "suspended {at}"),
            Self::Scheduled(at) => write!(f, "scheduled {at}"),
            Self::Complete(at) => write!(f, "complete {at}"),
            Self::Failed(at, why) => write!(f, "failed {at} {why}"),
        }
    }
}

/// How an apply that succeeded changes the holdings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldingChange {
    /// The object is held as given.
    Hold(ObjectId, Box<Held>),
    /// It is held no longer.
    Release(ObjectId),
}
