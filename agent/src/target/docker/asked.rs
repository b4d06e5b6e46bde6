//! What a pod's container is asked to be, and whether it still is.
//!
//! Invariant: a field that the engine fills in by itself is never an alteration.

use std::collections::BTreeSet;

use bollard::models::{ContainerInspectResponse, HostConfig, RestartPolicyNameEnum};
use writ_core::model::{ContainerSpec, PodSpec, Resources};
use writ_core::observed::Alteration;

use super::NETWORK;
use super::labels::{Asked, PreStop};

/// Fewest and most shares that Linux knows. Source: `cpu.shares` of cgroups, as a kubelet uses it.
const SHARES: (u64, u64) = (2, 262_144);
const SHARES_PER_CORE: u64 = 1_024;
const MILLIS_PER_CORE: u64 = 1_000;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// What the container is asked to be that is the pod.
pub(super) fn of_pod(pod: &PodSpec, address: Option<String>, swap_limit: bool) -> Asked {
    let fs_group = pod.fs_group.map(|group| (group, pod.volumes.iter().map(|volume| volume.name.clone()).collect()));
    let (own, shared) = (pod.own_names.clone(), pod.shared_names.clone());
    Asked { own, shared, address, fs_group, ..of_container(pod, &pod.main, swap_limit) }
}

/// What a container is asked to be that is joined to the sandbox of its pod.
pub(super) fn of_container(pod: &PodSpec, container: &ContainerSpec, swap_limit: bool) -> Asked {
    let Resources { cpu_request_millis, cpu_limit_millis, memory_request_bytes, memory_limit_bytes } =
        container.resources;
    let memory = signed(memory_limit_bytes);
    let shares = |millis: u64| (millis.saturating_mul(SHARES_PER_CORE) / MILLIS_PER_CORE).clamp(SHARES.0, SHARES.1);
    Asked {
        own: Vec::new(),
        shared: Vec::new(),
        address: None,
        grace: pod.grace.0,
        fs_group: None,
        cpu_shares: signed(cpu_request_millis.map(shares)),
        nano_cpus: signed(cpu_limit_millis.map(|millis| millis.saturating_mul(NANOS_PER_MILLI))),
        memory,
        memory_reservation: signed(memory_request_bytes),
        // A limit without swap is what a kubelet gives; a kernel that cannot count swap is not asked.
        memory_swap: if swap_limit { memory } else { 0 },
        // What stands beside the main containers of a run is started again, should it end before them.
        ends: pod.ends && !container.sidecar,
        pre_stop: container.hooks.pre_stop.as_ref().map(PreStop::of),
        members: None,
    }
}

fn signed(value: Option<u64>) -> i64 {
    value.map_or(0, |value| i64::try_from(value).unwrap_or(i64::MAX))
}

/// Writes what can change into a request.
pub(super) fn put(asked: &Asked, host: &mut HostConfig) {
    let some = |value: i64| (value != 0).then_some(value);
    host.cpu_shares = some(asked.cpu_shares);
    host.nano_cpus = some(asked.nano_cpus);
    host.memory = some(asked.memory);
    host.memory_reservation = some(asked.memory_reservation);
    host.memory_swap = some(asked.memory_swap);
}

/// What a person changed about a container, of what can be changed while it lives.
pub(super) fn alterations(asked: &Asked, pod: &str, found: &ContainerInspectResponse) -> Vec<Alteration> {
    let mut altered = Vec::new();
    let name = found.name.as_deref().unwrap_or_default().trim_start_matches('/');
    if name != pod {
        altered.push(Alteration::Renamed(name.to_owned()));
    }
    if !is_connected(asked, found) {
        altered.push(Alteration::Disconnected);
    }
    if let Some(host) = &found.host_config {
        altered.extend(limits(asked, host));
    }
    altered
}

/// True if the container is on the host's network under its own names, or does not belong on it.
pub(super) fn is_connected(asked: &Asked, found: &ContainerInspectResponse) -> bool {
    if asked.address.is_none() {
        return true;
    }
    aliases(found).is_some_and(|aliases| asked.own.iter().all(|name| aliases.contains(name.as_str())))
}

/// True if the shared names lead to the container; true as well if it has none beyond its own.
pub(super) fn is_published(asked: &Asked, found: &ContainerInspectResponse) -> bool {
    aliases(found).is_some_and(|aliases| asked.shared.iter().all(|name| aliases.contains(name.as_str())))
}

/// The container's names on the host's network; none if it is not on it.
fn aliases(found: &ContainerInspectResponse) -> Option<BTreeSet<&str>> {
    let endpoint = found.network_settings.as_ref()?.networks.as_ref()?.get(NETWORK)?;
    Some(endpoint.aliases.iter().flatten().map(String::as_str).collect())
}

fn limits(asked: &Asked, host: &HostConfig) -> Vec<Alteration> {
    let mut altered = Vec::new();
    let mut number = |name: &str, asked: i64, found: Option<i64>, filled_in: &[i64]| {
        let found = found.unwrap_or(0);
        if found != asked && !filled_in.contains(&found) {
            altered.push(Alteration::Field(format!("{name} is {}, was made with {}", shown(found), shown(asked))));
        }
    };
    let memory = asked.memory;
    // Where swap was not asked about, the engine writes -1 or twice the memory.
    let swap: &[i64] = if asked.memory_swap == 0 { &[-1, memory.saturating_mul(2)] } else { &[] };
    number("CpuShares", asked.cpu_shares, host.cpu_shares, &[]);
    number("NanoCpus", asked.nano_cpus, host.nano_cpus, &[]);
    number("Memory", memory, host.memory, &[]);
    number("MemoryReservation", asked.memory_reservation, host.memory_reservation, &[]);
    number("MemorySwap", asked.memory_swap, host.memory_swap, swap);
    number("CpuPeriod", 0, host.cpu_period, &[]);
    number("CpuQuota", 0, host.cpu_quota, &[]);
    number("BlkioWeight", 0, host.blkio_weight.map(i64::from), &[]);
    // Nothing is asked about the number of processes; -1 is the engine's word for no limit.
    number("PidsLimit", 0, host.pids_limit, &[-1]);
    for (name, cpus) in [("CpusetCpus", &host.cpuset_cpus), ("CpusetMems", &host.cpuset_mems)] {
        if let Some(cpus) = cpus.as_deref().filter(|cpus| !cpus.is_empty()) {
            altered.push(Alteration::Field(format!("{name} is {cpus}, was made without")));
        }
    }
    let restart = host.restart_policy.as_ref().and_then(|policy| policy.name);
    let made_with = restarts(asked.ends);
    if restart != Some(made_with) {
        let found = restart.map_or_else(|| "unset".to_owned(), |name| name.to_string());
        altered.push(Alteration::Field(format!("RestartPolicy is {found}, was made with {made_with}")));
    }
    altered
}

/// Whether the engine starts a pod's container again by itself.
pub(super) const fn restarts(ends: bool) -> RestartPolicyNameEnum {
    if ends { RestartPolicyNameEnum::NO } else { RestartPolicyNameEnum::UNLESS_STOPPED }
}

fn shown(value: i64) -> String {
    if value == 0 { "unset".to_owned() } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use bollard::models::{EndpointSettings, NetworkSettings, RestartPolicy};

    fn asked() -> Asked {
        Asked {
            own: vec!["pg-0.data".to_owned()],
            shared: vec!["pg.data".to_owned()],
            address: Some("10.0.0.2".to_owned()),
            grace: 30,
            fs_group: None,
            cpu_shares: 102,
            nano_cpus: 0,
            memory: 64 << 20,
            memory_reservation: 0,
            memory_swap: 0,
            ends: false,
            pre_stop: None,
            members: None,
        }
    }

    fn made(change: impl FnOnce(&mut HostConfig)) -> ContainerInspectResponse {
        let mut host = HostConfig::default();
        put(&asked(), &mut host);
        host.restart_policy =
            Some(RestartPolicy { name: Some(RestartPolicyNameEnum::UNLESS_STOPPED), maximum_retry_count: Some(0) });
        change(&mut host);
        let endpoint = EndpointSettings {
            aliases: Some(vec!["pg-0.data".to_owned(), "0123456789ab".to_owned()]),
            ..EndpointSettings::default()
        };
        let networks = Some(HashMap::from([(NETWORK.to_owned(), endpoint)]));
        ContainerInspectResponse {
            name: Some("/data-pg.0".to_owned()),
            host_config: Some(host),
            network_settings: Some(NetworkSettings { networks, ..NetworkSettings::default() }),
            ..ContainerInspectResponse::default()
        }
    }

    fn check(found: &ContainerInspectResponse, expected: &[&str]) {
        let words = |alteration: Alteration| match alteration {
            Alteration::Renamed(name) => format!("renamed {name}"),
            Alteration::Disconnected => "disconnected".to_owned(),
            Alteration::Field(text) => text,
            other @ (Alteration::Part(_) | Alteration::Lingers) => format!("{other:?}"),
        };
        let altered: Vec<String> = alterations(&asked(), "data-pg.0", found).into_iter().map(words).collect();
        assert_eq!(altered, expected);
    }

    #[test]
    fn what_the_engine_fills_in_is_no_alteration() {
        check(&made(|_| ()), &[]);
        check(&made(|host| host.memory_swap = Some(128 << 20)), &[]);
        check(&made(|host| host.memory_swap = Some(-1)), &[]);
        check(&made(|host| host.pids_limit = Some(-1)), &[]);
    }

    #[test]
    fn what_a_person_changes_is_an_alteration() {
        check(&made(|host| host.memory = Some(1 << 30)), &["Memory is 1073741824, was made with 67108864"]);
        check(&made(|host| host.nano_cpus = Some(5)), &["NanoCpus is 5, was made with unset"]);
        check(&made(|host| host.cpuset_cpus = Some("0".to_owned())), &["CpusetCpus is 0, was made without"]);
        check(&made(|host| host.restart_policy = None), &["RestartPolicy is unset, was made with unless-stopped"]);
        let restarts = |host: &mut HostConfig| {
            host.restart_policy =
                Some(RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None });
        };
        check(&made(restarts), &["RestartPolicy is no, was made with unless-stopped"]);
        let of_a_job = Asked { ends: true, ..asked() };
        assert_eq!(alterations(&of_a_job, "data-pg.0", &made(restarts)), []);
        let mut renamed = made(|_| ());
        renamed.name = Some("/other".to_owned());
        check(&renamed, &["renamed other"]);
        let mut disconnected = made(|_| ());
        disconnected.network_settings = None;
        check(&disconnected, &["disconnected"]);
    }

    #[test]
    fn the_shared_names_are_seen_once_they_lead_to_the_container() {
        assert!(!is_published(&asked(), &made(|_| ())));
        let without_shared = Asked { shared: Vec::new(), ..asked() };
        assert!(is_published(&without_shared, &made(|_| ())));
    }
}
