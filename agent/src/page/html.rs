//! Markup under way.
//!
//! Invariant: markup is written in the program; whatever comes from elsewhere is text, escaped here and nowhere else. A
//! repository can therefore not add an element, an attribute or an address.

use super::site::{Link, Site};

/// Markup under way.
#[derive(Debug)]
pub struct Html<'a> {
    site: Site<'a>,
    text: String,
}

impl<'a> Html<'a> {
    /// Nothing yet, of a page of that site.
    #[must_use]
    pub const fn new(site: Site<'a>) -> Self {
        Self { site, text: String::new() }
    }

    /// Markup of the program.
    pub fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.text.push_str(markup);
        self
    }

    /// Text, as a reader sees it. It may stand between elements and in the quotes of an attribute.
    pub fn text(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            match character {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '"' => self.text.push_str("&quot;"),
                '\'' => self.text.push_str("&#39;"),
                // What turns the direction of a line, or cannot be seen, could make it read as another one.
                '\n' | '\t' => self.text.push(character),
                character if is_invisible(character) => {
                    self.text.push_str(&character.escape_unicode().to_string());
                }
                character => self.text.push(character),
            }
        }
        self
    }

    /// The same in an element.
    pub fn of(&mut self, open: &'static str, text: &str, close: &'static str) -> &mut Self {
        self.raw(open).text(text).raw(close)
    }

    /// A link with its words; the words alone where there is no such page.
    pub fn link(&mut self, to: &Link<'_>, words: &str) -> &mut Self {
        if !self.site.has(to) {
            return self.text(words);
        }
        self.raw("<a href=\"").href(to).raw("\">").text(words).raw("</a>")
    }

    /// An address, for an attribute.
    pub fn href(&mut self, to: &Link<'_>) -> &mut Self {
        let address = self.site.address(to);
        self.text(&address)
    }

    /// The site that the page is of.
    #[must_use]
    pub const fn site(&self) -> Site<'a> {
        self.site
    }

    /// The markup.
    #[must_use]
    pub fn finish(self) -> String {
        self.text
    }
}

/// True for control characters, and for those that turn the direction of text or have no width.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text_wherever_it_stands_and_shows_what_cannot_be_seen() {
        let mut html = Html::new(Site::Served);
        html.raw("<b title=\"").text("\"><script>alert('&')</script>").raw("\">");
        assert_eq!(html.finish(), "<b title=\"&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;\">");
        let mut html = Html::new(Site::Served);
        html.text("a\u{202e}b\u{0}c\u{e4}");
        assert_eq!(html.finish(), "a\\u{202e}b\\u{0}c\u{e4}");
    }

    #[test]
    fn an_address_is_below_the_site_whatever_it_leads_to() {
        let mut html = Html::new(Site::Served);
        html.link(&Link::Commit("javascript:alert(1)//\"><x"), "c");
        assert_eq!(html.finish(), "<a href=\"/commits/javascript%3Aalert%281%29%2F%2F%22%3E%3Cx\">c</a>");
    }
}
