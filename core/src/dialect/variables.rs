//! Variables: texts that a unit's settings give to its manifests in HCL.
//!
//! Invariant: no value can open, close or escape anything in a manifest, wherever it is put. Only [`Variables::set`] adds one.

use std::collections::BTreeMap;

use crate::limits::{MANIFEST_BYTES_MAX, VARIABLE_BYTES_MAX, VARIABLES_MAX};
use crate::text::{is_control, quoted};

/// Variables by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

/// Why a variable cannot be had, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct UnfitVariable {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl UnfitVariable {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

impl Variables {
    /// Adds a variable.
    ///
    /// # Errors
    /// If its name or its value is not one, it is there already, or there are too many.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), UnfitVariable> {
        if !is_name(name) {
            let help = "use ASCII letters, digits and `_`, with no digit first";
            return Err(UnfitVariable::new(format!("{} cannot be the name of a variable", quoted(name)), help));
        }
        check_value(name, value)?;
        if self.0.len() >= VARIABLES_MAX {
            let message = format!("there are more than {VARIABLES_MAX} variables");
            return Err(UnfitVariable::new(message, "write what seldom changes into the manifests"));
        }
        if self.0.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(UnfitVariable::new(format!("the variable `{name}` is given twice"), "give it once"));
        }
        Ok(())
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All of them, in order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A text with every `${NAME}` and `${NAME:-default}` replaced, wherever it stands; what is unknown stays. It grows no
    /// further than to the length of a manifest. Only for finding out whether something can be said by the text at all.
    #[must_use]
    pub fn put_into(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, from) = rest.split_at(at);
            filled.push_str(before);
            let used = Use::at(from);
            let value = used.as_ref().and_then(|used| used.value(self));
            let length = used.as_ref().filter(|_| value.is_some()).map_or(2, |used| used.length);
            let (written, after) = from.split_at(length);
            filled.push_str(value.unwrap_or(written));
            rest = after;
            if filled.len() as u64 > MANIFEST_BYTES_MAX {
                return filled;
            }
        }
        filled.push_str(rest);
        filled
    }
}

/// `${NAME}` or `${NAME:-default}`, as it stands at the beginning of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Use<'a> {
    pub(super) name: &'a str,
    pub(super) default: Option<&'a str>,
    /// Of all of it, in bytes.
    pub(super) length: usize,
}

impl<'a> Use<'a> {
    /// Reads one at the beginning of `text`.
    pub(super) fn at(text: &'a str) -> Option<Self> {
        let inner = text.strip_prefix("${")?;
        let length = inner.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))?;
        let (name, after) = inner.split_at(length);
        if !is_name(name) {
            return None;
        }
        if after.starts_with('}') {
            return Some(Self { name, default: None, length: length + 3 });
        }
        let default = after.strip_prefix(":-")?;
        let end = default.find(['}', '\n']).filter(|end| default.as_bytes().get(*end) == Some(&b'}'))?;
        Some(Self { name, default: default.get(..end), length: 2 + length + 2 + end + 1 })
    }

    /// What stands for it: as in a shell, the default where the variable is unknown or empty.
    pub(super) fn value<'v>(&self, variables: &'v Variables) -> Option<&'v str>
    where
        'a: 'v,
    {
        match (variables.get(self.name), self.default) {
            (Some(""), Some(default)) | (None, Some(default)) => Some(default),
            (value, _) => value,
        }
    }
}

/// A name as shells have it.
fn is_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(inner) && !name.starts_with(|first: char| first.is_ascii_digit())
}

/// Checks that a value is harmless in any place of a manifest. It is never repeated: who wrote it may have meant a secret.
pub(super) fn check_value(name: &str, value: &str) -> Result<(), UnfitVariable> {
    let unfit = |what: &str, help: &str| Err(UnfitVariable::new(format!("the value of `{name}` {what}"), help));
    if value.len() > VARIABLE_BYTES_MAX {
        let what = format!("is longer than {VARIABLE_BYTES_MAX} bytes");
        return unfit(&what, "put long texts into a file that an asset names by `file()`");
    }
    if value.chars().any(is_control) {
        return unfit("is not one line that can be seen", "write texts of several lines into the manifest");
    }
    if value.contains(['"', '\\', '{', '}']) {
        let help = "values are names, numbers, versions, addresses: they hold none of `\"`, `\\`, `{` and `}`";
        return unfit("holds a sign that has a meaning in manifests", help);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        let mut variables = Variables::default();
        pairs.iter().for_each(|(name, value)| variables.set(name, value).unwrap());
        variables
    }

    #[test]
    fn a_use_is_a_name_and_perhaps_a_default_on_the_same_line() {
        let used = |text| Use::at(text).map(|used| (used.name, used.default, used.length));
        assert_eq!(used("${A}b"), Some(("A", None, 4)));
        assert_eq!(used("${A_1:-x y}b"), Some(("A_1", Some("x y"), 11)));
        assert_eq!(used("${A:-}"), Some(("A", Some(""), 6)));
        for text in ["$A", "${}", "${1}", "${a-b}", "${ A }", "${A", "${A:-x\n}", "${A:x}", "${asset.a.b.c}"] {
            assert_eq!(used(text), None, "{text}");
        }
    }

    #[test]
    fn a_default_stands_where_a_variable_is_unknown_or_empty() {
        let known = variables(&[("A", "a"), ("E", "")]);
        let put = |text| known.put_into(text);
        assert_eq!(put("${A}${E}${E:-e}${U:-u}${U} ${asset.x.y.z}$"), "aeu${U} ${asset.x.y.z}$");
        assert_eq!(put(""), "");
        let long = variables(&[("L", &"x".repeat(VARIABLE_BYTES_MAX))]);
        let most = usize::try_from(MANIFEST_BYTES_MAX).unwrap() + VARIABLE_BYTES_MAX;
        assert!(long.put_into(&"${L}".repeat(60_000)).len() <= most);
    }

    #[test]
    fn a_value_that_could_mean_something_in_a_manifest_is_no_value() {
        let set = |name, value| Variables::default().set(name, value).map_err(|unfit| unfit.message);
        for value in ["", "1.27", "ghcr.io/a/b:1@sha256:0", "https://a.example/x?y=%20$1", "größe", "a b 'c' #d"] {
            assert_eq!(set("A", value), Ok(()), "{value}");
        }
        for value in ["a\"", "a\\", "{", "}", "${B}", "a\nb", "a\u{202e}b", "a\0"] {
            assert!(set("A", value).is_err_and(|message| !message.contains(value)), "{value:?}");
        }
        let long = "x".repeat(VARIABLE_BYTES_MAX + 1);
        assert!(set("A", &long).is_err());
        assert!(set("A-B", "x").is_err() && set("", "x").is_err() && set("1", "x").is_err());
        assert!(variables(&[("A", "1")]).set("A", "2").is_err());
        let mut many = Variables::default();
        (0..VARIABLES_MAX).for_each(|number| many.set(&format!("V{number}"), "").unwrap());
        assert!(many.set("ONE_MORE", "").is_err());
    }
}
