//! What a document of OpenMCF says of itself: its kind, its name, its labels.

use std::ops::Range;

use super::kind::Kind;
use super::made::{Draft, Made, word};
use super::read::{Fields, Scene, Word};
use crate::text::quoted;

const METADATA: [&str; 11] =
    ["name", "labels", "annotations", "id", "org", "env", "slug", "group", "tags", "version", "relationships"];
/// Fields of the metadata that say nothing to whoever deploys by Git.
const IDLE: [&str; 5] = ["slug", "group", "tags", "version", "relationships"];
/// The label by which Services find pods.
const FOUND_BY: &str = "app";
/// A label that names a file of the person who deploys.
const LOGIN_FILE: &str = "kubernetes.openmcf.org/docker-config-json-file";

/// Names, and what objects are labelled and annotated with.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) name: Word,
    /// Labels that the kind gives, to pods too.
    pub(super) own: Vec<(String, Word)>,
    /// Labels that a person gives, which pods do not bear: a new one restarts nothing.
    pub(super) labels: Vec<(String, Word)>,
    pub(super) annotations: Vec<(String, Word)>,
}

/// Reads the metadata of a document of the kind.
pub(super) fn read(scene: &mut Scene<'_>, whole: &Fields<'_, '_>, kind: Kind) -> Option<Head> {
    if let Some(status) = whole.entry("status") {
        scene.note(&status.range, "`status` has no effect: Writ looks for itself".to_owned());
    }
    let metadata = whole.must_child(scene, "metadata", &METADATA)?;
    let name = metadata.must_word(scene, "name");
    for field in IDLE {
        if let Some(entry) = metadata.entry(field) {
            let path = quoted(&metadata.under(field));
            scene.note(&entry.range, format!("{path} has no effect: objects are found by their names"));
        }
    }
    let name = name?;
    // A Service of the same name is not to lead to runs of a CronJob.
    let found_by = (!matches!(kind, Kind::CronJob)).then_some((FOUND_BY, name.text.as_str()));
    let own = [("planton.ai/resource", "true"), ("planton.ai/name", &name.text), ("planton.ai/kind", kind.name())];
    let mut own: Vec<(String, Word)> =
        found_by.into_iter().chain(own).map(|(key, value)| (key.to_owned(), Word::new(value, &name.at))).collect();
    for (field, key) in [("id", "id"), ("org", "organization"), ("env", "environment")] {
        let value = metadata.word(scene, field).filter(|value| !value.text.is_empty());
        own.extend(value.map(|value| (format!("planton.ai/{key}"), value)));
    }
    let mut labels = Vec::new();
    for (path, entry) in metadata.free(scene, "labels") {
        let Some(value) = scene.word(&entry.value, &path, &entry.range) else { continue };
        if entry.name == LOGIN_FILE {
            let help = "declare a Secret of the type kubernetes.io/dockerconfigjson, and name it in `pullSecretName`";
            scene.error(&entry.range, format!("{} names a file of one machine", quoted(LOGIN_FILE)), help);
        } else if is_for_a_tool(&entry.name) {
            let message = format!("the label {} has no effect: Writ deploys by itself", quoted(&entry.name));
            scene.note(&entry.range, message);
        } else if own.iter().any(|(own, _)| *own == entry.name) {
            let message = format!("the label {} is set by the kind itself", quoted(&entry.name));
            scene.error(&entry.range, message, "leave it out");
        } else {
            labels.push((entry.name.to_string(), value));
        }
    }
    let mut annotations = Vec::new();
    for (path, entry) in metadata.free(scene, "annotations") {
        let value = scene.word(&entry.value, &path, &entry.range);
        annotations.extend(value.map(|value| (entry.name.to_string(), value)));
    }
    Some(Head { name, own, labels, annotations })
}

/// True for a label that tells the tool of OpenMCF how to deploy.
fn is_for_a_tool(label: &str) -> bool {
    label.split_once('/').is_some_and(|(domain, _)| super::is_domain(domain))
}

/// Where objects live, and what they are called by.
pub(super) struct Home<'h> {
    pub(super) head: &'h Head,
    pub(super) namespace: &'h Word,
}

impl Home<'_> {
    /// The namespace that a document makes beside all else.
    pub(super) fn namespace_object<'a>(&self) -> Made<'a> {
        self.namespace_of(self.named_namespace())
    }

    /// The namespace that a document is about.
    pub(super) fn described_namespace<'a>(&self) -> Made<'a> {
        self.namespace_of(self.annotated(self.named_namespace()))
    }

    fn named_namespace<'a>(&self) -> Draft<'a> {
        let at = &self.namespace.at;
        Draft::new(at).word("name", Some(self.namespace)).put("labels", self.labels(at))
    }

    fn namespace_of<'a>(&self, metadata: Draft<'a>) -> Made<'a> {
        let at = &self.namespace.at;
        Draft::new(at).says("apiVersion", "v1").says("kind", "Namespace").put("metadata", metadata.done()).done()
    }

    /// An object of this workload, without what it says itself.
    pub(super) fn object<'a>(&self, version: &str, kind: &str, name: &Word) -> Draft<'a> {
        self.object_in(self.namespace, version, kind, name)
    }

    /// The same in another namespace.
    pub(super) fn object_in<'a>(&self, namespace: &Word, version: &str, kind: &str, name: &Word) -> Draft<'a> {
        let metadata = Draft::new(&name.at)
            .word("name", Some(name))
            .word("namespace", Some(namespace))
            .put("labels", self.labels(&name.at));
        Draft::new(&name.at)
            .says("apiVersion", version)
            .says("kind", kind)
            .put("metadata", self.annotated(metadata).done())
    }

    /// Metadata with the annotations of the document.
    pub(super) fn annotated<'a>(&self, metadata: Draft<'a>) -> Draft<'a> {
        let annotations = self.head.annotations.iter();
        let annotations = annotations
            .fold(Draft::new(&self.head.name.at), |draft, (name, value)| draft.put(name.clone(), word(value)));
        if annotations.is_empty() { metadata } else { metadata.put("annotations", annotations.done()) }
    }

    /// The labels of all of its objects.
    pub(super) fn labels<'a>(&self, at: &Range<usize>) -> Made<'a> {
        labelled(self.head.own.iter().chain(&self.head.labels), at)
    }

    pub(super) fn selector<'a>(&self, at: &Range<usize>) -> Made<'a> {
        Draft::new(at).word(FOUND_BY, Some(&self.head.name)).done()
    }
}

pub(super) fn labelled<'a, 'l>(labels: impl Iterator<Item = &'l (String, Word)>, at: &Range<usize>) -> Made<'a> {
    labels.fold(Draft::new(at), |draft, (name, value)| draft.put(name.clone(), word(value))).done()
}
