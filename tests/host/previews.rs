//! Heads of open requests, planned and told of: a status and one comment, and nothing done for it.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use age::x25519::Identity;
use writ::clock::Clock;
use writ::cycle;
use writ::interrupt::Interrupt;
use writ::previews::Previews;
use writ::record::{Filter, Introduced};
use writ::report::{Forge as Client, Pace, Speaks, flush};
use writ::wake::Wake;
use writ_core::preview::Request;
use writ_core::time::{Seconds, Timestamp};

use crate::fixture::{identity_file, secret};
use crate::forge::{Comment, Forge, Pull, TOKEN, Trick};
use crate::machine::{Machine, Origin, web};
use crate::repository::Sign;
use crate::server::Server;

const CONTEXT: &str = "writ/edge-1/edge/preview";

const DAY_MILLIS: i64 = 86_400_000;

/// A host whose one unit previews the requests of a repository.
struct World {
    forge: Forge,
    origin: Origin,
    machine: Arc<Machine>,
    /// Where the forge keeps heads of requests.
    refs: (&'static str, &'static str),
}

impl World {
    /// At a forge of this kind, with these settings of previews.
    async fn new(kind: &str, previews: &str) -> Self {
        let (forge, origin) = (Forge::start().await, Origin::new());
        let token = origin.repository.path().with_file_name("token");
        std::fs::write(&token, TOKEN).unwrap();
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
        let more = format!(
            "previews = {{{previews}}}\n[[report]]\nforge = \"{kind}\"\nurl = \"{}\"\nproject = \"ops/infra\"\n\
             source = \"infra\"\ntoken_file = \"{}\"\n",
            forge.url(),
            token.display()
        );
        let machine = Arc::new(Machine::new(&origin, &more));
        let refs = if kind == "gitlab" { ("refs/merge-requests/", "/head") } else { ("refs/pull/", "/head") };
        Self { forge, origin, machine, refs }
    }

    /// The same with a commit that runs here.
    async fn running(kind: &str, previews: &str) -> Self {
        let world = Self::new(kind, previews).await;
        world.origin.deploy(&[("web.hcl", &web("1"))]);
        world.turn().await;
        world
    }

    /// Opens a request, or pushes to one: a commit of nobody, with these files as all that is below `host/`.
    fn request(&self, number: u32, files: &[(&str, &str)]) -> String {
        let repository = &self.origin.repository;
        let base = repository.head();
        repository.git(&["checkout", "-q", "--detach"]);
        repository.remove("host");
        for (path, text) in files {
            repository.write(&format!("host/{path}"), text);
        }
        let head = repository.commit(Sign::Not, "please");
        repository.git(&["checkout", "-q", "main"]);
        assert_eq!(repository.head(), base);
        self.offer(number, &head, "main", 0);
        head
    }

    /// Has a request be about a commit and a branch, and have been touched so many days ago.
    fn offer(&self, number: u32, head: &str, branch: &str, days: i64) {
        let (before, after) = self.refs;
        // A commit that there is not has no ref.
        self.origin.repository.git_succeeds(&["update-ref", &format!("{before}{number}{after}"), head]);
        let (head, branch, title) = (head.to_owned(), branch.to_owned(), "</script>@team ``` /close".to_owned());
        let touched = Timestamp(Clock.now().0 - days * DAY_MILLIS).to_string();
        self.forge.open(Pull { number, head, branch, touched, title });
    }

    /// A new agent: one pass, one round over the requests, and all of it sent.
    async fn turn(&self) {
        let ((agent, attendance), mut source) = (self.machine.agent(), self.machine.source());
        let mut previews = Previews::of(&agent, &source).unwrap();
        let work = async {
            cycle::pass(&agent, &mut source, Wake::Start, &Interrupt::default()).await.unwrap();
            previews.round(7).await.unwrap();
        };
        tokio::select! {
            () = work => {}
            never = attendance.run(&agent) => match never {},
        }
        flush(&agent.store, &agent.receivers, &mut Pace::every(Seconds(0)), Clock.now(), 7).await.unwrap();
    }

    /// What a unit's preview said on a commit, without the audit heads.
    fn said(&self, commit: &str) -> Vec<String> {
        let said = self.forge.said(commit, CONTEXT).into_iter();
        said.map(|(state, text)| format!("{state}: {}", text.rsplit_once(" audit ").unwrap().0)).collect()
    }

    /// The only comment on a request.
    #[track_caller]
    fn comment(&self, number: u32) -> String {
        let comments = self.forge.comments(number);
        let [Comment { number: _, body, ours: true }] = comments.as_slice() else { panic!("{comments:?}") };
        body.clone()
    }

    /// What was written to the forge since so many requests.
    fn written(&self, since: usize) -> Vec<String> {
        let all = self.forge.requests().into_iter().skip(since).filter(|request| request.method != "GET");
        all.map(|request| format!("{} {}", request.method, request.path)).collect()
    }

    /// A further turn writes nothing.
    async fn is_quiet(&self) {
        let since = self.forge.requests().len();
        self.turn().await;
        assert_eq!(self.written(since), [""; 0]);
    }

    /// The requests whose heads are kept here.
    fn kept(&self) -> BTreeSet<String> {
        let folder = self.machine.state().join("requests/infra");
        if !folder.exists() {
            return BTreeSet::new();
        }
        let mut command = crate::repository::program("git");
        let output = command.arg("-C").arg(&folder).args(["for-each-ref", "--format=%(refname)"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }
}

const TWO: &str = "deployment \"shop\" \"web\" {\n  image = \"web:2\"\n  replicas = 1\n}\n\
                   deployment \"shop\" \"cart\" {\n  image = \"cart:1\"\n  replicas = 1\n}\n";

#[tokio::test]
async fn each_forge_is_told_what_a_request_would_come_to_in_a_status_and_one_comment_and_nothing_is_done() {
    for (kind, wrong) in [("gitea", "failure"), ("forgejo", "failure"), ("github", "failure"), ("gitlab", "failed")] {
        let world = World::running(kind, "").await;
        let (host, floor) = (world.machine.host(), world.machine.store().floor("infra").unwrap());
        let first = world.request(7, &[("web.hcl", TWO)]);
        world.turn().await;
        let line = "2 to create, 1 to remove";
        assert_eq!(world.said(&first), [format!("success: {line}")], "{kind}");
        let comment = world.comment(7);
        let begins =
            format!("<!-- writ preview edge-1/edge -->\n**Writ** would do for unit `edge` on host `edge-1`: {line}\n");
        assert!(comment.starts_with(&begins), "{comment}");
        assert!(comment.contains("\ncreate   shop-web.") && comment.contains("\nremove   shop-web."), "{comment}");
        assert!(comment.contains(&format!("\nPlanned for {first:.12} as it is, beside ")), "{comment}");
        world.is_quiet().await;

        // A second push edits the comment, and its own head has the status.
        let second = world.request(7, &[("web.hcl", "deployment \"shop\" \"web\" {\n  replicas = 1\n}\n")]);
        let since = world.forge.requests().len();
        world.turn().await;
        let said = world.said(&second);
        assert!(
            said.len() == 1 && said[0].starts_with(&format!("{wrong}: its files are not right: web.hcl:")),
            "{said:?}"
        );
        assert!(world.comment(7).contains("its files are not right, so that nothing would change\n\n```text\nerror"));
        assert_eq!(world.written(since).len(), 2, "{:?}", world.written(since));
        assert_eq!(world.said(&first).len(), 1);
        world.is_quiet().await;

        assert_eq!((world.machine.host(), world.machine.store().floor("infra").unwrap()), (host, floor));
        assert!(!world.machine.told().contains("\"refused\""), "what somebody proposes is no refusal");
    }
}

#[tokio::test]
async fn what_a_request_is_planned_beside_moves_on_and_it_is_planned_anew() {
    let world = World::running("gitea", "").await;
    let head = world.request(1, &[("web.hcl", &web("2"))]);
    world.turn().await;
    assert_eq!(world.said(&head), ["success: 1 to create, 1 to remove"]);
    // Somebody else merges the same.
    world.origin.deploy(&[("web.hcl", &web("2"))]);
    world.turn().await;
    assert_eq!(world.said(&head), ["success: 1 to create, 1 to remove", "success: nothing to do"]);
    assert!(world.comment(1).contains("\nnothing to do\n") || world.comment(1).contains("nothing to do\n\n```text"));
    world.is_quiet().await;
}

#[tokio::test]
async fn what_is_closed_too_old_beyond_the_number_or_for_another_branch_is_let_alone_and_its_head_removed() {
    let world = World::running("github", "number = 2, days = 3").await;
    let head = world.request(1, &[("web.hcl", &web("2"))]);
    for (number, branch, days) in [(2, "main", 1), (3, "main", 2), (4, "main", 9), (5, "other", 0)] {
        world.offer(number, &head, branch, days);
    }
    world.turn().await;
    let refs =
        |numbers: &[u32]| numbers.iter().map(|number| format!("refs/writ-requests/{number}")).collect::<BTreeSet<_>>();
    assert_eq!(world.kept(), refs(&[1, 2]));
    assert_eq!([1, 2, 3, 4, 5].map(|number| world.forge.comments(number).len()), [1, 1, 0, 0, 0]);
    world.forge.close(1);
    world.turn().await;
    assert_eq!(world.kept(), refs(&[2, 3]), "another one comes in its place");
    world.forge.close(2);
    world.forge.close(3);
    world.turn().await;
    assert_eq!(world.kept(), refs(&[]));
    assert_eq!(world.forge.comments(1).len(), 1, "what was said stays");
}

#[tokio::test]
async fn what_a_stranger_writes_stays_in_its_block_and_a_strangers_comment_is_let_alone() {
    let world = World::running("gitea", "").await;
    let marker = "<!-- writ preview edge-1/edge -->";
    world.request(1, &[("web.hcl", &web("2"))]);
    world.forge.comment(1, &format!("{marker}\nthis is mine"));
    world.forge.comment(1, &format!("and\n{marker}"));
    world.turn().await;
    let ours =
        |world: &World| world.forge.comments(1).into_iter().filter(|it| it.ours).map(|it| it.body).collect::<Vec<_>>();
    assert_eq!(ours(&world).len(), 1);
    let hostile = "deployment \"shop\" \"web\" {\n  oops = \"``` @everybody \u{202e} [x](https://evil.example) <script> #1\"\n}\n";
    world.request(1, &[("web.hcl", hostile)]);
    world.turn().await;
    let [comment] = &ours(&world)[..] else { panic!("{:?}", ours(&world)) };
    let (before, block) = comment.split_once("````text\n").unwrap();
    let (block, after) = block.split_once("\n````\n").unwrap();
    for mark in ["@everybody", "evil.example", "<script>", "#1"] {
        let is_within = block.contains(mark) && !before.contains(mark) && !after.contains(mark);
        assert!(is_within, "{mark}: {comment}");
    }
    assert!(!block.contains('\u{202e}'), "{block}");
    let theirs = world.forge.comments(1).into_iter().filter(|it| !it.ours).map(|it| it.body);
    assert_eq!(theirs.collect::<Vec<_>>(), [format!("{marker}\nthis is mine"), format!("and\n{marker}")]);
    world.is_quiet().await;
}

#[tokio::test]
async fn what_the_guard_does_not_let_through_is_foreseen_as_refused() {
    let world = World::running("gitea", "").await;
    let pod = |more: &str| {
        format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop}}\n---\napiVersion: apps/v1\nkind: Deployment\n\
             metadata: {{name: db, namespace: shop}}\nspec:\n  selector: {{matchLabels: {{app: db}}}}\n  template:\n    \
             metadata: {{labels: {{app: db}}}}\n    spec: {{{more}containers: [{{name: db, image: 'db:1'}}]}}\n"
        )
    };
    let files = |more: &str| [("web.hcl".to_owned(), web("1")), ("db.yaml".to_owned(), pod(more))];
    let offer = |more: &str| {
        let files = files(more);
        world.request(1, &[(&*files[0].0, &*files[0].1), (&*files[1].0, &*files[1].1)])
    };
    let head = offer("");
    world.turn().await;
    assert_eq!(world.said(&head), ["success: 1 to create"]);
    let head = offer("hostNetwork: true, ");
    world.turn().await;
    let said = world.said(&head);
    assert!(said.len() == 1 && said[0].starts_with("failure: refused: deployment/shop/db: guard "), "{said:?}");
}

#[tokio::test]
async fn a_forge_that_fails_delays_no_pass_is_told_once_and_asked_later() {
    let world = World::running("github", "").await;
    let head = world.request(1, &[("web.hcl", &web("2"))]);
    world.forge.trick(Trick::Answer(503, vec![("retry-after", "600".into())], "boom".into()));
    let commit = world.origin.deploy(&[("web.hcl", &web("3"))]);
    world.turn().await;
    assert!(!world.forge.said(&commit, "writ/edge-1/edge").is_empty(), "the main line goes on");
    assert!(world.said(&head).is_empty());
    let since = world.forge.requests().len();
    world.turn().await;
    assert_eq!(world.forge.requests().len(), since, "it is let alone");
    let told = world.machine.store().history(&Filter { kind: Some("forge-postponed"), ..Filter::default() }).unwrap();
    let [told] = told.as_slice() else { panic!("{told:?}") };
    assert!(
        told.body.contains("ops/infra requests") && told.body.contains("the forge answered 503: boom"),
        "{}",
        told.body
    );
}

#[tokio::test]
async fn a_token_that_may_not_comment_keeps_no_status_back() {
    let world = World::running("gitea", "").await;
    let head = world.request(1, &[("web.hcl", &web("2"))]);
    world.forge.close(1);
    let touched = Clock.now().to_string();
    let (branch, title) = ("main".to_owned(), String::new());
    // The forge lists a request that it takes no comment on.
    world.forge.open(Pull { number: 1, head: head.clone(), branch, touched, title });
    world.forge.comments_are_closed();
    world.turn().await;
    assert_eq!(world.said(&head), ["success: 1 to create, 1 to remove"]);
    assert_eq!(world.forge.comments(1), []);
    let store = world.machine.store();
    let told = store.history(&Filter { kind: Some("status-given-up"), ..Filter::default() }).unwrap();
    let [told] = told.as_slice() else { panic!("{told:?}") };
    assert!(told.body.contains("ops/infra comments") && told.body.contains("the forge answered 403"), "{}", told.body);
    assert_eq!(store.next_due().unwrap(), None);
    world.is_quiet().await;
}

#[tokio::test]
async fn an_unchanged_listing_is_no_new_one_and_one_that_cannot_be_understood_is_an_error() {
    let world = World::new("github", "").await;
    let token = world.origin.repository.path().with_file_name("token");
    let client = Client::at(Speaks::GitHub, &world.forge.url(), "ops/infra", &token).unwrap();
    for number in 1..=120 {
        world.offer(number, &"c0ffee12".repeat(5), "main", i64::from(number) / 10);
    }
    let now = Clock.now();
    let list = async |oldest: i64, tag: Option<&str>| {
        client.requests("main", Timestamp(now.0 - oldest * DAY_MILLIS), tag, (now, 0, 7)).await
    };
    let all = list(100, None).await.unwrap().unwrap();
    let numbers: BTreeSet<u32> = all.requests.iter().map(|Request { number, .. }| *number).collect();
    assert_eq!((numbers.len(), all.tag), (120, None), "what has several pages has no tag");
    let listed = list(2, None).await.unwrap().unwrap();
    assert!(listed.requests.len() == 50 && listed.tag.is_some(), "what is older is not read");
    assert_eq!(list(2, listed.tag.as_deref()).await, Ok(None));
    world.forge.close(1);
    assert!(list(2, listed.tag.as_deref()).await.unwrap().is_some());
    for (answer, why) in [
        ("[{\"number\": 1}]", "the forge answered no list of requests that could be understood"),
        ("[", "the forge answered no list of requests that could be understood"),
    ] {
        world.forge.trick(Trick::Answer(200, vec![], answer.into()));
        let unlisted = list(2, None).await.unwrap_err();
        assert!(unlisted.reason == why && unlisted.until > now, "{unlisted:?}");
    }
    world.forge.trick(Trick::Answer(404, vec![], "Not Found".into()));
    let unlisted = list(2, None).await.unwrap_err();
    assert!(
        unlisted.reason.contains("the forge answered 404") && unlisted.until >= now.plus(Seconds(3_600)),
        "{unlisted:?}"
    );
}

const READS: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  minReadySeconds: 0\n  \
                     selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      \
                     containers: [{name: web, image: 'web:1', envFrom: [{secretRef: {name: web}}, {secretRef: {name: plain}}]}]\n";

const PLAIN: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: plain, namespace: shop}\nstringData: {WORD: ";

#[tokio::test]
async fn nothing_encrypted_is_opened_what_is_unchanged_is_known_and_no_secret_is_told() {
    let world = World::new("gitea", "").await;
    let identity = Identity::generate();
    let identities = world.machine.path("identities");
    std::fs::write(&identities, identity_file(&identity)).unwrap();
    std::fs::set_permissions(&identities, std::fs::Permissions::from_mode(0o600)).unwrap();
    let settings = std::fs::read_to_string(world.machine.path("agent.toml")).unwrap();
    let named = format!("[host]\nage_identity_file = \"{}\"\n", identities.display());
    std::fs::write(world.machine.path("agent.toml"), settings.replacen("[host]\n", &named, 1)).unwrap();
    let sealed = |value: &str| secret("web", &[("PASSWORD", value)], &[identity.to_public()]);
    let (first, plain) = (sealed("canary-sealed-1"), format!("{PLAIN}canary-plain-1}}\n"));
    world.origin.deploy(&[("a.yaml", READS), ("plain.yaml", &plain), ("web.yaml", &first)]);
    world.turn().await;
    // Encrypted for somebody else, and by a file that says so wrongly: nobody tries to open it.
    let others = secret("web", &[("PASSWORD", "canary-sealed-2")], &[Identity::generate().to_public()]);
    let canary = format!("{PLAIN}canary-plain-2}}\n");
    for (number, files, want) in [
        (1, [("a.yaml", READS), ("plain.yaml", &*plain), ("web.yaml", &*first)], "success: nothing to do"),
        (2, [("a.yaml", READS), ("plain.yaml", &*plain), ("web.yaml", &*others)], "success: 1 to create, 1 to remove"),
        (3, [("a.yaml", READS), ("plain.yaml", &*canary), ("web.yaml", &*first)], "success: 1 to create, 1 to remove"),
    ] {
        let head = world.request(number, &files);
        world.turn().await;
        assert_eq!(world.said(&head), [want], "{}", world.comment(number));
        assert!(world.comment(number).contains("Encrypted values count by how they are written."));
    }
    for (number, changed, same) in [(2, "web/PASSWORD", "plain/WORD"), (3, "plain/WORD", "web/PASSWORD")] {
        let comment = world.comment(number);
        assert!(comment.contains(&format!("secret/shop/{changed} changed (")) && !comment.contains(same), "{comment}");
    }
    let bodies: String = world.forge.requests().iter().map(|request| request.body.to_string()).collect();
    assert!(!bodies.contains("canary-"), "{bodies}");
    assert!(!world.machine.told().contains("canary-"));
    for file in
        std::fs::read_dir(world.machine.state()).unwrap().map(Result::unwrap).filter(|file| file.path().is_file())
    {
        let bytes = std::fs::read(file.path()).unwrap();
        let holds = bytes.windows(14).any(|window| window == b"canary-sealed-" || window == b"canary-plain-2");
        assert!(!holds, "{:?}", file.file_name());
    }
}

#[tokio::test]
async fn no_server_is_asked_for_what_a_request_names() {
    let server = Server::start();
    server.sends("one");
    let asset = |path: &str| {
        format!(
            "deployment \"shop\" \"web\" {{\n  image = \"web:1\"\n  replicas = 1\n  \
             volumes = [\"${{asset.shop.conf.main}}:/etc/main:ro\"]\n}}\n\
             asset \"shop\" \"conf\" {{\n  main = url(\"http://{}/{path}\")\n}}\n",
            server.address
        )
    };
    let world = World::new("gitea", "").await;
    world.origin.deploy(&[("web.hcl", &asset("main"))]);
    world.turn().await;
    let same = world.request(1, &[("web.hcl", &asset("main"))]);
    let other = world.request(2, &[("web.hcl", &asset("other"))]);
    world.turn().await;
    assert_eq!(world.said(&same), ["success: nothing to do"]);
    assert_eq!(world.said(&other), ["success: 1 to create, 1 to remove"]);
    assert!(world.comment(2).contains("Contents of other servers count by their addresses."));
    // The pass before it asks for what is followed.
    assert!(server.was_asked().starts_with("get /main "), "{}", server.was_asked());
}

#[tokio::test]
async fn a_request_whose_tree_is_not_what_a_unit_can_be_is_told_so_and_one_that_cannot_be_fetched_waits() {
    let world = World::running("gitea", "").await;
    let repository = &world.origin.repository;
    let empty = repository.commit_tree(&repository.mktree(&[]), &repository.head(), &world.origin.key);
    world.offer(1, &empty, "main", 0);
    let missing = "1234567890123456789012345678901234567890";
    let touched = Clock.now().to_string();
    let (head, branch, title) = (missing.to_owned(), "main".to_owned(), String::new());
    world.forge.open(Pull { number: 2, head, branch, touched, title });
    world.turn().await;
    let said = world.said(&empty);
    assert!(said.len() == 1 && said[0].starts_with("failure: its files are not right: "), "{said:?}");
    assert!(said[0].contains("it is not in the tree"), "{said:?}");
    assert!(world.said(missing).is_empty() && world.forge.comments(2).is_empty());
    world.is_quiet().await;
}

#[tokio::test]
async fn a_host_that_follows_nothing_yet_previews_nothing() {
    let world = World::new("gitea", "").await;
    let machine = &world.machine;
    machine
        .store()
        .enrol(
            Clock.now(),
            "infra",
            &Introduced { commit: "9f2c".repeat(10), signer: world.origin.key.fingerprint.clone() },
        )
        .unwrap();
    world.origin.deploy(&[("web.hcl", &web("1"))]);
    let head = world.request(1, &[("web.hcl", &web("2"))]);
    world.turn().await;
    assert!(world.said(&head).is_empty());
    assert!(world.forge.requests().iter().all(|request| !request.path.contains("/pulls")));
}

#[tokio::test]
async fn the_program_previews_once_and_beside_its_passes() {
    let world = World::new("gitlab", "").await;
    world.origin.deploy(&[("web.hcl", &web("1"))]);
    let head = world.request(1, &[("web.hcl", &web("2"))]);
    let machine = Arc::clone(&world.machine);
    let once = tokio::task::spawn_blocking(move || machine.pass()).await.unwrap();
    assert_eq!(world.said(&head), ["success: 1 to create, 1 to remove"], "{once:?}");
    let again = world.request(1, &[("web.hcl", TWO)]);
    let machine = Arc::clone(&world.machine);
    let (over, is_over) = std::sync::mpsc::channel::<()>();
    let running = tokio::task::spawn_blocking(move || {
        let running = machine.run();
        is_over.recv().unwrap();
        running.stop()
    });
    let until = Instant::now() + Duration::from_secs(20);
    while world.said(&again).is_empty() || !world.comment(1).contains("2 to create") {
        assert!(Instant::now() < until, "no preview of what was pushed: {:?}", world.forge.comments(1));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    over.send(()).unwrap();
    running.await.unwrap();
    assert_eq!(world.said(&again), ["success: 2 to create, 1 to remove"]);
}
