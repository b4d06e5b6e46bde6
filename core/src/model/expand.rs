//! `$(VAR)` in environment values, commands and arguments.
//!
//! Source: the Kubernetes Container: `$(VAR)` of a known variable is replaced, of an unknown one stays as it is, and
//! `$$` stands for one `$` that begins nothing, so that `$$(VAR)` gives `$(VAR)`.

use std::collections::BTreeMap;

use crate::text::SecretText;

/// Replaces references to known variables.
pub(super) fn expand(text: &str, known: &BTreeMap<String, SecretText>) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        result.extend_from_slice(before.as_bytes());
        if let Some(after) = after.strip_prefix('$') {
            result.push(b'$');
            rest = after;
            continue;
        }
        let reference = after.strip_prefix('(').and_then(|inner| inner.split_once(')'));
        let Some((name, behind)) = reference else {
            result.push(b'$');
            rest = after;
            continue;
        };
        match known.get(name) {
            Some(value) => result.extend_from_slice(value.expose()),
            None => result.extend_from_slice(format!("$({name})").as_bytes()),
        }
        rest = behind;
    }
    result.extend_from_slice(rest.as_bytes());
    result
}

/// The names that a text refers to, known or not.
pub(super) fn references(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('$') {
        rest = after.strip_prefix('$').unwrap_or(after);
        if rest.len() < after.len() {
            continue;
        }
        if let Some((name, behind)) = after.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            names.push(name);
            rest = behind;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let known = [("A", "one"), ("B", "$(A)"), ("E", "")];
        let known = known.into_iter().map(|(name, value)| (name.to_owned(), SecretText::new(value))).collect();
        assert_eq!(String::from_utf8(expand(text, &known)).unwrap(), expected, "{text}");
    }

    #[test]
    fn a_known_variable_is_replaced_once() {
        check("$(A)", "one");
        check("a$(A)b$(A)", "aonebone");
        check("$(E)x", "x");
        check("$(B)", "$(A)");
    }

    #[test]
    fn anything_else_stays_as_it_is() {
        for text in ["$(NONE)", "$A", "${A}", "$", "a$", "$(A", "$()", "$(A$(A))", "ü$(NONE)ü"] {
            check(text, text);
        }
    }

    #[test]
    fn the_references_of_a_text_are_those_that_are_replaced() {
        for (text, names) in [
            ("$(A)/$(NONE)b$(A)", vec!["A", "NONE", "A"]),
            ("$$(A)$$$(B)", vec!["B"]),
            ("$A${B}$(C", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(references(text), names, "{text}");
        }
    }

    #[test]
    fn two_dollars_escape_a_reference() {
        check("$$(A)", "$(A)");
        check("$$$(A)", "$one");
        check("$$$$(A)", "$$(A)");
        check("$$", "$");
    }
}
