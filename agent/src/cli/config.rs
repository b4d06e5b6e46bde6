//! `writ config`: values that a person sets on the host and no repository holds.
//!
//! Invariant: a value is printed by `get` alone, on standard output, where it was asked for by its key.

use std::collections::BTreeMap;
use std::io::Read as _;

use serde_json::{Value, json};
use writ_core::model::{BucketRef, Scope};
use writ_core::text::SecretText;

use super::exit::{Ended, Exit, Failure};
use super::host::Host;

/// Largest value read from standard input, in bytes. Environments of processes are smaller.
const VALUE_BYTES_MAX: u64 = 128 << 10;

const USAGE: &str =
    "write `config list|get|set|unset -s SCOPE [-n NAME] [KEY[=VALUE]…]`, or `config SCOPE[/NAME] set KEY=VALUE`";

#[derive(Debug, clap::Args)]
#[command(override_usage = "writ config <list|get|set|unset> -s <SCOPE> [-n <NAME>] [KEY[=VALUE]]...
       writ config <SCOPE[/NAME]> <list|get|set|unset> [KEY[=VALUE]]...")]
#[command(after_help = "`set KEY=-` reads the value from standard input, so that it stands in no history of a shell.
Workloads read the bucket of their scope, and over it the bucket of their name; the host's agent rolls just those that a
change concerns.")]
pub(crate) struct Arguments {
    /// The scope
    #[arg(short, long, value_name = "SCOPE")]
    scope: Option<String>,
    /// The name; without it the bucket is read by all of the scope
    #[arg(short, long, value_name = "NAME", requires = "scope")]
    name: Option<String>,
    /// list, get, set or unset; keys, for `set` with their values
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    List,
    Get,
    Set,
    Unset,
}

/// What is asked for, of which bucket.
#[derive(Debug, PartialEq, Eq)]
struct Request<'a> {
    verb: Verb,
    bucket: BucketRef,
    keys: &'a [String],
}

impl Verb {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "list" => Some(Self::List),
            "get" => Some(Self::Get),
            "set" => Some(Self::Set),
            "unset" => Some(Self::Unset),
            _ => None,
        }
    }
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let Request { verb, bucket, keys } = understand(arguments)?;
    match verb {
        Verb::List if keys.is_empty() => list(host, &bucket),
        Verb::List => Err(Failure::message("`config list` takes no keys: `config get` shows values")),
        Verb::Get | Verb::Set | Verb::Unset if keys.is_empty() => {
            Err(Failure::message(format!("no key is named: {USAGE}")))
        }
        Verb::Get => get(host, &bucket, keys),
        Verb::Set => set(host, &bucket, keys),
        Verb::Unset => unset(host, &bucket, keys),
    }
}

/// Both orders of words: `VERB -s SCOPE -n NAME KEYS`, and `SCOPE/NAME VERB KEYS`.
fn understand(arguments: &Arguments) -> Result<Request<'_>, Failure> {
    let Arguments { scope, name, words } = arguments;
    let (scope, name, verb, keys) = match (scope, words.as_slice()) {
        (Some(scope), [verb, keys @ ..]) => (scope.as_str(), name.as_deref(), verb, keys),
        (None, [bucket, verb, keys @ ..]) if Verb::parse(verb).is_some() => match bucket.split_once('/') {
            Some((scope, name)) => (scope, Some(name), verb, keys),
            None => (bucket.as_str(), None, verb, keys),
        },
        (None, [first, ..]) if Verb::parse(first).is_some() => {
            return Err(Failure::message(format!("no scope is named: {USAGE}")));
        }
        (Some(_) | None, _) => return Err(Failure::message(USAGE)),
    };
    let verb = Verb::parse(verb)
        .ok_or_else(|| Failure::message(format!("`{verb}` is not list, get, set or unset: {USAGE}")))?;
    for part in [Some(scope), name].into_iter().flatten() {
        let sound = !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !sound {
            return Err(Failure::message(format!("`{part}` is no name of a scope or resource: {USAGE}")));
        }
    }
    let bucket = BucketRef { scope: Scope(scope.to_owned()), name: name.map(str::to_owned) };
    Ok(Request { verb, bucket, keys })
}

fn list(host: &Host, bucket: &BucketRef) -> Ended {
    let values = read(host, bucket)?;
    let keys: Vec<&String> = values.keys().collect();
    let text: String = keys.iter().map(|key| format!("{key}\n")).collect();
    host.terminal.show(&document(bucket, &json!(keys)), &text)?;
    Ok(Exit::Success)
}

fn get(host: &Host, bucket: &BucketRef, keys: &[String]) -> Ended {
    let values = read(host, bucket)?;
    let mut found = serde_json::Map::new();
    let mut text = String::new();
    for key in keys {
        let Some(value) = values.get(key) else {
            return Err(Failure::message(format!("{} has no key `{key}`", shown(bucket))));
        };
        let value = String::from_utf8_lossy(value.expose()).into_owned();
        text.push_str(&value);
        text.push('\n');
        found.insert(key.clone(), Value::String(value));
    }
    host.terminal.show(&document(bucket, &Value::Object(found)), &text)?;
    Ok(Exit::Success)
}

fn set(host: &Host, bucket: &BucketRef, keys: &[String]) -> Ended {
    let pairs = keys.iter().map(|word| pair(word)).collect::<Result<Vec<_>, _>>()?;
    if pairs.iter().filter(|(_, value)| value.is_none()).count() > 1 {
        return Err(Failure::message("standard input holds one value: write `KEY=-` once"));
    }
    let mut values = Vec::new();
    for (key, value) in pairs {
        let value = match value {
            Some(value) => SecretText::new(value),
            None => from_standard_input()?,
        };
        values.push((key, value));
    }
    let now = host.now();
    let store = host.store()?;
    // Values are sealed by it, and may be set before any pass made it.
    if store.named_host_key()?.is_none() {
        store.make_host_key(now, &host.settings()?.host.name)?;
    }
    let changed = store.batch(|batch| {
        let mut changed = Vec::new();
        for (key, value) in &values {
            if batch.bucket_set(now, bucket, key, value)? {
                changed.push(*key);
            }
        }
        Ok(changed)
    })?;
    say_changed(host, bucket, "set", &changed)
}

fn unset(host: &Host, bucket: &BucketRef, keys: &[String]) -> Ended {
    let now = host.now();
    let removed = host.store()?.batch(|batch| {
        let mut removed = Vec::new();
        for key in keys {
            if batch.bucket_unset(now, bucket, key)? {
                removed.push(key.as_str());
            }
        }
        Ok(removed)
    })?;
    say_changed(host, bucket, "unset", &removed)
}

fn say_changed(host: &Host, bucket: &BucketRef, verb: &str, keys: &[&str]) -> Ended {
    let text = match keys {
        [] => format!("{}: nothing to change\n", shown(bucket)),
        _ => format!(
            "{}: {verb} {}; the workloads that read it follow at the next pass\n",
            shown(bucket),
            keys.join(", ")
        ),
    };
    host.terminal.show(&document(bucket, &json!({ verb: keys })), &text)?;
    Ok(Exit::Success)
}

fn read(host: &Host, bucket: &BucketRef) -> Result<BTreeMap<String, SecretText>, Failure> {
    Ok(host.store_read_only()?.buckets()?.remove(bucket).unwrap_or_default())
}

/// `KEY=VALUE`; no value for `KEY=-`.
fn pair(word: &str) -> Result<(&str, Option<&str>), Failure> {
    let Some((key, value)) = word.split_once('=') else {
        return Err(Failure::message(format!(
            "`{word}` has no value: write KEY=VALUE, or KEY=- to read it from standard input"
        )));
    };
    let sound = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !sound {
        // The rest of the word may be a secret.
        return Err(Failure::message(format!("`{key}` is no name of a variable: use letters, digits and `_`")));
    }
    Ok((key, (value != "-").then_some(value)))
}

fn from_standard_input() -> Result<SecretText, Failure> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(VALUE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > VALUE_BYTES_MAX {
        return Err(Failure::message(format!("the value is longer than {VALUE_BYTES_MAX} bytes")));
    }
    if bytes.contains(&0) {
        return Err(Failure::message("the value holds a zero byte, which no environment can"));
    }
    // `echo` and editors add one line end that nobody means.
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    Ok(SecretText::new(bytes))
}

fn document(bucket: &BucketRef, keys: &Value) -> Value {
    json!({"schema": "writ/config/v1", "scope": bucket.scope.0, "name": bucket.name, "keys": keys})
}

fn shown(bucket: &BucketRef) -> String {
    match &bucket.name {
        Some(name) => format!("bucket {}/{name}", bucket.scope),
        None => format!("bucket {}", bucket.scope),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(scope: Option<&str>, name: Option<&str>, words: &[&str]) -> Arguments {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Arguments { scope: scope.map(str::to_owned), name: name.map(str::to_owned), words }
    }

    #[track_caller]
    fn check(arguments: &Arguments, scope: &str, name: Option<&str>, verb: Verb, keys: &[&str]) {
        let request = understand(arguments).unwrap();
        let bucket = BucketRef { scope: Scope(scope.into()), name: name.map(str::to_owned) };
        assert_eq!((request.verb, &request.bucket), (verb, &bucket));
        assert_eq!(request.keys, keys);
    }

    #[test]
    fn both_orders_of_words_are_understood() {
        check(&words(Some("data"), Some("pg"), &["set", "K=V"]), "data", Some("pg"), Verb::Set, &["K=V"]);
        check(&words(Some("data"), None, &["list"]), "data", None, Verb::List, &[]);
        check(&words(None, None, &["data/pg", "get", "K"]), "data", Some("pg"), Verb::Get, &["K"]);
        check(&words(None, None, &["data", "unset", "A", "B"]), "data", None, Verb::Unset, &["A", "B"]);
        check(&words(None, None, &["list", "list"]), "list", None, Verb::List, &[]);
    }

    #[test]
    fn words_without_scope_or_verb_are_refused() {
        for wrong in
            [&["set", "K=V"][..], &["list"], &["data/pg"], &["data/pg/x", "list"], &["Data", "list"], &["/", "list"]]
        {
            assert!(understand(&words(None, None, wrong)).is_err(), "{wrong:?}");
        }
        assert!(understand(&words(Some("data"), None, &["show"])).is_err());
    }

    #[test]
    fn a_value_may_hold_anything_and_a_dash_means_standard_input() {
        assert_eq!(pair("K=a=b c").unwrap(), ("K", Some("a=b c")));
        assert_eq!(pair("K=").unwrap(), ("K", Some("")));
        assert_eq!(pair("K=-").unwrap(), ("K", None));
        for wrong in ["K", "1K=v", "=v", "K-x=v"] {
            assert!(pair(wrong).is_err(), "{wrong}");
        }
    }
}
