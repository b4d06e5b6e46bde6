//! The kinds of Kubernetes together: what each of them brings about, what it leaves alone, and what is refused.

use crate::site::Site;

/// Every kind of the samples; the documents stand in an order in which each comes before what it rests on.
const STACK: &str = r#"
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: pg, namespace: SCOPE}
spec:
  minAvailable: 1
  selector: {matchLabels: {app: pg}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: pg, namespace: SCOPE}
spec:
  serviceName: pg
  replicas: COUNT
  minReadySeconds: 0
  podManagementPolicy: OrderedReady
  selector: {matchLabels: {app: pg}}
  template:
    metadata: {labels: {app: pg}}
    spec:
      securityContext: {fsGroup: 1000}
      terminationGracePeriodSeconds: 1
      containers:
        - name: pg
          image: IMAGE
          command: ["sh", "-c", "trap 'exit 0' TERM; echo started by $(USER_NAME); sleep 1000 & wait"]
          ports: [{containerPort: 5432, name: sql}]
          envFrom: [{secretRef: {name: creds}}]
          env: [{name: ADMIN, valueFrom: {secretKeyRef: {name: creds, key: admin-password}}}]
          resources: {requests: {cpu: 100m, memory: 16Mi}, limits: {memory: 64Mi}}
          livenessProbe: {exec: {command: ["true"]}, initialDelaySeconds: 30, periodSeconds: 10}
          readinessProbe: {exec: {command: ["sh", "-c", "echo $ADMIN | grep -q admin"]}, periodSeconds: 1}
          volumeMounts:
            - {name: data, mountPath: /data}
            - {name: all, mountPath: /etc/all, readOnly: true}
            - {name: some, mountPath: /etc/some}
      volumes:
        - {name: all, configMap: {name: settings}}
        - {name: some, configMap: {name: settings, items: [{key: custom.conf, path: other.conf}]}}
  volumeClaimTemplates:
    - metadata: {name: data}
      spec:
        accessModes: [ReadWriteOnce]
        storageClassName: local
        resources: {requests: {storage: SIZE}}
---
apiVersion: v1
kind: Service
metadata: {name: pg, namespace: SCOPE}
spec:
  clusterIP: None
  selector: {app: pg}
  ports: [{name: sql, port: 5432, targetPort: 5432}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: SCOPE}
data:
  INITDB_ARGS: --data-checksums
  custom.conf: |
    max_connections = 50
    work_mem = 4MB
---
apiVersion: v1
kind: Secret
metadata: {name: creds, namespace: SCOPE}
type: Opaque
stringData: {USER_NAME: app, PASSWORD: canary-90be, admin-password: admin-canary-90be}
---
apiVersion: v1
kind: Namespace
metadata: {name: SCOPE}
"#;

const CLASS: &str = r#"
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: local}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
allowVolumeExpansion: true
reclaimPolicy: Retain
"#;

/// Something that stays, so that a unit never asks for nothing at all.
const OTHER: &str = r#"
statefulset "SCOPE" "other" {
  image   = "writ-test/box:1"
  command = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
}
"#;

fn stack(image: &str, count: u32, size: &str) -> String {
    STACK.replace("IMAGE", image).replace("COUNT", &count.to_string()).replace("SIZE", size)
}

/// A host with the class and something that stays.
async fn site() -> Site {
    let site = Site::new().await;
    site.write("class.yaml", CLASS);
    site.deploy("other.hcl", OTHER).await;
    site
}

#[tokio::test]
async fn every_kind_of_the_samples_does_its_part_and_a_budget_a_class_and_a_size_hold_up_nothing() {
    let site = site().await;
    let text = stack("writ-test/box:1", 1, "1Gi");
    let folder = site.path("manifests");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.yaml"), site.scoped(&text)).unwrap();
    std::fs::write(folder.join("class.yaml"), CLASS).unwrap();
    let checked = site.writ(&["check", folder.to_str().unwrap()]).await;
    checked.exits(0);
    for note in ["1 of 1 pods must stay ready", "`allowVolumeExpansion` has no effect", "`storage` has no effect"] {
        assert!(checked.error.contains(note), "{note}: {}", checked.error);
    }

    // A volume is made with the pod that wants it, and not before.
    site.deploy("a.yaml", &stack("writ-test/box:1", 0, "1Gi")).await;
    assert_eq!(site.volumes(&site.world.scope), [""; 0]);
    site.deploy("a.yaml", &text).await;
    let (pod, volume) = (site.pod("pg", 0), format!("voodu-{}-pg-data-0", site.world.scope));
    assert_eq!(site.volumes(&site.world.scope), [volume.as_str()]);
    let told = async |command: &str| site.world.exec(&pod, &["sh", "-c", command]).await.0;
    assert_eq!(told("echo $USER_NAME $PASSWORD $ADMIN").await, "app canary-90be admin-canary-90be");
    assert_eq!(told("ls /etc/all /etc/some").await, "/etc/all:\nINITDB_ARGS\ncustom.conf\n\n/etc/some:\nother.conf");
    assert_eq!(told("cat /etc/some/other.conf").await, "max_connections = 50\nwork_mem = 4MB");
    assert_eq!(told("echo \"$INITDB_ARGS.\"").await, ".", "a key of a mounted ConfigMap is no variable");
    assert_eq!(told("stat -c %g /data; echo kept > /data/row; cat /data/row").await, "1000\nkept");
    site.writ(&["logs", "pg-0", "-n", &site.world.scope]).await.exits(0).shows("started by app");

    // A budget of one of one holds up no change of the pod; a class and a size change nothing that is there.
    let before = site.containers();
    site.deploy("a.yaml", &stack("writ-test/box:2", 1, "1Gi")).await;
    assert_ne!(site.containers()[&pod], before[&pod]);
    assert_eq!(told("cat /data/row").await, "kept");
    let before = site.containers();
    site.deploy("a.yaml", &stack("writ-test/box:2", 1, "5Gi")).await;
    site.deploy("class.yaml", &CLASS.replace("Retain", "Delete")).await;
    assert_eq!(site.containers(), before);

    // What goes from Git leaves its volume, and finds it when it comes back.
    site.repository.remove("host/a.yaml");
    site.deploy("class.yaml", CLASS).await;
    assert!(!site.containers().contains_key(&pod));
    assert_eq!(site.volumes(&site.world.scope), [volume.as_str()]);
    site.deploy("a.yaml", &stack("writ-test/box:2", 1, "5Gi")).await;
    assert_eq!(told("cat /data/row").await, "kept");
    site.holds().await;
}

#[tokio::test]
async fn k57_a_selector_that_does_not_find_its_own_pods_is_refused_and_nothing_is_made() {
    let site = site().await;
    let (before, text) = (site.containers(), stack("writ-test/box:1", 1, "1Gi"));
    let commit = site.commit("a.yaml", &text.replace("metadata: {labels: {app: pg}}", "metadata: {labels: {app: gp}}"));
    let pass = site.pass().await;
    pass.exits(3);
    assert_eq!(pass.document()["changes"], 0);
    assert_eq!((site.containers(), site.volumes(&site.world.scope)), (before, Vec::new()));
    let (state, said) = site.said(&commit).pop().unwrap();
    assert!(state == "error" && said.contains("the selector does not find its own pods"), "{state}: {said}");
    assert!(site.told().await.contains("the selector does not find its own pods"));
    // Mended, it is made.
    site.deploy("a.yaml", &text).await;
    assert!(site.containers()[&site.pod("pg", 0)].contains(" running "));
    site.holds().await;
}

#[tokio::test]
async fn k66_k85_a_claim_of_an_undeclared_class_is_pending_with_its_reason_holds_up_nobody_and_recovers_once_declared()
{
    let site = site().await;
    let text = stack("writ-test/box:1", 1, "1Gi").replace("storageClassName: local", "storageClassName: lost");
    let commit = site.commit("a.yaml", &text);
    site.write("more.hcl", &OTHER.replace("other", "more"));
    let commit_of_more = site.commit("more.hcl", &OTHER.replace("other", "more"));
    assert_ne!(commit, commit_of_more);
    site.pass().await.exits(3);
    let (pod, more) = (site.pod("pg", 0), site.pod("more", 0));
    let running = |pod: &String| site.containers().get(pod).is_some_and(|seen| seen.contains(" running "));
    assert!(running(&more) && !site.containers().contains_key(&pod), "{:?}", site.containers());
    assert_eq!(site.volumes(&site.world.scope), [""; 0]);
    let reason = "claim data asks for storage class lost, which is not declared";
    let status = site.writ(&["status"]).await;
    assert!(status.code == Some(1) && status.out.contains("pending") && status.out.contains(reason), "{status:?}");
    site.writ(&["plan"]).await.exits(3).shows(reason);
    assert!(site.told().await.contains(reason));
    let (state, said) = site.said(&commit_of_more).pop().unwrap();
    assert!(state != "success" && said.contains("pending"), "{state}: {said}");
    // Declared, it comes; and what runs already stays when the class goes again.
    site.deploy("lost.yaml", &CLASS.replace("local", "lost")).await;
    assert!(running(&pod));
    site.writ(&["status"]).await.exits(0);
    let before = site.containers();
    site.repository.remove("host/lost.yaml");
    site.commit("class.yaml", CLASS);
    site.pass().await.exits(3);
    assert_eq!(site.containers(), before);
    site.writ(&["status"]).await.shows("storage class lost");
    site.holds().await;
}
