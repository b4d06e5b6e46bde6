//! Files that SOPS encrypted, as far as they can be read without a key.
//!
//! What stands encrypted is handed on with all that proves it: the path that each value is bound to, and every value of
//! the file in the order of writing, over which SOPS makes its code. Whoever has a key opens it; nobody here has one.
//!
//! Source: the format by behaviour of SOPS 3, and its documentation at <https://getsops.io/docs/>.
//!
//! Invariant: a value that stands encrypted is one of a Secret or a ConfigMap, or of a file of variables that a ConfigMap holds
//! whole; anywhere else it is an error at its line.

mod cipher;
mod document;
mod env;
mod metadata;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::model::{Kind, Object, ObjectId};
use crate::text::{Place, Problem, Problems, quoted};

pub use cipher::{CipherText, ValueType};
pub(super) use document::{has_sops, mask};
pub(super) use env::{EnvFile, has_ciphers, hidden as hidden_env, is_env, read as read_env};
pub use env::{SealedFile, SealedLine};
pub use metadata::{Seal, Service};

/// What stands for a value that nobody opened ([`crate::text::UNOPENED`]), in base64, where a field takes nothing else.
const UNOPENED_BASE64: &str = "KGVuY3J5cHRlZCk=";

/// One encrypted file of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Where it says how it was encrypted.
    pub place: Place,
    /// How it was encrypted, and for whom.
    pub seal: Seal,
    /// All of its values that count, in the order of writing.
    pub values: Vec<SealedValue>,
}

/// One value of an encrypted file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealedValue {
    /// Stands as it is: the bytes by which it enters the code over all values.
    Plain(Vec<u8>),
    /// Stands encrypted.
    Cipher(SealedCipher),
}

/// A value that stands encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedCipher {
    /// The names that lead to it in its document, to which it is bound.
    pub path: Vec<String>,
    /// As it is written.
    pub text: String,
    /// The Secret or ConfigMap that it is a value of.
    pub object: ObjectId,
    /// Where it stands.
    pub place: Place,
}

impl SealedCipher {
    /// Where in its object the value belongs; none if it belongs into no Secret and no ConfigMap.
    #[must_use]
    pub fn field(&self) -> Option<(&'static str, &str)> {
        match self.path.as_slice() {
            [field, key] => Some((sealed_field(self.object.kind, field)?, key)),
            _ => None,
        }
    }
}

/// The field, if its values may stand encrypted in an object of that kind.
fn sealed_field(kind: Kind, field: &str) -> Option<&'static str> {
    kind.value_fields().iter().copied().find(|known| *known == field)
}

/// Tells that the values of encrypted files were not decrypted, where nobody has a key.
pub(super) fn note_unopened(sealed: &[Sealed], files: &[SealedFile], notes: &mut Problems) {
    // One file may be held by several ConfigMaps.
    let places: BTreeSet<&Place> = sealed.iter().map(|it| &it.place).chain(files.iter().map(|it| &it.place)).collect();
    for place in places {
        let message = format!("{}: encrypted values were not decrypted; a text stands in their place", place.file);
        notes.push(Problem::note(Some(place.clone()), message));
    }
}

/// Values that are of no kind which a Secret or a ConfigMap can hold.
fn wrong_type(place: Place, name: &str, kind: ValueType) -> Problem {
    let message = format!("{} is encrypted as {}, and must be text", quoted(name), kind.described());
    Problem::error(Some(place), message).help("write it in quotes before it is encrypted")
}

/// Reports values that stand encrypted in an object whose file does not say how: a container would be given them as they
/// stand.
pub(super) fn refuse_unexplained(object: &Object, problems: &mut Problems) {
    for field in object.id.kind.value_fields() {
        let values = object.at(&format!("/{field}")).and_then(Value::as_object);
        let is_sealed = |text: &str| cipher::is_cipher(text) || has_ciphers(text);
        for (key, _) in values.into_iter().flatten().filter(|(_, value)| value.as_str().is_some_and(is_sealed)) {
            let pointer = format!("/{field}/{}", key.replace('~', "~0").replace('/', "~1"));
            let message = format!("{} is encrypted by SOPS, and the file has no `sops` that says how", quoted(key));
            let problem = Problem::error(object.place(&pointer), message);
            problems.push(problem.help("commit the file as SOPS wrote it, with all that stands below `sops`"));
        }
    }
}
