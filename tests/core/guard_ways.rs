//! Ways around the guard: other places of a pod, other spellings, indirections. Each is refused, by the guard or before it.

use writ_core::guard::Rule;

use crate::guard::{Verdict, judge_text};

/// A pod in Kubernetes YAML with more fields of its own and of its container.
fn yaml(pod: &str, container: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: app, namespace: guarded}}
spec:
  selector: {{matchLabels: {{app: app}}}}
  template:
    metadata: {{labels: {{app: app}}}}
    spec:
      {pod}
      containers:
        - name: app
          image: example/app:1
          {container}
"
    )
}

fn hcl(more: &str) -> String {
    format!("statefulset \"guarded\" \"app\" {{\n  image = \"example/app:1\"\n  {more}\n}}\n")
}

/// Judged by `baseline` with `/srv/media` open.
#[track_caller]
fn check(name: &str, text: &str, rules: &[Rule]) {
    let found = judge_text(name, text, "host_paths = [\"/srv/media\"]\n");
    assert_eq!(found, Verdict::Refused(rules.iter().copied().collect()), "{text}");
}

#[track_caller]
fn not_taken(name: &str, text: &str) {
    assert_eq!(judge_text(name, text, ""), Verdict::NotTaken, "{text}");
}

fn mounting(volume: &str, mount: &str) -> String {
    yaml(&format!("volumes: [{{name: v, {volume}}}]"), &format!("volumeMounts: [{{name: v, mountPath: /v{mount}}}]"))
}

/// A workload of a kind with a pod of one container, with more fields of both.
fn of_kind(kind: &str, pod: &str, container: &str) -> String {
    let containers = format!("containers: [{{name: app, image: 'example/app:1', {container}}}]");
    let template =
        |more: &str| format!("template: {{metadata: {{labels: {{app: app}}}}, spec: {{{more}{pod}{containers}}}}}");
    let (version, spec) = match kind {
        "Job" => ("batch/v1", template("restartPolicy: Never, ")),
        "CronJob" => {
            let spec = template("restartPolicy: Never, ");
            ("batch/v1", format!("schedule: '* * * * *', jobTemplate: {{spec: {{{spec}}}}}"))
        }
        _ => ("apps/v1", format!("selector: {{matchLabels: {{app: app}}}}, {}", template(""))),
    };
    format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: app, namespace: guarded}}\nspec: {{{spec}}}\n")
}

#[test]
fn no_kind_of_workload_may_ask_for_what_another_may_not() {
    for kind in ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"] {
        let check = |pod: &str, container: &str, rules: &[Rule]| check("a.yaml", &of_kind(kind, pod, container), rules);
        check("", "command: [run]", &[]);
        check("", "securityContext: {privileged: true}", &[Rule::NoPrivileged]);
        check("hostNetwork: true, ", "", &[Rule::NoHostNetwork]);
        let mounted = "volumeMounts: [{name: v, mountPath: /v}]";
        check("volumes: [{name: v, hostPath: {path: /etc}}], ", mounted, &[Rule::HostPath]);
        check("volumes: [{name: v, hostPath: {path: /srv/media/films}}], ", mounted, &[]);
    }
    for (kind, more) in [("deployment", ""), ("statefulset", ""), ("job", ""), ("cronjob", "schedule = \"* * * * *\"")]
    {
        let hcl = |path: &str| {
            format!(
                "{kind} \"guarded\" \"app\" {{\n  image = \"example/app:1\"\n  volumes = [\"{path}:/v\"]\n  {more}\n}}\n"
            )
        };
        check("a.hcl", &hcl("/etc"), &[Rule::HostPath]);
        check("a.hcl", &hcl("/srv/media/films"), &[]);
    }
}

#[test]
fn an_init_container_can_ask_for_nothing_that_the_main_one_could_not() {
    let init =
        |container: &str| yaml(&format!("initContainers: [{{name: first, image: 'example/app:1', {container}}}]"), "");
    check("a.yaml", &init("command: [run]"), &[]);
    check("a.yaml", &init("securityContext: {privileged: true}"), &[Rule::NoPrivileged]);
    check("a.yaml", &init("securityContext: {capabilities: {add: [NET_RAW]}}"), &[Rule::Capability]);
    let pod = "initContainers: [{name: first, image: 'example/app:1', volumeMounts: [{name: v, mountPath: /v}]}]
      volumes: [{name: v, hostPath: {path: /etc}}]";
    check("a.yaml", &yaml(pod, ""), &[Rule::HostPath]);
    check("a.hcl", &hcl("init \"first\" {\n volumes = [\"/etc:/v\"]\n }"), &[Rule::HostPath]);
    check("a.hcl", &hcl("init \"first\" {\n volumes = [\"/srv/media/films:/v\"]\n }"), &[]);
    not_taken("a.yaml", &yaml("ephemeralContainers: [{name: late, image: 'example/app:1'}]", ""));
}

#[test]
fn no_container_beside_the_main_one_can_ask_for_what_that_could_not() {
    for kind in ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"] {
        let sidecar = |more: &str| {
            of_kind(
                kind,
                &format!("initContainers: [{{name: side, image: 'example/app:1', restartPolicy: Always, {more}}}], "),
                "",
            )
        };
        let beside = |more: &str| {
            let other = format!("command: [run]}}, {{name: other, image: 'example/app:1', {more}");
            of_kind(kind, "", &other)
        };
        let mounting = |text: String, path: &str| {
            let volumes = format!("volumes: [{{name: v, hostPath: {{path: {path}}}}}], containers");
            text.replacen("containers", &volumes, 1)
        };
        for of in [&sidecar as &dyn Fn(&str) -> String, &beside] {
            let check = |more: &str, rules: &[Rule]| check("a.yaml", &of(more), rules);
            check("", &[]);
            check("securityContext: {privileged: true}", &[Rule::NoPrivileged]);
            check("securityContext: {capabilities: {add: [NET_RAW]}}", &[Rule::Capability]);
            check("ports: [{containerPort: 80, hostPort: 8080, hostIP: 192.0.2.1}]", &[Rule::HostPortAddress]);
        }
        let mounted = "volumeMounts: [{name: v, mountPath: /v}]";
        check("a.yaml", &mounting(beside(mounted), "/etc"), &[Rule::HostPath]);
        check("a.yaml", &mounting(beside(mounted), "/srv/media/films"), &[]);
        check("a.yaml", &of_kind(kind, "shareProcessNamespace: true, ", ""), &[]);
        check("a.yaml", &of_kind(kind, "shareProcessNamespace: true, hostPID: true, ", ""), &[Rule::NoHostPid]);
    }
}

#[test]
fn the_image_of_writ_itself_is_an_image_like_any_other() {
    let named = yaml("", "").replace("example/app:1", "writ/companion:0123456789ab");
    let judged = |more: &str| judge_text("a.yaml", &named, more);
    assert_eq!(judged("registries = [\"docker.io/writ\"]\n"), Verdict::Refused([].into()));
    assert_eq!(judged("registries = [\"ghcr.io\"]\n"), Verdict::Refused([Rule::ImageRegistry].into()));
    assert_eq!(judged("pinned_images = true\n"), Verdict::Refused([Rule::PinnedImage].into()));
}

#[test]
fn a_path_of_the_host_is_the_same_path_however_it_is_put_together() {
    check("a.yaml", &mounting("hostPath: {path: /srv/media}", ""), &[]);
    check("a.yaml", &mounting("hostPath: {path: /srv/media}", ", subPath: films"), &[]);
    check("a.yaml", &mounting("hostPath: {path: /srv}", ", subPath: media"), &[]);
    check("a.yaml", &mounting("hostPath: {path: /}", ", subPath: etc"), &[Rule::HostPath]);
    check("a.yaml", &mounting("hostPath: {path: /srv}", ", subPath: other"), &[Rule::HostPath]);
    check("a.yaml", &mounting("hostPath: {path: //etc//}", ""), &[Rule::HostPath]);
    check("a.yaml", &mounting("hostPath: {path: /srv/./media/.}", ""), &[]);
    check("a.yaml", &mounting("hostPath: {path: /var/run/docker.sock, type: Socket}", ""), &[Rule::HostPath]);
    not_taken("a.yaml", &mounting("hostPath: {path: /srv/media/../../etc}", ""));
    not_taken("a.yaml", &mounting("hostPath: {path: /srv/media}", ", subPath: ../../etc"));
    not_taken("a.yaml", &mounting("hostPath: {path: /srv/media}", ", subPathExpr: $(DIR)"));
    not_taken("a.yaml", &mounting("hostPath: {path: srv/media}", ""));
    not_taken("a.yaml", &mounting("hostPath: {path: '/srv/media:/etc'}", ""));
    for volume in ["/srv/media/../../etc:/v", "../../etc:/v", "/etc:/v:rshared", "~/.ssh:/v", "media:/v"] {
        not_taken("a.hcl", &hcl(&format!("volumes = [\"{volume}\"]")));
    }
    check("a.hcl", &hcl("volumes = [\"/srv/media/:/v:ro\"]"), &[]);
    check("a.hcl", &hcl("volumes = [\"/srv/mediaeval:/v\"]"), &[Rule::HostPath]);
}

#[test]
fn every_other_kind_of_mount_shows_nothing_of_the_host() {
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: guarded}\ndata: {key: x}\n---\n";
    let with = |volume: &str, mount: &str| format!("{config}{}", mounting(volume, mount));
    check("a.yaml", &with("configMap: {name: c}", ""), &[]);
    check("a.yaml", &with("projected: {sources: [{configMap: {name: c}}]}", ", subPath: key"), &[]);
    check("a.yaml", &with("emptyDir: {medium: Memory}", ""), &[]);
    not_taken("a.yaml", &with("configMap: {name: c, items: [{key: key, path: ../../etc/passwd}]}", ""));
    not_taken("a.yaml", &with("projected: {sources: [{configMap: {name: c, items: [{key: key, path: /etc/x}]}}]}", ""));
    not_taken("a.yaml", &with("projected: {sources: [{serviceAccountToken: {path: token}}]}", ""));
    not_taken("a.yaml", &with("emptyDir: {}", ", mountPropagation: Bidirectional"));
    not_taken("a.yaml", &with("emptyDir: {}", ", subPath: ../../etc"));
    for volume in ["nfs: {server: nfs, path: /}", "csi: {driver: local}", "persistentVolumeClaim: {claimName: x}"] {
        not_taken("a.yaml", &with(volume, ""));
    }
}

#[test]
fn a_variable_decides_nothing_that_the_guard_judges() {
    let env = "env: [{name: DIR, value: etc}, {name: IMAGE, value: 'evil/app:1'}]";
    let pod = "volumes: [{name: v, hostPath: {path: /srv/media/$(DIR)}}]";
    let text = yaml(pod, &format!("volumeMounts: [{{name: v, mountPath: /v}}]\n          {env}"));
    // The name of the path is just these letters.
    check("a.yaml", &text, &[]);
    check("a.yaml", &text.replace("/srv/media/$(DIR)", "/$(DIR)"), &[Rule::HostPath]);
    let image = yaml("", env).replace("image: example/app:1", "image: $(IMAGE)");
    let found = judge_text("a.yaml", &image, "registries = [\"docker.io/example\"]\n");
    assert_ne!(found, Verdict::Refused([].into()), "{image}");
    not_taken("a.hcl", &hcl("volumes = [\"${DIR}:/v\"]"));
}

#[test]
fn another_spelling_is_the_same_power() {
    let capability = |name: &str| yaml("", &format!("securityContext: {{capabilities: {{add: [{name}]}}}}"));
    check("a.yaml", &capability("cap_chown"), &[]);
    for name in ["ALL", "all", "Cap_Sys_Admin", "CAP_CAP_CHOWN", "'CHOWN '", "net_raw"] {
        check("a.yaml", &capability(name), &[Rule::Capability]);
    }
    let port = |ip: &str| yaml("", &format!("ports: [{{containerPort: 80, hostPort: 8080, hostIP: '{ip}'}}]"));
    for ip in ["127.0.0.1", "127.0.0.2", "::1"] {
        check("a.yaml", &port(ip), &[]);
    }
    for ip in ["0.0.0.0", "::", "192.0.2.1", "::ffff:0.0.0.0", "fe80::1"] {
        check("a.yaml", &port(ip), &[Rule::HostPortAddress]);
    }
    check("a.hcl", &hcl("ports = [\"192.0.2.1:8080:80\"]"), &[Rule::HostPortAddress]);
    let image = |name: &str| yaml("", "").replace("example/app:1", name);
    let registries = "registries = [\"ghcr.io\"]\n";
    for name in
        ["app", "ghcr.io.evil.example/app:1", "example/ghcr.io/app:1", "ghcr.io:5000/app:1", "localhost/ghcr.io:1"]
    {
        assert_eq!(
            judge_text("a.yaml", &image(name), registries),
            Verdict::Refused([Rule::ImageRegistry].into()),
            "{name}"
        );
    }
    assert_eq!(judge_text("a.yaml", &image("ghcr.io/acme/app:1"), registries), Verdict::Refused([].into()));
}

#[test]
fn a_path_with_a_variable_is_judged_by_what_it_comes_to_in_each_pod() {
    let dir = "env: [{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, {name: DIR, value: media}, {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]";
    let below = |path: &str, sub: &str| {
        let text = mounting(&format!("hostPath: {{path: {path}}}"), &format!(", subPathExpr: {sub}"));
        format!("{text}          {dir}\n")
    };
    check("a.yaml", &below("/srv", "$(DIR)/$(POD)"), &[]);
    check("a.yaml", &below("/srv/media", "$(POD)"), &[]);
    check("a.yaml", &below("/srv", "$(POD)"), &[Rule::HostPath]);
    check("a.yaml", &below("/", "etc/$(POD)"), &[Rule::HostPath]);
    check("a.yaml", &below("/srv", "$$(DIR)"), &[Rule::HostPath]);
    for sub in ["../etc", "$(DIR)/../../etc", "/etc", "$(NONE)", "$(IP)"] {
        not_taken("a.yaml", &below("/srv", sub));
    }
}

#[test]
fn a_parameter_of_the_kernel_is_harmless_or_allowed_by_name_for_every_kind() {
    let of = |kind: &str, name: &str| {
        of_kind(kind, &format!("securityContext: {{sysctls: [{{name: {name}, value: '1'}}]}}, "), "")
    };
    for kind in ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"] {
        check("a.yaml", &of(kind, "net.ipv4.tcp_syncookies"), &[]);
        check("a.yaml", &of(kind, "net.ipv4.ip_unprivileged_port_start"), &[]);
        for name in ["net.core.somaxconn", "kernel.msgmax", "net.ipv4.tcp_syncookies2", "fs.mqueue.msg_max"] {
            check("a.yaml", &of(kind, name), &[Rule::Sysctl]);
        }
        not_taken("a.yaml", &of(kind, "kernel.core_pattern"));
    }
    let judged = |name: &str, more: &str| judge_text("a.yaml", &of("Job", name), more);
    let (free, refused) = (Verdict::Refused([].into()), Verdict::Refused([Rule::Sysctl].into()));
    assert_eq!(judged("net.core.somaxconn", "sysctls = [\"net.core.*\"]"), free);
    assert_eq!(judged("net.corex.somaxconn", "sysctls = [\"net.core.*\"]"), refused);
    assert_eq!(judged("kernel.sem", "sysctls = [\"kernel.sem\"]"), free);
    assert_eq!(judged("kernel.msgmax", "sysctls = [\"kernel.sem\"]"), refused);
    assert_eq!(judged("kernel.msgmax", "base = \"privileged\""), free);
    assert_eq!(
        judged(
            "kernel.msgmax",
            "base = \"restricted\"\nroot = true\ndefault_capabilities = true\nprivilege_escalation = true"
        ),
        refused
    );
}

#[test]
fn what_a_pod_is_told_calls_itself_and_asks_is_no_power() {
    for kind in ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"] {
        let pod = "hostname: other, subdomain: other, setHostnameAsFQDN: true, dnsPolicy: None, dnsConfig: {nameservers: [192.0.2.53]}, ";
        let told = "stdin: true, stdinOnce: true, tty: true, env: [{name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}, {name: CPU, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}]";
        check("a.yaml", &of_kind(kind, pod, told), &[]);
    }
    // Nothing that is told decides an image.
    let image = yaml("", "env: [{name: IMAGE, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]");
    let image = image.replace("image: example/app:1", "image: $(IMAGE)");
    assert_ne!(judge_text("a.yaml", &image, "registries = [\"docker.io/example\"]\n"), Verdict::Refused([].into()));
}

#[test]
fn a_login_opens_no_registry_that_the_host_does_not_list() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: login, namespace: guarded}\ntype: kubernetes.io/dockerconfigjson\nstringData: {.dockerconfigjson: '{\"auths\":{\"evil.example\":{\"username\":\"a\",\"password\":\"b\"}}}'}\n---\n";
    let with = |image: &str| {
        format!("{secret}{}", yaml("imagePullSecrets: [{name: login}]", "").replace("example/app:1", image))
    };
    let judged = |image: &str| judge_text("a.yaml", &with(image), "registries = [\"ghcr.io\"]\n");
    assert_eq!(judged("ghcr.io/acme/app:1"), Verdict::Refused([].into()));
    assert_eq!(judged("evil.example/app:1"), Verdict::Refused([Rule::ImageRegistry].into()));
    let own = |image: &str| {
        format!(
            "registry \"evil.example\" {{\n  username = \"a\"\n  token = \"b\"\n}}\n{}",
            hcl("").replace("example/app:1", image)
        )
    };
    let judged = |image: &str| judge_text("a.hcl", &own(image), "registries = [\"ghcr.io\"]\n");
    assert_eq!(judged("evil.example/app:1"), Verdict::Refused([Rule::ImageRegistry].into()));
    assert_eq!(judged("ghcr.io/acme/app:1"), Verdict::Refused([].into()));
}
