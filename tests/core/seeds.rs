//! What the seeds promise of whole manifests: what they may hold, and what becomes of them on a described host.

use writ_core::dialect::{Files, lower};
use writ_core::model::{Desired, Kind, MountSource, resolve};
use writ_core::plan::Verb;

use crate::desired_text::{desired, env, messages, objects, only, pod, text, world};
use crate::simulation::Unit;

const STACK: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: data}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: local}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
allowVolumeExpansion: true
reclaimPolicy: Retain
---
apiVersion: v1
kind: Secret
metadata: {name: creds, namespace: data}
type: Opaque
stringData: {USER: app, PASSWORD: of-the-secret, admin-password: of-the-admin}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: data}
data:
  INITDB_ARGS: --data-checksums
  custom.conf: |
    max_connections = 50
    work_mem = 4MB
---
apiVersion: v1
kind: Service
metadata: {name: pg, namespace: data}
spec:
  clusterIP: None
  selector: {app: pg}
  ports: [{name: sql, port: 5432, targetPort: 5432}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: pg, namespace: data}
spec:
  minAvailable: 1
  selector: {matchLabels: {app: pg}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: pg, namespace: data}
spec:
  serviceName: pg
  replicas: 3
  podManagementPolicy: OrderedReady
  selector: {matchLabels: {app: pg}}
  template:
    metadata: {labels: {app: pg, tier: db}}
    spec:
      securityContext: {fsGroup: 999}
      terminationGracePeriodSeconds: 60
      containers:
        - name: pg
          image: postgres:15-alpine
          command: [sh, -c, "exec postgres --name $(NUMBER)"]
          ports: [{containerPort: 5432, name: sql}]
          envFrom: [{secretRef: {name: creds}}]
          env:
            - {name: PGDATA, value: /var/lib/postgresql/data/pgdata}
            - {name: ADMIN, valueFrom: {secretKeyRef: {name: creds, key: admin-password}}}
            - {name: NUMBER, valueFrom: {fieldRef: {fieldPath: "metadata.labels['apps.kubernetes.io/pod-index']"}}}
            - {name: TIER, valueFrom: {fieldRef: {fieldPath: "metadata.labels['tier']"}}}
          livenessProbe:
            exec: {command: [pg_isready]}
            initialDelaySeconds: 30
            periodSeconds: 10
          readinessProbe:
            tcpSocket: {port: 5432}
            periodSeconds: 5
          resources: {requests: {cpu: 250m, memory: 256Mi}, limits: {memory: 512Mi}}
          volumeMounts:
            - {name: data, mountPath: /var/lib/postgresql/data}
            - {name: all, mountPath: /etc/all, readOnly: true}
            - {name: some, mountPath: /etc/some}
      volumes:
        - {name: all, configMap: {name: settings}}
        - {name: some, configMap: {name: settings, items: [{key: custom.conf, path: other.conf}]}}
  volumeClaimTemplates:
    - metadata: {name: data}
      spec:
        accessModes: [ReadWriteOnce]
        storageClassName: local
        resources: {requests: {storage: 10Gi}}
"#;

/// The problems of a set that is refused while it is lowered.
fn refused(yaml: &str) -> String {
    let files = Files::from([("manifest.yaml".to_owned(), yaml.as_bytes().to_vec())]);
    lower(&files).0.map(|_| String::new()).unwrap_or_else(|problems| messages(&problems))
}

/// The notes of a set: what is understood and has no effect.
fn notes(yaml: &str) -> String {
    let files = Files::from([("manifest.yaml".to_owned(), yaml.as_bytes().to_vec())]);
    messages(&lower(&files).0.unwrap().notes)
}

#[test]
fn k24_k25_k26_k27_k28_k29_k35_k36_every_kind_of_the_samples_is_read_from_one_file() {
    let kinds: Vec<Kind> = objects(STACK).iter().map(|object| object.id.kind).collect();
    let others = [
        Kind::Deployment,
        Kind::DaemonSet,
        Kind::Job,
        Kind::CronJob,
        Kind::Ingress,
        Kind::IngressClass,
        Kind::GatewayClass,
        Kind::Gateway,
        Kind::HttpRoute,
    ];
    for kind in Kind::ALL.into_iter().filter(|kind| !others.contains(kind)) {
        assert_eq!(kinds.iter().filter(|found| **found == kind).count(), 1, "{kind:?}");
    }
    assert!(refused(&STACK.replace("kind: Namespace", "kind: NetworkPolicy")).contains("NetworkPolicy"));
}

#[test]
fn k37_the_order_of_files_and_documents_is_immaterial() {
    let documents: Vec<&str> = STACK.split("\n---\n").collect();
    let mut turned = documents.clone();
    turned.reverse();
    let files: Files =
        turned.iter().enumerate().map(|(at, text)| (format!("{at}.yaml"), text.as_bytes().to_vec())).collect();
    let spread = resolve(&lower(&files).0.unwrap().objects, &world(&[])).unwrap().0;
    assert_eq!(text(&spread), text(&desired(STACK).0));
    assert_eq!(text(&spread), text(&desired(&turned.join("\n---\n")).0));
}

#[test]
fn k4_k31_a_pod_bears_the_labels_of_its_template_and_its_ordinal() {
    let (desired, _) = desired(STACK);
    for ordinal in 0..3 {
        let main = pod(only(&desired), ordinal).main;
        assert_eq!(env(&main, "NUMBER"), Some(ordinal.to_string()));
        assert_eq!(env(&main, "TIER").as_deref(), Some("db"));
        assert_eq!(main.entrypoint.unwrap()[2], format!("exec postgres --name {ordinal}"));
    }
}

#[test]
fn k31_k33_k45_the_fields_of_the_sample_reach_its_container() {
    let main = pod(only(&desired(STACK).0), 0).main;
    assert_eq!(main.image, "postgres:15-alpine");
    assert_eq!(main.ports.iter().map(|port| port.container).collect::<Vec<_>>(), [5432]);
    let values = ["USER", "PASSWORD", "ADMIN", "PGDATA"].map(|name| env(&main, name).unwrap());
    assert_eq!(values, ["app", "of-the-secret", "of-the-admin", "/var/lib/postgresql/data/pgdata"]);
    let files = |path: &str| {
        let mount = main.mounts.iter().find(|mount| mount.path == path).unwrap();
        let MountSource::Directory(files) = &mount.source else { panic!("{path}") };
        (files.keys().cloned().collect::<Vec<_>>(), mount.read_only)
    };
    assert_eq!(files("/etc/all"), (vec!["INITDB_ARGS".to_owned(), "custom.conf".to_owned()], true));
    assert_eq!(files("/etc/some"), (vec!["other.conf".to_owned()], true));
    assert_eq!(env(&main, "INITDB_ARGS"), None, "a key of a ConfigMap volume is a file and no variable");
    assert!(main.liveness.is_some() && main.readiness.is_some());
    assert_eq!(main.resources.memory_limit_bytes, Some(512 << 20));
}

#[test]
fn k34_k51_k68_each_ordinal_has_a_volume_of_its_own_and_a_template_needs_mode_and_size() {
    let (desired, _) = desired(STACK);
    let volumes: Vec<String> = (0..3).flat_map(|at| pod(only(&desired), at).volumes).map(|it| it.name).collect();
    assert_eq!(volumes, ["voodu-data-pg-data-0", "voodu-data-pg-data-1", "voodu-data-pg-data-2"]);
    assert!(text(&desired).contains("claim data bytes"), "{}", text(&desired));
    assert!(text(&desired).contains("class Some(\"local\")"), "{}", text(&desired));
    assert!(refused(&STACK.replace("[ReadWriteOnce]", "[WriteOften]")).contains("`ReadWriteOnce`"));
    assert!(refused(&STACK.replace("        accessModes: [ReadWriteOnce]\n", "")).contains("`accessModes`"));
}

#[test]
fn k25_k52_k53_k54_what_a_storage_class_says_is_kept_without_effect_and_noted() {
    let notes = notes(STACK);
    for field in ["provisioner", "allowVolumeExpansion", "storage"] {
        assert!(notes.contains(&format!("Note: `{field}` has no effect on Docker")), "{notes}");
    }
    // A volume is made with its pod and never dies by itself: that is what these two ask for.
    assert!(!notes.contains("volumeBindingMode") && !notes.contains("reclaimPolicy"), "{notes}");
    let deleting = STACK.replace("reclaimPolicy: Retain", "reclaimPolicy: Delete");
    assert!(self::notes(&deleting).contains("`reclaimPolicy` has no effect"));
}

#[test]
fn k35_k56_a_disruption_budget_of_one_of_one_keeps_the_pod_from_being_stopped_and_says_so() {
    let (found, told) = desired(&STACK.replace("replicas: 3", "replicas: 1"));
    let budget = found.budgets.values().next().unwrap();
    assert!(budget.allows_none() && budget.workloads.len() == 1, "{budget:?}");
    assert!(messages(&told).contains("1 of 1 pods must stay ready"), "{}", messages(&told));
    assert!(!desired(STACK).0.budgets.values().next().unwrap().allows_none(), "of three, two may be stopped");
    assert!(refused(&STACK.replace("minAvailable: 1", "minAvailable: most")).contains("minAvailable"));
}

#[test]
fn k42_a_pod_with_a_group_says_so_to_its_volumes() {
    assert_eq!(pod(only(&desired(STACK).0), 0).fs_group, Some(999));
    assert!(refused(&STACK.replace("fsGroup: 999", "fsGroup: postgres")).contains("fsGroup"));
}

#[test]
fn k55_an_object_lives_in_the_namespace_that_it_names_and_else_in_the_default_one() {
    let (elsewhere, _) = desired(&STACK.replace("namespace: data", "namespace: other"));
    assert_eq!(pod(only(&elsewhere), 0).name, "other-pg.0");
    let bare = STACK.replace(", namespace: data", "");
    assert_eq!(pod(only(&desired(&bare).0), 0).name, "default-pg.0");
}

#[test]
fn k57_a_selector_that_leaves_out_its_own_template_is_refused() {
    let other = STACK.replace("labels: {app: pg, tier: db}", "labels: {app: other, tier: db}");
    assert!(refused(&other).contains("the selector does not find its own pods"), "{}", refused(&other));
}

#[test]
fn k1_k22_a_set_without_its_service_is_warned_about() {
    let alone = STACK.replace("serviceName: pg", "serviceName: nowhere");
    assert!(notes(&alone).contains("there is no Service `nowhere`"), "{}", notes(&alone));
    assert!(!notes(STACK).contains("there is no Service"));
}

#[test]
fn k14_k59_k69_k83_replicas_are_pods_alike_and_nothing_is_added_to_them() {
    let (three, _) = desired(STACK);
    let without_ordinal = |ordinal: u32| {
        let mut pod = pod(only(&three), ordinal);
        pod.main.env.remove("NUMBER");
        (pod.main.image, pod.main.env.keys().cloned().collect::<Vec<_>>(), pod.init.len(), pod.main.arguments)
    };
    assert_eq!(without_ordinal(0), without_ordinal(2));
    assert_eq!(without_ordinal(0).2, 0);
    assert_eq!(env(&pod(only(&three), 0).main, "PGDATA").unwrap(), env(&pod(only(&three), 1).main, "PGDATA").unwrap());
}

const WITH_ASSET: &str = r#"
asset "data" "conf" {
  used   = file("./used")
  unused = file("./unused")
}
statefulset "data" "pg" {
  image    = "postgres:15"
  replicas = 2
  volumes  = ["${asset.data.conf.used}:/etc/used:ro"]
  volume_claim "data" {
    mount_path = "/data"
  }
}
deployment "shop" "web" {
  image = "web:1"
}
"#;

fn with_asset(used: &str, unused: &str) -> Desired {
    let files = [("stack.hcl", WITH_ASSET), ("used", used), ("unused", unused)];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).into();
    resolve(&lower(&files).0.unwrap().objects, &world(&[])).unwrap().0
}

#[test]
fn v35_growing_makes_one_volume_and_leaves_the_first_untouched() {
    let grown = |replicas: &str| desired(&STACK.replace("replicas: 3", &format!("replicas: {replicas}"))).0;
    let mut unit = Unit::applied(grown("1"));
    let before = unit.host.to_string();
    unit.desired = grown("2");
    assert!(unit.pass().failures.is_empty());
    let after = unit.host.to_string();
    assert!(after.contains("voodu-data-pg-data-1") && !before.contains("voodu-data-pg-data-1"));
    for line in before.lines().filter(|line| line.contains("pg.0") || line.contains("data-0")) {
        assert!(after.contains(line), "{line}\nis not in\n{after}");
    }
}

#[test]
fn v66_v67_v70_a_changed_asset_replaces_the_pods_that_mount_it_highest_first_and_keeps_their_volumes() {
    let mut unit = Unit::applied(with_asset("one", "same"));
    let before = unit.host.to_string();
    unit.desired = with_asset("two", "same");
    let plan = unit.plan();
    let steps: Vec<(Verb, String)> =
        plan.steps().map(|step| (step.verb, step.pod.clone().unwrap_or_default())).collect();
    let replaced = ["data-pg.1", "data-pg.0"].map(|pod| (Verb::Replace, pod.to_owned()));
    assert_eq!(steps, [&replaced[..], &[(Verb::Keep, String::new())]].concat(), "shop/web is left alone");
    for step in plan.steps().filter(|step| step.verb == Verb::Replace) {
        assert!(step.why.contains("configmap/data/conf/used") && step.why.contains("kept"), "{}", step.why);
    }
    assert!(unit.apply(&plan).failures.is_empty());
    let after = unit.host.to_string();
    for line in before.lines().filter(|line| line.contains("shop-web.") || line.starts_with("volume ")) {
        assert!(after.contains(line), "{line}\nis not in\n{after}");
    }
    assert!(unit.plan().is_empty());
}

#[test]
fn v68_v69_an_asset_key_that_nobody_mounts_and_the_same_bytes_again_restart_nothing() {
    let mut unit = Unit::applied(with_asset("one", "same"));
    for again in [with_asset("one", "same"), with_asset("one", "changed")] {
        unit.desired = again;
        assert!(unit.plan().is_empty(), "{}", unit.plan());
    }
}

#[test]
fn v86_any_program_runs_with_a_command_an_entry_point_and_volumes_of_its_own() {
    let text = r#"
statefulset "queue" "nats" {
  image      = "nats:2"
  entrypoint = ["/nats-server"]
  command    = ["--jetstream", "--store_dir", "/data"]
  ports      = ["4222", "8222"]
  volume_claim "data" {
    mount_path = "/data"
  }
}
"#;
    let files = Files::from([("nats.hcl".to_owned(), text.as_bytes().to_vec())]);
    let desired = resolve(&lower(&files).0.unwrap().objects, &world(&[])).unwrap().0;
    let pod = pod(only(&desired), 0);
    assert_eq!(pod.main.entrypoint.unwrap(), ["/nats-server"]);
    assert_eq!(pod.main.arguments.unwrap(), ["--jetstream", "--store_dir", "/data"]);
    assert_eq!(pod.volumes[0].name, "voodu-queue-nats-data-0");
}

#[test]
fn v56_pods_of_one_scope_and_of_another_are_reached_by_names_with_their_scope() {
    let moved = STACK.replace("namespace: data", "namespace: other").replace("{name: data}\n---", "{name: other}\n---");
    let (_, rest) = moved.split_once("kind: Secret").unwrap();
    let both = format!("{STACK}---\napiVersion: v1\nkind: Secret{rest}");
    let (desired, _) = desired(&both);
    let names: Vec<Vec<String>> = desired.workloads.values().map(|workload| pod(workload, 0).own_names).collect();
    assert!(names[0].contains(&"pg-0.data".to_owned()) && names[1].contains(&"pg-0.other".to_owned()), "{names:?}");
}
