//! A look that all who ask for it at the same time share.
//!
//! Invariant: nobody is given what was found by a look that had begun before they asked.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use tokio::sync::Mutex;

/// A look that is taken for one and given to all who were waiting then. What was found is held by those alone.
pub(super) struct Shared<Found> {
    /// Rises with each question and each look, so that one can be told to be before the other.
    clock: AtomicU64,
    /// When the last look that found something had begun, and what it found.
    last: Mutex<(u64, Weak<Found>)>,
}

impl<Found> Default for Shared<Found> {
    fn default() -> Self {
        Self { clock: AtomicU64::new(1), last: Mutex::new((0, Weak::new())) }
    }
}

impl<Found> Shared<Found> {
    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    /// What a look finds that begins now or later.
    ///
    /// # Errors
    /// That of the look, to the one for whom it was taken; others look for themselves.
    pub(super) async fn look<Error>(
        &self,
        look: impl Future<Output = Result<Found, Error>>,
    ) -> Result<Arc<Found>, Error> {
        let asked = self.tick();
        let mut last = self.last.lock().await;
        if last.0 > asked
            && let Some(found) = last.1.upgrade()
        {
            return Ok(found);
        }
        let begun = self.tick();
        let found = Arc::new(look.await?);
        *last = (begun, Arc::downgrade(&found));
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::future::join_all;
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn who_asks_during_a_look_is_given_the_next_one_and_shares_it() {
        let (shared, looks) = (Shared::default(), Cell::new(0));
        let look = || {
            shared.look(async {
                looks.set(looks.get() + 1);
                yield_now().await;
                Ok::<_, ()>(looks.get())
            })
        };
        let found = join_all([look(), look(), look(), look()]).await;
        let found: Vec<u32> = found.into_iter().map(|found| *found.unwrap()).collect();
        assert_eq!(found, [1, 2, 2, 2]);
        assert_eq!(*look().await.unwrap(), 3, "what was found before is not given to who asks later");
    }

    #[tokio::test]
    async fn who_waited_for_a_look_that_failed_looks_again() {
        let (shared, looks) = (Shared::default(), Cell::new(0));
        let look = || {
            shared.look(async {
                looks.set(looks.get() + 1);
                yield_now().await;
                if looks.get() < 3 { Err("no answer") } else { Ok(looks.get()) }
            })
        };
        let found = join_all([look(), look(), look(), look()]).await;
        let found: Vec<Result<u32, &str>> = found.into_iter().map(|found| found.map(|found| *found)).collect();
        assert_eq!(found, [Err("no answer"), Err("no answer"), Ok(3), Ok(3)]);
    }
}
