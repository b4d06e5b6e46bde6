//! Copies of volumes of a real engine, made before a step that may harm what is on them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::site::Site;

const BOX: &str = r#"
statefulset "SCOPE" "one" {
  image   = "writ-test/box:1"
  command = ["sh", "-c", "trap 'echo ended >> /data/log; exit 0' TERM; echo begun >> /data/log; sleep 1000 & wait"]
  volume_claim "data" { mount_path = "/data" }
}
"#;

const DATABASES: &str = r#"
statefulset "SCOPE" "pg" {
  image = "postgres:15-alpine"
  env   = { POSTGRES_PASSWORD = "x" }
  volume_claim "data" { mount_path = "/var/lib/postgresql/data" }
}

statefulset "SCOPE" "redis" {
  image = "redis:7-alpine"
  volume_claim "data" { mount_path = "/data" }
}
"#;

/// A small file system of its own, gone with the test.
struct Disk(PathBuf);

impl Disk {
    fn new(at: PathBuf) -> Self {
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "backups"]).arg(&at).status().unwrap();
        assert!(mounted.success(), "mount");
        Self(at)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let gone = Command::new("umount").arg(&self.0).status();
        assert!(gone.is_ok_and(|status| status.success()) || std::thread::panicking(), "umount");
    }
}

/// A host that copies to its folder `backups`, which is not there yet.
async fn site(keep: u32) -> Site {
    let site = Site::new().await;
    let settings = fs::read_to_string(site.path("agent.toml")).unwrap();
    let backup = format!("target = \"docker\"\nbackup = {{ directory = {:?}, keep = {keep} }}\n", site.path("backups"));
    fs::write(site.path("agent.toml"), settings.replacen("target = \"docker\"\n", &backup, 1)).unwrap();
    site
}

fn files(site: &Site) -> Vec<String> {
    let found = fs::read_dir(site.path("backups")).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    let mut found: Vec<String> = found.collect();
    found.sort();
    found
}

/// The copies that the record tells of: the file, and its digest.
async fn made(site: &Site) -> Vec<(String, String)> {
    let history = site.history().await;
    let made = history.iter().filter(|record| record["kind"] == "backup-made").map(|record| &record["event"]);
    let text = |event: &serde_json::Value, name: &str| event[name].as_str().unwrap().to_owned();
    made.map(|event| (text(event, "file"), text(event, "digest"))).collect()
}

fn volume(site: &Site, workload: &str) -> String {
    format!("voodu-{}-{workload}-data-0", site.world.scope)
}

fn image(site: &Site, pod: &str) -> String {
    site.world.field(pod, "{{.Config.Image}} {{.State.Running}}")
}

#[tokio::test]
async fn another_image_is_let_at_databases_after_copies_that_bring_their_rows_back() {
    let site = site(2).await;
    fs::create_dir(site.path("backups")).unwrap();
    site.deploy("databases.hcl", DATABASES).await;
    assert!(files(&site).is_empty(), "what is new holds nothing");
    let (pg, redis) = (site.pod("pg", 0), site.pod("redis", 0));
    let sql = async |statement: &str| {
        site.world.exec_until(&pg, &["psql", "-U", "postgres", "-Atc", statement], |_| true).await
    };
    sql("create table t as select g, md5(g::text) m from generate_series(1, 20000) g").await;
    let sum = "select count(*), md5(string_agg(m, ',' order by g)) from t";
    let rows = sql(sum).await;
    // Redis writes it when it is asked to end, and not before.
    site.world.person(&["exec", &redis, "redis-cli", "set", "key", "value"]);

    let newer = DATABASES.replace("15-alpine", "15").replace("7-alpine", "7");
    site.commit("databases.hcl", &newer);
    let plan = site.writ(&["plan"]).await;
    for workload in ["pg", "redis"] {
        plan.shows(&format!("back up volume {} first: container/", volume(&site, workload)));
    }
    site.settle().await;
    let copies = made(&site).await;
    assert_eq!((copies.len(), files(&site).len()), (2, 4), "{copies:?} {:?}", files(&site));
    for (file, digest) in &copies {
        let beside = fs::read_to_string(format!("{file}.sha256")).unwrap();
        assert_eq!(beside.split_whitespace().next(), Some(digest.as_str()));
    }
    site.settle().await;
    assert_eq!(made(&site).await.len(), 2, "a second pass copies nothing");

    sql("drop table t").await;
    site.world.person(&["exec", &redis, "redis-cli", "del", "key"]);
    site.writ(&["suspend", &site.unit(), "--reason", "a restore"]).await.exits(0);
    for (workload, pod) in [("pg", &pg), ("redis", &redis)] {
        site.world.person(&["stop", "-t", "10", pod]);
        let name = volume(&site, workload);
        let (file, _) = copies.iter().find(|(file, _)| file.contains(&format!(".{name}."))).unwrap();
        site.writ(&["volume", "restore", &name, file, "--replace"]).await.exits(0);
    }
    site.writ(&["resume", &site.unit()]).await.exits(0);
    site.settle().await;
    assert_eq!(sql(sum).await, rows);
    let value = site.world.exec_until(&redis, &["redis-cli", "get", "key"], |told| told.contains("value")).await;
    assert_eq!(value.trim(), "value");
    site.holds().await;
}

#[tokio::test]
async fn a_copy_that_cannot_be_made_stops_its_step_and_what_ran_goes_on() {
    let site = site(1).await;
    let pod = site.pod("one", 0);
    site.deploy("one.hcl", BOX).await;
    let newer = BOX.replace("box:1", "box:2");
    // Bytes of a file that take no room on this disk, and more than there is on the other.
    site.world.person(&["exec", &pod, "truncate", "-s", "40000000", "/data/sparse"]);
    let refused = async |why: &str| {
        let commit = site.commit("one.hcl", &format!("{newer}\n# {why}\n"));
        assert_eq!(site.pass().await.code, Some(1), "{}", site.told().await);
        let (state, text) = site.said(&commit).pop().unwrap();
        assert!(state == "failure" && text.contains("cannot back up volume"), "{state}: {text}");
        assert!(site.told().await.contains(why), "{why}: {}", site.told().await);
        assert_eq!(image(&site, &pod), "writ-test/box:1 true");
        assert!(made(&site).await.is_empty());
    };
    refused("there is no folder").await;
    let log = site.world.person(&["exec", &pod, "cat", "/data/log"]);
    assert_eq!(log, "begun", "nothing was stopped for a copy that could not be");
    fs::create_dir(site.path("backups")).unwrap();
    let disk = Disk::new(site.path("backups"));
    refused("No space left on device").await;
    assert!(files(&site).is_empty(), "{:?}", files(&site));
    let log = site.world.person(&["exec", &pod, "cat", "/data/log"]);
    assert_eq!(log, "begun\nended\nbegun", "it was asked to end, and started again");
    site.world.person(&["exec", &pod, "sh", "-c", "rm /data/sparse; head -c 16000000 /dev/zero > /data/big; sync"]);
    refused("are free in").await;
    site.world.person(&["exec", &pod, "rm", "/data/big"]);
    site.deploy("one.hcl", &newer).await;
    assert_eq!(image(&site, &pod), "writ-test/box:2 true");
    assert_eq!((made(&site).await.len(), files(&site).len()), (1, 2));
    // Only one is kept, and the older one goes when the newer one is there.
    site.deploy("one.hcl", BOX).await;
    let copies = made(&site).await;
    assert_eq!((copies.len(), files(&site).len()), (2, 2));
    assert!(fs::exists(&copies[1].0).unwrap() && !fs::exists(&copies[0].0).unwrap());
    site.holds().await;
    drop(disk);
}

#[tokio::test]
async fn an_agent_that_is_killed_while_it_copies_leaves_no_half_copy_and_the_next_pass_begins_anew() {
    let site = site(1).await;
    fs::create_dir(site.path("backups")).unwrap();
    let pod = site.pod("one", 0);
    site.deploy("one.hcl", BOX).await;
    site.world.person(&["exec", &pod, "sh", "-c", "echo kept > /data/kept; truncate -s 2000000000 /data/big"]);
    let commit = site.commit("one.hcl", &BOX.replace("box:1", "box:2"));
    let mut pass = site.spawn(&["run", "--once"]);
    site.becomes("being copied", async || match files(&site).as_slice() {
        [part] if part.ends_with(".part") && image(&site, &pod).ends_with("false") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    pass.kill().await.unwrap();
    assert!(made(&site).await.is_empty() && files(&site)[0].ends_with(".part"), "{:?}", files(&site));
    assert!(image(&site, &pod).starts_with("writ-test/box:1"));
    site.settle().await;
    site.is_said(&commit, "success").await;
    assert_eq!(image(&site, &pod), "writ-test/box:2 true");
    let copies = made(&site).await;
    assert_eq!((copies.len(), files(&site).len()), (1, 2), "{:?}", files(&site));
    let listed = Command::new("tar").args(["-tf", &copies[0].0]).output().unwrap();
    assert!(String::from_utf8(listed.stdout).unwrap().contains("kept"));
    site.writ(&["audit", "verify"]).await.exits(0);
}

#[tokio::test]
async fn what_is_destroyed_with_prune_is_copied_before_or_stays() {
    let site = site(3).await;
    let object = format!("statefulset/{}/one", site.world.scope);
    site.deploy("one.hcl", BOX).await;
    site.world.person(&["exec", &site.pod("one", 0), "sh", "-c", "echo kept > /data/kept"]);
    // Something stays, for an empty folder removes nothing.
    site.write("two.hcl", &BOX.replace("\"one\"", "\"two\""));
    site.deploy("one.hcl", "# nothing\n").await;
    let failed = site.writ(&["delete", &object, "--prune", "--yes"]).await;
    assert!(failed.code == Some(1) && failed.out.contains("there is no folder"), "{failed:?}");
    assert_eq!(site.volumes(&site.world.scope), [volume(&site, "one"), volume(&site, "two")], "nothing was destroyed");
    fs::create_dir(site.path("backups")).unwrap();
    site.writ(&["delete", &object, "--prune", "--yes"]).await.exits(0);
    assert_eq!(site.volumes(&site.world.scope), [volume(&site, "two")]);
    let copies = made(&site).await;
    assert_eq!((copies.len(), files(&site).len()), (1, 2));
    // Under another workload it is as it was.
    let pod = site.pod("two", 0);
    site.writ(&["suspend", &site.unit(), "--reason", "a restore"]).await.exits(0);
    site.world.person(&["stop", "-t", "5", &pod]);
    site.writ(&["volume", "restore", &volume(&site, "two"), &copies[0].0, "--replace"]).await.exits(0);
    site.writ(&["resume", &site.unit()]).await.exits(0);
    site.settle().await;
    assert_eq!(site.world.person(&["exec", &pod, "cat", "/data/kept"]), "kept");
    site.holds().await;
}
