//! The plugins of a unit: which kinds they expand, where their programs come from, and what these must be.

use writ_core::dialect::is_built_in;
use writ_core::text::{Problems, Written};

use super::check::{check_tree_path, refuse, refuse_duplicates};
use super::source::{check_credentials, check_url};
use super::{Plugin, raw};
use crate::limits::PLUGINS_MAX;

/// Where the program lies in its repository, unless the settings say otherwise.
const DEFAULT_PATH: &str = "bin/expand";

/// Hexadecimal digits of a digest.
const DIGEST_DIGITS: usize = 64;

/// All plugins of a unit; none if one of them is not right.
pub(super) fn check_plugins(raw: Vec<raw::Plugin>, problems: &mut Problems) -> Option<Vec<Plugin>> {
    refuse_duplicates("plugin", raw.iter().filter_map(|plugin| plugin.kind.as_ref()), problems);
    if let Some(raw::Plugin { kind: Some(Written { value: _, place }), .. }) = raw.get(PLUGINS_MAX) {
        let message = format!("a unit has at most {PLUGINS_MAX} plugins");
        refuse(problems, place, message, "split the unit");
    }
    let plugins: Vec<Option<Plugin>> = raw.into_iter().map(|raw| check_plugin(raw, problems)).collect();
    plugins.into_iter().collect()
}

fn check_plugin(raw: raw::Plugin, problems: &mut Problems) -> Option<Plugin> {
    let raw::Plugin { kind, url, credentials, version, path, digest } = raw;
    let kind = kind.and_then(|kind| check_kind(kind, problems));
    let url = url.and_then(|url| check_url(url, problems));
    let transport = url.as_ref().map(|(_, transport)| *transport);
    let credentials = credentials.map(|raw| check_credentials(raw, transport, problems)).unwrap_or_default();
    let version = version.and_then(|version| check_version(version, problems));
    let path = match path {
        Some(path) => check_path(path, problems),
        None => Some(DEFAULT_PATH.to_owned()),
    };
    let digest = digest.and_then(|digest| check_digest(digest, problems));
    let (url, _) = url?;
    Some(Plugin { kind: kind?, url, credentials, version: version?, path: path?, digest: digest? })
}

fn check_kind(written: Written<String>, problems: &mut Problems) -> Option<String> {
    let Written { value, place } = written;
    if !is_built_in(&value) {
        return Some(value);
    }
    let message = format!("`{}` cannot be the kind of a plugin", value.escape_debug());
    let help = "use lower-case letters, digits, `-` and `_`, begin with a letter, and take no kind that is built in";
    refuse(problems, &place, message, help);
    None
}

fn check_version(written: Written<String>, problems: &mut Problems) -> Option<String> {
    let Written { value, place } = written;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-+_".contains(&byte);
    let sound = value.starts_with(|first: char| first.is_ascii_alphanumeric())
        && value.bytes().all(fits)
        && !value.contains("..")
        && ![".", ".lock"].iter().any(|end| value.ends_with(end))
        && value != "latest";
    if sound {
        return Some(value);
    }
    let help = "write the one version that the digest belongs to, as 1.2.0: its tag is v1.2.0 or 1.2.0";
    refuse(problems, &place, format!("`{}` is no version of a plugin", value.escape_debug()), help);
    None
}

fn check_path(written: Written<String>, problems: &mut Problems) -> Option<String> {
    let place = written.place.clone();
    let path = check_tree_path(written, problems)?;
    if path == "." {
        refuse(problems, &place, "`.` is no file of a repository", "write the program's path, as bin/expand");
        return None;
    }
    Some(path)
}

pub(super) fn check_digest(written: Written<String>, problems: &mut Problems) -> Option<String> {
    let Written { value, place } = written;
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let digits = value.strip_prefix("sha256:").unwrap_or_default();
    if digits.len() == DIGEST_DIGITS && digits.bytes().all(is_digit) {
        return Some(digits.to_owned());
    }
    let help = "write `sha256:` and the 64 digits that `sha256sum` prints for the program";
    refuse(problems, &place, format!("`{}` is no digest", value.escape_debug()), help);
    None
}
