//! The environment of a container: what the platform says and what the author says.

use std::collections::BTreeMap;

use super::fields::section;
use super::names::is_variable;
use super::placed::Placed;
use super::scene::Scene;
use super::tree::{Content, Entry, Form, Value};
use crate::text::quoted;

/// Begins the names of variables that belong to the platform.
const RESERVED: &str = "VOODU_";

/// The author's variables, by name.
pub(super) type Variables = BTreeMap<String, Placed>;

/// Reads `env`.
pub(super) fn read(scene: &mut Scene<'_>, entry: &Entry) -> Variables {
    let mut variables = Variables::new();
    let Some((entries, _)) = section(scene, entry) else { return variables };
    for Entry { name, content } in entries {
        if !is_variable(&name.text) {
            scene.refuse(
                &name.span,
                format!("{} cannot be the name of a variable", quoted(&name.text)),
                "use ASCII letters, digits, `_`, `-` and `.`, with no digit first",
            );
            continue;
        }
        if name.text.starts_with(RESERVED) {
            scene.refuse(
                &name.span,
                format!("{} belongs to the platform", quoted(&name.text)),
                "names that begin with `VOODU_` are set for each pod; choose another name",
            );
            continue;
        }
        if let Content::Value(value) = content {
            scene.hidden.push(value.span.clone());
        }
        let value = match content {
            Content::Value(value) => scalar(scene, &name.text, value),
            Content::Block(block) => {
                scene.refuse(&block.header, "`env` holds values, not blocks", "write `NAME = \"value\"`");
                None
            }
        };
        if let Some(value) = value {
            let place = scene.place(&name.span);
            variables.insert(name.text.clone(), Placed::at(value, place));
        }
    }
    variables
}

/// A value as the text that the container sees.
fn scalar(scene: &mut Scene<'_>, name: &str, value: &Value) -> Option<String> {
    match &value.form {
        Form::Text(pieces) => scene.literal(name, pieces),
        Form::Bool(value) => Some(value.to_string()),
        Form::Number(text) => {
            let exact = text.parse::<i64>().is_ok_and(|number| number.to_string() == *text);
            if !exact {
                scene.refuse(
                    &value.span,
                    format!("the number for `{name}` can be written in several ways"),
                    "put it in double quotes, so that the container sees exactly what is written",
                );
            }
            exact.then(|| text.clone())
        }
        Form::Faulty | Form::Null | Form::List(_) | Form::Map(_) | Form::Call(..) => {
            scene.wrong_kind(name, "a string", value, "put it in double quotes, or leave the variable out");
            None
        }
    }
}

/// `env` of a container: the platform's variables, then the author's.
pub(super) fn of_container(scope: &str, name: &str, has_ordinal: bool, variables: &Variables) -> Placed {
    let mut list = vec![
        Placed::object().plain("name", "VOODU_SCOPE").plain("value", scope),
        Placed::object().plain("name", "VOODU_NAME").plain("value", name),
    ];
    if has_ordinal {
        for variable in ["VOODU_REPLICA_ORDINAL", "VOODU_REPLICA_ID"] {
            let field = Placed::object().plain("fieldPath", "metadata.labels['apps.kubernetes.io/pod-index']");
            let from = Placed::object().with("fieldRef", field);
            list.push(Placed::object().plain("name", variable).with("valueFrom", from));
        }
    }
    for (name, value) in variables {
        list.push(Placed::object().plain("name", name.as_str()).with("value", value.clone().map_text(literal)));
    }
    Placed::list(list)
}

/// The text that Kubernetes reads as `text`: there, `$(NAME)` refers to a variable and `$$` is one `$`.
pub(in crate::dialect) fn literal(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        escaped.push(character);
        if character == '$' && matches!(characters.peek(), Some('$' | '(')) {
            escaped.push('$');
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::literal;

    /// Reads as Kubernetes does, where no variable is defined. Source: expansion of `$(VAR)` in its documentation.
    fn as_kubernetes_reads(text: &str) -> String {
        let mut read = String::new();
        let mut rest = text.chars().peekable();
        while let Some(character) = rest.next() {
            assert!(!(character == '$' && rest.peek() == Some(&'(')), "a reference in {text:?}");
            read.push(character);
            if character == '$' && rest.peek() == Some(&'$') {
                rest.next();
            }
        }
        read
    }

    #[test]
    fn every_dollar_arrives_as_it_was_written() {
        for text in ["", "$", "$$", "$$$", "$(A)", "$$(A)", "a$b", "$${A}", "$(", "p$$w$(x)$"] {
            assert_eq!(as_kubernetes_reads(&literal(text)), text, "{text:?}");
        }
        assert_eq!(literal("p$w"), "p$w");
        assert_eq!(literal("$(HOME)"), "$$(HOME)");
    }
}
