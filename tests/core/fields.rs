//! What a pod is told of itself, what its machine is called, whom it asks for names, and what it sets of the kernel.

use writ_core::model::{ContainerSpec, Dns, MountSource, PodFacts, PodIndex, PodSpec, Terminal};

use crate::desired_text::{desired, env, messages, only, pod, refusal};

/// A StatefulSet in the namespace `data` with more of its pod, and of its containers `app` and `first`.
fn set(pod: &str, app: &str, first: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: pg, namespace: data}}
spec:
  serviceName: db
  selector: {{matchLabels: {{app: pg}}}}
  template:
    metadata: {{labels: {{app: pg, tier: back}}}}
    spec:
      {pod}
      initContainers: [{{name: first, image: 'a:1', {first}}}]
      containers: [{{name: app, image: 'a:1', {app}}}]
"
    )
}

fn facts() -> PodFacts {
    PodFacts {
        node: "edge-1".to_owned(),
        host_address: "10.0.0.1".to_owned(),
        address: "10.0.0.7".to_owned(),
        uid: "01234567-89ab-4def-8123-456789abcdef".to_owned(),
        cpu_millis: 4_000,
        memory_bytes: (8 << 30) + 1,
    }
}

fn told(yaml: &str) -> PodSpec {
    pod(only(&desired(yaml).0), 0).told(&facts()).into_owned()
}

/// Variables with a source each: `NAME` and what stands behind `valueFrom`.
fn variables(of: &[(&str, &str)]) -> String {
    let list: Vec<String> = of.iter().map(|(name, from)| format!("{{name: {name}, valueFrom: {{{from}}}}}")).collect();
    list.join(", ")
}

fn field(path: &str) -> String {
    format!("fieldRef: {{fieldPath: {path}}}")
}

/// The line of what is refused, without its place.
#[track_caller]
fn refuses(yaml: &str, message: &str) {
    let found = refusal(yaml);
    assert!(found.contains(message), "`{message}` is not in: {found}");
}

fn value(container: &ContainerSpec, name: &str) -> String {
    env(container, name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn a_variable_tells_what_is_known_only_once_the_pod_is_made() {
    let known = [
        ("NODE", field("spec.nodeName"), "edge-1"),
        ("HOST", field("status.hostIP"), "10.0.0.1"),
        ("HOSTS", field("status.hostIPs"), "10.0.0.1"),
        ("IP", field("status.podIP"), "10.0.0.7"),
        ("IPS", field("status.podIPs"), "10.0.0.7"),
        ("UID_OF_POD", field("metadata.uid"), "01234567-89ab-4def-8123-456789abcdef"),
        ("ACCOUNT", field("spec.serviceAccountName"), "robot"),
    ];
    let list: Vec<(&str, &str)> = known.iter().map(|(name, from, _)| (*name, from.as_str())).collect();
    let app = format!(
        "args: ['--advertise=$(URL)', '$$(IP)'], env: [{}, {{name: URL, value: 'http://$(IP):80/$(NODE)'}}]",
        variables(&list)
    );
    let yaml = set("serviceAccountName: robot", &app, "");
    let before = pod(only(&desired(&yaml).0), 0);
    assert_eq!(value(&before.main, "URL"), "http://:80/", "nothing is known yet");
    assert_eq!(value(&before.main, "ACCOUNT"), "robot");
    assert!(before.late.is_some() && !before.is_joined());
    let pod = told(&yaml);
    for (name, _, expected) in &known {
        assert_eq!(value(&pod.main, name), *expected, "{name}");
    }
    assert_eq!(value(&pod.main, "URL"), "http://10.0.0.7:80/edge-1");
    assert_eq!(pod.main.arguments.unwrap(), ["--advertise=http://10.0.0.7:80/edge-1", "$(IP)"]);
    let account = set("", &format!("env: [{}]", variables(&[("A", &field("spec.serviceAccountName"))])), "");
    assert_eq!(value(&told(&account).main, "A"), "default");
    assert_eq!(pod_late(&account), None, "nothing of it waits for anything");
}

fn pod_late(yaml: &str) -> Option<()> {
    pod(only(&desired(yaml).0), 0).late.map(|_| ())
}

#[test]
fn what_prepares_a_pod_and_is_told_its_address_shares_it() {
    let told_address = |path: &str| format!("env: [{}]", variables(&[("IP", &field(path))]));
    let joined = |yaml: &str| pod(only(&desired(yaml).0), 0).is_joined();
    assert!(joined(&set("", "", &told_address("status.podIP"))));
    assert!(!joined(&set("", "", &told_address("status.hostIP"))));
    assert!(!joined(&set("", &told_address("status.podIP"), "")));
    assert_eq!(value(&told(&set("", "", &told_address("status.podIP"))).init[0], "IP"), "10.0.0.7");
}

#[test]
fn an_amount_is_told_in_its_unit_rounded_up_and_without_a_limit_it_is_the_hosts() {
    let resources = "resources: {requests: {cpu: 100m, memory: 100Mi}, limits: {cpu: 1500m, memory: 300000001}}";
    let of = |resource: &str, more: &str| format!("resourceFieldRef: {{resource: {resource}{more}}}");
    let check = |resources: &str, resource: &str, more: &str, expected: &str| {
        let app = format!("{resources}, env: [{}]", variables(&[("AMOUNT", &of(resource, more))]));
        assert_eq!(value(&told(&set("", &app, "")).main, "AMOUNT"), expected, "{resources} {resource}{more}");
    };
    check(resources, "limits.cpu", "", "2");
    check(resources, "limits.cpu", ", divisor: 1m", "1500");
    check(resources, "limits.cpu", ", divisor: '1000m'", "2");
    check(resources, "limits.cpu", ", divisor: '0'", "2");
    check(resources, "requests.cpu", "", "1");
    check(resources, "limits.memory", "", "300000001");
    check(resources, "limits.memory", ", divisor: 1M", "301");
    check(resources, "limits.memory", ", divisor: 1Mi", "287");
    check(resources, "requests.memory", ", divisor: 1Gi", "1");
    let none = "command: [run]";
    check(none, "limits.cpu", "", "4");
    check(none, "limits.memory", ", divisor: 1Gi", "9");
    check(none, "requests.cpu", "", "0");
    check(none, "requests.memory", "", "0");
    check("resources: {limits: {memory: 64Mi}}", "requests.memory", ", divisor: 1Mi", "64");
    check("resources: {limits: {memory: '0'}}", "limits.memory", ", divisor: 1Gi", "9");
    let other = format!("env: [{}]", variables(&[("AMOUNT", &of("limits.cpu", ", containerName: app"))]));
    assert_eq!(value(&told(&set("", resources, &other)).init[0], "AMOUNT"), "2", "of another container of the pod");
    // What is limited waits for nothing.
    let fixed = format!("{resources}, env: [{}]", variables(&[("AMOUNT", &of("limits.cpu", ""))]));
    assert_eq!(pod_late(&set("", &fixed, "")), None);
    let wrong = |more: &str| set("", &format!("env: [{}]", variables(&[("AMOUNT", more)])), "");
    refuses(&wrong(&of("limits.cpu", ", divisor: 1k")), "`1k` is no divisor of it");
    refuses(&wrong(&of("limits.memory", ", divisor: 3Mi")), "`3Mi` is no divisor of it");
    refuses(&wrong(&of("limits.cpu", ", containerName: other")), "the pod has no container `other`");
}

#[test]
fn files_tell_what_files_tell_on_kubernetes() {
    let volume = |items: &str| format!("volumes: [{{name: me, downwardAPI: {{items: [{items}]}}}}]");
    let mount = "volumeMounts: [{name: me, mountPath: /me}]";
    let items = "{path: labels, fieldRef: {fieldPath: metadata.labels}}, {path: uid, fieldRef: {fieldPath: metadata.uid}}, \
                 {path: memory, mode: 0400, resourceFieldRef: {containerName: app, resource: limits.memory, divisor: 1Gi}}";
    let pod = told(&set(&volume(items), mount, ""));
    let MountSource::Directory(files) = &pod.main.mounts[0].source else { panic!("{:?}", pod.main.mounts) };
    let content = |name: &str| files[name].content.expose_str().unwrap().to_owned();
    assert_eq!(content("uid"), facts().uid);
    assert_eq!((content("memory").as_str(), files["memory"].mode), ("9", 0o400));
    assert!(content("labels").contains("tier=\"back\"") && content("labels").contains("pod-index=\"0\""));
    let nameless = "{path: memory, resourceFieldRef: {resource: limits.memory}}";
    refuses(&set(&volume(nameless), mount, ""), "a file belongs to no container");
}

#[test]
fn a_host_that_grew_changes_no_hash_and_what_is_asked_for_does() {
    let revision = |app: &str| only(&desired(&set("", app, "")).0).revision.clone();
    let asking = |from: &str| format!("env: [{}]", variables(&[("AMOUNT", from)]));
    let plain = revision(&asking(&field("status.podIP")));
    assert_eq!(plain, revision(&asking(&field("status.podIPs"))), "the same is told");
    for other in [field("status.hostIP"), field("metadata.uid"), "resourceFieldRef: {resource: limits.cpu}".to_owned()]
    {
        assert_ne!(plain, revision(&asking(&other)), "{other}");
    }
    let sizes = ["limits.cpu", "limits.memory", "requests.cpu"]
        .map(|it| revision(&asking(&format!("resourceFieldRef: {{resource: {it}}}"))));
    assert!(sizes[0] != sizes[1] && sizes[0] != sizes[2]);
    // What was there before these fields has the hash that it had.
    let new = ["pod/hostname", "pod/resolver", "pod/sysctls", "container/app/terminal"];
    let parts = only(&desired(&set("", "command: [run]", "")).0).parts.clone();
    assert!(new.iter().all(|part| !parts.contains_key(*part)), "{parts:?}");
    let all = set(
        "setHostnameAsFQDN: true\n      dnsConfig: {nameservers: [192.0.2.53]}\n      securityContext: {sysctls: [{name: net.core.somaxconn, value: '9'}]}",
        "tty: true",
        "",
    );
    let parts = only(&desired(&all).0).parts.clone();
    assert!(new.iter().all(|part| parts.contains_key(*part)), "{parts:?}");
}

/// A Deployment with more of its pod, and a Service of that name that selects it.
fn deployment(more: &str, service: &str) -> String {
    format!(
        "apiVersion: v1
kind: Service
metadata: {{name: {service}, namespace: data}}
spec: {{clusterIP: None, selector: {{app: web}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: data}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      {more}
      containers: [{{name: app, image: 'a:1', env: [{{name: NAME, valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}}}]}}]
"
    )
}

fn replica(yaml: &str) -> PodSpec {
    only(&desired(yaml).0).pod(&PodIndex::Replica("1a2b".to_owned()))
}

#[test]
fn a_machine_is_called_as_the_manifest_says_and_is_found_below_its_service() {
    let pod = replica(&deployment("hostname: front", "web"));
    assert_eq!((pod.hostname.as_str(), value(&pod.main, "NAME")), ("front", "web-1a2b".to_owned()));
    assert!(!pod.shared_names.iter().any(|name| name.starts_with("front.")), "{:?}", pod.shared_names);
    let below = replica(&deployment(
        "{hostname: front, subdomain: web, setHostnameAsFQDN: true}\n"
            .trim_matches(['{', '}', '\n'])
            .replace(", ", "\n      ")
            .as_str(),
        "web",
    ));
    assert_eq!(below.hostname, "front.web.data.svc.cluster.local");
    for name in ["front.web.data", "front.web.data.svc", "front.web.data.svc.cluster.local"] {
        assert!(below.shared_names.iter().any(|found| found == name), "{name}: {:?}", below.shared_names);
    }
    let (_, notes) = desired(&deployment("hostname: front\n      subdomain: nobody", "web"));
    assert!(
        messages(&notes).contains("Warning: deployment/data/web: no name front.nobody leads to its pods"),
        "{}",
        messages(&notes)
    );
    assert_eq!(replica(&deployment("setHostnameAsFQDN: true", "web")).hostname, "web-1a2b");
    let long = "n".repeat(60);
    refuses(
        &deployment(&format!("hostname: {long}\n      subdomain: web\n      setHostnameAsFQDN: true"), "web"),
        "which is longer than 64 bytes",
    );
}

#[test]
fn the_pods_of_a_statefulset_keep_their_names() {
    let (found, notes) = desired(&set("hostname: other\n      subdomain: elsewhere", "", ""));
    assert_eq!(pod(only(&found), 1).hostname, "pg-1");
    let notes = messages(&notes);
    assert!(notes.contains("`hostname` has no effect here") && notes.contains("`subdomain` has no effect"), "{notes}");
    assert_eq!(told(&set("setHostnameAsFQDN: true", "", "")).hostname, "pg-0.db.data.svc.cluster.local");
}

#[test]
fn whom_a_pod_asks_for_names_is_said_beside_the_engines_own_dns() {
    let config = "dnsConfig: {nameservers: [192.0.2.53, '2001:db8::53'], searches: [example.org, .], options: [{name: ndots, value: '2'}, {name: edns0}]}";
    let pod = told(&set(config, "", ""));
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let expected = Dns {
        nameservers: vec!["192.0.2.53".parse().unwrap(), "2001:db8::53".parse().unwrap()],
        searches: texts(&["example.org", "."]),
        options: texts(&["ndots:2", "edns0"]),
    };
    assert_eq!(pod.extras.dns, expected);
    assert_eq!(told(&set("dnsPolicy: ClusterFirstWithHostNet", "", "")).extras.dns, Dns::default());
    let (none, notes) = desired(&set("dnsPolicy: None\n      dnsConfig: {nameservers: [192.0.2.53]}", "", ""));
    assert_eq!(self::pod(only(&none), 0).extras.dns.searches, ["."]);
    assert!(messages(&notes).contains("Note: statefulset/data/pg: names of Services lead to their pods all the same"));
    for (more, message) in [
        ("dnsPolicy: None", "with the policy None somebody must be named who is asked"),
        ("dnsPolicy: ClusterFirstWithHostNet\n      hostNetwork: true", "does not ask the engine's own DNS"),
        ("dnsConfig: {nameservers: [dns.example.org]}", "`dns.example.org` is no address of a server"),
        ("dnsConfig: {nameservers: [1.1.1.1, 1.1.1.2, 1.1.1.3, 1.1.1.4]}", "4 nameservers are more than 3"),
        ("dnsConfig: {searches: ['a b']}", "`a b` is no name"),
        ("dnsConfig: {options: [{name: 'ndots 2'}]}", "`ndots 2` is no option of a resolver"),
        ("dnsConfig: {options: [{value: '2'}]}", "`:2` is no option of a resolver"),
    ] {
        refuses(&set(more, "", ""), message);
    }
}

#[test]
fn a_pod_sets_parameters_of_its_own_namespaces_alone() {
    let sysctls = |of: &[&str], more: &str| {
        let list: Vec<String> = of.iter().map(|name| format!("{{name: {name}, value: '1'}}")).collect();
        set(&format!("securityContext: {{sysctls: [{}]}}{more}", list.join(", ")), "", "")
    };
    let pod = told(&sysctls(&["net.core.somaxconn", "kernel.sem", "fs.mqueue.msg_max", "kernel.shmmax"], ""));
    assert_eq!(pod.extras.sysctls.len(), 4);
    refuses(&sysctls(&["vm.swappiness"], ""), "the kernel's parameter `vm.swappiness` is the same for the whole host");
    refuses(&sysctls(&["kernel.semantic"], ""), "is the same for the whole host");
    refuses(&sysctls(&["net.core.somaxconn"], "\n      hostNetwork: true"), "would be set for the host");
    refuses(&sysctls(&["kernel.shmmax"], "\n      hostIPC: true"), "would be set for the host");
    refuses(&sysctls(&["net/core/somaxconn"], ""), "is no parameter of the kernel");
    refuses(&sysctls(&["net.ipv4.tcp_syncookies", "net.ipv4.tcp_syncookies"], ""), "is set twice");
}

#[test]
fn a_container_finds_what_it_asks_for_at_its_input_and_output() {
    let main = |more: &str| told(&set("", more, "")).main.terminal;
    assert_eq!(main("command: [run]"), Terminal::default());
    assert_eq!(main("stdin: true, stdinOnce: true"), Terminal { stdin: true, stdin_once: true, tty: false });
    assert_eq!(main("tty: true"), Terminal { stdin: false, stdin_once: false, tty: true });
}

#[test]
fn a_path_below_a_path_of_the_host_may_differ_from_pod_to_pod() {
    let volume =
        "volumes: [{name: v, hostPath: {path: /srv/logs/}}, {name: c, configMap: {name: c}}, {name: e, emptyDir: {}}]";
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: data}\ndata: {key: x}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: data}\nstringData: {key: canary-4242}\n---\n";
    let with = |name: &str, path: &str| {
        let env = format!(
            "{}, {{name: DIR, value: '$(POD)/$(SPACE)'}}, {{name: PLAIN, value: key}}, {{name: UP, value: '..'}}",
            variables(&[
                ("POD", &field("metadata.name")),
                ("SPACE", &field("metadata.namespace")),
                ("IP", &field("status.podIP")),
                ("SECRET", "secretKeyRef: {name: s, key: key}"),
            ])
        );
        let mount = format!(
            "env: [{env}, {{name: HIDDEN, value: 'x$(SECRET)'}}], volumeMounts: [{{name: {name}, mountPath: /v, {path}}}]"
        );
        format!("{config}{}", set(volume, &mount, ""))
    };
    let source = |yaml: &str, ordinal: u32| pod(only(&desired(yaml).0), ordinal).main.mounts[0].source.clone();
    let host = |path: &str| MountSource::Host(path.to_owned());
    let varying = with("v", "subPathExpr: $(DIR)/log");
    assert_eq!(source(&varying, 0), host("/srv/logs/pg-0/data/log"));
    assert_eq!(source(&varying, 2), host("/srv/logs/pg-2/data/log"));
    assert_eq!(source(&with("v", "subPathExpr: $(SPACE)"), 0), host("/srv/logs/data"));
    assert_eq!(source(&with("v", "subPathExpr: '$$(POD)'"), 0), host("/srv/logs/$(POD)"));
    assert!(matches!(source(&with("c", "subPathExpr: $(PLAIN)"), 0), MountSource::File(_)));
    for (volume, path, message) in [
        ("v", "subPathExpr: $(NONE)", "the container has no variable `NONE`"),
        ("v", "subPathExpr: $(UP)/x", "comes to no path below the volume"),
        ("v", "subPathExpr: /$(POD)", "comes to no path below the volume"),
        ("v", "subPathExpr: $(IP)", "it is known only once the pod is made"),
        ("v", "subPathExpr: $(HIDDEN)", "no path can be made of the variable `HIDDEN`: paths are shown"),
        ("v", "subPathExpr: $(POD), subPath: x", "a mount has either `subPath` or `subPathExpr`"),
        ("c", "subPathExpr: $(POD)", "comes to something else in each pod"),
        ("c", "subPathExpr: $(SPACE)", "has no file `$(SPACE)`"),
        ("e", "subPathExpr: $(POD)", "subPathExpr of a claim or an emptyDir is not supported"),
    ] {
        refuses(&with(volume, path), message);
        assert!(!refusal(&with(volume, path)).contains("canary"), "{path}");
    }
}
