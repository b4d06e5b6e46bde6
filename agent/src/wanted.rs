//! What a unit wants by a commit: files of its tree, lowered and resolved, kept until the commit or a bucket changes.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::rc::Rc;

use writ_core::account::{Naming, without_effect};
use writ_core::cluster;
use writ_core::dialect::{Files, Outputs, Target};
use writ_core::guard::Grants;
use writ_core::hash::HashKey;
use writ_core::model::{Buckets, Desired, ObjectId, Unfilled, World, resolve};
use writ_core::text::{Problems, Severity, Sources};
use writ_core::trust::{Admitted, Terms};

use crate::confine::{Child, ConfineError, Ended, Judged};
use crate::error::chain;
use crate::fetch::Taken;
use crate::plugin;
use crate::record::{RecordError, Store};
use crate::render::rendered;
use crate::settings::Unit;
use crate::source::Source;
use crate::unseal::{UnsealError, unseal, veil};

/// What a unit wants by a commit.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The commit.
    pub commit: String,
    /// What the host must become.
    pub desired: Desired,
    /// Warnings, and fields without effect.
    pub notes: Problems,
    /// What resources of OpenMCF let others know.
    pub outputs: Vec<Outputs>,
    /// Variables that only the cluster knows.
    pub unfilled: Vec<Unfilled>,
    /// The files, for showing the notes.
    pub sources: Sources,
    /// What they take from servers.
    pub taken: Taken,
    /// What the rules of trust let its pods ask of the host.
    pub grants: Grants,
}

/// Why it cannot be said what a unit wants.
#[derive(Debug)]
pub enum WantedError {
    /// The files could not be read from the tree.
    Tree(String),
    /// The confined process that reads them did not come to an answer.
    Confined(Ended),
    /// There was no confined process to read them, or no key to open them: nothing is known of them, and nothing is refused.
    Unread(String),
    /// They are not right.
    Manifests {
        /// What is wrong with them.
        problems: Problems,
        /// Their texts.
        sources: Sources,
    },
}

/// The last answer, and what it was the answer to.
#[derive(Debug, Default)]
pub struct WantedCache {
    last: RefCell<Option<(Key, Rc<Wanted>)>>,
}

#[derive(Debug, PartialEq)]
struct Key {
    // Not its name alone: what the host says about trust is part of what was admitted.
    admitted: Admitted,
    buckets: Buckets,
}

impl WantedCache {
    /// Knows no answer yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: RefCell::new(None) }
    }

    /// The last answer, and the commit whose files it was the answer to.
    #[must_use]
    pub fn admitted(&self) -> Option<(Admitted, Rc<Wanted>)> {
        self.last.borrow().as_ref().map(|(key, wanted)| (key.admitted.clone(), Rc::clone(wanted)))
    }

    /// The last answer, whatever it was the answer to.
    #[must_use]
    pub fn last(&self) -> Option<Rc<Wanted>> {
        self.last.borrow().as_ref().map(|(_, wanted)| Rc::clone(wanted))
    }

    /// What the unit's folder of the commit wants. While commit and buckets stay the same, nothing is read again.
    ///
    /// # Errors
    /// The outer one if the record cannot be read; the inner one if the files are not right.
    pub async fn at(
        &self,
        (child, identities): (&Child, Option<&Path>),
        store: &Store,
        source: &Source,
        unit: &Unit,
        admitted: &Admitted,
    ) -> Result<Result<Rc<Wanted>, WantedError>, RecordError> {
        let key = Key { admitted: admitted.clone(), buckets: store.buckets()? };
        if let Some((known, wanted)) = &*self.last.borrow()
            && *known == key
            // A file that a manifest goes on without is asked for until it is there.
            && wanted.taken.left_out.is_empty()
        {
            return Ok(Ok(Rc::clone(wanted)));
        }
        let files = match source.files(admitted, &unit.folders).await {
            Ok(files) => files,
            Err(error) => return Ok(Err(WantedError::Tree(chain(&error)))),
        };
        let rendered = match manifests(child, unit, &files).await {
            Ok(rendered) => rendered,
            Err(error) => return Ok(Err(error)),
        };
        let world = World { buckets: key.buckets.clone(), hash_key: store.hash_key() };
        let commit = admitted.commit().to_string();
        Ok(of_files((child, identities), store.folder(), unit, &rendered, &commit, &world).await.map(|mut wanted| {
            let terms = terms(admitted, unit, &files, &wanted.desired);
            impose(&mut wanted, unit, terms);
            let wanted = Rc::new(wanted);
            *self.last.borrow_mut() = Some((key, Rc::clone(&wanted)));
            wanted
        }))
    }
}

/// The files of a unit as manifests: what a renderer makes of them, or they themselves.
///
/// # Errors
/// If they cannot be rendered.
pub async fn manifests<'a>(child: &Child, unit: &Unit, files: &'a Files) -> Result<Cow<'a, Files>, WantedError> {
    let Some(renderer) = &unit.renderer else { return Ok(Cow::Borrowed(files)) };
    match rendered(child, renderer, files).await? {
        Ok(made) => Ok(Cow::Owned(made)),
        Err(problems) => Err(WantedError::Manifests { problems, sources: Sources::default() }),
    }
}

/// What the files of a unit want. A confined child reads them, and learns nothing of `world`. What is encrypted in them is opened
/// with the `identities` of age in a file, after that. Copies of what they take from servers, and programs of its plugins, are
/// kept below the directory `state`. `commit` is what asks for them.
///
/// # Errors
/// If they are not right: all problems at once. If the child does not answer.
pub async fn of_files(
    (child, identities): (&Child, Option<&Path>),
    state: &Path,
    unit: &Unit,
    files: &Files,
    commit: &str,
    world: &World,
) -> Result<Wanted, WantedError> {
    let (Judged { lowered, sources, unfetched: _ }, taken) = plugin::lower(child, state, files, unit).await?;
    let wrong = |problems| WantedError::Manifests { problems, sources: sources.clone() };
    let mut lowered = lowered.map_err(wrong)?;
    unseal(&mut lowered, identities).map_err(|error| match error {
        UnsealError::Refused(problems) => wrong(problems),
        UnsealError::Unread(why) => WantedError::Unread(why),
    })?;
    let resolved = match unit.target.dialect() {
        Target::Docker => resolve(&lowered.objects, world),
        Target::Kubernetes => cluster::resolve(&lowered.objects, world),
    };
    let (mut desired, mut notes) = resolved.map_err(wrong)?;
    notes.extend(lowered.notes);
    let (outputs, unfilled) = (lowered.outputs, lowered.unfilled);
    notes.extend(cluster::leave(&mut desired, &unit.ignore));
    let grants = Grants::all();
    Ok(Wanted { commit: commit.to_owned(), desired, notes, outputs, unfilled, sources, taken, grants })
}

/// What files want that nobody admitted.
#[derive(Debug)]
pub struct Unopened {
    /// What they want, with digests of how encrypted values are written in the place of those values.
    pub desired: Desired,
    /// How many addresses they take something from. Nothing was fetched.
    pub unfetched: usize,
    /// Something in them is encrypted.
    pub is_sealed: bool,
}

/// What files want that nobody admitted. Nothing is fetched for them or decrypted, and they learn neither buckets nor keys of the
/// host.
///
/// # Errors
/// If they are not right: all problems at once. If the child does not answer.
pub async fn unopened(child: &Child, state: &Path, unit: &Unit, files: &Files) -> Result<Unopened, WantedError> {
    let rendered = manifests(child, unit, files).await?;
    let Judged { lowered, sources, unfetched } = plugin::lower_unfetched(child, state, &rendered, unit).await?;
    let wrong = |problems| WantedError::Manifests { problems, sources: sources.clone() };
    let mut lowered = lowered.map_err(wrong)?;
    let is_sealed = veil(&mut lowered);
    let world = World { buckets: Buckets::new(), hash_key: HashKey([0; 32]) };
    let resolved = match unit.target.dialect() {
        Target::Docker => resolve(&lowered.objects, &world),
        Target::Kubernetes => cluster::resolve(&lowered.objects, &world),
    };
    let (desired, _) = resolved.map_err(wrong)?;
    Ok(Unopened { desired, unfetched: unfetched.len(), is_sealed })
}

/// What rules of trust that are in force for an admitted commit let the pods of other files ask of the host.
#[must_use]
pub fn grants(admitted: &Admitted, unit: &Unit, files: &Files, desired: &Desired) -> Grants {
    let mut grants = Grants::all();
    for (id, Terms { powers, accounts: _ }) in terms(admitted, unit, files, desired) {
        if let Some(powers) = powers {
            grants.limit(id, powers);
        }
    }
    grants
}

/// What the rules of trust say of the objects of a unit: of each by the path of the file that declares it, from the root of the
/// tree. Any file of a unit may have made what was rendered, so that what they say of every one of them holds for that.
fn terms(admitted: &Admitted, unit: &Unit, files: &Files, desired: &Desired) -> BTreeMap<ObjectId, Terms> {
    let of_path = |file: &str| admitted.terms(unit.folders.in_tree(file).as_bytes());
    let workloads = desired.workloads.values().map(|workload| (&workload.id, &workload.file));
    let entrances = desired.entrances.values().map(|entrance| (&entrance.id, &entrance.file));
    let objects = desired.objects.values().map(|object| (&object.id, &object.file));
    let all = workloads.chain(entrances).chain(objects);
    if unit.renderer.is_some() {
        let terms = files.keys().map(|file| of_path(file)).fold(Terms::default(), Terms::and);
        return all.map(|(id, _)| (id.clone(), terms.clone())).collect();
    }
    // What no file declares is granted what a path that no rule names is granted.
    all.map(|(id, file)| (id.clone(), of_path(file.as_deref().unwrap_or_default()))).collect()
}

/// Has all that is wanted be what the rules of trust and the unit say of it.
fn impose(wanted: &mut Wanted, unit: &Unit, terms: BTreeMap<ObjectId, Terms>) {
    let mut accounts: BTreeMap<ObjectId, BTreeSet<Naming>> = BTreeMap::new();
    for (id, Terms { powers, accounts: named }) in terms {
        if let Some(powers) = powers {
            wanted.grants.limit(id.clone(), powers);
        }
        accounts.insert(id, named);
    }
    match unit.target.dialect() {
        Target::Docker => wanted.notes.extend(without_effect(&accounts.into_values().flatten().collect())),
        Target::Kubernetes => cluster::entrust(&mut wanted.desired, unit.account.as_ref(), &accounts),
    }
}

impl WantedError {
    /// The rule that was broken, by name.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Tree(_) => "tree",
            Self::Confined(_) | Self::Unread(_) => "confined",
            Self::Manifests { .. } => "manifests",
        }
    }

    /// False if it is not known whether the files are right.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::Tree(_) | Self::Confined(_) | Self::Manifests { .. } => true,
            Self::Unread(_) => false,
        }
    }

    /// The first problem with its place, and how many more there are.
    #[must_use]
    pub fn in_short(&self) -> String {
        match self {
            Self::Tree(_) | Self::Confined(_) | Self::Unread(_) => self.to_string(),
            Self::Manifests { problems, sources } => {
                let mut errors = problems.sorted();
                errors.retain(|problem| problem.severity == Severity::Error);
                let Some(first) = errors.first() else { return "the manifests are not right".to_owned() };
                let place =
                    first.place.as_ref().map_or(String::new(), |place| format!("{}: ", sources.describe(place)));
                let more = if errors.len() > 1 { format!(" (and {} more)", errors.len() - 1) } else { String::new() };
                format!("{place}{}{more}", first.message)
            }
        }
    }
}

impl From<ConfineError> for WantedError {
    fn from(error: ConfineError) -> Self {
        match error {
            ConfineError::Ended(ended) => Self::Confined(ended),
            ConfineError::Unstarted(_) => Self::Unread(error.to_string()),
        }
    }
}

/// All problems, each with its place.
impl fmt::Display for WantedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tree(why) | Self::Unread(why) => f.write_str(why),
            Self::Confined(ended) => write!(f, "{}", ConfineError::from(ended.clone())),
            Self::Manifests { problems, sources } => f.write_str(problems.render(sources, false).trim_end()),
        }
    }
}
