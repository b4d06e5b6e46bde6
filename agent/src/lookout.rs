//! Looks at a remote beside a pass, and keeps calls on the clone out of each other's way.

use std::sync::{Arc, Mutex, PoisonError};

use writ_core::dialect::Files;
use writ_core::trust::{Admitted, CommitId};

use crate::folders::Folders;
use crate::git::{GitError, Mirror};

/// Sees, beside a pass, whether the remote has moved on.
#[derive(Debug)]
pub struct Lookout {
    pub(crate) mirror: Arc<Mutex<Mirror>>,
    pub(crate) offered: Arc<Mutex<Option<CommitId>>>,
}

/// What a lookout saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Nobody has fetched anything yet that it could be compared with.
    Nothing,
    /// The head that was fetched last, or no head at all.
    Same,
    /// Another head.
    Newer(CommitId),
}

impl Lookout {
    /// Compares the remote's head with the one that was fetched last.
    ///
    /// # Errors
    /// If the remote cannot be asked.
    pub async fn look(&self) -> Result<Sight, GitError> {
        let offered = Arc::clone(&self.offered);
        with(&self.mirror, move |mirror| {
            let head = mirror.list()?;
            let offered = *offered.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(match (head, offered) {
                (_, None) => Sight::Nothing,
                (Some(head), Some(offered)) if head != offered => Sight::Newer(head),
                (Some(_) | None, Some(_)) => Sight::Same,
            })
        })
        .await
    }

    /// The files of an admitted commit in these folders.
    ///
    /// # Errors
    /// If a folder is missing, or anything below it is not a plain file within the limits.
    pub async fn files(&self, admitted: &Admitted, folders: &Folders) -> Result<Files, GitError> {
        let (admitted, folders) = (admitted.clone(), folders.clone());
        with(&self.mirror, move |mirror| mirror.files(&admitted, &folders)).await
    }
}

/// Runs a blocking call on the clone beside everything else.
pub(crate) async fn with<T: Send + 'static>(
    mirror: &Arc<Mutex<Mirror>>,
    call: impl FnOnce(&mut Mirror) -> Result<T, GitError> + Send + 'static,
) -> Result<T, GitError> {
    let mirror = Arc::clone(mirror);
    let joined = tokio::task::spawn_blocking(move || call(&mut mirror.lock().unwrap_or_else(PoisonError::into_inner)));
    joined.await.expect("a call on the clone neither panics nor is cancelled")
}
