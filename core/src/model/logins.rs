//! Logins to registries that come with manifests, and which of them are for an image.
//!
//! Sources: Secrets of the types `kubernetes.io/dockerconfigjson` and `kubernetes.io/dockercfg`; the keyring of a kubelet.
//!
//! Invariant: nothing that a Secret holds is told, but the names of registries.
//! Invariant: none of it enters a hash: it decides from where an image can be brought, and not what runs.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{BucketRef, Buckets, annotation};
use crate::text::SecretText;

/// The registry of images whose names begin with none, as keys of logins have it.
const HUB: &str = "index.docker.io";
/// The same as names of images have it.
const HUB_OF_IMAGES: &str = "docker.io";

/// What a pod's `imagePullSecrets` come to, in the order in which they are named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logins(pub Vec<PullSecret>);

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullSecret {
    /// What it is called (`secret/shop/registry`).
    pub name: String,
    /// Its logins, or why it has none.
    pub found: Result<Vec<Login>, String>,
}

/// A login to a registry, or to a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The registry and what the names of its images begin with there (`ghcr.io/example`); `*` stands for a part of a name.
    pub registry: String,
    /// Who logs in.
    pub username: SecretText,
    /// With what.
    pub password: SecretText,
}

/// The forms in which a Secret holds logins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoginsForm {
    /// The registries below `auths`, as Docker writes them now.
    Config,
    /// The registries by themselves, as Docker wrote them once.
    Cfg,
}

impl LoginsForm {
    const ALL: [Self; 2] = [Self::Config, Self::Cfg];

    /// The form that Secrets of a type have.
    pub(crate) fn of_type(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.type_name() == name)
    }

    /// The type of Secrets of that form.
    pub(crate) const fn type_name(self) -> &'static str {
        match self {
            Self::Config => "kubernetes.io/dockerconfigjson",
            Self::Cfg => "kubernetes.io/dockercfg",
        }
    }

    /// The key of such a Secret that holds the logins.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Config => ".dockerconfigjson",
            Self::Cfg => ".dockercfg",
        }
    }
}

/// The password that an annotation of a Secret names by its bucket and key.
///
/// # Errors
/// If it names none, or there is none: why, and what to do.
pub(crate) fn password<'b>(from: &str, buckets: &'b Buckets) -> Result<&'b SecretText, String> {
    let Some((bucket, key)) = BucketRef::with_key(from) else {
        return Err(format!("annotation {} is no `SCOPE/NAME/KEY`", annotation::PASSWORD_FROM));
    };
    buckets.get(&bucket).and_then(|keys| keys.get(key)).ok_or_else(|| {
        let BucketRef { scope, name } = &bucket;
        let name = name.as_ref().map_or(String::new(), |name| format!(" -n {name}"));
        format!("no config bucket holds its password; say `writ config set -s {scope}{name} {key}=…`")
    })
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    username: Option<String>,
    password: Option<String>,
    auth: Option<String>,
}

/// The logins that a Secret of that form holds.
///
/// # Errors
/// If it holds none: why, without what it holds.
pub(crate) fn read(form: LoginsForm, bytes: &[u8]) -> Result<Vec<Login>, String> {
    let unfit = |error: serde_json::Error| {
        format!("its `{}` is no such file of Docker's (line {}, column {})", form.key(), error.line(), error.column())
    };
    let entries = match form {
        LoginsForm::Config => serde_json::from_slice::<Config>(bytes).map_err(unfit)?.auths,
        LoginsForm::Cfg => serde_json::from_slice(bytes).map_err(unfit)?,
    };
    entries.into_iter().map(|(key, entry)| login(&key, entry)).collect()
}

fn login(key: &str, entry: Entry) -> Result<Login, String> {
    let Entry { username, password, auth } = entry;
    let registry = registry(key);
    let written = username.zip(password);
    let pair = match auth.filter(|auth| !auth.is_empty()) {
        Some(auth) => pair(&auth).ok_or_else(|| format!("its `auth` for {registry} is no name and password"))?,
        None => written.ok_or_else(|| format!("it has no name and password for {registry}"))?,
    };
    let (username, password) = pair;
    Ok(Login { registry, username: SecretText::new(username), password: SecretText::new(password) })
}

/// A name and a password as Docker writes them down: with a colon between, in base64.
fn pair(auth: &str) -> Option<(String, String)> {
    let bytes = STANDARD.decode(auth.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (name, password) = text.trim_end_matches('\0').split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// A key of a file of logins without its scheme and the version of its interface (`https://index.docker.io/v1/`).
fn registry(key: &str) -> String {
    let plain = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let (host, path) = plain.split_once('/').unwrap_or((plain, ""));
    let version = ["v1", "v2"].into_iter().find_map(|version| path.strip_prefix(version));
    let path = version.filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(path).trim_matches('/');
    let host = if host == HUB_OF_IMAGES { HUB } else { host };
    if path.is_empty() { host.to_owned() } else { format!("{host}/{path}") }
}

impl Login {
    /// True if it is for an image.
    #[must_use]
    pub fn fits(&self, image: &str) -> bool {
        fits(&self.registry, image)
    }
}

/// True if the login under a key of a file of logins is for an image. Source: the keyring of a kubelet: as many parts of a
/// host's name, each by its pattern, the same port, and a path that the image's begins with.
pub(crate) fn fits(key: &str, image: &str) -> bool {
    let (host, name) = place(image);
    let registry = registry(key);
    let (wanted, path) = registry.split_once('/').unwrap_or((&registry, ""));
    let ((wanted, wanted_port), (host, port)) = (with_port(wanted), with_port(&host));
    let (mut patterns, mut parts) = (wanted.split('.'), host.split('.'));
    let same_host = loop {
        match (patterns.next(), parts.next()) {
            (Some(pattern), Some(part)) if is_like(pattern, part) => {}
            (None, None) => break true,
            _ => break false,
        }
    };
    same_host && wanted_port == port && name.starts_with(path)
}

fn with_port(host: &str) -> (&str, Option<&str>) {
    host.split_once(':').map_or((host, None), |(host, port)| (host, Some(port)))
}

/// True if a text is what a pattern says, in which `*` is any text and `?` any one sign. What lies between the first and the
/// last `*` is looked for as early as it comes, which finds whatever there is to find.
fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let fits = |letters: &[char], pattern: &[char]| {
        letters.len() == pattern.len()
            && letters.iter().zip(pattern).all(|(letter, wanted)| *wanted == '?' || letter == wanted)
    };
    let pieces: Vec<&[char]> = pattern.split(|sign| *sign == '*').collect();
    let ([first, between @ .., last], true) = (pieces.as_slice(), pieces.len() > 1) else {
        return fits(&text, &pattern);
    };
    let Some(mut rest) = text.get(first.len()..).filter(|_| fits(&text[..first.len()], first)) else { return false };
    for piece in between.iter().filter(|piece| !piece.is_empty()) {
        let Some(at) = rest.windows(piece.len()).position(|letters| fits(letters, piece)) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    rest.len().checked_sub(last.len()).is_some_and(|at| fits(&rest[at..], last))
}

/// The registry of an image and what its name is there. Source: the grammar of image references, in which the first part is a
/// registry if it holds a dot or a colon or is `localhost`.
fn place(image: &str) -> (String, &str) {
    match image.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
            (if first == HUB_OF_IMAGES { HUB } else { first }.to_owned(), rest)
        }
        Some(_) | None => (HUB.to_owned(), image),
    }
}

impl Logins {
    /// The logins for an image, each with the Secret that it is from, in the order in which they are tried: what names more of
    /// the image before what names less, and of the same what is named first.
    #[must_use]
    pub fn of(&self, image: &str) -> Vec<(&str, &Login)> {
        let all = self.0.iter().flat_map(|secret| {
            let logins = secret.found.iter().flatten();
            logins.map(|login| (secret.name.as_str(), login))
        });
        let mut fitting: Vec<(&str, &Login)> = all.filter(|(_, login)| login.fits(image)).collect();
        fitting.sort_by(|(_, one), (_, other)| other.registry.cmp(&one.registry));
        fitting
    }

    /// What became of each Secret where an image could not be brought; none if there is none.
    #[must_use]
    pub fn account(&self, image: &str) -> Option<String> {
        let of = |secret: &PullSecret| {
            let PullSecret { name, found } = secret;
            match found {
                Err(why) => format!("{name}: {why}"),
                Ok(logins) if logins.iter().any(|login| login.fits(image)) => {
                    format!("the registry did not take the login of {name}")
                }
                Ok(_) => format!("{name} has no login for {}", place(image).0),
            }
        };
        (!self.0.is_empty()).then(|| self.0.iter().map(of).collect::<Vec<_>>().join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(form: LoginsForm, text: &str) -> Vec<Login> {
        read(form, text.as_bytes()).unwrap()
    }

    #[track_caller]
    fn check(key: &str, image: &str, expected: bool) {
        let text = format!(r#"{{"auths": {{"{key}": {{"username": "ann", "password": "p"}}}}}}"#);
        assert_eq!(known(LoginsForm::Config, &text)[0].fits(image), expected, "{key} {image}");
    }

    #[test]
    fn a_login_is_for_the_images_of_its_registry_and_its_path_alone() {
        check("ghcr.io", "ghcr.io/a/b:1", true);
        check("https://ghcr.io/v2/", "ghcr.io/a/b:1", true);
        check("ghcr.io", "ghcr.io.evil.example/a/b:1", false);
        check("ghcr.io", "ghcr.io:5000/a", false);
        check("127.0.0.1:5000", "127.0.0.1:5000/a@sha256:0", true);
        check("127.0.0.1:5000", "127.0.0.1:5001/a", false);
        check("ghcr.io/team", "ghcr.io/team/app:1", true);
        check("ghcr.io/team", "ghcr.io/other/app:1", false);
        check("*.example.org", "registry.example.org/app", true);
        check("*.example.org", "example.org/app", false);
        check("*.example.org", "a.b.example.org/app", false);
        check("reg?.example.org", "reg1.example.org/app", true);
        check("r*g*1.example.org", "reg-gg1.example.org/app", true);
        check("r*g*1.example.org", "reg-gg12.example.org/app", false);
        check("reg*g.example.org", "reg.example.org/app", false);
        for hub in ["https://index.docker.io/v1/", "index.docker.io", "docker.io"] {
            check(hub, "postgres:15", true);
            check(hub, "library/postgres", true);
            check(hub, "docker.io/library/postgres", true);
            check(hub, "quay.io/postgres", false);
        }
    }

    #[test]
    fn both_forms_are_read_and_what_cannot_be_is_told_without_what_it_holds() {
        let auth = STANDARD.encode("ann:p:s");
        let config = known(LoginsForm::Config, &format!(r#"{{"auths": {{"a.example": {{"auth": "{auth}"}}}}}}"#));
        let cfg = known(LoginsForm::Cfg, &format!(r#"{{"a.example": {{"auth": "{auth}", "email": "x"}}}}"#));
        assert_eq!(config, cfg);
        assert_eq!((config[0].username.expose(), config[0].password.expose()), (&b"ann"[..], &b"p:s"[..]));
        for (text, says) in [
            ("canary", "no such file of Docker's"),
            (r#"{"auths": {"a.example": {"auth": "canary"}}}"#, "no name and password"),
            (r#"{"auths": {"a.example": {"username": "canary"}}}"#, "no name and password for a.example"),
            (r#"{"auths": {"a.example": "canary"}}"#, "no such file"),
        ] {
            let error = read(LoginsForm::Config, text.as_bytes()).unwrap_err();
            assert!(error.contains(says) && !error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn what_names_more_of_an_image_is_tried_first_and_then_in_the_order_of_the_secrets() {
        let secret = |name: &str, keys: &[&str]| {
            let login =
                |key: &&str| login(key, Entry { username: Some("n".into()), password: Some("p".into()), auth: None });
            PullSecret { name: name.to_owned(), found: keys.iter().map(login).collect() }
        };
        let gone = PullSecret { name: "gone".to_owned(), found: Err("it is not there".to_owned()) };
        let all = Logins(vec![secret("a", &["ghcr.io", "quay.io"]), gone, secret("b", &["ghcr.io/team", "ghcr.io"])]);
        let tried: Vec<String> =
            all.of("ghcr.io/team/x").iter().map(|(name, login)| format!("{name} {}", login.registry)).collect();
        assert_eq!(tried, ["b ghcr.io/team", "a ghcr.io", "b ghcr.io"]);
        assert_eq!(
            all.account("quay.io/x").unwrap(),
            "the registry did not take the login of a; gone: it is not there; b has no login for quay.io"
        );
        assert_eq!(Logins::default().account("quay.io/x"), None);
    }
}
