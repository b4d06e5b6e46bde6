//! A `job` or `cronjob` as a Job or CronJob of Kubernetes.

use super::assets::Assets;
use super::container::{Owner, container, image};
use super::declared::{Declared, Resource};
use super::fields::{Fields, Shape};
use super::placed::Placed;
use super::ports::Ports;
use super::probes::duration;
use super::scene::Scene;
use super::tree::{Form, Value};
use super::workload::{Lowered, Pod, REFUSED, labels, metadata, pod};
use crate::model::{Kind, Object, ObjectId, Schedule, annotation};
use crate::text::quoted;

/// The entries of a cronjob. Those behind the first [`OF_TIMES`] are a job's as well.
const ONCE: &[&str] = &[
    "schedule",
    "timezone",
    "concurrency",
    "suspend",
    "image",
    "command",
    "entrypoint",
    "env",
    "volumes",
    "resources",
    "cap_add",
    "network_mode",
    "timeout",
    "timeout_seconds",
];

const OF_TIMES: usize = 4;

const JOB: Shape = Shape { what: "a job", once: ONCE.split_at(OF_TIMES).1, repeated: &["init"], refused: REFUSED };

const CRONJOB: Shape = Shape { what: "a cronjob", once: ONCE, ..JOB };

/// Lowers one job or cronjob.
pub(super) fn lower(scene: &mut Scene<'_>, declared: &Declared<'_>, assets: &Assets) -> Lowered {
    let scheduled = declared.resource == Resource::Cronjob;
    let (scope, name) = (declared.scope.text.as_str(), declared.name.text.as_str());
    let fields = Fields::read(scene, if scheduled { &CRONJOB } else { &JOB }, &declared.block.entries);
    let owner = Owner { scope, name, has_ordinal: false };
    let image = image(scene, &fields, &declared.block.header, None);
    let main = container(scene, &fields, name, image.clone(), owner);
    let Pod { mut pod, volumes, .. } = pod(scene, &fields, main, (owner, image.as_ref()), &Ports::default(), assets);
    // Each try is a container of its own, so that its log stays.
    pod.set("restartPolicy", Placed::unplaced("Never"));
    let annotations = Placed::object().plain(annotation::BUCKET, format!("{scope}/{name}"));
    let of_pod = Placed::object().with("labels", labels(name)).with("annotations", annotations);
    let mut job = Placed::object().with("template", Placed::object().with("metadata", of_pod).with("spec", pod));
    if let Some(seconds) = duration(scene, &fields, "timeout", "timeout_seconds", 1) {
        job.set("activeDeadlineSeconds", seconds);
    }
    let (kind, spec) = if scheduled {
        let times = times(scene, &fields, declared);
        (Kind::CronJob, times.with("jobTemplate", Placed::object().with("spec", job)))
    } else {
        (Kind::Job, job)
    };
    let place = scene.place(&declared.block.header);
    let body = Placed::at(serde_json::Map::new(), place)
        .plain("apiVersion", kind.api_version())
        .plain("kind", kind.name())
        .with("metadata", metadata(scope, name))
        .with("spec", spec);
    let (body, places) = body.finish();
    let borrowed = volumes.borrowed().map(|(asset, key)| (asset, key.to_owned())).collect();
    Lowered { objects: vec![Object { id: ObjectId::new(kind, scope, name), body, places }], borrowed }
}

/// When a cronjob is due, and what becomes of a time that comes while an earlier run goes on.
fn times(scene: &mut Scene<'_>, fields: &Fields<'_>, declared: &Declared<'_>) -> Placed {
    let mut spec = Placed::object();
    let mut zone = Schedule::ZONE_DEFAULT.to_owned();
    if let Some((_, value)) = fields.value(scene, "timezone")
        && let Some(written) = scene.filled_string("timezone", value)
    {
        if Schedule::knows(&written) {
            spec.set("timeZone", Placed::at(written.clone(), scene.place(&value.span)));
            zone = written;
        } else {
            let help = "write one as the database of zones has it: \"Europe/Berlin\"";
            scene.refuse(&value.span, format!("{} is no time zone", quoted(&written)), help);
        }
    }
    match fields.value(scene, "schedule") {
        None if fields.entry("schedule").is_none() => {
            let help = "write minute, hour, day, month and weekday: `schedule = \"30 2 * * MON-FRI\"`";
            scene.refuse(&declared.block.header, "`schedule` is missing", help);
        }
        None => {}
        Some((_, value)) => {
            if let Some(written) = scene.filled_string("schedule", value) {
                match Schedule::parse(&written, &zone) {
                    Ok(_) => spec.set("schedule", Placed::at(written, scene.place(&value.span))),
                    Err(message) => {
                        let help = "write minute, hour, day, month and weekday: \"30 2 * * MON-FRI\"";
                        scene.refuse(&value.span, message, help);
                    }
                }
            }
        }
    }
    if let Some((_, value)) = fields.value(scene, "concurrency")
        && let Some(written) = scene.filled_string("concurrency", value)
    {
        if ["Allow", "Forbid", "Replace"].contains(&written.as_str()) {
            spec.set("concurrencyPolicy", Placed::at(written, scene.place(&value.span)));
        } else {
            let message = format!("`concurrency` cannot be {}", quoted(&written));
            scene.refuse(&value.span, message, "write \"Allow\", \"Forbid\" or \"Replace\"");
        }
    }
    if let Some((_, value)) = fields.value(scene, "suspend")
        && let Some(suspend) = truth(scene, "suspend", value)
    {
        spec.set("suspend", Placed::at(suspend, scene.place(&value.span)));
    }
    spec
}

pub(super) fn truth(scene: &mut Scene<'_>, what: &str, value: &Value) -> Option<bool> {
    match &value.form {
        Form::Bool(truth) => Some(*truth),
        Form::Faulty | Form::Null | Form::Number(_) | Form::Text(_) | Form::List(_) | Form::Map(_) | Form::Call(..) => {
            scene.wrong_kind(what, "true or false", value, "write it without quotes");
            None
        }
    }
}
