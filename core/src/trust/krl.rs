//! Reads OpenSSH's binary list of revoked keys. Source: OpenSSH's PROTOCOL.krl.
//!
//! Invariant: any bytes are read in time and memory that grow with their length, and never panic.

use super::key_id::KeyId;
use super::revoked::{Certificates, Revocations, RevokedError};
use super::signer::SshKey;
use super::wire::{WireReader, key_kind};
use crate::limits::REVOKED_RANGES_MAX;

/// How every list begins.
pub(super) const MAGIC: &[u8] = b"SSHKRL\n\0";

const VERSION: u32 = 1;

const SECTION_CERTIFICATES: u8 = 1;
const SECTION_KEYS: u8 = 2;
const SECTION_SHA1: u8 = 3;
const SECTION_SIGNATURE: u8 = 4;
const SECTION_SHA256: u8 = 5;

const SERIAL_LIST: u8 = 0x20;
const SERIAL_RANGE: u8 = 0x21;
const SERIAL_BITMAP: u8 = 0x22;
const KEY_IDS: u8 = 0x23;

const CUT: RevokedError = RevokedError::Krl("it ends in the middle");

/// Reads a list.
pub(super) fn parse(bytes: &[u8]) -> Result<Revocations, RevokedError> {
    let mut reader = WireReader::new(bytes.strip_prefix(MAGIC).ok_or(RevokedError::Krl("it is none"))?);
    if reader.number().ok_or(CUT)? != VERSION {
        return Err(RevokedError::Krl("its version is not 1"));
    }
    let (_number, _made) = (reader.long().ok_or(CUT)?, reader.long().ok_or(CUT)?);
    if reader.long().ok_or(CUT)? != 0 || !reader.text().ok_or(CUT)?.is_empty() {
        return Err(RevokedError::Krl("a flag or a field is set that has no meaning"));
    }
    let _comment = reader.text().ok_or(CUT)?;
    let mut revocations = Revocations::default();
    while let Some(kind) = reader.byte() {
        let section = reader.text().ok_or(CUT)?;
        match kind {
            SECTION_CERTIFICATES => certificates(&mut revocations, section)?,
            SECTION_KEYS => keys(&mut revocations, section)?,
            SECTION_SHA1 => {
                fingerprints(section, |digest| {
                    revocations.sha1.insert(digest);
                })?;
            }
            SECTION_SHA256 => {
                fingerprints(section, |digest| {
                    revocations.keys.insert(KeyId::Ssh(digest));
                })?;
            }
            // The commit's own signature covers the list. One inside it would have to be judged by rules that nobody wrote.
            SECTION_SIGNATURE => {
                return Err(RevokedError::Krl("it is signed; take one without a signature of its own"));
            }
            unknown => return Err(RevokedError::Section(unknown)),
        }
    }
    revocations.certificates.values_mut().for_each(|of_one| of_one.serials.settle());
    Ok(revocations)
}

fn keys(revocations: &mut Revocations, section: &[u8]) -> Result<(), RevokedError> {
    let mut reader = WireReader::new(section);
    while !reader.is_at_end() {
        let encoded = reader.text().ok_or(CUT)?;
        key_kind(encoded).ok_or(RevokedError::Krl("a key cannot be read"))?;
        revocations.add_key(encoded);
    }
    Ok(())
}

fn fingerprints<const LENGTH: usize>(section: &[u8], mut add: impl FnMut([u8; LENGTH])) -> Result<(), RevokedError> {
    let mut reader = WireReader::new(section);
    while !reader.is_at_end() {
        let digest = reader.text().ok_or(CUT)?;
        add(digest.try_into().map_err(|_| RevokedError::Krl("a fingerprint has the wrong length"))?);
    }
    Ok(())
}

/// The certificates of one authority, or of all if it is empty.
fn certificates(revocations: &mut Revocations, section: &[u8]) -> Result<(), RevokedError> {
    let mut reader = WireReader::new(section);
    let authority = match reader.text().ok_or(CUT)? {
        [] => None,
        encoded => {
            key_kind(encoded).ok_or(RevokedError::Krl("the key of an authority cannot be read"))?;
            Some(SshKey::of(encoded).id())
        }
    };
    if !reader.text().ok_or(CUT)?.is_empty() {
        return Err(RevokedError::Krl("a flag or a field is set that has no meaning"));
    }
    let of_one = revocations.certificates.entry(authority).or_default();
    while let Some(kind) = reader.byte() {
        let section = reader.text().ok_or(CUT)?;
        let mut part = WireReader::new(section);
        match kind {
            SERIAL_LIST => {
                while !part.is_at_end() {
                    let serial = part.long().ok_or(CUT)?;
                    push(of_one, serial, serial)?;
                }
            }
            SERIAL_RANGE => push(of_one, part.long().ok_or(CUT)?, part.long().ok_or(CUT)?)?,
            SERIAL_BITMAP => bitmap(of_one, part.long().ok_or(CUT)?, part.text().ok_or(CUT)?)?,
            KEY_IDS => {
                while !part.is_at_end() {
                    of_one.key_ids.insert(part.text().ok_or(CUT)?.to_vec());
                }
            }
            unknown => return Err(RevokedError::Section(unknown)),
        }
        if matches!(kind, SERIAL_RANGE | SERIAL_BITMAP) && !part.is_at_end() {
            return Err(RevokedError::Krl("a section is longer than what it holds"));
        }
    }
    Ok(())
}

/// Adds a range. The number 0 stands for no number and is never revoked, so that a list that holds it is wrong.
fn push(of_one: &mut Certificates, first: u64, last: u64) -> Result<(), RevokedError> {
    if first == 0 || first > last {
        return Err(RevokedError::Krl("a range of serial numbers is empty or begins with 0"));
    }
    of_one.serials.push(first, last);
    if of_one.serials.len() > REVOKED_RANGES_MAX { Err(RevokedError::TooManyRanges) } else { Ok(()) }
}

/// Bit `i` of a number in the encoding of RFC 4251 (most significant byte first) stands for `offset + i`.
fn bitmap(of_one: &mut Certificates, offset: u64, bits: &[u8]) -> Result<(), RevokedError> {
    if bits.first().is_some_and(|first| first & 0x80 != 0) {
        return Err(RevokedError::Krl("a bitmap is a negative number"));
    }
    for (at, byte) in (0_u64..).step_by(8).zip(bits.iter().rev()) {
        for bit in (0..8_u64).filter(|bit| byte & (1 << bit) != 0) {
            let serial = offset.checked_add(at + bit);
            let serial = serial.ok_or(RevokedError::Krl("a bitmap goes beyond the largest serial number"))?;
            push(of_one, serial, serial)?;
        }
    }
    Ok(())
}
