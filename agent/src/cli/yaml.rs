//! Values as YAML that every reader of YAML 1.1 and 1.2 reads the same way, `kubectl` among them.
//!
//! Invariant: a string is written plain only where no reader can take it for anything else.

use serde_json::Value;

/// Words that some reader takes for something other than a string.
const NOT_PLAIN: [&str; 15] = [
    "null",
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "y",
    "n",
    "inf",
    "nan",
    "infinity",
    "none",
    "undefined",
    "void",
];

/// One document, without `---`.
pub(crate) fn document(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => block(value, 0, &mut text),
        Value::Array(list) if !list.is_empty() => block(value, 0, &mut text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            inline(value, 0, &mut text);
            text.push('\n');
        }
    }
    text
}

/// Several documents.
pub(crate) fn documents<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    let documents: Vec<String> = values.into_iter().map(document).collect();
    documents.join("---\n")
}

/// A map or list that is not empty, its lines indented by `depth` steps.
fn block(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                text.push_str(&indent);
                scalar(key, depth, text);
                text.push(':');
                member(value, depth, text);
            }
        }
        Value::Array(list) => {
            for value in list {
                text.push_str(&indent);
                text.push('-');
                element(value, depth, text);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => inline(value, depth, text),
    }
}

/// What follows `key:`.
fn member(value: &Value, depth: usize, text: &mut String) {
    if is_block(value) {
        text.push('\n');
        // A list below a key may stand at the key's own indentation, as `kubectl` itself writes it.
        let deeper = if value.is_array() { depth } else { depth + 1 };
        block(value, deeper, text);
    } else {
        text.push(' ');
        inline(value, depth, text);
        end_line(text);
    }
}

/// What follows `-`.
fn element(value: &Value, depth: usize, text: &mut String) {
    text.push(' ');
    if is_block(value) {
        let start = text.len();
        block(value, depth + 1, text);
        // The first line stands behind the dash instead of below it.
        text.replace_range(start..start + 2 * (depth + 1), "");
    } else {
        inline(value, depth, text);
        end_line(text);
    }
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn end_line(text: &mut String) {
    if !text.ends_with('\n') {
        text.push('\n');
    }
}

fn inline(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => text.push_str(&number.to_string()),
        Value::String(string) if is_lines(string) => lines(string, depth, text),
        Value::String(string) => scalar(string, depth, text),
        Value::Array(_) => text.push_str("[]"),
        Value::Object(_) => text.push_str("{}"),
    }
}

fn scalar(string: &str, _depth: usize, text: &mut String) {
    if is_plain(string) {
        text.push_str(string);
    } else {
        quoted(string, text);
    }
}

fn is_plain(string: &str) -> bool {
    let body = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    string.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_')
        && string.chars().all(body)
        && !NOT_PLAIN.contains(&string.to_ascii_lowercase().as_str())
}

fn quoted(string: &str, text: &mut String) {
    text.push('"');
    for character in string.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            '\r' => text.push_str("\\r"),
            c if is_printable(c) => text.push(c),
            c => text.push_str(&match u32::from(c) {
                code @ 0..=0xff => format!("\\x{code:02x}"),
                code @ 0x100..=0xffff => format!("\\u{code:04x}"),
                code => format!("\\U{code:08x}"),
            }),
        }
    }
    text.push('"');
}

/// Characters that YAML lets stand as they are and that no reader folds or drops.
fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202f}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

/// True for text that reads better as lines below its key: each printable, none with blanks at its end.
fn is_lines(string: &str) -> bool {
    let sound = |line: &str| line.chars().all(is_printable) && !line.ends_with(' ');
    string.contains('\n')
        && !string.starts_with([' ', '\n'])
        && string.trim_end_matches('\n').split('\n').all(sound)
        && !string.trim_end_matches('\n').is_empty()
}

fn lines(string: &str, depth: usize, text: &mut String) {
    let body = string.trim_end_matches('\n');
    text.push_str(match string.len() - body.len() {
        0 => "|-\n",
        1 => "|\n",
        _ => "|+\n",
    });
    let kept = if string.len() - body.len() > 1 { string.strip_suffix('\n').unwrap_or(string) } else { body };
    for line in kept.split('\n') {
        if !line.is_empty() {
            text.push_str(&"  ".repeat(depth + 1));
            text.push_str(line);
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(value: &Value, text: &str) {
        assert_eq!(document(value), text);
        let read: Value = serde_saphyr::from_str(text).unwrap();
        assert_eq!(&read, value, "read back from\n{text}");
    }

    #[test]
    fn maps_and_lists_stand_as_kubectl_writes_them() {
        let value = json!({"b": [{"name": "x", "list": [1, [2]]}, "y"], "a": {"c": {}, "d": []}, "e": null, "f": true});
        let text = "a:\n  c: {}\n  d: []\nb:\n- list:\n  - 1\n  - - 2\n  name: x\n- \"y\"\ne: null\nf: true\n";
        check(&value, text);
    }

    #[test]
    fn a_string_that_could_be_read_as_anything_else_is_quoted() {
        for string in [
            "yes",
            "No",
            "on",
            "null",
            "~",
            "",
            "0644",
            "1e3",
            "0x1f",
            "1:30",
            "2026-11-21",
            "- a",
            "a: b",
            "#x",
            "=",
            "<<",
            ".inf",
            "*a",
            "&a",
            "!x",
            "@a",
            "`a",
            " a",
            "a ",
            "true",
            "1.0",
            "-",
            "?",
            "1_000",
            "\u{85}",
            "\u{feff}",
        ] {
            let text = document(&json!({ "k": string }));
            assert!(text.starts_with("k: \""), "{text}");
            let read: Value = serde_saphyr::from_str(&text).unwrap();
            assert_eq!(read, json!({ "k": string }));
        }
        check(&json!({"k": "postgres:15"}), "k: \"postgres:15\"\n");
        check(&json!({"k": "data-pg.0"}), "k: data-pg.0\n");
    }

    #[test]
    fn lines_stand_below_their_key_with_their_line_ends_kept() {
        check(&json!({"k": "a\nb"}), "k: |-\n  a\n  b\n");
        check(&json!({"k": "a\n\n  b\n"}), "k: |\n  a\n\n    b\n");
        check(&json!({"k": "a\n\n"}), "k: |+\n  a\n\n");
        check(&json!({"l": [{"k": "a\nb\n"}]}), "l:\n- k: |\n    a\n    b\n");
        check(&json!({"k": " a\nb"}), "k: \" a\\nb\"\n");
        check(&json!({"k": "a \nb\t"}), "k: \"a \\nb\\t\"\n");
    }
}
