//! KubernetesCronJob: the objects that it stands for.

use super::Outside;
use super::container::{self, Asked, Role};
use super::head::{Head, Home};
use super::kind::Kind;
use super::made::{Draft, Made, flag};
use super::read::{Fields, Scene, Word};
use super::workload;

const SPEC: [&str; 18] = [
    "targetCluster",
    "namespace",
    "createNamespace",
    "image",
    "resources",
    "env",
    "schedule",
    "startingDeadlineSeconds",
    "concurrencyPolicy",
    "suspend",
    "successfulJobsHistoryLimit",
    "failedJobsHistoryLimit",
    "backoffLimit",
    "restartPolicy",
    "command",
    "args",
    "configMaps",
    "volumeMounts",
];
/// Source: what the module of OpenMCF calls it.
const CONTAINER: &str = "cronjob-container";
/// Where nothing is written. Source: the defaults of OpenMCF, of which these differ from those of Kubernetes.
const CONCURRENCY: &str = "Forbid";
const RESTART: &str = "Never";
const COUNT_MAX: i64 = i32::MAX as i64;

/// The documents of the Kubernetes objects, in the order in which they need each other. What is wrong is told to `scene`.
pub(super) fn lower<'a>(
    scene: &mut Scene<'_>,
    (head, whole): (&Head, &Fields<'_, 'a>),
    outside: &mut Outside<'_>,
) -> Vec<Made<'a>> {
    let Some(spec) = whole.must_child(scene, "spec", &SPEC) else { return Vec::new() };
    workload::target_cluster(scene, &spec);
    let namespace = outside.namespace(scene, &spec);
    let creates = spec.flag(scene, "createNamespace");
    let mut asked = Asked::default();
    let container = container::among(scene, &spec, Role::Main(CONTAINER), (outside, &head.name), &mut asked);
    let config_maps = workload::config_maps(scene, &spec);
    let schedule = spec.must_word(scene, "schedule");
    let concurrency = spec.choice(scene, "concurrencyPolicy", &["Allow", "Forbid", "Replace"]);
    let restart = restart(scene, &spec);
    // Zero says that a run may begin however late it is.
    let deadline = spec.number(scene, "startingDeadlineSeconds", 0..=COUNT_MAX).filter(|(seconds, _)| *seconds > 0);
    let kept = ["successfulJobsHistoryLimit", "failedJobsHistoryLimit"];
    let kept = kept.map(|name| (name, spec.number(scene, name, 0..=COUNT_MAX)));
    let backoff = spec.number(scene, "backoffLimit", 0..=COUNT_MAX);
    let suspend = spec.entry("suspend").map(|entry| flag(spec.flag(scene, "suspend"), &entry.range));
    let Some(namespace) = namespace else { return Vec::new() };

    let at = &spec.at;
    let home = Home { head, namespace: &namespace };
    let mut objects = Vec::new();
    objects.extend(creates.then(|| home.namespace_object()));
    objects.extend(workload::contents(&home, config_maps, &asked.secrets));
    let object = Kind::CronJob.main_object(&namespace.text, &head.name.text);
    scene.unfilled.extend(std::mem::take(&mut asked.unfilled).into_iter().map(|open| open.of(&object)));
    let pod = workload::pod(None, at, vec![container], asked).word("restartPolicy", Some(&restart));
    let job = Draft::new(at).number("backoffLimit", backoff).put("template", workload::template(&home, at, pod));
    let concurrency = concurrency.unwrap_or_else(|| Word::new(CONCURRENCY, at));
    let mut cron = Draft::new(at)
        .word("schedule", schedule.as_ref())
        .word("concurrencyPolicy", Some(&concurrency))
        .number("startingDeadlineSeconds", deadline)
        .maybe("suspend", suspend);
    for (name, number) in kept {
        cron = cron.number(name, number);
    }
    let cron = cron.put("jobTemplate", Draft::new(at).put("spec", job.done()).done()).done();
    objects.push(home.object("batch/v1", "CronJob", &head.name).put("spec", cron).done());
    objects
}

/// OpenMCF knows of a third word, which no server takes for the pods of a Job.
fn restart(scene: &mut Scene<'_>, spec: &Fields<'_, '_>) -> Word {
    let word = spec.choice(scene, "restartPolicy", &["OnFailure", "Never"]);
    word.unwrap_or_else(|| Word::new(RESTART, &spec.at))
}
