//! Reads `.writ/allowed_signers`: who may sign the next commit (`ALLOWED SIGNERS` in ssh-keygen(1)).
//!
//! Invariant: what is not understood refuses the file; no line and no option is skipped.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key_id::KeyId;
use super::pattern::PatternList;
use super::period;
use super::reason::Reason;
use super::signer::{Certificate, CertificateKind};
use super::wire::key_kind;
use crate::limits::SIGNERS_BYTES_MAX;
use crate::text::is_control;
use crate::time::Timestamp;

/// The signature namespace that Git uses.
pub const NAMESPACE: &str = "git";

/// What a key signed for, and when: the key must be valid at all of these moments.
#[derive(Debug, Clone, Copy)]
pub struct Use<'a> {
    /// The namespace of the signature.
    pub namespace: &'a str,
    /// The moments.
    pub moments: &'a [Timestamp],
}

impl<'a> Use<'a> {
    /// A commit was signed.
    #[must_use]
    pub const fn commit(moments: &'a [Timestamp]) -> Self {
        Self { namespace: NAMESPACE, moments }
    }
}

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
pub struct AllowedSigners {
    keys: BTreeMap<KeyId, Vec<Line>>,
    /// Lines with `cert-authority`: the key signs certificates and no commits.
    authorities: BTreeMap<KeyId, Vec<Line>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    principals: PatternList,
    options: Options,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Options {
    cert_authority: bool,
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
    /// Options that `authorized_keys` knows and this file does not.
    #[error(
        "the option `{0}` belongs into `authorized_keys` and is not one of `allowed_signers`, to OpenSSH neither; a security \
         key must always be touched"
    )]
    LoginOption(&'static str),
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing<'a> {
    /// It may sign, under this principal.
    Authorized(&'a str),
    /// It is not listed.
    Unknown,
    /// It is listed, but not for this use.
    WrongNamespace,
    /// It is listed and no longer valid.
    Expired,
    /// It is listed and not valid yet.
    NotYetValid,
    /// It is listed, but something about the key itself or its certificate forbids it: what.
    Refused(Reason, String),
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
                let of_kind = if line.options.cert_authority { &mut signers.authorities } else { &mut signers.keys };
                of_kind.entry(key).or_default().push(line);
            }
        }
        Ok(signers)
    }

    /// True if nobody is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.authorities.is_empty()
    }

    /// What the file says about a key that was used so. If several lines list the key, one that authorizes it is enough; if
    /// none does, the first one's reason stands.
    #[must_use]
    pub fn standing(&self, key: &KeyId, used: Use<'_>) -> Standing<'_> {
        let lines = self.keys.get(key).map(Vec::as_slice).unwrap_or_default();
        best(lines.iter().map(|line| line.standing(used)))
    }

    /// The same about a key by its certificate: a line with `cert-authority` lists the key that signed the certificate, and
    /// its patterns match one of the certificate's principals. A line of the key itself does not count for a certificate,
    /// as it does not for OpenSSH.
    #[must_use]
    pub fn standing_by_certificate<'a>(&'a self, certificate: &'a Certificate, used: Use<'_>) -> Standing<'a> {
        let lines = self.authorities.get(&certificate.authority.id()).map(Vec::as_slice).unwrap_or_default();
        best(lines.iter().map(|line| match line.standing(used) {
            Standing::Authorized(_) => line.standing_of(certificate, used),
            otherwise @ (Standing::Unknown
            | Standing::WrongNamespace
            | Standing::Expired
            | Standing::NotYetValid
            | Standing::Refused(..)) => otherwise,
        }))
    }
}

impl AllowedSigners {
    /// Whether the file lets a key sign as `principal` in `namespace` at a moment, as `ssh-keygen -Y verify` asks with `-I`
    /// and `-n`; else why not, to follow the name of the key.
    pub fn lists(&self, key: &KeyId, principal: &str, namespace: &str, moment: Timestamp) -> Result<(), &'static str> {
        let mut why = "is not listed";
        for line in self.keys.get(key).into_iter().flatten() {
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

/// The first that authorizes, else the first.
fn best<'a>(standings: impl Iterator<Item = Standing<'a>>) -> Standing<'a> {
    let mut first = None;
    for standing in standings {
        if let Standing::Authorized(_) = standing {
            return standing;
        }
        first.get_or_insert(standing);
    }
    first.unwrap_or(Standing::Unknown)
}

impl Line {
    fn standing_of<'a>(&self, certificate: &'a Certificate, used: Use<'_>) -> Standing<'a> {
        let Certificate {
            key: _,
            authority: _,
            kind,
            serial: _,
            key_id: _,
            principals,
            valid_after,
            valid_before,
            critical_options,
            person_verified,
        } = certificate;
        // A moment before 1970 lies before every period.
        let seconds = || used.moments.iter().map(|moment| u64::try_from(moment.seconds()).unwrap_or_default());
        let refused = |reason, what: &str| Standing::Refused(reason, format!("its certificate {what}"));
        if *kind != CertificateKind::User {
            return refused(Reason::UnknownKey, "is not one of a user");
        }
        if let Some(option) = critical_options.iter().find(|option| *option != VERIFY_REQUIRED || !person_verified) {
            return refused(
                Reason::UnknownKey,
                &match option.as_str() {
                    VERIFY_REQUIRED => {
                        "asks for a PIN or a finger (`verify-required`), and the security key saw none".to_owned()
                    }
                    option => format!("has the critical option {:?}, under which no commit is signed", shown(option)),
                },
            );
        }
        if seconds().any(|moment| moment < *valid_after) {
            return refused(Reason::NotYetValid, "is not valid yet");
        }
        if seconds().any(|moment| moment >= *valid_before) {
            return refused(Reason::Expired, "is no longer valid");
        }
        let named = principals.iter().find(|principal| self.principals.matches(principal));
        named.map_or_else(
            || refused(Reason::UnknownKey, "names no principal that the line of its authority lets sign"),
            |principal| Standing::Authorized(principal),
        )
    }

    fn standing(&self, used: Use<'_>) -> Standing<'_> {
        let Options { cert_authority: _, namespaces, valid_after, valid_before } = &self.options;
        if namespaces.as_ref().is_some_and(|namespaces| !namespaces.matches(used.namespace)) {
            Standing::WrongNamespace
        } else if valid_after.is_some_and(|start| used.moments.iter().any(|moment| *moment < start)) {
            Standing::NotYetValid
        } else if valid_before.is_some_and(|end| used.moments.iter().any(|moment| *moment > end)) {
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

/// The critical option of a certificate that a signature can meet. Source: OpenSSH's PROTOCOL.certkeys.
const VERIFY_REQUIRED: &str = "verify-required";

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
            "cert-authority" if value.is_some() => return Err(SignersFault::Value("cert-authority", "; it has none")),
            "cert-authority" if std::mem::replace(&mut options.cert_authority, true) => {
                return Err(SignersFault::TwiceOption("cert-authority"));
            }
            "cert-authority" => {}
            "no-touch-required" => return Err(SignersFault::LoginOption("no-touch-required")),
            "verify-required" => return Err(SignersFault::LoginOption("verify-required")),
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
    if key_kind(&key) == Some(kind.as_bytes()) { Ok(KeyId::of_key(&key)) } else { Err(SignersFault::Key) }
}

/// A word of the file for a message, at a length that a message bears.
fn shown(word: &str) -> String {
    let shown =
        |letter: char| if is_control(letter) { letter.escape_unicode().to_string() } else { letter.to_string() };
    word.chars().take(40).map(shown).collect()
}

#[cfg(test)]
#[path = "signers_tests.rs"]
mod tests;
