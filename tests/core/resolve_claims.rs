//! What the seeds promise, as far as it is decided before anything runs.

use writ_core::model::{MountSource, PodIndex, ProbeAction};
use writ_core::time::Seconds;

use crate::desired_text::{desired, desired_in, env, messages, only, pod, refusal};

/// A StatefulSet `data/NAME` with lines of its pod's spec, of its container and of its claims, each with the indent
/// of its place.
fn set(name: &str, pod: &str, container: &str, rest: &str) -> String {
    let head = format!(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: {name}\n  namespace: data\nspec:\n  \
         serviceName: {name}\n  replicas: 3\n  selector:\n    matchLabels:\n      app: {name}\n  template:\n    \
         metadata:\n      labels:\n        app: {name}\n    spec:\n"
    );
    let image = format!("      containers:\n        - name: {name}\n          image: example/{name}:1\n");
    format!("{head}{pod}{image}{container}{rest}")
}

fn service(name: &str, scope: &str, lines: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n  namespace: {scope}\nspec:\n  selector:\n    \
         app: {name}\n{lines}"
    )
}

fn all(documents: &[String]) -> String {
    documents.join("\n---\n")
}

const HEADLESS: &str = "  clusterIP: None\n  ports:\n    - port: 5432\n";
const CLAIM: &str = "  volumeClaimTemplates:\n    - metadata:\n        name: data\n      spec:\n        accessModes: \
                     [ReadWriteOnce]\n        resources:\n          requests:\n            storage: 1Gi\n";
const MOUNT: &str = "          volumeMounts:\n            - name: data\n              mountPath: /data\n";
const AUTH: &str = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: auth\n  namespace: data\nstringData:\n  \
                    redis-password: from-the-secret\n  USER: app\n";
const SETTINGS: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: data\ndata:\n  \
                        redis.conf: appendonly yes\n  ARGS: --one\n";

fn pg() -> String {
    all(&[service("pg", "data", HEADLESS), set("pg", "", MOUNT, CLAIM)])
}

#[test]
fn k2_v16_v45_pods_are_named_by_scope_name_and_contiguous_ordinals_from_zero() {
    let (desired, _) = desired(&pg());
    let workload = only(&desired);
    assert_eq!(workload.ordinals(), [0, 1, 2]);
    let names: Vec<String> = workload.ordinals().into_iter().map(|at| pod(workload, at).name).collect();
    assert_eq!(names, ["data-pg.0", "data-pg.1", "data-pg.2"]);
    assert_eq!(pod(workload, 2).hostname, "pg-2");
}

#[test]
fn k5_k6_v34_v36_each_pod_has_its_own_volume_for_each_claim_template() {
    let (desired, _) = desired(&pg());
    for ordinal in 0..3 {
        let pod = pod(only(&desired), ordinal);
        let name = format!("voodu-data-pg-data-{ordinal}");
        assert_eq!(pod.volumes.iter().map(|volume| &volume.name).collect::<Vec<_>>(), [&name]);
        assert_eq!(pod.main.mounts[0].source, MountSource::Volume(name));
    }
}

#[test]
fn k17_k19_v46_a_pods_own_names_lead_to_it_alone() {
    let (desired, _) = desired(&pg());
    assert_eq!(
        pod(only(&desired), 1).own_names,
        [
            "pg-1.data",
            "pg-1.data.voodu",
            "pg-1.pg.data",
            "pg-1.pg.data.svc",
            "pg-1.pg.data.svc.cluster.local",
            "pg-1.pg"
        ]
    );
}

#[test]
fn k18_k21_v47_every_pod_shares_the_names_of_the_service() {
    let (desired, _) = desired(&pg());
    for ordinal in 0..3 {
        let pod = pod(only(&desired), ordinal);
        assert_eq!(pod.shared_names, ["pg.data", "pg.data.voodu", "pg.data.svc", "pg.data.svc.cluster.local", "pg"]);
        assert!(!pod.publish_not_ready);
    }
}

#[test]
fn k22_without_its_service_a_pod_has_no_name_below_it() {
    let (desired, _) = desired(&set("pg", "", MOUNT, CLAIM));
    let pod = pod(only(&desired), 0);
    assert_eq!(pod.own_names, ["pg-0.data", "pg-0.data.voodu"]);
    assert_eq!(pod.shared_names, Vec::<String>::new());
}

#[test]
fn k23_a_service_with_an_address_gives_no_names_to_single_pods() {
    let plain = HEADLESS.replace("  clusterIP: None\n", "");
    let (desired, _) = desired(&all(&[service("pg", "data", &plain), set("pg", "", MOUNT, CLAIM)]));
    let pod = pod(only(&desired), 0);
    assert_eq!(pod.own_names, ["pg-0.data", "pg-0.data.voodu"]);
    assert!(pod.shared_names.contains(&"pg.data.svc".to_owned()));
}

#[test]
fn a_service_that_publishes_pods_before_they_are_ready_is_told_apart_from_one_that_does_not() {
    let early = service("early", "data", &format!("{HEADLESS}  publishNotReadyAddresses: true\n"));
    let early = early.replace("    app: early", "    app: pg");
    let both = all(&[service("pg", "data", HEADLESS), early.clone(), set("pg", "", MOUNT, CLAIM)]);
    let (two, _) = desired(&both);
    let mixed = pod(only(&two), 0);
    assert!(mixed.own_names.contains(&"early.data".to_owned()) && mixed.shared_names.contains(&"pg.data".to_owned()));
    assert!(!mixed.publish_not_ready);
    let (one, _) = desired(&all(&[early, set("pg", "", MOUNT, CLAIM)]));
    assert!(pod(only(&one), 0).publish_not_ready && pod(only(&one), 0).shared_names.contains(&"early.data".to_owned()));
}

#[test]
fn a_service_may_select_one_pod_by_its_label() {
    let primary = service("primary", "data", HEADLESS)
        .replace("    app: primary", "    app: pg\n    apps.kubernetes.io/pod-index: \"1\"");
    let (desired, _) = desired(&all(&[primary, set("pg", "", MOUNT, CLAIM)]));
    assert!(!pod(only(&desired), 0).shared_names.contains(&"primary.data".to_owned()));
    assert!(pod(only(&desired), 1).shared_names.contains(&"primary.data".to_owned()));
}

#[test]
fn k30_k43_group_and_grace_are_the_pods_and_have_defaults() {
    let (given, _) = desired(&set(
        "pg",
        "      securityContext:\n        fsGroup: 999\n      terminationGracePeriodSeconds: 60\n",
        "",
        "",
    ));
    assert_eq!((pod(only(&given), 0).fs_group, only(&given).grace()), (Some(999), Seconds(60)));
    let (unset, _) = desired(&set("pg", "", "", ""));
    assert_eq!((pod(only(&unset), 0).fs_group, only(&unset).grace()), (None, Seconds(30)));
}

#[test]
fn k32_probes_have_the_defaults_of_kubernetes() {
    let probe = "          ports:\n            - name: sql\n              containerPort: 5432\n          \
                 livenessProbe:\n            tcpSocket:\n              port: sql\n            initialDelaySeconds: 15\n";
    let (desired, _) = desired(&set("pg", "", probe, ""));
    let main = pod(only(&desired), 0).main;
    let probe = main.liveness.unwrap();
    assert_eq!(probe.action, ProbeAction::Tcp { port: 5432 });
    assert_eq!((probe.initial_delay, probe.period, probe.timeout), (Seconds(15), Seconds(10), Seconds(1)));
    assert_eq!((probe.success_threshold, probe.failure_threshold, main.readiness), (1, 3, None));
    assert_eq!(only(&desired).min_ready(), Seconds(2), "without a readiness probe only time tells");
}

#[test]
fn k38_k39_k40_secrets_reach_the_environment_whole_and_by_key() {
    let encoded = AUTH.replace(
        "stringData:\n  redis-password: from-the-secret",
        "data:\n  redis-password: ZnJvbS10aGUtc2VjcmV0\nstringData:",
    );
    let container = "          envFrom:\n            - secretRef:\n                name: auth\n              prefix: P_\n          \
                     env:\n            - name: REDIS_PASSWORD\n              valueFrom:\n                \
                     secretKeyRef:\n                  name: auth\n                  key: redis-password\n";
    for secret in [AUTH, encoded.as_str()] {
        let (desired, notes) = desired(&all(&[secret.to_owned(), set("redis", "", container, "")]));
        let main = pod(only(&desired), 0).main;
        assert_eq!(env(&main, "REDIS_PASSWORD").as_deref(), Some("from-the-secret"));
        assert_eq!(env(&main, "P_redis-password").as_deref(), Some("from-the-secret"));
        assert_eq!(env(&main, "P_USER").as_deref(), Some("app"));
        let shown = format!("{desired:?}{}", messages(&notes));
        assert!(!shown.contains("from-the-secret"), "{shown}");
    }
}

#[test]
fn k41_variables_in_a_command_are_known_ones_and_the_rest_stays() {
    let container = "          command: [redis-server, --requirepass, $(REDIS_PASSWORD), $(NONE), $$(USER)]\n          \
                     env:\n            - name: REDIS_PASSWORD\n              valueFrom:\n                \
                     secretKeyRef:\n                  name: auth\n                  key: redis-password\n            \
                     - name: URL\n              value: redis://:$(REDIS_PASSWORD)@$(LATER)\n            \
                     - name: LATER\n              value: x\n";
    let (desired, _) = desired(&all(&[AUTH.to_owned(), set("redis", "", container, "")]));
    let main = pod(only(&desired), 0).main;
    let words = ["redis-server", "--requirepass", "from-the-secret", "$(NONE)", "$(USER)"];
    assert_eq!(main.entrypoint.as_ref().unwrap(), &words);
    assert_eq!(main.arguments, None);
    assert_eq!(env(&main, "URL").as_deref(), Some("redis://:from-the-secret@$(LATER)"), "only what stands before");
}

fn files_of(volume: &str, mount: &str) -> MountSource {
    let mount =
        format!("          volumeMounts:\n            - name: files\n              mountPath: /etc/redis\n{mount}");
    let volume =
        format!("      volumes:\n        - name: files\n          configMap:\n            name: settings\n{volume}");
    let (desired, _) = desired(&all(&[SETTINGS.to_owned(), AUTH.to_owned(), set("redis", &volume, &mount, "")]));
    pod(only(&desired), 0).main.mounts[0].source.clone()
}

#[test]
fn k44_k45_k58_a_configmap_is_files_and_items_choose_and_name_them() {
    let MountSource::Directory(files) = files_of("", "") else { panic!("a directory") };
    assert_eq!(files.keys().collect::<Vec<_>>(), ["ARGS", "redis.conf"]);
    assert_eq!(files["redis.conf"].content.expose(), b"appendonly yes");
    assert_eq!(files["redis.conf"].mode, 0o644);
    let items = "            defaultMode: 0600\n            items:\n              - key: redis.conf\n                path: sub/r.conf\n";
    let MountSource::Directory(files) = files_of(items, "") else { panic!("a directory") };
    assert_eq!(
        files.iter().map(|(path, file)| (path.as_str(), file.mode)).collect::<Vec<_>>(),
        [("sub/r.conf", 0o600)]
    );
    let (desired, _) = desired(&all(&[SETTINGS.to_owned(), set("redis", "", "", "")]));
    assert_eq!(env(&pod(only(&desired), 0).main, "ARGS"), None, "a file is no variable");
}

#[test]
fn v63_v64_one_key_is_mounted_as_one_file() {
    let MountSource::File(file) = files_of("", "              subPath: redis.conf\n") else { panic!("a file") };
    assert_eq!(file.content.expose(), b"appendonly yes");
}

#[test]
fn k46_requests_and_limits_are_kept_apart_and_exact() {
    let resources = "          resources:\n            requests:\n              cpu: 250m\n              memory: 512Mi\n            \
                     limits:\n              memory: 2Gi\n";
    let (desired, _) = desired(&set("pg", "", resources, ""));
    let found = pod(only(&desired), 0).main.resources;
    assert_eq!((found.cpu_request_millis, found.cpu_limit_millis), (Some(250), None));
    assert_eq!((found.memory_request_bytes, found.memory_limit_bytes), (Some(512 << 20), Some(2 << 30)));
}

#[test]
fn k66_an_undeclared_storage_class_makes_the_set_pending_and_leaves_the_rest() {
    let lost = CLAIM.replace("        accessModes", "        storageClassName: lost\n        accessModes");
    let yaml = all(&[set("pg", "", MOUNT, &lost), set("other", "", MOUNT, CLAIM)]);
    let (found, notes) = desired(&yaml);
    assert_eq!(only(&found).id.name, "other");
    assert!(found.pending.values().all(|reason| reason.contains("storage class lost")), "{:?}", found.pending);
    assert_eq!(found.pending.len(), 1);
    assert!(messages(&notes).contains("Warning: statefulset/data/pg: pending"), "{}", messages(&notes));
    let class = "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata:\n  name: lost\nprovisioner: x\n";
    let (healed, _) = desired(&format!("{yaml}\n---\n{class}"));
    assert_eq!((healed.workloads.len(), healed.pending.len()), (2, 0));
}

#[test]
fn k71_a_deployment_reads_hosts_and_ports_from_a_configmap() {
    let container = "          envFrom:\n            - configMapRef:\n                name: settings\n";
    let yaml = set("web", "", container, "").replace("StatefulSet", "Deployment").replace("  serviceName: web\n", "");
    let (desired, _) = desired(&all(&[SETTINGS.to_owned(), yaml]));
    let pod = only(&desired).pod(&PodIndex::Replica("1a2b".to_owned()));
    assert_eq!((pod.name.as_str(), pod.hostname.as_str()), ("data-web.1a2b", "web-1a2b"));
    assert_eq!(env(&pod.main, "ARGS").as_deref(), Some("--one"));
    assert_eq!(only(&desired).ordinals(), Vec::<u32>::new());
}

#[test]
fn v24_v52_every_container_init_ones_too_can_be_told_its_ordinal_and_sees_the_volumes() {
    let ordinal = "env:\n            - name: VOODU_REPLICA_ORDINAL\n              valueFrom:\n                fieldRef:\n                  \
                   fieldPath: metadata.labels['apps.kubernetes.io/pod-index']\n";
    let init = format!(
        "      initContainers:\n        - name: prepare\n          image: example/prepare:1\n          {ordinal}{MOUNT}"
    );
    let (desired, _) = desired(&set("pg", &init, &format!("          {ordinal}{MOUNT}"), CLAIM));
    for at in 0..3 {
        let pod = pod(only(&desired), at);
        for container in pod.init.iter().chain([&pod.main]) {
            assert_eq!(env(container, "VOODU_REPLICA_ORDINAL"), Some(at.to_string()), "{}", container.name);
            assert_eq!(container.mounts[0].source, MountSource::Volume(format!("voodu-data-pg-data-{at}")));
        }
    }
}

#[test]
fn v25_a_bucket_fills_in_what_the_manifest_leaves_out_and_wins_over_what_it_says() {
    let container = "          env:\n            - name: PLAIN\n              value: manifest\n            - name: URL\n              \
                     value: pg://$(PASSWORD)\n";
    let yaml = set("pg", "", container, "").replace(
        "    metadata:\n      labels",
        "    metadata:\n      annotations:\n        writ.bucket: data/pg\n      labels",
    );
    let buckets = [
        "data PASSWORD=of-the-scope",
        "data SHARED=s",
        "data/pg PASSWORD=of\nthe=name",
        "data/pg PLAIN=bucket",
        "data/web OTHER=x",
    ];
    let (desired, notes) = desired_in(&yaml, &buckets);
    let main = pod(only(&desired), 0).main;
    assert_eq!(env(&main, "PASSWORD").as_deref(), Some("of\nthe=name"), "the name's bucket is laid over the scope's");
    assert_eq!(env(&main, "SHARED").as_deref(), Some("s"));
    assert_eq!(env(&main, "PLAIN").as_deref(), Some("bucket"));
    assert_eq!(env(&main, "URL").as_deref(), Some("pg://of\nthe=name"));
    assert_eq!(env(&main, "OTHER"), None, "another name's bucket is not seen");
    let notes = messages(&notes);
    assert!(notes.contains("bucket/data/pg/PLAIN is set over the manifest's value of PLAIN"), "{notes}");
    assert!(!notes.contains("of-the-scope") && !notes.contains("the=name"), "{notes}");
}

#[test]
fn buckets_of_others_lie_below_all_that_a_workload_says_itself_and_the_later_over_the_earlier() {
    let container = "          env:\n            - name: PLAIN\n              value: manifest\n            - name: URL\n              \
                     value: pg://$(HOST)\n";
    let yaml = set("pg", "", container, "").replace(
        "    metadata:\n      labels",
        "    metadata:\n      annotations:\n        writ.bucket: data/pg\n        writ.env-from: shared,shop/web\n      labels",
    );
    let buckets = [
        "shared PLAIN=s",
        "shared HOST=of-shared",
        "shared OWN=of-shared",
        "shop HOST=of-shop",
        "shop SCOPE=of-shop",
        "shop/web NAME=of-web",
        "shop/other NAME=unseen",
        "data/pg OWN=of-pg",
    ];
    let (desired, _) = desired_in(&yaml, &buckets);
    let main = pod(only(&desired), 0).main;
    let found: Vec<_> = ["PLAIN", "URL", "OWN", "SCOPE", "NAME"].map(|name| env(&main, name)).into();
    let wanted = ["manifest", "pg://of-shop", "of-pg", "of-shop", "of-web"].map(|value| Some(value.to_owned()));
    assert_eq!(found, wanted);
    let revision = |buckets: &[&str]| only(&desired_in(&yaml, buckets).0).revision.clone();
    let changed =
        |from: &str, to: &str| buckets.map(|bucket| if bucket == from { to.to_owned() } else { bucket.to_owned() });
    let of = |buckets: [String; 8]| revision(&buckets.iter().map(String::as_str).collect::<Vec<_>>());
    assert_ne!(of(changed("shop/web NAME=of-web", "shop/web NAME=new")), revision(&buckets), "what is read counts");
    assert_eq!(of(changed("shared HOST=of-shared", "shared HOST=new")), revision(&buckets), "what is hidden does not");
}

#[test]
fn two_scopes_with_the_same_name_keep_their_full_names_and_lose_the_short_one() {
    let there = pg().replace("namespace: data", "namespace: staging");
    let (desired, notes) = desired(&all(&[pg(), there]));
    for workload in desired.workloads.values() {
        let pod = pod(workload, 0);
        let scope = &workload.id.scope;
        assert!(
            pod.shared_names.contains(&format!("pg.{scope}")) && pod.own_names.contains(&format!("pg-0.pg.{scope}"))
        );
        assert!(!pod.shared_names.contains(&"pg".to_owned()) && !pod.own_names.contains(&"pg-0.pg".to_owned()));
    }
    assert!(messages(&notes).contains("the short name pg of service/data/pg is left out"), "{}", messages(&notes));
}

#[test]
fn a_deployments_room_for_an_update_is_rounded_as_on_kubernetes() {
    for (replicas, room) in [(1, "surge 1 unavailable 0"), (4, "surge 1 unavailable 1"), (5, "surge 2 unavailable 1")] {
        let yaml = set("web", "", "", "").replace("StatefulSet", "Deployment").replace("  serviceName: web\n", "");
        let (desired, _) = desired(&yaml.replace("replicas: 3", &format!("replicas: {replicas}")));
        assert!(crate::desired_text::text(&desired).contains(room), "{replicas}: {room}");
    }
}

#[test]
fn as_many_pods_of_a_set_may_be_missing_as_on_kubernetes_and_never_none() {
    let with = |share: &str| {
        let strategy = format!("  updateStrategy: {{rollingUpdate: {{maxUnavailable: {share}}}}}\n  replicas: 5\n");
        set("web", "", "", "").replace("  replicas: 3\n", &strategy)
    };
    for (share, expected) in [("2", 2), ("50%", 2), ("10%", 1), ("100%", 5)] {
        let text = crate::desired_text::text(&desired(&with(share)).0);
        assert!(text.contains(&format!("max_unavailable: {expected} ")), "{share}: {text}");
    }
    check_refused(&with("0"), "`maxUnavailable` of a StatefulSet must be at least 1", "maxUnavailable");
}

/// Refuses a set: the message, and a word of the line that it stands at.
fn check_refused(yaml: &str, message: &str, word: &str) {
    let found = refusal(yaml);
    let line = found.lines().find(|line| line.contains(message)).unwrap_or_else(|| panic!("{message}\n{found}"));
    let number: usize = line.split(':').next().unwrap().parse().unwrap();
    let at = yaml.lines().nth(number - 1).unwrap();
    assert!(at.contains(word), "{message}: it stands at `{at}`, without `{word}`");
}

fn moved(yaml: &str, scope: &str) -> String {
    yaml.replace("namespace: data", &format!("namespace: {scope}"))
}

fn as_deployment(yaml: &str) -> String {
    yaml.replace("StatefulSet", "Deployment").replace("  serviceName: pg\n", "")
}

#[test]
fn a_reference_that_leads_nowhere_is_refused_at_its_line() {
    let with = |pod: &str, container: &str| set("pg", pod, container, "");
    let key = "          env:\n            - name: A\n              valueFrom:\n                secretKeyRef:\n                  \
               name: auth\n                  key: none\n";
    check_refused(&with("", key), "Secret `auth` is not there in scope data", "name: auth");
    check_refused(&all(&[AUTH.to_owned(), with("", key)]), "no key `none` (secret/data/auth/none)", "key: none");
    let volume = "      volumes:\n        - name: c\n          configMap:\n            name: none\n";
    check_refused(&with(volume, ""), "ConfigMap `none` is not there in scope data", "name: none");
    let from = "          envFrom:\n            - configMapRef:\n                name: none\n";
    check_refused(&with("", from), "ConfigMap `none` is not there in scope data", "name: none");
}

#[test]
fn two_things_of_one_name_are_refused_at_both_places() {
    let pod_name = all(&[pg(), service("pg-0", "data", HEADLESS).replace("app: pg-0", "app: pg")]);
    check_refused(&pod_name, "the DNS name pg-0.data would lead to different things", "name: pg");
    assert_eq!(refusal(&pod_name).matches("the DNS name pg-0.data would").count(), 2);
    let (one, other) = (moved(&set("c", "", "", ""), "a-b"), moved(&set("b-c", "", "", ""), "a"));
    let both = refusal(&all(&[one, other]));
    let message = "container name a-b-c.… would belong to statefulset/a/b-c and to statefulset/a-b/c";
    assert_eq!(both.matches(message).count(), 2, "{both}");
    let kinds = all(&[set("pg", "", "", ""), as_deployment(&set("pg", "", "", ""))]);
    check_refused(&kinds, "would belong to statefulset/data/pg and to deployment/data/pg", "name: pg");
    let claim = CLAIM.replace("name: data", "name: c-data");
    let mount = MOUNT.replace("name: data", "name: c-data");
    let one = moved(&set("c", "", MOUNT, CLAIM), "a-b");
    let other = set("b", "", &mount, &claim);
    check_refused(&all(&[one, moved(&other, "a")]), "volume name voodu-a-b-c-data-… would belong to", "name: ");
}

#[test]
fn ports_that_cannot_be_held_are_refused_at_their_line() {
    let held = set("pg", "", "          ports:\n            - containerPort: 80\n              hostPort: 80\n", "");
    check_refused(&held, "3 pods cannot all hold port 80", "hostPort");
}

#[test]
fn the_neighbours_of_what_is_refused_are_accepted() {
    let optional = "          env:\n            - name: A\n              valueFrom:\n                secretKeyRef:\n                  \
                    name: auth\n                  key: none\n                  optional: true\n";
    for yaml in [
        set("pg", "", optional, ""),
        all(&[AUTH.to_owned(), set("pg", "", optional, "")]),
        all(&[set("pg", "", "", ""), service("pg", "data", "  ports:\n    - port: 80\n      targetPort: 80\n")]),
        all(&[
            set("pg", "", "", ""),
            service("pg", "data", "  clusterIP: None\n  ports:\n    - port: 80\n      targetPort: 8080\n"),
        ]),
        set("pg", "", "          ports:\n            - containerPort: 80\n              hostPort: 80\n", "")
            .replace("replicas: 3", "replicas: 1"),
        all(&[set("pg", "", "", ""), set("pg", "", "", "").replace("namespace: data", "namespace: other")]),
    ] {
        let (desired, _) = desired(&yaml);
        assert!(!desired.workloads.is_empty());
    }
}
