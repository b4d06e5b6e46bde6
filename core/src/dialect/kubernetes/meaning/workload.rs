//! What the fields of a workload say together.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Judge;
use crate::model::extras::{read_limits, read_log};
use crate::model::{Schedule, annotation};
use crate::text::quoted;

const SPEC: &str = "/spec/template/spec";

impl Judge<'_> {
    pub(super) fn workload(&mut self) {
        if self.is_whole() {
            self.selector();
        }
        self.own_names("/spec/template/metadata", true);
        self.own_values();
        self.strategy();
        self.restarts(&["Always"], "leave it out");
        if self.is_whole() {
            self.claims();
        }
        self.pod(SPEC);
    }

    /// When a CronJob is due, in its flattened form.
    pub(super) fn schedule(&mut self) {
        let zone = self.text("/cron/timeZone");
        if let Some(zone) = zone.filter(|zone| !Schedule::knows(zone)) {
            let message = format!("{} is no time zone", quoted(zone));
            self.error("/cron/timeZone", message, "write one as the database of zones has it: `Europe/Berlin`");
        } else if let Some(text) = self.text("/cron/schedule")
            && let Err(message) = Schedule::parse(text, zone.unwrap_or(Schedule::ZONE_DEFAULT))
        {
            self.error("/cron/schedule", message, "write minute, hour, day, month and weekday: `30 2 * * MON-FRI`");
        }
    }

    pub(super) fn job(&mut self) {
        self.own_names("/spec/template/metadata", true);
        self.own_values();
        self.restarts(&["Never", "OnFailure"], "choose one of them: pods of a Job run to their end");
        self.pod(SPEC);
    }

    /// What the kind of workload lets be done with a container that ended.
    fn restarts(&mut self, possible: &[&str], help: &str) {
        let pointer = format!("{SPEC}/restartPolicy");
        let written = self.text(&pointer);
        if !possible.contains(&written.unwrap_or("Always")) {
            let kind = self.object.id.kind.name();
            let written = written.map_or_else(|| "left out".to_owned(), quoted);
            let possible: Vec<String> = possible.iter().map(|policy| format!("`{policy}`")).collect();
            let message = format!("`restartPolicy` of a {kind} must be {}, and is {written}", possible.join(" or "));
            self.error(&pointer, message, help);
        }
    }

    /// The selector must find the pods of the template, or the workload would make pods without end.
    fn selector(&mut self) {
        let labels = self.object.at("/spec/template/metadata/labels").and_then(Value::as_object);
        let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
        let wanted = self.object.at("/spec/selector/matchLabels").and_then(Value::as_object);
        let expressions = self.items("/spec/selector/matchExpressions");
        if wanted.is_none_or(serde_json::Map::is_empty) && expressions.is_empty() {
            self.error("/spec/selector", "an empty `selector` finds every pod", "repeat the labels of the template");
            return;
        }
        for (key, value) in wanted.into_iter().flatten() {
            if label(key) != value.as_str() {
                let message = format!(
                    "the selector does not find its own pods: the template has no label {}: {}",
                    quoted(key),
                    quoted(value.as_str().unwrap_or_default())
                );
                let pointer = format!("/spec/selector/matchLabels/{}", key.replace('~', "~0").replace('/', "~1"));
                self.error(&pointer, message, "give `spec.template.metadata.labels` the same labels");
            }
        }
        for (pointer, expression) in expressions {
            let values: Vec<&str> =
                expression["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let found = label(expression["key"].as_str().unwrap_or_default());
            let fits = match expression["operator"].as_str() {
                Some("In") => found.is_some_and(|found| values.contains(&found)),
                Some("NotIn") => found.is_none_or(|found| !values.contains(&found)),
                Some("Exists") => found.is_some(),
                _ => found.is_none(),
            };
            if !fits {
                let message =
                    "the selector does not find its own pods: this expression leaves out the template's labels";
                self.error(&pointer, message, "give `spec.template.metadata.labels` labels that it finds");
            }
        }
    }

    fn own_values(&mut self) {
        let pointer = "/spec/template/metadata/annotations";
        let Some(annotations) = self.object.at(pointer) else { return };
        let text = |name: &str| annotations.get(name).and_then(Value::as_str);
        if let Some(value) = text(annotation::PUBLISH).filter(|value| *value != "loopback") {
            let message = format!("`{}` must be `loopback`, not {}", annotation::PUBLISH, quoted(value));
            self.error(&format!("{pointer}/{}", annotation::PUBLISH), message, "");
        }
        let sound = |value: &str| {
            value
                .split_once('/')
                .is_some_and(|(scope, name)| !scope.is_empty() && !name.is_empty() && !name.contains('/'))
        };
        let one = |bucket: &str| sound(bucket) || !bucket.is_empty() && !bucket.contains('/');
        if let Some(value) = text(annotation::ENV_FROM).filter(|value| !value.split(',').all(one)) {
            let message = format!("`{}` must be `SCOPE` or `SCOPE/NAME`, not {}", annotation::ENV_FROM, quoted(value));
            self.error(&format!("{pointer}/{}", annotation::ENV_FROM), message, "put commas between several");
        }
        let limits = text(annotation::LIMITS).and_then(|value| read_limits(value).err());
        let log = text(annotation::LOG).and_then(|value| read_log(value).err());
        for (name, why) in [(annotation::LIMITS, limits), (annotation::LOG, log)] {
            if let Some(why) = why {
                self.error(&format!("{pointer}/{name}"), format!("`{name}`: {why}"), "");
            }
        }
        if let Some(value) = text(annotation::BUCKET).filter(|value| !sound(value)) {
            let message = format!("`{}` must be `SCOPE/NAME`, not {}", annotation::BUCKET, quoted(value));
            self.error(&format!("{pointer}/{}", annotation::BUCKET), message, "");
        }
    }

    fn strategy(&mut self) {
        for (pointer, other) in [("/spec/updateStrategy", "OnDelete"), ("/spec/strategy", "Recreate")] {
            let Some(strategy) = self.object.at(pointer) else { continue };
            if strategy["type"].as_str() == Some(other) && strategy.get("rollingUpdate").is_some() {
                let rolling = format!("{pointer}/rollingUpdate");
                self.error(&rolling, format!("`rollingUpdate` does not go with the type `{other}`"), "leave it out");
            }
        }
        let rolling = "/spec/strategy/rollingUpdate";
        let Some(shares) = self.object.at(rolling) else { return };
        let none = |name: &str| {
            shares.get(name).is_some_and(|share| {
                share.as_i64() == Some(0) || share.as_str().is_some_and(|share| share.trim_matches('0') == "%")
            })
        };
        if none("maxSurge") && none("maxUnavailable") {
            let message = "`maxSurge` and `maxUnavailable` cannot both be 0: no pod could ever be replaced";
            self.error(&format!("{rolling}/maxUnavailable"), message, "set one of them to 1");
        }
    }

    /// Each claim template is one volume of each pod, so it has a name of its own and some container mounts it.
    fn claims(&mut self) {
        let claims = self.items("/spec/volumeClaimTemplates");
        if claims.is_empty() {
            return;
        }
        self.distinct(&claims, "/metadata/name", "claim template");
        let mut mounted: BTreeMap<&str, ()> = BTreeMap::new();
        for list in ["containers", "initContainers"] {
            for (pointer, _) in self.items(&format!("{SPEC}/{list}")) {
                for (_, mount) in self.items(&format!("{pointer}/volumeMounts")) {
                    mounted.extend(mount["name"].as_str().map(|name| (name, ())));
                }
            }
        }
        let volumes: BTreeMap<&str, ()> = self
            .items(&format!("{SPEC}/volumes"))
            .iter()
            .filter_map(|(_, volume)| Some((volume["name"].as_str()?, ())))
            .collect();
        for (pointer, claim) in claims {
            let Some(name) = claim.pointer("/metadata/name").and_then(Value::as_str) else { continue };
            let place = format!("{pointer}/metadata/name");
            if volumes.contains_key(name) {
                self.error(
                    &place,
                    format!("the volume {} is given by `volumes`, too", quoted(name)),
                    "rename one of them",
                );
            }
            if !mounted.contains_key(name) {
                let help = "add it to the `volumeMounts` of a container";
                self.error(&place, format!("no container mounts the claim {}", quoted(name)), help);
            }
            if claim.pointer("/spec/accessModes").and_then(Value::as_array).is_some_and(Vec::is_empty) {
                self.error(&format!("{pointer}/spec/accessModes"), "`accessModes` is empty", "write [ReadWriteOnce]");
            }
        }
    }
}
