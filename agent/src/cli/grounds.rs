//! What let an object's file be what it is.

use writ::error::chain;
use writ::git::Repository;
use writ::record::Store;
use writ::source::introduction;
use writ::view::grounds::Declared;
use writ_core::cluster;
use writ_core::dialect::Target;
use writ_core::model::ObjectId;
use writ_core::time::Timestamp;
use writ_core::trust::{self, Case, CommitId, Outcome};

use super::exit::Failure;
use super::files;
use super::host::Host;

/// What let the file of an object be what it is in a commit that this host applied, by the host's own copy of the source;
/// the inner error says why that cannot be told. Approvals are counted as they stood at the moment `admitted`.
pub(crate) fn of_object(
    host: &Host,
    store: &Store,
    object: &ObjectId,
    (unit, commit): (&str, &str),
    admitted: Timestamp,
) -> Result<Result<Declared, String>, Failure> {
    let settings = host.settings()?;
    let Some(unit) = settings.unit(unit) else { return Ok(Err(format!("the settings name no unit {unit} any more"))) };
    let Some(source) = settings.source(&unit.source) else {
        return Ok(Err(format!("the settings name no source {} any more", unit.source)));
    };
    let introduction = match introduction(store, source)? {
        Ok(introduction) => introduction,
        Err(trouble) => return Ok(Err(trouble.to_string())),
    };
    let (folder, trust, commit) = (host.mirror_folder(source)?, host.trust()?, commit.parse::<CommitId>()?);
    let read = || {
        let repository = Repository::open_copy(&folder, &source.name)?;
        let evidence = repository.evidence(&introduction, None, commit, &trust)?;
        Ok((repository, evidence))
    };
    let (repository, evidence) = match read() {
        Ok(read) => read,
        Err::<_, writ::git::GitError>(error) => return Ok(Err(chain(&error))),
    };
    let (introduction, host) = (&introduction, &trust);
    let case = Case { evidence: &evidence, introduction, floor: None, witnesses: None, first_seen: admitted, host };
    let admitted = match trust::admit(&case) {
        Ok(admitted) => admitted,
        Err(refusal) => return Ok(Err(refusal.detail)),
    };
    let files = match repository.files(&admitted, &unit.folders) {
        Ok(files) => files,
        Err(error) => return Ok(Err(chain(&error))),
    };
    if unit.renderer.is_some() {
        return Ok(Err("it is rendered, and any file of its unit may have made it".to_owned()));
    }
    let lowered = files::judged(&files, &unit.variables, unit.target.dialect())?.lowered;
    let place = lowered.ok().and_then(|lowered| lowered.objects.into_iter().find(|it| it.id == *object)?.place(""));
    let Some(place) = place else { return Ok(Err("no file of the commit declares it".to_owned())) };
    let file = unit.folders.in_tree(&place.file);
    let account = match unit.target.dialect() {
        Target::Kubernetes => cluster::whom(unit.account.as_ref(), &admitted.terms(file.as_bytes()).accounts),
        Target::Docker => Ok(None),
    };
    Ok(match trust::grounds(&case, file.as_bytes()) {
        Ok(grounds) => Ok(Declared { file, grounds, account }),
        Err(Outcome::Refused(_, detail) | Outcome::Unchecked(detail)) => Err(detail),
        Err(Outcome::Admitted) => Err("nobody said why".to_owned()),
    })
}
