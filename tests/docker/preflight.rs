//! Data that a server could not read or would not find: nothing is touched, and what runs goes on.

use std::fs;

use crate::site::Site;

/// Commits a manifest that is refused, with these words, and nothing is touched.
async fn refused(site: &Site, text: &str, words: &[&str]) {
    let before = (site.containers(), site.volumes(&site.world.scope));
    let commit = site.commit("set.hcl", text);
    let pass = site.pass().await;
    assert_eq!(pass.code, Some(3), "{pass:?}");
    assert_eq!((site.containers(), site.volumes(&site.world.scope)), before, "nothing was touched");
    let plan = site.writ(&["plan"]).await;
    for word in words {
        plan.exits(3).shows(word);
    }
    assert_eq!(site.said(&commit).pop().unwrap().0, "failure");
}

/// Says to the unit that its workloads may be made anew.
fn allow(site: &Site, yes: bool) {
    let settings = fs::read_to_string(site.path("agent.toml")).unwrap();
    let (plain, allowed) = ("target = \"docker\"\n", "target = \"docker\"\nrecreate = true\n");
    let settings = settings.replace(allowed, plain);
    let settings = if yes { settings.replace(plain, allowed) } else { settings };
    fs::write(site.path("agent.toml"), settings).unwrap();
}

fn redis(image: &str, command: &str, path: &str) -> String {
    format!(
        "statefulset \"SCOPE\" \"cache\" {{\n  image = \"{image}\"\n  command = [{command}]\n  volume_claim \"data\" {{\n    \
         mount_path = \"{path}\"\n  }}\n}}\n"
    )
}

#[tokio::test]
async fn a_redis_is_not_let_at_keys_that_it_cannot_read_or_would_not_find() {
    let site = Site::new().await;
    let scope = site.world.scope.clone();
    let appending = "\"redis-server\", \"--appendonly\", \"yes\"";
    site.deploy("set.hcl", &redis("redis:7-alpine", appending, "/data")).await;
    let cache = site.pod("cache", 0);
    site.world.exec_until(&cache, &["redis-cli", "set", "kept", "yes"], |text| text == "OK").await;
    let older = format!("{scope}/redis:6.2-alpine");
    site.world.person(&["tag", "writ-test/box:1", &older]);
    let words = ["of form 10, as Redis 7.0 was the first to write", "runs 6.2", "go back to an image"];
    refused(&site, &redis(&older, appending, "/data"), &words).await;
    let words = ["looks for it in /data, which no claim holds", "lead it there again"];
    refused(&site, &redis("redis:7-alpine", appending, "/var/lib/redis"), &words).await;
    refused(
        &site,
        &redis("redis:7-alpine", "\"redis-server\", \"--dir\", \"/data/new\"", "/data"),
        &["its folder `new`"],
    )
    .await;
    assert_eq!(site.world.exec(&cache, &["redis-cli", "get", "kept"]).await.0, "yes", "what runs goes on");
    // Another image that reads it, and another path with all that leads there.
    let same = format!("{scope}/redis:7.0");
    site.world.person(&["tag", "redis:7-alpine", &same]);
    let moved = "\"redis-server\", \"--appendonly\", \"yes\", \"--dir\", \"/var/lib/redis\"";
    site.deploy("set.hcl", &redis(&same, moved, "/var/lib/redis")).await;
    site.world.exec_until(&cache, &["redis-cli", "get", "kept"], |text| text == "yes").await;
    site.world.person(&["rmi", &older, &same]);
    site.holds().await;
}

#[tokio::test]
async fn a_postgres_that_would_start_on_an_empty_folder_is_refused_unless_the_unit_allows_it() {
    let site = Site::new().await;
    site.writ(&["config", "set", "-s", &site.world.scope, "-n", "pg", "POSTGRES_PASSWORD=canary-90be"]).await.exits(0);
    let pg = |folder: &str, path: &str| {
        format!(
            "statefulset \"SCOPE\" \"pg\" {{\n  image = \"postgres:15\"\n  env = {{ PGDATA = \"{folder}\" }}\n  \
             volume_claim \"data\" {{\n    mount_path = \"{path}\"\n  }}\n}}\n"
        )
    };
    let (path, folder) = ("/var/lib/postgresql/data", "/var/lib/postgresql/data/own");
    site.deploy("set.hcl", &pg(folder, path)).await;
    let pod = site.pod("pg", 0);
    let sql = async |statement: &str| {
        let command = ["psql", "-U", "postgres", "-Atc", statement];
        site.world.exec_until(&pod, &command, |_| true).await
    };
    sql("create table t as select 42 as answer").await;
    let words = ["its folder `own` (PostgreSQL 15)", "PGDATA leads to its folder `other`", "`recreate`"];
    refused(&site, &pg("/var/lib/postgresql/data/other", path), &words).await;
    refused(&site, &pg(folder, "/srv/pg"), &["/var/lib/postgresql/data/own, which no claim holds"]).await;
    // The same data by other names.
    site.deploy("set.hcl", &pg("/srv/pg/own", "/srv/pg")).await;
    assert_eq!(sql("table t").await, "42");
    // A new database beside it, as the owner of the host says.
    allow(&site, true);
    site.deploy("set.hcl", &pg("/srv/pg/other", "/srv/pg")).await;
    assert_eq!(sql("select count(*) from pg_tables where tablename = 't'").await, "0");
    allow(&site, false);
    site.deploy("set.hcl", &pg("/srv/pg/own", "/srv/pg")).await;
    assert_eq!(sql("table t").await, "42");
    site.holds().await;
}

#[tokio::test]
async fn a_claim_under_another_name_is_refused_while_its_data_lies_there_and_no_replicas_are_none() {
    let site = Site::new().await;
    let scope = site.world.scope.clone();
    let set = |claim: &str, replicas: u32| {
        format!(
            "statefulset \"SCOPE\" \"box\" {{\n  image = \"writ-test/box:1\"\n  replicas = {replicas}\n  command = [\"sh\", \"-c\", \
             \"trap 'exit 0' TERM; sleep 1000 & wait\"]\n  volume_claim \"{claim}\" {{\n    mount_path = \"/data\"\n  }}\n}}\n\
             deployment \"SCOPE\" \"other\" {{\n  image = \"writ-test/box:1\"\n  replicas = 0\n}}\n"
        )
    };
    site.deploy("set.hcl", &set("data", 1)).await;
    let pod = site.pod("box", 0);
    site.world.person(&["exec", &pod, "sh", "-c", "echo yes > /data/kept"]);
    refused(&site, &set("store", 1), &["needs recreation: volumeClaimTemplates/data removed"]).await;
    // Without a word of what was before, too.
    site.writ(&["delete", &format!("statefulset/{scope}/box"), "--yes"]).await.exits(0);
    let (old, new) = (format!("voodu-{scope}-box-data-0"), format!("voodu-{scope}-box-store-0"));
    refused(
        &site,
        &set("store", 1),
        &[&format!("{new} would be new and empty"), &format!("lies in {old}"), "give the claim that name again"],
    )
    .await;
    site.deploy("set.hcl", &set("data", 1)).await;
    assert_eq!(site.world.person(&["exec", &pod, "cat", "/data/kept"]), "yes");
    // None is a number of replicas; the plan says what stays.
    site.commit("set.hcl", &set("data", 0));
    site.writ(&["plan"]).await.exits(2).shows(&format!("replicas 1 -> 0; volume {old} kept"));
    site.settle().await;
    assert_eq!((site.containers().len(), site.volumes(&scope)), (0, vec![old.clone()]));
    allow(&site, true);
    site.deploy("set.hcl", &set("store", 1)).await;
    assert_eq!(site.volumes(&scope), [old, new]);
    site.holds().await;
}
