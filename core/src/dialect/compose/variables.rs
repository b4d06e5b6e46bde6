//! `$NAME`, `${NAME:-else}` and their like in the texts of a compose file.

use std::collections::BTreeMap;

use crate::text::quoted;

/// A text with its variables filled in; else what is wrong and what to do.
pub(super) fn interpolated(text: &str, variables: &BTreeMap<String, String>) -> Result<String, (String, String)> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, after) = rest.split_at(at);
        filled.push_str(before);
        let after = after.get(1..).unwrap_or_default();
        if let Some(tail) = after.strip_prefix('$') {
            filled.push('$');
            rest = tail;
        } else if let Some(inner) = after.strip_prefix('{') {
            let end = closing(inner).ok_or_else(wrong)?;
            filled.push_str(&value(inner.get(..end).unwrap_or_default(), variables)?);
            rest = inner.get(end + 1..).unwrap_or_default();
        } else {
            let length = after.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
            let name = after.get(..length).unwrap_or_default();
            if !is_name(name) {
                return Err(wrong());
            }
            filled.push_str(&value(name, variables)?);
            rest = after.get(length..).unwrap_or_default();
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Where the brace that was opened is closed; others may stand inside.
fn closing(inner: &str) -> Option<usize> {
    let mut depth = 1_usize;
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// What stands between the braces: a name, and what is taken where it has no value.
fn value(inner: &str, variables: &BTreeMap<String, String>) -> Result<String, (String, String)> {
    let length = inner.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let (name, rest) = inner.split_at(length);
    if !is_name(name) {
        return Err(wrong());
    }
    let set = variables.get(name);
    let filled = set.filter(|value| !value.is_empty());
    let unset = || {
        let help = format!("write {name}=… into `.env` beside the file, or say `--var {name}=…`");
        (format!("the variable {} has no value", quoted(name)), help)
    };
    let operator = ["", ":-", "-", ":+", "+", ":?", "?"]
        .into_iter()
        .rev()
        .find(|operator| if operator.is_empty() { rest.is_empty() } else { rest.starts_with(operator) });
    let word = rest.get(operator.map_or(0, str::len)..).unwrap_or_default();
    let otherwise = || interpolated(word, variables);
    match operator {
        Some("") => set.cloned().ok_or_else(unset),
        Some(":-") => filled.map_or_else(otherwise, |value| Ok(value.clone())),
        Some("-") => set.map_or_else(otherwise, |value| Ok(value.clone())),
        Some(":+") => filled.map_or_else(|| Ok(String::new()), |_| otherwise()),
        Some("+") => set.map_or_else(|| Ok(String::new()), |_| otherwise()),
        Some(":?") => filled.cloned().ok_or_else(unset),
        Some("?") => set.cloned().ok_or_else(unset),
        Some(_) | None => Err(wrong()),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit())
}

/// Nothing of the text is repeated: it may be a secret.
fn wrong() -> (String, String) {
    let help = "write `${NAME}`, `${NAME:-else}` or, for a dollar, `$$`".to_owned();
    ("a `$` in this begins no reference to a variable".to_owned(), help)
}

/// Lines of `NAME=value`, as `.env` and `env_file` hold them; else the number of the line that is none.
pub fn lines(text: &str) -> Result<BTreeMap<String, String>, usize> {
    let mut variables = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or(number + 1)?;
        let (name, value) = (name.trim(), value.trim());
        if !is_name(name) || name.contains(char::is_whitespace) {
            return Err(number + 1);
        }
        let quotes = ['"', '\''].into_iter().find(|quote| value.starts_with(*quote));
        let value = match quotes {
            Some(quote) => {
                let inner = value.get(1..).unwrap_or_default();
                inner.split_once(quote).ok_or(number + 1)?.0
            }
            None => value.split_once(" #").map_or(value, |(value, _)| value.trim_end()),
        };
        variables.insert(name.to_owned(), value.to_owned());
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in_as_compose_does() {
        let variables = [("A", "1"), ("E", "")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let filled = |text| interpolated(text, &variables).map_err(|(message, _)| message);
        for (text, expected) in [
            ("a$A-${A}", "a1-1"),
            ("$$A", "$A"),
            ("${E:-x}${E-y}${N-z}${N:-$A}", "xz1"),
            ("${A:+set}${N:+set}${E+there}", "setthere"),
            ("${N:-{a}}", "{a}"),
            ("${A:?needed}", "1"),
        ] {
            assert_eq!(filled(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["$", "$1", "${", "${A", "${A!}", "${}", "a$-"] {
            assert!(filled(text).unwrap_err().contains("begins no reference"), "{text}");
        }
        for text in ["$N", "${N}", "${E:?}", "${N:?why}", "${N:-$M}"] {
            assert!(filled(text).unwrap_err().contains("has no value"), "{text}");
        }
    }

    #[test]
    fn a_file_of_variables_is_read_line_by_line() {
        let read = lines("# c\n\nA=1\nexport B = two words # c\nC=\"x # y\"\nD='$z'\nE=\n").unwrap();
        let expected = [("A", "1"), ("B", "two words"), ("C", "x # y"), ("D", "$z"), ("E", "")];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!(lines("A=1\nnone\n"), Err(2));
        assert_eq!(lines("A=\"open\n"), Err(1));
        assert_eq!(lines("1A=x\n"), Err(1));
    }
}
