//! The vocabulary of the table of fields.

/// What a field is on one target.
#[derive(Debug, Clone, Copy)]
pub(super) enum Effect {
    /// It does what Kubernetes says that it does.
    Honoured,
    /// It does nothing there, unless it has one of the values, which are what happens anyway.
    Nothing {
        /// Values that need no remark.
        but: &'static [Literal],
        /// Why.
        why: &'static str,
    },
    /// The target cannot do it, unless it has one of the values.
    Refused {
        /// Values that are honoured.
        but: &'static [Literal],
        /// What can be done instead.
        help: &'static str,
    },
}

/// A value that the table speaks of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Literal {
    /// A boolean.
    Boolean(bool),
    /// A number.
    Integer(i64),
    /// Text.
    Text(&'static str),
}

/// A kind of map with known names.
#[derive(Debug)]
pub(super) struct Shape {
    /// What Kubernetes calls it.
    pub(super) name: &'static str,
    /// All that it may hold.
    pub(super) fields: &'static [Field],
}

impl Shape {
    /// The field of a name. Of a thousand objects there are a hundred thousand to be found: lengths and first letters tell
    /// most apart.
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        let (first, length) = (name.as_bytes().first(), name.len());
        self.fields
            .iter()
            .find(|field| field.name.len() == length && field.name.as_bytes().first() == first && field.name == name)
    }
}

/// One name in a map with known names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// The name.
    pub(super) name: &'static str,
    /// What stands under it.
    pub(super) of: Type,
    /// It must be there.
    pub(super) required: bool,
    /// What a container engine makes of it.
    pub(super) docker: Effect,
}

/// What stands under a name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Type {
    /// Text of some form.
    Text(Format),
    /// Text that no message may show.
    Hidden,
    /// Base64 of something that no message may show.
    HiddenBase64,
    /// True or false.
    Boolean,
    /// A whole number from and to.
    Integer(i64, i64),
    /// A port by number or by name.
    Port,
    /// A number or a percentage.
    Share,
    /// An amount with a unit.
    Quantity,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// Values of one type.
    List(&'static Self),
    /// Values of one type under free names.
    Map(Format, &'static Self),
    /// Known names.
    Object(&'static Shape),
    /// Not looked into, because all of it is refused or written by a cluster.
    Any,
}

/// The form of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Any text, in several lines too.
    Prose,
    /// Any text in one line.
    Line,
    /// Text in one line that is not empty.
    Word,
    /// A name as in DNS, without dots.
    Label,
    /// A name as in DNS.
    Subdomain,
    /// A name of a port: letters, digits and dashes, at most 15.
    PortName,
    /// A path from the root.
    Absolute,
    /// A path below a directory.
    Relative,
    /// The name of an environment variable.
    Variable,
    /// A key of a ConfigMap or a Secret.
    DataKey,
    /// The key of a label or an annotation.
    LabelKey,
    /// The value of a label.
    LabelValue,
    /// A DNS name of one label that begins with a letter.
    ServiceName,
    /// An address of the Internet Protocol.
    Address,
}

/// A field that is honoured.
pub(super) const fn yes(name: &'static str, of: Type) -> Field {
    Field { name, of, required: false, docker: Effect::Honoured }
}

/// A field that is honoured and must be there.
pub(super) const fn must(name: &'static str, of: Type) -> Field {
    Field { name, of, required: true, docker: Effect::Honoured }
}

/// A field without effect on a container engine, and why.
pub(super) const fn idle(name: &'static str, of: Type, why: &'static str) -> Field {
    Field { name, of, required: false, docker: Effect::Nothing { but: &[], why } }
}

/// The same, with values that need no remark.
pub(super) const fn idle_but(name: &'static str, of: Type, but: &'static [Literal], why: &'static str) -> Field {
    Field { name, of, required: false, docker: Effect::Nothing { but, why } }
}

/// A field that a container engine cannot have yet, and what to do instead.
pub(super) const fn no(name: &'static str, of: Type, help: &'static str) -> Field {
    Field { name, of, required: false, docker: Effect::Refused { but: &[], help } }
}

/// A field of which a container engine can have only some values.
pub(super) const fn only(name: &'static str, of: Type, but: &'static [Literal], help: &'static str) -> Field {
    Field { name, of, required: false, docker: Effect::Refused { but, help } }
}

impl Field {
    /// The same field, which must be there.
    pub(super) const fn required(self) -> Self {
        Self { required: true, ..self }
    }
}

impl Type {
    /// True for what no message may show, and for maps of it.
    pub(super) const fn is_secret(&self) -> bool {
        matches!(self, Self::Hidden | Self::HiddenBase64 | Self::Map(_, Self::Hidden | Self::HiddenBase64))
    }
}

/// Text in one line.
pub(super) const LINE: Type = Type::Text(Format::Line);
/// Text in one line that is not empty.
pub(super) const WORD: Type = Type::Text(Format::Word);
/// A name without dots.
pub(super) const LABEL: Type = Type::Text(Format::Label);
/// A name with dots.
pub(super) const SUBDOMAIN: Type = Type::Text(Format::Subdomain);
/// Texts.
pub(super) const LINES: Type = Type::List(&LINE);
/// Texts in several lines too.
pub(super) const PROSES: Type = Type::List(&Type::Text(Format::Prose));
/// Labels with values.
pub(super) const LABELS: Type = Type::Map(Format::LabelKey, &Type::Text(Format::LabelValue));
/// Free names with texts.
pub(super) const TEXTS: Type = Type::Map(Format::Word, &LINE);
/// A number that may be 0.
pub(super) const COUNT: Type = Type::Integer(0, i32::MAX as i64);
/// A number of at least 1.
pub(super) const POSITIVE: Type = Type::Integer(1, i32::MAX as i64);
/// A number of a port.
pub(super) const PORT_NUMBER: Type = Type::Integer(1, 65_535);
/// A number of a user or a group.
pub(super) const USER: Type = Type::Integer(0, i32::MAX as i64);
/// Permissions of a file.
pub(super) const MODE: Type = Type::Integer(0, 0o777);
