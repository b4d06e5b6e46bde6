//! `[[report]]`: forges that are told what became of commits.

use writ_core::text::{Place, Problems, Written};

use super::check::{check_reference, choose, refuse};
use super::path::{Privacy, file};
use super::{ForgeKind, Report, Source, Transport, raw, url};

/// One of the tables `[[report]]`; none if it is not right. `has_pages` tells whether `[web]` says where statuses can lead.
pub(super) fn check_report(
    raw: raw::Report,
    names: &[String],
    sources: &[&Source],
    has_pages: bool,
    problems: &mut Problems,
) -> Option<Report> {
    let raw::Report { place, forge, url, token_file, project, source } = raw;
    let forge = forge.and_then(|forge| check_forge(&forge, has_pages, problems));
    let url = url.and_then(|written| match url::forge(&written.value) {
        Ok(()) => Some(written.value.trim_end_matches('/').to_owned()),
        Err(url::Complaint { message, help }) => {
            refuse(problems, &written.place, message, help);
            None
        }
    });
    let token_file = file("token_file", token_file, Privacy::Secret, problems);
    let source = match (source, names) {
        (Some(source), _) => check_reference("source", source, names, problems),
        (None, [only]) => Some(only.clone()),
        (None, _) => {
            refuse(problems, &place, "[[report]] does not say for which source", "set `source` to the name of one");
            None
        }
    };
    let project = match project {
        Some(project) => check_project(project, problems),
        None => told_project(forge, source.as_deref(), sources, &place, problems),
    };
    Some(Report { forge: forge?, url: url?, token_file: token_file?, project: project?, source: source? })
}

fn check_forge(written: &Written<String>, has_pages: bool, problems: &mut Problems) -> Option<ForgeKind> {
    let forges = [ForgeKind::Gitea, ForgeKind::Forgejo, ForgeKind::Github, ForgeKind::Gitlab, ForgeKind::Bitbucket];
    let forge = choose("forge", written, &forges.map(|forge| (forge.name(), forge)), problems)?;
    if forge == ForgeKind::Bitbucket && !has_pages {
        let help = "set `url` in [web] to the address by which people reach the agent's own pages";
        refuse(problems, &written.place, "bitbucket takes no status that leads nowhere", help);
        return None;
    }
    Some(forge)
}

fn check_project(written: Written<String>, problems: &mut Problems) -> Option<String> {
    let Written { value, place } = written;
    let parts_sound = value.split('/').all(|part| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
    });
    if parts_sound && value.contains('/') {
        return Some(value);
    }
    refuse(problems, &place, format!("`{}` is no project", value.escape_debug()), "write it as OWNER/REPOSITORY");
    None
}

fn told_project(
    forge: Option<ForgeKind>,
    source: Option<&str>,
    sources: &[&Source],
    place: &Place,
    problems: &mut Problems,
) -> Option<String> {
    // Without a sound source there is a problem already.
    let source = sources.iter().find(|known| Some(known.name.as_str()) == source)?;
    let told = url::project(&source.url, source.transport);
    let is_bitbucket = forge == Some(ForgeKind::Bitbucket) && source.transport == Transport::Https;
    let told = if is_bitbucket { told.map(below_scm) } else { told };
    if told.is_none() {
        let message = format!("the address of source `{}` does not tell the project at the forge", source.name);
        refuse(problems, place, message, "set `project` to OWNER/REPOSITORY");
    }
    told
}

/// Bitbucket Data Center serves repositories over HTTP below `scm`, and that below wherever it stands itself.
fn below_scm(told: String) -> String {
    let below = told.strip_prefix("scm/").or_else(|| Some(told.rsplit_once("/scm/")?.1));
    below.filter(|project| project.contains('/')).map(str::to_owned).unwrap_or(told)
}
