//! What a StatefulSet in HCL says of its containers, and what they find themselves with.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use writ_core::model::PodIndex;

use crate::pass::Unit;
use crate::site::Site;

const DB: &str = r#"
asset "SCOPE" "conf" {
  page = "of the asset"
}

statefulset "SCOPE" "db" {
  image    = "IMAGE"
  replicas = COUNT
  command  = ["sh", "-c", "trap 'exit 0' TERM; echo \"pod $VOODU_REPLICA_ORDINAL\" > /tmp/said; httpd -f -p 5432 -h /data & wait"]
  env = {
    PLAIN = "yes"
    ODD   = "a:b@c/d=e\n\"$(PLAIN)$$\""
  }
  ports   = ["5432"]
  volumes = ["${asset.SCOPE.conf.page}:/etc/page:ro"]
  volume_claim "data" { mount_path = "/data" }
  volume_claim "wal" { mount_path = "/var/wal" }
  init "first" {
    command = ["sh", "-c", "echo first $VOODU_REPLICA_ORDINAL >> /data/index.html"]
  }
  init "second" {
    command = ["sh", "-c", "echo second $VOODU_REPLICA_ORDINAL >> /data/index.html; echo wal $VOODU_REPLICA_ORDINAL > /var/wal/row"]
  }
}
"#;

fn db(image: &str, count: u32) -> String {
    DB.replace("IMAGE", image).replace("COUNT", &count.to_string())
}

/// What a web server on this machine sends.
fn fetch(address: &str, path: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    write!(connection, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut text = String::new();
    connection.read_to_string(&mut text).unwrap();
    text
}

/// Names of the containers that run; init containers have ended and are kept for their logs.
fn running(site: &Site) -> Vec<String> {
    let all = site.containers().into_iter();
    all.filter(|(_, seen)| seen.contains(" running ")).map(|(name, _)| name).collect()
}

/// The pod of this number is what the manifest says, and its volumes are its own.
async fn check(site: &Site, ordinal: u32, image: &str, inits: u32) {
    let (scope, pod) = (&site.world.scope, site.pod("db", ordinal));
    let told = async |command: &[&str]| site.world.exec(&pod, command).await.0;
    assert_eq!(site.world.field(&pod, "{{.Name}} {{.Config.Image}}"), format!("/{scope}-db.{ordinal} {image}"));
    assert_eq!(site.world.field(&pod, "{{.Image}}"), site.world.field(image, "{{.Id}}"));
    let command = site.world.field(&pod, "{{json .Config.Entrypoint}} {{len .Config.Cmd}} {{index .Config.Cmd 0}}");
    assert_eq!(command, "null 3 sh", "the image has no entry point, and its command is another one");
    assert_eq!(told(&["cat", "/tmp/said"]).await, format!("pod {ordinal}"));
    assert_eq!(told(&["sh", "-c", "printf %s \"$PLAIN\""]).await, "yes");
    assert_eq!(told(&["sh", "-c", "printf %s \"$ODD\""]).await, "a:b@c/d=e\n\"$(PLAIN)$$\"");
    assert_eq!(told(&["sh", "-c", "printf %s \"$VOODU_REPLICA_ORDINAL\""]).await, ordinal.to_string());
    let mounted = "{{range .Mounts}}{{if .Name}}{{.Destination}} {{.Name}} {{.RW}};{{end}}{{end}}";
    let mut mounts: Vec<String> = site.world.field(&pod, mounted).split_terminator(';').map(str::to_owned).collect();
    mounts.sort();
    let claims = [("/data", "data"), ("/var/wal", "wal")]
        .map(|(path, claim)| format!("{path} voodu-{scope}-db-{claim}-{ordinal} true"));
    assert_eq!(mounts, claims);
    let prepared = format!("first {ordinal}\nsecond {ordinal}\n").repeat(inits as usize);
    assert_eq!(told(&["cat", "/data/index.html"]).await, prepared.trim_end());
    assert_eq!(told(&["cat", "/var/wal/row"]).await, format!("wal {ordinal}"));
    assert_eq!(told(&["cat", "/etc/page"]).await, "of the asset");
    assert_ne!(site.world.exec(&pod, &["sh", "-c", "echo x > /etc/page"]).await.1, 0, "it is read-only");
    let address = site.world.person(&["port", &pod, "5432/tcp"]);
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    assert!(fetch(&address, "/index.html").ends_with(&prepared), "the port leads to its pod");
}

#[tokio::test]
async fn every_field_of_a_statefulset_reaches_its_pods_and_their_volumes_are_their_own() {
    let site = Site::new().await;
    site.deploy("db.hcl", &db("writ-test/box:1", 1)).await;
    assert_eq!(running(&site), [site.pod("db", 0)]);
    check(&site, 0, "writ-test/box:1", 1).await;

    let volume = format!("voodu-{}-db-data-0", site.world.scope);
    let identity = || (site.containers()[&site.pod("db", 0)].clone(), site.world.field(&volume, "{{json .}}"));
    let before = identity();
    site.deploy("db.hcl", &db("writ-test/box:1", 3)).await;
    assert_eq!(identity(), before, "growing touches neither the first pod nor its volume");
    assert_eq!(running(&site), [0, 1, 2].map(|at| site.pod("db", at)));
    for ordinal in 0..3 {
        check(&site, ordinal, "writ-test/box:1", 1).await;
    }
    let all: Vec<String> = ["data", "wal"]
        .into_iter()
        .flat_map(|claim| (0..3).map(move |at| (claim, at)))
        .map(|(claim, at)| format!("voodu-{}-db-{claim}-{at}", site.world.scope))
        .collect();
    assert_eq!(site.volumes(&site.world.scope), all);

    site.deploy("db.hcl", &db("writ-test/box:2", 3)).await;
    for ordinal in 0..3 {
        // The init containers wrote once more below what they had written before.
        check(&site, ordinal, "writ-test/box:2", 2).await;
    }
    assert_eq!(site.volumes(&site.world.scope), all);
    assert_eq!(site.world.field(&volume, "{{json .}}"), before.1);

    // A path of the host is the neighbour that is refused, and nothing happens then.
    let before = site.containers();
    let hosts = db("writ-test/box:2", 3).replace("volumes = [", "volumes = [\"/etc:/of-the-host:ro\", ");
    let commit = site.commit("db.hcl", &hosts);
    site.pass().await.exits(3);
    let (state, said) = site.said(&commit).pop().unwrap();
    assert!(state == "failure" && said.contains("guard host-path"), "{state}: {said}");
    assert_eq!(site.containers(), before);
    site.holds().await;
}

#[tokio::test]
async fn v22_a_path_of_the_host_is_mounted_where_it_may_be_and_ro_makes_it_read_only() {
    let unit = Unit::new().await;
    let folder = unit.world.state.path().join("given");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("page"), "of the host").unwrap();
    let text = r#"
statefulset "SCOPE" "db" {
  image   = "writ-test/box:1"
  command = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
  volumes = ["FOLDER:/open", "FOLDER:/closed:ro"]
}
"#;
    let desired = unit.desired("db.hcl", &text.replace("FOLDER", folder.to_str().unwrap()));
    let pod = desired.workloads.values().next().unwrap().pod(&PodIndex::Ordinal(0));
    unit.world.create(&pod).await.unwrap();
    assert_eq!(unit.world.exec(&pod.name, &["cat", "/open/page", "/closed/page"]).await.0, "of the hostof the host");
    assert_ne!(unit.world.exec(&pod.name, &["touch", "/closed/row"]).await.1, 0);
    assert_eq!(unit.world.exec(&pod.name, &["touch", "/open/row"]).await.1, 0);
    assert!(folder.join("row").exists());
}
