//! The one way of a plan through the guard: what is on the disk is looked at, then core decides.
//!
//! Invariant: whatever is applied comes through [`check`], by whichever command.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use writ_core::guard::{self, CheckedPlan, Foreseen, Grants, Grounds, HostPaths, Policy};
use writ_core::model::Desired;
use writ_core::plan::{self, Plan};

use crate::agent::Unit;
use crate::settings::{Credentials, Guard, Host, Listen, MutualTls, Report, Settings, Source, Web};

/// What the pods of a unit may not do: its policy, and the paths that are Writ's own on this host.
#[must_use]
pub fn policy(settings: &Settings, guard: &Guard) -> Policy {
    let mut policy = guard.policy.clone();
    for path in own_paths(settings, guard) {
        policy = protecting(policy, &path);
    }
    policy
}

/// Judges a plan of a unit, once the data was looked at that its pods would be let at.
pub async fn check(unit: &Unit, plan: Plan, desired: &Desired, grants: &Grants) -> CheckedPlan {
    let questions = plan::questions(&plan);
    let plan = match questions.as_slice() {
        [] => plan,
        [..] => plan::preflight(plan, &unit.place.target.data(&questions).await, &unit.settings.policy()),
    };
    let wanted = guard::host_paths(&plan, desired);
    if wanted.is_empty() {
        return judged(plan, &unit.guard, grants, &HostPaths::default(), desired);
    }
    let target = &unit.place.target;
    let policy = target.private_paths().iter().fold(unit.guard.clone(), |policy, path| protecting(policy, path));
    judged(plan, &policy, grants, &target.host_paths(&wanted), desired)
}

/// What would become of a plan for something that nobody admitted. No disk is looked at: what it would be let at is judged as it is
/// written.
#[must_use]
pub fn foresee(unit: &Unit, plan: Plan, desired: &Desired, grants: &Grants) -> Foreseen {
    let private = unit.place.target.private_paths();
    let policy = private.iter().fold(unit.guard.clone(), |policy, path| protecting(policy, path));
    guard::foresee(plan, &Grounds { policy: &policy, grants, paths: &HostPaths::as_written(), desired })
}

fn judged(plan: Plan, policy: &Policy, grants: &Grants, paths: &HostPaths, desired: &Desired) -> CheckedPlan {
    guard::check(plan, &Grounds { policy, grants, paths, desired })
}

/// Protects a path as it is called and where it is.
fn protecting(policy: Policy, path: &Path) -> Policy {
    let policy = policy.protecting(&path.display().to_string());
    match fs::canonicalize(path) {
        Ok(found) => policy.protecting(&found.display().to_string()),
        // What is not there yet is protected by its name.
        Err(_) => policy,
    }
}

/// The state directory, the socket of the engine, folders of backups, and files that hold secrets or say what is allowed.
fn own_paths(settings: &Settings, guard: &Guard) -> BTreeSet<PathBuf> {
    let Settings { host, sources, units, reports, ingress: _, web, alerts, hint, traces } = settings;
    let Host {
        name: _,
        labels: _,
        state,
        allow_unsigned_apply: _,
        engine,
        guard: of_host,
        trust,
        revoked,
        age_identity_file,
        kubeconfig,
        standby: _,
    } = host;
    let mut paths = BTreeSet::from([state.clone(), engine.clone()]);
    paths.extend([trust, revoked, age_identity_file, kubeconfig].into_iter().flatten().cloned());
    paths.extend(units.iter().filter_map(|unit| Some(PathBuf::from(&unit.backup.as_ref()?.directory))));
    paths.extend([guard, of_host].into_iter().filter_map(|guard| Some(guard.file()?.to_path_buf())));
    paths.extend(sources.iter().filter_map(|source| source.hint_secret_file.clone()));
    let of_sources = sources.iter().map(|source| {
        let Source {
            name: _,
            url: _,
            transport: _,
            branch: _,
            poll: _,
            publish: _,
            hint_secret_file: _,
            credentials,
            introduction: _,
        } = source;
        credentials
    });
    let of_plugins = units.iter().flat_map(|unit| &unit.plugins).map(|plugin| &plugin.credentials);
    for Credentials { ssh_key_file, known_hosts_file, token_file } in of_sources.chain(of_plugins) {
        paths.extend([ssh_key_file, known_hosts_file, token_file].into_iter().flatten().cloned());
    }
    paths.extend(alerts.iter().flat_map(|alert| alert.way.files()).map(Path::to_path_buf));
    paths.extend(traces.as_ref().and_then(|traces| traces.token_file.clone()));
    let listens = [web.as_ref().map(|web| &web.listen), hint.as_ref().map(|hint| &hint.listen)];
    if let Some(Web { listen: _, token_file, tls, url: _ }) = web {
        paths.extend(token_file.clone());
        if let Some(MutualTls { certificate_file, key_file, client_ca_file }) = tls {
            paths.extend([certificate_file, key_file, client_ca_file].map(Clone::clone));
        }
    }
    for listen in listens.into_iter().flatten() {
        match listen {
            Listen::Address(_) => {}
            Listen::Socket(socket) => drop(paths.insert(socket.clone())),
        }
    }
    for Report { forge: _, url: _, login, project: _, source: _ } in reports {
        paths.insert(login.file().to_path_buf());
    }
    paths
}
