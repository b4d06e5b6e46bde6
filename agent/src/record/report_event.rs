//! What the journal tells of the outbox.

use writ_core::status::State;

/// Events of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportEvent {
    /// A commit status is to be written, or people are to be told.
    Enqueued {
        /// The forge and repository, or the alert.
        forge: String,
        /// Who says it.
        context: String,
        /// The commit; empty where an alert concerns none.
        commit: String,
        /// The state.
        state: State,
        /// The description, without the audit head.
        text: String,
    },
    /// It was taken.
    Sent {
        /// The forge and repository, or the alert.
        forge: String,
        /// Who says it.
        context: String,
        /// The commit; empty where an alert concerns none.
        commit: String,
        /// The state.
        state: State,
    },
    /// It will not be tried again.
    GivenUp {
        /// The forge and repository, or the alert.
        forge: String,
        /// Who says it.
        context: String,
        /// The commit; empty where an alert concerns none.
        commit: String,
        /// The state.
        state: State,
        /// Why.
        reason: String,
    },
    /// A forge began to refuse or to be out of reach; what is for it waits.
    Postponed {
        /// The forge and repository, or the alert.
        forge: String,
        /// Why.
        reason: String,
    },
}
