//! One changed byte of one key, and who is restarted by it.

use std::collections::BTreeMap;

use crate::site::Site;

/// Two keys of an asset, a bucket of the scope, and consumers of one, the other, both and none.
const MANIFEST: &str = r#"
asset "SCOPE" "pages" {
  one = file("./pages/one.txt")
  two = file("./pages/two.txt")
}

statefulset "SCOPE" "one" {
  image    = "writ-test/box:1"
  replicas = 2
  command  = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
  volumes  = ["${asset.SCOPE.pages.one}:/etc/page.txt:ro"]
  volume_claim "data" { mount_path = "/data" }
}

deployment "SCOPE" "two" {
  image   = "writ-test/box:1"
  command = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
  volumes = ["${asset.SCOPE.pages.two}:/etc/page.txt:ro"]
}

statefulset "SCOPE" "both" {
  image   = "writ-test/box:1"
  command = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
  volumes = ["${asset.SCOPE.pages.one}:/etc/one.txt:ro", "${asset.SCOPE.pages.two}:/etc/two.txt:ro"]
}

statefulset "SCOPE" "none" {
  image   = "writ-test/box:1"
  command = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
}
"#;

/// The same by a ConfigMap, of which consumers mount a key each, and a Secret that one of them reads.
const KUBERNETES: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: leaves, namespace: SCOPE}
data: {one: "ONE", two: "second"}
---
apiVersion: v1
kind: Secret
metadata: {name: keys, namespace: SCOPE}
stringData: {key: "VALUE"}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: k-one, namespace: SCOPE}
spec:
  selector: {matchLabels: {app: k-one}}
  template:
    metadata: {labels: {app: k-one}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - {name: box, image: "writ-test/box:1", command: [sleep, "1000"], volumeMounts: [{name: page, mountPath: /etc/page}]}
      volumes: [{name: page, configMap: {name: leaves, items: [{key: one, path: page.txt}]}}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: k-two, namespace: SCOPE}
spec:
  selector: {matchLabels: {app: k-two}}
  template:
    metadata: {labels: {app: k-two}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: box
          image: writ-test/box:1
          command: [sleep, "1000"]
          env: [{name: KEY, valueFrom: {secretKeyRef: {name: keys, key: key}}}]
          volumeMounts: [{name: page, mountPath: /etc/page}]
      volumes: [{name: page, configMap: {name: leaves, items: [{key: two, path: page.txt}]}}]
"#;

/// The workloads of which any container is another one or was started again; the others are exactly as before.
fn restarted(site: &Site, before: &BTreeMap<String, String>) -> Vec<String> {
    let after = site.containers();
    assert_eq!(before.len(), after.len(), "{before:?} {after:?}");
    let known: Vec<&String> = before.values().collect();
    let scope = format!("{}-", site.world.scope);
    let new = after.iter().filter(|(_, seen)| !known.contains(seen));
    let mut names: Vec<String> =
        new.map(|(pod, _)| pod.trim_start_matches(&scope).rsplit_once('.').unwrap().0.to_owned()).collect();
    names.dedup();
    names
}

#[tokio::test]
async fn one_changed_byte_of_one_asset_key_restarts_its_consumers_and_nobody_else() {
    let site = Site::new().await;
    site.write("pages/one.txt", "first");
    site.write("pages/two.txt", "second");
    site.deploy("web.hcl", MANIFEST).await;
    let pod = site.pod("one", 1);
    site.world.exec(&pod, &["sh", "-c", "echo kept > /data/row"]).await;
    let before = site.containers();
    site.deploy("pages/one.txt", "First").await;
    assert_eq!(restarted(&site, &before), ["both", "one"]);
    for (pod, file) in
        [(&pod, "/etc/page.txt"), (&site.pod("one", 0), "/etc/page.txt"), (&site.pod("both", 0), "/etc/one.txt")]
    {
        assert_eq!(site.world.exec(pod, &["cat", file]).await.0, "First");
    }
    assert_eq!(site.world.exec(&pod, &["cat", "/data/row"]).await.0, "kept");
    site.writ(&["why", &format!("statefulset/{}/one", site.world.scope)]).await.exits(0).shows("pages");
    // The other key, and then bytes that are as they were.
    let before = site.containers();
    site.deploy("pages/two.txt", "Second").await;
    assert_eq!(restarted(&site, &before), ["both", "two"]);
    let before = site.containers();
    site.deploy("pages/unused.txt", "nobody asks for it").await;
    assert_eq!(restarted(&site, &before), [""; 0]);
    assert_eq!(site.settle().await, 0);
    site.holds().await;
}

#[tokio::test]
async fn one_changed_key_of_a_configmap_a_secret_or_a_bucket_restarts_its_consumers_and_nobody_else() {
    let site = Site::new().await;
    let with = |one: &str, value: &str| KUBERNETES.replace("ONE", one).replace("VALUE", value);
    site.write("pages/one.txt", "first");
    site.write("pages/two.txt", "second");
    site.write("web.hcl", MANIFEST);
    site.deploy("box.yaml", &with("first", "canary-90be-1")).await;
    let before = site.containers();
    site.deploy("box.yaml", &with("First", "canary-90be-1")).await;
    assert_eq!(restarted(&site, &before), ["k-one"]);
    assert_eq!(site.world.exec(&site.pod("k-one", 0), &["cat", "/etc/page/page.txt"]).await.0, "First");
    let before = site.containers();
    site.deploy("box.yaml", &with("First", "canary-90be-2")).await;
    assert_eq!(restarted(&site, &before), ["k-two"]);
    // A bucket of a name is read by that name alone.
    let before = site.containers();
    site.writ(&["config", "set", "-s", &site.world.scope, "-n", "none", "TOKEN=canary-90be=@:/"]).await.exits(0);
    assert!(site.settle().await > 0);
    assert_eq!(restarted(&site, &before), ["none"]);
    assert_eq!(site.world.exec(&site.pod("none", 0), &["sh", "-c", "echo \"$TOKEN\""]).await.0, "canary-90be=@:/");
    site.holds().await;
}
