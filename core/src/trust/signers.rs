//! Reads `.writ/allowed_signers`: who may sign the next commit (`ALLOWED SIGNERS` in ssh-keygen(1)).
//!
//! Invariant: what is not understood refuses the file; no line and no option is skipped.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::id::KeyId;
use super::pattern::PatternList;
use super::period;
use crate::limits::SIGNERS_BYTES_MAX;
use crate::time::Timestamp;

/// The signature namespace that Git uses.
pub const NAMESPACE: &str = "git";

/// The kinds of keys that may be listed, as the file names them.
const KEY_KINDS: [&str; 6] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// The signers that one commit's tree authorizes for the next commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedSigners(BTreeMap<KeyId, Vec<Line>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    principals: PatternList,
    options: Options,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Options {
    namespaces: Option<PatternList>,
    valid_after: Option<Timestamp>,
    valid_before: Option<Timestamp>,
}

/// Why a file of signers cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct SignersError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: SignersFault,
}

/// What is wrong with a line of a file of signers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignersFault {
    /// The file is longer than any that people write.
    #[error("the file is longer than {SIGNERS_BYTES_MAX} bytes")]
    TooLong,
    /// Bytes that are no text, or control characters.
    #[error("it is not plain UTF-8 text (line ends of Windows included)")]
    NotText,
    /// Fields are missing.
    #[error("it is not `principals [options] key-type key [comment]`")]
    Fields,
    /// The principals cannot match anyone.
    #[error("the principals are not a list of patterns that can match anyone")]
    Principals,
    /// Certificates are judged by a later version.
    #[error("the option `cert-authority` is not supported yet; list the keys themselves")]
    CertAuthority,
    /// An option that nobody knows.
    #[error("the option `{0}` is unknown")]
    UnknownOption(String),
    /// An option that stands twice.
    #[error("the option `{0}` stands twice")]
    TwiceOption(&'static str),
    /// An option without a value that makes sense.
    #[error("the value of `{0}` cannot be read{1}")]
    Value(&'static str, &'static str),
    /// The end lies before the start.
    #[error("`valid-before` is not after `valid-after`")]
    EmptyPeriod,
    /// A kind of key that is not accepted.
    #[error("the key type `{0}` is not accepted; use Ed25519, ECDSA P-256 or P-384, or RSA")]
    KeyKind(String),
    /// The key is not base64, or not of the kind that the line names.
    #[error("the key cannot be read")]
    Key,
}

/// What a file of signers says about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'a> {
    /// It may sign, under this principal.
    Authorized(&'a str),
    /// It is not listed.
    Unknown,
    /// It is listed, but not for Git.
    WrongNamespace,
    /// It is listed and no longer valid.
    Expired,
    /// It is listed and not valid yet.
    NotYetValid,
}

impl AllowedSigners {
    /// Reads a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignersError> {
        let fault = |line: usize, fault| SignersError { line, fault };
        if u64::try_from(bytes.len()).is_ok_and(|length| length > SIGNERS_BYTES_MAX) {
            return Err(fault(1, SignersFault::TooLong));
        }
        let mut signers = Self::default();
        for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let read = std::str::from_utf8(line).map_err(|_| SignersFault::NotText).and_then(parse_line);
            if let Some((key, line)) = read.map_err(|cause| fault(number + 1, cause))? {
                signers.0.entry(key).or_default().push(line);
            }
        }
        Ok(signers)
    }

    /// True if nobody is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the file says about a key at all of these moments. If several lines list the key, one that authorizes it is
    /// enough; if none does, the first one's reason stands.
    #[must_use]
    pub fn standing(&self, key: &KeyId, moments: &[Timestamp]) -> Standing<'_> {
        let lines = self.0.get(key).map(Vec::as_slice).unwrap_or_default();
        let mut standings = lines.iter().map(|line| line.standing(moments));
        let authorized = standings.clone().find(|standing| matches!(standing, Standing::Authorized(_)));
        authorized.or_else(|| standings.next()).unwrap_or(Standing::Unknown)
    }
}

impl AllowedSigners {
    /// Whether the file lets a key sign as `principal` in `namespace` at a moment, as `ssh-keygen -Y verify` asks with `-I`
    /// and `-n`; else why not, to follow the name of the key.
    pub fn lists(&self, key: &KeyId, principal: &str, namespace: &str, moment: Timestamp) -> Result<(), &'static str> {
        let mut why = "is not listed";
        for line in self.0.get(key).into_iter().flatten() {
            let options = &line.options;
            why = if !line.principals.matches(principal) {
                "is listed for other names alone"
            } else if options.namespaces.as_ref().is_some_and(|namespaces| !namespaces.matches(namespace)) {
                "is listed for other namespaces alone"
            } else if options.valid_after.is_some_and(|start| moment < start) {
                "is listed as not valid yet"
            } else if options.valid_before.is_some_and(|end| moment > end) {
                "is listed as no longer valid"
            } else {
                return Ok(());
            };
        }
        Err(why)
    }
}

impl Line {
    fn standing(&self, moments: &[Timestamp]) -> Standing<'_> {
        let Options { namespaces, valid_after, valid_before } = &self.options;
        if namespaces.as_ref().is_some_and(|namespaces| !namespaces.matches(NAMESPACE)) {
            Standing::WrongNamespace
        } else if valid_after.is_some_and(|start| moments.iter().any(|moment| *moment < start)) {
            Standing::NotYetValid
        } else if valid_before.is_some_and(|end| moments.iter().any(|moment| *moment > end)) {
            Standing::Expired
        } else {
            self.principals.name().map_or(Standing::Unknown, Standing::Authorized)
        }
    }
}

fn parse_line(line: &str) -> Result<Option<(KeyId, Line)>, SignersFault> {
    if line.chars().any(|character| character.is_control() && character != '\t') {
        return Err(SignersFault::NotText);
    }
    let line = line.trim_start_matches(BLANKS);
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (principals, rest) = principals(line)?;
    let principals = PatternList::parse(principals).filter(|list| list.name().is_some());
    let principals = principals.ok_or(SignersFault::Principals)?;
    let (options, rest) = match word(rest) {
        (kind, _) if is_key_kind(kind) => ("", rest),
        _ => split_options(rest)?,
    };
    let options = parse_options(options)?;
    let (kind, rest) = word(rest);
    let (key, _comment) = word(rest);
    if kind.is_empty() || key.is_empty() {
        return Err(SignersFault::Fields);
    }
    Ok(Some((parse_key(kind, key)?, Line { principals, options })))
}

const BLANKS: [char; 2] = [' ', '\t'];

/// The first word and what follows it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches(BLANKS);
    text.split_once(BLANKS).unwrap_or((text, ""))
}

/// The principals, which may stand in quotes, and what follows them.
fn principals(line: &str) -> Result<(&str, &str), SignersFault> {
    let Some(quoted) = line.strip_prefix('"') else { return Ok(word(line)) };
    let (principals, rest) = quoted.split_once('"').ok_or(SignersFault::Principals)?;
    if rest.starts_with(BLANKS) { Ok((principals, rest)) } else { Err(SignersFault::Fields) }
}

/// True for a word that names a kind of key, accepted or not, rather than options.
fn is_key_kind(word: &str) -> bool {
    ["ssh-", "sk-", "ecdsa-", "rsa-"].iter().any(|prefix| word.starts_with(prefix)) && !word.contains(['=', ','])
}

/// The options, in which blanks may stand between quotes, and what follows them.
fn split_options(text: &str) -> Result<(&str, &str), SignersFault> {
    let text = text.trim_start_matches(BLANKS);
    let mut quoted = false;
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ' ' | '\t' if !quoted => return Ok(text.split_at(at)),
            _ => {}
        }
    }
    Err(SignersFault::Fields)
}

fn parse_options(text: &str) -> Result<Options, SignersFault> {
    let mut options = Options::default();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(['=', ',']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let (value, after) = match after.strip_prefix("=\"") {
            Some(quoted) => quoted.split_once('"').map(|(value, after)| (Some(value), after)),
            None => Some((None, after)),
        }
        .ok_or(SignersFault::Fields)?;
        match name.to_ascii_lowercase().as_str() {
            "cert-authority" => return Err(SignersFault::CertAuthority),
            "namespaces" => {
                let list = value.and_then(PatternList::parse).ok_or(SignersFault::Value("namespaces", ""))?;
                once(&mut options.namespaces, list, "namespaces")?;
            }
            "valid-after" => once(&mut options.valid_after, moment(value, "valid-after")?, "valid-after")?,
            "valid-before" => once(&mut options.valid_before, moment(value, "valid-before")?, "valid-before")?,
            _ => return Err(SignersFault::UnknownOption(shown(name))),
        }
        rest = match after.strip_prefix(',') {
            Some("") => return Err(SignersFault::Fields),
            Some(more) => more,
            None if after.is_empty() => after,
            None => return Err(SignersFault::Fields),
        };
    }
    match (options.valid_after, options.valid_before) {
        (Some(start), Some(end)) if end <= start => Err(SignersFault::EmptyPeriod),
        (Some(_) | None, Some(_) | None) => Ok(options),
    }
}

fn once<T>(place: &mut Option<T>, value: T, name: &'static str) -> Result<(), SignersFault> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(SignersFault::TwiceOption(name)),
    }
}

fn moment(value: Option<&str>, name: &'static str) -> Result<Timestamp, SignersFault> {
    let fault = SignersFault::Value(name, "; write `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, with `Z` for UTC");
    value.and_then(period::parse).ok_or(fault)
}

fn parse_key(kind: &str, key: &str) -> Result<KeyId, SignersFault> {
    if !KEY_KINDS.contains(&kind) {
        return Err(SignersFault::KeyKind(shown(kind)));
    }
    let key = STANDARD.decode(key).map_err(|_| SignersFault::Key)?;
    let named = key.split_first_chunk::<4>().and_then(|(length, rest)| {
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        rest.get(..length).filter(|_| rest.len() > length)
    });
    if named == Some(kind.as_bytes()) { Ok(KeyId::of_key(&key)) } else { Err(SignersFault::Key) }
}

/// A word of the file for a message, at a length that a message bears.
fn shown(word: &str) -> String {
    word.chars().take(40).collect()
}

#[cfg(test)]
#[path = "signers_tests.rs"]
mod tests;
