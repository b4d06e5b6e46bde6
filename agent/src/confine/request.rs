//! A question as bytes: the files, the variables of their unit, what was fetched for them, and what is asked.

use std::io;

use writ_core::dialect::{Address, BlockId, Contents, Expansion, Expansions, Fetched, Files, Given, Target, Variables};
use writ_core::limits::{ADDRESSES_MAX, PLUGIN_BLOCKS_MAX, TREE_FILES_MAX, VARIABLES_MAX};

use super::Ask;
use super::wire::{Decoder, Encoder, Garbled, QUESTION};
use crate::limits::PLUGINS_MAX;

/// What one question lists. Lowering refuses more files than it reads; so many are still told to it.
const ITEMS_MAX: usize = 2 * TREE_FILES_MAX + ADDRESSES_MAX + VARIABLES_MAX + PLUGINS_MAX + PLUGIN_BLOCKS_MAX;

/// What is asked about what.
pub(super) type Question = (Files, Given, Ask);

/// Writes a question.
pub(super) fn write(files: &Files, given: &Given, ask: &Ask) -> io::Result<Vec<u8>> {
    let Given { variables, expansions, target } = given;
    let mut bytes = Vec::with_capacity(files.values().map(|file| file.len() + 64).sum::<usize>() + 64);
    let mut to = Encoder(&mut bytes);
    to.raw(QUESTION)?;
    match ask {
        Ask::First => to.byte(0)?,
        Ask::Unfetched => to.byte(1)?,
        Ask::Blocks => to.byte(3)?,
        Ask::With(contents) => {
            to.byte(2)?;
            to.number(contents.len())?;
            for (address, fetched) in contents {
                to.text(address.whole())?;
                write_fetched(&mut to, fetched)?;
            }
        }
    }
    to.number(variables.iter().len())?;
    for (name, value) in variables.iter() {
        to.text(name)?;
        to.text(value)?;
    }
    to.number(files.len())?;
    for (path, file) in files {
        to.text(path)?;
        to.bytes(file)?;
    }
    write_expansions(&mut to, expansions)?;
    to.byte(match target {
        Target::Docker => 0,
        Target::Kubernetes => 1,
    })?;
    Ok(bytes)
}

fn write_expansions(to: &mut Encoder<&mut Vec<u8>>, expansions: &Expansions) -> io::Result<()> {
    let Expansions { kinds, answers } = expansions;
    to.number(kinds.len())?;
    for (kind, version) in kinds {
        to.text(kind)?;
        to.text(version)?;
    }
    to.number(answers.len())?;
    for (BlockId { kind, scope, name }, expansion) in answers {
        to.text(kind)?;
        to.text(scope)?;
        to.text(name)?;
        match expansion {
            Expansion::Answered(bytes) => {
                to.byte(0)?;
                to.bytes(bytes)?;
            }
            Expansion::Failed { why } => {
                to.byte(1)?;
                to.text(why)?;
            }
        }
    }
    Ok(())
}

fn write_fetched(to: &mut Encoder<&mut Vec<u8>>, fetched: &Fetched) -> io::Result<()> {
    match fetched {
        Fetched::Fresh(bytes) => {
            to.byte(0)?;
            to.bytes(bytes)
        }
        Fetched::Kept { bytes, why } => {
            to.byte(1)?;
            to.bytes(bytes)?;
            to.text(why)
        }
        Fetched::Failed { why } => {
            to.byte(2)?;
            to.text(why)
        }
        Fetched::Unasked => to.byte(3),
    }
}

/// Reads a question.
pub(super) fn read(bytes: &[u8]) -> Result<Question, Garbled> {
    let mut from = Decoder::new(bytes, ITEMS_MAX);
    from.expect(QUESTION)?;
    let ask = match from.byte()? {
        0 => Ask::First,
        1 => Ask::Unfetched,
        2 => Ask::With(from.list::<_, Contents>(|from| {
            let address = Address::read(from.text()?).ok_or(Garbled("an address is none"))?;
            Ok((address, read_fetched(from)?))
        })?),
        3 => Ask::Blocks,
        _ => return Err(Garbled("the question is of no known kind")),
    };
    let mut variables = Variables::default();
    for _ in 0..from.count()? {
        variables.set(from.text()?, from.text()?).map_err(|_| Garbled("a variable is none"))?;
    }
    let files = from.list(|from| Ok((from.text()?.to_owned(), from.bytes()?.to_vec())))?;
    let kinds = from.list(|from| Ok((from.text()?.to_owned(), from.text()?.to_owned())))?;
    let answers = from.list(|from| {
        let [kind, scope, name] = [from.text()?, from.text()?, from.text()?].map(str::to_owned);
        let expansion = match from.byte()? {
            0 => Expansion::Answered(from.bytes()?.to_vec()),
            1 => Expansion::Failed { why: from.text()?.to_owned() },
            _ => return Err(Garbled("what came of a block is of no known kind")),
        };
        Ok((BlockId { kind, scope, name }, expansion))
    })?;
    let target = match from.byte()? {
        0 => Target::Docker,
        1 => Target::Kubernetes,
        _ => return Err(Garbled("the target is of no known kind")),
    };
    from.end()?;
    Ok((files, Given { variables, expansions: Expansions { kinds, answers }, target }, ask))
}

fn read_fetched(from: &mut Decoder<'_>) -> Result<Fetched, Garbled> {
    Ok(match from.byte()? {
        0 => Fetched::Fresh(from.bytes()?.to_vec()),
        1 => Fetched::Kept { bytes: from.bytes()?.to_vec(), why: from.text()?.to_owned() },
        2 => Fetched::Failed { why: from.text()?.to_owned() },
        3 => Fetched::Unasked,
        _ => return Err(Garbled("contents are of no known kind")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_is_read_back_and_cut_off_anywhere_it_is_not() {
        let address = |text| Address::read(text).unwrap();
        let contents = Contents::from([
            (address("https://a.example/1"), Fetched::Fresh(vec![0, 255])),
            (address("https://a.example/2?k=v"), Fetched::Kept { bytes: vec![1], why: "gone".to_owned() }),
            (address("http://localhost/3"), Fetched::Failed { why: "never there".to_owned() }),
            (address("https://a.example/4"), Fetched::Unasked),
        ]);
        let files = Files::from([("a/b.hcl".to_owned(), b"x".to_vec()), ("größe".to_owned(), vec![0xff; 300])]);
        let block = |name: &str| BlockId { kind: "hep3".into(), scope: "s".into(), name: name.into() };
        let answers = [
            (block("a"), Expansion::Answered(vec![0, 255])),
            (block("b"), Expansion::Failed { why: "it took too long".into() }),
        ];
        let kinds = [("hep3".to_owned(), "1.0.0".to_owned())].into();
        let expansions = Expansions { kinds, answers: answers.into() };
        let mut variables = Variables::default();
        variables.set("VERSION", "1.27").unwrap();
        let given = Given { variables, expansions, target: Target::Kubernetes };
        for ask in [Ask::First, Ask::Unfetched, Ask::With(contents), Ask::Blocks] {
            let bytes = write(&files, &given, &ask).unwrap();
            assert_eq!(read(&bytes), Ok((files.clone(), given.clone(), ask)));
            assert!((0..bytes.len()).all(|length| read(&bytes[..length]).is_err()));
        }
    }

    #[test]
    fn what_is_no_question_is_refused() {
        let with = |kind| [&QUESTION[..], &[kind]].concat();
        assert_eq!(read(b"writ question 1\n"), Err(Garbled("it begins in another way")));
        assert_eq!(read(&with(4)), Err(Garbled("the question is of no known kind")));
        let strange = [&with(2)[..], &[1, 0, 0, 0], &[1, 0, 0, 0, b'x'], &[3]].concat();
        assert_eq!(read(&strange), Err(Garbled("an address is none")));
        let strange = [&with(1)[..], &[1, 0, 0, 0], &[1, 0, 0, 0, b'A'], &[1, 0, 0, 0, b'"'], &[0; 4]].concat();
        assert_eq!(read(&strange), Err(Garbled("a variable is none")));
    }
}
