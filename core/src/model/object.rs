//! A Kubernetes API object as a manifest asks for it, and where each part of it was written.

use serde_json::Value;

use super::{Kind, ObjectId, Scope};
use crate::text::{Place, Places, PlacesDraft};

/// One object of the desired state.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// What it is called.
    pub id: ObjectId,
    /// The whole object, `apiVersion`, `kind` and `metadata` included, as `kubectl` would accept it.
    pub body: Value,
    /// Where its parts were written.
    pub places: Places,
}

impl Object {
    /// The part at a JSON pointer (RFC 6901).
    #[must_use]
    pub fn at(&self, pointer: &str) -> Option<&Value> {
        // The library copies each part of a pointer; only those that hold an escape need that.
        if pointer.contains('~') {
            return self.body.pointer(pointer);
        }
        let mut parts = pointer.split('/');
        if parts.next() != Some("") {
            return None;
        }
        parts.try_fold(&self.body, |value, part| match value {
            Value::Object(map) => map.get(part),
            Value::Array(items) => items.get(index(part)?),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        })
    }

    /// A CronJob with its Job in the place of its own fields, which stand below `/cron` then: what is said of a Job is said of it
    /// alike, at the same places. None for all other objects.
    #[must_use]
    pub(crate) fn flattened(&self) -> Option<Self> {
        if self.id.kind != Kind::CronJob {
            return None;
        }
        let mut body = self.body.clone();
        let mut cron = body.get_mut("spec").map(Value::take).unwrap_or_default();
        let job = cron.pointer_mut("/jobTemplate/spec").map(Value::take);
        let whole = body.as_object_mut()?;
        whole.insert("cron".to_owned(), cron);
        whole.insert("spec".to_owned(), job.unwrap_or_default());
        let mut places = PlacesDraft::default();
        for (pointer, place) in self.places.iter() {
            places.note(&flat(pointer), place.clone());
        }
        Some(Self { id: self.id.clone(), body, places: places.finish() })
    }

    /// Where the part at a JSON pointer, or what surrounds it, was written.
    #[must_use]
    pub fn place(&self, pointer: &str) -> Option<Place> {
        self.places.nearest(pointer).cloned()
    }
}

/// The pointer to a part of a CronJob, in its [flattened](Object::flattened) form.
pub(crate) fn flat(pointer: &str) -> String {
    let job = pointer.strip_prefix("/spec/jobTemplate/spec");
    if let Some(rest) = job.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
        return format!("/spec{rest}");
    }
    match pointer.strip_prefix("/spec").filter(|rest| rest.is_empty() || rest.starts_with('/')) {
        Some(rest) => format!("/cron{rest}"),
        None => pointer.to_owned(),
    }
}

/// A part of a pointer as the place in a list: digits, without zeros in front.
fn index(part: &str) -> Option<usize> {
    let plain = part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
    part.parse().ok().filter(|_| plain)
}

/// Annotations of a pod template by which a dialect tells a container host what Kubernetes has no field for.
/// They may also be written by hand in Kubernetes YAML; all other names that begin with `writ.` are refused there.
pub mod annotation {
    /// `loopback`: container ports without a host port are published on 127.0.0.1, each at a free port. On a Service that is
    /// reached from outside, the address of the host on which its ports are published; `loopback` is 127.0.0.1.
    pub const PUBLISH: &str = "writ.publish";
    /// `SCOPE/NAME`: the config buckets of the scope and of the name are laid over the environment.
    pub const BUCKET: &str = "writ.bucket";
    /// `SCOPE` or `SCOPE/NAME`, several with commas between them: their buckets lie below the whole environment, the later
    /// over the earlier.
    pub const ENV_FROM: &str = "writ.env-from";
    /// `NAME=SOFT:HARD`, several with commas between them: limits of the pod's processes.
    pub const LIMITS: &str = "writ.limits";
    /// `max-size=SIZE,max-file=NUMBER`: room for the log of each container.
    pub const LOG: &str = "writ.log";
    /// `ASSET=DIGEST`, several with commas between them: contents whose change replaces the pods, and that they do not mount.
    pub const DEPENDS_ON: &str = "writ.depends-on";

    /// Of an Ingress: `internal`, and the ingress issues certificates itself; `issued`, as the host's settings say.
    pub const TLS: &str = "writ.tls";
    /// Of an Ingress: the address that an issuer of certificates is told.
    pub const TLS_EMAIL: &str = "writ.tls-email";
    /// Of a ConfigMap whose values stood encrypted: they are kept as those of a Secret are. Nobody writes it; whoever opens
    /// the values sets it.
    pub const SEALED: &str = "writ.sealed";

    /// Of a Secret of logins: `SCOPE/KEY` or `SCOPE/NAME/KEY`, the key of a config bucket that is the password of each login
    /// whose own is empty.
    pub const PASSWORD_FROM: &str = "writ.password-from";

    /// All of a pod.
    pub const ALL: [&str; 6] = [PUBLISH, BUCKET, ENV_FROM, LIMITS, LOG, DEPENDS_ON];
}

/// The config buckets that a workload reads: those of its scope, then those of its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BucketRef {
    /// The scope.
    pub scope: Scope,
    /// The name; none for the bucket that all of the scope read.
    pub name: Option<String>,
}

impl BucketRef {
    /// A bucket and a key of it: `SCOPE/KEY` or `SCOPE/NAME/KEY`. None if it is neither.
    pub(crate) fn with_key(text: &str) -> Option<(Self, &str)> {
        let parts: Vec<&str> = text.split('/').collect();
        let (scope, name, key) = match parts.as_slice() {
            [scope, key] => (scope, None, *key),
            [scope, name, key] => (scope, Some((*name).to_owned()), *key),
            _ => return None,
        };
        let whole = parts.iter().all(|part| !part.is_empty());
        whole.then(|| (Self { scope: Scope((*scope).to_owned()), name }, key))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pointer_leads_to_the_same_part_as_the_library_says() {
        let body = json!({ "a": [{ "b": 1 }, [2, 3]], "x/y": { "~": 4 }, "": 5, "0": 6, "text": "7" });
        let object = Object { id: ObjectId::new(Kind::ConfigMap, "s", "n"), body, places: Places::default() };
        let found = ["", "/", "/0", "/a", "/a/0", "/a/0/b", "/a/1/1", "/text", "/x~1y", "/x~1y/~0"];
        let absent = ["a", "a/0", "/a/2", "/a/00", "/a/+1", "/a/-", "/a/", "/text/0", "/x/y", "//", "/a/0/b/c", "/1"];
        for pointer in found.iter().chain(&absent) {
            assert_eq!(object.at(pointer), object.body.pointer(pointer), "{pointer}");
            assert_eq!(object.at(pointer).is_some(), found.contains(pointer), "{pointer}");
        }
    }
}
