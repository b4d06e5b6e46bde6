//! Images: pulled only if they are not there, or if a manifest asks for a pull each time.

use std::collections::BTreeMap;

use bollard::auth::DockerCredentials;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt as _;
use tokio::time::timeout;
use writ_core::model::{ContainerSpec, Logins, PodSpec, PullPolicy};

use super::Docker;
use super::connection::{ANSWER, WORK};
use super::login::{self, Login};
use crate::target::{ImageNews, Progress, TargetError};

/// An image that the engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    /// Its digest in the registry, or the engine's identifier if it came from none.
    pub(super) digest: String,
    /// The user that it names, empty for root.
    pub(super) user: String,
}

/// The images of a pod.
#[derive(Debug)]
pub(super) struct Images {
    /// Those of its init containers, in their order.
    pub(super) init: Vec<Image>,
    /// That of its first main container.
    pub(super) main: Image,
    /// Those of its further main containers, in their order.
    pub(super) beside: Vec<Image>,
}

impl Images {
    /// Those of the containers of a pod, in the order of [`PodSpec::containers`].
    pub(super) fn all(&self) -> impl Iterator<Item = &Image> {
        self.init.iter().chain([&self.main]).chain(&self.beside)
    }
}

impl Docker {
    /// All images of a pod, each pulled if its policy says so.
    pub(super) async fn images(&self, pod: &PodSpec, progress: &dyn Progress) -> Result<Images, TargetError> {
        let (mut init, mut beside) = (Vec::new(), Vec::new());
        for container in &pod.init {
            init.push(self.image(pod, container, progress).await?);
        }
        let main = self.image(pod, &pod.main, progress).await?;
        for container in &pod.beside {
            beside.push(self.image(pod, container, progress).await?);
        }
        Ok(Images { init, main, beside })
    }

    /// The image of a pod's container, pulled if its policy says so.
    pub(super) async fn image(
        &self,
        pod: &PodSpec,
        container: &ContainerSpec,
        progress: &dyn Progress,
    ) -> Result<Image, TargetError> {
        let (name, policy) = (container.image.as_str(), container.pull);
        let found = match policy {
            PullPolicy::Always => None,
            PullPolicy::IfNotPresent | PullPolicy::Never => self.find_image(name).await?,
        };
        let (image, pulled) = match (found, policy) {
            (Some(found), _) => (found, false),
            (None, PullPolicy::Never) => {
                let reason = "the engine does not have it, and imagePullPolicy is Never; load it by hand".to_owned();
                return Err(TargetError::Failed { operation: format!("use image {name}"), reason });
            }
            (None, PullPolicy::IfNotPresent | PullPolicy::Always) => {
                self.pull(name, &pod.extras.logins, progress).await?;
                let found = self.find_image(name).await?;
                let reason = || "it was pulled, and the engine does not have it".to_owned();
                let gone = || TargetError::Failed { operation: format!("use image {name}"), reason: reason() };
                (found.ok_or_else(gone)?, true)
            }
        };
        progress.image(name, &ImageNews::Ready { digest: image.digest.clone(), pulled });
        Ok(image)
    }

    async fn find_image(&self, name: &str) -> Result<Option<Image>, TargetError> {
        let engine = self.engine().await?;
        let found = self.find(&format!("look at image {name}"), ANSWER, engine.inspect_image(name)).await?;
        Ok(found.map(|found| {
            let repository = name.split('@').next().unwrap_or(name);
            let digests = found.repo_digests.unwrap_or_default();
            let digest = digests.iter().find_map(|digest| {
                let (of, digest) = digest.split_once('@')?;
                repository.starts_with(of).then(|| digest.to_owned())
            });
            Image {
                digest: digest.or(found.id).unwrap_or_default(),
                user: found.config.and_then(|config| config.user).unwrap_or_default(),
            }
        }))
    }

    /// Pulls an image with each login of the pod that is for it, and then with that of the agent's user or with none.
    async fn pull(&self, name: &str, logins: &Logins, progress: &dyn Progress) -> Result<(), TargetError> {
        for (_, login) in logins.of(name) {
            let credentials = DockerCredentials {
                username: login.username.expose_str().map(str::to_owned),
                password: login.password.expose_str().map(str::to_owned),
                serveraddress: Some(login::registry(name).to_owned()),
                ..DockerCredentials::default()
            };
            match self.pull_with(name, Some(credentials), progress).await {
                // Whether for the login or for another reason: the next one tells.
                Err(TargetError::Refused { .. }) => {}
                other => return other,
            }
        }
        let (login, known) = match login::of(name) {
            Ok(Login::Known(login)) => (Some(*login), Known::Yes),
            Ok(Login::Helper(helper)) => (None, Known::Helper(helper)),
            Ok(Login::None) => (None, Known::No),
            // A registry that needs none serves all the same.
            Err(error) => (None, Known::Unreadable(error.to_string())),
        };
        let pulled = self.pull_with(name, login, progress).await;
        pulled.map_err(|error| with_advice(name, &known, logins, error))
    }

    async fn pull_with(
        &self,
        name: &str,
        login: Option<DockerCredentials>,
        progress: &dyn Progress,
    ) -> Result<(), TargetError> {
        let operation = format!("pull image {name}");
        let engine = self.engine().await?;
        let (from, tag) = reference(name);
        let options = CreateImageOptionsBuilder::new().from_image(from).tag(tag).build();
        let mut news = std::pin::pin!(engine.create_image(Some(options), None, login));
        let mut layers: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        // A pull may last; silence may not.
        loop {
            let Ok(next) = timeout(WORK, news.next()).await else {
                return Err(self.unreachable(&operation, "the pull stands still"));
            };
            let Some(next) = next else { return Ok(()) };
            let next = next.map_err(|error| self.error(&operation, error))?;
            if let Some(reason) = next.error_detail.and_then(|detail| detail.message) {
                return Err(TargetError::Refused { operation, reason });
            }
            let (Some(layer), Some(detail)) = (next.id, next.progress_detail) else { continue };
            let bytes = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok());
            if let (Some(done), Some(total)) = (bytes(detail.current), bytes(detail.total)) {
                layers.insert(layer, (done, total));
                let (done, total) = layers.values().fold((0, 0), |sum, layer| (sum.0 + layer.0, sum.1 + layer.1));
                progress.image(name, &ImageNews::Pulling { done, total });
            }
        }
    }
}

/// What is known of a login to the registry of an image.
enum Known {
    No,
    Yes,
    /// A program knows it.
    Helper(String),
    /// The file of logins is there and cannot be read.
    Unreadable(String),
}

impl Known {
    /// What to do where the registry wants a login.
    fn advice(&self, image: &str) -> String {
        let registry = login::registry(image);
        let file = login::file().map_or("its home".to_owned(), |file| file.display().to_string());
        match self {
            Self::No => format!(
                "the registry wants a login, and there is none in {file}; run `docker login {registry}` as the user of the agent"
            ),
            Self::Yes => format!(
                "the registry does not take the login in {file}, or that may not read this image; run `docker login \
                 {registry}` as the user of the agent, or correct the image's name"
            ),
            Self::Helper(helper) => format!(
                "the registry wants a login, which {file} leaves to the program {helper}, and that is not run; run `docker \
                 pull {image}` by hand: an image that is there is not pulled"
            ),
            Self::Unreadable(why) => {
                format!(
                    "the registry wants a login, and {file} cannot be read ({why}); run `docker login {registry}` again"
                )
            }
        }
    }
}

/// The engine's refusal of a pull with what to do about it, where its words name a cause that a person can mend.
fn with_advice(name: &str, known: &Known, logins: &Logins, error: TargetError) -> TargetError {
    let TargetError::Refused { operation, reason } = error else { return error };
    let words = reason.to_lowercase();
    let says = |all: &[&str]| all.iter().any(|part| words.contains(part));
    // A registry that wants a login says of what it hides that it is not there, and the engine passes on both.
    let advice = if says(&["unauthorized", "no basic auth", "authentication required", "denied", "authorization"]) {
        let account = logins.account(name).map(|account| format!(" (of the pod's imagePullSecrets: {account})"));
        format!("{}{}", known.advice(name), account.unwrap_or_default())
    } else if says(&["manifest unknown", "not found", "name unknown"]) {
        "the registry has no such image; correct its name or tag, or push it".to_owned()
    } else if says(&["connection refused", "no such host", "timeout", "deadline exceeded", "no route", "unreachable"]) {
        "the registry cannot be reached from this host; it is tried again with the next pass".to_owned()
    } else {
        return TargetError::Refused { operation, reason };
    };
    TargetError::Refused { operation, reason: format!("{advice} ({reason})") }
}

/// An image's name and its tag or digest; `latest` where neither is written, since the engine pulls all tags then.
fn reference(name: &str) -> (&str, &str) {
    if let Some((from, digest)) = name.split_once('@') {
        return (from, digest);
    }
    match name.rsplit_once(':') {
        Some((from, tag)) if !tag.contains('/') => (from, tag),
        Some(_) | None => (name, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::reference;

    #[test]
    fn an_image_is_pulled_by_one_tag_or_digest() {
        assert_eq!(reference("postgres:15-alpine"), ("postgres", "15-alpine"));
        assert_eq!(reference("localhost:5000/app"), ("localhost:5000/app", "latest"));
        assert_eq!(reference("localhost:5000/app:2"), ("localhost:5000/app", "2"));
        assert_eq!(reference("app@sha256:ab"), ("app", "sha256:ab"));
    }
}
