//! A StatefulSet in Kubernetes YAML with all that the seed's samples ask for.

use writ::target::Depth;

use crate::pass::Unit;

const MANIFEST: &str = r#"
apiVersion: v1
kind: Secret
metadata: {name: creds, namespace: SCOPE}
stringData: {redis-password: "canary-51aa", USER_NAME: writ}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: conf, namespace: SCOPE}
data:
  one.conf: "first\n"
  two.conf: "second\n"
---
apiVersion: v1
kind: Service
metadata: {name: box, namespace: SCOPE}
spec:
  clusterIP: None
  selector: {app: box}
  ports: [{port: 8080, name: web}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: box, namespace: SCOPE}
spec:
  serviceName: box
  replicas: 2
  selector: {matchLabels: {app: box}}
  template:
    metadata: {labels: {app: box}}
    spec:
      terminationGracePeriodSeconds: 2
      securityContext: {fsGroup: 1000}
      containers:
        - name: box
          image: writ-test/box:1
          command: ["sh", "-c", "echo password is $(REDIS_PASSWORD) > /tmp/seen; mkdir -p /tmp/www; exec httpd -f -p 8080 -h /tmp/www"]
          securityContext: {runAsUser: 1000}
          envFrom: [{secretRef: {name: creds}}]
          env:
            - name: REDIS_PASSWORD
              valueFrom: {secretKeyRef: {name: creds, key: redis-password}}
          ports: [{containerPort: 8080, name: web}]
          resources:
            requests: {cpu: 100m, memory: 16Mi}
            limits: {memory: 64Mi}
          livenessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
          readinessProbe:
            exec: {command: ["sh", "-c", "test -w /data"]}
            periodSeconds: 1
          volumeMounts:
            - {name: data, mountPath: /data}
            - {name: all, mountPath: /etc/all, readOnly: true}
            - {name: some, mountPath: /etc/some}
      volumes:
        - name: all
          configMap: {name: conf}
        - name: some
          configMap: {name: conf, items: [{key: one.conf, path: renamed.conf}]}
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"#;

async fn unit() -> Unit {
    let mut unit = Unit::new().await;
    unit.apply("box.yaml", MANIFEST).await;
    unit
}

#[tokio::test]
async fn secrets_and_configuration_reach_the_container_as_asked() {
    let unit = unit().await;
    let pod = unit.pod("box", 0);
    let told = async |command: &[&str]| unit.world.exec(&pod, command).await.0;
    assert_eq!(told(&["cat", "/tmp/seen"]).await, "password is canary-51aa");
    assert_eq!(told(&["sh", "-c", "echo $REDIS_PASSWORD"]).await, "canary-51aa");
    assert_eq!(told(&["sh", "-c", "echo $USER_NAME"]).await, "writ");
    assert_eq!(told(&["sh", "-c", "cat /etc/all/one.conf /etc/all/two.conf"]).await, "first\nsecond");
    assert_eq!(told(&["ls", "/etc/some"]).await, "renamed.conf");
    assert_ne!(unit.world.exec(&pod, &["sh", "-c", "echo x > /etc/all/one.conf"]).await.1, 0);
    assert_ne!(unit.world.exec(&pod, &["sh", "-c", "echo x > /etc/some/new"]).await.1, 0);
}

#[tokio::test]
async fn the_group_of_the_pod_may_write_to_its_claim_and_limits_are_as_written() {
    let unit = unit().await;
    let pod = unit.pod("box", 0);
    assert_eq!(
        unit.world.exec(&pod, &["sh", "-c", "id -u; echo row > /data/row && cat /data/row"]).await.0,
        "1000\nrow"
    );
    let limits =
        "{{.HostConfig.CpuShares}} {{.HostConfig.NanoCpus}} {{.HostConfig.Memory}} {{.HostConfig.MemoryReservation}}";
    assert_eq!(unit.world.field(&pod, limits), format!("102 0 {} {}", 64 << 20, 16 << 20));
    assert_eq!(
        unit.world.field(&pod, "{{.Config.StopTimeout}} {{.HostConfig.RestartPolicy.Name}}"),
        "2 unless-stopped"
    );
    assert_eq!(unit.world.look(Depth::Deep).await.pods[&pod].altered, []);
}

#[tokio::test]
async fn every_name_of_the_service_leads_to_its_ready_pods_and_every_name_of_a_pod_to_it() {
    let unit = unit().await;
    let (zero, one) = (unit.pod("box", 0), unit.pod("box", 1));
    let address = unit.world.address(&zero);
    let scope = &unit.world.scope;
    for name in [format!("box-0.box.{scope}.svc.cluster.local"), format!("box-0.box.{scope}")] {
        assert_eq!(unit.world.resolve(&one, &name).await, [address.as_str()], "{name}");
    }
    for name in [format!("box.{scope}.svc.cluster.local"), format!("box.{scope}.svc"), format!("box.{scope}")] {
        let both = crate::world::until(|| async {
            let found = unit.world.resolve(&one, &name).await;
            ((found.len() == 2).then_some(()), format!("{found:?}"))
        });
        assert!(both.await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn a_pod_that_a_person_deletes_comes_back_under_its_name_with_its_data() {
    let mut unit = unit().await;
    let pod = unit.pod("box", 1);
    assert_eq!(unit.world.exec(&pod, &["sh", "-c", "echo kept > /data/row"]).await.1, 0);
    let (old, neighbour) = (unit.world.container(&pod).await, unit.world.container(&unit.pod("box", 0)).await);
    unit.world.person(&["rm", "-f", &pod]);
    let steps = unit.apply("box.yaml", MANIFEST).await;
    assert_eq!(steps, [format!("create {pod}")]);
    assert_ne!(unit.world.container(&pod).await, old);
    assert_eq!(unit.world.container(&unit.pod("box", 0)).await, neighbour);
    assert_eq!(unit.world.exec(&pod, &["cat", "/data/row"]).await.0, "kept");
    assert_eq!(unit.apply("box.yaml", MANIFEST).await, [""; 0]);
}
