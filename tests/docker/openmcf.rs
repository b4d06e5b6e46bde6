//! Documents of OpenMCF on a real engine, with the real server of the quick start.

use std::time::Duration;

use tokio::time::Instant;
use writ::target::Depth;
use writ_core::model::Kind;
use writ_core::observed::PodState;
use writ_core::time::Seconds;

use crate::pass::Unit;
use crate::site::{CANARY, Site};

/// The same document as for a cluster.
const BOOKS: &str = include_str!("../fixtures/openmcf-books.yaml");

#[tokio::test]
async fn m78_m79_m84_a_statefulset_of_openmcf_runs_with_its_secret_its_file_and_data_that_outlives_its_pod() {
    let site = Site::new().await;
    let text = site.scoped(&BOOKS.replace("HUSH", CANARY));
    site.deploy("books.yaml", &text).await;
    let pod = site.pod("books", 0);
    let printed = site.world.exec(&pod, &["env"]).await.0;
    for line in ["POSTGRES_DB=shop", &format!("POSTGRES_PASSWORD={CANARY}"), "K8S_POD_ID=books-0"] {
        assert!(printed.lines().any(|found| found == line), "{line} is not in {printed}");
    }
    // A file, and not an empty directory where one was to be.
    assert_eq!(site.world.exec(&pod, &["cat", "/etc/note.conf"]).await.0, "shelves = 12");
    let sql = async |host: &str, statement: &str| {
        let command = format!("PGPASSWORD=$POSTGRES_PASSWORD psql -U postgres {host} -d shop -Atc '{statement}'");
        site.world.exec_until(&pod, &["sh", "-c", &command], |_| true).await
    };
    sql("", "create table t as select 42 as answer").await;
    assert_eq!(sql("-h books -p 5433", "table t").await, "42", "the Service leads from its own port to the pod's");
    let scope = site.world.scope.clone();
    assert_eq!(site.volumes(&scope), [format!("voodu-{scope}-books-data-0")]);
    site.world.person(&["rm", "-f", &pod]);
    site.settle().await;
    assert_eq!(sql("", "table t").await, "42");
}

const SERVERS: &str = r#"
apiVersion: kubernetes.openmcf.org/v1
kind: KubernetesRedis
metadata: {name: cache}
spec: {namespace: SCOPE}
---
apiVersion: kubernetes.openmcf.org/v1
kind: KubernetesPostgres
metadata: {name: ledger}
spec: {namespace: SCOPE, container: {diskSize: 2Gi}}
---
apiVersion: v1
kind: Secret
metadata: {name: cache-password, namespace: SCOPE}
stringData: {password: 'hush "now"'}
---
apiVersion: v1
kind: Secret
metadata: {name: ledger-password, namespace: SCOPE}
stringData: {password: hush}
---
apiVersion: kubernetes.openmcf.org/v1
kind: KubernetesStatefulSet
metadata: {name: reader}
spec:
  namespace: SCOPE
  container:
    app:
      image: {repo: postgres, tag: "15"}
      command: [sleep, "100000"]
      env:
        variables:
          PGHOST: {valueFrom: {kind: KubernetesPostgres, name: ledger, field: status.outputs.service}}
          CACHE: {valueFrom: {kind: KubernetesRedis, name: cache, field: status.outputs.service}}
        secrets:
          PGPASSWORD: {secretRef: {name: ledger-password, key: password}}
"#;

#[tokio::test]
async fn m41_m95_m96_a_reader_finds_the_servers_that_it_refers_to_and_they_ask_for_their_passwords() {
    let site = Site::new().await;
    site.deploy("servers.yaml", &site.scoped(SERVERS)).await;
    let (reader, cache) = (site.pod("reader", 0), site.pod("cache", 0));
    let query = ["psql", "-U", "postgres", "-Atc", "select 42"];
    assert_eq!(site.world.exec_until(&reader, &query, |_| true).await, "42");
    let asks = async |password: &str| {
        let command = format!("redis-cli --no-auth-warning {password} ping");
        site.world.exec(&cache, &["sh", "-c", &command]).await.0
    };
    assert_eq!(asks("-a \"$REDIS_PASSWORD\"").await, "PONG");
    assert!(asks("").await.contains("NOAUTH"));
    assert!(!site.world.person(&["top", &cache]).contains("hush"), "a list of processes shows the password");
    assert!(site.world.exec(&reader, &["env"]).await.0.lines().any(|line| line == "CACHE=cache"));
}

#[tokio::test]
async fn m94_a_deployment_of_openmcf_is_found_by_a_run_of_a_cron_job() {
    let mut unit = Unit::new().await;
    let text = include_str!("../fixtures/openmcf-shop.yaml").replace("HUSH", CANARY);
    unit.apply("shop.yaml", &text).await;
    let desired = unit.desired("shop.yaml", &text);
    let pods = unit.world.look(Depth::List).await.pods;
    assert_eq!(pods.values().filter(|pod| pod.object.kind == Kind::Deployment).count(), 2, "{pods:?}");
    // The next time of its schedule, whenever that is.
    unit.later = Seconds(60);
    let (mut ended, deadline) = (None, Instant::now() + Duration::from_secs(600));
    while ended.is_none() {
        assert!(Instant::now() < deadline, "no run has ended well");
        drop(unit.pass(&desired).await.unwrap());
        let well = PodState::Exited { code: 0, ailment: None };
        let mut runs = unit.world.look(Depth::List).await.pods.into_iter();
        ended = runs.find(|(_, pod)| pod.object.kind == Kind::CronJob && pod.state == well);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (run, _) = ended.unwrap();
    let counted = format!("counted 12 shelves with {} letters", CANARY.len());
    assert_eq!(unit.world.person(&["logs", &run]), counted);
}
