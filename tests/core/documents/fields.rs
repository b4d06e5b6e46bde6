//! `docs/fields.md`: what becomes of each field of HCL and of OpenMCF on a container host and in a cluster, found out by trying it.
//!
//! A field is honoured if another value makes another thing; if it makes the same, a note must say so. What is known of a map is asked by
//! a field that nobody knows, so that no field is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use writ_core::cluster;
use writ_core::dialect::{Contents, Files, Given, Target, lower_with};
use writ_core::model::{Desired, Object, World, resolve};
use writ_core::text::{Problems, Severity};

use super::{check_part, read};
use crate::desired_text::world;

const PAGE: &str = "docs/fields.md";
const UNKNOWN: &str = "qqqqqqqqqqqqqqqq";

/// What the manifests that are tried refer to.
const BESIDE: &str = "
apiVersion: v1
kind: Secret
metadata: {name: ledger-password, namespace: SCOPE}
stringData: {password: hush}
---
apiVersion: v1
kind: Secret
metadata: {name: cache-password, namespace: SCOPE}
stringData: {password: hush}
---
apiVersion: v1
kind: Secret
metadata: {name: keys, namespace: SCOPE}
stringData: {a: hush}
---
apiVersion: v1
kind: Secret
metadata: {name: login, namespace: SCOPE}
type: kubernetes.io/dockerconfigjson
stringData: {.dockerconfigjson: '{\"auths\":{}}'}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: conf, namespace: SCOPE}
data: {a: b}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: limits, namespace: SCOPE}
data: {A: b}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: SCOPE-ssd}
provisioner: kubernetes.io/no-provisioner
---
";

/// What files come to on a target: what is there, and notes; or why it is refused.
type Come = Result<(Vec<Object>, Desired, BTreeSet<String>), String>;

fn come(target: Target, path: &str, text: &str) -> Come {
    let files = Files::from([
        (path.to_owned(), text.as_bytes().to_vec()),
        (
            "beside.yaml".to_owned(),
            ["reading", "halls"].map(|scope| BESIDE.replace("SCOPE", scope)).concat().into_bytes(),
        ),
        ("more.hcl".to_owned(), b"asset \"shop\" \"files\" {\n  page = \"hello\"\n}\n".to_vec()),
    ]);
    let (lowered, _) = lower_with(&files, &Contents::new(), &Given { target, ..Given::default() });
    let first = |problems: Problems| {
        let mut errors = problems.sorted();
        errors.retain(|problem| problem.severity == Severity::Error);
        let error = errors.first().expect("refused without an error");
        match &error.help {
            Some(help) => format!("{}; {help}", error.message),
            None => error.message.clone(),
        }
    };
    let lowered = lowered.map_err(first)?;
    let world: World = world(&["shared A=b"]);
    let resolved = match target {
        Target::Docker => resolve(&lowered.objects, &world),
        Target::Kubernetes => cluster::resolve(&lowered.objects, &world),
    };
    let (desired, mut notes) = resolved.map_err(first)?;
    notes.extend(lowered.notes);
    let notes = notes.sorted().into_iter().map(|note| note.message.clone()).collect();
    Ok((lowered.objects, desired, notes))
}

/// What becomes of a field by which a text differs from another one.
fn outcome(
    target: Target,
    (path, word): (&str, &str),
    (base, text): (&str, &str),
    happens_anyway: bool,
) -> Result<String, String> {
    let (objects, desired, known) = come(target, path, base).unwrap_or_else(|why| panic!("{why}\n{base}"));
    let (other_objects, other, notes) = match come(target, path, text) {
        Ok(come) => come,
        Err(why) => return Ok(format!("**refused**: {}", without_object(&why))),
    };
    // What has none stands in the other text as well, where that has the field, too.
    let is_about_it = |note: &&String| !known.contains(*note) || note.starts_with(&format!("`{word}`"));
    if let Some(note) = notes.iter().filter(is_about_it).find(|note| note.contains("no effect")) {
        return Ok(format!("without effect: {}", without_object(note)));
    }
    let bodies = |desired: &Desired| -> Vec<Value> { desired.objects.values().map(|it| (*it.body).clone()).collect() };
    // A cluster is sent objects; a container host becomes what they come to.
    let differs = match target {
        Target::Docker => desired != other,
        Target::Kubernetes => bodies(&desired) != bodies(&other),
    };
    match (differs, happens_anyway) {
        (true, false) => Ok("honoured".to_owned()),
        (false, true) => Ok("what happens anyway".to_owned()),
        (true, true) => Err(format!("it does not happen anyway:\n{text}")),
        (false, false) if described(&objects) != described(&other_objects) => {
            Ok("tells of an object of which a container host runs nothing".to_owned())
        }
        (false, false) => Err(format!("nothing comes of it on {target:?}, and nobody says so:\n{text}\n{notes:?}")),
    }
}

/// A message without the object that it is about.
fn without_object(message: &str) -> &str {
    match message.split_once(": ") {
        Some((object, rest)) if object.contains('/') && !object.contains([' ', '`']) => rest,
        Some(_) | None => message,
    }
}

/// What objects are called and how they are labelled, which is all that there is to a Namespace.
fn described(objects: &[Object]) -> Vec<Value> {
    objects.iter().map(|object| object.body["metadata"].clone()).collect()
}

/// The row of a field; what is wrong with it goes to `wrong`.
fn row(
    (path, word): (&str, &str),
    file: &str,
    texts: (&str, &str),
    anyway: bool,
    wrong: &mut BTreeSet<String>,
) -> String {
    let mut cell = |target| match outcome(target, (file, word), texts, anyway) {
        Ok(told) => told.replace('|', "\\|"),
        Err(why) => {
            wrong.insert(format!("{path}: {why}"));
            String::new()
        }
    };
    format!("| `{path}` | {} | {} |\n", cell(Target::Docker), cell(Target::Kubernetes))
}

const HEAD: &str = "\n| field | on Docker | in a cluster |\n|---|---|---|\n";

/// Puts a value at a path such as `spec.ports[0].name`.
fn put(document: &mut Value, path: &str, value: Value) {
    let mut at = document;
    for part in path.split('.') {
        let (name, index) = match part.split_once('[') {
            Some((name, index)) => (name, Some(index.trim_end_matches(']').parse::<usize>().unwrap())),
            None => (part, None),
        };
        if at.is_null() {
            *at = json!({});
        }
        at = at.as_object_mut().unwrap().entry(name).or_insert(Value::Null);
        if let Some(index) = index {
            if at.is_null() {
                *at = json!([]);
            }
            let list = at.as_array_mut().unwrap();
            if list.len() == index {
                // What a mount cannot be without.
                list.push(json!({"name": "more", "mountPath": "/more"}));
            }
            at = &mut list[index];
        }
    }
    *at = value;
}

/// The maps of a document, each by its path.
fn maps<'v>(value: &'v Value, path: &str, found: &mut Vec<(String, &'v Map<String, Value>)>) {
    match value {
        Value::Object(map) => {
            found.push((path.to_owned(), map));
            for (name, value) in map {
                let dot = if path.is_empty() { "" } else { "." };
                maps(value, &format!("{path}{dot}{name}"), found);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| maps(item, &format!("{path}[{at}]"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A path without numbers.
fn plain(path: &str) -> String {
    path.split(['[', ']']).filter(|part| part.parse::<usize>().is_err()).collect()
}

/// The fields that may stand in each map of a document, by their paths; `seen` holds the maps that were asked about.
fn known(document: &Value, seen: &mut BTreeSet<String>) -> BTreeSet<String> {
    let mut found = Vec::new();
    maps(document, "", &mut found);
    let mut known = BTreeSet::new();
    for (path, _) in found {
        if !seen.insert(plain(&path)) {
            continue;
        }
        let mut wrong = document.clone();
        put(&mut wrong, &if path.is_empty() { UNKNOWN.to_owned() } else { format!("{path}.{UNKNOWN}") }, json!(1));
        let Err(why) = come(Target::Kubernetes, "a.yaml", &wrong.to_string()) else { continue };
        let Some((_, names)) = why.split_once(&format!("has no field `{UNKNOWN}`; known are ")) else { continue };
        let dot = if path.is_empty() { "" } else { "." };
        known.extend(names.split(", ").map(|name| plain(&format!("{path}{dot}{name}"))));
    }
    known
}

#[test]
fn every_field_of_openmcf_is_tried_on_both_targets_and_the_page_says_what_became_of_it() {
    let data = read("tests/data/fields/openmcf.txt");
    let mut text = String::new();
    let (mut base, mut told, mut untold) = (Value::Null, Told::default(), BTreeSet::new());
    for line in data.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        if let Some(document) = line.strip_prefix("= ") {
            untold.extend(told.lacking(&base));
            base = serde_json::from_str(document).unwrap();
            told.seen.clear();
            told.wanted = known(&base, &mut told.seen);
            write!(text, "\n### `{}`\n{HEAD}", base["kind"].as_str().unwrap()).unwrap();
            continue;
        }
        let (path, value) = line.split_once(" = ").unwrap();
        let (value, word) = value.split_once(" # ").unwrap_or((value, path.rsplit('.').next().unwrap()));
        let mut other = base.clone();
        put(&mut other, path, serde_json::from_str(value).unwrap());
        complete(&mut other, path);
        told.here.insert(plain(path));
        told.wanted.extend(known(&other, &mut told.seen));
        text.push_str(&row(
            (&plain(path), word),
            "a.yaml",
            (&base.to_string(), &other.to_string()),
            false,
            &mut untold,
        ));
    }
    untold.extend(told.lacking(&base));
    assert!(untold.is_empty(), "{untold:#?}");
    text.push('\n');
    check_part(PAGE, "openmcf", &text);
}

/// Fields that kinds have alike: they are told of the first one.
const ALIKE: [&str; 5] = ["metadata", "status", "spec.container", "spec.ingress", "spec.configMaps"];

/// Which fields were told.
#[derive(Default)]
struct Told {
    /// Of the kind at hand.
    here: BTreeSet<String>,
    /// Of kinds before it.
    before: BTreeSet<String>,
    /// Which must be, of the kind at hand.
    wanted: BTreeSet<String>,
    /// Maps of the kind at hand whose fields are known.
    seen: BTreeSet<String>,
}

impl Told {
    /// The fields that a kind has and that were not told; then the next kind begins.
    fn lacking(&mut self, document: &Value) -> Vec<String> {
        let within = |path: &str, other: &str| path == other || path.starts_with(&format!("{other}."));
        let is_in =
            |told: &BTreeSet<String>, path: &str| told.iter().any(|told| within(told, path) || within(path, told));
        let is_told = |path: &String| {
            let alike = ALIKE.iter().any(|alike| within(path, alike));
            path == "apiVersion" || path == "kind" || is_in(&self.here, path) || alike && is_in(&self.before, path)
        };
        let lacking = self.wanted.iter().filter(|path| !is_told(path));
        let lacking = lacking.map(|path| format!("{}: {path}", document["kind"])).collect();
        self.before.append(&mut self.here);
        lacking
    }
}

/// Adds to a document what a field cannot be without.
fn complete(document: &mut Value, path: &str) {
    if let Some((probe, rest)) = path.split_once("Probe.") {
        let probe = format!("{probe}Probe");
        if rest.starts_with("httpGet.") && !rest.contains("port") {
            put(document, &format!("{probe}.httpGet.portNumber"), json!(8080));
        } else if rest == "tcpSocket.host" {
            put(document, &format!("{probe}.tcpSocket.portNumber"), json!(8080));
        } else if rest == "grpc.service" {
            put(document, &format!("{probe}.grpc.port"), json!(9090));
        } else if !rest.contains('.') {
            put(document, &format!("{probe}.tcpSocket.portNumber"), json!(8080));
        }
    }
    if path.ends_with("hostPath.type") {
        put(document, &path.replace(".type", ".path"), json!("/srv"));
    }
    if path.ends_with("pvc.readOnly") {
        put(document, &path.replace("readOnly", "claimName"), json!("data"));
    }
    if path.contains("podDisruptionBudget.m") {
        let (budget, _) = path.rsplit_once('.').unwrap();
        put(document, &format!("{budget}.enabled"), json!(true));
    }
    if path.ends_with("volumeClaimTemplates[0].name") {
        put(document, "spec.container.app.volumeMounts[0].name", json!("archive"));
    }
    if path == "spec.container.app.volumeMounts[0].name" {
        put(document, "spec.container.app.volumeMounts[0].pvc.claimName", json!("data"));
    }
}

#[test]
fn every_attribute_of_hcl_is_tried_on_both_targets_and_the_page_says_what_became_of_it() {
    let data = read("tests/data/fields/hcl.txt");
    let (mut bases, mut values) = (Vec::new(), BTreeMap::new());
    for line in data.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let line = line.replace("\\n", "\n");
        if let Some(base) = line.strip_prefix("= ") {
            let (kind, text) = base.split_once('|').unwrap();
            bases.push((kind.trim().to_owned(), text.trim().to_owned()));
            continue;
        }
        let (name, value) = line.split_once(" | ").unwrap();
        let (anyway, value) = value.strip_prefix("anyway | ").map_or((false, value), |value| (true, value));
        values.insert(name.to_owned(), (anyway, value.to_owned()));
    }
    let beside = "deployment \"shop\" \"other\" {\n  image = \"other:1\"\n  ports = [\"80\", \"81\"]\n}\n\
                  deployment \"shop\" \"third\" {\n  image = \"third:1\"\n  ports = [\"80\"]\n}\n";
    let (mut text, mut wrong) = (String::new(), BTreeSet::new());
    for (kind, base) in bases {
        let whole = |lines: &str| format!("{kind} \"shop\" \"one\" {{\n{lines}\n}}\n{beside}");
        let why = come(Target::Docker, "a.hcl", &whole(&format!("{base}\n{UNKNOWN} = 1"))).unwrap_err();
        let (_, names) = why.split_once(" can have: ").unwrap_or_else(|| panic!("{why}"));
        write!(text, "\n### `{kind}`\n{HEAD}").unwrap();
        for name in names.split(", ") {
            let value = values.get(&format!("{kind}.{name}")).or_else(|| values.get(name));
            let (anyway, value) = value.unwrap_or_else(|| panic!("no value for {kind}.{name}"));
            let kept: Vec<&str> = base.lines().filter(|line| line.split(' ').next() != Some(name)).collect();
            let other = whole(&format!("{}\n{value}", kept.join("\n")));
            text.push_str(&row((name, name), "a.hcl", (&whole(&base), &other), *anyway, &mut wrong));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    text.push('\n');
    check_part(PAGE, "hcl", &text);
}
