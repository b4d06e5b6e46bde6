//! As whom a unit is applied to a cluster.

use writ_core::account::Account;
use writ_core::text::{Problem, Problems, Written};

use super::Target;

/// The account of a unit; none within if none is written.
pub(super) fn check_account(
    written: Option<Written<String>>,
    target: Option<&Target>,
    problems: &mut Problems,
) -> Option<Option<Account>> {
    let Some(written) = written else { return Some(None) };
    if !matches!(target, Some(Target::Kubernetes(_)) | None) {
        let message = "`account` is for units of a cluster";
        problems.push(Problem::error(Some(written.place), message).help("take it out"));
        return None;
    }
    Account::read(written, problems).map(Some)
}
