//! StatefulSets in Kubernetes YAML whose pods have one container each.

const FORM: &str = r#"
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: NAME, namespace: SCOPE}
spec:
  minReadySeconds: 0
  selector: {matchLabels: {app: NAME}}MORE
  template:
    metadata: {labels: {app: NAME}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: box
          image: writ-test/box:1CONTAINER
"#;

/// A command that does nothing until it is asked to end.
pub const SLEEPS: &str = r#"command: ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]"#;

/// A claim for each pod.
pub const CLAIM: &str = "volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}";

/// Where the claim is.
pub const MOUNTED: &str = "volumeMounts: [{name: data, mountPath: /data}]";

/// A set whose pods count as available once they are ready, with further lines of its own and of its container.
pub fn set(name: &str, more: &[&str], container: &[&str]) -> String {
    let lines = |indent: &str, texts: &[&str]| -> String {
        texts.iter().flat_map(|text| text.lines()).map(|line| format!("\n{indent}{line}")).collect()
    };
    let form = FORM.replace("MORE", &lines("  ", more)).replace("CONTAINER", &lines("          ", container));
    form.replace("NAME", name)
}

/// A Service without an address for the pods of that set.
pub fn headless(name: &str) -> String {
    let form = "
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: SCOPE}
spec: {clusterIP: None, selector: {app: NAME}, ports: [{port: 80}]}
";
    form.replace("NAME", name)
}
