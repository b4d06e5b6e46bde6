//! Parts that several pages have: tables, marks of health, moments, commits.

use serde_json::Value;
use writ_core::time::Timestamp;

use super::html::Html;
use super::site::Link;
use crate::view::event::short_commit;
use crate::view::moment;

/// Begins a table of something with these columns.
pub(super) fn begin(html: &mut Html<'_>, caption: &'static str, of: &str, columns: &[&'static str]) {
    // It can be moved sideways on a narrow screen, also with the keyboard.
    html.raw("<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"").raw(caption).raw(" of ").text(of);
    html.raw("\"><table>\n<caption>").raw(caption).raw(" of ").text(of).raw("</caption>\n<thead><tr>");
    for column in columns {
        html.raw("<th scope=\"col\">").raw(column).raw("</th>");
    }
    html.raw("</tr></thead>\n<tbody>\n");
}

/// Ends it.
pub(super) fn end(html: &mut Html<'_>) {
    html.raw("</tbody>\n</table></div>\n");
}

/// How well something is: by a word, and by a colour beside it.
pub(super) fn health(html: &mut Html<'_>, name: &str) {
    let mark = match name {
        "healthy" | "success" | "admitted" | "done" | "whole" => "<span class=\"mark good\">",
        "progressing" | "pending" | "unchecked" => "<span class=\"mark busy\">",
        "drifted" => "<span class=\"mark drift\">",
        "failing" | "failure" | "error" | "refused" | "broken" => "<span class=\"mark bad\">",
        _ => "<span class=\"mark\">",
    };
    html.raw(mark).text(name).raw("</span>");
}

/// A moment, for people and for programs.
pub(super) fn time(html: &mut Html<'_>, at: Timestamp) {
    html.raw("<time datetime=\"").text(&at.to_string()).raw("\">").text(&moment::shown(at)).raw("</time>");
}

/// A moment of a document.
pub(super) fn time_of(html: &mut Html<'_>, value: &Value) {
    match value.as_str().and_then(|text| Timestamp::parse(text).map(|at| (text, at))) {
        Some((_, at)) => time(html, at),
        None => {
            html.text(words(value));
        }
    }
}

/// A commit, which leads to its page; nothing where there is none.
pub(super) fn commit(html: &mut Html<'_>, commit: Option<&str>) {
    match commit {
        Some(commit) => {
            html.raw("<code>").link(&Link::Commit(commit), short_commit(commit)).raw("</code>");
        }
        None => {
            html.raw("<span class=\"faint\">local files</span>");
        }
    }
}

/// A text of a document; a dash where there is none.
pub(super) fn words(value: &Value) -> &str {
    value.as_str().filter(|text| !text.is_empty()).unwrap_or("–")
}

/// A number of a document.
pub(super) fn number(value: &Value) -> String {
    value.as_i64().map_or_else(|| "–".to_owned(), |number| number.to_string())
}

/// The items of a list of a document.
pub(super) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A hash of content, short enough to compare by eye; all of it is what a pointer over it shows.
pub(super) fn hash(html: &mut Html<'_>, value: Option<&str>) {
    match value {
        None => {
            html.raw("<span class=\"faint\">–</span>");
        }
        Some(hash) => {
            let short: String = hash.chars().take(14).collect();
            html.raw("<code title=\"").text(hash).raw("\">").text(&short).raw("</code>");
        }
    }
}
