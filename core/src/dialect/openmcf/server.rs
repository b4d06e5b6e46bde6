//! KubernetesPostgres and KubernetesRedis: one server with a volume and a password, as the KubernetesStatefulSet that it is.

use std::ops::Range;
use std::rc::Rc;

use super::head::Head;
use super::made::{Draft, Made, number, word};
use super::read::{Fields, Scene, Word};
use crate::text::quoted;

const SPEC: [&str; 5] = ["targetCluster", "namespace", "createNamespace", "container", "ingress"];
const CONTAINER: [&str; 4] = ["replicas", "resources", "persistenceEnabled", "diskSize"];
const DISK_DEFAULT: &str = "1Gi";
/// The key of the password in the Secret `NAME-password`.
pub(super) const KEY: &str = "password";

/// What is known of a server of a kind.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) kind: &'static str,
    repo: &'static str,
    tag: &'static str,
    pub(super) port: i64,
    /// Who its only user is.
    pub(super) user: &'static str,
    /// The variable that holds the password.
    password: &'static str,
    folder: &'static str,
    /// A variable that the image needs.
    variable: Option<(&'static str, &'static str)>,
    command: &'static [&'static str],
    probe: &'static [&'static str],
}

/// Takes its settings by standard input, so that the password stands in no list of processes.
const REDIS_STARTS: &str = r#"password=$(printf '%s' "$REDIS_PASSWORD" | sed 's/["\\]/\\&/g')
start=redis-server
if command -v docker-entrypoint.sh >/dev/null; then start='docker-entrypoint.sh redis-server'; fi
exec $start - <<SETTINGS
dir /data
requirepass "$password"
SETTINGS
"#;

pub(super) const SERVERS: [Server; 2] = [
    Server {
        kind: "KubernetesPostgres",
        repo: "postgres",
        tag: "15",
        port: 5432,
        user: "postgres",
        password: "POSTGRES_PASSWORD",
        folder: "/var/lib/postgresql/data",
        // Below the mount, because a file system can have a directory of its own at its root, where the server wants none.
        variable: Some(("PGDATA", "/var/lib/postgresql/data/pgdata")),
        command: &[],
        probe: &["pg_isready", "-U", "postgres"],
    },
    Server {
        kind: "KubernetesRedis",
        repo: "redis",
        tag: "7-alpine",
        port: 6379,
        user: "default",
        password: "REDIS_PASSWORD",
        folder: "/data",
        variable: None,
        command: &["sh", "-c", REDIS_STARTS],
        // A server that asks for a password answers all the same.
        probe: &["redis-cli", "ping"],
    },
];

/// The name of the Secret with the password of a server, which has to be there.
pub(super) fn password_secret(server: &str) -> String {
    format!("{server}-password")
}

/// The document of the KubernetesStatefulSet that a server is. None if it is wrong, which is then reported.
pub(super) fn stands_for<'a>(
    scene: &mut Scene<'_>,
    head: &Head,
    whole: &Fields<'_, 'a>,
    server: &Server,
) -> Option<Made<'a>> {
    let spec = whole.must_child(scene, "spec", &SPEC)?;
    let container = spec.child(scene, "container", &CONTAINER);
    let mut size = Word::new(DISK_DEFAULT, &spec.at);
    let mut persists = true;
    let mut resources = None;
    if let Some(container) = &container {
        if let Some((_, at)) = container.number(scene, "replicas", 1..=i64::from(i32::MAX)).filter(|(it, _)| *it > 1) {
            let path = quoted(&container.under("replicas"));
            scene.error(&at, format!("{path} must be 1: replication is not set up"), "leave it out");
        }
        let written = container.word(scene, "diskSize").filter(|size| !size.text.is_empty());
        if let Some(written) = written {
            super::container::must_be_quantity(scene, &container.under("diskSize"), &written);
            size = written;
        }
        persists = container.entry("persistenceEnabled").is_none() || container.flag(scene, "persistenceEnabled");
        resources = container.entry("resources").map(|entry| Rc::clone(&entry.value));
    }
    if let Some(ingress) = spec.child(scene, "ingress", &["enabled", "hostname"])
        && ingress.flag(scene, "enabled")
    {
        let help = "leave it out; a Service of the type LoadBalancer beside it leads there from outside";
        scene.error(&ingress.at, format!("a {} is not reached by a host name", server.kind), help);
    }
    if scene.failed {
        return None;
    }
    let at = &spec.at;
    let copied = |name: &'static str| spec.entry(name).map(|entry| Rc::clone(&entry.value));
    let mount = Draft::new(at).says("name", "data").says("mountPath", server.folder);
    // Without a claim, the data goes with the pod.
    let mount = if persists { mount } else { mount.put("emptyDir", Draft::new(at).done()) };
    let app = app(head, server, at).maybe("resources", resources).list("volumeMounts", vec![mount.done()]).done();
    let claim = Draft::new(&size.at).says("name", "data").word("size", Some(&size)).done();
    let spec = Draft::new(at)
        .maybe("targetCluster", copied("targetCluster"))
        .maybe("namespace", copied("namespace"))
        .maybe("createNamespace", copied("createNamespace"))
        .put("container", Draft::new(at).put("app", app).done())
        .list("volumeClaimTemplates", if persists { vec![claim] } else { Vec::new() });
    Some(Draft::new(&whole.at).put("spec", spec.done()).done())
}

fn app<'a>(head: &Head, server: &Server, at: &Range<usize>) -> Draft<'a> {
    let words = |words: &[&str]| words.iter().map(|text| word(&Word::new(*text, at))).collect();
    let number = |value| number(value, at);
    let port = Draft::new(at)
        .says("name", server.repo)
        .put("containerPort", number(server.port))
        .says("networkProtocol", "TCP")
        .says("appProtocol", "tcp")
        .put("servicePort", number(server.port))
        .done();
    let reference = Draft::new(&head.name.at).says("name", &password_secret(&head.name.text)).says("key", KEY).done();
    let secret = Draft::new(at).put("secretRef", reference).done();
    let variables = server.variable.map(|(name, value)| Draft::new(at).says(name, value).done());
    let secrets = Draft::new(at).put(server.password, secret).done();
    let env = Draft::new(at).maybe("variables", variables).put("secrets", secrets).done();
    let exec = Draft::new(at).list("command", words(server.probe)).done();
    let probe = Draft::new(at).put("exec", exec).put("initialDelaySeconds", number(5)).put("periodSeconds", number(5));
    Draft::new(at)
        .put("image", Draft::new(at).says("repo", server.repo).says("tag", server.tag).done())
        .list("command", words(server.command))
        .put("env", env)
        .list("ports", vec![port])
        .put("readinessProbe", probe.done())
}
