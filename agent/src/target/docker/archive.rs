//! Archives of files in memory, the same bytes each time.
//!
//! Source: the ustar format of POSIX.1-1988; names and sizes here fit its fixed fields.

const BLOCK: usize = 512;

/// One file of an archive.
pub(super) struct Entry<'a> {
    /// Its path: fewer than 100 bytes.
    pub(super) name: &'a str,
    /// Its permissions.
    pub(super) mode: u32,
    /// What it holds.
    pub(super) content: &'a [u8],
}

/// An archive of files that belong to root and were written in 1970.
pub(super) fn archive(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Entry { name, mode, content } in entries {
        bytes.extend_from_slice(&header(name, *mode, content.len()));
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    }
    // Two empty blocks are the end.
    bytes.resize(bytes.len() + 2 * BLOCK, 0);
    bytes
}

fn header(name: &str, mode: u32, size: usize) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &str| {
        if let Some(field) = header.get_mut(at..at + text.len()) {
            field.copy_from_slice(text.as_bytes());
        }
    };
    put(0, name);
    put(100, &format!("{mode:07o}"));
    // Owner, group and date are zero.
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{size:011o}"));
    put(136, "00000000000");
    // The sum is taken with blanks in its own place.
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\u{0}00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    for (byte, digit) in header.iter_mut().skip(148).zip(format!("{sum:06o}\u{0} ").bytes()) {
        *byte = digit;
    }
    header
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn tar_reads_what_is_written_and_the_bytes_are_the_same_each_time() {
        let entries = || {
            [
                Entry { name: "a", mode: 0o555, content: b"one" },
                Entry { name: "folder/b.json", mode: 0o644, content: &[7; 1_000] },
            ]
        };
        let bytes = archive(&entries());
        assert_eq!(bytes, archive(&entries()));
        let mut tar = Command::new("tar")
            .args(["--list", "--verbose", "--numeric-owner", "--utc", "--file", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(tar.stdin.as_mut().unwrap(), &bytes).unwrap();
        let out = tar.wait_with_output().unwrap();
        assert!(out.status.success());
        let listed = String::from_utf8(out.stdout).unwrap();
        let words: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[0], ["-r-xr-xr-x", "0/0", "3", "1970-01-01", "00:00", "a"]);
        assert_eq!(words[1], ["-rw-r--r--", "0/0", "1000", "1970-01-01", "00:00", "folder/b.json"]);
    }
}
