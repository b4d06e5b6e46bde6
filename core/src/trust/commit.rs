//! The one parser of a raw commit object.
//!
//! Invariant: accepts exactly `tree`, `parent`*, `author`, `committer`, [`encoding`], [`gpgsig`], blank line, message, and
//! nothing else; what it accepts is never encoded again, so what is verified is what Git named.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::armor::{self, PGP_BEGIN, SSH_BEGIN, X509_BEGIN};
use super::id::{CommitId, TreeId, from_hex};
use super::reason::Reason;
use crate::limits::COMMIT_BYTES_MAX;

/// A commit, read strictly from its bytes.
#[derive(Debug)]
pub struct RawCommit<'a> {
    id: CommitId,
    bytes: &'a [u8],
    tree: TreeId,
    parents: Vec<CommitId>,
    author: Identity<'a>,
    committer: Identity<'a>,
    armor: Armor,
    signature: Range<usize>,
}

/// Who wrote or committed, as the commit itself claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity<'a> {
    /// The name, in the commit's encoding.
    pub name: &'a [u8],
    /// The address between `<` and `>`.
    pub email: &'a [u8],
    /// Seconds since 1970, as claimed.
    pub seconds: i64,
}

/// The signature in a commit's header, without its armor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Armor {
    /// The commit carries none.
    None,
    /// An SSH signature: the bytes that the armor holds.
    Ssh(Vec<u8>),
    /// An OpenPGP signature: the bytes that the armor holds.
    OpenPgp(Vec<u8>),
    /// An X.509 signature, which this version does not judge.
    X509,
}

/// SHA-256 of what a commit's signature covers: equal for two commits that differ in the signature alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadDigest(pub [u8; 32]);

/// Why bytes are no commit that can be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// The kind of fault.
    pub reason: Reason,
    /// What is wrong, in words.
    pub detail: String,
    /// The parents read before the fault. They say where history goes on; nothing is ever admitted by them.
    pub parents: Vec<CommitId>,
}

/// The last second that a date of four digits can name.
const SECONDS_MAX: i64 = 253_402_300_799;

impl<'a> RawCommit<'a> {
    /// Reads a commit's bytes. That they hash to `id` is checked where they were read.
    pub fn parse(id: CommitId, bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut parents = Vec::new();
        Self::parse_into(id, bytes, &mut parents).map_err(|(reason, detail)| Malformed { reason, detail, parents })
    }

    fn parse_into(id: CommitId, bytes: &'a [u8], parents: &mut Vec<CommitId>) -> Result<Self, Fault> {
        let mut header = Header { bytes, at: 0 };
        let tree = header.value(b"tree ").ok_or_else(|| malformed("the first header is not `tree`"))?;
        let tree = TreeId::from_bytes(object(tree, "tree")?);
        while let Some(parent) = header.value(b"parent ") {
            let parent = CommitId::from_bytes(object(parent, "parent")?);
            if parents.contains(&parent) {
                return Err(malformed("the same parent stands twice"));
            }
            parents.push(parent);
        }
        // The parents are read first, so that a commit refused by size or NUL still tells where history goes on.
        if u64::try_from(bytes.len()).is_ok_and(|length| length > COMMIT_BYTES_MAX) {
            return Err(malformed(&format!("it is longer than {COMMIT_BYTES_MAX} bytes")));
        }
        if bytes.contains(&0) {
            return Err(malformed("it holds a NUL byte"));
        }
        let author = header.value(b"author ").ok_or_else(|| malformed("no `author` after `tree` and `parent`"))?;
        let author =
            Identity::parse(author).ok_or_else(|| malformed("the `author` is not `name <address> time zone`"))?;
        let committer = header.value(b"committer ").ok_or_else(|| malformed("no `committer` after `author`"))?;
        let committer =
            Identity::parse(committer).ok_or_else(|| malformed("the `committer` is not `name <address> time zone`"))?;
        if let Some(encoding) = header.value(b"encoding ")
            && (encoding.is_empty() || !encoding.iter().all(u8::is_ascii_graphic))
        {
            return Err(malformed("the `encoding` is not one word"));
        }
        let (armor, signature) = header.signature()?;
        header.end(armor != Armor::None)?;
        Ok(Self { id, bytes, tree, parents: std::mem::take(parents), author, committer, armor, signature })
    }

    /// The commit's name.
    #[must_use]
    pub const fn id(&self) -> CommitId {
        self.id
    }

    /// The tree that the commit records.
    #[must_use]
    pub const fn tree(&self) -> TreeId {
        self.tree
    }

    /// The parents, in the commit's order.
    #[must_use]
    pub fn parents(&self) -> &[CommitId] {
        &self.parents
    }

    /// Who wrote the change, as claimed.
    #[must_use]
    pub const fn author(&self) -> Identity<'a> {
        self.author
    }

    /// Who made the commit, as claimed.
    #[must_use]
    pub const fn committer(&self) -> Identity<'a> {
        self.committer
    }

    /// The signature.
    #[must_use]
    pub const fn armor(&self) -> &Armor {
        &self.armor
    }

    /// What the signature covers, in two pieces: the bytes before its header and the bytes after.
    #[must_use]
    pub fn payload(&self) -> [&'a [u8]; 2] {
        [&self.bytes[..self.signature.start], &self.bytes[self.signature.end..]]
    }

    /// The hash of what the signature covers.
    #[must_use]
    pub fn payload_digest(&self) -> PayloadDigest {
        let digest = self.payload().iter().fold(Sha256::new(), |digest, piece| digest.chain_update(piece));
        PayloadDigest(digest.finalize().into())
    }
}

impl<'a> Identity<'a> {
    /// Reads `name <address> seconds zone`.
    fn parse(line: &'a [u8]) -> Option<Self> {
        let open = line.iter().position(|byte| *byte == b'<')?;
        let close = open + line[open..].iter().position(|byte| *byte == b'>')?;
        let name = line[..open].strip_suffix(b" ").or(if open == 0 { Some(b"") } else { None })?;
        let email = &line[open + 1..close];
        let clean = |part: &[u8]| !part.iter().any(|byte| matches!(byte, b'<' | b'>' | b'\r'));
        let moment = line[close + 1..].strip_prefix(b" ")?;
        let space = moment.iter().position(|byte| *byte == b' ')?;
        let (seconds, zone) = (&moment[..space], &moment[space + 1..]);
        let zone_is_right =
            zone.len() == 5 && matches!(zone[0], b'+' | b'-') && zone[1..].iter().all(u8::is_ascii_digit);
        let seconds = whole_number(seconds).filter(|seconds| *seconds <= SECONDS_MAX)?;
        (clean(name) && clean(email) && zone_is_right).then_some(Self { name, email, seconds })
    }
}

type Fault = (Reason, String);

fn malformed(detail: &str) -> Fault {
    (Reason::MalformedCommit, detail.to_owned())
}

fn not_canonical(detail: &str) -> Fault {
    (Reason::NotCanonical, detail.to_owned())
}

fn object(value: &[u8], header: &str) -> Result<[u8; 20], Fault> {
    from_hex(value).map_err(|error| malformed(&format!("`{header}` is no object: {error}")))
}

/// Reads decimal digits without sign and without leading zeros.
fn whole_number(text: &[u8]) -> Option<i64> {
    let canonical = text == b"0" || (!text.is_empty() && text[0] != b'0');
    (canonical && text.iter().all(u8::is_ascii_digit)).then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}

/// The lines of a commit's header, from first to last.
struct Header<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Header<'a> {
    /// The next whole line, if it begins with `name`, without it; steps over it.
    fn value(&mut self, name: &[u8]) -> Option<&'a [u8]> {
        let value = self.line()?.strip_prefix(name)?;
        self.at += name.len() + value.len() + 1;
        Some(value)
    }

    /// The next whole line, without its end.
    fn line(&self) -> Option<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        rest.iter().position(|byte| *byte == b'\n').map(|end| &rest[..end])
    }

    /// The signature's header, if it is next, and where it stands.
    fn signature(&mut self) -> Result<(Armor, Range<usize>), Fault> {
        let start = self.at;
        let Some(first) = self.value(b"gpgsig ") else {
            return Ok((Armor::None, start..start));
        };
        let mut lines = vec![first];
        while let Some(line) = self.value(b" ") {
            lines.push(line);
        }
        let armor = match first {
            SSH_BEGIN => Armor::Ssh(armor::ssh_signature(&lines).map_err(not_canonical)?),
            PGP_BEGIN => Armor::OpenPgp(armor::openpgp_signature(&lines).map_err(not_canonical)?),
            X509_BEGIN => Armor::X509,
            _ => return Err(not_canonical("the signature begins with no line that OpenSSH, OpenPGP or X.509 writes")),
        };
        Ok((armor, start..self.at))
    }

    /// The blank line after the last header.
    fn end(&self, signed: bool) -> Result<(), Fault> {
        let line = self.line().ok_or_else(|| malformed("no blank line ends the headers"))?;
        if line.is_empty() {
            return Ok(());
        }
        let name = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        let name: String = String::from_utf8_lossy(name).chars().take(40).flat_map(char::escape_default).collect();
        if signed && name == "gpgsig" {
            return Err((Reason::TwoSignatures, "it has more than one `gpgsig` header".to_owned()));
        }
        Err(malformed(&format!("header `{name}` is unknown, stands twice or is out of order")))
    }
}

#[cfg(test)]
#[path = "commit_tests.rs"]
mod tests;
