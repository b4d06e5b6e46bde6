//! Why a question has no answer.

use http::StatusCode;

use crate::error::chain;
use crate::record::RecordError;

/// Why a question has no answer.
#[derive(Debug)]
pub(super) enum Told {
    /// It is not understood.
    Wrong(String),
    /// There is no such thing.
    Absent(String),
    /// The record cannot be read.
    Record(RecordError),
    /// Something that is stored cannot be shown.
    Unreadable(serde_json::Error),
}

impl From<RecordError> for Told {
    fn from(error: RecordError) -> Self {
        Self::Record(error)
    }
}

impl From<serde_json::Error> for Told {
    fn from(error: serde_json::Error) -> Self {
        Self::Unreadable(error)
    }
}

impl Told {
    /// The status and the words for whoever asked. What went wrong within is for the log.
    pub(super) fn words(self) -> (StatusCode, String) {
        match self {
            Self::Wrong(words) => (StatusCode::BAD_REQUEST, words),
            Self::Absent(words) => (StatusCode::NOT_FOUND, words),
            Self::Record(error) => {
                tracing::warn!(error = chain(&error), "web: the record cannot be read");
                (StatusCode::SERVICE_UNAVAILABLE, "the record cannot be read now; the log says why".to_owned())
            }
            Self::Unreadable(error) => {
                tracing::warn!(error = chain(&error), "web: something in the record cannot be shown");
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "something in the record cannot be shown; the log says what".to_owned(),
                )
            }
        }
    }
}
