//! A repository whose first commit is pinned, and what is thought of its commits.

use tempfile::TempDir;
use writ::git::Repository as Opened;
use writ_core::time::Timestamp;
use writ_core::trust::{
    Admitted, Case, CommitId, Evidence, HostTrust, Introduction, Outcome, Reason, Verdicts, admit, verdicts,
};

use crate::agreement::{Agreed, Operator};
use crate::repository::{FIRST_COMMIT, Key, Repository, Sign, key};
use crate::windows;

pub(super) struct World {
    pub(super) keys: TempDir,
    pub(super) alice: Key,
    pub(super) bob: Key,
    pub(super) repository: Repository,
    pub(super) introduction: Introduction,
    /// What the host itself says.
    pub(super) host: HostTrust,
    /// The repository as an agent keeps it open, with what it remembers.
    pub(super) kept: Opened,
    pub(super) agreed: Agreed,
}

impl World {
    /// A repository whose first commit authorizes Alice and is signed by her.
    pub(super) fn new() -> Self {
        let keys = tempfile::tempdir().unwrap();
        let (alice, bob) = (key(keys.path(), "alice"), key(keys.path(), "bob"));
        let (repository, commit) = Repository::introduced_by(&alice);
        let introduction = introduction(&commit, &alice);
        let kept = Opened::open(&repository.path()).unwrap();
        let (host, agreed) = (HostTrust::default(), Agreed::default());
        Self { keys, alice, bob, repository, introduction, host, kept, agreed }
    }

    pub(super) fn by_alice(&self, message: &str) -> String {
        self.repository.commit(Sign::By(&self.alice), message)
    }

    pub(super) fn by_bob(&self, message: &str) -> String {
        self.repository.commit(Sign::By(&self.bob), message)
    }

    /// Alice's next commit authorizes what the file says.
    pub(super) fn authorize(&self, lines: &str) -> String {
        self.repository.authorize(lines);
        self.by_alice("authorize")
    }

    /// Stores a commit of any bytes as the head.
    pub(super) fn store(&self, bytes: &[u8]) -> String {
        let commit = self.repository.store("commit", bytes);
        self.repository.point("refs/heads/main", &commit);
        commit
    }

    pub(super) fn judge(
        &self,
        head: &str,
        floor: Option<&str>,
        now: Timestamp,
    ) -> (Verdicts, Result<Admitted, String>) {
        let floor = floor.map(id);
        let fresh = Opened::open(&self.repository.path()).unwrap();
        let collect = |from: &Opened| from.evidence(&self.introduction, floor.as_ref(), id(head), &self.host).unwrap();
        let evidence = collect(&fresh);
        let case = self.case(&evidence, floor.as_ref(), now);
        let (verdicts, admitted) = (verdicts(&case), admit(&case));
        // What is remembered from the commits before changes no verdict.
        assert_eq!(writ_core::trust::verdicts(&self.case(&collect(&self.kept), floor.as_ref(), now)), verdicts);
        assert_eq!(verdicts.admitted(), admitted.is_ok());
        windows::agree(&fresh, &case, &verdicts, &admitted);
        for verdict in verdicts.commits.iter().filter(|verdict| verdict.outcome == Outcome::Admitted) {
            let introduction = self.introduction.commit.to_string();
            let (repository, commit) = (self.repository.path(), verdict.commit.to_string());
            Operator::new(&repository, self.repository.date()).agrees(&commit, &introduction, &self.agreed);
        }
        (verdicts, admitted.map_err(|refusal| refusal.to_string()))
    }

    pub(super) fn case<'a>(
        &'a self,
        evidence: &'a Evidence,
        floor: Option<&'a CommitId>,
        first_seen: Timestamp,
    ) -> Case<'a> {
        Case { evidence, introduction: &self.introduction, floor, witnesses: None, first_seen, host: &self.host }
    }

    #[track_caller]
    pub(super) fn admitted(&self, head: &str) -> Admitted {
        self.admitted_above(head, None)
    }

    #[track_caller]
    pub(super) fn admitted_above(&self, head: &str, floor: Option<&str>) -> Admitted {
        let admitted = self.judge(head, floor, now()).1.unwrap();
        assert_eq!(admitted.commit(), id(head));
        admitted
    }

    /// The head is refused because of `commit`, for `reason`.
    #[track_caller]
    pub(super) fn refused(&self, head: &str, commit: &str, reason: Reason) {
        self.refused_above(head, None, commit, reason);
    }

    #[track_caller]
    pub(super) fn refused_above(&self, head: &str, floor: Option<&str>, commit: &str, reason: Reason) {
        let (verdicts, admitted) = self.judge(head, floor, now());
        let refused = verdicts.commits.iter().find(|verdict| verdict.outcome != Outcome::Admitted);
        let refused = refused.expect("a commit is refused");
        assert!(matches!(refused.outcome, Outcome::Refused(found, _) if found == reason), "{:?}", refused.outcome);
        assert_eq!(refused.commit, id(commit));
        let text = admitted.unwrap_err();
        let (code, advice) = (reason.code(), reason.advice());
        assert!(text.starts_with(&format!("commit {commit} is refused ({code}): ")) && text.contains(advice), "{text}");
    }
}

pub(super) fn id(text: &str) -> CommitId {
    text.parse().unwrap()
}

pub(super) fn introduction(commit: &str, key: &Key) -> Introduction {
    Introduction { commit: id(commit), signer: key.fingerprint.parse().unwrap() }
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_seconds(FIRST_COMMIT + 86_400)
}
