//! How problems are shown to people. `UPDATE=1` writes the expected text of `tests/data/problem`.

use std::fs;
use std::path::Path;

use writ_core::text::{Place, Problem, Problems, Sources, is_control};

fn check(name: &str, problems: &Problems, sources: &Sources) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/problem").join(name);
    let text = problems.render(sources, false);
    assert!(!text.contains('\u{1b}'), "a plain text holds an escape sequence: {text:?}");
    if std::env::var("UPDATE").is_ok_and(|update| update == "1") {
        fs::write(&path, &text).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "{name}");
}

fn at(file: &str, start: usize, end: usize) -> Option<Place> {
    Some(Place { file: file.into(), start, end })
}

fn all(of: impl IntoIterator<Item = Problem>) -> Problems {
    let mut problems = Problems::default();
    of.into_iter().for_each(|problem| problems.push(problem));
    problems
}

#[test]
fn a_problem_shows_its_place_its_line_and_what_to_do() {
    let mut sources = Sources::default();
    sources.insert("web.yaml", "kind: Service\nspec:\n  pots: []\n");
    sources.insert("db.yaml", "größe: 1\r\n\tname: ×\r\n");
    sources.insert("empty.yaml", "");
    let problems = all([
        Problem::note(at("web.yaml", 14, 18), "`spec` has no effect"),
        Problem::error(at("web.yaml", 22, 26), "ServiceSpec has no field `pots`").help("did you mean `ports`?"),
        Problem::warning(at("db.yaml", 10, 10), "a point, not a stretch"),
        Problem::error(at("db.yaml", 19, 21), "after letters of two bytes"),
        Problem::error(at("empty.yaml", 0, 0), "nothing is here"),
        Problem::error(at("web.yaml", 33, 99), "past the end"),
        Problem::error(at("gone.yaml", 5, 6), "a file that is not kept"),
        Problem::error(None, "no file at all").help("split the unit"),
        Problem::error(at("web.yaml", 22, 26), "ServiceSpec has no field `pots`").help("did you mean `ports`?"),
    ]);
    check("places", &problems, &sources);
}

#[test]
fn what_a_stranger_wrote_cannot_colour_or_turn_what_is_shown() {
    let mut sources = Sources::default();
    sources.insert("a\u{1b}[31m.yaml", "name: \u{1b}[31mred\u{202e}der\u{0}\u{7}\n");
    let problems = all([
        Problem::error(at("a\u{1b}[31m.yaml", 6, 14), "a \u{1b}[32mgreen\u{202e} message").help("do\n\u{1b}[0m this"),
        Problem::error(at("a\u{1b}[31m.yaml", 0, 4), "one\nand two lines"),
    ]);
    check("strangers", &problems, &sources);
}

#[test]
fn no_invisible_character_of_a_source_is_shown_and_places_stay_right() {
    let mut sources = Sources::default();
    let line = "é\u{85}\u{2028}\u{200b}\u{61c}\u{feff}\u{2069}";
    sources.insert("a", format!("{line} = here\n"));
    let text = all([Problem::error(at("a", line.len() + 3, line.len() + 7), "wrong")]).render(&sources, false);
    assert!(!text.chars().any(|character| is_control(character) && character != '\n'), "{text:?}");
    let (shown, marks) = text.split_once("1 | ").unwrap().1.split_once('\n').unwrap();
    assert!(shown.starts_with('é') && shown.ends_with(" = here"), "{text}");
    assert!(marks.lines().next().unwrap().ends_with("^^^^"), "{text}");
}

#[test]
fn a_long_line_is_cut_around_its_place_and_many_problems_are_counted() {
    let mut sources = Sources::default();
    let long = format!("{}here{}\n", "x".repeat(100_000), "y".repeat(100_000));
    sources.insert("long.yaml", long.as_str());
    check("long", &all([Problem::error(at("long.yaml", 100_000, 100_004), "in the middle of it")]), &sources);

    let many = all((0..250).map(|at_byte| Problem::error(at("long.yaml", at_byte, at_byte + 1), "again")));
    let text = many.render(&sources, false);
    assert_eq!(text.matches("error: again").count(), 100);
    assert!(text.ends_with("and 150 more problems\n"), "{text}");
    assert!(text.len() < 100_000, "{} bytes", text.len());
}

#[test]
fn colour_is_there_only_when_it_is_asked_for() {
    let mut sources = Sources::default();
    sources.insert("a", "b: c\n");
    let problems = all([Problem::error(at("a", 0, 1), "wrong")]);
    assert!(problems.render(&sources, true).contains('\u{1b}'));
    assert!(!problems.render(&sources, false).contains('\u{1b}'));
}
