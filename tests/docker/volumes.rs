//! Volumes of a real engine, copied out, put back and destroyed.

use std::fs;
use std::path::Path;

use crate::site::{Ran, Site};

const PAIR: &str = r#"
statefulset "SCOPE" "one" {
  image   = "writ-test/box:1"
  command = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
  volume_claim "data" { mount_path = "/data" }
}

statefulset "SCOPE" "two" {
  image   = "writ-test/box:1"
  command = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
  volume_claim "data" { mount_path = "/data" }
}
"#;

const DATABASES: &str = r#"
statefulset "SCOPE" "pg" {
  image    = "postgres:15-alpine"
  replicas = 2
  env      = { POSTGRES_PASSWORD = "x" }
  volume_claim "data" { mount_path = "/var/lib/postgresql/data" }
}

statefulset "SCOPE" "redis" {
  image    = "redis:7-alpine"
  replicas = 2
  volume_claim "data" { mount_path = "/data" }
}
"#;

/// Files of every kind that an archive keeps.
const TREE: &str = "cd /data && mkdir -m 2750 d && head -c 3000000 /dev/urandom > d/big && chown 70:71 d/big && chmod 640 d/big \
    && : > empty && cp empty suid && chmod 4711 suid && ln -s d/big link && ln d/big hard && mkfifo -m 600 pipe && mkdir kept && touch -d 2001-02-03 empty \
    && n=$(printf 'n%.0s' $(seq 200)) && echo long > $n && chown 1000:1000 . && chmod 1770 .";

/// What is told apart of it.
const SHOWN: &str = "cd /data && find . | sort | while read -r f; do t=%Y; test $f = . && t=; stat -c \"%n %F %a %u %g %h $t\" \"$f\"; done \
    && find . -type f | sort | xargs sha256sum && readlink link";

fn volume(site: &Site, workload: &str, ordinal: u32) -> String {
    format!("voodu-{}-{workload}-data-{ordinal}", site.world.scope)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[track_caller]
fn refused(ran: &Ran, why: &str) {
    assert!(ran.code == Some(1) && ran.error.contains(why), "{why}: {ran:?}");
}

/// Stops a pod of a suspended unit, does something, and lets the unit go on.
async fn while_stopped<T>(site: &Site, pods: &[&str], act: impl AsyncFnOnce() -> T) -> T {
    site.writ(&["suspend", &site.unit(), "--reason", "a restore"]).await.exits(0);
    for pod in pods {
        site.world.person(&["stop", "-t", "5", pod]);
    }
    let done = act().await;
    site.writ(&["resume", &site.unit()]).await.exits(0);
    site.settle().await;
    done
}

fn helpers(site: &Site) -> String {
    site.world.person(&["ps", "-aq", "--filter", &format!("name=writ-volume_voodu-{}-", site.world.scope)])
}

#[tokio::test]
async fn a_copy_is_put_back_under_another_workload_as_it_was_to_the_byte() {
    let site = Site::new().await;
    site.deploy("pair.hcl", PAIR).await;
    let (one, two) = (site.pod("one", 0), site.pod("two", 0));
    let (from, to) = (volume(&site, "one", 0), volume(&site, "two", 0));
    site.world.person(&["exec", &one, "sh", "-c", TREE]);
    let before = site.world.person(&["exec", &one, "sh", "-c", SHOWN]);
    let file = site.path("one.tar");
    let copied = while_stopped(&site, &[&one], async || {
        site.writ(&["volume", "backup", &from, text(&file), "-o", "json"]).await
    })
    .await;
    copied.exits(0);
    assert_eq!(copied.document()["in_motion"], false, "{copied:?}");
    let beside = fs::read_to_string(site.path("one.tar.sha256")).unwrap();
    assert_eq!(beside, format!("{}  one.tar\n", copied.document()["sha256"].as_str().unwrap()));
    refused(&site.writ(&["volume", "backup", &from, text(&file)]).await, "is there already");
    let running = site.writ(&["volume", "backup", &from, text(&site.path("running.tar"))]).await;
    assert!(running.code == Some(0) && running.error.contains("may be in the copy by half"), "{running:?}");

    // Bad input changes nothing.
    site.world.person(&["exec", &two, "sh", "-c", "echo old > /data/old"]);
    refused(&site.writ(&["volume", "restore", &to, text(&file), "--replace"]).await, &format!("{two} runs with"));
    let (cut, changed) = (site.path("cut.tar"), site.path("changed.tar"));
    let whole = fs::read(&file).unwrap();
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    // One byte of a file, which the archive itself does not tell.
    let mut other = whole.clone();
    other[whole.len() / 2] ^= 1;
    fs::write(&changed, other).unwrap();
    fs::write(site.path("changed.tar.sha256"), &beside).unwrap();
    while_stopped(&site, &[&two], async || {
        refused(&site.writ(&["volume", "restore", &to, text(&cut), "--replace"]).await, "the copy is not whole");
        let other = site.writ(&["volume", "restore", &to, text(&changed), "--replace"]).await;
        refused(&other, &format!("says sha256 {}", beside.split_whitespace().next().unwrap()));
        refused(&site.writ(&["volume", "restore", &to, text(&file)]).await, "there is data on volume");
    })
    .await;
    assert_eq!(site.world.person(&["exec", &two, "cat", "/data/old"]), "old");
    while_stopped(&site, &[&two], async || {
        site.writ(&["volume", "restore", &to, text(&file), "--replace"]).await.exits(0);
    })
    .await;
    assert_eq!(site.world.person(&["exec", &two, "sh", "-c", SHOWN]), before);

    // One that somebody uses or asks for stays; the other goes, and the record tells who did it.
    refused(&site.writ(&["volume", "rm", &from, "--yes"]).await, &format!("{one} uses"));
    site.deploy("pair.hcl", &PAIR.replace("volume_claim", "replicas = 0\n  volume_claim")).await;
    let listed = site.writ(&["volume", "list", "-o", "json"]).await;
    let all = listed.document()["volumes"].as_array().unwrap().clone();
    let seen = all.iter().find(|it| it["name"] == from.as_str()).unwrap();
    assert_eq!((&seen["asked_for"], &seen["half_restored"]), (&false.into(), &false.into()), "{seen}");
    assert!(seen["bytes"].as_u64().unwrap() > 3_000_000 && seen["users"] == serde_json::json!([]), "{seen}");
    site.writ(&["volume", "list"]).await.exits(0).shows("no manifest asks for it").shows("used by nobody");
    refused(&site.writ(&["volume", "rm", &from]).await, "run it again with --yes");
    site.writ(&["volume", "rm", &from, "--yes"]).await.exits(0);
    assert_eq!(site.volumes(&site.world.scope), [to.as_str()]);
    refused(&site.writ(&["volume", "rm", &from, "--yes"]).await, "made no volume called");
    let told = site.told().await;
    for event in
        ["copied out by operator", "being restored by operator", "restored by operator", "destroyed by operator"]
    {
        assert!(told.contains(event), "{event}: {told}");
    }
    assert_eq!(helpers(&site), "");
    site.holds().await;
}

#[tokio::test]
async fn databases_find_their_rows_in_copies_of_their_running_pods() {
    let site = Site::new().await;
    site.deploy("databases.hcl", DATABASES).await;
    let (pg, redis) = (site.pod("pg", 0), site.pod("redis", 0));
    let (other_pg, other_redis) = (site.pod("pg", 1), site.pod("redis", 1));
    let sql = async |pod: &str, statement: &str| {
        let command = ["psql", "-U", "postgres", "-Atc", statement];
        site.world.exec_until(pod, &command, |_| true).await
    };
    sql(&pg, "create table t as select g, md5(g::text) m from generate_series(1, 20000) g").await;
    sql(&other_pg, "create table other (x int)").await;
    let sum = "select count(*), md5(string_agg(m, ',' order by g)) from t";
    let rows = sql(&pg, sum).await;
    site.world.person(&["exec", &redis, "redis-cli", "set", "key", "value"]);
    site.world.person(&["exec", &redis, "redis-cli", "save"]);
    let (rows_file, keys_file) = (site.path("pg.tar"), site.path("redis.tar"));
    site.writ(&["volume", "backup", &volume(&site, "pg", 0), text(&rows_file)]).await.exits(0);
    site.writ(&["volume", "backup", &volume(&site, "redis", 0), text(&keys_file)]).await.exits(0);
    while_stopped(&site, &[&other_pg, &other_redis], async || {
        for (workload, file) in [("pg", &rows_file), ("redis", &keys_file)] {
            let to = volume(&site, workload, 1);
            site.writ(&["volume", "restore", &to, text(file), "--replace"]).await.exits(0);
        }
    })
    .await;
    assert_eq!(sql(&other_pg, sum).await, rows);
    let value = site.world.exec_until(&other_redis, &["redis-cli", "get", "key"], |told| told.contains("value")).await;
    assert_eq!(value.trim(), "value");
    site.holds().await;
}

#[tokio::test]
async fn no_pod_starts_on_a_volume_that_was_restored_by_half() {
    let site = Site::new().await;
    site.deploy("pair.hcl", PAIR).await;
    let (pod, name) = (site.pod("one", 0), volume(&site, "one", 0));
    site.world.person(&["exec", &pod, "sh", "-c", "echo kept > /data/kept"]);
    let file = site.path("one.tar");
    site.writ(&["volume", "backup", &name, text(&file)]).await.exits(0);
    site.writ(&["suspend", &site.unit(), "--reason", "a restore"]).await.exits(0);
    site.world.person(&["stop", "-t", "5", &pod]);

    let engine = site.world.target.engine_of_volumes().unwrap();
    let held = engine.held_volumes().await.unwrap().into_iter().find(|it| it.name == name).unwrap();
    assert!(engine.empty_volume(&name).await.unwrap_err().to_string().contains("not marked"));
    engine.begin_restore(&held).await.unwrap();
    engine.empty_volume(&name).await.unwrap();
    let (sender, pieces) = tokio::sync::mpsc::channel(2);
    sender.send(Ok(fs::read(&file).unwrap()[..700].to_vec())).await.unwrap();
    sender.send(Err(std::io::Error::other("the power went"))).await.unwrap();
    engine.fill_volume(&held, None, pieces).await.unwrap_err();

    site.writ(&["resume", &site.unit()]).await.exits(0);
    let pass = site.pass().await;
    assert!(!matches!(pass.code, Some(0 | 2)), "{pass:?}");
    assert!(site.told().await.contains("a restore of it ended in the middle"));
    assert_eq!(site.world.field(&pod, "{{.State.Running}}"), "false");
    // One that is made anew does not start on it either.
    site.world.person(&["rm", &pod]);
    let pass = site.pass().await;
    assert!(!matches!(pass.code, Some(0 | 2)), "{pass:?}");
    site.writ(&["volume", "list"]).await.exits(0).shows("HALF RESTORED");
    refused(&site.writ(&["volume", "backup", &name, "-"]).await, "holds half of a restore");
    let bad = site.path("bad.tar");
    fs::write(&bad, "no archive").unwrap();
    refused(&site.writ(&["volume", "restore", &name, text(&bad)]).await, "the copy is not whole");
    site.writ(&["volume", "restore", &name, text(&file)]).await.exits(0);
    site.becomes("started again", async || {
        site.pass().await;
        site.world.tries(&["exec", &pod, "cat", "/data/kept"]).and_then(|told| match told.as_str() {
            "kept" => Ok(()),
            other => Err(other.to_owned()),
        })
    })
    .await;
}

#[tokio::test]
async fn a_copy_that_was_interrupted_leaves_nothing_that_looks_whole() {
    let site = Site::new().await;
    site.deploy("pair.hcl", PAIR).await;
    let (pod, name) = (site.pod("one", 0), volume(&site, "one", 0));
    // Too much to be copied before the signal comes.
    site.world.person(&["exec", &pod, "sh", "-c", "head -c 400000000 /dev/zero > /data/big"]);
    let folder = site.path("copies");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("one.tar");
    let parts = || fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    let mut left_behind = String::new();
    for (signal, left) in [("KILL", 1), ("TERM", 0)] {
        let mut command = site.spawn(&["volume", "backup", &name, text(&file)]);
        // The next one cleans up what the killed one left.
        site.becomes("being copied", async || {
            let helping = helpers(&site);
            match parts().len() > 1 - left && !helping.is_empty() && helping != left_behind && !helping.contains('\n') {
                true => Ok(()),
                false => Err(format!("{:?}, {helping}", parts())),
            }
        })
        .await;
        let process = command.id().unwrap().to_string();
        let killed = std::process::Command::new("kill").args(["-s", signal, &process]).status().unwrap();
        assert!(killed.success() && !command.wait().await.unwrap().success(), "{signal}");
        assert!(!file.exists() && !folder.join("one.tar.sha256").exists(), "{signal}: {:?}", parts());
        // What was killed could not clean up; its file bears another name.
        assert_eq!(parts().len(), 1, "{signal}: {:?}", parts());
        assert!(parts()[0].to_str().unwrap().ends_with(".part"));
        left_behind = helpers(&site);
    }
    assert_eq!(left_behind, "", "what was asked to end takes its container away");
    site.world.person(&["exec", &pod, "rm", "/data/big"]);
    site.writ(&["volume", "backup", &name, text(&file)]).await.exits(0);
    assert!(file.exists());
}

#[tokio::test]
async fn a_volume_below_the_first_ordinal_is_asked_for_by_nobody() {
    let site = Site::new().await;
    let set = |start: u32, replicas: u32| {
        format!(
            "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: set, namespace: SCOPE}}\nspec:\n  replicas: {replicas}\n  \
             ordinals: {{start: {start}}}\n  podManagementPolicy: Parallel\n  selector: {{matchLabels: {{a: b}}}}\n  \
             template:\n    metadata: {{labels: {{a: b}}}}\n    spec:\n      terminationGracePeriodSeconds: 1\n      containers:\n        \
             - {{name: main, image: 'writ-test/box:1', command: [sleep, '1000'], volumeMounts: [{{name: data, mountPath: /data}}]}}\n  \
             volumeClaimTemplates: [{{metadata: {{name: data}}, spec: {{accessModes: [ReadWriteOnce], \
             resources: {{requests: {{storage: 1Gi}}}}}}}}]\n"
        )
    };
    site.deploy("set.yaml", &set(3, 2)).await;
    site.deploy("set.yaml", &set(4, 1)).await;
    site.settle().await;
    refused(&site.writ(&["volume", "rm", &volume(&site, "set", 4), "--yes"]).await, "uses");
    site.writ(&["volume", "list"]).await.exits(0).shows("no manifest asks for it");
    site.writ(&["volume", "rm", &volume(&site, "set", 3), "--yes"]).await.exits(0);
}
