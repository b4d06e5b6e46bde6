//! Values of buckets are sealed by the host key: what the files hold, and what becomes of values when the key changes or is lost.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use writ::record::{FILE, Lost, RecordError, Store};
use writ_core::model::{BucketRef, Scope};
use writ_core::text::SecretText;

use super::{NOW, new, with_key};
use crate::machine::{Machine, Origin};

const CANARY: &str = "canary-in-a-bucket";

/// The files below a folder that hold a text.
pub(super) fn holding(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(holding(&entry, text));
        } else if fs::read(&entry).unwrap().windows(text.len()).any(|window| window == text.as_bytes()) {
            found.push(entry.display().to_string());
        }
    }
    found
}

fn bucket() -> BucketRef {
    BucketRef { scope: Scope("data".to_owned()), name: Some("pg".to_owned()) }
}

fn set(store: &Store, key: &str, value: &str) -> Result<bool, RecordError> {
    store.bucket_set(NOW, &bucket(), key, &SecretText::new(value))
}

fn value(store: &Store, key: &str) -> Option<SecretText> {
    store.buckets().unwrap().get(&bucket())?.get(key).cloned()
}

fn lost() -> Lost {
    Lost { owner: "ann".to_owned(), reason: "the disk is gone".to_owned() }
}

/// The error and its causes.
fn told(error: &RecordError) -> String {
    writ::error::chain(error)
}

#[test]
fn a_value_is_set_with_a_host_key_alone_and_no_file_holds_it() {
    let (folder, store) = new();
    assert!(matches!(set(&store, "PASSWORD", CANARY), Err(RecordError::NoHostKey)));
    assert_eq!(store.buckets().unwrap(), BTreeMap::new());
    store.make_host_key(NOW, "edge-1").unwrap();
    assert!(set(&store, "PASSWORD", CANARY).unwrap() && !set(&store, "PASSWORD", CANARY).unwrap());
    assert_eq!(holding(folder.path(), CANARY), Vec::<String>::new());
    let again = Store::open_read_only(folder.path()).unwrap();
    assert_eq!(value(&again, "PASSWORD"), Some(SecretText::new(CANARY)));
}

#[test]
fn values_outlive_a_change_of_the_host_key_and_the_old_key_opens_them_no_more() {
    let (folder, store) = with_key();
    set(&store, "PASSWORD", CANARY).unwrap();
    let old = fs::read(folder.path().join("host_key")).unwrap();
    store.rotate_host_key(NOW, "edge-1", None).unwrap();
    assert_eq!(value(&store, "PASSWORD"), Some(SecretText::new(CANARY)));
    assert!(!set(&store, "PASSWORD", CANARY).unwrap());
    fs::write(folder.path().join("host_key"), old).unwrap();
    let error = told(&store.buckets().unwrap_err());
    assert!(error.contains("data/pg PASSWORD") && error.contains("the journal names"), "{error}");
}

#[test]
fn a_lost_host_key_is_an_error_that_names_the_keys_until_each_is_set_anew_or_removed() {
    let (folder, store) = with_key();
    for key in ["ONE", "TWO"] {
        set(&store, key, CANARY).unwrap();
    }
    let path = folder.path().join("host_key");
    let kept = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let error = told(&store.buckets().unwrap_err());
    for words in ["data/pg ONE, data/pg TWO", "there is no", "writ key rotate --lost", "writ config set"] {
        assert!(error.contains(words) && !error.contains(CANARY), "{error}");
    }
    assert!(matches!(set(&store, "THREE", CANARY), Err(RecordError::HostKeyAbsent { .. })));
    // Put back, it is as it was.
    fs::write(&path, &kept).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(value(&store, "ONE"), Some(SecretText::new(CANARY)));
    fs::remove_file(&path).unwrap();
    store.rotate_host_key(NOW, "edge-1", Some(&lost())).unwrap();
    let error = told(&store.buckets().unwrap_err());
    assert!(error.contains("data/pg ONE, data/pg TWO"), "{error}");
    assert!(set(&store, "ONE", "new").unwrap());
    let error = told(&store.buckets().unwrap_err());
    assert!(error.contains(": data/pg TWO."), "{error}");
    assert!(store.bucket_unset(NOW, &bucket(), "TWO").unwrap());
    assert_eq!(value(&store, "ONE"), Some(SecretText::new("new")));
    // The key that was lost opens nothing of it, whoever finds it.
    fs::write(&path, kept).unwrap();
    assert!(store.buckets().is_err());
}

#[test]
fn a_value_put_into_another_row_is_not_taken_for_its_own() {
    let (folder, store) = with_key();
    set(&store, "PASSWORD", CANARY).unwrap();
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    connection.execute("UPDATE buckets SET key = 'OTHER'", []).unwrap();
    let error = told(&store.buckets().unwrap_err());
    assert!(error.contains("data/pg OTHER"), "{error}");
}

/// A store as the program before left it, with a value in plain form.
fn as_before(folder: &Path, store: Store) {
    drop(store);
    let connection = Connection::open(folder.join(FILE)).unwrap();
    let sql = format!(
        "ALTER TABLE statuses DROP COLUMN sent; ALTER TABLE statuses DROP COLUMN sent_at;
         ALTER TABLE statuses DROP COLUMN remark;
         DROP TABLE alerts; ALTER TABLE buckets DROP COLUMN sealed; PRAGMA user_version = 4;
         INSERT INTO buckets (scope, name, key, value) VALUES ('data', 'pg', 'PASSWORD', CAST('{CANARY}' AS BLOB));"
    );
    connection.execute_batch(&sql).unwrap();
    drop(connection);
    assert!(!holding(folder, CANARY).is_empty());
}

#[test]
fn values_of_an_older_record_are_sealed_when_it_is_opened_and_stay_what_they_are() {
    let (folder, store) = with_key();
    as_before(folder.path(), store);
    // Until then, who only reads reads them as they are.
    let reader = Store::open_read_only(folder.path()).unwrap();
    assert_eq!(value(&reader, "PASSWORD"), Some(SecretText::new(CANARY)));
    drop(reader);
    let store = Store::open(NOW, folder.path()).unwrap();
    assert_eq!(value(&store, "PASSWORD"), Some(SecretText::new(CANARY)));
    assert_eq!(holding(folder.path(), CANARY), Vec::<String>::new());
    drop(store);
    let store = Store::open(NOW, folder.path()).unwrap();
    assert!(!set(&store, "PASSWORD", CANARY).unwrap());
}

#[test]
fn values_of_an_older_record_without_a_host_key_are_sealed_once_there_is_one() {
    let (folder, store) = new();
    as_before(folder.path(), store);
    let store = Store::open(NOW, folder.path()).unwrap();
    assert_eq!(value(&store, "PASSWORD"), Some(SecretText::new(CANARY)));
    store.make_host_key(NOW, "edge-1").unwrap();
    assert_eq!(value(&store, "PASSWORD"), Some(SecretText::new(CANARY)));
    assert_eq!(holding(folder.path(), CANARY), Vec::<String>::new());
}

#[test]
fn a_host_that_lost_the_key_of_its_buckets_plans_nothing_says_so_and_goes_on_once_they_are_set_anew() {
    let origin = Origin::new();
    origin.deploy(&[("web.hcl", "deployment \"data\" \"pg\" {\n  image = \"pg:1\"\n}\n")]);
    let machine = Machine::new(&origin, "");
    machine.writ(&["config", "set", "-s", "data", "-n", "pg", &format!("PASSWORD={CANARY}")]).exits(0);
    machine.pass();
    let pods = machine.pods();
    assert_eq!((pods.len(), holding(&machine.state(), CANARY)), (1, Vec::new()));
    fs::remove_file(machine.state().join("host_key")).unwrap();
    for words in [&["run", "--once"][..], &["plan"], &["config", "get", "-s", "data", "-n", "pg", "PASSWORD"]] {
        machine.writ(words).exits(1).says("data/pg PASSWORD");
        assert_eq!(machine.pods(), pods, "{words:?}");
    }
    machine.writ(&["key", "rotate", "--lost", "--reason", "the disk is gone"]).exits(0);
    machine.writ(&["run", "--once"]).exits(1).says("data/pg PASSWORD");
    machine.writ(&["config", "set", "-s", "data", "-n", "pg", &format!("PASSWORD={CANARY}")]).exits(0);
    machine.pass();
    assert_eq!(machine.pods(), pods, "the value is the same, and nothing rolls");
}
