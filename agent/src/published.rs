//! Publishes how far this host is with a source, and looks at what others publish, where the settings say so.
//!
//! Invariant: nothing is pushed without the setting; a push that fails holds nothing up, and is told once.

use writ_core::status::State;
use writ_core::time::{Seconds, Timestamp};
use writ_core::trust::{CommitId, HostState, Published};

use crate::agent::Agent;
use crate::error::chain;
use crate::git::{GitError, SignedPublished};
use crate::limits::PUBLISH_AGAIN_SECONDS;
use crate::lookout::with;
use crate::record::{RecordError, Standing, TrustEvent};
use crate::source::Source;
use crate::split::splits;
use crate::trouble::floor;

/// Why it was not published how far the host is.
#[derive(Debug, thiserror::Error)]
enum Unpublished {
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Publishes how far the host is, unless that stands there already. `head` is the commit that it follows.
pub(crate) async fn publish(agent: &Agent, source: &Source, head: CommitId) {
    let trouble = publish_now(agent, source, head, agent.clock.now()).await.err();
    let trouble = trouble.map(|error| chain(&error)).unwrap_or_default();
    if !trouble.is_empty() && *source.unpublished.borrow() != trouble {
        let source = &source.settings.name;
        tracing::warn!(source, error = trouble, "how far this host is cannot be published; it goes on");
    }
    source.unpublished.replace(trouble);
}

/// Compares what other hosts say that they follow with what this one follows, and tells where that is a history apart.
///
/// # Errors
/// If the record cannot be written.
pub(crate) async fn compare(agent: &Agent, source: &mut Source, head: CommitId) -> Result<(), RecordError> {
    if source.compared == Some(head) {
        return Ok(());
    }
    let (host, branch) = (agent.settings.host.name.clone(), source.settings.branch.clone());
    let found = with(&source.mirror, move |mirror| splits(mirror.repository(), &host, &branch, head)).await;
    let name = &source.settings.name;
    match found {
        Ok((_, splits)) => {
            for split in &splits {
                tracing::error!(source = name, "split view: {split}");
                let event = TrustEvent::SplitView {
                    source: name.clone(),
                    host: split.host.clone(),
                    head: split.head.to_string(),
                    own: head.to_string(),
                    detail: split.to_string(),
                };
                agent.store.append_news(agent.clock.now(), &event.into())?;
            }
            (source.splits, source.compared) = (splits, Some(head));
        }
        Err(error) => {
            tracing::warn!(source = name, error = chain(&error), "what other hosts follow cannot be compared");
        }
    }
    Ok(())
}

async fn publish_now(agent: &Agent, source: &Source, head: CommitId, now: Timestamp) -> Result<(), Unpublished> {
    let (store, settings) = (&agent.store, &source.settings);
    let (Some(floor), Some(key)) = (floor(store, &settings.name)?, store.named_host_key()?) else { return Ok(()) };
    let published = Published {
        host: agent.settings.host.name.clone(),
        source: settings.name.clone(),
        branch: settings.branch.clone(),
        head,
        floor,
        audit: store.audit_head()?.hex(),
        time: now,
        state: state(agent, &settings.name)?,
    };
    let (all, _) = with(&source.mirror, |mirror| mirror.repository().published()).await?;
    let signer = key.fingerprint();
    if all.iter().any(|known| known.signer.to_string() == signer && says_the_same(known, &published)) {
        return Ok(());
    }
    let text = published.text();
    let Some((_, signature)) = store.sign_as_host(&text)? else { return Ok(()) };
    let push = move |mirror: &mut crate::git::Mirror| mirror.publish(&published, (&text, &signature), head);
    Ok(with(&source.mirror, push).await?)
}

/// True if both say the same but for the journal and the time, and the time is not so long ago that the host would seem silent.
fn says_the_same(known: &SignedPublished, now: &Published) -> bool {
    let Published { host, source, branch, head, floor, audit: _, time, state } = &known.published;
    let fresh = now.time < time.plus(Seconds(PUBLISH_AGAIN_SECONDS));
    let told = (host, source, branch, head, floor, state);
    fresh && told == (&now.host, &now.source, &now.branch, &now.head, &now.floor, &now.state)
}

/// The worst of how the units of a source stand; none if nothing is known of them.
fn state(agent: &Agent, source: &str) -> Result<Option<HostState>, RecordError> {
    let standings = agent.units_of(source).map(|unit| agent.store.standing(&unit.settings.name));
    let standings: Vec<Option<Standing>> = standings.collect::<Result<_, _>>()?;
    Ok(standings.into_iter().flatten().map(|standing| of_standing(&standing)).max())
}

fn of_standing(standing: &Standing) -> HostState {
    match standing.state {
        State::Success => HostState::Success,
        State::Pending => HostState::Pending,
        State::Failure if standing.is_drift() => HostState::Drifted,
        State::Failure => HostState::Failure,
        State::Error => HostState::Error,
    }
}
