//! Secrets are planted wherever one may be, and then looked for wherever somebody may read.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use age::x25519::Identity;

use crate::fixture::{config_map, identity_file, secret};
use crate::machine::{Machine, Origin};

const BUCKET: &str = "canary-in-a-bucket";
const SECRET: &str = "canary-in-a-secret";
const ENCODED: &str = "Y2FuYXJ5LWluLWEtc2VjcmV0";
const TOKEN: &str = "canary-in-a-token";
const ENVIRONMENT: &str = "canary-in-the-environment";
const ENCRYPTED: &str = "canary-that-was-encrypted";
const ALL: [&str; 6] = [BUCKET, SECRET, ENCODED, TOKEN, ENVIRONMENT, ENCRYPTED];

fn manifest(image: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: pw, namespace: shop}}\nstringData: {{word: {SECRET}}}\n\
         data: {{other: {ENCODED}}}\n---\n\
         apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec:\n  minReadySeconds: 0\n  \
         selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      \
         containers:\n        - name: web\n          image: 'web:{image}'\n          envFrom: [{{secretRef: {{name: pw}}}}]\n          \
         env: [{{name: PLAIN, value: {ENVIRONMENT}}}]\n"
    )
}

const VOODU: &str =
    "deployment \"shop\" \"cart\" {\n  image = \"cart:1\"\n  env = { WORD = \"canary-in-the-environment\" }\n}\n";

/// Mistakes on the very lines, or about the very values, that are secret.
fn mistakes() -> Vec<(&'static str, String)> {
    let good = manifest("2");
    vec![
        ("a list beside the secret", good.replace(&format!("word: {SECRET}"), &format!("word: {SECRET}, list: [1]"))),
        ("a secret that is no text", good.replace(&format!("word: {SECRET}"), &format!("word: [{SECRET}]"))),
        ("a secret that is not encoded", good.replace(ENCODED, &format!("'{SECRET} !'"))),
        ("a line that is no YAML", good.replace(&format!("{{word: {SECRET}}}"), &format!("{{word: {SECRET}"))),
        ("the secret twice", good.replace(&format!("word: {SECRET}"), &format!("word: {SECRET}, word: {SECRET}"))),
        ("an unknown field beside it", good.replace("name: PLAIN,", "name: PLAIN, nmae: x,")),
        ("two values", good.replace("name: PLAIN,", "name: PLAIN, valueFrom: {secretKeyRef: {name: pw, key: word}},")),
        ("a value that is no text", good.replace(&format!("value: {ENVIRONMENT}"), &format!("value: [{ENVIRONMENT}]"))),
        ("a name that is none", good.replace("name: PLAIN,", "name: 'A=B',")),
    ]
}

/// Everything that the machine says about itself.
fn everything(machine: &Machine) -> Vec<(String, String)> {
    let mut texts = in_short(machine);
    for words in [
        &["plan"][..],
        &["status"],
        &["why", "deployment/shop/web"],
        &["history"],
        &["audit", "export"],
        &["audit", "prove", "deployment/shop/web"],
        &["config", "list", "-s", "shop"],
        &["doctor"],
    ] {
        for format in ["text", "json"] {
            let ran = machine.writ(&[words, &["-o", format]].concat());
            texts.push((format!("{words:?} as {format}"), ran.text));
        }
    }
    texts
}

/// What it keeps, and the words that people read first.
fn in_short(machine: &Machine) -> Vec<(String, String)> {
    let mut texts = vec![("described host".to_owned(), machine.host())];
    texts.push(("the plan".to_owned(), machine.writ(&["plan"]).text));
    texts.extend(machine.history().into_iter().map(|record| (format!("record {}", record.id), format!("{record:?}"))));
    texts
}

#[track_caller]
fn check(when: &str, texts: &[(String, String)], said: &[(String, String)]) {
    for (place, text) in texts.iter().chain(said) {
        for canary in ALL {
            assert!(!text.contains(canary), "{when}: {canary} stands in {place}:\n{text}");
        }
    }
}

#[test]
fn no_planted_secret_stands_in_a_log_a_status_the_journal_or_what_a_command_prints() {
    let (origin, forge) = (Origin::new(), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = forge.local_addr().unwrap();
    let requests = std::thread::spawn(move || listen(&forge));
    let token = origin.repository.path().with_file_name("token");
    std::fs::write(&token, TOKEN).unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let report = format!(
        "[[report]]\nforge = \"gitea\"\nurl = \"http://{address}\"\nproject = \"ops/infra\"\nsource = \"infra\"\ntoken_file = \"{}\"\n",
        token.display()
    );
    let machine = Machine::new(&origin, &report);
    put_into_bucket(&machine);
    let good = manifest("1");
    let identity = identity_of(&machine);
    let [sealed, config, kept] = sealed(&identity);
    let wrong = sealed_mistakes(&sealed);
    let encrypted = |sealed| [("sealed.yaml", sealed), ("level.yaml", config.as_str()), ("kept.yaml", kept.as_str())];
    origin.deploy(&[&[("web.yaml", good.as_str()), ("cart.voodu", VOODU)][..], &encrypted(&sealed)].concat());
    let first = pass(&machine);
    check("applied", &everything(&machine), &[("the log".to_owned(), first)]);
    assert!(
        ["web", "cart", "kept"].iter().all(|name| machine.host().contains(&format!("pod shop-{name}."))),
        "{}",
        machine.host()
    );
    for (what, text) in mistakes() {
        origin.deploy(&[("web.yaml", &text), ("cart.voodu", VOODU)]);
        let log = pass(&machine);
        assert!(log.contains("web.yaml:"), "{what} is no mistake: {log}");
        check(what, &in_short(&machine), &[("the log".to_owned(), log)]);
    }
    for text in &wrong {
        origin.deploy(&[&[("web.yaml", good.as_str())][..], &encrypted(text)].concat());
        let log = pass(&machine);
        assert!(log.contains("sealed.yaml:"), "no mistake: {log}");
        check("a mistake in what is encrypted", &everything(&machine), &[("the log".to_owned(), log)]);
    }
    let private = identity.to_string();
    let private = age::secrecy::ExposeSecret::expose_secret(&private);
    for (name, bytes) in files(&machine.state()) {
        let holds = |secret: &str| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!holds(ENCRYPTED) && !holds(private), "{name} holds what is encrypted, or the key to it");
    }
    let voodu = VOODU.replace("WORD = \"", "WORD = 7 + \"");
    origin.deploy(&[("web.yaml", &good), ("cart.voodu", &voodu)]);
    let log = pass(&machine);
    assert!(log.contains("cart.voodu:3:"), "{log}");
    check("a mistake in HCL", &in_short(&machine), &[("the log".to_owned(), log)]);
    drop(std::net::TcpStream::connect(address).unwrap().write_all(b"END"));
    let bodies = requests.join().unwrap();
    assert!(bodies.len() > 5, "{bodies:?}");
    check(
        "said",
        &everything(&machine),
        &bodies.into_iter().map(|body| ("a status".to_owned(), body)).collect::<Vec<_>>(),
    );
}

/// Gives the host an identity of age.
fn identity_of(machine: &Machine) -> Identity {
    let (identity, file, settings) = (Identity::generate(), machine.path("identities"), machine.path("agent.toml"));
    std::fs::write(&file, identity_file(&identity)).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let named = format!("[host]\nage_identity_file = \"{}\"\n", file.display());
    std::fs::write(&settings, std::fs::read_to_string(&settings).unwrap().replacen("[host]\n", &named, 1)).unwrap();
    identity
}

/// An encrypted Secret, an encrypted ConfigMap, and a workload that reads both.
fn sealed(identity: &Identity) -> [String; 3] {
    let to = [identity.to_public()];
    let workload = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: kept, namespace: shop}\nspec:\n  minReadySeconds: 0\n  \
        selector: {matchLabels: {app: kept}}\n  template:\n    metadata: {labels: {app: kept}}\n    spec:\n      containers:\n        \
        - {name: kept, image: 'kept:1', envFrom: [{secretRef: {name: kept}}, {configMapRef: {name: level}}]}\n";
    let config = config_map("level", &[("LEVEL", ENCRYPTED)], &to);
    [secret("kept", &[("WORD", ENCRYPTED), ("OTHER", "o")], &to), config, workload.to_owned()]
}

/// Mistakes in an encrypted file, after which some of it can still be decrypted.
fn sealed_mistakes(sealed: &str) -> Vec<String> {
    vec![
        sealed.replace("    OTHER:", "    ANOTHER:"),
        sealed.replace("name: kept", "name: kept2"),
        sealed.replace("lastmodified: \"2026", "lastmodified: \"2025"),
        sealed.replace("version: 3.13.3", "version: [3, 13"),
    ]
}

/// Each file below a folder, with its bytes.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

fn put_into_bucket(machine: &Machine) {
    let mut command = machine.command(&["config", "set", "-s", "shop", "PASSWORD=-"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(BUCKET.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// One pass with everything logged.
fn pass(machine: &Machine) -> String {
    let output = machine.command(&["run", "--once"]).env("WRIT_LOG", "trace").output().unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

/// Takes requests until the word `END`, and gives their bodies.
fn listen(forge: &TcpListener) -> Vec<String> {
    let mut bodies = Vec::new();
    loop {
        let (mut stream, _) = forge.accept().unwrap();
        let mut text = String::new();
        let mut part = [0; 4096];
        loop {
            let count = stream.read(&mut part).unwrap();
            text.push_str(&String::from_utf8_lossy(&part[..count]));
            if count == 0 || text == "END" || text.contains("\r\n\r\n{") && text.ends_with('}') {
                break;
            }
        }
        if text == "END" {
            return bodies;
        }
        if let Some((_, body)) = text.split_once("\r\n\r\n") {
            bodies.push(body.to_owned());
        }
        let answer = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
        stream.write_all(answer).unwrap();
    }
}
