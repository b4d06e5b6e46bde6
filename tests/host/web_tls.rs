//! TLS of the agent's own server: whom a certificate lets in, and how its files are renewed.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use reqwest::{Certificate, Client, Identity};
use tempfile::TempDir;

use crate::ask::Place;
use crate::free_port::free_port;
use crate::machine::{Machine, Origin, Running};
use crate::web::host;

/// What certificates are made of.
const FORMS: &str = "[req]\ndistinguished_name = name\n[name]\n[authority]\nbasicConstraints = critical, CA:TRUE\n\
                     [server]\nbasicConstraints = CA:FALSE\nsubjectAltName = IP:127.0.0.1\n\
                     [client]\nbasicConstraints = CA:FALSE\nextendedKeyUsage = clientAuth\n";

const TOKEN: &str = "canary-token-0123456789abcdef0123456789abcdef";

/// A host that speaks TLS, with certificates: those of `ours` are believed.
struct World {
    folder: TempDir,
    _origin: Origin,
    machine: Machine,
    address: String,
}

impl World {
    fn new(more: &str) -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("forms"), FORMS).unwrap();
        for name in ["ours", "theirs"] {
            authority(folder.path(), name);
        }
        for (name, by, form, days) in [
            ("host", "ours", "server", "9"),
            ("friend", "ours", "client", "9"),
            ("late", "ours", "client", "-1"),
            ("stranger", "theirs", "client", "9"),
        ] {
            certify(folder.path(), name, by, form, days);
        }
        let (address, file) = (format!("127.0.0.1:{}", free_port()), |name: &str| folder.path().join(name));
        let (origin, machine) = host(&format!(
            "listen = \"{address}\"\n{more}\
             tls = {{ certificate_file = {:?}, key_file = {:?}, client_ca_file = {:?} }}\n",
            file("host.pem"),
            file("host.key"),
            file("ours.pem"),
        ));
        Self { folder, _origin: origin, machine, address }
    }

    /// What somebody with a certificate is answered, or with none, who believes an authority; an error if there is no answer.
    fn ask(&self, believed: &str, who: Option<&str>, path: &str, token: &str) -> Result<(u16, String), String> {
        let file = |name: String| fs::read(self.folder.path().join(name)).unwrap();
        let roots = [Certificate::from_pem(&file(format!("{believed}.pem"))).unwrap()];
        let client = Client::builder().no_proxy().tls_certs_only(roots).timeout(Duration::from_secs(60));
        let client = match who {
            Some(name) => {
                let pem = [file(format!("{name}.pem")), file(format!("{name}.key"))].concat();
                client.identity(Identity::from_pem(&pem).unwrap())
            }
            None => client,
        };
        let request = client.build().unwrap().get(format!("https://{}{path}", self.address));
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
            let status = answer.status().as_u16();
            Ok((status, answer.text().await.map_err(|error| format!("{error:?}"))?))
        })
    }

    /// The status of what a friend is answered.
    fn friend(&self, path: &str) -> Option<u16> {
        self.ask("ours", Some("friend"), path, "").ok().map(|(status, _)| status)
    }

    #[track_caller]
    fn run(&self) -> Running<'_> {
        let running = self.machine.run();
        running.until("a ready agent", |_| self.friend("/readyz") == Some(200));
        running
    }

    /// Puts a file in the place of another one, at once.
    fn put(&self, from: &str, to: &str) {
        let path = |name: &str| self.folder.path().join(name);
        fs::copy(path(from), path("new")).unwrap();
        fs::rename(path("new"), path(to)).unwrap();
    }
}

fn openssl(folder: &Path, words: &[&str]) {
    let done = Command::new("openssl").current_dir(folder).args(words).output().unwrap();
    assert!(done.status.success(), "openssl {words:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// An authority, as NAME.pem and NAME.key.
fn authority(folder: &Path, name: &str) {
    let (key, pem, subject) = (format!("{name}.key"), format!("{name}.pem"), format!("/CN={name}"));
    let made = ["req", "-x509", "-config", "forms", "-extensions", "authority", "-days", "9", "-subj", &subject];
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", &key, "-out", &pem];
    openssl(folder, &[&made[..], &curve].concat());
}

/// A certificate by an authority, as NAME.pem and NAME.key.
fn certify(folder: &Path, name: &str, by: &str, form: &str, days: &str) {
    let (key, pem, wish, subject) =
        (format!("{name}.key"), format!("{name}.pem"), format!("{name}.csr"), format!("/CN={name}"));
    let asked = ["req", "-new", "-config", "forms", "-subj", &subject, "-newkey", "ec"];
    let curve = ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", &key, "-out", &wish];
    openssl(folder, &[&asked[..], &curve].concat());
    let (their_pem, their_key) = (format!("{by}.pem"), format!("{by}.key"));
    let given = ["x509", "-req", "-in", &wish, "-CA", &their_pem, "-CAkey", &their_key, "-days", days, "-out", &pem];
    openssl(folder, &[&given[..], &["-set_serial", "7", "-extfile", "forms", "-extensions", form]].concat());
}

#[test]
fn whoever_shows_a_certificate_by_the_named_authority_is_answered_and_nobody_else_not_even_that_it_lives() {
    let world = World::new("");
    let running = world.run();
    let (status, page) = world.ask("ours", Some("friend"), "/", "").unwrap();
    assert!(status == 200 && page.contains("<html"), "{status}: {page}");
    for who in [None, Some("stranger"), Some("late")] {
        for path in ["/", "/healthz", "/readyz"] {
            assert!(world.ask("ours", who, path, "").is_err(), "{who:?} is answered {path}");
        }
    }
    assert!(world.ask("theirs", Some("friend"), "/", "").is_err(), "it shows a certificate of its own");
    let plain = Place::Address(world.address.clone());
    assert!(plain.get("/healthz", &[]).is_err(), "it speaks to whoever speaks no TLS");
    assert_eq!(world.friend("/healthz"), Some(200));
    let key = fs::read_to_string(world.folder.path().join("host.key")).unwrap();
    let told = running.stop().0.text;
    assert!(told.contains(&format!("listening at https://{}", world.address)), "{told}");
    assert!(!told.contains(key.lines().nth(1).unwrap()), "the key is told: {told}");
}

#[test]
fn a_token_is_asked_for_besides_a_certificate_where_both_are_set() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, format!("{TOKEN}\n")).unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let world = World::new(&format!("token_file = {file:?}\n"));
    let _running = world.run();
    assert_eq!(world.friend("/"), Some(401));
    assert_eq!(world.ask("ours", Some("friend"), "/", TOKEN).unwrap().0, 200);
    assert!(world.ask("ours", None, "/", TOKEN).is_err(), "a token alone");
}

#[test]
fn renewed_certificates_are_used_at_once_and_unfit_ones_not_at_all() {
    let world = World::new("");
    let running = world.run();
    certify(world.folder.path(), "renewed", "theirs", "server", "9");
    world.put("renewed.pem", "host.pem");
    // Between the two files the old pair stays in use.
    assert_eq!(world.friend("/healthz"), Some(200));
    world.put("renewed.key", "host.key");
    assert_eq!(world.ask("theirs", Some("friend"), "/healthz", "").unwrap().0, 200);
    assert_eq!(world.friend("/healthz"), None, "the old one is shown no more");
    fs::write(world.folder.path().join("host.pem"), "no certificate\n").unwrap();
    assert_eq!(world.ask("theirs", Some("friend"), "/healthz", "").unwrap().0, 200);
    // Others are believed from now on.
    world.put("theirs.pem", "ours.pem");
    world.put("renewed.pem", "host.pem");
    assert_eq!(world.ask("theirs", Some("stranger"), "/healthz", "").unwrap().0, 200);
    assert!(world.ask("theirs", Some("friend"), "/healthz", "").is_err());
    let told = running.stop().0.text;
    assert!(told.contains("is not that of the first certificate") && told.contains("stay in use"), "{told}");
    assert!(
        told.contains("does not hold certificates alone") && told.contains("certificates were read anew"),
        "{told}"
    );
}

#[test]
fn files_that_are_unfit_at_the_start_keep_it_from_listening_until_they_are_mended_and_hold_up_no_pass() {
    let world = World::new("");
    let good = fs::read(world.folder.path().join("host.key")).unwrap();
    world.put("friend.key", "host.key");
    let doctor = world.machine.writ(&["doctor"]);
    assert!(doctor.text.contains("is not that of the first certificate"), "{}", doctor.text);
    let running = world.machine.run();
    running.until("a pass", |machine| machine.standing().is_some());
    assert!(TcpStream::connect(&world.address).is_err(), "it listens");
    fs::write(world.folder.path().join("host.key"), good).unwrap();
    running.until("a mended server", |_| world.friend("/healthz") == Some(200));
    let doctor = world.machine.writ(&["doctor"]);
    assert!(doctor.text.contains(&format!("https://{}", world.address)), "{}", doctor.text);
}

#[test]
fn whoever_says_nothing_holds_up_nobody() {
    let world = World::new("");
    let _running = world.run();
    let silent: Vec<TcpStream> = (0..4).map(|_| TcpStream::connect(&world.address).unwrap()).collect();
    assert_eq!(world.friend("/"), Some(200));
    drop(silent);
}
