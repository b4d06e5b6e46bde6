//! `writ doctor`: whether everything that the agent needs is there, and what to do where it is not.
//!
//! Invariant: changes nothing, but for the copy of a source that a look at its remote may make.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use serde_json::json;
use writ::confine::Child;
use writ::error::chain;
use writ::git::Mirror;
use writ::limits::CHECKPOINT_SECONDS_MAX;
use writ::record::{Filter, RecordError, Store, Verdict};
use writ::report::check_key;
use writ::settings::{Guard, Login, Settings, Source, Target, Web};
use writ::target::Depth;
use writ::target::kubernetes::Diagnosis;
use writ::web::Gate;
use writ_core::time::Timestamp;

use super::exit::{Ended, Exit, Failure};
use super::host::{self, Host, block_on};
use super::moment;
use super::status::split_view;
use super::terminal::{Colour, Terminal};

/// Permissions that nobody but the owner of the state directory has.
const STRANGERS: u32 = 0o077;

/// Write permission of group and others.
const WRITABLE: u32 = 0o022;

/// A clock that shows less than this cannot be right: 2026-01-01T00:00:00Z, before this program was made.
const CLOCK_MIN: Timestamp = Timestamp::from_seconds(1_767_225_600);

/// One line of the findings.
struct Check {
    what: String,
    found: Result<String, Problem>,
}

/// Something that is not as it must be.
struct Problem {
    found: String,
    advice: String,
}

fn problem(found: impl Into<String>, advice: impl Into<String>) -> Result<String, Problem> {
    Err(Problem { found: found.into(), advice: advice.into() })
}

pub(crate) fn run(host: &Host) -> Ended {
    let mut checks = vec![Check { what: "settings file".to_owned(), found: settings_file(host.settings_file()) }];
    let mut add = |what: String, found| checks.push(Check { what, found });
    add("clock".to_owned(), clock(host));
    add("confinement".to_owned(), confinement());
    // Settings that are not right have all their problems said already.
    if let Ok(settings) = host.settings() {
        add("settings".to_owned(), settings_found(settings));
        add("state directory".to_owned(), state_directory(&settings.host.state));
        add("record".to_owned(), record(host));
        add("host key".to_owned(), host_key(host));
        add("checkpoint".to_owned(), checkpoint(host));
        for source in &settings.sources {
            add(format!("source {}", source.name), reach(host, source));
            add(format!("trust in {}", source.name), enrolled(host, source));
            if source.publish {
                add(format!("view of {}", source.name), view(host, source));
            }
        }
        if settings.units.iter().any(|unit| unit.target == Target::Docker) {
            add("engine".to_owned(), engine(host, settings));
        }
        for target in clusters(settings) {
            add(target.name(), cluster(host, target));
        }
        for (what, guard) in guards(settings) {
            add(what, guard_found(guard));
        }
        for report in &settings.reports {
            let (forge, project) = (report.forge.name(), &report.project);
            match &report.login {
                Login::Token(file) => add(format!("token for {forge} {project}"), token(file)),
                Login::App(app) => add(format!("app for {forge} {project}"), app_key(&app.key_file)),
            }
        }
        for (alert, file) in settings.alerts.iter().flat_map(|alert| alert.way.files().map(move |file| (alert, file))) {
            add(format!("alert {}: {}", alert.name, file.display()), token(file));
        }
        for (source, file) in settings.sources.iter().filter_map(|it| Some((it, it.hint_secret_file.as_ref()?))) {
            add(format!("secret of hints for {}", source.name), token(file));
        }
        if let Some(file) = settings.traces.as_ref().and_then(|traces| traces.token_file.as_ref()) {
            add("token for traces".to_owned(), token(file));
        }
        if let Some(web) = &settings.web {
            add("web".to_owned(), answers(web));
        }
    } else {
        add("settings".to_owned(), problem("they are not right, see above", "correct each place"));
    }
    show(&host.terminal, &checks)?;
    Ok(if checks.iter().all(|check| check.found.is_ok()) { Exit::Success } else { Exit::Failure })
}

fn show(terminal: &Terminal, checks: &[Check]) -> Result<(), Failure> {
    let width = checks.iter().map(|check| check.what.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    let mut documents = Vec::new();
    for Check { what, found } in checks {
        let (ok, words, advice) = match found {
            Ok(words) => (true, words, None),
            Err(Problem { found, advice }) => (false, found, Some(advice)),
        };
        let verdict = if ok { terminal.paint(Colour::Good, "ok     ") } else { terminal.paint(Colour::Bad, "PROBLEM") };
        text.push_str(&format!("{verdict}  {what:width$}  {words}\n"));
        if let Some(advice) = advice {
            text.push_str(&format!("         {:width$}  -> {advice}\n", ""));
        }
        documents.push(json!({"check": what, "ok": ok, "found": words, "advice": advice}));
    }
    terminal.show(&json!({"schema": "writ/doctor/v1", "checks": documents}), &text)
}

fn settings_file(file: &Path) -> Result<String, Problem> {
    let shown = file.display();
    match std::fs::metadata(file) {
        Err(error) => {
            problem(format!("cannot look at {shown}: {error}"), "write it, or name it with --config or WRIT_CONFIG")
        }
        Ok(meta) if meta.permissions().mode() & WRITABLE != 0 => {
            problem(format!("others may write to {shown}"), format!("run: chmod go-w {shown}"))
        }
        Ok(_) => Ok(shown.to_string()),
    }
}

fn settings_found(settings: &Settings) -> Result<String, Problem> {
    let Settings { host, sources, units, reports, ingress: _, web: _, alerts: _, hint: _, traces: _ } = settings;
    if sources.is_empty() || units.is_empty() {
        return problem("there is nothing to follow", "add a [[source]] and a [[unit]]");
    }
    Ok(format!(
        "host {}, {} sources, {} units, {} forges to tell",
        host.name,
        sources.len(),
        units.len(),
        reports.len()
    ))
}

/// The policy of the host, and those of units that have another.
fn guards(settings: &Settings) -> Vec<(String, &Guard)> {
    let other = settings.units.iter().filter(|unit| unit.guard != settings.host.guard);
    let other = other.map(|unit| (format!("guard of {}", unit.name), &unit.guard));
    std::iter::once(("guard".to_owned(), &settings.host.guard)).chain(other).collect()
}

fn guard_found(guard: &Guard) -> Result<String, Problem> {
    let Some(file) = guard.file() else { return Ok(guard.name.clone()) };
    // The settings were read, so it was there and right a moment ago.
    settings_file(file)
}

fn state_directory(state: &Path) -> Result<String, Problem> {
    let shown = state.display();
    let meta = match std::fs::metadata(state) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(format!("{shown} will be made")),
        Err(error) => {
            return problem(format!("cannot look at {shown}: {error}"), "run as the agent's user, usually root");
        }
    };
    if !meta.is_dir() {
        return problem(format!("{shown} is no directory"), "move it away, or name another `state`");
    }
    if meta.permissions().mode() & STRANGERS != 0 {
        return problem(format!("others may look into {shown}"), format!("run: chmod 700 {shown}"));
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return problem(format!("{shown} belongs to uid {}", meta.uid()), "run as that user, usually root");
    }
    Ok(shown.to_string())
}

/// The record, if there is one; `Err` is already words.
fn open(host: &Host) -> Result<Option<Store>, Problem> {
    match host.store_read_only() {
        Ok(store) => Ok(Some(store)),
        Err(Failure::Error(error)) if matches!(error.downcast_ref(), Some(RecordError::Absent { .. })) => Ok(None),
        Err(Failure::Error(error)) => Err(Problem { found: chain(error.as_ref()), advice: "see there".to_owned() }),
        Err(Failure::Message(found)) => Err(Problem { found, advice: "see there".to_owned() }),
        Err(Failure::Said(_)) => Err(Problem { found: "see above".to_owned(), advice: "see there".to_owned() }),
    }
}

fn record(host: &Host) -> Result<String, Problem> {
    let Some(store) = open(host)? else {
        return Ok("none yet: the first `writ enrol` or `writ run` makes it".to_owned());
    };
    match store.verify_chain(None) {
        Ok(verdict @ Verdict::Whole { .. }) => Ok(verdict.to_string()),
        Ok(verdict @ Verdict::Broken { .. }) => {
            problem(verdict.to_string(), "keep a copy, and compare it with the heads in the commit statuses")
        }
        Err(error) => problem(chain(&error), "keep a copy, and put a backup in its place"),
    }
}

const WITH_THE_FIRST_PASS: &str = "none yet: the first pass makes it, and so does `writ key init`";

fn host_key(host: &Host) -> Result<String, Problem> {
    let Some(store) = open(host)? else { return Ok(WITH_THE_FIRST_PASS.to_owned()) };
    match store.host_key() {
        Ok(Some(key)) => Ok(key.fingerprint()),
        Ok(None) => Ok(WITH_THE_FIRST_PASS.to_owned()),
        Err(error) => problem(chain(&error), "nothing else depends on it, but nobody can check the record meanwhile"),
    }
}

fn checkpoint(host: &Host) -> Result<String, Problem> {
    let Some(store) = open(host)? else { return Ok(WITH_THE_FIRST_PASS.to_owned()) };
    let found = store.newest_checkpoint().and_then(|newest| Ok((newest, store.audit_head()?)));
    let (newest, head) = match found {
        Ok((Some(newest), head)) => (newest, head),
        Ok((None, _)) => return Ok(WITH_THE_FIRST_PASS.to_owned()),
        Err(error) => return problem(chain(&error), "run: writ audit verify"),
    };
    let (age, unsigned) = (host.now().millis_since(newest.time) / 1_000, head.record.0 - newest.record.0);
    let found = format!(
        "{} old, up to record {}; {unsigned} newer ones are not signed yet",
        moment::age(newest.time, host.now()),
        newest.record
    );
    // Twice the time, for an agent that looks seldom.
    if unsigned > 0 && age > 2 * i64::from(CHECKPOINT_SECONDS_MAX) {
        return problem(found, "see that the agent runs (`writ run`): it signs at latest after a day");
    }
    Ok(found)
}

fn clock(host: &Host) -> Result<String, Problem> {
    let now = host.now();
    let advice = "set the clock, and keep it right with NTP: signatures are judged by it";
    if now < CLOCK_MIN {
        return problem(format!("it shows {}, which is past", moment::shown(now)), advice);
    }
    let newest = host.quiet_settings().and_then(|settings| Store::open_read_only(&settings.host.state).ok());
    let newest = newest.and_then(|store| store.history(&Filter { newest: Some(1), ..Filter::default() }).ok());
    match newest.as_ref().and_then(|records| records.last()) {
        Some(record) if record.at > now => {
            let found =
                format!("it shows {}, before the newest record ({})", moment::shown(now), moment::shown(record.at));
            problem(found, advice)
        }
        Some(_) | None => Ok(moment::shown(now)),
    }
}

/// How far the process is confined that reads files of repositories.
fn confinement() -> Result<String, Problem> {
    match block_on(Child::default().walls()) {
        Ok(Ok(walls)) => match walls.missing() {
            None => Ok(walls.to_string()),
            // Whatever Landlock refuses, the filter refuses as well.
            Some(missing) if walls.filter => Ok(format!("{walls}; this kernel lacks {missing}")),
            Some(missing) => problem(format!("{walls}; this kernel lacks {missing}"), "use a kernel that has it"),
        },
        Ok(Err(error)) => problem(error.to_string(), "mount /proc, and let writ start processes"),
        Err(_) => problem("no process can be started", "let writ start processes"),
    }
}

fn reach(host: &Host, source: &Source) -> Result<String, Problem> {
    let folder =
        host.mirror_folder(source).map_err(|_| Problem { found: "see above".into(), advice: "see there".into() })?;
    let listed = Mirror::open(&folder, &host::remote(source)).and_then(|mut mirror| mirror.list());
    match listed {
        Ok(Some(head)) => Ok(format!("{} branch {} is at {head}", source.url, source.branch)),
        Ok(None) => problem(format!("{} has no branch {}", source.url, source.branch), "push it, or correct `branch`"),
        Err(error) => problem(chain(&error), "correct `url` and `credentials`, or the network"),
    }
}

fn enrolled(host: &Host, source: &Source) -> Result<String, Problem> {
    let advice = format!("run: writ enrol {}", source.name);
    let pinned = source.introduction.as_ref().map(|pinned| (pinned.commit.clone(), pinned.signer.clone()));
    let introduced = open(host)?.map(|store| store.introduction(&source.name)).transpose();
    let introduced = match introduced {
        Ok(introduced) => introduced.flatten().map(|introduced| (introduced.commit, introduced.signer)),
        Err(error) => return problem(chain(&error), advice),
    };
    match (introduced, pinned) {
        (Some(introduced), Some(pinned)) if introduced != pinned => {
            problem("the settings pin another introduction than the one that was enrolled", advice)
        }
        (Some((commit, signer)), _) | (None, Some((commit, signer))) => Ok(format!("begins at {commit} of {signer}")),
        (None, None) => problem("it is not enrolled", advice),
    }
}

/// Whether other hosts say that they follow the same history.
fn view(host: &Host, source: &Source) -> Result<String, Problem> {
    let advice =
        "find out who shows them different histories: compare the logs of both branches, and ask the forge's owner";
    let unread = |_| Problem { found: "the record cannot be read".to_owned(), advice: "see there".to_owned() };
    let compared = open(host)?.map(|store| split_view(host, source, &store)).transpose().map_err(unread)?.flatten();
    match compared {
        None => Ok("nothing to compare yet: the first pass brings it".to_owned()),
        Some((count, splits)) if splits.is_empty() => {
            Ok(format!("{count} other hosts say what they follow, and none follows a history apart"))
        }
        Some((_, splits)) => problem(splits.join("; "), advice),
    }
}

fn engine(host: &Host, settings: &Settings) -> Result<String, Problem> {
    let shown = settings.host.engine.display();
    let advice = "start Docker, or set DOCKER_HOST; run as a user who may use its socket";
    let looked = host.target_of(&Target::Docker).and_then(|target| {
        // A look needs the engine's version to be known and good.
        Ok(block_on(target.observe(writ::one_off::LOCAL, Depth::List, host.now()))?.map_err(|error| chain(&error)))
    });
    match looked {
        Ok(Ok(_)) => Ok(format!("{shown} answers and is new enough")),
        Ok(Err(found)) => problem(found, advice),
        Err(_) => problem(format!("{shown} cannot be asked"), advice),
    }
}

/// The clusters that units are applied to, each once.
fn clusters(settings: &Settings) -> Vec<&Target> {
    let mut clusters: Vec<&Target> = Vec::new();
    for unit in &settings.units {
        if matches!(unit.target, Target::Kubernetes(_)) && !clusters.contains(&&unit.target) {
            clusters.push(&unit.target);
        }
    }
    clusters
}

fn cluster(host: &Host, target: &Target) -> Result<String, Problem> {
    let advice = "correct `kubeconfig` in [host] or the context, see `kubectl config get-contexts`, or the network";
    let asked = host.target_of(target).and_then(|target| match target.cluster() {
        Some(cluster) => Ok(Some(block_on(cluster.diagnose())?.map_err(|error| chain(&error)))),
        None => Ok(None),
    });
    let found = match asked {
        Ok(Some(Ok(found))) => found,
        Ok(Some(Err(found))) => return problem(found, advice),
        Ok(None) | Err(_) => return problem("it cannot be asked", advice),
    };
    let Diagnosis { endpoint, kinds, unknown, denied } = found;
    if !denied.is_empty() {
        let advice = "give the credentials a role that allows it, see docs/kubernetes.md";
        return problem(format!("{endpoint} answers, and does not allow: {}", denied.join(", ")), advice);
    }
    if !unknown.is_empty() {
        let found = format!("{endpoint} cannot say what is in {}: nothing of these is deleted", unknown.join(", "));
        return problem(found, "see `kubectl get apiservices`: a server behind it does not answer");
    }
    Ok(format!("{endpoint} answers, is new enough and has {kinds} kinds"))
}

/// Where it answers, if whoever asks can be let in.
fn answers(web: &Web) -> Result<String, Problem> {
    match Gate::new(web).check() {
        Ok(()) => {
            let token = if web.token_file.is_some() { "with a token" } else { "without a token" };
            let certificate = if web.tls.is_some() { ", with a client's certificate" } else { "" };
            Ok(format!("{}, {token}{certificate}", web.place()))
        }
        Err(error) => problem(chain(&error), "until then nobody is answered; passes go on"),
    }
}

fn app_key(file: &Path) -> Result<String, Problem> {
    match check_key(file) {
        Ok(()) => Ok(file.display().to_string()),
        Err(error) => problem(chain(&error), "make a private key on the app's page, and put its file there"),
    }
}

fn token(file: &Path) -> Result<String, Problem> {
    match std::fs::read_to_string(file) {
        Ok(text) if text.trim().is_empty() => {
            problem(format!("{} is empty", file.display()), "write the token into it")
        }
        Ok(_) => Ok(file.display().to_string()),
        Err(error) => {
            problem(format!("cannot read {}: {error}", file.display()), "run as the agent's user, usually root")
        }
    }
}
