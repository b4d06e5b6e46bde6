//! Reads a container back before it is started: it must be able to do to the machine what was asked, and no more.
//!
//! Invariant: a field that was not asked for must be empty, or one that the engine is known to fill in by itself.

use std::collections::{BTreeMap, BTreeSet};

use bollard::models::{
    ContainerConfig, ContainerCreateBody, ContainerInspectResponse, HostConfig, MountPoint, MountType,
};
use serde_json::{Map, Value, json};

use super::NETWORK;
use super::labels::ALL;

/// The engine's word for a volume among the mounts of a container.
const VOLUME: &str = "volume";

/// The engine's own kind of volumes.
const LOCAL: &str = "local";

/// What is different between a request and the container that the engine made of it; none if nothing is. `image_user` is
/// the user that the image names.
pub(super) fn difference(
    asked: &ContainerCreateBody,
    image_user: &str,
    found: &ContainerInspectResponse,
) -> Option<String> {
    let empty = HostConfig::default();
    let (want, have) = (asked.host_config.as_ref().unwrap_or(&empty), found.host_config.as_ref().unwrap_or(&empty));
    host_config(want, have)
        .or_else(|| config(asked, image_user, found.config.as_ref()))
        .or_else(|| confinement(want, found))
        .or_else(|| networks(found))
        .or_else(|| mounts(want, found))
}

/// Numbers that limit what a container uses, and what the engine's owner chose for all containers: no power over the host.
const INDIFFERENT: [&str; 20] = [
    "BlkioWeight",
    "ConsoleSize",
    "CpuCount",
    "CpuPercent",
    "CpuPeriod",
    "CpuQuota",
    "CpuRealtimePeriod",
    "CpuRealtimeRuntime",
    "CpuShares",
    "IOMaximumBandwidth",
    "IOMaximumIOps",
    "Init",
    "Memory",
    "MemoryReservation",
    "MemorySwap",
    "MemorySwappiness",
    "NanoCpus",
    "PidsLimit",
    "Runtime",
    "ShmSize",
];

/// Every field of what was asked of the host.
fn host_config(want: &HostConfig, have: &HostConfig) -> Option<String> {
    let (want, have) = (fields(want), fields(have));
    let names: BTreeSet<&String> = want.keys().chain(have.keys()).collect();
    names.into_iter().filter(|name| !INDIFFERENT.contains(&name.as_str())).find_map(|name| {
        let (asked, found) = (want.get(name).unwrap_or(&Value::Null), have.get(name).unwrap_or(&Value::Null));
        let is_same = match name.as_str() {
            // They are compared with what is mounted.
            "Mounts" => true,
            "CapAdd" | "CapDrop" => capabilities(asked) == capabilities(found),
            "SecurityOpt" => options(asked, &Map::new()) == options(found, &want),
            // Where the engine's owner chose the same driver, its further options are filled in.
            "LogConfig" => asked["Type"] == found["Type"] && holds(found, &asked["Config"]),
            "RestartPolicy" => asked["Name"] == found["Name"],
            "GroupAdd" => listed(asked) == listed(found),
            // The engine has its own idea of what a container has to itself.
            "IpcMode" => asked == found || is_empty(asked) && ["private", "shareable"].iter().any(|mode| found == mode),
            "CgroupnsMode" => {
                is_empty(asked) && ["private", "host"].iter().any(|mode| found == mode) || is_empty(found)
            }
            "Isolation" => is_empty(asked) && (is_empty(found) || found == "default"),
            // What is hidden of `/proc` and `/sys`; a privileged container sees all of it.
            "MaskedPaths" | "ReadonlyPaths" => want.get("Privileged") == Some(&json!(true)) || *found != json!([]),
            _ => asked == found || is_empty(asked) && is_empty(found),
        };
        (!is_same).then(|| format!("{name} is {found}, and {asked} was asked for"))
    })
}

fn fields(config: &HostConfig) -> Map<String, Value> {
    match serde_json::to_value(config) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => Map::new(),
    }
}

/// True for what says nothing.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// True if the options of a log hold those that were asked for.
fn holds(log: &Value, asked: &Value) -> bool {
    asked.as_object().into_iter().flatten().all(|(name, value)| log["Config"].get(name) == Some(value))
}

fn listed(value: &Value) -> BTreeSet<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn capabilities(value: &Value) -> BTreeSet<String> {
    let plain = |name: &str| name.to_ascii_uppercase().trim_start_matches("CAP_").to_owned();
    listed(value).into_iter().map(plain).collect()
}

/// Options of security without what the engine adds by itself: it takes labels of SELinux off a container that shares the
/// host's processes or memory anyway, and may write a value behind an option that has none.
fn options<'a>(value: &'a Value, want: &Map<String, Value>) -> BTreeSet<&'a str> {
    let shares = want.get("Privileged") == Some(&json!(true))
        || ["PidMode", "IpcMode"].iter().any(|mode| want.get(*mode) == Some(&json!("host")));
    let plain = |option: &'a str| option.strip_suffix("=true").or(option.strip_suffix(":true")).unwrap_or(option);
    listed(value).into_iter().map(plain).filter(|option| !(shares && *option == "label=disable")).collect()
}

/// The image, the user and Writ's labels. An image brings labels of its own; such as are Writ's would claim that the
/// container is somebody else's.
fn config(asked: &ContainerCreateBody, image_user: &str, found: Option<&ContainerConfig>) -> Option<String> {
    let Some(found) = found else { return Some("the engine does not show what it made".to_owned()) };
    if found.image != asked.image {
        return Some(format!("its image is {}", found.image.as_deref().unwrap_or("unset")));
    }
    let user = asked.user.as_deref().unwrap_or(image_user);
    if found.user.as_deref().unwrap_or_default() != user {
        return Some(format!(
            "its user is {:?}, and {user:?} was asked for",
            found.user.as_deref().unwrap_or_default()
        ));
    }
    let ours = |labels: Option<&std::collections::HashMap<String, String>>| -> BTreeMap<String, String> {
        let labels = labels.into_iter().flatten().filter(|(name, _)| ALL.contains(&name.as_str()));
        labels.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let (want, have) = (ours(asked.labels.as_ref()), ours(found.labels.as_ref()));
    let names: BTreeSet<&String> = want.keys().chain(have.keys()).collect();
    let other = names.into_iter().find(|name| want.get(*name) != have.get(*name))?;
    Some(format!("its label {other} is {:?}, and {:?} was asked for", have.get(other), want.get(other)))
}

/// The profile of AppArmor is the engine's own.
fn confinement(want: &HostConfig, found: &ContainerInspectResponse) -> Option<String> {
    let is_open = found.app_armor_profile.as_deref() == Some("unconfined");
    (is_open && want.privileged != Some(true)).then(|| "AppArmor does not confine it".to_owned())
}

/// It is on no network but the one that was asked for.
fn networks(found: &ContainerInspectResponse) -> Option<String> {
    let mode = found.host_config.as_ref().and_then(|host| host.network_mode.as_deref()).unwrap_or(NETWORK);
    let networks = found.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
    let other = networks.into_iter().flatten().map(|(name, _)| name).find(|name| *name != mode)?;
    Some(format!("it is on the network {other}"))
}

/// Every mount that was asked for is there as asked, and nothing of the host beyond.
fn mounts(want: &HostConfig, found: &ContainerInspectResponse) -> Option<String> {
    let mut left: Vec<_> = found.mounts.iter().flatten().collect();
    for mount in want.mounts.iter().flatten() {
        let target = mount.target.as_deref().unwrap_or_default();
        let at = left.iter().position(|have| have.destination.as_deref() == Some(target));
        let Some(have) = at.map(|at| left.remove(at)) else {
            // Memory is not listed among the mounts of a container that does not run.
            if mount.typ == Some(MountType::TMPFS) {
                continue;
            }
            return Some(format!("nothing is mounted at {target}"));
        };
        let kind = mount.typ.map(|kind| kind.to_string());
        if have.typ != kind {
            return Some(format!("{} is mounted at {target}", have.typ.as_deref().unwrap_or("something else")));
        }
        let source = if mount.typ == Some(MountType::BIND) { &have.source } else { &have.name };
        if mount.typ != Some(MountType::TMPFS) && *source != mount.source {
            return Some(format!("{} is mounted at {target}", source.as_deref().unwrap_or("something else")));
        }
        if mount.read_only.unwrap_or(false) && have.rw.unwrap_or(true) {
            return Some(format!("{target} can be written to"));
        }
        if let Some(wrong) = spreads(have).or_else(|| is_far(have)) {
            return Some(wrong);
        }
    }
    // What is left comes from the image: volumes of its own, which live and die with the container.
    left.iter().find_map(|have| {
        let of_host = have.typ.as_deref() != Some(VOLUME);
        let shown = || format!("{} of the host is mounted", have.source.as_deref().unwrap_or("something"));
        of_host.then(shown).or_else(|| is_far(have))
    })
}

/// A mount of which the host would see what the container mounts into it, or the other way round.
fn spreads(have: &MountPoint) -> Option<String> {
    let propagation = have.propagation.as_deref().filter(|word| !matches!(*word, "" | "rprivate" | "private"))?;
    Some(format!("the mount at {} is {propagation}", have.destination.as_deref().unwrap_or_default()))
}

/// A volume of another driver.
fn is_far(have: &MountPoint) -> Option<String> {
    let driver = have.driver.as_deref().filter(|driver| !driver.is_empty() && *driver != LOCAL)?;
    Some(format!("a volume of the driver {driver} is at {}", have.destination.as_deref().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use bollard::models::Mount;

    #[track_caller]
    fn check(change: impl FnOnce(&mut ContainerInspectResponse), expected: Option<&str>) {
        let bind = Mount {
            target: Some("/etc/app".to_owned()),
            source: Some("/state/files/ab".to_owned()),
            typ: Some(MountType::BIND),
            read_only: Some(true),
            ..Mount::default()
        };
        let host = HostConfig {
            network_mode: Some("voodu0".to_owned()),
            mounts: Some(vec![bind]),
            cap_add: Some(vec!["CHOWN".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            ..HostConfig::default()
        };
        let labels = Some(HashMap::from([("writ.unit".to_owned(), "edge".to_owned())]));
        let image = Some("app:1".to_owned());
        let asked = ContainerCreateBody {
            image: image.clone(),
            labels: labels.clone(),
            host_config: Some(host.clone()),
            ..ContainerCreateBody::default()
        };
        let config = ContainerConfig { image, labels, user: Some("app".to_owned()), ..ContainerConfig::default() };
        let mounted = MountPoint {
            typ: Some("bind".to_owned()),
            source: Some("/state/files/ab".to_owned()),
            destination: Some("/etc/app".to_owned()),
            rw: Some(false),
            ..MountPoint::default()
        };
        let mut found = ContainerInspectResponse {
            host_config: Some(host),
            config: Some(config),
            mounts: Some(vec![mounted]),
            ..ContainerInspectResponse::default()
        };
        change(&mut found);
        assert_eq!(difference(&asked, "app", &found).as_deref(), expected);
    }

    fn host(found: &mut ContainerInspectResponse) -> &mut HostConfig {
        found.host_config.as_mut().unwrap()
    }

    fn config_of(found: &mut ContainerInspectResponse) -> &mut ContainerConfig {
        found.config.as_mut().unwrap()
    }

    #[test]
    fn a_container_as_asked_for_has_no_difference() {
        check(|_| (), None);
        check(|found| host(found).ipc_mode = Some("private".to_owned()), None);
        check(|found| host(found).cap_add = Some(vec!["CAP_CHOWN".to_owned()]), None);
        check(|found| host(found).security_opt = Some(vec!["no-new-privileges:true".to_owned()]), None);
        check(|found| host(found).memory = Some(5), None);
        check(|found| host(found).runtime = Some("runc".to_owned()), None);
        check(|found| host(found).masked_paths = Some(vec!["/proc/kcore".to_owned()]), None);
        check(|found| drop(config_of(found).labels.as_mut().unwrap().insert("writ.note".into(), "ann".into())), None);
        let of_image =
            MountPoint { typ: Some(VOLUME.to_owned()), destination: Some("/data".to_owned()), ..MountPoint::default() };
        check(|found| found.mounts.as_mut().unwrap().push(of_image), None);
    }

    #[test]
    fn a_container_that_can_do_more_than_asked_for_is_told() {
        check(|found| host(found).privileged = Some(true), Some("Privileged is true, and null was asked for"));
        check(|found| host(found).pid_mode = Some("host".into()), Some("PidMode is \"host\", and null was asked for"));
        check(
            |found| host(found).network_mode = Some("bridge".into()),
            Some("NetworkMode is \"bridge\", and \"voodu0\" was asked for"),
        );
        check(
            |found| host(found).cap_add = Some(vec!["CAP_SYS_ADMIN".to_owned()]),
            Some("CapAdd is [\"CAP_SYS_ADMIN\"], and [\"CHOWN\"] was asked for"),
        );
        check(
            |found| host(found).security_opt = Some(vec!["label=disable".into(), "no-new-privileges".into()]),
            Some("SecurityOpt is [\"label=disable\",\"no-new-privileges\"], and [\"no-new-privileges\"] was asked for"),
        );
        check(|found| host(found).masked_paths = Some(Vec::new()), Some("MaskedPaths is [], and null was asked for"));
        check(|found| found.app_armor_profile = Some("unconfined".to_owned()), Some("AppArmor does not confine it"));
        check(|found| found.config = None, Some("the engine does not show what it made"));
        check(|found| config_of(found).image = Some("other:1".to_owned()), Some("its image is other:1"));
        check(|found| config_of(found).user = None, Some("its user is \"\", and \"app\" was asked for"));
        check(
            |found| drop(config_of(found).labels.as_mut().unwrap().insert("writ.role".into(), "init".into())),
            Some("its label writ.role is Some(\"init\"), and None was asked for"),
        );
    }

    #[test]
    fn a_mount_that_is_not_as_asked_for_is_told() {
        check(|found| found.mounts = None, Some("nothing is mounted at /etc/app"));
        check(|found| found.mounts.as_mut().unwrap()[0].rw = Some(true), Some("/etc/app can be written to"));
        let change = |change: fn(&mut MountPoint), expected: &str| {
            check(|found| change(&mut found.mounts.as_mut().unwrap()[0]), Some(expected));
        };
        change(|mount| mount.source = Some("/etc".to_owned()), "/etc is mounted at /etc/app");
        change(|mount| mount.typ = Some(VOLUME.to_owned()), "volume is mounted at /etc/app");
        change(|mount| mount.propagation = Some("rshared".to_owned()), "the mount at /etc/app is rshared");
        change(|mount| mount.driver = Some("nfs".to_owned()), "a volume of the driver nfs is at /etc/app");
        let socket = MountPoint {
            typ: Some("bind".to_owned()),
            source: Some("/run/docker.sock".to_owned()),
            destination: Some("/run/docker.sock".to_owned()),
            ..MountPoint::default()
        };
        check(|found| found.mounts.as_mut().unwrap().push(socket), Some("/run/docker.sock of the host is mounted"));
    }

    #[test]
    fn every_field_of_the_host_that_was_not_asked_for_is_told_if_it_is_set() {
        let set = |name: &str| -> Option<HostConfig> {
            let values = [json!("x"), json!(true), json!(7), json!(["x"]), json!({"x": "y"}), json!([{"Path": "x"}])];
            let more = [
                json!("host"),
                json!("process"),
                json!({"Name": "always"}),
                json!({"Type": "syslog"}),
                json!({"80/tcp": []}),
            ];
            values.into_iter().chain(more).find_map(|value| {
                let read: HostConfig = serde_json::from_value(json!({ name: value })).ok()?;
                fields(&read).get(name).is_some_and(|value| !is_empty(value)).then_some(read)
            })
        };
        let names = super::super::sent::tests::fields_of::<HostConfig>();
        assert!(names.len() > 60, "{names:?}");
        for name in names.iter().filter(|name| !INDIFFERENT.contains(name) && !matches!(**name, "Mounts")) {
            let have = set(name).unwrap_or_else(|| panic!("no value for {name}"));
            let is_free = match *name {
                // Asked for nothing, the engine fills these in.
                "CgroupnsMode" | "MaskedPaths" | "ReadonlyPaths" => true,
                _ => false,
            };
            let found = host_config(&HostConfig::default(), &have);
            assert_eq!(found.is_some(), !is_free, "{name}: {found:?}");
        }
        for name in INDIFFERENT {
            assert!(names.contains(&name), "{name} is no field");
        }
    }
}
