//! The host's ingress: its container, its volume, and the configuration that it is given.
//!
//! Invariant: a configuration that it refuses changes nothing; what it served before, it goes on serving.
//! Invariant: what is to be loaded and the keys of certificates are files of its volume, and on no command line.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum, Volume};
use futures_util::StreamExt as _;
use tokio::time::{sleep, timeout};
use writ_core::ingress::{CONTAINER, FOLDER, LOADED, OWNER, PAIRS, Serving, VOLUME, digest, names};
use writ_core::limits::UPSTREAMS_AGAIN_SECONDS;
use writ_core::observed::{Observed, ObservedIngress};
use writ_core::text::SecretText;

use super::Docker;
use super::labels::{Asked, HOST, PodLabels, Role};
use super::observe;
use crate::target::{Context, ExecRequest, Progress, TargetError};

/// Time in which an ingress that was just started answers. Seen: half a second; a busy machine takes longer.
const START: Duration = Duration::from_secs(60);

/// Pause between two tries to reach one that was just started.
const AGAIN: Duration = Duration::from_millis(200);

/// Time for which a pod goes on after its names were taken from it, so that the ingress has asked for them again.
const DRAIN: Duration = Duration::from_millis(UPSTREAMS_AGAIN_SECONDS as u64 * 1_000 + 500);

/// The file of its volume that holds what is to be loaded.
const NEXT: &str = "next.json";

/// Longest message of it that is repeated, in characters.
const SAID_CHARACTERS_MAX: usize = 400;

impl Docker {
    /// Brings the ingress to what it must be.
    pub(super) async fn serve(
        &self,
        context: &Context,
        serving: &Serving,
        progress: &dyn Progress,
    ) -> Result<(), TargetError> {
        // Units come to it one after the other.
        let _turn = self.serving.lock().await;
        // It belongs to the host and to no unit, and no commit alone asked for it.
        let context = Context { host: context.host.clone(), unit: OWNER.to_owned(), commit: None };
        let pod = &serving.pod;
        let operation = format!("bring about {}", pod.name);
        let containers = self.containers(&operation).await?;
        let found = containers.iter().find_map(|container| self.ingress_of(container));
        if serving.is_empty() {
            let Some((container, _)) = found else { return Ok(()) };
            self.memory().led_to.clear();
            return self.remove_pod(&context, &pod.name, &container, None).await;
        }
        for volume in &pod.volumes {
            self.create_volume(&context, volume).await?;
        }
        let folder = self.ingress_folder(&operation).await?;
        let container = match found {
            Some((container, labels)) if labels.revision.as_ref() == Some(&pod.revision) => {
                self.start_pod(&pod.name, &container).await?;
                container
            }
            Some((container, _)) => {
                // What serves is not stopped for an image that cannot be had.
                let images = self.images(pod, progress).await?;
                self.remove_pod(&context, &pod.name, &container, None).await?;
                self.create_pod(&context, pod, Some(images), progress).await?;
                self.ingress_made(&operation).await?
            }
            None => {
                self.create_pod(&context, pod, None, progress).await?;
                self.ingress_made(&operation).await?
            }
        };
        keep_pairs(&folder, &serving.pairs)?;
        let configuration = serving.configuration();
        if loaded(&folder).as_deref().and_then(digest) != digest(&configuration) {
            self.load(&container, &folder, &configuration).await?;
        }
        self.memory().led_to = names(&configuration);
        Ok(())
    }

    /// Notes the ingress among what was seen.
    pub(super) fn note_ingress(&self, containers: &[ContainerSummary], volumes: &[Volume], observed: &mut Observed) {
        let found = containers.iter().find_map(|container| Some((container, self.ingress_of(container)?)));
        let Some((summary, (container, labels))) = found else {
            self.memory().led_to.clear();
            return;
        };
        let ours = |volume: &&Volume| volume.name == VOLUME && volume.labels.get(HOST) == Some(&self.host);
        let folder = volumes.iter().find(ours).map(|volume| PathBuf::from(&volume.mountpoint));
        let loaded = folder.and_then(|folder| loaded(&folder));
        self.memory().led_to = loaded.as_deref().map(names).unwrap_or_default();
        observed.ingress = Some(ObservedIngress {
            container,
            running: summary.state == Some(ContainerSummaryStateEnum::RUNNING) && observe::endpoint(summary).is_some(),
            revision: labels.revision,
            configuration: loaded.as_deref().and_then(digest),
        });
    }

    /// The identifier and the labels of a container, if it is the ingress of this host.
    pub(super) fn ingress_of(&self, container: &ContainerSummary) -> Option<(String, PodLabels)> {
        let labels = PodLabels::parse(&self.host, container.labels.as_ref()?)?;
        let is_it = labels.unit == OWNER && labels.pod == CONTAINER && labels.role == Role::Whole;
        is_it.then(|| Some((container.id.clone()?, labels))).flatten()
    }

    async fn ingress_made(&self, operation: &str) -> Result<String, TargetError> {
        let containers = self.containers(operation).await?;
        let found = containers.iter().find_map(|container| self.ingress_of(container));
        found.map(|(container, _)| container).ok_or_else(|| TargetError::Failed {
            operation: operation.to_owned(),
            reason: "it was removed right after it was made".to_owned(),
        })
    }

    /// Where the engine keeps its volume.
    async fn ingress_folder(&self, operation: &str) -> Result<PathBuf, TargetError> {
        let found = self.volume(VOLUME).await?;
        found.map(|volume| PathBuf::from(volume.mountpoint)).ok_or_else(|| TargetError::Failed {
            operation: operation.to_owned(),
            reason: format!("its volume {VOLUME} was removed right after it was made"),
        })
    }

    /// Lets a pod go on for a moment if the ingress leads to it by a name that was just taken from it.
    pub(super) async fn drain(&self, asked: &Asked) {
        let led_to = asked.shared.iter().any(|name| self.memory().led_to.contains(name));
        if led_to {
            sleep(DRAIN).await;
        }
    }

    /// Has it serve another configuration. One that it refuses is an error, and changes nothing.
    async fn load(&self, container: &str, folder: &Path, configuration: &str) -> Result<(), TargetError> {
        let operation = format!("give {CONTAINER} its configuration");
        write(&folder.join(PAIRS), NEXT, configuration.as_bytes())?;
        let failed = |reason: String| TargetError::Failed { operation: operation.clone(), reason };
        let tries = async {
            loop {
                match self.reload(container).await {
                    Ok(None) => return Ok(()),
                    Ok(Some(said)) if !said.contains("connection refused") => return Err(failed(said)),
                    // It does not listen yet, or the engine starts it again.
                    Ok(Some(_)) | Err(TargetError::Refused { .. }) => sleep(AGAIN).await,
                    Err(error) => return Err(error),
                }
            }
        };
        match timeout(START, tries).await {
            Ok(done) => done?,
            Err(_elapsed) => {
                let last = self.last_words_of(container).await;
                return Err(failed(format!("it did not answer within {} s{last}", START.as_secs())));
            }
        }
        if loaded(folder).as_deref().and_then(digest) == digest(configuration) {
            return Ok(());
        }
        Err(failed("it did not keep what it was given, so that a restart would forget it".to_owned()))
    }

    /// Asks it to load what stands in its volume; what it says against that.
    async fn reload(&self, container: &str) -> Result<Option<String>, TargetError> {
        let file = format!("{FOLDER}/{PAIRS}/{NEXT}");
        let command = ["caddy", "reload", "--force", "--address", "localhost:2019", "--config", &file];
        let command = command.map(str::to_owned).to_vec();
        let request = ExecRequest { command, terminal: None, interactive: false };
        let mut session = self.exec(container, &request).await?;
        let mut text = Vec::new();
        while let Some(chunk) = session.output.next().await {
            text.extend_from_slice(&chunk?.bytes);
        }
        if self.exec_code(&session.id).await? == 0 {
            return Ok(None);
        }
        Ok(Some(in_short(&String::from_utf8_lossy(&text))))
    }

    async fn last_words_of(&self, container: &str) -> String {
        let request = crate::target::LogRequest { follow: false, tail: Some(1), since: None, timestamps: false };
        let Ok(mut chunks) = self.logs(container, &request).await else { return String::new() };
        let mut text = Vec::new();
        while let Some(Ok(chunk)) = chunks.next().await {
            text.extend_from_slice(&chunk.bytes);
        }
        format!("; its last words: {}", in_short(&String::from_utf8_lossy(&text)))
    }
}

/// The last line that says something, not too long: what comes before it is told at every start.
fn in_short(text: &str) -> String {
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it says nothing");
    line.chars().filter(|character| !character.is_control()).take(SAID_CHARACTERS_MAX).collect()
}

/// What it was given last; none if nobody can tell.
fn loaded(folder: &Path) -> Option<String> {
    fs::read_to_string(folder.join(LOADED)).ok()
}

/// Writes the certificates of Secrets where the configuration names them. One of that name is that one.
fn keep_pairs(folder: &Path, pairs: &BTreeMap<String, SecretText>) -> Result<(), TargetError> {
    for (name, pair) in pairs {
        write(&folder.join(PAIRS), &format!("{name}.pem"), pair.expose())?;
    }
    Ok(())
}

/// Writes a file that only root reads, as a whole.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), TargetError> {
    let path = folder.join(name);
    let new = folder.join(format!("{name}.new"));
    let written = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, &path)
    };
    written().map_err(|source| TargetError::File { operation: "write for the ingress", path: path.clone(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_ingress_is_private_and_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let pair = |text: &str| BTreeMap::from([("shop-cert-1a2b".to_owned(), SecretText::new(text))]);
        keep_pairs(folder.path(), &pair("one")).unwrap();
        keep_pairs(folder.path(), &pair("two")).unwrap();
        let path = folder.path().join(PAIRS).join("shop-cert-1a2b.pem");
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path().join(PAIRS)).unwrap().count(), 1);
    }

    #[test]
    fn of_what_it_says_the_last_line_counts() {
        assert_eq!(in_short("{\"level\":\"info\"}\nError: no such host\n\n"), "Error: no such host");
        assert_eq!(in_short(" \n"), "it says nothing");
        assert_eq!(in_short(&"x".repeat(1_000)).len(), SAID_CHARACTERS_MAX);
    }
}
