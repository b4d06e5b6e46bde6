//! Pods below a partition: what they come back at when they are gone.

use std::fs;

use writ::clock::Clock;
use writ::record::Introduced;
use writ_core::model::{BucketRef, Scope};
use writ_core::text::SecretText;

use crate::machine::{Machine, Origin};

fn pg(image: &str, partition: u32) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: pg, namespace: data}}\n\
         spec: {{clusterIP: None, selector: {{app: pg}}, ports: [{{port: 1}}]}}\n---\n\
         apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: pg, namespace: data}}\nspec:\n  \
         serviceName: pg\n  replicas: 2\n  minReadySeconds: 0\n  selector: {{matchLabels: {{app: pg}}}}\n  \
         updateStrategy: {{rollingUpdate: {{partition: {partition}}}}}\n  template:\n    \
         metadata: {{labels: {{app: pg}}, annotations: {{writ.bucket: data/pg}}}}\n    spec: {{containers: [{{name: pg, image: '{image}'}}]}}\n"
    )
}

/// The revision of a pod on the host.
fn revision(machine: &Machine, pod: &str) -> String {
    let host = machine.host();
    let line = host.lines().find(|line| line.starts_with(&format!("pod {pod} "))).unwrap_or_default();
    line.split(' ').find_map(|word| word.strip_prefix("revision=")).unwrap_or_default().to_owned()
}

/// Somebody removes a pod.
fn remove(machine: &Machine, pod: &str) {
    let host = machine.host();
    let rest = host.lines().filter(|line| !line.starts_with(&format!("pod {pod} ")));
    let rest: String = rest.map(|line| format!("{line}\n")).collect();
    fs::write(machine.state().join("simulated.host"), rest).unwrap();
}

/// A host on which a second commit has left both pods of a set at the revision of the first. Gives that commit.
fn left_behind(origin: &Origin) -> (Machine, String) {
    let first = origin.deploy(&[("pg.yaml", &pg("pg:1", 0))]);
    let machine = Machine::new(origin, "");
    machine.pass();
    origin.deploy(&[("pg.yaml", &pg("pg:2", 2))]);
    machine.pass();
    (machine, first)
}

#[test]
fn k12_a_pod_below_the_partition_comes_back_as_the_commit_before_asked_for_it() {
    let origin = Origin::new();
    let (machine, first) = left_behind(&origin);
    let before = revision(&machine, "data-pg.1");
    remove(&machine, "data-pg.0");
    let shown = machine.writ(&["plan"]);
    assert!(shown.text.contains(&format!("of commit {first:.8}, for it is below the partition")), "{shown:?}");
    machine.pass();
    assert_eq!(revision(&machine, "data-pg.0"), before);
    assert_eq!(machine.pass().code, Some(0), "and that is as desired");
}

#[test]
fn a_pod_below_the_partition_comes_back_with_the_values_of_today_and_the_plan_says_so() {
    let origin = Origin::new();
    let (machine, first) = left_behind(&origin);
    let before = revision(&machine, "data-pg.1");
    let bucket = BucketRef { scope: Scope("data".to_owned()), name: None };
    machine.store().make_host_key(Clock.now(), "edge-1").unwrap();
    machine.store().bucket_set(Clock.now(), &bucket, "KEY", &SecretText::new("canary")).unwrap();
    remove(&machine, "data-pg.0");
    let shown = machine.writ(&["plan"]);
    assert!(shown.text.contains(&format!("of commit {first:.8}")), "{shown:?}");
    assert!(shown.text.contains(" before values changed"), "{shown:?}");
    machine.pass();
    let made = revision(&machine, "data-pg.0");
    assert!(!made.is_empty() && made != before, "{made}");
    assert_eq!(revision(&machine, "data-pg.1"), before, "the other stays");
    assert_eq!(machine.pass().code, Some(0));
}

#[test]
fn a_pod_below_the_partition_comes_at_the_new_revision_where_the_commit_before_is_trusted_no_more() {
    let origin = Origin::new();
    let (machine, first) = left_behind(&origin);
    let before = revision(&machine, "data-pg.1");
    let introduced = Introduced { commit: origin.repository.head(), signer: origin.key.fingerprint.clone() };
    machine.store().enrol(Clock.now(), "infra", &introduced).unwrap();
    remove(&machine, "data-pg.0");
    let shown = machine.writ(&["plan"]);
    let words = format!("comes at the new revision, for that of commit {first:.8} cannot be had: ");
    assert!(shown.text.contains(&words), "{shown:?}");
    machine.pass();
    assert_ne!(revision(&machine, "data-pg.0"), before);
    assert_eq!(revision(&machine, "data-pg.1"), before, "the other stays");
}
