//! Judges a tar archive while it streams by: whether it is whole, and whether anything in it leads out of its folder.
//!
//! Invariant: no more than one header, and what extends it, is in memory.

use std::collections::BTreeSet;

/// Bytes of a block of a tar archive. Source: POSIX `pax`.
const BLOCK: usize = 512;

/// Most bytes of what extends a header: extended attributes of a file are below 64 KiB on Linux, names below 4 KiB.
const EXTENSION_BYTES_MAX: u64 = 1 << 20;

/// Most links that are remembered, so that nothing is put through one of them.
const LINKS_MAX: usize = 1_000_000;

/// What is wrong with an archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It ends before its end.
    #[error("it ends in the middle, after {entries} entries: the copy is not whole")]
    Cut {
        /// Entries seen until then.
        entries: u64,
    },
    /// It is not an archive of this kind, or was changed.
    #[error("it is no sound tar archive: {0}")]
    Broken(&'static str),
    /// Something in it would be put elsewhere.
    #[error("entry {name:?} leads out of the volume: {why}")]
    LeadsOut {
        /// The entry, as it stands there.
        name: String,
        /// How.
        why: &'static str,
    },
}

/// What a whole archive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Contents {
    /// Files, directories, links and others.
    pub entries: u64,
    /// Symbolic links that lead out of the folder; only programs in a pod follow those.
    pub outward_links: u64,
    /// What the archive says of the folder itself, which the engine does not put back.
    pub root: Option<Root>,
}

/// The owner and permissions of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Root {
    /// Permission bits, with those for set-ids and sticky.
    pub mode: u32,
    /// The owner.
    pub user: u32,
    /// The group.
    pub group: u32,
}

/// Whether symbolic links may lead out of the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutwardLinks {
    /// They are counted.
    Counted,
    /// They are a fault.
    Refused,
}

/// A judge that is fed an archive piece by piece.
#[derive(Debug)]
pub struct Judge {
    outward: OutwardLinks,
    contents: Contents,
    /// The block that is being gathered.
    block: Vec<u8>,
    /// Bytes of content, with what fills up its last block, that go by unread.
    pass: u64,
    /// What extends the next header, and what it is.
    extension: Option<(u8, u64, Vec<u8>)>,
    next: Extended,
    /// Symbolic links so far, as cleaned names.
    links: BTreeSet<String>,
    zero_blocks: u8,
}

/// What extensions say of the next entry.
#[derive(Debug, Default)]
struct Extended {
    name: Option<String>,
    link: Option<String>,
    size: Option<u64>,
    user: Option<u32>,
    group: Option<u32>,
}

impl Judge {
    /// A judge who has seen nothing yet.
    #[must_use]
    pub fn new(outward: OutwardLinks) -> Self {
        Self {
            outward,
            contents: Contents::default(),
            block: Vec::with_capacity(BLOCK),
            pass: 0,
            extension: None,
            next: Extended::default(),
            links: BTreeSet::new(),
            zero_blocks: 0,
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// The first fault.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !bytes.is_empty() {
            if self.pass > 0 {
                let skipped = usize::try_from(self.pass).unwrap_or(usize::MAX).min(bytes.len());
                self.pass -= skipped as u64;
                bytes = bytes.split_at(skipped).1;
                continue;
            }
            let (taken, rest) = bytes.split_at(bytes.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(taken);
            bytes = rest;
            if self.block.len() == BLOCK {
                let block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK));
                self.take(&block)?;
            }
        }
        Ok(())
    }

    /// What the archive holds, now that nothing comes any more.
    ///
    /// # Errors
    /// If its end was not seen.
    pub fn finish(self) -> Result<Contents, Fault> {
        if self.zero_blocks < 2 || !self.block.is_empty() {
            return Err(Fault::Cut { entries: self.contents.entries });
        }
        Ok(self.contents)
    }

    fn take(&mut self, block: &[u8]) -> Result<(), Fault> {
        if self.zero_blocks >= 2 {
            // Programs fill up the last record with zeros; whatever else stands there would be unread.
            return if is_zero(block) { Ok(()) } else { Err(Fault::Broken("something follows its end")) };
        }
        if let Some((_, left, text)) = &mut self.extension {
            let here = usize::try_from(*left).unwrap_or(usize::MAX).min(block.len());
            text.extend_from_slice(block.split_at(here).0);
            *left -= here as u64;
            return self.end_extension();
        }
        if is_zero(block) {
            self.zero_blocks += 1;
            return Ok(());
        }
        if self.zero_blocks > 0 {
            return Err(Fault::Broken("a block of zeros stands between its entries"));
        }
        self.header(block)
    }

    fn header(&mut self, block: &[u8]) -> Result<(), Fault> {
        let field = |from: usize, to: usize| block.get(from..to).unwrap_or_default();
        let before: u64 = field(0, 148).iter().chain(field(156, BLOCK)).map(|byte| u64::from(*byte)).sum();
        if number(field(148, 156)) != Some(before + 8 * u64::from(b' ')) {
            return Err(Fault::Broken("the checksum of a header is wrong"));
        }
        let size = number(field(124, 136)).ok_or(Fault::Broken("the size of an entry is no number"))?;
        let kind = block.get(156).copied().unwrap_or_default();
        if matches!(kind, b'x' | b'g' | b'L' | b'K') {
            if size > EXTENSION_BYTES_MAX {
                return Err(Fault::Broken("what extends a header is longer than 1 MiB"));
            }
            self.extension = Some((kind, size, Vec::new()));
            return if size == 0 { self.end_extension() } else { Ok(()) };
        }
        let Extended { name, link, size: longer, user, group } = std::mem::take(&mut self.next);
        let name = name.unwrap_or_else(|| {
            let (prefix, name) = (text(field(345, 500)), text(field(0, 100)));
            // The old form of GNU keeps times where others keep the beginning of a long name.
            if prefix.is_empty() || field(257, 263) != b"ustar\0" { name } else { format!("{prefix}/{name}") }
        });
        let link = link.unwrap_or_else(|| text(field(157, 257)));
        let path = self.entry(kind, &name, &link)?;
        if path.is_empty() {
            let bits = |from, to| number(field(from, to)).and_then(|number| u32::try_from(number).ok());
            let mode = bits(100, 108).map(|mode| mode & 0o7777);
            let root = mode.zip(user.or_else(|| bits(108, 116))).zip(group.or_else(|| bits(116, 124)));
            let ((mode, user), group) = root.ok_or(Fault::Broken("the owner of its folder is no number"))?;
            self.contents.root = Some(Root { mode, user, group });
        }
        self.contents.entries += 1;
        let holds_bytes = matches!(kind, 0 | b'0' | b'7');
        let size = longer.unwrap_or(size);
        self.pass = if holds_bytes { padded(size)? } else { 0 };
        if !holds_bytes && size != 0 {
            return Err(Fault::Broken("an entry that is no file has content"));
        }
        Ok(())
    }

    /// Judges one entry; its cleaned path.
    fn entry(&mut self, kind: u8, name: &str, link: &str) -> Result<String, Fault> {
        let out = |why| Fault::LeadsOut { name: name.to_owned(), why };
        let path = inside(None, name).map_err(out)?;
        if path.is_empty() && kind != b'5' {
            return Err(Fault::Broken("its folder is no folder"));
        }
        let mut parents = path.match_indices('/').map(|(at, _)| path.split_at(at).0);
        if parents.any(|parent| self.links.contains(parent)) {
            return Err(out("it lies behind a symbolic link of the archive"));
        }
        match kind {
            0 | b'0' | b'7' | b'3' | b'4' | b'5' | b'6' => {
                self.links.remove(&path);
            }
            b'1' => {
                let target = inside(None, link).map_err(|_| out("it is a hard link to something outside"))?;
                let mut parents = target.match_indices('/').map(|(at, _)| target.split_at(at).0);
                if parents.any(|parent| self.links.contains(parent)) {
                    return Err(out("it is a hard link through a symbolic link"));
                }
                // Another name of a symbolic link leads where that leads.
                if self.links.contains(&target) {
                    self.remember(path.clone())?;
                }
            }
            b'2' => {
                let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
                if inside(Some(parent), link).is_err() {
                    self.contents.outward_links += 1;
                    if self.outward == OutwardLinks::Refused {
                        return Err(out("it is a symbolic link to something outside"));
                    }
                }
                self.remember(path.clone())?;
            }
            _ => return Err(Fault::Broken("an entry is of a kind that is not known here")),
        }
        Ok(path)
    }

    fn remember(&mut self, link: String) -> Result<(), Fault> {
        self.links.insert(link);
        if self.links.len() > LINKS_MAX {
            return Err(Fault::Broken("it has more than 1000000 symbolic links"));
        }
        Ok(())
    }

    fn end_extension(&mut self) -> Result<(), Fault> {
        let Some((kind, _, text)) = self.extension.take_if(|(_, left, _)| *left == 0) else { return Ok(()) };
        let long = || String::from_utf8_lossy(text.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned();
        match kind {
            b'L' => self.next.name = Some(long()),
            b'K' => self.next.link = Some(long()),
            b'x' => self.pax(&text)?,
            // What holds for all entries from here on may be a comment alone.
            _ => {
                let before = std::mem::take(&mut self.next);
                self.pax(&text)?;
                let Extended { name, link, size, user, group } = std::mem::replace(&mut self.next, before);
                let numbers = size.is_some() || user.is_some() || group.is_some();
                if name.is_some() || link.is_some() || numbers {
                    return Err(Fault::Broken("one name, owner or size is given to all of its entries"));
                }
            }
        }
        Ok(())
    }

    /// Reads records `LENGTH KEY=VALUE\n`.
    fn pax(&mut self, mut text: &[u8]) -> Result<(), Fault> {
        let broken = || Fault::Broken("what extends a header cannot be read");
        while !text.is_empty() {
            let space = text.iter().position(|byte| *byte == b' ').ok_or_else(broken)?;
            let length = std::str::from_utf8(text.split_at(space).0).ok().and_then(|text| text.parse::<usize>().ok());
            let length = length.filter(|length| *length > space + 1 && *length <= text.len()).ok_or_else(broken)?;
            let (record, rest) = text.split_at(length);
            text = rest;
            let record = record.get(space + 1..).and_then(|it| it.strip_suffix(b"\n")).ok_or_else(broken)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(broken)?;
            let (key, value) = (record.split_at(equals).0, record.get(equals + 1..).unwrap_or_default());
            let value = || String::from_utf8_lossy(value).into_owned();
            match key {
                b"path" => self.next.name = Some(value()),
                b"linkpath" => self.next.link = Some(value()),
                b"size" => self.next.size = Some(value().parse().map_err(|_| broken())?),
                b"uid" => self.next.user = Some(value().parse().map_err(|_| broken())?),
                b"gid" => self.next.group = Some(value().parse().map_err(|_| broken())?),
                key if key.starts_with(b"GNU.sparse.") => {
                    return Err(Fault::Broken("it holds files with holes in a form that is not known here"));
                }
                // Times, owners and extended attributes lead nowhere.
                _ => {}
            }
        }
        Ok(())
    }
}

/// A name of an entry, or one that a link in `parent` leads to, cleaned; how it leads out, if it does.
fn inside(parent: Option<&str>, name: &str) -> Result<String, &'static str> {
    if name.is_empty() {
        return Err("it has no name");
    }
    if name.starts_with('/') {
        return Err("its path is absolute");
    }
    let mut parts: Vec<&str> = parent.unwrap_or_default().split('/').filter(|part| !part.is_empty()).collect();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            // A `..` of an entry is never needed, and what it leads through may be a link.
            ".." if parent.is_none() => return Err("its path has a `..`"),
            ".." => {
                parts.pop().ok_or("it goes above the folder")?;
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

fn is_zero(block: &[u8]) -> bool {
    block.iter().all(|byte| *byte == 0)
}

fn padded(size: u64) -> Result<u64, Fault> {
    size.checked_next_multiple_of(BLOCK as u64).ok_or(Fault::Broken("the size of an entry is beyond all disks"))
}

/// A number in octal digits, or in the binary form of GNU.
fn number(field: &[u8]) -> Option<u64> {
    if let [0x80, rest @ ..] = field {
        return rest.iter().try_fold(0_u64, |sum, byte| sum.checked_mul(256)?.checked_add(u64::from(*byte)));
    }
    let digits = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
