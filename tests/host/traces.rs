//! Whoever collects traces sees what a pass was made of, nothing of what is secret, and holds up nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;
use std::time::Instant;

use serde_json::Value;

use crate::forge::{Forge as Server, Request, Trick};
use crate::machine::{Machine, Origin, Ran, web};

const TOKEN: &str = "canary-token-of-traces";
const SECRET: &str = "canary-secret-of-a-pod";

/// A host whose traces a server collects.
struct World {
    server: Server,
    origin: Origin,
    machine: Machine,
}

impl World {
    async fn new() -> Self {
        let (server, origin) = (Server::start().await, Origin::new());
        let token = origin.repository.path().with_file_name("traces-token");
        std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
        let url = format!("{}/hooks/v1/traces", server.url());
        let machine = Machine::new(&origin, &format!("[traces]\nurl = \"{url}\"\ntoken_file = {token:?}\n"));
        Self { server, origin, machine }
    }

    fn deploy(&self, image: &str) -> String {
        let text = web(image).replace("replicas = 1", &format!("replicas = 1\n  env = {{ PASSWORD = \"{SECRET}\" }}"));
        self.origin.deploy(&[("web.hcl", &text)])
    }

    /// One pass of the real program, with the server answering meanwhile.
    async fn pass(&self) -> Ran {
        let mut command = self.machine.command(&["run", "--once"]);
        let ran: Output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        ran.into()
    }
}

/// The spans of a request, as the protocol has them.
#[track_caller]
fn spans(request: &Request) -> Vec<Value> {
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/hooks/v1/traces"), "{request:?}");
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(request.headers["authorization"], format!("Bearer {TOKEN}"));
    let of_host = &request.body["resourceSpans"][0];
    let resource = attributes(&of_host["resource"]);
    assert_eq!((resource["service.name"].as_str(), resource["host.name"].as_str()), ("writ", "edge-1"));
    of_host["scopeSpans"][0]["spans"].as_array().unwrap().clone()
}

/// The attributes of a resource or a span, each as text.
fn attributes(of: &Value) -> BTreeMap<String, String> {
    let all = of["attributes"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    all.map(|one| (text(&one["key"]), text(one["value"].as_object().unwrap().values().next().unwrap()))).collect()
}

/// Begin and end, in nanoseconds since 1970.
fn times(span: &Value) -> (u64, u64) {
    let time = |name: &str| span[name].as_str().unwrap().parse().unwrap();
    (time("startTimeUnixNano"), time("endTimeUnixNano"))
}

/// The names from the root down to a span.
fn path(spans: &[Value], span: &Value) -> String {
    let name = span["name"].as_str().unwrap();
    match spans.iter().find(|other| other["spanId"] == span["parentSpanId"]) {
        Some(above) => {
            let ((begin, end), (from, until)) = (times(span), times(above));
            // Begins are told by the millisecond.
            assert!(from <= begin && end <= until + 1_000_000, "{span} lies outside of {above}");
            assert_eq!(span["traceId"], above["traceId"]);
            format!("{}/{name}", path(spans, above))
        }
        None => {
            assert_eq!(span["parentSpanId"], "", "{span}");
            name.to_owned()
        }
    }
}

#[tokio::test]
async fn a_pass_is_a_trace_of_its_units_stages_and_steps_and_no_secret_stands_in_it() {
    let world = World::new().await;
    let commit = world.deploy("1");
    let ran = world.pass().await;
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let requests = world.server.requests();
    let spans: Vec<Value> = requests.iter().flat_map(spans).collect();
    let paths: BTreeSet<String> = spans.iter().map(|span| path(&spans, span)).collect();
    let wanted = ["", "/source", "/unit", "/unit/read", "/unit/look", "/unit/plan", "/unit/apply", "/unit/apply/step"];
    for wanted in wanted {
        assert!(paths.contains(&format!("pass{wanted}")), "{wanted}: {paths:?}");
    }
    let identifiers: BTreeSet<&str> = spans.iter().map(|span| span["spanId"].as_str().unwrap()).collect();
    assert_eq!(identifiers.len(), spans.len());
    assert!(identifiers.iter().all(|span| span.len() == 16), "{identifiers:?}");
    let of = |name: &str| attributes(spans.iter().find(|span| span["name"] == name).unwrap());
    let pass = of("pass");
    assert_eq!((pass["writ.source"].as_str(), pass["writ.wake"].as_str()), ("infra", "start"), "{pass:?}");
    assert_eq!(
        (pass["writ.refused"].as_str(), pass["writ.changes"].parse::<u32>().is_ok_and(|it| it > 0)),
        ("false", true)
    );
    assert_eq!((of("unit")["writ.unit"].as_str(), of("unit")["writ.commit"].as_str()), ("edge", commit.as_str()));
    let step = of("step");
    assert!(step["writ.object"].contains("shop/web") && step["writ.verb"] == "create", "{step:?}");
    assert!(spans.iter().all(|span| span["status"] == serde_json::json!({})), "nothing failed: {spans:#?}");
    for request in &requests {
        assert!(!String::from_utf8_lossy(&request.bytes).contains("canary"), "{request:?}");
    }
    assert!(!ran.text.contains("canary"), "{}", ran.text);
}

#[tokio::test]
async fn a_pass_that_failed_is_told_as_an_error() {
    let world = World::new().await;
    world.deploy("1");
    std::fs::rename(world.origin.repository.path(), world.origin.repository.path().with_extension("away")).unwrap();
    let ran = world.pass().await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let spans: Vec<Value> = world.server.requests().iter().flat_map(spans).collect();
    let pass = spans.iter().find(|span| span["name"] == "pass").unwrap();
    assert_eq!(pass["status"], serde_json::json!({"code": 2}), "{pass}");
}

#[tokio::test]
async fn what_is_not_taken_is_offered_again() {
    let world = World::new().await;
    world.deploy("1");
    world.server.trick(Trick::Answer(503, Vec::new(), String::new()));
    let (running, start) = (world.machine.run(), Instant::now());
    while world.server.requests().len() < 2 {
        assert!(start.elapsed().as_secs() < 60, "it was not offered again");
        tokio::time::sleep(crate::again::pause(start)).await;
    }
    // What it sends as it ends is answered by nobody, for this waits; it gives that three seconds.
    let (told, _) = running.stop();
    let requests = world.server.requests();
    let (first, again) = (spans(&requests[0]), spans(&requests[1]));
    assert!(first.iter().all(|span| again.contains(span)), "{first:#?}\n{again:#?}");
    assert!(told.text.contains("traces: the answer is 503"), "{}", told.text);
}

#[tokio::test]
async fn what_is_refused_is_let_go_and_fails_no_pass() {
    let world = World::new().await;
    world.deploy("1");
    world.server.trick(Trick::Answer(400, Vec::new(), String::new()));
    let ran = world.pass().await;
    assert_eq!((ran.code, world.server.requests().len()), (Some(2), 1), "{ran:?}");
    assert!(ran.text.contains("traces: spans are refused: the answer is 400"), "{}", ran.text);
}

#[tokio::test]
async fn a_collector_that_is_silent_or_gone_fails_no_pass_and_holds_up_no_end() {
    let world = World::new().await;
    world.deploy("1");
    world.server.trick(Trick::Hang);
    let ran = world.pass().await;
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.text.contains("traces: the last spans were not taken in time"), "{}", ran.text);
    let World { server, origin: _origin, machine } = world;
    drop(server);
    let ran = machine.writ(&["run", "--once"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.text.contains("traces: ") && !ran.text.contains("canary"), "{}", ran.text);
}
