//! Values of a file under its key, and the code over all of them.
//!
//! Source: by behaviour of SOPS 3: AES-256-GCM with a nonce of 32 bytes, bound to the names that lead to the value, each
//! with a colon behind it; SHA-512 over the values, in the order of writing.

use aes_gcm::aead::consts::U32;
use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, Key};
use sha2::{Digest as _, Sha512};
use writ_core::dialect::sops::CipherText;

/// What the code over encrypted values alone begins with, so that it is never one over all of them. Source: SOPS, which
/// takes SHA-256 of its own name.
const ONLY_ENCRYPTED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b, 0x0b, 0x97, 0x5b,
    0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

/// The key of a file.
pub(super) struct DataKey(AesGcm<Aes256, U32>);

/// The code over values.
pub(super) struct Code {
    hash: Sha512,
    only_encrypted: bool,
}

impl DataKey {
    /// A key, if it is as long as one.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        (key.len() == 32).then(|| Self(AesGcm::new(Key::<AesGcm<Aes256, U32>>::from_slice(key))))
    }

    /// The value that stands at a path; none if it is not what was encrypted there.
    pub(super) fn open_value(&self, text: &CipherText, path: &[String]) -> Option<Vec<u8>> {
        let bound: String = path.iter().map(|name| format!("{name}:")).collect();
        self.open_bytes(text, &bound)
    }

    /// A comment that stands below no name.
    pub(super) fn open_comment(&self, text: &CipherText) -> Option<Vec<u8>> {
        self.open_bytes(text, ":")
    }

    /// The code of a file that was encrypted at a moment.
    pub(super) fn open_code(&self, text: &CipherText, modified: &str) -> Option<String> {
        String::from_utf8(self.open_bytes(text, modified)?).ok()
    }

    fn open_bytes(&self, text: &CipherText, bound: &str) -> Option<Vec<u8>> {
        let CipherText { data, nonce, tag, kind: _ } = text;
        let sealed = [data.as_slice(), tag].concat();
        self.0.decrypt(nonce.into(), Payload { msg: &sealed, aad: bound.as_bytes() }).ok()
    }
}

impl Code {
    pub(super) fn new(only_encrypted: bool) -> Self {
        let mut hash = Sha512::new();
        if only_encrypted {
            hash.update(ONLY_ENCRYPTED);
        }
        Self { hash, only_encrypted }
    }

    /// Adds a value that stands as it is.
    pub(super) fn add_plain(&mut self, bytes: &[u8]) {
        if !self.only_encrypted {
            self.hash.update(bytes);
        }
    }

    /// Adds a value that stands encrypted, as it is once it is opened.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
    }

    /// The code, as SOPS writes it.
    pub(super) fn finish(self) -> String {
        self.hash.finalize().iter().map(|byte| format!("{byte:02X}")).collect()
    }
}
