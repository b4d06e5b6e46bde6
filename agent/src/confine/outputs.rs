//! What resources of OpenMCF let others know, as bytes.
//!
//! Invariant: what is read is about an object of the same answer, and is short and without control characters: it is shown and kept.

use std::collections::BTreeMap;
use std::io::{self, Write};

use writ_core::dialect::Outputs;
use writ_core::limits::OUTPUT_BYTES_MAX;
use writ_core::model::Object;

use super::wire::{Decoder, Encoder, Garbled};

/// Writes the outputs of an answer whose objects are `objects`.
pub(super) fn write<W: Write>(to: &mut Encoder<W>, objects: &[Object], all: &[Outputs]) -> io::Result<()> {
    to.number(all.len())?;
    for Outputs { kind, name, object, values } in all {
        let number = objects.binary_search_by(|it| it.id.cmp(object));
        to.number(number.map_err(|_| io::Error::other("an output is of no object"))?)?;
        to.text(kind)?;
        to.text(name)?;
        to.number(values.len())?;
        values.iter().try_for_each(|(name, value)| to.text(name).and_then(|()| to.text(value)))?;
    }
    Ok(())
}

/// Reads the outputs of an answer whose objects are `objects`.
pub(super) fn read(from: &mut Decoder<'_>, objects: &[Object]) -> Result<Vec<Outputs>, Garbled> {
    from.list(|from| {
        let object = objects.get(from.number()?).ok_or(Garbled("an output is of no object"))?;
        let [kind, name] = [line(from)?, line(from)?];
        let values: BTreeMap<String, String> = from.list(|from| Ok((line(from)?, line(from)?)))?;
        Ok(Outputs { kind, name, object: object.id.clone(), values })
    })
}

/// A text that can be shown and kept.
pub(super) fn line(from: &mut Decoder<'_>) -> Result<String, Garbled> {
    let text = from.text()?;
    if text.len() > OUTPUT_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(Garbled("an output is no short line"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use writ_core::dialect::{Files, Given, lower};

    use super::super::{Answer, Judged, answer};
    use super::*;

    /// Changes an honest answer about a resource; what the agent makes of it.
    fn answered(change: impl FnOnce(&mut Outputs)) -> Result<Vec<Outputs>, &'static str> {
        let text = include_str!("../../../tests/data/yaml/accept/openmcf-deployment.yaml");
        let files = Files::from([("a.yaml".to_owned(), text.as_bytes().to_vec())]);
        let (lowered, sources) = lower(&files);
        let mut lowered = lowered.unwrap();
        change(&mut lowered.outputs[0]);
        let judged = Judged { lowered: Ok(lowered), sources, unfetched: BTreeSet::new() };
        let mut bytes = Vec::new();
        answer::write(&mut bytes, &files, &Answer::Judged(judged)).map_err(|_| "not written")?;
        match answer::read(&bytes, &files, &Given::default()) {
            Ok(Answer::Judged(judged)) => Ok(judged.lowered.unwrap().outputs),
            Ok(Answer::Addresses(_) | Answer::Questions(_)) => Err("another answer"),
            Err(garbled) => Err(garbled.0),
        }
    }

    #[test]
    fn outputs_are_read_back_as_they_were() {
        let mut before = None;
        let after = answered(|outputs| before = Some(outputs.clone())).unwrap();
        assert_eq!(after, [before.unwrap()]);
        assert!(after[0].values.contains_key("external_hostname"));
    }

    #[test]
    fn an_output_of_no_object_and_one_that_is_no_short_line_are_refused() {
        assert_eq!(answered(|outputs| outputs.object.name.push('x')), Err("not written"));
        let refused = Err("an output is no short line");
        assert_eq!(answered(|outputs| outputs.name.push('\u{1b}')), refused);
        assert_eq!(answered(|outputs| drop(outputs.values.insert("a".into(), "\n".into()))), refused);
        assert_eq!(answered(|outputs| drop(outputs.values.insert("x".repeat(5000), "a".into()))), refused);
    }
}
