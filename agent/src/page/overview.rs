//! The overview: each unit, how it is, by which commit of whom, and since when.

use std::collections::BTreeMap;

use serde_json::Value;
use writ_core::model::ObjectId;

use super::html::Html;
use super::layout::Shell;
use super::site::Link;
use super::table::{begin, commit, end, hash, health, items, number, time_of, words};

/// Who signed a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The fingerprint of the key.
    pub key: String,
    /// The name that the repository gives it.
    pub principal: Option<String>,
}

/// The page, by the document of `writ status` and the signers of its commits.
#[must_use]
pub fn overview(shell: &Shell<'_>, status: &Value, signers: &BTreeMap<String, Signer>) -> String {
    shell.page("Overview", |html| {
        html.raw("<p class=\"lead\">This host is ");
        health(html, words(&status["health"]));
        html.raw(".</p>\n");
        for unit in items(&status["units"]) {
            one(html, unit, signers);
        }
        if items(&status["units"]).next().is_none() {
            html.raw("<p>The settings name no unit.</p>\n");
        }
    })
}

fn one(html: &mut Html<'_>, unit: &Value, signers: &BTreeMap<String, Signer>) {
    let name = words(&unit["name"]);
    html.raw("<section class=\"unit\">\n<h2>").text(name).raw(" ");
    health(html, words(&unit["health"]));
    html.raw("</h2>\n<dl>\n<div><dt>Commit</dt><dd>");
    let followed = unit["commit"].as_str();
    match followed {
        Some(_) => commit(html, followed),
        None => {
            html.raw("<span class=\"faint\">none yet</span>");
        }
    }
    html.raw(" of ").text(words(&unit["source"])).raw(", ").text(words(&unit["branch"])).raw("</dd></div>\n");
    if let Some(Signer { key, principal }) = followed.and_then(|commit| signers.get(commit)) {
        html.raw("<div><dt>Signed</dt><dd>");
        match principal {
            Some(principal) => html.text(principal).of(" <code class=\"faint\">", key, "</code>"),
            None => html.of("<code>", key, "</code>"),
        };
        html.raw("</dd></div>\n");
    }
    html.raw("<div><dt>State</dt><dd>").text(words(&unit["state"])).raw(": ").text(words(&unit["text"]));
    html.raw("</dd></div>\n<div><dt>Since</dt><dd>");
    time_of(html, &unit["since"]);
    html.raw("</dd></div>\n</dl>\n");
    notices(html, unit);
    objects(html, unit);
    html.raw("<p>").link(&Link::History(&[("unit", name)]), "Its history").raw("</p>\n</section>\n");
}

/// What somebody must know of a unit besides.
fn notices(html: &mut Html<'_>, unit: &Value) {
    if let Some(trouble) = unit["head_trouble"].as_str() {
        html.raw("<p class=\"notice bad\">The head of the branch is not followed: ").text(trouble).raw("</p>\n");
    }
    for split in items(&unit["split_view"]) {
        html.raw("<p class=\"notice bad\">Split view: ").text(words(split)).raw("</p>\n");
    }
    if let Some(why) = unit["unreachable"].as_str() {
        html.raw("<p class=\"notice bad\">Its target could not be looked at: ").text(why).raw("</p>\n");
    }
    let suspended = &unit["suspended"];
    if suspended.is_object() {
        html.raw("<p class=\"notice busy\">Let alone by ").text(words(&suspended["owner"])).raw(" until ");
        match suspended["until"].as_str() {
            Some(_) => time_of(html, &suspended["until"]),
            None => {
                html.raw("it is resumed");
            }
        }
        html.raw(": ").text(words(&suspended["reason"])).raw("</p>\n");
    }
    for (pod, why) in unit["unseen"].as_object().into_iter().flatten() {
        html.raw("<p class=\"notice busy\">").text(pod).raw(" could not be looked at: ").text(words(why)).raw("</p>\n");
    }
}

fn objects(html: &mut Html<'_>, unit: &Value) {
    if items(&unit["objects"]).next().is_none() {
        html.raw("<p class=\"faint\">It holds nothing.</p>\n");
        return;
    }
    begin(html, "Objects", words(&unit["name"]), &["Object", "Health", "Ready", "Revision", "Commit"]);
    for object in items(&unit["objects"]) {
        let name = words(&object["object"]);
        html.raw("<tr><th scope=\"row\">");
        match ObjectId::parse(name) {
            Some(id) => html.link(&Link::Object(&id), name),
            None => html.text(name),
        };
        html.raw("</th><td>");
        health(html, words(&object["health"]));
        html.raw("</td><td>");
        match object["condition"].as_str() {
            Some(condition) => html.text(condition),
            None => html.text(&number(&object["ready"])).raw(" of ").text(&number(&object["desired"])),
        };
        html.raw("</td><td>");
        hash(html, object["revision"].as_str());
        html.raw("</td><td>");
        commit(html, object["commit"].as_str());
        html.raw("</td></tr>\n");
    }
    end(html);
}
