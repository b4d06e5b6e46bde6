//! `url()`: an address, how long its server is given, and what holds when it sends nothing.

use super::address::{Address, Contents, Fetched};
use super::fields::{Fields, Shape};
use super::probes::time;
use super::scene::Scene;
use super::tree::{Form, Piece, Span, Value};
use crate::dialect::sops::EnvFile;
use crate::limits::{ADDRESS_SECONDS_DEFAULT, ADDRESS_SECONDS_MAX};
use crate::text::quoted;
use crate::time::Seconds;

/// What holds when nothing can be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum OnFailure {
    /// The copy that was fetched last; without one the manifest is refused.
    #[default]
    Stale,
    /// The manifest is refused.
    Error,
    /// The copy that was fetched last; without one the key is left out.
    Skip,
}

/// The second argument.
#[derive(Debug, Default)]
struct Terms {
    timeout: Option<Seconds>,
    on_failure: OnFailure,
}

/// What came of a call.
pub(super) enum Taken {
    Bytes(Vec<u8>),
    /// A file of variables that is encrypted.
    Sealed(EnvFile),
    /// Nothing, as the manifest allows; and why.
    LeftOut(String),
}

const TERMS: Shape = Shape {
    what: "the second argument of `url()`",
    once: &["timeout", "timeout_seconds", "on_failure"],
    repeated: &[],
    refused: &[("etag", "leave it out: what the server says of its file is kept beside the copy and held against it")],
};

const HELP_CALL: &str = "write `url(\"https://HOST/PATH\")`, or `url(\"https://HOST/PATH\", { timeout = \"10s\", on_failure = \"stale\" })`";

/// What helps with contents that cannot be fetched.
const HELP_FETCH: &str = "see that the address is right and its server is up, or put the file into the repository and write \
                          `file(\"./path\")`: then its contents are signed, too";

/// The address that a call names, and how long its server is given; none if it is not sound.
pub(super) fn named(scene: &mut Scene<'_>, arguments: &[Value]) -> Option<(Address, Seconds)> {
    let (written, terms) = split(arguments)?;
    let Form::Text(pieces) = &written.form else { return None };
    let literal = |piece: &Piece| match piece {
        Piece::Literal(part) => Some(part.clone()),
        Piece::Asset(..) => None,
    };
    let address = Address::parse(&pieces.iter().map(literal).collect::<Option<String>>()?).ok()?;
    let timeout = terms.and_then(|terms| read_terms(scene, terms)?.timeout);
    Some((address, timeout.unwrap_or(ADDRESS_SECONDS_DEFAULT)))
}

/// The contents that a call takes.
pub(super) fn read(scene: &mut Scene<'_>, call: &Value, arguments: &[Value], fetched: &Contents) -> Option<Taken> {
    scene.hidden.extend(secret(scene.text, arguments.first().map_or(&call.span, |address| &address.span)));
    let Some((written, terms)) = split(arguments) else {
        scene.refuse(&call.span, "`url()` takes one address, and one object beside it", HELP_CALL);
        return None;
    };
    let terms = match terms {
        Some(terms) => read_terms(scene, terms),
        None => Some(Terms::default()),
    };
    let address = match Address::parse(&scene.filled_string("url", written)?) {
        Ok(address) => address,
        Err(unfit) => {
            scene.refuse(&written.span, unfit.message, unfit.help);
            return None;
        }
    };
    let on_failure = terms?.on_failure;
    let why = match (fetched.get(&address), on_failure) {
        (Some(Fetched::Fresh(bytes)), _) => return Some(Taken::Bytes(bytes.clone())),
        (Some(Fetched::Kept { bytes, why }), OnFailure::Stale | OnFailure::Skip) => {
            scene.note(&written.span, format!("an older copy of {address} is used: {why}"), HELP_FETCH);
            return Some(Taken::Bytes(bytes.clone()));
        }
        (Some(Fetched::Unasked), _) => {
            let help = "the agent, `writ plan` and `writ apply -f` fetch them; here, a text stands in their place";
            scene.note(&written.span, format!("the contents of {address} were not fetched"), help);
            return Some(Taken::Bytes(format!("(contents of {address}, not fetched)\n").into_bytes()));
        }
        (Some(Fetched::Failed { why }), OnFailure::Skip) => {
            let message = format!("this key is left out, as `on_failure` asks: cannot fetch {address}: {why}");
            scene.note(&written.span, message, HELP_FETCH);
            return Some(Taken::LeftOut(format!("cannot fetch {address}")));
        }
        (Some(Fetched::Kept { bytes: _, why }), OnFailure::Error)
        | (Some(Fetched::Failed { why }), OnFailure::Stale | OnFailure::Error) => why,
        (None, _) => "nobody asked for it",
    };
    scene.refuse(&written.span, format!("cannot fetch {address}: {why}"), HELP_FETCH);
    None
}

/// The address and what stands behind it.
fn split(arguments: &[Value]) -> Option<(&Value, Option<&Value>)> {
    match arguments {
        [address] => Some((address, None)),
        [address, terms] => Some((address, Some(terms))),
        [] | [_, _, _, ..] => None,
    }
}

fn read_terms(scene: &mut Scene<'_>, value: &Value) -> Option<Terms> {
    let Form::Map(entries) = &value.form else {
        scene.wrong_kind("url", "an address and an object", value, HELP_CALL);
        return None;
    };
    let fields = Fields::read(scene, &TERMS, entries);
    let bounds = (1, ADDRESS_SECONDS_MAX.0);
    let timeout = time(scene, &fields, "timeout", "timeout_seconds", bounds).map(|(seconds, _)| Seconds(seconds));
    let mut on_failure = OnFailure::default();
    if let Some((_, value)) = fields.value(scene, "on_failure") {
        on_failure = match scene.filled_string("on_failure", value)?.as_str() {
            "stale" => OnFailure::Stale,
            "error" => OnFailure::Error,
            "skip" => OnFailure::Skip,
            other => {
                let help = "write \"stale\" (use the last copy), \"error\" (refuse) or \"skip\" (use the last copy, or leave the key out)";
                scene.refuse(&value.span, format!("`on_failure` cannot be {}", quoted(other)), help);
                return None;
            }
        };
    }
    Some(Terms { timeout, on_failure })
}

/// The parts of an address that can give access: a query, and a login that is refused.
fn secret(text: &str, address: &Span) -> Vec<Span> {
    let written = text.get(address.clone()).unwrap_or_default();
    let at = |from: usize, to: usize| address.start + from..address.start + to;
    let query = written.find('?').map(|query| at(query, written.len()));
    let login = written.find("://").zip(written.rfind('@')).map(|(before, after)| at(before + 3, after));
    query.into_iter().chain(login).collect()
}
