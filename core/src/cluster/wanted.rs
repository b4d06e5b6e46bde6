//! What is wanted of a cluster: the objects of the manifests as they were written.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::host_words::{self, CONTENT, Draft};
use super::{ACCOUNT, Left, Scaled, Wave};
use crate::account::Account;
use crate::hash::{SpecHash, of_applied, of_object};
use crate::limits::OBJECT_PARTS_MAX;
use crate::model::{Desired, Kind, Object, ObjectId, World, annotation};
use crate::text::{Problem, Problems, quoted};

/// The label that names the host whose agent applied an object.
pub const LABEL_HOST: &str = "writ.host";

/// The label that names the unit that an object belongs to.
pub const LABEL_UNIT: &str = "writ.unit";

/// The annotation that holds the hash of what was applied last.
pub const SPEC: &str = "writ.spec";

/// The label by which all tools know which objects belong together. Source: KEP-3659.
const LABEL_SET: &str = "applyset.kubernetes.io/part-of";

/// An object that is wanted in a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterObject {
    /// What it is called.
    pub id: ObjectId,
    /// The file that declares it, by its path in the tree; what a rule about paths says of the file holds for it.
    pub file: Option<String>,
    /// The group and version that it is written in.
    pub api_version: String,
    /// The whole object as it was written, its namespace filled in.
    pub body: Arc<Value>,
    /// As whom it is applied; as the agent itself if nobody is named.
    pub account: Option<Account>,
    /// Hash of all of it.
    pub revision: SpecHash,
    /// Digests of its fields by their paths, and of what its pods read, so that a changed hash can be explained. Holds no value
    /// of a secret.
    pub parts: BTreeMap<String, String>,
    /// It is a run, which begins anew when what cannot change about it does.
    pub renewed: bool,
    /// Its fields that are left to others once it is there.
    pub left: Left,
    /// Why it cannot be applied yet, if it asks for what nobody knows, or nobody knows as whom. What is there of it stays as it is.
    pub waits: Option<String>,
}

/// To whom an object belongs, as its labels say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// This host.
    pub host: String,
    /// The unit.
    pub unit: String,
    /// The identifier of the set of all objects of the unit. Source: KEP-3659.
    pub set: String,
}

impl ClusterObject {
    /// True for a Namespace of which nothing but its name is said: then one that is there is enough, whoever made it.
    #[must_use]
    pub fn is_content_to_be_there(&self) -> bool {
        let only = |value: Option<&Value>, names: &[&str]| {
            let fields = value.and_then(Value::as_object);
            fields.is_some_and(|fields| fields.keys().all(|name| names.contains(&name.as_str())))
        };
        self.id.kind == Kind::Namespace
            && only(Some(&self.body), &["apiVersion", "kind", "metadata"])
            && only(self.body.get("metadata"), &["name"])
    }

    /// True for the name of a part that tells nothing beside the parts of which it is a digest.
    #[must_use]
    pub fn is_summary(part: &str) -> bool {
        part.ends_with(CONTENT)
    }

    /// When it is applied.
    #[must_use]
    pub fn wave(&self) -> Wave {
        Wave::of(self.id.kind)
    }

    /// Its fields that are left to others in a cluster that has these autoscalers.
    #[must_use]
    pub fn left_in(&self, scaled: &Scaled) -> Left {
        match scaled.as_ref().ok().and_then(|scaled| scaled.get(&self.id)) {
            Some(autoscaler) => self.left.scaled_by(Some(autoscaler.clone()), &self.body),
            None => self.left.clone(),
        }
    }

    /// The object as it is sent, with the labels of its owner. Fields that are left to others are sent as they are, if the
    /// object is there: to leave one out would be to remove it.
    #[must_use]
    pub fn sent(&self, owner: &Owner, there: Option<(&Value, &Left)>) -> Value {
        let Owner { host, unit, set } = owner;
        let mut body = (*self.body).clone();
        if let Some((live, left)) = there {
            left.fields().for_each(|field| field.keep(&mut body, live));
        }
        let labels = [(LABEL_HOST, host.as_str()), (LABEL_UNIT, unit), (LABEL_SET, set)];
        put(&mut body, "labels", &labels);
        put(&mut body, "annotations", &[(SPEC, self.revision.as_str())]);
        if let Some(account) = &self.account {
            put(&mut body, "annotations", &[(ACCOUNT, &account.to_string())]);
        }
        body
    }

    /// Notes that its content is another one, of that hash and these parts.
    pub(super) fn revise(&mut self, content: SpecHash, parts: BTreeMap<String, String>) {
        self.revision = match &self.account {
            Some(account) => of_applied(&content, &account.to_string()),
            None => content,
        };
        self.parts.extend(parts);
    }
}

fn put(body: &mut Value, part: &str, names: &[(&str, &str)]) {
    let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let map = metadata.entry(part).or_insert_with(|| json!({}));
    if !map.is_object() {
        *map = Value::Object(Map::new());
    }
    if let Some(map) = map.as_object_mut() {
        map.extend(names.iter().map(|(name, value)| ((*name).to_owned(), Value::String((*value).to_owned()))));
    }
}

/// What `objects` want of a cluster, with warnings and notes.
///
/// # Errors
/// All problems, if an object asks for what only a container host knows.
pub fn resolve(objects: &[Object], world: &World) -> Result<(Desired, Problems), Problems> {
    let mut problems = Problems::default();
    let mut drafts: Vec<Draft<'_>> = objects.iter().map(opened).collect();
    host_words::translate(&mut drafts, world, &mut problems);
    let mut desired = Desired::default();
    for draft in drafts {
        refuse_host_words(&draft, &mut problems);
        let Draft { id, body, of, secret, contents, renewed } = draft;
        let (revision, mut parts) = of_object(&body, secret, &world.hash_key);
        if contents.len() <= OBJECT_PARTS_MAX {
            parts.extend(contents);
        }
        let api_version = body.get("apiVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
        let file = of.place("").map(|place| place.file.to_string());
        let body = Arc::new(body);
        let left = Left::default();
        let id = id.clone();
        let (account, waits) = (None, None);
        let wanted =
            ClusterObject { id: id.clone(), file, api_version, body, account, revision, parts, renewed, left, waits };
        desired.objects.insert(id, wanted);
    }
    if problems.has_errors() { Err(problems) } else { Ok((desired, problems)) }
}

/// The object as a cluster takes it, and which of its fields hold secrets.
fn opened(object: &Object) -> Draft<'_> {
    let mut body = object.body.clone();
    let annotations = body.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut);
    let sealed = annotations.and_then(|annotations| annotations.remove(annotation::SEALED)).is_some();
    let kind = object.id.kind;
    let secret = if sealed || kind == Kind::Secret { kind.value_fields() } else { &[] };
    Draft { id: object.id.clone(), body, of: object, secret, contents: BTreeMap::new(), renewed: false }
}

/// Reports the annotations by which a dialect tells a container host what no field of Kubernetes can say.
fn refuse_host_words(draft: &Draft<'_>, problems: &mut Problems) {
    let places = ["", "/spec/template", "/spec/jobTemplate/spec/template"];
    for part in places {
        let pointer = format!("{part}/metadata/annotations");
        let names = draft.body.pointer(&pointer).and_then(Value::as_object);
        let own = names.into_iter().flat_map(Map::keys).filter(|name| name.starts_with("writ.") && *name != CONTENT);
        for name in own {
            let message = format!("{} asks for {}, which only a container host can do", draft.id, quoted(name));
            let help = "leave it to a unit whose target is Docker, or write the objects as Kubernetes has them";
            problems.push(Problem::error(draft.of.place(&pointer), message).help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::HashKey;
    use crate::text::Places;

    fn wanted(body: Value) -> ClusterObject {
        let id = ObjectId::parse("deployment/shop/web").unwrap();
        let objects = [Object { id: id.clone(), body, places: Places::default() }];
        let world = World { buckets: BTreeMap::new(), hash_key: HashKey([7; 32]) };
        resolve(&objects, &world).unwrap().0.objects.remove(&id).unwrap()
    }

    #[test]
    fn an_object_is_sent_as_it_was_written_with_labels_and_with_what_is_left_to_others_as_it_is() {
        let body = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop",
            "labels": {"app": "web"}}, "spec": {"replicas": 3, "template": {}}});
        let owner = Owner { host: "h".to_owned(), unit: "u".to_owned(), set: "applyset-x-v1".to_owned() };
        let object = wanted(body.clone());
        let autoscaler = ObjectId::parse("horizontalpodautoscaler.autoscaling/shop/web").unwrap();
        let left = object.left.scaled_by(Some(autoscaler), &object.body);
        let live = json!({"spec": {"replicas": 5, "template": {"x": 1}}});
        let sent = object.sent(&owner, Some((&live, &left)));
        let labels = json!({"app": "web", "writ.host": "h", "writ.unit": "u", LABEL_SET: "applyset-x-v1"});
        assert_eq!(sent["metadata"]["labels"], labels);
        assert_eq!(sent["metadata"]["annotations"], json!({SPEC: object.revision.as_str()}));
        assert_eq!(sent["spec"], json!({"replicas": 5, "template": {}}));
        assert_eq!(object.sent(&owner, None)["spec"], body["spec"]);
        assert_eq!(*object.body, body, "what is held against others stays as it was written");
    }
}
