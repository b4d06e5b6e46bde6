//! The table of fields as people read it.
//!
//! Invariant: says what the dialect does, because both read the one table.

use super::shape::{Effect, Field, Format, Literal, Shape, Type};
use super::table;
use crate::model::Kind;

/// A map with known names, at the place in an object where it is met first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Where it stands: `StatefulSet.spec.template`.
    pub path: String,
    /// All that it may hold.
    pub fields: Vec<ListedField>,
}

/// One field and what a container engine makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedField {
    /// Its name.
    pub name: &'static str,
    /// What stands under it.
    pub holds: String,
    /// It must be there.
    pub required: bool,
    /// What becomes of it.
    pub outcome: Outcome,
}

/// What a container engine makes of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It does what Kubernetes says that it does.
    Honoured,
    /// It does nothing.
    WithoutEffect {
        /// Values that are what happens anyway.
        but: Vec<String>,
        /// Why.
        why: &'static str,
    },
    /// It is an error.
    Refused {
        /// Values that are honoured all the same.
        but: Vec<String>,
        /// What to do instead.
        help: &'static str,
    },
}

/// Every map that an object of any kind can hold, each once. What stands under a field that is not honoured shares its
/// fate and is left out.
#[must_use]
pub fn fields() -> Vec<Listed> {
    let mut listing = Listing::default();
    for kind in Kind::ALL {
        listing.meet(kind.name().to_owned(), table::shape(kind));
    }
    // What is met while others are told joins the end.
    let mut told = 0;
    let mut all = Vec::new();
    while let Some((path, shape)) = listing.met.get(told).cloned() {
        let fields = shape.fields.iter().map(|field| listing.field(&path, field)).collect();
        all.push(Listed { path, fields });
        told += 1;
    }
    let place = |path: &str| Kind::ALL.iter().position(|kind| path.split('.').next() == Some(kind.name()));
    all.sort_by_key(|listed| place(&listed.path));
    all
}

#[derive(Default)]
struct Listing {
    met: Vec<(String, &'static Shape)>,
}

impl Listing {
    /// Where the shape is told: at `path`, unless it was met elsewhere before.
    fn meet(&mut self, path: String, shape: &'static Shape) -> String {
        if let Some((first, _)) = self.met.iter().find(|(_, met)| std::ptr::eq(*met, shape)) {
            return first.clone();
        }
        self.met.push((path.clone(), shape));
        path
    }

    fn field(&mut self, path: &str, field: &Field) -> ListedField {
        let Field { name, of, required, docker } = field;
        let outcome = match docker {
            Effect::Honoured => Outcome::Honoured,
            Effect::Nothing { but, why } => Outcome::WithoutEffect { but: literals(but), why },
            Effect::Refused { but, help } => Outcome::Refused { but: literals(but), help },
        };
        let path = format!("{path}.{name}");
        let holds = self.holds(&path, of, outcome == Outcome::Honoured);
        ListedField { name, holds, required: *required, outcome }
    }

    /// `enter` says whether the fields of what stands there are told, too.
    fn holds(&mut self, path: &str, of: &Type, enter: bool) -> String {
        match of {
            Type::Text(format) => words(*format).to_owned(),
            Type::Hidden => "text that no message shows".to_owned(),
            Type::HiddenBase64 => "base64 that no message shows".to_owned(),
            Type::Boolean => "`true` or `false`".to_owned(),
            Type::Integer(least, most) if *most >= i64::from(i32::MAX) => format!("a whole number from {least}"),
            Type::Integer(0, 0o777) => "permissions, to 0777".to_owned(),
            Type::Integer(least, most) => format!("a whole number from {least} to {most}"),
            Type::Port => "a port by number or name".to_owned(),
            Type::Share => "a number or a percentage".to_owned(),
            Type::Quantity => "an amount (`250m`, `1Gi`)".to_owned(),
            Type::Choice(words) => {
                let words: Vec<String> =
                    words.iter().filter(|word| !word.is_empty()).map(|word| format!("`{word}`")).collect();
                words.join(", ")
            }
            Type::List(of) => format!("a list: {}", self.holds(&format!("{path}[]"), of, enter)),
            Type::Map(_, of) => format!("a map: {}", self.holds(&format!("{path}{{}}"), of, enter)),
            Type::Object(shape) if enter => format!("`{}`", self.meet(path.to_owned(), shape)),
            Type::Object(shape) => format!("{} of Kubernetes", shape.name),
            Type::Any => "anything".to_owned(),
        }
    }
}

fn literals(literals: &[Literal]) -> Vec<String> {
    let written = literals.iter().map(|literal| match literal {
        Literal::Boolean(value) => value.to_string(),
        Literal::Integer(value) => value.to_string(),
        Literal::Text("") => "\"\"".to_owned(),
        Literal::Text(text) => (*text).to_owned(),
    });
    written.collect()
}

const fn words(format: Format) -> &'static str {
    match format {
        Format::Prose => "text",
        Format::Line | Format::Word => "text in one line",
        Format::Label => "a name without dots",
        Format::Subdomain => "a name",
        Format::PortName => "a port's name",
        Format::Absolute => "an absolute path",
        Format::Relative => "a path below a directory",
        Format::Variable => "a variable's name",
        Format::DataKey => "a key",
        Format::LabelKey => "a label's key",
        Format::LabelValue => "a label's value",
        Format::ServiceName => "a name that begins with a letter",
        Format::Address => "an IP address",
    }
}
