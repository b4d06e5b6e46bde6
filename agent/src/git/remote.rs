//! Where a source lies and how to be let in, checked before anything is run.

use std::path::PathBuf;

use writ_core::text::SecretText;

use super::bounds::Bounds;
use super::error::GitError;
use super::objects::statements_of;
use crate::token;

/// A branch of a repository somewhere, as the settings name it.
#[derive(Debug, Clone)]
pub struct Remote {
    /// The source's name.
    pub name: String,
    /// `ssh://`, `https://` or `file://`; `user@host:path` means ssh.
    pub url: String,
    /// The branch; of the repository of a plugin, a tag as `refs/tags/NAME`, which no branch of a source can be called.
    pub branch: String,
    /// How to be let in.
    pub credentials: Credentials,
    /// What an exchange may take, and how large the mirror may become.
    pub bounds: Bounds,
}

/// How to be let in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Credentials {
    /// As the user's `ssh` decides, or without any.
    #[default]
    None,
    /// By SSH, with files other than the user's own.
    Ssh {
        /// The private key; the user's keys and agent if unset.
        key_file: Option<PathBuf>,
        /// The known hosts; the user's if unset.
        known_hosts_file: Option<PathBuf>,
    },
    /// By HTTPS, with a token, read each time so that it can be renewed.
    Token {
        /// The file that holds it.
        file: PathBuf,
    },
}

/// A checked address.
#[derive(Debug, Clone)]
pub(super) enum Address {
    Ssh { user: Option<String>, host: String, port: Option<u16>, path: String },
    Http { url: gix::Url },
    File { path: PathBuf },
}

impl Remote {
    /// The branch's full name, checked.
    pub(super) fn reference(&self) -> Result<String, GitError> {
        if self.branch.starts_with("refs/tags/") {
            return full_name("tag", &self.branch, self.branch.clone());
        }
        full_name("branch", &self.branch, format!("refs/heads/{}", self.branch))
    }

    /// Our own name for what the remote offers, checked.
    pub(super) fn offered(&self) -> Result<String, GitError> {
        full_name("name", &self.name, format!("refs/writ/{}/offered", self.name))
    }

    /// Where our own names for the remote's statements begin.
    pub(super) fn statements(&self) -> String {
        statements_of(&self.name)
    }

    /// The address, checked.
    pub(super) fn address(&self) -> Result<Address, GitError> {
        let wrong = |reason: &str| {
            Err(GitError::Setting { what: "url", value: without_password(&self.url), reason: reason.to_owned() })
        };
        if self.url.chars().any(|character| character.is_control() || character.is_whitespace()) {
            return wrong("it holds a blank or a control character");
        }
        let Ok(url) = gix::url::parse(self.url.as_str()) else {
            return wrong("it is no address that Git knows");
        };
        if url.password().is_some() {
            return wrong("it holds a password; put it into a file and name that by `token_file`");
        }
        let (host, user) = (url.host().map(str::to_owned), url.user().map(str::to_owned));
        if [&host, &user].into_iter().flatten().any(|part| part.starts_with('-') || part.is_empty()) {
            return wrong("its host or user is empty or begins with `-`");
        }
        let Ok(path) = String::from_utf8(url.path.to_vec()) else {
            return wrong("its path is not UTF-8");
        };
        let token = matches!(self.credentials, Credentials::Token { .. });
        match (&url.scheme, host) {
            (gix::url::Scheme::Ssh, Some(_)) if token => wrong("a token is for https; ssh takes `ssh_key_file`"),
            (gix::url::Scheme::Ssh, Some(host)) => Ok(Address::Ssh { user, host, port: url.port, path }),
            (gix::url::Scheme::Https, Some(_)) => Ok(Address::Http { url }),
            (gix::url::Scheme::Http, Some(host)) if is_loopback(&host) => Ok(Address::Http { url }),
            (gix::url::Scheme::Http, Some(_)) => wrong("http is neither private nor authentic; use https"),
            (gix::url::Scheme::File, None) if path.starts_with('/') => Ok(Address::File { path: path.into() }),
            (gix::url::Scheme::File, _) => wrong("a local repository is named by `file://` and its whole path"),
            (_, _) => wrong("only ssh, https and file are supported"),
        }
    }

    /// Where a local repository lies.
    pub(super) fn local_path(&self) -> Option<PathBuf> {
        match self.address() {
            Ok(Address::File { path }) => Some(path),
            Ok(Address::Ssh { .. } | Address::Http { .. }) | Err(_) => None,
        }
    }

    /// The token, without the blanks around it.
    pub(super) fn token(&self) -> Result<Option<SecretText>, GitError> {
        let Credentials::Token { file } = &self.credentials else { return Ok(None) };
        token::read(file).map(Some).map_err(|source| GitError::Credentials { file: file.clone(), source })
    }
}

fn full_name(what: &'static str, value: &str, name: String) -> Result<String, GitError> {
    match gix::validate::reference::name(name.as_str().into()) {
        Ok(_) => Ok(name),
        Err(_) => Err(GitError::Setting {
            what,
            value: value.to_owned(),
            reason: "Git would not take it as part of a ref's name".to_owned(),
        }),
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The address as it may be shown: without what stands between the user and `@`.
fn without_password(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?))) {
        Some((scheme, (user, rest))) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{rest}")
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(url: &str) -> Remote {
        let (credentials, bounds) = (Credentials::None, Bounds::default());
        Remote { name: "infra".into(), url: url.into(), branch: "main".into(), credentials, bounds }
    }

    #[test]
    fn addresses_that_git_and_we_can_reach_are_taken() {
        for url in [
            "ssh://git@forge.example/ops/infra.git",
            "ssh://git@forge.example:2222/ops/infra.git",
            "git@forge.example:ops/infra.git",
            "https://forge.example/ops/infra.git",
            "http://127.0.0.1:8080/infra.git",
            "file:///srv/infra.git",
        ] {
            assert!(remote(url).address().is_ok(), "{url}");
        }
    }

    #[test]
    fn addresses_that_are_dangerous_or_unknown_are_refused_and_no_password_is_shown() {
        for url in [
            "ssh://-oProxyCommand=x/infra.git",
            "ssh://-x@forge.example/infra.git",
            "http://forge.example/infra.git",
            "git://forge.example/infra.git",
            "ext::sh -c true",
            "https://user:hunter2@forge.example/infra.git",
            "https://forge.example/a b",
            "infra.git",
        ] {
            let error = remote(url).address().expect_err(url).to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn branches_and_names_must_be_parts_of_a_ref() {
        let named = |branch: &str| Remote { branch: branch.into(), ..remote("file:///srv/infra.git") };
        assert_eq!(named("release/2").reference().unwrap(), "refs/heads/release/2");
        for branch in ["", "a..b", "a:b", "a*", "a b", "a/", "a^", "x.lock"] {
            assert!(named(branch).reference().is_err(), "{branch}");
        }
    }
}
