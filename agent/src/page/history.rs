//! The history as a time line. What is chosen of it stands in the address.

use std::collections::BTreeMap;

use super::html::Html;
use super::layout::Shell;
use super::site::Link;
use super::table::time;
use crate::record::{About, KINDS, Record};
use crate::view::event::{self, Told};

/// A page of the history.
#[derive(Debug)]
pub struct Page<'a> {
    /// Its records, the oldest first.
    pub records: &'a [Record],
    /// What was asked for, by name.
    pub asked: &'a BTreeMap<String, String>,
    /// What can be chosen: the units.
    pub units: &'a [String],
    /// The record before which the next older page ends.
    pub next: Option<i64>,
    /// Of files, the number of the page; the newest is 0.
    pub number: Option<usize>,
}

/// The page, its newest record first.
#[must_use]
pub fn history(shell: &Shell<'_>, page: &Page<'_>) -> String {
    shell.page("History", |html| {
        if html.site().is_served() {
            choice(html, page);
        }
        if page.records.is_empty() {
            html.raw("<p>No record is as asked for.</p>\n");
        }
        time_line(html, page.records);
        onward(html, page);
    })
}

/// Records by days, the newest first.
pub(super) fn time_line(html: &mut Html<'_>, records: &[Record]) {
    let day = |record: &Record| record.at.to_string().chars().take(10).collect::<String>();
    let mut at = String::new();
    for record in records.iter().rev() {
        if day(record) != at {
            if !at.is_empty() {
                html.raw("</ol>\n");
            }
            at = day(record);
            html.of("<h2>", &at, "</h2>\n").raw("<ol class=\"line\">\n");
        }
        one(html, record);
    }
    if !at.is_empty() {
        html.raw("</ol>\n");
    }
}

fn one(html: &mut Html<'_>, record: &Record) {
    let Told { about, text } = event::told(&record.event);
    let About { unit, commit, object, pod: _ } = record.about();
    let alarming = ["REFUSED", "FAILED", "SPLIT VIEW", "REWOUND"].iter().any(|word| text.starts_with(word));
    html.raw(if alarming { "<li class=\"bad\" id=\"r" } else { "<li id=\"r" });
    html.text(&record.id.to_string()).raw("\"><p class=\"head\">");
    time(html, record.at);
    html.raw(" <span class=\"kind\">").text(&record.kind).raw("</span> ");
    let object = object.as_deref().and_then(writ_core::model::ObjectId::parse);
    match (&object, &unit) {
        (Some(id), _) => html.link(&Link::Object(id), &about),
        (None, Some(unit)) if html.site().is_served() => html.link(&Link::History(&[("unit", unit)]), &about),
        (None, _) => html.text(&about),
    };
    if let Some(commit) = &commit {
        html.raw(" <code>").link(&Link::Commit(commit), event::short_commit(commit)).raw("</code>");
    }
    html.raw("</p><p class=\"what\">").text(&text).raw("</p></li>\n");
}

/// The form that chooses: it asks for the same page by its address.
fn choice(html: &mut Html<'_>, page: &Page<'_>) {
    let asked = |name: &str| page.asked.get(name).map_or("", String::as_str);
    html.raw("<form class=\"choice\" method=\"get\" action=\"/history\" aria-label=\"Choose records\">\n");
    html.raw("<p><label for=\"unit\">Unit</label><select id=\"unit\" name=\"unit\"><option value=\"\">all</option>");
    for unit in page.units {
        option(html, unit, asked("unit"));
    }
    html.raw("</select></p>\n<p><label for=\"kind\">Kind</label><select id=\"kind\" name=\"kind\"><option value=\"\">all</option>");
    for kind in KINDS {
        option(html, kind, asked("kind"));
    }
    html.raw("</select></p>\n");
    field(
        html,
        "<p><label for=\"object\">Object</label><input id=\"object\" name=\"object\" placeholder=\"statefulset/data/pg\"",
        asked("object"),
    );
    field(
        html,
        "<p><label for=\"commit\">Commit</label><input id=\"commit\" name=\"commit\" placeholder=\"all digits\"",
        asked("commit"),
    );
    field(
        html,
        "<p><label for=\"since\">Since</label><input id=\"since\" name=\"since\" placeholder=\"2h or 2026-11-21\"",
        asked("since"),
    );
    html.raw("<p><button type=\"submit\">Show</button></p>\n</form>\n");
}

fn option(html: &mut Html<'_>, value: &str, chosen: &str) {
    html.raw(if value == chosen { "<option selected>" } else { "<option>" }).text(value).raw("</option>");
}

fn field(html: &mut Html<'_>, open: &'static str, value: &str) {
    html.raw(open).raw(" value=\"").text(value).raw("\" autocomplete=\"off\" spellcheck=\"false\"></p>\n");
}

/// Where it goes on: to older records, and for files to newer ones.
fn onward(html: &mut Html<'_>, page: &Page<'_>) {
    let newer = page.number.and_then(|number| number.checked_sub(1));
    if newer.is_none() && page.next.is_none() {
        return;
    }
    html.raw("<nav class=\"onward\" aria-label=\"Pages\">");
    if let Some(newer) = newer {
        html.link(&Link::HistoryFile(newer), "Newer records").raw(" ");
    }
    match (page.next, page.number) {
        (Some(_), Some(number)) => {
            html.link(&Link::HistoryFile(number + 1), "Older records");
        }
        (Some(next), None) => {
            let next = next.to_string();
            let names = ["unit", "object", "commit", "kind", "since", "limit"];
            let kept = names.iter().filter_map(|name| Some((*name, page.asked.get(*name)?.as_str())));
            let mut choice: Vec<(&'static str, &str)> = kept.filter(|(_, value)| !value.is_empty()).collect();
            choice.push(("before", &next));
            html.link(&Link::History(&choice), "Older records");
        }
        (None, _) => {}
    }
    html.raw("</nav>\n");
}
