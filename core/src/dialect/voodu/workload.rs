//! A `statefulset`, `deployment` or `app` as a Service and a StatefulSet or Deployment of Kubernetes.

use std::collections::BTreeSet;

use super::assets::{Assets, Borrowed};
use super::container::{Owner, container, image};
use super::declared::{Declared, Resource};
use super::fields::{Fields, Shape};
use super::ingress::{self, Door};
use super::names::label;
use super::placed::Placed;
use super::ports::{self, Ports};
use super::scene::Scene;
use super::volumes::{Claim, Mounts, Volumes};
use super::{probes, resources, tree};
use crate::limits::{GRACE_SECONDS_DEFAULT, REPLICAS_MAX};
use crate::model::{Kind, Object, ObjectId, annotation};
use crate::text::{Place, is_control, quoted};

/// What a workload becomes.
pub(super) struct Lowered {
    pub(super) objects: Vec<Object>,
    /// Keys of assets of other scopes that it mounts.
    pub(super) borrowed: Vec<(Borrowed, String)>,
}

/// The entries of a workload that may be there once.
pub(super) const ONCE: &[&str] = &[
    "image",
    "replicas",
    "command",
    "entrypoint",
    "env",
    "ports",
    "volumes",
    "resources",
    "probes",
    "health_check",
    "cap_add",
    "network_mode",
    "restart",
];

/// Fields of the dialect that are refused in any workload.
pub(super) const REFUSED: &[(&str, &str)] = &[
    ("build_args", "build the image elsewhere and name it in `image`"),
    ("depends_on", "leave it out: a workload that needs another waits for it by a probe or an `init` block"),
    ("docker_options", "leave it out; see `resources`, `ports`, `volumes`, `cap_add` and `network_mode`"),
    ("env_from", "set the values in the bucket of this workload: `writ config set -s SCOPE -n NAME KEY=VALUE`"),
    ("extra_hosts", "workloads of this host are reached by NAME.SCOPE"),
    ("logs", "set the rotation of logs in the configuration of the engine"),
    ("networks", "leave it out: all workloads of a host share one network"),
    ("on_probe", "leave it out: a failing liveness probe restarts the container"),
    ("release", "an `init` block runs before each start of a pod"),
    ("ulimits", "set limits in the configuration of the engine"),
];

const STATEFULSET: Shape =
    Shape { what: "a statefulset", once: ONCE, repeated: &["volume_claim", "init"], refused: REFUSED };

const DEPLOYMENT: Shape =
    Shape { what: "a deployment", once: ONCE, repeated: &["volume_claim", "init"], refused: REFUSED };

/// The entries of an `app`: those of a deployment, and behind them those of an `ingress`.
const ONCE_OF_APP: [&str; ONCE.len() + ingress::OF_APP.len()] = {
    let mut all = [""; ONCE.len() + ingress::OF_APP.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < ONCE.len() { ONCE[at] } else { ingress::OF_APP[at - ONCE.len()] };
        at += 1;
    }
    all
};

const APP: Shape =
    Shape { what: "an app", once: &ONCE_OF_APP, repeated: &["volume_claim", "init", "location"], refused: REFUSED };

const INIT: Shape = Shape {
    what: "an init block",
    once: &["image", "command", "entrypoint", "env", "volumes", "resources"],
    repeated: &[],
    refused: &[],
};

/// Time between two looks at the `health_check` of an `app`, in seconds: a replica that does not answer is left soon.
const HEALTH_SECONDS: u32 = 2;

/// The parts of a workload, read.
struct Parts {
    replicas: Placed,
    ports: Ports,
    /// Bare ports are published on the loopback address.
    published: bool,
    claims: Vec<Claim>,
    pod: Placed,
    volumes: Volumes,
    /// What an `app` says of host names.
    door: Option<Door>,
}

/// A pod, read.
pub(super) struct Pod {
    claims: Vec<Claim>,
    pub(super) pod: Placed,
    pub(super) volumes: Volumes,
    /// It shares the network of the host.
    on_host: bool,
}

/// Lowers one workload that is kept running.
pub(super) fn lower(scene: &mut Scene<'_>, declared: &Declared<'_>, assets: &Assets) -> Lowered {
    let stateful = declared.resource == Resource::Statefulset;
    let (scope, name) = (declared.scope.text.as_str(), declared.name.text.as_str());
    let place = scene.place(&declared.block.header);
    let mut parts = read(scene, declared, assets, stateful);
    let service = service(scope, name, &parts.ports, place.clone());
    let borrowed = parts.volumes.borrowed().map(|(asset, key)| (asset, key.to_owned())).collect();
    let first = parts.ports.first();
    let door = parts.door.take().zip(first);
    let ingress = door.map(|(door, port)| ingress::object(scope, name, door, &|_| port, place.clone()));
    let controller = controller(scope, name, parts, stateful, place);
    Lowered { objects: [service, controller].into_iter().chain(ingress).collect(), borrowed }
}

fn read(scene: &mut Scene<'_>, declared: &Declared<'_>, assets: &Assets, stateful: bool) -> Parts {
    let app = declared.resource == Resource::App;
    let shape = if stateful {
        &STATEFULSET
    } else if app {
        &APP
    } else {
        &DEPLOYMENT
    };
    let header = &declared.block.header;
    let (scope, name) = (declared.scope.text.as_str(), declared.name.text.as_str());
    let fields = Fields::read(scene, shape, &declared.block.entries);
    let replicas = fields.value(scene, "replicas").and_then(|(_, value)| {
        let number = scene.integer("replicas", value, 0, REPLICAS_MAX)?;
        Some(Placed::at(number, scene.place(&value.span)))
    });
    let owner = Owner { scope, name, has_ordinal: stateful };
    let image = image(scene, &fields, header, None);
    let mut main = container(scene, &fields, name, image.clone(), owner);
    let ports = fields.value(scene, "ports").map(|(_, value)| ports::read(scene, value)).unwrap_or_default();
    if !ports.is_empty() {
        main.set("ports", ports.of_container());
    }
    health_check(scene, &fields, ports.first().filter(|_| app), &mut main);
    let door = app.then(|| door(scene, &fields, declared, &ports)).flatten();
    let Pod { claims, pod, volumes, on_host } = pod(scene, &fields, main, (owner, image.as_ref()), &ports, assets);
    let replicas = replicas.unwrap_or_else(|| Placed::unplaced(1));
    let published = ports.has_bare() && !on_host;
    Parts { replicas, published, ports, claims, pod, volumes, door }
}

/// What an `app` says of host names, and whether it has a port to lead to.
fn door(scene: &mut Scene<'_>, fields: &Fields<'_>, declared: &Declared<'_>, ports: &Ports) -> Option<Door> {
    if ports.first().is_none() {
        let help = "list the port on which it listens first: `ports = [\"8080\"]`";
        scene.refuse(&declared.block.header, "an app needs a port of TCP, to which its host leads", help);
    }
    ingress::read(scene, fields, declared, &ingress::To::default())
}

/// `health_check`: of an `app`, the path that tells on `port` whether a pod is ready, unless a probe does.
fn health_check(scene: &mut Scene<'_>, fields: &Fields<'_>, port: Option<u16>, container: &mut Placed) {
    let Some((word, value)) = fields.value(scene, "health_check") else { return };
    let Some(path) = scene.filled_string("health_check", value) else { return };
    let probes = fields.entry("probes").map(|entry| match &entry.content {
        tree::Content::Block(block) => block.entries.as_slice(),
        tree::Content::Value(tree::Value { form: tree::Form::Map(entries), span: _ }) => entries.as_slice(),
        tree::Content::Value(_) => &[],
    });
    let probed = probes.into_iter().flatten().any(|entry| entry.name.text == "readiness");
    match port {
        None => scene.note(
            &word.span,
            "`health_check` has no effect without an ingress",
            "to hold traffic back until the workload is ready, write `probes { readiness { http_get { … } } }`",
        ),
        Some(_) if probed => scene.note(
            &word.span,
            "`health_check` has no effect beside a readiness probe, which says more",
            "remove one of the two",
        ),
        Some(_) if !path.starts_with('/') => {
            scene.refuse(&value.span, "`health_check` begins with `/`", "write it as in \"/healthz\"");
        }
        Some(port) => {
            let place = scene.place(&value.span);
            let get = Placed::object().with("path", Placed::at(path, place)).plain("port", port);
            let probe = Placed::object().with("httpGet", get).plain("periodSeconds", HEALTH_SECONDS);
            container.set("readinessProbe", probe);
        }
    }
}

/// The pod of a workload around its main container.
pub(super) fn pod(
    scene: &mut Scene<'_>,
    fields: &Fields<'_>,
    mut main: Placed,
    (owner, image): (Owner<'_>, Option<&Placed>),
    ports: &Ports,
    assets: &Assets,
) -> Pod {
    limits_and_checks(scene, fields, &mut main);
    let mut mounts = Mounts::default();
    if let Some((_, value)) = fields.value(scene, "volumes") {
        mounts.read(scene, value, assets);
    }
    let claims = claims(scene, fields, &mut mounts, owner.has_ordinal);
    let inits = inits(scene, fields, &mounts, assets, owner, image);
    let volumes = Volumes::of(owner.scope, inits.iter().map(|(_, mounts)| mounts).chain([&mounts]));

    let mut pod = Placed::object();
    let on_host = host(scene, fields, ports, &mut pod);
    let finish = |mut container: Placed, mounts: &Mounts| {
        if !mounts.is_empty() {
            container.set("volumeMounts", mounts.of_container(&volumes));
        }
        container
    };
    if !inits.is_empty() {
        pod.set("initContainers", Placed::list(inits.into_iter().map(|(init, mounts)| finish(init, &mounts))));
    }
    pod.set("containers", Placed::list([finish(main, &mounts)]));
    if !volumes.is_empty() {
        pod.set("volumes", volumes.of_pod());
    }
    Pod { claims, pod, volumes, on_host }
}

/// `resources`, `probes` and `cap_add`.
fn limits_and_checks(scene: &mut Scene<'_>, fields: &Fields<'_>, container: &mut Placed) {
    if let Some(entry) = fields.entry("resources")
        && let Some(resources) = resources::read(scene, entry)
    {
        container.set("resources", resources);
    }
    if let Some(entry) = fields.entry("probes") {
        probes::read(scene, entry, container);
    }
    if let Some((word, value)) = fields.value(scene, "cap_add")
        && let Some(words) = scene.strings("cap_add", value)
    {
        let names = words.into_iter().map(|(word, span)| {
            if word.chars().any(is_control) {
                let help = "write it as in `cap_add = [\"NET_BIND_SERVICE\"]`";
                scene.refuse(&span, format!("{} is no name of a capability", quoted(&word)), help);
            }
            let upper = word.to_ascii_uppercase();
            Placed::at(upper.strip_prefix("CAP_").unwrap_or(&upper), scene.place(&span))
        });
        let capabilities = Placed::object().with("add", Placed::list(names));
        container.set(
            "securityContext",
            Placed::at(serde_json::Map::new(), scene.place(&word.span)).with("capabilities", capabilities),
        );
    }
}

/// `network_mode` and `restart`; true if the pod shares the network of the host.
fn host(scene: &mut Scene<'_>, fields: &Fields<'_>, ports: &Ports, pod: &mut Placed) -> bool {
    let mut on_host = false;
    if let Some((_, value)) = fields.value(scene, "network_mode")
        && let Some(mode) = scene.filled_string("network_mode", value)
    {
        if mode == "host" {
            pod.set("hostNetwork", Placed::at(true, scene.place(&value.span)));
            on_host = true;
            if ports.has_fixed() {
                let help =
                    "list the ports of the container alone, as in `ports = [\"8080\"]`, or leave `network_mode` out";
                scene.refuse(&value.span, "on the network of the host no port can be mapped to another", help);
            }
        } else {
            let help = "leave it out: all workloads of a host share one network; or write \"host\"";
            scene.refuse(&value.span, "this `network_mode` is not supported", help);
        }
    }
    if let Some((_, value)) = fields.value(scene, "restart")
        && let Some(policy) = scene.filled_string("restart", value)
        && !matches!(policy.as_str(), "always" | "unless-stopped")
    {
        let help = "leave it out: the containers of a workload are restarted whenever they end";
        scene.refuse(&value.span, "this `restart` is not supported", help);
    }
    pod.set("terminationGracePeriodSeconds", Placed::unplaced(GRACE_SECONDS_DEFAULT));
    on_host
}

fn claims(scene: &mut Scene<'_>, fields: &Fields<'_>, mounts: &mut Mounts, stateful: bool) -> Vec<Claim> {
    let mut seen = BTreeSet::new();
    let mut claims = Vec::new();
    for (word, block) in fields.blocks("volume_claim") {
        if stateful {
            claims.extend(mounts.claim(scene, word, block, &mut seen));
        } else {
            let help = "the replicas of a deployment come and go with their data: write a `statefulset`";
            scene.refuse(&block.header, "a deployment cannot have a `volume_claim`", help);
        }
    }
    claims.sort_by(|one, other| one.name().cmp(other.name()));
    claims
}

/// The init containers, in the order in which they were written, which is the order in which they run.
fn inits(
    scene: &mut Scene<'_>,
    fields: &Fields<'_>,
    of_pod: &Mounts,
    assets: &Assets,
    owner: Owner<'_>,
    main_image: Option<&Placed>,
) -> Vec<(Placed, Mounts)> {
    let mut names = BTreeSet::from([owner.name]);
    let mut inits = Vec::new();
    for (_, block) in fields.blocks("init") {
        let [name] = block.labels.as_slice() else {
            scene.refuse(&block.header, "`init` needs one label, its name", "write `init \"prepare\" { … }`");
            continue;
        };
        if !label(scene, "the name of an init block", name) {
            continue;
        }
        if !names.insert(&name.text) {
            let help = "each container of a pod has its own name, and the main one has that of the workload";
            scene.refuse(&name.span, format!("the name \"{}\" is taken", name.text), help);
            continue;
        }
        let fields = Fields::read(scene, &INIT, &block.entries);
        let image = image(scene, &fields, &block.header, main_image);
        let mut placed = container(scene, &fields, &name.text, image, owner).placed(scene.place(&block.header));
        if let Some(entry) = fields.entry("resources")
            && let Some(resources) = resources::read(scene, entry)
        {
            placed.set("resources", resources);
        }
        let mut own = Mounts::default();
        if let Some((_, value)) = fields.value(scene, "volumes") {
            own.read(scene, value, assets);
        }
        inits.push((placed, own.over(of_pod)));
    }
    inits
}

pub(super) fn metadata(scope: &str, name: &str) -> Placed {
    Placed::object().plain("name", name).plain("namespace", scope).with("labels", labels(name))
}

pub(super) fn labels(name: &str) -> Placed {
    Placed::object().plain("app.kubernetes.io/name", name)
}

/// A Service without an address of its own: its name leads to the pods themselves.
fn service(scope: &str, name: &str, ports: &Ports, place: Place) -> Object {
    let mut spec = Placed::object().plain("clusterIP", "None").with("selector", labels(name));
    if !ports.is_empty() {
        spec.set("ports", ports.of_service());
    }
    let body = Placed::at(serde_json::Map::new(), place)
        .plain("apiVersion", Kind::Service.api_version())
        .plain("kind", Kind::Service.name())
        .with("metadata", metadata(scope, name))
        .with("spec", spec);
    let (body, places) = body.finish();
    Object { id: ObjectId::new(Kind::Service, scope, name), body, places }
}

fn controller(scope: &str, name: &str, parts: Parts, stateful: bool, place: Place) -> Object {
    let Parts { replicas, ports, published, claims, pod, volumes: _, door: _ } = parts;
    let mut annotations = Placed::object().plain(annotation::BUCKET, format!("{scope}/{name}"));
    if published {
        annotations.set(annotation::PUBLISH, Placed::unplaced("loopback"));
    }
    let of_pod = Placed::object().with("labels", labels(name)).with("annotations", annotations);
    let template = Placed::object().with("metadata", of_pod).with("spec", pod);
    let selector = Placed::object().with("matchLabels", labels(name));
    let mut spec = Placed::object().with("replicas", replicas).with("selector", selector).with("template", template);
    let kind = if stateful {
        spec = spec.plain("serviceName", name).plain("podManagementPolicy", "OrderedReady");
        if !claims.is_empty() {
            spec.set("volumeClaimTemplates", Placed::list(claims.iter().map(Claim::template)));
        }
        Kind::StatefulSet
    } else {
        // Two replicas cannot hold one port of the host, so the old one goes first where there is such a port.
        let (surge, unavailable) = if ports.has_fixed() { (0, 1) } else { (1, 0) };
        let rolling = Placed::object().plain("maxSurge", surge).plain("maxUnavailable", unavailable);
        spec.set("strategy", Placed::object().plain("type", "RollingUpdate").with("rollingUpdate", rolling));
        Kind::Deployment
    };
    let body = Placed::at(serde_json::Map::new(), place)
        .plain("apiVersion", kind.api_version())
        .plain("kind", kind.name())
        .with("metadata", metadata(scope, name))
        .with("spec", spec);
    let (body, places) = body.finish();
    Object { id: ObjectId::new(kind, scope, name), body, places }
}
