//! Secrets that SOPS encrypted in Git, in containers of a real engine.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use age::x25519::Identity;

use crate::fixture::{config_map, env_file, identity_file, secret};
use crate::site::Site;

/// One reads a Secret as a variable and a ConfigMap as a file, the other another Secret.
const READERS: &str = r#"
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: one, namespace: SCOPE}
spec:
  minReadySeconds: 0
  selector: {matchLabels: {app: one}}
  template:
    metadata: {labels: {app: one}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: box
          image: writ-test/box:1
          command: [sleep, "1000"]
          env: [{name: KEY, valueFrom: {secretKeyRef: {name: one, key: KEY}}}]
          volumeMounts: [{name: map, mountPath: /etc/map}, {name: keys, mountPath: /etc/keys}]
      volumes: [{name: map, configMap: {name: map}}, {name: keys, secret: {secretName: one}}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: two, namespace: SCOPE}
spec:
  minReadySeconds: 0
  selector: {matchLabels: {app: two}}
  template:
    metadata: {labels: {app: two}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - {name: box, image: "writ-test/box:1", command: [sleep, "1000"], envFrom: [{secretRef: {name: two}}]}
"#;

/// Gives the host an identity of age.
fn identity_of(site: &Site) -> Identity {
    let (identity, file, settings) = (Identity::generate(), site.path("identities"), site.path("agent.toml"));
    fs::write(&file, identity_file(&identity)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let named = format!("[host]\nage_identity_file = {file:?}\n");
    fs::write(&settings, fs::read_to_string(&settings).unwrap().replacen("[host]\n", &named, 1)).unwrap();
    identity
}

#[tokio::test]
async fn encrypted_values_reach_containers_and_encrypting_them_anew_leaves_each_container_as_it_is() {
    let site = Site::new().await;
    let identity = identity_of(&site);
    let named = |name: &str| format!("{}/{name}", site.world.scope);
    let ours = [identity.to_public()];
    let value = "canary-90be: größe\n# 1 ";
    site.write("two.yaml", &secret(&named("two"), &[("KEY", "canary-90be-2")], &ours));
    site.write("map.yaml", &config_map(&named("map"), &[("level", "canary-90be-3")], &ours));
    site.write("one.yaml", &secret(&named("one"), &[("KEY", value)], &ours));
    site.deploy("readers.yaml", READERS).await;
    let (one, two) = (site.pod("one", 0), site.pod("two", 0));
    assert_eq!(site.world.exec(&one, &["sh", "-c", "echo \"[$KEY]\""]).await.0, format!("[{value}]"));
    let files = site.world.exec(&one, &["sh", "-c", "cat /etc/map/level; echo; cat /etc/keys/KEY; echo ]"]).await.0;
    assert_eq!(files, format!("canary-90be-3\n{value}]"));
    assert_eq!(site.world.exec(&two, &["sh", "-c", "echo \"$KEY\""]).await.0, "canary-90be-2");
    // Other keys, nonces and recipients.
    let before = site.containers();
    let more = [Identity::generate().to_public(), identity.to_public()];
    site.write("map.yaml", &config_map(&named("map"), &[("level", "canary-90be-3")], &more));
    site.write("two.yaml", &secret(&named("two"), &[("KEY", "canary-90be-2")], &more));
    site.deploy("one.yaml", &secret(&named("one"), &[("KEY", value)], &more)).await;
    assert_eq!(site.containers(), before);
    site.deploy("two.yaml", &secret(&named("two"), &[("KEY", "canary-90be-4")], &more)).await;
    let after = site.containers();
    assert!(after[&one] == before[&one] && after[&two] != before[&two], "{before:?} {after:?}");
    assert_eq!(site.world.exec(&two, &["sh", "-c", "echo \"$KEY\""]).await.0, "canary-90be-4");
    // For others alone: refused, and what runs goes on.
    site.commit("two.yaml", &secret(&named("two"), &[("KEY", "canary-90be-5")], &more[..1]));
    site.pass().await.exits(3);
    assert_eq!(site.containers(), after);
    for words in [&["why", &format!("statefulset/{}/two", site.world.scope)][..], &["status"], &["history"], &["plan"]]
    {
        site.writ(words).await;
    }
    site.holds().await;
}

#[tokio::test]
async fn an_encrypted_file_of_variables_reaches_a_container_to_the_byte_and_encrypting_it_anew_leaves_it_as_it_is() {
    const STACK: &str = r#"
asset "SCOPE" "web" {
  env = file("./web.env")
}
deployment "SCOPE" "web" {
  image   = "writ-test/box:1"
  command = ["sleep", "1000"]
  volumes = ["${asset.SCOPE.web.env}:/etc/web.env:ro"]
}
"#;
    let site = Site::new().await;
    let identity = identity_of(&site);
    let values = |word: &str| vec![("URL", format!("a://b:{word}@c?d=e")), ("LINES", "größe\n\"two\" #".to_owned())];
    let file = |word: &str, to: &[age::x25519::Recipient]| {
        let values = values(word);
        let pairs: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        env_file(&pairs, to)
    };
    site.write("web.env", &file("canary-90be-6", &[identity.to_public()]));
    site.deploy("web.hcl", STACK).await;
    let before = site.containers();
    let pod = before.keys().next().unwrap().clone();
    let expected = "# How to get in.\nURL=a://b:canary-90be-6@c?d=e\nLINES=größe\\n\"two\" #\n]";
    assert_eq!(site.world.exec(&pod, &["sh", "-c", "cat /etc/web.env; echo ]"]).await.0, expected);
    let more = [Identity::generate().to_public(), identity.to_public()];
    site.deploy("web.env", &file("canary-90be-6", &more)).await;
    assert_eq!(site.containers(), before);
    site.deploy("web.env", &file("canary-90be-7", &more)).await;
    let after = site.containers();
    assert!(after.len() == 1 && after != before, "{after:?}");
    let pod = after.keys().next().unwrap();
    assert!(site.world.exec(pod, &["cat", "/etc/web.env"]).await.0.contains("canary-90be-7@"));
    site.commit("web.env", &file("canary-90be-8", &more[..1]));
    site.pass().await.exits(3);
    assert_eq!(site.containers(), after);
    for words in [&["why", &format!("deployment/{}/web", site.world.scope)][..], &["status"], &["history"], &["plan"]] {
        site.writ(words).await;
    }
    site.holds().await;
}
