//! Patterns of paths in a repository, as rules of trust name them.
//!
//! A pattern is a path from the root of the tree. `*` stands for any run of characters within one name, `?` for one
//! character, `**` as a whole name for any number of names, none included. A pattern that names a folder covers all below
//! it. Matching is by bytes, and case counts: what Git tells apart is told apart here.

use crate::text::is_like;

/// Patterns of which one must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPatterns(Vec<Pattern>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    text: String,
    names: Vec<String>,
}

/// Why a text is no pattern of paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathPatternError {
    /// No pattern at all, or an empty one.
    #[error("it is empty")]
    Empty,
    /// It begins with `/`.
    #[error("paths begin at the root of the tree, without `/`")]
    Absolute,
    /// A name in it is empty, `.` or `..`.
    #[error("a name in it is empty, `.` or `..`")]
    Name,
    /// `**` stands beside other characters.
    #[error("`**` stands for whole names: write `a/**/b`, and `*` within a name")]
    Stars,
    /// Characters that no path of a unit may have.
    #[error("it holds a control character or a backslash")]
    Characters,
}

/// Stands for any number of names.
const ANY: &str = "**";

impl PathPatterns {
    /// Reads patterns.
    ///
    /// # Errors
    /// The first that is none, by its place in the list, and why.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, (usize, PathPatternError)> {
        let patterns = texts.into_iter().enumerate();
        let patterns = patterns.map(|(at, text)| Pattern::parse(text).map_err(|error| (at, error)));
        let patterns = patterns.collect::<Result<Vec<_>, _>>()?;
        if patterns.is_empty() { Err((0, PathPatternError::Empty)) } else { Ok(Self(patterns)) }
    }

    /// True if a pattern covers the path.
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        self.0.iter().any(|pattern| covers(&pattern.names, &names))
    }

    /// The patterns as they were written.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|pattern| pattern.text.as_str())
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, PathPatternError> {
        if text.is_empty() {
            return Err(PathPatternError::Empty);
        }
        if text.starts_with('/') {
            return Err(PathPatternError::Absolute);
        }
        if text.chars().any(|character| character.is_control() || character == '\\') {
            return Err(PathPatternError::Characters);
        }
        let names: Vec<String> = text.strip_suffix('/').unwrap_or(text).split('/').map(str::to_owned).collect();
        if names.iter().any(|name| matches!(name.as_str(), "" | "." | "..")) {
            return Err(PathPatternError::Name);
        }
        if names.iter().any(|name| name.contains(ANY) && name != ANY) {
            return Err(PathPatternError::Stars);
        }
        Ok(Self { text: text.to_owned(), names })
    }
}

/// True if the pattern matches the path or a folder above it. The work is at most the product of both numbers of names:
/// as with `*` in a name, only the last `**` need ever be tried again.
fn covers(pattern: &[String], path: &[&[u8]]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut any: Option<(usize, usize)> = None;
    loop {
        match pattern.get(at) {
            // All of the pattern is used up: what is left of the path lies below.
            None => return true,
            Some(name) if name == ANY => {
                any = Some((at, from));
                at += 1;
            }
            Some(name) if path.get(from).is_some_and(|other| is_like(name.as_bytes(), other)) => {
                at += 1;
                from += 1;
            }
            Some(_) => {
                let Some((any_at, any_from)) = any.filter(|(_, any_from)| *any_from < path.len()) else { return false };
                any = Some((any_at, any_from + 1));
                at = any_at + 1;
                from = any_from + 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, path: &str, expected: bool) {
        let patterns = PathPatterns::parse([pattern]).unwrap();
        assert_eq!(patterns.matches(path.as_bytes()), expected, "{pattern} on {path}");
    }

    #[test]
    fn a_pattern_covers_a_file_and_all_below_a_folder_and_not_its_neighbour() {
        for (pattern, path) in [
            ("hosts/edge-1", "hosts/edge-1/db.hcl"),
            ("hosts/edge-1/", "hosts/edge-1/a/b"),
            ("hosts/*/db", "hosts/edge-1/db/pg.hcl"),
            ("hosts/edge-?/db.hcl", "hosts/edge-1/db.hcl"),
            ("**", ".writ/trust.toml"),
            ("**", "a"),
            ("**/db.hcl", "db.hcl"),
            ("**/db.hcl", "a/b/db.hcl"),
            ("a/**/z", "a/z"),
            ("a/**/z", "a/b/c/z/below"),
            ("**/a/**/b/**", "x/a/y/b/z"),
            ("*.yaml", "web.yaml"),
        ] {
            check(pattern, path, true);
        }
        for (pattern, path) in [
            ("hosts/edge-1", "hosts/edge-10/db.hcl"),
            ("hosts/edge-1", "hosts"),
            ("hosts/edge-1", "x/hosts/edge-1/db.hcl"),
            ("hosts/*/db", "hosts/a/b/db"),
            ("hosts/edge-?/db.hcl", "hosts/edge-/db.hcl"),
            ("Hosts/edge-1", "hosts/edge-1/db.hcl"),
            ("a/**/z", "a/y"),
            ("*.yaml", "a/web.yaml"),
            ("**/a/**/b/c", "x/a/y/b/z"),
        ] {
            check(pattern, path, false);
        }
    }

    #[test]
    fn a_path_is_bytes_and_need_not_be_text() {
        assert!(PathPatterns::parse(["a/*"]).unwrap().matches(b"a/\xff\xfe"));
        assert!(!PathPatterns::parse(["a/b*"]).unwrap().matches(b"a/\xff\xfe"));
    }

    #[test]
    fn many_stars_take_no_more_than_the_product_of_both_lengths() {
        let pattern = format!("{}end", "**/a/".repeat(200));
        let path = vec!["a"; 4_000].join("/");
        check(&pattern, &path, false);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let refused = |text: &str, expected| {
            assert_eq!(PathPatterns::parse(["ok", text]).unwrap_err(), (1, expected), "{text:?}");
        };
        refused("", PathPatternError::Empty);
        refused("/etc", PathPatternError::Absolute);
        for text in ["a//b", "./a", "a/../b", "//"] {
            let expected = if text.starts_with('/') { PathPatternError::Absolute } else { PathPatternError::Name };
            refused(text, expected);
        }
        refused("a**", PathPatternError::Stars);
        refused("a\\b", PathPatternError::Characters);
        assert_eq!(PathPatterns::parse([]).unwrap_err(), (0, PathPatternError::Empty));
    }
}
