//! The guard, asked about pods that no manifest could describe, beside a list by hand of what is dangerous.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use writ_core::dialect::{Files, lower};
use writ_core::guard::{Grants, Grounds, HostPaths, Policy, Profile, Seen, check};
use writ_core::hash::HashKey;
use writ_core::model::{
    Buckets, ContainerSpec, Desired, Kind, Mount, MountSource, ObjectId, PodIndex, PodSpec, Port, Protocol, Publish,
    Security, VolumeSpec, World, resolve,
};
use writ_core::plan::{Act, Cause, Lane, Plan, Step, Verb};

use crate::driver::Target;

const MANIFEST: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app, namespace: guarded}\nspec:\n  \
    selector: {matchLabels: {app: app}}\n  template:\n    metadata: {labels: {app: app}}\n    spec:\n      \
    containers: [{name: app, image: 'example/app:1'}]\n";

/// A pod that asks for nothing.
fn plain() -> PodSpec {
    let lowered = lower(&Files::from([("a.yaml".to_owned(), MANIFEST.into())])).0.unwrap();
    let world = World { buckets: Buckets::new(), hash_key: HashKey([7; 32]) };
    let (desired, _) = resolve(&lowered.objects, &world).unwrap();
    desired.workloads.values().next().unwrap().pod(&PodIndex::Replica("1a2b".to_owned()))
}

/// The bytes of an input, each a choice; nothing is chosen once they have ended.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn number(&mut self) -> usize {
        usize::from(*self.0.next().unwrap_or(&0))
    }

    fn yes(&mut self) -> bool {
        self.number() % 4 == 1
    }

    fn one_of<'b>(&mut self, all: &[&'b str]) -> &'b str {
        all[self.number() % all.len()]
    }

    fn many<T>(&mut self, each: impl Fn(&mut Self) -> T) -> Vec<T> {
        (0..self.number() % 4).map(|_| each(self)).collect()
    }
}

const CAPABILITIES: &[&str] = &[
    "CHOWN",
    "chown",
    "CAP_CHOWN",
    "cap_Chown",
    " CHOWN",
    "CHOWN ",
    "CAP_CAP_CHOWN",
    "",
    "CAP_",
    "ALL",
    "all",
    "CAP_ALL",
    "SYS_ADMIN",
    "NET_RAW",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "MKNOD",
    "SYS_PTRACE",
    "CHOWN,SYS_ADMIN",
    "ＣＨＯＷＮ",
    "CHOWN\0",
];

const NAMESPACES: &[&str] =
    &["network", "pid", "ipc", "uts", "user", "cgroup", "container:0123", "Network", "", "host"];

const WORDS: &[&str] = &[
    "",
    ".",
    "..",
    "etc",
    "srv",
    "media",
    "var",
    "run",
    "docker.sock",
    "proc",
    "sys",
    "dev",
    "lib",
    "writ",
    "disk",
    "root",
    "boot",
    "a\0b",
    "...",
    "ETC",
];

const VOLUMES: &[&str] = &[
    "voodu-guarded-app-data-0",
    "voodu-other-app-data-0",
    "/etc",
    "voodu-/../../etc",
    "data",
    "",
    "voodu-",
    "voodu-a:/etc",
];

fn path(choices: &mut Choices<'_>) -> String {
    let words: Vec<&str> = choices.many(|choices| choices.one_of(WORDS));
    let first = if choices.number() % 8 == 7 { "" } else { "/" };
    format!("{first}{}", words.join("/"))
}

fn address(choices: &mut Choices<'_>) -> IpAddr {
    match choices.number() % 6 {
        0 => Ipv4Addr::LOCALHOST.into(),
        1 => Ipv4Addr::UNSPECIFIED.into(),
        2 => Ipv4Addr::new(127, 9, 9, 9).into(),
        3 => Ipv6Addr::LOCALHOST.into(),
        4 => Ipv6Addr::UNSPECIFIED.into(),
        _ => Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().into(),
    }
}

fn mount(choices: &mut Choices<'_>) -> Mount {
    let source = match choices.number() % 3 {
        0 => MountSource::Empty { name: "scratch".to_owned(), memory: false, limit: None },
        1 => MountSource::Volume(choices.one_of(VOLUMES).to_owned()),
        _ => MountSource::Host(path(choices)),
    };
    Mount { path: "/v".to_owned(), source, read_only: choices.yes() }
}

fn container(choices: &mut Choices<'_>, plain: &ContainerSpec) -> ContainerSpec {
    let security = Security {
        run_as_user: choices.yes().then(|| u32::from(choices.yes())),
        run_as_non_root: choices.yes(),
        read_only_root: choices.yes(),
        privileged: choices.yes(),
        allow_privilege_escalation: choices.yes().then(|| choices.yes()),
        capabilities_add: choices.many(|choices| choices.one_of(CAPABILITIES).to_owned()),
        capabilities_drop: choices.many(|choices| choices.one_of(CAPABILITIES).to_owned()),
        host_namespaces: if choices.yes() {
            choices.many(|choices| choices.one_of(NAMESPACES).to_owned())
        } else {
            Vec::new()
        },
        ..Security::default()
    };
    let port = |choices: &mut Choices<'_>| {
        let publish = choices.yes().then(|| Publish { address: address(choices), port: choices.yes().then_some(80) });
        Port { name: None, container: 80, protocol: Protocol::Tcp, publish }
    };
    let (ports, mounts) = (choices.many(port), choices.many(mount));
    ContainerSpec { security, ports, mounts, ..plain.clone() }
}

fn pod(choices: &mut Choices<'_>, plain: &PodSpec) -> PodSpec {
    let volume = |choices: &mut Choices<'_>| {
        let scope = if choices.yes() { "other" } else { "guarded" };
        let object = ObjectId::new(Kind::Deployment, scope, "app");
        VolumeSpec { name: choices.one_of(VOLUMES).to_owned(), object, claim: "data".to_owned(), ordinal: 0 }
    };
    let init = if choices.yes() { choices.many(|choices| container(choices, &plain.main)) } else { Vec::new() };
    let (main, volumes) = (container(choices, &plain.main), choices.many(volume));
    let beside = if choices.yes() { choices.many(|choices| container(choices, &plain.main)) } else { Vec::new() };
    PodSpec { init, main, beside, volumes, ..plain.clone() }
}

/// Where the paths of a pod lead: to themselves, to a device, nobody knows where, or elsewhere.
fn looked_at(choices: &mut Choices<'_>, pod: &PodSpec) -> Vec<(String, Seen)> {
    let sources = containers(pod).flat_map(|container| &container.mounts).map(|mount| &mount.source);
    let paths: BTreeSet<&String> =
        sources.filter_map(|source| if let MountSource::Host(path) = source { Some(path) } else { None }).collect();
    let seen = paths.into_iter().map(|asked| {
        let seen = match choices.number() % 8 {
            1 => Seen::Device(asked.clone()),
            2 => Seen::Unknown("it is gone".to_owned()),
            3 => Seen::At(path(choices)),
            _ => Seen::At(asked.clone()),
        };
        (asked.clone(), seen)
    });
    seen.collect()
}

fn containers(pod: &PodSpec) -> impl Iterator<Item = &ContainerSpec> {
    pod.init.iter().chain([&pod.main]).chain(&pod.beside)
}

/// The oracle: what is dangerous to a host of a profile, written without a look at the guard's own rules.
struct Oracle<'a> {
    profile: Profile,
    seen: &'a [(String, Seen)],
}

impl Oracle<'_> {
    fn is_dangerous(&self, pod: &PodSpec) -> bool {
        containers(pod).any(|container| {
            self.may_too_much(&container.security)
                || container.ports.iter().filter_map(|port| port.publish).any(|publish| self.is_open(publish.address))
                || container.mounts.iter().any(|mount| self.shows_too_much(pod, &mount.source))
        })
    }

    fn is_open(&self, address: IpAddr) -> bool {
        let inside = match address {
            IpAddr::V4(address) => address.octets()[0] == 127,
            IpAddr::V6(address) => address.segments() == [0, 0, 0, 0, 0, 0, 0, 1],
        };
        self.profile != Profile::Privileged && !inside
    }

    fn may_too_much(&self, security: &Security) -> bool {
        let known = |namespace: &String| ["network", "pid", "ipc"].contains(&namespace.as_str());
        if !security.host_namespaces.iter().all(known) {
            return true;
        }
        let plain = |name: &String| -> String {
            let upper: String = name.chars().map(|letter| letter.to_ascii_uppercase()).collect();
            upper.strip_prefix("CAP_").map(str::to_owned).unwrap_or(upper)
        };
        let added: Vec<String> = security.capabilities_add.iter().map(plain).collect();
        let open = match self.profile {
            Profile::Privileged => return false,
            Profile::Baseline => {
                "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT"
            }
            Profile::Restricted => "NET_BIND_SERVICE",
        };
        let listed = |name: &String| open.split(' ').any(|open| open == name);
        if security.privileged || !security.host_namespaces.is_empty() || !added.iter().all(listed) {
            return true;
        }
        let is_root = match security.run_as_user {
            Some(user) => user == 0,
            None => !security.run_as_non_root,
        };
        let keeps = !security.capabilities_drop.iter().any(|name| name == "ALL" || name == "all");
        let gains = security.allow_privilege_escalation != Some(false);
        self.profile == Profile::Restricted && (is_root || keeps || gains)
    }

    fn shows_too_much(&self, pod: &PodSpec, source: &MountSource) -> bool {
        match source {
            MountSource::Empty { name: _, memory: _, limit: _ } | MountSource::Directory(_) | MountSource::File(_) => {
                false
            }
            MountSource::Volume(name) => {
                let own =
                    pod.volumes.iter().filter(|volume| volume.object == pod.object).any(|volume| volume.name == *name);
                let is_name = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
                !(own && name.starts_with("voodu-") && name.chars().all(is_name))
            }
            MountSource::Host(path) => {
                let there = self.seen.iter().find(|(asked, _)| asked == path).map(|(_, seen)| seen);
                let leads = match there {
                    Some(Seen::At(found)) => is_the_hosts_own(found),
                    Some(Seen::Device(_) | Seen::Unknown(_)) | None => true,
                };
                self.profile != Profile::Privileged || is_the_hosts_own(path) || leads
            }
        }
    }
}

/// A path by which somebody would have the machine: all of it, its accounts, devices, kernel, engines, services, Writ.
fn is_the_hosts_own(path: &str) -> bool {
    let words: Vec<&str> = path.split('/').filter(|word| !word.is_empty() && *word != ".").collect();
    if !path.starts_with('/') || words.is_empty() || words.contains(&"..") || path.contains('\0') {
        return true;
    }
    let flat = format!("/{}/", words.join("/"));
    [
        "/boot/",
        "/dev/",
        "/etc/",
        "/lib/systemd/",
        "/proc/",
        "/root/",
        "/run/containerd/",
        "/run/crio/",
        "/run/dbus/",
        "/run/docker.sock/",
        "/run/podman/",
        "/run/systemd/",
        "/run/writ/",
        "/sys/",
        "/usr/lib/systemd/",
        "/var/lib/containerd/",
        "/var/lib/docker/",
        "/var/lib/writ/",
        "/var/run/",
        "/var/spool/cron/",
    ]
    .iter()
    .any(|own| own.starts_with(&flat) || flat.starts_with(own))
}

fn creating(pod: &PodSpec) -> Plan {
    let step = Step {
        verb: Verb::Create,
        object: pod.object.clone(),
        pod: Some(pod.name.clone()),
        why: "by hand".to_owned(),
        cause: Cause::Change,
        from: None,
        to: None,
        act: Act::CreatePod(Box::new(pod.clone())),
        wait: None,
    };
    Plan {
        shared: Vec::new(),
        lanes: vec![Lane { object: pod.object.clone(), steps: vec![step], then: None, delay: None, run: None }],
    }
}

#[test]
fn the_guard_refuses_every_pod_that_a_list_by_hand_calls_dangerous_and_no_other() {
    let plain = plain();
    let check = |bytes: &[u8]| {
        let mut choices = Choices(bytes.iter());
        let profile = Profile::ALL[choices.number() % Profile::ALL.len()];
        let pod = pod(&mut choices, &plain);
        let seen = looked_at(&mut choices, &pod);
        let mut paths = HostPaths::default();
        for (path, seen) in &seen {
            paths.insert(path, seen.clone());
        }
        let (policy, grants): (Policy, _) = (profile.policy(), Grants::all());
        let grounds = Grounds { policy: &policy, grants: &grants, paths: &paths, desired: &Desired::default() };
        let checked = check(creating(&pod), &grounds);
        let made = checked.plan().steps().any(|step| matches!(step.act, Act::CreatePod(_)));
        let oracle = Oracle { profile, seen: &seen };
        assert_eq!(made, !oracle.is_dangerous(&pod), "{profile:?} {pod:?}\n{:?}", checked.refusals());
        assert_eq!(made, checked.refusals().is_empty());
        let rules: BTreeSet<&str> = checked.refusals().iter().map(|refusal| refusal.rule.name()).collect();
        let details: String = checked.refusals().iter().map(|refusal| format!("{}\n", refusal.detail)).collect();
        assert!(!details.chars().any(|letter| letter.is_control() && letter != '\n'), "{details:?}");
        format!("{}: {rules:?}", profile.name()).replace('"', "")
    };
    let seeds =
        (0..8_u8).map(|seed| (0..64).map(|at: u8| at.wrapping_mul(seed).wrapping_add(seed)).collect()).collect();
    Target { name: "guard", seeds, words: &["\0\0\0\0", "\x01\x01\x01\x01", "\x02\x02\x02"], check: &check }.run();
}
