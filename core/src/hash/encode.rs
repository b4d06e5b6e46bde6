//! The encoding that is hashed: every value with its length before it, so that no two contents give the same bytes.
//!
//! | value | bytes |
//! |---|---|
//! | number | 8, the highest first |
//! | truth | the number 0 or 1 |
//! | bytes, text | their count as a number, then themselves |
//! | nothing | the number 0 |
//! | something | the number 1, then its value |
//! | list, sorted map | its count as a number, then its values |
//! | one of several | its number in the order of this version, then its value |
//!
//! Invariant: version 1 is frozen; another encoding is another version. Held by the golden values in `tests/data/hash`.

use std::net::IpAddr;

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

use super::HashKey;

/// Bytes on their way into a hash.
pub(super) struct Encoder(Vec<u8>);

/// Room for what most parts of a template take, so that they need not be moved while they grow.
const ROOM_BYTES: usize = 256;

impl Encoder {
    /// Begins with what is encoded, so that equal bytes of two kinds differ.
    pub(super) fn new(what: &str) -> Self {
        let mut encoder = Self(Vec::with_capacity(ROOM_BYTES));
        encoder.text(what);
        encoder
    }

    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(super) fn truth(&mut self, truth: bool) -> &mut Self {
        self.number(u64::from(truth))
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.count(bytes.len());
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    pub(super) fn count(&mut self, count: usize) -> &mut Self {
        self.number(u64::try_from(count).expect("a count in memory fits 64 bits"))
    }

    pub(super) fn option<T>(&mut self, option: Option<T>, put: impl FnOnce(&mut Self, T)) -> &mut Self {
        match option {
            None => self.number(0),
            Some(value) => {
                self.number(1);
                put(self, value);
                self
            }
        }
    }

    pub(super) fn list<T>(
        &mut self,
        list: impl ExactSizeIterator<Item = T>,
        mut put: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.count(list.len());
        for value in list {
            put(self, value);
        }
        self
    }

    pub(super) fn texts(&mut self, list: &[String]) -> &mut Self {
        self.list(list.iter(), |encoder, text| {
            encoder.text(text);
        })
    }

    pub(super) fn address(&mut self, address: IpAddr) -> &mut Self {
        self.text(&address.to_string())
    }

    /// SHA-256 of what was put in, in hexadecimal.
    pub(super) fn digest(&self) -> String {
        hexadecimal(&Sha256::digest(&self.0))
    }

    /// HMAC-SHA-256 of what was put in, in hexadecimal.
    pub(super) fn keyed_digest(&self, key: &HashKey) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).expect("HMAC takes keys of any length");
        mac.update(&self.0);
        hexadecimal(&mac.finalize().into_bytes())
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
    text
}
