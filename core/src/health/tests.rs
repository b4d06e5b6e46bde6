//! Stories of pods, second by second.

use super::*;
use Question::{Liveness, Readiness as Ready, Startup};

fn timing(initial_delay: u32, period: u32, successes: u32, failures: u32) -> Timing {
    Timing { initial_delay: Seconds(initial_delay), period: Seconds(period), successes, failures }
}

/// A pod, and the story of its health in lines of `second event` with what follows.
struct Story {
    health: Health,
    now: u32,
}

impl Story {
    fn new(probes: &[(Question, Timing)], min_ready: u32) -> Self {
        let rules = Rules { probes: probes.iter().copied().collect(), min_ready: Seconds(min_ready) };
        Self { health: Health::new(rules), now: 0 }
    }

    fn at(&mut self, second: u32, event: Event, expected: &[Transition]) {
        self.now = second;
        let (health, transitions) = self.health.after(&event, self.moment());
        assert_eq!(transitions, expected, "at {second} s, after {event:?}");
        self.health = health;
    }

    fn runs(&mut self, second: u32, expected: &[Transition]) {
        self.at(second, Event::Runs { since: Timestamp::from_seconds(second.into()), adopted: false }, expected);
    }

    /// Puts the question, which must be due, and gets the answer at once.
    fn answer(&mut self, second: u32, question: Question, yes: bool, expected: &[Transition]) {
        self.now = second;
        assert!(self.due().contains(&question), "{question:?} is due at {second} s: {:?}", self.due());
        self.at(second, Event::Asked(question), &[]);
        let answer = if yes { Answer::Yes } else { Answer::No("no".to_owned()) };
        self.at(second, Event::Answered(question, answer), expected);
    }

    fn due(&self) -> Vec<Question> {
        self.health.due(self.moment())
    }

    fn moment(&self) -> Timestamp {
        Timestamp::from_seconds(self.now.into())
    }
}

fn not_ready(why: &str) -> Transition {
    Transition::NotReady(why.to_owned())
}

#[test]
fn a_pod_without_probes_is_ready_at_once_and_available_after_its_time() {
    let mut pod = Story::new(&[], 2);
    pod.runs(10, &[Transition::Ready]);
    assert_eq!(pod.health.readiness(), Readiness::NotReady);
    pod.at(11, Event::Tick, &[]);
    assert_eq!(pod.health.next_moment(), Some(Timestamp::from_seconds(12)));
    pod.at(12, Event::Tick, &[Transition::Available]);
    assert_eq!(pod.health.readiness(), Readiness::Available);
    pod.at(13, Event::Stopped(None), &[not_ready("it does not run")]);
    assert_eq!(pod.health.readiness(), Readiness::NotReady);
}

#[test]
fn a_pod_that_keeps_dying_is_never_available() {
    let mut pod = Story::new(&[], 2);
    for second in [0, 1, 2, 3] {
        pod.at(
            second,
            Event::Runs { since: Timestamp::from_seconds(second.into()), adopted: false },
            &[Transition::Ready],
        );
        pod.at(second, Event::Stopped(None), &[not_ready("it does not run")]);
    }
}

#[test]
fn readiness_takes_as_many_answers_in_a_row_as_asked_for() {
    let mut pod = Story::new(&[(Ready, timing(5, 10, 2, 3))], 0);
    pod.runs(0, &[]);
    pod.now = 4;
    assert_eq!(pod.due(), []);
    pod.answer(5, Ready, true, &[]);
    pod.now = 14;
    assert_eq!(pod.due(), []);
    pod.answer(15, Ready, false, &[]);
    pod.answer(25, Ready, true, &[]);
    pod.answer(35, Ready, true, &[Transition::Ready, Transition::Available]);
    pod.answer(45, Ready, false, &[]);
    pod.answer(55, Ready, false, &[]);
    pod.answer(65, Ready, false, &[not_ready("readinessProbe: no")]);
    assert_eq!(pod.health.why(), "readinessProbe: no");
    assert_eq!(pod.health.readiness(), Readiness::NotReady);
}

#[test]
fn a_pod_must_stay_ready_for_its_time_to_be_available() {
    let mut pod = Story::new(&[(Ready, timing(0, 1, 1, 1))], 3);
    pod.runs(0, &[]);
    pod.answer(1, Ready, true, &[Transition::Ready]);
    pod.answer(3, Ready, false, &[not_ready("readinessProbe: no")]);
    pod.answer(4, Ready, true, &[Transition::Ready]);
    pod.at(6, Event::Tick, &[]);
    pod.at(7, Event::Tick, &[Transition::Available]);
}

#[test]
fn liveness_that_fails_too_often_asks_for_a_restart_once() {
    let mut pod = Story::new(&[(Liveness, timing(30, 10, 1, 3))], 0);
    pod.runs(0, &[Transition::Ready, Transition::Available]);
    pod.now = 29;
    assert_eq!(pod.due(), []);
    pod.answer(30, Liveness, false, &[]);
    pod.answer(40, Liveness, false, &[]);
    let why = "livenessProbe: no".to_owned();
    pod.answer(50, Liveness, false, &[not_ready(&why), Transition::Restart(Liveness, why)]);
    pod.now = 100;
    assert_eq!(pod.due(), []);
    pod.runs(101, &[Transition::Ready, Transition::Available]);
    pod.now = 130;
    assert_eq!(pod.due(), []);
}

#[test]
fn startup_holds_the_others_back_and_restarts_what_does_not_start() {
    let mut pod =
        Story::new(&[(Startup, timing(0, 5, 1, 2)), (Liveness, timing(0, 5, 1, 1)), (Ready, timing(0, 5, 1, 1))], 0);
    pod.runs(0, &[]);
    assert_eq!(pod.due(), [Startup]);
    pod.answer(0, Startup, false, &[]);
    pod.answer(5, Startup, true, &[]);
    assert_eq!(pod.due(), [Liveness, Ready]);
    pod.answer(5, Ready, true, &[Transition::Ready, Transition::Available]);
    pod.runs(60, &[not_ready("it was started again")]);
    pod.answer(60, Startup, false, &[]);
    let why = "startupProbe: no".to_owned();
    pod.answer(65, Startup, false, &[Transition::Restart(Startup, why)]);
}

#[test]
fn a_try_that_could_not_be_made_says_nothing() {
    let mut pod = Story::new(&[(Ready, timing(0, 1, 1, 1))], 0);
    pod.at(0, Event::Runs { since: Timestamp(0), adopted: true }, &[Transition::Ready]);
    for second in 1..5 {
        pod.at(second, Event::Asked(Ready), &[]);
        assert_eq!(pod.due(), [], "the answer is awaited");
        pod.at(second, Event::Answered(Ready, Answer::None), &[]);
    }
    assert_eq!(pod.health.readiness(), Readiness::Available);
    pod.answer(6, Ready, false, &[not_ready("readinessProbe: no")]);
}

#[test]
fn an_answer_of_an_earlier_run_is_not_counted() {
    let mut pod = Story::new(&[(Ready, timing(0, 1, 1, 1))], 0);
    pod.runs(0, &[]);
    pod.at(0, Event::Asked(Ready), &[]);
    pod.runs(1, &[]);
    pod.at(1, Event::Answered(Ready, Answer::Yes), &[]);
    assert!(!pod.health.is_ready());
    pod.answer(2, Ready, true, &[Transition::Ready, Transition::Available]);
}

#[test]
fn a_clock_that_is_put_back_stops_no_probe() {
    let mut pod = Story::new(&[(Ready, timing(0, 10, 1, 1))], 0);
    pod.runs(100_000, &[]);
    pod.answer(100_000, Ready, true, &[Transition::Ready, Transition::Available]);
    pod.now = 100;
    assert_eq!(pod.due(), [Ready]);
    pod.now = 100_001;
    assert_eq!(pod.due(), []);
}

/// A pod whose liveness is asked every second and fails with the first no.
fn mortal() -> Story {
    Story::new(&[(Liveness, timing(1, 1, 1, 1))], 0)
}

fn restart() -> Transition {
    Transition::Restart(Liveness, "livenessProbe: no".to_owned())
}

/// Runs from `second` on and fails a second later. Gives when the restart is asked for.
fn dies(pod: &mut Story, second: u32) -> u32 {
    pod.runs(second, &[Transition::Ready, Transition::Available]);
    pod.now = second + 1;
    pod.at(second + 1, Event::Asked(Liveness), &[]);
    let (health, told) = pod.health.after(&Event::Answered(Liveness, Answer::No("no".to_owned())), pod.moment());
    pod.health = health;
    if told.contains(&restart()) {
        return second + 1;
    }
    assert!(matches!(told.as_slice(), [Transition::NotReady(why)] if why.contains("at most every 300s")), "{told:?}");
    assert!(pod.health.why().starts_with("livenessProbe: no; restarts do not help"), "{}", pod.health.why());
    let until = pod.health.next_moment().unwrap();
    let second = u32::try_from(until.seconds()).unwrap();
    pod.at(second - 1, Event::Tick, &[]);
    assert_eq!(pod.due(), [], "nobody asks it meanwhile");
    pod.at(second, Event::Tick, &[restart()]);
    pod.at(second, Event::Tick, &[]);
    second
}

#[test]
fn a_pod_that_always_fails_is_restarted_at_once_then_after_pauses_that_double_to_five_minutes() {
    let (mut pod, mut begun, mut pauses) = (mortal(), 0, Vec::new());
    for _ in 0..8 {
        let restarted = dies(&mut pod, begun);
        pauses.push(restarted - begun - 1);
        begun = restarted + 1;
    }
    assert_eq!(pauses, [0, 10, 20, 40, 80, 160, 300, 300]);
}

#[test]
fn ten_minutes_of_health_forget_the_restarts_and_less_do_not() {
    for (well, pause) in [(600, 0), (599, 20)] {
        let mut pod = mortal();
        let first = dies(&mut pod, 0);
        let second = dies(&mut pod, first + 1);
        let begun = second + 1;
        pod.runs(begun, &[Transition::Ready, Transition::Available]);
        assert!(!pod.health.is_well(pod.moment()), "it was restarted twice a moment ago");
        pod.answer(begun + 1, Liveness, true, &[]);
        pod.answer(begun + 2, Liveness, true, &[]);
        pod.now = begun + 1 + well;
        assert_eq!(pod.health.is_well(pod.moment()), well == 600, "after {well} s of health");
        pod.at(pod.now, Event::Asked(Liveness), &[]);
        pod.health = pod.health.after(&Event::Answered(Liveness, Answer::No("no".to_owned())), pod.moment()).0;
        let waits = pod.health.next_moment().map_or(0, |until| until.millis_since(pod.moment()) / 1_000);
        assert_eq!(waits, pause, "after {well} s of health");
    }
}

#[test]
fn a_restart_that_waits_is_given_up_when_the_pod_runs_anew_and_not_when_it_is_only_looked_at_again() {
    let mut pod = mortal();
    let begun = dies(&mut pod, 0) + 1;
    pod.runs(begun, &[Transition::Ready, Transition::Available]);
    pod.at(begun + 1, Event::Asked(Liveness), &[]);
    pod.health = pod.health.after(&Event::Answered(Liveness, Answer::No("no".to_owned())), pod.moment()).0;
    pod.at(begun + 2, Event::Runs { since: Timestamp::from_seconds(begun.into()), adopted: false }, &[]);
    assert_eq!(pod.due(), [], "it waits still");
    let mut anew = Story { health: pod.health.clone(), now: pod.now };
    anew.runs(begun + 3, &[Transition::Ready, Transition::Available]);
    anew.at(begun + 60, Event::Tick, &[]);
    let mut stopped = Story { health: pod.health.clone(), now: pod.now };
    stopped.at(begun + 3, Event::Stopped(None), &[]);
    stopped.at(begun + 60, Event::Tick, &[]);
    pod.at(begun + 60, Event::Tick, &[restart()]);
}

#[test]
fn a_clock_that_is_put_back_delays_no_restart_for_longer() {
    let mut pod = mortal();
    let begun = dies(&mut pod, 100_000) + 1;
    pod.runs(begun, &[Transition::Ready, Transition::Available]);
    pod.at(begun + 1, Event::Asked(Liveness), &[]);
    pod.health = pod.health.after(&Event::Answered(Liveness, Answer::No("no".to_owned())), pod.moment()).0;
    pod.at(begun + 2, Event::Tick, &[]);
    pod.at(10, Event::Tick, &[restart()]);
}

#[test]
fn what_is_done_after_a_start_comes_before_every_probe_and_its_failure_restarts_the_container() {
    use Question::PostStart;
    let rules = [(PostStart, timing(0, 1, 1, 1)), (Startup, timing(0, 5, 1, 3)), (Ready, timing(0, 5, 1, 3))];
    let mut pod = Story::new(&rules, 0);
    pod.runs(10, &[]);
    assert_eq!(pod.due(), [PostStart]);
    pod.answer(10, PostStart, true, &[]);
    assert_eq!(pod.due(), [Startup]);
    pod.answer(10, Startup, true, &[]);
    pod.answer(10, Ready, true, &[Transition::Ready, Transition::Available]);
    let mut alone = Story::new(&[(PostStart, timing(0, 1, 1, 1))], 0);
    alone.runs(10, &[]);
    alone.answer(11, PostStart, false, &[Transition::Restart(PostStart, "postStart: no".to_owned())]);
    alone.runs(12, &[]);
    alone.answer(12, PostStart, true, &[Transition::Ready, Transition::Available]);
    assert!(alone.due().is_empty(), "it is done once for each start");
}

#[test]
fn k84_the_known_cause_for_which_a_pod_did_not_run_is_told_until_it_is_available() {
    let mut pod = Story::new(&[], 2);
    let denied = "permission denied (run as the owner of its files, or set fsGroup to their group)";
    pod.runs(10, &[Transition::Ready]);
    pod.at(10, Event::Stopped(Some(Ailment::Permission)), &[not_ready(&format!("it does not run: {denied}"))]);
    pod.runs(20, &[Transition::Ready]);
    assert_eq!(pod.health.why(), format!("it did not run before: {denied}"));
    pod.at(22, Event::Tick, &[Transition::Available]);
    assert_eq!(pod.health.why(), "");
    pod.at(30, Event::Stopped(None), &[not_ready("it does not run")]);
    pod.runs(40, &[Transition::Ready]);
    assert_eq!(pod.health.why(), "");
}
