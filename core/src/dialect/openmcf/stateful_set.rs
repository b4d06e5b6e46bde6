//! KubernetesStatefulSet: the objects that it stands for.

use std::ops::Range;

use super::Outside;
use super::container::{self, Asked, Container, Port, Role};
use super::head::{Head, Home, labelled};
use super::ingress;
use super::made::{Draft, Made, flag, list, number, word};
use super::mount::Volumes;
use super::read::{Fields, Scene, Word};
use crate::dialect::Target;
use crate::text::quoted;

const SPEC: [&str; 9] = [
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
/// Source: the page, "targetCluster.clusterKind".
const CLUSTERS: [&str; 5] =
    ["AwsEksCluster", "GcpGkeCluster", "AzureAksCluster", "DigitalOceanKubernetesCluster", "CivoKubernetesCluster"];
const ACCESS_MODES: [&str; 4] = ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"];
/// How long a pod is given to end, in seconds. Source: what the module of OpenMCF sets.
const GRACE_SECONDS: i64 = 60;
const REPLICAS_MAX: i64 = i32::MAX as i64;
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
    head: &Head,
    whole: &Fields<'_, 'a>,
    target: Target,
    outside: &mut Outside<'_>,
) -> Vec<Made<'a>> {
    let Some(spec) = whole.must_child(scene, "spec", &SPEC) else { return Vec::new() };
    target_cluster(scene, &spec);
    let namespace = outside.namespace(scene, &spec);
    let creates = spec.flag(scene, "createNamespace");
    let templates = templates(scene, &spec);
    let mut asked = Asked {
        volumes: Volumes::new(templates.iter().map(|(name, _)| name.text.clone()).collect()),
        ..Asked::default()
    };
    let containers = containers(scene, &spec, (outside, &head.name), &templates, &mut asked);
    let (replicas, budget) = availability(scene, &spec);
    let management = spec.choice(scene, "podManagementPolicy", &["", "OrderedReady", "Parallel"]);
    let config_maps = config_maps(scene, &spec);
    let door = ingress::read(scene, &spec, containers.as_ref().map_or(&[], |(ports, _)| ports));
    let (Some(namespace), Some((ports, containers))) = (namespace, containers) else { return Vec::new() };

    let at = &spec.at;
    let home = Home { head, namespace: &namespace };
    let mut objects = Vec::new();
    objects.extend(creates.then(|| home.namespace_object()));
    // A container host has no accounts to speak to an API with.
    objects.extend((target == Target::Kubernetes).then(|| home.object("v1", "ServiceAccount", &head.name).done()));
    objects.extend(
        config_maps.into_iter().map(|(name, data)| home.object("v1", "ConfigMap", &name).put("data", data).done()),
    );
    objects.extend(secret(&home, &asked.secrets));
    let headless = Word::new(format!("{}-headless", head.name.text), &head.name.at);
    let named = |draft: Draft<'a>| draft.put("selector", home.selector(at));
    let mut service = named(Draft::new(at).says("clusterIP", "None").put("publishNotReadyAddresses", flag(true, at)));
    service = service.maybe("ports", container::service_ports(&ports, true, at));
    objects.push(home.object("v1", "Service", &headless).put("spec", service.done()).done());
    let template = Draft::new(at)
        .put("metadata", Draft::new(at).put("labels", labelled(head.own.iter(), at)).done())
        .put("spec", pod(&home, (target, at), containers, asked))
        .done();
    let workload = Draft::new(at)
        .word("serviceName", Some(&headless))
        .number("replicas", Some(replicas))
        .word("podManagementPolicy", management.filter(|policy| !policy.text.is_empty()).as_ref())
        .put("selector", Draft::new(at).put("matchLabels", home.selector(at)).done())
        .put("template", template)
        .list("volumeClaimTemplates", templates.into_iter().map(|(_, template)| template).collect())
        .done();
    objects.push(home.object("apps/v1", "StatefulSet", &head.name).put("spec", workload).done());
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

fn target_cluster(scene: &mut Scene<'_>, spec: &Fields<'_, '_>) {
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
    names: (&Outside<'_>, &Word),
    templates: &[(Word, Made<'a>)],
    asked: &mut Asked<'a>,
) -> Option<(Vec<Port>, Vec<Container<'a>>)> {
    let container = spec.must_child(scene, "container", &["app", "sidecars"])?;
    let Some(app) = container.entry("app") else {
        container.must_word(scene, "app");
        return None;
    };
    let at = (container.under("app"), &app.range);
    let main = container::read(scene, &app.value, at, Role::Main("app"), names, asked);
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

type Budget<'a> = Option<(&'static str, Made<'a>)>;

fn availability<'a>(scene: &mut Scene<'_>, spec: &Fields<'_, 'a>) -> ((i64, Range<usize>), Budget<'a>) {
    let one = (1, spec.at.clone());
    let Some(part) = spec.child(scene, "availability", &["replicas", "podDisruptionBudget"]) else {
        return (one, None);
    };
    let replicas = part.number(scene, "replicas", 1..=REPLICAS_MAX).unwrap_or(one);
    let known = ["enabled", "minAvailable", "maxUnavailable"];
    let Some(budget) = part.child(scene, "podDisruptionBudget", &known) else { return (replicas, None) };
    let (least, most) = (share(scene, &budget, "minAvailable"), share(scene, &budget, "maxUnavailable"));
    if least.is_some() && most.is_some() {
        let message = format!("{} has both `minAvailable` and `maxUnavailable`", quoted(&budget.path));
        scene.error(&budget.at, message, "keep one of them");
    }
    if !budget.flag(scene, "enabled") {
        if least.is_some() || most.is_some() {
            let message = format!("{} has no effect: it is not enabled", quoted(&budget.path));
            scene.note(&budget.at, message);
        }
        return (replicas, None);
    }
    let share = match (least, most) {
        (None, Some(most)) => ("maxUnavailable", most),
        (Some(least), _) => ("minAvailable", least),
        (None, None) => ("minAvailable", number(1, &budget.at)),
    };
    (replicas, Some(share))
}

/// A number of pods or a percentage, written as text.
fn share<'a>(scene: &mut Scene<'_>, budget: &Fields<'_, '_>, name: &str) -> Option<Made<'a>> {
    let text = budget.word(scene, name).filter(|share| !share.text.is_empty())?;
    if let Ok(count) = text.text.parse::<u32>() {
        return Some(number(i64::from(count), &text.at));
    }
    let digits = text.text.strip_suffix('%').unwrap_or_default();
    if digits.parse::<u8>().is_ok_and(|share| share <= 100) {
        return Some(word(&text));
    }
    let path = quoted(&budget.under(name));
    scene.error(&text.at, format!("{path} must be a number of pods or a percentage as in \"50%\""), "");
    None
}

fn config_maps<'a>(scene: &mut Scene<'_>, spec: &Fields<'_, 'a>) -> Vec<(Word, Made<'a>)> {
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

fn pod<'a>(
    home: &Home<'_>,
    (target, at): (Target, &Range<usize>),
    containers: Vec<Container<'a>>,
    asked: Asked<'a>,
) -> Made<'a> {
    let containers =
        containers.into_iter().map(|container| container.draft.list("volumeMounts", container.mounts).done());
    let containers = containers.collect();
    let account = (target == Target::Kubernetes).then_some(&home.head.name);
    Draft::new(at)
        .word("serviceAccountName", account)
        .number("terminationGracePeriodSeconds", Some((GRACE_SECONDS, at.clone())))
        .list("imagePullSecrets", container::logins(&asked.logins))
        .put("containers", list(at, containers))
        .list("volumes", asked.volumes.finish())
        .done()
}
