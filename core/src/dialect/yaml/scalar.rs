//! What a scalar means: text, number, boolean or nothing.
//!
//! Source: `resolve.go` of go.yaml.in/yaml/v2 and the conversion to JSON of sigs.k8s.io/yaml, by behaviour; the
//! expected values of the tests were made with them.

use std::borrow::Cow;

use serde_json::Number;

use super::Content;

/// The namespace of the tags that YAML itself defines, without `!!`.
const TAG_PREFIX: &str = "tag:yaml.org,2002:";

/// Reads a scalar. `tag` is its whole resolved tag; `plain` says that it stands without quotes.
pub(super) fn resolve<'a>(text: Cow<'a, str>, plain: bool, tag: Option<&str>) -> Result<Content<'a>, String> {
    let tag = match tag {
        None if plain => return untagged(text),
        None | Some("!") => return Ok(Content::Text(text)),
        Some(tag) => tag.strip_prefix(TAG_PREFIX).ok_or_else(|| unknown_tag(tag))?,
    };
    if matches!(tag, "str" | "timestamp") {
        return Ok(Content::Text(text));
    }
    match (tag, untagged(text)?) {
        ("binary", _) => Err("the tag `!!binary` is not supported; use `data` of a Secret or `binaryData`".to_owned()),
        ("null", Content::Null) => Ok(Content::Null),
        ("bool", Content::Boolean(value)) => Ok(Content::Boolean(value)),
        ("int", Content::Number(number)) if number.is_i64() || number.is_u64() => Ok(Content::Number(number)),
        ("float", Content::Number(number)) => Ok(Content::Number(number)),
        ("null" | "bool" | "int" | "float", _) => Err(format!("the value does not fit its tag `!!{tag}`")),
        _ => Err(unknown_tag(tag)),
    }
}

/// Checks the tag of a list or a map, which may only say what it is.
pub(super) fn check_collection_tag(tag: Option<&str>, kind: &str) -> Result<(), String> {
    match tag {
        None | Some("!") => Ok(()),
        Some(tag) if tag.strip_prefix(TAG_PREFIX) == Some(kind) => Ok(()),
        Some(tag) => Err(unknown_tag(tag)),
    }
}

fn unknown_tag(tag: &str) -> String {
    format!("the tag {} has no meaning in a Kubernetes manifest", crate::text::quoted(tag))
}

/// Reads a plain scalar.
fn untagged(text: Cow<'_, str>) -> Result<Content<'_>, String> {
    let content = match &*text {
        "" | "~" | "null" | "Null" | "NULL" => Content::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Content::Boolean(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Content::Boolean(false),
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf"
        | "-.INF" => return Err(format!("`{text}` is a number that JSON cannot hold; write it in quotes for text")),
        _ => number(&text).map_or(Content::Text(text), Content::Number),
    };
    Ok(content)
}

fn number(text: &str) -> Option<Number> {
    let first = *text.as_bytes().first()?;
    match first {
        b'0'..=b'9' | b'+' | b'-' => {
            let digits = if text.contains('_') { Cow::Owned(text.replace('_', "")) } else { Cow::Borrowed(text) };
            integer(&digits).or_else(|| float(&digits))
        }
        b'.' => float(&without_separators(text)?),
        _ => None,
    }
}

/// Takes out underscores that stand between digits; none if one stands elsewhere.
fn without_separators(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let sound = (0..bytes.len()).all(|at| bytes[at] != b'_' || (digit(at.checked_sub(1)) && digit(Some(at + 1))));
    sound.then(|| text.replace('_', ""))
}

/// An integer with an optional sign: decimal, `0x`, `0b`, `0o`, or octal by a leading zero.
fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let lower = match digits.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(digits.to_ascii_lowercase()),
        false => Cow::Borrowed(digits),
    };
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, lower.get(2..)?),
        [b'0', b'b', ..] => (2, lower.get(2..)?),
        [b'0', b'o', ..] => (8, lower.get(2..)?),
        [b'0', _, ..] => (8, lower.get(1..)?),
        _ => (10, &*lower),
    };
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    if negative {
        i64::from_str_radix(&format!("-{digits}"), radix).ok().map(Number::from)
    } else {
        let value = u64::from_str_radix(digits, radix).ok()?;
        Some(Number::from(value))
    }
}

/// A decimal number with point or exponent; whole numbers become integers, as they do in JSON.
fn float(text: &str) -> Option<Number> {
    if !is_decimal(text) {
        return None;
    }
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    // Below 1e18 a whole number is written without an exponent and fits an integer.
    if value.fract() == 0.0 && value.abs() < 1e18 {
        #[allow(clippy::cast_possible_truncation, reason = "whole and smaller than an i64 can hold")]
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

/// `[+-]? ( .digits | digits [ . digits? ] ) ( [eE] [+-]? digits )?`
fn is_decimal(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let sound = match mantissa.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    sound && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

/// The name that a scalar is when it stands as a key; an error for what cannot be one.
pub(super) fn key<'a>(content: &Content<'a>, written: &str) -> Result<Cow<'a, str>, String> {
    match content {
        Content::Text(text) => Ok(text.clone()),
        Content::Boolean(value) => Ok(value.to_string().into()),
        Content::Number(number) if number.is_f64() => {
            // The reader that kubectl uses shortens such keys; only one that it leaves alone has one meaning.
            if number.to_string() == written && written.len() <= 7 {
                Ok(written.to_owned().into())
            } else {
                Err("a number with a fraction cannot be a name; write it in quotes".to_owned())
            }
        }
        Content::Number(number) => Ok(number.to_string().into()),
        Content::Broken => Err("the name cannot be read".to_owned()),
        Content::Null => Err("a name is missing before `:`".to_owned()),
        Content::List(_) | Content::Map(_) => Err("a list or a map cannot be a name".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The JSON that sigs.k8s.io/yaml v1.6.0 makes of each plain scalar, or `error`.
    const EXPECTED: &str = include_str!("../../../../tests/data/yaml/scalars.txt");

    #[test]
    fn a_plain_scalar_means_what_it_means_to_kubectl() {
        for line in EXPECTED.lines() {
            let (written, json) = line.split_once('\t').unwrap();
            let read = match untagged(written.into()) {
                Ok(Content::Null) => "null".to_owned(),
                Ok(Content::Boolean(value)) => value.to_string(),
                Ok(Content::Number(number)) => number.to_string(),
                Ok(Content::Text(text)) => serde_json::to_string(&text).unwrap(),
                Ok(Content::Broken | Content::List(_) | Content::Map(_)) => unreachable!("no scalar"),
                Err(_) => "error".to_owned(),
            };
            let numbers = || Some((read.parse::<f64>().ok()?, json.parse::<f64>().ok()?));
            let same = numbers().is_some_and(|(left, right)| (left - right).abs() <= right.abs() * f64::EPSILON);
            assert!(read == json || same, "{written}: read {read}, expected {json}");
        }
    }

    #[test]
    fn a_tag_decides_and_must_fit() {
        let int = |text: &'static str, plain| resolve(text.into(), plain, Some("tag:yaml.org,2002:int"));
        assert!(matches!(int("5", false), Ok(Content::Number(_))));
        assert!(int("five", true).is_err());
        // What JSON cannot hold as a number can be text.
        assert!(matches!(resolve(".nan".into(), false, None), Ok(Content::Text(_))));
        assert!(matches!(resolve(".nan".into(), true, Some("tag:yaml.org,2002:str")), Ok(Content::Text(_))));
        assert!(resolve(".nan".into(), true, None).is_err());
        assert!(matches!(resolve("yes".into(), true, Some("!")), Ok(Content::Text(_))));
        assert!(resolve("x".into(), true, Some("!vault")).is_err());
    }
}
