//! The decision on evidence made by hand: what is missing or unchecked is never good.

use super::*;
use crate::trust::{Authorizations, EntryKind, EvidenceBuilder, Files, RawCommit, SIGNERS, Signature, Signer, SshKey};

const LINE: &[u8] = b"a@x ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH0h4EpZxLCDdZsVwW7RDAHwO0Yr2rYzBXNBRlR0Qv2S\n";
const NOW: Timestamp = Timestamp::from_seconds(1_000);

fn id(number: u8) -> CommitId {
    CommitId::from_bytes([number; 20])
}

fn another() -> Signer {
    Signer::Key(SshKey::of(b"another"))
}

/// Evidence of commits (number, parents, signature) whose trees all authorize the key of [`LINE`].
fn evidence(head: u8, commits: &[(u8, &[u8], Signature)]) -> Evidence {
    let mut builder = EvidenceBuilder::new(id(head));
    let listed = Authorizations::read(
        [(SIGNERS.as_bytes(), EntryKind::File)],
        Files { signers: Some(LINE), ..Files::default() },
    );
    let listed = builder.authorizations(listed);
    for (number, parents, signature) in commits {
        let parents: String = parents.iter().map(|parent| format!("parent {}\n", id(*parent))).collect();
        let bytes = format!("tree {}\n{parents}author A <a@x> 1 +0000\ncommitter A <a@x> 1 +0000\n\n", id(0));
        builder.commit(&RawCommit::parse(id(*number), bytes.as_bytes()).unwrap(), signature.clone(), listed);
    }
    builder.finish()
}

fn good() -> Signature {
    Signature::Good(Signer::Key(ssh_key()))
}

fn key() -> KeyId {
    ssh_key().id()
}

fn ssh_key() -> SshKey {
    use base64::Engine as _;
    let text = std::str::from_utf8(LINE).unwrap().split_whitespace().nth(2).unwrap();
    SshKey::of(&base64::engine::general_purpose::STANDARD.decode(text).unwrap())
}

fn judge(evidence: &Evidence, floor: Option<u8>) -> Result<CommitId, Option<Reason>> {
    let introduction = Introduction { commit: id(1), signer: key() };
    let (floor, host) = (floor.map(id), HostTrust::default());
    let case = Case {
        evidence,
        introduction: &introduction,
        floor: floor.as_ref(),
        witnesses: None,
        first_seen: NOW,
        host: &host,
    };
    let admitted = admit(&case);
    assert_eq!(verdicts(&case).admitted(), admitted.is_ok());
    admitted.map(|admitted| admitted.commit()).map_err(|refusal| refusal.reason)
}

#[test]
fn a_chain_from_the_introduction_is_admitted() {
    assert_eq!(judge(&evidence(3, &[(3, &[2], good()), (1, &[], good()), (2, &[1], good())]), None), Ok(id(3)));
    let by_another = Signature::Good(another());
    assert_eq!(judge(&evidence(2, &[(1, &[], good()), (2, &[1], by_another)]), None), Err(Some(Reason::UnknownKey)));
}

#[test]
fn what_was_not_checked_is_an_error_and_neither_good_nor_bad() {
    assert_eq!(judge(&evidence(2, &[(1, &[], good()), (2, &[1], Signature::NotChecked)]), None), Err(None));
    assert_eq!(judge(&evidence(2, &[]), None), Err(None));
    assert_eq!(judge(&evidence(2, &[(1, &[], good())]), None), Err(None));
}

#[test]
fn a_line_that_the_evidence_does_not_follow_is_never_admitted() {
    let cut = evidence(4, &[(1, &[], good()), (2, &[1], good()), (4, &[2, 3], good())]);
    assert_eq!(judge(&cut, None), Err(Some(Reason::UnrelatedHistory)));
    let whole = evidence(4, &[(1, &[], good()), (2, &[1], good()), (3, &[1], good()), (4, &[2, 3], good())]);
    assert_eq!(judge(&whole, None), Ok(id(4)));
}

#[test]
fn a_floor_counts_only_if_it_was_followed_to_the_introduction() {
    let commits: &[(u8, &[u8], Signature)] = &[(5, &[4], Signature::NotChecked), (6, &[5], good())];
    assert_eq!(judge(&evidence(6, commits), Some(5)), Err(Some(Reason::UnrelatedHistory)));
    let mut builder = EvidenceBuilder::new(id(6));
    let listed = builder.authorizations(Authorizations::read(
        [(SIGNERS.as_bytes(), EntryKind::File)],
        Files { signers: Some(LINE), ..Files::default() },
    ));
    for (number, parent, signature) in [(5, 4, Signature::NotChecked), (6, 5, good())] {
        let parent = id(parent);
        let bytes = format!("tree {}\nparent {parent}\nauthor A <a@x> 1 +0000\ncommitter A <a@x> 1 +0000\n\n", id(0));
        builder.commit(&RawCommit::parse(id(number), bytes.as_bytes()).unwrap(), signature, listed);
    }
    builder.rooted(id(5));
    assert_eq!(judge(&builder.finish(), Some(5)), Ok(id(6)));
}

#[test]
fn a_head_that_does_not_bring_the_floor_is_a_rewind() {
    let chain = evidence(2, &[(1, &[], good()), (2, &[1], good())]);
    assert_eq!(judge(&chain, Some(1)), Ok(id(2)));
    assert_eq!(judge(&chain, Some(3)), Err(Some(Reason::Rewind)));
}

#[test]
fn a_refusal_names_the_oldest_commit_the_reason_and_the_remedy() {
    let chain = evidence(3, &[(1, &[], good()), (2, &[1], Signature::Missing), (3, &[2], Signature::Missing)]);
    let introduction = Introduction { commit: id(1), signer: key() };
    let host = HostTrust::default();
    let case = Case {
        evidence: &chain,
        introduction: &introduction,
        floor: None,
        witnesses: None,
        first_seen: NOW,
        host: &host,
    };
    let refusal = admit(&case).unwrap_err();
    let (two, three) = (id(2), id(3));
    assert_eq!(
        refusal.to_string(),
        format!(
            "commit {two} is refused (unsigned): it carries no signature; the offered head {three} builds on it; one later \
             commit is in the way, too. To mend it: sign it (`git commit --amend -S`, with `gpg.format=ssh`) and push again"
        )
    );
}
