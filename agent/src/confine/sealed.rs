//! Encrypted files as bytes, as a child tells them: what stands in them, and never what it means.
//!
//! Invariant: a value that is read belongs into a field of a Secret or a ConfigMap of the same answer, and is whole. What
//! the child left out or made up, the code over all values of the file shows to whoever opens it.

use std::collections::BTreeSet;
use std::io::{self, Write};

use writ_core::dialect::sops::{
    CipherText, Seal, Sealed, SealedCipher, SealedFile, SealedLine, SealedValue, Service, ValueType,
};
use writ_core::model::{Kind, Object, ObjectId};

use super::answer::{Reader, Writer};
use super::wire::Garbled;

/// Writes the encrypted files of an answer whose objects are `objects`.
pub(super) fn write<W: Write>(to: &mut Writer<'_, W>, objects: &[Object], sealed: &[Sealed]) -> io::Result<()> {
    to.to.number(sealed.len())?;
    for Sealed { place, seal, values } in sealed {
        to.place(place)?;
        write_seal(to, seal)?;
        to.to.number(values.len())?;
        for value in values {
            match value {
                SealedValue::Plain(bytes) => {
                    to.to.byte(0)?;
                    to.to.bytes(bytes)?;
                }
                SealedValue::Cipher(SealedCipher { path, text, object, place }) => {
                    to.to.byte(1)?;
                    to.to.number(path.len())?;
                    path.iter().try_for_each(|name| to.to.text(name))?;
                    to.to.text(text)?;
                    to.to.number(number_of(objects, object)?)?;
                    to.place(place)?;
                }
            }
        }
    }
    Ok(())
}

/// Writes the encrypted files that objects hold whole.
pub(super) fn write_files<W: Write>(
    to: &mut Writer<'_, W>,
    objects: &[Object],
    files: &[SealedFile],
) -> io::Result<()> {
    to.to.number(files.len())?;
    for SealedFile { place, seal, object, key, lines } in files {
        to.place(place)?;
        write_seal(to, seal)?;
        to.to.number(number_of(objects, object)?)?;
        to.to.text(key)?;
        to.to.number(lines.len())?;
        lines.iter().try_for_each(|line| write_line(to, line))?;
    }
    Ok(())
}

fn write_line<W: Write>(to: &mut Writer<'_, W>, line: &SealedLine) -> io::Result<()> {
    match line {
        SealedLine::Comment(text) => {
            to.to.byte(0)?;
            to.to.text(text)
        }
        SealedLine::SealedComment { text, place } => {
            to.to.byte(1)?;
            to.to.text(text)?;
            to.place(place)
        }
        SealedLine::Plain { name, value } => {
            to.to.byte(2)?;
            to.to.text(name)?;
            to.to.text(value)
        }
        SealedLine::Cipher { name, text, place } => {
            to.to.byte(3)?;
            to.to.text(name)?;
            to.to.text(text)?;
            to.place(place)
        }
    }
}

fn number_of(objects: &[Object], object: &ObjectId) -> io::Result<usize> {
    let number = objects.binary_search_by(|it| it.id.cmp(object));
    number.map_err(|_| io::Error::other("a value belongs to no object"))
}

fn write_seal<W: Write>(to: &mut Writer<'_, W>, seal: &Seal) -> io::Result<()> {
    let Seal { keys, services, code, modified, only_encrypted } = seal;
    to.to.number(keys.len())?;
    keys.iter().try_for_each(|key| to.to.text(key))?;
    for service in Service::ALL {
        to.to.byte(u8::from(services.contains(&service)))?;
    }
    to.to.text(code)?;
    to.to.text(modified)?;
    to.to.byte(u8::from(*only_encrypted))
}

/// Reads the encrypted files of an answer whose objects are `objects`.
pub(super) fn read(from: &mut Reader<'_>, objects: &[Object]) -> Result<Vec<Sealed>, Garbled> {
    let mut sealed = Vec::new();
    for _ in 0..from.from.count()? {
        let (place, seal) = (from.place()?, read_seal(from)?);
        let mut values = Vec::new();
        for _ in 0..from.from.count()? {
            values.push(read_value(from, objects)?);
        }
        sealed.push(Sealed { place, seal, values });
    }
    Ok(sealed)
}

fn read_value(from: &mut Reader<'_>, objects: &[Object]) -> Result<SealedValue, Garbled> {
    match from.from.byte()? {
        0 => return Ok(SealedValue::Plain(from.from.bytes()?.to_vec())),
        1 => {}
        _ => return Err(Garbled("an encrypted value is of no known kind")),
    }
    let path = from.from.list(|from| from.text().map(str::to_owned))?;
    let text = from.from.text()?.to_owned();
    let object = objects.get(from.from.number()?).ok_or(Garbled("an encrypted value belongs to no object"))?;
    let cipher = SealedCipher { path, text, object: object.id.clone(), place: from.place()? };
    let is_whole = CipherText::read(&cipher.text).is_some_and(|it| it.kind.is_text());
    if !is_whole || !has_room(object, cipher.field()) {
        return Err(Garbled("an encrypted value is not what its object holds"));
    }
    Ok(SealedValue::Cipher(cipher))
}

/// Reads the encrypted files that objects hold whole.
pub(super) fn read_files(from: &mut Reader<'_>, objects: &[Object]) -> Result<Vec<SealedFile>, Garbled> {
    let mut files = Vec::new();
    for _ in 0..from.from.count()? {
        let (place, seal) = (from.place()?, read_seal(from)?);
        let object = objects.get(from.from.number()?).ok_or(Garbled("an encrypted file belongs to no object"))?;
        let key = from.from.text()?.to_owned();
        let mut lines = Vec::new();
        for _ in 0..from.from.count()? {
            lines.push(read_line(from)?);
        }
        if object.id.kind != Kind::ConfigMap || !has_room(object, Some(("data", &key))) {
            return Err(Garbled("an encrypted file is not what its object holds"));
        }
        files.push(SealedFile { place, seal, object: object.id.clone(), key, lines });
    }
    Ok(files)
}

fn read_line(from: &mut Reader<'_>) -> Result<SealedLine, Garbled> {
    let is_of = |text: &str, kind: fn(ValueType) -> bool| CipherText::read(text).is_some_and(|it| kind(it.kind));
    let line = match from.from.byte()? {
        0 => return Ok(SealedLine::Comment(from.from.text()?.to_owned())),
        1 => {
            let (text, place) = (from.from.text()?.to_owned(), from.place()?);
            let whole = is_of(&text, |kind| kind == ValueType::Comment);
            whole.then_some(SealedLine::SealedComment { text, place })
        }
        2 => {
            let (name, value) = (from.from.text()?.to_owned(), from.from.text()?.to_owned());
            return Ok(SealedLine::Plain { name, value });
        }
        3 => {
            let (name, text) = (from.from.text()?.to_owned(), from.from.text()?.to_owned());
            let place = from.place()?;
            is_of(&text, ValueType::is_text).then_some(SealedLine::Cipher { name, text, place })
        }
        _ => None,
    };
    line.ok_or(Garbled("a line of an encrypted file is of no known kind"))
}

/// True if the object has a text in that place.
fn has_room(object: &Object, at: Option<(&str, &str)>) -> bool {
    at.and_then(|(field, key)| object.body.get(field)?.get(key)).is_some_and(serde_json::Value::is_string)
}

fn read_seal(from: &mut Reader<'_>) -> Result<Seal, Garbled> {
    let keys = from.from.list(|from| from.text().map(str::to_owned))?;
    let mut services = BTreeSet::new();
    for service in Service::ALL {
        if from.flag()? {
            services.insert(service);
        }
    }
    let (code, modified) = (from.from.text()?.to_owned(), from.from.text()?.to_owned());
    Ok(Seal { keys, services, code, modified, only_encrypted: from.flag()? })
}

#[cfg(test)]
mod tests {
    use writ_core::dialect::{Files, Given, lower};

    use super::super::{Answer, Judged, answer};
    use super::*;

    /// Changes an honest answer about a file that SOPS wrote; what the agent makes of it.
    fn answered(change: impl FnOnce(&mut Vec<Sealed>)) -> Result<Vec<Sealed>, &'static str> {
        let text = include_str!("../../../tests/data/sops/suffix.yaml");
        let files = Files::from([("a.yaml".to_owned(), text.as_bytes().to_vec())]);
        let (lowered, sources) = lower(&files);
        let mut lowered = lowered.unwrap();
        change(&mut lowered.sealed);
        let judged = Judged { lowered: Ok(lowered), sources, unfetched: BTreeSet::new() };
        let mut bytes = Vec::new();
        answer::write(&mut bytes, &files, &Answer::Judged(judged)).unwrap();
        assert!(
            (0..bytes.len())
                .step_by(97)
                .all(|length| answer::read(&bytes[..length], &files, &Given::default()).is_err())
        );
        match answer::read(&bytes, &files, &Given::default()) {
            Ok(Answer::Judged(judged)) => Ok(judged.lowered.unwrap().sealed),
            Ok(Answer::Addresses(_) | Answer::Questions(_)) => Err("another answer"),
            Err(garbled) => Err(garbled.0),
        }
    }

    fn first_cipher(sealed: &mut [Sealed]) -> &mut SealedCipher {
        let ciphers = sealed.iter_mut().flat_map(|sealed| &mut sealed.values);
        let mut ciphers = ciphers.filter_map(|value| match value {
            SealedValue::Cipher(cipher) => Some(cipher),
            SealedValue::Plain(_) => None,
        });
        ciphers.next().unwrap()
    }

    #[test]
    fn what_is_encrypted_is_read_back_as_it_was() {
        let mut before = Vec::new();
        let after = answered(|sealed| {
            sealed[0].seal.services = [Service::Kms, Service::Pgp].into();
            sealed[0].seal.only_encrypted = true;
            before.clone_from(sealed);
        });
        assert_eq!(after, Ok(before));
    }

    #[test]
    fn an_encrypted_value_for_no_field_of_its_object_is_refused() {
        let refused = "an encrypted value is not what its object holds";
        let path = |names: &[&str]| {
            let path: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            answered(|sealed| first_cipher(sealed).path = path).unwrap_err()
        };
        for names in [&["metadata", "name"][..], &["kind"], &["stringData", "other"], &["data", "word_secret"], &[]] {
            assert_eq!(path(names), refused, "{names:?}");
        }
        assert_eq!(path(&["stringData", "word_secret", "more"]), refused);
        let other = answered(|sealed| first_cipher(sealed).text.insert(0, 'x'));
        assert_eq!(other, Err(refused));
        let kind = |cipher: &mut SealedCipher| cipher.text = cipher.text.replace("type:str", "type:comment");
        assert_eq!(answered(|sealed| kind(first_cipher(sealed))), Err(refused));
    }
    /// Changes an honest answer about an encrypted file that an asset holds; what the agent makes of it.
    fn answered_file(change: impl FnOnce(&mut SealedFile)) -> Result<Vec<SealedFile>, &'static str> {
        let manifest = "asset \"s\" \"a\" {\n  env = file(\"./a.env\")\n}\n";
        let text = include_str!("../../../tests/data/sops/sops.env");
        let files = [("a.env", text), ("a.hcl", manifest)];
        let files: Files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).into();
        let (lowered, sources) = lower(&files);
        let mut lowered = lowered.unwrap();
        change(&mut lowered.sealed_files[0]);
        let judged = Judged { lowered: Ok(lowered), sources, unfetched: BTreeSet::new() };
        let mut bytes = Vec::new();
        answer::write(&mut bytes, &files, &Answer::Judged(judged)).unwrap();
        match answer::read(&bytes, &files, &Given::default()) {
            Ok(Answer::Judged(judged)) => Ok(judged.lowered.unwrap().sealed_files),
            Ok(Answer::Addresses(_) | Answer::Questions(_)) => Err("another answer"),
            Err(garbled) => Err(garbled.0),
        }
    }

    #[test]
    fn an_encrypted_file_is_read_back_as_it_was_and_one_for_no_key_of_its_object_is_refused() {
        let mut before = None;
        let after = answered_file(|file| {
            file.lines.push(SealedLine::Comment("a".to_owned()));
            file.lines.push(SealedLine::Plain { name: "b".to_owned(), value: "c".to_owned() });
            before = Some(file.clone());
        });
        let lines = &before.as_ref().unwrap().lines;
        assert!(lines.iter().any(|line| matches!(line, SealedLine::SealedComment { .. })), "{lines:?}");
        assert_eq!(after, Ok(vec![before.unwrap()]));
        let refused = Err("an encrypted file is not what its object holds");
        assert_eq!(answered_file(|file| file.key = "other".to_owned()), refused);
        let damaged = answered_file(|file| {
            let place = file.place.clone();
            file.lines.push(SealedLine::Cipher { name: "a".to_owned(), text: "b".to_owned(), place });
        });
        assert_eq!(damaged, Err("a line of an encrypted file is of no known kind"));
    }
}
