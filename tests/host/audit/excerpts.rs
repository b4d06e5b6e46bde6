//! Exports: the journal as lines of JSON, whole and in excerpts, and what is found in one that somebody changed.

use std::fs::{self, File};

use serde_json::Value;

use super::{Audited, elsewhere, json, printed};

/// The export of a journal with some records about one unit, others about none, and two keys.
fn export(audited: &Audited, words: &[&str]) -> String {
    printed(&audited.machine, &[&["audit", "export"], words].concat())
}

fn signed_twice() -> Audited {
    let audited = Audited::new();
    audited.more();
    audited.machine.writ(&["key", "rotate"]).exits(0);
    audited
}

#[test]
fn an_export_is_checked_without_a_record_as_the_record_is() {
    let audited = signed_twice();
    let text = export(&audited, &[]);
    let file = audited.put("export.jsonl", &text);
    let own = json(&audited.machine, &["audit", "verify"]);
    let ran = elsewhere(&["audit", "verify", &file, "-o", "json"]).exits(0);
    let mut found: Value = serde_json::from_str(&ran.text).unwrap();
    found["file"] = own["file"].clone();
    assert_eq!(found, own);
    let mut command = audited.machine.command(&["audit", "verify", "-"]);
    let piped = command.stdin(File::open(&file).unwrap()).output().unwrap();
    assert!(piped.status.success(), "{piped:?}");
    let head = own["head"].as_str().unwrap();
    elsewhere(&["audit", "verify", &file, "--expect", head.get(..8).unwrap()]).exits(0);
    elsewhere(&["audit", "verify", &file, "--expect", "00000000"])
        .exits(3)
        .says("no record up to the end has the head");
    let to = audited.desk("other.jsonl").display().to_string();
    audited.machine.writ(&["audit", "export", &to]).exits(0).says("records are shown");
    assert_eq!(fs::read_to_string(&to).unwrap(), text);
    audited.machine.writ(&["audit", "export", "-"]).exits(0).says("writ/audit-export/v1");
    audited.machine.writ(&["audit", "export", "/dev/null"]).exits(1).says("no plain file");
    let copy = audited.desk("copy.db");
    fs::copy(audited.machine.state().join("writ.db"), &copy).unwrap();
    let copy = copy.display().to_string();
    assert_eq!(elsewhere(&["audit", "export", "--from", &copy]).exits(0).text, text);
    elsewhere(&["audit", "verify", &copy]).exits(0).says("is whole");
}

#[test]
fn every_record_is_shown_with_all_that_its_hash_covers() {
    let audited = signed_twice();
    let text = export(&audited, &[]);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["schema"], &lines[0]["start"]["record"]), (&"writ/audit-export/v1".into(), &0.into()));
    let records: Vec<&Value> = lines.iter().filter(|line| line.get("record").is_some()).collect();
    let history = audited.machine.history();
    assert_eq!(records.len(), history.len());
    for (line, record) in records.iter().zip(&history) {
        let about = record.about();
        assert_eq!(line["record"], record.id.0);
        assert_eq!((line["time"].as_i64(), line["kind"].as_str()), (Some(record.at.0), Some(record.kind.as_str())));
        assert_eq!(line["body"].as_str(), Some(record.body.as_str()));
        let columns = [("unit", about.unit), ("commit", about.commit), ("object", about.object), ("pod", about.pod)];
        for (name, value) in columns {
            assert_eq!(line[name].as_str(), value.as_deref(), "{name} of {line}");
        }
    }
    let checkpoints: Vec<&Value> = lines.iter().filter(|line| line.get("checkpoint").is_some()).collect();
    let last = checkpoints.last().unwrap();
    assert_eq!(last["text"].as_str(), Some(audited.state("checkpoint").as_str()));
    assert_eq!(last["signature"].as_str(), Some(audited.state("checkpoint.sig").as_str()));
    assert_eq!(lines.last().unwrap()["records"].as_u64(), Some(history.len() as u64));
}

/// Wants an export with some lines changed to be refused, and the record or line to be named.
#[track_caller]
fn check(audited: &Audited, text: &str, change: impl FnOnce(&mut Vec<String>), words: &str) {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    let changed = lines.join("\n") + "\n";
    assert_ne!(changed, text, "{words}");
    let file = audited.put("changed.jsonl", &changed);
    elsewhere(&["audit", "verify", &file]).exits(3).says(words);
}

#[test]
fn every_change_of_an_export_is_found_and_the_first_bad_record_is_named() {
    let audited = signed_twice();
    let text = export(&audited, &[]);
    let line_of = |lines: &[String], begin: &str| lines.iter().position(|line| line.starts_with(begin)).unwrap();
    let at = |record: i64| format!("{{\"record\":{record},");
    check(
        &audited,
        &text,
        |lines| lines[3] = lines[3].replace("\"time\":1", "\"time\":2"),
        "record 3: its contents do not give its hash",
    );
    check(&audited, &text, |lines| drop(lines.remove(3)), "record 3: it is missing; the next one is record 4");
    check(&audited, &text, |lines| lines.swap(3, 4), "record 3: it is missing; the next one is record 4");
    check(
        &audited,
        &text,
        |lines| lines.insert(4, lines[3].clone()),
        "record 4: it is missing; the next one is record 3",
    );
    check(
        &audited,
        &text,
        |lines| lines[3] = lines[3].replace("\"unit\":", "\"more\":1,\"unit\":"),
        "record 3: line 4 of the export cannot be understood",
    );
    check(
        &audited,
        &text,
        |lines| lines[3] = lines[3].replace("\"kind\":", "\"kind\":\"x\",\"kind\":"),
        "record 3: line 4 of the export cannot be understood",
    );
    check(&audited, &text, |lines| drop(lines.pop()), "it is missing; the export has no last line");
    check(
        &audited,
        &text,
        |lines| drop(lines.drain(5..lines.len() - 1)),
        "record 5: it is missing at the end; the export is of",
    );
    check(&audited, &text, |lines| lines.push("{}".to_owned()), "the export goes on behind its last line");
    check(
        &audited,
        &text,
        |lines| lines[0] = lines[0].replace("export/v1", "export/v2"),
        "is of the form writ/audit-export/v2",
    );
    check(&audited, &text, |lines| lines[0] = "{".to_owned(), "line 1 of the export cannot be understood");
    let exchange = |lines: &mut Vec<String>| {
        let first = line_of(lines, "{\"checkpoint\"");
        let second = first + 1 + line_of(&lines[first + 1..], "{\"checkpoint\"");
        lines.swap(first, second);
    };
    check(
        &audited,
        &text,
        exchange,
        "its checkpoint: there is no such record, or the checkpoint stands in another place",
    );
    let hide = |lines: &mut Vec<String>| {
        let place = line_of(lines, &at(3));
        lines[place] = format!("{{\"left_out\":3,\"hash\":\"{}\"}}", "ab".repeat(32));
    };
    check(&audited, &text, hide, "record 4: it does not follow from the record before it");
    let cut = text.get(..text.len() - 5).unwrap();
    elsewhere(&["audit", "verify", &audited.put("cut.jsonl", cut)]).exits(3).says("is cut off");
    let nothing = audited.put("nothing.jsonl", "");
    elsewhere(&["audit", "verify", &nothing]).exits(1);
    elsewhere(&["audit", "verify", &audited.put("whole.jsonl", &text)]).exits(0).says("is whole");
}

#[test]
fn an_excerpt_shows_one_unit_or_the_newest_records_and_is_proven_by_its_checkpoints() {
    let audited = signed_twice();
    let signers = audited.signers();
    let whole = export(&audited, &[]);
    let records = |text: &str| text.lines().filter(|line| line.starts_with("{\"record\":")).count();
    let of_unit = export(&audited, &["--unit", "edge"]);
    assert!(records(&of_unit) < records(&whole) && of_unit.contains("\"left_out\":"), "{of_unit}");
    assert!(!of_unit.contains("config-set") && whole.contains("config-set"));
    for kind in ["store-made", "host-key-made", "host-key-rotated", "\"unit\":\"edge\""] {
        assert!(of_unit.contains(kind), "{kind}");
    }
    let file = audited.put("unit.jsonl", &of_unit);
    elsewhere(&["audit", "verify", &file]).exits(0).says("of them are not shown; signed up to record");
    let hash = of_unit.lines().find_map(|line| line.split("\"left_out\":").nth(1)?.split('"').nth(3)).unwrap();
    let other = hash.chars().rev().collect::<String>();
    check(&audited, &of_unit, |lines| lines.iter_mut().for_each(|line| *line = line.replace(hash, &other)), "record ");

    // The moment of the second checkpoint's first record: those before are gone but for what the tree needs.
    let rotated = audited.machine.history().into_iter().find(|record| record.kind == "config-set").unwrap();
    let since = export(&audited, &["--since", &rotated.at.to_string()]);
    assert!(
        !since.contains("store-made") && since.contains("config-set") && !since.contains("\"left_out\":"),
        "{since}"
    );
    let file = audited.put("since.jsonl", &since);
    elsewhere(&["audit", "verify", &file]).exits(0).says("of them are not shown; signed up to record");
    let only_the_newest = audited.put("newest_signer", &fs::read_to_string(&signers).unwrap());
    elsewhere(&["audit", "verify", &file, "--allowed-signers", &only_the_newest]).exits(0);
    let peak = since.split("\"peaks\":[\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let other = peak.chars().rev().collect::<String>();
    check(
        &audited,
        &since,
        |lines| lines[0] = lines[0].replace(&peak, &other),
        "its tree is not that of the records up to there",
    );
    check(
        &audited,
        &since,
        |lines| lines[0] = lines[0].replace("\"peaks\":[", &format!("\"peaks\":[\"{other}\",")),
        "has not the hashes that stand for the records before",
    );
    let key = since.split("\"key\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    check(
        &audited,
        &since,
        |lines| lines[0] = lines[0].replace(&key, "ssh-ed25519 AAAA"),
        "names a host key that is none",
    );
    let later = export(&audited, &["--since", "2999-01-01"]);
    assert_eq!(records(&later), 0);
    elsewhere(&["audit", "verify", &audited.put("later.jsonl", &later)]).exits(0).says("no checkpoint signs it");
    audited.machine.writ(&["audit", "export", "--since", "yesterday"]).exits(1).says("is no moment");
}
