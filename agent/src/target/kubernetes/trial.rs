//! An application that is only tried: what the server would make of an object, and whose fields it would take.
//!
//! Invariant: nothing is changed (`dryRun=All`), and unknown fields are refused (`fieldValidation=Strict`).

use serde_json::Value;
use writ_core::cluster::{ClusterObject, Left, Owner, Trial, differences};
use writ_core::model::Kind;

use super::MANAGER;
use super::discovery::Resource;
use super::said::Said;
use super::wire::{Ask, Wire};
use crate::error::chain;
use crate::limits::TRIAL_PATIENCE_SECONDS;

/// What a trial showed.
pub(super) enum Tried {
    /// There is no such object.
    Absent(Trial),
    /// There may be one.
    There(Trial),
    /// There is no namespace of that name.
    Homeless(String),
}

/// Tries to apply an object, as whom it would be applied. `live` is it as it is, if it is there, and what of it is left to others.
pub(super) async fn attempt(
    wire: &Wire,
    owner: &Owner,
    resource: &Resource,
    object: &ClusterObject,
    there: Option<(&Value, &Left)>,
) -> Tried {
    let wire = wire.acting_as(object.account.as_ref());
    let body = object.sent(owner, there);
    let live = there.map(|(live, _)| live);
    let path = format!("{}?fieldManager={MANAGER}&dryRun=All&fieldValidation=Strict", resource.one(&object.id));
    let ask = |force: &str| Ask::apply(format!("{path}{force}"), &body);
    let operation = format!("try {}", object.id);
    let said = match wire.ask_for(&operation, &ask(""), TRIAL_PATIENCE_SECONDS).await {
        Ok(said) => said,
        Err(error) => return Tried::There(Trial::Unknown(chain(&error))),
    };
    let conflicts = said.conflicts();
    if said.status == 409 && !conflicts.is_empty() {
        let forced = wire.ask_for(&operation, &ask("&force=true"), TRIAL_PATIENCE_SECONDS).await;
        return Tried::There(match forced {
            Ok(forced) if forced.is_ok() => {
                let fields = live.map(|live| differences(live, &forced.body)).unwrap_or_default();
                Trial::Differs { fields, conflicts }
            }
            Ok(forced) => judged(object.id.kind, &forced),
            Err(error) => Trial::Unknown(chain(&error)),
        });
    }
    match (said.status, live) {
        (201, _) => Tried::Absent(Trial::Differs { fields: Vec::new(), conflicts: Vec::new() }),
        (404, _) => Tried::Homeless(said.words()),
        (200, Some(live)) => {
            let fields = differences(live, &said.body);
            Tried::There(if fields.is_empty() { Trial::Same } else { Trial::Differs { fields, conflicts } })
        }
        (200, None) => Tried::There(Trial::Unasked),
        (_, _) => Tried::There(judged(object.id.kind, &said)),
    }
}

/// What an answer that is no object means.
fn judged(kind: Kind, said: &Said) -> Trial {
    // The words about a Secret may hold a value of it.
    let words = if kind == Kind::Secret { said.fields() } else { said.words() };
    match said.status {
        422 if said.is_immutable() => Trial::Immutable(words),
        _ if said.is_untyped() => Trial::Refused(words),
        400 | 403 | 404 | 405 | 413 | 415 | 422 => Trial::Refused(words),
        _ => Trial::Unknown(words),
    }
}
