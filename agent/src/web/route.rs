//! What is answered to which question.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::request::Parts;
use http::{Method, StatusCode, header};
use serde_json::json;

use super::answer::Answer;
use super::gate::Gate;
use super::metrics::metrics;
use super::query::parts;
use super::told::Told;
use super::{House, api, pages};
use crate::page;

/// Answers one question. A fault of an answer is that answer's alone.
pub(super) fn answer(house: &Arc<House>, gate: &Gate, request: &Parts) -> Answer {
    let answered = catch_unwind(AssertUnwindSafe(|| answer_now(house, gate, request)));
    answered.unwrap_or_else(|_| {
        tracing::error!("web: an answer came to nothing; everything else goes on");
        Answer::text(StatusCode::INTERNAL_SERVER_ERROR, "this cannot be answered: that is a fault of the program\n")
    })
}

fn answer_now(house: &Arc<House>, gate: &Gate, request: &Parts) -> Answer {
    if ![Method::GET, Method::HEAD].contains(&request.method) {
        let text = "here everything can be read and nothing be done: only GET and HEAD\n";
        return Answer::text(StatusCode::METHOD_NOT_ALLOWED, text).with(header::ALLOW, "GET, HEAD");
    }
    // Whoever watches the agent's life needs no token, and learns no name.
    match request.uri.path() {
        "/healthz" => return alive(house),
        "/readyz" => return ready(house),
        _ => {}
    }
    if let Some(refusal) = gate.refusal(request) {
        return refusal;
    }
    let Some(parts) = parts(request.uri.path()) else {
        return Answer::text(StatusCode::BAD_REQUEST, "the address is not percent-encoded UTF-8\n");
    };
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["metrics"] => {
            let measured = house.reader().and_then(|reader| metrics(house, &reader));
            measured.map_or_else(|error| refused(Told::from(error)), Answer::metrics)
        }
        ["api", "v1", "openapi.json"] => Answer::json(StatusCode::OK, api::DESCRIPTION.to_owned()),
        ["api", "v1", rest @ ..] => match api::answer(house, rest, request.uri.query()) {
            Ok(document) => Answer::json(StatusCode::OK, format!("{document}\n")),
            Err(told) => {
                let (status, words) = told.words();
                Answer::json(status, format!("{}\n", json!({"schema": "writ/error/v1", "error": words})))
            }
        },
        ["style.css"] => Answer::file("text/css; charset=utf-8", page::STYLE),
        ["icon.svg"] => Answer::file("image/svg+xml", page::ICON),
        ["live.js"] => Answer::file("text/javascript; charset=utf-8", page::SCRIPT),
        // Whoever asks for the head alone is told no events.
        ["events"] if request.method == Method::GET => Answer::events(Arc::clone(house)),
        parts => pages::answer(house, parts, request.uri.query()),
    }
}

fn refused(told: Told) -> Answer {
    let (status, words) = told.words();
    Answer::text(status, format!("{words}\n"))
}

fn alive(house: &House) -> Answer {
    match house.bulletin.said().stalled() {
        None => Answer::text(StatusCode::OK, "alive\n"),
        Some(silent) => {
            let text = format!("the agent's loop had no turn for {} s\n", silent.as_secs());
            Answer::text(StatusCode::SERVICE_UNAVAILABLE, text)
        }
    }
}

fn ready(house: &House) -> Answer {
    match house.bulletin.said().missing() {
        None => Answer::text(StatusCode::OK, "ready\n"),
        Some(missing) => Answer::text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {missing}\n")),
    }
}
