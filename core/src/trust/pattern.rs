//! Lists of patterns as OpenSSH matches them (`PATTERNS` in ssh_config(5)).

use crate::text::is_like;

/// A list such as `*@example.com,!guest@example.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PatternList(Vec<String>);

impl PatternList {
    /// Reads a list; none if it or one of its patterns is empty.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let patterns: Vec<String> = text.split(',').map(str::to_owned).collect();
        patterns.iter().all(|pattern| !pattern.trim_start_matches('!').is_empty()).then_some(Self(patterns))
    }

    /// A list of these patterns; none if there are none, if one is empty or holds a comma, or if none can match anyone.
    pub(super) fn of(patterns: &[String]) -> Option<Self> {
        if patterns.iter().any(|pattern| pattern.contains(',') || pattern.chars().any(char::is_control)) {
            return None;
        }
        Self::parse(&patterns.join(",")).filter(|list| list.0.iter().any(|pattern| !pattern.starts_with('!')))
    }

    /// True if a pattern matches and no negated one does.
    pub(super) fn matches(&self, text: &str) -> bool {
        let mut matched = false;
        for pattern in &self.0 {
            match pattern.strip_prefix('!') {
                Some(negated) if is_like(negated.as_bytes(), text.as_bytes()) => return false,
                Some(_) => {}
                None => matched |= is_like(pattern.as_bytes(), text.as_bytes()),
            }
        }
        matched
    }

    /// The first entry, none that is negated, that the list itself matches: a name by which `git verify-commit` finds the
    /// line, too.
    pub(super) fn name(&self) -> Option<&str> {
        let entries = self.0.iter().map(String::as_str).filter(|entry| !entry.starts_with('!'));
        entries.into_iter().find(|entry| self.matches(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &str, text: &str, expected: bool) {
        assert_eq!(PatternList::parse(list).unwrap().matches(text), expected, "{list} on {text}");
    }

    #[test]
    fn lists_match_as_in_openssh() {
        check("alice@example.com", "alice@example.com", true);
        check("alice@example.com", "alice@example.org", false);
        check("*@example.com", "bob@example.com", true);
        check("*@example.com", "bob@example.com.evil", false);
        check("a?ice,bob", "alice", true);
        check("a?ice,bob", "aice", false);
        check("*,!guest", "alice", true);
        check("*,!guest", "guest", false);
        check("!guest", "alice", false);
        check("**a*b*", "xxaxxbxx", true);
        check("**a*b*", "xxbxxaxx", false);
    }

    #[test]
    fn a_list_with_an_empty_pattern_is_no_list() {
        for text in ["", "a,", ",a", "a,,b", "!", "a,!"] {
            assert_eq!(PatternList::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_line_is_named_by_an_entry_that_it_matches() {
        assert_eq!(PatternList::parse("!bob,*@x").unwrap().name(), Some("*@x"));
        assert_eq!(PatternList::parse("!bob").unwrap().name(), None);
    }
}
