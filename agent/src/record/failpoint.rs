//! Where tests kill the program: right after a record of the journal was committed.
//!
//! Invariant: it stands in no build for release; see the only use of it.

use rusqlite::Connection;

use super::journal;

/// The variable that names the record after which the program dies as by `kill -9`.
const VARIABLE: &str = "WRIT_TEST_DIE_AT_RECORD";

/// The number of the newest record, and the one to die at, if there is one.
pub(super) struct Failpoint(Option<(i64, i64)>);

impl Failpoint {
    /// Before a commit.
    pub(super) fn before(connection: &Connection) -> Self {
        let at = std::env::var(VARIABLE).ok().and_then(|text| text.parse().ok());
        Self(at.and_then(|at| Some((journal::head(connection).ok()?.record.0, at))))
    }

    /// After it: dies if the commit reached the record.
    pub(super) fn after(&self, connection: &Connection) {
        let Some((before, at)) = self.0 else { return };
        let reached = journal::head(connection).is_ok_and(|head| before < at && at <= head.record.0);
        if reached {
            let killed = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            unreachable!("the kernel lets a process end itself: {killed:?}");
        }
    }
}
