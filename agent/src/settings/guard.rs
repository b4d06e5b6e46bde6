//! What even an admitted commit may not do: a profile that comes with the program, or a policy in a file of the host's.
//!
//! Invariant: a policy that cannot be read or is not right is an error, and never another policy instead.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use writ_core::guard::{Policy, Profile};
use writ_core::text::{Problem, Problems, Sources, Written};

use super::check::refuse;
use super::{SettingsError, mask};

/// A policy of the guard, and what the settings call it.
#[derive(Clone, PartialEq, Eq)]
pub struct Guard {
    /// The name of a profile, or the file that the policy was read from.
    pub name: String,
    /// What it allows.
    pub policy: Policy,
}

impl Guard {
    /// The profile or file that a person names, `path` relative to where they stand.
    ///
    /// # Errors
    /// If there is no such file, or anything in it is not right: all problems together.
    pub fn named(name: &str) -> Result<Self, SettingsError> {
        if let Some(profile) = Profile::parse(name) {
            return Ok(profile.into());
        }
        let path = PathBuf::from(name);
        let text =
            std::fs::read_to_string(&path).map_err(|source| SettingsError::Read { path: path.clone(), source })?;
        let (mut problems, mut sources) = (Problems::default(), Sources::default());
        sources.insert(name, mask::mask(&text));
        let policy = Policy::read(name, &text, &mut problems);
        let invalid = |problems| SettingsError::Invalid { path, problems, sources };
        policy.map(|policy| Self { name: name.to_owned(), policy }).ok_or_else(|| invalid(problems))
    }

    /// The file that it was read from; none for a profile.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        Profile::parse(&self.name).is_none().then(|| Path::new(&self.name))
    }
}

impl From<Profile> for Guard {
    fn from(profile: Profile) -> Self {
        Self { name: profile.name().to_owned(), policy: profile.policy() }
    }
}

impl Default for Guard {
    fn default() -> Self {
        Profile::default().into()
    }
}

/// The name alone: `writ doctor` and the file itself say what it allows.
impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, policy: _ } = self;
        f.debug_tuple("Guard").field(name).finish()
    }
}

/// A profile's name, or the absolute path of a file with a policy. Problems in that file stand beside those of the settings.
pub(super) fn check_guard(written: &Written<String>, problems: &mut Problems, texts: &mut Sources) -> Option<Guard> {
    let Written { value, place } = written;
    if let Some(profile) = Profile::parse(value) {
        return Some(profile.into());
    }
    if !Path::new(value).is_absolute() {
        let profiles = Profile::ALL.map(Profile::name).join(", ");
        let help = format!("use {profiles}, or the path of a file, beginning with `/`");
        refuse(problems, place, format!("`guard` cannot be `{}`", value.escape_debug()), help);
        return None;
    }
    match Guard::named(value) {
        Ok(guard) => Some(guard),
        Err(SettingsError::Read { path: _, source }) => {
            let is_there = source.kind() != io::ErrorKind::NotFound;
            let advice =
                if is_there { "make it a text file that the agent can read" } else { "write it, or name a profile" };
            refuse(problems, place, format!("`guard`: cannot read {value}: {source}"), advice);
            None
        }
        Err(SettingsError::Invalid { path: _, problems: found, sources }) => {
            // Another unit may name the same file: its problems are told once.
            if texts.text(value).is_none() {
                problems.extend(found);
                texts.insert(value.as_str(), sources.text(value).unwrap_or_default());
            } else {
                problems.push(Problem::error(Some(place.clone()), "`guard`: the policy is not right, see there"));
            }
            None
        }
    }
}
