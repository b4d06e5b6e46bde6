//! Where volumes are copied to before a step that may harm what is on them.

use std::path::PathBuf;

use writ_core::plan::Backups;
use writ_core::text::{Problems, Written};

use super::check::refuse;
use super::path::directory;
use super::{Target, raw};
use crate::limits::{BACKUPS_KEPT_DEFAULT, BACKUPS_KEPT_MAX};

/// The table `backup` of a unit; none if it is not right.
pub(super) fn check_backup(
    raw: Option<raw::Backup>,
    target: Option<&Target>,
    problems: &mut Problems,
) -> Option<Option<Backups>> {
    let Some(raw::Backup { directory: written, keep }) = raw else { return Some(None) };
    let keep = match keep {
        Some(Written { value, place }) if !(1..=BACKUPS_KEPT_MAX).contains(&value) => {
            refuse(problems, &place, format!("`keep` is {value}"), format!("use 1 to {BACKUPS_KEPT_MAX}"));
            None
        }
        Some(Written { value, place: _ }) => Some(value),
        None => Some(BACKUPS_KEPT_DEFAULT),
    };
    let place = written.as_ref().map(|written| written.place.clone());
    let folder = written.and_then(|written| directory("directory", written, problems));
    let elsewhere = match target {
        Some(Target::Docker) | None => None,
        Some(Target::Simulated) => Some("the volumes of a described host hold nothing that could be copied"),
        Some(Target::Kubernetes(_)) => Some("the volumes of a cluster are not copied"),
    };
    if let (Some(message), Some(place)) = (elsewhere, &place) {
        refuse(problems, place, message, "leave `backup` out, or use target \"docker\"");
        return None;
    }
    // What was read from a file of text is text.
    let directory = folder.map(PathBuf::into_os_string)?.into_string().ok()?;
    Some(Some(Backups { directory, keep: keep? }))
}
