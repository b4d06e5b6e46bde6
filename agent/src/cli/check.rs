//! `writ check PATH`

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};
use writ::confine::{Child, Judged};
use writ::render::rendered;
use writ::settings::{Guard, Renderer};
use writ_core::cluster::{self, IgnoreRule};
use writ_core::dialect::{Files, Target, Variables};
use writ_core::guard::{self, Refusal};
use writ_core::hash::HashKey;
use writ_core::model::{Buckets, World, resolve};
use writ_core::text::{Problem, Problems, Severity, Sources};

use super::every_host::hosts;
use super::exit::{Ended, Exit, Failure};
use super::files;
use super::host::{Host, block_on};
use super::progress::of_number;
use super::terminal::Format;
use super::variables::Given;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A folder with manifests, or one manifest
    path: PathBuf,
    /// Judge by what a host allows, too: privileged, baseline, restricted, or a file with a policy
    #[arg(long, value_name = "PROFILE|FILE")]
    guard: Option<String>,
    /// Judge by what this target makes of the manifests, named as in the settings: docker, or kubernetes:CONTEXT, or kubernetes
    /// alone. None is asked
    #[arg(long, value_name = "TARGET", default_value = "docker", value_parser = target)]
    target: Target,
    /// Judge as this unit of the settings does: for its target, by its guard, with its variables and rules. None is asked
    #[arg(long, value_name = "UNIT", conflicts_with_all = ["guard", "target", "variables"])]
    unit: Option<String>,
    /// Judge what each host reads that the folders below PATH are for, and not PATH as a whole
    #[arg(long, requires = "folders")]
    all_hosts: bool,
    /// A folder below PATH, as `path` of a unit names it: base, hosts/{host}, roles/{label.role}. Once for each
    #[arg(long = "path", id = "folders", value_name = "FOLDER", requires = "all_hosts")]
    folders: Vec<String>,
    #[command(flatten)]
    variables: Given,
}

/// By what manifests are judged.
struct Judge {
    guard: Option<Guard>,
    target: Target,
    variables: Variables,
    ignore: Vec<IgnoreRule>,
    renderer: Option<Renderer>,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let judge = judge(host, arguments)?;
    if arguments.all_hosts {
        return every_host(host, &judge, arguments);
    }
    let read = files::read(&arguments.path)?;
    let judged = judge.lower(read)?;
    let (objects, problems, sources) = judge.judge(judged);
    let Judge { guard, target, .. } = &judge;
    let sound = !problems.has_errors();
    let terminal = &host.terminal;
    let value = json!({
        "schema": "writ/check/v1", "ok": sound, "target": name(*target), "objects": objects, "guard": guard.as_ref().map(|guard| &guard.name),
        "problems": problems.sorted().into_iter().map(|problem| document(problem, &sources)).collect::<Vec<_>>(),
    });
    if terminal.format() == Format::Text && !problems.is_empty() {
        terminal.say(&problems.render(&sources, terminal.error_colour()));
    }
    let text = match (sound, objects) {
        (true, 1) => "1 object, nothing wrong\n".to_owned(),
        (true, _) => format!("{objects} objects, nothing wrong\n"),
        (false, _) => String::new(),
    };
    terminal.show(&value, &text)?;
    if sound { Ok(Exit::Success) } else { Err(Failure::Said(Exit::Failure)) }
}

/// Judges what each host reads. What many of them have in common is told once.
fn every_host(host: &Host, judge: &Judge, arguments: &Arguments) -> Ended {
    let terminal = &host.terminal;
    let hosts = hosts(&arguments.path, &arguments.folders)?;
    let bar = of_number(host.terminal, "checking", hosts.len());
    let (mut told, mut documents, mut text, mut sound) = (BTreeMap::new(), Vec::new(), String::new(), true);
    for (names, folders) in &hosts {
        let judged = judge.lower(files::read_folders(&arguments.path, folders)?)?;
        let (objects, problems, sources) = judge.judge(judged);
        let mut news = Problems::default();
        for problem in problems.sorted() {
            let document = document(problem, &sources).to_string();
            let hosts: &mut Vec<String> = told.entry(document).or_default();
            if hosts.is_empty() {
                news.push(problem.clone());
            }
            hosts.push(names.to_string());
        }
        if terminal.format() == Format::Text && !news.is_empty() {
            bar.suspend(|| terminal.say(&news.render(&sources, terminal.error_colour())));
        }
        let right = !problems.has_errors();
        sound &= right;
        text.push_str(&format!("{names}: {objects} objects, {}\n", if right { "nothing wrong" } else { "refused" }));
        documents.push(json!({"names": names.map(), "folders": folders, "objects": objects, "ok": right}));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let problem = |(document, hosts): (String, Vec<String>)| {
        let mut document: Value = serde_json::from_str(&document).expect("it was written just now");
        document["hosts"] = json!(hosts);
        document
    };
    let problems: Vec<Value> = told.into_iter().map(problem).collect();
    let value = json!({
        "schema": "writ/checks/v1", "ok": sound, "target": name(judge.target), "hosts": documents, "problems": problems,
    });
    terminal.show(&value, &text)?;
    if sound { Ok(Exit::Success) } else { Err(Failure::Said(Exit::Failure)) }
}

fn judge(host: &Host, arguments: &Arguments) -> Result<Judge, Failure> {
    let Arguments { path: _, guard, target, unit, all_hosts: _, folders: _, variables } = arguments;
    if let Some(name) = unit {
        let unit = host.unit(name)?;
        return Ok(Judge {
            guard: Some(unit.guard.clone()),
            target: unit.target.dialect(),
            variables: unit.variables.clone(),
            ignore: unit.ignore.clone(),
            renderer: unit.renderer.clone(),
        });
    }
    let guard = guard.as_deref().map(|name| named(host, name)).transpose()?;
    Ok(Judge { guard, target: *target, variables: variables.read()?, ignore: Vec::new(), renderer: None })
}

/// The target that a person names. A context is not looked for: what a cluster makes of manifests, each makes of them.
pub(crate) fn target(text: &str) -> Result<Target, String> {
    match text.split_once(':') {
        None if text == name(Target::Docker) => Ok(Target::Docker),
        None if text == name(Target::Kubernetes) => Ok(Target::Kubernetes),
        Some((kind, context)) if kind == name(Target::Kubernetes) && !context.is_empty() => Ok(Target::Kubernetes),
        None | Some(_) => Err("write `docker`, `kubernetes` or `kubernetes:CONTEXT`".to_owned()),
    }
}

const fn name(target: Target) -> &'static str {
    match target {
        Target::Docker => "docker",
        Target::Kubernetes => "kubernetes",
    }
}

/// The policy that a person names; if it is not right, all of its problems are said.
fn named(host: &Host, name: &str) -> Result<Guard, Failure> {
    Guard::named(name).map_err(|error| {
        let problems = error.render(host.terminal.error_colour());
        if problems.is_empty() {
            return error.into();
        }
        host.terminal.say(&problems);
        Failure::message(format!("the policy {name} is not right"))
    })
}

impl Judge {
    /// What files ask for, rendered before that where the unit says so.
    fn lower(&self, files: Files) -> Result<Judged, Failure> {
        let files = match &self.renderer {
            Some(renderer) => match block_on(rendered(&Child::default(), renderer, &files))?? {
                Ok(files) => files,
                Err(problems) => {
                    return Ok(Judged { lowered: Err(problems), sources: Sources::default(), unfetched: [].into() });
                }
            },
            None => files,
        };
        files::judged(&files, &self.variables, self.target)
    }

    /// Resolves what was lowered: the number of objects, every problem and note, and the texts that they are in.
    fn judge(&self, judged: Judged) -> (usize, Problems, Sources) {
        let Self { guard, target, variables: _, ignore, renderer: _ } = self;
        let Judged { lowered, sources, unfetched: _ } = judged;
        let lowered = match lowered {
            Ok(lowered) => lowered,
            Err(problems) => return (0, problems, sources),
        };
        // No host is looked at: its buckets can change values and no verdict, and hashes made here are shown to nobody.
        let world = World { buckets: Buckets::new(), hash_key: HashKey([0; 32]) };
        let mut problems = lowered.notes;
        let resolved = match target {
            Target::Docker => resolve(&lowered.objects, &world),
            Target::Kubernetes => cluster::resolve(&lowered.objects, &world),
        };
        match resolved {
            Ok((mut desired, notes)) => {
                problems.extend(notes);
                problems.extend(cluster::leave(&mut desired, ignore));
                let refusals = guard.as_ref().map(|guard| guard::judge(&desired, &guard.policy)).unwrap_or_default();
                for (id, Refusal { rule, by: _, detail }) in refusals {
                    let place =
                        lowered.objects.iter().find(|object| object.id == id).and_then(|object| object.place(""));
                    problems.push(Problem::error(place, format!("guard {}: {detail}", rule.name())));
                }
            }
            Err(more) => problems.extend(more),
        }
        (lowered.objects.len(), problems, sources)
    }
}

fn document(problem: &Problem, sources: &Sources) -> Value {
    let Problem { severity, place, message, help } = problem;
    let severity = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let position = place.as_ref().and_then(|place| sources.line_column(place));
    json!({
        "severity": severity, "file": place.as_ref().map(|place| &*place.file), "line": position.map(|(line, _)| line),
        "column": position.map(|(_, column)| column), "message": message, "help": help,
    })
}
