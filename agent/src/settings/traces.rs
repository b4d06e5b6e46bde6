//! `[traces]`: who collects traces of passes.

use std::path::PathBuf;

use writ_core::text::{Problems, Written};

use super::check::refuse;
use super::path::{Privacy, file};
use super::{raw, url};

/// Who collects traces of passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    /// Where spans are sent, with the path.
    pub url: String,
    /// File of the token that is shown there; none if none is.
    pub token_file: Option<PathBuf>,
}

/// The table `[traces]`; the inner value is none where there is no such table, the outer where it is not right.
pub(super) fn check_traces(raw: Option<raw::Traces>, problems: &mut Problems) -> Option<Option<Traces>> {
    let Some(raw::Traces { url: written, token_file }) = raw else { return Some(None) };
    let token_file = file("token_file", token_file, Privacy::Secret, problems);
    let Written { value: url, place } = written?;
    if let Err(url::Complaint { message, help }) = url::told("whoever collects traces", &url) {
        refuse(problems, &place, message, help);
        return None;
    }
    Some(Some(Traces { url, token_file }))
}
