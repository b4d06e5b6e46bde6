//! One exchange with a remote: connect, ask, and tell failures apart.

use std::collections::BTreeMap;
use std::sync::Arc;

use gix::protocol::transport::Protocol;
use gix::protocol::transport::client::blocking_io::{Transport, http};
use gix::protocol::transport::client::git::{ConnectMode, blocking_io::Connection as GitConnection};
use gix::remote::Direction;
use gix::remote::fetch::{RefMap, Tags};
use writ_core::trust::CommitId;

use super::advice::advice;
use super::bounds::Allowance;
use super::error::{GitError, Operation, is_of_sha256};
use super::http::{Bounded, options};
use super::meter::{Deadline, Meter, Metered, Reached};
use super::objects::commit_id;
use super::process::{Carrier, ssh, upload_pack};
use super::remote::{Address, Remote};
use super::statements::{APPROVALS, HOSTS, REWINDS};
use crate::limits::OBJECT_BYTES_MAX;

type Connection<'a, 'repo> = gix::remote::Connection<'a, 'static, 'repo, Box<dyn Transport + Send>>;

/// What an exchange brought.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The commit that the remote offers, if the branch is there.
    pub(super) offered: Option<CommitId>,
    /// The refs of statements that it has, by our own names for them.
    pub(super) statements: Statements,
    /// Bytes received: the protocol's own, without what SSH or TLS put around them.
    pub(super) received: u64,
}

/// Refs of statements, by our own names, and what they name.
pub(super) type Statements = BTreeMap<String, gix::ObjectId>;

/// What a remote told of the refs that were asked for.
type Told = (Option<gix::ObjectId>, Statements);

/// Asks where the branch is and which statements there are, and nothing else.
pub(super) fn list(repository: &gix::Repository, remote: &Remote) -> Result<Outcome, GitError> {
    run(repository, remote, Operation::List, &branch(remote)?, |connection, reference, _| {
        let (refs, _) = connection.ref_map(gix::progress::Discard, gix::remote::ref_map::Options::default())?;
        Ok((find(&refs, reference), statements(&refs, reference)))
    })
}

/// Takes what the branch brings into the mirror, under our own name.
pub(super) fn fetch(repository: &gix::Repository, remote: &Remote) -> Result<Outcome, GitError> {
    take(repository, remote, &branch(remote)?)
}

/// Takes one other ref of the remote and nothing else, under the name `ours`.
pub(super) fn fetch_ref(
    repository: &gix::Repository,
    remote: &Remote,
    (theirs, ours): (&str, &str),
) -> Result<Option<CommitId>, GitError> {
    let asked = Asked { reference: theirs.to_owned(), refspecs: vec![format!("+{theirs}:{ours}")] };
    take(repository, remote, &asked).map(|outcome| outcome.offered)
}

/// What a remote is asked for.
struct Asked {
    /// The ref without which nothing is taken.
    reference: String,
    /// That one and others, with our own names for them.
    refspecs: Vec<String>,
}

/// The branch, and the statements beside it.
fn branch(remote: &Remote) -> Result<Asked, GitError> {
    let (reference, below) = (remote.reference()?, remote.statements());
    let refspecs = vec![
        format!("+{reference}:{}", remote.offered()?),
        format!("+refs/writ/{APPROVALS}*:{below}{APPROVALS}*"),
        format!("+refs/writ/{REWINDS}*:{below}{REWINDS}*"),
        format!("+refs/writ/{HOSTS}*:{below}{HOSTS}*"),
    ];
    Ok(Asked { reference, refspecs })
}

fn take(repository: &gix::Repository, remote: &Remote, asked: &Asked) -> Result<Outcome, GitError> {
    run(repository, remote, Operation::Fetch, asked, |connection, reference, meter| {
        let prepared = connection.prepare_fetch(gix::progress::Discard, gix::remote::ref_map::Options::default())?;
        let told = (find(prepared.ref_map(), reference), statements(prepared.ref_map(), reference));
        if told.0.is_some() {
            prepared.receive(gix::progress::Discard, &meter.interrupted)?;
        }
        Ok(told)
    })
}

/// The id that the remote's listing gives for exactly this ref, whatever kind of object it names.
fn find(refs: &RefMap, reference: &str) -> Option<gix::ObjectId> {
    let mapping = refs.mappings.iter().find(|mapping| mapping.remote.as_name().is_some_and(|name| name == reference));
    mapping.and_then(|mapping| mapping.remote.as_id()).map(ToOwned::to_owned)
}

/// The other refs of a listing, by our own names.
fn statements(refs: &RefMap, reference: &str) -> Statements {
    let others = refs.mappings.iter().filter(|mapping| mapping.remote.as_name().is_some_and(|name| name != reference));
    let named =
        others.filter_map(|mapping| Some((mapping.local.as_ref()?.to_string(), mapping.remote.as_id()?.to_owned())));
    named.collect()
}

fn run(
    repository: &gix::Repository,
    remote: &Remote,
    operation: Operation,
    Asked { reference, refspecs }: &Asked,
    ask: impl FnOnce(Connection<'_, '_>, &str, &Meter) -> gix::Result<Told>,
) -> Result<Outcome, GitError> {
    let address = remote.address()?;
    let allowance = match operation {
        Operation::List | Operation::Push => remote.bounds.list,
        Operation::Fetch => remote.bounds.fetch,
    };
    let failed = |source: Box<dyn std::error::Error + Send + Sync>, said: String| {
        let advice = advice(&said, &address, &remote.credentials).map_or(String::new(), |advice| format!(": {advice}"));
        let said = if said.is_empty() { said } else { format!(" ({said})") };
        GitError::Remote { operation, url: remote.url.clone(), said: advice + &said, source }
    };
    // The address of a mirror's remote is never used to connect: the transport below is ours.
    let ours = repository.remote_at_without_url_rewrite(remote.url.as_str());
    let ours = ours.map(|ours| ours.with_fetch_tags(Tags::None));
    let ours = ours.and_then(|ours| ours.with_refspecs(refspecs.iter().map(String::as_str), Direction::Fetch));
    let ours = ours.map_err(|error| failed(error.into(), String::new()))?;

    let meter = Meter::new(allowance);
    let (transport, options, carrier) = connect(&address, remote, &meter, &failed)?;
    let end = carrier.as_ref().map(Carrier::ender);
    let deadline = Deadline::start(Arc::clone(&meter), move || end.into_iter().for_each(|end| end()));
    // Nobody is asked for a password: what the settings give is all there is.
    let mut connection = ours.to_connection_with_transport(transport).with_credentials(|_| Ok(None));
    connection.set_transport_options(options);
    let answer = ask(connection, reference, &meter);
    drop(deadline);
    let said = carrier.map(Carrier::end).unwrap_or_default();
    let (offered, statements) = match answer {
        Ok(told) => told,
        Err(error) => return Err(why(operation, remote, allowance, &meter, error, |error| failed(error.into(), said))),
    };
    let offered = offered.map(|id| commit_id(&id)).transpose().map_err(|error| failed(error.into(), said))?;
    Ok(Outcome { offered, statements, received: meter.received() })
}

/// Why an exchange failed: the limit that it reached, if it reached one.
fn why(
    operation: Operation,
    remote: &Remote,
    allowance: Allowance,
    meter: &Meter,
    error: gix::Error,
    failed: impl FnOnce(gix::Error) -> GitError,
) -> GitError {
    let url = remote.url.clone();
    let Allowance { time, silence, bytes, memory } = allowance;
    let too_large = |class: gix::error::Class| matches!(class, gix::error::Class::ResourceExhaustion(_));
    match (meter.ended_by(), meter.redirect()) {
        (Some(Reached::Time), _) => GitError::TimedOut { operation, url, seconds: time.as_secs_f64() },
        (Some(Reached::Silence), _) => GitError::Silent { operation, url, seconds: silence.as_secs_f64() },
        (Some(Reached::Bytes), _) => GitError::TooMuch { operation, url, bytes },
        (Some(Reached::Memory), _) => GitError::TooHeavy { operation, url, bytes: memory },
        (None, Some(to)) => GitError::Redirected { url, to },
        (None, None) if error.classify().any(|found| too_large(found.class())) => {
            GitError::TooLarge { operation, url, bytes: OBJECT_BYTES_MAX }
        }
        (None, None) if is_of_sha256(&error) => GitError::Sha256 { place: url },
        (None, None) => failed(error),
    }
}

type Connected = (Box<dyn Transport + Send>, Box<dyn std::any::Any>, Option<Carrier>);

/// Reaches the remote by its own way.
fn connect(
    address: &Address,
    remote: &Remote,
    meter: &Arc<Meter>,
    failed: &impl Fn(Box<dyn std::error::Error + Send + Sync>, String) -> GitError,
) -> Result<Connected, GitError> {
    let (mut command, path) = match address {
        Address::Http { url } => {
            let token = remote.token()?;
            let options = options(meter, url.user(), token.as_ref());
            let transport = http::connect_http(Bounded::new(Arc::clone(meter)), url.clone(), Protocol::V2, false);
            return Ok((Box::new(transport), Box::new(options), None));
        }
        Address::File { path } => (upload_pack(path), path.to_string_lossy().into_owned()),
        Address::Ssh { path, .. } => {
            let command = ssh(address, &remote.credentials).expect("an ssh address has a command");
            (command, path.clone())
        }
    };
    let started = Carrier::start(&mut command);
    let (carrier, output, input) = started.map_err(|error| failed(error.into(), String::new()))?;
    let output = Metered::new(output, Arc::clone(meter));
    let host = None::<(String, Option<u16>)>;
    let transport = GitConnection::new(output, input, Protocol::V2, path, host, ConnectMode::Process, false);
    Ok((Box::new(transport), Box::new(()), Some(carrier)))
}
