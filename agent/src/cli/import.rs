//! `writ import FILE`

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use writ_core::dialect::Files;
use writ_core::dialect::compose::{Given, Imported, import, lines};
use writ_core::limits::{ADDRESSES_MAX, MANIFEST_BYTES_MAX};

use super::exit::{Ended, Exit, Failure};
use super::host::Host;
use super::render::masked;
use super::terminal::Format;
use super::yaml;

/// Files beside a compose file that are read for it; more than any asset of a unit names.
const FILES_MAX: usize = ADDRESSES_MAX;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A file of docker compose
    file: PathBuf,
    /// The namespace of all objects [default: the name of the file's folder]
    #[arg(short, long, value_name = "SCOPE")]
    scope: Option<String>,
    /// A value for `${NAME}`, beside those of `.env` in the file's folder
    #[arg(long, value_name = "NAME=VALUE")]
    var: Vec<String>,
    /// Print the values of Secrets, too, so that the output can be applied
    #[arg(long)]
    show_secrets: bool,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let Arguments { file, scope, var, show_secrets } = arguments;
    let terminal = &host.terminal;
    let (text, folder) = (read(file)?, file.parent().map_or_else(PathBuf::new, Path::to_path_buf));
    let text = String::from_utf8(text).map_err(|_| Failure::message(format!("{} is not UTF-8", file.display())))?;
    let scope = match scope {
        Some(scope) => scope.clone(),
        None => name_of(&folder)?,
    };
    if !is_scope(&scope) {
        let message = format!("`{}` cannot be a namespace: say which with --scope", scope.escape_debug());
        return Err(Failure::message(message));
    }
    let variables = variables(&folder, var)?;
    let path = file.display().to_string();
    let none = Files::new();
    let first = import(&path, &text, Given { scope: &scope, variables: &variables, files: &none });
    let files = beside(&folder, &first.missing)?;
    let given = Given { scope: &scope, variables: &variables, files: &files };
    let Imported { objects, remarks, missing: _, sources } = import(&path, &text, given);
    if !remarks.is_empty() {
        terminal.say(&remarks.render(&sources, terminal.error_colour()));
    }
    if remarks.has_errors() {
        return Err(Failure::Said(Exit::Failure));
    }
    let objects: Vec<Value> = objects.iter().map(|object| masked(object, *show_secrets)).collect();
    match terminal.format() {
        Format::Text | Format::Yaml => terminal.print(&yaml::documents(&objects))?,
        Format::Json => terminal.show(&json!({"schema": "writ/objects/v1", "items": objects}), "")?,
    }
    Ok(Exit::Success)
}

/// The name of a folder, as far as it can be a namespace.
fn name_of(folder: &Path) -> Result<String, Failure> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let whole = fs::canonicalize(folder).map_err(|error| cannot(folder, &error))?;
    let name = whole.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    Ok(name.to_lowercase().replace(['_', '.', ' '], "-").trim_matches('-').to_owned())
}

fn is_scope(scope: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&scope.len()) && scope.bytes().all(inner) && !scope.starts_with('-') && !scope.ends_with('-')
}

/// Those of `.env`, overlaid by those of the command. The environment of this process has no say.
fn variables(folder: &Path, given: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let path = folder.join(".env");
    let mut variables = BTreeMap::new();
    if path.is_file() {
        let text = String::from_utf8_lossy(&read(&path)?).into_owned();
        variables = lines(&text)
            .map_err(|line| Failure::message(format!("{}:{line}: write each line as NAME=value", path.display())))?;
    }
    for word in given {
        let (name, value) = word
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| Failure::message(format!("`{}`: say --var NAME=VALUE", word.escape_debug())))?;
        variables.insert(name.to_owned(), value.to_owned());
    }
    Ok(variables)
}

/// The files that a compose file names, as far as they are there: what is not, it tells itself.
fn beside(folder: &Path, named: &BTreeSet<String>) -> Result<Files, Failure> {
    let mut files = Files::new();
    for name in named.iter().take(FILES_MAX) {
        let path = folder.join(name);
        if path.is_file() {
            files.insert(name.clone(), read(&path)?);
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let length = fs::metadata(path).map_err(|error| cannot(path, &error))?.len();
    if length > MANIFEST_BYTES_MAX {
        let message = format!("{} has {length} bytes; at most {MANIFEST_BYTES_MAX} are read", path.display());
        return Err(Failure::message(message));
    }
    fs::read(path).map_err(|error| cannot(path, &error))
}

fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::message(format!("cannot read {}: {error}", path.display()))
}
