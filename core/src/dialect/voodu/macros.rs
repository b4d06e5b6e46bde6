//! `postgres` and `redis`: blocks with an image, a port and a claim of their own, read as a `statefulset`.
//!
//! Invariant: what a block does not say stands in a text of this file in the dialect itself, and what it says wins: a
//! variable and a claim by its name, a probe by its kind, whatever is mounted by its path, and all else as a whole.
//! Invariant: what nobody wrote stands where the block does, so that every problem has a place in the manifest.

use std::cell::Cell;
use std::collections::BTreeSet;

use super::assets::Assets;
use super::declared::{Declared, Resource};
use super::fields::{Fields, Shape, section};
use super::parse::parse;
use super::scene::Scene;
use super::tree::{Block, Content, Entry, Form, Piece, Span, Value, Word};
use super::volumes::{absolute, destination};
use super::workload::{self, Lowered, ONCE, REFUSED};
use crate::text::quoted;

/// A macro that is built in.
struct Macro {
    shape: Shape,
    /// The versions of the plugin of that name whose defaults these are, the newest last.
    versions: &'static [&'static str],
    /// What a block that says nothing says, but for names that follow from its own.
    defaults: &'static str,
    /// The path in it of the claim for the data, by which all that lies below moves along.
    path: &'static str,
    /// A variable whose value is the name of the block, unless it says another.
    named: Option<&'static str>,
    /// What to do instead of running several replicas.
    several: &'static str,
}

const MACRO_ONCE: [&str; ONCE.len() + 1] = {
    let mut all = ["plugin"; ONCE.len() + 1];
    let mut at = 0;
    while at < ONCE.len() {
        all[at + 1] = ONCE[at];
        at += 1;
    }
    all
};

/// The refused fields of any workload, and those of one macro.
const fn refused<const N: usize>(own: &[(&'static str, &'static str)]) -> [(&'static str, &'static str); N] {
    let mut all = [("", ""); N];
    let mut at = 0;
    while at < N {
        all[at] = if at < own.len() { own[at] } else { REFUSED[at - own.len()] };
        at += 1;
    }
    all
}

const OF_POSTGRES: &[(&str, &str)] = &[
    ("backups", "run `pg_dump` in a `cronjob` that writes to a volume of its own or to a server"),
    ("database", "write `env = { POSTGRES_DB = \"…\" }`; it is made when the volume is empty"),
    ("extensions", "write `CREATE EXTENSION` into an asset that is mounted below /docker-entrypoint-initdb.d"),
    ("initdb_encoding", "write `env = { POSTGRES_INITDB_ARGS = \"--encoding=…\" }`"),
    ("initdb_locale", "write `env = { POSTGRES_INITDB_ARGS = \"--locale=…\" }`"),
    ("password", "set it in the bucket: `writ config set -s SCOPE -n NAME POSTGRES_PASSWORD=…`"),
    ("pg_config", "mount a configuration from an asset by `volumes`, and name it in `command`"),
    ("port", "write `ports` and, in `command`, `-c port=…`"),
    ("replication_user", "the database is one pod: there is nothing to replicate to"),
    ("user", "write `env = { POSTGRES_USER = \"…\" }`; it is made when the volume is empty"),
];

const OF_REDIS: &[(&str, &str)] = &[
    ("password", "set it in the bucket: `writ config set -s SCOPE -n NAME REDIS_PASSWORD=…`"),
    ("port", "write `ports`, `probes` and a configuration of your own that says it"),
    ("sentinel", "the server is one pod: there is nothing to fail over to"),
];

const POSTGRES: Macro = Macro {
    shape: Shape {
        what: "a postgres",
        once: &MACRO_ONCE,
        repeated: &["volume_claim", "init"],
        refused: &refused::<{ OF_POSTGRES.len() + REFUSED.len() }>(OF_POSTGRES),
    },
    versions: &["0.2.0"],
    // Below the mount, because a file system can have a directory of its own at its root, where the server wants none.
    defaults: r#"
image = "postgres:15"
ports = ["5432"]
env = {
  PGDATA = "/var/lib/postgresql/data/pgdata"
}
volume_claim "data" {
  mount_path = "/var/lib/postgresql/data"
}
"#,
    path: "/var/lib/postgresql/data",
    named: Some("POSTGRES_DB"),
    several: "leave it out: replication is not set up. `statefulset` runs several servers that know nothing of each other",
};

const REDIS: Macro = Macro {
    shape: Shape {
        what: "a redis",
        once: &MACRO_ONCE,
        repeated: &["volume_claim", "init"],
        refused: &refused::<{ OF_REDIS.len() + REFUSED.len() }>(OF_REDIS),
    },
    versions: &["0.14.0"],
    // By standard input, so that the password stands in no list of processes; by the image's own entry point where it has
    // one, which gives up root. A server that asks for a password, or that denies `ping`, answers all the same.
    defaults: r#"
image = "redis:7-alpine"
ports = ["6379"]
command = ["sh", "-c", <<-END
    set -eu
    start=redis-server
    if command -v docker-entrypoint.sh >/dev/null; then start='docker-entrypoint.sh redis-server'; fi
    more=$(for file in /etc/redis/conf.d/*.conf; do [ ! -e "$file" ] || printf 'include %s\n' "$file"; done)
    password=$(printf '%s' "$${REDIS_PASSWORD:-}" | sed 's/["\\]/\\&/g')
    if [ -n "$password" ]; then password="requirepass \"$password\""; fi
    exec $start - <<SETTINGS
    dir /data
    protected-mode no
    $more
    $password
    SETTINGS
    END
]
volume_claim "data" {
  mount_path = "/data"
}
probes {
  liveness {
    tcp_socket {
      port = 6379
    }
    period            = "10s"
    failure_threshold = 3
  }
  readiness {
    exec {
      command = ["sh", "-c", "redis-cli ping | grep -q -e PONG -e NOAUTH -e NOPERM"]
    }
    period            = "5s"
    failure_threshold = 1
    success_threshold = 2
  }
}
"#,
    path: "/data",
    named: None,
    several: "leave it out: replication and failing over are not set up. `statefulset` runs several servers that know \
              nothing of each other",
};

const PLUGIN: Shape = Shape {
    what: "`plugin`",
    once: &["version"],
    repeated: &[],
    refused: &[("repo", "leave it out: some macros are built in, and where others come from is said in the settings")],
};

/// The version that stands for the newest one.
pub(super) const LATEST: &str = "latest";

/// Lowers a `postgres`, as the statefulset that it stands for.
pub(super) fn postgres(scene: &mut Scene<'_>, declared: &Declared<'_>, assets: &Assets) -> Lowered {
    lower(scene, &POSTGRES, declared, assets)
}

/// Lowers a `redis`, as the statefulset that it stands for.
pub(super) fn redis(scene: &mut Scene<'_>, declared: &Declared<'_>, assets: &Assets) -> Lowered {
    lower(scene, &REDIS, declared, assets)
}

fn lower(scene: &mut Scene<'_>, meant: &Macro, declared: &Declared<'_>, assets: &Assets) -> Lowered {
    let Declared { resource: _, scope, name, block, file } = declared;
    let fields = Fields::read(scene, &meant.shape, &block.entries);
    check_version(scene, meant, &fields);
    // All that follows sees one replica, so that nothing else is said about it.
    let replicas = replicas(scene, meant, &fields);
    let entries = merged(scene, meant, declared, &fields, replicas);
    let block = Block { labels: block.labels.clone(), entries, header: block.header.clone() };
    let statefulset = Declared { resource: Resource::Statefulset, scope, name, block: &block, file: *file };
    workload::lower(scene, &statefulset, assets)
}

/// Judges the version that the block asks for. Nothing of it reaches a container.
fn check_version(scene: &mut Scene<'_>, meant: &Macro, fields: &Fields<'_>) {
    let Some((version, span)) = fields.entry("plugin").and_then(|entry| version(scene, entry)) else { return };
    let newest = meant.versions.last().copied().unwrap_or_default();
    if version == LATEST {
        let help = format!("write `version = \"{newest}\"`, so that it stays when Writ knows a newer one");
        scene.note(&span, format!("\"{LATEST}\" is {newest} here, the newest that is built in"), help);
    } else if !meant.versions.contains(&version.as_str()) {
        let message = format!("{} of version {} is not built in", meant.shape.what, quoted(&version));
        let help = format!("the versions are {}; or write \"{LATEST}\"", meant.versions.join(", "));
        scene.refuse(&span, message, help);
    }
}

/// The version that a `plugin` block asks for, and its place.
pub(super) fn version(scene: &mut Scene<'_>, entry: &Entry) -> Option<(String, Span)> {
    let (entries, _) = section(scene, entry)?;
    let plugin = Fields::read(scene, &PLUGIN, entries);
    let (_, value) = plugin.value(scene, "version")?;
    Some((scene.filled_string("version", value)?, value.span.clone()))
}

/// True if `replicas` is one that can be had; refuses several.
fn replicas(scene: &mut Scene<'_>, meant: &Macro, fields: &Fields<'_>) -> bool {
    let Some(Entry { name: _, content: Content::Value(value) }) = fields.entry("replicas") else { return true };
    let Form::Number(text) = &value.form else { return true };
    let several = text.parse::<u32>().is_ok_and(|number| number > 1);
    if several {
        let message = format!("`replicas` above 1 is not supported yet for {}", meant.shape.what);
        scene.refuse(&value.span, message, meant.several);
    }
    !several
}

/// The entries of the statefulset: those of the block over those that it leaves out.
fn merged(
    scene: &mut Scene<'_>,
    meant: &Macro,
    declared: &Declared<'_>,
    fields: &Fields<'_>,
    replicas: bool,
) -> Vec<Entry> {
    let own = |name: &str| fields.entry(name).filter(|_| replicas || name != "replicas");
    let claims: Vec<&Block> = fields.blocks("volume_claim").map(|(_, block)| block).collect();
    let taken = taken(fields, &claims);
    let mut entries: Vec<Entry> = ONCE.iter().filter_map(|name| own(name)).cloned().collect();
    for (word, block) in ["volume_claim", "init"].into_iter().flat_map(|name| fields.blocks(name)) {
        entries.push(Entry { name: word.clone(), content: Content::Block(block.clone()) });
    }
    let path = path(scene, meant, &claims);
    for default in defaults(meant, declared, &path) {
        let name = default.name.text.as_str();
        if let Some(claim) = claim_of(&default) {
            let same = entries.iter_mut().find(|entry| claim_of(entry) == Some(claim));
            match same {
                Some(entry) => fill_in(entry, default),
                None if taken.contains(path_of(&default).as_str()) => {}
                None => entries.push(default),
            }
        } else if let Some(entry) = entries.iter_mut().find(|entry| entry.name.text == name) {
            if matches!(name, "env" | "probes") {
                fill_in(entry, default);
            }
        } else if name != "command" || own("entrypoint").is_none() {
            entries.push(default);
        }
    }
    entries
}

/// The paths at which the block mounts something itself.
fn taken(fields: &Fields<'_>, claims: &[&Block]) -> BTreeSet<String> {
    let mut taken: BTreeSet<String> =
        claims.iter().filter_map(|claim| absolute(&text_of(&claim.entries, "mount_path")?)).collect();
    if let Some(Entry { name: _, content: Content::Value(Value { form: Form::List(items), span: _ }) }) =
        fields.entry("volumes")
    {
        taken.extend(items.iter().filter_map(destination));
    }
    taken
}

/// The label of a claim, if the entry is one.
fn claim_of(entry: &Entry) -> Option<&str> {
    match &entry.content {
        Content::Block(block) if entry.name.text == "volume_claim" => Some(block.labels.first()?.text.as_str()),
        Content::Block(_) | Content::Value(_) => None,
    }
}

fn path_of(claim: &Entry) -> String {
    inner(&claim.content).and_then(|entries| text_of(entries, "mount_path")).unwrap_or_default()
}

/// The text of that name among entries.
fn text_of(entries: &[Entry], name: &str) -> Option<String> {
    let entry = entries.iter().find(|entry| entry.name.text == name)?;
    let Content::Value(Value { form: Form::Text(pieces), span: _ }) = &entry.content else { return None };
    let [Piece::Literal(text)] = pieces.as_slice() else { return None };
    Some(text.clone())
}

/// The entries of a block or an object.
fn inner(content: &Content) -> Option<&Vec<Entry>> {
    match content {
        Content::Block(block) => Some(&block.entries),
        Content::Value(Value { form: Form::Map(entries), span: _ }) => Some(entries),
        Content::Value(_) => None,
    }
}

/// Adds to a block or an object what `default` has by names that are not there. What is neither is told elsewhere.
fn fill_in(entry: &mut Entry, default: Entry) {
    let entries = match &mut entry.content {
        Content::Block(block) => &mut block.entries,
        Content::Value(Value { form: Form::Map(entries), span: _ }) => entries,
        Content::Value(_) => return,
    };
    let known: BTreeSet<String> = entries.iter().map(|entry| entry.name.text.clone()).collect();
    let more = inner(&default.content).into_iter().flatten();
    entries.extend(more.filter(|entry| !known.contains(&entry.name.text)).cloned());
}

/// The claim for the data.
const DATA: &str = "data";

/// Where the claim for the data is mounted: what the server is told must lie below, or it would outlive no container.
fn path(scene: &mut Scene<'_>, meant: &Macro, claims: &[&Block]) -> String {
    let own = claims.iter().find(|claim| claim.labels.first().is_some_and(|label| label.text == DATA));
    let Some((claim, path)) = own.and_then(|claim| Some((claim, absolute(&text_of(&claim.entries, "mount_path")?)?)))
    else {
        return meant.path.to_owned();
    };
    if path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte)) {
        return path;
    }
    let message = format!("{} cannot keep its data at {}", meant.shape.what, quoted(&path));
    scene.refuse(&claim.header, message, "use ASCII letters, digits, `.`, `_` and `-` in the path");
    meant.path.to_owned()
}

/// What a block that says nothing says, all of it where the block stands.
fn defaults(meant: &Macro, declared: &Declared<'_>, path: &str) -> Vec<Entry> {
    let none = Cell::new(0);
    let text = meant.defaults.replace(&format!("{}/", meant.path), &format!("{path}/"));
    let text = text.replace(&format!("dir {}\n", meant.path), &format!("dir {path}\n"));
    let mut own = Scene::new("", &text, &none);
    let mut entries = parse(&mut own).unwrap_or_default();
    let header = &declared.block.header;
    entries.iter_mut().for_each(|entry| move_entry(entry, header));
    if let Some(variable) = meant.named {
        let name = Word { text: variable.to_owned(), span: header.clone() };
        let form = Form::Text(vec![Piece::Literal(declared.name.text.clone())]);
        let named = Entry { name, content: Content::Value(Value { form, span: header.start..header.start }) };
        let env = entries.iter_mut().find(|entry| entry.name.text == "env");
        if let Some(Content::Value(Value { form: Form::Map(variables), span: _ })) = env.map(|env| &mut env.content) {
            variables.push(named);
        }
    }
    entries
}

/// Moves an entry and all in it. Values take no room there: those of variables are hidden wherever they stand.
fn move_entry(entry: &mut Entry, to: &Span) {
    entry.name.span = to.clone();
    match &mut entry.content {
        Content::Value(value) => move_value(value, to),
        Content::Block(Block { labels, entries, header }) => {
            labels.iter_mut().for_each(|label| label.span = to.clone());
            entries.iter_mut().for_each(|entry| move_entry(entry, to));
            *header = to.clone();
        }
    }
}

fn move_value(value: &mut Value, to: &Span) {
    value.span = to.start..to.start;
    match &mut value.form {
        Form::Faulty | Form::Null | Form::Bool(_) | Form::Number(_) => {}
        Form::Text(pieces) => pieces.iter_mut().for_each(|piece| match piece {
            Piece::Literal(_) => {}
            Piece::Asset(_, span) => *span = to.clone(),
        }),
        Form::List(items) | Form::Call(_, items) => items.iter_mut().for_each(|item| move_value(item, to)),
        Form::Map(entries) => entries.iter_mut().for_each(|entry| move_entry(entry, to)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_macro_says_by_itself_can_be_read_and_has_fields_of_a_statefulset_alone() {
        for Macro { shape, versions, defaults, path, named: _, several: _ } in [&POSTGRES, &REDIS] {
            assert!(!versions.is_empty() && defaults.contains(&format!("mount_path = \"{path}\"")));
            let none = Cell::new(0);
            let mut scene = Scene::new("", defaults, &none);
            let entries = parse(&mut scene).unwrap_or_default();
            assert!(!scene.problems.has_errors() && entries.len() > 3, "{}: {:?}", shape.what, scene.problems);
            let names = entries.iter().map(|entry| entry.name.text.as_str());
            assert_eq!(names.filter(|name| !ONCE.contains(name)).collect::<Vec<_>>(), ["volume_claim"]);
        }
    }
}
