//! The corpus of hostile commits: what Writ, `git verify-commit`, `git2` and `gix` make of each, told in a document.

mod judges;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use writ_core::text::is_control;

use crate::agreement::Agreed;
use crate::corpus::{self, Case, Fate, Scene};
use judges::{Judged, Said};

const DOCUMENT: &str = "docs/hostile-commits.md";

/// A case with what was made of it.
struct Row {
    group: &'static str,
    case: &'static Case,
    id: String,
    hostile: Said,
}

/// Builds every case both ways and asks everybody.
fn rows() -> Vec<Row> {
    let cases = corpus::all().into_iter().flat_map(|(group, cases)| cases.iter().map(move |case| (group, case)));
    let cases: Vec<(&'static str, &'static Case)> = cases.collect();
    let (agreed, rows, wrong) = (Agreed::default(), Mutex::new(BTreeMap::new()), Mutex::new(Vec::new()));
    let next = Mutex::new(0..cases.len());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(at) = next.lock().unwrap().next() else { return };
                    let (group, case) = cases[at];
                    let (row, found) = row(group, case, &agreed);
                    wrong.lock().unwrap().extend(found);
                    rows.lock().unwrap().insert(at, row);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    rows.into_inner().unwrap().into_values().collect()
}

fn build(case: &Case, hostile: bool) -> Scene {
    let mut scene = Scene::new(hostile);
    (case.build)(&mut scene);
    scene
}

/// Both sides of a case: the honest one is admitted by everybody, and the hostile one as the case says. What is not so is
/// told.
fn row(group: &'static str, case: &'static Case, agreed: &Agreed) -> (Row, Vec<String>) {
    let Case { name, honest, fate, why, build: _ } = case;
    let mut wrong = Vec::new();
    let mut must = |holds: bool, what: String| {
        if !holds {
            wrong.push(format!("{name:?}: {what}"));
        }
    };
    let neighbour = build(case, false);
    let said = judges::ask(&neighbour, agreed);
    must(said.writ == Judged::Admitted, format!("beside it, {honest:?} is {}: {}", said.writ, said.text));
    must(said.git, format!("Git refuses what is beside it, {honest:?}"));
    let hostile = build(case, true);
    let said = judges::ask(&hostile, agreed);
    let expected = match fate {
        Fate::Refused(reason) => Judged::Refused(*reason),
        Fate::NotChecked => Judged::NotChecked,
        Fate::NotRead => Judged::NotRead,
    };
    must(said.writ == expected, format!("it is {} and not {expected}: {}", said.writ, said.text));
    must(!said.text.chars().any(is_control), format!("control characters stand in {:?}", said.text));
    must(
        said.git != why.is_empty(),
        format!("Git {}, and the case says {why:?}", if said.git { "takes it" } else { "refuses" }),
    );
    (Row { group, case, id: hostile.offer().to_owned(), hostile: said }, wrong)
}

fn document(rows: &[Row]) -> String {
    let mut text = INTRODUCTION.to_owned();
    let taken = rows.iter().filter(|row| row.hostile.git).count();
    text += &format!("{} cases; `git verify-commit` takes {taken} of them.\n", rows.len());
    let mut group = "";
    for row in rows {
        let Row { group: own, case, id, hostile } = row;
        let Said { writ, text: _, git, git2, gix } = hostile;
        if *own != group {
            group = own;
            text += &format!("\n## {group}\n\n{HEAD}");
        }
        let git = if *git { "takes it" } else { "refuses" };
        let why = if case.why.is_empty() { "–" } else { case.why };
        let digits = id.get(..10).unwrap();
        text +=
            &format!("| {} (`{digits}`) | {writ} | {git} | {git2} | {gix} | {why} | {} |\n", case.name, case.honest);
    }
    text
}

const HEAD: &str = "| the hostile one | Writ | `git verify-commit` | git2 | gix | why Git takes it | its neighbour, which is admitted |\n\
                    |---|---|---|---|---|---|---|\n";

const INTRODUCTION: &str = "# Hostile commits

Each row is a commit or a history that somebody could push, made with fixed keys and dates, so that its name is the same on every machine. Its first digits stand in brackets; where
only what lies beside a commit is hostile, cases share it. Beside each stands an honest neighbour that differs in one thing and is admitted. `tests/fixtures/corpus` makes them,
`tests/host/hostile.rs` asks four programs about them and writes this page; `UPDATE=1` writes it anew.

- **Writ**: the reason for which the offer is refused ([codes](commands.md)); *not checked* is an error that admits nothing; *not read* means that the commit is good and the files of
  its tree are refused.
- **`git verify-commit`** of the offered commit, as an operator would run it: `gpg.ssh.allowedSignersFile` holds what the commit's first parent lists, and the keyring of `gpg` what
  that parent's `.writ/keys` holds. Asked were Git 2.39, OpenSSH 9.2 and GnuPG 2.2; other versions can take or refuse something else.
- **git2** (libgit2) and **gix** only read; they say whether they can, and whether they see a signature. Neither is asked for a verdict by Writ, which has one strict reader of its own.

What Writ admits in any of these histories, `git verify-commit` takes by the files of every parent: the test asks.

";

#[test]
fn every_hostile_commit_is_refused_and_its_honest_neighbour_is_not_as_the_document_tells() {
    let rows = rows();
    assert!(rows.len() >= 60, "{} cases", rows.len());
    let names: BTreeSet<&str> = rows.iter().map(|row| row.case.name).collect();
    assert_eq!(names.len(), rows.len(), "each case has a name of its own");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(DOCUMENT);
    crate::golden::check_file(&path, &document(&rows));
}

/// Building a case again gives the same objects.
#[test]
fn every_object_of_the_corpus_has_the_same_name_each_time() {
    for (_, cases) in corpus::all() {
        // The long ones are made in the same way as the others.
        for case in cases.iter().filter(|case| !case.name.contains("10000")) {
            assert_eq!(build(case, true).offer(), build(case, true).offer(), "{:?}", case.name);
        }
    }
}
