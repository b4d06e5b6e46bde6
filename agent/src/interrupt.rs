//! How a pass that waits is told to stop waiting.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::Notify;

/// Why a wait ends early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The agent was asked to stop.
    Stop,
    /// The branch leads to another commit now.
    Newer {
        /// That commit.
        commit: String,
    },
}

/// A flag that many waits look at and that is set once.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    reason: Rc<RefCell<Option<Reason>>>,
    raised: Rc<Notify>,
}

impl Interrupt {
    /// Ends all waits, present and future. The first reason stays, unless a stop comes after it.
    pub fn raise(&self, reason: Reason) {
        let mut standing = self.reason.borrow_mut();
        if standing.is_none() || reason == Reason::Stop {
            *standing = Some(reason);
        }
        drop(standing);
        self.raised.notify_waiters();
    }

    /// The reason, once there is one.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        self.reason.borrow().clone()
    }

    /// Ends when the agent is asked to stop; a newer commit does not count.
    pub async fn stopped(&self) {
        loop {
            let raised = self.raised.notified();
            if self.reason() == Some(Reason::Stop) {
                return;
            }
            raised.await;
        }
    }

    /// Ends when the flag is set.
    pub async fn wait(&self) -> Reason {
        loop {
            let raised = self.raised.notified();
            if let Some(reason) = self.reason() {
                return reason;
            }
            raised.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_ends_at_once_and_the_first_reason_stays() {
        let interrupt = Interrupt::default();
        assert_eq!(interrupt.reason(), None);
        let waiting = interrupt.wait();
        interrupt.raise(Reason::Stop);
        interrupt.raise(Reason::Newer { commit: "9f2c".into() });
        assert_eq!(waiting.await, Reason::Stop);
        assert_eq!(interrupt.wait().await, Reason::Stop);
    }

    #[tokio::test]
    async fn a_stop_outweighs_a_newer_commit() {
        let interrupt = Interrupt::default();
        interrupt.raise(Reason::Newer { commit: "9f2c".into() });
        let mut stopped = std::pin::pin!(interrupt.stopped());
        assert!(futures_util::poll!(stopped.as_mut()).is_pending());
        interrupt.raise(Reason::Stop);
        stopped.await;
        assert_eq!(interrupt.reason(), Some(Reason::Stop));
    }
}
