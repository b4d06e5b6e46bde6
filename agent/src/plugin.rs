//! Plugins: their programs, brought once and known by their digests, and run behind walls for each block of theirs.
//!
//! Invariant: no program is run whose bytes are others than those that the settings name.
//! Invariant: a plugin makes manifests of a block and nothing else, and is given nothing but that block.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use writ_core::dialect::{Expansion, Expansions, Files, Given};

use crate::confine::{Child, ConfineError, Judged, Program, hex};
use crate::error::chain;
use crate::fetch::Taken;
use crate::git::{Bounds, GitError, Mirror, Remote};
use crate::limits::{PLUGIN_ANSWER_BYTES_MAX, PLUGIN_BYTES_MAX};
use crate::settings::{Plugin, Unit};
use crate::source::credentials;

/// The folder of the programs, below the state directory.
const FOLDER: &str = "plugins";

/// The word that a plugin is given.
const EXPAND: &str = "expand";

/// What files ask for, what they take from servers, and what plugins make of their blocks. Copies of files and programs are
/// kept below the directory `state`.
///
/// # Errors
/// If a confined process does anything but answer.
pub async fn lower(child: &Child, state: &Path, files: &Files, unit: &Unit) -> Result<(Judged, Taken), ConfineError> {
    let given = given(child, state, files, unit).await?;
    child.lower(state, files, &given).await
}

/// What files ask for that nobody has admitted: nothing is fetched for them, and a text stands in the place of what is encrypted.
///
/// # Errors
/// If a confined process does anything but answer.
pub async fn lower_unfetched(child: &Child, state: &Path, files: &Files, unit: &Unit) -> Result<Judged, ConfineError> {
    let given = given(child, state, files, unit).await?;
    child.lower_unfetched(files, &given).await
}

/// What the settings of a unit give to its manifests.
async fn given(child: &Child, state: &Path, files: &Files, unit: &Unit) -> Result<Given, ConfineError> {
    let kinds = unit.plugins.iter().map(|plugin| (plugin.kind.clone(), plugin.version.clone())).collect();
    let expansions = Expansions { kinds, answers: [].into() };
    let mut given = Given { variables: unit.variables.clone(), expansions, target: unit.target.dialect() };
    if unit.plugins.is_empty() {
        return Ok(given);
    }
    for (id, question) in child.questions(files, &given).await? {
        let Some(plugin) = unit.plugins.iter().find(|plugin| plugin.kind == id.kind) else { continue };
        let answered = match program(state, plugin).await {
            Ok(path) => {
                let (digest, answer_bytes) = (plugin.digest.as_str(), PLUGIN_ANSWER_BYTES_MAX);
                child.expand(&Program { path: &path, digest, word: EXPAND, answer_bytes }, question.as_bytes()).await?
            }
            Err(why) => Err(why),
        };
        let expansion = answered.map_or_else(|why| Expansion::Failed { why }, Expansion::Answered);
        given.expansions.answers.insert(id, expansion);
    }
    Ok(given)
}

/// Where the program of a plugin lies, brought if it is not there; else why it cannot be had.
async fn program(state: &Path, plugin: &Plugin) -> Result<PathBuf, String> {
    let (folder, plugin) = (state.join(FOLDER), plugin.clone());
    let brought = tokio::task::spawn_blocking(move || bring(&folder, &plugin)).await;
    brought.map_err(|_| "bringing its program broke off".to_owned())?
}

fn bring(folder: &Path, plugin: &Plugin) -> Result<PathBuf, String> {
    let path = folder.join(&plugin.digest);
    if digest_of(&path).is_ok_and(|found| found == plugin.digest) {
        return Ok(path);
    }
    let kept = |error: io::Error| format!("its program cannot be kept below {}: {error}", folder.display());
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(kept)?;
    let clone = folder.join(format!("{}.{}", plugin.kind, std::process::id()));
    let fetched = fetch(&clone, plugin);
    discard(&clone);
    let bytes = fetched.map_err(|error| format!("its program cannot be brought: {}", chain(&error)))?;
    let Some(bytes) = bytes else {
        return Err(format!("{} has neither a tag v{1} nor a tag {1}", plugin.url, plugin.version));
    };
    let found = hex(&Sha256::digest(&bytes));
    if found != plugin.digest {
        return Err(format!(
            "{} of version {} has the digest sha256:{found}, and the settings name sha256:{}",
            plugin.path, plugin.version, plugin.digest
        ));
    }
    keep(&path, &bytes).map_err(kept)?;
    Ok(path)
}

/// The bytes of the program; none if there is no tag of the version. All that is made for it is made in `clone`.
fn fetch(clone: &Path, plugin: &Plugin) -> Result<Option<Vec<u8>>, GitError> {
    let Plugin { kind, url, credentials: named, version, path, digest: _ } = plugin;
    for tag in [format!("v{version}"), version.clone()] {
        discard(clone);
        let (name, url, branch) = (kind.clone(), url.clone(), format!("refs/tags/{tag}"));
        let remote = Remote { name, url, branch, credentials: credentials(named), bounds: Bounds::default() };
        let mut mirror = Mirror::open(&clone.join("git"), &remote)?;
        if mirror.list()?.is_none() {
            continue;
        }
        if let Some(offered) = mirror.fetch()? {
            return mirror.repository().file_at(offered, path).map(Some);
        }
    }
    Ok(None)
}

/// Removes a copy of a repository: all that is wanted of it is taken.
fn discard(clone: &Path) {
    fs::remove_dir_all(clone).ok();
}

/// Puts a program in place as a whole. Nobody may be able to open it by its path, and whoever runs it is nobody.
fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = PathBuf::from(format!("{}.{}", path.display(), std::process::id()));
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o555).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

/// The digest of a file, as far as a program may be long.
fn digest_of(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(path)?.take(PLUGIN_BYTES_MAX + 1), &mut hash)?;
    Ok(hex(&hash.finalize()))
}
