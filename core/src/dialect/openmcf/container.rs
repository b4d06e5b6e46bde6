//! Containers: image, environment, ports, probes and resources.

use std::ops::Range;
use std::rc::Rc;

use super::known::{Outside, Value};
use super::made::{Draft, Made, list, number, word};
use super::mount::{self, Volumes};
use super::read::{Fields, Scene, Word};
use crate::dialect::yaml::{Content, Node};
use crate::model::{ObjectId, Reference, Unfilled, is_quantity};
use crate::text::{Place, quoted};

const CONTAINER: [&str; 12] = [
    "name",
    "image",
    "resources",
    "env",
    "ports",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "volumeMounts",
    "command",
    "args",
    "lifecycle",
];
const PORT: [&str; 6] = ["name", "containerPort", "networkProtocol", "appProtocol", "servicePort", "isIngressPort"];
const PROBE: [&str; 10] = [
    "httpGet",
    "tcpSocket",
    "grpc",
    "exec",
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
    "terminationGracePeriodSeconds",
];
/// What is given of processor and memory where nothing is written. Source: the page, "Optional Fields".
const LIMITS: [(&str, &str); 2] = [("cpu", "1000m"), ("memory", "1Gi")];
const REQUESTS: [(&str, &str); 2] = [("cpu", "50m"), ("memory", "100Mi")];

const SECONDS_MAX: i64 = i32::MAX as i64;
const PORT_MAX: i64 = 65_535;

/// A port of the main container, which Services lead to.
#[derive(Debug, Clone)]
pub(super) struct Port {
    pub(super) name: Word,
    pub(super) number: (i64, Range<usize>),
    pub(super) protocol: Word,
    pub(super) application: Option<Word>,
    pub(super) service: Option<(i64, Range<usize>)>,
    /// Where it says that the ingress leads to it.
    pub(super) takes_ingress: Option<Range<usize>>,
}

/// What containers of a workload ask for beside themselves.
#[derive(Debug, Default)]
pub(super) struct Asked<'a> {
    pub(super) volumes: Volumes<'a>,
    /// Secret values by their key in the Secret that is made for them.
    pub(super) secrets: Vec<(String, Word)>,
    /// Names of Secrets that log in to registries.
    pub(super) logins: Vec<Word>,
    /// Variables whose values the cluster knows.
    pub(super) unfilled: Vec<Open>,
}

/// A variable of a container whose value the cluster knows.
#[derive(Debug)]
pub(super) struct Open {
    container: String,
    variable: String,
    reference: Reference,
    place: Place,
}

impl Open {
    /// The same, of the object that has the container.
    pub(super) fn of(self, object: &ObjectId) -> Unfilled {
        let Self { container, variable, reference, place } = self;
        Unfilled { object: object.clone(), container, variable, reference, place }
    }
}

/// What a container is to its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The one that the workload is about, by the name that it is given.
    Main(&'static str),
    /// One beside it, which has a name of its own.
    Sidecar,
}

/// A container that was read.
#[derive(Debug)]
pub(super) struct Container<'a> {
    pub(super) draft: Draft<'a>,
    pub(super) ports: Vec<Port>,
    pub(super) mounts: Vec<Made<'a>>,
    /// Image and tag.
    pub(super) image: Option<(Word, Word)>,
}

/// Reads a container. `workload` is the name of the workload, after which the Secret of its values is called.
pub(super) fn read<'a>(
    scene: &mut Scene<'_>,
    node: &Node<'a>,
    (path, at): (String, &Range<usize>),
    role: Role,
    (outside, workload): (&Outside<'_>, &Word),
    asked: &mut Asked<'a>,
) -> Option<Container<'a>> {
    let known = if role == Role::Sidecar { &CONTAINER[..] } else { &CONTAINER[1..] };
    let fields = scene.fields(node, (path, at), known)?;
    Some(among(scene, &fields, role, (outside, workload), asked))
}

/// Reads a container whose fields stand among others.
pub(super) fn among<'a>(
    scene: &mut Scene<'_>,
    fields: &Fields<'_, 'a>,
    role: Role,
    (outside, workload): (&Outside<'_>, &Word),
    asked: &mut Asked<'a>,
) -> Container<'a> {
    let name = match role {
        Role::Main(name) => Some(Word::new(name, &fields.at)),
        Role::Sidecar => fields.must_word(scene, "name"),
    };
    let image = image(scene, fields, asked);
    let ports = ports(scene, fields, role);
    let (env, env_from) = env(scene, fields, (outside, workload, name.as_ref(), role), asked);
    let words = |words: Vec<Word>| words.iter().map(word).collect();
    let whole = image.as_ref().map(|(repo, tag)| Word::new(format!("{}:{}", repo.text, tag.text), &repo.at));
    let mut draft = Draft::new(&fields.at)
        .word("name", name.as_ref())
        .word("image", whole.as_ref())
        .list("command", words(fields.words(scene, "command")))
        .list("args", words(fields.words(scene, "args")))
        .list("env", env)
        .maybe("envFrom", env_from)
        .list("ports", ports.iter().map(container_port).collect())
        .put("resources", resources(scene, fields))
        // A hook is written as in Kubernetes.
        .maybe("lifecycle", fields.entry("lifecycle").map(|entry| Rc::clone(&entry.value)));
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        draft = draft.maybe(name, probe(scene, fields, name));
    }
    let mounts = mount::read(scene, fields, &mut asked.volumes);
    Container { draft, ports, mounts, image }
}

fn image(scene: &mut Scene<'_>, container: &Fields<'_, '_>, asked: &mut Asked<'_>) -> Option<(Word, Word)> {
    let image = container.must_child(scene, "image", &["repo", "tag", "pullSecretName"])?;
    let (repo, tag) = (image.must_word(scene, "repo"), image.must_word(scene, "tag"));
    let login = image.word(scene, "pullSecretName").filter(|login| !login.text.is_empty());
    asked.logins.extend(login.filter(|login| asked.logins.iter().all(|other| other.text != login.text)));
    repo.zip(tag)
}

fn ports(scene: &mut Scene<'_>, container: &Fields<'_, '_>, role: Role) -> Vec<Port> {
    let mut ports = Vec::new();
    for (path, at, item) in container.list(scene, "ports") {
        let Some(port) = scene.fields(item, (path, &at), &PORT) else { continue };
        let name = port.must_word(scene, "name").filter(|name| is_port_name(scene, &port, name));
        let number = port.must_number(scene, "containerPort", 1..=PORT_MAX);
        let protocol = port.must_choice(scene, "networkProtocol", &["TCP", "UDP", "SCTP"]);
        // No Service leads to a sidecar.
        let (application, service) = if role == Role::Sidecar {
            (port.word(scene, "appProtocol"), port.number(scene, "servicePort", 1..=PORT_MAX))
        } else {
            (port.must_word(scene, "appProtocol"), port.must_number(scene, "servicePort", 1..=PORT_MAX))
        };
        let takes_ingress =
            port.entry("isIngressPort").filter(|_| port.flag(scene, "isIngressPort")).map(|entry| entry.range.clone());
        if let (Some(name), Some(number), Some(protocol)) = (name, number, protocol) {
            ports.push(Port { name, number, protocol, application, service, takes_ingress });
        }
    }
    ports
}

/// Source: the page, "ports", and Kubernetes, which takes at most 15 characters with a letter among them.
fn is_port_name(scene: &mut Scene<'_>, port: &Fields<'_, '_>, name: &Word) -> bool {
    let text = &name.text;
    let fits = text.len() <= 15
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && text.bytes().any(|byte| byte.is_ascii_lowercase())
        && !(text.starts_with('-') || text.ends_with('-') || text.contains("--"));
    if !fits {
        let path = quoted(&port.under("name"));
        let rule = "must be 1 to 15 lower-case letters, digits and single `-`, with at least one letter";
        scene.error(&name.at, format!("{path} {rule}, not {}", quoted(text)), "");
    }
    fits
}

fn container_port<'a>(port: &Port) -> Made<'a> {
    Draft::new(&port.name.at)
        .word("name", Some(&port.name))
        .number("containerPort", Some(port.number.clone()))
        .word("protocol", Some(&port.protocol))
        .done()
}

/// Each of the four amounts has a value of its own where nothing is written.
fn resources<'a>(scene: &mut Scene<'_>, container: &Fields<'_, 'a>) -> Made<'a> {
    let written = container.child(scene, "resources", &["limits", "requests"]);
    let at = written.as_ref().map_or_else(|| container.at.clone(), |written| written.at.clone());
    let mut whole = Draft::new(&at);
    for (part, defaults) in [("limits", LIMITS), ("requests", REQUESTS)] {
        let given = written.as_ref().and_then(|written| written.child(scene, part, &["cpu", "memory"]));
        let mut draft = Draft::new(&at);
        for (name, default) in defaults {
            let amount = given.as_ref().and_then(|given| given.word(scene, name).map(|word| (given.under(name), word)));
            if let Some((path, word)) = &amount {
                must_be_quantity(scene, path, word);
            }
            let amount = amount.map_or_else(|| Word::new(default, &at), |(_, word)| word);
            draft = draft.word(name, Some(&amount));
        }
        whole = whole.put(part, draft.done());
    }
    whole.done()
}

pub(super) fn must_be_quantity(scene: &mut Scene<'_>, path: &str, word: &Word) {
    if !is_quantity(&word.text) {
        let message = format!("{} must be an amount as in 250m, 1.5 or 2Gi, not {}", quoted(path), quoted(&word.text));
        scene.error(&word.at, message, "");
    }
}

fn probe<'a>(scene: &mut Scene<'_>, container: &Fields<'_, 'a>, name: &'static str) -> Option<Made<'a>> {
    let probe = container.child(scene, name, &PROBE)?;
    let mut draft = Draft::new(&probe.at);
    let port = |scene: &mut Scene<'_>, fields: &Fields<'_, 'a>| -> Option<Made<'a>> {
        if let Some(name) = fields.word(scene, "portName").filter(|name| !name.text.is_empty()) {
            return Some(word(&name));
        }
        let (value, at) = fields.must_number(scene, "portNumber", 1..=PORT_MAX)?;
        Some(number(value, &at))
    };
    if let Some(http) =
        probe.child(scene, "httpGet", &["path", "portNumber", "portName", "host", "scheme", "httpHeaders"])
    {
        let path = http.word(scene, "path").filter(|path| !path.text.is_empty());
        let action = Draft::new(&http.at)
            .word("path", Some(&path.unwrap_or_else(|| Word::new("/", &http.at))))
            .maybe("port", port(scene, &http))
            .word("host", http.word(scene, "host").as_ref())
            .word("scheme", http.choice(scene, "scheme", &["HTTP", "HTTPS"]).as_ref())
            .maybe("httpHeaders", http.entry("httpHeaders").map(|entry| Rc::clone(&entry.value)));
        draft = draft.put("httpGet", action.done());
    }
    if let Some(tcp) = probe.child(scene, "tcpSocket", &["portNumber", "portName", "host"]) {
        let host = tcp.word(scene, "host");
        let action = Draft::new(&tcp.at).maybe("port", port(scene, &tcp)).word("host", host.as_ref());
        draft = draft.put("tcpSocket", action.done());
    }
    if let Some(grpc) = probe.child(scene, "grpc", &["port", "service"]) {
        let action = Draft::new(&grpc.at)
            .number("port", grpc.must_number(scene, "port", 1..=PORT_MAX))
            .word("service", grpc.word(scene, "service").as_ref());
        draft = draft.put("grpc", action.done());
    }
    if let Some(exec) = probe.child(scene, "exec", &["command"]) {
        let command = exec.words(scene, "command").iter().map(word).collect();
        draft = draft.put("exec", Draft::new(&exec.at).list("command", command).done());
    }
    let handlers = PROBE.iter().take(4).filter(|handler| probe.entry(handler).is_some()).count();
    if handlers != 1 {
        let message = format!("{} needs one of httpGet, tcpSocket, grpc and exec", quoted(&probe.path));
        scene.error(&probe.at, message, if handlers == 0 { "say how to probe" } else { "keep one of them" });
    }
    for name in PROBE.into_iter().skip(4) {
        // Zero is what stands for nothing in protocol buffers.
        let number = probe.number(scene, name, 0..=SECONDS_MAX).filter(|(number, _)| *number > 0);
        draft = draft.number(name, number);
    }
    Some(draft.done())
}

/// Variables, in the order of their names, those with secret values behind the others; and whole ConfigMaps and Secrets.
fn env<'a>(
    scene: &mut Scene<'_>,
    container: &Fields<'_, 'a>,
    (outside, workload, container_name, role): (&Outside<'_>, &Word, Option<&Word>, Role),
    asked: &mut Asked<'a>,
) -> (Vec<Made<'a>>, Option<Made<'a>>) {
    let own = |name: &str, field: &str| {
        let source = Draft::new(&container.at).says("fieldPath", field).done();
        let source = Draft::new(&container.at).put("fieldRef", source).done();
        Draft::new(&container.at).says("name", name).put("valueFrom", source).done()
    };
    let mut all = vec![own("K8S_POD_ID", "metadata.name"), own("K8S_POD_NAMESPACE", "metadata.namespace")];
    let Some(env) = container.child(scene, "env", &["variables", "secrets", "envFrom"]) else { return (all, None) };
    let mut plain = values(scene, &env, "variables");
    plain.sort_by(|one, other| one.name.text.cmp(&other.name.text));
    for Written { name, node, path, at } in plain {
        let draft = Draft::new(&name.at).word("name", Some(&name));
        let source =
            node.get("configMapKeyRef").or_else(|| node.get("fieldRef")).or_else(|| node.get("resourceFieldRef"));
        // A source of Kubernetes is written as there.
        let draft = match (source, node.entries().iter().find(|entry| entry.name != "name")) {
            (Some(source), Some(entry)) => {
                let source = Draft::new(&entry.range).put(entry.name.clone(), Rc::clone(source)).done();
                draft.put("valueFrom", source)
            }
            _ => match outside.variable(scene, node, (path, &at)) {
                Some(Value::Here(value)) => draft.word("value", Some(&value)),
                Some(Value::Elsewhere(reference, at)) => {
                    let container = container_name.map_or_else(String::new, |name| name.text.clone());
                    let (variable, place) = (name.text.clone(), scene.place(&at));
                    asked.unfilled.push(Open { container, variable, reference, place });
                    draft.says("value", Unfilled::TEXT)
                }
                None => draft,
            },
        };
        all.push(draft.done());
    }
    let mut secret = values(scene, &env, "secrets");
    secret.sort_by(|one, other| one.name.text.cmp(&other.name.text));
    for Written { name, node, path, at } in secret {
        let key = match (role, container_name) {
            (Role::Sidecar, Some(sidecar)) => format!("{}.{}", sidecar.text, name.text),
            (Role::Main(_), _) | (Role::Sidecar, None) => name.text.clone(),
        };
        let made = (format!("{}-env-secrets", workload.text), key);
        let Some(reference) = secret_source(scene, node, (path, &at), (outside, made), asked) else { continue };
        let source = Draft::new(&name.at).put("secretKeyRef", reference).done();
        all.push(Draft::new(&name.at).word("name", Some(&name)).put("valueFrom", source).done());
    }
    // Written as in Kubernetes.
    (all, env.entry("envFrom").map(|entry| Rc::clone(&entry.value)))
}

/// Where the value of a secret variable is kept. One that is written goes into the Secret of the workload.
fn secret_source<'a>(
    scene: &mut Scene<'_>,
    node: &Node<'a>,
    (path, at): (String, &Range<usize>),
    (outside, (secret, key)): (&Outside<'_>, (String, String)),
    asked: &mut Asked<'a>,
) -> Option<Made<'a>> {
    if node.get("secretRef").is_none() && node.get("secret_ref").is_none() {
        let value = outside.value(scene, node, (path, at))?;
        asked.secrets.push((key.clone(), value));
        return Some(Draft::new(at).says("name", &secret).says("key", &key).done());
    }
    let fields = scene.fields(node, (path, at), &["name", "secretRef"])?;
    let reference = fields.child(scene, "secretRef", &["name", "key", "namespace"])?;
    let (name, key) = (reference.must_word(scene, "name"), reference.must_word(scene, "key"));
    if let Some(other) = reference.word(scene, "namespace").filter(|other| !outside.is_home(&other.text)) {
        let path = quoted(&reference.under("namespace"));
        let message = format!("{path} is {}, and a pod reads Secrets of its own namespace alone", quoted(&other.text));
        scene.error(&other.at, message, "leave it out, and declare the Secret in the namespace of the pod");
    }
    Some(Draft::new(&reference.at).word("name", name.as_ref()).word("key", key.as_ref()).done())
}

/// A variable on its way: its value as it was written.
struct Written<'n, 'a> {
    name: Word,
    node: &'n Node<'a>,
    path: String,
    at: Range<usize>,
}

/// Variables as a map by name, or as a list of items with a name.
fn values<'n, 'a>(scene: &mut Scene<'_>, env: &Fields<'n, 'a>, part: &str) -> Vec<Written<'n, 'a>> {
    let is_list = env.entry(part).is_some_and(|entry| matches!(entry.value.content, Content::List(_)));
    if !is_list {
        let found = env.free(scene, part).into_iter();
        return found
            .map(|(path, entry)| Written {
                name: Word::new(entry.name.clone(), &entry.range),
                node: &entry.value,
                path,
                at: entry.range.clone(),
            })
            .collect();
    }
    let mut values: Vec<Written<'n, 'a>> = Vec::new();
    for (path, at, item) in env.list(scene, part) {
        let Some(name) = item.get("name").and_then(|name| scene.word(name, &format!("{path}.name"), &at)) else {
            scene.error(&at, format!("{} is required", quoted(&format!("{path}.name"))), "");
            continue;
        };
        if values.iter().any(|other| other.name.text == name.text) {
            scene.error(&name.at, format!("the variable {} is given twice", quoted(&name.text)), "keep one of them");
        }
        values.push(Written { name, node: item, path, at });
    }
    values
}

/// Names of Secrets that log in to registries, as a pod lists them.
pub(super) fn logins<'a>(logins: &[Word]) -> Vec<Made<'a>> {
    logins.iter().map(|login| Draft::new(&login.at).word("name", Some(login)).done()).collect()
}

/// Ports of a Service.
pub(super) fn service_ports<'a>(ports: &[Port], headless: bool, at: &Range<usize>) -> Option<Made<'a>> {
    let port = |port: &Port| {
        // Names of a headless Service lead to pods themselves, which listen at their own ports.
        let number = if headless { Some(port.number.clone()) } else { port.service.clone() };
        Draft::new(&port.name.at)
            .word("name", Some(&port.name))
            .number("port", number)
            .number("targetPort", Some(port.number.clone()))
            .word("protocol", Some(&port.protocol))
            .word("appProtocol", port.application.as_ref())
            .done()
    };
    (!ports.is_empty()).then(|| list(at, ports.iter().map(port).collect()))
}
