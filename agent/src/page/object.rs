//! An object: what is desired beside what runs, what changed it last, its pods, volumes, revisions and records.

use serde_json::Value;

use super::entry::taken;
use super::history::time_line;
use super::html::Html;
use super::layout::Shell;
use super::site::Link;
use super::table::{begin, commit, end, hash, health, items, number, time, time_of, words};
use crate::record::Record;
use crate::view::event::hashes;
use crate::view::why::{Change, Story, change};

/// The page, by the object in the document of `writ status`, if it is there, and by the records about it.
#[must_use]
pub fn object(shell: &Shell<'_>, current: Option<&Value>, story: &Story, records: &[Record]) -> String {
    let name = story.object.to_string();
    shell.page(&name, |html| {
        match current {
            Some(current) => now(html, current),
            None if html.site().is_served() => {
                html.raw("<p>No unit holds it, and nothing of it runs.</p>\n");
            }
            // Files tell of what was, not of what is.
            None => {}
        }
        html.raw("<h2>What changed it last</h2>\n");
        match &story.change {
            Some(change) => last(html, change),
            None => {
                html.raw("<p>It was never brought to what was asked for.</p>\n");
            }
        }
        html.raw("<h3>Steps for that, and since</h3>\n");
        taken(html, &story.steps, &name, false);
        if !story.notes.is_empty() {
            html.raw("<h3>Beside them</h3>\n<ul>\n");
            for (at, note) in &story.notes {
                html.raw("<li>");
                time(html, *at);
                html.raw(" ").text(note).raw("</li>\n");
            }
            html.raw("</ul>\n");
        }
        html.raw("<h2>Revisions</h2>\n");
        revisions(html, &name, records);
        html.raw("<h2>Records</h2>\n<details><summary>").text(&records.len().to_string());
        html.raw(" records</summary>\n<div class=\"below\">\n");
        time_line(html, records);
        html.raw("</div></details>\n");
        if html.site().is_served() {
            html.raw("<p>").link(&Link::History(&[("object", &name)]), "Its history").raw("</p>\n");
        }
    })
}

/// What is desired beside what runs.
fn now(html: &mut Html<'_>, object: &Value) {
    html.raw("<p class=\"lead\">It is ");
    health(html, words(&object["health"]));
    if let Some(unit) = object["unit"].as_str() {
        html.raw(", of unit ").link(&Link::History(&[("unit", unit)]), unit);
    }
    html.raw(".</p>\n");
    if let Some(condition) = object["condition"].as_str() {
        html.of("<p>", condition, "</p>\n");
    }
    let pods: Vec<&Value> = items(&object["pods"]).collect();
    begin(html, "State", words(&object["object"]), &["What", "Desired", "Running"]);
    if !object["desired"].is_null() {
        html.raw("<tr><th scope=\"row\">Pods</th><td>").text(&number(&object["desired"])).raw("</td><td>");
        html.text(&number(&object["running"])).raw(", ready ").text(&number(&object["ready"])).raw("</td></tr>\n");
    }
    html.raw("<tr><th scope=\"row\">Revision</th><td>");
    hash(html, object["revision"].as_str());
    html.raw("</td><td>");
    let mut running: Vec<Option<&str>> = pods.iter().map(|pod| pod["revision"].as_str()).collect();
    running.push(object["applied"].as_str().filter(|_| pods.is_empty()));
    running.retain(|revision| revision.is_some() || !pods.is_empty());
    running.sort_unstable();
    running.dedup();
    running.retain(Option::is_some);
    for revision in &running {
        hash(html, *revision);
        html.raw(" ");
    }
    html.raw("</td></tr>\n<tr><th scope=\"row\">Commit</th><td>");
    commit(html, object["commit"].as_str());
    html.raw("</td><td></td></tr>\n");
    end(html);
    differences(html, object, &pods);
    if !pods.is_empty() {
        html.raw("<h2>Pods</h2>\n");
        pods_of(html, words(&object["object"]), &pods);
    }
    list(html, "<h2>Volumes</h2>\n<ul>\n", &object["volumes"]);
    list(html, "<h2>Routes</h2>\n<ul>\n", &object["routes"]);
}

/// In what it is not as desired.
fn differences(html: &mut Html<'_>, object: &Value, pods: &[&Value]) {
    let wanted = object["revision"].as_str();
    let mut found = false;
    for pod in pods {
        let older = pod["revision"].as_str() != wanted;
        let altered: Vec<&str> = items(&pod["altered"]).map(words).collect();
        if older || !altered.is_empty() {
            html.raw("<p class=\"notice drift\">").text(words(&pod["pod"])).raw(": ");
            html.raw(if older { "it runs another revision than the desired one" } else { "somebody changed it" });
            if !altered.is_empty() {
                html.raw(": ").text(&altered.join(", "));
            }
            html.raw("</p>\n");
            found = true;
        }
    }
    if !found && !pods.is_empty() {
        html.raw("<p class=\"faint\">What runs is of the desired revision, and nobody changed it.</p>\n");
    }
}

fn pods_of(html: &mut Html<'_>, of: &str, pods: &[&Value]) {
    begin(html, "Pods", of, &["Pod", "Health", "State", "Ready", "Since", "Why"]);
    for pod in pods {
        html.raw("<tr><th scope=\"row\">").text(words(&pod["pod"])).raw("</th><td>");
        health(html, words(&pod["health"]));
        html.raw("</td><td>")
            .text(words(&pod["state"]))
            .raw("</td><td>")
            .text(words(&pod["readiness"]))
            .raw("</td><td>");
        time_of(html, &pod["since"]);
        html.raw("</td><td>");
        let ailment = &pod["ailment"];
        match ailment["text"].as_str() {
            Some(text) => html.text(text).raw("; ").text(words(&ailment["hint"])),
            None => html.raw("–"),
        };
        html.raw("</td></tr>\n");
    }
    end(html);
}

fn list(html: &mut Html<'_>, open: &'static str, names: &Value) {
    if items(names).next().is_none() {
        return;
    }
    html.raw(open);
    for name in items(names) {
        html.raw("<li><code>").text(words(name)).raw("</code></li>\n");
    }
    html.raw("</ul>\n");
}

fn last(html: &mut Html<'_>, change: &Change) {
    let Change { at, unit, commit: by, signer, principal, from, to, replicas: _, changed, .. } = change;
    html.raw("<dl>\n<div><dt>When</dt><dd>");
    time(html, *at);
    html.raw(" by unit ").text(unit).raw("</dd></div>\n<div><dt>Commit</dt><dd>");
    commit(html, by.as_deref());
    html.raw("</dd></div>\n<div><dt>Signed</dt><dd>");
    match (principal, signer) {
        (Some(principal), Some(signer)) => html.text(principal).of(" <code class=\"faint\">", signer, "</code>"),
        (None, Some(signer)) => html.of("<code>", signer, "</code>"),
        (_, None) => html.raw("not known: the record holds no admission of it"),
    };
    html.raw("</dd></div>\n<div><dt>Revision</dt><dd>").text(&hashes(from.as_ref(), to.as_ref())).raw("</dd></div>\n");
    html.raw("<div><dt>What</dt><dd>");
    match (to, changed.is_empty()) {
        (None, _) => html.raw("it was removed"),
        (Some(_), true) => html.raw("all of it is new"),
        (Some(_), false) => html.text(&changed.join(", ")),
    };
    html.raw("</dd></div>\n</dl>\n");
}

fn revisions(html: &mut Html<'_>, of: &str, records: &[Record]) {
    let changes: Vec<Change> = records.iter().filter_map(change).collect();
    if changes.is_empty() {
        html.raw("<p>It had none.</p>\n");
        return;
    }
    begin(html, "Revisions, the newest first,", of, &["When", "Revision", "Commit", "What"]);
    for change in changes.iter().rev() {
        html.raw("<tr><td>");
        time(html, change.at);
        html.raw("</td><td>");
        hash(html, change.to.as_ref().map(writ_core::hash::SpecHash::as_str));
        html.raw("</td><td>");
        commit(html, change.commit.as_deref());
        html.raw("</td><td>").text(&change.changed.join(", ")).raw("</td></tr>\n");
    }
    end(html);
}
