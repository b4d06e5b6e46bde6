//! `docs/manifests.md`: its table of fields is the program's, and its examples mean something.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use writ_core::dialect::kubernetes::{ListedField, Outcome, fields};
use writ_core::dialect::{Files, lower};
use writ_core::model::resolve;

use super::{check_part, part, quoted, read};
use crate::desired_text::world;

const PATH: &str = "docs/manifests.md";

#[test]
fn the_table_of_fields_is_the_one_that_the_program_reads() {
    let mut text = String::new();
    for listed in fields() {
        write!(text, "\n#### `{}`\n\n| field | holds | on Docker |\n|---|---|---|\n", listed.path).unwrap();
        for ListedField { name, holds, required, outcome } in &listed.fields {
            let required = if *required { "; required" } else { "" };
            writeln!(text, "| `{name}` | {}{required} | {} |", cell(holds), cell(&told(outcome))).unwrap();
        }
    }
    text.push('\n');
    check_part(PATH, "fields", &text);
}

fn told(outcome: &Outcome) -> String {
    let values = |but: &[String]| but.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(" or ");
    match outcome {
        Outcome::Honoured => "honoured".to_owned(),
        Outcome::WithoutEffect { but, why } if but.is_empty() => format!("without effect: {why}"),
        Outcome::WithoutEffect { but, why } => {
            format!("{} is what happens anyway; else without effect: {why}", values(but))
        }
        Outcome::Refused { but, help } if but.is_empty() => format!("**refused**: {help}"),
        Outcome::Refused { but, help } => format!("{} is honoured; else **refused**: {help}", values(but)),
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Blocks of code of a document that are marked as `language`, with the line at which each begins.
fn blocks(document: &str, language: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in document.lines().enumerate() {
        match &mut open {
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some((_, text)) => {
                text.push_str(line);
                text.push('\n');
            }
            None if line == format!("```{language}") => open = Some((number + 1, String::new())),
            None => {}
        }
    }
    blocks
}

/// The problems of one block; none if it is sound down to its pods.
fn problems(language: &str, text: &str) -> Option<String> {
    let ending = if language == "hcl" { "hcl" } else { "yaml" };
    let files = Files::from([(format!("manifest.{ending}"), text.as_bytes().to_vec())]);
    let (lowered, sources) = lower(&files);
    let refused = match lowered {
        Ok(lowered) => resolve(&lowered.objects, &world(&[])).err(),
        Err(problems) => Some(problems),
    };
    refused.map(|problems| problems.render(&sources, false))
}

#[test]
fn every_example_is_sound_and_the_one_that_is_said_to_be_refused_is() {
    let document = read(PATH);
    let all = ["hcl", "yaml"].map(|language| (language, blocks(&document, language)));
    let (mut sound, mut refused) = (0, Vec::new());
    for (language, blocks) in all {
        for (line, text) in blocks {
            match problems(language, &text) {
                None => sound += 1,
                Some(problems) => refused.push(format!("{PATH}:{line}\n{problems}")),
            }
        }
    }
    assert!(sound >= 3, "{sound} sound examples");
    let text = refused.join("\n");
    assert!(refused.len() == 1 && text.contains("cannot all hold port 8080"), "{text}");
}

#[test]
fn every_attribute_of_the_hcl_dialect_is_told() {
    let wrong = "statefulset \"a\" \"b\" {\n  image = \"i\"\n  qqqqqqqqqqqqqqqq = 1\n}\n";
    let problems = problems("hcl", wrong).unwrap();
    let (_, known) = problems.split_once("a statefulset can have: ").unwrap();
    let known: BTreeSet<&str> = known.lines().next().unwrap().split(", ").collect();
    let document = read(PATH);
    let rows = part(&document, "hcl").lines().skip(2);
    let told: BTreeSet<&str> = rows.map(|row| quoted(row).next().unwrap()).collect();
    assert_eq!(told, known);
}

#[test]
fn every_attribute_that_is_said_to_be_refused_is_and_no_other() {
    let document = read(PATH);
    let told: BTreeSet<&str> = quoted(part(&document, "hcl-refused")).collect();
    let source = read("core/src/dialect/voodu/workload.rs");
    let (_, table) = source.split_once("const REFUSED").unwrap();
    let rows = table.split_once("];").unwrap().0.lines().filter_map(|line| line.trim().strip_prefix("(\""));
    let refused: BTreeSet<&str> = rows.filter_map(|row| row.split('"').next()).collect();
    assert_eq!(told, refused);
    for name in told {
        let text = format!("statefulset \"a\" \"b\" {{\n  image = \"i\"\n  {name} = []\n}}\n");
        let problems = problems("hcl", &text).unwrap();
        assert!(problems.contains(&format!("`{name}` is not supported yet")), "{problems}");
    }
}
