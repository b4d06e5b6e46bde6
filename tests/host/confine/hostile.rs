//! Manifests that are made to hurt, read by the real child: each ends within bounds, and those beside it are read.

use writ::confine::{Child, ConfineError, Ended};
use writ_core::dialect::{Files, Given, lower};
use writ_core::text::Problems;

use super::{child, files};
use crate::pass::WEB;

/// A file that stands in very many assets: each is within its budget, and together they fill the memory.
pub(super) fn memory_bomb() -> Files {
    let asset = |number| {
        let keys: String = (0..3).map(|key| format!("  k{key} = file(\"./big\")\n")).collect();
        format!("asset \"s\" \"a{number}\" {{\n{keys}}}\n")
    };
    let assets: String = (0..900).map(asset).collect();
    files(&[("assets.hcl", &assets), ("big", &"x".repeat(256 << 10))])
}

/// Objects of which each is there as often as all others: each is told with the places of all.
fn processor_bomb() -> Files {
    let document = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\n";
    let file = |number: usize| (format!("n{number}.yaml"), document.repeat(4_000).into_bytes());
    (0..8).map(file).collect()
}

async fn ended(child: &Child, files: &Files) -> Ended {
    match child.lower_unfetched(files, &Given::default()).await {
        Err(ConfineError::Ended(ended)) => ended,
        other => panic!("{other:?}"),
    }
}

async fn problems(child: &Child, files: &Files) -> String {
    let judged = child
        .lower_unfetched(files, &Given::default())
        .await
        .unwrap_or_else(|error| panic!("{error}: {:?}", files.first_key_value()));
    judged.lowered.map_or_else(|problems: Problems| problems.render(&judged.sources, false), |_| String::new())
}

#[tokio::test]
async fn a_bomb_for_the_memory_or_the_processor_is_an_end_and_the_next_files_are_read() {
    assert_eq!(ended(&child(), &memory_bomb()).await, Ended::Memory { bytes: 512 << 20 });
    let mut hasty = child();
    hasty.bounds.limits.processor_seconds = 2;
    assert_eq!(ended(&hasty, &processor_bomb()).await, Ended::Processor { seconds: 2 });
    let judged = hasty.lower_unfetched(&files(&[("web.hcl", WEB)]), &Given::default()).await.unwrap();
    assert_eq!(judged.lowered.unwrap().objects.len(), 3);
}

#[tokio::test]
async fn what_the_budgets_of_the_dialects_refuse_is_told_with_its_place_as_ever() {
    let value = |value: &str| format!("deployment \"a\" \"b\" {{\n  image = \"i\"\n  command = {value}\n}}\n");
    let filled = |each: &str| value(&each.repeat(60_000 / each.len()));
    let keys: String = (0..20_000).map(|number| format!("A{number}=1\n")).collect();
    let laughs: String = (0..9).map(|n| format!("l{}: &l{} [*l{n}, *l{n}, *l{n}, *l{n}]\n", n + 1, n + 1)).collect();
    for (path, text) in [
        ("a.hcl", filled("[")),
        ("a.hcl", filled("{ a = ")),
        ("a.hcl", filled("\"${")),
        ("a.hcl", filled("[for x in ")),
        ("a.hcl", filled("1 + ")),
        ("a.hcl", value("[for a in range(1, 100000): [for b in range(1, 100000): b]]")),
        ("a.hcl", format!("deployment \"a\" \"b\" {{\n  env = {{\n{keys}}}\n}}\n")),
        ("a.hcl", format!("{}\0", value("[]"))),
        ("a.hcl", format!("{}\u{202e}", "x".repeat(200_000))),
        ("a.yaml", "[".repeat(160_000)),
        ("a.yaml", "- ".repeat(100_000)),
        ("a.yaml", format!("l0: &l0 [x, x, x, x, x, x, x, x, x]\n{laughs}")),
        ("a.yaml", "{a: ".repeat(50_000)),
        ("a.yaml", "a: b\na: c\n".repeat(1_000)),
        ("a.yaml", "x".repeat(262_145)),
    ] {
        let files = files(&[(path, &text), ("web.hcl", WEB)]);
        let found = problems(&child(), &files).await;
        let (lowered, sources) = lower(&files);
        let begin: String = text.chars().take(60).collect();
        assert_eq!(found, lowered.unwrap_err().render(&sources, false), "{begin}");
        assert!(found.contains(&format!("--> {path}")), "{begin}: {found}");
    }
}
