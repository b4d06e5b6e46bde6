//! What the fields of one object say together.

mod ingress;
mod pod;
mod workload;

use std::collections::BTreeMap;

use serde_json::Value;

use super::format;
use super::shape::Format;
use crate::model::logins::LoginsForm;
use crate::model::{BucketRef, Kind, Object, annotation, flat};
use crate::text::{Problem, Problems, quoted};

/// Reports what Kubernetes would refuse, or what was probably not meant. `spoiled` are pointers to parts that were
/// wrong already; what is said about them or because of them would only repeat it.
pub(super) fn judge(object: &Object, spoiled: &[String], problems: &mut Problems) {
    if let Some(flattened) = object.flattened() {
        let spoiled: Vec<String> = spoiled.iter().map(|pointer| flat(pointer)).collect();
        return judge_flat(&flattened, &spoiled, problems);
    }
    judge_flat(object, spoiled, problems);
}

fn judge_flat(object: &Object, spoiled: &[String], problems: &mut Problems) {
    let mut judge = Judge { object, spoiled, problems };
    judge.name();
    judge.own_names("/metadata", false);
    match object.id.kind {
        Kind::Namespace | Kind::StorageClass => {}
        Kind::ConfigMap => judge.distinct_keys("/data", "/binaryData"),
        Kind::Secret => judge.logins(),
        Kind::Service => judge.service(),
        Kind::StatefulSet | Kind::Deployment | Kind::DaemonSet => judge.workload(),
        Kind::Job => judge.job(),
        Kind::CronJob => {
            judge.schedule();
            judge.job();
        }
        Kind::PodDisruptionBudget => judge.budget(),
        Kind::Ingress => judge.ingress(),
        Kind::IngressClass | Kind::GatewayClass | Kind::Gateway | Kind::HttpRoute | Kind::Other(_) => {}
    }
}

/// The object at hand and where its problems go.
struct Judge<'a> {
    object: &'a Object,
    spoiled: &'a [String],
    problems: &'a mut Problems,
}

impl<'a> Judge<'a> {
    /// True if no part of the object was wrong, so that one part can be held against another.
    const fn is_whole(&self) -> bool {
        self.spoiled.is_empty()
    }

    fn is_spoiled(&self, pointer: &str) -> bool {
        self.spoiled.iter().any(|spoiled| is_below(spoiled, pointer) || is_below(pointer, spoiled))
    }

    fn error(&mut self, pointer: &str, message: impl Into<String>, help: &str) {
        if self.is_spoiled(pointer) {
            return;
        }
        let problem = Problem::error(self.object.place(pointer), message);
        self.problems.push(if help.is_empty() { problem } else { problem.help(help) });
    }

    fn warning(&mut self, pointer: &str, message: impl Into<String>, help: &str) {
        if self.is_spoiled(pointer) {
            return;
        }
        self.problems.push(Problem::warning(self.object.place(pointer), message).help(help));
    }

    /// The items of a list, each with its pointer.
    fn items(&self, pointer: &str) -> Vec<(String, &'a Value)> {
        let items = self.object.at(pointer).and_then(Value::as_array).into_iter().flatten();
        items.enumerate().map(|(index, item)| (format!("{pointer}/{index}"), item)).collect()
    }

    fn text(&self, pointer: &str) -> Option<&'a str> {
        self.object.at(pointer).and_then(Value::as_str)
    }

    fn name(&mut self) {
        let form = match self.object.id.kind {
            Kind::Service => Format::ServiceName,
            Kind::Namespace | Kind::StatefulSet | Kind::Deployment | Kind::DaemonSet | Kind::Job | Kind::CronJob => {
                Format::Label
            }
            Kind::StorageClass
            | Kind::ConfigMap
            | Kind::Secret
            | Kind::PodDisruptionBudget
            | Kind::Ingress
            | Kind::IngressClass
            | Kind::GatewayClass
            | Kind::Gateway
            | Kind::HttpRoute
            | Kind::Other(_) => return,
        };
        if let Some(fault) = format::fault(form, &self.object.id.name) {
            let message =
                format!("the name {} of a {} {fault}", quoted(&self.object.id.name), self.object.id.kind.name());
            self.error("/metadata/name", message, "");
        }
    }

    /// Labels and annotations that begin with `writ.` are ours; a manifest may set those that speak to us.
    fn own_names(&mut self, pointer: &str, template: bool) {
        let Some(metadata) = self.object.at(pointer) else { return };
        for part in ["labels", "annotations"] {
            let names = metadata.get(part).and_then(Value::as_object);
            for name in names.into_iter().flat_map(|names| names.keys()).filter(|name| name.starts_with("writ.")) {
                let place = format!("{pointer}/{part}/{}", name.replace('~', "~0").replace('/', "~1"));
                let of_ingress = [annotation::TLS, annotation::TLS_EMAIL].contains(&name.as_str());
                if part == "annotations" && of_ingress && self.object.id.kind == Kind::Ingress {
                    continue;
                }
                let of_secret = self.object.id.kind == Kind::Secret && name == annotation::PASSWORD_FROM;
                if part == "annotations" && of_secret {
                    continue;
                }
                let known = part == "annotations" && annotation::ALL.contains(&name.as_str());
                // What is published of a Service is said there; of pods, in their template.
                let of_service = self.object.id.kind == Kind::Service && name == annotation::PUBLISH;
                match (known, template || of_service) {
                    (true, true) => {}
                    (true, false) => {
                        let help = "move it to `spec.template.metadata.annotations`";
                        self.error(&place, format!("the annotation {} belongs to a pod template", quoted(name)), help);
                    }
                    (false, _) => {
                        let message = format!("the name {} in `{part}` is kept for Writ itself", quoted(name));
                        self.error(&place, message, "choose a name that does not begin with `writ.`");
                    }
                }
            }
        }
    }

    fn distinct_keys(&mut self, first: &str, second: &str) {
        let Some(first_keys) = self.object.at(first).and_then(Value::as_object) else { return };
        let second_keys = self.object.at(second).and_then(Value::as_object);
        for key in second_keys.into_iter().flat_map(|keys| keys.keys()).filter(|key| first_keys.contains_key(*key)) {
            let message = format!("the key {} is in both `data` and `binaryData`", quoted(key));
            self.error(&format!("{second}/{key}"), message, "keep one of them");
        }
    }

    /// A Secret of logins without any would be found out by a pull that fails. What is encrypted is not known yet.
    fn logins(&mut self) {
        let Some(form) = self.text("/type").and_then(LoginsForm::of_type) else { return };
        let has = |field: &str| self.object.at(field).is_some_and(|keys| keys.get(form.key()).is_some());
        if !has("/data") && !has("/stringData") {
            let message = format!("a Secret of the type `{}` needs the key `{}`", form.type_name(), form.key());
            self.error("/type", message, "add what `docker login` writes to `~/.docker/config.json`");
        }
        let pointer = format!("/metadata/annotations/{}", annotation::PASSWORD_FROM);
        if let Some(from) = self.text(&pointer).filter(|from| BucketRef::with_key(from).is_none()) {
            let message = format!(
                "`{}` must be `SCOPE/KEY` or `SCOPE/NAME/KEY`, not {}",
                annotation::PASSWORD_FROM,
                quoted(from)
            );
            self.error(&pointer, message, "");
        }
    }

    fn service(&mut self) {
        if self.object.at("/spec/selector").and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
            self.error("/spec/selector", "a Service with an empty `selector` leads nowhere", "name labels of the pods");
        }
        let ports = self.items("/spec/ports");
        if ports.is_empty() && self.text("/spec/clusterIP") != Some("None") {
            let help = "list the ports of its pods, or write `clusterIP: None`";
            self.error("/spec", "a Service with an address needs `ports`", help);
        }
        if ports.len() > 1 {
            for (pointer, _) in ports.iter().filter(|(_, port)| port.get("name").is_none()) {
                self.error(pointer, "each of several ports needs a `name`", "");
            }
        }
        self.distinct(&ports, "/name", "port");
    }

    fn budget(&mut self) {
        match (self.object.at("/spec/minAvailable"), self.object.at("/spec/maxUnavailable")) {
            (Some(_), Some(_)) => {
                let message = "`minAvailable` and `maxUnavailable` exclude each other";
                self.error("/spec/maxUnavailable", message, "keep one of them");
            }
            (None, None) => self.error("/spec", "a PodDisruptionBudget needs `minAvailable` or `maxUnavailable`", ""),
            (Some(_), None) | (None, Some(_)) => {}
        }
    }

    /// Reports every item whose text at `part` another one before it has.
    fn distinct(&mut self, items: &[(String, &Value)], part: &str, what: &str) {
        let mut seen: BTreeMap<&str, ()> = BTreeMap::new();
        for (pointer, item) in items {
            let Some(name) = item.pointer(part).and_then(Value::as_str) else { continue };
            if seen.insert(name, ()).is_some() {
                self.error(&format!("{pointer}{part}"), format!("the {what} {} is there twice", quoted(name)), "");
            }
        }
    }

    /// Reports an item that has none or several of the fields of which it must have one.
    fn exactly_one(&mut self, pointer: &str, value: &Value, fields: &[&str], what: &str) {
        let given: Vec<&&str> = fields.iter().filter(|field| value.get(**field).is_some()).collect();
        match given.as_slice() {
            [_] => {}
            [] => self.error(pointer, format!("{what} needs one of `{}`", fields.join("`, `")), ""),
            [first, second, ..] => {
                let message = format!("{what} cannot have both `{first}` and `{second}`");
                self.error(&format!("{pointer}/{second}"), message, "keep one of them");
            }
        }
    }
}

/// True if a pointer is another one or leads below it.
fn is_below(pointer: &str, above: &str) -> bool {
    pointer.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
