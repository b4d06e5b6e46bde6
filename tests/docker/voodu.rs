//! StatefulSets written in HCL, with the real programs in them.

use crate::pass::Unit;
use crate::site::Site;

const POSTGRES: &str = r#"
statefulset "SCOPE" "pg" {
  image    = "postgres:15-alpine"
  replicas = REPLICAS
  env = {
    POSTGRES_DB = "myapp"
    PGDATA      = "/var/lib/postgresql/data/pgdata"
  }
  ports = ["5432"]
  volume_claim "data" {
    mount_path = "/var/lib/postgresql/data"
  }
}
"#;

const REDIS: &str = r#"
statefulset "SCOPE" "cache" {
  image    = "IMAGE"
  replicas = 1
  command  = ["redis-server", "--appendonly", "yes"]
  ports    = ["6379"]
  volume_claim "data" {
    mount_path = "/data"
  }
}
"#;

/// The same by a file of settings that stands beside the manifest.
const CONFIGURED: &str = r#"
asset "SCOPE" "conf" {
  redis = file("./redis.conf")
}

statefulset "SCOPE" "cache" {
  image   = "redis:7-alpine"
  command = ["redis-server", "/etc/redis/redis.conf"]
  volumes = ["${asset.SCOPE.conf.redis}:/etc/redis/redis.conf:ro"]
  volume_claim "data" { mount_path = "/data" }
}
"#;

/// Replicas that are copied from pod 0 before they first start, and follow it from then on.
const FOLLOWING: &str = r#"
asset "SCOPE" "setup" {
  replication = "echo 'host replication all all trust' >> \"$PGDATA/pg_hba.conf\"\n"
  copy        = <<-EOT
    [ "$VOODU_REPLICA_ORDINAL" != 0 ] && [ ! -s "$PGDATA/PG_VERSION" ] || exit 0
    # One that was cut off may write on for a moment.
    until pg_basebackup -h pg-0.SCOPE -U postgres -D "$PGDATA" -R; do
      sleep 0.2
      rm -rf "$PGDATA" || true
    done
  EOT
}

statefulset "SCOPE" "pg" {
  image    = "postgres:15-alpine"
  replicas = 2
  env = {
    POSTGRES_DB               = "myapp"
    POSTGRES_HOST_AUTH_METHOD = "trust"
    PGDATA                    = "/var/lib/postgresql/data/pgdata"
  }
  ports   = ["5432"]
  volumes = ["${asset.SCOPE.setup.replication}:/docker-entrypoint-initdb.d/replication.sh:ro"]
  volume_claim "data" {
    mount_path = "/var/lib/postgresql/data"
  }
  init "copy" {
    command = ["sh", "${asset.SCOPE.setup.copy}"]
    env     = { PGDATA = "/var/lib/postgresql/data/pgdata" }
  }
}
"#;

const OTHER: &str = r#"
statefulset "SCOPE" "other" {
  image    = "writ-test/box:1"
  replicas = 0
}
"#;

async fn postgres(replicas: u32) -> Unit {
    let mut unit = Unit::new().await;
    unit.set("pg", "POSTGRES_PASSWORD", "canary-7f3a");
    unit.apply("pg.hcl", &POSTGRES.replace("REPLICAS", &replicas.to_string())).await;
    unit
}

async fn sql(unit: &Unit, pod: &str, statement: &str) -> String {
    let command = ["psql", "-U", "postgres", "-d", "myapp", "-Atc", statement];
    unit.world.exec_until(pod, &command, |_| true).await
}

#[tokio::test]
async fn the_sample_postgres_runs_with_its_password_from_the_bucket() {
    let unit = postgres(1).await;
    let pod = unit.pod("pg", 0);
    assert_eq!(sql(&unit, &pod, "select 1").await, "1");
    assert_eq!(unit.world.exec(&pod, &["printenv", "POSTGRES_PASSWORD"]).await.0, "canary-7f3a");
    assert_eq!(unit.world.exec(&pod, &["printenv", "VOODU_REPLICA_ORDINAL"]).await.0, "0");
    let labels = unit.world.field(&pod, "{{json .Config.Labels}}");
    assert!(labels.contains("writ.spec") && !labels.contains("canary"), "{labels}");
}

#[tokio::test]
async fn three_replicas_come_up_one_after_the_other_as_three_primaries_with_a_volume_each() {
    let mut unit = postgres(1).await;
    let first = unit.world.container(&unit.pod("pg", 0)).await;
    sql(&unit, &unit.pod("pg", 0), "create table t as select 42 as answer").await;
    let steps = unit.apply("pg.hcl", &POSTGRES.replace("REPLICAS", "3")).await;
    let created: Vec<&String> = steps.iter().filter(|step| step.contains("-pg.")).collect();
    assert!(created[0].ends_with("-pg.1") && created.last().unwrap().ends_with("-pg.2"), "{steps:?}");
    assert_eq!(unit.world.container(&unit.pod("pg", 0)).await, first, "the first replica is left alone");
    let mut identities = Vec::new();
    for ordinal in 0..3 {
        let pod = unit.pod("pg", ordinal);
        assert_eq!(unit.world.exec(&pod, &["printenv", "VOODU_REPLICA_ORDINAL"]).await.0, ordinal.to_string());
        let volume = format!("voodu-{}-pg-data-{ordinal}", unit.world.scope);
        let mounted = unit.world.field(&pod, "{{range .Mounts}}{{if .Name}}{{.Name}} {{end}}{{end}}");
        assert!(mounted.split_whitespace().any(|name| name == volume), "{mounted}");
        assert_eq!(sql(&unit, &pod, "select pg_is_in_recovery()").await, "f");
        identities.push(sql(&unit, &pod, "select system_identifier from pg_control_system()").await);
    }
    identities.sort();
    identities.dedup();
    assert_eq!(identities.len(), 3, "{identities:?}");
    let scope = unit.world.scope.clone();
    assert_eq!(unit.world.resolve_by(&unit.pod("pg", 1), &format!("pg.{scope}")).await.len(), 3);
    assert_eq!(unit.world.resolve_by(&unit.pod("pg", 1), &format!("pg-0.{scope}")).await.len(), 1);
    let through =
        ["sh", "-c", &format!("PGPASSWORD=canary-7f3a psql -h pg-0.{scope} -U postgres -d myapp -Atc 'table t'")];
    assert_eq!(unit.world.exec(&unit.pod("pg", 2), &through).await, ("42".to_owned(), 0));
}

#[tokio::test]
async fn redis_keeps_its_keys_over_a_restart_a_new_image_and_a_removal() {
    let mut unit = Unit::new().await;
    let with = |image: &str| REDIS.replace("IMAGE", image);
    unit.apply("cache.hcl", &with("redis:7-alpine")).await;
    let pod = unit.pod("cache", 0);
    let pong = |text: &str| text == "PONG";
    unit.world.exec_until(&pod, &["redis-cli", "ping"], pong).await;
    assert_eq!(unit.world.exec(&pod, &["redis-cli", "set", "kept", "yes"]).await.0, "OK");
    assert_eq!(unit.world.exec(&pod, &["sh", "-c", "ls /data/appendonlydir | head -n 1"]).await.1, 0);
    unit.world.person(&["kill", "--signal", "KILL", &pod]);
    unit.apply("cache.hcl", &with("redis:7-alpine")).await;
    unit.world.exec_until(&pod, &["redis-cli", "get", "kept"], |text| text == "yes").await;
    let steps = unit.apply("cache.hcl", &with("redis:7.2-bookworm")).await;
    assert_eq!(steps, [format!("replace {pod}")]);
    unit.world.exec_until(&pod, &["redis-cli", "get", "kept"], |text| text == "yes").await;
    // An empty tree would remove nothing, so something else stays.
    unit.apply("other.hcl", OTHER).await;
    assert!(unit.world.look(writ::target::Depth::List).await.pods.is_empty());
    unit.apply("cache.hcl", &with("redis:7-alpine")).await;
    unit.world.exec_until(&pod, &["redis-cli", "get", "kept"], |text| text == "yes").await;
    assert_eq!(unit.apply("cache.hcl", &with("redis:7-alpine")).await, [""; 0]);
}

#[tokio::test]
async fn scaling_down_and_up_again_brings_back_the_same_data() {
    let mut unit = Unit::new().await;
    let sleeper = |replicas: u32| {
        format!(
            r#"
statefulset "SCOPE" "keep" {{
  image    = "writ-test/box:1"
  replicas = {replicas}
  command  = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
  volume_claim "data" {{
    mount_path = "/data"
  }}
}}
"#
        )
    };
    unit.apply("keep.hcl", &sleeper(2)).await;
    let pod = unit.pod("keep", 1);
    assert_eq!(unit.world.exec(&pod, &["sh", "-c", "echo one > /data/row"]).await.1, 0);
    assert_eq!(unit.apply("keep.hcl", &sleeper(0)).await.len(), 2);
    let volumes = unit.world.person(&["volume", "ls", "-q", "--filter", &format!("name={}-keep", unit.world.scope)]);
    assert_eq!(volumes.lines().count(), 2, "{volumes}");
    unit.apply("keep.hcl", &sleeper(2)).await;
    assert_eq!(unit.world.exec(&pod, &["cat", "/data/row"]).await, ("one".to_owned(), 0));
}

#[tokio::test]
async fn append_only_and_save_lines_make_redis_write_both_files_into_the_volume_and_read_them_again() {
    let site = Site::new().await;
    site.write("redis.conf", "dir /data\nappendonly yes\nsave 1 1\n");
    site.deploy("cache.hcl", CONFIGURED).await;
    let pod = site.pod("cache", 0);
    site.world.exec_until(&pod, &["redis-cli", "ping"], |text| text == "PONG").await;
    assert_eq!(site.world.exec(&pod, &["redis-cli", "set", "kept", "yes"]).await.0, "OK");
    // What stands in the volume, whoever looks into it.
    let volume = format!("voodu-{}-cache-data-0:/there:ro", site.world.scope);
    let look = ["run", "--rm", "--network", "none", "-v", &volume, "writ-test/box:1", "find", "/there", "-type", "f"];
    site.becomes("both kinds of files", async || {
        let seen = site.world.person(&look);
        let both = seen.lines().any(|file| file == "/there/dump.rdb")
            && seen.lines().any(|file| file.starts_with("/there/appendonlydir/") && file.ends_with(".incr.aof"));
        if both { Ok(()) } else { Err(seen) }
    })
    .await;
    site.world.person(&["kill", "--signal", "KILL", &pod]);
    site.settle().await;
    site.world.exec_until(&pod, &["redis-cli", "get", "kept"], |text| text == "yes").await;
    // With other settings the same data is read, and the one file is written no more.
    let before = site.containers();
    site.deploy("redis.conf", "dir /data\nappendonly yes\nsave \"\"\n").await;
    assert_ne!(site.containers(), before);
    site.world.exec_until(&pod, &["redis-cli", "get", "kept"], |text| text == "yes").await;
    site.world.exec_until(&pod, &["redis-cli", "config", "get", "save"], |text| text.trim() == "save").await;
    site.holds().await;
}

#[tokio::test]
async fn v54_replicas_that_an_init_container_copies_from_pod_0_by_their_ordinal_follow_it_and_still_do_after_a_restart()
{
    let mut unit = Unit::new().await;
    unit.apply("pg.hcl", FOLLOWING).await;
    let (primary, replica) = (unit.pod("pg", 0), unit.pod("pg", 1));
    let is = async |pod: &str, statement: &str, expected: &str| {
        let command = ["psql", "-U", "postgres", "-d", "myapp", "-Atc", statement];
        assert_eq!(unit.world.exec_until(pod, &command, |out| out == expected).await, expected, "{pod}: {statement}");
    };
    is(&primary, "select pg_is_in_recovery()", "f").await;
    is(&replica, "select pg_is_in_recovery()", "t").await;
    is(&primary, "create table notes as select 7 as n", "SELECT 1").await;
    is(&replica, "select n from notes", "7").await;
    unit.world.person(&["restart", &replica]);
    is(&primary, "insert into notes values (8)", "INSERT 0 1").await;
    is(&replica, "select count(*) from notes", "2").await;
    is(&replica, "select pg_is_in_recovery()", "t").await;
}
