//! Which names lead where, by the Services that there are, asked in the engine's own DNS from pods.

use futures_util::future::join_all;

use crate::site::Site;
use crate::yaml::{SLEEPS, headless, set};

/// Somebody in another namespace.
const CLIENT: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: places, namespace: SCOPEx}
data: {DATABASE_HOST: db.SCOPE.svc.cluster.local, DATABASE_PORT: "5432"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: client, namespace: SCOPEx}
spec:
  minReadySeconds: 0
  selector: {matchLabels: {app: client}}
  template:
    metadata: {labels: {app: client}}
    spec:
      containers:
        - name: box
          image: writ-test/box:1
          command: ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
          envFrom: [{configMapRef: {name: places}}]
"#;

/// What a pod that tells who it is adds to its container.
const TELLS: &str = r#"
command: ["sh", "-c", "mkdir /www; echo \"$POD of $TIER, number $NUMBER\" > /www/who; exec httpd -f -p 5432 -h /www"]
ports: [{containerPort: 5432, name: web}]
env:
  - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
  - {name: TIER, valueFrom: {fieldRef: {fieldPath: "metadata.labels['tier']"}}}
  - {name: NUMBER, valueFrom: {fieldRef: {fieldPath: "metadata.labels['apps.kubernetes.io/pod-index']"}}}
readinessProbe: {tcpSocket: {port: 5432}, periodSeconds: 1}"#;

/// A set with its Service, one without any, one with a Service that has an address, and the somebody.
fn manifest() -> String {
    let db = set("db", &["serviceName: db", "replicas: 2"], &[TELLS.trim_start()]);
    let db = db.replace("    metadata: {labels: {app: db}}", "    metadata: {labels: {app: db, tier: back}}");
    let (bare, vip) = (set("bare", &["serviceName: bare"], &[SLEEPS]), set("vip", &["serviceName: vip"], &[SLEEPS]));
    let address = headless("vip").replace("clusterIP: None, ", "");
    [&headless("db"), &db, &bare, &vip, &address, CLIENT].map(str::trim).join("\n---\n")
}

/// Asks from a pod until each of these names leads to these pods and to nobody else. A name that leads nowhere is asked of
/// servers beyond the engine, too, which may take its time: all are asked side by side.
async fn lead(site: &Site, from: &str, names: &[&str], pods: &[&str]) {
    let mut wanted: Vec<String> = pods.iter().map(|pod| site.world.address(pod)).collect();
    wanted.sort();
    let questions = names.iter().map(async |name| {
        let name = site.scoped(name);
        site.becomes(&format!("{name} from {from} leads to {wanted:?}"), async || {
            let found = site.world.resolve(from, &name).await;
            if found == wanted { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    });
    join_all(questions).await;
}

#[tokio::test]
async fn names_lead_to_pods_by_the_headless_service_that_governs_them_and_to_none_without_it() {
    let site = Site::new().await;
    let text = manifest();
    let file = site.path("manifest.yaml");
    std::fs::write(&file, site.scoped(&text)).unwrap();
    let checked = site.writ(&["check", file.to_str().unwrap()]).await;
    checked.exits(0);
    for warning in ["there is no Service `bare`", "the Service `vip` is not headless"] {
        assert!(checked.error.contains(warning), "{}", checked.error);
    }
    assert!(!checked.error.contains("Service `db`"), "{}", checked.error);
    site.deploy("manifest.yaml", &text).await;
    let (zero, one) = (site.pod("db", 0), site.pod("db", 1));
    let (bare, vip) = (site.pod("bare", 0), site.pod("vip", 0));
    let other = format!("{}x-client.", site.world.scope);
    let client = site.containers().into_keys().find(|name| name.starts_with(&other)).expect("it runs in its namespace");

    // The names of one pod and of all, from the same namespace and from another one.
    for from in [bare.as_str(), client.as_str()] {
        let own = ["db-1.db.SCOPE.svc.cluster.local", "db-1.db.SCOPE.svc", "db-1.db.SCOPE", "db-1.SCOPE"];
        lead(&site, from, &own, &[&one]).await;
        lead(&site, from, &["db.SCOPE.svc.cluster.local", "db.SCOPE.svc", "db.SCOPE"], &[&zero, &one]).await;
    }
    lead(&site, &bare, &["db-0.db"], &[&zero]).await;
    let fetch = async |from: &str, url: &str| site.world.exec(from, &["sh", "-c", &format!("wget -qO- {url}")]).await;
    let by_name = site.scoped("http://db-1.db.SCOPE.svc.cluster.local:5432/who");
    assert_eq!(fetch(&client, &by_name).await, ("db-1 of back, number 1".to_owned(), 0));
    assert_eq!(fetch(&zero, &by_name).await, ("db-1 of back, number 1".to_owned(), 0));
    let any = fetch(&client, "\"http://$DATABASE_HOST:$DATABASE_PORT/who\"").await;
    assert!(any.1 == 0 && any.0.contains(" of back, number "), "{any:?}");

    // Without a Service no name below it leads anywhere, and a Service with an address leads to its pods together and to
    // none of them alone; the pods are there all the same.
    let bare_names = ["bare-0.bare.SCOPE.svc.cluster.local", "bare-0.bare.SCOPE", "bare-0.bare", "bare.SCOPE.svc"];
    let vip_names = ["vip-0.vip.SCOPE.svc.cluster.local", "vip-0.vip.SCOPE", "vip-0.vip"];
    lead(&site, &zero, &[&bare_names[..], &vip_names[..]].concat(), &[]).await;
    lead(&site, &zero, &["bare-0.SCOPE"], &[&bare]).await;
    lead(&site, &zero, &["vip.SCOPE.svc.cluster.local"], &[&vip]).await;

    // The Service comes later: the names come with it, and nobody else is touched.
    let before = site.containers();
    site.deploy("service.yaml", &headless("bare")).await;
    lead(&site, &zero, &["bare-0.bare.SCOPE.svc.cluster.local", "bare.SCOPE.svc.cluster.local"], &[&bare]).await;
    let after = site.containers();
    let changed: Vec<&String> =
        after.iter().filter(|(pod, seen)| before.get(*pod) != Some(seen)).map(|it| it.0).collect();
    assert!(changed.iter().all(|pod| **pod == bare), "{changed:?}");
    site.holds().await;
}
