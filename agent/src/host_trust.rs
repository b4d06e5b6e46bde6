//! Reads what the host itself says about trust: its ceiling, and the keys that it revokes.
//!
//! Invariant: read anew at every look, so that a revocation counts at the next pass; what cannot be read is an error, and
//! then no commit is judged.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use writ_core::limits::{REVOKED_BYTES_MAX, RULES_BYTES_MAX};
use writ_core::trust::{HostTrust, Revocations, RevokedError, Rules, RulesError};

use crate::settings;

/// Why the host's own files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HostTrustError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The ceiling is not right.
    #[error("{} is not right", path.display())]
    Rules {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: RulesError,
    },
    /// The list of revoked keys is not right.
    #[error("{} is not right", path.display())]
    Revoked {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: RevokedError,
    },
}

/// What a host says, by its settings and the files that they name.
///
/// # Errors
/// If a file that they name cannot be read or is not right.
pub fn read(host: &settings::Host) -> Result<HostTrust, HostTrustError> {
    let ceiling = host.trust.as_deref().map(|path| {
        let bytes = bytes(path, RULES_BYTES_MAX)?;
        Rules::parse(&bytes).map_err(|source| HostTrustError::Rules { path: path.to_owned(), source })
    });
    let revoked = host.revoked.as_deref().map(|path| {
        let bytes = bytes(path, REVOKED_BYTES_MAX)?;
        Revocations::parse(&bytes).map_err(|source| HostTrustError::Revoked { path: path.to_owned(), source })
    });
    Ok(HostTrust { name: Some(host.name.clone()), ceiling: ceiling.transpose()?, revoked: revoked.transpose()? })
}

/// The bytes of a file, one more than the limit at most, so that one that is too long is told as such.
fn bytes(path: &Path, bytes_max: u64) -> Result<Vec<u8>, HostTrustError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|source| HostTrustError::Read { path: path.to_owned(), source })
}
