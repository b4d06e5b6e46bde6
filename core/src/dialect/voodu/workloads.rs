//! The workloads of many manifests, lowered on several cores.
//!
//! Invariant: what comes out is what one manifest after the other would give. How many names may be looked for among
//! others is counted over all manifests in their order, so one that looks for any is lowered again when it is its turn.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::assets::Assets;
use super::declared::{Declared, Resource};
use super::scene::Scene;
use super::workload::Lowered;
use super::{job, macros, workload};
use crate::cores;
use crate::dialect::MANIFESTS_MANY;

/// What the workloads among all resources become, each with its scope.
pub(super) fn lower<'e>(all: &'e [Declared<'e>], scenes: &mut [Scene<'_>], assets: &Assets) -> Vec<(&'e str, Lowered)> {
    let mut manifests: BTreeMap<usize, Vec<&Declared<'_>>> = BTreeMap::new();
    for one in all {
        manifests.entry(one.file).or_default().push(one);
    }
    let manifests: Vec<(usize, Vec<&Declared<'_>>)> = manifests.into_iter().collect();
    let texts: Vec<(Arc<str>, &str)> = scenes.iter().map(|scene| (Arc::clone(&scene.file), scene.text)).collect();
    let attempts = cores::map(&manifests, MANIFESTS_MANY, |(file, written)| {
        let (name, text) = &texts[*file];
        let suggestions = Cell::new(1);
        let mut scene = Scene::new(name, text, &suggestions);
        let lowered = each(&mut scene, written, assets);
        let Scene { file: _, text: _, problems, hidden, suggestions } = scene;
        (suggestions.get() > 0).then_some((lowered, problems, hidden))
    });
    let mut all = Vec::new();
    for ((file, written), attempt) in manifests.iter().zip(attempts) {
        let scene = &mut scenes[*file];
        match attempt {
            Some((lowered, problems, hidden)) => {
                scene.problems.extend(problems);
                scene.hidden.extend(hidden);
                all.extend(lowered);
            }
            None => all.extend(each(scene, written, assets)),
        }
    }
    all
}

/// Lowers the workloads of one manifest in their order.
fn each<'e>(scene: &mut Scene<'_>, written: &[&Declared<'e>], assets: &Assets) -> Vec<(&'e str, Lowered)> {
    let lowered = written.iter().filter_map(|one| {
        let lowered = match one.resource {
            Resource::Asset | Resource::Ingress | Resource::Registry => return None,
            Resource::Job | Resource::Cronjob => job::lower(scene, one, assets),
            Resource::Postgres => macros::postgres(scene, one, assets),
            Resource::Redis => macros::redis(scene, one, assets),
            Resource::Statefulset | Resource::Deployment | Resource::App => workload::lower(scene, one, assets),
        };
        Some((one.scope.text.as_str(), lowered))
    });
    lowered.collect()
}
