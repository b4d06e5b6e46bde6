//! An answer as bytes: the objects with the places of their parts, problems, and the texts to show them in.
//!
//! Invariant: what is read is held against the files that were asked about. No answer names a file or an address that
//! is not among them, an object by another name than its own, or one object twice.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde_json::Value;
use writ_core::dialect::{Address, Addresses, BlockId, Files, Given, Lowered, Target};
use writ_core::limits::{ADDRESS_SECONDS_MAX, ADDRESSES_MAX, PLUGIN_BLOCKS_MAX};
use writ_core::model::{Kind, Object, ObjectId};
use writ_core::text::{Place, PlacesDraft, Problem, Problems, Severity, Sources};
use writ_core::time::Seconds;

use super::wire::{ANSWER, Decoder, Encoder, Garbled};
use super::{Answer, Judged};
use super::{outputs, sealed, unfilled, value};
use crate::limits::{ANSWER_ITEMS_MAX, PROBLEM_BYTES_MAX};

/// Longest name of an object or a scope. Source: Kubernetes, DNS subdomains.
const NAME_BYTES_MAX: usize = 253;

/// Writes an answer about files.
pub(super) fn write<W: Write>(to: W, files: &Files, answer: &Answer) -> io::Result<()> {
    let numbers = files.keys().zip(0..).map(|(path, number)| (path.as_str(), number)).collect();
    let mut writer = Writer { to: Encoder(to), numbers, last: None };
    writer.to.raw(ANSWER)?;
    match answer {
        Answer::Addresses(addresses) => {
            writer.to.byte(0)?;
            writer.addresses(&addresses.keys().cloned().collect())?;
            addresses.values().try_for_each(|timeout| writer.to.long(timeout.0.into()))
        }
        Answer::Judged(judged) => {
            writer.to.byte(1)?;
            writer.judged(files, judged)
        }
        Answer::Questions(questions) => {
            writer.to.byte(2)?;
            writer.questions(questions)
        }
    }
}

/// Reads an answer about files, which was asked with what their unit gives to them.
pub(super) fn read(bytes: &[u8], files: &Files, given: &Given) -> Result<Answer, Garbled> {
    let mut from = Decoder::new(bytes, ANSWER_ITEMS_MAX);
    from.expect(ANSWER)?;
    let kind = from.byte()?;
    let mut reader = Reader { from, paths: files.keys().map(String::as_str).collect(), given };
    let answer = match kind {
        0 => Answer::Addresses(reader.timed_addresses(files)?),
        1 => Answer::Judged(reader.judged(files)?),
        2 => Answer::Questions(reader.questions()?),
        _ => return Err(Garbled("the answer is of no known kind")),
    };
    reader.from.end()?;
    Ok(answer)
}

pub(super) struct Writer<'a, W> {
    pub(super) to: Encoder<W>,
    /// Files by path: which one it is of all.
    numbers: BTreeMap<&'a str, usize>,
    /// The file of the last place: the next one is mostly in the same.
    last: Option<(&'a str, usize)>,
}

impl<W: Write> Writer<'_, W> {
    fn judged(&mut self, files: &Files, judged: &Judged) -> io::Result<()> {
        let Judged { lowered, sources, unfetched } = judged;
        for (path, bytes) in files {
            match sources.text(path) {
                None => self.to.byte(0)?,
                Some(text) if text.as_bytes() == bytes => self.to.byte(1)?,
                Some(text) => {
                    self.to.byte(2)?;
                    self.to.text(text)?;
                }
            }
        }
        self.addresses(unfetched)?;
        match lowered {
            Err(problems) => {
                self.to.byte(0)?;
                self.problems(problems)
            }
            Ok(Lowered { objects, notes, sealed, sealed_files, outputs, unfilled }) => {
                self.to.byte(1)?;
                self.to.number(objects.len())?;
                objects.iter().try_for_each(|object| self.object(object))?;
                self.problems(notes)?;
                sealed::write(self, objects, sealed)?;
                sealed::write_files(self, objects, sealed_files)?;
                outputs::write(&mut self.to, objects, outputs)?;
                unfilled::write(self, objects, unfilled)
            }
        }
    }

    fn addresses(&mut self, addresses: &BTreeSet<Address>) -> io::Result<()> {
        self.to.number(addresses.len())?;
        addresses.iter().try_for_each(|address| self.to.text(address.whole()))
    }

    fn questions(&mut self, questions: &BTreeMap<BlockId, String>) -> io::Result<()> {
        self.to.number(questions.len())?;
        questions.iter().try_for_each(|(BlockId { kind, scope, name }, question)| {
            [kind, scope, name, question].into_iter().try_for_each(|text| self.to.text(text))
        })
    }

    fn object(&mut self, object: &Object) -> io::Result<()> {
        let Object { id: ObjectId { kind, scope, name }, body, places } = object;
        self.to.text(kind.name())?;
        self.to.text(&scope.0)?;
        self.to.text(name)?;
        value::write(&mut self.to, body)?;
        self.to.number(places.iter().count())?;
        places.iter().try_for_each(|(pointer, place)| {
            self.to.text(pointer)?;
            self.place(place)
        })
    }

    fn problems(&mut self, problems: &Problems) -> io::Result<()> {
        let problems = problems.sorted();
        self.to.number(problems.len())?;
        problems.into_iter().try_for_each(|problem| self.problem(problem))
    }

    fn problem(&mut self, problem: &Problem) -> io::Result<()> {
        let Problem { severity, place, message, help } = problem;
        self.to.byte(match severity {
            Severity::Error => 0,
            Severity::Warning => 1,
            Severity::Note => 2,
        })?;
        self.to.byte(u8::from(place.is_some()))?;
        place.iter().try_for_each(|place| self.place(place))?;
        self.to.text(&cut(message))?;
        self.to.byte(u8::from(help.is_some()))?;
        help.iter().try_for_each(|help| self.to.text(&cut(help)))
    }

    pub(super) fn place(&mut self, place: &Place) -> io::Result<()> {
        let Place { file, start, end } = place;
        let known = self.last.filter(|(last, _)| **last == **file);
        let known = known.or_else(|| self.numbers.get_key_value(&**file).map(|(path, number)| (*path, *number)));
        let (_, number) = known.ok_or_else(|| io::Error::other("a place is in no file"))?;
        self.last = known;
        self.to.number(number)?;
        self.to.number(*start)?;
        self.to.number(*end)
    }
}

/// A message, without a long end.
fn cut(message: &str) -> String {
    if message.len() <= PROBLEM_BYTES_MAX {
        return message.to_owned();
    }
    let end = (0..=PROBLEM_BYTES_MAX - '…'.len_utf8()).rev().find(|end| message.is_char_boundary(*end));
    format!("{}…", message.get(..end.unwrap_or(0)).unwrap_or_default())
}

pub(super) struct Reader<'a> {
    pub(super) from: Decoder<'a>,
    paths: Vec<&'a str>,
    given: &'a Given,
}

impl Reader<'_> {
    fn judged(&mut self, files: &Files) -> Result<Judged, Garbled> {
        let mut sources = Sources::default();
        for (path, bytes) in files {
            match self.from.byte()? {
                0 => {}
                1 => sources.insert(path.as_str(), String::from_utf8_lossy(bytes)),
                2 => sources.insert(path.as_str(), self.from.text()?),
                _ => return Err(Garbled("a text is of no known kind")),
            }
        }
        let unfetched = self.addresses(files)?;
        let lowered = match self.from.byte()? {
            0 => Err(self.problems()?),
            1 => {
                let (objects, notes) = (self.objects()?, self.problems()?);
                let sealed = sealed::read(self, &objects)?;
                let sealed_files = sealed::read_files(self, &objects)?;
                let outputs = outputs::read(&mut self.from, &objects)?;
                let unfilled = unfilled::read(self, &objects)?;
                Ok(Lowered { objects, notes, sealed, sealed_files, outputs, unfilled })
            }
            _ => return Err(Garbled("the verdict is of no known kind")),
        };
        match &lowered {
            Ok(lowered) if lowered.notes.has_errors() => Err(Garbled("it holds errors and objects")),
            Err(problems) if !problems.has_errors() => Err(Garbled("it holds neither errors nor objects")),
            Ok(_) | Err(_) => Ok(Judged { lowered, sources, unfetched }),
        }
    }

    /// Addresses that stand in the files, as they are or with variables: nobody else's are asked.
    fn addresses(&mut self, files: &Files) -> Result<BTreeSet<Address>, Garbled> {
        let texts: Vec<&str> = files.values().filter_map(|bytes| std::str::from_utf8(bytes).ok()).collect();
        let filled = OnceCell::new();
        let filled =
            || filled.get_or_init(|| texts.iter().map(|text| self.given.variables.put_into(text)).collect::<Vec<_>>());
        let count = self.from.count()?;
        let mut addresses = BTreeSet::new();
        for _ in 0..count {
            let text = self.from.text()?;
            let address = Address::read(text).ok_or(Garbled("an address is none"))?;
            let stands = texts.iter().any(|written| written.contains(text))
                || filled().iter().any(|written| written.contains(text));
            if !stands {
                return Err(Garbled("an address stands in no file"));
            }
            addresses.insert(address);
        }
        if addresses.len() > ADDRESSES_MAX {
            return Err(Garbled("it names more addresses than are asked"));
        }
        Ok(addresses)
    }

    fn questions(&mut self) -> Result<BTreeMap<BlockId, String>, Garbled> {
        let questions: BTreeMap<BlockId, String> = self.from.list(|from| {
            let [kind, scope, name] = [from.text()?, from.text()?, from.text()?].map(str::to_owned);
            Ok((BlockId { kind, scope, name }, from.text()?.to_owned()))
        })?;
        // Each manifest may ask so many; those of a unit are cut to as many where they are asked.
        if questions.len() > PLUGIN_BLOCKS_MAX {
            Err(Garbled("it names more blocks than are asked"))
        } else {
            Ok(questions)
        }
    }

    /// The same, each with how long its server is given.
    fn timed_addresses(&mut self, files: &Files) -> Result<Addresses, Garbled> {
        let mut timed = Addresses::new();
        for address in self.addresses(files)? {
            let seconds = u32::try_from(self.from.long()?).ok().filter(|it| (1..=ADDRESS_SECONDS_MAX.0).contains(it));
            timed.insert(address, Seconds(seconds.ok_or(Garbled("an address is given no such time"))?));
        }
        Ok(timed)
    }

    fn objects(&mut self) -> Result<Vec<Object>, Garbled> {
        let mut objects: Vec<Object> = Vec::new();
        for _ in 0..self.from.count()? {
            let object = self.object()?;
            if objects.last().is_some_and(|last| last.id >= object.id) {
                return Err(Garbled("its objects are in no order, or one is there twice"));
            }
            objects.push(object);
        }
        Ok(objects)
    }

    fn object(&mut self) -> Result<Object, Garbled> {
        let kind = self.from.text()?;
        let kind = Kind::parse(kind).filter(|known| known.name() == kind).ok_or(Garbled("an object is of no kind"))?;
        let (scope, name) = (self.from.text()?, self.from.text()?);
        let id = ObjectId::new(kind, scope, name);
        let body = value::read(&mut self.from)?;
        if !is_named_so(&id, &body, self.given.target) {
            return Err(Garbled("an object is not what it is called"));
        }
        let mut places = PlacesDraft::default();
        for _ in 0..self.from.count()? {
            let pointer = self.from.text()?;
            places.note(pointer, self.place()?);
        }
        Ok(Object { id, body, places: places.finish() })
    }

    fn problems(&mut self) -> Result<Problems, Garbled> {
        let mut problems = Problems::default();
        for _ in 0..self.from.count()? {
            problems.push(self.problem()?);
        }
        Ok(problems)
    }

    fn problem(&mut self) -> Result<Problem, Garbled> {
        let severity = match self.from.byte()? {
            0 => Severity::Error,
            1 => Severity::Warning,
            2 => Severity::Note,
            _ => return Err(Garbled("a problem is of no known weight")),
        };
        let place = if self.flag()? { Some(self.place()?) } else { None };
        let message = self.message()?;
        let help = if self.flag()? { Some(self.message()?) } else { None };
        Ok(Problem { severity, place, message, help })
    }

    fn message(&mut self) -> Result<String, Garbled> {
        let text = self.from.text()?;
        if text.len() > PROBLEM_BYTES_MAX { Err(Garbled("a message is too long")) } else { Ok(text.to_owned()) }
    }

    pub(super) fn flag(&mut self) -> Result<bool, Garbled> {
        match self.from.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Garbled("something neither is there nor is not")),
        }
    }

    pub(super) fn place(&mut self) -> Result<Place, Garbled> {
        let number = self.from.number()?;
        let file = *self.paths.get(number).ok_or(Garbled("a place is in no file"))?;
        Ok(Place { file: file.into(), start: self.from.number()?, end: self.from.number()? })
    }
}

/// True if a body is of the kind and by the name that stand before it, and both are such as objects have.
fn is_named_so(id: &ObjectId, body: &Value, target: Target) -> bool {
    let ObjectId { kind, scope, name } = id;
    let said = |pointer| body.pointer(pointer).and_then(Value::as_str);
    let fits = |name: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
        !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(inner)
    };
    let scope = (!scope.0.is_empty()).then_some(scope.0.as_str());
    let (version, said_kind) = (said("/apiVersion"), said("/kind"));
    let fits = match target {
        Target::Docker => {
            version == Some(kind.api_version())
                && said_kind == Some(kind.name())
                && scope.is_none() == kind.is_unscoped()
                && fits(name)
        }
        // Roles have names with colons.
        Target::Kubernetes => {
            Kind::of(version.unwrap_or_default(), said_kind.unwrap_or_default()) == Some(*kind)
                && (scope.is_none() || !kind.is_unscoped())
                && !name.contains(['/', '%'])
                && !matches!(name.as_str(), "" | "." | "..")
        }
    } && scope.is_none_or(fits);
    fits && said("/metadata/name") == Some(name.as_str()) && said("/metadata/namespace") == scope
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use writ_core::dialect::{Contents, Fetched, Variables, addresses, lower_with};

    use super::*;

    const HCL: &str = "asset \"s\" \"a\" {\n  page = url(\"https://a.example/p?k=v\")\n}\n\
                       deployment \"s\" \"w\" {\n  image = \"w:1\"\n  env = { KEY = \"geheim\" }\n  \
                       volumes = [\"${asset.s.a.page}:/p:ro\"]\n}\n";
    const YAML: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: pw, namespace: s}\nstringData: {word: geheim}\n\
                        ---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: größe, namespace: s}\n";

    fn files(texts: &[(&str, &str)]) -> Files {
        texts.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
    }

    fn judged(files: &Files) -> Judged {
        let none = Variables::default();
        let unfetched: BTreeSet<Address> = addresses(files, &none).into_keys().collect();
        let contents: Contents =
            unfetched.iter().map(|address| (address.clone(), Fetched::Fresh(vec![0, 255]))).collect();
        let (lowered, sources) = lower_with(files, &contents, &Given::default());
        Judged { lowered, sources, unfetched }
    }

    fn bytes(files: &Files, answer: &Answer) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, files, answer).unwrap();
        bytes
    }

    #[track_caller]
    fn read_back(files: &Files, judged: Judged) -> Judged {
        match read(&bytes(files, &Answer::Judged(judged)), files, &Given::default()) {
            Ok(Answer::Judged(judged)) => judged,
            other => panic!("{other:?}"),
        }
    }

    /// Changes an honest answer about `HCL`, and says why that is refused.
    fn refused(change: impl FnOnce(&mut Judged)) -> &'static str {
        let files = files(&[("a.hcl", HCL), ("b.yaml", "# nothing\n")]);
        let mut judged = judged(&files);
        change(&mut judged);
        read(&bytes(&files, &Answer::Judged(judged)), &files, &Given::default())
            .map_err(|garbled| garbled.0)
            .unwrap_err()
    }

    fn objects(judged: &mut Judged) -> &mut Vec<Object> {
        &mut judged.lowered.as_mut().unwrap().objects
    }

    #[test]
    fn objects_places_notes_and_texts_are_read_back_as_they_were() {
        let files = files(&[("a.hcl", HCL), ("b.yaml", &YAML.replace("größe", "g")), ("other", "x")]);
        let (before, after) = (judged(&files), read_back(&files, judged(&files)));
        let (lowered, known) = (after.lowered.unwrap(), before.lowered.unwrap());
        assert_eq!((lowered.objects, lowered.notes), (known.objects, known.notes));
        assert_eq!(lowered.outputs, known.outputs);
        assert_eq!(after.unfetched, before.unfetched);
        for path in files.keys() {
            assert_eq!(after.sources.text(path), before.sources.text(path), "{path}");
        }
        assert!(after.sources.text("b.yaml").unwrap().contains("******") && after.sources.text("other").is_none());
    }

    #[test]
    fn problems_are_shown_as_they_were_and_a_long_message_is_cut() {
        let mut files = files(&[("a.hcl", "deployment \"s\" \"w\" {\n  imgae = 1\n}\n"), ("b.yaml", YAML)]);
        files.insert("c.hcl".to_owned(), vec![b'a', 0xff]);
        let (before, after) = (judged(&files), read_back(&files, judged(&files)));
        let shown = |judged: Judged| judged.lowered.unwrap_err().render(&judged.sources, false);
        let text = shown(after);
        assert!(text.contains("imgae") && text.contains("UTF-8"), "{text}");
        assert_eq!(text, shown(before));
        let mut long = Problems::default();
        long.push(Problem::error(None, "ä".repeat(PROBLEM_BYTES_MAX)));
        let after = read_back(&files, Judged { lowered: Err(long), ..judged(&files) }).lowered.unwrap_err();
        let message = &after.sorted()[0].message;
        assert!(message.len() <= PROBLEM_BYTES_MAX && message.ends_with("ä…"), "{} bytes", message.len());
    }

    #[test]
    fn an_answer_that_no_honest_child_gives_is_refused() {
        let called = "an object is not what it is called";
        let twice = "its objects are in no order, or one is there twice";
        assert_eq!(refused(|it| objects(it)[0].body["metadata"]["name"] = json!("other")), called);
        assert_eq!(refused(|it| objects(it)[0].body["metadata"]["namespace"] = json!("other")), called);
        assert_eq!(refused(|it| objects(it)[0].body["kind"] = json!("Secret")), called);
        assert_eq!(refused(|it| objects(it)[0].body["apiVersion"] = json!("v2")), called);
        let renamed = |it: &mut Judged| {
            objects(it)[0].id.name = "../a".to_owned();
            objects(it)[0].body["metadata"]["name"] = json!("../a");
        };
        assert_eq!(refused(renamed), called);
        assert_eq!(refused(|it| objects(it).reverse()), twice);
        let doubled = |it: &mut Judged| {
            let first = objects(it)[0].clone();
            objects(it).insert(0, first);
        };
        assert_eq!(refused(doubled), twice);
        let error = || Problem::error(None, "x");
        assert_eq!(refused(|it| it.lowered.as_mut().unwrap().notes.push(error())), "it holds errors and objects");
        assert_eq!(refused(|it| it.lowered = Err(Problems::default())), "it holds neither errors nor objects");
        let strange = Address::read("https://a.example/p?k=other").unwrap();
        assert_eq!(refused(|it| it.unfetched = [strange].into()), "an address stands in no file");
    }

    #[test]
    fn an_answer_cut_off_anywhere_or_about_other_files_is_refused() {
        let files = files(&[("a.hcl", HCL)]);
        let whole = bytes(&files, &Answer::Judged(judged(&files)));
        let none = Variables::default();
        let read = |bytes: &[u8], files: &Files| super::read(bytes, files, &Given::default());
        assert!(read(&whole, &files).is_ok());
        assert!((0..whole.len()).step_by(7).all(|length| read(&whole[..length], &files).is_err()));
        assert!(read(&whole, &Files::new()).is_err());
        let addresses = bytes(&files, &Answer::Addresses(addresses(&files, &none)));
        assert!(matches!(read(&addresses, &files), Ok(Answer::Addresses(found)) if found.len() == 1));
        let other = self::files(&[("a.hcl", "# https")]);
        assert_eq!(read(&addresses, &other).unwrap_err(), Garbled("an address stands in no file"));
    }

    #[test]
    fn an_address_that_only_a_variable_completes_is_one_of_the_files_and_one_by_another_value_is_not() {
        let files = files(&[("a.hcl", &HCL.replace("a.example", "${HOST}"))]);
        let variables = |host| {
            let mut variables = Variables::default();
            variables.set("HOST", host).unwrap();
            variables
        };
        let given = |host| Given { variables: variables(host), ..Given::default() };
        let honest = bytes(&files, &Answer::Addresses(addresses(&files, &variables("a.example"))));
        assert!(matches!(read(&honest, &files, &given("a.example")), Ok(Answer::Addresses(it)) if it.len() == 1));
        let other = read(&honest, &files, &given("b.example")).unwrap_err();
        assert_eq!(other, Garbled("an address stands in no file"));
    }
}
