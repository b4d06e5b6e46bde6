//! Blanks what looks like a secret in a text that is about to be shown around a problem.
//!
//! Invariant: the text keeps its length and its lines, so that places in it stay right.

use writ_core::text::is_secret_name;

/// The text with the values of secret-like keys and the passwords in addresses replaced by asterisks.
pub(super) fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        masked.push_str(&mask_address(&mask_values(line)));
    }
    masked
}

/// Blanks everything behind the first `secret-like key =` of a line.
fn mask_values(line: &str) -> String {
    let mut from = 0;
    while let Some(equals) = line.get(from..).and_then(|rest| rest.find('=')).map(|at| from + at) {
        let before = line.get(..equals).unwrap_or_default().trim_end().trim_end_matches(['"', '\'']);
        let key_start = before.rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).map_or(0, |at| at + 1);
        let key_start = (key_start..before.len()).find(|at| before.is_char_boundary(*at)).unwrap_or(before.len());
        if before.get(key_start..).is_some_and(is_secret_name) {
            return blank(line, equals + 1, line.trim_end().len());
        }
        from = equals + 1;
    }
    line.to_owned()
}

/// Blanks the password of `scheme://user:password@host`.
fn mask_address(line: &str) -> String {
    let mut masked = line.to_owned();
    let mut from = 0;
    while let Some(start) = masked.get(from..).and_then(|rest| rest.find("://")).map(|at| from + at + 3) {
        let rest = masked.get(start..).unwrap_or_default();
        let end = rest.find(['/', '"', '\'', ' ']).unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or_default();
        if let Some((user, _)) = authority.rsplit_once('@')
            && let Some(colon) = user.find(':')
        {
            masked = blank(&masked, start + colon + 1, start + user.len());
        }
        from = start;
    }
    masked
}

fn blank(line: &str, start: usize, end: usize) -> String {
    let (head, tail) = (line.get(..start).unwrap_or_default(), line.get(end..).unwrap_or_default());
    format!("{head}{}{tail}", "*".repeat(end.saturating_sub(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, masked: &str) {
        assert_eq!(mask(text), masked);
        assert_eq!(mask(text).len(), text.len());
    }

    #[test]
    fn values_of_secret_like_keys_are_blanked_and_names_of_files_are_not() {
        check("token = \"abc\"\nname = 'x'\n", "token =********\nname = 'x'\n".replace("********", "******").as_str());
        check("token_file = \"/t\"\n", "token_file = \"/t\"\n");
        check("c = { Api_Token=\"ü\" }", "c = { Api_Token=******");
        check("\"my-password\" = 1", "\"my-password\" =**");
    }

    #[test]
    fn passwords_in_addresses_are_blanked_and_users_are_not() {
        check("u = \"https://me:pw@h/x\"", "u = \"https://me:**@h/x\"");
        check("u = \"ssh://git@h:22/x\"", "u = \"ssh://git@h:22/x\"");
    }
}
