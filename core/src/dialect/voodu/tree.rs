//! What a manifest says, with the place of each part and free of the parser's own types.

use std::ops::Range;

/// A stretch of bytes of the manifest.
pub(super) type Span = Range<usize>;

/// A name as it was written.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) span: Span,
}

/// One attribute or one block; also one entry of an object.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: Word,
    pub(super) content: Content,
}

/// What an entry holds.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// `name = value`.
    Value(Value),
    /// `name "label" { … }`.
    Block(Block),
}

/// The labels and the body of a block.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) labels: Vec<Word>,
    pub(super) entries: Vec<Entry>,
    /// The name and the labels, which is what a problem with the whole block points at.
    pub(super) header: Span,
}

/// A value and where it is.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) form: Form,
    pub(super) span: Span,
}

/// The values that a manifest may hold.
#[derive(Debug, Clone)]
pub(super) enum Form {
    /// Something that was refused already; readers pass over it without a word.
    Faulty,
    Null,
    Bool(bool),
    /// As it was written, so that nothing is lost by reading it as a number.
    Number(String),
    Text(Vec<Piece>),
    List(Vec<Value>),
    Map(Vec<Entry>),
    Call(Function, Vec<Value>),
}

/// The functions that a manifest may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    File,
    Url,
}

/// A part of a text.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    Literal(String),
    Asset(AssetKey, Span),
}

/// `${asset.<scope>.<name>.<key>}`, or `${asset.<name>.<key>}` with an empty scope.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AssetKey {
    pub(super) scope: String,
    pub(super) name: String,
    pub(super) key: String,
}

impl Value {
    /// What kind of value it is, for messages.
    pub(super) const fn describe(&self) -> &'static str {
        match &self.form {
            Form::Faulty => "something unreadable",
            Form::Null => "null",
            Form::Bool(_) => "a boolean",
            Form::Number(_) => "a number",
            Form::Text(_) => "a string",
            Form::List(_) => "a list",
            Form::Map(_) => "an object",
            Form::Call(Function::File, _) => "the contents of a file",
            Form::Call(Function::Url, _) => "the contents of a URL",
        }
    }
}
