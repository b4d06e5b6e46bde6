//! The volumes that were seen.

use serde_json::Value;
use writ_core::model::ObjectId;

use super::layout::Shell;
use super::site::Link;
use super::table::{begin, end, items, number, words};

/// The page, by the document of `/api/v1/volumes`.
#[must_use]
pub fn volumes(shell: &Shell<'_>, seen: &Value) -> String {
    shell.page("Volumes", |html| {
        if items(&seen["volumes"]).next().is_none() {
            html.raw("<p>None was seen.</p>\n");
            return;
        }
        begin(html, "Volumes", shell.host, &["Volume", "Unit", "Object", "Claim", "Ordinal", "Held"]);
        for volume in items(&seen["volumes"]) {
            html.raw("<tr><th scope=\"row\"><code>").text(words(&volume["name"])).raw("</code></th><td>");
            html.text(words(&volume["unit"])).raw("</td><td>");
            let object = words(&volume["object"]);
            match ObjectId::parse(object) {
                Some(id) => html.link(&Link::Object(&id), object),
                None => html.text(object),
            };
            html.raw("</td><td>").text(words(&volume["claim"])).raw("</td><td>").text(&number(&volume["ordinal"]));
            let held = volume["held"] == true;
            html.raw(if held { "</td><td>yes</td></tr>\n" } else { "</td><td>no: it outlived its object</td></tr>\n" });
        }
        end(html);
        html.raw("<p class=\"faint\">Volumes outlive what uses them: only <code>writ delete … --prune</code> and ");
        html.raw("<code>writ volume rm</code> destroy them. <code>writ volume list</code> tells their sizes.</p>\n");
    })
}
