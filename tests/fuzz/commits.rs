//! The commit parser, beside two others.

use std::path::Path;

use git2::{ObjectType, Oid};
use gix::objs::{CommitRef, CommitRefIter};
use writ_core::trust::{Armor, CommitId, RawCommit};

use crate::corpus::{self, Scene};
use crate::driver::Target;

/// The groups of the corpus that are about the bytes of one commit.
const GROUPS: [&str; 3] = ["Signatures and keys", "Certificates and OpenPGP keys", "Bytes of a commit"];

/// Longest commit that is changed further, in bytes.
const SEED_BYTES_MAX: usize = 8 << 10;

/// The offered commits of these groups.
fn offered() -> Vec<Vec<u8>> {
    let groups = corpus::all().into_iter().filter(|(group, _)| GROUPS.contains(group));
    let cases = groups.flat_map(|(_, cases)| cases).flat_map(|case| [(case, true), (case, false)]);
    let bytes = cases.map(|(case, hostile)| {
        let mut scene = Scene::new(hostile);
        (case.build)(&mut scene);
        let odb = scene.objects().odb().unwrap();
        odb.read(Oid::from_str(scene.offer()).unwrap()).unwrap().data().to_vec()
    });
    bytes.filter(|bytes| bytes.len() <= SEED_BYTES_MAX).collect()
}

fn parse(bytes: &[u8]) -> Result<RawCommit<'_>, String> {
    RawCommit::parse(CommitId::from_bytes([1; 20]), bytes).map_err(|malformed| malformed.detail)
}

/// The signature as the bytes of a commit hold it, its lines put together.
fn folded(bytes: &[u8], commit: &RawCommit<'_>) -> Vec<u8> {
    let [before, after] = commit.payload();
    let header = &bytes[before.len()..bytes.len() - after.len()];
    let text = header.strip_prefix(b"gpgsig ").unwrap().strip_suffix(b"\n").unwrap();
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let folded: Vec<&[u8]> = lines.iter().map(|line| line.strip_prefix(b" ").unwrap_or(line)).collect();
    folded.join(&b'\n')
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii_end()
}

/// What holds of every commit that is taken.
fn holds(bytes: &[u8], commit: &RawCommit<'_>, folder: &Path) {
    let payload = commit.payload().concat();
    let bare = parse(&payload).expect("the payload is a commit");
    assert_eq!(*bare.armor(), Armor::None);
    assert_eq!((bare.tree(), bare.parents()), (commit.tree(), commit.parents()));
    assert_eq!(bare.payload_digest(), commit.payload_digest());
    let parents: Vec<String> = commit.parents().iter().map(ToString::to_string).collect();

    let theirs = CommitRef::from_bytes(bytes, gix::hash::Kind::Sha1).expect("gix reads it");
    assert_eq!(theirs.tree().to_string(), commit.tree().to_string());
    assert_eq!(theirs.parents().map(|id| id.to_string()).collect::<Vec<_>>(), parents);
    assert_eq!(theirs.time().expect("gix reads the date").seconds, commit.committer().seconds);
    let signed = CommitRefIter::signature(bytes, gix::hash::Kind::Sha1).expect("gix looks for a signature");

    let repository = git2::Repository::open_bare(folder).unwrap();
    let oid = repository.odb().unwrap().write(ObjectType::Commit, bytes).unwrap();
    let theirs = repository.find_commit(oid).expect("git2 reads it");
    assert_eq!(theirs.tree_id().to_string(), commit.tree().to_string());
    assert_eq!(theirs.parent_ids().map(|id| id.to_string()).collect::<Vec<_>>(), parents);
    assert_eq!(theirs.time().seconds(), commit.committer().seconds);

    let extracted = repository.extract_signature(&oid, None);
    let name = oid.to_string();
    let (first, rest) = name.split_at(2);
    std::fs::remove_file(folder.join("objects").join(first).join(rest)).unwrap();
    if *commit.armor() == Armor::None {
        assert!(signed.is_none(), "gix finds a signature");
        return;
    }
    let (ours, (signature, data)) = (folded(bytes, commit), signed.expect("gix finds the signature"));
    assert_eq!(trimmed(&signature), trimmed(&ours));
    assert_eq!(data.to_bstring(), payload);
    let (signature, data) = extracted.expect("git2 finds the signature");
    assert_eq!(trimmed(&signature), trimmed(&ours));
    assert_eq!(&data[..], payload);
}

#[test]
fn what_the_parser_of_commits_takes_gix_and_git2_read_alike() {
    let words = [
        "tree ",
        "parent ",
        "author ",
        "committer ",
        "encoding ",
        "gpgsig ",
        "gpgsig-sha256 ",
        "mergetag ",
        "\n\n",
        "\n ",
        "-----BEGIN SSH SIGNATURE-----",
        "-----END SSH SIGNATURE-----",
        "-----BEGIN PGP SIGNATURE-----",
        "-----BEGIN SIGNED MESSAGE-----",
        "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        " <a@b> 1 +0000",
    ];
    let folder = tempfile::tempdir().unwrap();
    drop(git2::Repository::init_bare(folder.path()).unwrap());
    let check = |bytes: &[u8]| match parse(bytes) {
        Ok(commit) => {
            holds(bytes, &commit, folder.path());
            let armor = match commit.armor() {
                Armor::None => "unsigned",
                Armor::Ssh(_) => "SSH",
                Armor::OpenPgp(_) => "OpenPGP",
                Armor::X509 => "X.509",
            };
            format!("taken, {armor}, {} parents", commit.parents().len().min(3))
        }
        Err(detail) => detail,
    };
    Target { name: "commit", seeds: offered(), words: &words, check: &check }.run();
}
