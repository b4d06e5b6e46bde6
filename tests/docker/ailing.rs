//! What a person is told of containers that fail in a known way, and what to do: in `status`, in `why` and on the commit. Never what
//! they wrote.

use crate::site::{CANARY, Site};

const HINT: &str = "permission denied (run as the owner of its files, or set fsGroup to their group)";

/// A Postgres whose server runs as that user.
fn postgres(user: &str) -> String {
    let form = r"
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: pg, namespace: SCOPE}
spec:
  selector: {matchLabels: {app: pg}}
  template:
    metadata: {labels: {app: pg}}
    spec:
      USER
      terminationGracePeriodSeconds: 5
      containers:
        - name: server
          image: postgres:15-alpine
          env: [{name: POSTGRES_HOST_AUTH_METHOD, value: trust}]
          readinessProbe: {exec: {command: [pg_isready, -U, postgres, -h, 127.0.0.1]}, periodSeconds: 1}
          volumeMounts: [{name: data, mountPath: /var/lib/postgresql/data}]
  volumeClaimTemplates:
    - {metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}
";
    form.replace("USER", user)
}

/// A set whose init container and whose program run these commands.
fn prepared(name: &str, user: &str, init: &str, program: &str) -> String {
    let form = r#"
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: NAME, namespace: SCOPE}
spec:
  minReadySeconds: 0
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      USER
      terminationGracePeriodSeconds: 1
      initContainers:
        - {name: first, image: "writ-test/box:1", command: [sh, -c, "INIT"], volumeMounts: [{name: data, mountPath: /own}]}
      containers:
        - {name: main, image: "writ-test/box:1", command: PROGRAM, volumeMounts: [{name: data, mountPath: /own}]}
  volumeClaimTemplates:
    - {metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}
"#;
    form.replace("NAME", name).replace("USER", user).replace("INIT", init).replace("PROGRAM", program)
}

#[tokio::test]
async fn k84_a_database_that_may_not_use_its_data_is_told_of_with_what_to_do_until_a_commit_heals_it() {
    let site = Site::new().await;
    site.commit("pg.yaml", &postgres("securityContext: {runAsUser: 4711}"));
    let agent = site.start();
    let pod = site.pod("pg", 0);
    let ailing = async |hint: &str, cause: Option<&str>| {
        let text = site.writ(&["status"]).await;
        let document = site.writ(&["status", "-o", "json"]).await.document();
        let seen = &document["units"][0]["objects"][0]["pods"][0];
        let line = text.out.lines().find(|line| line.trim_start().starts_with(&pod)).unwrap_or_default().to_owned();
        let told = line.contains(HINT) == cause.is_some() && seen["ailment"]["cause"].as_str() == cause;
        let well = seen["health"] == "healthy";
        if told && well == cause.is_none() { Ok(()) } else { Err(format!("{hint}: {line}\n{seen:#}")) }
    };
    site.becomes("told of", async || ailing("denied", Some("permission")).await).await;
    let healed = site.commit("pg.yaml", &postgres(""));
    site.is_said(&healed, "success").await;
    site.becomes("told of no more", async || ailing("healed", None).await).await;
    assert_eq!(agent.stop().await, Some(0));
    site.holds().await;
}

#[tokio::test]
async fn k84_what_prepares_a_pod_and_may_not_write_is_told_of_on_the_commit_without_what_it_wrote() {
    let site = Site::new().await;
    let init = format!("echo {CANARY}; mkdir /own/{CANARY}");
    let program = "[sleep, '1000']";
    let user = "securityContext: {runAsUser: 1000GROUP}";
    let denied = site.commit("one.yaml", &prepared("one", &user.replace("GROUP", ""), &init, program));
    site.pass().await.exits(1);
    let (state, text) = site.said(&denied).pop().unwrap();
    assert!(state == "failure" && text.contains("permission denied (run as"), "{text}");
    let object = format!("statefulset/{}/one", site.world.scope);
    site.writ(&["why", &object]).await.exits(0).shows(HINT);
    site.writ(&["history"]).await.exits(0).shows(HINT);

    let healed =
        site.deploy("one.yaml", &prepared("one", &user.replace("GROUP", ", fsGroup: 1000"), &init, program)).await;
    assert_eq!(site.said(&healed).pop().unwrap().0, "success");
    site.holds().await;
}

#[tokio::test]
async fn k84_a_program_that_is_not_there_and_a_job_that_writes_where_it_may_not_are_told_of_on_their_commits() {
    let site = Site::new().await;
    let (user, init) = ("securityContext: {}", "true");
    let missing = site.commit("one.yaml", &prepared("one", user, init, "[serve-it]"));
    site.pass().await.exits(1);
    let (_, text) = site.said(&missing).pop().unwrap();
    assert!(text.contains("its program is not in the image"), "{text}");
    let status = site.writ(&["status", "-o", "json"]).await.document();
    let seen = &status["units"][0]["objects"][0]["pods"][0];
    assert_eq!((&seen["ailment"]["cause"], &seen["state"]), (&"program".into(), &"never started".into()), "{status:#}");
    site.deploy("one.yaml", &prepared("one", user, init, "[sleep, '1000']")).await;

    let job = format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: work, namespace: SCOPE}}\nspec:\n  backoffLimit: 0\n  template:\n    \
         spec:\n      restartPolicy: Never\n      containers:\n        - {{name: main, image: 'writ-test/box:1', \
         securityContext: {{readOnlyRootFilesystem: true}}, command: [sh, -c, 'touch /{CANARY}']}}\n"
    );
    let failed = site.commit("work.yaml", &job);
    site.becomes("failed", async || {
        site.pass().await;
        match site.said(&failed).pop() {
            Some((state, _)) if state == "failure" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let object = format!("job/{}/work", site.world.scope);
    site.writ(&["status", &object]).await.shows("it writes where it may only read (mount a volume there");
    site.holds().await;
}
