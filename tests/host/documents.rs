//! Holds `docs/settings.md` and `docs/commands.md` to the program.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use writ::settings::{self, Surroundings};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The parts of a document below headings of the second level, by the first word in backquotes of each.
fn chapters(document: &str) -> BTreeMap<String, String> {
    let mut chapters: BTreeMap<String, String> = BTreeMap::new();
    let mut at = None;
    for line in document.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            at = heading.split('`').nth(1).map(str::to_owned);
        } else if let Some(at) = &at {
            let chapter = chapters.entry(at.clone()).or_default();
            chapter.push_str(line);
            chapter.push('\n');
        }
    }
    chapters
}

/// The first column of the tables of a chapter.
fn keys(chapter: &str) -> BTreeSet<String> {
    let rows = chapter.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).map(str::to_owned).collect()
}

fn refused(text: &str) -> String {
    let around = Surroundings { machine: "machine-1".into(), docker_host: None };
    settings::parse(Path::new("agent.toml"), text, &around).unwrap_err().render(false)
}

/// Every key of the settings, by the chapter that tells of its table.
pub(crate) fn known_keys() -> BTreeMap<String, BTreeSet<String>> {
    let tables = [
        ("agent.toml", "qqqqqqqqqqqqqqqq = 1\n"),
        ("[host]", "[host]\nqqqqqqqqqqqqqqqq = 1\n"),
        ("[ingress]", "[ingress]\nqqqqqqqqqqqqqqqq = 1\n"),
        ("[hint]", "[hint]\nqqqqqqqqqqqqqqqq = 1\n"),
        ("[web]", "[web]\nqqqqqqqqqqqqqqqq = 1\n"),
        ("[traces]", "[traces]\nqqqqqqqqqqqqqqqq = 1\n"),
        ("tls", "[web]\ntls = { qqqqqqqqqqqqqqqq = 1 }\n"),
        ("[[source]]", "[[source]]\nqqqqqqqqqqqqqqqq = 1\n"),
        ("credentials", "[[source]]\ncredentials = { qqqqqqqqqqqqqqqq = 1 }\n"),
        ("introduction", "[[source]]\nintroduction = { qqqqqqqqqqqqqqqq = 1 }\n"),
        ("[[unit]]", "[[unit]]\nqqqqqqqqqqqqqqqq = 1\n"),
        ("[[unit.plugin]]", "[[unit]]\n[[unit.plugin]]\nqqqqqqqqqqqqqqqq = 1\n"),
        ("[[unit.ignore]]", "[[unit]]\n[[unit.ignore]]\nqqqqqqqqqqqqqqqq = 1\n"),
        ("renderer", "[[unit]]\nrenderer = { qqqqqqqqqqqqqqqq = 1 }\n"),
        ("prune", "[[unit]]\nprune = { qqqqqqqqqqqqqqqq = 1 }\n"),
        ("previews", "[[unit]]\npreviews = { qqqqqqqqqqqqqqqq = 1 }\n"),
        ("backup", "[[unit]]\nbackup = { qqqqqqqqqqqqqqqq = 1 }\n"),
        ("[[alert]]", "[[alert]]\nqqqqqqqqqqqqqqqq = 1\n"),
        ("mail", "[[alert]]\nmail = { qqqqqqqqqqqqqqqq = 1 }\n"),
        ("[[report]]", "[[report]]\nqqqqqqqqqqqqqqqq = 1\n"),
        ("app", "[[report]]\napp = { qqqqqqqqqqqqqqqq = 1 }\n"),
    ];
    let known = tables.into_iter().map(|(chapter, text)| {
        let problems = refused(text);
        let (_, known) = problems.split_once("the keys are: ").unwrap_or_else(|| panic!("{problems}"));
        (chapter.to_owned(), known.lines().next().unwrap().split(", ").map(str::to_owned).collect())
    });
    known.collect()
}

#[test]
fn every_key_of_the_settings_is_told_in_its_chapter_and_no_other() {
    let document = chapters(&read("docs/settings.md"));
    for (chapter, known) in known_keys() {
        let told = document.get(&chapter).unwrap_or_else(|| panic!("no chapter about {chapter}"));
        assert_eq!(keys(told), known, "{chapter}");
    }
}

#[test]
fn every_key_that_is_said_to_be_later_is_refused_as_such() {
    let document = chapters(&read("docs/settings.md"));
    let mut later = 0;
    for (chapter, text) in &document {
        for row in text.lines().filter(|row| row.starts_with("| `") && row.contains("**later**")) {
            let key = row.split('`').nth(1).unwrap();
            let text = match chapter.as_str() {
                "agent.toml" => format!("[{key}]\n"),
                "credentials" => format!("[[source]]\ncredentials = {{ {key} = 1 }}\n"),
                table => format!("{table}\n{key} = [1]\n"),
            };
            let problems = refused(&text);
            assert!(problems.contains(&format!("`{key}` of")) && problems.contains("not supported yet"), "{problems}");
            later += 1;
        }
    }
    assert!(later >= 1, "no key is later");
}

#[test]
fn the_example_of_the_settings_is_right() {
    let document = read("docs/settings.md");
    let (_, rest) = document.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let mut text = example.to_owned();
    for name in ["deploy-key", "known_hosts", "forge-token"] {
        let path = folder.path().join(name);
        std::fs::write(&path, "x").unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        text = text.replace(&format!("/etc/writ/{name}"), &path.display().to_string());
    }
    let around = Surroundings { machine: "machine-1".into(), docker_host: None };
    let settings = settings::parse(Path::new("agent.toml"), &text, &around);
    let settings = settings.unwrap_or_else(|error| panic!("{}", error.render(false)));
    assert!(!settings.units.is_empty() && !settings.reports.is_empty());
}

pub(crate) fn help(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_writ")).args(words).arg("--help").env_clear().output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The commands that a help lists.
pub(crate) fn commands(help: &str) -> Vec<String> {
    let (_, rest) = help.split_once("Commands:\n").unwrap_or(("", ""));
    let lines = rest.lines().take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// The long options that a help lists, without those of every command.
pub(crate) fn options(help: &str) -> Vec<String> {
    let words = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let long = words.filter_map(|line| line.split([' ', ',']).find(|word| word.starts_with("--")));
    long.filter(|option| !["--output", "--config", "--help", "--version"].contains(option)).map(str::to_owned).collect()
}

/// The words that a command takes by their place, but for those that stand for several.
fn arguments(help: &str) -> Vec<String> {
    let (_, rest) = help.split_once("Arguments:\n").unwrap_or(("", ""));
    let lines = rest.lines().take_while(|line| !line.is_empty()).map(str::trim_start);
    let names = lines.filter_map(|line| line.split(['<', '[', '>', ']']).nth(1));
    names.filter(|name| *name != "WORDS").map(str::to_owned).collect()
}

#[test]
fn every_command_and_option_is_told_in_its_chapter_and_no_other_command() {
    let document = chapters(&read("docs/commands.md"));
    let names = commands(&help(&[]));
    assert!(names.len() >= 15, "{names:?}");
    for name in &names {
        let chapter = document.get(&format!("writ {name}")).unwrap_or_else(|| panic!("no chapter about writ {name}"));
        assert!(chapter.contains("Exit"), "no exit codes of writ {name}");
        let mut helps = vec![help(&[name])];
        helps.extend(commands(&helps[0]).iter().map(|verb| help(&[name, verb])));
        for word in helps.iter().flat_map(|help| options(help).into_iter().chain(arguments(help))) {
            assert!(chapter.contains(&word), "no {word} of writ {name}");
        }
    }
    let told: BTreeSet<&str> = document.keys().filter_map(|chapter| chapter.strip_prefix("writ ")).collect();
    assert_eq!(told, names.iter().map(String::as_str).collect());
}

#[test]
fn k75_every_command_of_the_runbooks_is_one_with_these_options() {
    let document = read("docs/runbooks.md");
    let spoken = document.split('`').filter(|words| words.starts_with("writ ") && !words.contains('\n'));
    let typed = document.lines().filter_map(|line| line.strip_prefix("$ ")).filter(|line| line.starts_with("writ "));
    let lines: Vec<&str> = spoken.chain(typed).collect();
    assert!(lines.len() >= 30, "{lines:?}");
    for line in lines {
        // What stands behind `--` is for another program.
        let words: Vec<&str> = line.split_whitespace().take_while(|word| *word != "--").collect();
        let name = words[1];
        assert!(commands(&help(&[])).iter().any(|known| known == name), "{line}");
        let mut told = help(&[name]);
        if let Some(verb) = words.get(2).filter(|verb| commands(&told).iter().any(|known| known == *verb)) {
            told = help(&[name, verb]);
        }
        let known = options(&told);
        let unknown = words.iter().find(|word| word.starts_with("--") && !known.iter().any(|known| known == *word));
        assert_eq!(unknown, None, "{line}");
    }
}

#[test]
fn every_link_of_the_runbooks_leads_to_a_file_and_a_heading_there() {
    let document = read("docs/runbooks.md");
    let links: Vec<&str> = document.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() >= 10, "{links:?}");
    for link in links {
        let (file, heading) = link.split_once('#').unwrap_or((link, ""));
        let there = read(&format!("docs/{file}"));
        let slug = |line: &str| {
            let title = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            title.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect::<String>()
        };
        let found = heading.is_empty() || there.lines().any(|line| line.starts_with('#') && slug(line) == heading);
        assert!(found, "{link}");
    }
}

#[test]
fn every_schema_that_is_printed_is_told_with_its_keys_and_no_other() {
    let document = ["docs/commands.md", "docs/web.md", "docs/alerts.md"].map(read).concat();
    let told: BTreeSet<&str> =
        document.split('"').filter(|word| word.starts_with("writ/") && word.contains("/v")).collect();
    let mut printed = BTreeSet::new();
    let mut sources = String::new();
    let folders = [
        "agent/src/cli",
        "agent/src/cli/volume",
        "agent/src/record",
        "agent/src/report",
        "agent/src/view",
        "agent/src/web",
    ]
    .map(|folder| std::fs::read_dir(root().join(folder)).unwrap());
    let files = folders.into_iter().flatten().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.for_each(|path| sources.push_str(&std::fs::read_to_string(path).unwrap()));
    for word in sources.split('"').filter(|word| word.starts_with("writ/") && word.contains("/v")) {
        printed.insert(word);
    }
    assert_eq!(told, printed);
}
