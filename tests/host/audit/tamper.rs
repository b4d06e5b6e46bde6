//! A journal that somebody changes who can write its file: the first thing that is wrong is named each time.

use rusqlite::{Connection, params};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use writ::record::{AgentEvent, CHECKPOINT_FILE, Checkpoint, Expected, FILE, Journal, SIGNATURE_FILE, Store, Verdict};
use writ_core::time::{Seconds, Timestamp};
use writ_core::trust::AllowedSigners;

use super::{signed_by, strangers_key};
use crate::record::{NOW, copy, state_folder, whole};

const HOST: &str = "edge-1";

/// A journal of 15 records: the first key at 2, another at 10; checkpoints at 6, 9, 11 and 14.
fn journal() -> TempDir {
    let folder = state_folder();
    let store = Store::open(NOW, folder.path()).unwrap();
    assert_eq!(store.checkpoint(NOW, HOST, true).unwrap(), None, "without a key nothing is signed");
    store.make_host_key(NOW, HOST).unwrap();
    let append =
        |number: i64| store.append(at(number), &AgentEvent::Stopped { reason: format!("reason {number}") }.into());
    let sign = |number: i64| assert_eq!(store.checkpoint(at(number), HOST, true).unwrap().unwrap().0, number);
    for number in (3..=9).chain(11..=15) {
        if number == 11 {
            store.rotate_host_key(at(10), HOST, None).unwrap();
        }
        append(number).unwrap();
        if [6, 9, 11, 14].contains(&number) {
            sign(number);
        }
    }
    drop(store);
    folder
}

fn at(number: i64) -> Timestamp {
    NOW.plus(Seconds(u32::try_from(number).unwrap()))
}

const FREE: &str = "DROP TRIGGER journal_keeps_records; DROP TRIGGER journal_keeps_contents; \
                    DROP TRIGGER journal_grows_at_its_end; DROP TRIGGER checkpoints_stay; \
                    DROP TRIGGER checkpoints_keep_contents; PRAGMA foreign_keys = OFF;";

/// What is found after somebody was at the file alone, without what lies beside it.
fn after(act: impl FnOnce(&Connection)) -> Verdict {
    let folder = journal();
    for name in [CHECKPOINT_FILE, SIGNATURE_FILE] {
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    let file = folder.path().join(FILE);
    assert_eq!(whole(&Journal::open_file(&file).unwrap().verify_chain(None).unwrap()), 15, "before");
    let connection = Connection::open(&file).unwrap();
    connection.execute_batch(FREE).unwrap();
    act(&connection);
    drop(connection);
    Journal::open_file(&file).unwrap().verify_chain(None).unwrap()
}

#[track_caller]
fn check(what: &str, verdict: &Verdict, bad: i64, words: &str) {
    let Verdict::Broken { record, what: found } = verdict else { panic!("{what}: not found: {verdict}") };
    assert_eq!(record.0, bad, "{what}: {verdict}");
    assert!(found.contains(words), "{what}: {verdict}");
}

#[track_caller]
fn check_sql(sql: &str, bad: i64, words: &str) {
    let verdict = after(|connection| connection.execute_batch(sql).unwrap());
    check(sql, &verdict, bad, words);
}

/// Computes the chain anew from a record on, as somebody would who knows how it is made: by the documents alone.
fn forge(connection: &Connection, from: i64) {
    let mut previous: Vec<u8> = connection
        .query_row("SELECT hash FROM journal WHERE sequence = ?1", [from - 1], |row| row.get(0))
        .unwrap_or_else(|_| vec![0; 32]);
    let last: i64 = connection.query_row("SELECT max(sequence) FROM journal", [], |row| row.get(0)).unwrap();
    for sequence in from..=last {
        let hash = connection
            .query_row("SELECT * FROM journal WHERE sequence = ?1", [sequence], |row| {
                let mut digest = Sha256::new();
                digest.update(b"writ journal 1\0");
                digest.update(row.get::<_, i64>(0)?.to_be_bytes());
                digest.update(row.get::<_, i64>(1)?.to_be_bytes());
                for column in 2..=7 {
                    match row.get::<_, Option<String>>(column)? {
                        None => digest.update([0]),
                        Some(text) => {
                            digest.update([1]);
                            digest.update((text.len() as u64).to_be_bytes());
                            digest.update(text);
                        }
                    }
                }
                digest.update(&previous);
                Ok(digest.finalize().to_vec())
            })
            .unwrap();
        connection
            .execute(
                "UPDATE journal SET previous = ?1, hash = ?2 WHERE sequence = ?3",
                params![previous, hash, sequence],
            )
            .unwrap();
        previous = hash;
    }
}

#[test]
fn a_change_with_the_whole_chain_computed_anew_is_found_by_the_next_checkpoint() {
    let nothing = after(|connection| forge(connection, 2));
    assert_eq!(whole(&nothing), 15, "what is computed anew without a change is the same");
    let change = "UPDATE journal SET body = replace(body, 'reason 5', 'reason 6') WHERE sequence = 5";
    let verdict = after(|connection| {
        connection.execute_batch(change).unwrap();
        forge(connection, 5);
    });
    check("changed", &verdict, 6, "its checkpoint: it is about another record 6, with the hash");
    let verdict = after(|connection| {
        connection.execute_batch("DELETE FROM journal WHERE sequence = 15").unwrap();
        connection.execute_batch("UPDATE sqlite_sequence SET seq = 14 WHERE name = 'journal'").unwrap();
    });
    assert_eq!(whole(&verdict), 14, "what no checkpoint covers shows by a head that was seen outside alone");
    let verdict = after(|connection| {
        connection.execute_batch("DELETE FROM journal WHERE sequence > 12").unwrap();
        connection.execute_batch("UPDATE sqlite_sequence SET seq = 12 WHERE name = 'journal'").unwrap();
    });
    check("truncated", &verdict, 13, "missing at the end; a checkpoint is about record 14");
    let verdict = after(|connection| {
        connection
            .execute_batch(
                "UPDATE journal SET sequence = 0 WHERE sequence = 7; UPDATE journal SET sequence = 7 \
                                  WHERE sequence = 8; UPDATE journal SET sequence = 8 WHERE sequence = 0",
            )
            .unwrap();
        forge(connection, 7);
    });
    check("reordered", &verdict, 9, "its checkpoint: it is about another record 9");
}

#[test]
fn a_checkpoint_that_is_exchanged_moved_or_altered_is_named() {
    check_sql(
        "UPDATE checkpoints SET text = replace(text, 'edge-1', 'edge-2') WHERE record = 6",
        6,
        "does not match it",
    );
    check_sql(
        "UPDATE checkpoints SET text = replace(text, 'edge-1', 'edge-1 ') WHERE record = 6",
        6,
        "does not match it",
    );
    check_sql("UPDATE checkpoints SET text = text || 'more' WHERE record = 9", 9, "not spelled as a checkpoint");
    check_sql("UPDATE checkpoints SET signature = 'x' WHERE record = 9", 9, "its signature cannot be read");
    check_sql("UPDATE checkpoints SET record = 7 WHERE record = 6", 7, "it is about record 6");
    check_sql("UPDATE checkpoints SET record = 0 WHERE record = 6", 0, "there is no such record");
    check_sql(
        "UPDATE checkpoints SET record = 99 WHERE record = 14",
        16,
        "missing at the end; a checkpoint is about record 99",
    );
    let other =
        "UPDATE checkpoints SET signature = (SELECT signature FROM checkpoints WHERE record = 9) WHERE record = 6";
    check_sql(other, 6, "does not match it");
    let both = "UPDATE checkpoints SET (text, signature) = (SELECT text, signature FROM checkpoints AS other WHERE \
                other.record = 9) WHERE record = 6";
    check_sql(both, 6, "it is about record 9");
    let typed = "CREATE TABLE loose (record INTEGER PRIMARY KEY, text, signature, peaks); INSERT INTO loose SELECT record, \
                 x'00', signature, peaks FROM checkpoints; DROP TABLE checkpoints; ALTER TABLE loose RENAME TO checkpoints";
    check_sql(typed, 6, "not of the type");
}

#[test]
fn a_checkpoint_of_another_key_namespace_store_or_tree_is_refused() {
    let desk = TempDir::new().unwrap();
    let stranger = strangers_key(desk.path());
    let with = |change: &dyn Fn(&Connection, &str) -> (String, String)| {
        after(|connection| {
            let text: String =
                connection.query_row("SELECT text FROM checkpoints WHERE record = 6", [], |row| row.get(0)).unwrap();
            let (text, signature) = change(connection, &text);
            let sql = "UPDATE checkpoints SET text = ?1, signature = ?2 WHERE record = 6";
            connection.execute(sql, [text, signature]).unwrap();
        })
    };
    let verdict = with(&|_, text| (text.to_owned(), signed_by(desk.path(), &stranger, "audit@writ", text)));
    check("another key", &verdict, 6, "which is not the host key in force there");
    let verdict = with(&|_, text| (text.to_owned(), signed_by(desk.path(), &stranger, "git", text)));
    check("another namespace", &verdict, 6, "not of the namespace audit@writ");
    // Whoever has the host's own key can sign anything, and still not what the chain does not say.
    for (from, words) in [
        ("store ", "it is about another store"),
        ("tree ", "its tree is not that"),
        ("head ", "it is about another record 6"),
    ] {
        let folder = journal();
        let store = Store::open(NOW, folder.path()).unwrap();
        let (number, key) = (15, folder.path().join("host_key"));
        assert_eq!(store.checkpoint(NOW, HOST, true).unwrap().unwrap().0, number);
        drop(store);
        let file = folder.path().join(FILE);
        let connection = Connection::open(&file).unwrap();
        connection.execute_batch(FREE).unwrap();
        let sql = "SELECT text FROM checkpoints WHERE record = 15";
        let text: String = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        let text: String = text
            .lines()
            .map(|line| match line.strip_prefix(from) {
                Some(digits) => format!("{from}{}\n", digits.chars().rev().collect::<String>()),
                None => format!("{line}\n"),
            })
            .collect();
        let signature = signed_by(desk.path(), &key, "audit@writ", &text);
        connection
            .execute("UPDATE checkpoints SET text = ?1, signature = ?2 WHERE record = 15", [text, signature])
            .unwrap();
        drop(connection);
        std::fs::remove_file(folder.path().join(CHECKPOINT_FILE)).unwrap();
        let verdict = Journal::open_file(&file).unwrap().verify_chain(None).unwrap();
        check(from, &verdict, 15, &words.replace("record 6", "record 15"));
    }
}

#[test]
fn a_journal_rolled_back_as_a_whole_is_found_by_the_checkpoint_beside_it() {
    let folder = journal();
    let early = copy(folder.path());
    let store = Store::open(NOW, folder.path()).unwrap();
    store.append(NOW, &AgentEvent::Stopped { reason: "later".into() }.into()).unwrap();
    store.checkpoint(NOW, HOST, true).unwrap();
    drop(store);
    assert_eq!(whole(&Journal::open_file(&folder.path().join(FILE)).unwrap().verify_chain(None).unwrap()), 16);
    std::fs::copy(early.path().join(FILE), folder.path().join(FILE)).unwrap();
    let beside = std::fs::read(folder.path().join(CHECKPOINT_FILE)).unwrap();
    let verdict = Journal::open_file(&folder.path().join(FILE)).unwrap().verify_chain(None).unwrap();
    check("rolled back", &verdict, 16, "it is missing at the end; ");
    let store = Store::open(NOW, folder.path()).unwrap();
    let refused = store.checkpoint(NOW, HOST, true).unwrap_err().to_string();
    assert!(refused.contains("the journal was exchanged or rolled back"), "{refused}");
    assert_eq!(std::fs::read(folder.path().join(CHECKPOINT_FILE)).unwrap(), beside, "what tells of it is kept");
    // In a journal that goes on otherwise, the record is there and is another.
    store.append(at(9), &AgentEvent::Stopped { reason: "otherwise".into() }.into()).unwrap();
    let verdict = store.verify_chain(None).unwrap();
    check("gone on otherwise", &verdict, 16, "is about another record 16");
    let untouched = Journal::open_file(&early.path().join(FILE)).unwrap();
    assert_eq!(whole(&untouched.verify_chain(None).unwrap()), 15);
}

#[test]
fn a_key_that_the_old_one_did_not_sign_is_refused_unless_it_is_told_as_lost() {
    let folder = journal();
    let store = Store::open(NOW, folder.path()).unwrap();
    let key = store.host_key().unwrap().unwrap();
    let other = Store::open(NOW, journal().path()).unwrap().host_key().unwrap().unwrap();
    let first = AgentEvent::HostKeyMade { host: HOST.into(), key: other.to_string() };
    let rotated = |from: &writ::record::HostKey, signature: &str| AgentEvent::HostKeyRotated {
        host: HOST.into(),
        from: from.to_string(),
        to: other.to_string(),
        signature: signature.into(),
    };
    let newest = store.newest_checkpoint().unwrap().unwrap();
    let signature = std::fs::read_to_string(folder.path().join(SIGNATURE_FILE)).unwrap();
    for (event, words) in [
        (first, "there is one already"),
        (rotated(&key, "no signature"), "its signature cannot be read"),
        (rotated(&key, &signature), "does not match it"),
        (rotated(&other, &signature), "which is not in force"),
    ] {
        let image = copy(folder.path());
        let store = Store::open(NOW, image.path()).unwrap();
        store.append(NOW, &event.into()).unwrap();
        check(words, &store.verify_chain(None).unwrap(), 16, words);
    }
    let lost = AgentEvent::HostKeyReplaced {
        host: HOST.into(),
        from: key.to_string(),
        to: other.to_string(),
        owner: "ann".into(),
        reason: "the disk burnt".into(),
    };
    store.append(NOW, &lost.into()).unwrap();
    let Verdict::Whole { head, seals } = store.verify_chain(None).unwrap() else { panic!() };
    assert_eq!((head.record.0, seals.replaced.len(), seals.key), (16, 1, Some(other)));
    assert_eq!(newest.record.0, 14);
}

#[test]
fn allowed_signers_from_outside_decide_who_may_have_signed() {
    let folder = journal();
    let journal = Journal::open_file(&folder.path().join(FILE)).unwrap();
    let Verdict::Whole { head, seals } = journal.verify_chain(None).unwrap() else { panic!() };
    assert_eq!((seals.checkpoints, seals.unsigned(head)), (4, 1));
    let (Checkpoint { record, .. }, second) = seals.newest.unwrap();
    assert_eq!((record.0, Some(&second)), (14, seals.key.as_ref()));
    let first = first_key(&folder);
    let with = |lines: &[String]| {
        let signers = AllowedSigners::parse(lines.join("\n").as_bytes()).unwrap();
        journal.verify(Expected { head: None, signers: Some(&signers) }).unwrap()
    };
    let (old, new) = (first.allowed_signer(HOST), second.allowed_signer(HOST));
    assert_eq!(whole(&with(&[old.clone(), new.clone()])), 15);
    check("the old key alone", &with(std::slice::from_ref(&old)), 11, "is not listed");
    check("the new key alone", &with(std::slice::from_ref(&new)), 6, "is not listed");
    let elsewhere = [first.allowed_signer("edge-2"), new.clone()];
    check("another host", &with(&elsewhere), 6, "is listed for other names alone");
    let for_git = [old.replace("audit@writ", "git"), new.clone()];
    check("another namespace", &with(&for_git), 6, "is listed for other namespaces alone");
    let expired = [old.replace("namespaces", "valid-before=\"20261121090003Z\",namespaces"), new.clone()];
    check("expired", &with(&expired), 6, "is listed as no longer valid");
    let later = [old.replace("namespaces", "valid-after=\"20261121090007Z\",namespaces"), new.clone()];
    check("not valid yet", &with(&later), 6, "is listed as not valid yet");
    let in_time =
        old.replace("namespaces", "valid-before=\"20261121090009Z\",valid-after=\"20261121090006Z\",namespaces");
    assert_eq!(whole(&with(&[in_time, new])), 15);
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    connection.execute_batch(FREE).unwrap();
    connection.execute_batch("DELETE FROM checkpoints").unwrap();
    std::fs::remove_file(folder.path().join(CHECKPOINT_FILE)).unwrap();
    let signers = AllowedSigners::parse(old.as_bytes()).unwrap();
    let unsigned = Journal::open_file(&folder.path().join(FILE)).unwrap();
    let verdict = unsigned.verify(Expected { head: None, signers: Some(&signers) }).unwrap();
    check("no checkpoint", &verdict, 15, "no checkpoint is there");
    assert_eq!(whole(&unsigned.verify_chain(None).unwrap()), 15, "in itself it is whole");
}

/// The key that record 2 tells of.
fn first_key(folder: &TempDir) -> writ::record::HostKey {
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    let sql = "SELECT json_extract(body, '$.key') FROM journal WHERE sequence = 2";
    let key: String = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    writ::record::HostKey::parse(&key).unwrap()
}

#[test]
fn checkpoints_refuse_to_be_changed_by_statements() {
    let folder = journal();
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    for sql in ["UPDATE checkpoints SET text = 'x'", "DELETE FROM checkpoints"] {
        let error = connection.execute_batch(sql).unwrap_err().to_string();
        assert!(error.contains("checkpoints only become more"), "{sql}: {error}");
    }
    let about_nothing = "INSERT INTO checkpoints VALUES (99, '', '', x'')";
    connection.execute_batch(&format!("PRAGMA foreign_keys = ON; {about_nothing}")).unwrap_err();
}

#[test]
fn a_tree_that_was_altered_in_the_store_signs_nothing_false() {
    let folder = journal();
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    connection.execute_batch(FREE).unwrap();
    connection.execute_batch("UPDATE checkpoints SET peaks = zeroblob(96) WHERE record = 14").unwrap();
    let changed = copy(folder.path());
    let store = Store::open(NOW, folder.path()).unwrap();
    assert_eq!(
        store.checkpoint(NOW, HOST, true).unwrap().map(|record| record.0),
        Some(15),
        "the records give it again"
    );
    assert_eq!(whole(&store.verify_chain(None).unwrap()), 15);
    let connection = Connection::open(changed.path().join(FILE)).unwrap();
    connection.execute_batch("UPDATE journal SET hash = zeroblob(32) WHERE sequence = 5").unwrap();
    let store = Store::open(NOW, changed.path()).unwrap();
    let refused = store.checkpoint(NOW, HOST, true).unwrap_err().to_string();
    assert!(refused.contains("the checkpoint of record 14") && refused.contains("do not give the tree"), "{refused}");
}

#[test]
fn a_checkpoint_is_made_when_a_pass_ended_otherwise_or_much_was_added_or_a_day_went_by() {
    let folder = journal();
    let store = Store::open(NOW, folder.path()).unwrap();
    let due = |now: Timestamp| store.checkpoint(now, HOST, false).unwrap().map(|record| record.0);
    assert_eq!(due(at(20)), None, "record 15 waits");
    assert_eq!(due(at(14).plus(Seconds(86_399))), None);
    assert_eq!(due(at(14).plus(Seconds(86_400))), Some(15), "a day");
    assert_eq!(due(at(14).plus(Seconds(900_000))), None, "nothing was added");
    let long_ago = at(14).plus(Seconds(86_400));
    let ended =
        |state| writ::record::WorkEvent::PassEnded { unit: "edge".into(), commit: None, state, text: "x".into() };
    store.append(long_ago, &ended(writ_core::status::State::Failure).into()).unwrap();
    assert_eq!(due(long_ago), Some(16), "a pass ended in another state");
    let many = AgentEvent::Stopped { reason: "again".into() };
    let add = |count: usize| {
        store
            .batch(|batch| (0..count).try_for_each(|_| batch.append(long_ago, &many.clone().into()).map(drop)))
            .unwrap();
    };
    add(999);
    assert_eq!(due(long_ago), None);
    add(1);
    assert_eq!(due(long_ago), Some(1_016), "a thousand records");
    assert_eq!(whole(&store.verify_chain(None).unwrap()), 1_016);
}
