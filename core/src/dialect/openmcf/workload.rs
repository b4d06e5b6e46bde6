//! KubernetesStatefulSet and KubernetesDeployment: the objects that they stand for.

use std::ops::Range;

use super::Outside;
use super::availability::{self, Availability};
use super::container::{self, Asked, Container, Port, Role};
use super::head::{Head, Home, labelled};
use super::ingress;
use super::kind::{Form, Kind};
use super::made::{Draft, Made, flag, list, word};
use super::mount::Volumes;
use super::read::{Fields, Scene, Word};
use crate::dialect::Target;
use crate::text::quoted;

const STATEFUL_SET: [&str; 9] = [
    "targetCluster",
    "namespace",
    "createNamespace",
    "container",
    "ingress",
    "availability",
    "podManagementPolicy",
    "volumeClaimTemplates",
    "configMaps",
];
const DEPLOYMENT: [&str; 8] =
    ["targetCluster", "namespace", "createNamespace", "version", "container", "ingress", "availability", "configMaps"];
/// Source: the page, "targetCluster.clusterKind".
const CLUSTERS: [&str; 5] =
    ["AwsEksCluster", "GcpGkeCluster", "AzureAksCluster", "DigitalOceanKubernetesCluster", "CivoKubernetesCluster"];
const ACCESS_MODES: [&str; 4] = ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"];
/// How long a version may be. Source: what OpenMCF demands of it.
const VERSION_CHARACTERS_MAX: usize = 30;
/// How long a pod is given to end, in seconds. Source: what the module of OpenMCF sets.
const GRACE_SECONDS: i64 = 60;
/// Where images keep their data, whose claims can be mounted without being told where. Source: the images' documentation.
const DATA_FOLDERS: [(&str, &str); 6] = [
    ("mariadb", "/var/lib/mysql"),
    ("mongo", "/data/db"),
    ("mysql", "/var/lib/mysql"),
    ("postgres", "/var/lib/postgresql/data"),
    ("redis", "/data"),
    ("valkey", "/data"),
];
/// From this version on the image of Postgres has a folder for each version below its volume.
const POSTGRES_FOLDERS_SINCE: u32 = 18;
const POSTGRES_FOLDERS: &str = "/var/lib/postgresql";

/// The documents of the Kubernetes objects, in the order in which they need each other. What is wrong is told to `scene`.
pub(super) fn lower<'a>(
    scene: &mut Scene<'_>,
    (head, whole): (&Head, &Fields<'_, 'a>),
    (form, target): (Form, Target),
    outside: &mut Outside<'_>,
) -> Vec<Made<'a>> {
    let (known, main) = match form {
        Form::StatefulSet => (&STATEFUL_SET[..], "app"),
        Form::Deployment => (&DEPLOYMENT[..], "microservice"),
    };
    let Some(spec) = whole.must_child(scene, "spec", known) else { return Vec::new() };
    target_cluster(scene, &spec);
    version(scene, &spec);
    let namespace = outside.namespace(scene, &spec);
    let creates = spec.flag(scene, "createNamespace");
    let templates = templates(scene, &spec);
    let mut asked = Asked {
        volumes: Volumes::new(templates.iter().map(|(name, _)| name.text.clone()).collect()),
        ..Asked::default()
    };
    let containers = containers(scene, &spec, (main, outside, &head.name), &templates, &mut asked);
    let Availability { replicas, strategy, budget } = availability::read(scene, &spec, form);
    let management = spec.choice(scene, "podManagementPolicy", &["", "OrderedReady", "Parallel"]);
    let config_maps = config_maps(scene, &spec);
    let door = ingress::read(scene, &spec, containers.as_ref().map_or(&[], |(ports, _)| ports));
    let (Some(namespace), Some((ports, containers))) = (namespace, containers) else { return Vec::new() };

    let at = &spec.at;
    let home = Home { head, namespace: &namespace };
    let mut objects = beside(&home, (creates, target), config_maps, &asked);
    let headless = Word::new(format!("{}-headless", head.name.text), &head.name.at);
    let named = |draft: Draft<'a>| draft.put("selector", home.selector(at));
    let mut workload = Draft::new(at).number("replicas", Some(replicas));
    workload = workload.put("selector", Draft::new(at).put("matchLabels", home.selector(at)).done());
    let object = Kind::Workload(form).main_object(&namespace.text, &head.name.text);
    scene.unfilled.extend(std::mem::take(&mut asked.unfilled).into_iter().map(|open| open.of(&object)));
    let account = (target == Target::Kubernetes).then_some(&head.name);
    let pod =
        pod(account, at, containers, asked).number("terminationGracePeriodSeconds", Some((GRACE_SECONDS, at.clone())));
    workload = workload.put("template", template(&home, at, pod));
    match form {
        Form::StatefulSet => {
            let service = Draft::new(at).says("clusterIP", "None").put("publishNotReadyAddresses", flag(true, at));
            let service = named(service).maybe("ports", container::service_ports(&ports, true, at));
            objects.push(home.object("v1", "Service", &headless).put("spec", service.done()).done());
            workload = workload
                .word("serviceName", Some(&headless))
                .word("podManagementPolicy", management.filter(|policy| !policy.text.is_empty()).as_ref())
                .list("volumeClaimTemplates", templates.into_iter().map(|(_, template)| template).collect());
            objects.push(home.object("apps/v1", "StatefulSet", &head.name).put("spec", workload.done()).done());
        }
        Form::Deployment => {
            workload = workload.maybe("strategy", strategy);
            objects.push(home.object("apps/v1", "Deployment", &head.name).put("spec", workload.done()).done());
        }
    }
    if let Some(ports) = container::service_ports(&ports, false, at) {
        let service = named(Draft::new(at).says("type", "ClusterIP")).put("ports", ports).done();
        objects.push(home.object("v1", "Service", &head.name).put("spec", service).done());
    }
    if let Some((field, share)) = budget {
        let selector = Draft::new(at).put("matchLabels", home.selector(at)).done();
        let budget = Draft::new(at).put(field, share).put("selector", selector).done();
        objects.push(home.object("policy/v1", "PodDisruptionBudget", &head.name).put("spec", budget).done());
    }
    objects.extend(door.into_iter().flat_map(|door| ingress::objects(&home, &door, target)));
    objects
}

/// The objects that a workload needs before it is there.
fn beside<'a>(
    home: &Home<'_>,
    (creates, target): (bool, Target),
    config_maps: Vec<(Word, Made<'a>)>,
    asked: &Asked<'a>,
) -> Vec<Made<'a>> {
    let mut objects = Vec::new();
    objects.extend(creates.then(|| home.namespace_object()));
    // A container host has no accounts to speak to an API with.
    let account = target == Target::Kubernetes;
    objects.extend(account.then(|| home.object("v1", "ServiceAccount", &home.head.name).done()));
    objects.extend(contents(home, config_maps, &asked.secrets));
    objects
}

/// ConfigMaps, and the Secret of the values of secret variables.
pub(super) fn contents<'a>(
    home: &Home<'_>,
    config_maps: Vec<(Word, Made<'a>)>,
    secrets: &[(String, Word)],
) -> Vec<Made<'a>> {
    let config_maps = config_maps.into_iter();
    let mut objects: Vec<Made<'a>> =
        config_maps.map(|(name, data)| home.object("v1", "ConfigMap", &name).put("data", data).done()).collect();
    objects.extend(secret(home, secrets));
    objects
}

/// The template of pods with the labels of their kind.
pub(super) fn template<'a>(home: &Home<'_>, at: &Range<usize>, spec: Draft<'a>) -> Made<'a> {
    let labels = labelled(home.head.own.iter(), at);
    Draft::new(at).put("metadata", Draft::new(at).put("labels", labels).done()).put("spec", spec.done()).done()
}

fn version(scene: &mut Scene<'_>, spec: &Fields<'_, '_>) {
    let Some(version) = spec.word(scene, "version") else { return };
    let text = &version.text;
    let is_fit = (1..=VERSION_CHARACTERS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.ends_with('-');
    if is_fit {
        let why = "the commit says which version this is";
        scene.note(&version.at, format!("`spec.version` has no effect: {why}"));
    } else {
        let rule = "must be 1 to 30 lower-case letters, digits and `-`, with no `-` at its end";
        scene.error(&version.at, format!("`spec.version` {rule}, not {}", quoted(text)), "");
    }
}

pub(super) fn target_cluster(scene: &mut Scene<'_>, spec: &Fields<'_, '_>) {
    let Some(cluster) = spec.child(scene, "targetCluster", &["clusterKind", "clusterName"]) else { return };
    drop((cluster.choice(scene, "clusterKind", &CLUSTERS), cluster.word(scene, "clusterName")));
    let why = "the settings of the unit say where it goes";
    scene.note(&cluster.at, format!("`spec.targetCluster` has no effect: {why}"));
}

fn templates<'a>(scene: &mut Scene<'_>, spec: &Fields<'_, 'a>) -> Vec<(Word, Made<'a>)> {
    let mut templates: Vec<(Word, Made<'a>)> = Vec::new();
    for (path, at, item) in spec.list(scene, "volumeClaimTemplates") {
        let Some(template) = scene.fields(item, (path, &at), &["name", "size", "storageClass", "accessModes"]) else {
            continue;
        };
        let (name, size) = (template.must_word(scene, "name"), template.must_word(scene, "size"));
        if let Some(size) = &size {
            container::must_be_quantity(scene, &template.under("size"), size);
        }
        let class = template.word(scene, "storageClass").filter(|class| !class.text.is_empty());
        let mut modes = template.words(scene, "accessModes");
        for mode in modes.iter().filter(|mode| !ACCESS_MODES.contains(&mode.text.as_str())) {
            let (path, known) = (quoted(&template.under("accessModes")), ACCESS_MODES.join(", "));
            scene.error(&mode.at, format!("{path} must be of {known}, not {}", quoted(&mode.text)), "");
        }
        if modes.is_empty() {
            modes.push(Word::new(ACCESS_MODES[0], &at));
        }
        let (Some(name), Some(size)) = (name, size) else { continue };
        if templates.iter().any(|(other, _)| other.text == name.text) {
            scene.error(&name.at, format!("the claim template {} is given twice", quoted(&name.text)), "rename one");
        }
        let requests = Draft::new(&size.at).word("storage", Some(&size)).done();
        let claim = Draft::new(&at)
            .list("accessModes", modes.iter().map(word).collect())
            .word("storageClassName", class.as_ref())
            .put("resources", Draft::new(&size.at).put("requests", requests).done());
        let metadata = Draft::new(&name.at).word("name", Some(&name)).done();
        templates.push((name, Draft::new(&at).put("metadata", metadata).put("spec", claim.done()).done()));
    }
    templates
}

/// The containers of the pod and the ports of the main one.
fn containers<'a>(
    scene: &mut Scene<'_>,
    spec: &Fields<'_, 'a>,
    (main, outside, workload): (&'static str, &Outside<'_>, &Word),
    templates: &[(Word, Made<'a>)],
    asked: &mut Asked<'a>,
) -> Option<(Vec<Port>, Vec<Container<'a>>)> {
    let container = spec.must_child(scene, "container", &["app", "sidecars"])?;
    let Some(app) = container.entry("app") else {
        container.must_word(scene, "app");
        return None;
    };
    let (at, names) = ((container.under("app"), &app.range), (outside, workload));
    let main = container::read(scene, &app.value, at, Role::Main(main), names, asked);
    let mut sidecars = Vec::new();
    for (path, at, item) in container.list(scene, "sidecars") {
        sidecars.extend(container::read(scene, item, (path, &at), Role::Sidecar, names, asked));
    }
    let mut main = main?;
    let mounted: Vec<&Made<'_>> =
        main.mounts.iter().chain(sidecars.iter().flat_map(|sidecar| &sidecar.mounts)).collect();
    let is_mounted =
        |name: &Word| mounted.iter().any(|mount| mount.get("name").and_then(|n| n.text()) == Some(&name.text));
    let idle: Vec<&Word> = templates.iter().map(|(name, _)| name).filter(|name| !is_mounted(name)).collect();
    if let [name] = idle.as_slice() {
        let name = (*name).clone();
        mount_by_image(scene, &mut main, &name);
    }
    let ports = main.ports.clone();
    Some((ports, std::iter::once(main).chain(sidecars).collect()))
}

/// A claim that nobody mounts keeps nothing. Where the image is known to have one folder for its data, it is meant for that.
fn mount_by_image(scene: &mut Scene<'_>, main: &mut Container<'_>, claim: &Word) {
    let Some((repo, tag)) = &main.image else { return };
    let name = repo.text.rsplit('/').next().unwrap_or_default();
    let Some((_, folder)) = DATA_FOLDERS.iter().find(|(image, _)| *image == name) else { return };
    let version = tag.text.split(|c: char| !c.is_ascii_digit()).next().and_then(|number| number.parse::<u32>().ok());
    let folder = match (name, version) {
        ("postgres", None) => return,
        ("postgres", Some(version)) if version >= POSTGRES_FOLDERS_SINCE => POSTGRES_FOLDERS,
        _ => folder,
    };
    let taken = |mount: &Made<'_>| mount.get("mountPath").and_then(|path| path.text()) == Some(folder);
    if main.mounts.iter().any(taken) {
        return;
    }
    let message = format!(
        "nothing says where the claim template {} is mounted; it is mounted at {folder}, where {} keeps its data",
        quoted(&claim.text),
        quoted(&repo.text)
    );
    scene.note(&claim.at, message);
    let mount = Draft::new(&claim.at).word("name", Some(claim)).says("mountPath", folder);
    main.mounts.push(mount.done());
}

pub(super) fn config_maps<'a>(scene: &mut Scene<'_>, spec: &Fields<'_, 'a>) -> Vec<(Word, Made<'a>)> {
    let mut all = Vec::new();
    for (path, entry) in spec.free(scene, "configMaps") {
        let Some(content) = scene.word(&entry.value, &path, &entry.range) else { continue };
        let name = Word::new(entry.name.clone(), &entry.range);
        all.push((name, Draft::new(&entry.range).put(entry.name.clone(), word(&content)).done()));
    }
    all
}

fn secret<'a>(home: &Home<'_>, values: &[(String, Word)]) -> Option<Made<'a>> {
    let (_, first) = values.first()?;
    let name = Word::new(format!("{}-env-secrets", home.head.name.text), &home.head.name.at);
    let draft = values.iter().fold(Draft::new(&first.at), |draft, (key, value)| draft.put(key.clone(), word(value)));
    Some(home.object("v1", "Secret", &name).says("type", "Opaque").put("stringData", draft.done()).done())
}

/// The pod of containers, on behalf of an account of the cluster if it has one.
pub(super) fn pod<'a>(
    account: Option<&Word>,
    at: &Range<usize>,
    containers: Vec<Container<'a>>,
    asked: Asked<'a>,
) -> Draft<'a> {
    let containers =
        containers.into_iter().map(|container| container.draft.list("volumeMounts", container.mounts).done());
    let containers = containers.collect();
    Draft::new(at)
        .word("serviceAccountName", account)
        .list("imagePullSecrets", container::logins(&asked.logins))
        .put("containers", list(at, containers))
        .list("volumes", asked.volumes.finish())
}
