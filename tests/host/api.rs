//! `/api/v1`: what it tells is what the commands print, each answer has the form that the description gives it, and pages follow
//! on each other.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::ask::Reply;
use crate::repository::Sign;
use crate::served::Served;

impl Served {
    fn ask(&self, path: &str) -> Reply {
        self.place.get(&format!("/api/v1{path}"), &[]).unwrap()
    }

    #[track_caller]
    fn get(&self, path: &str) -> Value {
        let reply = self.ask(path);
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, Some("application/json")),
            "{path}: {}",
            reply.body
        );
        serde_json::from_str(&reply.body).unwrap()
    }

    #[track_caller]
    fn refused(&self, path: &str, status: u16) -> String {
        let reply = self.ask(path);
        assert_eq!(reply.status, status, "{path}: {}", reply.body);
        let document: Value = serde_json::from_str(&reply.body).unwrap();
        assert_eq!(document["schema"], "writ/error/v1");
        document["error"].as_str().unwrap().to_owned()
    }

    fn command(&self, words: &[&str]) -> Value {
        let ran = self.machine.writ(&[words, &["-o", "json"]].concat());
        serde_json::from_str(&ran.text).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
    }
}

/// A document without what is another one at each look.
fn still(mut document: Value) -> Value {
    document["at"] = Value::Null;
    document
}

#[test]
fn it_tells_what_the_commands_print() {
    let world = Served::new();
    let running = world.run();
    assert_eq!(still(world.get("/units")), still(world.command(&["status"])));
    let object = world.get("/objects/statefulset/data/pg");
    assert_eq!(object["current"]["health"], "healthy");
    let mut why = world.command(&["why", "statefulset/data/pg"]);
    // By which rules is told on the host alone, where the repository is.
    assert_eq!(why["change"]["declared"]["basis"], "no-rules");
    why["change"]["declared"] = Value::Null;
    assert_eq!(object["why"], why);
    let history = world.command(&["history", "--limit", "500"]);
    let told = world.get("/history?limit=500");
    assert_eq!(told["records"], history["records"]);
    assert_eq!(told["next"], Value::Null);
    drop(running);
}

#[test]
fn every_answer_has_the_form_that_the_description_gives_it_and_every_path_is_described() {
    let world = Served::new();
    let running = world.run();
    let commit = world.get("/units")["units"][0]["commit"].as_str().unwrap().to_owned();
    world.origin.repository.write("host/web.hcl", "nothing\n");
    let refused = world.origin.repository.commit(Sign::Not, "unsigned");
    running
        .until("the refusal", |_| world.get(&format!("/history?commit={refused}"))["records"] != Value::Array(vec![]));
    running.until("the check", |_| !world.get("/audit")["verified"].is_null());
    let description = world.get("/openapi.json");
    let paths = description["paths"].as_object().unwrap();
    let mut asked = BTreeSet::new();
    let commits = [format!("/commits/{commit}"), format!("/commits/{refused}")];
    for (template, path) in [
        ("/units", "/units"),
        ("/objects", "/objects"),
        ("/objects/{kind}/{scope}/{name}", "/objects/statefulset/data/pg"),
        ("/objects/{kind}/{scope}/{name}", "/objects/deployment/shop/web"),
        ("/history", "/history?limit=3"),
        ("/history", "/history"),
        ("/commits/{commit}", commits[0].as_str()),
        ("/commits/{commit}", commits[1].as_str()),
        ("/audit", "/audit"),
        ("/volumes", "/volumes"),
    ] {
        let schema = &paths[template]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        let answer = world.get(path);
        let wrong = Form { description: &description }.faults(schema, &answer, path);
        assert!(wrong.is_empty(), "{}\n{answer:#}", wrong.join("\n"));
        asked.insert(template.to_owned());
    }
    assert_eq!(asked, paths.keys().cloned().collect());
    // A form that fits everything would show nothing.
    let status = &paths["/units"]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
    assert!(!Form { description: &description }.faults(status, &world.get("/volumes"), "").is_empty());
    // What the description lists is taken, one by one, and nothing else is.
    for parameter in paths["/history"]["get"]["parameters"].as_array().unwrap() {
        let name = parameter["name"].as_str().unwrap();
        assert_eq!(world.ask(&format!("/history?{name}=")).status, 200, "{name}");
    }
    assert!(world.refused("/history?units=edge", 400).contains("nothing is called `units` here"));
    assert!(world.refused("/units?unit=edge", 400).contains("what can be asked for: none"));
    assert!(world.refused("/history?limit=501", 400).contains("use 1 to 500"));
    assert!(world.refused("/history?kind=nonsense", 400).contains("no kind of record"));
    assert!(world.refused("/objects/statefulset/data/none", 404).contains("nothing is known of statefulset/data/none"));
    assert!(world.refused("/objects/%3Cscript%3E/a/b", 404).contains("is no object"));
    assert!(world.refused(&format!("/commits/{}", "0".repeat(40)), 404).contains("nothing is known of commit"));
    assert!(world.refused("/nothing", 404).contains("openapi.json"));
}

#[test]
fn an_entry_tells_who_let_a_commit_in_and_what_it_did_and_why_another_was_refused() {
    let world = Served::new();
    let running = world.run();
    let commit = world.get("/units")["units"][0]["commit"].as_str().unwrap().to_owned();
    let entry = world.get(&format!("/commits/{commit}"));
    let judgement = &entry["judgements"][0];
    assert_eq!((&judgement["verdict"], &judgement["source"]), (&"admitted".into(), &"infra".into()));
    assert_eq!(judgement["signer"], world.origin.key.fingerprint.as_str());
    let steps = entry["steps"].as_array().unwrap();
    let objects: BTreeSet<&str> = steps.iter().filter_map(|step| step["object"].as_str()).collect();
    assert!(objects.contains("statefulset/data/pg") && objects.contains("deployment/shop/web"), "{objects:?}");
    assert!(steps.iter().all(|step| step["outcome"] == "done" && step["ended"].is_string()), "{steps:#?}");
    assert!(entry["ends"].as_array().unwrap().iter().any(|end| end["state"] == "success"), "{entry:#}");
    world.origin.repository.write("host/web.hcl", "nothing\n");
    let refused = world.origin.repository.commit(Sign::Not, "unsigned");
    running.until("the refusal", |_| world.ask(&format!("/commits/{refused}")).status == 200);
    let entry = world.get(&format!("/commits/{refused}"));
    assert_eq!(
        (&entry["judgements"][0]["verdict"], &entry["judgements"][0]["reason"]),
        (&"refused".into(), &"unsigned".into())
    );
    assert_eq!(entry["steps"], Value::Array(vec![]));
    // What is written down is told of the unit once the pass has ended.
    running.until("the trouble", |_| {
        world.get("/units")["units"][0]["head_trouble"].as_str().is_some_and(|trouble| trouble.contains(&refused))
    });
}

#[test]
fn pages_follow_on_each_other_without_a_gap_and_filters_are_those_of_the_command() {
    let world = Served::new();
    let running = world.run();
    drop(running);
    // Nothing is written meanwhile, but the server lives with the agent alone.
    let all: Vec<Value> = world.command(&["history", "--limit", "500"])["records"].as_array().unwrap().clone();
    let running = world.run();
    let (mut found, mut before) = (Vec::new(), all.last().unwrap()["record"].as_i64().unwrap() + 1);
    loop {
        let page = world.get(&format!("/history?limit=3&before={before}"));
        let records = page["records"].as_array().unwrap();
        assert!(!records.is_empty() && records.len() <= 3);
        found.splice(0..0, records.clone());
        match page["next"].as_i64() {
            Some(next) => before = next,
            None => break,
        }
    }
    assert_eq!(found, all);
    for (query, words) in [
        ("unit=edge", ["--unit", "edge"]),
        ("object=statefulset%2Fdata%2Fpg", ["--object", "statefulset/data/pg"]),
        ("since=1d", ["--since", "1d"]),
    ] {
        let told = world.get(&format!("/history?{query}&limit=500"));
        assert_eq!(
            told["records"],
            world.command(&["history", words[0], words[1], "--limit", "500"])["records"],
            "{query}"
        );
    }
    let kinds = world.get("/history?kind=admitted");
    let kinds = kinds["records"].as_array().unwrap();
    assert!(!kinds.is_empty() && kinds.iter().all(|record| record["kind"] == "admitted"), "{kinds:#?}");
    drop(running);
}

#[test]
fn an_answer_that_is_known_is_not_sent_again_until_it_is_another_one() {
    let world = Served::new();
    let running = world.run();
    // What tells of the last look is another answer after each.
    for path in ["/api/v1/openapi.json", "/api/v1/history?kind=admitted"] {
        let first = world.place.get(path, &[]).unwrap();
        let again = world.place.get(path, &[("if-none-match", first.header("etag").unwrap())]).unwrap();
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{path}");
    }
    let path = "/api/v1/history?kind=admitted";
    let before = world.place.get(path, &[]).unwrap();
    world.origin.deploy(&[("web.hcl", &crate::machine::web("2"))]);
    let tag = before.header("etag").unwrap().to_owned();
    running.until("the next commit", |_| {
        world.place.get(path, &[("if-none-match", &tag)]).is_ok_and(|it| it.status == 200)
    });
}

/// Compares documents with the forms of a description, as far as that one uses them.
struct Form<'a> {
    description: &'a Value,
}

impl Form<'_> {
    fn faults(&self, form: &Value, value: &Value, at: &str) -> Vec<String> {
        if let Some(name) = form["$ref"].as_str() {
            let name = name.rsplit('/').next().unwrap();
            let form = &self.description["components"]["schemas"][name];
            assert!(form.is_object(), "no form is called {name}");
            return self.faults(form, value, at);
        }
        if let Some(forms) = form["oneOf"].as_array() {
            let faults: Vec<Vec<String>> = forms.iter().map(|form| self.faults(form, value, at)).collect();
            let fit = faults.iter().filter(|faults| faults.is_empty()).count();
            return if fit == 1 { Vec::new() } else { faults.concat() };
        }
        if let Some(values) = form["enum"].as_array() {
            return if values.contains(value) {
                Vec::new()
            } else {
                vec![format!("{at}: {value} is none of {values:?}")]
            };
        }
        if let Some(only) = form.get("const") {
            return if only == value { Vec::new() } else { vec![format!("{at}: {value} is not {only}")] };
        }
        let types = form["type"].as_array().cloned().unwrap_or_else(|| vec![form["type"].clone()]);
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        if !types.contains(&kind.into()) {
            return vec![format!("{at}: {value} is none of {types:?}")];
        }
        match value {
            Value::Array(items) => {
                let items = items.iter().enumerate();
                items.flat_map(|(number, item)| self.faults(&form["items"], item, &format!("{at}[{number}]"))).collect()
            }
            Value::Object(fields) if form["additionalProperties"] == true => {
                assert!(fields.len() < 1_000);
                Vec::new()
            }
            Value::Object(fields) => {
                let (properties, mut faults) = (&form["properties"], Vec::new());
                for required in form["required"].as_array().unwrap() {
                    if !fields.contains_key(required.as_str().unwrap()) {
                        faults.push(format!("{at}: no {required}"));
                    }
                }
                for (name, value) in fields {
                    match properties.get(name) {
                        Some(form) => faults.extend(self.faults(form, value, &format!("{at}.{name}"))),
                        None => faults.push(format!("{at}: {name} is not described")),
                    }
                }
                faults
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        }
    }
}
