//! Secrets that SOPS encrypted in Git: opened with the host's identity of age, in memory alone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use age::x25519::Identity;
use serde_json::json;
use writ::unseal::{UnsealError, unseal};
use writ_core::dialect::{Files, lower};

use crate::fixture::{config_map, identity_file, secret};
use crate::machine::{Machine, Origin};

/// Two workloads, of which each reads one Secret.
const WORKLOADS: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: &spec\n  minReadySeconds: 0\n  \
    selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n        \
    - {name: web, image: 'web:1', envFrom: [{secretRef: {name: web}}]}\n---\n\
    apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cart, namespace: shop}\nspec:\n  minReadySeconds: 0\n  \
    selector: {matchLabels: {app: cart}}\n  template:\n    metadata: {labels: {app: cart}}\n    spec:\n      containers:\n        \
    - {name: cart, image: 'cart:1', envFrom: [{secretRef: {name: cart}}, {configMapRef: {name: cart}}]}\n";

/// A host with an identity.
struct Site {
    origin: Origin,
    machine: Machine,
    identity: Identity,
}

impl Site {
    fn new() -> Self {
        let origin = Origin::new();
        let site = Self { machine: Machine::new(&origin, ""), origin, identity: Identity::generate() };
        site.has(&identity_file(&site.identity));
        let settings = fs::read_to_string(site.machine.path("agent.toml")).unwrap();
        let named = format!("[host]\nage_identity_file = \"{}\"\n", site.identities().display());
        fs::write(site.machine.path("agent.toml"), settings.replacen("[host]\n", &named, 1)).unwrap();
        site
    }

    fn identities(&self) -> PathBuf {
        self.machine.path("identities")
    }

    /// Writes the file of identities.
    fn has(&self, text: &str) {
        fs::write(self.identities(), text).unwrap();
        fs::set_permissions(self.identities(), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn forget_identity(&self) {
        let settings = fs::read_to_string(self.machine.path("agent.toml")).unwrap();
        let without: String = settings
            .lines()
            .filter(|line| !line.starts_with("age_"))
            .fold(String::new(), |all, line| all + line + "\n");
        fs::write(self.machine.path("agent.toml"), without).unwrap();
    }

    fn secret(&self, name: &str, pairs: &[(&str, &str)]) -> String {
        secret(name, pairs, &[self.identity.to_public()])
    }

    /// Commits both Secrets and what reads them.
    fn deploy(&self, web: &str, cart: &str) {
        let map = config_map("cart", &[("LEVEL", "high")], &[self.identity.to_public()]);
        self.origin.deploy(&[("a.yaml", WORKLOADS), ("cart.yaml", cart), ("map.yaml", &map), ("web.yaml", web)]);
    }

    /// The engine's identities of the pods of a workload.
    fn pods(&self, workload: &str) -> Vec<String> {
        let of = format!("pod shop-{workload}.");
        let host = self.machine.host();
        let mut pods: Vec<String> = host
            .lines()
            .filter(|line| line.starts_with(&of))
            .map(|line| line.split(' ').nth(1).unwrap().to_owned())
            .collect();
        pods.sort();
        pods
    }

    /// A pass that refuses the commit; what it says.
    #[track_caller]
    fn refused(&self, what: &str) -> String {
        let ran = self.machine.writ(&["run", "--once"]);
        assert_eq!(ran.code, Some(3), "{what}: {ran:?}");
        ran.text
    }
}

#[test]
fn encrypting_anew_and_for_others_changes_nothing_that_runs_and_a_new_value_rolls_its_readers_alone() {
    let site = Site::new();
    let cart = site.secret("cart", &[("TOKEN", "t-1")]);
    site.deploy(&site.secret("web", &[("PASSWORD", "p-1"), ("USER", "u")]), &cart);
    site.machine.pass();
    let (web, of_cart) = (site.pods("web"), site.pods("cart"));
    assert!(web.len() == 1 && of_cart.len() == 1, "{}", site.machine.host());
    // Another key, other nonces, other recipients: the same values.
    let others = [Identity::generate().to_public(), site.identity.to_public()];
    let again = secret("web", &[("PASSWORD", "p-1"), ("USER", "u")], &others);
    site.deploy(&again, &site.secret("cart", &[("TOKEN", "t-1")]));
    site.machine.pass();
    assert_eq!((site.pods("web"), site.pods("cart")), (web.clone(), of_cart.clone()));
    // Not encrypted at all, which is the same as well.
    let plain =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: web, namespace: shop}\nstringData: {PASSWORD: p-1, USER: u}\n";
    site.deploy(plain, &cart);
    site.machine.pass();
    assert_eq!((site.pods("web"), site.pods("cart")), (web.clone(), of_cart.clone()));
    site.deploy(&secret("web", &[("PASSWORD", "p-2"), ("USER", "u")], &others), &cart);
    site.machine.pass();
    assert!(site.pods("web") != web && site.pods("cart") == of_cart, "{}", site.machine.host());
}

#[test]
fn a_config_map_that_was_encrypted_enters_hashes_as_a_secret_does() {
    let site = Site::new();
    site.deploy(&site.secret("web", &[("A", "b")]), &site.secret("cart", &[("C", "d")]));
    site.machine.pass();
    let before = site.machine.pods();
    let plain = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cart, namespace: shop}\ndata: {LEVEL: high}\n";
    site.origin.repository.write("host/map.yaml", plain);
    site.origin.repository.commit(crate::repository::Sign::By(&site.origin.key), "plain");
    site.machine.pass();
    assert_ne!(site.machine.pods(), before, "the digest of a value that anybody can guess is not that of a kept one");
}

/// What is changed in a file, the file after it, and words of what is said.
type Change = (&'static str, String, &'static [&'static str]);

const NOT_THERE: &str = "is not what was encrypted at that name for this file";
const NOT_ALL: &str = "the values of the file are not those that its `mac` was made over";
const NOT_MAC: &str = "the `mac` of the file was not made with its key";

/// The line of a file that begins so, without indentation.
fn line(text: &str, begin: &str) -> String {
    text.lines().find(|line| line.trim_start().starts_with(begin)).unwrap().to_owned()
}

/// What stands behind the name of such a line.
fn value(text: &str, begin: &str) -> String {
    line(text, begin).split_once(": ").unwrap().1.to_owned()
}

/// Changes of values. `other` is the same Secret, encrypted another time.
fn changed_values(web: &str, other: &str) -> Vec<Change> {
    let (password, user) = (line(web, "PASSWORD"), line(web, "USER"));
    let (one, two) = (value(web, "PASSWORD"), value(web, "USER"));
    let swapped = web.replace(&one, "@").replace(&two, &one).replace("@", &two);
    let typed = |kind: &str| web.replace(&password, &password.replace("type:str", &format!("type:{kind}")));
    vec![
        (
            "a changed value",
            web.replace(&password, &password.replacen("data:", "data:AAAA", 1)),
            &["web.yaml:7:15", NOT_THERE, "stringData.PASSWORD"],
        ),
        ("two values swapped", swapped, &["web.yaml:7:15", NOT_THERE]),
        ("a value of another file", web.replace(&password, &line(other, "PASSWORD")), &["web.yaml:7:15", NOT_THERE]),
        ("a value under another name", web.replace("    USER:", "    NAME:"), &["web.yaml:8:11", NOT_THERE]),
        ("a value that is gone", web.replace(&format!("{user}\n"), ""), &["web.yaml:8:1", NOT_ALL]),
        ("a value in plain text", web.replace(&two, "root"), &["web.yaml:9:1", NOT_ALL]),
        ("half a value", web.replace(&password, password.trim_end_matches(']')), &["web.yaml:7:15", "not SOPS'"]),
        ("a number", typed("int"), &["web.yaml:7:15", "must be text"]),
        ("a comment", typed("comment"), &["web.yaml:7:15", "must be text"]),
        (
            "a name that is encrypted",
            web.replace("    namespace: shop", &format!("    namespace: {two}")),
            &["web.yaml:5:16", "only values of a Secret or a ConfigMap may be"],
        ),
        (
            "a kind that is encrypted",
            web.replace("kind: Secret", &format!("kind: {two}")),
            &["web.yaml:2:7", "only values of a Secret"],
        ),
    ]
}

/// Changes of all else. `other` is the same Secret, encrypted another time; `others` is one for somebody else.
fn changed_seals(web: &str, other: &str, others: String) -> Vec<Change> {
    let mac = line(web, "mac");
    let (_, ages) = web.split_once("    age:\n").unwrap();
    let (ages, _) = ages.split_once("    lastmodified").unwrap();
    let kms = "    kms:\n        - {arn: 'arn:aws:kms:eu:1:key/a', created_at: '2026-11-26T04:00:00Z', enc: YQ==}\n";
    let beside = |more: &str| web.replace("sops:\n", &format!("sops:\n    {more}\n"));
    vec![
        ("another name of the Secret", web.replace("    name: web", "    name: web2"), &["web.yaml:9:1", NOT_ALL]),
        ("no mac", web.replace(&format!("{mac}\n"), ""), &["web.yaml:9:1", "the file has no `mac`"]),
        ("an empty mac", web.replace(&value(web, "mac"), "\"\""), &["web.yaml:9:1", "the file has no `mac`"]),
        ("the mac of another file", web.replace(&mac, &line(other, "mac")), &["web.yaml:9:1", NOT_MAC]),
        ("another moment", web.replace("04:00:00Z", "05:00:00Z"), &["web.yaml:9:1", NOT_MAC]),
        ("a code over less", beside("mac_only_encrypted: true"), &["web.yaml:9:1", NOT_ALL]),
        ("no sops", web.split("sops:").next().unwrap().to_owned(), &["web.yaml:7:15", "the file has no `sops`"]),
        (
            "keys of a cloud",
            web.replace(&format!("    age:\n{ages}"), kms),
            &["web.yaml:9:1", "for no recipient of age, but for kms"],
        ),
        ("groups of keys", beside("shamir_threshold: 2"), &["web.yaml:9:1", "split among groups"]),
        ("what is not known", beside("later: 2"), &["web.yaml:9:1", "`later` is nothing that this version knows"]),
        ("a damaged key", web.replace("-----BEGIN AGE", "-----BEGIN AGF"), &["web.yaml:9:1", "is damaged"]),
        (
            "others alone",
            others,
            &["web.yaml:8:1", "for 1 recipient of age, and for none of this host's", "writ secrets recipient"],
        ),
    ]
}

#[test]
fn whatever_is_changed_in_an_encrypted_file_refuses_the_commit_at_its_line_and_changes_nothing() {
    let site = Site::new();
    let both = [("PASSWORD", "p-1"), ("USER", "u-1")];
    let (web, other, cart) = (site.secret("web", &both), site.secret("web", &both), site.secret("cart", &[("C", "d")]));
    site.deploy(&web, &cart);
    site.machine.pass();
    let before = site.machine.pods();
    let others = secret("web", &[("PASSWORD", "p-1")], &[Identity::generate().to_public()]);
    for (what, text, said) in changed_values(&web, &other).into_iter().chain(changed_seals(&web, &other, others)) {
        site.deploy(&text, &cart);
        let told = site.refused(what);
        for word in said {
            assert!(told.contains(word), "{what}: {word} is not in\n{told}");
        }
        assert!(!told.contains("p-1") && !told.contains("u-1"), "{what}: {told}");
        assert_eq!(site.machine.pods(), before, "{what}");
    }
    site.deploy(&other, &cart);
    site.machine.pass();
    assert_eq!(site.machine.pods(), before);
}

#[test]
fn a_host_without_an_identity_says_what_to_set_and_one_whose_identities_cannot_be_read_refuses_nothing() {
    let site = Site::new();
    let (web, cart) = (site.secret("web", &[("A", "b")]), site.secret("cart", &[("C", "d")]));
    site.deploy(&web, &cart);
    site.has("# nothing\n");
    let ran = site.machine.writ(&["run", "--once"]);
    assert!(
        ran.code == Some(1) && ran.text.contains("could not check") && ran.text.contains("holds no identity of age"),
        "{ran:?}"
    );
    let hidden = format!("{}AGE-SECRET-KEY-1NOTREALLY\n", identity_file(&site.identity));
    site.has(&hidden);
    let ran = site.machine.writ(&["run", "--once"]);
    assert!(
        ran.code == Some(1) && ran.text.contains("line 3 of") && !ran.text.contains("AGE-SECRET-KEY-1N"),
        "{ran:?}"
    );
    site.forget_identity();
    let told = site.refused("no identity");
    assert!(told.contains("web.yaml:8:1") && told.contains("age_identity_file"), "{told}");
    // One of several is enough, and is found again without a new commit.
    let several = format!("{}{}", identity_file(&Identity::generate()), identity_file(&site.identity));
    site.has(&several);
    let settings = fs::read_to_string(site.machine.path("agent.toml")).unwrap();
    let named = format!("[host]\nage_identity_file = \"{}\"\n", site.identities().display());
    fs::write(site.machine.path("agent.toml"), settings.replacen("[host]\n", &named, 1)).unwrap();
    site.machine.pass();
    assert_eq!(site.machine.pods().len(), 2);
}

#[test]
fn identities_that_others_can_read_are_refused_and_a_host_prints_what_to_encrypt_for() {
    let site = Site::new();
    let more = Identity::generate();
    site.has(&format!("{}\n{}", identity_file(&site.identity), identity_file(&more)));
    let ran = site.machine.writ(&["secrets", "recipient"]);
    assert_eq!(ran.text, format!("{}\n{}\n", site.identity.to_public(), more.to_public()));
    let ran = site.machine.writ(&["secrets", "recipient", "-o", "json"]);
    assert!(ran.text.contains("writ/recipients/v1") && !ran.text.contains("SECRET"), "{ran:?}");
    fs::set_permissions(site.identities(), fs::Permissions::from_mode(0o644)).unwrap();
    let ran = site.machine.writ(&["run", "--once"]);
    assert!(ran.code == Some(1) && ran.text.contains("everybody on this machine can get at"), "{ran:?}");
    site.forget_identity();
    let ran = site.machine.writ(&["secrets", "recipient"]);
    assert!(ran.code == Some(1) && ran.text.contains("age-keygen"), "{ran:?}");
}

#[test]
fn check_and_render_take_the_form_note_it_and_show_a_text_in_the_place_of_values() {
    let site = Site::new();
    let folder = site.machine.path("files");
    fs::create_dir(&folder).unwrap();
    let recipients = [site.identity.to_public()];
    fs::write(folder.join("a.yaml"), WORKLOADS).unwrap();
    fs::write(folder.join("web.yaml"), site.secret("web", &[("PASSWORD", "p-1")])).unwrap();
    fs::write(folder.join("cart.yaml"), site.secret("cart", &[("C", "d")])).unwrap();
    fs::write(folder.join("map.yaml"), config_map("cart", &[("LEVEL", "high")], &recipients)).unwrap();
    // It cannot be seen whether this is a certificate.
    let ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: door, namespace: shop}\nspec:\n  \
        tls: [{hosts: [shop.example], secretName: pair}]\n  rules:\n    - host: shop.example\n      http: {paths: [{path: /, \
        pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}\n---\napiVersion: v1\nkind: Service\n\
        metadata: {name: web, namespace: shop}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n";
    fs::write(folder.join("door.yaml"), ingress).unwrap();
    fs::write(folder.join("pair.yaml"), site.secret("pair", &[("tls.crt", "c"), ("tls.key", "k")])).unwrap();
    // The settings of SOPS itself are no manifest.
    fs::write(folder.join(".sops.yaml"), "creation_rules:\n  - age: age1x\n").unwrap();
    let path = folder.display().to_string();
    let ran = site.machine.writ(&["check", &path]);
    let noted = ran.text.contains("web.yaml:8:1") && ran.text.contains("encrypted values were not decrypted");
    assert!(ran.code == Some(0) && noted && ran.text.contains("nothing wrong"), "{ran:?}");
    for words in [&["render", &path][..], &["render", &path, "--show-secrets"]] {
        let ran = site.machine.writ(words);
        assert!(
            ran.code == Some(0) && ran.text.contains("(encrypted)") && !ran.text.contains("p-1"),
            "{words:?}: {ran:?}"
        );
        assert!(!ran.text.contains("high") && !ran.text.contains("ENC["), "{words:?}: {ran:?}");
    }
}

/// What SOPS 3.13.3 wrote for the identity beside it, opened.
#[track_caller]
fn check_written_by_sops(file: &str, expected: &[(&str, serde_json::Value)]) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sops");
    let files = Files::from([("file.yaml".to_owned(), fs::read(folder.join(file)).unwrap())]);
    let (lowered, sources) = lower(&files);
    let mut lowered = lowered.unwrap_or_else(|problems| panic!("{}", problems.render(&sources, false)));
    if let Err(error) = unseal(&mut lowered, Some(&folder.join("identity"))) {
        match error {
            UnsealError::Refused(problems) => panic!("{}", problems.render(&sources, false)),
            UnsealError::Unread(why) => panic!("{why}"),
        }
    }
    let bodies = lowered.objects.iter().map(|object| (object.id.to_string(), object.body.clone()));
    let expected = expected.iter().map(|(id, body)| ((*id).to_owned(), body.clone()));
    assert_eq!(bodies.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

#[test]
fn files_that_sops_wrote_are_opened_with_comments_empty_values_lists_of_documents_and_a_code_over_some() {
    let shop = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "immutable": false,
        "metadata": {"name": "shop", "namespace": "shop", "labels": {"since": "2026-11-26", "numbered": "12"}},
        "data": {"certificate": "Z2VoZWlt"},
        "stringData": {"password": "geheim: # 1", "empty": "", "several": "first line\ngröße\n", "number": "12"},
    });
    check_written_by_sops("regex.yaml", &[("secret/shop/shop", shop.clone())]);
    check_written_by_sops("only.yaml", &[("secret/shop/shop", shop)]);
    let two = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"level_secret": "high", "count": "7"},
        "metadata": {"name": "two", "namespace": "shop", "annotations": {"writ.sealed": "sops"}},
    });
    let one = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "one", "namespace": "shop"},
        "stringData": {"word_secret": "eins", "open": "plain"},
    });
    check_written_by_sops("suffix.yaml", &[("configmap/shop/two", two), ("secret/shop/one", one)]);
}

#[test]
fn a_file_that_was_encrypted_as_a_whole_is_refused_at_its_first_line_with_what_to_do() {
    let text = fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sops/whole.yaml")).unwrap();
    let (lowered, sources) = lower(&Files::from([("whole.yaml".to_owned(), text)]));
    let told = lowered.unwrap_err().render(&sources, false);
    assert!(told.contains("whole.yaml:2:13") && told.contains("encrypted_regex"), "{told}");
}
