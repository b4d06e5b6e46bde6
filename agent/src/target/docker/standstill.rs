//! What runs with a volume: stopped while the volume is copied, and started again.
//!
//! Invariant: a container that is not ours is neither stopped nor started.

use writ_core::model::PodSpec;

use super::Docker;
use crate::target::{HeldVolume, Progress, TargetError};

impl Docker {
    /// Has the images of a pod there, so that nothing is stopped for one that cannot be had.
    ///
    /// # Errors
    /// If one is not there and cannot be pulled.
    pub async fn have_images(&self, pod: &PodSpec, progress: &dyn Progress) -> Result<(), TargetError> {
        let pod = &*self.with_own_image(pod).await?;
        self.images(pod, progress).await.map(drop)
    }

    /// Stops what of this host runs with a volume, as its pods ask to be stopped; the names of what is not ours and goes on.
    ///
    /// # Errors
    /// If something of ours may still run.
    pub async fn stand_still(&self, volume: &HeldVolume) -> Result<Vec<String>, TargetError> {
        let operation = format!("stop what runs with volume {}", volume.name);
        let mut others = Vec::new();
        for user in volume.users.iter().filter(|user| !user.stopped) {
            match self.ours(&operation, &user.container).await {
                Ok(found) => {
                    if let Some(asked) = &found.asked {
                        self.stop_container(&operation, &user.container, asked.grace()).await?;
                    } else {
                        // What prepares a pod is not cut off.
                        others.push(user.container.clone());
                    }
                }
                // It went meanwhile.
                Err(TargetError::Failed { .. }) => {}
                Err(TargetError::NotOurs { .. }) => others.push(user.container.clone()),
                Err(error) => return Err(error),
            }
        }
        Ok(others)
    }

    /// Starts what of this host was stopped for a copy of a volume, and leaves the container through which it was read.
    ///
    /// # Errors
    /// If something does not run again.
    pub async fn go_on(&self, volume: &str) -> Result<(), TargetError> {
        self.leave_volume(volume).await?;
        let operation = format!("start what runs with volume {volume}");
        let Some(held) = self.held_volume(volume).await? else { return Ok(()) };
        for user in held.users.iter().filter(|user| user.stopped) {
            match self.ours(&operation, &user.container).await {
                Ok(found) if found.asked.as_ref().is_some_and(|asked| !asked.ends) => {
                    let container = found.inspect.id.clone().unwrap_or_else(|| user.container.clone());
                    self.start_pod(&user.container, &container).await?;
                }
                // What ran to its end, or prepared a pod, is not begun again; neither is what is gone, or not ours.
                Ok(_) | Err(TargetError::Failed { .. } | TargetError::NotOurs { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
