//! A lane as it is written, step by step.

use super::look::{Look, Need, reported};
use super::step::{Act, Cause, Fix, Lane, Run, Step, Verb, Wait};
use super::why;
use super::world::Subject;
use crate::hash::SpecHash;
use crate::holdings::{Held, HoldingChange, RunMark};
use crate::limits::WAIT_SECONDS_MIN;
use crate::model::{ObjectId, PodIndex, PodSpec, VolumeSpec, Workload};
use crate::observed::ObservedPod;
use crate::time::Seconds;

/// A lane that is being written.
pub(super) struct Draft<'a> {
    subject: &'a Subject<'a>,
    steps: Vec<Step>,
}

/// Why a pod is made.
pub(super) struct Birth {
    pub(super) verb: Verb,
    pub(super) why: String,
    pub(super) cause: Cause,
}

impl<'a> Draft<'a> {
    pub(super) const fn new(subject: &'a Subject<'a>) -> Self {
        Self { subject, steps: Vec::new() }
    }

    /// Says why nothing is done for a pod.
    pub(super) fn note(&mut self, pod: &str, why: impl Into<String>, cause: Cause) {
        self.steps.push(nothing(Verb::Keep, &self.subject.workload.id, Some(pod), why.into(), cause));
    }

    /// Says why nothing is done for the whole workload.
    pub(super) fn note_all(&mut self, why: String, cause: Cause) {
        self.steps.push(nothing(Verb::Keep, &self.subject.workload.id, None, why, cause));
    }

    /// Says that a pod could not be looked at.
    pub(super) fn unseen(&mut self, pod: &str, reason: &str) {
        self.note(pod, format!("not seen: {reason}"), Cause::None);
    }

    /// Says which pods of a run could not be looked at, and that nothing is run for their sake; false if all were seen.
    pub(super) fn hides(&mut self, subject: &Subject<'_>) -> bool {
        let unseen = subject.world.unseen(&subject.workload.id);
        for (name, _, reason) in &unseen {
            self.unseen(name, reason);
        }
        if !unseen.is_empty() {
            self.note_all("nothing is run: not every pod was seen".to_owned(), Cause::None);
        }
        !unseen.is_empty()
    }

    /// Makes a pod from a template and, before it, its missing volumes. Drift that is only reported becomes a note, and false.
    pub(super) fn create(&mut self, template: &Workload, index: &PodIndex, birth: Birth) -> bool {
        let spec = template.pod(index);
        let Birth { verb, why, cause } = birth;
        if cause == Cause::Drift && self.subject.reports_drift() {
            self.note(&spec.name, reported(&why), cause);
            return false;
        }
        let why = format!("{why}{}", self.volumes(&spec, cause));
        let (to, pod) = (Some(spec.revision.clone()), Some(spec.name.clone()));
        self.push(verb, pod, why, cause, (None, to), Act::CreatePod(Box::new(spec)));
        true
    }

    /// Gives a pod a new container from a template and waits for it.
    pub(super) fn renew(&mut self, template: &Workload, look: &Look<'_>) {
        self.replace(template, look);
        self.await_new(look.name);
    }

    /// Gives a pod a new container from a template. Waits for nothing.
    pub(super) fn replace(&mut self, template: &Workload, look: &Look<'_>) {
        let spec = template.pod(&look.pod.index);
        let why = format!("{}{}", look.why, self.volumes(&spec, look.cause));
        let hashes = (look.pod.revision.clone(), Some(spec.revision.clone()));
        let act = Act::ReplacePod { container: look.pod.container.clone(), spec: Box::new(spec) };
        self.push(Verb::Replace, Some(look.name.to_owned()), why, look.cause, hashes, act);
    }

    /// Mends and starts a container that may stay. Waits for nothing.
    pub(super) fn mend(&mut self, look: &Look<'_>) {
        let (fixes, starts) = match &look.need {
            Need::Mend(fixes) => (fixes, false),
            Need::Start(fixes) => (fixes, true),
            Need::Nothing | Need::Note | Need::Await | Need::Renew => return,
        };
        let (container, revision) = (look.pod.container.clone(), look.pod.revision.clone());
        let pod = || Some(look.name.to_owned());
        let hashes = || (revision.clone(), revision.clone());
        if !fixes.is_empty() {
            let spec = Box::new(self.subject.workload.pod(&look.pod.index));
            let act = Act::MendPod { spec, container: container.clone(), fixes: fixes.clone() };
            self.push(Verb::Update, pod(), look.why.clone(), look.cause, hashes(), act);
        }
        if starts {
            let act = Act::StartPod { pod: look.name.to_owned(), container };
            self.push(Verb::Start, pod(), look.why.clone(), look.cause, hashes(), act);
        }
    }

    /// Removes a pod; its volumes stay.
    pub(super) fn remove(&mut self, verb: Verb, name: &str, pod: &ObservedPod, why: String, cause: Cause) {
        let volumes = self.subject.world.volumes(&self.subject.workload.id);
        let why = format!("{why}{}", why::kept_volumes(&of_pod(volumes, &pod.index)));
        self.steps.push(removal(verb, &self.subject.workload.id, (name, pod), why, cause));
    }

    /// Waits for a pod that was made or touched in this lane.
    pub(super) fn await_new(&mut self, name: &str) {
        self.wait(name, self.subject.progress_deadline());
    }

    /// Waits for a pod that was found: for the rest of its time, and at least long enough to find out. One that
    /// restarts again and again has had its time.
    pub(super) fn await_found(&mut self, look: &Look<'_>) {
        let rest = look.pod.time_left(self.subject.progress_deadline(), self.subject.world.input.now);
        let least = self.subject.workload.min_ready().0.saturating_add(WAIT_SECONDS_MIN);
        let why = format!("waiting for {} to become ready: {}", look.name, look.why);
        self.note(look.name, why, Cause::None);
        self.set_wait(look.name, rest.max(Seconds(least)));
    }

    fn wait(&mut self, name: &str, deadline: Seconds) {
        let touched = |step: &Step| step.pod.as_deref() == Some(name) && step.act != Act::Nothing;
        if !self.steps.last().is_some_and(touched) {
            self.note(name, format!("waiting for {name} to become ready"), Cause::None);
        }
        self.set_wait(name, deadline);
    }

    fn set_wait(&mut self, name: &str, deadline: Seconds) {
        if let Some(last) = self.steps.last_mut() {
            last.wait = Some(Wait { pod: name.to_owned(), deadline });
        }
    }

    /// Makes the volumes that a pod needs and that are not there; tells which ones it finds.
    fn volumes(&mut self, spec: &PodSpec, cause: Cause) -> String {
        let observed = &self.subject.world.input.observed.volumes;
        let (there, missing): (Vec<_>, Vec<_>) =
            spec.volumes.iter().partition(|volume| observed.contains_key(&volume.name));
        for volume in missing {
            let why = self.new_volume(volume);
            let pod = Some(spec.name.clone());
            self.push(Verb::Create, pod, why, cause, (None, None), Act::CreateVolume(volume.clone()));
        }
        let names: Vec<&str> = there.iter().map(|volume| volume.name.as_str()).collect();
        why::kept_volumes(&names)
    }

    /// A new volume is empty; where data of the same pod lies under another name, that is said.
    fn new_volume(&self, volume: &VolumeSpec) -> String {
        let VolumeSpec { name, object, claim, ordinal } = volume;
        let others: Vec<&str> = self
            .subject
            .world
            .volumes(object)
            .iter()
            .filter(|(_, other)| other.ordinal == Some(*ordinal) && other.claim != *claim)
            .map(|(other, _)| *other)
            .collect();
        let elsewhere = match others.as_slice() {
            [] => String::new(),
            names => format!("; data of this pod under another name stays in {}", names.join(", ")),
        };
        let gone = if self.subject.applied && elsewhere.is_empty() && self.was_there(*ordinal) {
            ", in the place of one that is gone"
        } else {
            ""
        };
        format!("new empty volume {name} for claim {claim}{gone}{elsewhere}")
    }

    fn was_there(&self, ordinal: u32) -> bool {
        let first = self.subject.workload.ordinals().first().copied().unwrap_or(0);
        self.subject.held.is_some_and(|held| ordinal.saturating_sub(first) < held.replicas)
    }

    fn push(
        &mut self,
        verb: Verb,
        pod: Option<String>,
        why: String,
        cause: Cause,
        (from, to): (Option<SpecHash>, Option<SpecHash>),
        act: Act,
    ) {
        let object = self.subject.workload.id.clone();
        self.steps.push(Step { verb, object, pod, why, cause, from, to, act, wait: None });
    }

    /// Starts a container that was made and never ran.
    pub(super) fn start(&mut self, name: &str, pod: &ObservedPod) {
        let hashes = (pod.revision.clone(), pod.revision.clone());
        let act = Act::StartPod { pod: name.to_owned(), container: pod.container.clone() };
        self.push(Verb::Start, Some(name.to_owned()), why::state(&pod.state), Cause::Change, hashes, act);
    }

    /// Makes, mends or starts what a pod that runs to its end lacks of its containers.
    pub(super) fn complete(&mut self, name: &str, pod: &ObservedPod) {
        self.fix(name, pod, Fix::Parts, why::alterations(&pod.altered));
    }

    /// Ends what stood beside the main containers of a pod that ran to its end.
    pub(super) fn end(&mut self, name: &str, pod: &ObservedPod) {
        self.fix(name, pod, Fix::End, "its main containers have ended; what stood beside them is ended".to_owned());
    }

    fn fix(&mut self, name: &str, pod: &ObservedPod, fix: Fix, why: String) {
        let hashes = (pod.revision.clone(), pod.revision.clone());
        let spec = Box::new(self.subject.workload.pod(&pod.index));
        let act = Act::MendPod { spec, container: pod.container.clone(), fixes: vec![fix] };
        self.push(Verb::Update, Some(name.to_owned()), why, Cause::Change, hashes, act);
    }

    /// True if that is how far the run is by what is held.
    pub(super) fn is_held_at(&self, mark: Option<&RunMark>) -> bool {
        match mark {
            // The times of a CronJob go on, whatever its template is.
            Some(RunMark::Scheduled(_)) => self.subject.held.and_then(Held::run).as_ref() == mark,
            Some(RunMark::Started(_) | RunMark::Suspended(_) | RunMark::Complete(_) | RunMark::Failed(..)) | None => {
                self.subject.run().as_ref() == mark
            }
        }
    }

    /// The lane of a run as it is now; nothing new is held of it.
    pub(super) fn lane_of_run(self, run: Run) -> Lane {
        Lane { run: Some(run), ..self.finish(false) }
    }

    /// The lane of a run as it is now, which is then held to be as far as `mark` says; none if it did not begin.
    pub(super) fn finish_run(self, mark: Option<&RunMark>, run: Run) -> Lane {
        let subject = self.subject;
        let news = !self.is_held_at(mark) || !subject.is_held_as_wanted();
        let mut lane = self.lane_of_run(run);
        lane.then = news.then(|| HoldingChange::Hold(lane.object.clone(), Box::new(subject.to_hold().at(mark))));
        lane
    }

    /// The lane as it is now. It holds what it reached only if `reaches` says that nothing was left out.
    pub(super) fn finish(mut self, reaches: bool) -> Lane {
        let object = self.subject.workload.id.clone();
        let holds = reaches && !self.subject.is_held_as_wanted();
        if !holds {
            forget_idle_waits(&mut self.steps);
        }
        if self.steps.is_empty() {
            self.steps.push(nothing(Verb::Keep, &object, None, "as desired".to_owned(), Cause::None));
        }
        let then = holds.then(|| HoldingChange::Hold(object.clone(), Box::new(self.subject.to_hold())));
        Lane { object, steps: self.steps, then, delay: None, run: None }
    }
}

/// A pod that nobody touched is waited for only where something depends on it: a pass with nothing to do must not stand
/// still because a database is not ready.
pub(super) fn forget_idle_waits(steps: &mut [Step]) {
    let last = steps.iter().rposition(|step| step.act != Act::Nothing).map_or(0, |at| at + 1);
    let touched = steps.iter().filter(|step| step.act != Act::Nothing).filter_map(|step| step.pod.clone());
    let touched: Vec<String> = touched.collect();
    for step in steps.iter_mut().skip(last) {
        if step.pod.as_ref().is_some_and(|pod| touched.contains(pod)) {
            continue;
        }
        if let Some(wait) = step.wait.take() {
            let words = format!("waiting for {} to become ready: ", wait.pod);
            step.why = format!("as desired, but {}", step.why.trim_start_matches(&words));
        }
    }
}

/// A lane that does nothing but say why something that is asked for is not done.
pub(super) fn refusal(object: &ObjectId, why: String) -> Lane {
    let steps = vec![nothing(Verb::Refuse, object, None, why, Cause::None)];
    Lane { object: object.clone(), steps, then: None, delay: None, run: None }
}

/// A step that does nothing, and why.
pub(super) fn nothing(verb: Verb, object: &ObjectId, pod: Option<&str>, why: String, cause: Cause) -> Step {
    let pod = pod.map(str::to_owned);
    Step { verb, object: object.clone(), pod, why, cause, from: None, to: None, act: Act::Nothing, wait: None }
}

/// The removal of one pod. How long it gets to stop is written on its own label.
pub(super) fn removal(
    verb: Verb,
    object: &ObjectId,
    (name, pod): (&str, &ObservedPod),
    why: String,
    cause: Cause,
) -> Step {
    Step {
        verb,
        object: object.clone(),
        pod: Some(name.to_owned()),
        why,
        cause,
        from: pod.revision.clone(),
        to: None,
        act: Act::RemovePod { pod: name.to_owned(), container: pod.container.clone(), grace: None },
        wait: None,
    }
}

/// The names of those volumes that belong to the pod at `index`.
pub(super) fn of_pod<'v>(volumes: &[(&'v str, &crate::observed::ObservedVolume)], index: &PodIndex) -> Vec<&'v str> {
    let ordinal = match index {
        PodIndex::Ordinal(ordinal) => *ordinal,
        PodIndex::Replica(_) | PodIndex::Try { .. } => return Vec::new(),
    };
    volumes.iter().filter(|(_, volume)| volume.ordinal == Some(ordinal)).map(|(name, _)| *name).collect()
}
