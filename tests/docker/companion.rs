//! Writ's own image: made once from the agent itself, and again when it is gone or is not what it says.

use writ::target::Target;

use crate::world::{World, until};

async fn companion(world: &World) -> String {
    let Target::Docker(docker) = &*world.target else { panic!("no engine") };
    docker.companion().await.unwrap()
}

#[tokio::test]
async fn the_image_of_writ_itself_is_made_without_a_registry_once_and_again_when_it_is_gone() {
    let world = World::new().await;
    let image = companion(&world).await;
    let name = world.field(&image, "{{index .RepoTags 0}}");
    assert!(name.starts_with("writ/companion:"), "{name}");
    assert_eq!(
        world.field(&image, "{{.Config.Entrypoint}} {{.Config.User}} {{len .RootFS.Layers}}"),
        "[/writ] 65534:65534 1"
    );
    assert_eq!(companion(&world).await, image, "made once");
    // Something else by its name, as a registry or a person might bring it, is not used.
    world.person(&["tag", "writ-test/box:1", &name]);
    assert_eq!(companion(&world).await, image);
    // Others may use it at this moment, so a name of the test's own keeps it from going for good.
    let kept = format!("{}-kept", world.scope);
    world.person(&["tag", &image, &kept]);
    world.person(&["rmi", &name]);
    assert_eq!(companion(&world).await, image);
    assert_eq!(world.field(&name, "{{.Id}}"), image);
    world.person(&["rmi", &kept]);
}

#[tokio::test]
async fn the_program_waits_without_any_power_and_ends_at_once_when_it_is_asked_to() {
    let world = World::new().await;
    let image = companion(&world).await;
    let name = format!("{}-pause", world.scope);
    let run = ["run", "-d", "--name", &name, "--network", "none", "--read-only", "--cap-drop", "ALL", &image];
    world.person(&[&run[..], &["pause"]].concat());
    assert_eq!(world.field(&name, "{{.State.Running}}"), "true");
    // Longer than a test waits: it ends because it was asked to, and well.
    world.person(&["stop", "-t", "600", &name]);
    assert_eq!(world.field(&name, "{{.State.ExitCode}}"), "0");
    let refused = world.tries(&["run", "--rm", &image, "something", "else"]).unwrap_err();
    assert!(refused.contains("Writ's own"), "{refused}");
}

#[tokio::test]
async fn programs_whose_parents_ended_are_buried_by_it() {
    let world = World::new().await;
    let image = companion(&world).await;
    let (first, second) = (format!("{}-first", world.scope), format!("{}-second", world.scope));
    world.person(&["run", "-d", "--name", &first, "--network", "none", &image, "pause"]);
    let pid = format!("container:{first}");
    let orphan = "(sleep 0.2 &) ; touch /tmp/left; while :; do sleep 1; done";
    let run = ["run", "-d", "--name", &second, "--network", "none", "--pid", &pid, "writ-test/box:1", "sh", "-c"];
    world.person(&[&run[..], &[orphan]].concat());
    let buried = until(|| async {
        let look = "ls /tmp; ps -o pid,ppid,stat,args";
        let seen = world.person(&["exec", &second, "sh", "-c", look]);
        let waits = seen.lines().any(|line| line.ends_with(" sleep 0.2") || line.contains(" Z "));
        ((seen.starts_with("left") && !waits).then_some(()), seen)
    });
    buried.await.unwrap();
}
