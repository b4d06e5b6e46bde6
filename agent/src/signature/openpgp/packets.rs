//! Splits OpenPGP bytes into packets. Source: RFC 9580, section 4.
//!
//! Invariant: every byte is accounted for; a packet without a definite length is refused.

use pgp::packet::{PacketHeader, Signature};
use pgp::types::PacketLength;

/// The number of the algorithm DSA. Source: RFC 9580, section 9.1.
const DSA: u8 = 17;

/// Largest modulus and group order that DSA defines, in bits. Source: FIPS 186-4, section 4.2.
const DSA_BITS_MAX: usize = 3072;
const DSA_ORDER_BITS_MAX: usize = 256;

/// The number of bits that stands before a number. Source: RFC 9580, section 3.2.
fn bits(number: &[u8]) -> Option<usize> {
    number.first_chunk().map(|bits| usize::from(u16::from_be_bytes(*bits)))
}

/// A packet that was not looked into.
pub(super) struct Packet<'a> {
    pub(super) header: PacketHeader,
    pub(super) body: &'a [u8],
}

/// What a packet holds, as far as it has a place in a certificate. Source: RFC 9580, section 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Signature,
    PublicKey,
    PublicSubkey,
    /// A secret key or subkey.
    Secret,
    Name,
    Picture,
    Other,
}

impl Packet<'_> {
    pub(super) fn kind(&self) -> Kind {
        match u8::from(self.header.tag()) {
            2 => Kind::Signature,
            5 | 7 => Kind::Secret,
            6 => Kind::PublicKey,
            13 => Kind::Name,
            14 => Kind::PublicSubkey,
            17 => Kind::Picture,
            _ => Kind::Other,
        }
    }

    /// Reads the body with one of the library's readers, which must take all of it.
    pub(super) fn read<T>(&self, reader: impl FnOnce(PacketHeader, &mut &[u8]) -> pgp::errors::Result<T>) -> Option<T> {
        let mut rest = self.body;
        let read = reader(self.header, &mut rest).ok()?;
        rest.is_empty().then_some(read)
    }

    /// The same for a public key. Reading one of DSA costs time that grows with its sizes, which whoever wrote it chose, so
    /// that sizes which nobody makes are not read at all.
    pub(super) fn key<T>(&self, reader: impl FnOnce(PacketHeader, &mut &[u8]) -> pgp::errors::Result<T>) -> Option<T> {
        let [version, _, _, _, _, rest @ ..] = self.body else { return None };
        // A key of version 6 has the length of its numbers in between.
        let numbers = if *version == 6 { rest.get(..1).zip(rest.get(5..)) } else { rest.split_at_checked(1) };
        let (algorithm, numbers) = numbers?;
        if algorithm == [DSA] {
            let modulus = bits(numbers)?;
            let order = bits(numbers.get(2 + modulus.div_ceil(8)..)?)?;
            if modulus > DSA_BITS_MAX || order > DSA_ORDER_BITS_MAX {
                return None;
            }
        }
        self.read(reader)
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
