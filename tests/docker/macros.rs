//! `postgres` and `redis`, with the real programs in them.

use std::collections::BTreeSet;

use crate::pass::Unit;
use crate::site::Site;

/// Two databases with files of their own, as a stack has them.
const STACK: &str = r#"
asset "SCOPE" "pg-config" {
  postgresql_conf = file("./configs/postgresql.conf")
  pg_hba_conf     = file("./configs/pg_hba.conf")
}

asset "SCOPE" "redis-config" {
  configuration = file("./configs/redis.conf")
  users_acl     = file("./configs/users.acl")
}

postgres "SCOPE" "pg" {
  plugin {
    version = "0.2.0"
  }

  image = "postgres:15-alpine"

  command = [
    "postgres",
    "-c", "config_file=/etc/postgresql/postgresql.conf",
    "-c", "hba_file=/etc/postgresql/pg_hba.conf",
  ]

  volumes = [
    "${asset.SCOPE.pg-config.postgresql_conf}:/etc/postgresql/postgresql.conf:ro",
    "${asset.SCOPE.pg-config.pg_hba_conf}:/etc/postgresql/pg_hba.conf:ro",
  ]
}

redis "SCOPE" "cache" {
  plugin {
    version = "latest"
  }

  image   = "redis:7"
  command = ["redis-server", "/etc/redis/redis.conf"]

  volumes = [
    "${asset.SCOPE.redis-config.configuration}:/etc/redis/redis.conf:ro",
    "${asset.SCOPE.redis-config.users_acl}:/etc/redis/users.acl:ro",
  ]
}
"#;

const POSTGRESQL_CONF: &str = "listen_addresses = '*'\nmax_connections = 33\n";
const PG_HBA_CONF: &str = "local all all trust\nhost all all all scram-sha-256\n";
const REDIS_CONF: &str = "dir /data\nappendonly yes\naclfile /etc/redis/users.acl\n";
const USERS_ACL: &str = "user default on nopass ~* &* +@all\nuser shop on >canary-90be-acl ~shop:* +@all\n";

/// The pods of a scope whose containers are others than before, or were started again.
fn restarted(before: &std::collections::BTreeMap<String, String>, site: &Site) -> BTreeSet<String> {
    let after = site.containers();
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    after.into_iter().filter(|(pod, seen)| before[pod] != *seen).map(|(pod, _)| pod).collect()
}

#[tokio::test]
async fn a_stack_of_two_macros_runs_with_its_own_files_and_one_changed_file_restarts_its_consumer_alone() {
    let site = Site::new().await;
    for (path, text) in [
        ("configs/postgresql.conf", POSTGRESQL_CONF),
        ("configs/pg_hba.conf", PG_HBA_CONF),
        ("configs/redis.conf", REDIS_CONF),
        ("configs/users.acl", USERS_ACL),
    ] {
        site.write(path, text);
    }
    let scope = site.world.scope.clone();
    site.writ(&["config", "set", "-s", &scope, "-n", "pg", "POSTGRES_PASSWORD=canary-90be-pg"]).await.exits(0);
    site.deploy("voodu.hcl", STACK).await;
    let (pg, cache) = (site.pod("pg", 0), site.pod("cache", 0));
    assert_eq!(site.containers().into_keys().collect::<Vec<_>>(), [cache.clone(), pg.clone()]);
    assert_eq!(site.volumes(&scope), [format!("voodu-{scope}-cache-data-0"), format!("voodu-{scope}-pg-data-0")]);
    // The database is called as the block is, and the files are those of the repository.
    let sql = ["psql", "-U", "postgres", "-d", "pg", "-Atc"];
    let ask = |statement: &'static str| [&sql[..], &[statement]].concat();
    site.world.exec_until(&pg, &ask("show max_connections"), |text| text == "33").await;
    assert_eq!(site.world.exec(&pg, &ask("create table t as select 42 as answer")).await.1, 0);
    let address = format!("pg-0.{scope}");
    let through = format!("PGPASSWORD=canary-90be-pg psql -h {address} -U postgres -d pg -Atc 'table t'");
    assert_eq!(site.world.exec(&pg, &["sh", "-c", &through]).await.0, "42");
    let shop = ["redis-cli", "--no-auth-warning", "--user", "shop", "--pass", "canary-90be-acl"];
    let by = |words: &[&'static str]| [&shop[..], words].concat();
    assert_eq!(site.world.exec(&cache, &by(&["set", "shop:kept", "yes"])).await.0, "OK");
    assert!(site.world.exec(&cache, &by(&["set", "other", "no"])).await.0.contains("NOPERM"));
    // Each file has one consumer.
    let before = site.containers();
    site.deploy("configs/redis.conf", &format!("{REDIS_CONF}maxmemory 64mb\n")).await;
    assert_eq!(restarted(&before, &site), [cache.clone()].into());
    site.world.exec_until(&cache, &by(&["config", "get", "maxmemory"]), |text| text.contains("67108864")).await;
    assert_eq!(site.world.exec(&cache, &by(&["get", "shop:kept"])).await.0, "yes");
    let before = site.containers();
    site.deploy("configs/postgresql.conf", &POSTGRESQL_CONF.replace("33", "34")).await;
    assert_eq!(restarted(&before, &site), [pg.clone()].into());
    site.world.exec_until(&pg, &ask("show max_connections"), |text| text == "34").await;
    assert_eq!(site.world.exec(&pg, &ask("table t")).await.0, "42");
    assert_eq!(site.settle().await, 0);
    site.holds().await;
}

#[tokio::test]
async fn empty_macros_run_take_their_passwords_from_buckets_and_keep_their_data_over_a_removal() {
    let mut unit = Unit::new().await;
    let odd = "canary \\ \"7f3a\" $HOME `id` '#";
    unit.set("pg", "POSTGRES_PASSWORD", odd);
    unit.set("cache", "REDIS_PASSWORD", odd);
    let both = "postgres \"SCOPE\" \"pg\" {}\nredis \"SCOPE\" \"cache\" {}\n";
    unit.apply("stack.hcl", both).await;
    let (pg, cache) = (unit.pod("pg", 0), unit.pod("cache", 0));
    assert_eq!(unit.world.exec(&cache, &["redis-cli", "set", "kept", "no"]).await.0, "NOAUTH Authentication required.");
    let as_user = |words: &str| format!("REDISCLI_AUTH=\"$REDIS_PASSWORD\" redis-cli {words}");
    assert_eq!(unit.world.exec(&cache, &["sh", "-c", &as_user("set kept yes")]).await.0, "OK");
    assert_eq!(unit.world.exec(&cache, &["sh", "-c", &as_user("save")]).await.0, "OK");
    let processes = "for process in /proc/[0-9]*; do tr '\\0' ' ' <\"$process/cmdline\"; done";
    let seen = unit.world.exec(&cache, &["sh", "-c", processes]).await.0;
    assert!(seen.contains("redis-server") && !seen.contains("7f3a"), "{seen}");
    let sql = "PGPASSWORD=\"$POSTGRES_PASSWORD\" psql -h \"$(hostname)\" -U postgres -d pg -Atc";
    let create = format!("{sql} 'create table t as select 42 as answer'");
    unit.world.exec_until(&pg, &["sh", "-c", &create], |_| true).await;
    unit.apply("other.hcl", "deployment \"SCOPE\" \"other\" {\n  image = \"writ-test/box:1\"\n  replicas = 0\n}\n")
        .await;
    assert!(unit.world.look(writ::target::Depth::List).await.pods.is_empty());
    unit.apply("stack.hcl", both).await;
    unit.world.exec_until(&cache, &["sh", "-c", &as_user("get kept")], |text| text == "yes").await;
    unit.world.exec_until(&pg, &["sh", "-c", &format!("{sql} 'table t'")], |text| text == "42").await;
    assert_eq!(unit.apply("stack.hcl", both).await, [""; 0]);
}

#[tokio::test]
async fn a_redis_without_a_password_takes_settings_that_are_mounted_and_needs_none() {
    let site = Site::new().await;
    site.write("more.conf", "maxmemory 64mb\nappendonly yes\n");
    let manifest = r#"
asset "SCOPE" "cache" {
  more = file("./more.conf")
}
redis "SCOPE" "cache" {
  volumes = ["${asset.SCOPE.cache.more}:/etc/redis/conf.d/more.conf:ro"]
}
"#;
    site.deploy("cache.hcl", manifest).await;
    let cache = site.pod("cache", 0);
    site.world.exec_until(&cache, &["redis-cli", "config", "get", "maxmemory"], |text| text.contains("67108864")).await;
    assert_eq!(site.world.exec(&cache, &["redis-cli", "set", "kept", "yes"]).await.0, "OK");
    site.world.person(&["kill", "--signal", "KILL", &cache]);
    site.settle().await;
    site.world.exec_until(&cache, &["redis-cli", "get", "kept"], |text| text == "yes").await;
    site.holds().await;
}

#[tokio::test]
async fn a_postgres_of_another_major_version_is_not_let_at_the_data_and_what_runs_goes_on() {
    let site = Site::new().await;
    let scope = site.world.scope.clone();
    site.writ(&["config", "set", "-s", &scope, "-n", "pg", "POSTGRES_PASSWORD=canary-90be-pg"]).await.exits(0);
    let with = |image: &str| format!("postgres \"SCOPE\" \"pg\" {{\n  image = \"{image}\"\n}}\n");
    site.deploy("pg.hcl", &with("postgres:15-alpine")).await;
    let pg = site.pod("pg", 0);
    site.world.exec_until(&pg, &["pg_isready", "-q"], |_| true).await;
    let before = site.containers();
    // An image that says nothing of itself: its tag does.
    let other = format!("{scope}/postgres:16-alpine");
    site.world.person(&["tag", "writ-test/box:1", &other]);
    let commit = site.commit("pg.hcl", &with(&other));
    let refused = site.pass().await;
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert_eq!(site.containers(), before, "nothing was touched");
    let told = site.told().await;
    assert!(told.contains("is of PostgreSQL 15") && told.contains("runs 16"), "{told}");
    site.writ(&["plan"]).await.exits(3).shows("dump the data");
    let (state, _) = site.said(&commit).pop().unwrap();
    assert_eq!(state, "failure");
    // Whatever it is called, the image says that it runs what the data is of.
    let named = format!("{scope}/postgres:17");
    site.world.person(&["tag", "postgres:15-alpine", &named]);
    site.deploy("pg.hcl", &with(&named)).await;
    assert_ne!(site.containers(), before);
    site.world.exec_until(&pg, &["pg_isready", "-q"], |_| true).await;
    site.world.person(&["rmi", &other, &named]);
    site.holds().await;
}

#[tokio::test]
async fn what_is_imported_from_compose_runs() {
    let site = Site::new().await;
    let scope = site.world.scope.clone();
    let folder = site.path("compose");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("page.txt"), "of the repository").unwrap();
    let compose = "services:\n  store:\n    image: redis:7-alpine\n    command: redis-server --appendonly yes\n    \
                   volumes: [\"data:/data\"]\n    healthcheck: {test: [CMD, redis-cli, ping], interval: 1s}\n  \
                   asker:\n    image: writ-test/box:1\n    command: [sh, -c, \"trap 'exit 0' TERM; sleep 1000 & wait\"]\n    \
                   environment: {STORE: \"store:6379\"}\n    volumes: [\"./page.txt:/etc/page.txt:ro\"]\n    \
                   depends_on: [store]\nvolumes: {data: {}}\n";
    std::fs::write(folder.join("compose.yaml"), compose).unwrap();
    let file = folder.join("compose.yaml").display().to_string();
    let imported = site.writ(&["import", &file, "--scope", &scope]).await;
    imported.exits(0);
    assert!(imported.error.contains("`depends_on` is not carried"), "{imported:?}");
    site.deploy("manifests.yaml", &imported.out).await;
    let store = site.pod("store", 0);
    site.world.exec_until(&store, &["redis-cli", "ping"], |text| text == "PONG").await;
    let asker = site.containers().into_keys().find(|pod| pod.contains("-asker.")).unwrap();
    assert_eq!(site.world.exec(&asker, &["cat", "/etc/page.txt"]).await.0, "of the repository");
    assert_eq!(site.world.resolve(&asker, &format!("store.{scope}")).await.len(), 1);
    assert_eq!(site.volumes(&scope), [format!("voodu-{scope}-store-data-0")]);
    site.holds().await;
}
