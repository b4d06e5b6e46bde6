//! What is on a volume, as a whole: read out of it and put into it through the engine.
//!
//! A container that mounts the volume and is never started is what the engine reads and writes archives through. A second,
//! empty volume marks one that is being filled: no pod is made or started on a volume with such a mark.
//!
//! Invariant: a volume is emptied or filled only while it is marked, and its mark goes when all is on the disk.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bollard::models::{
    ContainerCreateBody, ContainerSummary, ContainerSummaryStateEnum, HostConfig, Mount, MountType, MountVolumeOptions,
    Volume,
};
use bollard::query_parameters::{
    DownloadFromContainerOptionsBuilder, ListContainersOptionsBuilder, ListImagesOptions, ListVolumesOptions,
    RemoveVolumeOptions, UploadToContainerOptionsBuilder,
};
use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;
use writ_core::model::ObjectId;

use super::connection::{ANSWER, WORK};
use super::labels::{self, HOST, Labels, RESTORING, UNIT};
use super::{Docker, observe, sent};
use crate::archive::Root;
use crate::target::{HeldVolume, TargetError, VolumeUser};

/// Where the container that is never started mounts the volume.
pub(super) const INSIDE: &str = "/volume";

/// Most files that are counted for the size of a volume: some seconds of a slow disk.
const COUNTED_MAX: u64 = 200_000;

/// Bytes of a block, in which the kernel tells the size of a file. Source: `stat(2)`.
const STAT_BLOCK: u64 = 512;

/// What the helper of a volume may do to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

impl Docker {
    /// Every volume of a claim that this host made, by name.
    ///
    /// # Errors
    /// If the engine cannot be reached.
    pub async fn held_volumes(&self) -> Result<Vec<HeldVolume>, TargetError> {
        self.held_where(|_| true).await
    }

    /// The volume of a claim that this host made under that name; none if there is no such.
    ///
    /// # Errors
    /// If the engine cannot be reached.
    pub async fn held_volume(&self, name: &str) -> Result<Option<HeldVolume>, TargetError> {
        Ok(self.held_where(|found| found == name).await?.pop())
    }

    /// The units for which the volumes of an object were made.
    ///
    /// # Errors
    /// If the engine cannot be reached.
    pub async fn makers_of(&self, object: &ObjectId) -> Result<BTreeSet<String>, TargetError> {
        let engine = self.engine().await?;
        let found = self.ask("list the volumes", ANSWER, engine.list_volumes(None::<ListVolumesOptions>)).await?;
        let of_object = |volume: &Volume| labels::volume(&self.host, &volume.labels)?.object.filter(|it| it == object);
        let ours = found.volumes.into_iter().flatten().filter(|volume| of_object(volume).is_some());
        Ok(ours.filter_map(|volume| volume.labels.get(UNIT).cloned()).collect())
    }

    async fn held_where(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<HeldVolume>, TargetError> {
        let engine = self.engine().await?;
        let found = self.ask("list the volumes", ANSWER, engine.list_volumes(None::<ListVolumesOptions>)).await?;
        let containers = self.containers("list the containers").await?;
        let all = found.volumes.unwrap_or_default();
        let wanted = all.iter().filter(|it| wanted(&it.name));
        let mut held: Vec<HeldVolume> = wanted.filter_map(|it| self.held(it, &all, &containers)).collect();
        held.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(held)
    }

    fn held(&self, volume: &Volume, all: &[Volume], containers: &[ContainerSummary]) -> Option<HeldVolume> {
        let Volume { name, labels, created_at, mountpoint, .. } = volume;
        let seen = labels::volume(&self.host, labels).filter(|_| !labels::is_mark(&self.host, labels))?;
        let mark = mark(name);
        let users = containers.iter().filter(|it| mounts(it, name) && !is_helper(it, name)).map(|it| VolumeUser {
            container: observe::names(it).into_iter().next().unwrap_or_default(),
            stopped: matches!(
                it.state,
                Some(
                    ContainerSummaryStateEnum::CREATED
                        | ContainerSummaryStateEnum::EXITED
                        | ContainerSummaryStateEnum::DEAD
                )
            ),
        });
        Some(HeldVolume {
            name: name.clone(),
            unit: labels.get(UNIT).cloned().unwrap_or_default(),
            object: seen.object,
            claim: seen.claim,
            ordinal: seen.ordinal,
            since: created_at.as_ref().map(ToString::to_string),
            bytes: size(Path::new(mountpoint)),
            users: users.collect(),
            half_restored: all.iter().any(|it| it.name == mark),
        })
    }

    /// Reads a whole volume as a tar archive, piece by piece, until `take` refuses one.
    ///
    /// # Errors
    /// If it was not read to the end of what the engine sent, or `take` refused.
    pub async fn read_volume(
        &self,
        volume: &HeldVolume,
        take: &mut dyn FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), TargetError> {
        let operation = format!("read volume {}", volume.name);
        let helper = self.reach(&operation, volume, Access::Read).await?;
        let done = self.read_through(&operation, &helper, take).await;
        let left = self.leave_volume(&volume.name).await;
        done.and(left)
    }

    async fn read_through(
        &self,
        operation: &str,
        helper: &str,
        take: &mut dyn FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), TargetError> {
        let engine = self.engine().await?;
        let options = DownloadFromContainerOptionsBuilder::new().path(&format!("{INSIDE}/.")).build();
        let mut pieces = std::pin::pin!(engine.download_from_container(helper, Some(options)));
        loop {
            let piece = timeout(WORK, pieces.next());
            let Ok(piece) = piece.await else {
                return Err(self.unreachable(operation, &format!("it sent nothing for {} s", WORK.as_secs())));
            };
            let Some(piece) = piece else { return Ok(()) };
            let piece = piece.map_err(|error| self.error(operation, error))?;
            take(&piece).map_err(|reason| TargetError::Failed { operation: operation.to_owned(), reason })?;
        }
    }

    /// Marks a volume as one that is being filled, unless it is marked; then says who uses it. No pod starts on it from
    /// then on.
    ///
    /// # Errors
    /// If it is not marked, or a pod runs with it; then the mark is as it was before.
    pub async fn begin_restore(&self, volume: &HeldVolume) -> Result<(), TargetError> {
        let operation = format!("mark volume {} as being restored", volume.name);
        self.our_plain_volume(&operation, &volume.name).await?;
        let mut labels = self.of_helper(volume);
        labels.insert(RESTORING.to_owned(), volume.name.clone());
        self.make_volume(&operation, &mark(&volume.name), labels).await?;
        let users = self.held_volume(&volume.name).await?.map(|it| it.users);
        let running: Vec<String> =
            users.unwrap_or_default().into_iter().filter(|it| !it.stopped).map(|it| it.container).collect();
        if running.is_empty() {
            return Ok(());
        }
        if !volume.half_restored {
            self.end_restore(&volume.name).await?;
        }
        let reason = format!("{} runs with it", running.join(", "));
        Err(TargetError::Failed { operation, reason })
    }

    /// Whether nothing is on a volume.
    ///
    /// # Errors
    /// If its folder cannot be read.
    pub async fn is_empty(&self, name: &str) -> Result<bool, TargetError> {
        let root = self.our_plain_volume(&format!("look into volume {name}"), name).await?;
        let mut entries = fs::read_dir(&root).map_err(|source| failed("read", &root, source))?;
        Ok(entries.next().is_none())
    }

    /// Removes all that is on a volume that is marked.
    ///
    /// # Errors
    /// If something is left.
    pub async fn empty_volume(&self, name: &str) -> Result<(), TargetError> {
        let operation = format!("empty volume {name}");
        let root = self.our_plain_volume(&operation, name).await?;
        if self.volume(&mark(name)).await?.is_none() {
            return Err(TargetError::Failed { operation, reason: "it is not marked as being restored".to_owned() });
        }
        for entry in fs::read_dir(&root).map_err(|source| failed("read", &root, source))? {
            let path = entry.map_err(|source| failed("read", &root, source))?.path();
            let kind = fs::symlink_metadata(&path).map_err(|source| failed("look at", &path, source))?;
            let removed = if kind.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(|source| failed("remove", &path, source))?;
        }
        Ok(())
    }

    /// Puts an archive onto a volume that is marked, piece by piece as they come, gives its folder to `owner`, and brings
    /// all of it to the disk.
    ///
    /// # Errors
    /// If the engine did not take it whole; the volume is to be emptied then.
    pub async fn fill_volume(
        &self,
        volume: &HeldVolume,
        owner: Option<Root>,
        pieces: Receiver<io::Result<Vec<u8>>>,
    ) -> Result<(), TargetError> {
        let operation = format!("fill volume {}", volume.name);
        let root = self.our_plain_volume(&operation, &volume.name).await?;
        let helper = self.reach(&operation, volume, Access::Write).await?;
        let done = self.write_through(&operation, &helper, pieces).await;
        let left = self.leave_volume(&volume.name).await;
        done.and(left)?;
        // The engine leaves the folder itself as it is.
        if let Some(Root { mode, user, group }) = owner {
            // In this order: a new owner takes the set-id bits away.
            let given = chown(&root, Some(user), Some(group))
                .and_then(|()| fs::set_permissions(&root, fs::Permissions::from_mode(mode)));
            given.map_err(|source| failed("give to its owner", &root, source))?;
        }
        let synced = fs::File::open(&root).and_then(|folder| rustix::fs::syncfs(&folder).map_err(io::Error::from));
        synced.map_err(|source| failed("bring to the disk what is below", &root, source))
    }

    async fn write_through(
        &self,
        operation: &str,
        helper: &str,
        mut pieces: Receiver<io::Result<Vec<u8>>>,
    ) -> Result<(), TargetError> {
        let engine = self.engine().await?;
        let taken = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&taken);
        let body = stream::poll_fn(move |context| {
            count.fetch_add(1, Ordering::Relaxed);
            pieces.poll_recv(context)
        });
        let body = bollard::body_try_stream(body.map(|piece| piece.map(Into::into)));
        let options = UploadToContainerOptionsBuilder::new().path(INSIDE).build();
        let mut upload = std::pin::pin!(engine.upload_to_container(helper, Some(options), body));
        loop {
            let before = taken.load(Ordering::Relaxed);
            match timeout(WORK, upload.as_mut()).await {
                Ok(done) => return done.map_err(|error| self.error(operation, error)),
                Err(_elapsed) if taken.load(Ordering::Relaxed) != before => {}
                Err(_elapsed) => {
                    return Err(self.unreachable(operation, &format!("it took nothing for {} s", WORK.as_secs())));
                }
            }
        }
    }

    /// Takes the mark from a volume: it is whole.
    ///
    /// # Errors
    /// If the mark is still there.
    pub async fn end_restore(&self, name: &str) -> Result<(), TargetError> {
        let operation = format!("take the mark of a restore from volume {name}");
        let engine = self.engine().await?;
        let Some(found) = self.volume(&mark(name)).await? else { return Ok(()) };
        self.is_of_this_host(&operation, &found)?;
        self.find(&operation, WORK, engine.remove_volume(&mark(name), None::<RemoveVolumeOptions>)).await.map(|_| ())
    }

    /// Removes the container through which a volume was read or filled, if there is one.
    ///
    /// # Errors
    /// If it is still there.
    pub async fn leave_volume(&self, name: &str) -> Result<(), TargetError> {
        let operation = format!("remove the container through which volume {name} was reached");
        match self.ours(&operation, &helper(name)).await {
            Ok(_) => self.remove_container(&operation, &helper(name)).await,
            // It is gone.
            Err(TargetError::Failed { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Destroys a volume that no container has, and all that is on it.
    ///
    /// # Errors
    /// If it is still there: the engine keeps what a container has.
    pub async fn destroy_volume(&self, name: &str) -> Result<(), TargetError> {
        self.leave_volume(name).await?;
        self.remove_volume(name).await?;
        self.end_restore(name).await
    }

    /// Nobody's restore of these volumes ended in the middle.
    pub(super) async fn are_whole(
        &self,
        operation: &str,
        volumes: impl Iterator<Item = &str>,
    ) -> Result<(), TargetError> {
        for name in volumes {
            let Some(found) = self.volume(&mark(name)).await? else { continue };
            if found.labels.get(HOST) == Some(&self.host) && found.labels.contains_key(RESTORING) {
                let reason = format!(
                    "volume {name} is being restored, or a restore of it ended in the middle; if none runs, do it \
                     again: writ volume restore {name} FILE"
                );
                return Err(TargetError::Failed { operation: operation.to_owned(), reason });
            }
        }
        Ok(())
    }

    /// Makes the container through which a volume is reached; its identifier.
    async fn reach(&self, operation: &str, volume: &HeldVolume, access: Access) -> Result<String, TargetError> {
        self.our_plain_volume(operation, &volume.name).await?;
        self.leave_volume(&volume.name).await?;
        let image = self.any_image(operation, &volume.name).await?;
        let read_only = access == Access::Read;
        let mount = Mount {
            target: Some(INSIDE.to_owned()),
            source: Some(volume.name.clone()),
            typ: Some(MountType::VOLUME),
            read_only: Some(read_only),
            // What the image has in that place stays away from an empty volume.
            volume_options: Some(MountVolumeOptions { no_copy: Some(true), ..MountVolumeOptions::default() }),
            ..Mount::default()
        };
        let host =
            HostConfig { mounts: Some(vec![mount]), network_mode: Some("none".to_owned()), ..HostConfig::default() };
        let body = ContainerCreateBody {
            image: Some(image.clone()),
            // It is never started; the engine wants a command all the same.
            cmd: Some(vec!["none".to_owned()]),
            labels: Some(self.of_helper(volume).into_iter().collect()),
            host_config: Some(host),
            ..ContainerCreateBody::default()
        };
        let body = sent::helper(body, &image, &volume.name, read_only).map_err(|refused| refused.of(operation))?;
        let engine = self.engine().await?;
        Ok(self.ask(operation, WORK, body.send(&engine, &helper(&volume.name))).await?.id)
    }

    /// An image that the engine has: that of a container with the volume, or the first of all. Nothing in it is run.
    async fn any_image(&self, operation: &str, volume: &str) -> Result<String, TargetError> {
        let engine = self.engine().await?;
        let filters = HashMap::from([("volume", vec![volume])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let containers = self.ask(operation, ANSWER, engine.list_containers(Some(options))).await?;
        let images = self.ask(operation, ANSWER, engine.list_images(None::<ListImagesOptions>)).await?;
        let there: Vec<String> = images.into_iter().map(|image| image.id).collect();
        let of_user = containers.into_iter().filter_map(|it| it.image_id).find(|id| there.contains(id));
        of_user.or_else(|| there.into_iter().next()).ok_or_else(|| TargetError::Failed {
            operation: operation.to_owned(),
            reason: "the engine reads volumes through containers, and it has no image to make one of; pull any image"
                .to_owned(),
        })
    }

    /// Where a volume is that is ours and a plain one.
    async fn our_plain_volume(&self, operation: &str, name: &str) -> Result<PathBuf, TargetError> {
        let Some(found) = self.volume(name).await? else {
            return Err(TargetError::Failed { operation: operation.to_owned(), reason: "it is gone".to_owned() });
        };
        self.is_our_volume(operation, &found)?;
        Ok(PathBuf::from(found.mountpoint))
    }

    fn of_helper(&self, volume: &HeldVolume) -> Labels {
        Labels::from([(HOST.to_owned(), self.host.clone()), (UNIT.to_owned(), volume.unit.clone())])
    }
}

fn mark(volume: &str) -> String {
    format!("writ-restoring_{volume}")
}

fn helper(volume: &str) -> String {
    format!("writ-volume_{volume}")
}

fn is_helper(container: &ContainerSummary, volume: &str) -> bool {
    observe::names(container).contains(&helper(volume))
}

fn mounts(container: &ContainerSummary, volume: &str) -> bool {
    container.mounts.iter().flatten().any(|mount| mount.name.as_deref() == Some(volume))
}

/// Bytes on the disk below a folder; none if there are too many files, or not all can be seen.
fn size(root: &Path) -> Option<u64> {
    let (mut left, mut bytes, mut counted) = (vec![root.to_owned()], 0, 0);
    while let Some(path) = left.pop() {
        let found = fs::symlink_metadata(&path).ok()?;
        bytes += found.blocks() * STAT_BLOCK;
        counted += 1;
        if counted > COUNTED_MAX {
            return None;
        }
        if found.is_dir() {
            for entry in fs::read_dir(&path).ok()? {
                left.push(entry.ok()?.path());
            }
        }
    }
    Some(bytes)
}

fn failed(operation: &'static str, path: &Path, source: io::Error) -> TargetError {
    TargetError::File { operation, path: path.to_owned(), source }
}
