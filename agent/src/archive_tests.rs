//! What the judge of archives takes and refuses.

use super::*;

/// An archive of entries `KIND NAME LINK CONTENT`, whole.
fn archive(entries: &[(u8, &str, &str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, name, link, content) in entries {
        bytes.extend_from_slice(&header(*kind, name, link, content.len()));
        bytes.extend_from_slice(content.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    }
    bytes.resize(bytes.len() + 2 * BLOCK, 0);
    bytes
}

fn header(kind: u8, name: &str, link: &str, size: usize) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[148..156].copy_from_slice(b"        ");
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[257..263].copy_from_slice(b"ustar\0");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

fn judge(bytes: &[u8], piece: usize, outward: OutwardLinks) -> Result<Contents, Fault> {
    let mut judge = Judge::new(outward);
    bytes.chunks(piece).try_for_each(|piece| judge.feed(piece))?;
    judge.finish()
}

#[track_caller]
fn check(entries: &[(u8, &str, &str, &str)], wanted: &str) {
    let bytes = archive(entries);
    for piece in [1, 7, BLOCK, bytes.len()] {
        let told = match judge(&bytes, piece, OutwardLinks::Refused) {
            Ok(Contents { entries, outward_links: _, root: _ }) => format!("{entries} entries"),
            Err(fault) => fault.to_string(),
        };
        assert_eq!(told, wanted, "in pieces of {piece}");
    }
}

const HOME: (u8, &str, &str, &str) = (b'5', "./", "", "");

#[test]
fn an_archive_of_files_and_links_within_is_whole() {
    check(
        &[
            HOME,
            (b'0', "./a/b", "", "text"),
            (b'2', "a/up", "../c", ""),
            (b'1', "d", "a/b", ""),
            (b'6', "pipe", "", ""),
            (b'2', "up", "a/../d", ""),
        ],
        "6 entries",
    );
    check(&[], "0 entries");
}

#[test]
fn what_leads_out_is_refused_by_its_name() {
    let out = |name: &str, why: &str| format!("entry {name:?} leads out of the volume: {why}");
    check(&[HOME, (b'0', "../x", "", "")], &out("../x", "its path has a `..`"));
    check(&[(b'0', "a/../b", "", "")], &out("a/../b", "its path has a `..`"));
    check(&[(b'0', "/etc/x", "", "")], &out("/etc/x", "its path is absolute"));
    check(&[(b'1', "x", "../y", "")], &out("x", "it is a hard link to something outside"));
    check(&[(b'1', "x", "/y", "")], &out("x", "it is a hard link to something outside"));
    check(&[(b'2', "a/x", "../../y", "")], &out("a/x", "it is a symbolic link to something outside"));
    check(&[(b'2', "x", "/y", "")], &out("x", "it is a symbolic link to something outside"));
    let behind = out("l/x", "it lies behind a symbolic link of the archive");
    check(&[(b'5', "a", "", ""), (b'2', "l", "a", ""), (b'0', "l/x", "", "")], &behind);
    check(&[(b'2', "m", "a", ""), (b'1', "l", "m", ""), (b'0', "l/x", "", "")], &behind);
}

#[test]
fn long_names_are_judged_as_they_will_be_used() {
    let out = "entry \"../x\" leads out of the volume: its path has a `..`";
    check(&[(b'L', "long", "", "../x\0"), (b'0', "x", "", "")], out);
    check(&[(b'x', "pax", "", "13 path=../x\n"), (b'0', "x", "", "")], out);
    check(
        &[(b'x', "pax", "", "11 path=a/b\n"), (b'0', "../x", "", "")],
        "it is no sound tar archive: what extends a header cannot be read",
    );
    check(&[(b'x', "pax", "", "12 path=a/b\n"), (b'0', "x", "", "")], "1 entries");
    check(
        &[(b'g', "pax", "", "13 path=../x\n"), (b'0', "x", "", "")],
        "it is no sound tar archive: one name, owner or size is given to all of its entries",
    );
}

#[test]
fn outward_links_are_counted_where_they_are_not_refused() {
    let bytes = archive(&[(b'2', "x", "/y", ""), (b'2', "z", "x", "")]);
    let contents = Contents { entries: 2, outward_links: 1, root: None };
    assert_eq!(judge(&bytes, 64, OutwardLinks::Counted), Ok(contents));
}

#[test]
fn every_cut_of_an_archive_is_told_from_the_whole() {
    let bytes = archive(&[HOME, (b'0', "a", "", "text")]);
    for length in 0..bytes.len() {
        let told = judge(&bytes[..length], BLOCK, OutwardLinks::Refused);
        assert!(matches!(told, Err(Fault::Cut { .. })), "{length}: {told:?}");
    }
    assert!(judge(&bytes, BLOCK, OutwardLinks::Refused).is_ok());
}

#[test]
fn every_changed_bit_of_a_header_is_seen() {
    let bytes = archive(&[(b'0', "a", "", "text")]);
    for at in 0..BLOCK {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let told = judge(&changed, BLOCK, OutwardLinks::Refused);
        // A space and a zero end a number alike.
        assert!(told.is_err() || (148..156).contains(&at), "{at}");
    }
}

#[test]
fn the_folder_itself_is_told_with_its_owner() {
    let root = |bytes: &[u8]| judge(bytes, 100, OutwardLinks::Refused).map(|contents| contents.root);
    let mut bytes = archive(&[(b'x', "pax", "", "14 uid=100000\n"), HOME]);
    let at = 2 * BLOCK;
    bytes[at + 100..at + 107].copy_from_slice(b"0041770");
    bytes[at + 116..at + 123].copy_from_slice(b"0000106");
    bytes[at + 148..at + 156].copy_from_slice(b"        ");
    let sum: u32 = bytes[at..at + BLOCK].iter().map(|byte| u32::from(*byte)).sum();
    bytes[at + 148..at + 155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    assert_eq!(root(&bytes), Ok(Some(Root { mode: 0o1770, user: 100_000, group: 70 })));
    assert_eq!(root(&archive(&[(b'5', "d", "", "")])), Ok(None));
    check(&[(b'2', ".", "a", "")], "it is no sound tar archive: its folder is no folder");
}
