//! The entries of one block or object, each known by name.
//!
//! Invariant: an entry that is not known is an error, so that none is passed over.

use std::collections::BTreeMap;

use super::scene::Scene;
use super::tree::{Block, Content, Entry, Span, Value, Word};
use crate::text::quoted;

/// Which entries a block may have.
pub(super) struct Shape {
    /// What the block is, for messages (`a statefulset`).
    pub(super) what: &'static str,
    /// Entries that may be there once.
    pub(super) once: &'static [&'static str],
    /// Labelled blocks that may be there several times.
    pub(super) repeated: &'static [&'static str],
    /// Entries of the dialect that are understood and refused, each with what to do instead.
    pub(super) refused: &'static [(&'static str, &'static str)],
}

/// The known entries of one block.
pub(super) struct Fields<'e> {
    once: BTreeMap<&'e str, &'e Entry>,
    repeated: Vec<(&'e Word, &'e Block)>,
}

impl<'e> Fields<'e> {
    /// Sorts `entries` by name and reports those that `shape` does not have.
    pub(super) fn read(scene: &mut Scene<'_>, shape: &Shape, entries: &'e [Entry]) -> Self {
        let mut fields = Self { once: BTreeMap::new(), repeated: Vec::new() };
        for entry in entries {
            let name = entry.name.text.as_str();
            if let Some((_, help)) = shape.refused.iter().find(|(refused, _)| *refused == name) {
                scene.refuse(&entry.name.span, format!("`{name}` is not supported yet"), *help);
            } else if shape.repeated.contains(&name) {
                match &entry.content {
                    Content::Block(block) => fields.repeated.push((&entry.name, block)),
                    Content::Value(_) => scene.refuse(
                        &entry.name.span,
                        format!("`{name}` is a block, not an attribute"),
                        format!("write `{name} \"NAME\" {{ … }}`, as often as needed"),
                    ),
                }
            } else if !shape.once.contains(&name) {
                refuse_unknown(scene, shape, &entry.name);
            } else if fields.once.insert(name, entry).is_some() {
                scene.refuse(
                    &entry.name.span,
                    format!("`{name}` is written twice"),
                    "it may be there once: put both into one",
                );
            }
        }
        fields
    }

    /// The entry of that name.
    pub(super) fn entry(&self, name: &str) -> Option<&'e Entry> {
        self.once.get(name).copied()
    }

    /// The value of that name; a block of that name is reported.
    pub(super) fn value(&self, scene: &mut Scene<'_>, name: &str) -> Option<(&'e Word, &'e Value)> {
        let entry = self.entry(name)?;
        match &entry.content {
            Content::Value(value) => Some((&entry.name, value)),
            Content::Block(block) => {
                scene.refuse(
                    &block.header,
                    format!("`{name}` is an attribute, not a block"),
                    format!("write `{name} = …`"),
                );
                None
            }
        }
    }

    /// The labelled blocks of that name, in the order in which they were written.
    pub(super) fn blocks(&self, name: &str) -> impl Iterator<Item = (&'e Word, &'e Block)> {
        self.repeated.iter().filter(move |(word, _)| word.text == name).copied()
    }
}

fn refuse_unknown(scene: &mut Scene<'_>, shape: &Shape, name: &Word) {
    let Shape { what, once, repeated, refused } = shape;
    let names = once.iter().chain(*repeated).copied().chain(refused.iter().map(|(name, _)| *name));
    let help = match scene.nearest(&name.text, names) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            let known: Vec<&str> = once.iter().chain(*repeated).copied().collect();
            format!("{what} can have: {}", known.join(", "))
        }
    };
    scene.refuse(&name.span, format!("{what} has no {}", quoted(&name.text)), help);
}

/// The entries of a block without labels, or of an object: both ways of writing mean the same.
pub(super) fn section<'e>(scene: &mut Scene<'_>, entry: &'e Entry) -> Option<(&'e [Entry], Span)> {
    use super::tree::Form;
    let name = entry.name.text.as_str();
    match &entry.content {
        Content::Block(block) => {
            if let Some(label) = block.labels.first() {
                scene.refuse(&label.span, format!("`{name}` has no label"), format!("write `{name} {{ … }}`"));
                return None;
            }
            Some((&block.entries, block.header.clone()))
        }
        Content::Value(value) => match &value.form {
            Form::Map(entries) => Some((entries, entry.name.span.clone())),
            Form::Faulty
            | Form::Null
            | Form::Bool(_)
            | Form::Number(_)
            | Form::Text(_)
            | Form::List(_)
            | Form::Call(..) => {
                scene.wrong_kind(name, "a block or an object", value, &format!("write `{name} {{ … }}`"));
                None
            }
        },
    }
}
