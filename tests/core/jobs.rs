//! What is planned for workloads that end, moment by moment.
//!
//! A timeline has sections: `desired` in the lines of `simulation::desired`; `host`, lines of a described host; `moments`,
//! one a line: `+5s` moves the clock and makes a pass; everything else happens before the next pass (`gone POD`,
//! `desired LINE` in the place of all that was wanted, `held` forgets what is held, `host LINE` for the described host,
//! `state POD STATE`); and `told`: each plan that does something, holds something or says something new. After each
//! pass a second one must do nothing. With `UPDATE=1` the expectation is written instead of compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use writ_core::holdings::Holdings;
use writ_core::model::{Controller, PodIndex};
use writ_core::observed::PodState;
use writ_core::plan::{Act, Plan, RunState};
use writ_core::simulated::Host;
use writ_core::time::Seconds;

use crate::plan::{render, section, sections};
use crate::simulation::{NOW, Unit, desired};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/jobs")
}

fn changed(host: &Host, change: impl Fn(&mut Vec<String>)) -> Host {
    let mut lines: Vec<String> = host.to_string().lines().map(str::to_owned).collect();
    change(&mut lines);
    Host::parse(&lines.join("\n")).unwrap()
}

fn happens(unit: &mut Unit, text: &str) {
    let (what, rest) = text.split_once(' ').unwrap_or((text, ""));
    let is_pod = |line: &str, pod: &str| line.split_whitespace().take(2).eq(["pod", pod]);
    match what {
        "gone" => {
            let pods = unit.host.observe(unit.now).pods;
            assert!(pods.contains_key(rest), "{text}");
            unit.host = changed(&unit.host, |lines| lines.retain(|line| !is_pod(line, rest)));
        }
        "desired" => unit.desired = desired(rest),
        "held" => unit.held = Holdings::default(),
        "host" => unit.host = changed(&unit.host, |lines| lines.push(rest.to_owned())),
        "state" => {
            let (pod, state) = rest.split_once(' ').unwrap();
            unit.host = changed(&unit.host, |lines| {
                let line = lines.iter_mut().find(|line| is_pod(line, pod)).unwrap();
                let words = line.split(' ').map(|word| if word.starts_with("state=") { state } else { word });
                *line = words.collect::<Vec<_>>().join(" ");
            });
        }
        other => panic!("{other}"),
    }
}

fn told(unit: &Unit, plan: &Plan) -> String {
    let mut text = render(plan);
    for run in plan.lanes.iter().filter_map(|lane| lane.run.as_ref()) {
        let state = match &run.state {
            RunState::Going(text) => format!("going: {text}"),
            RunState::AtRest => "at rest".to_owned(),
            RunState::Failed(_) => "failed".to_owned(),
        };
        let due = run.due.map(|due| format!(", due +{}s", due.millis_since(NOW) / 1_000));
        writeln!(text, "({state}{})", due.unwrap_or_default()).unwrap();
    }
    let revisions = unit.desired.workloads.values().map(|workload| workload.revision.short());
    revisions.fold(text, |text, revision| text.replace(revision, "DESIRED"))
}

fn check(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let sections = sections(&text);
    let mut unit = Unit::new(desired(section(&sections, "desired")));
    unit.host = Host::parse(&format!("network present\n{}", section(&sections, "host"))).unwrap();
    let (mut all, mut before) = (String::new(), String::new());
    for moment in section(&sections, "moments").lines() {
        let Some(span) = moment.strip_prefix('+') else {
            happens(&mut unit, moment);
            writeln!(all, "-- {moment}").unwrap();
            continue;
        };
        unit.now = NOW.plus(Seconds::parse(span).unwrap());
        let plan = unit.plan();
        let shown = told(&unit, &plan);
        let ending = unit.apply(&plan);
        assert!(ending.failures.is_empty(), "{}: {moment}: {ending:?}", path.display());
        if shown != before {
            writeln!(all, "-- +{span}\n{}", shown.trim_end()).unwrap();
        }
        before = shown;
        // What is due by now, after the end of a run was held, is done by the next pass.
        let due =
            plan.lanes.iter().any(|lane| lane.run.as_ref().and_then(|run| run.due).is_some_and(|at| at <= unit.now));
        let again = unit.plan();
        assert!(due || again.is_settled(), "{}: {moment}, again:\n{}", path.display(), render(&again));
    }
    if std::env::var_os("UPDATE").is_some() {
        let kept = text.split("== told").next().unwrap().trim_end();
        std::fs::write(path, format!("{kept}\n\n== told\n{all}")).unwrap();
        return;
    }
    assert_eq!(all.trim(), section(&sections, "told"), "{}", path.display());
}

macro_rules! timelines {
    ($($claim:ident: $name:literal,)*) => {
        $(#[test]
        fn $claim() {
            check(&folder().join(concat!($name, ".timeline")));
        })*

        #[test]
        fn every_timeline_is_run() {
            let names = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
            let names = names.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned());
            let idle: Vec<String> = names.filter(|name| ![$($name),*].contains(&name.as_str())).collect();
            assert!(idle.is_empty(), "{idle:?}");
        }
    };
}

timelines! {
    a_job_that_is_complete_stays_complete: "complete",
    a_job_that_is_complete_stays_so_without_its_containers_and_without_the_record: "witnesses",
    a_job_runs_as_many_at_once_as_it_allows: "parallelism",
    an_indexed_job_runs_each_index: "indexed",
    workers_on_a_queue_are_not_sent_again_once_one_found_it_empty: "queue",
    failures_pause_longer_each_time_and_end_the_job: "backoff",
    with_on_failure_only_the_last_try_is_kept: "on-failure",
    a_deadline_ends_the_job: "deadline",
    what_ended_goes_when_its_time_is_over_and_does_not_run_again: "ttl",
    a_suspended_job_runs_nothing_and_goes_on_later: "suspend",
    what_stands_beside_a_job_is_ended_with_it_and_what_is_half_made_is_made_whole: "lingers",
    a_changed_template_is_a_new_run: "new-run",
    what_was_made_and_never_ran_is_started: "never-started",
    a_pod_that_is_not_seen_holds_up_its_job: "unseen",
    a_job_that_leaves_takes_its_pods_along: "leaves",
    a_pod_that_somebody_removed_while_it_ran_is_made_again: "removed-by-hand",
    a_job_that_asks_for_no_completions_is_complete: "no-completions",
    a_cron_job_is_run_at_each_of_its_times: "cron-due",
    a_time_that_was_missed_is_run_unless_it_is_too_late: "cron-missed",
    of_more_than_a_hundred_missed_times_the_last_one_is_run: "cron-missed-many",
    runs_go_side_by_side_where_they_may: "cron-allow",
    a_time_waits_for_the_run_before_it_where_it_must: "cron-forbid",
    a_run_is_replaced_where_the_next_one_is_to_take_its_place: "cron-replace",
    as_many_runs_are_kept_as_the_limits_say: "cron-history",
    a_run_that_is_not_kept_goes_once_it_is_held: "cron-history-none",
    a_run_that_is_not_kept_stays_until_it_is_held_that_it_was: "cron-history-forgotten",
    a_run_that_fails_is_tried_again_and_a_later_one_that_succeeds_makes_it_good: "cron-retry",
    a_run_goes_on_and_the_next_one_has_the_new_template: "cron-new-template",
    pods_say_which_time_was_run_where_the_record_is_lost: "cron-forgotten",
    a_suspended_cron_job_begins_no_run: "cron-suspended",
    a_time_is_that_of_its_zone: "cron-zone",
    a_run_that_does_not_end_in_time_has_failed: "cron-deadline",
    a_cron_job_that_leaves_takes_its_runs_along: "cron-leaves",
    a_pod_that_is_not_seen_holds_up_its_cron_job: "cron-unseen",
}

/// What befalls a run.
#[derive(Debug, Clone)]
enum Accident {
    /// The record is lost.
    Forgotten,
    /// The agent dies at the act after so many more, before or after it is done.
    Dies(u64, &'static str),
    /// The host refuses an act.
    Refuses(u64),
    /// A container was made and never started.
    NeverStarted(usize),
    /// A person removes a container that has not ended.
    Gone(usize),
    /// Only time goes by.
    Nothing,
}

fn accident() -> impl Strategy<Value = Accident> {
    prop_oneof![
        Just(Accident::Forgotten),
        (1..4_u64, prop::sample::select(vec!["crash-before", "crash-after"]))
            .prop_map(|(at, how)| Accident::Dies(at, how)),
        (1..4_u64).prop_map(Accident::Refuses),
        (0..4_usize).prop_map(Accident::NeverStarted),
        (0..4_usize).prop_map(Accident::Gone),
        Just(Accident::Nothing),
    ]
}

fn befall(unit: &mut Unit, accident: &Accident) {
    let observed = unit.host.observe(unit.now);
    let runs = |at: usize| {
        let active: Vec<&String> =
            observed.pods.iter().filter(|(_, pod)| pod.state == PodState::Running).map(|(name, _)| name).collect();
        (!active.is_empty()).then(|| active[at % active.len()].clone())
    };
    let acts: u64 = {
        let text = unit.host.to_string();
        let count = text.lines().find_map(|line| line.strip_prefix("count acts=")).unwrap();
        count.split(' ').next().unwrap().parse().unwrap()
    };
    match accident {
        Accident::Forgotten => unit.held = Holdings::default(),
        Accident::Dies(at, how) => happens(unit, &format!("host fault {} {how}", acts + at)),
        Accident::Refuses(at) => happens(unit, &format!("host fault {} refuse", acts + at)),
        Accident::NeverStarted(at) => {
            if let Some(pod) = runs(*at) {
                happens(unit, &format!("state {pod} state=created"));
            }
        }
        Accident::Gone(at) => {
            if let Some(pod) = runs(*at) {
                happens(unit, &format!("gone {pod}"));
            }
        }
        Accident::Nothing => {}
    }
}

/// The completions that a plan makes pods for.
fn made(plan: &Plan) -> Vec<u32> {
    let made = plan.steps().filter_map(|step| match &step.act {
        Act::CreatePod(spec) => match spec.index {
            PodIndex::Try { run: _, completion, earlier: _ } => Some(completion),
            PodIndex::Ordinal(_) | PodIndex::Replica(_) => None,
        },
        Act::Nothing
        | Act::CreateNetwork
        | Act::CreateVolume(_)
        | Act::BackUp(_)
        | Act::StartPod { .. }
        | Act::MendPod { .. }
        | Act::ReplacePod { .. }
        | Act::RemovePod { .. }
        | Act::RemoveVolume { .. }
        | Act::ApplyObject(_)
        | Act::DeleteObject(_)
        | Act::Serve(_) => None,
    });
    made.collect()
}

proptest! {
    #[test]
    fn whatever_happens_no_completion_is_run_again_once_it_succeeded_and_no_job_once_it_ended(
        (completions, parallelism, backoff) in (0..5_u32, 1..4_u32, 0..4_u32),
        (never, ttl, deadline) in (any::<bool>(), prop::option::of(0..100_u32), prop::option::of(1..200_u32)),
        codes in prop::collection::vec((0..3_i64, 1..40_u32), 4),
        passes in prop::collection::vec((accident(), 0..60_u32), 1..20),
    ) {
        let mut line = format!("job/data/it completions={completions} parallelism={parallelism} backoff={backoff}");
        if never { line.push_str(" never"); }
        if let Some(ttl) = ttl { write!(line, " ttl={ttl}").unwrap(); }
        if let Some(deadline) = deadline { write!(line, " deadline={deadline}").unwrap(); }
        let mut unit = Unit::new(desired(&line));
        let mut host = "network present\nrule job/data/it ends:0:7s\n".to_owned();
        for (completion, (code, span)) in codes.iter().enumerate() {
            writeln!(host, "rule data-it.{completion}-0 ends:{code}:{span}s").unwrap();
        }
        unit.host = Host::parse(&host).unwrap();
        let (mut done, mut tried) = (BTreeSet::new(), BTreeMap::<u32, u32>::new());
        let (mut ended, mut removed) = (false, false);
        for (accident, span) in passes {
            removed |= matches!(accident, Accident::Gone(_));
            // Of a Job that failed by its deadline, or of whose containers one was removed, the record alone knows.
            let unwitnessed = ended && (ttl.is_some() || deadline.is_some() || removed);
            if !(unwitnessed && matches!(accident, Accident::Forgotten)) {
                befall(&mut unit, &accident);
            }
            unit.now = unit.now.plus(Seconds(span));
            for pod in unit.host.observe(unit.now).pods.values() {
                if let (PodState::Exited { code: 0, .. }, PodIndex::Try { completion, .. }) = (&pod.state, &pod.index) {
                    done.insert(*completion);
                }
            }
            let plan = unit.plan();
            prop_assert_eq!(&plan, &unit.plan(), "the same twice");
            for completion in made(&plan) {
                prop_assert!(!done.contains(&completion), "{} again:\n{}", completion, render(&plan));
                prop_assert!(!ended, "after its end:\n{}", render(&plan));
                *tried.entry(completion).or_default() += 1;
            }
            let ending = unit.apply(&plan);
            let active = unit.host.observe(unit.now).pods.values().filter(|pod| pod.state == PodState::Running).count();
            let allowed = unit.desired.workloads.values().map(|workload| match &workload.controller {
                Controller::Job(rules) => rules.parallelism,
                Controller::StatefulSet { .. } | Controller::Deployment { .. } | Controller::DaemonSet { .. } | Controller::CronJob(_) => 0,
            });
            prop_assert!(active <= allowed.sum::<u32>() as usize, "{}", render(&plan));
            let run = plan.lanes[0].run.clone().unwrap();
            let over = run.state == RunState::AtRest || matches!(run.state, RunState::Failed(_));
            prop_assert!(!ended || over, "{:?}", run);
            ended |= over && ending.failures.is_empty();
            let due = run.due.is_some_and(|due| due <= unit.now);
            if ending.failures.is_empty() && !due {
                prop_assert!(unit.plan().is_settled(), "again:\n{}", render(&unit.plan()));
            }
        }
    }

    #[test]
    fn whatever_happens_no_time_is_run_twice_and_none_before_one_that_was(
        (policy, late) in (prop::sample::select(vec!["Allow", "Forbid", "Replace"]), prop::option::of(0..400_u32)),
        (kept, failed_kept, backoff, span) in (0..3_u32, 0..3_u32, 0..3_u32, 1..400_u32),
        codes in prop::collection::vec((0..2_i64, 1..200_u32), 6),
        passes in prop::collection::vec((accident(), 0..200_u32), 1..25),
    ) {
        let mut line = format!("cronjob/data/it at=*/2_*_*_*_* policy={policy} kept={kept} failed-kept={failed_kept} backoff={backoff}");
        if let Some(late) = late { write!(line, " late={late}").unwrap(); }
        let mut unit = Unit::new(desired(&line));
        let mut host = format!("network present\nrule cronjob/data/it ends:0:{span}s\n");
        let first = u32::try_from(NOW.seconds() / 60).unwrap();
        for (at, (code, span)) in (0..).zip(&codes) {
            writeln!(host, "rule data-it.{}-0-0 ends:{code}:{span}s", first + 2 * at).unwrap();
        }
        unit.host = Host::parse(&host).unwrap();
        let (mut begun, mut succeeded) = (BTreeSet::new(), BTreeSet::new());
        for (accident, span) in passes {
            // A person who removes the only pod of a run, and a record that is lost, leave nobody who knows of it.
            let unwitnessed = !begun.is_empty() && matches!(accident, Accident::Forgotten | Accident::Gone(_));
            if !unwitnessed {
                befall(&mut unit, &accident);
            }
            unit.now = unit.now.plus(Seconds(span));
            for pod in unit.host.observe(unit.now).pods.values() {
                if let (PodState::Exited { code: 0, .. }, PodIndex::Try { run: Some(minute), .. }) = (&pod.state, &pod.index) {
                    succeeded.insert(*minute);
                }
            }
            let plan = unit.plan();
            prop_assert_eq!(&plan, &unit.plan(), "the same twice");
            for step in plan.steps() {
                let Act::CreatePod(spec) = &step.act else { continue };
                let PodIndex::Try { run: Some(minute), completion: 0, earlier } = spec.index else {
                    prop_assert!(false, "{:?}", spec.index);
                    continue;
                };
                let at = i64::from(minute) * 60;
                prop_assert!(at % 120 == 0 && at > NOW.seconds() && at <= unit.now.seconds(), "{}", render(&plan));
                prop_assert!(!succeeded.contains(&minute), "again:\n{}", render(&plan));
                if earlier == 0 {
                    prop_assert!(begun.last().is_none_or(|last| *last < minute), "{:?}:\n{}", begun, render(&plan));
                }
            }
            let ending = unit.apply(&plan);
            for pod in unit.host.observe(unit.now).pods.values() {
                if let PodIndex::Try { run: Some(minute), .. } = pod.index {
                    begun.insert(minute);
                }
            }
            let due = plan.lanes[0].run.as_ref().and_then(|run| run.due);
            prop_assert!(due.is_some() || !ending.failures.is_empty(), "a CronJob is always due some time");
            if ending.failures.is_empty() && due.is_some_and(|due| due > unit.now) {
                prop_assert!(unit.plan().is_settled(), "again:\n{}\nafter\n{}", render(&unit.plan()), render(&plan));
            }
        }
    }
}
