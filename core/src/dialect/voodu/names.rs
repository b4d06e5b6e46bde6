//! Names that Kubernetes accepts, and what to write instead of others.

use super::scene::Scene;
use super::tree::Word;
use crate::text::quoted;

/// True for a name that can be part of a DNS name. Source: RFC 1123, section 2.1.
pub(super) fn is_label(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&name.len()) && name.bytes().all(is_inner) && !name.starts_with('-') && !name.ends_with('-')
}

/// The label if it can be a name; else the problem is reported.
pub(super) fn label(scene: &mut Scene<'_>, what: &str, word: &Word) -> bool {
    if is_label(&word.text) {
        return true;
    }
    let lowered: String = word.text.to_lowercase().replace(['_', '.', ' ', '/'], "-").trim_matches('-').to_owned();
    let help = if is_label(&lowered) {
        format!("write it as \"{lowered}\"")
    } else {
        "use lower-case letters, digits and hyphens, at most 63, with a letter or digit first and last".to_owned()
    };
    scene.refuse(&word.span, format!("{} cannot be {what}: names become parts of DNS names", quoted(&word.text)), help);
    false
}

/// True for the key of an asset.
pub(super) fn is_key(name: &str) -> bool {
    (1..=253).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// True for the name of an environment variable. Source: `envVar` names of Kubernetes.
pub(super) fn is_variable(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    !name.is_empty() && name.bytes().all(is_inner) && !name.starts_with(|first: char| first.is_ascii_digit())
}
