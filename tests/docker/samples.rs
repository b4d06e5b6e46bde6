//! The examples as they are written, on a host as its owner has it: what is written into them survives all that is done.

use std::path::Path;

use crate::site::{CANARY, Site};
use crate::world::repository;

/// A file of an example.
fn example(path: &str) -> String {
    std::fs::read_to_string(repository("examples").join(path)).unwrap()
}

/// A host on which nothing of the scope `data` is left from a run that was cut short.
async fn site(workloads: &[&str]) -> Site {
    let site = Site::new().await;
    for workload in workloads {
        for (list, remove) in [(["ps", "-aq"], ["rm", "-f"]), (["volume", "ls"], ["volume", "rm"])] {
            let mut words = list.to_vec();
            let filter = format!("name=data-{workload}");
            words.extend(["-q", "--filter", &filter]);
            let left = site.world.person(&words);
            if !left.is_empty() {
                site.world.person(&remove.into_iter().chain(left.split_whitespace()).collect::<Vec<_>>());
            }
        }
    }
    site
}

fn volumes(site: &Site, workload: &str) -> Vec<String> {
    let mut all = site.volumes("data");
    all.retain(|name| name.starts_with(&format!("voodu-data-{workload}-")));
    all
}

async fn sql(site: &Site, pod: &str, statement: &str) -> String {
    let command = ["psql", "-U", "postgres", "-d", "shop", "-Atc", statement];
    site.world.exec_until(pod, &command, |_| true).await
}

#[tokio::test]
async fn the_postgres_samples_keep_their_data_over_all_but_delete_with_prune() {
    let site = site(&["pg"]).await;
    let (one, three) = (example("postgres/postgres.hcl"), example("postgres-three/postgres.hcl"));
    // Before the first apply, for the name and for the scope; and one for another name.
    let password = format!("POSTGRES_PASSWORD={CANARY}");
    let url = format!("SHOP_URL=postgres://shop:{CANARY}@pg-0.data:5432/shop?a=b");
    site.writ(&["config", "set", "-s", "data", "-n", "pg", &password]).await.exits(0);
    site.writ(&["config", "set", "-s", "data", &url]).await.exits(0);
    site.writ(&["config", "set", "-s", "data", "-n", "other", "HIDDEN=yes"]).await.exits(0);
    site.write(
        "other.hcl",
        "statefulset \"data\" \"pg-neighbour\" {\n  image = \"writ-test/box:1\"\n  replicas = 0\n}\n",
    );
    site.commit("pg.hcl", &one);
    let plan = site.writ(&["plan"]).await;
    assert!(plan.code == Some(2) && plan.out.contains("data-pg.0") && !plan.out.contains(CANARY), "{plan:?}");
    site.settle().await;
    let printed = site.world.exec("data-pg.0", &["env"]).await.0;
    for line in [&password, &url, "VOODU_REPLICA_ORDINAL=0", "POSTGRES_DB=shop"] {
        assert!(printed.lines().any(|found| found == line), "{line} is not in {printed}");
    }
    assert!(!printed.contains("HIDDEN"));
    assert_eq!(volumes(&site, "pg"), ["voodu-data-pg-data-0"]);
    sql(&site, "data-pg.0", "create table t as select 42 as answer").await;
    let answers = async |what: &str| assert_eq!(sql(&site, "data-pg.0", "table t").await, "42", "after {what}");

    let before = site.containers();
    site.deploy("pg.hcl", &one.replace("postgres:15-alpine", "postgres:15")).await;
    assert_ne!(site.containers(), before);
    answers("another image").await;
    site.world.person(&["kill", "data-pg.0"]);
    site.settle().await;
    answers("a kill").await;

    let first = site.containers()["data-pg.0"].clone();
    let three = three.replace("postgres:15-alpine", "postgres:15");
    site.deploy("pg.hcl", &three).await;
    assert_eq!(site.containers()["data-pg.0"], first, "growing leaves the first pod alone");
    assert_eq!(site.containers().into_keys().collect::<Vec<_>>(), ["data-pg.0", "data-pg.1", "data-pg.2"]);
    let all = ["voodu-data-pg-data-0", "voodu-data-pg-data-1", "voodu-data-pg-data-2"];
    assert_eq!(volumes(&site, "pg"), all);
    let mut databases = Vec::new();
    for pod in ["data-pg.0", "data-pg.1", "data-pg.2"] {
        databases.push(sql(&site, pod, "select system_identifier from pg_control_system()").await);
    }
    databases.sort();
    databases.dedup();
    assert_eq!(databases.len(), 3, "three databases that know nothing of each other");
    assert_eq!(site.world.resolve_by("data-pg.2", "pg.data").await.len(), 3);
    let address = site.world.address("data-pg.1");
    assert_eq!(site.world.resolve_by("data-pg.2", "pg-1.data").await, [address]);
    sql(&site, "data-pg.1", "create table u as select 43 as answer").await;

    site.deploy("pg.hcl", &one.replace("postgres:15-alpine", "postgres:15")).await;
    assert_eq!((site.containers().len(), volumes(&site, "pg")), (1, all.map(str::to_owned).to_vec()));
    site.deploy("pg.hcl", &three).await;
    assert_eq!(sql(&site, "data-pg.1", "table u").await, "43", "after scaling down and up");

    site.writ(&["delete", "statefulset/data/pg", "--yes"]).await.exits(0);
    assert_eq!((site.containers().len(), volumes(&site, "pg")), (0, all.map(str::to_owned).to_vec()));
    site.deploy("pg.hcl", &one).await;
    answers("a delete and another apply").await;

    site.repository.remove("host/pg.hcl");
    site.deploy("more.hcl", "asset \"data\" \"pg-nothing\" {\n  key = \"value\"\n}\n").await;
    assert_eq!((site.containers().len(), volumes(&site, "pg").len()), (0, 3), "Git destroys no data");
    let pruned = site.writ(&["delete", "statefulset/data/pg", "--prune", "--yes"]).await;
    pruned.exits(0);
    assert_eq!(volumes(&site, "pg"), [""; 0], "every ordinal ever: {pruned:?}");
    assert_ne!(site.writ(&["config", "get", "-s", "data", "-n", "pg", "POSTGRES_PASSWORD"]).await.code, Some(0));
    site.writ(&["config", "get", "-s", "data", "SHOP_URL"]).await.exits(0);
    site.holds().await;
}

#[tokio::test]
async fn the_redis_sample_keeps_its_keys_in_its_volume() {
    let site = site(&["cache"]).await;
    let redis = example("redis/redis.hcl");
    site.write(
        "other.hcl",
        "statefulset \"data\" \"cache-other\" {\n  image = \"writ-test/box:1\"\n  replicas = 0\n}\n",
    );
    site.deploy("redis.hcl", &redis).await;
    let pod = "data-cache.0";
    site.world.exec_until(pod, &["redis-cli", "ping"], |text| text == "PONG").await;
    site.world.exec(pod, &["redis-cli", "set", "kept", "yes"]).await;
    assert_eq!(site.world.exec(pod, &["sh", "-c", "ls /data/appendonlydir"]).await.1, 0);
    let kept = async || drop(site.world.exec_until(pod, &["redis-cli", "get", "kept"], |text| text == "yes").await);
    site.deploy("redis.hcl", &redis.replace("redis:7-alpine", "redis:7")).await;
    kept().await;
    site.world.person(&["rm", "-f", pod]);
    site.settle().await;
    kept().await;
    site.deploy("redis.hcl", &redis.replace("replicas = 1", "replicas = 0")).await;
    assert_eq!(site.containers().len(), 0);
    site.deploy("redis.hcl", &redis).await;
    kept().await;
    site.writ(&["delete", "statefulset/data/cache", "--yes"]).await.exits(0);
    site.settle().await;
    kept().await;
    site.holds().await;
}

#[tokio::test]
async fn the_kubernetes_samples_run_with_their_secrets_and_keep_their_data() {
    let site = site(&["ledger", "sessions"]).await;
    for path in ["kubernetes-postgres/base.yaml", "kubernetes-postgres/postgres.yaml"] {
        let name = Path::new(path).file_name().unwrap().to_str().unwrap();
        site.write(name, &example(path));
    }
    // The namespace stands in the other example already; two places for one object are refused.
    let redis = example("kubernetes-redis/redis.yaml");
    let redis = redis.split_once("---\n").unwrap().1;
    site.deploy("redis.yaml", redis).await;
    let (ledger, sessions) = ("data-ledger.0", "data-sessions.0");
    let psql = async |statement: &str| {
        let command = ["psql", "-U", "ledger", "-d", "ledger", "-Atc", statement];
        site.world.exec_until(ledger, &command, |_| true).await
    };
    psql("create table t as select 42 as answer").await;
    let cli = |words: &str| format!("redis-cli --no-auth-warning -a \"$REDIS_PASSWORD\" {words}");
    assert_eq!(site.world.exec(sessions, &["sh", "-c", &cli("set kept yes")]).await.0, "OK");
    assert_eq!(site.world.exec(sessions, &["redis-cli", "get", "kept"]).await.0, "NOAUTH Authentication required.");
    let files = site.world.exec(ledger, &["cat", "/etc/postgresql/conf.d/tuning.conf"]).await.0;
    assert!(files.contains("max_connections = 50"), "{files}");
    assert_ne!(site.world.exec(ledger, &["touch", "/etc/postgresql/conf.d/tuning.conf"]).await.1, 0, "it is read-only");
    let asked = site.world.field(ledger, "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.Config.StopTimeout}}");
    assert_eq!(asked, format!("{} 0 60", 1_u64 << 30));
    for name in ["ledger-0.ledger", "ledger-0.ledger.data.svc.cluster.local", "ledger.data.svc.cluster.local"] {
        assert_eq!(site.world.resolve_by(sessions, name).await.len(), 1, "{name}");
    }
    assert_eq!(site.world.resolve_by(sessions, "nobody-0.nobody").await, [""; 0]);

    let postgres = example("kubernetes-postgres/postgres.yaml");
    site.write("postgres.yaml", &postgres.replace("postgres:16-bookworm", "postgres:16"));
    site.deploy("redis.yaml", &redis.replace("redis:7.2-bookworm", "redis:7")).await;
    assert_eq!(psql("table t").await, "42");
    site.world.person(&["rm", "-f", ledger, sessions]);
    site.settle().await;
    assert_eq!(psql("table t").await, "42");
    site.world.exec_until(sessions, &["sh", "-c", &cli("get kept")], |text| text == "yes").await;
    site.writ(&["delete", "statefulset/data/ledger", "--yes"]).await.exits(0);
    site.settle().await;
    assert_eq!(psql("table t").await, "42");
    site.writ(&["exec", "ledger-0", "-n", "data", "--", "pg_isready", "-U", "ledger"]).await.exits(0);
    site.writ(&["exec", "sessions-0", "-n", "data", "--", "sh", "-c", &cli("get kept")]).await.exits(0).shows("yes");
    site.holds().await;
}
