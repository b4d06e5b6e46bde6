//! OpenMCF: the objects of a document, for a host and for a cluster, and what they mean.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use writ_core::cluster;
use writ_core::dialect::{Contents, Files, Given, Target, lower_with};
use writ_core::hash::HashKey;
use writ_core::model::{Buckets, Object, ObjectId, World};
use writ_core::text::Problems;

use crate::desired_text::desired;

fn sample(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/yaml/accept");
    fs::read_to_string(folder.join(name)).unwrap()
}

fn lowered(yaml: &str, target: Target) -> Vec<Object> {
    let files = Files::from([("a.yaml".to_owned(), yaml.as_bytes().to_vec())]);
    let (found, sources) = lower_with(&files, &Contents::new(), &Given { target, ..Given::default() });
    found.unwrap_or_else(|problems| panic!("{}", problems.render(&sources, false))).objects
}

/// What there is, one a line.
fn names(yaml: &str, target: Target) -> String {
    lowered(yaml, target).iter().map(|object| format!("{}\n", object.id)).collect()
}

fn part(yaml: &str, object: &str, pointer: &str) -> Value {
    let objects = lowered(yaml, Target::Kubernetes);
    let found = objects.iter().find(|found| found.id.to_string() == object);
    let found = found.unwrap_or_else(|| panic!("no {object}"));
    found.at(pointer).cloned().unwrap_or_default()
}

const APP: &str = "/spec/template/spec/containers/0";

/// A document with more in its container and beside it.
fn document(container: &str, beside: &str) -> String {
    format!(
        "apiVersion: kubernetes.openmcf.org/v1\nkind: KubernetesStatefulSet\nmetadata: {{name: books}}\nspec:\n  \
         namespace: reading\n  container: {{app: {{image: {{repo: books, tag: v1}}, {container}}}}}\n{beside}"
    )
}

#[test]
fn the_quick_start_is_a_namespace_an_account_two_services_a_statefulset_and_nothing_else() {
    let yaml = sample("openmcf-quick-start.yaml");
    let cluster = "namespace/my-namespace
service/my-namespace/my-db
service/my-namespace/my-db-headless
statefulset/my-namespace/my-db
serviceaccount/my-namespace/my-db
";
    assert_eq!(names(&yaml, Target::Kubernetes), cluster);
    assert_eq!(names(&yaml, Target::Docker), cluster.replace("serviceaccount/my-namespace/my-db\n", ""));
    let set = |pointer: &str| part(&yaml, "statefulset/my-namespace/my-db", pointer);
    assert_eq!(set("/spec/replicas"), 1);
    assert_eq!(set("/spec/volumeClaimTemplates/0/spec/resources/requests/storage"), "10Gi");
    assert_eq!(set("/spec/template/spec/serviceAccountName"), "my-db");
    let amounts = json!({"limits": {"cpu": "1000m", "memory": "1Gi"}, "requests": {"cpu": "50m", "memory": "100Mi"}});
    assert_eq!(set(&format!("{APP}/resources")), amounts);
    let service = |pointer: &str| part(&yaml, "service/my-namespace/my-db", pointer);
    assert_eq!((service("/spec/ports/0/port"), service("/spec/selector")), (json!(5432), json!({"app": "my-db"})));
    assert_eq!(part(&yaml, "service/my-namespace/my-db-headless", "/spec/clusterIP"), "None");
}

#[test]
fn a_workload_without_ports_and_secret_values_has_neither_a_service_for_clients_nor_a_secret() {
    let bare = document("env: {secrets: {KEY: {secretRef: {name: keys, key: books}}}}", "");
    let expected = "service/reading/books-headless\nstatefulset/reading/books\n";
    assert_eq!(names(&bare, Target::Docker), expected);
    let full = document(
        "ports: [{name: http, containerPort: 80, networkProtocol: TCP, appProtocol: http, servicePort: 80}], \
         env: {secrets: {KEY: hush}}",
        "",
    );
    let more = "secret/reading/books-env-secrets\nservice/reading/books\n";
    assert_eq!(names(&full, Target::Docker), format!("{more}{expected}"));
    let source = json!({"secretKeyRef": {"name": "books-env-secrets", "key": "KEY"}});
    assert_eq!(part(&full, "statefulset/reading/books", &format!("{APP}/env/2/valueFrom")), source);
}

#[test]
fn either_spelling_of_a_field_says_the_same() {
    let camel = "startupProbe: {httpGet: {portNumber: 80}, initialDelaySeconds: 5}, \
                 volumeMounts: [{name: tmp, mountPath: /tmp, emptyDir: {sizeLimit: 1Mi}}]";
    let snake = "startup_probe: {http_get: {port_number: 80}, initial_delay_seconds: 5}, \
                 volume_mounts: [{name: tmp, mount_path: /tmp, empty_dir: {size_limit: 1Mi}}]";
    let bodies = |container: &str| -> Vec<Value> {
        let objects = lowered(&document(container, "  createNamespace: false\n"), Target::Docker);
        objects.into_iter().map(|object| object.body).collect()
    };
    assert_eq!(bodies(camel), bodies(snake));
}

#[test]
fn budgets_count_pods_or_take_a_share_of_them() {
    for (written, field, value) in [
        ("", "minAvailable", json!(1)),
        (", minAvailable: \"3\"", "minAvailable", json!(3)),
        (", minAvailable: 50%", "minAvailable", json!("50%")),
        (", maxUnavailable: 10%", "maxUnavailable", json!("10%")),
    ] {
        let beside = format!("  availability: {{podDisruptionBudget: {{enabled: true{written}}}}}\n");
        let spec = part(&document("", &beside), "poddisruptionbudget/reading/books", "/spec");
        let expected = json!({field: value, "selector": {"matchLabels": {"app": "books"}}});
        assert_eq!(spec, expected, "{written}");
    }
    let off = document("", "  availability: {podDisruptionBudget: {enabled: false, minAvailable: \"3\"}}\n");
    assert!(!names(&off, Target::Kubernetes).contains("poddisruptionbudget"));
}

#[test]
fn the_only_claim_that_nobody_mounts_is_mounted_where_a_known_image_keeps_its_data() {
    for (repo, tag, folder) in [
        ("postgres", "16", "/var/lib/postgresql/data"),
        ("docker.io/library/postgres", "17.2-alpine", "/var/lib/postgresql/data"),
        ("postgres", "18", "/var/lib/postgresql"),
        ("redis", "7.2", "/data"),
    ] {
        let yaml = document("", "  volumeClaimTemplates: [{name: data, size: 1Gi}]\n");
        let yaml = yaml.replace("repo: books, tag: v1", &format!("repo: {repo}, tag: '{tag}'"));
        let mounts = json!([{"name": "data", "mountPath": folder}]);
        assert_eq!(part(&yaml, "statefulset/reading/books", &format!("{APP}/volumeMounts")), mounts, "{repo}:{tag}");
    }
    let unknown = document("", "  volumeClaimTemplates: [{name: data, size: 1Gi}]\n");
    assert_eq!(part(&unknown, "statefulset/reading/books", &format!("{APP}/volumeMounts")), Value::Null);
}

#[test]
fn a_document_has_the_hash_of_the_same_workload_in_kubernetes_yaml() {
    let yaml = document(
        "ports: [{name: http, containerPort: 8080, networkProtocol: TCP, appProtocol: http, servicePort: 80}], \
         env: {variables: {SHELVES: '3'}, secrets: {KEY: hush}}, volumeMounts: [{name: data, mountPath: /data}], \
         livenessProbe: {exec: {command: [live]}, periodSeconds: 5}",
        "  volumeClaimTemplates: [{name: data, size: 1Gi}]\n",
    );
    let same = "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: books, namespace: reading}
spec:
  serviceName: books-headless
  selector: {matchLabels: {app: books}}
  template:
    metadata:
      labels:
        app: books
        planton.ai/kind: KubernetesStatefulSet
        planton.ai/name: books
        planton.ai/resource: 'true'
    spec:
      terminationGracePeriodSeconds: 60
      containers:
        - name: app
          image: books:v1
          ports: [{name: http, containerPort: 8080}]
          env:
            - {name: K8S_POD_ID, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
            - {name: K8S_POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
            - {name: SHELVES, value: '3'}
            - {name: KEY, valueFrom: {secretKeyRef: {name: books-env-secrets, key: KEY}}}
          resources: {limits: {cpu: 1000m, memory: 1Gi}, requests: {cpu: 50m, memory: 100Mi}}
          volumeMounts: [{name: data, mountPath: /data}]
          livenessProbe: {exec: {command: [live]}, periodSeconds: 5}
  volumeClaimTemplates:
    - {metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}
---
apiVersion: v1
kind: Secret
metadata: {name: books-env-secrets, namespace: reading}
stringData: {KEY: hush}
---
apiVersion: v1
kind: Service
metadata: {name: books-headless, namespace: reading}
spec: {clusterIP: None, publishNotReadyAddresses: true, selector: {app: books}, ports: [{name: http, port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: books, namespace: reading}
spec: {selector: {app: books}, ports: [{name: http, port: 80, targetPort: 8080}]}
";
    let id = ObjectId::parse("statefulset/reading/books").unwrap();
    let revision = |yaml: &str| desired(yaml).0.workloads[&id].revision.clone();
    assert_eq!(revision(&yaml), revision(same));
    assert_ne!(revision(&yaml), revision(&same.replace("SHELVES, value: '3'", "SHELVES, value: '4'")));
    // What labels and describes a document restarts nothing.
    let labelled = yaml.replace("{name: books}", "{name: books, labels: {team: a}, annotations: {note: b}}");
    assert_eq!(revision(&yaml), revision(&labelled));
}

#[test]
fn m94_a_deployment_has_the_hash_of_the_same_in_kubernetes_yaml_and_neither_a_headless_service_nor_claims() {
    let yaml = document("", "  availability: {minReplicas: 2, deploymentStrategy: {maxSurge: '1'}}\n")
        .replace("KubernetesStatefulSet", "KubernetesDeployment");
    assert_eq!(names(&yaml, Target::Docker), "deployment/reading/books\n");
    let same = "apiVersion: apps/v1
kind: Deployment
metadata: {name: books, namespace: reading}
spec:
  replicas: 2
  strategy: {rollingUpdate: {maxSurge: 1}}
  selector: {matchLabels: {app: books}}
  template:
    metadata:
      labels:
        app: books
        planton.ai/kind: KubernetesDeployment
        planton.ai/name: books
        planton.ai/resource: 'true'
    spec:
      terminationGracePeriodSeconds: 60
      containers:
        - name: microservice
          image: books:v1
          env:
            - {name: K8S_POD_ID, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
            - {name: K8S_POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
          resources: {limits: {cpu: 1000m, memory: 1Gi}, requests: {cpu: 50m, memory: 100Mi}}
";
    let id = ObjectId::parse("deployment/reading/books").unwrap();
    let workload = |yaml: &str| desired(yaml).0.workloads[&id].clone();
    assert_eq!(workload(&yaml).revision, workload(same).revision);
    assert_eq!(workload(&yaml).controller, workload(same).controller);
    let other = same.replace("microservice", "app");
    assert_ne!(workload(&yaml).revision, workload(&other).revision);
}

#[test]
fn a_cron_job_has_the_hash_of_the_same_in_kubernetes_yaml_and_no_label_by_which_a_service_would_find_it() {
    let yaml = "apiVersion: kubernetes.openmcf.org/v1
kind: KubernetesCronJob
metadata: {name: sweep}
spec: {namespace: reading, schedule: '0 3 * * *', image: {repo: sweep, tag: v1}, args: [all]}
";
    assert_eq!(names(yaml, Target::Kubernetes), "cronjob/reading/sweep\n");
    let same = "apiVersion: batch/v1
kind: CronJob
metadata: {name: sweep, namespace: reading}
spec:
  schedule: '0 3 * * *'
  concurrencyPolicy: Forbid
  jobTemplate:
    spec:
      template:
        metadata:
          labels: {planton.ai/kind: KubernetesCronJob, planton.ai/name: sweep, planton.ai/resource: 'true'}
        spec:
          restartPolicy: Never
          containers:
            - name: cronjob-container
              image: sweep:v1
              args: [all]
              env:
                - {name: K8S_POD_ID, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
                - {name: K8S_POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
              resources: {limits: {cpu: 1000m, memory: 1Gi}, requests: {cpu: 50m, memory: 100Mi}}
";
    let id = ObjectId::parse("cronjob/reading/sweep").unwrap();
    let workload = |yaml: &str| desired(yaml).0.workloads[&id].clone();
    assert_eq!(workload(yaml).revision, workload(same).revision);
    assert_eq!(workload(yaml).controller, workload(same).controller);
    assert_ne!(workload(yaml).controller, workload(&same.replace("Forbid", "Allow")).controller);
}

#[test]
fn a_resource_learns_the_outputs_of_another_whichever_file_that_is_in() {
    let yaml = sample("openmcf-references.yaml");
    let expected = [
        ("ENDPOINT", "catalog.reading.svc.cluster.local"),
        ("FORWARD", "kubectl port-forward -n reading service/catalog 80:80"),
        ("HOST", "catalog"),
        ("INSIDE", "internal-catalog.example.org"),
        ("OUTSIDE", "catalog.example.org"),
        ("PEERS", "catalog-headless"),
        ("ROOM", "reading"),
    ];
    let documents = yaml.split("---\n").enumerate();
    let files: Files = documents.map(|(at, text)| (format!("{}.yaml", 9 - at), text.as_bytes().to_vec())).collect();
    let (found, sources) = lower_with(&files, &Contents::new(), &Given::default());
    let objects = found.unwrap_or_else(|problems| panic!("{}", problems.render(&sources, false))).objects;
    let reader = objects.iter().find(|object| object.id.to_string() == "statefulset/reading/reader").unwrap();
    for (at, (name, value)) in expected.into_iter().enumerate() {
        let variable = reader.at(&format!("{APP}/env/{}", at + 2)).unwrap();
        assert_eq!(*variable, json!({"name": name, "value": value}));
    }
}

#[test]
fn m41_m42_what_no_manifest_declares_is_asked_of_a_cluster_and_a_host_has_nobody_to_ask() {
    let outside = include_str!("../fixtures/openmcf-outside.yaml").replace("SCOPE", "reading");
    let of = |yaml: &str, target| {
        let files = Files::from([("a.yaml".to_owned(), yaml.as_bytes().to_vec())]);
        let (found, sources) = lower_with(&files, &Contents::new(), &Given { target, ..Given::default() });
        let shown = |problems: Problems| problems.render(&sources, false);
        found.map(|lowered| (lowered.unfilled, shown(lowered.notes))).map_err(shown)
    };
    let (unfilled, notes) = of(&outside, Target::Kubernetes).unwrap();
    assert!(notes.contains("is asked of the cluster: no manifest declares it"), "{notes}");
    let told: Vec<String> = unfilled
        .iter()
        .map(|it| {
            format!("{} {} {} {} {}", it.object, it.container, it.variable, it.reference.name, it.reference.output)
        })
        .collect();
    assert_eq!(told, ["deployment/reading/reader microservice CACHE reading-cache kube_endpoint"]);
    let refused = of(&outside, Target::Docker).unwrap_err();
    assert!(refused.contains("there is no resource `reading-cache` of the kind `KubernetesRedis` among the manifests"));
    // What no Service tells, a kind that has none, and names that are none.
    for (word, other) in
        [("kube_endpoint", "external_hostname"), ("KubernetesRedis", "KubernetesCronJob"), ("reading-cache", "a/b")]
    {
        let refused = of(&outside.replace(word, other), Target::Kubernetes).unwrap_err();
        assert!(refused.contains("leads nowhere"), "{refused}");
    }
    let both = outside.replace("CACHE: {valueFrom", "CACHE: {value: a, valueFrom");
    assert!(of(&both, Target::Kubernetes).unwrap_err().contains("has both"));
}

#[test]
fn m42_what_the_cluster_does_not_know_keeps_its_object_back_and_no_other() {
    let yaml = include_str!("../fixtures/openmcf-outside.yaml").replace("SCOPE", "reading");
    let files = Files::from([("a.yaml".to_owned(), yaml.into_bytes())]);
    let given = Given { target: Target::Kubernetes, ..Given::default() };
    let (found, sources) = lower_with(&files, &Contents::new(), &given);
    let lowered = found.unwrap();
    let world = World { buckets: Buckets::new(), hash_key: HashKey([7; 32]) };
    let (before, _) = cluster::resolve(&lowered.objects, &world).unwrap();
    let with = |answer: Result<String, String>| {
        let answers = [(lowered.unfilled[0].reference.clone(), answer)].into();
        let mut desired = before.clone();
        cluster::fill(&mut desired, &lowered.unfilled, &answers, (&world.hash_key, &sources));
        desired.objects
    };
    let id = ObjectId::parse("deployment/reading/reader").unwrap();
    let filled = with(Ok("cache.far".to_owned()));
    assert_eq!(filled[&id].body.pointer(&format!("{APP}/env/2/value")), Some(&json!("cache.far")));
    assert!(filled[&id].waits.is_none() && filled[&id].revision != before.objects[&id].revision);
    assert_ne!(filled[&id].revision, with(Ok("cache.near".to_owned()))[&id].revision);
    let waiting = with(Err("nobody has it".to_owned()));
    assert_eq!(waiting[&id].waits.as_deref(), Some("variable `CACHE` waits: nobody has it (a.yaml:13:19)"));
    assert!(waiting.values().filter(|object| object.waits.is_some()).count() == 1 && waiting.len() > 1);
}

#[test]
fn an_ingress_is_gateways_and_routes_of_a_cluster_and_an_ingress_of_a_host() {
    let yaml = sample("openmcf-references.yaml");
    let kinds = ["certificate", "gateway", "httproute", "ingress"];
    let of = |target| -> Vec<String> {
        let all = names(&yaml, target);
        let ours = all.lines().filter(|line| kinds.iter().any(|kind| line.starts_with(kind)));
        ours.map(str::to_owned).collect()
    };
    assert_eq!(of(Target::Docker), ["ingress/reading/catalog"]);
    let cluster = [
        "gateway/istio-ingress/catalog-external",
        "gateway/istio-ingress/catalog-internal",
        "httproute/reading/catalog-http-external-redirect",
        "httproute/reading/catalog-http-internal-redirect",
        "httproute/reading/catalog-https-external",
        "httproute/reading/catalog-https-internal",
        "certificate.cert-manager.io/istio-ingress/catalog-ingress-cert",
    ];
    assert_eq!(of(Target::Kubernetes), cluster);
    let certificate = json!({
        "dnsNames": ["catalog.example.org", "internal-catalog.example.org"],
        "secretName": "catalog-ingress-cert",
        "issuerRef": {"kind": "ClusterIssuer", "name": "example.org"},
    });
    assert_eq!(part(&yaml, cluster[6], "/spec"), certificate);
    let listeners = part(&yaml, cluster[1], "/spec/listeners");
    let told =
        |at: usize| (listeners[at]["name"].clone(), listeners[at]["port"].clone(), listeners[at]["hostname"].clone());
    assert_eq!(told(0), (json!("https-internal"), json!(443), json!("internal-catalog.example.org")));
    assert_eq!(told(1), (json!("http-internal"), json!(80), json!("internal-catalog.example.org")));
    let redirect = json!({"scheme": "https", "statusCode": 301});
    assert_eq!(part(&yaml, cluster[2], "/spec/rules/0/filters/0/requestRedirect"), redirect);
    assert_eq!(part(&yaml, cluster[2], "/spec/parentRefs/0/sectionName"), "http-external");
    assert_eq!(part(&yaml, cluster[4], "/spec/rules/0/backendRefs"), json!([{"name": "catalog", "port": 80}]));
}

#[test]
fn m80_the_cache_starts_at_once_with_its_command_its_file_and_the_name_that_it_asks_for() {
    let yaml = sample("openmcf-cache.yaml");
    let set = |pointer: &str| part(&yaml, "statefulset/caching/redis-cluster", pointer);
    let app = |field: &str| set(&format!("{APP}/{field}"));
    assert!(!names(&yaml, Target::Kubernetes).contains("namespace"), "it has to be there");
    assert_eq!((set("/spec/podManagementPolicy"), set("/spec/replicas")), (json!("Parallel"), json!(3)));
    assert_eq!((app("command"), app("args/0")), (json!(["redis-server"]), json!("/etc/redis/redis.conf")));
    assert_eq!(app("env/2"), json!({"name": "SENTINEL_HOST", "value": "sentinel"}));
    assert_eq!(app("readinessProbe/tcpSocket"), json!({"port": 6379}));
    let mount = json!({"name": "redis-config", "mountPath": "/etc/redis/redis.conf", "subPath": "redis.conf"});
    assert_eq!(app("volumeMounts/1"), mount);
    let items = json!([{"key": "redis-config", "path": "redis.conf"}]);
    assert_eq!(set("/spec/template/spec/volumes/0/configMap/items"), items);
    assert_eq!(set("/spec/volumeClaimTemplates/0/spec/storageClassName"), "ssd");
    let ports = part(&yaml, "service/caching/redis-cluster", "/spec/ports");
    assert_eq!((ports[0]["port"].clone(), ports[1]["port"].clone()), (json!(6379), json!(16379)));
}

#[test]
fn m81_m82_m83_the_event_store_has_its_ports_probes_claims_and_budget_and_no_secret_of_its_own() {
    let yaml = sample("openmcf-event-store.yaml");
    let set = |pointer: &str| part(&yaml, "statefulset/production/event-store", pointer);
    let app = |field: &str| set(&format!("{APP}/{field}"));
    assert!(!names(&yaml, Target::Kubernetes).contains("secret"));
    assert_eq!((set("/spec/podManagementPolicy"), set("/spec/replicas")), (json!("OrderedReady"), json!(5)));
    assert_eq!(set("/spec/volumeClaimTemplates/1/metadata/name"), "wal");
    assert_eq!(app("resources/limits"), json!({"cpu": "4000m", "memory": "8Gi"}));
    assert_eq!(app("startupProbe/failureThreshold"), 30);
    assert_eq!(app("readinessProbe/grpc"), json!({"port": 9090}));
    let service = part(&yaml, "service/production/event-store", "/spec/ports/0");
    assert_eq!((service["port"].clone(), service["targetPort"].clone()), (json!(80), json!(8080)));
    assert_eq!(part(&yaml, "poddisruptionbudget/production/event-store", "/spec/minAvailable"), 3);
    let route = part(&yaml, "httproute/production/event-store-https-external", "/spec/rules/0/backendRefs/0");
    assert_eq!(route, json!({"name": "event-store", "port": 80}));
}
