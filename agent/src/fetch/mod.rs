//! Fetches what assets take by `url()`, and keeps the last good copy of each for when its server is out of reach.
//!
//! Invariant: follows no redirect and sends no login.
//! Invariant: no message holds the query of an address.

mod copy;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

use futures_util::StreamExt as _;
use reqwest::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use writ_core::dialect::{Address, Addresses, Contents, Fetched};
use writ_core::limits::ASSET_BYTES_MAX;
use writ_core::time::{Seconds, Timestamp};

use crate::error::chain;
use crate::limits::{ADDRESSES_AT_ONCE, CONNECT_SECONDS_MAX, COPY_SECONDS_MIN};

use copy::{BESIDE, Copy, KnownBy, confirm, digest, keep, kept};

const USER_AGENT: &str = concat!("writ/", env!("CARGO_PKG_VERSION"));

/// The folder of the copies, below the state directory.
const FOLDER: &str = "urls";

/// Why an address gave no contents.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("no connection can be prepared")]
    Client(#[source] reqwest::Error),
    #[error("the server did not send it within {seconds} s")]
    TimedOut { seconds: u32 },
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
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// The addresses that its assets name.
    pub addresses: BTreeSet<Address>,
    /// For which of them an older copy stands in, and why.
    pub stale: Vec<String>,
    /// Which of them gave nothing, and why. Where that is no refusal, the manifest asked to go on without.
    pub left_out: Vec<String>,
}

impl Taken {
    /// Says what was fetched, without the contents.
    #[must_use]
    pub fn of(contents: &Contents) -> Self {
        let mut taken = Self { addresses: contents.keys().cloned().collect(), ..Self::default() };
        for (address, fetched) in contents {
            match fetched {
                Fetched::Kept { bytes: _, why } => taken.stale.push(format!("{address}: {why}")),
                Fetched::Failed { why } => taken.left_out.push(format!("{address}: {why}")),
                Fetched::Fresh(_) | Fetched::Unasked => {}
            }
        }
        taken
    }
}

/// What comes of each address. Copies are kept below the directory `state`.
pub async fn contents(state: &Path, addresses: Addresses) -> Contents {
    let (clients, folder) = (&Clients::default(), &state.join(FOLDER));
    let fetches = addresses.into_iter().map(|(address, timeout)| async move {
        let fetched = one(clients, folder, &address, timeout).await;
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
    let used: BTreeSet<String> = used.iter().map(|address| digest(address.whole())).collect();
    let is_used = |name: &str| used.contains(name.strip_suffix(BESIDE).unwrap_or(name));
    let idle = idle_copies(state, now)?
        .into_iter()
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| !is_used(name)));
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

async fn one(clients: &Clients, folder: &Path, address: &Address, Seconds(seconds): Seconds) -> Fetched {
    let limit = Duration::from_secs(seconds.into());
    let path = folder.join(digest(address.whole()));
    let before = kept(&path);
    let known_by = before.as_ref().ok().and_then(Option::as_ref).map(|copy| &copy.known_by);
    let fetched = tokio::time::timeout(limit, clients.fetch(address, known_by)).await;
    match (fetched.unwrap_or(Err(FetchError::TimedOut { seconds })), before) {
        (Ok(Sent::Bytes(bytes, known_by)), _) => {
            tell_unkept(address, keep(folder, &path, &bytes, &known_by));
            Fetched::Fresh(bytes)
        }
        (Ok(Sent::Unchanged), Ok(Some(Copy { bytes, .. }))) => {
            tell_unkept(address, confirm(&path));
            Fetched::Fresh(bytes)
        }
        (Ok(Sent::Unchanged), Ok(None) | Err(_)) => {
            Fetched::Failed { why: chain(&FetchError::Answered(StatusCode::NOT_MODIFIED)) }
        }
        (Err(error), Ok(Some(Copy { bytes, since, known_by: _ }))) => {
            let why = chain(&error);
            tracing::warn!(%address, why, %since, "an older copy may be used");
            Fetched::Kept { bytes, why: format!("it was fetched at {since}, and now {why}") }
        }
        (Err(error), Ok(None)) => Fetched::Failed { why: chain(&error) },
        (Err(error), Err(unread)) => {
            Fetched::Failed { why: format!("{}; and its copy cannot be read: {unread}", chain(&error)) }
        }
    }
}

fn tell_unkept(address: &Address, kept: io::Result<()>) {
    if let Err(error) = kept {
        tracing::warn!(%address, %error, "no copy could be kept for when the server is out of reach");
    }
}

/// What a server sent.
enum Sent {
    /// The file, and the words by which the server knows it again.
    Bytes(Vec<u8>, KnownBy),
    /// Word that the copy is the file.
    Unchanged,
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

    /// Asks for a file, of which there is a copy that the server may know by these words.
    async fn fetch(&self, address: &Address, known_by: Option<&KnownBy>) -> Result<Sent, FetchError> {
        let unanswered = |error: reqwest::Error| FetchError::Unanswered(error.without_url());
        let mut request = self.client(address)?.get(address.whole());
        if let Some(KnownBy { tag, modified }) = known_by {
            for (header, word) in [(IF_NONE_MATCH, tag), (IF_MODIFIED_SINCE, modified)] {
                request = word.iter().fold(request, |request, word| request.header(header.clone(), word));
            }
        }
        let mut response = request.send().await.map_err(unanswered)?;
        let status = response.status();
        let asks_again = known_by.is_some_and(|known_by| *known_by != KnownBy::default());
        if status == StatusCode::NOT_MODIFIED && asks_again {
            return Ok(Sent::Unchanged);
        }
        if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
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
        Ok(Sent::Bytes(bytes, KnownBy::of(response.headers())))
    }
}

/// The host that a redirect leads to; the rest of the address can hold what gives access.
fn leads_to(response: &Response) -> String {
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let url = location.and_then(|location| response.url().join(location).ok());
    let host = url.as_ref().and_then(Url::host_str);
    host.map_or(String::new(), |host| format!(" to {host}"))
}
