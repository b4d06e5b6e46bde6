//! What four programs say of an offer.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Mutex;

use git2::{ObjectType, Oid};
use writ::git::Repository as Opened;
use writ::signature::check_statement;
use writ_core::time::Timestamp;
use writ_core::trust::{
    AllowedSigners, Case, CommitId, Introduction, Listed, Outcome, REWIND_NAMESPACE, Reason, Rewind, RewindCase, Rules,
    Signature, SignedRewind, admit, rewinds, verdicts,
};

use crate::corpus::Scene;
use crate::openpgp::Gnupg;
use crate::repository::program;

/// What was said of an offer.
pub(super) struct Said {
    pub(super) writ: Judged,
    /// What a person reads.
    pub(super) text: String,
    /// `git verify-commit` takes it.
    pub(super) git: bool,
    pub(super) git2: &'static str,
    pub(super) gix: &'static str,
}

/// What Writ makes of an offer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judged {
    Admitted,
    Refused(Reason),
    NotChecked,
    NotRead,
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admitted => f.write_str("admitted"),
            Self::Refused(reason) => write!(f, "`{}`", reason.code()),
            Self::NotChecked => f.write_str("not checked"),
            Self::NotRead => f.write_str("not read"),
        }
    }
}

/// Commits that Git was asked about already, with the file that it was given.
#[derive(Default)]
pub(super) struct Agreed(Mutex<BTreeSet<(String, String)>>);

pub(super) fn ask(scene: &Scene, agreed: &Agreed) -> Said {
    let (writ, text) = writ(scene, agreed);
    let offer = scene.offer();
    let parent = parents(scene, offer).into_iter().next().unwrap_or_else(|| scene.introduction.0.clone());
    let git = verifies(scene, offer, &parent, scene.operator.as_deref());
    let (git2, gix) = read_by_others(scene, offer);
    Said { writ, text, git, git2, gix }
}

fn id(text: &str) -> CommitId {
    text.parse().unwrap()
}

fn writ(scene: &Scene, agreed: &Agreed) -> (Judged, String) {
    match judge(scene, scene.floor.as_deref(), agreed) {
        (Judged::Refused(Reason::Rewind), text) => match let_back(scene) {
            Ok(to) => judge(scene, Some(&to), agreed),
            Err(why) => (Judged::Refused(Reason::Rewind), format!("{text} {why}")),
        },
        judged => judged,
    }
}

fn judge(scene: &Scene, floor: Option<&str>, agreed: &Agreed) -> (Judged, String) {
    let (commit, signer) = &scene.introduction;
    let introduction = Introduction { commit: id(commit), signer: signer.parse().unwrap() };
    let (floor, first_seen) = (floor.map(id), Timestamp::from_seconds(scene.seen));
    let opened = Opened::open(&scene.path()).unwrap();
    let evidence = match opened.evidence(&introduction, floor.as_ref(), id(scene.offer()), &scene.host) {
        Ok(evidence) => evidence,
        Err(error) => return (Judged::NotChecked, writ::error::chain(&error)),
    };
    let case =
        Case { evidence: &evidence, introduction: &introduction, floor: floor.as_ref(), first_seen, host: &scene.host };
    let verdicts = verdicts(&case);
    let good = verdicts.commits.iter().filter(|verdict| verdict.outcome == Outcome::Admitted);
    let good: Vec<String> = good.map(|verdict| verdict.commit.to_string()).collect();
    // Of a long line some, evenly: all of it is made in one way.
    for commit in good.iter().step_by(good.len() / 8 + 1) {
        agrees(scene, commit, agreed);
    }
    let admitted = match admit(&case) {
        Ok(admitted) => admitted,
        Err(refusal) => return (refusal.reason.map_or(Judged::NotChecked, Judged::Refused), refusal.to_string()),
    };
    assert!(verdicts.admitted());
    if let Err(refusal) = admitted.fresh(first_seen) {
        return (refusal.reason.map_or(Judged::NotChecked, Judged::Refused), refusal.to_string());
    }
    match opened.files(&admitted, "host") {
        Ok(_) => (Judged::Admitted, String::new()),
        Err(error) => (Judged::NotRead, writ::error::chain(&error)),
    }
}

/// The commit to which a rewind lets the host go back, if one does.
fn let_back(scene: &Scene) -> Result<String, String> {
    let floor = scene.floor.as_ref().unwrap();
    let rules = file(scene, floor, ".writ/trust.toml").map(|rules| Rules::parse(rules.as_bytes()).unwrap());
    let signers = AllowedSigners::parse(file(scene, floor, ".writ/allowed_signers").unwrap().as_bytes()).unwrap();
    let listed = Listed { signers, rules, ..Listed::default() };
    let (mut statements, mut bad) = (Vec::new(), String::new());
    for (text, armor) in &scene.rewinds {
        match check_statement(text.as_bytes(), armor.as_bytes(), REWIND_NAMESPACE) {
            Signature::Good(signer) => {
                statements.push(SignedRewind { rewind: Rewind::parse(text.as_bytes()).unwrap(), signer });
            }
            other @ (Signature::Bad(_)
            | Signature::WrongNamespace(_)
            | Signature::Weak(_)
            | Signature::Unknown(_)
            | Signature::Missing
            | Signature::NotChecked) => bad = other.in_words(),
        }
    }
    let used = scene.used.iter().map(|text| Rewind::parse(text.as_bytes()).unwrap().id()).collect();
    let (followed, refused) = rewinds(&RewindCase {
        source: "infra",
        host: &scene.host,
        floor: id(floor),
        listed: &listed,
        statements: &statements,
        used: &used,
        now: Timestamp::from_seconds(scene.seen),
    });
    followed.first().map(|back| back.to.to_string()).ok_or_else(|| refused.join("; ") + &bad)
}

/// `git verify-commit` takes what is admitted, by the files of each parent; the introduction by its own.
fn agrees(scene: &Scene, commit: &str, agreed: &Agreed) {
    let parents = if commit == scene.introduction.0 { vec![commit.to_owned()] } else { parents(scene, commit) };
    for parent in parents {
        let signers = file(scene, &parent, ".writ/allowed_signers").unwrap_or_default();
        if agreed.0.lock().unwrap().insert((commit.to_owned(), signers)) {
            assert!(verifies(scene, commit, &parent, None), "git refuses {commit} by the files of {parent}");
        }
    }
}

fn opened(scene: &Scene) -> git2::Repository {
    git2::Repository::open_bare(scene.path()).unwrap()
}

/// The parents as the bytes of the commit name them, however odd the rest is; none of what is no commit.
fn parents(scene: &Scene, commit: &str) -> Vec<String> {
    let Some((ObjectType::Commit, bytes)) = raw(scene, commit) else { return Vec::new() };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let header = text.split("\n\n").next().unwrap_or_default();
    header.lines().filter_map(|line| line.strip_prefix("parent ")).map(str::to_owned).collect()
}

fn raw(scene: &Scene, name: &str) -> Option<(ObjectType, Vec<u8>)> {
    let opened = opened(scene);
    let odb = opened.odb().unwrap();
    let object = odb.read(Oid::from_str(name).unwrap()).ok()?;
    Some((object.kind(), object.data().to_vec()))
}

fn file(scene: &Scene, commit: &str, path: &str) -> Option<String> {
    let opened = opened(scene);
    let commit = opened.find_commit(Oid::from_str(commit).unwrap()).ok()?;
    let entry = commit.tree().ok()?.get_path(std::path::Path::new(path)).ok()?;
    let blob = opened.find_blob(entry.id()).ok()?;
    String::from_utf8(blob.content().to_vec()).ok()
}

/// What `git verify-commit` says with the keys that a commit lists, or with a file of signers of the operator's own.
fn verifies(scene: &Scene, commit: &str, by: &str, operator: Option<&str>) -> bool {
    let listed = operator.map(str::to_owned).or_else(|| file(scene, by, ".writ/allowed_signers"));
    let folder = tempfile::tempdir().unwrap();
    let signers = folder.path().join("signers");
    std::fs::write(&signers, listed.unwrap_or_default()).unwrap();
    let mut command = program("git");
    command.arg("-C").arg(scene.path());
    command.arg("-c").arg(format!("gpg.ssh.allowedSignersFile={}", signers.display()));
    for setting in &scene.settings {
        command.args(["-c", setting]);
    }
    let is_openpgp =
        raw(scene, commit).is_some_and(|(_, bytes)| bytes.windows(13).any(|part| part == b"PGP SIGNATURE"));
    let gnupg = is_openpgp.then(|| keyring(scene, by));
    if let Some(gnupg) = &gnupg {
        command.arg("-c").arg(gnupg.as_setting());
        command.env("GIT_COMMITTER_DATE", format!("{} +0000", scene.seen));
    }
    command.args(["verify-commit", commit]).output().unwrap().status.success()
}

/// A keyring that holds what a commit's tree lists.
fn keyring(scene: &Scene, commit: &str) -> Gnupg {
    let (gnupg, opened) = (Gnupg::new(), opened(scene));
    let tree = opened.find_commit(Oid::from_str(commit).unwrap()).unwrap().tree().unwrap();
    let Ok(keys) = tree.get_path(std::path::Path::new(".writ/keys")) else { return gnupg };
    for key in &opened.find_tree(keys.id()).unwrap() {
        gnupg.import(std::str::from_utf8(opened.find_blob(key.id()).unwrap().content()).unwrap());
    }
    gnupg
}

/// What git2 and gix read of the offered object.
fn read_by_others(scene: &Scene, offer: &str) -> (&'static str, &'static str) {
    let (opened, oid) = (opened(scene), Oid::from_str(offer).unwrap());
    let words = |signed: Option<bool>| match signed {
        None => "refuses",
        Some(true) => "reads, signed",
        Some(false) => "reads, unsigned",
    };
    let git2 = opened.find_commit(oid).ok().map(|_| opened.extract_signature(&oid, None).is_ok());
    let gix = raw(scene, offer).filter(|(kind, _)| *kind == ObjectType::Commit).and_then(|(_, bytes)| {
        let commit = gix::objs::CommitRef::from_bytes(&bytes, gix::hash::Kind::Sha1).ok()?;
        Some(commit.extra_headers().pgp_signature().is_some())
    });
    (words(git2), words(gix))
}
