//! Where the pages stand: served by the agent, or as files in a folder.

use std::collections::BTreeSet;

use writ_core::model::ObjectId;

/// Where the pages stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site<'a> {
    /// The agent serves them: addresses begin at its root, and can ask for a choice.
    Served,
    /// They are files.
    Files {
        /// How many folders below the first one the page at hand lies.
        depth: usize,
        /// The files that there are: a page leads to no other.
        known: &'a BTreeSet<String>,
    },
}

/// What a page leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link<'a> {
    /// The overview; of files, the history's first page.
    Overview,
    /// The history, of which these are chosen by name and value.
    History(&'a [(&'static str, &'a str)]),
    /// A page of the history of files, by number.
    HistoryFile(usize),
    /// What is known of a commit.
    Commit(&'a str),
    /// What is known of an object.
    Object(&'a ObjectId),
    /// The state of the audit.
    Audit,
    /// The volumes.
    Volumes,
    /// The style of all pages.
    Style,
    /// What makes pages live.
    Script,
    /// The sign by which a page is found among others.
    Icon,
}

impl Site<'_> {
    /// The address of a page.
    #[must_use]
    pub fn address(self, link: &Link<'_>) -> String {
        match self {
            Self::Served => served(link),
            Self::Files { depth, known: _ } => format!("{}{}", "../".repeat(depth), file(link)),
        }
    }

    /// True if there is such a page.
    #[must_use]
    pub fn has(self, link: &Link<'_>) -> bool {
        match self {
            Self::Served => true,
            Self::Files { depth: _, known } => known.contains(&file(link)),
        }
    }

    /// True if the agent serves the page.
    #[must_use]
    pub const fn is_served(self) -> bool {
        matches!(self, Self::Served)
    }
}

fn served(link: &Link<'_>) -> String {
    match link {
        Link::Overview => "/".to_owned(),
        Link::History(choice) => {
            let choice: Vec<String> = choice.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
            if choice.is_empty() { "/history".to_owned() } else { format!("/history?{}", choice.join("&")) }
        }
        Link::HistoryFile(_) => "/history".to_owned(),
        Link::Commit(commit) => format!("/commits/{}", encoded(commit)),
        Link::Object(id) => {
            let id = id.to_string();
            let parts: Vec<String> = id.split('/').map(encoded).collect();
            format!("/objects/{}", parts.join("/"))
        }
        Link::Audit => "/audit".to_owned(),
        Link::Volumes => "/volumes".to_owned(),
        Link::Style => "/style.css".to_owned(),
        Link::Script => "/live.js".to_owned(),
        Link::Icon => "/icon.svg".to_owned(),
    }
}

/// The file of a page, from the folder of all of them. Nothing that a repository names leads out of it.
#[must_use]
pub fn file(link: &Link<'_>) -> String {
    match link {
        Link::Overview | Link::History(_) | Link::HistoryFile(0) => "index.html".to_owned(),
        Link::HistoryFile(number) => format!("history-{number}.html"),
        Link::Commit(commit) => format!("commits/{}.html", plain(commit)),
        Link::Object(id) => format!("objects/{}.html", plain(&id.to_string())),
        Link::Audit => "audit.html".to_owned(),
        Link::Volumes => "index.html".to_owned(),
        Link::Style => "style.css".to_owned(),
        Link::Script => "live.js".to_owned(),
        Link::Icon => "icon.svg".to_owned(),
    }
}

/// A value as it stands in a query or in one part of a path.
#[must_use]
pub fn encoded(value: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    value.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// A name as that of a file: no two give the same one.
fn plain(name: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(byte);
    name.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("_{byte:02x}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_one_address_where_it_is_served_and_one_as_a_file_from_wherever_it_is_linked() {
        let id = ObjectId::parse("statefulset/data/pg").unwrap();
        let served = |link| Site::Served.address(&link);
        assert_eq!(served(Link::Object(&id)), "/objects/statefulset/data/pg");
        assert_eq!(
            served(Link::History(&[("object", "statefulset/data/pg")])),
            "/history?object=statefulset%2Fdata%2Fpg"
        );
        let known = BTreeSet::from(["index.html".to_owned()]);
        let file = |link| Site::Files { depth: 1, known: &known }.address(&link);
        assert_eq!(file(Link::Object(&id)), "../objects/statefulset_2fdata_2fpg.html");
        assert_eq!(file(Link::Commit("../../etc/passwd")), "../commits/.._2f.._2fetc_2fpasswd.html");
        assert_eq!(file(Link::HistoryFile(0)), "../index.html");
        assert!(
            Site::Served.has(&Link::Object(&id)) && !Site::Files { depth: 0, known: &known }.has(&Link::Object(&id))
        );
    }
}
