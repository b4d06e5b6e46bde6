//! Opens what SOPS encrypted in the files of a commit that was admitted, in memory.
//!
//! A confined child has read the files, and had no key. What it says of them is proven here before it is used: each value by
//! the path that it is bound to, and all of them together by the code of the file.
//!
//! Invariant: no message holds a value, opened or not; a file is opened whole or not at all.
//! Invariant: what could not be tried, for the host's own file of identities is not right, is no refusal.

mod identities;
mod value;

use std::path::Path;

use serde_json::{Map, Value};
use writ_core::dialect::Lowered;
use writ_core::dialect::sops::{CipherText, Sealed, SealedCipher, SealedValue};
use writ_core::model::{Kind, Object, annotation};
use writ_core::text::{Problem, Problems};

pub use identities::{Identities, IdentityError};

use crate::error::chain;
use identities::Unopened;
use value::{Code, DataKey};

/// Why encrypted files were not opened.
#[derive(Debug)]
pub enum UnsealError {
    /// The files are not right, or not for this host.
    Refused(Problems),
    /// The host's identities could not be read.
    Unread(String),
}

/// Opens all that is encrypted in `lowered`, with the identities of age in a file.
///
/// # Errors
/// If anything cannot be opened: all problems at once, and nothing is changed.
pub fn unseal(lowered: &mut Lowered, identities: Option<&Path>) -> Result<(), UnsealError> {
    if lowered.sealed.is_empty() {
        return Ok(());
    }
    let identities = identities.map(Identities::read).transpose();
    let identities = identities.map_err(|error| UnsealError::Unread(chain(&error)))?;
    let (mut problems, mut opened) = (Problems::default(), Vec::new());
    for sealed in &lowered.sealed {
        match open(sealed, identities.as_ref()) {
            Ok(values) => opened.extend(values.into_iter().map(|(cipher, value)| (sealed.form, cipher, value))),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.has_errors() {
        return Err(UnsealError::Refused(problems));
    }
    for (form, cipher, value) in opened {
        let at = lowered.objects.binary_search_by(|object| object.id.cmp(&cipher.object));
        let object = at.ok().and_then(|at| lowered.objects.get_mut(at));
        if let (Some(object), Some((field, key))) = (object, cipher.field(form)) {
            put(object, field, key, value);
        }
    }
    Ok(())
}

/// Puts an opened value into its object.
fn put(object: &mut Object, field: &str, key: &str, value: String) {
    if object.id.kind == Kind::ConfigMap
        && let Some(metadata) = object.body.get_mut("metadata").and_then(Value::as_object_mut)
        && let Some(annotations) =
            metadata.entry("annotations").or_insert_with(|| Value::Object(Map::new())).as_object_mut()
    {
        annotations.insert(annotation::SEALED.to_owned(), Value::String("sops".to_owned()));
    }
    if let Some(held) = object.body.get_mut(field).and_then(|field| field.get_mut(key)) {
        *held = Value::String(value);
    }
}

/// The values of one file, or why they cannot be had.
fn open<'a>(sealed: &'a Sealed, identities: Option<&Identities>) -> Result<Vec<(&'a SealedCipher, String)>, Problem> {
    let Sealed { place, seal, form: _, values } = sealed;
    let refused = |message: String, help: &str| Problem::error(Some(place.clone()), message).help(help);
    let key = DataKey::open(seal, identities).map_err(|why| refused(why.to_string(), why.help()))?;
    let changed = "restore the file as SOPS wrote it, or encrypt it anew; values are changed with `sops edit`";
    let expected = CipherText::read(&seal.code).and_then(|code| key.open_code(&code, &seal.modified));
    let expected = expected.ok_or_else(|| {
        let message = "the `mac` of the file was not made with its key: it or `lastmodified` was changed";
        refused(message.to_owned(), changed)
    })?;
    let mut code = Code::new(seal.only_encrypted);
    let mut opened = Vec::new();
    for value in values {
        match value {
            SealedValue::Plain(bytes) => code.add_plain(bytes),
            SealedValue::Cipher(cipher) => {
                let wrong = |what: &str, help: &str| {
                    let message = format!("{} {what}", writ_core::text::quoted(&cipher.path.join(".")));
                    Problem::error(Some(cipher.place.clone()), message).help(help)
                };
                let bytes = CipherText::read(&cipher.text).and_then(|text| key.open_value(&text, &cipher.path));
                let bytes = bytes.ok_or_else(|| {
                    wrong("is not what was encrypted at that name for this file: it was changed or moved", changed)
                })?;
                code.add(&bytes);
                let text = String::from_utf8(bytes).map_err(|_| {
                    wrong("is not text once it is decrypted", "write bytes in base64 below `data` or `binaryData`")
                })?;
                opened.push((cipher, text));
            }
        }
    }
    if code.finish() != expected {
        let message =
            "the values of the file are not those that its `mac` was made over: one was changed, added or removed";
        return Err(refused(message.to_owned(), changed));
    }
    Ok(opened)
}

impl Unopened {
    const fn help(&self) -> &'static str {
        match self {
            Self::NoIdentity => {
                "make one with `age-keygen -o FILE`, set `age_identity_file` in [host] to it, and encrypt for its recipient"
            }
            Self::NotForUs { .. } | Self::NoAge { .. } => {
                "`writ secrets recipient` prints what to encrypt for; add it to `.sops.yaml` and run `sops updatekeys FILE`"
            }
            Self::Broken(_) => "encrypt the file anew with SOPS",
        }
    }
}
