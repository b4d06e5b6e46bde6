//! Which text fits which form.

use std::net::IpAddr;

use super::shape::Format;
use crate::text::is_control;

/// Longest label of a DNS name. Source: RFC 1035.
const LABEL_BYTES_MAX: usize = 63;
/// Longest DNS name. Source: RFC 1123 as Kubernetes applies it.
const NAME_BYTES_MAX: usize = 253;

/// What is wrong with a text, as the rest of a sentence that begins with its name; none if it fits.
pub(super) fn fault(format: Format, text: &str) -> Option<String> {
    let fits = match format {
        Format::Prose => !text.contains('\0'),
        Format::Line => !text.chars().any(is_control),
        Format::Word => !text.is_empty() && !text.chars().any(is_control),
        Format::Label => is_label(text, LABEL_BYTES_MAX),
        Format::ServiceName => is_label(text, LABEL_BYTES_MAX) && text.starts_with(|c: char| c.is_ascii_lowercase()),
        Format::Subdomain => text.len() <= NAME_BYTES_MAX && text.split('.').all(|part| is_label(part, NAME_BYTES_MAX)),
        Format::PortName => {
            is_label(text, 15) && text.contains(|c: char| c.is_ascii_lowercase()) && !text.contains("--")
        }
        Format::Absolute => text.starts_with('/') && !text.contains(':') && is_safe_path(text),
        Format::Relative => !text.is_empty() && !text.starts_with('/') && is_safe_path(text),
        Format::Variable => {
            let first = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '-' | '.');
            let rest = |c: char| first(c) || c.is_ascii_digit();
            text.starts_with(first) && text.chars().all(rest)
        }
        Format::DataKey => {
            let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.chars().all(sound) && !matches!(text, "." | "..")
        }
        Format::LabelKey => match text.split_once('/') {
            Some((prefix, name)) => fault(Format::Subdomain, prefix).is_none() && is_label_part(name),
            None => is_label_part(text),
        },
        Format::LabelValue => text.is_empty() || is_label_part(text),
        Format::Address => text.is_empty() || text.parse::<IpAddr>().is_ok(),
    };
    if fits { None } else { Some(rule(format).to_owned()) }
}

/// What a form asks for.
const fn rule(format: Format) -> &'static str {
    match format {
        Format::Prose => "must not hold a NUL character",
        Format::Line => "must be one line without control characters",
        Format::Word => "must be one line without control characters, and not empty",
        Format::Label => "must be 1 to 63 lower-case letters, digits and `-`, with a letter or digit at both ends",
        Format::ServiceName => {
            "must be 1 to 63 lower-case letters, digits and `-`, beginning with a letter and not ending with `-`"
        }
        Format::Subdomain => {
            "must be at most 253 lower-case letters, digits, `-` and `.`, with a letter or digit at both ends of each part"
        }
        Format::PortName => "must be 1 to 15 lower-case letters, digits and single `-`, with at least one letter",
        Format::Absolute => "must be a path from the root, without `..` and `:`",
        Format::Relative => "must be a path without `/` in front and without `..`",
        Format::Variable => "must be letters, digits, `_`, `-` and `.`, not beginning with a digit",
        Format::DataKey => "must be 1 to 253 letters, digits, `-`, `_` and `.`",
        Format::LabelKey => {
            "must be a name of 1 to 63 letters, digits, `-`, `_` and `.`, with an optional `DOMAIN/` in front"
        }
        Format::LabelValue => {
            "must be at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends"
        }
        Format::Address => "must be an IP address",
    }
}

fn is_label(text: &str, longest: usize) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= longest
        && !text.is_empty()
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_label_part(text: &str) -> bool {
    let end = |c: char| c.is_ascii_alphanumeric();
    let inner = |c: char| end(c) || matches!(c, '-' | '_' | '.');
    (1..=LABEL_BYTES_MAX).contains(&text.len())
        && text.starts_with(end)
        && text.ends_with(end)
        && text.chars().all(inner)
}

fn is_safe_path(text: &str) -> bool {
    !text.chars().any(is_control) && !text.split('/').any(|part| part == "..")
}

/// True for an amount: a decimal number with one of the suffixes of Kubernetes, or with an exponent.
pub(super) fn is_quantity(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let Some((number, suffix)) = text.split_at_checked(end) else { return false };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent = || {
        let digits_of = suffix.strip_prefix(['e', 'E'])?;
        let power = digits_of.strip_prefix(['+', '-']).unwrap_or(digits_of);
        (!power.is_empty() && power.len() <= 3 && digits(power)).then_some(())
    };
    let units = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let sound = !(whole.is_empty() && fraction.is_empty()) && digits(whole) && digits(fraction);
    sound && number.len() <= 30 && (units.contains(&suffix) || exponent().is_some())
}

/// An amount as a number, near enough to compare a request with its limit.
pub(super) fn amount(value: &serde_json::Value) -> Option<f64> {
    let written = match value {
        serde_json::Value::Number(number) => return number.as_f64(),
        serde_json::Value::String(text) => text,
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Array(_)
        | serde_json::Value::Object(_) => return None,
    };
    let end = written.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(written.len());
    let (number, suffix) = written.split_at_checked(end)?;
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024f64.powi(2),
        "Gi" => 1024f64.powi(3),
        "Ti" => 1024f64.powi(4),
        "Pi" => 1024f64.powi(5),
        "Ei" => 1024f64.powi(6),
        _ => return written.parse().ok(),
    };
    Some(number.parse::<f64>().ok()? * factor)
}

/// True for a percentage from 0 to 100 and more.
pub(super) fn is_percentage(text: &str) -> bool {
    text.strip_suffix('%')
        .is_some_and(|number| (1..=4).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_a_number_with_a_unit_that_kubernetes_knows() {
        for text in ["0", "1", "0.5", ".5", "5.", "250m", "1Gi", "1e3", "1E-3", "12E", "+3", "100k"] {
            assert!(is_quantity(text), "{text}");
        }
        for text in ["", ".", "1GB", "1 Gi", "Gi", "1gi", "1K", "1,5", "0x1", "1e", "1ee3", "one"] {
            assert!(!is_quantity(text), "{text}");
        }
    }

    #[test]
    fn a_name_that_fits_stands_beside_one_that_does_not() {
        for (format, good, bad) in [
            (Format::Label, "a-1", "a.1"),
            (Format::Label, "0", "-a"),
            (Format::Subdomain, "a.b-c.d", "a..b"),
            (Format::ServiceName, "pg", "0pg"),
            (Format::PortName, "http-1", "1234"),
            (Format::PortName, "fifteen-letters", "sixteen--letters"),
            (Format::Absolute, "/var/lib", "var/lib"),
            (Format::Absolute, "/a..b", "/a/../b"),
            (Format::Relative, "a/b", "/a/b"),
            (Format::Variable, "A_1", "1_A"),
            (Format::DataKey, "custom.conf", "custom conf"),
            (Format::LabelKey, "apps.example.org/name", "apps/../name"),
            (Format::LabelValue, "", "-x"),
            (Format::Address, "127.0.0.1", "localhost"),
            (Format::Line, "größe", "a\u{202e}b"),
            (Format::Prose, "a\nb", "a\0b"),
        ] {
            assert_eq!(fault(format, good), None, "{format:?} {good}");
            assert!(fault(format, bad).is_some(), "{format:?} {bad}");
        }
    }
}
