//! Blocks of kinds that a plugin expands: the program is brought by its version and its digest, and runs behind walls.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use writ::clock::Clock;
use writ::confine::hex;
use writ_core::model::{BucketRef, Scope};
use writ_core::status::State;
use writ_core::text::SecretText;

use crate::pass::World;
use crate::repository::{Repository, Sign};

/// The plugin, made once.
pub(crate) fn program() -> &'static [u8] {
    static PROGRAM: OnceLock<Vec<u8>> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = TempDir::new().unwrap();
        let out = folder.path().join("expand");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/plugin/expand.rs");
        let mut rustc = Command::new("rustc");
        rustc.args(["--edition", "2024", "-C", "target-feature=+crt-static", "-C", "opt-level=0", "-o"]);
        let made = rustc.arg(&out).arg(source).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        std::fs::read(out).unwrap()
    })
}

/// A repository of the plugin, with its program under a tag.
struct Origin {
    repository: Repository,
    digest: String,
}

impl Origin {
    fn of(bytes: &[u8], tag: &[&str]) -> Self {
        let repository = Repository::empty();
        repository.write("bin/expand", bytes);
        // What a checkout would run or fetch.
        repository.write(".gitattributes", "* filter=evil\n");
        repository.commit(Sign::Not, "release");
        repository.git(&[&["tag"], tag].concat());
        Self { repository, digest: hex(&Sha256::digest(bytes)) }
    }

    fn settings(&self) -> String {
        let (url, digest) = (self.repository.url(), &self.digest);
        format!(
            "[[unit.plugin]]\nkind = \"hep3\"\nurl = \"{url}\"\nversion = \"1.2.0\"\ndigest = \"sha256:{digest}\"\n"
        )
    }
}

fn block(does: &str) -> String {
    format!(
        "# Something of its own.\nhep3 \"shop\" \"web\" {{\n  does  = \"{does}\"\n  image = \"web:1\"\n  \
         env   = {{ KEY = \"canary-5d1c\", COUNT = 3 }}\n  part \"a\" {{\n    ports = [1, 2]\n  }}\n}}\n"
    )
}

/// A host whose unit has the plugin, and one block of it.
fn world(origin: &Origin, does: &str) -> World {
    World::with_settings(&[("web.hcl", &block(does))], &origin.settings())
}

fn good() -> Origin {
    Origin::of(program(), &["-a", "-m", "release", "v1.2.0"])
}

/// What is said of the block when it is refused. Nothing is changed then.
async fn refused(world: &World) -> String {
    let end = world.pass().await;
    assert!(end.refused && !end.failed && end.changes == 0, "{end:?}");
    let (_, state, text) = end.units.into_iter().next().unwrap();
    assert_eq!(state, State::Error);
    assert!(text.contains("--> web.hcl:2:1") && !text.contains("canary"), "{text}");
    text
}

fn kept(world: &World) -> Vec<PathBuf> {
    let all = std::fs::read_dir(world.settings.host.state.join("plugins")).unwrap();
    all.map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn v80_v81_v82_a_plugin_is_brought_when_it_is_needed_and_once_and_its_manifests_are_applied() {
    let origin = good();
    let world = world(&origin, "deployment");
    let end = world.pass().await;
    assert!(end.changes > 0 && !end.refused && !end.failed, "{end:?}");
    assert!(world.host().contains("deployment/shop/web"), "{}", world.host());
    assert_eq!(kept(&world), [world.settings.host.state.join("plugins").join(&origin.digest)]);
    // From then on nobody asks where it came from.
    std::fs::remove_dir_all(origin.repository.path()).unwrap();
    assert_eq!(world.pass().await.changes, 0);
    let host = world.host();
    world.deploy("web.hcl", &block("thread"));
    let end = world.pass().await;
    assert!(end.changes > 0 && !end.refused, "{end:?}");
    assert_ne!(world.host(), host);
}

#[tokio::test]
async fn a_copy_that_is_not_what_the_digest_says_is_brought_anew_and_a_light_tag_does() {
    let origin = Origin::of(program(), &["1.2.0"]);
    let world = world(&origin, "deployment");
    let folder = world.settings.host.state.join("plugins");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(&origin.digest), "#!/bin/sh\nexit 0\n").unwrap();
    let end = world.pass().await;
    assert!(end.changes > 0 && !end.refused, "{end:?}");
}

#[tokio::test]
async fn another_program_than_the_settings_name_is_not_run_and_another_version_is_not_found() {
    let mut origin = good();
    let found = std::mem::replace(&mut origin.digest, "0".repeat(64));
    let told = refused(&world(&origin, "deployment")).await;
    assert!(told.contains(&format!("has the digest sha256:{found}, and the settings name sha256:000")), "{told}");
    let origin = Origin::of(program(), &["v1.3.0"]);
    let told = refused(&world(&origin, "deployment")).await;
    assert!(told.contains("has neither a tag v1.2.0 nor a tag 1.2.0"), "{told}");
    let script = Origin::of(b"#!/bin/sh\necho '{}'\n", &["v1.2.0"]);
    let told = refused(&world(&script, "deployment")).await;
    assert!(told.contains("it must be a static executable for this processor"), "{told}");
}

#[tokio::test]
async fn a_program_that_somebody_still_holds_for_writing_is_begun_once_they_let_go() {
    let origin = good();
    let world = world(&origin, "deployment");
    assert!(world.pass().await.changes > 0);
    let copy = kept(&world).remove(0);
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755)).unwrap();
    let held = std::fs::File::options().append(true).open(&copy).unwrap();
    world.deploy("web.hcl", &block("thread"));
    // Whoever holds it lets go when the program waits at its door.
    let waits = tokio::task::spawn_blocking(move || {
        while !is_begun(&copy) {
            std::thread::yield_now();
        }
        drop(held);
    });
    let end = world.pass().await;
    waits.await.unwrap();
    assert!(end.changes > 0 && !end.refused, "{end:?}");
}

/// Whether a process has a program among its words.
fn is_begun(program: &Path) -> bool {
    let name = program.as_os_str().as_bytes();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut words = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    words.any(|words| words.split(|byte| *byte == 0).any(|word| word == name))
}

#[tokio::test]
async fn a_plugin_is_told_its_block_and_nothing_else() {
    let origin = good();
    let told = refused(&world(&origin, "unknown")).await;
    assert!(told.contains("it refuses: `nobody knows what it does`"), "{told}");
    let world = world(&origin, "alone");
    let bucket = BucketRef { scope: Scope("shop".into()), name: None };
    world.store().make_host_key(Clock.now(), "edge-1").unwrap();
    world.store().bucket_set(Clock.now(), &bucket, "TOKEN", &SecretText::new("canary-of-the-bucket")).unwrap();
    let end = world.pass().await;
    assert!(end.changes > 0 && !end.refused, "{end:?}");
}

#[tokio::test]
async fn what_a_plugin_reaches_for_is_denied_or_ends_it() {
    let origin = good();
    for (does, told) in [
        ("read", "denied: PermissionDenied"),
        ("list", "denied: PermissionDenied"),
        ("write", "denied: PermissionDenied"),
        ("spawn", "denied: "),
        ("become", "denied: PermissionDenied"),
        ("connect", "it reached for what is forbidden to it, and was ended"),
    ] {
        let text = refused(&world(&origin, does)).await;
        assert!(text.contains(told), "{does}: {text}");
    }
    assert!(!Path::new("/tmp/writ-plugin-was-here").exists());
}

#[tokio::test]
async fn a_plugin_that_does_not_come_to_an_end_is_ended_and_told_at_its_block() {
    let origin = good();
    let mut endless = world(&origin, "loop");
    endless.child.bounds.limits.processor_seconds = 1;
    assert!(refused(&endless).await.contains("it took more than 1 s of a processor"));
    let mut asleep = world(&origin, "sleep");
    asleep.child.bounds.seconds = 8;
    assert!(refused(&asleep).await.contains("took longer than 8 s"));
    assert!(refused(&world(&origin, "flood")).await.contains("answered with more than 4 MiB"));
    let told = refused(&world(&origin, "crash")).await;
    assert!(told.contains("it ended with exit code 7: `no such thing\\u{1b}[31m as red`"), "{told}");
}

#[tokio::test]
async fn an_answer_that_is_not_one_is_refused_at_its_block_and_changes_nothing() {
    let origin = good();
    for (does, told) in [
        ("actions", "it asks for `actions`, and expanding a block changes nothing"),
        ("itself", "it answers with the kind `hep3`, and not with one that is built in"),
        ("redis", "it answers with the kind `redis`, and not with one that is built in"),
        ("elsewhere", "and not for that of the block"),
        ("wrong", "a deployment has no `imagine`"),
        ("garbage", "its answer is not JSON: line 1, column 10"),
        ("nothing", "its answer is not JSON"),
    ] {
        let text = refused(&world(&origin, does)).await;
        assert!(text.contains(told), "{does}: {text}");
    }
}

#[tokio::test]
async fn a_kind_that_no_plugin_is_declared_for_says_how_to_declare_one() {
    let world = World::with(&[("web.hcl", &block("deployment"))]);
    let told = refused(&world).await;
    assert!(told.contains("the kind `hep3` is not known") && told.contains("[[unit.plugin]]"), "{told}");
}
