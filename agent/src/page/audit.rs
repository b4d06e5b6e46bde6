//! The state of the audit: how far the journal is, how far it is signed, and until when its chain was found whole.

use serde_json::Value;

use super::layout::Shell;
use super::table::{health, items, number, time_of, words};

/// The page, by the document of `/api/v1/audit`.
#[must_use]
pub fn audit(shell: &Shell<'_>, state: &Value) -> String {
    shell.page("Audit", |html| {
        let verified = &state["verified"];
        let verdict = &verified["verdict"];
        html.raw("<p class=\"lead\">");
        match (verified["trouble"].as_str(), verdict["whole"].as_bool()) {
            (Some(trouble), _) => {
                html.raw("The journal could not be checked: ").text(trouble);
            }
            (None, None) => {
                html.raw("The journal is being checked.");
            }
            (None, Some(true)) => {
                html.raw("The chain of the journal was found ");
                health(html, "whole");
                html.raw(" on ");
                time_of(html, &verified["at"]);
                html.raw(".");
            }
            (None, Some(false)) => {
                html.raw("The chain of the journal is ");
                health(html, "broken");
                html.raw(" at record ").text(&number(&verdict["broken"]["record"])).raw(": ");
                html.text(words(&verdict["broken"]["what"]));
            }
        }
        html.raw("</p>\n<dl>\n<div><dt>Newest record</dt><dd>").text(&number(&state["head"]["record"])).raw(", ");
        time_of(html, &state["head"]["at"]);
        html.raw("</dd></div>\n<div><dt>Head</dt><dd><code class=\"long\">").text(words(&state["head"]["hash"]));
        html.raw("</code></dd></div>\n<div><dt>Signed up to</dt><dd>");
        match state["checkpoint"]["record"].as_i64() {
            Some(record) => {
                html.raw("record ").text(&record.to_string()).raw(", ");
                time_of(html, &state["checkpoint"]["at"]);
            }
            None => {
                html.raw("nothing yet");
            }
        }
        html.raw("</dd></div>\n<div><dt>Host key</dt><dd><code class=\"long\">").text(words(&verdict["key"]));
        html.raw("</code></dd></div>\n<div><dt>Checkpoints</dt><dd>").text(&number(&verdict["checkpoints"]));
        html.raw("</dd></div>\n</dl>\n");
        for record in items(&verdict["replaced"]) {
            html.raw("<p class=\"notice bad\">At record ").text(&number(record));
            html.raw(" the host key was replaced, and the lost one did not sign that.</p>\n");
        }
        html.raw(
            "<p>What this page says is said by the host itself. Whoever does not trust it checks a copy elsewhere, by ",
        );
        html.raw("<code>writ audit verify</code>, and compares the head with the one in the commit statuses.</p>\n");
    })
}
