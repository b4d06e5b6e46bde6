//! What even a signed commit may not do: asked for by every command, with the engine's own word for what came of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;
use writ::target::TargetError;
use writ_core::model::MountSource;

use crate::site::Site;
use crate::world::{World, mount};

/// A workload in Kubernetes YAML that sleeps, with more fields of its pod and of its container.
fn yaml(pod: &str, container: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: web, namespace: SCOPE}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 1
      {pod}
      containers:
        - name: web
          image: writ-test/box:1
          command: [sh, -c, \"trap 'exit 0' TERM; sleep 1000 & wait\"]
          {container}
"
    )
}

/// The same in HCL.
fn hcl(more: &str) -> String {
    format!(
        "statefulset \"SCOPE\" \"web\" {{
  image = \"writ-test/box:1\"
  entrypoint = [\"sh\", \"-c\", \"trap 'exit 0' TERM; sleep 1000 & wait\"]
  {more}
}}
"
    )
}

fn mounting(path: &str, more: &str) -> String {
    let pod = format!("volumes: [{{name: host, hostPath: {{path: {path:?}}}}}]");
    yaml(&pod, &format!("volumeMounts: [{{name: host, mountPath: /host{more}}}]"))
}

/// What must not come to be, by what the guard calls it, and the file that asks for it.
fn attacks(socket: &str) -> Vec<(&'static str, &'static str, String)> {
    let init = "initContainers: [{name: first, image: 'writ-test/box:1', securityContext: {privileged: true}}]";
    vec![
        ("no-privileged", "web.yaml", yaml("", "securityContext: {privileged: true}")),
        ("no-privileged", "web.yaml", yaml(init, "")),
        ("no-host-pid", "web.yaml", yaml("hostPID: true", "")),
        ("no-host-ipc", "web.yaml", yaml("hostIPC: true", "")),
        ("no-host-network", "web.yaml", yaml("hostNetwork: true", "")),
        ("no-host-network", "web.hcl", hcl("network_mode = \"host\"")),
        ("capability", "web.hcl", hcl("cap_add = [\"sys_admin\"]")),
        ("host-path", "web.yaml", mounting("/", "")),
        ("host-path", "web.yaml", mounting("/srv", ", subPath: media")),
        ("host-path", "web.yaml", mounting(socket, "")),
        ("host-path", "web.hcl", hcl(&format!("volumes = [\"{socket}:/var/run/docker.sock:ro\"]"))),
        ("host-path", "web.hcl", hcl("volumes = [\"/etc:/host\"]")),
        ("host-port-address", "web.hcl", hcl("ports = [\"0.0.0.0:18080:80\"]")),
    ]
}

/// How the engine describes every container of the unit, by what would give it the host.
fn witnessed(site: &Site) -> Vec<String> {
    let form = "{{.HostConfig.Privileged}} pid={{.HostConfig.PidMode}} ipc={{.HostConfig.IpcMode}} \
                net={{.HostConfig.NetworkMode}} caps={{.HostConfig.CapAdd}} binds={{.HostConfig.Binds}} {{len .Mounts}} \
                {{.HostConfig.PortBindings}}";
    site.containers().keys().map(|name| site.world.field(name, form)).collect()
}

const HARMLESS: &str = "false pid= ipc=private net=voodu0 caps=[] binds=[] 0 map[]";

#[tokio::test]
async fn what_the_guard_refuses_comes_to_the_engine_by_no_command_and_what_runs_stays_as_it_is() {
    let site = Site::new().await;
    let socket = site.world.endpoint.trim_start_matches("unix://").to_owned();
    let (object, pod) = (format!("statefulset/{}/web", site.world.scope), site.pod("web", 0));
    for (rule, file, text) in attacks(&socket) {
        let refused = format!("guard {rule}: ");
        for other in ["web.yaml", "web.hcl"].into_iter().filter(|other| *other != file) {
            fs::remove_file(site.repository.path().join("host").join(other)).ok();
        }
        // On an empty host: by a plan, by passes, by hand.
        let commit = site.commit(file, &text);
        site.writ(&["plan"]).await.exits(3).shows(&refused);
        site.pass().await.exits(3);
        site.pass().await.exits(3);
        let local = site.path(file);
        fs::write(&local, site.scoped(&text)).unwrap();
        let ran = site.writ(&["apply", "-f", local.to_str().unwrap(), "--yes"]).await;
        ran.exits(3).shows(&refused);
        assert_eq!(witnessed(&site), Vec::<String>::new(), "{rule}");
        assert_eq!(site.world.person(&["ps", "-aq", "--filter", &format!("name={pod}")]), "", "{rule}");
        let (state, said) = site.said(&commit).pop().unwrap();
        assert!(state == "failure" && said.contains("refused"), "{state}: {said}");
        fs::remove_file(&local).unwrap();
    }
    // In the place of something that runs: replaced, mended, started again and deleted, it is the same question.
    fs::remove_file(site.repository.path().join("host/web.hcl")).unwrap();
    site.deploy("web.yaml", &yaml("", "")).await;
    let running = site.containers();
    assert_eq!(witnessed(&site), [HARMLESS]);
    site.commit("web.yaml", &yaml("hostPID: true", "securityContext: {privileged: true}"));
    site.pass().await.exits(3);
    assert_eq!(site.containers(), running, "what runs stays");
    site.world.person(&["network", "disconnect", "voodu0", &pod]);
    site.pass().await.exits(3);
    site.world.person(&["rm", "-f", &pod]);
    site.pass().await.exits(3);
    assert_eq!(witnessed(&site), Vec::<String>::new(), "nothing is made in its place");
    site.writ(&["delete", &object, "--yes"]).await;
    site.pass().await.exits(3);
    assert_eq!(witnessed(&site), Vec::<String>::new());
    site.deploy("web.yaml", &yaml("", "")).await;
    assert_eq!(witnessed(&site), [HARMLESS]);
    site.holds().await;
}

/// A directory of the host without links in its path, and a policy that opens what is below it.
fn opened(more: &str) -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let root = fs::canonicalize(folder.path()).unwrap();
    fs::create_dir(root.join("media")).unwrap();
    let policy = root.join("policy.toml");
    let media = root.join("media");
    fs::write(&policy, format!("host_paths = [{media:?}]\n{more}")).unwrap();
    (folder, format!("guard = {policy:?}"))
}

#[tokio::test]
async fn an_open_path_is_mounted_and_a_link_below_it_that_leads_out_is_not_even_if_it_comes_later() {
    let (folder, guard) = opened("");
    let media = fs::canonicalize(folder.path()).unwrap().join("media");
    let site = Site::with(World::new().await, &guard).await;
    let pod = site.pod("web", 0);
    let below = |name: &str| media.join(name).display().to_string();
    fs::create_dir(media.join("films")).unwrap();
    symlink(media.join("films"), media.join("inside")).unwrap();
    symlink("/etc", media.join("outside")).unwrap();
    let commit = site.commit("web.yaml", &mounting(&below("outside"), ""));
    site.pass().await.exits(3);
    assert!(site.told().await.contains("it leads to `/etc`"), "{commit}: {}", site.told().await);
    assert!(site.containers().is_empty());
    // A link that stays inside is followed once, and what it led to is mounted.
    site.deploy("web.yaml", &mounting(&below("inside"), "")).await;
    let mounted = |site: &Site| site.world.field(&pod, "{{range .Mounts}}{{.Source}} {{.Propagation}}{{end}}");
    assert_eq!(mounted(&site), format!("{} rprivate", below("films")));
    // What was a directory becomes a link to elsewhere: neither started again nor made anew.
    site.world.person(&["stop", "-t", "1", &pod]);
    fs::remove_dir(media.join("films")).unwrap();
    symlink("/etc", media.join("films")).unwrap();
    let started = |site: &Site| site.world.field(&pod, "{{.State.Running}} {{.State.StartedAt}}");
    let before = started(&site);
    site.pass().await.exits(3);
    assert_eq!(started(&site), before);
    assert!(before.starts_with("false "), "{before}");
}

#[tokio::test]
async fn a_target_starts_nothing_whose_path_became_a_link_since_the_guard_judged_it() {
    let world = World::new().await;
    let folder = TempDir::new().unwrap();
    let path = fs::canonicalize(folder.path()).unwrap().join("media");
    fs::create_dir(&path).unwrap();
    let mut pod = world.pod("web", 0);
    pod.main.mounts.push(mount("/media", MountSource::Host(path.display().to_string()), false));
    world.create(&pod).await.unwrap();
    world.remove(&pod.name).await.unwrap();
    fs::remove_dir(&path).unwrap();
    symlink("/etc", &path).unwrap();
    let error = world.create(&pod).await.unwrap_err().to_string();
    assert!(error.contains("is a link to /etc now"), "{error}");
    assert_eq!(world.person(&["ps", "-aq", "--filter", &format!("name={}", pod.name)]), "");
}

#[tokio::test]
async fn a_host_that_opens_itself_gets_what_was_asked_for_and_no_more() {
    let site = Site::with(World::new().await, "guard = \"privileged\"").await;
    let folder = TempDir::new().unwrap();
    let path = fs::canonicalize(folder.path()).unwrap().display().to_string();
    let fields = format!(
        "hostPID: true\n      hostIPC: true\n      hostNetwork: true\n      \
         volumes: [{{name: host, hostPath: {{path: {path:?}}}}}]"
    );
    let container = "securityContext: {capabilities: {add: [NET_BIND_SERVICE]}}
          volumeMounts: [{name: host, mountPath: /host, readOnly: true}]";
    site.deploy("web.yaml", &yaml(&fields, container)).await;
    let found = site.world.field(
        &site.pod("web", 0),
        "{{.HostConfig.Privileged}} {{.HostConfig.PidMode}} {{.HostConfig.IpcMode}} {{.HostConfig.NetworkMode}} \
         {{.HostConfig.CapAdd}} {{range .Mounts}}{{.Source}} {{.RW}}{{end}}",
    );
    assert_eq!(found, format!("false host host host [NET_BIND_SERVICE] {path} false"));
    // Even there, what is the engine's own and what is Writ's own is not mounted.
    let socket = site.world.endpoint.trim_start_matches("unix://").to_owned();
    let state = site.path("state").display().to_string();
    for path in [socket.as_str(), &state, Path::new(&state).parent().unwrap().to_str().unwrap(), "/proc", "/"] {
        site.commit("web.yaml", &mounting(path, ""));
        site.pass().await.exits(3);
    }
    assert!(site.told().await.contains("which no container may mount"));
}

#[tokio::test]
async fn a_privileged_container_is_made_as_one_and_is_no_more_than_that() {
    let world = World::new().await;
    let mut pod = world.pod("web", 0);
    pod.main.security.privileged = true;
    // Where the machine itself lacks powers, its engine makes the container and cannot start it.
    if let Err(error) = world.create(&pod).await {
        assert!(error.to_string().contains("unable to apply caps"), "{error}");
    }
    let form = "{{.HostConfig.Privileged}} pid={{.HostConfig.PidMode}} net={{.HostConfig.NetworkMode}} {{len .Mounts}}";
    assert_eq!(world.field(&pod.name, form), "true pid= net=voodu0 0");
}

#[tokio::test]
async fn an_image_that_claims_labels_of_writ_is_not_started() {
    let world = World::new().await;
    let (made, image) = (format!("{}-made", world.scope), format!("writ-test/{}:1", world.scope));
    world.person(&["create", "--name", &made, "writ-test/box:1", "true"]);
    world.person(&["commit", "--change", "LABEL writ.role=init writ.note=x other=y", &made, &image]);
    world.person(&["rm", &made]);
    let mut pod = world.pod("web", 0);
    pod.main.image.clone_from(&image);
    let error = world.create(&pod).await.unwrap_err();
    assert!(matches!(error, TargetError::Failed { .. }), "{error}");
    assert!(error.to_string().contains("its label writ."), "{error}");
    assert_eq!(world.person(&["ps", "-aq", "--filter", &format!("name={}", pod.name)]), "", "it was removed");
    world.person(&["rmi", &image]);
}

#[tokio::test]
async fn a_volume_that_is_a_path_of_the_host_in_disguise_is_not_mounted_and_can_be_removed() {
    let world = World::new().await;
    let pod = world.pod_with_claim("pg", 0, "/data");
    let volume = pod.volumes[0].name.clone();
    let label = |name: &str, value: &str| format!("--label=writ.{name}={value}");
    let unit = world.context.unit.clone();
    world.person(&[
        "volume",
        "create",
        "--opt",
        "type=none",
        "--opt",
        "o=bind",
        "--opt",
        "device=/etc",
        &label("host", crate::world::HOST),
        &label("unit", &unit),
        &label("object", &pod.object.to_string()),
        &label("claim", "data"),
        &label("ordinal", "0"),
        &volume,
    ]);
    let error = world.create(&pod).await.unwrap_err().to_string();
    assert!(error.contains("guard plain-volume") && error.contains("device, o, type"), "{error}");
    assert_eq!(world.person(&["ps", "-aq", "--filter", &format!("name={}", pod.name)]), "");
    world.execute(&writ_core::plan::Act::RemoveVolume { volume: volume.clone() }).await.unwrap();
    world.create(&pod).await.unwrap();
    assert_eq!(world.field(&volume, "{{.Options}}"), "map[]");
}
