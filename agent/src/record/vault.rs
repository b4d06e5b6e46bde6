//! Values of buckets as they stand in the store: sealed by a key that grows from the host key.
//!
//! AES-256-GCM with a random nonce for each value. The place of a value (store, scope, name, key) is part of what is sealed,
//! so that one put into another place cannot be opened there.
//!
//! Invariant: the key is made when it is needed and wiped after; nothing but the host key is kept.

use std::path::Path;

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce};
use hkdf::Hkdf;
use rusqlite::Connection;
use sha2::Sha256;
use writ_core::text::SecretText;
use zeroize::Zeroizing;

use super::error::{RecordError, database};
use super::host_key::{load, named, store_name};
use super::seal::SecretKey;
use super::store::random;

/// Sets this key apart from all others that could grow from the host key.
const INFO: &[u8] = b"writ bucket values 1";

/// How a sealed value begins: the way in which it is sealed.
const VERSION: u8 = 1;

const NONCE_BYTES: usize = 12;

/// What seals and opens.
pub(super) struct Vault {
    cipher: Aes256Gcm,
    store: String,
}

/// Where a value stands.
pub(super) struct Slot<'a> {
    pub(super) scope: &'a str,
    /// Empty for the bucket of all of the scope.
    pub(super) name: &'a str,
    pub(super) key: &'a str,
}

impl Vault {
    /// The vault of a host key in a store of that name. None if the key is of a kind that no host key is.
    fn of(host_key: &SecretKey, store: String) -> Option<Self> {
        let seed = host_key.seed()?;
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(store.as_bytes()), &*seed).expand(INFO, &mut *key).ok()?;
        Some(Self { cipher: Aes256Gcm::new_from_slice(&*key).ok()?, store })
    }

    /// The vault of a host key in the store behind a connection.
    pub(super) fn by(connection: &Connection, path: &Path, host_key: &SecretKey) -> Result<Self, RecordError> {
        let store = store_name(connection).map_err(database("read the name of the store", path))?;
        let bad =
            || RecordError::BadHostKey { path: path.to_path_buf(), detail: "it is not an Ed25519 key".to_owned() };
        Self::of(host_key, store).ok_or_else(bad)
    }

    /// The vault of the host key that the journal names; none before there was one.
    ///
    /// # Errors
    /// If that key is missing or another.
    pub(super) fn named(connection: &Connection, path: &Path) -> Result<Option<Self>, RecordError> {
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        let Some(named) = named(connection, path)? else { return Ok(None) };
        Self::by(connection, path, &load(folder, &named)?).map(Some)
    }

    pub(super) fn seal(&self, slot: &Slot<'_>, value: &SecretText) -> Result<Vec<u8>, RecordError> {
        let random = random()?;
        let nonce = random.get(..NONCE_BYTES).unwrap_or_default();
        let payload = Payload { msg: value.expose(), aad: &self.place(slot) };
        let sealed = self.cipher.encrypt(Nonce::from_slice(nonce), payload).map_err(|_| RecordError::TooLarge)?;
        Ok([&[VERSION], nonce, &sealed].concat())
    }

    /// The value; none if it was sealed by another key, or for another place, or was changed.
    pub(super) fn open(&self, slot: &Slot<'_>, sealed: &[u8]) -> Option<SecretText> {
        let (nonce, sealed) = sealed.strip_prefix(&[VERSION])?.split_at_checked(NONCE_BYTES)?;
        let payload = Payload { msg: sealed, aad: &self.place(slot) };
        self.cipher.decrypt(Nonce::from_slice(nonce), payload).ok().map(SecretText::new)
    }

    fn place(&self, slot: &Slot<'_>) -> Vec<u8> {
        let Slot { scope, name, key } = slot;
        let mut place = Vec::new();
        for part in [self.store.as_str(), scope, name, key] {
            place.extend((part.len() as u64).to_be_bytes());
            place.extend(part.as_bytes());
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(seed: u8, store: &str) -> Vault {
        let key = SecretKey::from_seed(&Zeroizing::new([seed; 32]), "edge-1").unwrap();
        Vault::of(&key, store.to_owned()).unwrap()
    }

    #[test]
    fn a_value_is_opened_by_its_key_in_its_place_as_it_was_and_otherwise_not_at_all() {
        let (ours, value) = (vault(1, "s"), SecretText::new("canary-in-a-vault"));
        let slot = |scope, name, key| Slot { scope, name, key };
        let sealed = ours.seal(&slot("data", "pg", "KEY"), &value).unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"canary"));
        assert_eq!(ours.open(&slot("data", "pg", "KEY"), &sealed), Some(value.clone()));
        assert_ne!(ours.seal(&slot("data", "pg", "KEY"), &value).unwrap(), sealed, "one value is never sealed alike");
        for place in
            [slot("data", "pg", "KEY2"), slot("data", "", "KEY"), slot("datap", "g", "KEY"), slot("x", "pg", "KEY")]
        {
            assert_eq!(ours.open(&place, &sealed), None);
        }
        assert_eq!(vault(2, "s").open(&slot("data", "pg", "KEY"), &sealed), None, "another host key");
        assert_eq!(vault(1, "t").open(&slot("data", "pg", "KEY"), &sealed), None, "another store");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(ours.open(&slot("data", "pg", "KEY"), &changed), None, "byte {at}");
            assert_eq!(ours.open(&slot("data", "pg", "KEY"), &sealed[..at]), None, "{at} bytes");
        }
        let empty = ours.seal(&slot("data", "pg", "KEY"), &SecretText::new("")).unwrap();
        assert_eq!(ours.open(&slot("data", "pg", "KEY"), &empty), Some(SecretText::new("")));
    }
}
