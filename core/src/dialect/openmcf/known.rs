//! What the resources of a unit know of each other: their outputs, before anything is made.
//!
//! Invariant: a value that cannot be looked up is an error, and never an empty text.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::is_ours;
use super::kind::Kind;
use super::read::{Fields, Scene, Word, camel};
use super::server;
use crate::dialect::Target;
use crate::dialect::yaml::{self, Content, Node};
use crate::limits::OUTPUT_BYTES_MAX;
use crate::model::{ObjectId, Reference};
use crate::text::{Problems, quoted};

/// How a value names what another resource knows.
const REFERENCE: &str = "valueFrom";
const VALUE: [&str; 3] = ["name", "value", REFERENCE];
const FROM: [&str; 5] = ["kind", "env", "name", "field", "fieldPath"];
/// The outputs that Services of a cluster tell.
const ASKED: [&str; 5] = ["namespace", "headless_service", "service", "port_forward_command", "kube_endpoint"];
/// Longest value of a label. Source: Kubernetes.
const LABEL_BYTES_MAX: usize = 63;
/// How many resources may be asked one after the other.
const STEPS_MAX: u32 = 8;

/// The names of all outputs. Source: the page, "Stack Outputs", and what the modules of servers give.
const OUTPUTS: [&str; 10] = [
    "namespace",
    "headless_service",
    "service",
    "port_forward_command",
    "kube_endpoint",
    "external_hostname",
    "internal_hostname",
    "username",
    "password_secret.name",
    "password_secret.key",
];

/// What a resource lets others know once it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outputs {
    /// The kind of the resource.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The object that it is about.
    pub object: ObjectId,
    /// The values by their names. They are names of things and where these are; no value of a secret is among them.
    pub values: BTreeMap<String, String>,
}

/// The resources of a unit, by kind and name.
#[derive(Debug, Default)]
pub(in crate::dialect) struct Known(BTreeMap<(String, String), Vec<Resource>>);

/// What others can ask of a resource.
#[derive(Debug)]
struct Resource {
    kind: Kind,
    environment: Option<String>,
    namespace: Option<Written>,
    /// Its first port, by which clients reach it.
    port: Option<i64>,
    host: Option<String>,
}

/// A value as it is written.
#[derive(Debug)]
enum Written {
    Here(String),
    Elsewhere(Named),
}

/// A field of a resource.
#[derive(Debug)]
struct Named {
    kind: String,
    name: String,
    environment: Option<String>,
    field: String,
}

impl Known {
    /// What documents of OpenMCF among manifests know. What is wrong with them is said where they are lowered.
    pub(in crate::dialect) fn of<'f>(manifests: impl Iterator<Item = &'f (&'f String, &'f Vec<u8>)>) -> Self {
        let mut known = Self::default();
        for (path, bytes) in manifests {
            let Ok(text) = std::str::from_utf8(bytes) else { continue };
            if !super::DOMAINS.iter().any(|domain| text.contains(domain)) {
                continue;
            }
            let stream = yaml::parse(&Arc::from(path.as_str()), text, &mut Problems::default());
            for document in stream.documents.iter().filter(|document| is_ours(document)) {
                known.add(document);
            }
        }
        known
    }

    fn add(&mut self, document: &Node<'_>) {
        let text = |node: Option<&Node<'_>>| node.and_then(|node| node.text()).map(str::to_owned);
        let metadata = field(document, "metadata");
        let name = metadata.and_then(|metadata| text(field(metadata, "name")));
        let (Some(kind), Some(name)) = (text(field(document, "kind")), name) else { return };
        let Some(spec) = field(document, "spec") else { return };
        let Some(known) = Kind::of(&kind) else { return };
        let namespace = match known {
            Kind::Namespace => text(field(spec, "name")).map(Written::Here),
            Kind::Workload(_) | Kind::CronJob | Kind::Server(_) => field(spec, "namespace").and_then(written),
        };
        let ports = field(spec, "container").and_then(|it| field(it, "app")).and_then(|it| field(it, "ports"));
        let port = match (known, ports.map(|ports| &ports.content)) {
            (Kind::Server(server), _) => Some(server.port),
            (_, Some(Content::List(ports))) => ports.first().and_then(|port| number(field(port, "servicePort")?)),
            _ => None,
        };
        let ingress = field(spec, "ingress").filter(|ingress| {
            field(ingress, "enabled").is_some_and(|enabled| matches!(enabled.content, Content::Boolean(true)))
        });
        let host = ingress.and_then(|ingress| text(field(ingress, "hostname")));
        let environment = metadata.and_then(|metadata| text(field(metadata, "env")));
        self.0.entry((kind, name)).or_default().push(Resource { kind: known, environment, namespace, port, host });
    }

    /// What each resource lets others know, in the order of their kinds and names.
    pub(in crate::dialect) fn outputs(&self) -> Vec<Outputs> {
        let all =
            self.0.iter().flat_map(|(called, resources)| resources.iter().map(move |resource| (called, resource)));
        all.filter_map(|((kind, name), resource)| {
            let called = format!("{} of the kind {}", quoted(name), quoted(kind));
            let output = |path: &'static str| {
                let field = format!("status.outputs.{path}");
                let value = self.tell(resource, (name, &called), &field, STEPS_MAX).ok()?;
                // No server takes a name that is more than a short line.
                let is_line = value.len() <= OUTPUT_BYTES_MAX && !value.contains(char::is_control);
                is_line.then_some((path, value))
            };
            let values: BTreeMap<&'static str, String> = OUTPUTS.into_iter().filter_map(output).collect();
            let namespace = values.get("namespace")?;
            let object = resource.kind.main_object(namespace, name);
            let values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            Some(Outputs { kind: kind.clone(), name: name.clone(), object, values })
        })
        .collect()
    }

    /// A field of a resource, or why it is not known.
    fn look_up(&self, reference: &Named, steps: u32) -> Result<String, String> {
        let Named { kind, name, environment, field } = reference;
        let called = format!("{} of the kind {}", quoted(name), quoted(kind));
        let all = self.0.get(&(kind.clone(), name.clone())).map_or(&[][..], Vec::as_slice);
        let fits = |resource: &&Resource| environment.is_none() || *environment == resource.environment;
        let mut fitting = all.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(resource), None) => self.tell(resource, (name, &called), field, steps),
            (None, _) => Err(format!("there is no resource {called} among the manifests")),
            (Some(_), Some(_)) => Err(format!("there are several resources {called} among the manifests")),
        }
    }

    /// A field of that resource, which has a name and is called something in messages.
    fn tell(
        &self,
        resource: &Resource,
        (name, called): (&str, &str),
        field: &str,
        steps: u32,
    ) -> Result<String, String> {
        let unknown = || format!("{called} has no {}", quoted(field));
        let parts: Vec<String> = field.split('.').map(camel).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let namespace = || match &resource.namespace {
            Some(Written::Here(text)) => Ok(text.clone()),
            Some(Written::Elsewhere(_)) if steps == 0 => Err(format!("{called} asks for its namespace in a circle")),
            Some(Written::Elsewhere(reference)) => self.look_up(reference, steps - 1),
            None => Err(format!("{called} names no namespace")),
        };
        let of_clients = || resource.port.ok_or_else(|| format!("{}: it has no port", unknown()));
        let of_ingress = || resource.host.clone().ok_or_else(|| format!("{}: its ingress is not enabled", unknown()));
        let is_served = resource.kind.is_served();
        match (parts.as_slice(), resource.kind) {
            (["metadata", "name"], _) => Ok(name.to_owned()),
            (["spec", "name"], Kind::Namespace) | (["status", "outputs", "namespace"], _) => namespace(),
            (["spec", "namespace"], Kind::Workload(_) | Kind::CronJob | Kind::Server(_)) => namespace(),
            (["status", "outputs", "headlessService"], kind) if kind.has_peers() => Ok(format!("{name}-headless")),
            (["status", "outputs", "service"], _) if is_served => of_clients().map(|_| name.to_owned()),
            (["status", "outputs", "kubeEndpoint"], _) if is_served => {
                of_clients().and(namespace()).map(|namespace| format!("{name}.{namespace}.svc.cluster.local"))
            }
            (["status", "outputs", "portForwardCommand"], _) if is_served => {
                let port = of_clients()?;
                Ok(format!("kubectl port-forward -n {} service/{name} {port}:{port}", namespace()?))
            }
            (["status", "outputs", "externalHostname"], _) if is_served => of_ingress(),
            (["status", "outputs", "internalHostname"], _) if is_served => {
                of_ingress().map(|host| format!("internal-{host}"))
            }
            (["status", "outputs", "username"], Kind::Server(server)) => Ok(server.user.to_owned()),
            (["status", "outputs", "passwordSecret", "name"], Kind::Server(_)) => Ok(server::password_secret(name)),
            (["status", "outputs", "passwordSecret", "key"], Kind::Server(_)) => Ok(server::KEY.to_owned()),
            _ => Err(unknown()),
        }
    }
}

fn field<'n, 'a>(node: &'n Node<'a>, name: &str) -> Option<&'n Node<'a>> {
    node.entries().iter().find(|entry| camel(&entry.name) == name).map(|entry| &*entry.value)
}

fn number(node: &Node<'_>) -> Option<i64> {
    if let Content::Number(number) = &node.content { number.as_i64() } else { None }
}

/// A value that may stand elsewhere. The field of a namespace needs no name of its kind.
fn written(node: &Node<'_>) -> Option<Written> {
    if let Some(text) = node.text().or_else(|| field(node, "value")?.text()) {
        return Some(Written::Here(text.to_owned()));
    }
    let from = field(node, REFERENCE)?;
    let text = |name: &str| field(from, name).and_then(|node| node.text()).map(str::to_owned);
    let named = text("field").or_else(|| text("fieldPath"));
    Some(Written::Elsewhere(Named {
        kind: text("kind").unwrap_or_else(|| Kind::Namespace.name().to_owned()),
        name: text("name")?,
        environment: text("env"),
        field: named.unwrap_or_else(|| "spec.name".to_owned()),
    }))
}

/// The value of a variable.
#[derive(Debug)]
pub(super) enum Value {
    Here(Word),
    /// One that the cluster knows, and where it is asked for.
    Elsewhere(Reference, Range<usize>),
}

/// What a document can ask of others.
#[derive(Debug)]
pub(super) struct Outside<'k> {
    known: &'k Known,
    /// Where the document goes: a cluster can be asked for what no manifest tells.
    target: Target,
    /// The namespace of the document at hand.
    home: String,
}

impl<'k> Outside<'k> {
    pub(super) const fn new(known: &'k Known, target: Target) -> Self {
        Self { known, target, home: String::new() }
    }

    pub(super) fn is_home(&self, namespace: &str) -> bool {
        self.home == namespace
    }

    /// The namespace of a document.
    pub(super) fn namespace(&mut self, scene: &mut Scene<'_>, spec: &Fields<'_, '_>) -> Option<Word> {
        let Some(entry) = spec.entry("namespace") else {
            spec.must_word(scene, "namespace");
            return None;
        };
        let path = spec.under("namespace");
        let namespace = self.look_up(
            scene,
            &entry.value,
            (path.clone(), &entry.range),
            Some((Kind::Namespace.name(), "spec.name")),
        )?;
        if namespace.text.is_empty() {
            scene.error(&namespace.at, format!("{} must not be empty", quoted(&path)), "");
            return None;
        }
        self.home.clone_from(&namespace.text);
        Some(namespace)
    }

    /// A value that is written as it is, as `{value: …}`, or that another resource knows.
    pub(super) fn value(&self, scene: &mut Scene<'_>, node: &Node<'_>, place: (String, &Range<usize>)) -> Option<Word> {
        self.look_up(scene, node, place, None)
    }

    /// The same for a variable, which may wait for what only the cluster knows.
    pub(super) fn variable(
        &self,
        scene: &mut Scene<'_>,
        node: &Node<'_>,
        (path, at): (String, &Range<usize>),
    ) -> Option<Value> {
        if let Some(found) = field(node, REFERENCE).filter(|_| field(node, "value").is_none())
            && let Some(reference) = self.in_cluster(found)
        {
            // What is wrong with the words is said all the same.
            let fields = scene.fields(node, (path, at), &VALUE)?;
            let from = fields.child(scene, REFERENCE, &FROM)?;
            let message = format!("{} is asked of the cluster: no manifest declares it", quoted(&from.path));
            scene.note(&from.at, message);
            return Some(Value::Elsewhere(reference, from.at));
        }
        self.look_up(scene, node, (path, at), None).map(Value::Here)
    }

    /// What a reference asks of the cluster: an output of a resource that Services tell of, and no manifest declares.
    fn in_cluster(&self, from: &Node<'_>) -> Option<Reference> {
        let text = |name: &str| field(from, name).and_then(|node| node.text()).map(str::to_owned);
        let (kind, name, environment) = (text("kind")?, text("name")?, text("env"));
        let path = text("field").or_else(|| text("fieldPath"))?;
        let output = path.strip_prefix("status.outputs.").map(camel)?;
        let output = ASKED.into_iter().find(|asked| camel(asked) == output)?.to_owned();
        let is_label = |text: &str| {
            let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            text.len() <= LABEL_BYTES_MAX
                && text.bytes().all(inner)
                && text.starts_with(|first: char| first.is_ascii_alphanumeric())
                && text.ends_with(|last: char| last.is_ascii_alphanumeric())
        };
        let fits = is_label(&name) && environment.as_deref().is_none_or(is_label);
        let is_declared = self.known.0.contains_key(&(kind.clone(), name.clone()));
        let is_asked = self.target == Target::Kubernetes && Kind::of(&kind).is_some_and(Kind::is_served);
        (is_asked && fits && !is_declared).then_some(Reference { kind, name, environment, output })
    }

    /// A value; `usual` is the kind and the field that are meant where none is named.
    fn look_up(
        &self,
        scene: &mut Scene<'_>,
        node: &Node<'_>,
        (path, at): (String, &Range<usize>),
        usual: Option<(&str, &str)>,
    ) -> Option<Word> {
        if !matches!(node.content, Content::Map(_)) {
            return scene.word(node, &path, at);
        }
        let fields = scene.fields(node, (path, at), &VALUE)?;
        match (fields.entry("value"), fields.entry(REFERENCE)) {
            (Some(_), None) => fields.word(scene, "value"),
            (None, Some(_)) => self.referred(scene, &fields, usual),
            (None, None) => {
                scene.error(at, format!("{} has no value", quoted(&fields.path)), "write `value` or `valueFrom`");
                None
            }
            (Some(_), Some(_)) => {
                let message = format!("{} has both `value` and `valueFrom`", quoted(&fields.path));
                scene.error(at, message, "keep one of them");
                None
            }
        }
    }

    fn referred(&self, scene: &mut Scene<'_>, fields: &Fields<'_, '_>, usual: Option<(&str, &str)>) -> Option<Word> {
        let from = fields.child(scene, REFERENCE, &FROM)?;
        let name = from.must_word(scene, "name")?;
        let (kind, field) = match usual {
            Some((kind, field)) => (
                from.word(scene, "kind").map_or_else(|| kind.to_owned(), |kind| kind.text),
                from.word(scene, "field")
                    .or_else(|| from.word(scene, "fieldPath"))
                    .map_or_else(|| field.to_owned(), |it| it.text),
            ),
            None => {
                let given = if from.entry("fieldPath").is_some() { "fieldPath" } else { "field" };
                let kind = from.must_word(scene, "kind");
                let (kind, field) = kind.zip(from.must_word(scene, given))?;
                (kind.text, field.text)
            }
        };
        let environment = from.word(scene, "env").map(|env| env.text);
        let reference = Named { kind, name: name.text, environment, field };
        match self.known.look_up(&reference, STEPS_MAX) {
            Ok(text) => Some(Word { text, at: name.at }),
            Err(why) => {
                let help = "declare the resource among the manifests of this unit, or write the value itself";
                scene.error(&from.at, format!("{} leads nowhere: {why}", quoted(&from.path)), help);
                None
            }
        }
    }
}
