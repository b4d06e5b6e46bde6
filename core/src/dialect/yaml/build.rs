//! The events of the parser, put together to trees.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::{Content, Entry, Node, Stream, Weight, place, scalar};
use crate::limits::{EXPANDED_BYTES_MAX, NAME_BYTES_MAX, NESTING_MAX, NODES_MAX};
use crate::text::{Problem, Problems, Sources, quoted};

/// Reads all documents of a text. After an error of notation the rest of the text is left out, because nothing in it
/// has a sure meaning.
pub(in crate::dialect) fn parse<'a>(file: &Arc<str>, text: &'a str, problems: &mut Problems) -> Stream<'a> {
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: NESTING_MAX + 1,
        block_nesting_limit: NESTING_MAX + 1,
    };
    let mut builder = Builder {
        file,
        text,
        problems,
        stack: Vec::new(),
        anchors: BTreeMap::new(),
        documents: vec![],
        weight: Weight::default(),
        sound: true,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        let taken = match event {
            Ok((event, span)) => builder.take(event, span),
            Err(error) => Err(builder.explain(&error)),
        };
        if let Err(problem) = taken {
            let Builder { documents, problems, .. } = builder;
            problems.push(problem);
            return Stream { documents, sound: false };
        }
    }
    Stream { sound: builder.sound, documents: builder.documents }
}

struct Builder<'a, 'p> {
    file: &'p Arc<str>,
    text: &'a str,
    problems: &'p mut Problems,
    stack: Vec<Open<'a>>,
    anchors: BTreeMap<usize, Rc<Node<'a>>>,
    documents: Vec<Rc<Node<'a>>>,
    weight: Weight,
    sound: bool,
}

/// A list or a map that is not closed yet.
struct Open<'a> {
    start: usize,
    anchor: usize,
    weight: Weight,
    content: OpenContent<'a>,
}

enum OpenContent<'a> {
    List(Vec<Rc<Node<'a>>>),
    Map(OpenMap<'a>, Option<Key<'a>>),
}

/// A map that is not closed yet.
#[derive(Default)]
struct OpenMap<'a> {
    entries: Vec<Entry<'a>>,
    /// Which of them `<<` brought. The map's own names take their places.
    merged: BTreeSet<usize>,
    /// The last entry of each name, from the moment on at which looking through all of them would take longer.
    by_name: BTreeMap<Cow<'a, str>, usize>,
}

/// Entries that are faster looked through than looked up. Most maps of a manifest have fewer than ten.
const FEW_ENTRIES: usize = 16;

impl<'a> OpenMap<'a> {
    /// The last entry of a name.
    fn find(&self, name: &str) -> Option<usize> {
        if self.by_name.is_empty() {
            self.entries.iter().rposition(|entry| entry.name == name)
        } else {
            self.by_name.get(name).copied()
        }
    }

    fn push(&mut self, entry: Entry<'a>) {
        self.entries.push(entry);
        if self.entries.len() > FEW_ENTRIES {
            let known = if self.by_name.is_empty() { 0 } else { self.entries.len() - 1 };
            let new = self.entries.iter().enumerate().skip(known);
            self.by_name.extend(new.map(|(index, entry)| (entry.name.clone(), index)));
        }
    }
}

/// What stands before the `:`.
enum Key<'a> {
    Name {
        name: Cow<'a, str>,
        range: Range<usize>,
    },
    Merge {
        range: Range<usize>,
    },
    /// Already reported; its value is left out.
    Broken,
}

impl<'a> Builder<'a, '_> {
    fn take(&mut self, event: Event<'a>, span: Span) -> Result<(), Problem> {
        let range = span.byte_range().unwrap_or_default();
        match event {
            Event::Scalar(text, style, anchor, tag) => self.scalar(text, style, anchor, tag.as_deref(), range),
            Event::SequenceStart(_, anchor, tag) => {
                self.open(range.start, anchor, tag.as_deref(), "seq", OpenContent::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                let content = OpenContent::Map(OpenMap::default(), None);
                self.open(range.start, anchor, tag.as_deref(), "map", content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(range.end),
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => self.add(node, false, &range),
                None => Err(self
                    .error(&range, "the alias stands inside the value that it names")
                    .help("write the value out")),
            },
            Event::DocumentStart(..) => {
                self.anchors.clear();
                Ok(())
            }
            // Comments and metadata are not asked for; the others have no content.
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentEnd
            | Event::Anchor(..)
            | Event::UnresolvedAlias(_)
            | Event::Comment(..) => Ok(()),
            // The set of events is open; only a new major version may add one with content.
            _ => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        text: Cow<'a, str>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        range: Range<usize>,
    ) -> Result<(), Problem> {
        let plain = style == ScalarStyle::Plain;
        let tag = tag.map(whole_tag);
        let merge = plain && tag.is_none() && text == "<<";
        let weight = Weight { nodes: 1, bytes: text.len(), levels: 0 };
        let content = scalar::resolve(text, plain, tag.as_deref()).unwrap_or_else(|message| {
            let problem = self.error(&range, message);
            self.report(problem);
            Content::Broken
        });
        let node = Rc::new(Node { range: range.clone(), content, weight });
        self.remember(anchor, &node);
        self.add(node, merge, &range)
    }

    fn open(
        &mut self,
        start: usize,
        anchor: usize,
        tag: Option<&Tag>,
        kind: &str,
        content: OpenContent<'a>,
    ) -> Result<(), Problem> {
        if let Err(message) = scalar::check_collection_tag(tag.map(whole_tag).as_deref(), kind) {
            let problem = self.error(&(start..start), message);
            self.report(problem);
        }
        if self.stack.len() >= NESTING_MAX {
            return Err(self.too_deep(start));
        }
        // A name in front of this value keeps its bytes in the key; the anchor is known only once it is closed.
        let weight = Weight { nodes: 1, bytes: 0, levels: 1 };
        self.stack.push(Open { start, anchor, weight, content });
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<(), Problem> {
        let Open { start, anchor, weight, content } = self.stack.pop().expect("every end has its start");
        let content = match content {
            OpenContent::List(items) => Content::List(items),
            OpenContent::Map(map, _) => Content::Map(map.entries),
        };
        let node = Rc::new(Node { range: start..end.max(start), content, weight });
        self.remember(anchor, &node);
        self.add(node, false, &(start..end.max(start)))
    }

    fn remember(&mut self, anchor: usize, node: &Rc<Node<'a>>) {
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(node));
        }
    }

    /// Puts a finished value where it belongs. `at` is where it was named, which for an alias is not where it stands.
    fn add(&mut self, node: Rc<Node<'a>>, merge: bool, at: &Range<usize>) -> Result<(), Problem> {
        let weight = node.weight;
        let Some(mut open) = self.stack.pop() else {
            self.weight.add(weight);
            if !matches!(node.content, Content::Null | Content::Broken) {
                self.documents.push(node);
            }
            return self.within_limits(self.weight, at);
        };
        open.weight.add(weight);
        open.weight.levels = open.weight.levels.max(weight.levels + 1);
        let (held, levels) = (open.weight, self.stack.len() + open.weight.levels);
        match &mut open.content {
            OpenContent::List(items) => items.push(node),
            OpenContent::Map(map, key) => match key.take() {
                None => *key = Some(self.key(&node, merge, at)),
                Some(key) => self.entry(map, key, node),
            },
        }
        self.stack.push(open);
        if levels > NESTING_MAX {
            return Err(self.too_deep(at.start));
        }
        self.within_limits(held, at)
    }

    fn key(&mut self, node: &Node<'a>, merge: bool, at: &Range<usize>) -> Key<'a> {
        if merge {
            return Key::Merge { range: at.clone() };
        }
        let written = self.text.get(node.range.clone()).unwrap_or_default();
        let name = scalar::key(&node.content, written).and_then(|name| match name.len() {
            0 => Err("a name is empty".to_owned()),
            length if length > NAME_BYTES_MAX => Err(format!("a name is longer than {NAME_BYTES_MAX} bytes")),
            _ if name.chars().any(crate::text::is_control) => {
                Err(format!("the name {} holds control characters", quoted(&name)))
            }
            _ => Ok(name),
        });
        match name {
            Ok(name) => {
                if matches!(node.content, Content::Boolean(_)) {
                    let problem = Problem::warning(
                        Some(place(self.file, self.text, at)),
                        format!("the name {} is read as `{name}`", quoted(written)),
                    );
                    self.problems.push(problem.help("write it in quotes"));
                }
                Key::Name { name, range: at.clone() }
            }
            Err(message) => {
                let problem = self.error(at, message);
                self.report(problem);
                Key::Broken
            }
        }
    }

    fn entry(&mut self, map: &mut OpenMap<'a>, key: Key<'a>, value: Rc<Node<'a>>) {
        match key {
            Key::Broken => {}
            Key::Name { name, range } => {
                let known = map.find(&name);
                let entry = Entry { name, range, value };
                if let Some(index) = known.filter(|index| map.merged.remove(index)) {
                    map.entries[index] = entry;
                    return;
                }
                if let Some(first) = known {
                    let line = Sources::line_of(self.text, map.entries[first].range.start);
                    let message = format!("{} is given twice, first in line {line}", quoted(&entry.name));
                    let problem = self.error(&entry.range, message).help("keep one of them");
                    self.report(problem);
                }
                map.push(entry);
            }
            Key::Merge { range } => self.merge(map, &range, &value),
        }
    }

    /// Lays the entries of a map, or of several with the first one first, under what follows.
    fn merge(&mut self, map: &mut OpenMap<'a>, at: &Range<usize>, value: &Rc<Node<'a>>) {
        let sources: Vec<&Rc<Node<'a>>> = match &value.content {
            Content::Map(_) => vec![value],
            Content::List(items) if items.iter().all(|item| matches!(item.content, Content::Map(_))) => {
                items.iter().collect()
            }
            Content::Broken
            | Content::List(_)
            | Content::Null
            | Content::Boolean(_)
            | Content::Number(_)
            | Content::Text(_) => {
                let problem = self.error(at, "`<<` needs a map or a list of maps");
                self.report(problem.help("name one by an alias, as in `<<: *defaults`"));
                return;
            }
        };
        for entry in sources.into_iter().flat_map(|source| source.entries()) {
            match map.find(&entry.name) {
                Some(known) if map.merged.contains(&known) => {}
                Some(_) => {
                    let problem =
                        self.error(at, format!("`<<` brings {}, which is given above it", quoted(&entry.name)));
                    self.report(problem.help("readers disagree on which one counts; put `<<` first in its map"));
                }
                None => {
                    map.merged.insert(map.entries.len());
                    map.push(entry.clone());
                }
            }
        }
    }

    fn within_limits(&self, weight: Weight, at: &Range<usize>) -> Result<(), Problem> {
        let total =
            Weight { nodes: weight.nodes + self.weight.nodes, bytes: weight.bytes + self.weight.bytes, levels: 0 };
        let what = if total.nodes > NODES_MAX {
            format!("{NODES_MAX} values")
        } else if total.bytes > EXPANDED_BYTES_MAX {
            format!("{EXPANDED_BYTES_MAX} bytes of text")
        } else {
            return Ok(());
        };
        let message = format!("the file holds more than {what} when its aliases are written out");
        Err(self.error(at, message).help("split the file or use fewer aliases"))
    }

    fn too_deep(&self, at: usize) -> Problem {
        let message = format!("values are nested more than {NESTING_MAX} levels deep");
        self.error(&(at..at + 1), message)
            .help("no Kubernetes object needs that; look for a bracket that is not closed")
    }

    fn explain(&self, error: &ScanError) -> Problem {
        let at = error.marker().byte_offset().unwrap_or(self.text.len()).min(self.text.len());
        if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
            return self.too_deep(at);
        }
        if matches!(error.kind(), ErrorKind::UnknownAnchor) {
            let help = "anchor a value above it in the same document with `&`";
            return self.error(&(at..at), "the alias names nothing").help(help);
        }
        let problem = self.error(&(at..at), format!("cannot read the YAML: {}", error.kind()));
        let tab =
            self.text.get(..at).and_then(|before| before.rsplit('\n').next()).is_some_and(|line| line.contains('\t'));
        if tab { problem.help("YAML is indented with spaces, never with tabs") } else { problem }
    }

    /// Reports a problem after which the trees do not hold all that the text does.
    fn report(&mut self, problem: Problem) {
        self.sound = false;
        self.problems.push(problem);
    }

    fn error(&self, range: &Range<usize>, message: impl Into<String>) -> Problem {
        Problem::error(Some(place(self.file, self.text, range)), message)
    }
}

impl Weight {
    fn add(&mut self, other: Self) {
        self.nodes = self.nodes.saturating_add(other.nodes);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

fn whole_tag(tag: &Tag) -> String {
    format!("{}{}", tag.handle(), tag.suffix())
}
