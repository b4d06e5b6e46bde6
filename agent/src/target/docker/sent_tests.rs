//! What is sent to an engine, field by field of what the library knows: what is set on purpose, and nothing else.

use bollard::models::{
    EndpointIpamConfig, EndpointSettings, HostConfig, Ipam, IpamConfig, Mount, MountTmpfsOptions, MountVolumeOptions,
    NetworkingConfig,
};
use serde::de::value::Error as NoValue;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;
use writ_core::hash::SpecHash;
use writ_core::model::{
    Dns, Extras, Kind, LogRoom, Logins, Mount as PodMount, ObjectId, PodIndex, Port, ProcessLimit, Protocol, Publish,
    PullPolicy, Resources, VolumeSpec,
};
use writ_core::time::Seconds;

use super::super::request::{Facts, Mounted, Source, body};
use super::*;

/// The names of all fields of a structure, as its own reader asks for them.
pub(in super::super) fn fields_of<'de, T: Deserialize<'de>>() -> Vec<&'static str> {
    struct Names<'a>(&'a mut Vec<&'static str>);
    impl<'de> Deserializer<'de> for Names<'_> {
        type Error = NoValue;
        fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, NoValue> {
            Err(NoValue::custom("only the names are wanted"))
        }
        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _name: &'static str,
            fields: &'static [&'static str],
            _visitor: V,
        ) -> Result<V::Value, NoValue> {
            self.0.extend(fields);
            Err(NoValue::custom("only the names are wanted"))
        }
        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
            unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }
    let mut names = Vec::new();
    assert!(T::deserialize(Names(&mut names)).is_err() && !names.is_empty());
    names
}

fn spec() -> PodSpec {
    let object = ObjectId::new(Kind::StatefulSet, "data", "pg");
    let mount = |path: &str, source| PodMount { path: path.to_owned(), source, read_only: false };
    let publish = Some(Publish { address: "127.0.0.1".parse().unwrap(), port: Some(5432) });
    let volume = "voodu-data-pg-data-0".to_owned();
    let empty = |name: &str, memory| MountSource::Empty { name: name.to_owned(), memory, limit: Some(5) };
    let main = ContainerSpec {
        name: "pg".to_owned(),
        image: "postgres:15".to_owned(),
        pull: PullPolicy::IfNotPresent,
        entrypoint: Some(vec!["run".to_owned()]),
        arguments: Some(vec!["it".to_owned()]),
        working_dir: Some("/".to_owned()),
        env: BTreeMap::new(),
        ports: vec![Port { name: None, container: 5432, protocol: Protocol::Tcp, publish }],
        mounts: vec![
            mount("/data", MountSource::Volume(volume.clone())),
            mount("/media", MountSource::Host("/srv/media".to_owned())),
            mount("/scratch", empty("scratch", false)),
            mount("/memory", empty("memory", true)),
        ],
        resources: Resources {
            cpu_request_millis: Some(100),
            cpu_limit_millis: Some(200),
            memory_request_bytes: Some(1 << 20),
            memory_limit_bytes: Some(1 << 20),
        },
        readiness: None,
        liveness: None,
        startup: None,
        security: Security {
            run_as_user: Some(7),
            allow_privilege_escalation: Some(false),
            capabilities_add: vec!["CHOWN".to_owned()],
            capabilities_drop: vec!["ALL".to_owned()],
            ..Security::default()
        },
        sidecar: false,
        hooks: writ_core::model::Hooks::default(),
        terminal: Terminal { stdin: true, stdin_once: true, tty: true },
    };
    PodSpec {
        name: "data-pg.0".to_owned(),
        index: PodIndex::Ordinal(0),
        revision: SpecHash::parse(&format!("1:{}", "0".repeat(64))).unwrap(),
        hostname: "pg-0".to_owned(),
        init: Vec::new(),
        main,
        beside: Vec::new(),
        share_processes: false,
        sandboxed: false,
        late: None,
        default_container: None,
        volumes: vec![VolumeSpec { name: volume, object: object.clone(), claim: "data".to_owned(), ordinal: 0 }],
        object,
        own_names: vec!["pg-0.data".to_owned()],
        shared_names: Vec::new(),
        publish_not_ready: false,
        fs_group: None,
        extras: extras(),
        ends: false,
        grace: Seconds(5),
        min_ready: Seconds(0),
        progress_deadline: Seconds(60),
    }
}

fn extras() -> Extras {
    Extras {
        logins: Logins::default(),
        hosts: vec![("db.example".to_owned(), "192.0.2.7".parse().unwrap())],
        limits: [("nofile".to_owned(), ProcessLimit { soft: 1_024, hard: 4_096 })].into(),
        log: Some(LogRoom { bytes: 1 << 20, files: 2 }),
        dns: Dns {
            nameservers: vec!["192.0.2.53".parse().unwrap()],
            searches: vec!["example.org".to_owned()],
            options: vec!["ndots:2".to_owned()],
        },
        sysctls: [("net.ipv4.tcp_syncookies".to_owned(), "1".to_owned())].into(),
    }
}

const OWN: &str = "/state/files";

/// What is sent for the pod, as JSON.
fn request_of(pod: &PodSpec) -> Value {
    let mounted = |path: &str, source, read_only| Mounted { path: path.to_owned(), source, read_only };
    let facts = Facts {
        labels: [(labels::UNIT.to_owned(), "edge".to_owned())].into(),
        mounts: vec![
            mounted("/data", Source::Volume("voodu-data-pg-data-0".to_owned()), false),
            mounted("/media", Source::Bind("/srv/media".to_owned()), false),
            mounted("/scratch", Source::EmptyVolume("data-pg.0.scratch".to_owned()), false),
            mounted("/memory", Source::Memory(Some(5)), false),
            mounted("/etc/pg", Source::Bind(format!("{OWN}/ab")), true),
        ],
        image_user: String::new(),
    };
    let asked = super::super::asked::of_pod(pod, Some("10.0.0.2".to_owned()), true);
    serde_json::to_value(body(pod, &pod.main, Place::Whole(&asked), facts).unwrap()).unwrap()
}

fn verdict(pod: &PodSpec, request: &Value) -> Result<(), Refused> {
    let asked = super::super::asked::of_pod(pod, None, true);
    let place = Place::Whole(&asked);
    judge_container(request, &Wanted { pod, container: &pod.main, place, own: Path::new(OWN) })
}

#[track_caller]
fn check(change: impl FnOnce(&mut Value), rule: Rule) {
    let pod = spec();
    let mut request = request_of(&pod);
    change(&mut request);
    let refused = verdict(&pod, &request).expect_err("it is refused");
    assert_eq!(refused.rule, rule, "{}", refused.detail);
}

#[test]
fn what_is_asked_for_a_pod_passes() {
    let pod = spec();
    assert_eq!(verdict(&pod, &request_of(&pod)), Ok(()));
}

/// Sets each field that a structure of the library's has and a request of ours has not; each must be refused.
#[track_caller]
fn others_are_refused(pointer: &str, names: &[&'static str]) {
    let pod = spec();
    let request = request_of(&pod);
    let ours: BTreeSet<&str> =
        request.pointer(pointer).and_then(Value::as_object).unwrap().keys().map(String::as_str).collect();
    let mut others = 0;
    for name in names.iter().filter(|name| !ours.contains(**name)) {
        let mut request = request.clone();
        request.pointer_mut(pointer).unwrap()[*name] = json!("x");
        let refused = verdict(&pod, &request);
        assert!(refused.is_err(), "{pointer}/{name} is let through");
        others += 1;
    }
    assert!(others > 0, "{pointer} of the library has no field that is not ours");
}

#[test]
fn every_field_of_a_container_that_is_not_set_on_purpose_is_refused() {
    others_are_refused("", &fields_of::<ContainerCreateBody>());
    others_are_refused("/HostConfig", &fields_of::<HostConfig>());
    others_are_refused("/HostConfig/Mounts/0", &without(&fields_of::<Mount>(), &["VolumeOptions"]));
    others_are_refused("/HostConfig/Mounts/2/VolumeOptions", &fields_of::<MountVolumeOptions>());
    others_are_refused("/HostConfig/Mounts/3/TmpfsOptions", &fields_of::<MountTmpfsOptions>());
    let endpoint = "/NetworkingConfig/EndpointsConfig/voodu0";
    others_are_refused(endpoint, &fields_of::<EndpointSettings>());
    others_are_refused(&format!("{endpoint}/IPAMConfig"), &fields_of::<EndpointIpamConfig>());
    assert_eq!(fields_of::<NetworkingConfig>(), ["EndpointsConfig"]);
}

/// Options of a kind of mount are taken for that kind: a text in their place holds no option.
fn without(names: &[&'static str], left_out: &[&str]) -> Vec<&'static str> {
    names.iter().copied().filter(|name| !left_out.contains(name)).collect()
}

#[test]
fn every_field_of_a_volume_and_of_a_network_that_is_not_set_on_purpose_is_refused() {
    let volume = json!({"Name": "voodu-a-b-c-0", "Labels": {"writ.unit": "edge"}});
    assert_eq!(judge_volume(&volume, "voodu-a-b-c-0"), Ok(()));
    assert!(judge_volume(&volume, "voodu-other-b-c-0").is_err());
    assert!(judge_volume(&json!({"Name": "/etc"}), "/etc").is_err());
    let network = json!({"Name": "voodu0", "Driver": "bridge", "IPAM": {"Config": [{"Subnet": "10.0.0.0/16"}]}});
    assert_eq!(judge_network(&network), Ok(()));
    let check = |request: &Value, pointer: &str, names: &[&str], judge: &dyn Fn(&Value) -> Result<(), Refused>| {
        let ours = request.pointer(pointer).unwrap().as_object().unwrap();
        for name in names.iter().filter(|name| !ours.contains_key(**name)) {
            let mut changed = request.clone();
            changed.pointer_mut(pointer).unwrap()[*name] = json!({"type": "none", "device": "/etc", "o": "bind"});
            let is_ours = matches!(*name, "IPRange" | "Gateway") || (pointer.is_empty() && *name == "Labels");
            assert!(judge(&changed).is_err() || is_ours, "{name}");
        }
    };
    let of_volume = |value: &Value| judge_volume(value, "voodu-a-b-c-0");
    check(&volume, "", &fields_of::<VolumeCreateRequest>(), &of_volume);
    check(&network, "", &fields_of::<NetworkCreateRequest>(), &judge_network);
    check(&network, "/IPAM", &fields_of::<Ipam>(), &judge_network);
    check(&network, "/IPAM/Config/0", &fields_of::<IpamConfig>(), &judge_network);
    assert_eq!(fields_of::<NetworkConnectRequest>(), ["Container", "EndpointConfig"]);
}

#[test]
fn a_field_that_gives_power_is_sent_as_the_pod_asks_and_not_otherwise() {
    let host = |name: &'static str, value: Value| move |request: &mut Value| request["HostConfig"][name] = value;
    check(host("Privileged", json!(true)), Rule::NoPrivileged);
    check(host("NetworkMode", json!("host")), Rule::NoHostNetwork);
    check(host("NetworkMode", json!("container:db")), Rule::NoHostNetwork);
    check(host("PidMode", json!("host")), Rule::NoHostPid);
    check(host("IpcMode", json!("container:db")), Rule::NoHostIpc);
    check(host("UTSMode", json!("host")), Rule::NoHostNamespace);
    check(host("UsernsMode", json!("host")), Rule::NoHostNamespace);
    check(host("CgroupnsMode", json!("host")), Rule::NoHostNamespace);
    check(host("CapAdd", json!(["CHOWN", "SYS_ADMIN"])), Rule::Capability);
    check(host("CapDrop", json!([])), Rule::DefaultCapabilities);
    check(host("ReadonlyRootfs", json!(true)), Rule::WritableRoot);
    check(host("SecurityOpt", json!(["seccomp=unconfined"])), Rule::SecurityOption);
    check(host("SecurityOpt", json!(["no-new-privileges", "apparmor=unconfined"])), Rule::SecurityOption);
    check(host("Sysctls", json!({"kernel.shm_rmid_forced": "1"})), Rule::Sysctl);
    check(host("Devices", json!([{"PathOnHost": "/dev/sda"}])), Rule::Device);
    check(host("DeviceRequests", json!([{"Driver": "nvidia"}])), Rule::Device);
    check(host("Runtime", json!("kata")), Rule::Runtime);
    check(host("LogConfig", json!({"Type": "syslog"})), Rule::LogDriver);
    check(host("LogConfig", json!({"Type": "json-file"})), Rule::LogDriver);
    check(host("ExtraHosts", json!(["registry:10.0.0.1"])), Rule::EngineField);
    check(host("Ulimits", json!([{"Name": "rtprio", "Soft": 99, "Hard": 99}])), Rule::EngineField);
    check(host("VolumeDriver", json!("nfs")), Rule::PlainVolume);
    check(host("Binds", json!(["/:/host"])), Rule::HostPath);
    check(host("PublishAllPorts", json!(true)), Rule::HostPort);
    check(host("PortBindings", json!({"5432/tcp": [{"HostIp": "0.0.0.0", "HostPort": "5432"}]})), Rule::HostPort);
    check(|request| request["Image"] = json!("evil/app:1"), Rule::ImageRegistry);
    check(|request| request["User"] = json!("0"), Rule::Root);
    check(|request| request["Labels"]["com.docker.compose.project"] = json!("x"), Rule::Label);
}

#[test]
fn a_mount_is_sent_as_the_pod_asks_and_not_otherwise() {
    let mount = |at: usize, name: &'static str, value: Value| {
        move |request: &mut Value| request["HostConfig"]["Mounts"][at][name] = value
    };
    check(mount(0, "Source", json!("voodu-data-other-data-0")), Rule::HostPath);
    check(mount(0, "Source", json!("/etc")), Rule::HostPath);
    check(mount(1, "Source", json!("/srv")), Rule::HostPath);
    check(mount(1, "Source", json!("/srv/media/../../etc")), Rule::HostPath);
    check(mount(1, "BindOptions", json!({"Propagation": "rshared"})), Rule::HostPath);
    check(mount(2, "VolumeOptions", json!({"DriverConfig": {"Options": {"o": "bind"}}})), Rule::PlainVolume);
    check(mount(3, "Source", json!("/etc")), Rule::HostPath);
    check(mount(3, "Type", json!("npipe")), Rule::HostPath);
    check(mount(4, "ReadOnly", json!(false)), Rule::HostPath);
    check(mount(4, "Source", json!("/state/files/../record")), Rule::HostPath);
}

#[test]
fn a_volume_in_disguise_is_told_from_a_plain_one() {
    let volume = |driver: &str, options: &[(&str, &str)]| Volume {
        driver: driver.to_owned(),
        options: options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..Volume::default()
    };
    assert_eq!(disguise(&volume("local", &[])), None);
    assert_eq!(disguise(&volume("nfs", &[])).unwrap(), "it is of the driver \"nfs\"");
    let bind = volume("local", &[("type", "none"), ("o", "bind"), ("device", "/etc")]);
    assert_eq!(disguise(&bind).unwrap(), "it was made with the options device, o, type");
}

/// The request by which a volume is reached, as it is sent.
fn helper_of(volume: &str, read_only: bool) -> Value {
    json!({
        "Image": "sha256:ab", "Cmd": ["none"], "Labels": {"writ.host": "edge-1"},
        "HostConfig": {"NetworkMode": "none", "Mounts": [{
            "Target": "/volume", "Source": volume, "Type": "volume", "ReadOnly": read_only,
            "VolumeOptions": {"NoCopy": true},
        }]},
    })
}

#[test]
fn a_helper_shows_one_volume_and_nothing_else_passes_as_one() {
    let judge = |request: &Value, volume: &str, read_only: bool| {
        let body = serde_json::from_value(request.clone()).unwrap();
        super::helper(body, "sha256:ab", volume, read_only).map(drop).map_err(|refused| refused.rule)
    };
    assert_eq!(judge(&helper_of("v", true), "v", true), Ok(()));
    assert_eq!(judge(&helper_of("v", false), "v", false), Ok(()));
    assert_eq!(judge(&helper_of("v", false), "v", true), Err(Rule::HostPath), "it may write");
    assert_eq!(judge(&helper_of("w", true), "v", true), Err(Rule::HostPath), "another volume");
    assert_eq!(judge(&helper_of("/etc", true), "/etc", true), Err(Rule::HostPath), "a path");
    for (place, value, rule) in [
        ("/HostConfig/Privileged", json!(true), Rule::NoPrivileged),
        ("/HostConfig/NetworkMode", json!("host"), Rule::NoHostNetwork),
        ("/HostConfig/Binds", json!(["/:/host"]), Rule::HostPath),
        ("/HostConfig/Mounts/0/Type", json!("bind"), Rule::HostPath),
        ("/Image", json!("other"), Rule::ImageRegistry),
        ("/Entrypoint", json!(["sh"]), Rule::EngineField),
    ] {
        let mut request = helper_of("v", true);
        let (parent, name) = place.rsplit_once('/').unwrap();
        request.pointer_mut(parent).unwrap()[name] = value;
        assert_eq!(judge(&request, "v", true), Err(rule), "{place}");
    }
}
