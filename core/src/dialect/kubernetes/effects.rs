//! What a target makes of an object's fields.

use serde_json::Value;

use super::shape::{Effect, Field, Literal, Shape, Type};
use super::table;
use crate::model::Object;
use crate::text::{Problem, Problems};

/// Where objects are made real.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Target {
    /// A container engine on one host, simulated ones included.
    #[default]
    Docker,
    /// A cluster, which takes objects as they are.
    Kubernetes,
}

impl Target {
    const fn name(self) -> &'static str {
        match self {
            Self::Docker => "Docker",
            Self::Kubernetes => "Kubernetes",
        }
    }
}

/// Every field of an object that a target does not honour: a note for what has no effect there, an error for what it
/// cannot do.
#[must_use]
pub fn effects(object: &Object, target: Target) -> Problems {
    let mut walk = Walk { object, target, problems: Problems::default(), pointer: String::new() };
    walk.fields(&object.body, table::shape(object.id.kind));
    walk.problems
}

struct Walk<'a> {
    object: &'a Object,
    target: Target,
    problems: Problems,
    pointer: String,
}

impl Walk<'_> {
    fn fields(&mut self, value: &Value, shape: &'static Shape) {
        let Some(map) = value.as_object() else { return };
        for (name, value) in map {
            // The dialects refuse what the table does not know, each by its own means.
            let Some(field) = shape.field(name) else { continue };
            self.under(name, |walk| walk.field(field, value));
        }
    }

    fn field(&mut self, field: &Field, value: &Value) {
        let effect = match self.target {
            Target::Docker => field.docker,
            // Its server says what it makes of a field.
            Target::Kubernetes => return,
        };
        let name = field.name;
        let target = self.target.name();
        match effect {
            Effect::Honoured => self.value(&field.of, value),
            Effect::Nothing { but, .. } | Effect::Refused { but, .. } if is_among(value, but) => {}
            // What a dialect put there by itself concerns nobody.
            Effect::Nothing { .. } if !self.object.places.is_written(&self.pointer) => {}
            Effect::Nothing { but: _, why } => {
                let message = format!("`{name}` has no effect on {target}: {why}");
                self.problems.push(Problem::note(self.object.place(&self.pointer), message));
            }
            Effect::Refused { but, help } => {
                let written = value.as_str().filter(|text| !but.is_empty() && !text.is_empty());
                let what = written.map_or_else(|| format!("`{name}`"), |text| format!("`{name}: {text}`"));
                let message = format!("{what} is not possible on {target}");
                self.problems.push(Problem::error(self.object.place(&self.pointer), message).help(help));
            }
        }
    }

    fn value(&mut self, of: &Type, value: &Value) {
        match of {
            Type::Object(shape) => self.fields(value, shape),
            Type::List(of) => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.under(&index.to_string(), |walk| walk.value(of, item));
                }
            }
            Type::Text(_)
            | Type::Hidden
            | Type::HiddenBase64
            | Type::Boolean
            | Type::Integer(..)
            | Type::Port
            | Type::Share
            | Type::Quantity
            | Type::Choice(_)
            | Type::Map(..)
            | Type::Any => {}
        }
    }

    fn under(&mut self, name: &str, then: impl FnOnce(&mut Self)) {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(name);
        then(self);
        self.pointer.truncate(length);
    }
}

/// True if a value, or every item of a list, is one of the literals.
fn is_among(value: &Value, literals: &[Literal]) -> bool {
    if let Some(items) = value.as_array() {
        return !literals.is_empty() && items.iter().all(|item| is_among(item, literals));
    }
    literals.iter().any(|literal| match literal {
        Literal::Boolean(wanted) => value.as_bool() == Some(*wanted),
        Literal::Integer(wanted) => value.as_i64() == Some(*wanted),
        Literal::Text(wanted) => value.as_str() == Some(*wanted),
    })
}
