//! Bodies of objects as bytes: what JSON says, with every number as it was.

use std::io::{self, Write};

use serde_json::{Map, Number, Value};
use writ_core::limits::NESTING_MAX;

use super::wire::{Decoder, Encoder, Garbled};

/// Nesting of a body that is read. A manifest's is at most half of it, and an object of another dialect adds a few levels.
const DEPTH_MAX: usize = 2 * NESTING_MAX;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const NATURAL: u8 = 3;
const NEGATIVE: u8 = 4;
const FRACTION: u8 = 5;
const TEXT: u8 = 6;
const LIST: u8 = 7;
const OBJECT: u8 = 8;

/// Writes a value.
pub(super) fn write<W: Write>(to: &mut Encoder<W>, value: &Value) -> io::Result<()> {
    match value {
        Value::Null => to.byte(NULL),
        Value::Bool(value) => to.byte(if *value { TRUE } else { FALSE }),
        Value::Number(number) => write_number(to, number),
        Value::String(text) => {
            to.byte(TEXT)?;
            to.text(text)
        }
        Value::Array(items) => {
            to.byte(LIST)?;
            to.number(items.len())?;
            items.iter().try_for_each(|item| write(to, item))
        }
        Value::Object(map) => {
            to.byte(OBJECT)?;
            to.number(map.len())?;
            map.iter().try_for_each(|(name, value)| {
                to.text(name)?;
                write(to, value)
            })
        }
    }
}

fn write_number<W: Write>(to: &mut Encoder<W>, number: &Number) -> io::Result<()> {
    if let Some(natural) = number.as_u64() {
        to.byte(NATURAL)?;
        to.long(natural)
    } else if let Some(negative) = number.as_i64() {
        to.byte(NEGATIVE)?;
        to.long(negative.cast_unsigned())
    } else {
        let fraction = number.as_f64().ok_or_else(|| io::Error::other("a number is none that JSON knows"))?;
        to.byte(FRACTION)?;
        to.long(fraction.to_bits())
    }
}

/// Reads a value.
pub(super) fn read(from: &mut Decoder<'_>) -> Result<Value, Garbled> {
    read_below(from, DEPTH_MAX)
}

fn read_below(from: &mut Decoder<'_>, depth: usize) -> Result<Value, Garbled> {
    let deeper = || depth.checked_sub(1).ok_or(Garbled("a body is nested deeper than any that is read"));
    Ok(match from.byte()? {
        NULL => Value::Null,
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        NATURAL => Value::Number(from.long()?.into()),
        NEGATIVE => Value::Number(from.long()?.cast_signed().into()),
        FRACTION => {
            let number = Number::from_f64(f64::from_bits(from.long()?));
            Value::Number(number.ok_or(Garbled("a number is none that JSON knows"))?)
        }
        TEXT => Value::String(from.text()?.to_owned()),
        LIST => {
            let depth = deeper()?;
            Value::Array(from.list(|from| read_below(from, depth))?)
        }
        OBJECT => {
            let depth = deeper()?;
            let mut map = Map::new();
            for _ in 0..from.count()? {
                let name = from.text()?.to_owned();
                if map.insert(name, read_below(from, depth)?).is_some() {
                    return Err(Garbled("a body has a field twice"));
                }
            }
            Value::Object(map)
        }
        _ => return Err(Garbled("a value is of no known kind")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bytes(value: &Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut Encoder(&mut bytes), value).unwrap();
        bytes
    }

    fn read_all(bytes: &[u8]) -> Result<Value, Garbled> {
        let mut from = Decoder::new(bytes, 1_000);
        let value = read(&mut from)?;
        from.end()?;
        Ok(value)
    }

    #[test]
    fn every_value_is_read_back_as_it_was() {
        let least = f64::from_bits(1);
        let all = json!({
            "b": [null, true, false, 0, u64::MAX, -1, i64::MIN, 0.1, least, 1e300, "größe", ""], "a": {}, "": [[]],
        });
        assert_eq!(read_all(&bytes(&all)), Ok(all));
    }

    #[test]
    fn a_body_that_is_nested_too_deep_is_refused_and_one_at_the_limit_is_read() {
        let nested = |depth| (0..depth).fold(Value::Null, |value, _| Value::Array(vec![value]));
        assert!(read_all(&bytes(&nested(DEPTH_MAX))).is_ok());
        let refused = read_all(&bytes(&nested(DEPTH_MAX + 1)));
        assert_eq!(refused, Err(Garbled("a body is nested deeper than any that is read")));
    }

    #[test]
    fn what_no_body_holds_is_refused() {
        let twice = [&[OBJECT, 2, 0, 0, 0][..], &[1, 0, 0, 0, b'a', NULL], &[1, 0, 0, 0, b'a', NULL]].concat();
        assert_eq!(read_all(&twice), Err(Garbled("a body has a field twice")));
        assert_eq!(read_all(&[9]), Err(Garbled("a value is of no known kind")));
        let infinite = [&[FRACTION][..], &f64::INFINITY.to_bits().to_le_bytes()].concat();
        assert_eq!(read_all(&infinite), Err(Garbled("a number is none that JSON knows")));
    }
}
