//! Reads a manifest as HCL and keeps the few forms that Writ evaluates; all others are refused at their place.

use hcl_edit::expr::{Expression, FuncCall, ObjectKey, Traversal, TraversalOperator};
use hcl_edit::structure::{BlockLabel, Body, Structure};
use hcl_edit::template::{Element, Interpolation, Strip, Template};
use hcl_edit::{Span as _, parser};

use super::fill::Filled;
use super::scan::scan;
use super::scene::Scene;
use super::tree::{AssetKey, Block, Content, Entry, Form, Function, Piece, Span, Value, Word};
use crate::dialect::Variables;
use crate::limits::{MANIFEST_BYTES_MAX, NODES_MAX};
use crate::text::{Problem, quoted};

/// The attributes and blocks of a manifest; none if it cannot be read at all, which the problems then say.
pub(super) fn parse(scene: &mut Scene<'_>, variables: &Variables) -> Option<Vec<Entry>> {
    let text = scene.text;
    if u64::try_from(text.len()).map_or(true, |length| length > MANIFEST_BYTES_MAX) {
        scene.refuse(
            &(0..0),
            format!("this manifest is larger than {} KiB", MANIFEST_BYTES_MAX >> 10),
            "split it into several files, and keep large contents in files of their own that assets name by `file()`",
        );
        return None;
    }
    if text.starts_with('\u{feff}') {
        scene.refuse(&(0..3), "this manifest begins with a byte order mark", "save it as UTF-8 without one");
        return None;
    }
    let Some(filled) = filled(scene, variables) else {
        hide_variables(scene);
        return None;
    };
    let body = match parser::parse_body(&filled.text) {
        Ok(body) => body,
        Err(error) => {
            refuse_syntax(scene, &filled, &error);
            hide_variables(scene);
            return None;
        }
    };
    let mut reader = Reader { scene, filled: &filled, nodes: 0, overfull: false };
    let entries = reader.body(&body);
    (!reader.overfull).then_some(entries)
}

/// The manifest with its variables replaced, if it is worth parsing.
fn filled<'a>(scene: &mut Scene<'a>, variables: &Variables) -> Option<Filled<'a>> {
    let uses = scan(scene)?;
    if uses.is_empty() {
        return Some(Filled::unchanged(scene.text));
    }
    let filled = Filled::fill(scene, &uses, variables)?;
    // What was bounded before is bounded in what the parser reads.
    let mut again = Scene::new(&scene.file, &filled.text, scene.suggestions);
    let none_left = scan(&mut again).is_some_and(|uses| uses.is_empty());
    for Problem { severity, place, message, help } in again.problems.sorted().into_iter().cloned() {
        let place = place.map(|place| scene.place(&filled.back(&(place.start..place.end))));
        scene.problems.push(Problem { severity, place, message, help });
    }
    none_left.then_some(filled)
}

/// Hides what may be values of variables in a text that cannot be read: all that is written between `env` and the next
/// line that only closes a brace, names excepted.
fn hide_variables(scene: &mut Scene<'_>) {
    let mut start = 0;
    let mut inside = false;
    for line in scene.text.split_inclusive('\n') {
        let words = line.trim_start();
        let begins = words.strip_prefix("env").is_some_and(|rest| rest.trim_start().starts_with(['=', '{', ':']));
        inside = (inside || begins) && !words.starts_with('}');
        if inside {
            let after = if begins { line.find('{') } else { line.find(['=', ':']) };
            let value = after.map_or(0, |at| at + 1);
            scene.hidden.push(start + value..start + line.len());
        }
        start += line.len();
    }
}

fn refuse_syntax(scene: &mut Scene<'_>, filled: &Filled<'_>, error: &parser::Error) {
    let message = error.message();
    let start = error.location().offset().min(filled.text.len());
    let line = filled.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let end = start + line.chars().next().map_or(0, char::len_utf8);
    let help = if message.contains("redefined attribute") {
        "each attribute is written once in a block: remove one of the two"
    } else if message.contains("redefined object key") {
        "each key is written once in an object: remove one of the two"
    } else if message.contains("block body") {
        "a block in one line holds one attribute at most: give each attribute a line of its own"
    } else if message.contains("escape sequence") {
        "a backslash in quotes is written `\\\\`"
    } else {
        "see that quotes and brackets are closed, and that each attribute has a line of its own"
    };
    scene.refuse(&filled.back(&(start..end)), format!("this is not valid HCL: {message}"), help);
}

struct Reader<'s, 'a> {
    scene: &'s mut Scene<'a>,
    filled: &'s Filled<'a>,
    nodes: usize,
    overfull: bool,
}

impl Reader<'_, '_> {
    /// Counts one more value. The scan before bounds the same by its own count; this holds if the two ever disagree.
    fn count(&mut self, span: &Span) {
        self.nodes += 1;
        if self.nodes > NODES_MAX && !self.overfull {
            self.overfull = true;
            self.scene.refuse(
                span,
                format!("this manifest holds more than {NODES_MAX} values"),
                "split it into several files",
            );
        }
    }

    /// Where something was written.
    fn at(&self, span: Option<Span>) -> Span {
        self.filled.back(&span.unwrap_or_default())
    }

    fn body(&mut self, body: &Body) -> Vec<Entry> {
        body.iter().map(|structure| self.structure(structure)).collect()
    }

    fn structure(&mut self, structure: &Structure) -> Entry {
        match structure {
            Structure::Attribute(attribute) => {
                let span = self.at(attribute.key.span());
                self.count(&span);
                let name = Word { text: attribute.key.as_str().to_owned(), span };
                Entry { name, content: Content::Value(self.value(&attribute.value)) }
            }
            Structure::Block(block) => {
                let span = self.at(block.ident.span());
                self.count(&span);
                let labels: Vec<Word> = block.labels.iter().map(|label| self.label(label)).collect();
                let end = labels.last().map_or(span.end, |last| last.span.end);
                let header = span.start..end;
                let name = Word { text: block.ident.as_str().to_owned(), span };
                Entry { name, content: Content::Block(Block { labels, entries: self.body(&block.body), header }) }
            }
        }
    }

    fn label(&self, label: &BlockLabel) -> Word {
        Word { text: label.as_str().to_owned(), span: self.at(label.span()) }
    }

    fn value(&mut self, expression: &Expression) -> Value {
        let span = self.at(expression.span());
        self.count(&span);
        let form = if self.overfull { Form::Faulty } else { self.form(expression, &span) };
        Value { form, span }
    }

    fn form(&mut self, expression: &Expression, span: &Span) -> Form {
        match expression {
            Expression::Null(_) => Form::Null,
            Expression::Bool(value) => Form::Bool(*value.value()),
            Expression::Number(_) => {
                let text = expression.span().and_then(|span| self.filled.text.get(span)).unwrap_or_default();
                Form::Number(text.trim().to_owned())
            }
            Expression::String(text) => self.text(vec![Piece::Literal(text.as_str().to_owned())], span),
            Expression::Array(array) => Form::List(array.iter().map(|item| self.value(item)).collect()),
            Expression::Object(object) => {
                let entries = object.iter().filter_map(|(key, value)| {
                    let name = self.key(key)?;
                    Some(Entry { name, content: Content::Value(self.value(value.expr())) })
                });
                Form::Map(entries.collect())
            }
            Expression::StringTemplate(template) => {
                let pieces: Option<Vec<Piece>> = template.iter().map(|element| self.piece(element)).collect();
                pieces.map_or(Form::Faulty, |pieces| self.text(pieces, span))
            }
            Expression::HeredocTemplate(heredoc) => self.heredoc(&heredoc.template, span),
            Expression::FuncCall(call) => self.call(call, span),
            Expression::Variable(name) => {
                let help = format!("put it in double quotes if it is a text: \"{}\"", name.as_str());
                self.refuse(span, &format!("`{}` is a name, not a value", name.as_str()), &help)
            }
            Expression::Traversal(_) => self.refuse(
                span,
                "a reference is written inside of a text",
                "write it in quotes, as in \"${asset.SCOPE.NAME.KEY}:/path:ro\"",
            ),
            Expression::Parenthesis(_) => self.computed(span, "parentheses"),
            Expression::Conditional(_) => self.computed(span, "conditions"),
            Expression::UnaryOp(_) | Expression::BinaryOp(_) => self.computed(span, "calculations"),
            Expression::ForExpr(_) => self.computed(span, "`for` expressions"),
        }
    }

    fn heredoc(&mut self, template: &Template, span: &Span) -> Form {
        let pieces: Option<Vec<Piece>> = template.iter().map(|element| self.piece(element)).collect();
        pieces.map_or(Form::Faulty, |pieces| self.text(pieces, span))
    }

    fn refuse(&mut self, span: &Span, message: &str, help: &str) -> Form {
        self.scene.refuse(span, message, help);
        Form::Faulty
    }

    fn computed(&mut self, span: &Span, what: &str) -> Form {
        self.refuse(
            span,
            &format!("{what} are not evaluated"),
            "write the value out: a manifest says what is wanted and computes nothing",
        )
    }

    fn text(&mut self, pieces: Vec<Piece>, span: &Span) -> Form {
        let has_nul = pieces.iter().any(|piece| matches!(piece, Piece::Literal(text) if text.contains('\0')));
        if has_nul {
            return self.refuse(
                span,
                "this text holds a NUL character, which no environment, argument or path can hold",
                "remove the `\\u0000`; keep binary contents in a file that an asset names by `file()`",
            );
        }
        Form::Text(pieces)
    }

    fn key(&mut self, key: &ObjectKey) -> Option<Word> {
        match key {
            ObjectKey::Ident(name) => Some(Word { text: name.as_str().to_owned(), span: self.at(name.span()) }),
            ObjectKey::Expression(Expression::String(text)) => {
                Some(Word { text: text.as_str().to_owned(), span: self.at(text.span()) })
            }
            ObjectKey::Expression(other) => {
                let span = self.at(other.span());
                self.scene.refuse(&span, "a key must be a plain name", "write it as a word or in double quotes");
                None
            }
        }
    }

    fn piece(&mut self, element: &Element) -> Option<Piece> {
        match element {
            Element::Literal(text) => Some(Piece::Literal(text.as_str().to_owned())),
            Element::Interpolation(interpolation) => self.interpolation(interpolation),
            Element::Directive(_) => {
                let span = self.at(element.span());
                self.computed(&span, "conditions and loops in texts");
                None
            }
        }
    }

    fn interpolation(&mut self, interpolation: &Interpolation) -> Option<Piece> {
        let span = self.at(interpolation.span());
        self.count(&span);
        if let Expression::Variable(name) = &interpolation.expr {
            let message = format!("{} is no variable as it is written here", quoted(name.as_str()));
            let help =
                "write `${NAME}` without blanks, with ASCII letters, digits and `_`; a literal `${` is written `$${`";
            self.refuse(&span, &message, help);
            return None;
        }
        let reference = match (as_traversal(&interpolation.expr), interpolation.strip) {
            (Some(traversal), Strip::None) => asset_key(traversal),
            (Some(_), Strip::Start | Strip::End | Strip::Both) | (None, _) => None,
        };
        if reference.is_none() {
            self.refuse(
                &span,
                "this reference is not understood",
                "what can be referred to are the keys of assets, as in `${asset.SCOPE.NAME.KEY}` or `${asset.NAME.KEY}`; \
                 a literal `${` is written `$${`",
            );
        }
        reference.map(|key| Piece::Asset(key, span))
    }

    fn call(&mut self, call: &FuncCall, span: &Span) -> Form {
        let function = match call.name.name.as_str() {
            "file" if !call.name.is_namespaced() => Function::File,
            "url" if !call.name.is_namespaced() => Function::Url,
            name => {
                let message = format!("the function `{name}` is not known");
                let help = "the functions are `file(\"./path\")` and `url(\"https://…\")`, for keys of assets";
                return self.refuse(span, &message, help);
            }
        };
        Form::Call(function, call.args.iter().map(|argument| self.value(argument)).collect())
    }
}

fn as_traversal(expression: &Expression) -> Option<&Traversal> {
    if let Expression::Traversal(traversal) = expression { Some(traversal) } else { None }
}

/// The key of an asset that `asset.<scope>.<name>.<key>` names, or `asset.<name>.<key>` one of no scope.
fn asset_key(traversal: &Traversal) -> Option<AssetKey> {
    let Expression::Variable(root) = &traversal.expr else { return None };
    let segments: Option<Vec<&str>> = traversal
        .operators
        .iter()
        .map(|operator| match operator.value() {
            TraversalOperator::GetAttr(name) => Some(name.as_str()),
            TraversalOperator::AttrSplat(_)
            | TraversalOperator::FullSplat(_)
            | TraversalOperator::Index(_)
            | TraversalOperator::LegacyIndex(_) => None,
        })
        .collect();
    match (root.as_str(), segments?.as_slice()) {
        ("asset", [scope, name, key]) => {
            Some(AssetKey { scope: (*scope).to_owned(), name: (*name).to_owned(), key: (*key).to_owned() })
        }
        ("asset", [name, key]) => {
            Some(AssetKey { scope: String::new(), name: (*name).to_owned(), key: (*key).to_owned() })
        }
        _ => None,
    }
}
