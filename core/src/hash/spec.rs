//! The hash of a workload's template and of everything that it uses.

use std::fmt;

/// The version of the encoding, which every hash begins with.
pub const VERSION: u32 = 1;

/// Key by which values of secrets enter a hash, so that a hash on a label tells nothing about them.
#[derive(Clone)]
pub struct HashKey(pub [u8; 32]);

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(secret)")
    }
}

/// The hash of a workload's template with its version: `1:9f2c…`, 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpecHash(String);

impl SpecHash {
    /// Puts the written form together from 64 hexadecimal digits.
    pub(super) fn new(version: u32, digits: &str) -> Self {
        Self(format!("{version}:{digits}"))
    }

    /// Reads the written form, as labels and the store hold it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (version, digits) = text.split_once(':')?;
        let sound = version.bytes().all(|byte| byte.is_ascii_digit())
            && !version.is_empty()
            && digits.len() == 64
            && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        sound.then(|| Self(text.to_owned()))
    }

    /// The written form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first eight digits, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        let start = self.0.find(':').map_or(0, |at| at + 1);
        self.0.get(start..start + 8).unwrap_or(&self.0)
    }
}

impl fmt::Display for SpecHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
