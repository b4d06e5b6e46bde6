//! Numbers, texts and counts as the two processes write them to each other.
//!
//! Invariant: reading takes bytes of anybody; nothing is made that the bytes at hand do not fill.

use std::io::{self, Write};

/// What a child says first, once its walls stand; the bytes of [`super::Walls`] follow. The number is the version of all
/// that the two say.
pub(super) const HELLO: &[u8; 16] = b"writ confined 3\n";

/// How a question begins.
pub(super) const QUESTION: &[u8; 16] = b"writ question 3\n";

/// How an answer begins.
pub(super) const ANSWER: &[u8; 16] = b"writ answer is1\n";

/// Bytes that are not what they must be, and what is wrong with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Garbled(pub(super) &'static str);

/// Writes one value after the other.
pub(super) struct Encoder<W>(pub(super) W);

impl<W: Write> Encoder<W> {
    /// Bytes whose number the reader knows.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    pub(super) fn byte(&mut self, byte: u8) -> io::Result<()> {
        self.raw(&[byte])
    }

    /// A number of things, or a place in a file.
    pub(super) fn number(&mut self, number: usize) -> io::Result<()> {
        let number = u32::try_from(number).map_err(|_| io::Error::other("a number is too large to be said"))?;
        self.raw(&number.to_le_bytes())
    }

    pub(super) fn long(&mut self, number: u64) -> io::Result<()> {
        self.raw(&number.to_le_bytes())
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.number(bytes.len())?;
        self.raw(bytes)
    }

    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        self.bytes(text.as_bytes())
    }
}

/// Reads one value after the other, as the encoder wrote them.
pub(super) struct Decoder<'a> {
    rest: &'a [u8],
    items: usize,
}

impl<'a> Decoder<'a> {
    /// Reads `bytes`, in which all lists together have at most `items` items.
    pub(super) const fn new(bytes: &'a [u8], items: usize) -> Self {
        Self { rest: bytes, items }
    }

    /// Bytes that must stand here.
    pub(super) fn expect(&mut self, bytes: &[u8]) -> Result<(), Garbled> {
        if self.raw(bytes.len())? == bytes { Ok(()) } else { Err(Garbled("it begins in another way")) }
    }

    fn raw(&mut self, length: usize) -> Result<&'a [u8], Garbled> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Garbled("it is cut off"))?;
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Garbled> {
        self.raw(N)?.try_into().map_err(|_| Garbled("it is cut off"))
    }

    pub(super) fn byte(&mut self) -> Result<u8, Garbled> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn number(&mut self) -> Result<usize, Garbled> {
        let number = u32::from_le_bytes(self.array()?);
        usize::try_from(number).map_err(|_| Garbled("a number is too large"))
    }

    pub(super) fn long(&mut self) -> Result<u64, Garbled> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Garbled> {
        let length = self.number()?;
        self.raw(length)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Garbled> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Garbled("a text is not UTF-8"))
    }

    /// The number of items of a list, each of which takes a byte or more.
    pub(super) fn count(&mut self) -> Result<usize, Garbled> {
        let count = self.number()?;
        if count > self.rest.len() {
            return Err(Garbled("it is cut off"));
        }
        self.items = self.items.checked_sub(count).ok_or(Garbled("it holds more values than any that is read"))?;
        Ok(count)
    }

    /// A list.
    pub(super) fn list<T, L: FromIterator<T>>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, Garbled>,
    ) -> Result<L, Garbled> {
        (0..self.count()?).map(|_| item(self)).collect()
    }

    /// Nothing may follow.
    pub(super) fn end(self) -> Result<(), Garbled> {
        if self.rest.is_empty() { Ok(()) } else { Err(Garbled("something follows its end")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Encoder<&mut Vec<u8>>) -> io::Result<()>) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut Encoder(&mut bytes)).unwrap();
        bytes
    }

    #[test]
    fn what_is_written_is_read_back_and_cut_off_anywhere_it_is_not() {
        let bytes = written(|to| {
            to.byte(7)?;
            to.number(70_000)?;
            to.long(u64::MAX)?;
            to.text("größe")?;
            to.number(2)?;
            to.text("a")?;
            to.text("")
        });
        let read = |bytes: &[u8]| {
            let mut from = Decoder::new(bytes, 2);
            let scalars = (from.byte()?, from.number()?, from.long()?, from.text()?.to_owned());
            let list: Vec<String> = from.list(|from| from.text().map(str::to_owned))?;
            from.end()?;
            Ok((scalars, list))
        };
        let expected = ((7, 70_000, u64::MAX, "größe".to_owned()), vec!["a".to_owned(), String::new()]);
        assert_eq!(read(&bytes), Ok(expected));
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length]), Err(Garbled("it is cut off")), "{length}");
        }
        assert_eq!(read(&[&bytes[..], b"x"].concat()), Err(Garbled("something follows its end")));
    }

    #[test]
    fn a_count_that_no_bytes_fill_and_one_beyond_the_limit_are_refused() {
        let list = |bytes: &[u8], most| Decoder::new(bytes, most).list::<u8, Vec<u8>>(Decoder::byte);
        assert_eq!(list(&[3, 0, 0, 0, 1, 2, 3], 3), Ok(vec![1, 2, 3]));
        assert_eq!(list(&[4, 0, 0, 0, 1, 2, 3], 9), Err(Garbled("it is cut off")));
        assert_eq!(list(&[255, 255, 255, 255, 1], 9), Err(Garbled("it is cut off")));
        assert_eq!(list(&[3, 0, 0, 0, 1, 2, 3], 2), Err(Garbled("it holds more values than any that is read")));
    }

    #[test]
    fn a_text_that_is_none_is_refused() {
        assert_eq!(Decoder::new(&[2, 0, 0, 0, 0xc3, 0x28], 0).text(), Err(Garbled("a text is not UTF-8")));
    }
}
