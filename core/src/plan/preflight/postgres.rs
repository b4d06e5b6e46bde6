//! PostgreSQL: of which major version the data on a volume is, which one an image runs, and whether it would find the data.

use super::{Case, Leads, Verdict};
use super::{Form, Place};
use crate::model::ContainerSpec;

/// Folders of a volume in which data of PostgreSQL lies, where no variable says in which.
pub(super) const FOLDERS: [&str; 3] = ["", "pgdata", "data"];

/// The variable by which images of PostgreSQL tell their major version, and a label that does the same.
pub const MAJOR: &str = "PG_MAJOR";

/// The variable that says where the data is.
pub const FOLDER: &str = "PGDATA";

pub(super) fn judge(case: &Case<'_>) -> Option<Verdict> {
    let data: Vec<(&str, u32)> = case.found.places.iter().filter_map(version).collect();
    let image = case.container.image.as_str();
    let runs = case.found.image.postgres.or_else(|| major_of_tag(image));
    let by_folder = |folder: &str| data.iter().find(|(found, _)| *found == folder).map(|(_, version)| *version);
    match (runs, folder(case)) {
        _ if data.is_empty() => None,
        (Some(runs), Leads::Here(folder)) => match by_folder(folder) {
            Some(data) => compared(case, data, Some(runs)),
            None => Some(astray(case, &data, folder)),
        },
        (Some(_), Leads::Nowhere(path)) => Some(astray(case, &data, path)),
        // That volume is judged by itself; here are copies.
        (Some(_), Leads::Elsewhere) => None,
        (Some(_), Leads::Unknown) | (None, _) => {
            let told = case.told(FOLDER).and_then(|path| case.within(path)).and_then(by_folder);
            let usual = || FOLDERS.into_iter().find_map(by_folder);
            compared(case, told.or_else(usual)?, runs)
        }
    }
}

fn version(place: &Place) -> Option<(&str, u32)> {
    match &place.form {
        Form::Postgres(version) => Some((place.folder.as_str(), *version)),
        Form::Redis(_) => None,
    }
}

fn compared(case: &Case<'_>, data: u32, runs: Option<u32>) -> Option<Verdict> {
    let (volume, image) = (case.volume, &case.container.image);
    match runs {
        Some(runs) if runs == data => None,
        Some(runs) => Some(Verdict::Unfit {
            why: format!("the data in volume {volume} is of PostgreSQL {data}, and {image} runs {runs}"),
            ways: format!(
                "which does not start on it: go back to an image of {data}; or dump the data, and restore it into a claim of \
                 another name; or bring it up to {runs} in an init container"
            ),
        }),
        // What stands beside a server may look at its data for any reason.
        None if !case.is_of_main_image() => None,
        None => Some(Verdict::Unsure(format!(
            "the data in volume {volume} is of PostgreSQL {data}; which version {image} runs could not be checked"
        ))),
    }
}

fn astray(case: &Case<'_>, data: &[(&str, u32)], to: &str) -> Verdict {
    let places: Vec<String> =
        data.iter().map(|(folder, version)| format!("{} (PostgreSQL {version})", case.shown(folder))).collect();
    Verdict::Astray {
        why: format!("the data in volume {} lies in {}", case.volume, places.join(" and ")),
        leads: format!(
            "{FOLDER} leads to {}, where there is none, so that a new, empty database would be made",
            case.path(to)
        ),
    }
}

/// Where in the volume the server of this container would look for its data.
fn folder<'a>(case: &Case<'a>) -> Leads<'a> {
    if !case.is_main() || !serves(case.container) {
        return Leads::Unknown;
    }
    let own = case.container.env.contains_key(FOLDER);
    case.leads(if own { case.told(FOLDER) } else { case.found.image.pgdata.as_deref() })
}

/// True if the container runs the server, and says nothing in its command of where the data is.
fn serves(container: &ContainerSpec) -> bool {
    let words = super::command(container);
    let is_server = words.first().is_none_or(|word| *word == "postgres" || word.starts_with('-'));
    is_server && !words.iter().any(|word| word.starts_with("-D") || word.contains("data_directory"))
}

/// The major version that the tag of an image called `postgres` begins with; nobody else's tags say it.
fn major_of_tag(image: &str) -> Option<u32> {
    major(super::tag(image, "postgres")?)
}

/// The major version of `15`, `15.4` or `9.6`: before version 10, two numbers were one.
#[must_use]
pub fn major(text: &str) -> Option<u32> {
    let text = text.trim();
    let (first, rest) = text.split_once('.').unwrap_or((text, ""));
    let first = super::number(first)?;
    if first >= 10 {
        return Some(first);
    }
    // Of these, 9.6 and 9.5 are as far apart as 10 and 11; no later version is taken for one of them.
    let second = super::number(rest.split('.').next().unwrap_or_default())?;
    Some(first * 100 + second).filter(|_| second < 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_major_version_is_read_as_postgres_writes_it() {
        for (text, expected) in [
            ("15\n", Some(15)),
            ("15.4", Some(15)),
            ("9.6", Some(906)),
            ("9", None),
            ("", None),
            ("x", None),
            ("+15", None),
            ("15x", None),
        ] {
            assert_eq!(major(text), expected, "{text}");
        }
    }

    #[test]
    fn only_the_tag_of_an_image_called_postgres_tells_its_version() {
        for (image, expected) in [
            ("postgres:15-alpine", Some(15)),
            ("docker.io/library/postgres:16.2", Some(16)),
            ("localhost:5000/postgres:9.6-alpine@sha256:ab", Some(906)),
            ("postgres", None),
            ("postgres:latest", None),
            ("localhost:5000/postgres", None),
            ("postgis:15", None),
            ("pgautoupgrade:16", None),
        ] {
            assert_eq!(major_of_tag(image), expected, "{image}");
        }
    }
}
