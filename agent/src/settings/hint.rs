//! `[hint]`: where forges can say that a source may have news.
//!
//! Invariant: a source of which hints are taken has a secret that cannot be guessed.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use writ_core::text::{Problems, SecretText, Written};

use super::check::refuse;
use super::path::{Privacy, file};
use super::web::{Listen, Web, check_listen};
use super::{Source, raw};
use crate::limits::HINT_SECRET_CHARACTERS_MIN;
use crate::token;

/// Where forges can say that a source may have news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Where it is listened.
    pub listen: Listen,
}

/// The secret of hints in a file.
///
/// # Errors
/// If the file cannot be read, or holds nothing that is hard to guess.
pub fn hint_secret(file: &Path) -> std::io::Result<SecretText> {
    let secret = token::read(file)?;
    if secret.expose().len() < HINT_SECRET_CHARACTERS_MIN {
        return Err(Error::other(format!("it is shorter than {HINT_SECRET_CHARACTERS_MIN} characters")));
    }
    Ok(secret)
}

/// The file of a source's secret; the inner value is none where there is none, the outer where it is not right.
pub(super) fn check_secret(
    written: Option<Written<String>>,
    takes_hints: bool,
    problems: &mut Problems,
) -> Option<Option<PathBuf>> {
    let Some(written) = written else { return Some(None) };
    let place = written.place.clone();
    if !takes_hints {
        refuse(problems, &place, "nobody listens for hints", "add a table [hint] with `listen`, or take this out");
        return None;
    }
    let path = file("hint_secret_file", Some(written), Privacy::Secret, problems)?;
    match hint_secret(&path) {
        Ok(_) => Some(Some(path)),
        // Whoever may not read it can check the rest. The agent looks again at each hint.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Some(Some(path)),
        Err(error) => {
            let message = format!("the secret in {} cannot be used: {error}", path.display());
            refuse(problems, &place, message, "write one by `openssl rand -hex 32`, and the same at the forge");
            None
        }
    }
}

/// The table `[hint]`; the inner value is none where there is no such table, the outer where it is not right.
pub(super) fn check_hint(
    raw: Option<raw::Hint>,
    web: Option<&Option<Web>>,
    sources: &[Option<Source>],
    problems: &mut Problems,
) -> Option<Option<Hint>> {
    let Some(raw::Hint { listen, place }) = raw else { return Some(None) };
    // One that is not right may have named a secret.
    let may_have = sources.iter().any(|source| source.as_ref().is_none_or(|source| source.hint_secret_file.is_some()));
    if !may_have {
        let message = "no source says by which secret hints are signed";
        refuse(problems, &place, message, "set `hint_secret_file` of a [[source]]");
        return None;
    }
    let (listen, place) = check_listen(listen?, problems)?;
    if web.and_then(Option::as_ref).is_some_and(|web| web.listen == listen) {
        refuse(problems, &place, "[web] listens there", "give each of them a port or a socket of its own");
        return None;
    }
    Some(Some(Hint { listen }))
}
