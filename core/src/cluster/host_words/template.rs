//! A pod template that was written for a container host.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::buckets::{self, Bucket};
use super::contents::Digests;
use super::{CONTENT, Draft, pods, take};
use crate::hash::of_value;
use crate::model::{Kind, Object, World, annotation};
use crate::text::{Problem, Problems, quoted};

/// What the annotations of a template ask for.
pub(super) struct Asks(BTreeMap<&'static str, String>);

impl Asks {
    /// Takes them out of the template at `at`; none if it has none of them.
    pub(super) fn take(draft: &mut Draft<'_>, at: &str) -> Option<Self> {
        let taken = take(&mut draft.body, &format!("{at}/metadata"), &annotation::ALL);
        (!taken.is_empty()).then_some(Self(taken))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// Where problems of a template are told.
struct Teller<'t> {
    of: &'t Object,
    pointer: String,
    problems: &'t mut Problems,
}

impl Teller<'_> {
    fn tell(&mut self, name: &str, problem: impl FnOnce(Option<crate::text::Place>, String) -> Problem, text: &str) {
        let place = self.of.place(&format!("{}/{name}", self.pointer));
        self.problems.push(problem(place, format!("{}: {text}", self.of.id)));
    }
}

/// Does what they ask for. The objects that the pods need beside them are given back.
pub(super) fn answer<'a>(
    draft: &mut Draft<'a>,
    at: &str,
    asks: &Asks,
    (world, digests): (&World, &Digests),
    problems: &mut Problems,
) -> Vec<Draft<'a>> {
    let of = draft.of;
    let pointer = format!("{at}/metadata/annotations");
    let mut teller = Teller { of, pointer: pointer.clone(), problems };
    without_effect(asks, &mut teller);
    let over = asks.get(annotation::BUCKET).map_or_else(Vec::new, |text| named(text, false, world, &mut teller));
    let below = asks.get(annotation::ENV_FROM).map_or_else(Vec::new, |text| named(text, true, world, &mut teller));
    let mut contents = depends_on(asks);
    for bucket in over.iter().chain(&below) {
        contents.extend(bucket.digests(world));
    }
    if let Some(pod) = draft.body.pointer_mut(&format!("{at}/spec")) {
        contents.extend(digests.read_by(&of.id.scope, pod));
        for list in ["initContainers", "containers"] {
            let containers = pod.get_mut(list).and_then(Value::as_array_mut);
            for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
                environment(container, &below, &over, &mut teller);
            }
        }
    }
    note_contents(draft, at, contents);
    draft.renewed = draft.id.kind == Kind::Job;
    let mut further: Vec<Draft<'a>> =
        over.iter().chain(&below).map(|bucket| bucket.object(of, &pointer, problems)).collect();
    if draft.id.kind == Kind::StatefulSet && asks.get(annotation::BUCKET).is_some() {
        further.extend(pods::services(of));
    }
    further
}

/// What only the host of a container can be asked for.
fn without_effect(asks: &Asks, teller: &mut Teller<'_>) {
    if asks.get(annotation::PUBLISH).is_some() {
        let text = "no port is published on the loopback address: a cluster has many hosts; use `kubectl port-forward`";
        teller.tell(annotation::PUBLISH, Problem::note, text);
    }
    if asks.get(annotation::LIMITS).is_some() {
        let text = "limits of processes have no effect in a cluster: its nodes set them for all pods";
        teller.tell(annotation::LIMITS, Problem::warning, text);
    }
    if asks.get(annotation::LOG).is_some() {
        let text = "room for logs has no effect in a cluster: its nodes set it for all pods";
        teller.tell(annotation::LOG, Problem::note, text);
    }
}

/// The buckets that an annotation names; several of them, where it is a list.
fn named<'w>(text: &str, list: bool, world: &'w World, teller: &mut Teller<'_>) -> Vec<Bucket<'w>> {
    let mut all = Vec::new();
    for bucket in if list { text.split(',').collect() } else { vec![text] } {
        let (scope, name) = bucket.split_once('/').map_or((bucket, None), |(scope, name)| (scope, Some(name)));
        let sound = !scope.is_empty() && name.is_none_or(|name| !name.is_empty() && !name.contains('/'));
        if sound && (list || name.is_some()) {
            all.extend(buckets::of(world, scope, name));
        } else {
            let annotation = if list { annotation::ENV_FROM } else { annotation::BUCKET };
            teller.tell(annotation, Problem::error, &format!("{} names no config bucket", quoted(bucket)));
        }
    }
    all
}

/// Contents whose digests the template says itself.
fn depends_on(asks: &Asks) -> BTreeMap<String, String> {
    let pairs = asks.get(annotation::DEPENDS_ON).into_iter().flat_map(|text| text.split(','));
    let pairs = pairs.filter_map(|pair| pair.split_once('='));
    pairs.map(|(asset, digest)| (format!("asset/{}", asset.replace('.', "/")), digest.to_owned())).collect()
}

/// Lays buckets below the environment of a container, and others over it, which no variable of its own comes before.
fn environment(container: &mut Map<String, Value>, below: &[Bucket<'_>], over: &[Bucket<'_>], teller: &mut Teller<'_>) {
    if let Some(variables) = container.get_mut("env").and_then(Value::as_array_mut) {
        variables.retain(|variable| {
            let name = variable.get("name").and_then(Value::as_str).unwrap_or_default();
            let Some(bucket) = over.iter().rev().find(|bucket| bucket.has(name)) else { return true };
            let text = format!("{} is set over the manifest's value of {name}", bucket.key(name));
            teller.tell(annotation::BUCKET, Problem::note, &text);
            false
        });
    }
    if below.is_empty() && over.is_empty() {
        return;
    }
    let own = container.get("envFrom").and_then(Value::as_array).cloned().unwrap_or_default();
    let all = below.iter().map(Bucket::env_from).chain(own).chain(over.iter().map(Bucket::env_from));
    container.insert("envFrom".to_owned(), all.collect());
}

/// Writes on the template what its pods read, so that they are replaced when that changes.
fn note_contents(draft: &mut Draft<'_>, at: &str, contents: BTreeMap<String, String>) {
    if contents.is_empty() {
        return;
    }
    let digest = of_value("contents", &json!(contents));
    let metadata = draft.body.pointer_mut(&format!("{at}/metadata")).and_then(Value::as_object_mut);
    let annotations = metadata.map(|metadata| metadata.entry("annotations").or_insert_with(|| json!({})));
    if let Some(annotations) = annotations.and_then(Value::as_object_mut) {
        annotations.insert(CONTENT.to_owned(), Value::String(digest));
    }
    draft.contents = contents;
}
