//! The agent in a container of its own: by the image and the script of `deploy/docker`.

use std::fs;
use std::process::{Command, Output};

use crate::git_server::serve;
use crate::site::Site;
use crate::world::World;

/// What `deploy/docker/build` made of this very program.
const IMAGE: &str = "writ-test/agent:1";

const WEB: &str = r#"
statefulset "SCOPE" "web" {
  image    = "writ-test/box:1"
  replicas = 1
  command  = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
}
"#;

/// Pods that mount a path of the host.
const MOUNTS: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: media, namespace: SCOPE}
spec:
  replicas: 1
  selector: {matchLabels: {app: media}}
  template:
    metadata: {labels: {app: media}}
    spec:
      containers:
      - {name: app, image: "writ-test/box:1", command: [sleep, "1000"], volumeMounts: [{name: media, mountPath: /media}]}
      volumes:
      - {name: media, hostPath: {path: PATH}}
"#;

/// Has a site follow its repository over HTTP, for there is no `git` in the image, and calls its servers by a name, for a program
/// without the plug-ins of a C library.
fn served(site: &Site) {
    let repository = site.repository.path();
    let (root, name) = (repository.parent().unwrap(), repository.file_name().unwrap().to_str().unwrap());
    let url = format!("http://127.0.0.1:{}/{name}/.git", serve("127.0.0.1", root.to_owned()));
    let settings = fs::read_to_string(site.path("agent.toml")).unwrap().replace(&site.repository.url(), &url);
    fs::write(site.path("agent.toml"), settings.replace("http://127.0.0.1:", "http://localhost:")).unwrap();
}

/// Runs the script for a site's settings and state.
fn run(site: &Site, also: &str) -> Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/docker/run");
    let mut command = Command::new(script);
    command.args([IMAGE, &name(site)]).env("DOCKER_HOST", &site.world.endpoint);
    command.env("WRIT_SETTINGS", site.path("")).env("WRIT_STATE", site.path("state")).env("WRIT_ALSO", also);
    command.output().unwrap()
}

fn name(site: &Site) -> String {
    format!("agent-{}", site.world.scope)
}

/// The agent's container, which goes with the test.
struct Contained<'a>(&'a Site);

impl Contained<'_> {
    fn start<'a>(site: &'a Site, also: &str) -> Contained<'a> {
        let has = site.world.tries(&["image", "inspect", IMAGE]);
        assert!(has.is_ok(), "`PROFILE=dev deploy/docker/build {IMAGE}` makes the image");
        let done = run(site, also);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        Contained(site)
    }

    fn log(&self) -> String {
        self.0.world.tries(&["logs", &name(self.0)]).unwrap_or_else(|error| error)
    }
}

impl Drop for Contained<'_> {
    fn drop(&mut self) {
        drop(self.0.world.tries(&["rm", "-f", &name(self.0)]));
    }
}

#[tokio::test]
async fn an_image_from_scratch_holds_one_static_program_which_looks_after_the_engine_that_it_runs_in() {
    let site = Site::new().await;
    served(&site);
    let commit = site.commit("web.hcl", WEB);
    let agent = Contained::start(&site, "");
    site.is_said(&commit, "success").await;
    let pod = site.pod("web", 0);
    let runs = || site.containers().get(&pod).is_some_and(|seen| seen.contains(" running "));
    assert!(runs(), "{}", agent.log());
    let doctor = site.world.tries(&["exec", &name(&site), "/bin/writ", "doctor"]);
    assert!(doctor.is_ok(), "{doctor:?}");
    site.world.person(&["rm", "-f", &pod]);
    site.becomes("made again", async || if runs() { Ok(()) } else { Err(agent.log()) }).await;

    site.world.person(&["stop", &name(&site)]);
    assert_eq!(site.world.field(&name(&site), "{{.State.ExitCode}}"), "0", "{}", agent.log());
    assert!(runs(), "what runs outlives the agent");
    let list = format!("docker export {} | tar --list", name(&site));
    let list = Command::new("sh").args(["-c", &list]).env("DOCKER_HOST", &site.world.endpoint).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let programs: Vec<&str> = list.lines().filter(|file| file.starts_with("bin/") && !file.ends_with('/')).collect();
    assert_eq!(programs, ["bin/writ"], "{list}");
    site.holds().await;
}

#[tokio::test]
async fn a_path_of_the_host_that_the_agent_does_not_see_is_mounted_into_no_pod_and_one_that_it_sees_is() {
    let site = Site::with(World::new().await, "guard = \"privileged\"").await;
    let media = tempfile::tempdir_in("/var/tmp").unwrap();
    let path = fs::canonicalize(media.path()).unwrap().display().to_string();
    served(&site);
    let commit = site.commit("media.yaml", &MOUNTS.replace("PATH", &path));
    let agent = Contained::start(&site, "");
    let refused = site.becomes("refused", async || match site.said(&commit).pop() {
        Some((state, text)) if state == "failure" || state == "error" => Ok(text),
        other => Err(format!("{other:?}")),
    });
    let refused = refused.await;
    assert!(site.containers().is_empty(), "{refused}");
    let told = site.told().await;
    assert!(told.contains("mount it there under the same path"), "{refused}\n{told}");
    drop(agent);
    let _agent = Contained::start(&site, &path);
    site.is_said(&commit, "success").await;
}

#[tokio::test]
async fn the_agent_is_not_started_where_a_folder_of_its_own_is_missing() {
    let site = Site::new().await;
    fs::remove_dir_all(site.path("state")).unwrap();
    let done = run(&site, "");
    let error = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.code() == Some(1) && error.contains("there is no") && error.contains("/state"), "{error}");
}
