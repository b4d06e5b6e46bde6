//! The agent's side: programs that are no good children stand in for one, beside one that is.

use std::path::Path;

use tempfile::TempDir;
use writ::confine::{Child, ConfineError, Judged, Limits};
use writ_core::dialect::{Given, lower};

use super::{WRIT, child, files};
use crate::pass::WEB;

/// A script in place of the program. `real` is a child, and `hello` says that walls stand.
fn stand_in(folder: &Path, body: &str) -> Child {
    let program = folder.join("stand-in");
    let text = format!(
        "#!/bin/bash\ncd '{}'\necho $$ > id\nreal() {{ (exec -a writ-confined '{WRIT}' \"$@\"); }}\n\
         hello() {{ printf 'writ confined 3\\n\\2\\1\\1'; }}\n{body}\n",
        folder.display()
    );
    crate::program::program(&program, &text);
    let mut child = Child { program, ..child() };
    child.bounds.answer_bytes = 1 << 20;
    child
}

async fn lowered(child: &Child) -> Result<Judged, ConfineError> {
    child.lower_unfetched(&files(&[("web.hcl", WEB)]), &Given::default()).await
}

#[tokio::test]
async fn a_good_answer_is_taken_and_every_other_one_is_an_end_that_says_what_happened() {
    let folder = TempDir::new().unwrap();
    let good = lowered(&stand_in(folder.path(), "real \"$@\" | cat")).await.unwrap();
    assert_eq!(good.lowered.unwrap().objects, lower(&files(&[("web.hcl", WEB)])).0.unwrap().objects);
    for (body, expected) in [
        ("hello; real \"$@\" | tail -c +20 | head -c -3", "gave no sound answer: it is cut off"),
        ("real \"$@\" | cat; printf x", "gave no sound answer: something follows its end"),
        (
            "hello; real \"$@\" | tail -c +36 > rest; printf 'writ answer is2\\n'; cat rest",
            "gave no sound answer: it begins in another way",
        ),
        ("hello; head -c 100000 /dev/zero", "gave no sound answer: it begins in another way"),
        ("hello; exec cat /dev/zero", "answered with more than 1 MiB"),
        ("hello; exit 0", "gave no sound answer: it is cut off"),
        ("hello; exit 7", "ended with exit code 7"),
        ("real \"$@\" | cat; exit 7", "ended with exit code 7"),
        ("hello; kill -KILL $$", "was ended by signal 9"),
        ("hello; kill -SEGV $$", "was ended by signal 11"),
        ("hello; kill -SYS $$", "reached for what is forbidden to it, and was ended"),
        ("hello; echo 'a secret' >&2; exit 101", "broke off, which is a fault of Writ: please report it"),
    ] {
        let found = lowered(&stand_in(folder.path(), body)).await;
        let expected = format!("the confined process that reads the files {expected}");
        let ConfineError::Ended(ended) = found.unwrap_err() else { panic!("{body}: not an end") };
        assert_eq!(ConfineError::from(ended).to_string(), expected, "{body}");
    }
}

#[tokio::test]
async fn one_that_says_nothing_is_ended_in_time_and_nothing_is_left_of_it() {
    let folder = TempDir::new().unwrap();
    let mut silent = stand_in(folder.path(), "hello; exec sleep 1000");
    silent.bounds.seconds = 5;
    let error = lowered(&silent).await.unwrap_err();
    assert_eq!(error.to_string(), "the confined process that reads the files took longer than 5 s");
    let id = std::fs::read_to_string(folder.path().join("id")).unwrap();
    assert!(!Path::new("/proc").join(id.trim()).exists(), "{id} still runs");
}

#[tokio::test]
async fn a_question_that_nobody_reads_holds_nobody_up() {
    let folder = TempDir::new().unwrap();
    let deaf = stand_in(folder.path(), "exec 0<&-; hello; exit 3");
    let large = "#".repeat(1 << 20);
    let error =
        deaf.lower_unfetched(&files(&[("a.hcl", &large), ("b.hcl", &large)]), &Given::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "the confined process that reads the files ended with exit code 3");
}

#[tokio::test]
async fn one_that_cannot_be_started_says_nothing_about_the_files() {
    let folder = TempDir::new().unwrap();
    let absent = Child { program: folder.path().join("none"), ..child() };
    let mut shy = stand_in(folder.path(), "exec sleep 1000");
    shy.bounds.seconds = 2;
    // A program that takes neither the name nor the words.
    let another = Child { program: std::env::current_exe().unwrap(), ..child() };
    let mut unable = child();
    unable.bounds.limits.processor_seconds = u64::MAX;
    for (child, why) in [(absent, "No such file"), (shy, "does not come up"), (another, "exit"), (unable, "only writ")]
    {
        let error = lowered(&child).await.unwrap_err();
        assert!(matches!(&error, ConfineError::Unstarted(detail) if detail.contains(why)), "{why}: {error}");
    }
    let old = stand_in(folder.path(), "printf 'writ confined 0\\n\\2\\1\\1'; exec cat");
    assert!(lowered(&old).await.unwrap_err().to_string().contains("another version"));
    let limits = Limits { memory_bytes: 512 << 20, processor_seconds: 10 };
    assert_eq!(child().bounds.limits, limits, "what SECURITY.md promises");
}
