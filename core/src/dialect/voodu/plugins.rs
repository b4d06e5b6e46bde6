//! Blocks of kinds that a plugin expands: what a plugin is asked, and its answer as blocks of the dialect.
//!
//! Invariant: an answer holds manifests of kinds that are built in and nothing else; each becomes a block that stands
//! where the block of the plugin does, and is read as any other.
//! Invariant: no value of a bucket and no file goes to a plugin: what it answers stands in specs that people read.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::{Map, Value as Json, json};

use super::declared::Resource;
use super::macros::{LATEST, version};
use super::names::label;
use super::scene::Scene;
use super::tree::{AssetKey, Block, Content, Entry, Form, Piece, Span, Value, Word};
use crate::limits::{PLUGIN_BLOCKS_MAX, PLUGIN_MANIFESTS_MAX};
use crate::text::quoted;

/// A block that a plugin expands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockId {
    /// Its kind, by which the plugin is found.
    pub kind: String,
    /// Its first label.
    pub scope: String,
    /// Its second label.
    pub name: String,
}

/// What came of a block that a plugin expands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expansion {
    /// What the plugin wrote: bytes of a stranger.
    Answered(Vec<u8>),
    /// The plugin came to no answer.
    Failed {
        /// Why not.
        why: String,
    },
}

/// Kinds that plugins expand, each with the version of its plugin.
pub type Kinds = BTreeMap<String, String>;

/// The kinds that plugins expand, and what they made of the blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expansions {
    /// The kinds for which a plugin is declared, each with its version.
    pub kinds: Kinds,
    /// What came of each block that was asked about.
    pub answers: BTreeMap<BlockId, Expansion>,
}

/// True for a kind that the dialect has of its own, or that a plugin cannot have.
#[must_use]
pub fn is_built_in(kind: &str) -> bool {
    let is_word = kind.starts_with(|first: char| first.is_ascii_lowercase())
        && kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte));
    !is_word || super::declared::is_known(kind)
}

/// What plugins are asked about blocks of `kinds` among `entries`: the question for each, as JSON.
pub(super) fn questions(entries: &[Entry], kinds: &Kinds) -> BTreeMap<BlockId, String> {
    let blocks = entries.iter().filter_map(|entry| of_plugin(entry, kinds));
    let asked = blocks.take(PLUGIN_BLOCKS_MAX).filter_map(|(kind, block)| {
        let id = id(kind, block)?;
        let spec = spec(&own(block)).ok()?;
        let question = json!({"kind": id.kind, "scope": id.scope, "name": id.name, "spec": spec, "config": {}});
        Some((id, question.to_string()))
    });
    asked.collect()
}

/// The blocks that plugins made of those of their kinds.
pub(super) fn expanded(scene: &mut Scene<'_>, entries: &[Entry], expansions: &Expansions) -> Vec<Entry> {
    let mut grown = Vec::new();
    for (kind, block) in entries.iter().filter_map(|entry| of_plugin(entry, &expansions.kinds)) {
        hide(scene, &block.entries);
        let [scope, name] = block.labels.as_slice() else {
            let help = format!("write `{} \"SCOPE\" \"NAME\" {{ … }}`", kind.text);
            let message = format!("`{}` needs exactly two labels, scope and name", kind.text);
            scene.refuse(&block.header, message, help);
            continue;
        };
        if !(label(scene, "a scope", scope) & label(scene, "a name", name)) {
            continue;
        }
        let declared = expansions.kinds.get(&kind.text).map(String::as_str).unwrap_or_default();
        if !is_version(scene, block, declared) {
            continue;
        }
        if let Err(span) = spec(&own(block)) {
            let help = "put the file into an asset, and refer to it: `${asset.SCOPE.NAME.KEY}`";
            scene.refuse(&span, "a plugin is given no contents of files", help);
            continue;
        }
        let answer = id(kind, block).and_then(|id| expansions.answers.get(&id));
        let made = match answer {
            Some(Expansion::Answered(bytes)) => manifests(bytes, &scope.text, &block.header),
            Some(Expansion::Failed { why }) => Err(why.clone()),
            None => Err(format!("it was not asked; a unit has at most {PLUGIN_BLOCKS_MAX} blocks of plugins")),
        };
        match made {
            Ok(made) => grown.extend(made),
            Err(why) => {
                let help = "see what the plugin says of this block, and which version of it the settings name";
                scene.refuse(&block.header, format!("the plugin for `{}`: {why}", kind.text), help);
            }
        }
    }
    grown
}

/// The kind and the block, where a plugin is declared for it.
pub(super) fn of_plugin<'e>(entry: &'e Entry, kinds: &Kinds) -> Option<(&'e Word, &'e Block)> {
    match &entry.content {
        Content::Block(block) if kinds.contains_key(&entry.name.text) => Some((&entry.name, block)),
        Content::Block(_) | Content::Value(_) => None,
    }
}

fn id(kind: &Word, block: &Block) -> Option<BlockId> {
    let [scope, name] = block.labels.as_slice() else { return None };
    Some(BlockId { kind: kind.text.clone(), scope: scope.text.clone(), name: name.text.clone() })
}

/// What a block says to its plugin: all but which one that is.
fn own(block: &Block) -> Vec<Entry> {
    block.entries.iter().filter(|entry| entry.name.text != "plugin").cloned().collect()
}

/// True unless the block asks for another version of its plugin than the settings name, which is refused then.
fn is_version(scene: &mut Scene<'_>, block: &Block, declared: &str) -> bool {
    let plugin = block.entries.iter().find(|entry| entry.name.text == "plugin");
    let Some((version, span)) = plugin.and_then(|entry| version(scene, entry)) else { return true };
    let same = version == declared || version == LATEST;
    if !same {
        let message =
            format!("the settings name version {} of this plugin, and not {}", quoted(declared), quoted(&version));
        let help = "write that version, or let the settings name this one with its digest";
        scene.refuse(&span, message, help);
    }
    same
}

/// Values of variables, which no message shows.
fn hide(scene: &mut Scene<'_>, entries: &[Entry]) {
    let env = entries.iter().filter(|entry| entry.name.text == "env");
    let inner = env.flat_map(|entry| match &entry.content {
        Content::Block(block) => block.entries.as_slice(),
        Content::Value(Value { form: Form::Map(entries), span: _ }) => entries.as_slice(),
        Content::Value(_) => &[],
    });
    scene.hidden.extend(inner.filter_map(|entry| match &entry.content {
        Content::Value(value) => Some(value.span.clone()),
        Content::Block(_) => None,
    }));
}

/// The entries of a block as JSON: blocks are objects with their labels as `_labels`, and several of a name are a list.
/// The place of a call is the error.
fn spec(entries: &[Entry]) -> Result<Json, Span> {
    let mut map = Map::new();
    let mut blocks: BTreeMap<&str, Vec<Json>> = BTreeMap::new();
    for Entry { name, content } in entries {
        match content {
            Content::Value(value) => {
                let value = if name.text == "env" { texts(of_value(value)?) } else { of_value(value)? };
                map.insert(name.text.clone(), value);
            }
            Content::Block(block) => {
                let mut inner = spec(&block.entries)?;
                if name.text == "env" {
                    inner = texts(inner);
                }
                if let (Json::Object(inner), false) = (&mut inner, block.labels.is_empty()) {
                    let labels = block.labels.iter().map(|label| Json::from(label.text.as_str()));
                    inner.insert("_labels".to_owned(), labels.collect());
                }
                blocks.entry(&name.text).or_default().push(inner);
            }
        }
    }
    for (name, mut found) in blocks {
        let one = if found.len() == 1 { found.pop().unwrap_or_default() } else { Json::Array(found) };
        map.insert(name.to_owned(), one);
    }
    Ok(Json::Object(map))
}

/// The members of an object as texts, which is what variables are.
fn texts(value: Json) -> Json {
    let Json::Object(map) = value else { return value };
    let text = |value: Json| match value {
        Json::Bool(_) | Json::Number(_) => Json::String(value.to_string()),
        Json::Null | Json::String(_) | Json::Array(_) | Json::Object(_) => value,
    };
    map.into_iter().map(|(name, value)| (name, text(value))).collect()
}

fn of_value(value: &Value) -> Result<Json, Span> {
    Ok(match &value.form {
        Form::Faulty | Form::Null => Json::Null,
        Form::Bool(truth) => Json::Bool(*truth),
        // As it was written, where JSON has no such number.
        Form::Number(text) => serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.clone())),
        Form::Text(pieces) => Json::String(pieces.iter().map(of_piece).collect()),
        Form::List(items) => Json::Array(items.iter().map(of_value).collect::<Result<_, _>>()?),
        Form::Map(entries) => spec(entries)?,
        Form::Call(..) => return Err(value.span.clone()),
    })
}

fn of_piece(piece: &Piece) -> String {
    match piece {
        Piece::Literal(text) => text.clone(),
        Piece::Asset(AssetKey { scope, name, key }, _) => format!("${{asset.{scope}.{name}.{key}}}"),
    }
}

/// What a plugin answered, as blocks at `header`; else what is wrong with it.
fn manifests(bytes: &[u8], scope: &str, header: &Span) -> Result<Vec<Entry>, String> {
    let answer: Json =
        serde_json::from_slice(bytes).map_err(|error| format!("its answer is not JSON: {}", error_place(&error)))?;
    let mut answer = Members::of(answer, "its answer")?;
    let (status, data, error) = (answer.take("status"), answer.take("data"), answer.take("error"));
    answer.end()?;
    match status.as_str() {
        Some("ok") => {}
        Some("error") => return Err(format!("it refuses: {}", quoted(error.as_str().unwrap_or_default()))),
        Some(_) | None => return Err("its answer has no `status` that is \"ok\" or \"error\"".to_owned()),
    }
    let list = match data {
        Json::Array(list) => list,
        Json::Object(map) if map.contains_key("manifests") || map.contains_key("actions") => {
            let mut both = Members { map, what: "`data`" };
            let (manifests, actions) = (both.take("manifests"), both.take("actions"));
            both.end()?;
            if !matches!(&actions, Json::Null) && actions.as_array().is_none_or(|actions| !actions.is_empty()) {
                return Err("it asks for `actions`, and expanding a block changes nothing".to_owned());
            }
            match manifests {
                Json::Array(list) => list,
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
                    return Err("`manifests` of its answer is no list".to_owned());
                }
            }
        }
        Json::Object(map) => vec![Json::Object(map)],
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {
            return Err("`data` of its answer is neither a manifest nor a list of them".to_owned());
        }
    };
    if list.is_empty() || list.len() > PLUGIN_MANIFESTS_MAX {
        return Err(format!("it answers with {} manifests, and not with 1 to {PLUGIN_MANIFESTS_MAX}", list.len()));
    }
    list.into_iter().map(|manifest| manifest_of(manifest, scope, header)).collect()
}

/// Where JSON ends to be JSON; the message of the parser can repeat what stands there.
fn error_place(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

fn manifest_of(manifest: Json, scope: &str, header: &Span) -> Result<Entry, String> {
    let mut members = Members::of(manifest, "a manifest of its answer")?;
    let [kind, name] = ["kind", "name"].map(|member| members.take(member));
    let (of, spec) = (members.take("scope"), members.take("spec"));
    members.end()?;
    let (Some(kind), Some(name)) = (kind.as_str(), name.as_str()) else {
        return Err("a manifest of its answer has no `kind` or no `name`".to_owned());
    };
    let resource = Resource::ALL.into_iter().find(|resource| resource.word() == kind);
    if !resource.is_some_and(Resource::is_plain) {
        return Err(format!("it answers with the kind {}, and not with one that is built in", quoted(kind)));
    }
    if of.as_str() != Some(scope) {
        return Err(format!("it answers for the scope {}, and not for that of the block", quoted(&of.to_string())));
    }
    let Json::Object(spec) = spec else { return Err("the `spec` of a manifest of its answer is no object".to_owned()) };
    let maker = Maker { header, asset: resource == Some(Resource::Asset) };
    let labels = [scope, name].map(|text| maker.word(text)).into();
    let block = Block { labels, entries: maker.entries(spec)?, header: header.clone() };
    Ok(Entry { name: maker.word(kind), content: Content::Block(block) })
}

/// The members of an object, of which each must be taken.
struct Members {
    map: Map<String, Json>,
    what: &'static str,
}

impl Members {
    fn of(value: Json, what: &'static str) -> Result<Self, String> {
        match value {
            Json::Object(map) => Ok(Self { map, what }),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
                Err(format!("{what} is no object"))
            }
        }
    }

    fn take(&mut self, name: &str) -> Json {
        self.map.remove(name).unwrap_or_default()
    }

    fn end(self) -> Result<(), String> {
        let left = self.map.keys().next();
        left.map_or(Ok(()), |name| Err(format!("{} has a member {} that nobody knows", self.what, quoted(name))))
    }
}

/// Makes entries of JSON, all of them where the block of the plugin stands.
struct Maker<'a> {
    header: &'a Span,
    asset: bool,
}

impl Maker<'_> {
    fn word(&self, text: &str) -> Word {
        Word { text: text.to_owned(), span: self.header.clone() }
    }

    /// What stands in `null` is not there.
    fn entries(&self, map: Map<String, Json>) -> Result<Vec<Entry>, String> {
        let mut entries = Vec::new();
        for (name, value) in map {
            // The lists of the wire have other names than the blocks.
            let block = match name.as_str() {
                "volume_claim" | "volume_claims" => Some("volume_claim"),
                "init" | "inits" => Some("init"),
                _ => None,
            };
            match (block, value) {
                (_, Json::Null) => {}
                (Some(word), Json::Array(items)) => {
                    for item in items {
                        entries.push(self.labelled(word, item)?);
                    }
                }
                (Some(word), item) => entries.push(self.labelled(word, item)?),
                (None, Json::Object(file)) if self.asset => entries.push(self.entry(&name, self.file(file)?)),
                (None, value) => entries.push(self.entry(&name, self.value(value)?)),
            }
        }
        Ok(entries)
    }

    fn entry(&self, name: &str, value: Value) -> Entry {
        Entry { name: self.word(name), content: Content::Value(value) }
    }

    /// A block whose label is its `name`, or stands in `_labels`.
    fn labelled(&self, word: &str, item: Json) -> Result<Entry, String> {
        let Json::Object(mut map) = item else { return Err(format!("a `{word}` of its answer is no object")) };
        let labels = match map.remove("_labels") {
            Some(Json::Array(labels)) => labels,
            Some(_) => return Err(format!("`_labels` of a `{word}` is no list")),
            None => map.remove("name").into_iter().collect(),
        };
        let labels = labels.iter().filter_map(Json::as_str).map(|label| self.word(label)).collect();
        let block = Block { labels, entries: self.entries(map)?, header: self.header.clone() };
        Ok(Entry { name: self.word(word), content: Content::Block(block) })
    }

    /// The contents of a file, which stand in the answer.
    fn file(&self, file: Map<String, Json>) -> Result<Value, String> {
        let (source, content) = (file.get("_source"), file.get("content"));
        let Some(content) = content.and_then(Json::as_str).filter(|_| source == Some(&Json::from("file"))) else {
            return Err("a key of an asset is neither a text nor a file with its contents".to_owned());
        };
        let bytes = base64::engine::general_purpose::STANDARD.decode(content);
        let text = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or("a file of an asset is no text in Base64")?;
        self.literal(vec![Piece::Literal(text)])
    }

    fn value(&self, value: Json) -> Result<Value, String> {
        Ok(self.at(match value {
            Json::Null => Form::Null,
            Json::Bool(truth) => Form::Bool(truth),
            Json::Number(number) => Form::Number(number.to_string()),
            Json::String(text) if self.asset => return self.literal(vec![Piece::Literal(text)]),
            Json::String(text) => return self.literal(self.pieces(&text)?),
            Json::Array(items) => Form::List(items.into_iter().map(|item| self.value(item)).collect::<Result<_, _>>()?),
            Json::Object(map) => Form::Map(self.entries(map)?),
        }))
    }

    /// Takes no room where it stands: the values of variables are hidden there, and the block is not.
    fn at(&self, form: Form) -> Value {
        Value { form, span: self.header.start..self.header.start }
    }

    fn literal(&self, pieces: Vec<Piece>) -> Result<Value, String> {
        let has_nul = pieces.iter().any(|piece| matches!(piece, Piece::Literal(text) if text.contains('\0')));
        if has_nul { Err("its answer holds a NUL character".to_owned()) } else { Ok(self.at(Form::Text(pieces))) }
    }

    /// A text with the references to assets in it.
    fn pieces(&self, text: &str) -> Result<Vec<Piece>, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${asset.") {
            let unclear = || format!("{} is no reference to a key of an asset", quoted(text));
            let (path, after) = after.split_once('}').ok_or_else(unclear)?;
            let [scope, name, key] = path.split('.').collect::<Vec<_>>()[..] else { return Err(unclear()) };
            if !before.is_empty() {
                pieces.push(Piece::Literal(before.to_owned()));
            }
            let [scope, name, key] = [scope, name, key].map(str::to_owned);
            pieces.push(Piece::Asset(AssetKey { scope, name, key }, self.header.clone()));
            rest = after;
        }
        if !rest.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        Ok(pieces)
    }
}
