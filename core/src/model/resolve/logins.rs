//! The logins by which the images of a pod are pulled.

use super::Reader;
use super::catalog::SecretType;
use crate::model::logins::{self, Login, Logins, PullSecret};
use crate::model::template::ContentKind;
use crate::model::view::pod::{ObjectRef, PodFields};
use crate::text::{UNOPENED, quoted};

/// What `imagePullSecrets` come to. As on Kubernetes, one that cannot be used stops nothing: an image may need none.
pub(super) fn read(reader: &mut Reader<'_, '_>, pod: &PodFields) -> Logins {
    let mut all = Logins::default();
    for (at, ObjectRef { name, optional: _ }) in pod.image_pull_secrets.iter().flatten().enumerate() {
        let name = name.as_deref().unwrap_or_default();
        let (found, known) = of_secret(reader, name);
        if let (Err(why), true) = (&found, known) {
            let pointer = format!("/spec/template/spec/imagePullSecrets/{at}/name");
            let message = format!("images are pulled without the login of Secret {}: {why}", quoted(name));
            reader.warning(&pointer, &message);
        }
        let name = format!("secret/{}/{name}", reader.object.id.scope);
        if all.0.iter().all(|known| known.name != name) {
            all.0.push(PullSecret { name, found });
        }
    }
    all
}

/// What a Secret holds, and whether that is known: what is encrypted and was not opened here has been told already.
fn of_secret(reader: &Reader<'_, '_>, name: &str) -> (Result<Vec<Login>, String>, bool) {
    let scope = &reader.object.id.scope;
    let Some(keys) = reader.catalog.keys(ContentKind::Secret, scope, name) else {
        return (Err(format!("it is not there in scope {scope}")), true);
    };
    let (form, from) = match reader.catalog.secret_type(scope, name) {
        SecretType::Logins(form, from) => (form, from),
        SecretType::Other => {
            let why = "its type is neither `kubernetes.io/dockerconfigjson` nor `kubernetes.io/dockercfg`";
            return (Err(why.to_owned()), true);
        }
    };
    match keys.get(form.key()) {
        None => (Err(format!("it has no key `{}`", form.key())), true),
        Some(value) if value.expose_str() == Some(UNOPENED) => {
            (Err("it is encrypted, and was not opened".to_owned()), false)
        }
        Some(value) => {
            let logins = logins::read(form, value.expose());
            let filled = |logins| match from {
                Some(from) => with_passwords(reader, logins, from),
                None => Ok(logins),
            };
            (logins.and_then(filled), true)
        }
    }
}

/// Logins whose empty passwords are what a key of a config bucket holds.
fn with_passwords(reader: &Reader<'_, '_>, mut logins: Vec<Login>, from: &str) -> Result<Vec<Login>, String> {
    let password = logins::password(from, reader.buckets)?;
    for login in logins.iter_mut().filter(|login| login.password.expose().is_empty()) {
        login.password = password.clone();
    }
    Ok(logins)
}
