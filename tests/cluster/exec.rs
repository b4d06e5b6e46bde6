//! Programs in pods of a cluster: what they read, write and end with is what `kubectl exec` makes of them.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;
use writ::target::kubernetes::Access;
use writ::target::{ExecRequest, Kubernetes, Session, Target};

use crate::logs::running;
use crate::place::{PATIENCE, Place};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a command came to that reads `input`.
fn ran(mut command: Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.as_bytes().to_vec());
    // A program that reads nothing has gone before it is told anything.
    let told = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let done = child.wait_with_output().unwrap();
    told.join().unwrap();
    done
}

/// A program in the container `app` of a pod by `writ exec`, and by `kubectl exec`: both must come to the same.
#[track_caller]
fn same(place: &Place, pod: &str, options: &[&str], input: &str, program: &[&str]) -> (Option<i32>, String, String) {
    let words = [&["exec", pod, "-c", "app"], options, &["--"], program].concat();
    let ours = ran(place.machine.command(&words), input);
    let theirs = ran(place.kubectl_command(&words), input);
    assert_eq!(ours.status.code(), theirs.status.code(), "{words:?}: {}", text(&ours.stderr));
    assert_eq!(text(&ours.stdout), text(&theirs.stdout), "{words:?}");
    (ours.status.code(), text(&ours.stdout), text(&ours.stderr))
}

#[track_caller]
fn refused(place: &Place, words: &[&str], wanted: &str) {
    let done = ran(place.machine.command(&[&["exec"], words].concat()), "");
    let error = text(&done.stderr);
    assert!(done.status.code() == Some(1) && done.stdout.is_empty() && error.contains(wanted), "{words:?}: {error}");
}

#[test]
fn a_program_in_a_pod_reads_writes_and_ends_as_by_kubectl() {
    let (place, object, pod) = running();
    let namespace = place.namespace.as_str();
    let (code, out, error) = same(&place, &pod, &[], "", &["sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((code, out.as_str(), error.as_str()), (Some(7), "out\n", "err\n"));
    assert_eq!(same(&place, &pod, &[], "", &["true"]).0, Some(0));
    // The end of what is read comes through; without `-i` there is nothing to read.
    assert_eq!(same(&place, &pod, &["-i"], "one\ntwo", &["cat"]).1, "one\ntwo");
    assert_eq!(same(&place, &pod, &[], "one\n", &["cat"]).1, "");
    // More than any buffer on the way holds.
    let much = "0123456789abcde\n".repeat(20_000);
    assert_eq!(same(&place, &pod, &["-i"], &much, &["cat"]).1, much);

    // By its object, and by default in the container that the pod names.
    for words in [&[object.as_str()][..], &[&pod, "-n", namespace], &[&format!("pod/{namespace}/{pod}")]] {
        let done = ran(place.machine.command(&[&["exec"], words, &["--", "hostname"]].concat()), "");
        assert_eq!((done.status.code(), text(&done.stdout)), (Some(0), format!("{pod}\n")), "{}", text(&done.stderr));
        assert!(text(&done.stderr).contains("this is container app, out of side, app"), "{}", text(&done.stderr));
    }

    refused(&place, &[&pod, "-c", "none", "--", "true"], "has no container `none`: it has side, app");
    refused(&place, &["web-none", "--", "true"], "there is no pod `web-none` in the clusters of this host");
    refused(&place, &[&pod, "-c", "app", "--", "/none"], "/none");
    place.kubectl(&["scale", "deployment", "web", "--replicas=2"]);
    place.kubectl(&["rollout", "status", "deployment/web", "--timeout=60s"]);
    refused(&place, &[&object, "--", "true"], "name one of them");
}

#[tokio::test]
async fn a_program_with_a_terminal_sees_its_size_and_that_changes() {
    let (place, _, pod) = running();
    let access = Access::Context { file: place.machine.path("kubeconfig"), name: "writ-test".to_owned() };
    let target = Target::Kubernetes(Box::new(Kubernetes::new("h", access)));
    // It is told a moment after it has begun.
    let program = "size() { until [ \"$(stty size)\" = \"$1\" ]; do sleep 0.1; done; echo \"now $1\"; }
                   size '30 100'; read line; size '20 90'; echo $line; exit 3";
    let command = ["sh", "-c", program].map(str::to_owned).to_vec();
    let request = ExecRequest { command, terminal: Some((100, 30)), interactive: true };
    let container = format!("{}/{pod}/app", place.namespace);
    let Session { id, mut input, mut output } = target.exec(&container, &request).await.unwrap();
    let mut seen = String::new();
    let mut until = async |wanted: &str| {
        while !seen.contains(wanted) {
            let chunk =
                timeout(PATIENCE, output.next()).await.unwrap_or_else(|_| panic!("it says no more than {seen:?}"));
            let chunk = chunk.unwrap_or_else(|| panic!("it ended after {seen:?}")).unwrap();
            assert!(!chunk.is_error, "a terminal is one stream");
            seen.push_str(&text(&chunk.bytes));
        }
    };
    until("now 30 100").await;
    target.exec_resize(&id, 90, 20).await.unwrap();
    input.write_all(b"told\n").await.unwrap();
    until("now 20 90").await;
    until("told\r\n").await;
    while output.next().await.is_some() {}
    assert_eq!(target.exec_code(&id).await.unwrap(), 3);
    assert!(target.exec_code(&id).await.is_err(), "it is forgotten once that is told");
}
