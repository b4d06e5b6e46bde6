//! Empties the outbox as far as those who are told let it.

use std::time::Duration;

use writ_core::time::Timestamp;

use super::answer::{Answer, Try};
use super::{Pace, Receiver};
use crate::limits::{FLUSH_SECONDS_MAX, FLUSH_STATUSES_MAX};
use crate::record::{RecordError, Store, Waiting};

/// What one flush did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Statuses that stand on their commits now.
    pub sent: u32,
    /// Statuses that will not be tried again.
    pub given_up: u32,
    /// Times that something was put off.
    pub postponed: u32,
}

/// Sends what is due and what the pace lets, oldest first within each context, and writes down what became of it. Ends after
/// a bounded number of statuses and a bounded time; what is left is still in the outbox. `seed` is random, for the spread of
/// later tries.
pub async fn flush(
    store: &Store,
    receivers: &[Receiver],
    pace: &mut Pace,
    now: Timestamp,
    seed: u64,
) -> Result<Flushed, RecordError> {
    let mut done = Flushed::default();
    let limit = Duration::from_secs(FLUSH_SECONDS_MAX);
    // A request that the limit cuts off leaves its status waiting: it is offered again, which changes nothing if it had
    // arrived.
    match tokio::time::timeout(limit, send_all(store, receivers, pace, now, seed, &mut done)).await {
        Ok(ended) => ended?,
        Err(_elapsed) => {
            tracing::warn!(seconds = FLUSH_SECONDS_MAX, "those who are told are slow; the rest is sent later");
        }
    }
    Ok(done)
}

async fn send_all(
    store: &Store,
    receivers: &[Receiver],
    pace: &mut Pace,
    now: Timestamp,
    seed: u64,
    done: &mut Flushed,
) -> Result<(), RecordError> {
    let mut random = seed;
    let mut left = FLUSH_STATUSES_MAX;
    loop {
        // Those that are in no settings any more have nobody to speak to them; what waits for them stays.
        let due = store.due(now)?;
        let spoken = |waiting: &Waiting| receivers.iter().find(|receiver| receiver.id() == waiting.forge);
        pace.begin();
        let mut may = |receiver: &&Receiver| receiver.writer().is_none_or(|writer| pace.lets(now, &writer));
        let mut spoken = due.iter().filter_map(|waiting| Some((spoken(waiting)?, waiting)));
        let first = spoken.find(|(receiver, waiting)| receiver.has_time_for(waiting, now) && may(receiver));
        let Some((receiver, waiting)) = first else { return Ok(()) };
        if left == 0 {
            return Ok(());
        }
        left -= 1;
        random = next(random);
        // Before it is known what becomes of it: one that is cut off may have arrived.
        receiver.writer().into_iter().for_each(|writer| pace.wrote(now, &writer));
        send(store, receiver, waiting, now, random, done).await?;
    }
}

async fn send(
    store: &Store,
    receiver: &Receiver,
    waiting: &Waiting,
    now: Timestamp,
    random: u64,
    done: &mut Flushed,
) -> Result<(), RecordError> {
    let Waiting {
        id,
        forge: name,
        status,
        text: _,
        enqueued: _,
        attempts,
        sent: _,
        sent_at: _,
        is_overtaken: _,
        remark: _,
    } = waiting;
    let held = store.hold(name)?.map_or(0, |hold| hold.failures);
    let attempt = Try { speaks: receiver.speaks(), now, failures: (*attempts).max(held), random };
    let answer = receiver.offer(waiting, attempt).await;
    tracing::debug!(forge = name, commit = status.commit, context = status.context, ?answer, "offered");
    match answer {
        Answer::Taken(rest) => {
            done.sent += 1;
            store.batch(|batch| {
                batch.sent(now, *id)?;
                rest.map_or(Ok(()), |until| batch.forge_postponed(now, name, until, "its limit of requests is used up"))
            })
        }
        Answer::Later(until, reason) => {
            done.postponed += 1;
            store.postponed(*id, until, &reason)
        }
        Answer::ForgeLater(until, reason) => {
            done.postponed += 1;
            store.forge_postponed(now, name, until, &reason)
        }
        Answer::Never(reason) => {
            done.given_up += 1;
            store.given_up(now, *id, &reason)
        }
    }
}

/// The next of a row of numbers that look random. Source: `SplitMix64` of Steele, Lea and Flood (2014).
pub(super) const fn next(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
