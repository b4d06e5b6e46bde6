//! What stands in the place of encrypted values where nobody opens them, and tells one from another.
//!
//! Invariant: no key is needed, and what comes out says nothing but whether two values are written alike.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};
use writ_core::dialect::Lowered;
use writ_core::dialect::sops::{SealedFile, SealedLine, SealedValue};
use writ_core::model::Kind;

use super::put;
use crate::confine::hex;

/// Puts into the place of each encrypted value a text that changes with how it is written. False if there is none.
pub fn veil(lowered: &mut Lowered) -> bool {
    let ciphers = lowered.sealed.iter().flat_map(|sealed| &sealed.values).filter_map(|value| match value {
        SealedValue::Cipher(cipher) => Some(cipher),
        SealedValue::Plain(_) => None,
    });
    let values = ciphers.filter_map(|cipher| {
        let (field, key) = cipher.field()?;
        let text = veiled(&cipher.text);
        // What is bytes stands in base64, and is nothing else.
        let is_bytes = field == "binaryData" || (cipher.object.kind == Kind::Secret && field == "data");
        let text = if is_bytes { BASE64.encode(text) } else { text };
        Some((cipher.object.clone(), field, key.to_owned(), text))
    });
    let files =
        lowered.sealed_files.iter().map(|file| (file.object.clone(), "data", file.key.clone(), veiled_file(file)));
    let veiled: Vec<_> = values.chain(files).collect();
    for (id, field, key, text) in &veiled {
        let at = lowered.objects.binary_search_by(|object| object.id.cmp(id));
        if let Some(object) = at.ok().and_then(|at| lowered.objects.get_mut(at)) {
            put(object, field, key, text.clone());
        }
    }
    !veiled.is_empty()
}

fn veiled(cipher: &str) -> String {
    format!("(encrypted, written as {})", hex(&Sha256::digest(cipher)))
}

fn veiled_file(file: &SealedFile) -> String {
    let line = |line: &SealedLine| match line {
        SealedLine::Comment(comment) => format!("#{comment}\n"),
        SealedLine::SealedComment { text, place: _ } => format!("#{}\n", veiled(text)),
        SealedLine::Plain { name, value } => format!("{name}={}\n", value.replace('\n', "\\n")),
        SealedLine::Cipher { name, text, place: _ } => format!("{name}={}\n", veiled(text)),
    };
    file.lines.iter().map(line).collect()
}
