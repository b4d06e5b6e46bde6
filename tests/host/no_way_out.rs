//! Nothing turns verification off: every key, option and variable by name, and the laxest of them all at once.
//!
//! Whoever adds one must say here what it has to do with the verification of commits.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::documents;
use crate::machine::{Machine, Origin, Ran};
use crate::repository::Sign;

/// What something has to do with the verification of commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bears {
    /// Nothing.
    Not,
    /// It says which repository and branch are verified, for which host, and by which trusted beginning.
    OnWhat,
    /// It refuses more than without it.
    Narrows,
    /// It concerns files that no commit holds.
    Local,
}

use Bears::{Local, Narrows, Not, OnWhat};

/// Every key of the settings.
const KEYS: &[(&str, &[(&str, Bears)])] = &[
    (
        "agent.toml",
        &[
            ("host", Not),
            ("source", OnWhat),
            ("unit", Not),
            ("report", Not),
            ("ingress", Not),
            ("alert", Not),
            ("web", Not),
            ("hint", Not),
            ("traces", Not),
        ],
    ),
    (
        "[host]",
        &[
            ("labels", Not),
            ("name", OnWhat),
            ("state", Not),
            ("guard", Not),
            ("trust", Narrows),
            ("revoked", Narrows),
            ("age_identity_file", Not),
            ("kubeconfig", Not),
            ("standby", Not),
            ("allow_unsigned_apply", Local),
        ],
    ),
    (
        "[ingress]",
        &[
            ("image", Not),
            ("addresses", Not),
            ("http_port", Not),
            ("https_port", Not),
            ("email", Not),
            ("ca", Not),
            ("directory", Not),
            ("directory_roots_file", Not),
        ],
    ),
    ("[hint]", &[("listen", Not)]),
    ("[web]", &[("listen", Not), ("token_file", Not), ("tls", Not), ("url", Not)]),
    ("[traces]", &[("url", Not), ("token_file", Not)]),
    // Who may ask the host's own server.
    ("tls", &[("certificate_file", Not), ("key_file", Not), ("client_ca_file", Not)]),
    (
        "[[alert]]",
        &[
            ("name", Not),
            ("webhook", Not),
            ("webhook_file", Not),
            ("format", Not),
            ("secret_file", Not),
            ("mail", Not),
            ("units", Not),
            ("on", Not),
            ("remind", Not),
        ],
    ),
    ("mail", &[("to", Not), ("from", Not), ("server", Not), ("user", Not), ("password_file", Not)]),
    (
        "[[source]]",
        &[
            ("name", OnWhat),
            ("url", OnWhat),
            ("branch", OnWhat),
            ("poll", Not),
            ("publish", Not),
            ("hint_secret_file", Not),
            ("credentials", Not),
            ("introduction", OnWhat),
        ],
    ),
    ("credentials", &[("ssh_key_file", Not), ("known_hosts_file", Not), ("token_file", Not), ("github_app", Not)]),
    ("introduction", &[("commit", OnWhat), ("signer", OnWhat)]),
    (
        "[[unit]]",
        &[
            ("name", Not),
            ("source", OnWhat),
            ("path", Not),
            ("target", Not),
            ("drift", Not),
            ("prune", Not),
            ("recreate", Not),
            ("account", Not),
            ("backup", Not),
            ("guard", Not),
            ("plugin", Not),
            ("renderer", Not),
            ("ignore", Not),
            ("variables", Not),
            ("windows", Not),
            ("depends_on", Not),
            ("previews", Not),
        ],
    ),
    // What a plugin may be and do is pinned here, beside the repository that is verified, and never by a commit.
    (
        "[[unit.plugin]]",
        &[("kind", Not), ("url", Not), ("credentials", Not), ("version", Not), ("path", Not), ("digest", Not)],
    ),
    (
        "renderer",
        &[
            ("kind", Not),
            ("program", Not),
            ("digest", Not),
            ("folder", Not),
            ("release", Not),
            ("namespace", Not),
            ("values", Not),
        ],
    ),
    ("[[unit.ignore]]", &[("kind", Not), ("namespace", Not), ("name", Not), ("fields", Not)]),
    ("prune", &[("max", Not), ("percent", Not)]),
    ("previews", &[("number", Not), ("days", Not)]),
    ("backup", &[("directory", Not), ("keep", Not)]),
    (
        "[[report]]",
        &[("forge", Not), ("url", Not), ("token_file", Not), ("app", Not), ("project", Not), ("source", Not)],
    ),
    ("app", &[("id", Not), ("installation", Not), ("key_file", Not)]),
];

/// Every long option of every command, without `--output`, `--config`, `--help` and `--version`.
const OPTIONS: &[(&str, &[(&str, Bears)])] = &[
    ("run", &[("--once", Not)]),
    ("plan", &[("--unit", Not)]),
    ("apply", &[("--file", Local), ("--var", Local), ("--yes", Local)]),
    ("delete", &[("--prune", Not), ("--yes", Not)]),
    (
        "check",
        &[("--all-hosts", Not), ("--guard", Not), ("--path", Not), ("--target", Not), ("--unit", Not), ("--var", Not)],
    ),
    ("render", &[("--target", Not), ("--show-secrets", Not), ("--var", Not)]),
    ("outputs", &[("--target", Not), ("--var", Not)]),
    ("import", &[("--scope", Local), ("--var", Local), ("--show-secrets", Local)]),
    (
        "verify",
        &[
            ("--source", OnWhat),
            ("--git-dir", OnWhat),
            ("--introduction", OnWhat),
            ("--signer", OnWhat),
            ("--branch", OnWhat),
            ("--host", OnWhat),
        ],
    ),
    // These write what others check: a statement that nobody may sign counts nowhere.
    ("approve", &[("--hosts", Not), ("--for", Not), ("--key", Not), ("--git-dir", Not)]),
    (
        "rewind",
        &[
            ("--source", Not),
            ("--host", Not),
            ("--from", Not),
            ("--to", Not),
            ("--for", Not),
            ("--key", Not),
            ("--git-dir", Not),
        ],
    ),
    ("fleet", &[("--silent", Not), ("--source", Not)]),
    ("history", &[("--unit", Not), ("--object", Not), ("--since", Not), ("--limit", Not), ("--html", Not)]),
    ("audit verify", &[("--expect", Not), ("--allowed-signers", Not), ("--proof", Not)]),
    ("audit export", &[("--unit", Not), ("--since", Not), ("--from", Not)]),
    ("audit prove", &[("--from", Not)]),
    ("key rotate", &[("--lost", Not), ("--reason", Not)]),
    ("config", &[("--scope", Not), ("--name", Not)]),
    ("status", &[("--watch", Not)]),
    ("suspend", &[("--reason", Not), ("--for", Not)]),
    (
        "logs",
        &[
            ("--scope", Not),
            ("--container", Not),
            ("--follow", Not),
            ("--previous", Not),
            ("--tail", Not),
            ("--since", Not),
            ("--timestamps", Not),
        ],
    ),
    ("exec", &[("--container", Not), ("--scope", Not), ("--stdin", Not), ("--tty", Not)]),
    ("volume restore", &[("--replace", Not), ("--outward-links", Not)]),
    ("volume rm", &[("--yes", Not)]),
    ("enrol", &[("--commit", OnWhat), ("--signer", OnWhat), ("--take-over", Not), ("--yes", Not)]),
];

/// Every variable that the program reads or hands to another program, by the file that does.
const VARIABLES: &[(&str, &[(&str, Bears)])] = &[
    // Stands in no build for release: see below.
    ("agent/src/record/failpoint.rs", &[("WRIT_TEST_DIE_AT_RECORD", Not)]),
    (
        "agent/src/git/process.rs",
        &[
            ("HOME", Not),
            ("LOGNAME", Not),
            ("PATH", Not),
            ("SSH_AUTH_SOCK", Not),
            ("USER", Not),
            ("XDG_RUNTIME_DIR", Not),
            // Set, and not read.
            ("GIT_CONFIG_GLOBAL", Not),
            ("GIT_CONFIG_NOSYSTEM", Not),
            ("GIT_PROTOCOL", Not),
            ("LC_ALL", Not),
        ],
    ),
    (
        "agent/src/settings/surroundings.rs",
        &[
            ("DOCKER_HOST", Not),
            ("WRIT_CONFIG", Not),
            ("SUDO_USER", Not),
            ("USER", Not),
            ("LOGNAME", Not),
            ("NO_COLOR", Not),
            ("TERM", Not),
            ("WRIT_LOG", Not),
            // What a service manager asks to be told.
            ("NOTIFY_SOCKET", Not),
            ("WATCHDOG_PID", Not),
            ("WATCHDOG_USEC", Not),
        ],
    ),
    // For making a signature.
    (
        "agent/src/sign.rs",
        &[
            ("DISPLAY", Not),
            ("HOME", Not),
            ("PATH", Not),
            ("SSH_ASKPASS", Not),
            ("SSH_ASKPASS_REQUIRE", Not),
            ("SSH_AUTH_SOCK", Not),
            ("SSH_SK_PROVIDER", Not),
            ("TERM", Not),
            ("WAYLAND_DISPLAY", Not),
            ("XDG_RUNTIME_DIR", Not),
            // Set, and not read.
            ("LC_ALL", Not),
        ],
    ),
    ("agent/src/target/docker/login.rs", &[("DOCKER_CONFIG", Not)]),
];

type Names = BTreeMap<String, BTreeSet<String>>;

fn told(table: &[(&str, &[(&str, Bears)])]) -> Names {
    let names = |names: &[(&str, Bears)]| names.iter().map(|(name, _)| (*name).to_owned()).collect();
    table.iter().map(|(place, listed)| ((*place).to_owned(), names(listed))).collect()
}

#[test]
fn every_key_of_the_settings_is_known_by_what_it_has_to_do_with_verification() {
    assert_eq!(documents::known_keys(), told(KEYS));
}

#[test]
fn every_option_of_every_command_is_known_by_what_it_has_to_do_with_verification() {
    let mut found = Names::new();
    for name in documents::commands(&documents::help(&[])) {
        let help = documents::help(&[&name]);
        found.insert(name.clone(), documents::options(&help).into_iter().collect());
        for verb in documents::commands(&help) {
            let options = documents::options(&documents::help(&[&name, &verb]));
            found.insert(format!("{name} {verb}"), options.into_iter().collect());
        }
    }
    found.retain(|_, options| !options.is_empty());
    assert_eq!(found, told(OPTIONS));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            let text = fs::read_to_string(&path).unwrap();
            found.push((name, text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned()));
        }
    }
}

/// Texts between quotation marks that can be the name of a variable.
fn variables(text: &str) -> BTreeSet<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let quoted = code.flat_map(|line| line.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>());
    let is_name = |word: &String| {
        word.len() > 2
            && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
            && word.starts_with(|first: char| first.is_ascii_uppercase())
    };
    quoted.filter(is_name).collect()
}

#[test]
fn every_variable_of_the_environment_is_known_by_what_it_has_to_do_with_verification() {
    let mut all = Vec::new();
    sources(&root().join("agent/src"), &mut all);
    sources(&root().join("core/src"), &mut all);
    let reads = |text: &str| {
        let calls = ["env::var", "env::vars", "env::var_os", "env::home_dir", "env!("];
        // What cargo tells the compiler is told to nobody who runs the program.
        let own = text.replace("env!(\"CARGO_PKG_VERSION\")", "").replace("env!(\"OUT_DIR\")", "");
        calls.iter().any(|call| own.contains(call)) || text.contains("use std::env;")
    };
    let found = all.iter().filter(|(_, text)| reads(text)).map(|(path, text)| (path.clone(), variables(text)));
    assert_eq!(found.collect::<Names>(), told(VARIABLES));
    // What only tests may set is in no build for release, neither the module nor a use of it.
    for (path, text) in &all {
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in
            lines.iter().enumerate().filter(|(_, line)| line.contains("failpoint") && !line.contains("//"))
        {
            assert_eq!(lines[at - 1].trim(), "#[cfg(debug_assertions)]", "{path}: {line}");
        }
    }
}

/// What somebody would try who does not want to sign, beside the variables that the program reads.
const WISHES: &[(&str, &str)] = &[
    ("WRIT_INSECURE", "1"),
    ("WRIT_VERIFY", "0"),
    ("WRIT_SKIP_VERIFICATION", "true"),
    ("WRIT_ALLOW_UNSIGNED", "1"),
    ("WRIT_TEST", "1"),
    ("GIT_CONFIG_COUNT", "2"),
    ("GIT_CONFIG_KEY_0", "gpg.program"),
    ("GIT_CONFIG_VALUE_0", "/bin/true"),
    ("GIT_CONFIG_KEY_1", "gpg.ssh.program"),
    ("GIT_CONFIG_VALUE_1", "/bin/true"),
    ("GIT_REPLACE_REF_BASE", "refs/heads/"),
    ("GIT_SSL_NO_VERIFY", "1"),
    ("GNUPGHOME", "/nonexistent"),
    ("LD_BIND_NOW", "1"),
];

/// A host whose settings allow everything that they can.
fn laxest(origin: &Origin) -> (Machine, TempDir) {
    let (machine, home) = (Machine::new(origin, ""), TempDir::new().unwrap());
    fs::write(home.path().join(".gitconfig"), "[gpg]\nprogram = /bin/true\n[gpg \"ssh\"]\nprogram = /bin/true\n")
        .unwrap();
    let (rules, revoked) = (machine.path("rules.toml"), machine.path("revoked"));
    let all = "version = 1\n[[rule]]\nname = \"all\"\npaths = [\"**\"]\nsigners = [\"*\"]\n";
    fs::write(&rules, all).unwrap();
    fs::write(&revoked, "# nobody\n").unwrap();
    let settings = format!(
        "[host]\nname = \"edge-1\"\nstate = \"{}\"\nguard = \"privileged\"\ntrust = \"{}\"\nrevoked = \"{}\"\nallow_unsigned_apply = true\n\
         [[source]]\nname = \"infra\"\nurl = \"{}\"\nbranch = \"main\"\nintroduction = {{ commit = \"{}\", signer = \"{}\" }}\n\
         [[unit]]\nname = \"edge\"\nsource = \"infra\"\npath = \"host\"\ntarget = \"simulated\"\nguard = \"privileged\"\nrecreate = true\n\
         drift = \"repair\"\nprune = {{ max = 1000, percent = 100 }}\n",
        machine.state().display(),
        rules.display(),
        revoked.display(),
        origin.repository.url(),
        origin.introduction,
        origin.key.fingerprint
    );
    fs::write(machine.path("agent.toml"), settings).unwrap();
    (machine, home)
}

/// Runs a command with every variable that is known and every one that is wished for.
fn tempted(machine: &Machine, home: &TempDir, words: &[&str]) -> Ran {
    let mut command: Command = machine.command(words);
    let known = VARIABLES.iter().flat_map(|(_, names)| *names).map(|(name, _)| *name);
    for name in known.filter(|name| !["PATH", "WRIT_CONFIG", "HOME", "DOCKER_HOST"].contains(name)) {
        command.env(name, "off");
    }
    command.env("HOME", home.path()).envs(WISHES.iter().copied());
    command.output().unwrap().into()
}

const WEB: &str = "deployment \"shop\" \"web\" {\n  image = \"web:1\"\n}\n";

#[test]
fn an_unsigned_commit_is_refused_whatever_settings_options_and_variables_say_and_a_signed_one_is_not() {
    let origin = Origin::new();
    let (machine, home) = laxest(&origin);
    origin.deploy(&[("web.hcl", WEB)]);
    let ran = tempted(&machine, &home, &["run", "--once"]);
    let signed = machine.pods();
    assert!(ran.code.is_some_and(|code| code != 1) && signed.len() == 1, "{ran:?}\n{}", machine.host());
    origin.repository.write("host/web.hcl", WEB.replace("web:1", "evil:1"));
    let unsigned = origin.repository.commit(Sign::Not, "not from us");
    let folder = origin.repository.path().display().to_string();
    let (introduction, signer) = (origin.introduction.as_str(), origin.key.fingerprint.as_str());
    let begin = ["--introduction", introduction, "--signer", signer];
    let elsewhere = [&["verify", "--git-dir", &folder, "--branch", "main", "--host", "edge-1"][..], &begin].concat();
    for words in [
        &["run", "--once"][..],
        &["plan"],
        &["plan", "--unit", "edge"],
        &["verify"],
        &["verify", "--source", "infra"],
        &["verify", &unsigned],
        &elsewhere,
        &["run", "--once"],
    ] {
        let ran = tempted(&machine, &home, words);
        assert!(ran.code == Some(3) && ran.text.contains("unsigned"), "{words:?}: {ran:?}");
        assert_eq!(machine.pods(), signed, "{words:?}");
    }
    // Who it is that began trust cannot be said anew over the unsigned commit either.
    let ran = tempted(&machine, &home, &["enrol", "--commit", &unsigned, "--signer", signer, "--take-over", "--yes"]);
    assert!(ran.code != Some(0), "{ran:?}");
    // What nobody signed comes from a local file alone, and the commit is refused after it as before.
    let local = machine.path("local.hcl");
    fs::write(&local, WEB.replace("\"web\"", "\"local\"")).unwrap();
    let ran = tempted(&machine, &home, &["apply", "--file", &local.display().to_string(), "--yes"]);
    let with_local = machine.pods();
    assert!(ran.code.is_some_and(|code| code != 1) && with_local.len() == 2, "{ran:?}");
    let ran = tempted(&machine, &home, &["run", "--once"]);
    assert!(ran.code == Some(3) && machine.pods() == with_local, "{ran:?}\n{}", machine.host());
    // The same change, signed and on top of what was signed.
    origin.repository.reset("HEAD~1");
    origin.deploy(&[("web.hcl", &WEB.replace("web:1", "good:1"))]);
    let ran = tempted(&machine, &home, &["run", "--once"]);
    let changed = machine.pods();
    assert!(changed.len() == 2 && signed.iter().all(|pod| !changed.contains(pod)), "{ran:?}\n{}", machine.host());
}
