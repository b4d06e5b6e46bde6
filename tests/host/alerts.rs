//! People who are told what is wrong: once, by what they asked for, signed, and also when it is over.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;

use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use writ::clock::Clock;
use writ::cycle;
use writ::interrupt::Interrupt;
use writ::report::{Flushed, Pace, flush};
use writ::wake::Wake;
use writ_core::time::{Seconds, Timestamp};

use crate::forge::{Forge as Server, Request, Trick};
use crate::machine::{Machine, Origin, web};
use crate::post::Post;
use crate::repository::Sign;

const SECRET: &str = "canary-secret-of-signatures";

/// A host that tells a server, which stands for all who are told over HTTP.
struct World {
    server: Server,
    origin: Origin,
    machine: Machine,
    told: RefCell<usize>,
}

impl World {
    /// `alerts` are settings in which `{url}` stands for the server, and `{secret}` for the file of a secret.
    async fn new(unit: &str, alerts: &str) -> Self {
        let (server, origin) = (Server::start().await, Origin::new());
        let secret = file(&origin, "secret", SECRET);
        let alerts = alerts.replace("{url}", &server.url()).replace("{secret}", &secret);
        let machine = Machine::new(&origin, &format!("{unit}\n{alerts}"));
        Self { server, origin, machine, told: RefCell::default() }
    }

    /// One pass by a new agent, and what it has to tell sent.
    async fn pass(&self) -> Flushed {
        self.pass_at(Clock.now()).await
    }

    /// The same, sent at another moment.
    async fn pass_at(&self, now: Timestamp) -> Flushed {
        let ((agent, attendance), mut source) = (self.machine.agent(), self.machine.source());
        let interrupt = Interrupt::default();
        tokio::select! {
            end = cycle::pass(&agent, &mut source, Wake::Start, &interrupt) => drop(end.unwrap()),
            never = attendance.run(&agent) => match never {},
        }
        flush(&agent.store, &agent.receivers, &mut Pace::every(Seconds(0)), now, 7).await.unwrap()
    }

    /// What the server was told since this was asked last.
    fn news(&self) -> Vec<Request> {
        let mut requests = self.server.requests();
        let before = self.told.replace(requests.len());
        requests.drain(..before);
        requests
    }

    /// The one thing that it was told.
    #[track_caller]
    fn one(&self) -> Request {
        let mut news = self.news();
        assert_eq!(news.len(), 1, "{news:#?}");
        news.remove(0)
    }

    fn change_host(&self, text: &str) {
        std::fs::write(self.machine.state().join("simulated.host"), text).unwrap();
    }

    /// A commit that nobody signed.
    fn push_unsigned(&self, image: &str) -> String {
        self.origin.repository.write("host/web.hcl", web(image));
        self.origin.repository.commit(Sign::Not, "not from us")
    }
}

/// A file that its owner alone can read.
fn file(origin: &Origin, name: &str, text: &str) -> String {
    let path = origin.repository.path().with_file_name(name);
    std::fs::write(&path, format!("{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

/// The event of a request, whose signature is right and whose kind of body is that of events.
#[track_caller]
fn event(request: &Request) -> &Value {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&request.bytes);
    let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(request.headers.get("x-writ-signature-256"), Some(&format!("sha256={digits}")), "{request:?}");
    assert_eq!(request.headers["content-type"], "application/cloudevents+json; charset=utf-8");
    assert_eq!((&request.body["specversion"], &request.body["source"]), (&"1.0".into(), &"/writ/edge-1".into()));
    &request.body
}

const OPS: &str = "[[alert]]\nname = \"ops\"\nwebhook = \"{url}/hooks/ops\"\nsecret_file = \"{secret}\"\n";

#[tokio::test]
async fn drift_is_told_once_by_a_signed_event_and_so_is_its_end() {
    let world = World::new("drift = \"report\"", OPS).await;
    let commit = world.origin.deploy(&[("web.hcl", &web("1"))]);
    world.pass().await;
    assert_eq!(world.news().len(), 0, "nothing is wrong");
    let well = world.machine.host();
    world.change_host(&well.replace("state=running", "state=exited:0"));
    assert_eq!(world.pass().await, Flushed { sent: 1, given_up: 0, postponed: 0 });
    let begun = world.one();
    let (begun, path) = (event(&begun).clone(), begun.path);
    assert_eq!(path, "/hooks/ops");
    assert_eq!((&begun["type"], &begun["subject"]), (&"writ.drift".into(), &"edge/drift".into()));
    let data = &begun["data"];
    assert_eq!((&data["host"], &data["unit"], &data["kind"]), (&"edge-1".into(), &"edge".into(), &"drift".into()));
    assert_eq!((&data["over"], &data["commit"]), (&false.into(), &commit.as_str().into()));
    assert!(data["text"].as_str().unwrap().contains("shop-web."), "{data}");
    for _ in 0..10 {
        world.pass().await;
    }
    assert_eq!(world.news().len(), 0, "what lasts is told once");
    world.change_host(&well);
    world.pass().await;
    let over = world.one();
    let over = event(&over);
    assert_eq!(
        (&over["type"], &over["subject"], &over["data"]["over"]),
        (&"writ.recovered".into(), &"edge/drift".into(), &true.into())
    );
    assert_ne!(over["id"], begun["id"]);
    // What is told stands in the record, with what became of it.
    let kinds: Vec<String> = world.machine.history().into_iter().map(|record| record.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "status-enqueued").count(), 2, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| *kind == "status-sent").count(), 2, "{kinds:?}");
    assert!(!world.machine.told().contains(SECRET));
}

#[tokio::test]
async fn each_is_told_of_the_kinds_and_units_that_they_asked_for() {
    let alerts = ["on = [\"drift\"]", "on = [\"refusal\", \"failure\"]", "units = [\"edge\"]"];
    let alert = |(number, more): (usize, &&str)| {
        format!(
            "{}{more}\n",
            OPS.replace("\"ops\"", &format!("\"a{number}\"")).replace("hooks/ops", &format!("hooks/{number}"))
        )
    };
    let alerts: String = alerts.iter().enumerate().map(alert).collect();
    let world = World::new("", &alerts).await;
    let good = world.origin.deploy(&[("web.hcl", &web("1"))]);
    world.pass().await;
    let refused = world.push_unsigned("evil");
    world.pass().await;
    let news = world.news();
    let told: BTreeSet<&str> = news.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(told, BTreeSet::from(["/hooks/1", "/hooks/2"]));
    for request in &news {
        let event = event(request);
        assert_eq!((&event["type"], &event["data"]["commit"]), (&"writ.refusal".into(), &refused.as_str().into()));
        assert!(event["data"]["text"].as_str().unwrap().contains("unsigned"), "{event}");
    }
    // Another one that is refused is news, and a good one ends it.
    assert_ne!(refused, world.push_unsigned("worse"));
    world.pass().await;
    assert_eq!(world.news().len(), 2);
    world.origin.repository.reset(&good);
    world.origin.deploy(&[("web.hcl", &web("2"))]);
    world.pass().await;
    let types: BTreeSet<String> =
        world.news().iter().map(|it| event(it)["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(types, BTreeSet::from(["writ.recovered".to_owned()]));
}

#[tokio::test]
async fn what_slack_would_read_as_a_link_or_a_call_stays_text_and_an_address_out_of_a_file_stands_nowhere() {
    let origin_of_names = "canary-in-the-address";
    let world = World::new("", "").await;
    let address = file(&world.origin, "address", &format!("{}/hooks/{origin_of_names}", world.server.url()));
    let settings = world.machine.path("agent.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let alert = format!("{text}\n[[alert]]\nname = \"chat\"\nwebhook_file = \"{address}\"\nformat = \"slack\"\n");
    std::fs::write(&settings, alert).unwrap();
    world.origin.deploy(&[("web.yaml", "kind: \"<!channel> & <https://evil.example|here>\"\napiVersion: v1\n")]);
    // Whoever refuses may repeat what it was asked for.
    world.server.trick(Trick::Answer(404, Vec::new(), format!("no /hooks/{origin_of_names} here")));
    assert_eq!(world.pass().await, Flushed { sent: 0, given_up: 1, postponed: 0 });
    let request = world.one();
    let text = request.body["text"].as_str().unwrap();
    assert!(text.starts_with("[writ] edge-1/edge: refusal\n"), "{text}");
    assert!(text.contains("&lt;!channel&gt; &amp; &lt;https://evil.example|here&gt;") && !text.contains('<'), "{text}");
    let told = world.machine.told();
    assert!(told.contains("the other side answered 404: no … here") && !told.contains(origin_of_names), "{told}");
}

#[tokio::test]
async fn what_cannot_be_delivered_holds_up_no_pass_and_comes_later_under_the_same_name() {
    let world = World::new("", OPS).await;
    let good = world.origin.deploy(&[("web.hcl", &web("1"))]);
    world.pass().await;
    world.push_unsigned("evil");
    let now = Clock.now();
    world.server.trick(Trick::Cut);
    assert_eq!(world.pass_at(now).await, Flushed { sent: 0, given_up: 0, postponed: 1 });
    world.server.trick(Trick::Answer(503, Vec::new(), "later".to_owned()));
    let hour = now.plus(Seconds(3_600));
    assert_eq!(world.pass_at(hour).await, Flushed { sent: 0, given_up: 0, postponed: 1 });
    let hours = hour.plus(Seconds(3_600));
    assert_eq!(world.pass_at(hours).await, Flushed { sent: 1, given_up: 0, postponed: 0 });
    let news = world.news();
    let names: BTreeSet<String> = news.iter().map(|it| event(it)["id"].to_string()).collect();
    assert_eq!((news.len(), names.len()), (3, 1), "{names:?}");
    assert_eq!(world.machine.standing().unwrap().0, Some(good), "what was applied is looked after all the same");
    assert!(
        world.machine.told().contains("the other side answered 503")
            || world.machine.told().contains("\"forge\":\"alert ops\"")
    );
}

#[tokio::test]
async fn that_a_remote_is_out_of_reach_is_told_only_once_it_lasts() {
    let world = World::new("", OPS).await;
    world.origin.deploy(&[("web.hcl", &web("1"))]);
    world.pass().await;
    let (there, away) =
        (world.origin.repository.path().to_owned(), world.origin.repository.path().with_extension("away"));
    std::fs::rename(&there, &away).unwrap();
    for _ in 0..3 {
        world.pass().await;
    }
    assert_eq!(world.news().len(), 0);
    std::fs::rename(&away, &there).unwrap();
    world.pass().await;
    assert_eq!(world.news().len(), 0, "what nobody was told of is not told to be over");
}

/// A host that tells people by mail, over a way of these settings.
async fn by_mail(post: &Post, scheme: &str) -> World {
    let mail = format!(
        "[[alert]]\nname = \"people\"\nmail = {{ to = [\"ops@example.org\", \"night@example.org\"], from = \"writ@edge-1.example\", \
         server = \"{scheme}://{}\" }}\n",
        post.address
    );
    let world = World::new("", &mail).await;
    world.origin.deploy(&[("web.hcl", &web("1"))]);
    world.pass().await;
    world
}

#[tokio::test]
async fn people_are_told_by_mail_and_a_mail_that_is_refused_for_good_is_given_up() {
    let post = Post::start();
    let world = by_mail(&post, "smtp").await;
    assert_eq!(post.heard(), "");
    let refused = world.push_unsigned("evil");
    assert_eq!(world.pass().await, Flushed { sent: 1, given_up: 0, postponed: 0 });
    let heard = post.heard();
    for words in [
        "EHLO edge-1.example",
        "MAIL FROM:<writ@edge-1.example>",
        "RCPT TO:<ops@example.org>",
        "RCPT TO:<night@example.org>",
        "Subject: [writ] edge-1/edge: refusal",
        "Message-ID: <",
        "unsigned",
        refused.get(..12).unwrap(),
    ] {
        assert!(heard.contains(words), "no {words} in:\n{heard}");
    }
    post.refuses("450 not now");
    world.push_unsigned("worse");
    let now = Clock.now();
    assert_eq!(world.pass_at(now).await, Flushed { sent: 0, given_up: 0, postponed: 1 });
    post.refuses("550 never");
    let later = now.plus(Seconds(3_600));
    assert_eq!(world.pass_at(later).await, Flushed { sent: 0, given_up: 1, postponed: 0 });
    assert!(world.machine.told().contains("550") || world.machine.told().contains("never"), "{}", world.machine.told());
}

#[tokio::test]
async fn nothing_is_said_to_a_mail_server_that_does_not_encrypt_where_that_is_wanted() {
    let post = Post::start();
    let world = by_mail(&post, "smtp+starttls").await;
    world.push_unsigned("evil");
    assert_eq!(world.pass().await, Flushed { sent: 0, given_up: 0, postponed: 1 });
    let heard = post.heard();
    assert!(heard.contains("EHLO") && !heard.contains("MAIL") && !heard.contains("Subject"), "{heard}");
}
