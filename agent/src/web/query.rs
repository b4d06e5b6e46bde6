//! The words of an address, taken out of the form in which they travel.

use std::collections::BTreeMap;

/// The parts of a path.
pub(super) fn parts(path: &str) -> Option<Vec<String>> {
    path.trim_matches('/').split('/').map(|part| decoded(part, false)).collect()
}

/// The values of a query, each named once and by one of the known names.
///
/// # Errors
/// In words, if a name is unknown or written twice, or a value cannot be read.
pub(super) fn values(query: Option<&str>, known: &[&str]) -> Result<BTreeMap<String, String>, String> {
    let mut values = BTreeMap::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let read = decoded(name, true).zip(decoded(value, true));
        let (name, value) = read.ok_or_else(|| "a part of the address is not percent-encoded UTF-8".to_owned())?;
        if !known.contains(&name.as_str()) {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(format!("nothing is called `{}` here; what can be asked for: {known}", name.escape_debug()));
        }
        if values.insert(name.clone(), value).is_some() {
            return Err(format!("`{name}` is written twice"));
        }
    }
    Ok(values)
}

/// In the query of a form, a space is written as `+`.
fn decoded(text: &str, in_query: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' if in_query => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::encoded;

    #[test]
    fn what_is_encoded_reads_back_and_what_cannot_be_read_is_none() {
        for text in ["", "statefulset/data/pg", "a b+c&d=e%", "\u{e4}\u{1f600}", "<script>"] {
            assert_eq!(decoded(&encoded(text), true).as_deref(), Some(text));
            assert_eq!(decoded(&encoded(text), false).as_deref(), Some(text));
        }
        assert_eq!((decoded("a+b", true).as_deref(), decoded("a+b", false).as_deref()), (Some("a b"), Some("a+b")));
        for wrong in ["%", "%a", "%zz", "%ff", "%+1"] {
            assert_eq!(decoded(wrong, true), None, "{wrong}");
        }
        assert_eq!(parts("/api/v1/a%2Fb"), Some(vec!["api".to_owned(), "v1".to_owned(), "a/b".to_owned()]));
    }

    #[test]
    fn a_query_names_what_is_known_and_each_once() {
        let values = |query| values(Some(query), &["unit", "limit"]);
        assert_eq!(values("unit=edge&limit=5").unwrap().len(), 2);
        assert_eq!(values("").unwrap().len(), 0);
        assert!(values("units=edge").unwrap_err().contains("what can be asked for: unit, limit"));
        assert!(values("unit=a&unit=b").unwrap_err().contains("written twice"));
        assert!(values("unit=%").is_err());
    }
}
