//! Files of variables that SOPS encrypted: lines `NAME=value`, comments, and what SOPS says of the file in lines of its own.
//!
//! Source: by behaviour of SOPS 3: a line break in a value is written `\n`, names of lists and maps are joined to one
//! (`sops_age__list_0__map_enc`), and empty lines are left out.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::cipher::{CipherText, ValueType, is_cipher};
use super::metadata::{Said, Seal};
use crate::model::ObjectId;
use crate::text::{Place, Problem, Problems, quoted};

/// Begins the names of what SOPS says of the file.
const PREFIX: &str = "sops_";

/// Begins the line without which nothing proves the others.
const CODE: &str = "sops_mac=";

/// An encrypted file of variables, for one key of a ConfigMap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedFile {
    /// Where it says how it was encrypted.
    pub place: Place,
    /// How it was encrypted, and for whom.
    pub seal: Seal,
    /// The ConfigMap that holds it.
    pub object: ObjectId,
    /// The key there.
    pub key: String,
    /// Its lines, in the order of writing.
    pub lines: Vec<SealedLine>,
}

/// A line of an encrypted file of variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealedLine {
    /// A comment as it stands behind `#`.
    Comment(String),
    /// A comment that stands encrypted.
    SealedComment {
        /// As it is written.
        text: String,
        /// Where.
        place: Place,
    },
    /// A variable whose value stands as it is, line breaks in it.
    Plain {
        /// Its name, as it is written.
        name: String,
        /// Its value.
        value: String,
    },
    /// A variable whose value stands encrypted, and is bound to its name.
    Cipher {
        /// Its name, as it is written.
        name: String,
        /// Its value, as it is written.
        text: String,
        /// Where.
        place: Place,
    },
}

/// An encrypted file of variables, whosever it is.
#[derive(Debug, Clone)]
pub(in crate::dialect) struct EnvFile {
    place: Place,
    seal: Seal,
    lines: Vec<SealedLine>,
}

impl EnvFile {
    /// The same as what a key of a ConfigMap holds.
    pub(in crate::dialect) fn held_by(&self, object: &ObjectId, key: &str) -> SealedFile {
        let Self { place, seal, lines } = self.clone();
        SealedFile { place, seal, object: object.clone(), key: key.to_owned(), lines }
    }
}

/// True for a file of variables that says how SOPS encrypted it.
pub(in crate::dialect) fn is_env(text: &str) -> bool {
    text.split('\n').any(|line| line.starts_with(CODE))
}

/// True for a text that has an encrypted value in it, whatever its notation is.
pub(in crate::dialect) fn has_ciphers(text: &str) -> bool {
    text.contains("ENC[AES256_GCM,data:")
}

/// What no message may show of a file of variables: all but the names.
pub(in crate::dialect) fn hidden(text: &str) -> Vec<Range<usize>> {
    let lines = lines(text).map(|(start, line)| {
        let value = if line.starts_with('#') { 1 } else { line.find('=').map_or(0, |at| at + 1) };
        start + value..start + line.len()
    });
    lines.collect()
}

/// Reads an encrypted file of variables; none if it is not right, which is reported.
pub(in crate::dialect) fn read(file: &Arc<str>, text: &str, problems: &mut Problems) -> Option<EnvFile> {
    let at = |range: Range<usize>| Place { file: Arc::clone(file), start: range.start, end: range.end };
    let start = lines(text).find(|(_, line)| line.starts_with(PREFIX)).map_or(0, |(start, _)| start);
    let place = at(start..start + PREFIX.len());
    let (mut said, mut read, mut found) = (Described::default(), Vec::new(), Problems::default());
    for (start, line) in lines(text) {
        if let Some(comment) = line.strip_prefix('#') {
            let place = at(start + 1..start + line.len());
            read.push(match is_cipher(comment) {
                true if is_of(comment, &[ValueType::Comment]) => {
                    SealedLine::SealedComment { text: comment.to_owned(), place }
                }
                true => {
                    found.push(not_of_sops(place, "this comment"));
                    continue;
                }
                false => SealedLine::Comment(comment.to_owned()),
            });
            continue;
        }
        let Some((name, written)) = line.split_once('=') else {
            let problem =
                Problem::error(Some(at(start..start + line.len())), "this line is no variable and no comment");
            found.push(problem.help("restore the file as SOPS wrote it: `NAME=value`, or `#` and a comment"));
            continue;
        };
        let place = at(start + name.len() + 1..start + line.len());
        if let Some(word) = name.strip_prefix(PREFIX) {
            said.note(word, unescaped(written));
        } else if !is_cipher(written) {
            read.push(SealedLine::Plain { name: name.to_owned(), value: unescaped(written) });
        } else if is_of(written, &[ValueType::Text, ValueType::Bytes]) {
            read.push(SealedLine::Cipher { name: name.to_owned(), text: written.to_owned(), place });
        } else {
            found.push(not_of_sops(place, &quoted(name)));
        }
    }
    let seal = match said.said().seal() {
        Ok(seal) => Some(seal),
        Err((message, help)) => {
            found.push(Problem::error(Some(place.clone()), message).help(help));
            None
        }
    };
    let sound = !found.has_errors();
    problems.extend(found);
    seal.filter(|_| sound).map(|seal| EnvFile { place, seal, lines: read })
}

fn not_of_sops(place: Place, what: &str) -> Problem {
    Problem::error(Some(place), format!("{what} is encrypted in a way that is not SOPS'"))
        .help("encrypt the file anew with SOPS")
}

fn is_of(text: &str, kinds: &[ValueType]) -> bool {
    CipherText::read(text).is_some_and(|cipher| kinds.contains(&cipher.kind))
}

/// Each line that is not empty, with its first byte.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let starts = text.split_inclusive('\n').scan(0, |start, line| {
        let this = *start;
        *start += line.len();
        Some((this, line.strip_suffix('\n').unwrap_or(line)))
    });
    starts.filter(|(_, line)| !line.is_empty())
}

/// A value with its line breaks.
fn unescaped(written: &str) -> String {
    written.replace("\\n", "\n")
}

/// What SOPS says of a file, its lists not yet in order.
#[derive(Default)]
struct Described {
    words: BTreeMap<String, String>,
    lists: BTreeMap<String, BTreeMap<u32, BTreeMap<String, String>>>,
}

impl Described {
    /// Notes a name without its beginning.
    fn note(&mut self, name: &str, value: String) {
        let Some((list, item)) = name.split_once("__list_") else {
            self.words.insert(name.to_owned(), value);
            return;
        };
        let (number, part) = item.split_once("__map_").unwrap_or((item, ""));
        match number.parse() {
            Ok(number) => {
                self.lists
                    .entry(list.to_owned())
                    .or_default()
                    .entry(number)
                    .or_default()
                    .insert(part.to_owned(), value);
            }
            // Whoever reads what is said does not know such a name.
            Err(_) => drop(self.words.insert(name.to_owned(), value)),
        }
    }

    fn said(self) -> Said {
        let Self { words, lists } = self;
        let lists = lists.into_iter().map(|(name, items)| (name, items.into_values().collect()));
        Said { words, lists: lists.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Sources;

    fn cipher(kind: &str) -> String {
        format!("ENC[AES256_GCM,data:YQ==,iv:{}=,tag:{}==,type:{kind}]", "A".repeat(43), "A".repeat(22))
    }

    fn sealed(lines: &str) -> String {
        let code = cipher("str");
        format!(
            "{lines}sops_age__list_0__map_enc=-----BEGIN-----\\nx\\n\nsops_age__list_0__map_recipient=age1x\n\
             sops_lastmodified=2026-11-26T04:21:19Z\nsops_mac={code}\nsops_unencrypted_suffix=_unencrypted\nsops_version=3.13.3\n"
        )
    }

    fn told(text: &str) -> String {
        let (mut problems, mut sources) = (Problems::default(), Sources::default());
        sources.insert("a.env", text);
        sources.hide("a.env", &hidden(text));
        match read(&"a.env".into(), text, &mut problems) {
            Some(file) => format!("{:?}", file.lines),
            None => problems.render(&sources, false),
        }
    }

    #[test]
    fn lines_are_read_as_sops_writes_them() {
        let text = sealed(&format!("# a\n#{}\nA={}\n\nB=x=1\\n2\nC=\n", cipher("comment"), cipher("str")));
        assert!(is_env(&text) && has_ciphers(&text));
        let mut problems = Problems::default();
        let file = read(&"a.env".into(), &text, &mut problems).unwrap();
        assert_eq!(file.seal.keys, ["-----BEGIN-----\nx\n"]);
        let [comment, SealedLine::SealedComment { .. }, SealedLine::Cipher { name, .. }, several, empty] =
            file.lines.as_slice()
        else {
            panic!("{:?}", file.lines)
        };
        assert_eq!(*comment, SealedLine::Comment(" a".to_owned()));
        assert_eq!(name, "A");
        let plain = |name: &str, value: &str| SealedLine::Plain { name: name.to_owned(), value: value.to_owned() };
        assert_eq!((several, empty), (&plain("B", "x=1\n2"), &plain("C", "")));
        assert_eq!(hidden("#ab\nA=bc\nd\n"), [1..3, 6..8, 9..10]);
    }

    #[test]
    fn what_sops_never_writes_is_told_by_its_line_and_shows_no_value() {
        let refused = |lines: &str, words: &[&str]| {
            let told = told(&sealed(lines));
            assert!(words.iter().all(|word| told.contains(word)) && !told.contains("geheim"), "{told}");
        };
        refused("A=geheim\ngeheim\n", &["a.env:2:1", "no variable and no comment"]);
        refused(&format!("A={}\n", cipher("int")), &["a.env:1:3", "`A` is encrypted in a way that is not SOPS'"]);
        refused(&format!("#{}\n", cipher("str")), &["a.env:1:2", "this comment is encrypted"]);
        refused("sops_later=geheim\n", &["`later` is nothing that this version knows of SOPS"]);
        refused("sops_age__list_x=geheim\n", &["`age__list_x` is nothing that this version knows"]);
        refused("sops_key_groups__list_0__map_age__list_0__map_enc=geheim\n", &["split among groups"]);
        let without = sealed("A=geheim\n").replace("sops_mac=", "sops_mca=");
        assert!(!is_env(&without) && has_ciphers(&without));
    }
}
