//! Manifests that are made to hurt: each ends soon, with a problem at a place.

use super::problems;
use crate::hcl::lowered;
use writ_core::dialect::Files;

/// Fills a manifest far beyond what a person writes, within the largest size.
fn filled(before: &str, each: &str, after: &str) -> String {
    let room = 65_536 - before.len() - after.len();
    format!("{before}{}{after}", each.repeat(room / each.len()))
}

/// A manifest with `value` where any value could be.
fn with_value(value: &str) -> String {
    format!("deployment \"a\" \"b\" {{\n  image = \"i\"\n  command = {value}\n}}\n")
}

#[test]
fn deep_nesting_is_refused_at_its_place_whatever_is_nested() {
    for open in
        ["[", "{ a = ", "(", "f(", "\"${", "[for x in ", "x[", "!(", "-(", "a ? (", "{ for k, v in {", "<<A\n${"]
    {
        let text = filled("deployment \"a\" \"b\" {\n  command = ", open, "\n}\n");
        let problems = problems(&text);
        assert!(problems.contains("nested deeper than 64 levels"), "{open}: {problems}");
        assert!(problems.contains("--> stack.hcl:"), "{open}: {problems}");
    }
    let blocks = problems(&filled("", "a {\n", ""));
    assert!(blocks.contains("nested deeper than 64 levels"), "{blocks}");
}

#[test]
fn nesting_within_the_limit_is_read_by_the_parser_and_judged() {
    let text = with_value(&format!("{}{}", "[".repeat(60), "]".repeat(60)));
    assert!(problems(&text).contains("`command` is a list of strings, and this is a list"));
}

#[test]
fn long_chains_of_operators_end_in_a_problem() {
    for each in ["1 + ", "!", "-", "a.", "a[0]", "a ? b : ", "1 == ", "x.*."] {
        let text = filled("deployment \"a\" \"b\" {\n  command = ", each, "1\n}\n");
        problems(&text);
    }
}

#[test]
fn an_object_with_very_many_keys_is_refused_before_each_is_compared_with_all_others() {
    let keys: String = (0..20_000).map(|number| format!("A{number}=1\n")).collect();
    let problems = problems(&format!("deployment \"a\" \"b\" {{\n  env = {{\n{keys}}}\n}}\n"));
    assert!(problems.contains("more than 2048 entries between these braces"), "{problems}");
}

#[test]
fn two_thousand_keys_are_read() {
    let keys: String = (0..2_000).map(|number| format!("A{number} = 1\n")).collect();
    let text = format!("deployment \"a\" \"b\" {{\n  image = \"i\"\n  env = {{\n{keys}}}\n}}\n");
    let deployment = super::object(&text, "deployment/a/b");
    let env = deployment.pointer("/spec/template/spec/containers/0/env").unwrap();
    assert_eq!(env.as_array().unwrap().len(), 2_002);
}

#[test]
fn more_values_than_any_manifest_needs_are_refused() {
    let text = with_value(&format!("[{}]", "1,".repeat(110_000)));
    assert!(problems(&text).contains("more than 100000 values"));
}

#[test]
fn a_manifest_that_is_too_large_is_refused_and_one_of_the_largest_size_is_read() {
    let comment = |length: usize| format!("#{}\n", "x".repeat(length - 2));
    assert!(problems(&comment(262_145)).contains("at most 262144 are read"));
    assert_eq!(super::objects(&comment(262_144)), []);
}

#[test]
fn texts_that_fill_the_whole_manifest_are_read_or_refused_at_once() {
    for each in ["a", "$", "$$", "$${", "%%{", "\\\\", "\\n", "\\\"", "é", "/", "#", "\n", "\r\n", " "] {
        let text = filled("asset \"a\" \"b\" {\n  key = \"", each, "\"\n}\n");
        lowered(&super::single(&text));
        let text = filled("asset \"a\" \"b\" {\n  key = <<END\n", each, "\nEND\n}\n");
        lowered(&super::single(&text));
    }
    for each in ["${a}", "${asset.a.b.c}", "%{ if a }", "%{ for a in b }", "${\"${a}\"}", "\\x", "\\u00"] {
        problems(&filled("asset \"a\" \"b\" {\n  key = \"", each, "\"\n}\n"));
    }
}

#[test]
fn what_is_never_closed_is_refused() {
    for open in
        ["\"", "<<END\n", "/*", "[", "{", "(", "file(", "\"${", "\"${asset", "\"\\", "<<", "<<-", "$", "${", "%{"]
    {
        problems(&filled("asset \"a\" \"b\" {\n  key = ", open, ""));
        problems(&format!("asset \"a\" \"b\" {{\n  key = {open}"));
    }
}

#[test]
fn very_many_wrong_names_are_refused_at_once_and_the_first_ones_shown() {
    let unknown: String =
        (0..2_500).map(|number| format!("deployment \"a\" \"b\" {{\nimages{number} = 1\n}}\n")).collect();
    let files =
        Files::from([("a.hcl".to_owned(), unknown.clone().into_bytes()), ("b.hcl".to_owned(), unknown.into_bytes())]);
    let (_, problems, refused) = lowered(&files);
    assert!(refused && problems.contains("more problems"));
}

#[test]
fn very_many_references_to_very_many_assets_are_refused_at_once() {
    let assets: String = (0..2_000).map(|number| format!("asset \"a\" \"b{number}\" {{\n}}\n")).collect();
    let references: String = (0..2_000).map(|number| format!("\"${{asset.a.c{number}.d}}:/x\",\n")).collect();
    let consumer = format!("deployment \"a\" \"w\" {{\n  image = \"i\"\n  volumes = [\n{references}]\n}}\n");
    let files = Files::from([("a.hcl".to_owned(), assets.into_bytes()), ("b.hcl".to_owned(), consumer.into_bytes())]);
    let (_, problems, refused) = lowered(&files);
    assert!(refused && problems.contains("no asset \"a\" \"c0\" is declared"), "{problems}");
}
