//! Tampering with the journal, and crashes in the middle of writing it.

use rusqlite::Connection;
use tempfile::TempDir;
use writ::record::{AgentEvent, FILE, Journal, Outcome, Store, Verdict};

use super::{NOW, copy, new, step, whole};

/// A closed store of ten records.
fn ten() -> TempDir {
    let (folder, store) = new();
    for number in 2..=10 {
        let reason = format!("reason {number}");
        store.append(NOW, &AgentEvent::Stopped { reason }.into()).unwrap();
    }
    folder
}

const FREE: &str = "DROP TRIGGER journal_keeps_records; DROP TRIGGER journal_keeps_contents; \
                    DROP TRIGGER journal_grows_at_its_end;";

/// Does `sql` to a store of ten records that is freed of its triggers, and wants the check to name a record.
#[track_caller]
fn check(sql: &str, bad: i64, words: &str) {
    let folder = ten();
    let file = folder.path().join(FILE);
    let connection = Connection::open(&file).unwrap();
    connection.execute_batch(FREE).unwrap();
    let head = Journal::open_file(&file).unwrap().head().unwrap();
    connection.execute_batch(sql).unwrap();
    drop(connection);
    let verdict = Journal::open_file(&file).unwrap().verify_chain(Some(&head.short())).unwrap();
    let Verdict::Broken { record, what } = &verdict else { panic!("not found: {sql}") };
    assert_eq!(record.0, bad, "{sql}: {verdict}");
    assert!(what.contains(words), "{sql}: {verdict}");
}

#[test]
fn every_kind_of_edit_is_found_and_the_first_bad_record_is_named() {
    let changed = "it was changed, inserted or moved";
    check("UPDATE journal SET body = replace(body, '5', '6') WHERE sequence = 5", 5, changed);
    check("UPDATE journal SET time = time + 1 WHERE sequence = 5", 5, changed);
    check("UPDATE journal SET kind = 'agent-started' WHERE sequence = 5", 5, changed);
    check("UPDATE journal SET unit = '' WHERE sequence = 5", 5, changed);
    check("UPDATE journal SET \"commit\" = 'c' WHERE sequence = 5", 5, changed);
    check("UPDATE journal SET object = 'o' WHERE sequence = 5", 5, changed);
    check("UPDATE journal SET pod = 'p' WHERE sequence = 5", 5, changed);
    check("UPDATE journal SET previous = zeroblob(32) WHERE sequence = 5", 5, changed);
    check("UPDATE journal SET hash = zeroblob(32) WHERE sequence = 5", 5, changed);
    check("UPDATE journal SET hash = zeroblob(3) WHERE sequence = 5", 5, "not of the type");
    check("DELETE FROM journal WHERE sequence = 5", 5, "missing");
    check("DELETE FROM journal WHERE sequence > 8", 9, "missing at the end; 10 records were written");
    let unseen = "DELETE FROM journal WHERE sequence > 8; UPDATE sqlite_sequence SET seq = 8 WHERE name = 'journal'";
    check(unseen, 9, "no record up to the end has the head that was given");
    check(
        "DELETE FROM journal; UPDATE sqlite_sequence SET seq = 0 WHERE name = 'journal'",
        1,
        "no record up to the end",
    );
    let shifted = "UPDATE journal SET sequence = -sequence - 1 WHERE sequence >= 5; \
                   UPDATE journal SET sequence = -sequence WHERE sequence < 0;";
    let insert = "INSERT INTO journal SELECT 5, time, kind, unit, \"commit\", object, pod, body, previous, hash \
                  FROM journal WHERE sequence = 4";
    check(&format!("{shifted} {insert}"), 5, changed);
    let swap = "UPDATE journal SET sequence = 0 WHERE sequence = 5; UPDATE journal SET sequence = 5 WHERE sequence = 6; \
                UPDATE journal SET sequence = 6 WHERE sequence = 0;";
    check(swap, 5, changed);
}

#[test]
fn a_record_forged_together_with_its_hash_does_not_fit_the_next_one() {
    // Record 5 of another store is sound in itself: its contents give its hash.
    let (folder, other) = (ten(), ten());
    let file = folder.path().join(FILE);
    let connection = Connection::open(&file).unwrap();
    connection.execute_batch(FREE).unwrap();
    let attach = format!("ATTACH '{}' AS other", other.path().join(FILE).display());
    connection.execute_batch(&attach).unwrap();
    let exchange = "DELETE FROM journal WHERE sequence = 5; \
                    INSERT INTO main.journal SELECT * FROM other.journal WHERE sequence = 5;";
    connection.execute_batch(exchange).unwrap();
    drop(connection);
    let verdict = Journal::open_file(&file).unwrap().verify_chain(None).unwrap();
    assert!(verdict.to_string().contains("record 5: it does not follow"), "{verdict}");
}

#[test]
fn a_store_rolled_back_as_a_whole_shows_by_a_head_seen_outside() {
    let (folder, store) = new();
    store.append(NOW, &AgentEvent::Stopped { reason: "one".into() }.into()).unwrap();
    let backup = copy(folder.path());
    store.append(NOW, &AgentEvent::Stopped { reason: "two".into() }.into()).unwrap();
    let seen = store.audit_head().unwrap().short();
    let verify =
        |path: &std::path::Path, head| Journal::open_file(&path.join(FILE)).unwrap().verify_chain(head).unwrap();
    assert_eq!(whole(&verify(backup.path(), None)), 2, "in itself it is whole");
    let verdict = verify(backup.path(), Some(&seen));
    assert!(verdict.to_string().starts_with("record 3: no record up to the end has the head"), "{verdict}");
    assert_eq!(whole(&verify(folder.path(), Some(&seen))), 3);
}

#[test]
fn the_journal_refuses_to_be_changed_by_statements() {
    let folder = ten();
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    for sql in [
        "UPDATE journal SET body = 'x'",
        "DELETE FROM journal",
        "INSERT OR REPLACE INTO journal SELECT 5, time, kind, unit, \"commit\", object, pod, body, previous, hash FROM \
         journal WHERE sequence = 4",
        "INSERT INTO journal SELECT 99, time, kind, unit, \"commit\", object, pod, body, previous, hash FROM journal \
         WHERE sequence = 4",
    ] {
        let error = connection.execute_batch(sql).unwrap_err().to_string();
        assert!(error.contains("the journal"), "{sql}: {error}");
    }
    drop(connection);
    assert_eq!(whole(&Journal::open_file(&folder.path().join(FILE)).unwrap().verify_chain(None).unwrap()), 10);
}

#[test]
fn after_a_crash_at_any_byte_of_the_log_the_chain_is_whole_and_the_open_intent_is_known() {
    let (folder, store) = new();
    for number in 0..4 {
        let intent = store.intend(NOW, "edge", Some("c1"), &step()).unwrap();
        if number < 3 {
            store.outcome(NOW, intent, &Outcome::Ok).unwrap();
        }
    }
    let wal = format!("{FILE}-wal");
    let length = std::fs::metadata(folder.path().join(&wal)).unwrap().len();
    let mut seen = std::collections::BTreeSet::new();
    for cut in (0..=length).rev().step_by(1_021) {
        let image = copy(folder.path());
        let log = std::fs::File::options().write(true).open(image.path().join(&wal)).unwrap();
        log.set_len(cut).unwrap();
        let crashed = Store::open(NOW, image.path()).unwrap();
        let records = whole(&crashed.verify_chain(None).unwrap());
        // Record 1 tells of the store; then come pairs.
        let open = crashed.open_intents().unwrap().len();
        assert_eq!(open, usize::from(records % 2 == 0 && records > 1), "{records} records at {cut} bytes");
        seen.insert(records);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
}

#[test]
fn several_writers_make_one_chain() {
    let (folder, store) = new();
    let writers: Vec<_> = (0..4)
        .map(|number| {
            let path = folder.path().to_path_buf();
            std::thread::spawn(move || {
                let store = Store::open(NOW, &path).unwrap();
                for _ in 0..50 {
                    store.append(NOW, &AgentEvent::Stopped { reason: format!("writer {number}") }.into()).unwrap();
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    assert_eq!(whole(&store.verify_chain(None).unwrap()), 201);
}
