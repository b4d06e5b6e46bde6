//! Kubernetes YAML: manifests in, objects or problems out.
//!
//! `tests/data/yaml/accept/NAME.yaml` lowers to `NAME.objects`, with its notes in `NAME.notes` if it has any;
//! `tests/data/yaml/reject/NAME.yaml` is refused as `NAME.problems` says. `UPDATE=1` writes what came out.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use writ_core::dialect::{Files, Lowered, lower};
use writ_core::text::{Problems, Sources};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/yaml").join(name)
}

/// The manifests of a folder, by name.
fn manifests(name: &str) -> Vec<(PathBuf, Files)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    paths.sort();
    assert!(!paths.is_empty(), "no manifests in {name}");
    let read = |path: PathBuf| {
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = fs::read(&path).unwrap();
        (path, Files::from([(file, bytes)]))
    };
    paths.into_iter().map(read).collect()
}

/// Compares text with a file, or writes the file if `UPDATE=1`; an empty text has no file.
fn check_text(path: &Path, text: &str, wrong: &mut Vec<String>) {
    let expected = fs::read_to_string(path).unwrap_or_default();
    if expected == text {
        return;
    }
    if std::env::var("UPDATE").is_ok_and(|update| update == "1") {
        fs::write(path, text).unwrap();
    } else {
        wrong.push(format!("{} differs; it would be:\n{text}", path.display()));
    }
}

fn objects_text(lowered: &Lowered) -> String {
    let show = |object: &writ_core::model::Object| {
        format!("# {}\n{}\n", object.id, serde_json::to_string_pretty(&object.body).unwrap())
    };
    lowered.objects.iter().map(show).collect()
}

fn rendered(problems: &Problems, sources: &Sources) -> String {
    problems.render(sources, false)
}

fn of(text: &str) -> (Result<Lowered, Problems>, Sources) {
    lower(&Files::from([("a.yaml".to_owned(), text.as_bytes().to_vec())]))
}

/// The problems of one manifest, errors or notes, as people see them.
fn shown(text: &str) -> String {
    let (result, sources) = of(text);
    rendered(&result.map_or_else(|problems| problems, |lowered| lowered.notes), &sources)
}

#[test]
fn every_accepted_manifest_lowers_to_its_objects_and_notes() {
    let mut wrong = Vec::new();
    for (path, files) in manifests("accept") {
        match lower(&files) {
            (Ok(lowered), sources) => {
                check_text(&path.with_extension("objects"), &objects_text(&lowered), &mut wrong);
                check_text(&path.with_extension("notes"), &rendered(&lowered.notes, &sources), &mut wrong);
            }
            (Err(problems), sources) => {
                wrong.push(format!("{} is refused:\n{}", path.display(), rendered(&problems, &sources)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rejected_manifest_is_refused_with_place_and_help() {
    let mut wrong = Vec::new();
    for (path, files) in manifests("reject") {
        match lower(&files) {
            (Ok(_), _) => wrong.push(format!("{} is accepted", path.display())),
            (Err(problems), sources) => {
                check_text(&path.with_extension("problems"), &rendered(&problems, &sources), &mut wrong);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All documents of the accepted manifests, each by itself.
fn documents() -> Vec<String> {
    let texts = manifests("accept").into_iter().flat_map(|(_, files)| files.into_values());
    let texts: Vec<String> = texts.map(|bytes| String::from_utf8(bytes).unwrap()).collect();
    let whole = |text: &&String| text.contains("ledger") && !text.contains("&");
    texts.iter().filter(whole).flat_map(|text| text.split("\n---\n")).map(|text| format!("{text}\n")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_documents_and_of_files_is_immaterial(
        order in Just(documents()).prop_shuffle(),
        names in Just(vec!["a.yaml", "b.yml", "c/d.yaml", "e.yaml"]).prop_shuffle(),
        cut in 1..6usize,
    ) {
        let all = |order: &[String]| lower(&Files::from([("all.yaml".to_owned(), order.join("---\n").into_bytes())]));
        let mut files = Files::new();
        for (name, part) in names.iter().zip(order.chunks(order.len().div_ceil(cut.min(4)))) {
            files.insert((*name).to_owned(), part.join("---\n").into_bytes());
        }
        let expected = all(&documents()).0.unwrap();
        let split = lower(&files).0.unwrap();
        prop_assert_eq!(objects_text(&expected), objects_text(&all(&order).0.unwrap()));
        prop_assert_eq!(objects_text(&expected), objects_text(&split));
        prop_assert_eq!(expected.notes.sorted().len(), split.notes.sorted().len());
    }

    #[test]
    fn no_text_whatever_makes_it_fail_otherwise_than_by_a_problem(text in "[-:\\[\\]{}&*!|>'\"%@`#,?~<a0 \n\t]{0,200}") {
        let (result, sources) = of(&text);
        if let Err(problems) = result {
            prop_assert!(!rendered(&problems, &sources).is_empty());
        }
    }
}

/// Files, some right and some wrong in the ways of either dialect, so many that several threads read them.
fn hundreds_of_files(wrong: bool) -> Files {
    let file = |number: usize| match (number % 3, wrong) {
        (0, true) => (format!("{number:03}.yaml"), config_map(number).replace("data:", "date:")),
        (1, true) => (format!("{number:03}.hcl"), format!("asset \"shop\" \"a{number}\" {{\n  key = (1)\n}}\n")),
        _ => (format!("{number:03}.yaml"), config_map(number).replace("name: ", "uid: seen\n  name: ")),
    };
    (0..300).map(file).map(|(path, text)| (path, text.into_bytes())).collect()
}

fn config_map(number: usize) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c{number}\ndata:\n  key: \"{number}\"\n")
}

#[test]
fn hundreds_of_files_have_the_problems_of_each_of_them_in_their_order() {
    let files = hundreds_of_files(true);
    let alone = files.iter().flat_map(|(path, bytes)| {
        let found = match lower(&Files::from([(path.clone(), bytes.clone())])).0 {
            Ok(lowered) => lowered.notes,
            Err(problems) => problems,
        };
        found.sorted().into_iter().cloned().collect::<Vec<_>>()
    });
    let alone: Vec<_> = alone.collect();
    let (together, sources) = lower(&files);
    let together = together.unwrap_err();
    assert_eq!(together.sorted().into_iter().cloned().collect::<Vec<_>>(), alone);
    assert!(alone.len() >= 300, "only {} problems", alone.len());
    assert!(files.keys().all(|path| sources.text(path).is_some()));
}

#[test]
fn hundreds_of_files_give_the_objects_that_one_file_of_all_of_them_gives() {
    let files = hundreds_of_files(false);
    let texts: Vec<&str> = files.values().map(|bytes| std::str::from_utf8(bytes).unwrap()).collect();
    let (one, many) = (of(&texts.join("---\n")).0.unwrap(), lower(&files).0.unwrap());
    assert_eq!(objects_text(&many), objects_text(&one));
    assert_eq!((many.objects.len(), many.notes.sorted().len()), (300, 300));
}

/// A hostile text is refused with the words, and soon.
fn check_hostile(text: &str, words: &str) {
    let start = std::time::Instant::now();
    let shown = shown(text);
    let end: String = shown.chars().take(2_000).collect();
    assert!(shown.contains(words), "no {words:?} in {end}");
    assert!(shown.len() < 100_000, "{} bytes are shown", shown.len());
    assert!(start.elapsed().as_secs() < 5, "took {:?}", start.elapsed());
}

#[test]
fn refuses_what_is_nested_too_deep() {
    check_hostile(&"[".repeat(160_000), "nested more than 64 levels");
    check_hostile(&"{a: ".repeat(50_000), "nested more than 64 levels");
    let block: String = (0..300).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    check_hostile(&block, "nested more than 64 levels");
    check_hostile(&"- ".repeat(100_000), "nested more than 64 levels");
    let chain: String = (1..40).map(|level| format!("a{level}: &a{level} [[*a{}]]\n", level - 1)).collect();
    check_hostile(&format!("a0: &a0 x\n{chain}"), "nested more than 64 levels");
}

#[test]
fn refuses_aliases_that_grow_without_end() {
    let tenfold = |level: usize| format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(", "));
    let bomb: String = (1..10).map(tenfold).collect();
    check_hostile(&format!("a0: &a0 x\n{bomb}"), "more than 100000 values when its aliases are written out");
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), vec!["*a"; 1_000].join(", "));
    check_hostile(&long, "bytes of text when its aliases are written out");
    check_hostile("a: &a [*a]\n", "the alias stands inside the value that it names");
    check_hostile("a: *b\n", "the alias names nothing");
    let merges = format!("a: &a {{{}}}\nb: {{<<: [{}]}}\n", keys(8_000), vec!["*a"; 8_000].join(", "));
    check_hostile(&merges, "more than 100000 values");
}

fn keys(count: usize) -> String {
    (0..count).map(|key| format!("k{key}: 1, ")).collect()
}

#[test]
fn refuses_what_is_too_large_or_no_text() {
    check_hostile(&"x".repeat(10 << 20), "at most 262144 are read");
    check_hostile(&format!("a: {}", "x".repeat(200_000)), "has no `apiVersion`");
    check_hostile("a: \0\n", "NUL character");
    check_hostile(&keys(9_000).replace(", ", "\n"), "has no `apiVersion`");
    let files = Files::from([("a.yaml".to_owned(), b"kind: Secret\ndata:\n  a: hunter2 \xff\n".to_vec())]);
    let (result, sources) = lower(&files);
    let shown = rendered(&result.unwrap_err(), &sources);
    assert!(shown.contains("not UTF-8") && shown.contains("a.yaml:3:14") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn what_is_secret_is_not_shown_however_the_manifest_is_broken() {
    let whole = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  first: canary1\n  second: |\n    canary2\n    x: canary3\n";
    assert!(of(whole).0.is_ok());
    let pod = fs::read_to_string(folder("accept/postgres.yaml")).unwrap().replace("/srv/data/cluster", "canary4");
    let breakers = ["\"", ": ", "\t", "5\n", "}", "*", "&a ", "- "];
    let mut refused = 0;
    for (text, step) in [(whole, 1), (pod.as_str(), 23)] {
        for (at, breaker) in (0..text.len()).zip(breakers.iter().cycle()).flat_map(|(at, one)| {
            let all = if step == 1 { &breakers[..] } else { std::slice::from_ref(one) };
            all.iter().map(move |breaker| (at, *breaker))
        }) {
            if at % step != 0 {
                continue;
            }
            let mut broken = text.to_owned();
            broken.insert_str(at, breaker);
            let shown = shown(&broken);
            refused += usize::from(shown.contains("error"));
            assert!(!shown.contains("canary"), "{broken}\n{shown}");
        }
    }
    assert!(refused > 500, "only {refused} were refused");
}

#[test]
fn every_rejected_manifest_has_an_accepted_neighbour() {
    let names = |folder| manifests(folder).into_iter().flat_map(|(_, files)| files.into_keys()).collect::<Vec<_>>();
    let accepted = names("accept");
    let alone: Vec<String> = names("reject").into_iter().filter(|name| !accepted.contains(name)).collect();
    assert!(alone.is_empty(), "no accepted neighbour for {alone:?}");
}

/// The files of each example that people are shown.
fn examples() -> Vec<Files> {
    fn walk(path: &Path, root: &Path, files: &mut Files) {
        for entry in fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                walk(&entry, root, files);
            } else {
                let name = entry.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(&entry).unwrap());
            }
        }
    }
    let root = folder("../../../examples");
    // The one folder without manifests holds what asks for their judgement.
    let is_example = |path: &PathBuf| path.is_dir() && !path.ends_with("ci");
    let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(is_example);
    let read = |path: PathBuf| {
        let mut files = Files::new();
        walk(&path, &path, &mut files);
        files
    };
    folders.map(read).collect()
}

#[test]
fn what_any_dialect_becomes_is_read_back_from_yaml_as_the_same_objects() {
    let accepted = manifests("accept").into_iter().map(|(_, files)| files);
    let mut objects = 0;
    for files in accepted.chain(examples()) {
        let (result, sources) = lower(&files);
        let first = result.unwrap_or_else(|problems| panic!("{}", rendered(&problems, &sources)));
        let documents: Vec<String> = first.objects.iter().map(|object| object.body.to_string()).collect();
        let again = Files::from([("all.yaml".to_owned(), documents.join("\n---\n").into_bytes())]);
        let (result, sources) = lower(&again);
        let second = result.unwrap_or_else(|problems| panic!("{}", rendered(&problems, &sources)));
        assert_eq!(objects_text(&first), objects_text(&second));
        objects += first.objects.len();
    }
    assert!(objects > 60, "only {objects} objects");
}
