//! Words of strangers inside our own messages.

/// Longest word that a message repeats, in characters.
const QUOTED_CHARACTERS_MAX: usize = 120;

/// A word between back-quotes, safe to print: control characters and those that turn the direction of writing are
/// escaped, and a long word is cut.
#[must_use]
pub fn quoted(text: &str) -> String {
    quoted_up_to(text, QUOTED_CHARACTERS_MAX)
}

/// The same of a sentence, which is cut after so many characters.
#[must_use]
pub fn quoted_up_to(text: &str, characters: usize) -> String {
    let mut quoted = String::from("`");
    for (count, character) in text.chars().enumerate() {
        if count == characters {
            quoted.push('…');
            break;
        }
        if is_control(character) {
            quoted.extend(character.escape_unicode());
        } else {
            quoted.push(character);
        }
    }
    quoted.push('`');
    quoted
}

/// Text as it can be printed: control characters other than the end of a line are escaped.
pub(super) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if is_control(character) && character != '\n' {
            printable.extend(character.escape_unicode());
        } else {
            printable.push(character);
        }
    }
    printable
}

/// True for control characters and for the invisible ones that make text look like other text.
/// Source: Unicode, Bidi_Control and zero-width characters; CVE-2021-42574.
#[must_use]
pub fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_wrote_cannot_colour_turn_or_flood_a_message() {
        assert_eq!(quoted("a\u{1b}[31m"), "`a\\u{1b}[31m`");
        assert_eq!(quoted("a\u{202e}b"), "`a\\u{202e}b`");
        assert_eq!(quoted(&"x".repeat(1_000)).chars().count(), 123);
        assert_eq!(quoted("größe"), "`größe`");
    }
}
