//! KubernetesNamespace: the namespace that others live in.

use super::head::{Head, Home};
use super::made::Made;
use super::read::{Fields, Scene};

/// The Namespace of a document.
pub(super) fn lower<'a>(scene: &mut Scene<'_>, head: &Head, whole: &Fields<'_, 'a>) -> Vec<Made<'a>> {
    let Some(spec) = whole.must_child(scene, "spec", &["name"]) else { return Vec::new() };
    let Some(name) = spec.must_word(scene, "name") else { return Vec::new() };
    vec![Home { head, namespace: &name }.described_namespace()]
}
