//! Paths of fields, in the two ways in which they are written: by places in a list, and by the keys of its items.

use std::fmt;

/// A field of an object: `spec.template.spec.containers[name="app"].image`, or with places, `containers[0].image`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPath(String);

impl FieldPath {
    /// Takes a path with or without the dot that servers begin it with.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.strip_prefix('.').unwrap_or(text).to_owned())
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same without what stands in brackets, so that paths of both ways can be compared.
    #[must_use]
    pub fn plain(&self) -> String {
        let (mut plain, mut depth, mut quoted) = (String::with_capacity(self.0.len()), 0_u32, false);
        for character in self.0.chars() {
            match character {
                '"' if depth > 0 => quoted = !quoted,
                '[' if !quoted => {
                    depth += 1;
                    plain.push_str(if depth == 1 { "[]" } else { "" });
                }
                ']' if !quoted => depth = depth.saturating_sub(1),
                other if depth == 0 => plain.push(other),
                _ => {}
            }
        }
        plain
    }

    /// True if it is the other field, or a part of it, as far as their plain forms tell.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        let (own, other) = (self.plain(), other.plain());
        own.strip_prefix(&other).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_known_in_either_way_of_writing_it() {
        let by_key = FieldPath::new(".spec.containers[name=\"a]b\"].ports[containerPort=80,protocol=\"TCP\"].name");
        assert_eq!(by_key.plain(), "spec.containers[].ports[].name");
        assert!(by_key.is_within(&FieldPath::new("spec.containers[3].ports")));
        assert!(!by_key.is_within(&FieldPath::new("spec.containers[0].port")));
        assert!(!FieldPath::new("spec.replicas").is_within(&FieldPath::new("spec.rep")));
    }
}
