//! TLS of the agent's own server, which asks each who comes for a certificate.
//!
//! Invariant: whoever shows no certificate by an authority of `client_ca_file` is refused by the handshake, each time anew: no
//! session is taken up again.
//! Invariant: the key stands in no error and no log.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use crate::error::chain;
use crate::limits::{CERTIFICATES_BYTES_MAX, KEY_BYTES_MAX};
use crate::settings;

/// Certificates and the key as they were read last, and the files that they come from.
#[derive(Debug)]
pub(super) struct Tls {
    files: settings::MutualTls,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// As the files stood when they were last read, whether they were fit or not.
    seen: Option<[Stamp; 3]>,
    /// What they came to when they were fit last.
    held: Option<Arc<ServerConfig>>,
    /// What was told of files that are unfit.
    told: Option<String>,
}

/// How a file stands: another one in its place, or other content, has another stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    /// When its content changed, in seconds and nanoseconds.
    modified: (i64, i64),
    /// When anything about it changed, in seconds and nanoseconds.
    changed: (i64, i64),
}

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path} of `tls`", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file is longer than any that is meant.
    #[error("{path} of `tls` is longer than {most} bytes: name a file that holds nothing else", path = path.display())]
    Long {
        /// The file.
        path: PathBuf,
        /// Bytes that it may have.
        most: u64,
    },
    /// A file holds no certificate, or something in it is none.
    #[error(
        "{path} of `tls` does not hold certificates alone: write them in it as PEM, beginning with BEGIN CERTIFICATE",
        path = path.display()
    )]
    Certificates {
        /// The file.
        path: PathBuf,
    },
    /// A file holds no key that can sign.
    #[error(
        "{path} of `tls` holds no key that can be used: it must be one private key of RSA, ECDSA or Ed25519 as PEM, without a \
         passphrase",
        path = path.display()
    )]
    Key {
        /// The file.
        path: PathBuf,
    },
    /// The key is that of another certificate.
    #[error(
        "the key in {key} is not that of the first certificate in {certificate}: put there the two that were made together",
        key = key.display(), certificate = certificate.display()
    )]
    Pair {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        certificate: PathBuf,
    },
    /// By these authorities nobody can be judged.
    #[error("nobody can be judged by the authorities in {path} of `tls`", path = path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: VerifierBuilderError,
    },
    /// The library cannot do what is asked of it.
    #[error("TLS cannot be spoken")]
    Unable {
        /// Why not.
        #[source]
        source: rustls::Error,
    },
}

impl Tls {
    pub(super) fn new(files: settings::MutualTls) -> Self {
        Self { files, state: Mutex::default() }
    }

    /// Looks whether the files are fit as they stand now.
    ///
    /// # Errors
    /// If one cannot be read, or holds something else than it should, or they do not fit each other.
    pub(super) fn check(&self) -> Result<(), TlsError> {
        let seen = stamps(&self.files)?;
        let config = config(&self.files)?;
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) =
            State { seen: Some(seen), held: Some(config), told: None };
        Ok(())
    }

    /// What speaks TLS by the files as they are now. Those that are unfit are told, and what they were before stays in use.
    ///
    /// # Errors
    /// If they are unfit and never were anything else.
    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { seen, held, told } = &mut *state;
        match (renewed(&self.files, seen), &*held) {
            (Ok(Some(new)), _) => {
                tracing::info!("web: certificates were read anew");
                *told = None;
                *held = Some(Arc::clone(&new));
                Ok(TlsAcceptor::from(new))
            }
            (Ok(None), Some(old)) => Ok(TlsAcceptor::from(Arc::clone(old))),
            (Ok(None), None) => config(&self.files).map(TlsAcceptor::from),
            (Err(error), Some(old)) => {
                let trouble = chain(&error);
                if told.as_ref() != Some(&trouble) {
                    tracing::error!(error = trouble, "web: new certificates are unfit; those from before stay in use");
                    *told = Some(trouble);
                }
                Ok(TlsAcceptor::from(Arc::clone(old)))
            }
            (Err(error), None) => Err(error),
        }
    }
}

/// What the files come to where they changed since they were seen; none where they did not.
fn renewed(files: &settings::MutualTls, seen: &mut Option<[Stamp; 3]>) -> Result<Option<Arc<ServerConfig>>, TlsError> {
    let now = stamps(files)?;
    if *seen == Some(now) {
        return Ok(None);
    }
    // Looked at before it is read: what changes meanwhile is read again.
    *seen = Some(now);
    config(files).map(Some)
}

fn stamps(files: &settings::MutualTls) -> Result<[Stamp; 3], TlsError> {
    let settings::MutualTls { certificate_file, key_file, client_ca_file } = files;
    Ok([stamp(certificate_file)?, stamp(key_file)?, stamp(client_ca_file)?])
}

fn stamp(path: &Path) -> Result<Stamp, TlsError> {
    let meta = fs::metadata(path).map_err(|source| TlsError::Read { path: path.to_path_buf(), source })?;
    Ok(Stamp {
        device: meta.dev(),
        inode: meta.ino(),
        bytes: meta.len(),
        modified: (meta.mtime(), meta.mtime_nsec()),
        changed: (meta.ctime(), meta.ctime_nsec()),
    })
}

/// What is spoken by these files.
fn config(files: &settings::MutualTls) -> Result<Arc<ServerConfig>, TlsError> {
    let settings::MutualTls { certificate_file, key_file, client_ca_file } = files;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    for authority in certificates(client_ca_file)? {
        roots.add(authority).map_err(|_| TlsError::Certificates { path: client_ca_file.clone() })?;
    }
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(|source| TlsError::Authorities { path: client_ca_file.clone(), source })?;
    let pair = pair(certificate_file, key_file)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| TlsError::Unable { source })?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Whoever comes again shows the certificate again: it may have run out since.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The certificate of this host, with those between it and its authority, and its key.
fn pair(certificate_file: &Path, key_file: &Path) -> Result<CertifiedKey, TlsError> {
    let unfit = || TlsError::Key { path: key_file.to_path_buf() };
    let chain = certificates(certificate_file)?;
    let text = read(key_file, KEY_BYTES_MAX)?;
    let key = Zeroizing::new(PrivateKeyDer::from_pem_slice(&text).map_err(|_| unfit())?);
    let pair = CertifiedKey::new(chain, aws_lc_rs::sign::any_supported_type(&key).map_err(|_| unfit())?);
    match pair.keys_match() {
        Ok(()) => Ok(pair),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(TlsError::Pair { key: key_file.to_path_buf(), certificate: certificate_file.to_path_buf() })
        }
        Err(_) => Err(TlsError::Certificates { path: certificate_file.to_path_buf() }),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path, CERTIFICATES_BYTES_MAX)?;
    let unfit = || TlsError::Certificates { path: path.to_path_buf() };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or_else(unfit)
}

/// The whole of a file, which may be a key.
fn read(path: &Path, most: u64) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    // One more than it may have, and as large from the start, so that no part of a key is left behind where it grew.
    let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(most + 1).unwrap_or_default()));
    (File::open(path))
        .and_then(|open| open.take(most + 1).read_to_end(&mut text))
        .map_err(|source| TlsError::Read { path: path.to_path_buf(), source })?;
    if u64::try_from(text.len()).is_ok_and(|bytes| bytes > most) {
        return Err(TlsError::Long { path: path.to_path_buf(), most });
    }
    Ok(text)
}
