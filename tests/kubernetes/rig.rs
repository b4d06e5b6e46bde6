//! The cluster itself does what the tests of the product take for granted.

use crate::world::{Cluster, World, until};

/// Two replicas with a probe, a claim each, and names.
const DATABASE: &str = "
apiVersion: v1
kind: Service
metadata: { name: pg }
spec:
  clusterIP: None
  selector: { app: pg }
  ports: [{ name: web, port: 8080 }]
---
apiVersion: v1
kind: Service
metadata: { name: door }
spec:
  selector: { app: pg }
  ports: [{ port: 80, targetPort: 8080 }]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: pg }
spec:
  serviceName: pg
  replicas: 2
  selector: { matchLabels: { app: pg } }
  template:
    metadata: { labels: { app: pg } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: main
        image: writ-test/box:1
        command: [sh, -c, 'hostname >/data/index.html; exec httpd -f -p 8080 -h /data']
        readinessProbe: { httpGet: { path: /index.html, port: 8080 }, periodSeconds: 1 }
        volumeMounts: [{ name: data, mountPath: /data }]
  volumeClaimTemplates:
  - metadata: { name: data }
    spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } }
";

#[tokio::test]
async fn two_replicas_become_ready_with_claims_and_names_and_go_again() {
    let world = World::new().await;
    world.apply(DATABASE).await;
    world.until_field("statefulset/pg", "{.status.readyReplicas}", "2").await;
    world.until_field("pvc/data-pg-0", "{.status.phase}", "Bound").await;
    world.until_field("pvc/data-pg-1", "{.status.phase}", "Bound").await;

    // A pod is asked by its own name, by those of both services, and by the address of the one that has one.
    for (server, wanted) in [
        ("pg-0.pg:8080", &["pg-0"][..]),
        (&*format!("pg-1.pg.{}.svc.cluster.local:8080", world.namespace), &["pg-1"]),
        (&*format!("pg.{}:8080", world.namespace), &["pg-0", "pg-1"]),
        ("door", &["pg-0", "pg-1"]),
        (&*world.field("service/door", "{.spec.clusterIP}").await, &["pg-0", "pg-1"]),
    ] {
        // Those who tell others that a pod is ready do it a moment later.
        let page = until(|| async {
            let page = world.page("pg-0", server).await;
            (page.clone().ok(), format!("{page:?}"))
        });
        let page = page.await.unwrap_or_else(|seen| panic!("{server} does not answer: {seen}"));
        assert!(wanted.contains(&page.as_str()), "{server} answers {page}");
    }
    let unknown = world.page("pg-0", "nobody.pg:8080").await.unwrap_err();
    assert!(unknown.contains("bad address"), "{unknown}");

    world.kubectl(&["delete", "statefulset/pg", "pvc/data-pg-0", "pvc/data-pg-1"]).await;
    let gone = until(|| async {
        let pods = world.kubectl(&["get", "pods", "-o", "name"]).await;
        let volumes = world.cluster.kubectl(&["get", "pv", "-o", "jsonpath={.items[*].spec.claimRef.namespace}"]).await;
        let left = format!("pods {pods}, claims of {volumes}");
        ((pods.is_empty() && !volumes.contains(&world.namespace)).then_some(()), left)
    });
    gone.await.unwrap();
}

#[tokio::test]
async fn a_pod_that_is_not_ready_is_nothing_that_a_service_leads_to() {
    let world = World::new().await;
    world.apply(&DATABASE.replace("/index.html, port", "/missing, port").replace("replicas: 2", "replicas: 1")).await;
    world.until_field("pod/pg-0", "{.status.phase}", "Running").await;
    let written = until(|| async {
        let own = world.exec("pg-0", &["cat", "/data/index.html"]).await;
        ((own == Ok("pg-0".to_owned())).then_some(()), format!("{own:?}"))
    });
    written.await.unwrap();
    let door = world.page("pg-0", "door").await.unwrap_err();
    assert!(door.contains("can't connect"), "{door}");
    let pod = world.page("pg-0", "pg-0.pg:8080").await.unwrap_err();
    assert!(pod.contains("bad address"), "{pod}");
    world.until_field("statefulset/pg", "{.status.readyReplicas}", "").await;
}

#[tokio::test]
async fn real_databases_run_on_the_node() {
    let world = World::new().await;
    let pod = "
apiVersion: v1
kind: Pod
metadata: { name: NAME }
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: IMAGE
    env: [{ name: POSTGRES_PASSWORD, value: secret }]
    readinessProbe: { exec: { command: [PROBE] }, periodSeconds: 1, timeoutSeconds: 5 }
";
    for (name, image, probe) in
        [("pg", "postgres:15-alpine", "pg_isready"), ("redis", "redis:7-alpine", "redis-cli, ping")]
    {
        world.apply(&pod.replace("NAME", name).replace("IMAGE", image).replace("PROBE", probe)).await;
    }
    for name in ["pod/pg", "pod/redis"] {
        world.until_field(name, "{.status.conditions[?(@.type==\"Ready\")].status}", "True").await;
    }
}

#[tokio::test]
async fn users_may_do_what_their_roles_say_and_no_more() {
    let world = World::new().await;
    world.kubectl(&["create", "role", "reader", "--verb=get,list", "--resource=configmaps"]).await;
    world.kubectl(&["create", "rolebinding", "reader", "--role=reader", "--user=ada"]).await;
    let may = ["-n", &world.namespace, "--as", "ada", "get", "configmaps", "-o", "name"];
    assert!(world.cluster.try_kubectl(&may, "").await.unwrap().contains("kube-root-ca.crt"));
    let may_not = ["-n", &world.namespace, "--as", "ada", "delete", "configmap", "kube-root-ca.crt"];
    let refused = world.cluster.try_kubectl(&may_not, "").await.unwrap_err();
    assert!(refused.contains("User \"ada\" cannot delete resource \"configmaps\""), "{refused}");
}

#[tokio::test]
async fn the_way_in_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(Cluster::running().kubeconfig()).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[tokio::test]
async fn the_server_is_of_the_version_that_is_asked_for() {
    let said = Cluster::running().kubectl(&["version", "-o", "json"]).await;
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let modules = include_str!("programs/go.mod");
    for side in ["clientVersion", "serverVersion"] {
        let version = said[side]["gitVersion"].as_str().unwrap();
        assert!(modules.contains(&format!("k8s.io/kubernetes {version}\n")), "{side} is {version}");
    }
}
