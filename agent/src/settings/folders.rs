//! The folders of a unit: where the settings name the host or one of its labels, that is filled in.

use std::collections::BTreeMap;

use writ_core::text::{Problems, Written, quoted};

use super::check::{check_tree_path, refuse};
use crate::folders::Folders;

/// What a path of the settings can name: the host and its labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) host: String,
    pub(super) labels: BTreeMap<String, String>,
}

/// The folders of a unit; none if one is not right.
pub(super) fn check_folders(
    written: Written<Vec<Written<String>>>,
    names: Option<&Names>,
    problems: &mut Problems,
) -> Option<Folders> {
    let Written { value, place } = written;
    if value.is_empty() {
        refuse(problems, &place, "`path` names no folder", "name one at least; `.` is the whole repository");
        return None;
    }
    let folders: Vec<Option<String>> = value.into_iter().map(|folder| check_folder(folder, names, problems)).collect();
    match Folders::new(folders.into_iter().collect::<Option<_>>()?) {
        Ok(folders) => Some(folders),
        Err((one, other)) => {
            let message = format!("`{one}` holds `{other}`: its files would be there twice");
            refuse(problems, &place, message, "name folders of which none is below another one");
            None
        }
    }
}

fn check_folder(written: Written<String>, names: Option<&Names>, problems: &mut Problems) -> Option<String> {
    let Written { value, place } = written;
    // Where the host itself is not right, nobody knows what its path would be.
    let names = names?;
    match filled(&value, names) {
        Ok(value) => check_tree_path(Written { value, place }, problems),
        Err(Unknown { name, help }) => {
            refuse(problems, &place, format!("{} cannot be filled in", quoted(&name)), help);
            None
        }
    }
}

/// What a path names that nobody knows.
#[derive(Debug, PartialEq, Eq)]
struct Unknown {
    name: String,
    help: String,
}

/// A path with what it names in braces filled in.
fn filled(path: &str, names: &Names) -> Result<String, Unknown> {
    let (mut filled, mut rest) = (String::with_capacity(path.len()), path);
    while let Some((before, behind)) = rest.split_once('{') {
        let unknown = |name: &str, help: String| Unknown { name: name.to_owned(), help };
        let Some((name, after)) = behind.split_once('}') else {
            return Err(unknown(&format!("{{{behind}"), "close it with `}`".to_owned()));
        };
        let value = match name.split_once('.') {
            None if name == "host" => &names.host,
            Some(("label", label)) => names.labels.get(label).ok_or_else(|| {
                let known: Vec<&str> = names.labels.keys().map(String::as_str).collect();
                let help = match known.as_slice() {
                    [] => "the host has no labels: set `labels` in [host]".to_owned(),
                    known => format!("the labels of the host are: {}", known.join(", ")),
                };
                unknown(&format!("{{{name}}}"), help)
            })?,
            None | Some(_) => {
                return Err(unknown(&format!("{{{name}}}"), "use {host} or {label.NAME}".to_owned()));
            }
        };
        filled.push_str(before);
        filled.push_str(value);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str) -> Result<String, String> {
        let labels = BTreeMap::from([("role".to_owned(), "db".to_owned()), ("site".to_owned(), "ber".to_owned())]);
        filled(path, &Names { host: "edge-1".to_owned(), labels }).map_err(|it| format!("{}: {}", it.name, it.help))
    }

    #[test]
    fn the_host_and_its_labels_are_filled_in() {
        for (path, expected) in [
            ("hosts/{host}", "hosts/edge-1"),
            ("roles/{label.role}/{label.site}-{host}", "roles/db/ber-edge-1"),
            ("plain", "plain"),
        ] {
            assert_eq!(check(path).unwrap(), expected);
        }
        for (path, expected) in [
            ("roles/{label.rack}", "{label.rack}: the labels of the host are: role, site"),
            ("hosts/{name}", "{name}: use {host} or {label.NAME}"),
            ("hosts/{host", "{host: close it with `}`"),
        ] {
            assert_eq!(check(path).unwrap_err(), expected);
        }
    }
}
