//! `docs/claims.md`: every requirement by its number, with the tests that hold it or the reason why none does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{check_part, part, read, root, tests};

const DATA: &str = "tests/data/claims.txt";
const PAGE: &str = "docs/claims.md";

/// The highest number of each series.
const SERIES: [(char, u32); 3] = [('V', 96), ('K', 87), ('M', 98)];

/// A requirement, such as `V17`.
type Number = (char, u32);

struct Claim {
    words: String,
    held: Vec<String>,
    later: String,
}

fn claims() -> BTreeMap<Number, Claim> {
    let text = read(DATA);
    let mut claims = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut parts = line.split(" |").map(str::trim);
        let mut next = || parts.next().unwrap_or_default().to_owned();
        let (number, words, held, later) = (next(), next(), next(), next());
        let held = held.split_whitespace().map(str::to_owned).collect();
        let number = parse(&number).unwrap_or_else(|| panic!("{DATA}: {line}"));
        assert!(!words.is_empty(), "{DATA}: {line}");
        assert!(claims.insert(number, Claim { words, held, later }).is_none(), "{DATA}: {line}: given twice");
    }
    claims
}

/// `V17`, and `v17` and `v07` in the name of a test.
fn parse(word: &str) -> Option<Number> {
    let series = word.chars().next()?.to_ascii_uppercase();
    let digits = word.get(1..).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    SERIES.iter().any(|(known, _)| *known == series).then_some((series, digits.parse().ok()?))
}

/// The numbers that a test bears at the beginning of its name.
fn numbers(name: &str) -> impl Iterator<Item = Number> {
    name.split('_').map_while(parse)
}

#[test]
fn every_number_is_held_by_a_test_or_has_a_reason_and_the_page_says_so() {
    let tests = tests();
    let mut claims = claims();
    let all: BTreeSet<Number> =
        SERIES.iter().flat_map(|(series, last)| (1..=*last).map(|number| (*series, number))).collect();
    assert_eq!(claims.keys().copied().collect::<BTreeSet<_>>(), all, "{DATA}");
    for (name, path) in &tests {
        for number in numbers(name) {
            let claim = claims.get_mut(&number).unwrap_or_else(|| panic!("{path}: {name}: no such requirement"));
            claim.held.push(name.clone());
        }
    }
    let places: BTreeMap<&str, &str> = tests.iter().map(|(name, path)| (name.as_str(), path.as_str())).collect();
    let mut text =
        String::from("\n| number | about | held by | result | not in this version |\n|---|---|---|---|---|\n");
    let shown = read(PAGE);
    let mut rows = part(&shown, "claims").lines().skip(3);
    let mut is_true = true;
    for ((series, number), claim) in all.iter().map(|number| (number, &claims[number])) {
        let Claim { words, held, later } = claim;
        assert!(!held.is_empty() || !later.is_empty(), "{series}{number} has neither a test nor a reason");
        let held: BTreeSet<String> = held.iter().map(|name| linked(name, &places)).collect();
        let joined = held.iter().cloned().collect::<Vec<_>>().join(", ");
        let result = if held.is_empty() { "no test" } else { "passes" };
        writeln!(text, "| {series}{number} | {words} | {joined} | {result} | {later} |").unwrap();
        // A test that came since is not missed; one that went is.
        let (head, tail) = (format!("| {series}{number} | {words} | "), format!(" | {result} | {later} |"));
        let row = rows.next().and_then(|row| row.strip_prefix(&head)?.strip_suffix(&tail)).unwrap_or("?");
        is_true &= row.split(", ").all(|shown| held.contains(shown) || shown.is_empty() && held.is_empty());
    }
    text.push('\n');
    if !is_true || std::env::var_os("UPDATE").is_some() {
        check_part(PAGE, "claims", &text);
    }
}

/// A test or a data file that must be there, with its place.
fn linked(name: &str, places: &BTreeMap<&str, &str>) -> String {
    if name.contains('/') {
        assert!(root().join("tests/data").join(name).is_file(), "there is no tests/data/{name}");
        return format!("[{name}](../tests/data/{name})");
    }
    let path = places.get(name).unwrap_or_else(|| panic!("{DATA}: no test is called {name}"));
    format!("[`{name}`](../{path})")
}

#[test]
fn a_number_is_read_from_the_front_of_a_name_alone() {
    let found: Vec<Number> = numbers("k5_k6_v34_each_pod_has_2_volumes_v1").collect();
    assert_eq!(found, [('K', 5), ('K', 6), ('V', 34)]);
    assert_eq!(numbers("very_many_keys").count() + numbers("a_v1_thing").count(), 0);
}
