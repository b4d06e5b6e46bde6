//! What the agent lets be measured: Prometheus reads it, the alerts and the dashboard ask for nothing else, and it tells what happened.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::ask::Place;
use crate::machine::{Machine, Origin, Running, web};
use crate::repository::Sign;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("deploy/observability")
}

/// Runs Prometheus' own checker.
#[track_caller]
fn promtool(words: &[&str], input: &str) -> String {
    let mut command = Command::new("promtool");
    command.args(words).current_dir(deploy()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool is there: tests/setup/tools prometheus");
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{words:?}: {said}\n{input}");
    said
}

fn host(folder: &TempDir) -> (Origin, Machine, Place) {
    let (origin, socket) = (Origin::new(), folder.path().join("web.sock"));
    origin.deploy(&[("web.hcl", &web("1"))]);
    let machine = Machine::new(&origin, &format!("[web]\nlisten = \"unix:{}\"\n", socket.display()));
    (origin, machine, Place::Socket(socket))
}

/// The measures, once one of them is as it is waited for.
#[track_caller]
fn until(running: &Running<'_>, place: &Place, measure: &str) -> String {
    let holds = |text: &str| text.lines().any(|line| line == measure);
    running.until(measure, |_| place.get("/metrics", &[]).is_ok_and(|reply| reply.status == 200 && holds(&reply.body)));
    place.get("/metrics", &[]).unwrap().body
}

#[test]
fn prometheus_reads_what_is_measured_and_finds_nothing_to_say_against_a_name() {
    let folder = TempDir::new().unwrap();
    let (_origin, machine, place) = host(&folder);
    let running = machine.run();
    let text = until(&running, &place, "writ_unit_state{unit=\"edge\",state=\"success\"} 1");
    let reply = place.get("/metrics", &[]).unwrap();
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(promtool(&["check", "metrics"], &text), "");
    // The checker does say something where there is something to say.
    let wrong = Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::null()).output().unwrap();
    assert!(wrong.status.success());
}

#[test]
fn alerts_come_when_they_should_and_ask_for_measures_that_there_are_and_so_does_the_dashboard() {
    promtool(&["check", "rules", "alerts.yaml"], "");
    promtool(&["test", "rules", "alerts_test.yaml"], "");
    let folder = TempDir::new().unwrap();
    let (_origin, machine, place) = host(&folder);
    let running = machine.run();
    let text = until(&running, &place, "writ_unit_state{unit=\"edge\",state=\"success\"} 1");
    let told = |line: &str| Some(line.strip_prefix("# TYPE ")?.split(' ').next()?.to_owned());
    let told: BTreeSet<String> = text.lines().filter_map(told).collect();
    let [alerts, tests, dashboard] = ["alerts.yaml", "alerts_test.yaml", "dashboard.json"]
        .map(|name| fs::read_to_string(deploy().join(name)).unwrap());
    for (text, least) in [(&alerts, 12), (&dashboard, 15)] {
        let asked = measures(text);
        assert!(asked.len() >= least, "{asked:?}");
        assert_eq!(asked.difference(&told).collect::<Vec<_>>(), Vec::<&String>::new());
    }
    let alert = |line: &str| line.trim().strip_prefix("- alert: ").map(str::to_owned);
    for name in alerts.lines().filter_map(alert) {
        assert!(tests.contains(&format!("alertname: {name}")), "no test of {name}");
    }
    // What is told is told in the documents, and nothing else.
    let document = fs::read_to_string(deploy().join("../../docs/web.md")).unwrap();
    let ours = |name: &&String| name.starts_with("writ_");
    assert_eq!(measures(&document), told.iter().filter(ours).cloned().collect());
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    assert!(dashboard["panels"].as_array().is_some_and(|panels| panels.len() > 10));
}

/// The measures of Writ that a text names, without what a histogram adds to them.
fn measures(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| word.starts_with("writ_"));
    let word = |word: &str| word.trim_end_matches("_bucket").to_owned();
    words.map(word).collect()
}

#[test]
fn what_happens_is_counted_once_and_a_state_that_is_over_is_zero() {
    let folder = TempDir::new().unwrap();
    let (origin, machine, place) = host(&folder);
    let running = machine.run();
    // Said last of a pass.
    let text = until(&running, &place, "writ_source_reached{source=\"infra\"} 1");
    for line in [
        "writ_refusals_total{of=\"commit\",reason=\"unsigned\"} 0",
        "writ_refusals_total{of=\"work\",reason=\"manifests\"} 0",
        "writ_unit_state{unit=\"edge\",state=\"success\"} 1",
        "writ_source_head_refused{source=\"infra\"} 0",
        "writ_source_split_views{source=\"infra\"} 0",
        "writ_target_reached{unit=\"edge\"} 1",
        "writ_unit_state{unit=\"edge\",state=\"failure\"} 0",
        "writ_unit_suspended{unit=\"edge\"} 0",
        "writ_objects{unit=\"edge\",health=\"healthy\"} 1",
        "writ_objects{unit=\"edge\",health=\"drifted\"} 0",
        "writ_steps_total{unit=\"edge\",verb=\"create\"} 2",
        "writ_step_failures_total{unit=\"edge\"} 0",
    ] {
        assert!(text.lines().any(|known| known == line), "no {line} in:\n{text}");
    }
    origin.repository.write("host/web.hcl", web("2"));
    origin.repository.commit(Sign::Not, "unsigned");
    let text = until(&running, &place, "writ_refusals_total{of=\"commit\",reason=\"unsigned\"} 1");
    assert!(text.contains("writ_source_head_refused{source=\"infra\"} 1\n"), "{text}");
    // Asked again, it is still one.
    assert!(place.get("/metrics", &[]).unwrap().body.contains("reason=\"unsigned\"} 1\n"));
    assert_eq!(machine.writ(&["suspend", "edge", "--reason", "measured"]).code, Some(0));
    until(&running, &place, "writ_unit_suspended{unit=\"edge\"} 1");
    let text = place.get("/metrics", &[]).unwrap().body;
    let measure = |name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}: {text}"));
        line.trim().parse().unwrap()
    };
    assert!(measure("writ_passes_total{source=\"infra\",result=\"done\"} ") >= 1.0);
    assert!(measure("writ_pass_duration_seconds_count{source=\"infra\"} ") >= 2.0);
    for stage in ["source", "read", "look", "plan", "apply"] {
        assert!(measure(&format!("writ_pass_stage_duration_seconds_count{{stage=\"{stage}\"}} ")) >= 1.0, "{stage}");
    }
    assert!(measure("writ_audit_records ") >= 5.0 && measure("writ_audit_head_age_seconds ") >= 0.0);
    assert!(measure("writ_pulse_age_seconds ") < 20.0 && measure("process_resident_memory_bytes ") > 1e6);
}

#[test]
fn a_record_that_cannot_be_read_is_told_and_the_agents_life_is_told_all_the_same() {
    let folder = TempDir::new().unwrap();
    let (_origin, machine, place) = host(&folder);
    let running = machine.run();
    until(&running, &place, "writ_unit_state{unit=\"edge\",state=\"success\"} 1");
    let (record, away) = (machine.state().join("writ.db"), folder.path().join("away"));
    fs::rename(&record, &away).unwrap();
    let reply = place.get("/metrics", &[]).unwrap();
    assert_eq!((reply.status, reply.body.as_str()), (503, "the record cannot be read now; the log says why\n"));
    assert_eq!(place.get("/healthz", &[]).unwrap().status, 200);
    fs::rename(&away, &record).unwrap();
    assert_eq!(place.get("/metrics", &[]).unwrap().status, 200);
}
