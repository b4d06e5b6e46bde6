//! `[[report]]`: forges that are told what became of commits.

use writ_core::text::{Place, Problems, Written};

use super::check::{check_reference, choose, refuse};
use super::path::{Privacy, file};
use super::{App, ForgeKind, Login, Report, Source, Transport, raw, url};

/// One of the tables `[[report]]`; none if it is not right. `has_pages` tells whether `[web]` says where statuses can lead.
pub(super) fn check_report(
    raw: raw::Report,
    names: &[String],
    sources: &[&Source],
    has_pages: bool,
    problems: &mut Problems,
) -> Option<Report> {
    let raw::Report { place, forge, url, token_file, app, project, source } = raw;
    let forge = forge.and_then(|forge| check_forge(&forge, has_pages, problems));
    let url = url.and_then(|written| match url::forge(&written.value) {
        Ok(()) => Some(written.value.trim_end_matches('/').to_owned()),
        Err(url::Complaint { message, help }) => {
            refuse(problems, &written.place, message, help);
            None
        }
    });
    let login = match app {
        None => file("token_file", token_file, Privacy::Secret, problems).map(Login::Token),
        Some(app) => check_app(app, forge, token_file.is_some(), problems).map(Login::App),
    };
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
    Some(Report { forge: forge?, url: url?, login: login?, project: project?, source: source? })
}

fn check_app(raw: raw::App, forge: Option<ForgeKind>, has_token: bool, problems: &mut Problems) -> Option<App> {
    let raw::App { place, id, installation, key_file } = raw;
    if has_token {
        refuse(problems, &place, "[[report]] has both a `token_file` and an `app`", "leave out one of them");
    }
    if let Some(forge) = forge.filter(|forge| *forge != ForgeKind::Github) {
        let message = format!("{} knows no apps: they are GitHub's", forge.name());
        refuse(problems, &place, message, "name a `token_file`");
    }
    let id = id.and_then(|Written { value, place }| {
        let is_word = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
        if !is_word {
            let help =
                "write the client id or the number that stands on the app's page, as \"Iv23liAbCdEf\" or \"12345\"";
            refuse(problems, &place, format!("`{}` is no id of an app", value.escape_debug()), help);
        }
        is_word.then_some(value)
    });
    let key_file = file("key_file", key_file, Privacy::Secret, problems);
    Some(App { id: id?, installation: installation?.value, key_file: key_file? })
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
