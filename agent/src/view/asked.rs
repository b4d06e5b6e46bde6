//! Which records of the journal are asked for, as an address says it.

use std::collections::BTreeMap;

use writ_core::model::ObjectId;
use writ_core::time::Timestamp;

use super::moment;
use crate::limits::{WEB_PAGE_RECORDS_DEFAULT, WEB_PAGE_RECORDS_MAX};
use crate::record::{Filter, RecordId, kind_named};

/// What can be asked for.
pub const PARAMETERS: [&str; 7] = ["unit", "object", "commit", "kind", "since", "before", "limit"];

/// Shortest and longest commit, in digits: those of SHA-1 and SHA-256.
const COMMIT_DIGITS: [usize; 2] = [40, 64];

/// Reads what is asked for; an empty value asks for nothing, as a form sends it.
///
/// # Errors
/// If a value is not understood, in words that say what is.
pub fn filter(values: &BTreeMap<String, String>, now: Timestamp) -> Result<Filter, String> {
    let value = |name: &str| values.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let shown = |text: &str| text.escape_debug().to_string();
    let object = |text: &str| {
        ObjectId::parse(text).ok_or_else(|| format!("`{}` is no object: write KIND/SCOPE/NAME", shown(text)))
    };
    let commit = |text: &str| {
        let is_one = COMMIT_DIGITS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_one.then(|| text.to_ascii_lowercase()).ok_or_else(|| format!("`{}` is no whole commit", shown(text)))
    };
    let kind = |text: &str| kind_named(text).ok_or_else(|| format!("`{}` is no kind of record", shown(text)));
    let before = |text: &str| {
        let number = text.parse().ok().filter(|number| *number > 0).map(RecordId);
        number.ok_or_else(|| format!("`{}` is no number of a record", shown(text)))
    };
    let limit = |text: &str| {
        let number = text.parse().ok().filter(|number| (1..=WEB_PAGE_RECORDS_MAX).contains(number));
        number.ok_or_else(|| format!("`limit` is `{}`: use 1 to {WEB_PAGE_RECORDS_MAX}", shown(text)))
    };
    Ok(Filter {
        unit: value("unit").map(str::to_owned),
        object: value("object").map(object).transpose()?,
        commit: value("commit").map(commit).transpose()?,
        kind: value("kind").map(kind).transpose()?,
        since: value("since").map(|text| moment::past(text, now)).transpose()?,
        before: value("before").map(before).transpose()?,
        newest: Some(value("limit").map(limit).transpose()?.unwrap_or(WEB_PAGE_RECORDS_DEFAULT)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_252_211);

    fn read(name: &str, value: &str) -> Result<Filter, String> {
        filter(&[(name.to_owned(), value.to_owned())].into(), NOW)
    }

    #[test]
    fn each_word_is_understood_or_told_and_an_empty_one_asks_for_nothing() {
        for (name, good, bad) in [
            ("object", "statefulset/data/pg", "pg"),
            ("commit", "0123456789abcdef0123456789abcdef01234567", "0123"),
            ("kind", "commit-refused", "refusal"),
            ("since", "2h", "yesterday"),
            ("before", "12", "0"),
            ("limit", "500", "501"),
        ] {
            assert!(read(name, good).is_ok(), "{name}={good}");
            assert!(read(name, bad).is_err_and(|words| words.contains(bad)), "{name}={bad}");
            assert!(read(name, "").is_ok(), "{name}");
        }
        assert_eq!(read("unit", "edge").unwrap().unit.as_deref(), Some("edge"));
        assert_eq!(read("limit", "").unwrap().newest, Some(WEB_PAGE_RECORDS_DEFAULT));
    }
}
