//! Logins to registries whose passwords are in config buckets, filled in: a cluster has no buckets.

use serde_json::Value;

use super::{Draft, take};
use crate::model::logins::{self, LoginsForm};
use crate::model::{World, annotation};
use crate::text::{Problem, Problems, SecretText};

/// Fills in the passwords that a Secret of logins leaves to a bucket. False if there is none: then there is no such Secret, and
/// as on a container host, images are pulled without.
pub(super) fn fill(draft: &mut Draft<'_>, world: &World, problems: &mut Problems) -> bool {
    let Some(from) = take(&mut draft.body, "/metadata", &[annotation::PASSWORD_FROM]).remove(annotation::PASSWORD_FROM)
    else {
        return true;
    };
    let found = logins::password(&from, &world.buckets).and_then(|password| put(&mut draft.body, password));
    if let Err(why) = &found {
        let pointer = "/metadata/annotations/writ.password-from";
        let message = format!("images are pulled without the login of {}: {why}", draft.id);
        problems.push(Problem::warning(draft.of.place(pointer), message));
    }
    found.is_ok()
}

/// Puts a password in the place of each that is empty.
fn put(body: &mut Value, password: &SecretText) -> Result<(), String> {
    let password = password.expose_str().ok_or_else(|| "the password is not text".to_owned())?;
    let form = body.get("type").and_then(Value::as_str).and_then(LoginsForm::of_type);
    let written = form.and_then(|form| body.pointer_mut(&format!("/stringData/{}", form.key())));
    let Some(Value::String(written)) = written else {
        return Err("it holds no logins below `stringData`".to_owned());
    };
    let mut logins: Value = serde_json::from_str(written).map_err(|_| "its logins cannot be read".to_owned())?;
    let entries = if logins.get("auths").is_some() { logins.get_mut("auths") } else { Some(&mut logins) };
    for entry in entries.and_then(Value::as_object_mut).into_iter().flat_map(|entries| entries.values_mut()) {
        if let Some(Value::String(empty)) = entry.get_mut("password").filter(|it| it.as_str() == Some("")) {
            password.clone_into(empty);
        }
    }
    *written = logins.to_string();
    Ok(())
}
