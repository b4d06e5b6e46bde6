//! Pages for people, made of the same documents that programs get.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::Value;
use writ_core::model::ObjectId;
use writ_core::time::Timestamp;

use super::House;
use super::answer::Answer;
use super::api::{self, seen};
use super::query::values;
use super::told::Told;
use crate::page::{self, Page, Shell, Signer, Site};
use crate::record::{Event, Filter, Reader, TrustEvent};
use crate::view::{asked, moment};

/// Answers with a page; one that says why there is none, if there is none.
pub(super) fn answer(house: &House, parts: &[&str], query: Option<&str>) -> Answer {
    let moment = seen(&house.bulletin.said());
    let moment =
        moment.map_or_else(|| "nothing was looked at yet".to_owned(), |at| format!("seen {}", moment::shown(at)));
    let shell = Shell { site: Site::Served, host: &house.settings.host.name, moment: &moment };
    match page(house, &shell, parts, query) {
        Ok(page) => Answer::html(StatusCode::OK, page),
        Err(told) => {
            let (status, words) = told.words();
            let title = if status == StatusCode::NOT_FOUND { "Not here" } else { "Cannot be shown" };
            Answer::html(status, page::trouble(&shell, title, &words))
        }
    }
}

fn page(house: &House, shell: &Shell<'_>, parts: &[&str], query: Option<&str>) -> Result<String, Told> {
    let names: &[&str] = if parts == ["history"] { &asked::PARAMETERS } else { &[] };
    let asked = values(query, names).map_err(Told::Wrong)?;
    let (reader, now) = (house.reader()?, house.clock.now());
    let document = |parts: &[&str]| api::answer(house, parts, None);
    match parts {
        [""] => {
            let status = document(&["units"])?;
            Ok(page::overview(shell, &status, &signers(&reader, &status)?))
        }
        ["history"] => history(house, shell, &reader, &asked, now),
        ["commits", commit] => Ok(page::entry(shell, &api::commit_entry(&reader, commit)?)),
        ["objects", kind, scope, name] => {
            let id = format!("{kind}/{scope}/{name}");
            let id =
                ObjectId::parse(&id).ok_or_else(|| Told::Absent(format!("`{}` is no object", id.escape_debug())))?;
            object(house, shell, &reader, &id)
        }
        ["volumes"] => Ok(page::volumes(shell, &document(&["volumes"])?)),
        ["audit"] => Ok(page::audit(shell, &document(&["audit"])?)),
        _ => Err(Told::Absent("There is nothing here.".to_owned())),
    }
}

/// Who signed the commits that units follow.
fn signers(reader: &Reader, status: &Value) -> Result<BTreeMap<String, Signer>, Told> {
    let mut signers = BTreeMap::new();
    for commit in status["units"].as_array().into_iter().flatten().filter_map(|unit| unit["commit"].as_str()) {
        let kind = Some("admitted");
        let admitted =
            reader.history(&Filter { commit: Some(commit.to_owned()), kind, newest: Some(1), ..Filter::default() })?;
        for record in admitted {
            if let Event::Trust(TrustEvent::Admitted { source: _, commit, signer: key, principal, allowed: _ }) =
                record.event
            {
                signers.insert(commit, Signer { key, principal });
            }
        }
    }
    Ok(signers)
}

fn history(
    house: &House,
    shell: &Shell<'_>,
    reader: &Reader,
    asked: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<String, Told> {
    let filter = asked::filter(asked, now).map_err(Told::Wrong)?;
    let (records, next) = api::records(reader, &filter)?;
    let units: Vec<String> = house.settings.units.iter().map(|unit| unit.name.clone()).collect();
    Ok(page::history(shell, &Page { records: &records, asked, units: &units, next, number: None }))
}

fn object(house: &House, shell: &Shell<'_>, reader: &Reader, id: &ObjectId) -> Result<String, Told> {
    let name = id.to_string();
    let objects = api::answer(house, &["objects"], None)?;
    let current = objects["objects"].as_array().into_iter().flatten().find(|object| object["object"] == name);
    let (story, records) = api::story(reader, id)?;
    if current.is_none() && story.is_empty() {
        return Err(Told::Absent(format!("Nothing is known of {name}.")));
    }
    Ok(page::object(shell, current, &story, &records))
}
