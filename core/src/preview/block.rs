//! Text of anybody in a comment that forges show: a block of code from which nothing breaks out.
//!
//! Invariant: what is in the block is shown as it is written. It mentions nobody, links nowhere and commands nothing.

use crate::limits::{PREVIEW_CHARACTERS_MAX, PREVIEW_LINE_CHARACTERS_MAX};

/// Backticks in a row beyond which they are shown as other marks: the fence has to be longer.
const FENCE_MAX: usize = 16;

/// The text in a fence that is longer than any in it, cut at a line.
pub(super) fn block(text: &str) -> String {
    let text = shortened(text);
    let longest = longest_run(&text);
    let (text, longest) = if longest < FENCE_MAX { (text, longest) } else { (text.replace('`', "'"), 0) };
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{text}{fence}\n")
}

/// Whole lines, as many as there is room for, without what hides or turns round text.
fn shortened(text: &str) -> String {
    let (mut shortened, mut left) = (String::new(), PREVIEW_CHARACTERS_MAX);
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let line = plain(line);
        let length = line.chars().count() + 1;
        if length > left {
            let more = lines.len() - at;
            shortened.push_str(&format!("… and {more} more line{}\n", if more == 1 { "" } else { "s" }));
            break;
        }
        left -= length;
        shortened.push_str(&line);
        shortened.push('\n');
    }
    shortened
}

fn plain(line: &str) -> String {
    let shown = |character: char| if is_hidden(character) { char::REPLACEMENT_CHARACTER } else { character };
    let mut plain: String = line.chars().map(shown).take(PREVIEW_LINE_CHARACTERS_MAX).collect();
    if line.chars().count() > PREVIEW_LINE_CHARACTERS_MAX {
        plain.push('…');
    }
    // GitLab takes a line that begins with a slash for a command of whoever writes it.
    if plain.trim_start().starts_with('/') { format!("> {plain}") } else { plain }
}

/// Characters that show nothing, or change the direction of text.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
        )
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_the_block_before_its_end() {
        for (text, want) in [
            ("plain\n", "```text\nplain\n```\n"),
            ("a ``` b", "````text\na ``` b\n````\n"),
            ("````\n@everybody", "`````text\n````\n@everybody\n`````\n"),
            ("/close\n  /merge", "```text\n> /close\n>   /merge\n```\n"),
            ("a\u{202e}b\u{200b}\tc\r", "```text\na\u{fffd}b\u{fffd}\u{fffd}c\u{fffd}\n```\n"),
            ("", "```text\n```\n"),
        ] {
            assert_eq!(block(text), want);
        }
        assert_eq!(block(&"`".repeat(40)), format!("```text\n{}\n```\n", "'".repeat(40)));
    }

    #[test]
    fn a_long_text_is_cut_at_a_line_and_says_how_much_is_missing() {
        let block = block(&"0123456789\n".repeat(1_000));
        assert!(block.chars().count() < PREVIEW_CHARACTERS_MAX + 100, "{}", block.len());
        assert!(block.ends_with("0123456789\n… and 273 more lines\n```\n"), "{block}");
        let line = "ä".repeat(PREVIEW_LINE_CHARACTERS_MAX + 1);
        assert!(super::block(&line).contains("ä…\n"));
    }
}
