//! Hooks of containers and the signal that ends them: what is read of them, and what is refused.

use writ_core::model::{Hook, Hooks, ProbeAction};
use writ_core::time::Seconds;

use crate::desired_text::{desired, only, pod};
use crate::sidecars::refused;

/// A StatefulSet of one container with more of its own.
fn set(container: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: pg, namespace: data}}\nspec:\n  selector: {{matchLabels: \
         {{app: pg}}}}\n  template:\n    metadata: {{labels: {{app: pg}}}}\n    spec: {{containers: [{{name: app, image: \
         'a:1', ports: [{{name: web, containerPort: 80}}]{container}}}]}}\n"
    )
}

fn hooks(container: &str) -> Hooks {
    pod(only(&desired(&set(container)).0), 0).main.hooks
}

#[test]
fn hooks_and_the_signal_of_the_end_are_read_as_they_are_written() {
    assert_eq!(hooks(""), Hooks::default());
    let found = hooks(
        ", lifecycle: {postStart: {exec: {command: [touch, /up]}}, preStop: {httpGet: {port: web, path: quit}}, stopSignal: SIGRTMIN+3}",
    );
    let path = "/quit".to_owned();
    let asked = ProbeAction::Http { path, port: 80, tls: false, headers: Vec::new() };
    let begun = ProbeAction::Exec(["touch", "/up"].map(str::to_owned).to_vec());
    assert_eq!((found.post_start, found.pre_stop), (Some(Hook::Act(begun)), Some(Hook::Act(asked))));
    assert_eq!(found.stop_signal.as_deref(), Some("SIGRTMIN+3"));
    let sleeps = hooks(", lifecycle: {preStop: {sleep: {seconds: 5}}}");
    assert_eq!(sleeps.pre_stop, Some(Hook::Sleep(Seconds(5))));
}

#[test]
fn each_hook_is_a_part_of_the_revision_and_none_is_no_part() {
    let parts = |container: &str| only(&desired(&set(container)).0).parts.clone();
    let without = parts("");
    let all = [
        ("post-start", ", lifecycle: {postStart: {sleep: {seconds: 5}}}"),
        ("pre-stop", ", lifecycle: {preStop: {sleep: {seconds: 5}}}"),
        ("stop-signal", ", lifecycle: {stopSignal: SIGINT}"),
    ];
    for (name, text) in all {
        let mut with = parts(text);
        assert!(with.remove(&format!("container/app/{name}")).is_some(), "{text}");
        assert_eq!(with, without, "{text}");
    }
    assert_eq!(parts(", lifecycle: {}"), without);
}

#[test]
fn what_is_no_hook_is_refused() {
    let hooked = |container: &str, expected: &str| refused(&set(container), expected);
    hooked(", lifecycle: {preStop: {}}", "`preStop` needs one of");
    hooked(", lifecycle: {preStop: {tcpSocket: {port: 80}}}", "`tcpSocket` is not possible on Docker");
    hooked(", lifecycle: {postStart: {exec: {command: [a]}, sleep: {seconds: 1}}}", "cannot have both");
    hooked(", lifecycle: {postStart: {exec: {command: []}}}", "the command is empty");
    hooked(", lifecycle: {preStop: {httpGet: {port: 80, host: other}}}", "`host` is not possible on Docker");
    hooked(", lifecycle: {preStop: {httpGet: {port: none}}}", "no port named `none`");
    for signal in ["TERM", "SIGNONE", "15", "SIGRTMIN+16", "sigterm"] {
        hooked(&format!(", lifecycle: {{stopSignal: '{signal}'}}"), "is no signal");
    }
    let init =
        set("").replace("containers:", "initContainers: [{name: first, image: 'a:1', lifecycle: {}}], containers:");
    refused(&init, "has no lifecycle");
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: work, namespace: data}\nspec: {template: {spec: {restartPolicy: Never, \
               containers: [{name: main, image: 'a:1', lifecycle: {HOOK: {sleep: {seconds: 1}}}}]}}}\n";
    refused(&job.replace("HOOK", "postStart"), "no postStart is done in a pod that runs to its end");
    assert!(only(&desired(&job.replace("HOOK", "preStop")).0).replicas == 1);
}

#[test]
fn a_probe_by_grpc_and_a_grace_of_a_probe_are_read_and_change_the_revision_only_where_they_are_set() {
    let probe =
        |text: &str| pod(only(&desired(&set(&format!(", livenessProbe: {{{text}}}"))).0), 0).main.liveness.unwrap();
    let asked = probe("grpc: {port: 80, service: db}, terminationGracePeriodSeconds: 5");
    assert_eq!(asked.action, ProbeAction::Grpc { port: 80, service: "db".to_owned() });
    assert_eq!(asked.grace, Some(Seconds(5)));
    assert_eq!(probe("grpc: {port: 80}").action, ProbeAction::Grpc { port: 80, service: String::new() });
    let revision = |text: &str| only(&desired(&set(&format!(", livenessProbe: {{{text}}}"))).0).revision.clone();
    let all = [
        "grpc: {port: 80}",
        "grpc: {port: 80, service: db}",
        "tcpSocket: {port: 80}",
        "grpc: {port: 80}, terminationGracePeriodSeconds: 5",
    ];
    let different: std::collections::BTreeSet<_> = all.iter().map(|text| revision(text)).collect();
    assert_eq!(different.len(), all.len());
    let hooked = |container: &str, expected: &str| refused(&set(container), expected);
    hooked(
        ", readinessProbe: {grpc: {port: 80}, terminationGracePeriodSeconds: 5}",
        "a readinessProbe restarts nothing",
    );
    hooked(", livenessProbe: {grpc: {port: 80}, tcpSocket: {port: 80}}", "cannot have both");
    hooked(", livenessProbe: {grpc: {port: 0}}", "0");
}
