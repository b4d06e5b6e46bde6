//! `previews` of a unit: which requests to merge something are planned.

use writ_core::limits::{PREVIEW_DAYS_DEFAULT, PREVIEW_DAYS_MAX, PREVIEW_REQUESTS_DEFAULT, PREVIEW_REQUESTS_MAX};
use writ_core::preview::Limits;
use writ_core::text::{Problems, Written};

use super::check::refuse;
use super::{ForgeKind, Target, raw};

/// The table `previews` of a unit; none if it is not right.
pub(super) fn check_previews(
    raw: Option<raw::Previews>,
    target: Option<&Target>,
    problems: &mut Problems,
) -> Option<Option<Limits>> {
    let Some(raw::Previews { place, number, days }) = raw else { return Some(None) };
    if let Some(Target::Kubernetes(_)) = target {
        let help = "remove `previews`: a cluster is asked what would change, and nobody has admitted what it would be asked about";
        refuse(problems, &place, "there are no previews of units of a cluster", help);
        return None;
    }
    let number = within("number", number, (PREVIEW_REQUESTS_DEFAULT, PREVIEW_REQUESTS_MAX), problems);
    let days = within("days", days, (PREVIEW_DAYS_DEFAULT, PREVIEW_DAYS_MAX), problems);
    Some(Some(Limits { number: number?, days: days? }))
}

fn within(key: &str, written: Option<Written<u32>>, (usual, most): (u32, u32), problems: &mut Problems) -> Option<u32> {
    let Some(Written { value, place }) = written else { return Some(usual) };
    if (1..=most).contains(&value) {
        return Some(value);
    }
    refuse(problems, &place, format!("`{key}` is {value}"), format!("use 1 to {most}"));
    None
}

/// Refuses previews of a source whose requests no forge lists.
pub(super) fn check_reported(units: &[raw::Unit], reports: &[raw::Report], problems: &mut Problems) {
    for unit in units {
        let (Some(previews), Some(source)) = (&unit.previews, &unit.source) else { continue };
        // A report that names no source is for the only one.
        let told = reports.iter().filter(|report| report.source.as_ref().is_none_or(|it| it.value == source.value));
        let forges: Vec<&Written<String>> = told.filter_map(|report| report.forge.as_ref()).collect();
        if forges.is_empty() {
            let message = format!("no [[report]] says which forge lists the requests of source `{}`", source.value);
            refuse(problems, &previews.place, message, "add a [[report]] for that source, or remove `previews`");
        } else if forges.iter().all(|forge| forge.value == ForgeKind::Bitbucket.name()) {
            let help = "remove `previews`; commit statuses of what is merged are written all the same";
            refuse(problems, &previews.place, "there are no previews at bitbucket: its requests are not read", help);
        }
    }
}
