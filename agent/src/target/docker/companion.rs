//! The image of Writ's own program, which an engine is given where it does not have it.
//!
//! Invariant: no registry is asked for it, and what is used under its name is this program and no other file.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::pin::pin;
use std::sync::OnceLock;

use bollard::query_parameters::ImportImageOptionsBuilder;
use futures_util::StreamExt as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;
use writ_core::model::{ContainerSpec, PodSpec};

use super::Docker;
use super::archive::{Entry, archive};
use super::connection::{ANSWER, WORK};
use crate::target::TargetError;

/// The program, as `agent/build.rs` built it.
const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/companion"));

/// Where it is in its image.
const PATH: &str = "writ";

/// What the names of its images begin with.
const REPOSITORY: &str = "writ/companion";

/// Digits of the program's digest that tell one image from another.
const DIGITS: usize = 12;

/// Tries to give the engine the image, should somebody else give the name away meanwhile.
const LOADS: usize = 2;

/// Nobody: the program needs no file, and no power.
pub(super) const USER: &str = "65534:65534";

/// The image of a program.
struct Parts {
    /// Its name.
    name: String,
    /// The digest of its one layer, by which an engine knows what is in an image, whatever that is called.
    layer: String,
    /// The image as engines load it.
    archive: Vec<u8>,
}

/// The image of the program, put together once.
fn parts() -> &'static Parts {
    static PARTS: OnceLock<Parts> = OnceLock::new();
    PARTS.get_or_init(|| parts_of(PROGRAM))
}

fn parts_of(program: &[u8]) -> Parts {
    let name = format!("{REPOSITORY}:{:.DIGITS$}", digest(program));
    let files = archive(&[Entry { name: PATH, mode: 0o555, content: program }]);
    let layer = format!("sha256:{}", digest(&files));
    // Sources: the image configuration of OCI, and the archives of `docker save`.
    let config = json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": { "Entrypoint": [format!("/{PATH}")], "User": USER },
        "rootfs": { "type": "layers", "diff_ids": [layer] },
        "history": [{ "created": "1970-01-01T00:00:00Z", "created_by": "writ" }],
    });
    let config = config.to_string();
    let config_name = format!("{}.json", digest(config.as_bytes()));
    let manifest = json!([{ "Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"] }]).to_string();
    let entry = |name, content| Entry { name, mode: 0o444, content };
    let archive = archive(&[
        entry("layer.tar", &files),
        entry(&config_name, config.as_bytes()),
        entry("manifest.json", manifest.as_bytes()),
    ]);
    Parts { name, layer, archive }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes all that is written");
        text
    })
}

impl Docker {
    /// The engine's identifier of the image that holds Writ's own program alone, by which it is used: a name can come to
    /// mean another image meanwhile. The engine is given the image first, unless it has it already; an image that holds
    /// anything else loses the name.
    ///
    /// # Errors
    /// If the engine cannot be reached, or does not take it.
    pub async fn companion(&self) -> Result<String, TargetError> {
        let parts = parts();
        for _ in 0..LOADS {
            if let Some(found) = self.known_companion(parts).await? {
                return Ok(found);
            }
            self.load_companion(parts).await?;
        }
        let found = self.known_companion(parts).await?;
        found.ok_or_else(|| TargetError::Failed {
            operation: format!("load image {}", parts.name),
            reason: "the engine took it, and does not have it as it was given".to_owned(),
        })
    }

    /// A pod as it is made: the relay of a Service is Writ's own program, by the engine's identifier.
    pub(super) async fn with_own_image<'a>(&self, pod: &'a PodSpec) -> Result<Cow<'a, PodSpec>, TargetError> {
        if !pod.is_relay() {
            return Ok(Cow::Borrowed(pod));
        }
        let image = self.companion().await?;
        Ok(Cow::Owned(PodSpec { main: ContainerSpec { image, ..pod.main.clone() }, ..pod.clone() }))
    }

    async fn known_companion(&self, parts: &Parts) -> Result<Option<String>, TargetError> {
        let engine = self.engine().await?;
        let operation = format!("look at image {}", parts.name);
        let found = self.find(&operation, ANSWER, engine.inspect_image(&parts.name)).await?;
        Ok(found.and_then(|found| {
            let layers = found.root_fs?.layers?;
            found.id.filter(|_| layers == [parts.layer.as_str()])
        }))
    }

    async fn load_companion(&self, parts: &Parts) -> Result<(), TargetError> {
        let operation = format!("load image {}", parts.name);
        let engine = self.engine().await?;
        let options = ImportImageOptionsBuilder::new().quiet(true).build();
        let body = bollard::body_full(parts.archive.clone().into());
        let mut news = pin!(engine.import_image(options, body, None));
        loop {
            let Ok(next) = timeout(WORK, news.next()).await else {
                return Err(self.unreachable(&operation, "the engine does not go on"));
            };
            let Some(next) = next else { return Ok(()) };
            let next = next.map_err(|error| self.error(&operation, error))?;
            if let Some(reason) = next.error_detail.and_then(|detail| detail.message) {
                return Err(TargetError::Refused { operation, reason });
            }
        }
    }
}

// What the program decides by itself: it is no package of its own that tests could be in.
#[cfg(test)]
#[path = "../../../companion/relay/asker.rs"]
#[allow(dead_code, unreachable_pub, reason = "the program uses what its tests do not")]
mod asker;
#[cfg(test)]
#[path = "../../../companion/relay/choice.rs"]
#[allow(dead_code, unreachable_pub, reason = "the program uses what its tests do not")]
mod choice;
#[cfg(test)]
#[path = "../../../companion/relay/question.rs"]
#[allow(dead_code, unreachable_pub, reason = "the program uses what its tests do not")]
mod question;
#[cfg(test)]
#[path = "../../../companion/relay/route.rs"]
#[allow(dead_code, unreachable_pub, reason = "the program uses what its tests do not")]
mod route;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_of_a_program_is_the_same_each_time_and_another_one_for_another_program() {
        let (one, again, other) = (parts_of(b"one"), parts_of(b"one"), parts_of(b"two"));
        assert_eq!((&one.name, &one.layer, &one.archive), (&again.name, &again.layer, &again.archive));
        assert_ne!((&one.name, &one.layer), (&other.name, &other.layer));
        assert_eq!(one.name, "writ/companion:7692c3ad3540");
    }

    #[test]
    fn the_program_is_one_that_linux_starts_without_any_other_file() {
        assert!(PROGRAM.starts_with(b"\x7fELF"));
        let interpreter = b"/lib64/ld-linux".as_slice();
        assert!(!PROGRAM.windows(interpreter.len()).any(|window| window == interpreter));
    }
}
