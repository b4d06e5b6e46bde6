//! A whole stack from one commit: databases with files of their own, an app in front of them, and nothing besides.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use sha2::{Digest as _, Sha256};
use writ_core::ingress::CONTAINER;

use crate::front::Front;
use crate::server::Server;
use crate::site::CANARY;
use crate::world::repository;

/// The program of the app: pages, and one that asks the database and the cache with what its environment tells.
const SERVE: &str =
    "#!/bin/sh\ntrap 'exit 0' TERM\nbusybox httpd -p \"${PORT:-8080}\" -h /www\nwhile :; do sleep 1000 & wait; done\n";
const ORDERS: &str = "#!/bin/sh\necho\nset -f\npsql \"$DATABASE_URL\" -Atc 'select answer from orders' 2>&1\n\
     words=${REDIS_URL#redis://}; user=${words%%:*}; words=${words#*:}; password=${words%%@*}; server=${words#*@}\n\
     printf 'AUTH %s %s\\r\\nGET shop:kept\\r\\nQUIT\\r\\n' \"$user\" \"$password\" |\n\
     busybox nc -w 5 \"${server%%:*}\" 6379 | busybox tail -n 2 | busybox head -n 1\n";

/// A value that holds all that shells, files of variables and lines stumble over.
fn odd() -> String {
    let begin = format!("{CANARY} a=b \"c\" 'd' $HOME `id` \\ #e\n\n export F=\"g\nh\"\t\r\n =\n");
    format!("{begin}{}\nend", "x=\"'\n".repeat((64 * 1024 - begin.len() - 4) / 5))
}

/// The example, in scopes of the test's own, with the app's own image and a list of users that a server sends.
struct Stack {
    front: Front,
    server: Server,
    users: String,
}

impl Stack {
    async fn new() -> Self {
        let front = Front::new("").await;
        let image = front.site.path("shop");
        fs::create_dir_all(image.join("www/cgi-bin")).unwrap();
        for (path, text, mode) in [
            (
                "Dockerfile",
                "FROM postgres:15-alpine\nCOPY --from=writ-test/box:1 /bin/busybox /bin/busybox\nCOPY www /www\n\
                ENTRYPOINT [\"/www/serve\"]\nCMD []\n",
                0o644,
            ),
            ("www/serve", SERVE, 0o755),
            ("www/cgi-bin/orders", ORDERS, 0o755),
            ("www/healthz", "well", 0o644),
        ] {
            fs::write(image.join(path), text).unwrap();
            fs::set_permissions(image.join(path), fs::Permissions::from_mode(mode)).unwrap();
        }
        let (tag, folder) = (format!("{}/shop:1.4.0", front.site.world.scope), image.display().to_string());
        front.site.world.person(&["build", "-q", "-t", &tag, &folder]);
        let server = Server::start();
        let users = format!("user default off\nuser shop on #{} ~shop:* +@all\n", digest(CANARY));
        server.sends(&users);
        Self { front, server, users }
    }

    fn manifest(&self) -> String {
        let text = fs::read_to_string(repository("examples/stack/voodu.hcl")).unwrap();
        let users = format!("url(\"http://{}/users.acl\")", self.server.address);
        let changes = [
            ("\"shop\" \"web\"", "\"SCOPEapp\" \"web\""),
            ("shop.example.org", "web.SCOPE.example.org"),
            ("\"shop:1.4.0\"", "\"SCOPE/shop:1.4.0\""),
            ("file(\"./configs/users.acl\")", &users),
            ("\"data\" \"", "\"SCOPE\" \""),
            ("asset.data.", "asset.SCOPE."),
        ];
        changes.into_iter().fold(text, |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        })
    }

    /// Every container of the stack, whoever it belongs to, with its identifier and the moment of its start.
    fn containers(&self) -> BTreeMap<String, String> {
        let mut all = self.front.site.containers();
        all.insert(CONTAINER.to_owned(), self.front.ingress().unwrap());
        all
    }

    /// Commits another text of a file; the containers that are others than before, or were started again.
    async fn restarted_by(&self, path: &str, text: &str) -> BTreeSet<String> {
        let before = self.containers();
        self.front.site.deploy(path, text).await;
        self.changed_since(&before)
    }

    fn changed_since(&self, before: &BTreeMap<String, String>) -> BTreeSet<String> {
        let after = self.containers();
        after.into_iter().filter(|(name, seen)| before.get(name) != Some(seen)).map(|(name, _)| name).collect()
    }

    /// What is secret is in buckets before anything runs.
    async fn keeps_secrets(&self) {
        let site = &self.front.site;
        let (data, app) = (site.world.scope.as_str(), self.app());
        for (scope, name, value) in [
            (data, Some("pg"), format!("POSTGRES_PASSWORD={CANARY}")),
            (&app, None, format!("DATABASE_URL=postgres://postgres:{CANARY}@pg-0.{data}:5432/pg")),
            (&app, None, format!("REDIS_URL=redis://shop:{CANARY}@cache-0.{data}:6379/0")),
            (&app, Some("web"), format!("ODD={}", odd())),
        ] {
            let mut words = vec!["config", "set", "-s", scope];
            words.extend(name.into_iter().flat_map(|name| ["-n", name]));
            words.push(&value);
            site.writ(&words).await.exits(0);
        }
    }

    fn app(&self) -> String {
        format!("{}app", self.front.site.world.scope)
    }

    /// One database, one cache, three replicas of the app, the ingress, and no helper that was left; the replicas.
    fn runs_and_nothing_else(&self) -> BTreeSet<String> {
        let site = &self.front.site;
        let scope = &site.world.scope;
        let named = site.world.person(&["ps", "-a", "--format", "{{.Names}}", "--filter", &format!("name={scope}")]);
        let named: BTreeSet<String> = named.lines().map(str::to_owned).collect();
        let app = format!("{}-web.", self.app());
        let (replicas, others): (BTreeSet<_>, BTreeSet<_>) = named.iter().cloned().partition(|it| it.starts_with(&app));
        assert_eq!((replicas.len(), others), (3, [site.pod("pg", 0), site.pod("cache", 0)].into()));
        let mine = self.containers();
        assert_eq!(mine.keys().cloned().collect::<BTreeSet<_>>(), &named | &[CONTAINER.to_owned()].into());
        assert!(mine.values().all(|seen| seen.contains("running ")), "{mine:?}");
        let volumes = [format!("voodu-{scope}-cache-data-0"), format!("voodu-{scope}-pg-data-0")];
        assert_eq!(site.volumes(scope), volumes);
        replicas
    }

    /// The app tells by https what the database and the cache told it.
    async fn answers(&self, authority: &str) {
        let ask = async || match self.front.asks_encrypted("web", "/cgi-bin/orders", authority).await {
            Ok(text) if text.split_whitespace().eq(["42", "yes"]) => Ok(()),
            other => Err(format!("{other:?}")),
        };
        self.front.site.becomes("an answer", ask).await;
    }

    /// Git takes all of it away but the data, once the unit lets so much go, and brings it back.
    async fn goes_and_comes_back(&self, volumes: &[String]) {
        let site = &self.front.site;
        site.repository.remove("host/voodu.hcl");
        site.commit("kept.hcl", "deployment \"SCOPE\" \"kept\" {\n  image = \"writ-test/box:1\"\n  replicas = 0\n}\n");
        let refused = site.pass().await;
        assert!(refused.code == Some(3) && site.containers().len() == 5, "more than may go at once: {refused:?}");
        let settings = fs::read_to_string(site.path("agent.toml")).unwrap();
        let all = "target = \"docker\"\nprune = { max = 20, percent = 100 }\n";
        fs::write(site.path("agent.toml"), settings.replace("target = \"docker\"\n", all)).unwrap();
        site.settle().await;
        assert_eq!((site.containers(), site.volumes(&site.world.scope)), (BTreeMap::new(), volumes.to_vec()));
        assert!(self.front.ingress().unwrap_err().contains("No such"));
        self.server.sends(&self.users);
        site.deploy("voodu.hcl", &self.manifest()).await;
        self.runs_and_nothing_else();
    }

    fn exec(&self, pod: &str, command: &str) -> String {
        self.front.site.world.person(&["exec", pod, "sh", "-c", command])
    }
}

fn digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the user of the app asks the cache.
fn shop(words: &str) -> String {
    format!("redis-cli --no-auth-warning --user shop --pass {CANARY} {words}")
}

fn config(name: &str) -> String {
    fs::read_to_string(repository("examples/stack/configs").join(name)).unwrap()
}

#[tokio::test]
async fn v96_the_whole_stack_runs_from_one_commit_and_nothing_besides_it() {
    let stack = Stack::new().await;
    let (front, site) = (&stack.front, &stack.front.site);
    let (pg, cache) = (site.pod("pg", 0), site.pod("cache", 0));
    stack.keeps_secrets().await;
    for name in ["postgresql.conf", "pg_hba.conf", "redis.conf"] {
        site.write(&format!("configs/{name}"), &config(name));
    }
    site.deploy("voodu.hcl", &stack.manifest()).await;
    assert!(stack.server.was_asked().starts_with("get /users.acl "), "{}", stack.server.was_asked());
    let replicas = stack.runs_and_nothing_else();
    let (mine, volumes) = (stack.containers(), site.volumes(&site.world.scope));
    assert_eq!(site.settle().await, 0, "a second pass changes nothing");
    assert_eq!(stack.changed_since(&mine), BTreeSet::new());

    // The app answers by its name over https, from the database and the cache.
    let create = ["psql", "-U", "postgres", "-d", "pg", "-Atc", "create table orders as select 42 as answer"];
    site.world.exec_until(&pg, &create, |_| true).await;
    assert_eq!(stack.exec(&cache, &shop("set shop:kept yes")), "OK");
    let root = "/data/caddy/pki/authorities/local/root.crt";
    let authority = site.becomes("an authority", async || site.world.tries(&["exec", CONTAINER, "cat", root])).await;
    stack.answers(&authority).await;
    assert_eq!(front.asks("web", "/healthz").await.0, 308, "plain requests are sent to the encrypted port");
    // Byte for byte, in every replica.
    for replica in &replicas {
        let seen = stack.exec(replica, "printf %s \"$ODD\" | sha256sum");
        assert_eq!(seen, format!("{}  -", digest(&odd())));
    }

    // Each file has one consumer, and a changed one restarts that alone.
    let more = format!("{}maxclients 77\n", config("redis.conf"));
    assert_eq!(stack.restarted_by("configs/redis.conf", &more).await, [cache.clone()].into());
    let asked = shop("config get maxclients");
    site.world.exec_until(&cache, &["sh", "-c", &asked], |text| text.contains("77")).await;
    assert_eq!(stack.exec(&cache, &shop("get shop:kept")), "yes");
    let access = format!("{}# another line\n", config("pg_hba.conf"));
    assert_eq!(stack.restarted_by("configs/pg_hba.conf", &access).await, [pg.clone()].into());
    stack.server.sends(&format!("{}user guest on nopass ~guest:* +@read\n", stack.users));
    let again = stack.restarted_by("note.txt", "what a server sends counts as well").await;
    assert_eq!(again, [cache.clone()].into());
    stack.server.is_down();
    let down = stack.restarted_by("note.txt", "a server that is down changes nothing").await;
    assert_eq!(down, BTreeSet::new());
    stack.answers(&authority).await;
    stack.goes_and_comes_back(&volumes).await;
    stack.answers(&authority).await;
    drop(site.world.tries(&["rmi", &format!("{}/shop:1.4.0", site.world.scope)]));
    site.holds().await;
}

#[tokio::test]
async fn v94_a_certificate_is_issued_by_an_authority_of_ones_own_that_speaks_acme() {
    let front = Front::with("", "").await;
    let site = &front.site;
    let (scope, host) = (&site.world.scope, front.host("web"));
    let app = |tls: &str| {
        format!(
            "app \"SCOPE\" \"web\" {{\n  image = \"writ-test/box:1\"\n  command = [\"sh\", \"-c\", \"echo one > /tmp/version; \
             httpd -p 8080 -h /tmp; trap 'exit 0' TERM; while :; do sleep 1000 & wait; done\"]\n  ports = [\"8080\"]\n  \
             health_check = \"/version\"\n  host = \"web.SCOPE.example.org\"\n{tls}}}\n"
        )
    };
    site.deploy("web.hcl", &app("")).await;
    let address = site.world.address(CONTAINER);
    // The authority: another Caddy, which finds the host by that address alone, as one on the internet would.
    let name = format!("acme.{scope}.example.org");
    let settings = serde_json::json!({"admin": {"disabled": true}, "apps": {
        "pki": {"certificate_authorities": {"local": {"install_trust": false}}},
        "tls": {"automation": {"policies": [{"subjects": [name], "issuers": [{"module": "internal"}]}]}},
        "http": {"servers": {"acme": {"listen": [":443"], "routes": [
            {"match": [{"host": [name]}], "handle": [{"handler": "acme_server", "ca": "local"}]},
        ]}}},
    }});
    fs::write(site.path("acme.json"), settings.to_string()).unwrap();
    let container = format!("{scope}-acme");
    let (mount, known) = (format!("{}:/acme.json:ro", site.path("acme.json").display()), format!("{host}:{address}"));
    site.world.person(&[
        "run",
        "-d",
        "--name",
        &container,
        "--network",
        "voodu0",
        "--network-alias",
        &name,
        "--add-host",
        &known,
        "-v",
        &mount,
        "-e",
        "XDG_DATA_HOME=/data",
        "caddy:2",
        "caddy",
        "run",
        "--config",
        "/acme.json",
    ]);
    let root = "/data/caddy/pki/authorities/local/root.crt";
    let roots = site.becomes("an authority", async || site.world.tries(&["exec", &container, "cat", root])).await;
    // Without its root, nobody vouches for the authority: nothing is served that could not be trusted.
    let unit = fs::read_to_string(site.path("agent.toml")).unwrap();
    let directory = format!("[ingress]\ndirectory = \"https://{name}/acme/local/directory\"\n");
    fs::write(site.path("agent.toml"), unit.replace("[ingress]\n", &directory)).unwrap();
    site.deploy("web.hcl", &app("  tls {\n    email = \"ops@example.org\"\n  }\n")).await;
    site.becomes("a doubt", async || {
        let said = site.world.tries_both(&["logs", CONTAINER])?;
        if said.contains("certificate signed by unknown authority") { Ok(()) } else { Err(said) }
    })
    .await;
    assert!(front.asks_encrypted("web", "/version", &roots).await.is_err());
    let file = site.path("roots.pem");
    fs::write(&file, roots.as_str()).unwrap();
    let directory = format!("{directory}directory_roots_file = {file:?}\n");
    fs::write(site.path("agent.toml"), unit.replace("[ingress]\n", &directory)).unwrap();
    assert!(site.settle().await > 0, "other settings are another configuration");
    site.becomes("a certificate", async || match front.asks_encrypted("web", "/version", &roots).await {
        Ok(text) if text == "one" => Ok(()),
        other => Err(format!("{other:?} {:?}", site.world.tries_both(&["logs", "--tail", "5", CONTAINER]))),
    })
    .await;
    // Another name is not the host's, and gets none.
    assert!(front.asks_encrypted("other", "/version", &roots).await.is_err());
    assert_eq!(site.settle().await, 0);
    site.world.person(&["rm", "-f", "-v", &container]);
    site.holds().await;
}
