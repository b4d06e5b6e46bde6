//! The parts of a template that are hashed one by one, so that a changed hash can be explained by its parts.
//!
//! Invariant: every field is bound here; a new one breaks the build until it is decided. Its part stands only where the
//! field is set, so that it leaves the hashes of those who do not use it as they are.
//! Invariant: what a key of a Secret or a bucket holds enters by a keyed digest alone.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::HashKey;
use super::encode::Encoder;
use crate::model::template::{
    Amount, ContainerTemplate, Content, ContentId, Field, FileTemplate, LateField, Machine, MountTemplate, Names,
    Resource, SharedName, SourceTemplate, Template, Text, Variable,
};
use crate::model::{
    Dns, Extras, Hook, Hooks, ObjectId, Port, Probe, ProbeAction, Protocol, Publish, PullPolicy, Resources, Security,
    Terminal, Work,
};

/// Digests by what they are of.
pub(super) type Parts = BTreeMap<String, String>;

/// The parts of a template: a digest of each, but an image as it is, for that is what people want to read.
pub(super) fn parts(object: &ObjectId, template: &Template, key: &HashKey) -> Parts {
    let Template {
        labels,
        annotations,
        names,
        machine: Machine { name, subdomain, whole },
        init,
        main,
        beside,
        share_processes,
        fs_group,
        extras,
        grace,
        work,
    } = template;
    let mut parts = Parts::new();
    parts.insert("pod/name".to_owned(), Encoder::new("object").text(&object.to_string()).digest());
    parts.insert("pod/labels".to_owned(), map(labels));
    parts.insert("pod/annotations".to_owned(), map(annotations));
    parts.insert("pod/dns".to_owned(), dns(names));
    if let Some(group) = fs_group {
        parts.insert("pod/fs-group".to_owned(), Encoder::new("fs-group").number(u64::from(*group)).digest());
    }
    if name.is_some() || *whole {
        let mut encoder = Encoder::new("machine");
        encoder.option(name.as_deref(), put_text).truth(*whole).option(subdomain.as_deref(), put_text);
        parts.insert("pod/hostname".to_owned(), encoder.digest());
    }
    extras_parts(extras, &mut parts);
    parts.insert("pod/grace".to_owned(), Encoder::new("grace").number(u64::from(grace.0)).digest());
    if let Some(Work { completions, indexed }) = work {
        let mut encoder = Encoder::new("work");
        let work = encoder.option(completions.map(u64::from), put_number).truth(*indexed).digest();
        parts.insert("pod/work".to_owned(), work);
    }
    let order =
        Encoder::new("containers").list(init.iter(), |e, init| put_text(e, &init.name)).text(&main.name).digest();
    parts.insert("pod/containers".to_owned(), order);
    let sidecars: Vec<&ContainerTemplate> = init.iter().filter(|container| container.sidecar).collect();
    if !beside.is_empty() || !sidecars.is_empty() {
        let mut encoder = Encoder::new("beside");
        encoder.list(beside.iter(), |e, other| put_text(e, &other.name));
        let beside = encoder.list(sidecars.into_iter(), |e, sidecar| put_text(e, &sidecar.name)).digest();
        parts.insert("pod/beside".to_owned(), beside);
    }
    if *share_processes {
        parts.insert("pod/share-processes".to_owned(), Encoder::new("share-processes").truth(true).digest());
    }
    for container in template.containers() {
        container_parts(container, key, &mut parts);
    }
    parts
}

fn extras_parts(extras: &Extras, parts: &mut Parts) {
    // Limits and room for logs are among the annotations, and a login changes nothing about what runs.
    let Extras { hosts, dns, sysctls, limits: _, log: _, logins: _ } = extras;
    if !hosts.is_empty() {
        let put = |encoder: &mut Encoder, (name, address): &(String, IpAddr)| {
            encoder.text(name).address(*address);
        };
        parts.insert("pod/hosts".to_owned(), Encoder::new("hosts").list(hosts.iter(), put).digest());
    }
    if *dns != Dns::default() {
        let Dns { nameservers, searches, options } = dns;
        let mut encoder = Encoder::new("resolver");
        encoder.list(nameservers.iter(), |encoder, server| {
            encoder.address(*server);
        });
        parts.insert("pod/resolver".to_owned(), encoder.texts(searches).texts(options).digest());
    }
    if !sysctls.is_empty() {
        parts.insert("pod/sysctls".to_owned(), map(sysctls));
    }
}

fn put_number(encoder: &mut Encoder, number: u64) {
    encoder.number(number);
}

fn put_text(encoder: &mut Encoder, text: &str) {
    encoder.text(text);
}

fn map(map: &BTreeMap<String, String>) -> String {
    let put = |encoder: &mut Encoder, (key, value): (&String, &String)| {
        encoder.text(key).text(value);
    };
    Encoder::new("map").list(map.iter(), put).digest()
}

fn dns(names: &Names) -> String {
    let Names { own_endings, always, shared, publish_not_ready } = names;
    let put = |encoder: &mut Encoder, name: &SharedName| {
        let SharedName { name, ordinal } = name;
        encoder.text(name).option(ordinal.map(u64::from), put_number);
    };
    let mut encoder = Encoder::new("dns");
    encoder.texts(own_endings).list(always.iter(), put).list(shared.iter(), put).truth(*publish_not_ready).digest()
}

fn container_parts(container: &ContainerTemplate, key: &HashKey, parts: &mut Parts) {
    let ContainerTemplate {
        name,
        image,
        pull,
        entrypoint,
        arguments,
        working_dir,
        env,
        ports,
        mounts,
        resources,
        readiness,
        liveness,
        startup,
        security,
        // Which containers are sidecars is one part for the whole pod.
        sidecar: _,
        hooks: Hooks { post_start, pre_stop, stop_signal },
        terminal,
    } = container;
    let mut put = |field: &str, digest: Option<String>| {
        if let Some(digest) = digest {
            parts.insert(format!("container/{name}/{field}"), digest);
        }
    };
    put("image", Some(image.clone()));
    put("pull", Some(Encoder::new("pull").number(pull_number(*pull)).digest()));
    put("command", entrypoint.as_deref().map(words));
    put("args", arguments.as_deref().map(words));
    put("working-dir", working_dir.as_deref().map(|path| Encoder::new("path").text(path).digest()));
    put("ports", (!ports.is_empty()).then(|| ports_digest(ports)));
    put("resources", Some(resources_digest(resources)));
    put("readiness", readiness.as_ref().map(probe));
    put("liveness", liveness.as_ref().map(probe));
    put("startup", startup.as_ref().map(probe));
    put("security", Some(security_digest(security)));
    put("post-start", post_start.as_ref().map(hook));
    put("pre-stop", pre_stop.as_ref().map(hook));
    put("stop-signal", stop_signal.as_deref().map(|signal| Encoder::new("signal").text(signal).digest()));
    put("terminal", (*terminal != Terminal::default()).then(|| terminal_digest(*terminal)));
    env_parts(name, env, key, parts);
    for mount in mounts {
        let MountTemplate { path, source, read_only } = mount;
        let mut encoder = Encoder::new("mount");
        encoder.truth(*read_only);
        put_source(&mut encoder, source, key, parts);
        parts.insert(format!("container/{name}/mount{path}"), encoder.digest());
    }
}

/// One part for each variable. Their order is a part of its own, and only where `$(VAR)` makes it matter.
fn env_parts(container: &str, env: &[Variable], key: &HashKey, parts: &mut Parts) {
    let mut by_name: BTreeMap<&str, Encoder> = BTreeMap::new();
    let mut order = Encoder::new("order");
    let mut ordered = false;
    for variable in env {
        let Variable { name, value } = variable;
        ordered |= matches!(value, Text::Plain(plain) if plain.contains("$("));
        order.text(name);
        let encoder = by_name.entry(name).or_insert_with(|| Encoder::new("variable"));
        put_value(encoder, value, key, parts);
    }
    for (name, encoder) in by_name {
        parts.insert(format!("container/{container}/env/{name}"), encoder.digest());
    }
    if ordered {
        parts.insert(format!("container/{container}/env-order"), order.digest());
    }
}

fn put_value(encoder: &mut Encoder, value: &Text, key: &HashKey, parts: &mut Parts) {
    match value {
        Text::Plain(plain) => encoder.number(0).text(plain),
        Text::Content(Content { of, value }) => {
            let mut content = Encoder::new("content");
            content.text(&of.to_string()).bytes(value.expose());
            let digest = if of.kind.is_secret() { content.keyed_digest(key) } else { content.digest() };
            parts.insert(of.to_string(), digest);
            let ContentId { kind: _, scope: _, name: _, key: _ } = of; // all of it is in its written form
            encoder.number(1).text(&of.to_string())
        }
        Text::Field(field) => {
            encoder.number(2);
            match field {
                Field::Name => encoder.number(0),
                Field::Namespace => encoder.number(1),
                Field::Label(label) => encoder.number(2).text(label),
                Field::Annotation(annotation) => encoder.number(3).text(annotation),
                Field::Labels => encoder.number(4),
                Field::Annotations => encoder.number(5),
                Field::ServiceAccount(name) => encoder.number(6).text(name),
                Field::Amount(Amount { container, resource, divisor }) => {
                    encoder.number(7).text(container).number(resource_number(*resource)).number(*divisor)
                }
                // What comes of it is the host's, and changes nothing that a commit asks for.
                Field::Late(field) => encoder.number(8).number(late_number(*field)),
            }
        }
    };
}

const fn resource_number(resource: Resource) -> u64 {
    match resource {
        Resource::CpuLimit => 0,
        Resource::CpuRequest => 1,
        Resource::MemoryLimit => 2,
        Resource::MemoryRequest => 3,
    }
}

const fn late_number(field: LateField) -> u64 {
    match field {
        LateField::Node => 0,
        LateField::HostAddress => 1,
        LateField::Address => 2,
        LateField::Uid => 3,
    }
}

fn put_source(encoder: &mut Encoder, source: &SourceTemplate, key: &HashKey, parts: &mut Parts) {
    let mut put_file = |encoder: &mut Encoder, file: &FileTemplate| {
        let FileTemplate { content, mode } = file;
        encoder.number(u64::from(*mode));
        put_value(encoder, content, key, parts);
    };
    match source {
        SourceTemplate::Claim(claim) => {
            encoder.number(0).text(claim);
        }
        SourceTemplate::Directory(files) => {
            encoder.number(1).list(files.iter(), |encoder, (path, file)| {
                encoder.text(path);
                put_file(encoder, file);
            });
        }
        SourceTemplate::File(file) => {
            encoder.number(2);
            put_file(encoder, file);
        }
        SourceTemplate::Empty { name, memory, limit } => {
            encoder.number(3).text(name).truth(*memory).option(*limit, put_number);
        }
        SourceTemplate::Host(path) => {
            encoder.number(4).text(path);
        }
        SourceTemplate::Below { host, path } => {
            encoder.number(5).text(host).text(path);
        }
    }
}

fn terminal_digest(terminal: Terminal) -> String {
    let Terminal { stdin, stdin_once, tty } = terminal;
    Encoder::new("terminal").truth(stdin).truth(stdin_once).truth(tty).digest()
}

fn words(words: &[String]) -> String {
    Encoder::new("words").texts(words).digest()
}

const fn pull_number(pull: PullPolicy) -> u64 {
    match pull {
        PullPolicy::IfNotPresent => 0,
        PullPolicy::Always => 1,
        PullPolicy::Never => 2,
    }
}

fn ports_digest(ports: &[Port]) -> String {
    let mut sorted: Vec<&Port> = ports.iter().collect();
    sorted.sort();
    let put = |encoder: &mut Encoder, port: &Port| {
        let Port { name, container, protocol, publish } = port;
        let protocol = match protocol {
            Protocol::Tcp => 0,
            Protocol::Udp => 1,
            Protocol::Sctp => 2,
        };
        encoder.option(name.as_deref(), put_text).number(u64::from(*container)).number(protocol);
        encoder.option(*publish, |encoder, Publish { address, port }| {
            encoder.address(address).option(port.map(u64::from), put_number);
        });
    };
    Encoder::new("ports").list(sorted.into_iter(), put).digest()
}

fn resources_digest(resources: &Resources) -> String {
    let Resources { cpu_request_millis, cpu_limit_millis, memory_request_bytes, memory_limit_bytes } = resources;
    let mut encoder = Encoder::new("resources");
    for value in [cpu_request_millis, cpu_limit_millis, memory_request_bytes, memory_limit_bytes] {
        encoder.option(*value, put_number);
    }
    encoder.digest()
}

fn probe(probe: &Probe) -> String {
    let mut encoder = Encoder::new("probe");
    let Probe { action, initial_delay, period, timeout, success_threshold, failure_threshold, grace } = probe;
    for seconds in [initial_delay, period, timeout] {
        encoder.number(u64::from(seconds.0));
    }
    encoder.number(u64::from(*success_threshold)).number(u64::from(*failure_threshold));
    put_action(&mut encoder, action);
    if let Some(grace) = grace {
        encoder.text("grace").number(u64::from(grace.0));
    }
    encoder.digest()
}

fn hook(hook: &Hook) -> String {
    let mut encoder = Encoder::new("hook");
    match hook {
        Hook::Act(action) => put_action(encoder.number(0), action),
        Hook::Sleep(seconds) => {
            encoder.number(1).number(u64::from(seconds.0));
        }
    }
    encoder.digest()
}

fn put_action(encoder: &mut Encoder, action: &ProbeAction) {
    match action {
        ProbeAction::Exec(words) => encoder.number(0).texts(words),
        ProbeAction::Http { path, port, tls, headers } => {
            let put_header = |encoder: &mut Encoder, (name, value): &(String, String)| {
                encoder.text(name).text(value);
            };
            encoder.number(1).text(path).number(u64::from(*port)).truth(*tls).list(headers.iter(), put_header)
        }
        ProbeAction::Tcp { port } => encoder.number(2).number(u64::from(*port)),
        ProbeAction::Grpc { port, service } => encoder.number(3).number(u64::from(*port)).text(service),
    };
}

fn security_digest(security: &Security) -> String {
    let Security {
        run_as_user,
        run_as_group,
        run_as_non_root,
        supplemental_groups,
        read_only_root,
        privileged,
        allow_privilege_escalation,
        capabilities_add,
        capabilities_drop,
        host_namespaces,
    } = security;
    let mut encoder = Encoder::new("security");
    encoder.option(run_as_user.map(u64::from), put_number).option(run_as_group.map(u64::from), put_number);
    encoder.truth(*run_as_non_root);
    encoder.list(supplemental_groups.iter(), |encoder, group| put_number(encoder, u64::from(*group)));
    encoder.truth(*read_only_root).truth(*privileged);
    encoder.option(*allow_privilege_escalation, |encoder, allow| {
        encoder.truth(allow);
    });
    encoder.texts(capabilities_add).texts(capabilities_drop).texts(host_namespaces).digest()
}
