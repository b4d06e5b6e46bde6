//! As whom a unit is applied to a cluster.

use writ_core::text::{Problem, Problems, Written};

use super::Target;

/// Longest name of a part. Source: names of namespaces and of service accounts.
const PART_BYTES_MAX: usize = 253;

/// What a server calls the service account that is written as `NAMESPACE/NAME`; none within if none is written.
pub(super) fn check_account(
    written: Option<Written<String>>,
    target: Option<&Target>,
    problems: &mut Problems,
) -> Option<Option<String>> {
    let Some(Written { value, place }) = written else { return Some(None) };
    let mut refuse = |message: String, help: &str| {
        problems.push(Problem::error(Some(place.clone()), message).help(help));
        None
    };
    if !matches!(target, Some(Target::Kubernetes(_)) | None) {
        return refuse("`account` is for units of a cluster".to_owned(), "take it out");
    }
    match value.split_once('/') {
        Some((namespace, name)) if is_part(namespace) && is_part(name) => {
            Some(Some(format!("system:serviceaccount:{namespace}:{name}")))
        }
        Some(_) | None => refuse(
            format!("`{}` is no service account", value.escape_debug()),
            "write it as NAMESPACE/NAME, as in \"shop/deployer\"",
        ),
    }
}

fn is_part(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    !text.is_empty() && text.len() <= PART_BYTES_MAX && text.bytes().all(plain)
}
