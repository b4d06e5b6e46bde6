//! What the settings mean, once everything in them has been found right.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::limits;
use writ_core::dialect::Variables;
use writ_core::plan::{Drift, PruneBudget};
use writ_core::text::{Place, Problem, Problems, Sources, Written, is_secret_name};

use super::account::check_account;
use super::alert::check_alerts;
use super::backup::check_backup;
use super::folders::{Names, check_folders};
use super::guard::check_guard;
use super::hint::check_hint;
use super::ignore::check_ignore;
use super::ingress::check_ingress;
use super::order::{check_dependencies, in_order};
use super::path::{Privacy, directory, file};
use super::plugin::check_plugins;
use super::previews::{check_previews, check_reported};
use super::renderer::check_renderer;
use super::report::check_report;
use super::source::check_source;
use super::traces::check_traces;
use super::web::check_web;
use super::window::check_windows;
use super::{
    Cluster, DEFAULT_ENGINE, DEFAULT_STATE, Guard, Host, Report, Settings, Source, Surroundings, Target, Unit,
    duration, raw,
};

/// All of it; none if a part is missing, which then stands in `problems`.
pub(super) fn settings(
    raw: raw::Settings,
    around: &Surroundings,
    problems: &mut Problems,
    texts: &mut Sources,
) -> Option<Settings> {
    let raw::Settings { host, sources, units, reports, ingress, web, alerts, hint, traces } = raw;
    refuse_duplicates("source", sources.iter().filter_map(|source| source.name.as_ref()), problems);
    refuse_duplicates("unit", units.iter().filter_map(|unit| unit.name.as_ref()), problems);
    let mut names: Vec<String> = sources.iter().filter_map(|raw| Some(raw.name.as_ref()?.value.clone())).collect();
    names.sort();
    names.dedup();
    let watched: Vec<String> = units.iter().filter_map(|raw| Some(raw.name.as_ref()?.value.clone())).collect();
    let host = check_host(host, around, problems, texts);
    let sources: Vec<Option<Source>> =
        sources.into_iter().map(|raw| check_source(raw, hint.is_some(), problems)).collect();
    // Where the host's own guard is not right, that is said once, and not for each unit.
    let guard = host.as_ref().map_or_else(Guard::default, |host| host.guard.clone());
    let has_kubeconfig = host.as_ref().is_none_or(|host| host.kubeconfig.is_some());
    check_dependencies(&units, problems);
    check_reported(&units, &reports, problems);
    let known = host.as_ref().map(|host| Names { host: host.name.clone(), labels: host.labels.clone() });
    let units =
        units.into_iter().map(|raw| check_unit(raw, &names, (&guard, has_kubeconfig, known.as_ref()), problems, texts));
    let units: Vec<Option<Unit>> = units.collect();
    let known: Vec<&Source> = sources.iter().flatten().collect();
    // An address that is not right has its own problem.
    let has_pages = web.as_ref().is_some_and(|web| web.url.is_some());
    let reports: Vec<Option<Report>> =
        reports.into_iter().map(|raw| check_report(raw, &names, &known, has_pages, problems)).collect();
    let ingress = check_ingress(ingress, problems);
    let web = check_web(web, problems);
    let hint = check_hint(hint, web.as_ref(), &sources, problems);
    let alerts = check_alerts(alerts, &watched, problems);
    let traces = check_traces(traces, problems);
    Some(Settings {
        web: web?,
        hint: hint?,
        alerts: alerts?,
        traces: traces?,
        ingress,
        host: host?,
        units: units.into_iter().collect::<Option<_>>().map(in_order)?,
        reports: reports.into_iter().collect::<Option<_>>()?,
        sources: sources.into_iter().collect::<Option<_>>()?,
    })
}

pub(super) fn refuse(problems: &mut Problems, place: &Place, message: impl Into<String>, help: impl Into<String>) {
    problems.push(Problem::error(Some(place.clone()), message).help(help));
}

pub(super) fn refuse_duplicates<'a>(
    what: &str,
    names: impl Iterator<Item = &'a Written<String>>,
    problems: &mut Problems,
) {
    let mut seen: BTreeMap<&str, ()> = BTreeMap::new();
    for Written { value, place } in names {
        if seen.insert(value, ()).is_some() {
            refuse(problems, place, format!("there is another {what} called `{value}`"), "give each its own name");
        }
    }
}

/// True for letters of which a name can be that stands in a label, a commit status and a path.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// A name that may stand in a label, a commit status and a path.
pub(super) fn check_name(what: &str, written: Option<Written<String>>, problems: &mut Problems) -> Option<String> {
    let Written { value, place } = written?;
    if value.len() <= limits::NAME_BYTES_MAX && is_name(&value) {
        return Some(value);
    }
    let help = format!(
        "use at most {} letters, digits, `-`, `_` and `.`, and begin with a letter or digit",
        limits::NAME_BYTES_MAX
    );
    refuse(problems, &place, format!("`{}` cannot be the name of a {what}", value.escape_debug()), help);
    None
}

fn check_host(raw: raw::Host, around: &Surroundings, problems: &mut Problems, texts: &mut Sources) -> Option<Host> {
    let raw::Host {
        name,
        labels,
        state,
        allow_unsigned_apply,
        guard,
        trust,
        revoked,
        age_identity_file,
        kubeconfig,
        standby,
    } = raw;
    let labels = check_labels(labels, problems);
    let name = match name {
        Some(_) => check_name("host", name, problems),
        None => check_machine_name(around, problems),
    };
    let state = match state {
        Some(state) => directory("state", state, problems),
        None => Some(PathBuf::from(DEFAULT_STATE)),
    };
    let engine = check_engine(around.docker_host.as_deref(), problems);
    let allow_unsigned_apply = allow_unsigned_apply.is_some_and(|written| written.value);
    let guard = match guard {
        Some(guard) => check_guard(&guard, problems, texts),
        None => Some(Guard::default()),
    };
    // One that is named and missing is no host without it.
    let own = |key, written: Option<Written<String>>, privacy, problems: &mut Problems| match written {
        None => Some(None),
        written => file(key, written, privacy, problems).map(Some),
    };
    let trust = own("trust", trust, Privacy::Public, problems);
    let revoked = own("revoked", revoked, Privacy::Public, problems);
    let age_identity_file = own("age_identity_file", age_identity_file, Privacy::Secret, problems);
    let kubeconfig = own("kubeconfig", kubeconfig, Privacy::Secret, problems);
    let standby = standby.map(|standby| {
        check_span("standby", &standby, (limits::STANDBY_SECONDS_MIN, limits::STANDBY_SECONDS_MAX), problems)
    });
    let (trust, revoked, age_identity_file, kubeconfig) = (trust?, revoked?, age_identity_file?, kubeconfig?);
    let standby = standby.map_or(Some(None), |standby| standby.map(Some))?;
    let (name, state, engine, guard) = (name?, state?, engine?, guard?);
    Some(Host {
        name,
        labels: labels?,
        state,
        allow_unsigned_apply,
        engine,
        guard,
        trust,
        revoked,
        age_identity_file,
        kubeconfig,
        standby,
    })
}

/// Labels, whose names and values may stand in paths.
fn check_labels(written: Vec<(String, Written<String>)>, problems: &mut Problems) -> Option<BTreeMap<String, String>> {
    let labels: Vec<Option<(String, String)>> = written
        .into_iter()
        .map(|(name, Written { value, place })| {
            let name = check_name("label", Some(Written { value: name, place: place.clone() }), problems);
            let value = check_name("value of a label", Some(Written { value, place }), problems);
            name.zip(value)
        })
        .collect();
    labels.into_iter().collect()
}

fn check_machine_name(around: &Surroundings, problems: &mut Problems) -> Option<String> {
    let machine = Written { value: around.machine.clone(), place: Place { file: "".into(), start: 0, end: 0 } };
    let mut own = Problems::default();
    let name = check_name("host", Some(machine), &mut own);
    if name.is_none() {
        let message = format!("the machine's name `{}` cannot be the name of a host", around.machine.escape_debug());
        problems.push(Problem::error(None, message).help("set `name` in [host]"));
    }
    name
}

fn check_engine(docker_host: Option<&str>, problems: &mut Problems) -> Option<PathBuf> {
    let Some(address) = docker_host else { return Some(PathBuf::from(DEFAULT_ENGINE)) };
    match address.strip_prefix("unix://").map(PathBuf::from) {
        Some(path) if path.is_absolute() => Some(path),
        Some(_) | None => {
            let message = "DOCKER_HOST names no socket of this machine";
            problems.push(Problem::error(None, message).help("set it to unix:///PATH, or leave it unset"));
            None
        }
    }
}

pub(super) fn check_span(
    key: &str,
    written: &Written<String>,
    (least, most): (u64, u64),
    problems: &mut Problems,
) -> Option<Duration> {
    let Written { value, place } = written;
    let Some(span) = duration(value) else {
        refuse(problems, place, format!("`{}` is no span of time", value.escape_debug()), "write it as 30s, 5m or 1h");
        return None;
    };
    if (least..=most).contains(&span.as_secs()) {
        return Some(span);
    }
    let most = if most < 3_600 { format!("{}m", most / 60) } else { format!("{}h", most / 3_600) };
    refuse(problems, place, format!("`{key}` is {value}"), format!("use {least}s to {most}"));
    None
}

fn check_unit(
    raw: raw::Unit,
    sources: &[String],
    (of_host, has_kubeconfig, names): (&Guard, bool, Option<&Names>),
    problems: &mut Problems,
    texts: &mut Sources,
) -> Option<Unit> {
    let raw::Unit {
        name,
        source,
        path,
        target,
        drift,
        prune,
        recreate,
        backup,
        guard,
        plugins,
        renderer,
        ignore,
        variables,
        account,
        windows,
        depends_on,
        previews,
    } = raw;
    let name = check_name("unit", name, problems);
    let source = source.and_then(|source| check_reference("source", source, sources, problems));
    let folders = path.and_then(|path| check_folders(path, names, problems));
    let target = target.and_then(|target| check_target(&target, has_kubeconfig, problems));

    let drift = match drift {
        Some(drift) => choose("drift", &drift, &[("repair", Drift::Repair), ("report", Drift::Report)], problems),
        None => Some(Drift::default()),
    };
    let prune = check_prune(prune, problems);
    let guard = match guard {
        Some(guard) => check_guard(&guard, problems, texts),
        None => Some(of_host.clone()),
    };
    let recreate = recreate.is_some_and(|written| written.value);
    let backup = check_backup(backup, target.as_ref(), problems);
    let plugins = check_plugins(plugins, problems);
    let renderer = check_renderer(renderer, problems);
    let ignore = check_ignore(ignore, target.as_ref(), problems, texts);
    let variables = check_variables(variables, problems);
    let account = check_account(account, target.as_ref(), problems);
    let windows = check_windows(windows, problems);
    let previews = check_previews(previews, target.as_ref(), problems);
    let depends_on = depends_on.into_iter().flat_map(|list| list.value).map(|name| name.value).collect();
    Some(Unit {
        name: name?,
        source: source?,
        folders: folders?,
        target: target?,
        drift: drift?,
        prune: prune?,
        recreate,
        backup: backup?,
        guard: guard?,
        plugins: plugins?,
        renderer: renderer?,
        ignore: ignore?,
        variables: variables?,
        account: account?,
        windows: windows?,
        depends_on,
        previews: previews?,
    })
}

/// Variables that can be had. None of them is a secret: the confined process that reads manifests learns them, and whoever
/// writes a manifest can show them.
fn check_variables(written: Vec<(String, Written<String>)>, problems: &mut Problems) -> Option<Variables> {
    let (mut variables, mut sound) = (Variables::default(), true);
    for (name, Written { value, place }) in written {
        if is_secret_name(&name) {
            let help =
                "put secrets into a config bucket, `writ config set -s SCOPE -n NAME KEY=-`, or choose another name";
            refuse(problems, &place, format!("the variable `{}` looks like a secret", name.escape_debug()), help);
            sound = false;
        } else if let Err(unfit) = variables.set(&name, &value) {
            refuse(problems, &place, unfit.message, unfit.help);
            sound = false;
        }
    }
    sound.then_some(variables)
}

/// The name of something else in the settings.
pub(super) fn check_reference(
    what: &str,
    written: Written<String>,
    known: &[String],
    problems: &mut Problems,
) -> Option<String> {
    let Written { value, place } = written;
    if known.contains(&value) {
        return Some(value);
    }
    let help = match known {
        [] => format!("add a [[{what}]]"),
        _ => format!("the {what}s are: {}", known.join(", ")),
    };
    refuse(problems, &place, format!("there is no {what} called `{}`", value.escape_debug()), help);
    None
}

pub(super) fn check_tree_path(written: Written<String>, problems: &mut Problems) -> Option<String> {
    let Written { value, place } = written;
    let trimmed = value.strip_suffix('/').unwrap_or(&value);
    let trimmed = trimmed.strip_prefix("./").unwrap_or(trimmed);
    let leaves = trimmed.split('/').any(|part| part.is_empty() || part == "." || part == "..");
    if (leaves && trimmed != ".") || trimmed.chars().any(char::is_control) {
        let help = "write it from the top of the repository, as hosts/edge-1; `.` is all of it";
        refuse(problems, &place, format!("`{}` is no path of a repository", value.escape_debug()), help);
        return None;
    }
    Some(trimmed.to_owned())
}

fn check_target(written: &Written<String>, has_kubeconfig: bool, problems: &mut Problems) -> Option<Target> {
    let Written { value, place } = written;
    match value.split_once(':') {
        None if value == "docker" => Some(Target::Docker),
        None if value == "simulated" => Some(Target::Simulated),
        Some(("kubernetes", "in-cluster")) => Some(Target::Kubernetes(Cluster::Around)),
        Some(("kubernetes", context)) if !context.is_empty() && !context.chars().any(char::is_control) => {
            if !has_kubeconfig {
                let help = "set `kubeconfig` in [host] to the file that names the context";
                refuse(problems, place, format!("nothing says where the context `{context}` is"), help);
                return None;
            }
            Some(Target::Kubernetes(Cluster::Context(context.to_owned())))
        }
        _ => {
            let message = format!("`target` cannot be `{}`", value.escape_debug());
            let help = "use docker, kubernetes:CONTEXT, kubernetes:in-cluster or simulated";
            refuse(problems, place, message, help);
            None
        }
    }
}

fn check_prune(raw: Option<raw::Prune>, problems: &mut Problems) -> Option<PruneBudget> {
    let (max, percent) = raw.map_or((None, None), |raw::Prune { max, percent }| (max, percent));
    if let Some(Written { value, place }) = percent.as_ref().filter(|percent| percent.value > 100) {
        refuse(problems, place, format!("`percent` is {value}"), "use 0 to 100");
        return None;
    }
    Some(PruneBudget {
        max: max.map_or(writ_core::limits::PRUNE_MAX_DEFAULT, |written| written.value),
        percent: percent.map_or(writ_core::limits::PRUNE_PERCENT_DEFAULT, |written| written.value),
    })
}

pub(super) fn choose<T: Copy>(
    key: &str,
    written: &Written<String>,
    choices: &[(&str, T)],
    problems: &mut Problems,
) -> Option<T> {
    let Written { value, place } = written;
    let found = choices.iter().find(|(name, _)| name == value).map(|(_, choice)| *choice);
    if found.is_none() {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        refuse(
            problems,
            place,
            format!("`{key}` cannot be `{}`", value.escape_debug()),
            format!("use {}", names.join(" or ")),
        );
    }
    found
}
