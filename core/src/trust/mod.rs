//! Which commits may change a host.
//!
//! ```text
//! raw bytes ─► RawCommit ─► signature (agent) ─► Signature ┐
//! `.writ/` of each tree ─► Authorizations ─────────────────┴► Evidence ─► admit ─► Admitted | Refusal
//!                                                                    └─► verdicts, for people
//! ```
//!
//! Invariant: only [`Proceedings`], of which [`admit`] is the short form, make an [`Admitted`], and reading a tree takes
//! nothing else.
//! Invariant: what could not be checked is neither good nor bad; it has a verdict of its own.

mod admit;
mod armor;
mod authorizations;
mod commit;
mod evidence;
mod host;
mod id;
mod judge;
mod key_id;
mod krl;
mod openpgp;
mod paths;
mod pattern;
mod period;
mod permission;
mod proceedings;
mod published;
mod ranges;
mod reason;
mod revoked;
mod rewind;
mod rules;
mod signature;
mod signer;
mod signers;
mod split;
mod statement;
mod terms;
mod windows;
mod wire;
mod witness;

pub use admit::{Admitted, Case, Introduction, Refusal, Verdict, Verdicts, admit, explain, grounds, verdicts};
pub use armor::{openpgp_key as dearmor_openpgp_key, ssh_signature_file as dearmor_ssh_signature};
pub use authorizations::{Authorizations, EntryKind, FOLDER, Files, KEYS, Listed, REVOKED, RULES, SIGNERS};
pub use commit::{Armor, Identity, Malformed, PayloadDigest, RawCommit};
pub use evidence::{AuthorizationsId, Changed, Evidence, EvidenceBuilder, Lack, Merged};
pub use host::HostTrust;
pub use id::{CommitId, IdError, TreeId};
pub use judge::Outcome;
pub use key_id::{KeyId, OpenPgpFingerprint};
pub use openpgp::{OpenPgpBinding, OpenPgpCertificate, OpenPgpKey, OpenPgpKeys, OpenPgpRevocation};
pub use paths::{PathPatternError, PathPatterns};
pub use permission::{Allowance, Grounds};
pub use proceedings::{Proceedings, Question, Window};
pub use published::{HOST_NAMESPACE, HostState, Published};
pub use reason::Reason;
pub use revoked::{Revocations, RevokedError};
pub use rewind::{LetBack, RewindCase, RewindId, SignedRewind, rewinds};
pub use rules::{Rules, RulesError};
pub use signature::Signature;
pub use signer::{Certificate, CertificateKind, OpenPgpSigner, Signer, SshKey};
pub use signers::{AllowedSigners, NAMESPACE, SignersError, SignersFault, Standing, Use};
pub use split::View;
pub use statement::{APPROVAL_NAMESPACE, Approval, REWIND_NAMESPACE, Rewind, SignedApproval, StatementError};
pub use terms::Terms;
pub use windows::{Born, windows};
pub use wire::WireReader;
pub use witness::{Descent, Lineage, Testimony, Witness, Witnesses};
