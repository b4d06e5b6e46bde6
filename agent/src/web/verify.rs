//! Checks the journal again and again, so that whoever asks learns until when its chain was found whole.
//!
//! Invariant: nobody waits for it; it takes of a processor what others leave.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use writ_core::time::Timestamp;

use super::House;
use crate::error::chain;
use crate::limits::WEB_VERIFY_SECONDS;
use crate::record::{Expected, FILE, Journal, RecordError, Verdict};

/// What the last check found.
#[derive(Debug, Clone)]
pub(super) struct Verified {
    /// When it began: what was written since is not part of it.
    pub(super) at: Timestamp,
    /// The verdict, or why there is none.
    pub(super) found: Result<Arc<Verdict>, String>,
}

/// Checks for ever.
pub(super) async fn verify(house: Arc<House>) {
    loop {
        let (at, file) = (house.clock.now(), house.settings.host.state.join(FILE));
        let checked = tokio::task::spawn_blocking(move || {
            super::serve::step_back();
            Journal::open_file(&file)?.verify(Expected { head: None, signers: None })
        });
        let found = match checked.await {
            Ok(checked) => checked.map(Arc::new).map_err(|error: RecordError| chain(&error)),
            Err(_) => Err("the check came to nothing: that is a fault of the program".to_owned()),
        };
        if let Ok(verdict) = &found
            && let Verdict::Broken { .. } = &**verdict
        {
            tracing::error!("web: the record is broken: {verdict}");
        }
        *house.verified.lock().unwrap_or_else(PoisonError::into_inner) = Some(Verified { at, found });
        tokio::time::sleep(Duration::from_secs(WEB_VERIFY_SECONDS)).await;
    }
}
