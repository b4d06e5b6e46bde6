//! What all pages have in common: head, navigation, foot.

use super::html::Html;
use super::site::{Link, Site};

/// What stands around a page.
#[derive(Debug, Clone, Copy)]
pub struct Shell<'a> {
    /// Where it stands.
    pub site: Site<'a>,
    /// The host.
    pub host: &'a str,
    /// What its first lines tell of the moment, as `seen 2026-11-21 09:10:11Z`.
    pub moment: &'a str,
}

impl<'a> Shell<'a> {
    /// A whole page with this title, whose content is written by `write`.
    #[must_use]
    pub fn page(&self, title: &str, write: impl FnOnce(&mut Html<'a>)) -> String {
        let Self { site, host, moment } = self;
        let mut html = Html::new(*site);
        html.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        html.raw("<meta name=\"color-scheme\" content=\"light dark\">\n");
        html.raw("<title>").text(title).raw(" · ").text(host).raw(" · Writ</title>\n");
        html.raw("<link rel=\"stylesheet\" href=\"").href(&Link::Style).raw("\">\n");
        html.raw("<link rel=\"icon\" href=\"").href(&Link::Icon).raw("\">\n");
        if site.is_served() {
            html.raw("<script src=\"").href(&Link::Script).raw("\" defer></script>\n");
        }
        html.raw("</head>\n<body>\n<a class=\"skip\" href=\"#main\">To the content</a>\n<header>\n");
        html.raw("<p class=\"host\">").link(&Link::Overview, host).raw("</p>\n<nav aria-label=\"Views\"><ul>\n");
        let views: &[(Link<'_>, &str)] = if site.is_served() {
            &[
                (Link::Overview, "Overview"),
                (Link::History(&[]), "History"),
                (Link::Volumes, "Volumes"),
                (Link::Audit, "Audit"),
            ]
        } else {
            &[(Link::Overview, "History"), (Link::Audit, "Audit")]
        };
        for (link, words) in views {
            html.raw("<li><a href=\"").href(link);
            html.raw(if *words == title { "\" aria-current=\"page\">" } else { "\">" });
            html.text(words).raw("</a></li>\n");
        }
        html.raw("</ul></nav>\n<p class=\"moment\"><span id=\"live\" role=\"status\"></span> ")
            .text(moment)
            .raw("</p>\n");
        html.raw("</header>\n<main id=\"main\" tabindex=\"-1\">\n<h1>").text(title).raw("</h1>\n");
        write(&mut html);
        html.raw("</main>\n</body>\n</html>\n");
        html.finish()
    }
}

/// A page that says why there is no other.
#[must_use]
pub fn trouble(shell: &Shell<'_>, title: &str, words: &str) -> String {
    shell.page(title, |html| {
        html.of("<p>", words, "</p>\n");
    })
}
