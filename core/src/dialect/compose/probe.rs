//! `healthcheck` as a readiness probe, and spans of time as compose writes them.

use serde_json::{Value, json};

use super::scene::{Scene, unknown};
use crate::dialect::yaml::{Content, Node};

const HELP: &str = "write it as in `test: [\"CMD\", \"pg_isready\"]`";

/// Seconds between two tries and for one, and failures in a row, where the file says nothing. Source: Dockerfile reference.
const SECONDS_DEFAULT: u32 = 30;
const RETRIES_DEFAULT: u32 = 3;

/// The readiness probe of a service; none if it has no check.
pub(super) fn read(scene: &mut Scene<'_>, service: &Node<'_>) -> Option<Value> {
    let entry = service.entries().iter().find(|entry| entry.name == "healthcheck")?;
    let check = &entry.value;
    for entry in
        unknown(check, &["test", "interval", "timeout", "retries", "start_period", "start_interval", "disable"])
    {
        scene.error(&entry.range, format!("`{}` of a healthcheck is not known", entry.name), "take it out");
    }
    if check.get("disable").is_some_and(|node| scene.truth("disable", node)) {
        let help = "what an image says of its health has no effect here";
        scene.remark(&entry.range, "`disable` is what happens anyway", help);
        return None;
    }
    let Some(test) = check.get("test") else {
        scene.error(&entry.range, "the healthcheck has no `test` of its own, and that of the image is not known", HELP);
        return None;
    };
    let command = match &test.content {
        Content::List(_) => {
            let words = scene.texts("test", test);
            match words.split_first() {
                Some((first, _)) if first == "NONE" => return None,
                Some((first, rest)) if first == "CMD" && !rest.is_empty() => rest.to_vec(),
                Some((first, [line])) if first == "CMD-SHELL" => shell(line),
                Some(_) | None => {
                    scene.error(&test.label(), "this is no test", HELP);
                    return None;
                }
            }
        }
        Content::Broken
        | Content::Null
        | Content::Boolean(_)
        | Content::Number(_)
        | Content::Text(_)
        | Content::Map(_) => shell(&scene.text("test", test)?),
    };
    if let Some(start) = check.entries().iter().find(|entry| entry.name.starts_with("start_")) {
        let help = "failures count from the start, and hold traffic back until the first success";
        scene.remark(&start.range, format!("`{}` is not carried", start.name), help);
    }
    let mut span = |name: &str| match check.get(name) {
        Some(node) => seconds(scene, name, node),
        None => Some(SECONDS_DEFAULT),
    };
    let (period, timeout) = (span("interval"), span("timeout"));
    let retries = check.get("retries").map_or(Some(RETRIES_DEFAULT), |node| {
        let number = scene.text("retries", node)?.parse::<u32>().ok().filter(|number| *number > 0);
        if number.is_none() {
            scene.wrong("retries", "a whole number from 1", node);
        }
        number
    });
    Some(json!({
        "exec": {"command": command}, "periodSeconds": period?, "timeoutSeconds": timeout?, "failureThreshold": retries?,
    }))
}

fn shell(line: &str) -> Vec<String> {
    ["/bin/sh", "-c", line].map(str::to_owned).into()
}

/// A span as `1m30s` in whole seconds, at least one. What is below a second is rounded up.
pub(super) fn seconds(scene: &mut Scene<'_>, name: &str, node: &Node<'_>) -> Option<u32> {
    let text = scene.text(name, node)?;
    let millis = millis(&text);
    if millis.is_none() {
        scene.wrong(name, "a span of time as `1m30s`", node);
    }
    u32::try_from(millis?.div_ceil(1_000).max(1)).ok()
}

fn millis(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0_u64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let unit = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(unit);
        let factor = match unit {
            "us" => 0,
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
        rest = tail;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::millis;

    #[test]
    fn a_span_is_a_sum_of_numbers_with_units() {
        assert_eq!(millis("1m30s"), Some(90_000));
        assert_eq!(millis("1h"), Some(3_600_000));
        assert_eq!(millis("500ms"), Some(500));
        for wrong in ["", "30", "s", "1d", "1 s", "-1s", "99999999999999999999h"] {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
    }
}
