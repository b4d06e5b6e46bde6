//! Volumes: of claims, which hold data and outlive everything, and of pods, which go with them.
//!
//! Invariant: a volume of a claim is removed by `remove_volume` alone.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};

use bollard::models::{Volume, VolumeCreateRequest};
use bollard::query_parameters::{ListVolumesOptionsBuilder, RemoveVolumeOptions};
use writ_core::guard::Rule;
use writ_core::model::{PodSpec, VolumeSpec};

use super::connection::{ANSWER, WORK};
use super::labels::{self, Asked, HOST, Labels, POD};
use super::{Docker, sent};
use crate::target::{Context, TargetError};

/// New files of a directory get its group.
const SET_GROUP_ID: u32 = 0o2000;

impl Docker {
    /// Makes the volume of a claim, unless it is there.
    pub(super) async fn create_volume(&self, context: &Context, volume: &VolumeSpec) -> Result<(), TargetError> {
        let operation = format!("create volume {}", volume.name);
        match self.volume(&volume.name).await? {
            Some(found) => self.is_our_volume(&operation, &found),
            None => self.make_volume(&operation, &volume.name, labels::of_volume(context, volume)).await.map(|_| ()),
        }
    }

    /// Destroys a volume and all that is on it.
    pub(super) async fn remove_volume(&self, name: &str) -> Result<(), TargetError> {
        let operation = format!("remove volume {name}");
        let Some(found) = self.volume(name).await? else { return Ok(()) };
        self.is_of_this_host(&operation, &found)?;
        let engine = self.engine().await?;
        self.find(&operation, WORK, engine.remove_volume(name, None::<RemoveVolumeOptions>)).await.map(|_| ())
    }

    /// Every volume of a pod's claims is there, ours and whole.
    pub(super) async fn check_volumes(&self, pod: &PodSpec) -> Result<(), TargetError> {
        for volume in &pod.volumes {
            let operation = format!("create pod {}", pod.name);
            match self.volume(&volume.name).await? {
                Some(found) => self.is_our_volume(&operation, &found)?,
                None => {
                    let reason = format!("its volume {} is gone; the next pass plans it anew", volume.name);
                    return Err(TargetError::Failed { operation, reason });
                }
            }
        }
        let names = pod.volumes.iter().map(|volume| volume.name.as_str());
        self.are_whole(&format!("create pod {}", pod.name), names).await
    }

    /// An empty directory for a pod, which all of its containers may write to; its name in the engine.
    pub(super) async fn empty_directory(
        &self,
        context: &Context,
        pod: &PodSpec,
        name: &str,
    ) -> Result<String, TargetError> {
        let volume = format!("{}.{name}", pod.name);
        let operation = format!("create the directory {name} of pod {}", pod.name);
        let found = match self.volume(&volume).await? {
            Some(found) => {
                self.is_our_volume(&operation, &found)?;
                found
            }
            None => self.make_volume(&operation, &volume, labels::of_empty(context, pod)).await?,
        };
        let path = PathBuf::from(found.mountpoint);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).map_err(|source| TargetError::File {
            operation: "open to all users of a pod",
            path,
            source,
        })?;
        Ok(volume)
    }

    /// Removes the directories that lived as long as a pod.
    pub(super) async fn remove_empty_directories(&self, pod: &str) -> Result<(), TargetError> {
        let operation = format!("remove the directories of pod {pod}");
        let engine = self.engine().await?;
        let filter = vec![format!("{HOST}={}", self.host), format!("{POD}={pod}")];
        let options = ListVolumesOptionsBuilder::new().filters(&HashMap::from([("label", filter)])).build();
        let found = self.ask(&operation, ANSWER, engine.list_volumes(Some(options))).await?;
        for volume in found.volumes.unwrap_or_default() {
            let removal = engine.remove_volume(&volume.name, None::<RemoveVolumeOptions>);
            self.find(&operation, WORK, removal).await?;
        }
        Ok(())
    }

    /// Gives the files of a pod's claims to its group, as a kubelet does.
    pub(super) async fn give_to_group(&self, pod: &str, asked: &Asked) -> Result<(), TargetError> {
        let Some((group, volumes)) = &asked.fs_group else { return Ok(()) };
        for name in volumes {
            let operation = format!("give volume {name} of pod {pod} to group {group}");
            let Some(found) = self.volume(name).await? else {
                return Err(TargetError::Failed { operation, reason: "it is gone".to_owned() });
            };
            self.is_our_volume(&operation, &found)?;
            give(Path::new(&found.mountpoint), *group)?;
        }
        Ok(())
    }

    pub(super) async fn volume(&self, name: &str) -> Result<Option<Volume>, TargetError> {
        let engine = self.engine().await?;
        self.find(&format!("look at volume {name}"), ANSWER, engine.inspect_volume(name)).await
    }

    pub(super) async fn make_volume(&self, operation: &str, name: &str, labels: Labels) -> Result<Volume, TargetError> {
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels.into_iter().collect()),
            ..VolumeCreateRequest::default()
        };
        let request = sent::volume(request, name).map_err(|refused| refused.of(operation))?;
        let engine = self.engine().await?;
        let made = self.ask(operation, WORK, request.send(&engine)).await?;
        // The engine answers with an existing volume where somebody was faster.
        self.is_our_volume(operation, &made)?;
        Ok(made)
    }

    pub(super) fn is_of_this_host(&self, operation: &str, found: &Volume) -> Result<(), TargetError> {
        if found.labels.get(HOST) == Some(&self.host) {
            return Ok(());
        }
        Err(TargetError::Held {
            operation: operation.to_owned(),
            name: found.name.clone(),
            holder: labels::holder(&self.host, "volume", &found.name, &found.labels).0,
        })
    }

    /// The volume is this host's, and a plain one: whoever made it with options could have made it of a path of the host.
    pub(super) fn is_our_volume(&self, operation: &str, found: &Volume) -> Result<(), TargetError> {
        self.is_of_this_host(operation, found)?;
        let Some(disguise) = sent::disguise(found) else { return Ok(()) };
        let reason = format!(
            "guard {}: volume {} is no plain volume of this engine: {disguise}; copy what is on it to a new one",
            Rule::PlainVolume.name(),
            found.name
        );
        Err(TargetError::Failed { operation: operation.to_owned(), reason })
    }
}

/// Gives a tree to a group, which may read and write all of it. A tree whose root already is so is left alone: a
/// database that narrowed the permissions of its files keeps them over a restart.
fn give(root: &Path, group: u32) -> Result<(), TargetError> {
    let failed = |path: &Path, source| TargetError::File { operation: "give to its group", path: path.into(), source };
    let found = fs::symlink_metadata(root).map_err(|source| failed(root, source))?;
    if found.gid() == group && found.mode() & SET_GROUP_ID != 0 {
        return Ok(());
    }
    let mut left = vec![root.to_owned()];
    let mut directories = Vec::new();
    while let Some(path) = left.pop() {
        let found = fs::symlink_metadata(&path).map_err(|source| failed(&path, source))?;
        if found.is_dir() {
            let entries = fs::read_dir(&path).map_err(|source| failed(&path, source))?;
            for entry in entries {
                left.push(entry.map_err(|source| failed(&path, source))?.path());
            }
            directories.push(path);
        } else {
            give_one(&path, &found, group).map_err(|source| failed(&path, source))?;
        }
    }
    // The root comes last, since its bits say that the rest is done.
    for path in directories.iter().rev() {
        let found = fs::symlink_metadata(path).map_err(|source| failed(path, source))?;
        give_one(path, &found, group).map_err(|source| failed(path, source))?;
    }
    Ok(())
}

fn give_one(path: &Path, found: &fs::Metadata, group: u32) -> io::Result<()> {
    lchown(path, None, Some(group))?;
    if found.is_symlink() {
        return Ok(());
    }
    let more = if found.is_dir() { SET_GROUP_ID | 0o070 } else { 0o060 };
    fs::set_permissions(path, fs::Permissions::from_mode(found.mode() & 0o7777 | more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_given_to_a_group_and_a_link_is_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        let secret = outside.path().join("secret");
        fs::write(&secret, "x").unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("sub/file");
        fs::create_dir(root.path().join("sub")).unwrap();
        fs::write(&file, "x").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&secret, root.path().join("link")).unwrap();
        let group = fs::metadata(root.path()).unwrap().gid();
        give(root.path(), group).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
        assert_eq!(mode(&file), 0o660);
        assert_eq!(mode(&root.path().join("sub")) & SET_GROUP_ID, SET_GROUP_ID);
        assert_eq!(mode(&secret), 0o600);
    }

    #[test]
    fn a_tree_that_was_given_once_keeps_what_its_owner_made_of_it() {
        let root = tempfile::tempdir().unwrap();
        let group = fs::metadata(root.path()).unwrap().gid();
        give(root.path(), group).unwrap();
        let file = root.path().join("narrow");
        fs::write(&file, "x").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        give(root.path(), group).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    }
}
