//! What people write, lowered to Kubernetes API objects.
//!
//! Invariant: a dialect knows no other dialect. What a target makes of a field stands in the table of fields.

pub mod compose;
pub mod kubernetes;
pub mod openmcf;
mod rendered;
pub mod sops;
mod variables;
pub mod voodu;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

pub use self::kubernetes::Target;
pub use self::openmcf::Outputs;
pub use self::rendered::made_by;
use self::sops::{Sealed, SealedFile};
pub use self::variables::{UnfitVariable, Variables};
pub use self::voodu::{Address, BlockId, Contents, Expansion, Expansions, Fetched, Kinds, is_built_in};

use crate::cores;
use crate::limits::{ADDRESSES_MAX, MANIFEST_BYTES_MAX, TREE_BYTES_MAX, TREE_FILES_MAX};
use crate::model::{Object, ObjectId, Unfilled};
use crate::text::{Place, Problem, Problems, Sources, quoted};
use crate::time::Seconds;

/// The files of a unit: path from the unit's directory, with `/`, to bytes. Order of writing is immaterial.
pub type Files = BTreeMap<String, Vec<u8>>;

/// All objects that a set of files asks for.
#[derive(Debug, Default)]
pub struct Lowered {
    /// The objects, in order of their identities.
    pub objects: Vec<Object>,
    /// Warnings, and fields that are understood and have no effect.
    pub notes: Problems,
    /// Files with encrypted values. Until somebody opens them, a text stands in the place of each value.
    pub sealed: Vec<Sealed>,
    /// Files that ConfigMaps hold whole and that are encrypted: the same.
    pub sealed_files: Vec<SealedFile>,
    /// What resources of OpenMCF let others know, in the order of their kinds and names.
    pub outputs: Vec<Outputs>,
    /// Variables whose values only the cluster knows.
    pub unfilled: Vec<Unfilled>,
}

impl Lowered {
    /// Tells that encrypted values were not decrypted, where nobody opens them.
    pub fn note_unopened(&mut self) {
        sops::note_unopened(&self.sealed, &self.sealed_files, &mut self.notes);
    }
}

/// What the settings of a unit give to its manifests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// What they can refer to as `${NAME}`.
    pub variables: Variables,
    /// What plugins made of the blocks of their kinds: the answers to [`questions`].
    pub expansions: Expansions,
    /// Where what they ask for is made real.
    pub target: Target,
}

/// Endings of files that hold manifests. Other files are read only where a manifest names them.
pub const MANIFEST_ENDINGS: [&str; 6] = [".hcl", ".voodu", ".vdu", ".vd", ".yaml", ".yml"];

/// True for a path that is read as a manifest.
#[must_use]
pub fn is_manifest(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    // The settings of SOPS stand beside what it encrypts.
    !matches!(name, ".sops.yaml" | ".sops.yml") && MANIFEST_ENDINGS.iter().any(|ending| path.ends_with(ending))
}

/// The addresses whose contents manifests take, and how long the server of each is given.
pub type Addresses = BTreeMap<Address, Seconds>;

/// The addresses whose contents the manifests among `files` take. A manifest that cannot be read names none; lowering says
/// what is wrong with it.
#[must_use]
pub fn addresses(files: &Files, variables: &Variables) -> Addresses {
    let mut all = Addresses::new();
    for (address, timeout) in hcl(files).flat_map(|(path, text)| voodu::addresses(path, text, variables)) {
        let longest = all.entry(address).or_insert(timeout);
        *longest = timeout.max(*longest);
    }
    all
}

/// The manifests in HCL that can be read as text.
fn hcl(files: &Files) -> impl Iterator<Item = (&String, &str)> {
    let hcl = files.iter().filter(|(path, bytes)| is_manifest(path) && !is_yaml(path) && !is_too_large(bytes));
    hcl.filter_map(|(path, bytes)| Some((path, std::str::from_utf8(bytes).ok()?)))
}

/// What plugins are asked about the blocks of their kinds among `files`: the question for each, as JSON. A manifest that
/// cannot be read has none; lowering says what is wrong with it.
#[must_use]
pub fn questions(files: &Files, given: &Given) -> BTreeMap<BlockId, String> {
    hcl(files).flat_map(|(path, text)| voodu::questions(path, text, given)).collect()
}

/// Contents for [`lower_with`] where nothing is fetched.
#[must_use]
pub fn unasked(files: &Files, variables: &Variables) -> Contents {
    addresses(files, variables).into_keys().map(|address| (address, Fetched::Unasked)).collect()
}

/// Lowers manifests that take nothing from elsewhere; see [`lower_with`].
pub fn lower(files: &Files) -> (Result<Lowered, Problems>, Sources) {
    lower_with(files, &Contents::new(), &Given::default())
}

/// Lowers all manifests among `files`: every object that they ask for, or every problem that they have. `contents` is
/// what came of their [`addresses`], `given` is what the unit's settings give to them. The sources are for showing the
/// problems; what is secret in them is starred out.
pub fn lower_with(files: &Files, contents: &Contents, given: &Given) -> (Result<Lowered, Problems>, Sources) {
    let mut problems = Problems::default();
    let mut sources = Sources::default();
    let (mut objects, mut sealed, mut sealed_files) = (Vec::new(), Vec::new(), Vec::new());
    let (mut outputs, mut unfilled) = (Vec::new(), Vec::new());
    if rendered::are_manifests(files, &mut problems) && fits(files, contents, &mut problems) {
        let manifests: Vec<(&String, &Vec<u8>)> = files.iter().filter(|(path, _)| is_manifest(path)).collect();
        let known = openmcf::Known::of(manifests.iter().filter(|(path, bytes)| is_yaml(path) && !is_too_large(bytes)));
        outputs = known.outputs();
        let mut hcl = Vec::new();
        for manifest in
            cores::map(&manifests, MANIFESTS_MANY, |(path, bytes)| Manifest::read(path, bytes, (given.target, &known)))
        {
            hcl.extend(manifest.hcl);
            objects.extend(manifest.objects);
            sealed.extend(manifest.sealed);
            unfilled.extend(manifest.unfilled);
            problems.extend(manifest.problems);
            sources.extend(manifest.sources);
        }
        let voodu::Lowering { objects: written, implied, sealed: files_of_keys, hidden } =
            voodu::lower(&hcl, files, (contents, given), &mut problems);
        let effects = |object: &Object| kubernetes::effects(object, given.target);
        cores::map(&written, MANIFESTS_MANY, effects).into_iter().for_each(|found| problems.extend(found));
        sealed_files = files_of_keys;
        for (file, ranges) in hidden {
            // A file that is no manifest is shown where an encrypted one is not right.
            if let (None, Some(bytes)) = (sources.text(&file), files.get(&file)) {
                sources.insert(file.as_str(), String::from_utf8_lossy(bytes));
            }
            sources.hide(&file, &ranges);
        }
        objects.extend(written);
        let declared: BTreeSet<ObjectId> = objects.iter().map(|object| object.id.clone()).collect();
        objects.extend(implied.into_iter().filter(|object| !declared.contains(&object.id)));
    }
    kubernetes::settle_namespaces(&mut objects);
    objects.sort_by(|left, right| {
        left.id.cmp(&right.id).then_with(|| left.places.nearest("").cmp(&right.places.nearest("")))
    });
    refuse_twins(&objects, &sources, &mut problems);
    // What is wrong is not among the objects, and only seems to be missing.
    if problems.has_errors() {
        return (Err(problems), sources);
    }
    problems.extend(kubernetes::judge_together(&objects));
    outputs.retain(|it| objects.binary_search_by(|object| object.id.cmp(&it.object)).is_ok());
    unfilled.sort_by(|one: &Unfilled, other| one.object.cmp(&other.object));
    (Ok(Lowered { objects, notes: problems, sealed, sealed_files, outputs, unfilled }), sources)
}

fn is_yaml(path: &str) -> bool {
    path.ends_with(".yaml") || path.ends_with(".yml")
}

/// True if the files together are within what is read; the budget for each one is `read`'s.
fn fits(files: &Files, contents: &Contents, problems: &mut Problems) -> bool {
    let read = files.iter().filter(|(path, bytes)| !(is_manifest(path) && is_too_large(bytes)));
    let bytes: u64 = read.map(|(_, bytes)| bytes.len() as u64).sum();
    let fault = if files.len() > TREE_FILES_MAX {
        format!("the unit has {} files; at most {TREE_FILES_MAX} are read", files.len())
    } else if bytes > TREE_BYTES_MAX {
        format!("the unit's files hold {bytes} bytes; at most {TREE_BYTES_MAX} are read")
    } else if contents.len() > ADDRESSES_MAX {
        format!("the unit's assets name {} addresses; at most {ADDRESSES_MAX} are fetched", contents.len())
    } else {
        return true;
    };
    problems.push(Problem::error(None, fault).help("split the unit, or keep other files out of its directory"));
    false
}

const fn is_too_large(bytes: &[u8]) -> bool {
    bytes.len() as u64 > MANIFEST_BYTES_MAX
}

/// Manifests that are worth reading on several cores: so many take longer to read than threads take to start.
const MANIFESTS_MANY: usize = 64;

/// What can be said about one manifest without the others.
#[derive(Default)]
struct Manifest<'a> {
    /// The path and the text of one in HCL, where references lead from file to file.
    hcl: Option<(&'a str, &'a str)>,
    /// The objects of one in YAML.
    objects: Vec<Object>,
    /// What is encrypted in it.
    sealed: Option<Sealed>,
    /// What of it only the cluster knows.
    unfilled: Vec<Unfilled>,
    problems: Problems,
    sources: Sources,
}

impl<'a> Manifest<'a> {
    fn read(path: &'a str, bytes: &'a [u8], settled: (Target, &openmcf::Known)) -> Self {
        let mut manifest = Self::default();
        let Some(text) = read(path, bytes, &mut manifest.problems, &mut manifest.sources) else { return manifest };
        if is_yaml(path) {
            let Self { objects, sealed, unfilled, problems, sources, hcl: _ } = &mut manifest;
            (*objects, *sealed) = lower_yaml(path, text, settled, (problems, unfilled), sources);
        } else {
            manifest.hcl = Some((path, text));
        }
        manifest
    }
}

/// A manifest as text, which is also kept for showing.
fn read<'a>(path: &str, bytes: &'a [u8], problems: &mut Problems, sources: &mut Sources) -> Option<&'a str> {
    let place = |start, end| Some(Place { file: path.into(), start, end });
    if is_too_large(bytes) {
        let message = format!("the manifest has {} bytes; at most {MANIFEST_BYTES_MAX} are read", bytes.len());
        problems.push(Problem::error(place(0, 0), message).help("split it into several files"));
        return None;
    }
    let fault = match std::str::from_utf8(bytes) {
        Ok(text) => match text.find('\0') {
            None => {
                sources.insert(path, text);
                return Some(text);
            }
            Some(at) => Problem::error(place(at, at + 1), "the manifest holds a NUL character"),
        },
        Err(error) => {
            let at = error.valid_up_to();
            Problem::error(place(at, at + 1), "the manifest is not UTF-8 text").help("save it as UTF-8")
        }
    };
    sources.insert(path, String::from_utf8_lossy(bytes));
    sources.hide(path, &secret_lines(&String::from_utf8_lossy(bytes)));
    problems.push(fault);
    None
}

/// The objects of a YAML file, whichever of the two dialects each document is of, and what is encrypted in it. `unfilled` takes
/// what only the cluster knows.
fn lower_yaml(
    path: &str,
    text: &str,
    (target, known): (Target, &openmcf::Known),
    (problems, unfilled): (&mut Problems, &mut Vec<Unfilled>),
    sources: &mut Sources,
) -> (Vec<Object>, Option<Sealed>) {
    let file = Arc::from(path);
    let stream = yaml::parse(&file, text, problems);
    let mut hidden = if stream.sound { Vec::new() } else { secret_lines(text) };
    let masked = if sops::has_sops(&stream.documents) {
        match sops::mask(&file, text, &stream.documents, problems) {
            Some(masked) => Some(masked),
            None => {
                sources.hide(path, &secret_lines(text));
                return (Vec::new(), None);
            }
        }
    } else {
        None
    };
    let (mut objects, mut ids) = (Vec::new(), Vec::new());
    for document in masked.as_ref().map_or(&stream.documents, |masked| &masked.documents) {
        let written = if openmcf::is_ours(document) {
            openmcf::documents(&file, text, document, (target, known), (&mut *problems, &mut hidden, &mut *unfilled))
        } else {
            vec![Rc::clone(document)]
        };
        let lower = |document| kubernetes::lower_document(&file, text, &document, target, problems, &mut hidden);
        let found: Vec<Object> = written.into_iter().flat_map(lower).collect();
        ids.push(match found.as_slice() {
            [object] => Some(object.id.clone()),
            _ => None,
        });
        objects.extend(found);
    }
    sources.hide(path, &hidden);
    if masked.is_none() {
        objects.iter().for_each(|object| sops::refuse_unexplained(object, problems));
    }
    (objects, masked.and_then(|masked| masked.sealed(&ids)))
}

/// What may be secret in a text that could not be read: everything but names where it speaks of a Secret, else the
/// values of variables.
fn secret_lines(text: &str) -> Vec<Range<usize>> {
    let all = text.contains("Secret") || text.contains("stringData");
    let mut hidden = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let name = line.split_once(": ").map(|(name, _)| name).filter(|name| name.len() < line.len());
        let value = name.map_or(0, |name| name.len() + 2);
        let structural = ["apiVersion", "kind", "name", "namespace"];
        let word = name.map(|name| name.trim_start_matches([' ', '-', '{', '"']));
        if all && !word.is_some_and(|word| structural.contains(&word)) || word == Some("value") {
            hidden.push(start + value..start + line.len());
        }
        start += line.len();
    }
    hidden
}

/// Reports every object that is asked for more than once, at all its places. `objects` are in order.
fn refuse_twins(objects: &[Object], sources: &Sources, problems: &mut Problems) {
    for twins in objects.chunk_by(|one, next| one.id == next.id).filter(|twins| twins.len() > 1) {
        let name = |object: &Object| object.place("/metadata/name");
        for (index, twin) in twins.iter().enumerate() {
            let others = twins.iter().enumerate().filter(|(other, _)| *other != index);
            let others: Vec<String> = others.filter_map(|(_, other)| Some(sources.describe(&name(other)?))).collect();
            let message = format!("{} is given {} times", quoted(&twin.id.to_string()), twins.len());
            let help = format!("keep one of them; it is also at {}", others.join(", "));
            problems.push(Problem::error(name(twin), message).help(help));
        }
    }
}
