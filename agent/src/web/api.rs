//! `/api/v1`: what the commands print as JSON, and what there is beside that, for programs.
//!
//! Invariant: each path stands in `openapi.json`, and each answer has the form that it has there. Held by
//! `api::every_answer_has_the_form_that_the_description_gives_it`.

use std::sync::PoisonError;

use serde_json::{Value, json};
use writ_core::model::ObjectId;
use writ_core::time::Timestamp;

use super::House;
use super::found::report;
use super::query::values;
use super::told::Told;
use crate::bulletin::Said;
use crate::limits::WEB_SUBJECT_RECORDS_MAX;
use crate::record::{Filter, Reader, Record};
use crate::view::status::{Report, view};
use crate::view::{asked, audit, entry, history, why};

/// The description of all this.
pub(super) const DESCRIPTION: &str = include_str!("openapi.json");

/// Answers what is asked for by the parts of a path below `/api/v1`.
pub(super) fn answer(house: &House, parts: &[&str], query: Option<&str>) -> Result<Value, Told> {
    let asked = values(query, if parts == ["history"] { &asked::PARAMETERS } else { &[] }).map_err(Told::Wrong)?;
    let reader = house.reader()?;
    let (said, now) = (house.bulletin.said(), house.clock.now());
    match parts {
        ["units"] => Ok(status(&report(house, &reader, &said, now)?, &said, now)),
        ["objects"] => Ok(objects(&status(&report(house, &reader, &said, now)?, &said, now))),
        ["objects", kind, scope, name] => {
            let id = format!("{kind}/{scope}/{name}");
            let id =
                ObjectId::parse(&id).ok_or_else(|| Told::Absent(format!("`{}` is no object", id.escape_debug())))?;
            object(house, &reader, &said, &id, now)
        }
        ["history"] => page(&reader, &asked::filter(&asked, now).map_err(Told::Wrong)?),
        ["commits", commit] => {
            let entry = commit_entry(&reader, commit)?;
            Ok(entry::document(&entry)?)
        }
        ["audit"] => audit_state(house, &reader),
        ["volumes"] => Ok(volumes(&report(house, &reader, &said, now)?, &said)),
        _ => Err(Told::Absent("there is nothing here; `/api/v1/openapi.json` tells what there is".to_owned())),
    }
}

/// The document of `writ status`, as of the last look: it stays the same until there is another one.
fn status(report: &Report, said: &Said, now: Timestamp) -> Value {
    let mut document = view(report, now).document;
    document["at"] = seen(said).map_or(Value::Null, |at| at.to_string().into());
    document
}

/// When any target was looked at last.
pub(super) fn seen(said: &Said) -> Option<Timestamp> {
    said.units.values().flatten().map(|looked| looked.at).max()
}

/// All objects of a document of `writ status`, each with its unit.
fn objects(status: &Value) -> Value {
    let units = status["units"].as_array().into_iter().flatten();
    let objects = units.flat_map(|unit| {
        let of_unit = unit["objects"].as_array().into_iter().flatten().cloned();
        of_unit.map(move |mut object| {
            object["unit"] = unit["name"].clone();
            object
        })
    });
    json!({"schema": "writ/seen-objects/v1", "at": status["at"], "objects": objects.collect::<Vec<_>>()})
}

/// What is known of one object.
fn object(house: &House, reader: &Reader, said: &Said, id: &ObjectId, now: Timestamp) -> Result<Value, Told> {
    let status = objects(&status(&report(house, reader, said, now)?, said, now));
    let name = id.to_string();
    let current = status["objects"].as_array().into_iter().flatten().find(|object| object["object"] == name);
    let (story, records) = story(reader, id)?;
    if current.is_none() && story.is_empty() {
        return Err(Told::Absent(format!("nothing is known of {name}")));
    }
    let events = records.iter().map(history::document).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({
        "schema": "writ/object/v1", "at": status["at"], "object": name, "current": current,
        "why": why::document(&story), "revisions": revisions(&records), "records": events,
    }))
}

/// What last changed an object, and the newest records about it.
pub(super) fn story(reader: &Reader, id: &ObjectId) -> Result<(why::Story, Vec<Record>), Told> {
    let newest = Some(WEB_SUBJECT_RECORDS_MAX);
    let records = reader.history(&Filter { object: Some(id.clone()), newest, ..Filter::default() })?;
    let mut story = why::tell(id.clone(), &records);
    if let Some(commit) = story.change.as_ref().and_then(|change| change.commit.clone()) {
        story.name_signer(&reader.history(&Filter { commit: Some(commit), newest, ..Filter::default() })?);
    }
    Ok((story, records))
}

/// The revisions that an object had, the newest last.
fn revisions(records: &[Record]) -> Vec<Value> {
    let revision = |it: why::Change| {
        json!({
            "at": it.at.to_string(), "unit": it.unit, "commit": it.commit,
            "revision": it.to.as_ref().map(writ_core::hash::SpecHash::as_str), "replicas": it.replicas, "changed": it.changed,
        })
    };
    records.iter().filter_map(why::change).map(revision).collect()
}

/// One page of the history, the newest records last as the command has them, and where the page before it begins.
fn page(reader: &Reader, filter: &Filter) -> Result<Value, Told> {
    let (records, next) = records(reader, filter)?;
    let documents = records.iter().map(history::document).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({"schema": "writ/history/v1", "records": documents, "next": next}))
}

/// The records of a page, and the record before which the next older page ends; none if there is none.
pub(super) fn records(reader: &Reader, filter: &Filter) -> Result<(Vec<Record>, Option<i64>), Told> {
    let wanted = filter.newest.unwrap_or_default();
    // One more shows whether there is more.
    let more = Filter { newest: Some(wanted.saturating_add(1)), ..filter.clone() };
    let mut records = reader.history(&more)?;
    let is_more = records.len() > wanted as usize;
    if is_more {
        records.remove(0);
    }
    let next = records.first().filter(|_| is_more).map(|record| record.id.0);
    Ok((records, next))
}

/// What is known of a commit.
pub(super) fn commit_entry(reader: &Reader, commit: &str) -> Result<entry::Entry, Told> {
    let is_one = !commit.is_empty() && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    let absent = || Told::Absent(format!("nothing is known of commit {}", commit.escape_debug()));
    let commit = Some(commit.to_ascii_lowercase()).filter(|_| is_one).ok_or_else(absent)?;
    let newest = Some(WEB_SUBJECT_RECORDS_MAX);
    let records = reader.history(&Filter { commit: Some(commit.clone()), newest, ..Filter::default() })?;
    entry::tell(&commit, records).ok_or_else(absent)
}

fn audit_state(house: &House, reader: &Reader) -> Result<Value, Told> {
    let (newest, checkpoint) = (reader.newest()?, reader.checkpoint()?);
    let verified = house.verified.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let checked = verified.as_ref().map(|it| (it.at, it.found.as_deref().map_err(String::as_str)));
    Ok(audit::state(newest.as_ref(), checkpoint.as_ref(), checked))
}

/// The volumes that were seen.
fn volumes(report: &Report, said: &Said) -> Value {
    let volumes = report.units.iter().flat_map(|unit| {
        let seen = unit.observed.iter().flat_map(|observed| &observed.volumes);
        seen.map(move |(name, volume)| {
            json!({
                "name": name, "unit": unit.name, "object": volume.object.as_ref().map(ToString::to_string),
                "claim": volume.claim, "ordinal": volume.ordinal,
                "held": volume.object.as_ref().is_some_and(|object| unit.held.objects.contains_key(object)),
            })
        })
    });
    let at = seen(said).map(|at| at.to_string());
    json!({"schema": "writ/seen-volumes/v1", "at": at, "volumes": volumes.collect::<Vec<_>>()})
}
