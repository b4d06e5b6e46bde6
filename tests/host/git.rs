//! Fetching, polling and reading files, against real Git on the other side.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use writ::git::{Bounds, Credentials, GitError, Mirror, Remote};
use writ_core::time::Timestamp;
use writ_core::trust::{Admitted, Case, CommitId, Evidence, HostTrust, Introduction, Refusal, admit};

use crate::agreement::{Agreed, Operator};
use crate::repository::{FIRST_COMMIT, Key, Repository, Sign, key};

/// A repository, a mirror of it and what the host pinned.
pub(crate) struct World {
    _keys: TempDir,
    state: TempDir,
    pub(crate) alice: Key,
    pub(crate) repository: Repository,
    pub(crate) introduction: Introduction,
}

fn admitted(evidence: &Evidence, introduction: &Introduction) -> Result<Admitted, Refusal> {
    let host = HostTrust::default();
    admit(&Case { evidence, introduction, floor: None, witnesses: None, first_seen: now(), host: &host })
}

impl World {
    pub(crate) fn new() -> Self {
        let (keys, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let alice = key(keys.path(), "alice");
        let (repository, commit) = Repository::introduced_by(&alice);
        let introduction = Introduction { commit: id(&commit), signer: alice.fingerprint.parse().unwrap() };
        Self { _keys: keys, state, alice, repository, introduction }
    }

    pub(crate) fn remote(&self) -> Remote {
        remote(&self.repository.url())
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.state.path().join("mirror")
    }

    pub(crate) fn mirror(&self) -> Mirror {
        Mirror::open(&self.folder(), &self.remote()).unwrap()
    }

    pub(crate) fn commit(&self, message: &str) -> CommitId {
        id(&self.repository.commit(Sign::By(&self.alice), message))
    }

    fn admitted(&self) -> (Mirror, Admitted) {
        let mut mirror = self.mirror();
        let head = mirror.fetch().unwrap().unwrap();
        let evidence = mirror.repository().evidence(&self.introduction, None, head, &HostTrust::default()).unwrap();
        let admitted = admitted(&evidence, &self.introduction).unwrap();
        let (path, introduction) = (self.repository.path(), self.introduction.commit.to_string());
        Operator::new(&path, self.repository.date()).agrees(&head.to_string(), &introduction, &Agreed::default());
        (mirror, admitted)
    }

    /// Puts a file of any name and mode below `unit/`, as Git's plumbing can and its porcelain would not.
    fn commit_entry(&self, mode: &str, kind: &str, object: &str, name: &str) {
        let odd = self.repository.mktree(&[(mode, kind, object, name)]);
        let good = self.repository.git(&["rev-parse", "HEAD^{tree}"]);
        let writ = self.repository.git(&["rev-parse", &format!("{good}:.writ")]);
        let root = self.repository.mktree(&[("040000", "tree", &writ, ".writ"), ("040000", "tree", &odd, "unit")]);
        let head = self.repository.head();
        self.repository.commit_tree(&root, &head, &self.alice);
    }
}

pub(crate) fn remote(url: &str) -> Remote {
    let (credentials, bounds) = (Credentials::None, Bounds::default());
    Remote { name: "infra".into(), url: url.into(), branch: "main".into(), credentials, bounds }
}

pub(crate) fn id(text: &str) -> CommitId {
    text.parse().unwrap()
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_seconds(FIRST_COMMIT + 86_400)
}

#[test]
fn a_poll_sees_a_new_commit_and_a_fetch_brings_it() {
    let world = World::new();
    let mut mirror = world.mirror();
    assert_eq!(mirror.offered().unwrap(), None);
    assert_eq!(mirror.list().unwrap(), Some(world.introduction.commit));
    assert_eq!(mirror.fetch().unwrap(), Some(world.introduction.commit));
    let next = world.commit("next");
    assert_eq!(mirror.list().unwrap(), Some(next));
    assert_eq!(mirror.offered().unwrap(), Some(world.introduction.commit));
    assert_eq!(mirror.fetch().unwrap(), Some(next));
    assert_eq!(world.mirror().offered().unwrap(), Some(next));
    assert_eq!(mirror.local_path(), Some(world.repository.path()));
}

#[test]
fn an_unchanged_poll_stays_below_400_bytes_at_10_000_branches() {
    let world = World::new();
    let head = world.repository.head();
    let lines: String = (0..10_000).map(|number| format!("{head} refs/heads/team/topic-{number}\n")).collect();
    fs::write(world.repository.path().join(".git/packed-refs"), format!("# pack-refs with: peeled sorted \n{lines}"))
        .unwrap();
    let mut mirror = world.mirror();
    mirror.fetch().unwrap();
    assert_eq!(mirror.list().unwrap(), Some(world.introduction.commit));
    let received = mirror.received();
    assert!((1..400).contains(&received), "an unchanged poll received {received} bytes");
}

#[test]
fn a_branch_that_is_not_there_is_none_and_keeps_what_was_fetched() {
    let world = World::new();
    let mut mirror = world.mirror();
    let offered = mirror.fetch().unwrap();
    world.repository.git(&["branch", "-m", "main", "main-2"]);
    assert_eq!(mirror.list().unwrap(), None);
    assert_eq!(mirror.fetch().unwrap(), None);
    assert_eq!(mirror.offered().unwrap(), offered);
}

#[test]
fn only_our_branch_is_taken_and_neither_tags_nor_replacements_are() {
    let world = World::new();
    let head = world.repository.head();
    world.repository.git(&["tag", "v1"]);
    let other = id(&world.repository.commit(Sign::Not, "unsigned"));
    world.repository.git(&["update-ref", &format!("refs/replace/{other}"), &head]);
    let mut mirror = world.mirror();
    assert_eq!(mirror.fetch().unwrap(), Some(other));
    let refs = list_files(&world.folder().join("refs"));
    assert_eq!(refs, [world.folder().join("refs/writ/infra/offered")]);
    let evidence = mirror.repository().evidence(&world.introduction, None, other, &HostTrust::default()).unwrap();
    assert!(admitted(&evidence, &world.introduction).is_err());
}

#[test]
fn a_replacement_in_the_mirror_itself_has_no_effect() {
    let world = World::new();
    let good = world.repository.head();
    let bad = world.repository.commit(Sign::Not, "unsigned");
    let mut mirror = world.mirror();
    mirror.fetch().unwrap();
    let folder = world.folder();
    fs::create_dir_all(folder.join("refs/replace")).unwrap();
    fs::write(folder.join("refs/replace").join(&bad), format!("{good}\n")).unwrap();
    fs::write(folder.join("info/grafts"), format!("{bad}\n")).unwrap();
    fs::write(folder.join("shallow"), format!("{bad}\n")).unwrap();
    let mirror = world.mirror();
    let evidence = mirror.repository().evidence(&world.introduction, None, id(&bad), &HostTrust::default()).unwrap();
    assert!(admitted(&evidence, &world.introduction).is_err());
    assert_eq!(evidence.len(), 2, "the parent is reached through the graft");
}

#[test]
fn a_repository_that_is_not_there_is_an_error_and_not_an_empty_branch() {
    let state = tempfile::tempdir().unwrap();
    let missing = format!("file://{}/missing", state.path().display());
    let mut mirror = Mirror::open(&state.path().join("mirror"), &remote(&missing)).unwrap();
    let error = mirror.list().unwrap_err();
    assert!(matches!(error, GitError::Remote { .. }), "{error}");
    assert!(error.to_string().starts_with(&format!("cannot list {missing}")), "{error}");
}

#[test]
fn a_mirror_with_any_damaged_file_is_read_rightly_or_told_broken_and_can_be_made_afresh() {
    let world = World::new();
    for number in 0..3 {
        world.repository.write("unit/web.yaml", format!("number: {number}\n"));
        world.commit("change");
    }
    world.mirror().fetch().unwrap();
    let head = id(&world.repository.head());
    let all = list_files(&world.folder());
    assert!(all.iter().any(|file| file.extension().is_some_and(|ending| ending == "pack")), "{all:?}");
    for file in all {
        let whole = fs::read(&file).unwrap();
        make_writable(&file);
        let flips = (0..whole.len()).step_by(whole.len() / 7 + 1).map(|at| flip(&whole, at));
        for damaged in flips.chain([whole[..whole.len() / 2].to_vec(), Vec::new()]) {
            fs::write(&file, damaged).unwrap();
            let judged = Mirror::open(&world.folder(), &world.remote()).and_then(|mirror| {
                mirror.repository().evidence(&world.introduction, None, head, &HostTrust::default())
            });
            match judged {
                Ok(evidence) => {
                    let admitted = admitted(&evidence, &world.introduction);
                    assert_eq!(admitted.map(|admitted| admitted.commit()), Ok(head), "{}", file.display());
                }
                Err(GitError::MirrorBroken { .. }) => {}
                Err(error) => panic!("{}: {error}", file.display()),
            }
        }
        fs::write(&file, whole).unwrap();
    }
    fs::write(world.folder().join("HEAD"), "").unwrap();
    let mut afresh = Mirror::afresh(&world.folder(), &world.remote()).unwrap();
    assert_eq!(afresh.fetch().unwrap(), Some(head));
}

#[test]
fn a_lock_that_a_crash_left_behind_is_told_and_healed() {
    let world = World::new();
    world.mirror().fetch().unwrap();
    fs::write(world.folder().join("refs/writ/infra/offered.lock"), "").unwrap();
    assert!(matches!(Mirror::open(&world.folder(), &world.remote()), Err(GitError::MirrorBroken { .. })));
    assert!(Mirror::afresh(&world.folder(), &world.remote()).unwrap().fetch().unwrap().is_some());
}

#[test]
fn files_of_a_unit_are_read_by_their_paths_from_there() {
    let world = World::new();
    world.repository.write("unit/web.yaml", "kind: Service\n");
    world.repository.write("unit/conf/app.conf", "x = 1\n");
    world.repository.write("other/db.yaml", "kind: Secret\n");
    world.commit("files");
    let (mirror, admitted) = world.admitted();
    let files = mirror.files(&admitted, &"unit".into()).unwrap();
    let paths: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(paths, ["conf/app.conf", "web.yaml"]);
    assert_eq!(files["web.yaml"], b"kind: Service\n");
    assert_eq!(mirror.files(&admitted, &"unit/conf/".into()).unwrap().len(), 1);
    assert_eq!(mirror.files(&admitted, &".".into()).unwrap().len(), 4);
}

#[test]
fn a_mirror_can_go_to_another_thread_so_that_a_fetch_blocks_nobody() {
    let world = World::new();
    let mut mirror = world.mirror();
    let offered = std::thread::spawn(move || mirror.fetch().unwrap()).join().unwrap();
    assert_eq!(offered, Some(world.introduction.commit));
}

#[track_caller]
fn refused(world: &World, path: &str, reason: &str) {
    let (mirror, admitted) = world.admitted();
    match mirror.files(&admitted, &path.into()) {
        Err(error @ GitError::Content { .. }) => assert!(error.to_string().contains(reason), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_missing_path_is_an_error_and_never_empty() {
    let world = World::new();
    world.repository.write("unit/web.yaml", "");
    world.commit("files");
    for path in ["hosts/edge-1", "unit/web", "Unit"] {
        refused(&world, path, "nothing is taken for removed");
    }
    refused(&world, "unit/web.yaml", "it is a file");
    for path in ["", "/unit", "unit//x", "../unit", "unit/..", ".git"] {
        refused(&world, path, "its name");
    }
}

#[test]
fn a_link_or_a_submodule_in_a_used_path_is_refused_and_elsewhere_is_not() {
    let world = World::new();
    world.repository.write("unit/web.yaml", "");
    std::os::unix::fs::symlink("/etc", world.repository.path().join("unit/link")).unwrap();
    world.commit("link");
    refused(&world, "unit", "symbolic link");
    refused(&world, "unit/link", "symbolic link");
    fs::rename(world.repository.path().join("unit/link"), world.repository.path().join("link")).unwrap();
    world.commit("link elsewhere");
    let (mirror, admitted) = world.admitted();
    assert_eq!(mirror.files(&admitted, &"unit".into()).unwrap().len(), 1);
    world.commit_entry("160000", "commit", &world.repository.head(), "module");
    refused(&world, "unit", "submodule");
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let world = World::new();
    world.repository.write("file", "x");
    world.commit("file");
    let blob = world.repository.git(&["rev-parse", "HEAD:file"]);
    world.commit_entry("100644", "blob", &blob, "good.yaml");
    let (mirror, admitted) = world.admitted();
    assert_eq!(mirror.files(&admitted, &"unit".into()).unwrap().len(), 1);
    for name in ["..", ".git", ".GIT", "a\\b"] {
        world.commit_entry("100644", "blob", &blob, name);
        refused(&world, "unit", "its name");
    }
    world.commit_entry("100664", "blob", &blob, "odd-mode");
    refused(&world, "unit", "its mode");
}

#[test]
fn a_huge_file_is_refused_and_one_at_the_limit_is_read() {
    let world = World::new();
    let limit = usize::try_from(writ_core::limits::MANIFEST_BYTES_MAX).unwrap();
    world.repository.write("unit/web.yaml", "x".repeat(limit));
    world.commit("large");
    let (mirror, admitted) = world.admitted();
    assert_eq!(mirror.files(&admitted, &"unit".into()).unwrap()["web.yaml"].len(), limit);
    world.repository.write("unit/web.yaml", "x".repeat(limit + 1));
    world.commit("huge");
    refused(&world, "unit", "bytes long");
}

#[test]
fn ten_to_the_ten_paths_are_refused_in_bounded_time() {
    let world = World::new();
    world.repository.write("file", "x");
    world.commit("file");
    let mut tree = world.repository.git(&["rev-parse", "HEAD:file"]);
    let mut kind = ("100644", "blob");
    for _ in 0..10 {
        let names: Vec<String> = (0..10).map(|number| number.to_string()).collect();
        let entries: Vec<_> = names.iter().map(|name| (kind.0, kind.1, tree.as_str(), name.as_str())).collect();
        tree = world.repository.mktree(&entries);
        kind = ("040000", "tree");
    }
    world.commit_entry("040000", "tree", &tree, "deep");
    refused(&world, "unit", "the unit has more than");
}

pub(crate) fn list_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(list_files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

fn flip(whole: &[u8], at: usize) -> Vec<u8> {
    let mut damaged = whole.to_vec();
    damaged[at] ^= 0x40;
    damaged
}

fn make_writable(file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}
