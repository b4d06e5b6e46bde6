//! What the journal tells of the outbox.

use writ_core::status::State;

/// Events of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportEvent {
    /// A commit status is to be written.
    Enqueued {
        /// The forge and repository.
        forge: String,
        /// Who says it.
        context: String,
        /// The commit.
        commit: String,
        /// The state.
        state: State,
        /// The description, without the audit head.
        text: String,
    },
    /// The forge took it.
    Sent {
        /// The forge and repository.
        forge: String,
        /// Who says it.
        context: String,
        /// The commit.
        commit: String,
        /// The state.
        state: State,
    },
    /// It will not be tried again.
    GivenUp {
        /// The forge and repository.
        forge: String,
        /// Who says it.
        context: String,
        /// The commit.
        commit: String,
        /// The state.
        state: State,
        /// Why.
        reason: String,
    },
    /// A forge began to refuse or to be out of reach; what is for it waits.
    Postponed {
        /// The forge and repository.
        forge: String,
        /// Why.
        reason: String,
    },
}
