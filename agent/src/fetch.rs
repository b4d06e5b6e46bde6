//! Fetches what assets take by `url()`, and keeps the last good copy of each for when its server is out of reach.
//!
//! Invariant: follows no redirect and sends no login.
//! Invariant: no message holds the query of an address.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

use futures_util::StreamExt as _;
use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use sha2::{Digest as _, Sha256};
use writ_core::dialect::{Address, Contents, Fetched};
use writ_core::limits::ASSET_BYTES_MAX;
use writ_core::time::{Seconds, Timestamp};

use crate::error::chain;
use crate::limits::{ADDRESS_SECONDS_MAX, ADDRESSES_AT_ONCE, CONNECT_SECONDS_MAX, COPY_SECONDS_MIN};

const USER_AGENT: &str = concat!("writ/", env!("CARGO_PKG_VERSION"));

/// The folder of the copies, below the state directory.
const FOLDER: &str = "urls";

/// Why an address gave no contents.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("no connection can be prepared")]
    Client(#[source] reqwest::Error),
    #[error("the server did not send it within {ADDRESS_SECONDS_MAX} s")]
    TimedOut,
    #[error("the server cannot be asked")]
    Unanswered(#[source] reqwest::Error),
    #[error("the server redirects{to}, which is not followed: write the address that holds the file")]
    Redirected { to: String },
    #[error("the server answered {0}")]
    Answered(StatusCode),
    #[error("the file is larger than {} KiB", ASSET_BYTES_MAX >> 10)]
    TooLarge,
}

/// What a set of files takes from servers.
#[derive(Debug, Default)]
pub struct Taken {
    /// The addresses that its assets name.
    pub addresses: BTreeSet<Address>,
    /// For which of them an older copy stands in, and why.
    pub stale: Vec<String>,
}

impl Taken {
    /// Says what was fetched, without the contents.
    #[must_use]
    pub fn of(contents: &Contents) -> Self {
        let stale = contents.iter().filter_map(|(address, fetched)| match fetched {
            Fetched::Kept { bytes: _, why } => Some(format!("{address}: {why}")),
            Fetched::Fresh(_) | Fetched::Unasked | Fetched::Failed { .. } => None,
        });
        Self { addresses: contents.keys().cloned().collect(), stale: stale.collect() }
    }
}

/// What comes of each address. Copies are kept below the directory `state`.
pub async fn contents(state: &Path, addresses: BTreeSet<Address>) -> Contents {
    let (clients, folder) = (&Clients::default(), &state.join(FOLDER));
    let fetches = addresses.into_iter().map(|address| async move {
        let fetched = one(clients, folder, &address).await;
        (address, fetched)
    });
    futures_util::stream::iter(fetches).buffer_unordered(ADDRESSES_AT_ONCE).collect().await
}

/// Removes the copies that none of the addresses `used` is for, and that were not made within the last hour: another
/// process may be about to use those. Gives how many.
///
/// # Errors
/// If the folder cannot be read or a copy cannot be removed.
pub fn sweep(state: &Path, used: &BTreeSet<&Address>, now: Timestamp) -> io::Result<usize> {
    let used: BTreeSet<String> = used.iter().map(|address| digest(address)).collect();
    let idle = idle_copies(state, now)?
        .into_iter()
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| !used.contains(name)));
    let mut removed = 0;
    for path in idle {
        fs::remove_file(path)?;
        removed += 1;
    }
    Ok(removed)
}

/// The copies, and drafts that a crash left, which were not made within the last hour.
///
/// # Errors
/// If the folder cannot be read.
pub fn idle_copies(state: &Path, now: Timestamp) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(state.join(FOLDER)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut idle = Vec::new();
    for entry in entries {
        let entry = entry?;
        let made = entry.metadata()?.modified()?.duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
        let made = Timestamp::from_seconds(i64::try_from(made.as_secs()).map_err(io::Error::other)?);
        if made.plus(Seconds(COPY_SECONDS_MIN)) < now {
            idle.push(entry.path());
        }
    }
    Ok(idle)
}

async fn one(clients: &Clients, folder: &Path, address: &Address) -> Fetched {
    let limit = Duration::from_secs(ADDRESS_SECONDS_MAX);
    let fetched = tokio::time::timeout(limit, clients.fetch(address)).await.unwrap_or(Err(FetchError::TimedOut));
    let path = folder.join(digest(address));
    match fetched {
        Ok(bytes) => {
            if let Err(error) = keep(folder, &path, &bytes) {
                tracing::warn!(%address, %error, "no copy could be kept for when the server is out of reach");
            }
            Fetched::Fresh(bytes)
        }
        Err(error) => {
            let why = chain(&error);
            match kept(&path) {
                Ok(Some((bytes, since))) => {
                    tracing::warn!(%address, why, %since, "an older copy is used");
                    Fetched::Kept { bytes, why: format!("it was fetched at {since}, and now {why}") }
                }
                Ok(None) => Fetched::Failed { why },
                Err(error) => Fetched::Failed { why: format!("{why}; and its copy cannot be read: {error}") },
            }
        }
    }
}

/// Clients, made when they are first needed: reading the machine's certificates takes long.
#[derive(Default)]
struct Clients {
    secure: OnceLock<Client>,
    local: OnceLock<Client>,
}

impl Clients {
    fn client(&self, address: &Address) -> Result<&Client, FetchError> {
        let Self { secure, local } = self;
        let known = if address.is_secure() { secure } else { local };
        if let Some(client) = known.get() {
            return Ok(client);
        }
        let connect = Duration::from_secs(CONNECT_SECONDS_MAX);
        let builder = Client::builder().user_agent(USER_AGENT).redirect(Policy::none()).connect_timeout(connect);
        // A proxy could change what is not encrypted.
        let builder = if address.is_secure() { builder.https_only(true) } else { builder.no_proxy() };
        let client = builder.build().map_err(FetchError::Client)?;
        Ok(known.get_or_init(|| client))
    }

    async fn fetch(&self, address: &Address) -> Result<Vec<u8>, FetchError> {
        let unanswered = |error: reqwest::Error| FetchError::Unanswered(error.without_url());
        let mut response = self.client(address)?.get(address.whole()).send().await.map_err(unanswered)?;
        let status = response.status();
        if status.is_redirection() {
            return Err(FetchError::Redirected { to: leads_to(&response) });
        }
        if status != StatusCode::OK {
            return Err(FetchError::Answered(status));
        }
        let mut bytes = Vec::new();
        while let Some(part) = response.chunk().await.map_err(unanswered)? {
            if bytes.len() + part.len() > ASSET_BYTES_MAX {
                return Err(FetchError::TooLarge);
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    }
}

/// The host that a redirect leads to; the rest of the address can hold what gives access.
fn leads_to(response: &Response) -> String {
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let url = location.and_then(|location| response.url().join(location).ok());
    let host = url.as_ref().and_then(Url::host_str);
    host.map_or(String::new(), |host| format!(" to {host}"))
}

fn digest(address: &Address) -> String {
    Sha256::digest(address.whole()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Puts a copy in place as a whole, readable by nobody else.
fn keep(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let draft = PathBuf::from(format!("{}.{}", path.display(), std::process::id()));
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

/// A copy and when it was made; none if there is none.
fn kept(path: &Path) -> io::Result<Option<(Vec<u8>, Timestamp)>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let since = file.metadata()?.modified()?.duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    file.take(ASSET_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > ASSET_BYTES_MAX {
        return Err(io::Error::other("it is larger than any that is kept"));
    }
    let seconds = i64::try_from(since.as_secs()).map_err(io::Error::other)?;
    Ok(Some((bytes, Timestamp::from_seconds(seconds))))
}
