//! Judges a head window by window, so that a long history takes as little memory as a short one.
//!
//! Invariant: nothing here decides: where windows lie and what follows from each is said by [`writ_core::trust`].

use gix::objs::Kind;
use writ_core::limits::COMMIT_BYTES_MAX;
use writ_core::trust::{Born, CommitId, Proceedings, Question, RawCommit, Verdicts, Window, windows};

use super::error::GitError;
use super::objects::{Object, Repository};
use crate::limits::{COMMITS_IN_WINDOW, COMMITS_MAX};

impl Repository {
    /// Hears the evidence of all that a head brings; [`Proceedings::end`] tells whether it may change the host.
    ///
    /// # Errors
    /// If the history is too long, or cannot be read.
    pub fn judge(&self, question: &Question) -> Result<Proceedings, GitError> {
        self.judge_in_windows(question, COMMITS_IN_WINDOW)
    }

    /// The same in windows of at least `size` commits.
    ///
    /// # Errors
    /// As for [`Repository::judge`].
    pub fn judge_in_windows(&self, question: &Question, size: usize) -> Result<Proceedings, GitError> {
        self.hear(Proceedings::new(question.clone(), self.windows(question, size)?), question)
    }

    /// The verdict on every commit that a head brings.
    ///
    /// # Errors
    /// As for [`Repository::judge`].
    pub fn verdicts(&self, question: &Question) -> Result<Verdicts, GitError> {
        self.verdicts_in_windows(question, COMMITS_IN_WINDOW)
    }

    /// The same in windows of at least `size` commits.
    ///
    /// # Errors
    /// As for [`Repository::judge`].
    pub fn verdicts_in_windows(&self, question: &Question, size: usize) -> Result<Verdicts, GitError> {
        let proceedings = Proceedings::new(question.clone(), self.windows(question, size)?).telling();
        Ok(self.hear(proceedings, question)?.verdicts(None))
    }

    fn hear(&self, mut proceedings: Proceedings, question: &Question) -> Result<Proceedings, GitError> {
        let Question { head: _, introduction, floor, first_seen: _, host } = question;
        while let Some(Window { base, head }) = proceedings.window() {
            let evidence = match base {
                Some(base) => self.evidence_above(base, introduction, head, host)?,
                None => self.evidence(introduction, floor.as_ref(), head, host)?,
            };
            proceedings = proceedings.take(&evidence);
        }
        Ok(proceedings)
    }

    /// The heads of the windows in which a question is judged, oldest first.
    fn windows(&self, question: &Question, size: usize) -> Result<Vec<CommitId>, GitError> {
        let Question { head, introduction, floor, first_seen: _, host: _ } = question;
        let mut count = 0_usize;
        windows(*head, size, |id| {
            count += 1;
            if count > COMMITS_MAX {
                return Err(GitError::TooManyCommits { head: *head, limit: COMMITS_MAX });
            }
            if *id == introduction.commit || Some(id) == floor.as_ref() {
                return Ok(END);
            }
            self.born(*id).map(Birth::into_claimed)
        })
    }

    /// True if every line of a commit's history goes back to the introduction. What was once found true is kept, so that
    /// each commit is read once in the life of the agent.
    pub(super) fn is_rooted(&self, commit: &CommitId, start: &CommitId) -> Result<bool, GitError> {
        let known = self.rooted.get().filter(|(known, _)| known == start).map(|(_, commit)| commit);
        let (mut count, mut rooted) = (0_usize, true);
        windows(*commit, COMMITS_IN_WINDOW, |id| {
            if !rooted || id == start || Some(*id) == known {
                return Ok(END);
            }
            count += 1;
            if count > COMMITS_MAX {
                return Err(GitError::TooManyCommits { head: *commit, limit: COMMITS_MAX });
            }
            match self.born(*id)? {
                Birth::Told(born) if !born.parents.is_empty() => Ok(born),
                Birth::Told(_) | Birth::Malformed(_) => {
                    rooted = false;
                    Ok(END)
                }
            }
        })?;
        if rooted {
            self.rooted.set(Some((*start, *commit)));
        }
        Ok(rooted)
    }

    /// The parents and the date of a commit.
    fn born(&self, id: CommitId) -> Result<Birth, GitError> {
        let mut bytes = Vec::new();
        let Object::Right(bytes) = self.read(id.as_bytes(), Kind::Commit, COMMIT_BYTES_MAX, &mut bytes)? else {
            return Ok(Birth::Malformed(END));
        };
        Ok(match RawCommit::parse(id, bytes) {
            Ok(commit) => {
                Birth::Told(Born { committed: commit.committer().seconds, parents: commit.parents().to_vec() })
            }
            Err(malformed) => Birth::Malformed(Born { parents: malformed.parents, ..END }),
        })
    }
}

/// What a history ends with: nothing that is looked at later comes from there.
const END: Born = Born { committed: i64::MIN, parents: Vec::new() };

/// What a commit says of where it comes from.
enum Birth {
    Told(Born),
    /// It is malformed, or no commit; the parents, as far as they can be told.
    Malformed(Born),
}

impl Birth {
    /// Where history goes on, whatever the commit is worth.
    fn into_claimed(self) -> Born {
        match self {
            Self::Told(born) | Self::Malformed(born) => born,
        }
    }
}
