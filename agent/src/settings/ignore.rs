//! Rules about fields that are left alone in a cluster.

use std::collections::BTreeSet;

use writ_core::cluster::{FieldPointer, IgnoreRule, NoPointer};
use writ_core::text::{Problems, Sources, Written, quoted};

use super::check::refuse;
use super::{Target, raw};
use crate::limits::NAME_BYTES_MAX;

/// All rules of a unit; none if one is not right.
pub(super) fn check_ignore(
    raw: Vec<raw::Ignore>,
    target: Option<&Target>,
    problems: &mut Problems,
    texts: &Sources,
) -> Option<Vec<IgnoreRule>> {
    let rules: Vec<Option<IgnoreRule>> =
        raw.into_iter().map(|rule| check_rule(rule, target, problems, texts)).collect();
    rules.into_iter().collect()
}

fn check_rule(
    raw: raw::Ignore,
    target: Option<&Target>,
    problems: &mut Problems,
    texts: &Sources,
) -> Option<IgnoreRule> {
    let raw::Ignore { place, kind, namespace, name, fields } = raw;
    if matches!(target, Some(Target::Docker | Target::Simulated)) {
        let help =
            "leave [[unit.ignore]] out, or use a target \"kubernetes:…\"; `drift` says what becomes of drift here";
        refuse(problems, &place, "only objects of a cluster have fields that others may set", help);
        return None;
    }
    let kind = kind.and_then(|kind| check_pattern("kind", kind, problems));
    let or_all = |written: Option<Written<String>>, key: &str, problems: &mut Problems| match written {
        Some(written) => check_pattern(key, written, problems),
        None => Some("*".to_owned()),
    };
    let namespace = or_all(namespace, "namespace", problems);
    let name = or_all(name, "name", problems);
    let fields = fields.and_then(|fields| check_fields(fields, problems));
    let written = format!("[[unit.ignore]] at {}", texts.describe(&place));
    Some(IgnoreRule { written, kind: kind?.to_ascii_lowercase(), namespace: namespace?, name: name?, fields: fields? })
}

/// A pattern that some name of an object can match.
fn check_pattern(key: &str, written: Written<String>, problems: &mut Problems) -> Option<String> {
    let Written { value, place } = written;
    let sound = !value.is_empty()
        && value.len() <= NAME_BYTES_MAX
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:*?".contains(&byte));
    if sound {
        return Some(value);
    }
    let help = "use letters, digits, `-`, `.` and `:`, with `*` for any characters and `?` for one";
    refuse(problems, &place, format!("`{key}` cannot be {}", quoted(&value)), help);
    None
}

fn check_fields(written: Written<Vec<Written<String>>>, problems: &mut Problems) -> Option<BTreeSet<FieldPointer>> {
    let Written { value, place } = written;
    if value.is_empty() {
        refuse(problems, &place, "`fields` names none", "name one at least, as \"/spec/replicas\"");
        return None;
    }
    let (mut fields, mut sound) = (BTreeSet::new(), true);
    for Written { value, place } in value {
        let (why, help) = match FieldPointer::parse(&value) {
            Ok(field) => {
                if fields.insert(field) {
                    continue;
                }
                ("it is there already".to_owned(), "name each once")
            }
            Err(why) => (why.to_string(), advice(why)),
        };
        refuse(problems, &place, format!("the field {} cannot be left alone: {why}", quoted(&value)), help);
        sound = false;
    }
    sound.then_some(fields)
}

const fn advice(why: NoPointer) -> &'static str {
    match why {
        NoPointer::Malformed => {
            "write its path as \"/spec/template/spec/containers/app/image\", with ~1 for a `/` and ~0 for a `~` in a name"
        }
        NoPointer::Identity => "name a field of which an object can have another value and be the same",
        NoPointer::Unapplied => "leave it out: the status is never looked at; of a Secret, name a key below \"/data\"",
    }
}
