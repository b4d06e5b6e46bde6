//! What four programs say of an offer.

use std::fmt;

use git2::{ObjectType, Oid};
use writ::git::Repository as Opened;
use writ::signature::check_statement;
use writ_core::time::Timestamp;
use writ_core::trust::{
    AllowedSigners, Case, CommitId, Introduction, Listed, Outcome, REWIND_NAMESPACE, Reason, Rewind, RewindCase, Rules,
    Signature, SignedRewind, admit, rewinds, verdicts,
};

use crate::agreement::{Agreed, Operator};
use crate::corpus::Scene;
use crate::windows;

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

pub(super) fn ask(scene: &Scene, agreed: &Agreed) -> Said {
    let (writ, text) = writ(scene, agreed);
    let (offer, path) = (scene.offer(), scene.path());
    let (signers, settings) = (scene.operator.as_deref(), &scene.settings[..]);
    let operator = Operator { signers, settings, ..Operator::new(&path, scene.seen) };
    let parent = operator.parents(offer).into_iter().next().unwrap_or_else(|| scene.introduction.0.clone());
    let git = operator.takes(offer, &parent);
    let (git2, gix) = read_by_others(&operator, offer);
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
    let ((commit, signer), path) = (&scene.introduction, scene.path());
    let introduction = Introduction { commit: id(commit), signer: signer.parse().unwrap() };
    let (floor, first_seen) = (floor.map(id), Timestamp::from_seconds(scene.seen));
    let opened = Opened::open(&path).unwrap();
    let look = || opened.evidence(&introduction, floor.as_ref(), id(scene.offer()), &scene.host);
    let (evidence, again) = match look().and_then(|evidence| Ok((evidence, look()?))) {
        Ok(both) => both,
        Err(error) => return (Judged::NotChecked, writ::error::chain(&error)),
    };
    let by = |evidence| Case {
        evidence,
        introduction: &introduction,
        floor: floor.as_ref(),
        witnesses: None,
        first_seen,
        host: &scene.host,
    };
    let case = by(&evidence);
    let verdicts = verdicts(&case);
    // What is remembered from a first look changes no verdict.
    assert_eq!(writ_core::trust::verdicts(&by(&again)), verdicts);
    let good = verdicts.commits.iter().filter(|verdict| verdict.outcome == Outcome::Admitted);
    let good: Vec<String> = good.map(|verdict| verdict.commit.to_string()).collect();
    // Of a long line some, evenly: all of it is made in one way.
    let operator = Operator { settings: &scene.settings, ..Operator::new(&path, scene.seen) };
    for admitted in good.iter().step_by(good.len() / 8 + 1) {
        operator.agrees(admitted, commit, agreed);
    }
    let admitted = admit(&case);
    windows::agree(&opened, &case, &verdicts, &admitted);
    let admitted = match admitted {
        Ok(admitted) => admitted,
        Err(refusal) => return (refusal.reason.map_or(Judged::NotChecked, Judged::Refused), refusal.to_string()),
    };
    assert!(verdicts.admitted());
    if let Err(refusal) = admitted.fresh(first_seen) {
        return (refusal.reason.map_or(Judged::NotChecked, Judged::Refused), refusal.to_string());
    }
    match opened.files(&admitted, &"host".into()) {
        Ok(_) => (Judged::Admitted, String::new()),
        Err(error) => (Judged::NotRead, writ::error::chain(&error)),
    }
}

/// The commit to which a rewind lets the host go back, if one does.
fn let_back(scene: &Scene) -> Result<String, String> {
    let (floor, path) = (scene.floor.as_ref().unwrap(), scene.path());
    let file = |name: &str| Operator::new(&path, scene.seen).file(floor, name);
    let rules = file(".writ/trust.toml").map(|rules| Rules::parse(rules.as_bytes()).unwrap());
    let signers = AllowedSigners::parse(file(".writ/allowed_signers").unwrap().as_bytes()).unwrap();
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

/// What git2 and gix read of the offered object.
fn read_by_others(operator: &Operator<'_>, offer: &str) -> (&'static str, &'static str) {
    let (opened, oid) = (operator.opened(), Oid::from_str(offer).unwrap());
    let words = |signed: Option<bool>| match signed {
        None => "refuses",
        Some(true) => "reads, signed",
        Some(false) => "reads, unsigned",
    };
    let git2 = opened.find_commit(oid).ok().map(|_| opened.extract_signature(&oid, None).is_ok());
    let gix = operator.object(offer).filter(|(kind, _)| *kind == ObjectType::Commit).and_then(|(_, bytes)| {
        let commit = gix::objs::CommitRef::from_bytes(&bytes, gix::hash::Kind::Sha1).ok()?;
        Some(commit.extra_headers().pgp_signature().is_some())
    });
    (words(git2), words(gix))
}
