//! The identities of age that a host has: which files it opens, and what people encrypt for it.
//!
//! Source: the format of `age-keygen`, and <https://age-encryption.org/v1>.
//!
//! Invariant: no message quotes the file; a line of it is told by its number.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use age::armor::ArmoredReader;
use age::{DecryptError, Decryptor, x25519};
use writ_core::dialect::sops::{Seal, Service};
use zeroize::Zeroizing;

use super::value::DataKey;
use crate::limits::{AGE_KEY_BYTES_MAX, IDENTITY_FILE_BYTES_MAX};

/// The identities of a host.
pub struct Identities(Vec<x25519::Identity>);

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file could not be read.
    #[error("cannot read the identities of age in {path}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A line of it is no identity.
    #[error("line {line} of {path} is no identity of age: those begin with AGE-SECRET-KEY-1", path = path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// It holds none.
    #[error("{path} holds no identity of age: `age-keygen -o FILE` makes one", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// Why the key of a file could not be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unopened {
    /// The host has no identity.
    #[error("the file is encrypted, and this host has no identity of age that could open it")]
    NoIdentity,
    /// The file is encrypted for others.
    #[error("the file is encrypted for {recipients} of age, and for none of this host's identities")]
    NotForUs {
        /// How many.
        recipients: String,
    },
    /// The file is encrypted for what no host can use.
    #[error("the file is encrypted for no recipient of age{others}")]
    NoAge {
        /// For what else.
        others: String,
    },
    /// What age wrote is damaged.
    #[error("the key of the file is damaged: {0}")]
    Broken(&'static str),
}

impl Identities {
    /// Reads a file as `age-keygen` writes it: one identity a line, comments and empty lines between them.
    ///
    /// # Errors
    /// If it cannot be read, or holds anything else.
    pub fn read(path: &Path) -> Result<Self, IdentityError> {
        let read = |source| IdentityError::Read { path: path.to_path_buf(), source };
        let mut text = Zeroizing::new(String::new());
        File::open(path)
            .and_then(|file| file.take(IDENTITY_FILE_BYTES_MAX + 1).read_to_string(&mut text))
            .and_then(|length| match length as u64 > IDENTITY_FILE_BYTES_MAX {
                true => Err(io::Error::other(format!("it has more than {IDENTITY_FILE_BYTES_MAX} bytes"))),
                false => Ok(()),
            })
            .map_err(read)?;
        let mut identities = Vec::new();
        for (line, number) in text.lines().map(str::trim).zip(1..) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let identity = line.parse().map_err(|_| IdentityError::Line { path: path.to_path_buf(), line: number })?;
            identities.push(identity);
        }
        if identities.is_empty() {
            return Err(IdentityError::Empty { path: path.to_path_buf() });
        }
        Ok(Self(identities))
    }

    /// What people encrypt for, one for each identity.
    #[must_use]
    pub fn recipients(&self) -> Vec<String> {
        self.0.iter().map(|identity| identity.to_public().to_string()).collect()
    }

    /// What age encrypted for one of these; none if it is for others.
    fn open(&self, armored: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Unopened> {
        let broken = |error| match error {
            DecryptError::Io(_) | DecryptError::InvalidHeader | DecryptError::UnknownFormat => {
                Unopened::Broken("it is not what age writes")
            }
            // The set of these is open; all others say that what was read does not belong together.
            DecryptError::DecryptionFailed
            | DecryptError::ExcessiveWork { .. }
            | DecryptError::InvalidMac
            | DecryptError::KeyDecryptionFailed
            | DecryptError::NoMatchingKeys
            | _ => Unopened::Broken("it was changed"),
        };
        let decryptor = Decryptor::new_buffered(ArmoredReader::new(armored.as_bytes())).map_err(broken)?;
        let identities = self.0.iter().map(|identity| identity as &dyn age::Identity);
        let reader = match decryptor.decrypt(identities) {
            Ok(reader) => reader,
            Err(DecryptError::NoMatchingKeys) => return Ok(None),
            Err(error) => return Err(broken(error)),
        };
        let mut key = Zeroizing::new(Vec::new());
        let read = reader.take(AGE_KEY_BYTES_MAX).read_to_end(&mut key);
        read.map_err(|error| broken(DecryptError::Io(error)))?;
        Ok(Some(key))
    }
}

impl DataKey {
    /// The key of a file.
    pub(super) fn open(seal: &Seal, identities: Option<&Identities>) -> Result<Self, Unopened> {
        let Seal { keys, services, code: _, modified: _, only_encrypted: _ } = seal;
        if keys.is_empty() {
            let names: Vec<&str> = services.iter().copied().map(Service::name).collect();
            let others = if names.is_empty() { String::new() } else { format!(", but for {}", names.join(", ")) };
            return Err(Unopened::NoAge { others });
        }
        let identities = identities.ok_or(Unopened::NoIdentity)?;
        let mut damaged = None;
        for key in keys.iter().filter(|key| key.len() as u64 <= AGE_KEY_BYTES_MAX) {
            match identities.open(key) {
                Ok(Some(key)) => return Self::new(&key).ok_or(Unopened::Broken("it is not of 32 bytes")),
                Ok(None) => {}
                Err(error) => damaged = Some(error),
            }
        }
        let count = keys.len();
        let recipients = if count == 1 { "1 recipient".to_owned() } else { format!("{count} recipients") };
        Err(damaged.unwrap_or(Unopened::NotForUs { recipients }))
    }
}
