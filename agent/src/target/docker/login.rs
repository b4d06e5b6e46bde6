//! Logins to registries, as `docker login` writes them down for the user whom the agent runs as.
//!
//! Invariant: the file is read at each pull and nothing of it is kept, so that a login counts, and a logout too, at once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::auth::DockerCredentials;
use serde::Deserialize;

use crate::limits::LOGINS_BYTES_MAX;

/// The registry of names that bear none, and the name under which its login is written down.
const HUB: (&str, &str) = ("docker.io", "https://index.docker.io/v1/");

/// What stands in the file about the registry of an image.
pub(super) enum Login {
    /// Nothing.
    None,
    /// A name and a password or token.
    Known(Box<DockerCredentials>),
    /// A program that knows it, which is not run.
    Helper(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    auth: Option<String>,
    identitytoken: Option<String>,
}

/// Where logins are written down. None if this user has no home.
pub(super) fn file() -> Option<PathBuf> {
    let folder = std::env::var_os("DOCKER_CONFIG").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    folder.or_else(|| std::env::home_dir().map(|home| home.join(".docker"))).map(|folder| folder.join("config.json"))
}

/// The login for the registry of `image`.
///
/// # Errors
/// If the file is there and cannot be read or understood; what stands in it is not told.
pub(super) fn of(image: &str) -> io::Result<Login> {
    let Some(file) = file() else { return Ok(Login::None) };
    let mut text = String::new();
    match File::open(&file) {
        Ok(file) => file.take(LOGINS_BYTES_MAX).read_to_string(&mut text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Login::None),
        Err(error) => return Err(error),
    };
    read(&text, image)
}

/// The registry that an image's name begins with. Source: the grammar of image references, in which the first part is a
/// registry if it holds a dot or a colon or is `localhost`.
pub(super) fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        Some(_) | None => HUB.0,
    }
}

fn read(text: &str, image: &str) -> io::Result<Login> {
    let registry = registry(image);
    let key = if registry == HUB.0 { HUB.1 } else { registry };
    let written: Written = serde_json::from_str(text).map_err(|error| {
        io::Error::other(format!("line {}, column {}: no such file of Docker's", error.line(), error.column()))
    })?;
    let Written { mut auths, cred_helpers, creds_store } = written;
    if let Some(helper) = cred_helpers.get(key) {
        return Ok(Login::Helper(helper.clone()));
    }
    let Some(Entry { auth, identitytoken }) = auths.remove(key).or_else(|| auths.remove(&format!("https://{key}")))
    else {
        return Ok(creds_store.map_or(Login::None, Login::Helper));
    };
    let Some(auth) = auth.filter(|auth| !auth.is_empty()) else {
        return Ok(creds_store.map_or(Login::None, Login::Helper));
    };
    let decoded = STANDARD.decode(auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = decoded.as_deref().and_then(|text| text.trim_end_matches('\0').split_once(':'));
    let Some((username, password)) = pair else {
        return Err(io::Error::other(format!("the login for {key} is no name and password")));
    };
    Ok(Login::Known(Box::new(DockerCredentials {
        username: Some(username.to_owned()),
        password: Some(password.to_owned()),
        serveraddress: Some(key.to_owned()),
        identitytoken,
        ..DockerCredentials::default()
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, image: &str, expected: &str) {
        let found = match read(text, image) {
            Ok(Login::None) => "none".to_owned(),
            Ok(Login::Known(login)) => format!("{}:{}", login.username.unwrap(), login.password.unwrap()),
            Ok(Login::Helper(helper)) => format!("helper {helper}"),
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn the_login_of_an_images_registry_is_found_and_no_other() {
        let text = r#"{"auths": {"127.0.0.1:5000": {"auth": "YW5uOnA6cw=="}, "https://index.docker.io/v1/": {"auth": "Ym9iOnB3"}}}"#;
        check(text, "127.0.0.1:5000/app:1", "ann:p:s");
        check(text, "postgres:15", "bob:pw");
        check(text, "library/postgres", "bob:pw");
        check(text, "127.0.0.1:5001/app:1", "none");
        check("{}", "127.0.0.1:5000/app:1", "none");
    }

    #[test]
    fn a_helper_is_named_and_what_cannot_be_understood_is_told_without_its_contents() {
        let helpers =
            r#"{"auths": {"127.0.0.1:5000": {}}, "credsStore": "pass", "credHelpers": {"127.0.0.1:5001": "own"}}"#;
        check(helpers, "127.0.0.1:5000/app", "helper pass");
        check(helpers, "127.0.0.1:5001/app", "helper own");
        let odd = r#"{"auths": {"127.0.0.1:5000": {"auth": "Y2FuYXJ5"}}}"#;
        check(odd, "127.0.0.1:5000/app", "error: the login for 127.0.0.1:5000 is no name and password");
        check("{\"canary\": ", "app", "error: line 1, column 11: no such file of Docker's");
    }
}
