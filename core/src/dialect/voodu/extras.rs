//! What a pod is given that Kubernetes has no field for, or another one: `env_from`, `depends_on`, `extra_hosts`, `ulimits`,
//! `logs` and `networks`.

use std::net::IpAddr;

use super::assets::{Assets, Found};
use super::fields::{Fields, Shape, section};
use super::names::is_label;
use super::placed::Placed;
use super::scene::Scene;
use super::tree::{AssetKey, Content, Entry, Form, Piece, Span, Value};
use crate::model::annotation;
use crate::model::extras::{read_limit, read_log_files, read_log_size};
use crate::text::quoted;

/// The one network that there is.
const NETWORK: &str = "voodu0";

const DEPENDS_ON: Shape = Shape {
    what: "`depends_on`",
    once: &["assets"],
    repeated: &[],
    refused: &[(
        "workloads",
        "leave it out: a workload that needs another waits for it by a probe or an `init` block, also when it comes back later",
    )],
};

const LOGS: Shape = Shape { what: "`logs`", once: &["max_size", "max_file"], repeated: &[], refused: &[] };

const HELP_HOSTS: &str = "write `extra_hosts = [\"NAME:ADDRESS\"]`, as in \"db.example:192.0.2.7\"";

/// Reads all of it. Annotations of the pod template are given; names of hosts are added to the pod.
pub(super) fn read(
    scene: &mut Scene<'_>,
    fields: &Fields<'_>,
    assets: &Assets,
    pod: &mut Placed,
) -> Vec<(&'static str, Placed)> {
    hosts(scene, fields, pod);
    networks(scene, fields);
    let read = [
        (annotation::ENV_FROM, env_from(scene, fields)),
        (annotation::DEPENDS_ON, depends_on(scene, fields, assets)),
        (annotation::LIMITS, limits(scene, fields)),
        (annotation::LOG, logs(scene, fields)),
    ];
    read.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Texts with commas between them, at the place of all; none if there is none.
fn joined(scene: &Scene<'_>, texts: &[String], span: &Span) -> Option<Placed> {
    (!texts.is_empty()).then(|| Placed::at(texts.join(","), scene.place(span)))
}

fn env_from(scene: &mut Scene<'_>, fields: &Fields<'_>) -> Option<Placed> {
    let (word, value) = fields.value(scene, "env_from")?;
    let mut buckets: Vec<String> = Vec::new();
    for (bucket, span) in scene.strings("env_from", value)? {
        let (scope, name) = bucket.split_once('/').map_or((bucket.as_str(), None), |(scope, name)| (scope, Some(name)));
        let help = "write the buckets of a scope as \"SCOPE\" and those of a name in it as \"SCOPE/NAME\"";
        if !is_label(scope) || name.is_some_and(|name| !is_label(name)) {
            scene.refuse(&span, format!("{} names no config bucket", quoted(&bucket)), help);
        } else if buckets.contains(&bucket) {
            scene.refuse(&span, format!("{} is listed twice", quoted(&bucket)), "remove one of the two");
        } else {
            buckets.push(bucket);
        }
    }
    joined(scene, &buckets, &word.span)
}

fn depends_on(scene: &mut Scene<'_>, fields: &Fields<'_>, assets: &Assets) -> Option<Placed> {
    let (entries, span) = section(scene, fields.entry("depends_on")?)?;
    let fields = Fields::read(scene, &DEPENDS_ON, entries);
    let (_, value) = fields.value(scene, "assets")?;
    let help = "write `assets = [\"SCOPE.NAME.KEY\"]`, or \"NAME.KEY\" for an asset of no scope";
    let mut needed = Vec::new();
    for item in scene.list("assets", value, help)? {
        let Some(key) = reference(item) else {
            scene.wrong_kind("assets", "a list of keys of assets", item, help);
            continue;
        };
        let Some(key) = key else {
            scene.refuse(&item.span, "this is not the key of an asset", help);
            continue;
        };
        if assets.check(scene, &key, &item.span) == Some(Found::Here)
            && let Some(digest) = assets.digest(scene, &key, &item.span)
        {
            let AssetKey { scope, name, key } = &key;
            let scope = if scope.is_empty() { String::new() } else { format!("{scope}.") };
            needed.push(format!("{scope}{name}.{key}={digest}"));
        }
    }
    needed.sort();
    needed.dedup();
    joined(scene, &needed, &span)
}

/// The key that a text names, with `${asset.…}` or without it; none within if it names none.
fn reference(item: &Value) -> Option<Option<AssetKey>> {
    let Form::Text(pieces) = &item.form else { return None };
    let [piece] = pieces.as_slice() else { return Some(None) };
    let text = match piece {
        Piece::Asset(key, _) => return Some(Some(key.clone())),
        Piece::Literal(text) => text,
    };
    let parts: Vec<&str> = text.split('.').collect();
    let (scope, name, key) = match parts.as_slice() {
        [scope, name, key] => (*scope, *name, *key),
        [name, key] => ("", *name, *key),
        _ => return Some(None),
    };
    Some(Some(AssetKey { scope: scope.to_owned(), name: name.to_owned(), key: key.to_owned() }))
}

fn hosts(scene: &mut Scene<'_>, fields: &Fields<'_>, pod: &mut Placed) {
    let Some((word, value)) = fields.value(scene, "extra_hosts") else { return };
    let mut aliases = Vec::new();
    for (text, span) in scene.strings("extra_hosts", value).unwrap_or_default() {
        // An address of IPv6 has colons of its own, and may be in brackets.
        let found =
            text.split_once(':').filter(|(name, _)| name.split('.').all(|label| is_label(&label.to_lowercase())));
        let address =
            found.and_then(|(_, address)| address.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok());
        match found.zip(address) {
            Some(((name, _), address)) => {
                let names = Placed::list([Placed::at(name, scene.place(&span))]);
                let alias = Placed::at(serde_json::Map::new(), scene.place(&span));
                aliases.push(alias.plain("ip", address.to_string()).with("hostnames", names));
            }
            None if text.ends_with(":host-gateway") => {
                let help = "write an address; what listens on the host is better a workload, reached by NAME.SCOPE";
                scene.refuse(&span, "`host-gateway` is no address: each engine has another", help);
            }
            None => scene.refuse(&span, format!("{} is no name with its address", quoted(&text)), HELP_HOSTS),
        }
    }
    if !aliases.is_empty() {
        pod.set("hostAliases", Placed::list(aliases).placed(scene.place(&word.span)));
    }
}

fn networks(scene: &mut Scene<'_>, fields: &Fields<'_>) {
    let Some((_, value)) = fields.value(scene, "networks") else { return };
    for (network, span) in scene.strings("networks", value).unwrap_or_default() {
        if network != NETWORK {
            let help = "leave it out: all workloads of a host share one network, `voodu0`";
            scene.refuse(&span, format!("there is no network {}", quoted(&network)), help);
        }
    }
}

fn limits(scene: &mut Scene<'_>, fields: &Fields<'_>) -> Option<Placed> {
    let (entries, span) = section(scene, fields.entry("ulimits")?)?;
    let help = "write `ulimits { nofile = \"65536:65536\" }`, soft and hard, or one number for both";
    let mut limits: Vec<String> = Vec::new();
    for Entry { name, content } in entries {
        let (numbers, at) = match content {
            Content::Value(Value { form: Form::Number(number), span }) => (number.clone(), span),
            Content::Value(value) => match scene.string(&name.text, value) {
                Some(text) => (text, &value.span),
                None => continue,
            },
            Content::Block(block) => {
                scene.refuse(&block.header, "`ulimits` holds values, not blocks", help);
                continue;
            }
        };
        match read_limit(&name.text, &numbers) {
            _ if limits.iter().any(|limit| limit.split('=').next() == Some(name.text.as_str())) => {
                scene.refuse(&name.span, format!("{} is written twice", quoted(&name.text)), "remove one of the two");
            }
            Ok(_) => limits.push(format!("{}={numbers}", name.text)),
            Err(why) => scene.refuse(at, why, help),
        }
    }
    limits.sort();
    joined(scene, &limits, &span)
}

fn logs(scene: &mut Scene<'_>, fields: &Fields<'_>) -> Option<Placed> {
    let (entries, span) = section(scene, fields.entry("logs")?)?;
    let fields = Fields::read(scene, &LOGS, entries);
    let help = "write `logs { max_size = \"10m\" }`, and `max_file = 3` on a line of its own";
    let mut room = Vec::new();
    if let Some((_, value)) = fields.value(scene, "max_size")
        && let Some(size) = scene.filled_string("max_size", value)
    {
        match read_log_size(&size) {
            Ok(_) => room.push(format!("max-size={size}")),
            Err(why) => scene.refuse(&value.span, why, help),
        }
    }
    if let Some((_, value)) = fields.value(scene, "max_file") {
        let files = match &value.form {
            Form::Number(number) => Some(number.clone()),
            Form::Faulty
            | Form::Null
            | Form::Bool(_)
            | Form::Text(_)
            | Form::List(_)
            | Form::Map(_)
            | Form::Call(..) => scene.filled_string("max_file", value),
        };
        match files.as_deref().map(read_log_files) {
            Some(Ok(files)) => room.push(format!("max-file={files}")),
            Some(Err(why)) => scene.refuse(&value.span, why, help),
            None => {}
        }
    }
    joined(scene, &room, &span)
}
