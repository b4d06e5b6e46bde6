//! A checkpoint: a short text about the journal up to one record, which the host key signs.
//!
//! It has one spelling, each line ended by a line feed:
//!
//! ```text
//! writ checkpoint 1
//! host edge-1
//! store 4850bb91ff06fa7d3e18d581ca8a735a
//! record 41
//! head 75f1e32a96417533c60519a4fa800fc9392816ca09034a4795bf33336bed9d8c
//! tree 2b4c…
//! time 2026-11-21T09:10:11.000Z
//! ```
//!
//! `store` is the name in record 1; `head` is the hash of the record; `tree` is the root of the tree over the hashes of
//! all records up to it ([`super::tree`]).

use std::fmt;

use writ_core::time::Timestamp;

use super::RecordId;
use super::chain::{Hash, hex, unhex};

/// What a host says about its journal at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The host's name by its settings.
    pub host: String,
    /// The name of the store, as its first record gives it.
    pub store: String,
    /// The newest record then.
    pub record: RecordId,
    /// The hash of that record.
    pub head: [u8; 32],
    /// The root of the tree over the hashes of all records up to it.
    pub tree: [u8; 32],
    /// When it was made.
    pub time: Timestamp,
}

/// A checkpoint with the signature of the host key over it, in the namespace `audit@writ`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The text that is signed.
    pub text: String,
    /// The signature, in armor.
    pub signature: String,
}

impl Checkpoint {
    /// Reads the text; none if it is spelled in any other way.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned);
        let hash = |digits: Option<String>| -> Option<Hash> { unhex(&digits?) };
        if field("writ checkpoint")? != "1" {
            return None;
        }
        let checkpoint = Self {
            host: field("host")?,
            store: field("store")?,
            record: RecordId(field("record")?.parse().ok()?),
            head: hash(field("head"))?,
            tree: hash(field("tree"))?,
            time: Timestamp::parse(&field("time")?)?,
        };
        (checkpoint.to_string() == text).then_some(checkpoint)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, store, record, head, tree, time } = self;
        let (head, tree) = (hex(head), hex(tree));
        write!(
            f,
            "writ checkpoint 1\nhost {host}\nstore {store}\nrecord {record}\nhead {head}\ntree {tree}\ntime {time}\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_has_one_spelling() {
        let checkpoint = Checkpoint {
            host: "edge-1".to_owned(),
            store: "4850bb91".to_owned(),
            record: RecordId(41),
            head: [0xab; 32],
            tree: [0xcd; 32],
            time: Timestamp(1_795_252_211_007),
        };
        let text = checkpoint.to_string();
        let hashes = format!("head {}\ntree {}\n", "ab".repeat(32), "cd".repeat(32));
        let want = "writ checkpoint 1\nhost edge-1\nstore 4850bb91\nrecord 41\n";
        assert_eq!(text, format!("{want}{hashes}time 2026-11-21T09:10:11.007Z\n"));
        assert_eq!(Checkpoint::parse(&text), Some(checkpoint));
        for (from, to) in [
            ("checkpoint 1", "checkpoint 2"),
            ("record 41", "record 041"),
            ("record 41", "record +41"),
            ("abab", "ABab"),
            ("abab", "ab"),
            ("edge-1\n", "edge-1\r\n"),
            (".007Z", "Z"),
            ("time ", "more 1\ntime "),
            ("Z\n", "Z"),
            ("Z\n", "Z\n\n"),
            ("host edge-1\n", ""),
        ] {
            let other = text.replacen(from, to, 1);
            assert_ne!(other, text, "{from}");
            assert_eq!(Checkpoint::parse(&other), None, "{from} -> {to}");
        }
    }
}
