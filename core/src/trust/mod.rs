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
mod authorizations;
mod commit;
mod evidence;
mod id;
mod judge;
mod key_id;
mod pattern;
mod period;
mod reason;
mod signature;
mod signer;
mod signers;

pub use admit::{Admitted, Introduction, Refusal, Verdict, Verdicts, admit, verdicts};
pub use authorizations::{Authorizations, EntryKind, FOLDER, Listed, SIGNERS};
pub use commit::{Armor, Identity, Malformed, PayloadDigest, RawCommit};
pub use evidence::{AuthorizationsId, Evidence, EvidenceBuilder};
pub use id::{CommitId, IdError, TreeId};
pub use judge::Outcome;
pub use key_id::{KeyId, OpenPgpFingerprint};
pub use reason::Reason;
pub use signature::Signature;
pub use signer::{Signer, SshKey};
pub use signers::{AllowedSigners, NAMESPACE, SignersError, SignersFault, Standing};
