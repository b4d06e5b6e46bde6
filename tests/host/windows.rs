//! A history judged window by window is judged as a whole one is, to the last word.

use std::sync::Arc;

use writ::git::Repository as Opened;
use writ_core::trust::{Admitted, Case, Proceedings, Question, Refusal, Verdicts};

/// Commits in a window, from the smallest that there is.
const SIZES: [usize; 4] = [1, 2, 3, 7];

/// What was thought of a whole case is what is thought of it in windows of any size.
#[track_caller]
pub(crate) fn agree(opened: &Opened, case: &Case<'_>, verdicts: &Verdicts, admitted: &Result<Admitted, Refusal>) {
    let Case { evidence, introduction, floor, witnesses, first_seen, host } = *case;
    let (head, introduction, floor, host) = (evidence.head(), *introduction, floor.copied(), Arc::new(host.clone()));
    let question = Question { head, introduction, floor, first_seen, host };
    for size in SIZES {
        let heard: Proceedings = opened.judge_in_windows(&question, size).unwrap();
        assert_eq!(heard.end(witnesses), *admitted, "in windows of {size}");
        if witnesses.is_none() {
            assert_eq!(opened.verdicts_in_windows(&question, size).unwrap(), *verdicts, "in windows of {size}");
        }
    }
}
