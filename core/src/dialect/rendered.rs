//! Folders whose files another program makes into manifests first: kustomizations and Helm charts.

use super::Files;
use crate::text::{Place, Problem, Problems, quoted};

/// Which program makes manifests of the folder that a file stands in; none if the file says nothing of the kind.
#[must_use]
pub fn made_by(path: &str) -> Option<&'static str> {
    match path.rsplit('/').next().unwrap_or(path) {
        "kustomization.yaml" | "kustomization.yml" | "Kustomization" => Some("kustomize"),
        "Chart.yaml" => Some("Helm"),
        _ => None,
    }
}

/// True if no file says that others are not manifests yet. One that does is refused: what is wrong with the others by
/// themselves would only lead astray.
pub(super) fn are_manifests(files: &Files, problems: &mut Problems) -> bool {
    let unmade: Vec<(&String, &str)> = files.keys().filter_map(|path| Some((path, made_by(path)?))).collect();
    for (path, program) in &unmade {
        let place = Place { file: path.as_str().into(), start: 0, end: 0 };
        let message = format!("{} is for {program}, and nothing renders the files of this unit", quoted(path));
        let help = "declare a [unit.renderer] in the settings of the unit, or keep it out of the unit's folder";
        problems.push(Problem::error(Some(place), message).help(help));
    }
    unmade.is_empty()
}
