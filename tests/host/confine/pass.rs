//! Passes and commands over files whose reading does not come off: nothing that runs is touched.

use std::path::Path;

use writ::confine::Child;
use writ_core::status::State;

use super::hostile::memory_bomb;
use super::{WRIT, child};
use crate::machine::{Machine, Origin};
use crate::pass::{WEB, World};

#[tokio::test]
async fn a_commit_whose_reading_does_not_come_off_is_refused_and_the_next_one_is_applied() {
    let mut world = World::with(&[("web.hcl", WEB)]);
    world.pass().await;
    let (host, standing) = (world.host(), world.standing());
    world.child = Child { program: "/bin/false".into(), ..child() };
    world.deploy("web.hcl", &WEB.replace("web:1", "web:2"));
    let end = world.pass().await;
    assert!(end.failed && !end.refused, "no process to read them is no refusal: {end:?}");
    assert_eq!((world.host(), world.standing()), (host.clone(), standing.clone()));
    assert!(!world.journal().contains(&"refused".to_owned()), "{:?}", world.journal());
    assert!(end.units.iter().any(|(_, state, text)| *state == State::Error && text.contains("could not be started")));

    world.child = child();
    world.child.bounds.limits.memory_bytes = 160 << 20;
    for (path, bytes) in memory_bomb() {
        world.deploy(&format!("bomb/{path}"), std::str::from_utf8(&bytes).unwrap());
    }
    let end = world.pass().await;
    assert!(end.refused && !end.failed && end.changes == 0, "{end:?}");
    assert!(end.units.iter().any(|(_, _, text)| text.contains("ran out of memory (160 MiB)")), "{end:?}");
    assert_eq!((world.host(), world.standing()), (host, standing), "what ran goes on by the commit before");
    assert!(world.journal().contains(&"refused".to_owned()), "{:?}", world.journal());

    let end = world.pass().await;
    assert!(end.refused, "the same bomb is met again: {end:?}");
    world.child = child();
    let commit = world.deploy("bomb/assets.hcl", "");
    let end = world.pass().await;
    assert!(end.changes > 0 && !end.refused, "{end:?}");
    assert_eq!((world.standing().0, world.standing().1), (Some(commit), State::Success));
}

#[tokio::test]
async fn an_unchanged_commit_starts_no_child_and_each_new_one_its_own() {
    let folder = tempfile::TempDir::new().unwrap();
    let (program, starts) = (folder.path().join("counted"), folder.path().join("starts"));
    let text = format!("#!/bin/bash\necho >> '{}'\nexec -a writ-confined '{WRIT}' \"$@\"\n", starts.display());
    crate::program::program(&program, &text);
    let count = |starts: &Path| std::fs::read_to_string(starts).unwrap_or_default().lines().count();
    let mut world = World::with(&[("web.hcl", WEB)]);
    world.child = Child { program, ..child() };
    let (agent, attendance) = world.agent();
    let passes = async {
        assert!(world.pass_of(&agent).await.changes > 0);
        assert_eq!(count(&starts), 1);
        for _ in 0..3 {
            assert_eq!(world.pass_of(&agent).await.changes, 0);
        }
        assert_eq!(count(&starts), 1, "the commit is the same");
        world.deploy("web.hcl", &WEB.replace("web:1", "web:2"));
        assert!(world.pass_of(&agent).await.changes > 0);
        assert_eq!(count(&starts), 2);
    };
    tokio::select! {
        () = passes => {},
        never = attendance.run(&agent) => match never {},
    }
}

#[test]
fn every_command_that_reads_files_has_a_child_read_them() {
    let origin = Origin::new();
    let machine = Machine::new(&origin, "");
    let settings = std::fs::read_to_string(machine.path("agent.toml")).unwrap();
    let settings = settings.replacen("[[source]]", "allow_unsigned_apply = true\n[[source]]", 1);
    std::fs::write(machine.path("agent.toml"), settings).unwrap();
    let bomb = memory_bomb();
    std::fs::create_dir(machine.path("bomb")).unwrap();
    for (path, bytes) in &bomb {
        std::fs::write(machine.path("bomb").join(path), bytes).unwrap();
    }
    let texts: Vec<(&str, &str)> =
        bomb.iter().map(|(path, bytes)| (path.as_str(), std::str::from_utf8(bytes).unwrap())).collect();
    origin.deploy(&texts);
    let folder = machine.path("bomb").display().to_string();
    for (words, code) in [
        (&["check", &folder][..], 1),
        (&["render", &folder], 1),
        (&["apply", "-f", &folder, "--yes"], 1),
        (&["plan"], 3),
        (&["run", "--once"], 3),
    ] {
        let ran = machine.writ(words);
        assert_eq!(ran.code, Some(code), "{words:?}: {}", ran.text);
        assert!(ran.text.contains("ran out of memory (512 MiB)"), "{words:?}: {}", ran.text);
    }
    assert_eq!(machine.host(), "");
    let sound = machine.path("web.hcl");
    std::fs::write(&sound, WEB).unwrap();
    let ran = machine.writ(&["check", &sound.display().to_string()]);
    assert_eq!(ran.code, Some(0), "{}", ran.text);
}
