//! What a pod is told of itself on a real engine, what its machine is called, whom it asks for names, what it sets of the kernel.

use writ::target::LogRequest;
use writ_core::model::{PodIndex, PodSpec};

use crate::pass::Unit;
use crate::world::{HOST, until};

const TOLD: &str = "env: [{name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}, \
     {name: HOST_IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}, \
     {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}, \
     {name: UID_OF_POD, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}, \
     {name: CPUS, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}, \
     {name: MEMORY, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}, \
     {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, \
     {name: URL, value: 'http://$(IP)/$(NODE)'}]";

const SLEEP: &str = "command: [sh, -c, \"trap 'exit 0' TERM; sleep 1000 & wait\"]";

/// A StatefulSet with more of its pod and of its containers.
fn set(pod: &str, init: &str, containers: &str) -> String {
    format!(
        "apiVersion: v1
kind: Service
metadata: {{name: db, namespace: SCOPE}}
spec: {{clusterIP: None, selector: {{app: db}}, ports: [{{port: 7}}]}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: db, namespace: SCOPE}}
spec:
  serviceName: db
  selector: {{matchLabels: {{app: db}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec:
      terminationGracePeriodSeconds: 5
      {pod}
      initContainers: [{init}]
      containers: [{containers}]
"
    )
}

async fn made(unit: &Unit, text: &str) -> PodSpec {
    let desired = unit.desired("db.yaml", text);
    let pod = desired.workloads.values().next().unwrap().pod(&PodIndex::Ordinal(0));
    unit.world.create(&pod).await.unwrap();
    pod
}

/// What a program in a container of the engine writes.
fn inside(unit: &Unit, container: &str, command: &str) -> String {
    unit.world.person(&["exec", container, "sh", "-c", command])
}

/// The address of a pod as the engine has it, and that of the host on the network.
fn addresses(unit: &Unit, pod: &str) -> (String, String) {
    let of = |what: &str| format!("{{{{(index .NetworkSettings.Networks \"voodu0\").{what}}}}}");
    (unit.world.field(pod, &of("IPAddress")), unit.world.field(pod, &of("Gateway")))
}

fn is_uid(text: &str) -> bool {
    text.len() == 36 && text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
}

#[tokio::test]
async fn a_pod_of_one_container_finds_what_it_asked_for_about_itself_and_its_host() {
    let unit = Unit::new().await;
    let logs = unit.world.state.path().join("logs");
    std::fs::create_dir_all(logs.join("db-0")).unwrap();
    std::fs::write(logs.join("db-0/page"), "of this pod").unwrap();
    let pod = format!(
        "setHostnameAsFQDN: true
      dnsConfig: {{searches: [{scope}], options: [{{name: ndots, value: '2'}}]}}
      securityContext: {{sysctls: [{{name: net.ipv4.tcp_keepalive_time, value: '601'}}]}}
      volumes: [{{name: logs, hostPath: {{path: {logs}}}}}, {{name: me, downwardAPI: {{items: [{{path: uid, fieldRef: {{fieldPath: metadata.uid}}}}, {{path: cpus, resourceFieldRef: {{containerName: app, resource: limits.cpu}}}}]}}}}]",
        scope = unit.world.scope,
        logs = logs.display(),
    );
    let init = format!(
        "{{name: first, image: 'writ-test/box:1', {}, volumeMounts: [{{name: logs, mountPath: /logs}}], command: [sh, -c, 'echo $NODE $UID_OF_POD > /logs/first; sysctl -n net.ipv4.tcp_keepalive_time >> /logs/first']}}",
        TOLD.replace("{name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}, ", "")
    );
    let app = format!(
        "{{name: app, image: 'writ-test/box:1', {TOLD}, stdin: true, tty: true, volumeMounts: [{{name: logs, mountPath: /mine, subPathExpr: $(POD)}}, {{name: me, mountPath: /me}}], \
         args: [sh, -c, 'echo on $(URL); tty; exec cat']}}"
    );
    let pod = made(&unit, &set(&pod, &init, &app)).await;
    let told = |command: &str| inside(&unit, &pod.name, command);
    let (address, host) = addresses(&unit, &pod.name);
    assert_eq!(told("echo $IP $HOST_IP $NODE $POD"), format!("{address} {host} {HOST} db-0"));
    assert_eq!(told("echo $CPUS"), unit.world.person(&["info", "-f", "{{.NCPU}}"]));
    let bytes: u64 = unit.world.person(&["info", "-f", "{{.MemTotal}}"]).parse().unwrap();
    assert_eq!(told("echo $MEMORY"), bytes.div_ceil(1 << 20).to_string());
    let uid = told("echo $UID_OF_POD");
    assert!(is_uid(&uid), "{uid}");
    assert_eq!(told("cat /me/uid; echo; cat /me/cpus"), format!("{uid}\n{}", told("echo $CPUS")));
    let first = std::fs::read_to_string(logs.join("first")).unwrap();
    assert_eq!(first, format!("{HOST} {uid}\n601\n"), "what prepares a pod is told the same");
    assert_eq!(told("cat /mine/page"), "of this pod");
    assert_eq!(told("hostname"), format!("db-0.db.{}.svc.cluster.local", unit.world.scope));
    assert_eq!(told("sysctl -n net.ipv4.tcp_keepalive_time"), "601");
    let resolver = told("cat /etc/resolv.conf");
    assert!(resolver.contains(&format!("search {}", unit.world.scope)) && resolver.contains("ndots:2"), "{resolver}");
    assert!(told("nslookup -type=a db-0.db").contains("Name:"), "the engine's own DNS answers first");
    // Its terminal is there, its input stays open, and what it wrote is read as from any container.
    let written = until(|| async {
        use futures_util::StreamExt as _;
        let container = unit.world.container(&pod.name).await;
        let request = LogRequest { follow: false, tail: None, since: None, timestamps: false };
        let mut log = unit.world.target.logs(&container, &request).await.unwrap();
        let mut text = Vec::new();
        while let Some(chunk) = log.next().await {
            text.extend(chunk.unwrap().bytes);
        }
        let text = String::from_utf8(text).unwrap().replace('\r', "");
        ((text == format!("on http://{address}/{HOST}\n/dev/pts/0\n")).then_some(()), text)
    });
    written.await.unwrap();
    assert_eq!(
        unit.world.field(&pod.name, "{{.State.Status}} {{.Config.Tty}} {{.Config.OpenStdin}}"),
        "running true true"
    );
    // The pod that comes in its place is another one, at the same address.
    unit.world.replace(&pod).await.unwrap();
    assert_eq!(addresses(&unit, &pod.name).0, address);
    assert_ne!(told("echo $UID_OF_POD"), uid);
    assert_eq!(told("echo $IP"), address);
}

#[tokio::test]
async fn all_containers_of_a_pod_are_told_the_same_whenever_they_are_made() {
    let unit = Unit::new().await;
    let shared = "volumeMounts: [{name: shared, mountPath: /shared}]";
    let pod = "volumes: [{name: shared, emptyDir: {}}]
      securityContext: {sysctls: [{name: net.ipv4.tcp_keepalive_time, value: '602'}, {name: kernel.shm_rmid_forced, value: '1'}]}
      dnsConfig: {options: [{name: ndots, value: '3'}]}";
    let init = format!(
        "{{name: first, image: 'writ-test/box:1', {TOLD}, {shared}, command: [sh, -c, 'echo $IP $UID_OF_POD > /shared/first']}}"
    );
    let app = |name: &str| format!("{{name: {name}, image: 'writ-test/box:1', {TOLD}, {shared}, {SLEEP}}}");
    // What prepares the pod is told its address, so that it has a sandbox though it is one container.
    let alone = made(&unit, &set(pod, &init, &app("app"))).await;
    assert!(alone.is_joined());
    let part = |name: &str| format!("{}.{name}", alone.name);
    let (address, _) = addresses(&unit, &alone.name);
    let told = inside(&unit, &part("app"), "echo $IP $UID_OF_POD");
    assert!(told.starts_with(&format!("{address} ")) && is_uid(told.split_once(' ').unwrap().1), "{told}");
    assert_eq!(inside(&unit, &part("app"), "cat /shared/first"), told);
    let kernel = inside(&unit, &part("app"), "sysctl -n net.ipv4.tcp_keepalive_time kernel.shm_rmid_forced");
    assert_eq!(kernel, "602\n1");
    assert!(inside(&unit, &part("app"), "cat /etc/resolv.conf").contains("ndots:3"));
    unit.world.remove(&alone.name).await.unwrap();
    // One of several that is made anew is told what its siblings were.
    let two = made(&unit, &set(pod, &init, &format!("{}, {}", app("app"), app("web")))).await;
    let before = inside(&unit, &part("web"), "echo $IP $UID_OF_POD $CPUS $URL");
    assert_ne!(before.split(' ').nth(1), told.split(' ').nth(1), "another pod is another one");
    unit.world.person(&["rm", "-f", &part("web")]);
    unit.world.create(&two).await.unwrap();
    assert_eq!(inside(&unit, &part("web"), "echo $IP $UID_OF_POD $CPUS $URL"), before);
    assert_eq!(inside(&unit, &part("app"), "echo $IP $UID_OF_POD $CPUS $URL"), before);
}
