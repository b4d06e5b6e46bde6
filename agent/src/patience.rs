//! How long a unit lets alone what failed.
//!
//! It is kept in memory: an agent that starts tries everything at once. The record has a copy, so that `writ plan`, which
//! is another process, shows what waits.

use std::cell::RefCell;
use std::rc::Rc;

use writ_core::plan::{Attempt, Plan, Setbacks, Step};
use writ_core::time::Timestamp;

use crate::record::{RecordError, Store};
use crate::wake::Wake;
use crate::wanted::Wanted;

/// What failed of late for one unit.
#[derive(Debug, Default)]
pub struct Patience {
    /// What was wanted when it failed: another commit or another bucket is a reason to try again.
    occasion: RefCell<Option<Rc<Wanted>>>,
    setbacks: RefCell<Setbacks>,
    /// What the record has; none before this agent wrote there.
    copied: RefCell<Option<Setbacks>>,
}

impl Patience {
    /// A pass begins. Forgets everything if something else is wanted than before, or if a person asks for the pass.
    pub fn begin(&self, wanted: &Rc<Wanted>, wake: Wake) {
        let asked = match wake {
            Wake::Start | Wake::LocalChange => true,
            Wake::Interval | Wake::Hint | Wake::Drift | Wake::Health | Wake::Newer | Wake::Retry | Wake::Due => false,
        };
        let before = self.occasion.replace(Some(Rc::clone(wanted)));
        if asked || !before.is_some_and(|before| Rc::ptr_eq(&before, wanted)) {
            self.setbacks.take();
        }
    }

    /// What failed of late.
    #[must_use]
    pub fn setbacks(&self) -> Setbacks {
        self.setbacks.borrow().clone()
    }

    /// Forgets what a plan does not try any more.
    pub fn keep_to(&self, plan: &Plan) {
        let kept = self.setbacks.borrow().of_plan(plan);
        self.setbacks.replace(kept);
    }

    /// A step failed. The moment spreads what failed together.
    pub fn failed(&self, step: &Step, why: &str, now: Timestamp) {
        if let Some(attempt) = Attempt::of(step) {
            let after = self.setbacks.borrow().after_failure(attempt, why, now, now.0.unsigned_abs());
            self.setbacks.replace(after);
        }
    }

    /// A step succeeded.
    pub fn succeeded(&self, step: &Step) {
        if let Some(attempt) = Attempt::of(step) {
            let after = self.setbacks.borrow().after_success(&attempt);
            self.setbacks.replace(after);
        }
    }

    /// When something that waits at `now` is to be tried again.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.setbacks.borrow().next(now)
    }

    /// Writes the copy, if it is not as it is.
    ///
    /// # Errors
    /// If the record cannot be written.
    pub fn copy_to(&self, store: &Store, unit: &str, commit: &str) -> Result<(), RecordError> {
        let setbacks = self.setbacks();
        if self.copied.borrow().as_ref() == Some(&setbacks) {
            return Ok(());
        }
        store.set_setbacks(unit, commit, &setbacks)?;
        self.copied.replace(Some(setbacks));
        Ok(())
    }
}
