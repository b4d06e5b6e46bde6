//! Opens what SOPS encrypted in the files of a commit that was admitted, in memory.
//!
//! A confined child has read the files, and had no key. What it says of them is proven here before it is used: each value by
//! the path that it is bound to, and all of them together by the code of the file.
//!
//! Invariant: no message holds a value, opened or not; a file is opened whole or not at all.
//! Invariant: what could not be tried, for the host's own file of identities is not right, is no refusal.

mod identities;
mod value;
mod veil;

use std::path::Path;

use serde_json::{Map, Value};
use writ_core::dialect::Lowered;
use writ_core::dialect::sops::{CipherText, Seal, Sealed, SealedCipher, SealedFile, SealedLine, SealedValue};
use writ_core::model::{Kind, Object, annotation};
use writ_core::text::{Place, Problem, Problems, quoted};

pub use identities::{Identities, IdentityError};

use crate::error::chain;
use identities::Unopened;
use value::{Code, DataKey};
pub use veil::veil;

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
    if lowered.sealed.is_empty() && lowered.sealed_files.is_empty() {
        return Ok(());
    }
    let identities = identities.map(Identities::read).transpose();
    let identities = identities.map_err(|error| UnsealError::Unread(chain(&error)))?;
    let identities = identities.as_ref();
    let (mut problems, mut opened, mut files) = (Problems::default(), Vec::new(), Vec::new());
    for sealed in &lowered.sealed {
        match open(sealed, identities) {
            Ok(values) => opened.extend(values),
            Err(problem) => problems.push(problem),
        }
    }
    for file in &lowered.sealed_files {
        match open_file(file, identities) {
            Ok(text) => files.push((file, text)),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.has_errors() {
        return Err(UnsealError::Refused(problems));
    }
    let values = opened.into_iter().filter_map(|(cipher, value)| Some((&cipher.object, cipher.field()?, value)));
    let texts = files.into_iter().map(|(file, text)| (&file.object, ("data", file.key.as_str()), text));
    for (id, (field, key), value) in values.chain(texts) {
        let at = lowered.objects.binary_search_by(|object| object.id.cmp(id));
        if let Some(object) = at.ok().and_then(|at| lowered.objects.get_mut(at)) {
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

/// What helps with a file that is not as SOPS wrote it.
const CHANGED: &str = "restore the file as SOPS wrote it, or encrypt it anew; values are changed with `sops edit`";

/// The key of a file, with the code that must come out over its values.
struct Opener {
    key: DataKey,
    code: Code,
    expected: String,
    place: Place,
}

impl Opener {
    fn new(place: &Place, seal: &Seal, identities: Option<&Identities>) -> Result<Self, Problem> {
        let refused = |message: String, help: &str| Problem::error(Some(place.clone()), message).help(help);
        let key = DataKey::open(seal, identities).map_err(|why| refused(why.to_string(), why.help()))?;
        let expected = CipherText::read(&seal.code).and_then(|code| key.open_code(&code, &seal.modified));
        let expected = expected.ok_or_else(|| {
            let message = "the `mac` of the file was not made with its key: it or `lastmodified` was changed";
            refused(message.to_owned(), CHANGED)
        })?;
        Ok(Self { key, code: Code::new(seal.only_encrypted), expected, place: place.clone() })
    }

    /// A value that is bound to names; it counts for the code.
    fn value(&mut self, text: &str, path: &[String], place: &Place) -> Result<String, Problem> {
        let wrong = |what: &str, help: &str| {
            Problem::error(Some(place.clone()), format!("{} {what}", quoted(&path.join(".")))).help(help)
        };
        let bytes = CipherText::read(text).and_then(|text| self.key.open_value(&text, path)).ok_or_else(|| {
            wrong("is not what was encrypted at that name for this file: it was changed or moved", CHANGED)
        })?;
        self.code.add(&bytes);
        String::from_utf8(bytes).map_err(|_| {
            wrong("is not text once it is decrypted", "write bytes in base64 below `data` or `binaryData`")
        })
    }

    /// A comment, which counts for nothing.
    fn comment(&self, text: &str, place: &Place) -> Result<String, Problem> {
        let bytes = CipherText::read(text).and_then(|text| self.key.open_comment(&text));
        bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| {
            let message = "this comment is not what was encrypted for this file: it was changed or moved";
            Problem::error(Some(place.clone()), message).help(CHANGED)
        })
    }

    /// Proves that the values were all of the file.
    fn finish(self) -> Result<(), Problem> {
        let Self { key: _, code, expected, place } = self;
        if code.finish() == expected {
            return Ok(());
        }
        let message =
            "the values of the file are not those that its `mac` was made over: one was changed, added or removed";
        Err(Problem::error(Some(place), message).help(CHANGED))
    }
}

/// The values of one file, or why they cannot be had.
fn open<'a>(sealed: &'a Sealed, identities: Option<&Identities>) -> Result<Vec<(&'a SealedCipher, String)>, Problem> {
    let Sealed { place, seal, values } = sealed;
    let mut opener = Opener::new(place, seal, identities)?;
    let mut opened = Vec::new();
    for value in values {
        match value {
            SealedValue::Plain(bytes) => opener.code.add_plain(bytes),
            SealedValue::Cipher(cipher) => {
                opened.push((cipher, opener.value(&cipher.text, &cipher.path, &cipher.place)?));
            }
        }
    }
    opener.finish()?;
    Ok(opened)
}

/// A file of variables as it was before it was encrypted, or why it cannot be had.
fn open_file(file: &SealedFile, identities: Option<&Identities>) -> Result<String, Problem> {
    let SealedFile { place, seal, object: _, key: _, lines } = file;
    let mut opener = Opener::new(place, seal, identities)?;
    let mut text = String::new();
    for line in lines {
        let (name, value) = match line {
            SealedLine::Comment(comment) => {
                text += &format!("#{comment}\n");
                continue;
            }
            SealedLine::SealedComment { text: comment, place } => {
                text += &format!("#{}\n", opener.comment(comment, place)?);
                continue;
            }
            SealedLine::Plain { name, value } => {
                opener.code.add_plain(value.as_bytes());
                (name, value.clone())
            }
            SealedLine::Cipher { name, text, place } => (name, opener.value(text, std::slice::from_ref(name), place)?),
        };
        text += &format!("{name}={}\n", value.replace('\n', "\\n"));
    }
    opener.finish()?;
    Ok(text)
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
