//! Redis: in which form the data on a volume is, which forms an image reads, and whether it would find the data.
//!
//! A server reads what it and every older one wrote, and ends at the first file in a newer form.

use super::{Case, Form, Leads, Place, Verdict};
use crate::model::ContainerSpec;

/// The variable by which images of Redis tell their release, and a label that does the same.
pub const RELEASE: &str = "REDIS_VERSION";

/// Folders of a volume in which data of Redis lies, where nobody says in which.
pub(super) const FOLDERS: [&str; 2] = ["", "data"];

/// The form of the folder of append-only files, which the same release brought; its files need not say more.
pub const FOLDER_FORM: u32 = 10;

/// The first release that writes a form, newest first. Source: `RDB_VERSION` of each release of Redis.
const FORMS: [(u32, u32, u32); 7] = [(12, 7, 4), (11, 7, 2), (10, 7, 0), (9, 5, 0), (8, 4, 0), (7, 3, 2), (6, 2, 6)];

/// The first major release of which it is not known here what it reads: at least all of these.
const MAJOR_UNKNOWN: u32 = 8;

/// A release of Redis (`7.2`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// Its first number.
    pub major: u32,
    /// Its second number, where it is told.
    pub minor: Option<u32>,
}

impl Release {
    /// The release of `7.2.4`, `7.2` or `7`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.trim().split('.');
        let major = super::number(numbers.next()?)?;
        let minor = match numbers.next() {
            None => None,
            Some(text) => Some(super::number(text)?),
        };
        Some(Self { major, minor })
    }

    /// The newest form that it reads for certain, and whether it may read newer ones.
    fn reads(self) -> (u32, bool) {
        let newest = FORMS[0].0;
        if self.major >= MAJOR_UNKNOWN {
            return (newest, true);
        }
        // Where the second number is not told, it may be any.
        let minor = self.minor.unwrap_or(u32::MAX);
        let form = FORMS.into_iter().find(|(_, major, first)| (*major, *first) <= (self.major, minor));
        (form.map_or(0, |(form, ..)| form), false)
    }

    fn shown(self) -> String {
        let Self { major, minor } = self;
        minor.map_or_else(|| major.to_string(), |minor| format!("{major}.{minor}"))
    }
}

pub(super) fn judge(case: &Case<'_>) -> Option<Verdict> {
    let data: Vec<(&str, u32)> = case.found.places.iter().filter_map(form).collect();
    // What stands beside a server may look at its files for any reason.
    if data.is_empty() || !case.is_main() {
        return None;
    }
    let image = case.container.image.as_str();
    let runs = case.found.image.redis.or_else(|| Release::parse(super::tag(image, "redis")?));
    let by_folder = |folder: &str| data.iter().find(|(found, _)| *found == folder).map(|(_, form)| *form);
    match (runs, folder(case)) {
        (Some(runs), Leads::Here(folder)) => match by_folder(folder) {
            Some(data) => compared(case, data, Some(runs)),
            None => Some(astray(case, &data, folder)),
        },
        (Some(_), Leads::Nowhere(path)) => Some(astray(case, &data, path)),
        (Some(_), Leads::Elsewhere) => None,
        (Some(_), Leads::Unknown) | (None, _) => compared(case, FOLDERS.into_iter().find_map(by_folder)?, runs),
    }
}

fn form(place: &Place) -> Option<(&str, u32)> {
    match &place.form {
        Form::Redis(form) => Some((place.folder.as_str(), *form)),
        Form::Postgres(_) => None,
    }
}

fn compared(case: &Case<'_>, data: u32, runs: Option<Release>) -> Option<Verdict> {
    let (volume, image) = (case.volume, &case.container.image);
    let since = FORMS.into_iter().find(|(form, ..)| *form == data);
    let since = since
        .map_or_else(String::new, |(_, major, minor)| format!(", as Redis {major}.{minor} was the first to write"));
    let written = format!("the data of Redis in volume {volume} is of form {data}{since}");
    let Some(runs) = runs else {
        return Some(Verdict::Unsure(format!("{written}; which release {image} runs could not be checked")));
    };
    match runs.reads() {
        (newest, _) if data <= newest => None,
        (_, true) => Some(Verdict::Unsure(format!(
            "{written}; whether {image}, which runs {}, reads it could not be checked",
            runs.shown()
        ))),
        (newest, false) => Some(Verdict::Unfit {
            why: format!("{written}, and {image} runs {}, which reads forms up to {newest}", runs.shown()),
            ways: "so that it would not start on it, or without the keys: go back to an image that wrote it or a newer one; or \
                   copy the keys into a server with a claim of another name; or let an init container put the data right"
                .to_owned(),
        }),
    }
}

fn astray(case: &Case<'_>, data: &[(&str, u32)], to: &str) -> Verdict {
    let places: Vec<String> = data.iter().map(|(folder, _)| case.shown(folder)).collect();
    Verdict::Astray {
        why: format!("the data of Redis in volume {} lies in {}", case.volume, places.join(" and ")),
        leads: format!(
            "the server looks for it in {}, where there is none, so that it would start without any keys",
            case.path(to)
        ),
    }
}

/// Where in the volume the server of this container would look for its data.
fn folder<'a>(case: &Case<'a>) -> Leads<'a> {
    match working_folder(case.container) {
        None => Leads::Unknown,
        Some(Some(folder)) => case.leads(Some(folder)),
        Some(None) => case.leads(case.container.working_dir.as_deref().or(case.found.image.working_dir.as_deref())),
    }
}

/// None if a configuration or another program decides; else the folder that the command names, if it names one.
fn working_folder(container: &ContainerSpec) -> Option<Option<&str>> {
    let words = super::command(container);
    let words = words.as_slice();
    let options = match words {
        [] => words,
        ["redis-server", options @ ..] => options,
        [first, ..] if first.starts_with("--") => words,
        [..] => return None,
    };
    if options.first().is_some_and(|word| !word.starts_with("--")) || options.contains(&"--include") {
        return None;
    }
    let named = options.iter().position(|word| *word == "--dir");
    Some(named.and_then(|at| options.get(at + 1).copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_reads_what_older_ones_wrote_and_one_without_its_second_number_may_be_any() {
        for (text, newest, more) in [
            ("2.6.17", 6, false),
            ("3.0", 6, false),
            ("3", 7, false),
            ("5", 9, false),
            ("6.2.14", 9, false),
            ("7.0", 10, false),
            ("7.2.4", 11, false),
            ("7", 12, false),
            ("8.0", 12, true),
            ("2.4", 0, false),
        ] {
            assert_eq!(Release::parse(text).unwrap().reads(), (newest, more), "{text}");
        }
        for text in ["", "x", "7.x", "-7", "latest"] {
            assert_eq!(Release::parse(text), None, "{text}");
        }
    }
}
