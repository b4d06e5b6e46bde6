//! Manifests that a renderer makes of a unit's files: a kustomization is built, a Helm chart is rendered.
//!
//! Invariant: the program runs behind the walls of a plugin, and is given the files of the unit and nothing else.
//! Invariant: what it makes is read as any manifest is, and by no shorter way.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use writ_core::dialect::{Files, is_manifest, made_by};
use writ_core::limits::TREE_BYTES_MAX;
use writ_core::text::{Place, Problem, Problems, quoted};

use crate::confine::{Child, ConfineError, Program};
use crate::settings::{Renderer, Rendering};

/// The word that a renderer is given.
const RENDER: &str = "render";

/// What stands before the ending of what was rendered, so that it is not taken for a file of the repository.
const RENDERED: &str = "rendered";

/// What a renderer is asked, as JSON.
#[derive(Serialize)]
struct Question<'a> {
    render: &'static str,
    folder: &'a str,
    files: BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<&'a [String]>,
}

/// The manifests that come of files, in their place. If none come, the problem.
///
/// # Errors
/// If no program could be started behind walls: nothing is known of the files then.
pub async fn rendered(
    child: &Child,
    renderer: &Renderer,
    files: &Files,
) -> Result<Result<Files, Problems>, ConfineError> {
    let Renderer { rendering, folder, program, digest } = renderer;
    let problem = |message: String, help: &str| {
        let told = Problem::error(place(folder, files), message);
        let mut problems = Problems::default();
        problems.push(if help.is_empty() { told } else { told.help(help) });
        Err(problems)
    };
    if let Some(left) =
        files.keys().find(|path| is_manifest(path) && !path.ends_with(".yaml") && !path.ends_with(".yml"))
    {
        let help = "give it a unit of its own, in another folder: nothing here is applied but what is rendered";
        return Ok(problem(format!("{} would be left out", quoted(left)), help));
    }
    let question = serde_json::to_vec(&question(rendering, folder, files)).unwrap_or_default();
    let program = Program { path: program, digest, word: RENDER, answer_bytes: TREE_BYTES_MAX };
    let answer = match child.expand(&program, &question).await? {
        Ok(answer) => answer,
        Err(why) => {
            return Ok(problem(format!("it is not rendered: the renderer {}", why.trim_start_matches("it ")), ""));
        }
    };
    Ok(match serde_json::from_slice::<BTreeMap<String, String>>(&answer) {
        Ok(made) => Ok(made.into_iter().map(|(path, text)| (named(&path), text.into_bytes())).collect()),
        Err(_) => problem("it is not rendered: the renderer answers what is no list of manifests".to_owned(), ""),
    })
}

fn question<'a>(rendering: &'a Rendering, folder: &'a str, files: &'a Files) -> Question<'a> {
    let files = files.iter().map(|(path, bytes)| (path.as_str(), BASE64.encode(bytes))).collect();
    match rendering {
        Rendering::Kustomize => {
            Question { render: "kustomize", folder, files, release: None, namespace: None, values: None }
        }
        Rendering::Helm { release, namespace, values } => Question {
            render: "helm",
            folder,
            files,
            release: Some(release),
            namespace: Some(namespace),
            values: Some(values),
        },
    }
}

/// The path under which a rendered manifest is shown.
fn named(path: &str) -> String {
    let sound = |letter: char| if letter.is_control() { '\u{fffd}' } else { letter };
    let path: String = path.chars().map(sound).collect();
    let stem = path.strip_suffix(".yaml").or_else(|| path.strip_suffix(".yml")).unwrap_or(&path);
    format!("{stem}.{RENDERED}.yaml")
}

/// The file that says what is made of the others, as a place. Its text is not shown: nobody looked for secrets in it.
fn place(folder: &str, files: &Files) -> Option<Place> {
    let is_in = |path: &str| path.rsplit_once('/').map_or(".", |(folder, _)| folder) == folder;
    let head = files.keys().find(|path| made_by(path).is_some() && is_in(path))?;
    Some(Place { file: head.as_str().into(), start: 0, end: 0 })
}
