//! Questions to a server of names, and its answers: addresses of version 4 alone.
//!
//! Sources: RFC 1035, sections 4.1 and 4.2.1; RFC 6891 for the size of answers.
//! Invariant: bytes that are not as they must be lead to no address, and to nothing worse.

use std::net::Ipv4Addr;

const HEADER: usize = 12;
const TYPE_A: u16 = 1;
const TYPE_OPT: u16 = 41;
const CLASS_IN: u16 = 1;

/// Longest answer that is asked for, in bytes: that of some thousand pods.
pub const ANSWER_BYTES_MAX: u16 = 32_768;

/// The question for the addresses of a name, of which each label has 1 to 63 bytes.
pub fn question(id: u16, name: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + name.len() + 17);
    // One question, recursion desired, one record beside it.
    for number in [id, 0x0100, 1, 0, 0, 1] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap_or(0));
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    for number in [TYPE_A, CLASS_IN] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    // No name, the size of the answer, no flags, nothing further.
    bytes.push(0);
    for number in [TYPE_OPT, ANSWER_BYTES_MAX, 0, 0, 0] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes
}

/// What an answer says: to which question, and the addresses, each once and in order; none for bytes that are no answer.
pub fn answer(bytes: &[u8]) -> Option<(u16, Vec<Ipv4Addr>)> {
    let mut reader = Reader { bytes, at: 0 };
    let (id, flags) = (reader.number()?, reader.number()?);
    let (questions, answers) = (reader.number()?, reader.number()?);
    if flags & 0x8000 == 0 {
        return None;
    }
    reader.skip(4)?;
    for _ in 0..questions {
        reader.name()?;
        reader.skip(4)?;
    }
    let mut found = Vec::new();
    for _ in 0..answers {
        // What is cut off at the end is left out; what came before it is an answer all the same.
        let Some(record) = reader.record() else { break };
        found.extend(record);
    }
    found.sort_unstable();
    found.dedup();
    Some((id, found))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(|_| ())
    }

    fn number(&mut self) -> Option<u16> {
        let bytes = self.take(2)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// Passes over a name; what it points back to is not followed.
    fn name(&mut self) -> Option<()> {
        loop {
            let length = *self.take(1)?.first()?;
            match length {
                0 => return Some(()),
                1..=63 => self.skip(usize::from(length))?,
                0xc0.. => return self.skip(1),
                64..=0xbf => return None,
            }
        }
    }

    /// A record; none if it is broken, and no address if it is of another kind.
    fn record(&mut self) -> Option<Option<Ipv4Addr>> {
        self.name()?;
        let (kind, class) = (self.number()?, self.number()?);
        self.skip(4)?;
        let length = usize::from(self.number()?);
        let data = self.take(length)?;
        let address = <[u8; 4]>::try_from(data).ok().map(Ipv4Addr::from);
        Some(address.filter(|_| kind == TYPE_A && class == CLASS_IN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer to `question` with records, each with its kind and its bytes.
    fn answered(question: &[u8], records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = question.to_vec();
        bytes.truncate(bytes.len() - 11);
        bytes[2] |= 0x80;
        bytes[7] = u8::try_from(records.len()).unwrap();
        bytes[11] = 0;
        for (kind, data) in records {
            bytes.extend_from_slice(&[0xc0, 12]);
            bytes.extend_from_slice(&kind.to_be_bytes());
            bytes.extend_from_slice(&[0, 1, 0, 0, 0, 9]);
            bytes.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(data);
        }
        bytes
    }

    #[test]
    fn the_addresses_of_an_answer_are_read_each_once_and_in_order() {
        let asked = question(7, "web.shop.endpoints.voodu");
        let records: [(u16, &[u8]); 4] = [(1, &[10, 0, 0, 9]), (5, b"alias"), (1, &[10, 0, 0, 2]), (1, &[10, 0, 0, 9])];
        let bytes = answered(&asked, &records);
        let wanted = vec![Ipv4Addr::new(10, 0, 0, 2), Ipv4Addr::new(10, 0, 0, 9)];
        assert_eq!(answer(&bytes), Some((7, wanted)));
        assert_eq!(answer(&answered(&asked, &[])), Some((7, Vec::new())));
    }

    #[test]
    fn whatever_bytes_come_lead_to_no_address_that_is_not_in_them_and_to_no_panic() {
        let asked = question(7, "web.shop");
        assert_eq!(answer(&asked), None, "a question is no answer");
        let bytes = answered(&asked, &[(1, &[10, 0, 0, 1]), (1, &[10, 0, 0, 2])]);
        for end in 0..bytes.len() {
            let found = answer(&bytes[..end]).map_or(Vec::new(), |(_, found)| found);
            assert!(found.iter().all(|address| address.octets()[..3] == [10, 0, 0]), "{end}: {found:?}");
        }
        for at in 0..bytes.len() {
            for value in [0, 0x40, 0xc0, 0xff] {
                let mut other = bytes.clone();
                other[at] = value;
                drop(answer(&other));
            }
        }
    }
}
