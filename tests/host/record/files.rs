//! The store's files: who may open them, and which are left alone.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;
use writ::record::{AgentEvent, AgentLock, FILE, Filter, Journal, PassLock, RecordError, Store};

use super::{NOW, copy, new, state_folder, whole};

#[track_caller]
fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn only_the_owner_can_enter_the_directory_and_read_the_store() {
    let folder = state_folder();
    let state = folder.path().join("new/state");
    let store = Store::open(NOW, &state).unwrap();
    let _lock = AgentLock::acquire(&state).unwrap();
    assert_eq!(mode(&state), 0o700);
    for file in std::fs::read_dir(&state).unwrap().map(Result::unwrap) {
        assert_eq!(mode(&file.path()), 0o600, "{:?}", file.path());
    }
    drop(store);
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
    drop(Store::open(NOW, &state).unwrap());
    assert_eq!(mode(&state), 0o700, "rights of others are taken away");
}

#[test]
fn a_second_agent_is_refused_and_told_who_the_first_is() {
    let folder = state_folder();
    let first = AgentLock::acquire(folder.path()).unwrap();
    let refusal = AgentLock::acquire(folder.path()).unwrap_err().to_string();
    let us = format!("process {} on ", std::process::id());
    assert!(refusal.contains(&us) && refusal.contains(&folder.path().display().to_string()), "{refusal}");
    drop(first);
    drop(AgentLock::acquire(folder.path()).unwrap());
}

#[test]
fn a_pass_waits_for_the_one_before_it_but_not_for_ever() {
    let folder = state_folder();
    let first = PassLock::acquire(folder.path(), Duration::ZERO).unwrap();
    assert!(matches!(PassLock::acquire(folder.path(), Duration::ZERO), Err(RecordError::Locked { .. })));
    let path = folder.path().to_path_buf();
    let second = std::thread::spawn(move || PassLock::acquire(&path, Duration::from_secs(60)).map(drop));
    drop(first);
    second.join().unwrap().unwrap();
}

#[test]
fn an_agent_and_a_pass_do_not_keep_each_other_out() {
    let folder = state_folder();
    let _agent = AgentLock::acquire(folder.path()).unwrap();
    drop(PassLock::acquire(folder.path(), Duration::ZERO).unwrap());
}

#[test]
fn a_reader_sees_what_a_running_agent_wrote_and_cannot_write() {
    let (folder, store) = new();
    let reader = Store::open_read_only(folder.path()).unwrap();
    store.append(NOW, &AgentEvent::Stopped { reason: "later".into() }.into()).unwrap();
    assert_eq!(reader.history(&Filter::default()).unwrap(), store.history(&Filter::default()).unwrap());
    assert_eq!(whole(&reader.verify_chain(None).unwrap()), 2);
    assert_eq!(reader.hash_key().0, store.hash_key().0);
    let refused = reader.append(NOW, &AgentEvent::Stopped { reason: "reader".into() }.into());
    assert!(matches!(refused, Err(RecordError::Database { .. })), "{refused:?}");
    let live = Journal::open_file(&folder.path().join(FILE)).unwrap();
    assert_eq!(live.history(&Filter::default()).unwrap().len(), 2);
}

#[test]
fn a_reader_is_told_where_there_is_no_record() {
    let folder = state_folder();
    let refused = Store::open_read_only(folder.path()).unwrap_err();
    assert!(matches!(refused, RecordError::Absent { .. }), "{refused}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a reader makes nothing");
}

#[test]
fn a_copied_file_is_verified_where_nothing_can_be_written() {
    let (folder, store) = new();
    drop(store);
    let copied = copy(folder.path());
    let file = copied.path().join(FILE);
    let bytes = std::fs::read(&file).unwrap();
    let odd = copied.path().join("a copy?#%20.db");
    std::fs::rename(&file, &odd).unwrap();
    let journal = Journal::open_file(&odd).unwrap();
    assert_eq!(whole(&journal.verify_chain(None).unwrap()), 1);
    assert_eq!(std::fs::read(&odd).unwrap(), bytes);
    assert_eq!(std::fs::read_dir(copied.path()).unwrap().count(), 1, "no file is left beside it");
}

/// Wants a file to be refused by all three ways to open it, and to be the same after.
#[track_caller]
fn check_untouched(folder: &TempDir, words: &str) {
    let file = folder.path().join(FILE);
    let before = std::fs::read(&file).unwrap();
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    for refused in [
        Store::open(NOW, folder.path()).map(drop).unwrap_err(),
        Store::open_read_only(folder.path()).map(drop).unwrap_err(),
        Journal::open_file(&file).map(drop).unwrap_err(),
    ] {
        assert!(refused.to_string().contains(words), "{refused}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), files);
}

#[test]
fn a_newer_store_is_refused_untouched() {
    let (folder, store) = new();
    drop(store);
    Connection::open(folder.path().join(FILE)).unwrap().pragma_update(None, "user_version", 9).unwrap();
    check_untouched(&folder, "has schema 9 and this program knows no newer one than 8");
}

#[test]
fn a_store_that_became_newer_in_its_log_alone_is_refused() {
    let (folder, store) = new();
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    connection.pragma_update(None, "user_version", 9).unwrap();
    let image = copy(folder.path());
    drop((store, connection));
    let refused = Store::open(NOW, image.path()).unwrap_err();
    assert!(matches!(refused, RecordError::Newer { found: 9, known: 8, .. }), "{refused}");
}

#[test]
fn a_file_of_another_program_is_refused_untouched() {
    let folder = state_folder();
    std::fs::write(folder.path().join(FILE), "notes of somebody\n".repeat(100)).unwrap();
    check_untouched(&folder, "is not a record of Writ");
    let folder = state_folder();
    Connection::open(folder.path().join(FILE)).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let refused = Store::open(NOW, folder.path()).unwrap_err();
    assert!(matches!(refused, RecordError::Foreign { .. }), "{refused}");
    let other = Connection::open(folder.path().join(FILE)).unwrap();
    other.pragma_update(None, "application_id", 1234).unwrap();
    drop(other);
    check_untouched(&folder, "is not a record of Writ");
}

#[test]
fn a_damaged_store_says_so_and_what_to_do() {
    let (folder, store) = new();
    drop(store);
    let file = folder.path().join(FILE);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100..].fill(0x5a);
    std::fs::write(&file, &bytes).unwrap();
    let refused = Store::open(NOW, folder.path()).unwrap_err();
    assert!(matches!(refused, RecordError::Damaged { .. }), "{refused:?}");
    assert!(refused.to_string().contains("enrol again"), "{refused}");
}

#[test]
fn an_empty_file_becomes_a_store() {
    let folder = state_folder();
    std::fs::write(folder.path().join(FILE), "").unwrap();
    let store = Store::open(NOW, folder.path()).unwrap();
    assert_eq!(whole(&store.verify_chain(None).unwrap()), 1);
}
