//! `docs/guard.md`: its tables of rules, powers and keys are the program's.

use std::collections::BTreeSet;

use writ_core::guard::{Policy, Profile, Rule};
use writ_core::text::Problems;

use super::{part, quoted, read};

const PAGE: &str = "docs/guard.md";

/// The rows of the tables below a heading, by what stands in backquotes in each.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let page = read(PAGE);
    let (_, rest) = page.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let chapter = rest.split("\n## ").next().unwrap();
    let rows = chapter.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| quoted(row).map(str::to_owned).collect()).collect()
}

#[test]
fn the_table_of_rules_names_each_with_the_power_that_it_is_about() {
    let told: BTreeSet<(String, String)> =
        rows("Rules and powers").into_iter().map(|row| (row[0].clone(), row[row.len() - 1].clone())).collect();
    let known = Rule::ALL.map(|rule| (rule.name().to_owned(), rule.power().name().to_owned()));
    assert_eq!(told, known.into());
}

#[test]
fn the_table_of_keys_of_a_policy_is_the_one_that_the_program_reads() {
    let mut problems = Problems::default();
    assert!(Policy::read("own.toml", "qqqqqqqqqqqq = 1\n", &mut problems).is_none());
    let help = problems.sorted()[0].help.clone().unwrap();
    let known: BTreeSet<String> = help.trim_start_matches("the keys are: ").split(", ").map(str::to_owned).collect();
    let told: BTreeSet<String> = rows("A policy of your own").into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(told, known);
}

#[test]
fn the_profiles_and_the_paths_that_can_never_be_mounted_are_told() {
    let told: Vec<String> = rows("Profiles").into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(told, Profile::ALL.map(Profile::name));
    let page = read(PAGE);
    let told: Vec<&str> = quoted(part(&page, "protected")).collect();
    assert_eq!(told, Policy::PROTECTED_PATHS);
}

#[test]
fn the_policy_that_the_page_shows_is_right_and_every_rule_that_it_names_is_there() {
    let page = read(PAGE);
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let example = rest.split("```").next().unwrap();
    assert!(Policy::read("own.toml", example, &mut Problems::default()).is_some());
    let known: BTreeSet<&str> = Rule::ALL.into_iter().map(Rule::name).collect();
    let judged = page.split_once("## Every field of a pod").unwrap().1;
    let cells = judged.lines().filter(|line| line.starts_with("| ")).filter_map(|row| row.rsplit("| ").next());
    let named: BTreeSet<&str> = cells.flat_map(quoted).filter(|name| name.contains('-')).collect();
    assert!(named.is_subset(&known), "{:?}", named.difference(&known));
}
