//! Which commits may change a host.
//!
//! ```text
//! raw bytes ─► RawCommit ─► signature (agent) ─► Signature ┐
//! `.writ/` of each tree ─► Authorizations ─────────────────┴► Evidence ─► admit ─► Admitted | Refusal
//!                                                                    └─► verdicts, for people
//! ```
//!
//! Invariant: only [`admit`] makes an [`Admitted`], and reading a tree takes nothing else.
//! Invariant: what could not be checked is neither good nor bad; it has a verdict of its own.

mod admit;
mod armor;
mod authorizations;
mod commit;
mod evidence;
mod id;
mod judge;
mod key_id;
mod krl;
mod openpgp;
mod pattern;
mod period;
mod ranges;
mod reason;
mod revoked;
mod signature;
mod signer;
mod signers;
mod wire;

pub use admit::{Admitted, Introduction, Refusal, Verdict, Verdicts, admit, verdicts};
pub use armor::openpgp_key as dearmor_openpgp_key;
pub use authorizations::{Authorizations, EntryKind, FOLDER, Files, KEYS, Listed, REVOKED, SIGNERS};
pub use commit::{Armor, Identity, Malformed, PayloadDigest, RawCommit};
pub use evidence::{AuthorizationsId, Evidence, EvidenceBuilder};
pub use id::{CommitId, IdError, TreeId};
pub use judge::Outcome;
pub use key_id::{KeyId, OpenPgpFingerprint};
pub use openpgp::{OpenPgpBinding, OpenPgpCertificate, OpenPgpKey, OpenPgpKeys, OpenPgpRevocation};
pub use reason::Reason;
pub use revoked::{Revocations, RevokedError};
pub use signature::Signature;
pub use signer::{Certificate, CertificateKind, OpenPgpSigner, Signer, SshKey};
pub use signers::{AllowedSigners, NAMESPACE, SignersError, SignersFault, Standing};
pub use wire::WireReader;
