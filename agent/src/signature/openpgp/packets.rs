//! Splits OpenPGP bytes into packets. Source: RFC 9580, section 4.
//!
//! Invariant: every byte is accounted for; a packet without a definite length is refused.

use pgp::packet::{PacketHeader, Signature};
use pgp::types::{PacketLength, Tag};

/// A packet that was not looked into.
pub(super) struct Packet<'a> {
    pub(super) header: PacketHeader,
    pub(super) body: &'a [u8],
}

impl Packet<'_> {
    pub(super) fn tag(&self) -> Tag {
        self.header.tag()
    }

    /// Reads the body with one of the library's readers, which must take all of it.
    pub(super) fn read<T>(&self, reader: impl FnOnce(PacketHeader, &mut &[u8]) -> pgp::errors::Result<T>) -> Option<T> {
        let mut rest = self.body;
        let read = reader(self.header, &mut rest).ok()?;
        rest.is_empty().then_some(read)
    }

    pub(super) fn signature(&self) -> Option<Signature> {
        self.read(|header, body| Signature::try_from_reader(header, body))
    }
}

/// All packets; none if the bytes do not consist of whole packets.
pub(super) fn split(mut bytes: &[u8]) -> Option<Vec<Packet<'_>>> {
    let mut packets = Vec::new();
    while !bytes.is_empty() {
        let header = PacketHeader::try_from_reader(&mut bytes).ok()?;
        let length = match header.packet_length() {
            PacketLength::Fixed(length) => usize::try_from(length).ok()?,
            PacketLength::Indeterminate | PacketLength::Partial(_) => return None,
        };
        let (body, rest) = bytes.split_at_checked(length)?;
        packets.push(Packet { header, body });
        bytes = rest;
    }
    Some(packets)
}
