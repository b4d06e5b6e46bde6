//! Reads the dates of `valid-after` and `valid-before` (`TIME FORMATS` of ssh-keygen(1)).

use crate::time::Timestamp;

/// Reads `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, with or without `Z`.
///
/// Without `Z`, OpenSSH takes the time zone of the machine that reads. Hosts in different zones must not disagree about
/// one file, so it is UTC here in both cases.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let digits = text.strip_suffix('Z').unwrap_or(text);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| digits.get(from..to);
    let (hour, minute, second) = match digits.len() {
        8 => ("00", "00", "00"),
        12 => (part(8, 10)?, part(10, 12)?, "00"),
        14 => (part(8, 10)?, part(10, 12)?, part(12, 14)?),
        _ => return None,
    };
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let text = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    let moment = Timestamp::parse(&text)?;
    // A date such as 30 February reads as another day; only what is written back alike is a date.
    moment.to_string().starts_with(text.trim_end_matches('Z')).then_some(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read_as_utc() {
        for (text, expected) in [
            ("20260102", "2026-01-02T00:00:00.000Z"),
            ("20260102Z", "2026-01-02T00:00:00.000Z"),
            ("202601020304", "2026-01-02T03:04:00.000Z"),
            ("20260102030405Z", "2026-01-02T03:04:05.000Z"),
            ("20240229", "2024-02-29T00:00:00.000Z"),
        ] {
            assert_eq!(parse(text).map(|moment| moment.to_string()).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "Z",
            "2026",
            "20261301",
            "20260230",
            "2026010203",
            "202601022400",
            "20260102T",
            "2026-01-02",
            "20260102 ",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
