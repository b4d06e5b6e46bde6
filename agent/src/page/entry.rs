//! A commit: who let it in, what it did here, and what became of it.

use writ_core::time::Timestamp;

use super::history::time_line;
use super::html::Html;
use super::layout::Shell;
use super::site::Link;
use super::table::{begin, end, health, time};
use crate::record::{Allowed, Outcome};
use crate::view::entry::{End, Entry, Judgement, Verdict};
use crate::view::event::{hashes, outcome, short_commit};
use crate::view::grounds::{in_words, paths};
use crate::view::why::Taken;

/// The page.
#[must_use]
pub fn entry(shell: &Shell<'_>, entry: &Entry) -> String {
    let Entry { commit, judgements, steps, ends, records } = entry;
    shell.page(&format!("Commit {}", short_commit(commit)), |html| {
        html.raw("<p><code class=\"long\">").text(commit).raw("</code></p>\n<h2>Judgement</h2>\n");
        judged(html, judgements, commit);
        if !ends.is_empty() {
            html.raw("<h2>What became of it</h2>\n");
            ended(html, ends, commit);
        }
        html.raw("<h2>Steps</h2>\n");
        taken(html, steps, short_commit(commit), true);
        html.raw("<h2>Records</h2>\n");
        time_line_below(html, records);
    })
}

/// The records in a part of the page that can be opened.
fn time_line_below(html: &mut Html<'_>, records: &[crate::record::Record]) {
    let count = records.len();
    html.raw("<details><summary>").text(&count.to_string()).raw(if count == 1 { " record" } else { " records" });
    html.raw("</summary>\n<div class=\"below\">\n");
    time_line(html, records);
    html.raw("</div></details>\n");
}

fn judged(html: &mut Html<'_>, judgements: &[Judgement], commit: &str) {
    if judgements.is_empty() {
        html.raw("<p>The record holds no judgement of it.</p>\n");
    }
    for Judgement { at, source, verdict } in judgements {
        html.raw("<p>");
        match verdict {
            Verdict::Admitted { signer, principal, allowed: _ } => {
                health(html, "admitted");
                html.raw(" from ").text(source).raw(", signed ");
                if let Some(principal) = principal {
                    html.raw("by <strong>").text(principal).raw("</strong> ");
                }
                html.raw("with <code>").text(signer).raw("</code>");
            }
            Verdict::Refused { reason, detail } => {
                health(html, "refused");
                html.raw(" from ").text(source).raw(": <strong>").text(reason).raw("</strong>: ").text(detail);
            }
            Verdict::Unchecked { detail } => {
                health(html, "unchecked");
                html.raw(" from ").text(source).raw(": ").text(detail);
            }
        }
        html.raw(" · ");
        time(html, *at);
        html.raw("</p>\n");
        if let Verdict::Admitted { allowed, .. } = verdict {
            permissions(html, allowed, commit);
        }
    }
}

/// What let the commit change each of its paths.
fn permissions(html: &mut Html<'_>, allowed: &[Allowed], commit: &str) {
    if allowed.is_empty() {
        return;
    }
    begin(html, "Permissions", short_commit(commit), &["Paths", "Allowed", "By the rules of"]);
    for it in allowed {
        html.raw("<tr><td>").text(&paths(it, usize::MAX)).raw("</td><td>").text(&in_words(it)).raw("</td><td><code>");
        html.text(short_commit(&it.parent)).raw("</code></td></tr>\n");
    }
    end(html);
}

fn ended(html: &mut Html<'_>, ends: &[End], commit: &str) {
    begin(html, "Passes", short_commit(commit), &["When", "Unit", "State", "What"]);
    for End { at, unit, state, text } in ends {
        html.raw("<tr><td>");
        time(html, *at);
        html.raw("</td><td>").link(&Link::History(&[("unit", unit)]), unit).raw("</td><td>");
        health(html, state);
        html.raw("</td><td>").text(text).raw("</td></tr>\n");
    }
    end(html);
}

/// Steps with their durations.
pub(super) fn taken(html: &mut Html<'_>, steps: &[Taken], of: &str, of_many: bool) {
    if steps.is_empty() {
        html.raw("<p>None was taken.</p>\n");
        return;
    }
    begin(html, "Steps", of, &["When", "Step", "Of", "Why", "Revision", "Took", "Outcome"]);
    for step in steps {
        let Taken { at, ended, object, intent: _, verb, pod, why, cause: _, commit: _, from, to, outcome: came } = step;
        html.raw("<tr><td>");
        time(html, *at);
        html.raw("</td><td>").text(verb).raw("</td><td>");
        if of_many {
            html.link(&Link::Object(object), &object.to_string()).raw(" ");
        }
        html.text(pod.as_deref().unwrap_or_default()).raw("</td><td>").text(why).raw("</td><td>");
        html.text(&hashes(from.as_ref(), to.as_ref())).raw("</td><td>").text(&took(*at, *ended)).raw("</td><td>");
        match came {
            Some(Outcome::Ok) => health(html, "done"),
            Some(came) => {
                html.raw("<span class=\"mark bad\">").text(&outcome(came)).raw("</span>");
            }
            None => health(html, "pending"),
        }
        html.raw("</td></tr>\n");
    }
    end(html);
}

/// How long a step took.
fn took(at: Timestamp, ended: Option<Timestamp>) -> String {
    let Some(ended) = ended else { return "–".to_owned() };
    let millis = ended.millis_since(at).max(0);
    if millis < 1_000 { format!("{millis} ms") } else { format!("{}.{} s", millis / 1_000, millis % 1_000 / 100) }
}
