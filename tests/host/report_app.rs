//! Statuses that an app of GitHub writes: who it says it is, and how long its tokens are used.

use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tempfile::TempDir;
use writ::record::Store;
use writ::report::{Flushed, Forge, Pace, Receiver, check_key, flush};
use writ::settings::{App, ForgeKind, Login, Report};
use writ_core::status::{CommitStatus, State};
use writ_core::time::{Seconds, Timestamp};

use crate::forge::{Forge as Server, Pull, TOKEN, Trick};
use crate::record::state_folder;

const NOW: Timestamp = Timestamp(1_795_000_000_000);
const HOUR: u32 = 3_600;
const TOKENS: &str = "/api/v3/app/installations/77/access_tokens";

/// A store, a server and an app that it knows.
struct World {
    folder: TempDir,
    store: Store,
    server: Server,
    forge: Rc<Forge>,
    receiver: Receiver,
    said: u32,
}

impl World {
    async fn new(form: &str) -> Self {
        let folder = state_folder();
        let store = Store::open(NOW, folder.path()).unwrap();
        let server = Server::start().await;
        make_key(folder.path(), "app", form);
        server.know_app(&folder.path().join("app.pub"), &NOW.plus(Seconds(HOUR)).to_string());
        let app = App { id: "Iv23liAbCdEf".to_owned(), installation: 77, key_file: folder.path().join("app.pem") };
        let (url, project, source) = (server.url(), "ops/infra".to_owned(), "infra".to_owned());
        let report = Report { forge: ForgeKind::Github, url, login: Login::App(app), project, source };
        let forge = Rc::new(Forge::new(&report, None).unwrap());
        let receiver = Receiver::Forge(Rc::clone(&forge));
        Self { folder, store, server, forge, receiver, said: 0 }
    }

    /// Says something on a new commit, and the addresses that were asked for it.
    async fn say(&mut self, now: Timestamp) -> (Flushed, Vec<String>) {
        self.said += 1;
        let commit = format!("{:040x}", self.said);
        let context = format!("writ/edge/{}", self.said);
        let status = CommitStatus { commit, context, state: State::Success, description: "3 pods".to_owned() };
        assert!(self.store.enqueue(now, &self.forge.id(), &status).unwrap());
        let before = self.server.requests().len();
        let flushed = flush(&self.store, std::slice::from_ref(&self.receiver), &mut Pace::every(Seconds(0)), now, 7)
            .await
            .unwrap();
        let asked = self.server.requests().into_iter().skip(before);
        (flushed, asked.map(|request| request.path.replace("/repos/ops/infra/statuses/", "/…/")).collect())
    }

    fn hold(&self) -> String {
        self.store.hold(&self.forge.id()).unwrap().unwrap().reason
    }
}

/// A key of RSA as NAME.pem, in the form that openssl calls so, and its public half as NAME.pub.
fn make_key(folder: &Path, name: &str, form: &str) {
    let openssl = |words: &[&str]| {
        let done = Command::new("openssl").current_dir(folder).args(words).output().unwrap();
        assert!(done.status.success(), "openssl {words:?}: {}", String::from_utf8_lossy(&done.stderr));
    };
    let (private, public) = (format!("{name}.pem"), format!("{name}.pub"));
    openssl(&["genrsa", "-out", "made", "2048"]);
    let whole = ["rsa", "-in", "made", "-out", &private];
    openssl(&[&whole[..], if form == "PKCS#1" { &["-traditional"] } else { &[] }].concat());
    openssl(&["rsa", "-in", &private, "-pubout", "-out", &public]);
    let begins = if form == "PKCS#1" { "-----BEGIN RSA PRIVATE KEY-----" } else { "-----BEGIN PRIVATE KEY-----" };
    assert!(std::fs::read_to_string(folder.join(private)).unwrap().starts_with(begins), "{form}");
}

/// The numbers of the open requests to the main branch, or why there are none.
async fn listed(world: &World) -> Result<Vec<u32>, String> {
    match world.forge.requests("main", Timestamp(0), None, (NOW, 0, 7)).await {
        Ok(listed) => Ok(listed.unwrap().requests.into_iter().map(|request| request.number).collect()),
        Err(unlisted) => {
            assert!(unlisted.until >= NOW.plus(Seconds(HOUR)), "a person must mend that");
            Err(unlisted.reason)
        }
    }
}

fn sent(sent: u32, postponed: u32) -> Flushed {
    Flushed { sent, given_up: 0, postponed }
}

#[tokio::test]
async fn an_app_says_who_it_is_by_its_key_and_writes_with_the_token_that_it_is_given() {
    for form in ["PKCS#1", "PKCS#8"] {
        let mut world = World::new(form).await;
        let (flushed, asked) = world.say(NOW).await;
        assert_eq!((flushed, asked[0].as_str(), asked.len()), (sent(1, 0), TOKENS, 2), "{form}");
        let claim = world.server.requests()[0].headers["authorization"].clone();
        let parts: Vec<Value> = claim
            .trim_start_matches("Bearer ")
            .split('.')
            .take(2)
            .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
            .collect();
        let begins = NOW.seconds() - 60;
        let claims = json!({"iat": begins, "exp": begins + 540, "iss": "Iv23liAbCdEf"});
        assert_eq!(parts, [json!({"alg": "RS256", "typ": "JWT"}), claims]);
        assert_eq!(world.server.requests()[1].headers["authorization"], format!("Bearer {TOKEN}-1"));
    }
}

#[tokio::test]
async fn a_token_is_used_until_five_minutes_before_its_end_and_then_a_new_one() {
    let mut world = World::new("PKCS#1").await;
    assert_eq!(world.say(NOW).await.1.len(), 2);
    assert_eq!(world.say(NOW.plus(Seconds(HOUR - 301))).await.1.len(), 1);
    let (flushed, asked) = world.say(NOW.plus(Seconds(HOUR - 300))).await;
    assert_eq!((flushed, asked[0].as_str(), asked.len()), (sent(1, 0), TOKENS, 2));
}

#[tokio::test]
async fn a_token_that_was_withdrawn_is_replaced_once_and_a_new_one_that_is_denied_waits_for_a_person() {
    let mut world = World::new("PKCS#1").await;
    world.say(NOW).await;
    world.server.revoke();
    let (flushed, asked) = world.say(NOW).await;
    assert_eq!((flushed, asked[1].as_str(), asked.len()), (sent(1, 0), TOKENS, 3));
    for _ in 0..2 {
        world.server.trick(Trick::Answer(401, vec![], "no".into()));
    }
    // The second of these answers is that to whoever asks for a token.
    let (flushed, asked) = world.say(NOW).await;
    assert_eq!((flushed, asked.len()), (sent(0, 1), 2));
    assert_eq!(world.hold(), "cannot get a token of the app's installation: the forge answered 401: no");
    let next = world.store.next_due().unwrap().unwrap();
    assert!(next >= NOW.plus(Seconds(HOUR)), "a person must mend that");
    assert_eq!(world.say(next).await.0, sent(2, 0));
}

#[tokio::test]
async fn an_app_that_may_not_read_requests_writes_statuses_and_one_that_may_does_so_by_a_token_of_its_own() {
    let mut world = World::new("PKCS#1").await;
    let (branch, touched, head) = ("main".to_owned(), NOW.to_string(), "c".repeat(40));
    world.server.open(Pull { number: 3, head, branch, touched, title: String::new() });
    let refused = "cannot get a token of the app's installation: the forge answered 422: {\"message\":\"The permissions \
                   requested are not granted to this installation.\"}";
    assert_eq!(listed(&world).await, Err(refused.to_owned()));
    assert_eq!(world.say(NOW).await.0, sent(1, 0));
    world.server.permit("pull_requests");
    assert_eq!(listed(&world).await, Ok(vec![3]));
    let asked = world.server.requests();
    assert_eq!(asked.last().unwrap().headers["authorization"], format!("Bearer {TOKEN}-2"));
    // The token for statuses is still the one that it was, and what withdraws one is no matter of the other.
    assert_eq!(world.say(NOW).await.1.len(), 1);
    world.server.revoke();
    assert_eq!(world.say(NOW).await.1.len(), 3);
    assert_eq!(listed(&world).await, Ok(vec![3]));
}

#[tokio::test]
async fn an_installation_that_is_gone_and_a_key_of_somebody_else_give_no_status_up() {
    let mut world = World::new("PKCS#1").await;
    world.server.trick(Trick::Answer(404, vec![], "Not Found".into()));
    assert_eq!(world.say(NOW).await.0, sent(0, 1));
    assert_eq!(world.hold(), "cannot get a token of the app's installation: the forge answered 404: Not Found");
    let mut now = world.store.next_due().unwrap().unwrap();
    let app = std::fs::read(world.folder.path().join("app.pem")).unwrap();
    make_key(world.folder.path(), "other", "PKCS#1");
    std::fs::rename(world.folder.path().join("other.pem"), world.folder.path().join("app.pem")).unwrap();
    assert_eq!(world.say(now).await.0, sent(0, 1));
    assert!(world.hold().contains("could not be decoded"), "{}", world.hold());
    for (text, why) in [("no key", "holds no key of an app"), ("", "holds no key of an app")] {
        std::fs::write(world.folder.path().join("app.pem"), text).unwrap();
        now = world.store.next_due().unwrap().unwrap();
        assert_eq!(world.say(now).await.0, sent(0, 1));
        assert!(world.hold().contains(why), "{}", world.hold());
    }
    std::fs::write(world.folder.path().join("app.pem"), app).unwrap();
    now = world.store.next_due().unwrap().unwrap();
    assert_eq!(world.say(now).await.0, sent(5, 0), "nothing was lost");
}

#[tokio::test]
async fn what_is_no_key_of_an_app_is_told_by_its_file_and_never_by_its_text() {
    let folder = state_folder();
    let file = folder.path().join("key");
    assert!(check_key(&file).unwrap_err().to_string().starts_with("cannot read the key of the app in /"));
    let openssl =
        Command::new("openssl").args(["ecparam", "-name", "prime256v1", "-genkey", "-noout"]).output().unwrap();
    for text in
        [openssl.stdout.as_slice(), b"-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n-----END RSA PRIVATE KEY-----\n"]
    {
        std::fs::write(&file, text).unwrap();
        let told = check_key(&file).unwrap_err().to_string();
        assert!(told.contains("holds no key of an app") && !told.contains("c2VjcmV0"), "{told}");
    }
}

#[tokio::test]
async fn neither_the_key_nor_a_token_of_an_app_is_in_the_record_or_an_error() {
    let mut world = World::new("PKCS#8").await;
    world.say(NOW).await;
    world.server.trick(Trick::Answer(401, vec![], "no".into()));
    world.say(NOW.plus(Seconds(10))).await;
    world.server.trick(Trick::Cut);
    world.say(NOW.plus(Seconds(20))).await;
    let key = std::fs::read_to_string(world.folder.path().join("app.pem")).unwrap();
    let line = key.lines().nth(3).unwrap();
    assert!(!format!("{:?}", world.forge).contains(TOKEN));
    for file in std::fs::read_dir(world.folder.path()).unwrap().map(Result::unwrap) {
        let text = String::from_utf8_lossy(&std::fs::read(file.path()).unwrap()).into_owned();
        assert!(!text.contains(TOKEN), "{:?}", file.file_name());
        let may = ["app.pem", "made"].iter().any(|name| file.file_name() == *name);
        assert_eq!(text.contains(line), may, "{:?}", file.file_name());
    }
}
