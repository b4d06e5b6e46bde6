//! Images that are pulled with logins which come with the manifests: from Secrets, and from `registry` in HCL.

use crate::registry::{Registry, Tidy, porter};
use crate::site::{CANARY, Site};

/// A StatefulSet whose pods name Secrets to pull by.
fn web(image: &str, secrets: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: web, namespace: SCOPE}}\nspec:\n  \
         minReadySeconds: 0\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    \
         metadata: {{labels: {{app: web}}}}\n    spec:\n      imagePullSecrets: [{secrets}]\n      \
         terminationGracePeriodSeconds: 1\n      containers:\n      - name: web\n        image: '{image}'\n        \
         command: [sleep, '1000']\n"
    )
}

/// A Secret with the login of a name for a registry.
fn secret(name: &str, host: &str, password: &str) -> String {
    let text = format!("{{\"auths\": {{\"{host}\": {{\"username\": \"ann\", \"password\": \"{password}\"}}}}}}");
    format!(
        "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: SCOPE}}\n\
         type: kubernetes.io/dockerconfigjson\nstringData:\n  .dockerconfigjson: '{text}'\n"
    )
}

/// A locked registry with one image in it, which the host's own user has no login for; the image's name and digest.
async fn filled(site: &Site) -> (Registry, String, String) {
    let registry = Registry::locked(&porter()).await;
    let logins = site.path("pushing");
    std::fs::create_dir(&logins).unwrap();
    registry.write_login(&logins, CANARY);
    let digest = registry.push_as(&site.world, "1", "one", Some(&logins));
    let name = registry.name(&site.world, "1");
    (registry, name, digest)
}

#[tokio::test]
async fn an_image_is_pulled_with_the_first_login_that_fits_of_the_secrets_that_its_pod_names() {
    let site = Site::new().await;
    let _tidy = Tidy(&site.world);
    let (registry, image, digest) = filled(&site).await;
    // Without one, with one that is not there, one for another registry and one that the registry does not take.
    let commit = site.commit("web.yaml", &web(&image, ""));
    site.pass().await.exits(1);
    assert!(site.said(&commit).pop().unwrap().0 == "failure" && site.containers().is_empty());
    let wrong = [web(&image, "{name: gone}, {name: other}, {name: wrong}"), secret("other", "quay.example", CANARY)];
    site.write("wrong.yaml", &secret("wrong", &registry.host, "another"));
    site.commit("web.yaml", &wrong.concat());
    site.pass().await.exits(1);
    let told = site.told().await;
    let scope = &site.world.scope;
    for says in [
        format!("secret/{scope}/gone: it is not there in scope {scope}"),
        format!("secret/{scope}/other has no login for {}", registry.host),
        format!("the registry did not take the login of secret/{scope}/wrong"),
    ] {
        assert!(told.contains(&says), "{says}\n{told}");
    }
    // The good one behind the wrong one.
    let good = [web(&image, "{name: gone}, {name: wrong}, {name: good}"), secret("good", &registry.host, CANARY)];
    site.deploy("web.yaml", &good.concat()).await;
    assert_eq!(site.world.exec(&site.pod("web", 0), &["cat", "/data/word"]).await.0, "one");
    site.writ(&["why", &format!("statefulset/{scope}/web")]).await.exits(0).shows(&digest);
    // A login that goes or changes is no change of what runs.
    let before = site.containers();
    site.deploy("web.yaml", &web(&image, "{name: gone}")).await;
    assert_eq!(site.containers(), before);
    for words in [
        &["status"][..],
        &["history"],
        &["plan"],
        &["check", &site.repository.path().join("host").display().to_string()],
    ] {
        site.writ(words).await;
    }
    site.holds().await;
}

#[tokio::test]
async fn a_registry_in_hcl_is_the_login_for_its_images_with_a_password_from_a_bucket() {
    let site = Site::new().await;
    let _tidy = Tidy(&site.world);
    let (registry, image, _) = filled(&site).await;
    let hcl = |password: &str| {
        format!(
            "registry \"{}\" {{\n  username = \"ann\"\n  {password}\n}}\n\
             statefulset \"SCOPE\" \"web\" {{\n  image = \"{image}\"\n  command = [\"sleep\", \"1000\"]\n}}\n",
            registry.host
        )
    };
    let scope = &site.world.scope;
    let secret = format!("secret/{scope}/{}.registry", registry.host.replace(':', "."));
    site.commit("web.hcl", &hcl("password = \"another\""));
    site.pass().await.exits(1);
    let told = site.told().await;
    assert!(told.contains(&format!("the registry did not take the login of {secret}")), "{told}");
    site.commit("web.hcl", &hcl("password_from = \"SCOPE/logins/TOKEN\""));
    site.pass().await.exits(1);
    let told = site.told().await;
    assert!(told.contains(&format!("say `writ config set -s {scope} -n logins TOKEN=…`")), "{told}");
    site.writ(&["config", "set", "-s", scope, "-n", "logins", &format!("TOKEN={CANARY}")]).await.exits(0);
    site.settle().await;
    assert_eq!(site.world.exec(&site.pod("web", 0), &["cat", "/data/word"]).await.0, "one");
    site.holds().await;
}
