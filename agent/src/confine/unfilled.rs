//! What only a cluster knows, as bytes.
//!
//! Invariant: what is read is asked for by an object of the same answer; what it asks for is short and without control characters.

use std::io::{self, Write};

use writ_core::model::{Object, Reference, Unfilled};

use super::answer::{Reader, Writer};
use super::outputs::line;
use super::wire::Garbled;

/// Writes what an answer whose objects are `objects` leaves open.
pub(super) fn write<W: Write>(to: &mut Writer<'_, W>, objects: &[Object], all: &[Unfilled]) -> io::Result<()> {
    to.to.number(all.len())?;
    for Unfilled { object, container, variable, reference, place } in all {
        let Reference { kind, name, environment, output } = reference;
        let number = objects.binary_search_by(|it| it.id.cmp(object));
        to.to.number(number.map_err(|_| io::Error::other("a variable is of no object"))?)?;
        [container, variable, kind, name, output].into_iter().try_for_each(|text| to.to.text(text))?;
        to.to.byte(u8::from(environment.is_some()))?;
        environment.iter().try_for_each(|text| to.to.text(text))?;
        to.place(place)?;
    }
    Ok(())
}

/// Reads what an answer whose objects are `objects` leaves open.
pub(super) fn read(from: &mut Reader<'_>, objects: &[Object]) -> Result<Vec<Unfilled>, Garbled> {
    let mut all = Vec::new();
    for _ in 0..from.from.count()? {
        let object = objects.get(from.from.number()?).ok_or(Garbled("a variable is of no object"))?.id.clone();
        let [container, variable] = [line(&mut from.from)?, line(&mut from.from)?];
        let [kind, name, output] = [line(&mut from.from)?, line(&mut from.from)?, line(&mut from.from)?];
        let environment = if from.flag()? { Some(line(&mut from.from)?) } else { None };
        let reference = Reference { kind, name, environment, output };
        all.push(Unfilled { object, container, variable, reference, place: from.place()? });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use writ_core::dialect::{Contents, Files, Given, Target, lower_with};

    use super::super::{Answer, Judged, answer};
    use super::*;

    /// Changes an honest answer about a variable that asks the cluster; what the agent makes of it.
    fn answered(change: impl FnOnce(&mut Unfilled)) -> Result<Vec<Unfilled>, &'static str> {
        let text = include_str!("../../../tests/fixtures/openmcf-outside.yaml").replace("SCOPE", "shop");
        let files = Files::from([("a.yaml".to_owned(), text.into_bytes())]);
        let given = Given { target: Target::Kubernetes, ..Given::default() };
        let (lowered, sources) = lower_with(&files, &Contents::new(), &given);
        let mut lowered = lowered.unwrap();
        change(&mut lowered.unfilled[0]);
        let judged = Judged { lowered: Ok(lowered), sources, unfetched: BTreeSet::new() };
        let mut bytes = Vec::new();
        answer::write(&mut bytes, &files, &Answer::Judged(judged)).map_err(|_| "not written")?;
        match answer::read(&bytes, &files, &given) {
            Ok(Answer::Judged(judged)) => Ok(judged.lowered.unwrap().unfilled),
            Ok(Answer::Addresses(_) | Answer::Questions(_)) => Err("another answer"),
            Err(garbled) => Err(garbled.0),
        }
    }

    #[test]
    fn what_is_left_open_is_read_back_as_it_was_and_of_no_object_it_is_refused() {
        let mut before = None;
        let with_place = |unfilled: &mut Unfilled| {
            unfilled.reference.environment = Some("prod".to_owned());
            before = Some(unfilled.clone());
        };
        let after = answered(with_place).unwrap();
        assert_eq!(after.first(), before.as_ref());
        assert_eq!(answered(|unfilled| unfilled.object.name.push('x')), Err("not written"));
        let control = answered(|unfilled| unfilled.reference.name.push('\n'));
        assert_eq!(control, Err("an output is no short line"));
    }
}
