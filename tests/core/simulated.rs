//! The described host: what is written is read back, and what an engine refuses is refused.

use writ_core::observed::{NetworkState, PodState, Readiness};
use writ_core::plan::Act;
use writ_core::simulated::{Failure, Host};
use writ_core::time::{Seconds, Timestamp};

use crate::simulation::{NOW, Unit, desired};

const DESCRIBED: &str = "\
network foreign voodu0 of compose
pod data-pg.0 object=statefulset/data/pg index=0 revision=1:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa state=exited:137:memory since=2026-11-21T09:00:00.000Z container=c1 available=5s unit=edge volumes=v,w
altered data-pg.0 renamed mine
altered data-pg.0 disconnected
altered data-pg.0 field memory limit, as a person wrote it
pod shop-web.00ff object=deployment/shop/web index=00ff revision=unreadable state=running since=2026-11-21T09:00:00.000Z container=c2 available=never
volume v claim=data object=statefulset/data/pg ordinal=0
volume w claim=wal
foreign container redis container redis, not made by Writ
foreign volume data made by hand
hide data-pg.1 the engine did not answer for it
rule shop-web.00ff unknown
rule statefulset/data/pg 30s
fault 3 refuse
fault 4 hang
fault 5 crash-before
fault 6 crash-after
count acts=2 made=2
";

#[test]
fn a_described_host_is_written_as_it_was_read() {
    assert_eq!(Host::parse(DESCRIBED).unwrap().to_string(), DESCRIBED);
}

#[test]
fn what_is_left_out_of_a_pod_has_a_plain_meaning() {
    let line = format!("# a comment\n\npod a-b.0 object=statefulset/a/b index=0 revision=1:{}", "a".repeat(64));
    let observed = Host::parse(&line).unwrap().observe(NOW);
    let pod = &observed.pods["a-b.0"];
    assert_eq!((&pod.state, pod.readiness), (&PodState::Running, Readiness::Available));
    assert_eq!(observed.network, NetworkState::Absent);
}

#[test]
fn a_line_that_describes_nothing_is_refused_at_its_number() {
    let hash = format!("1:{}", "a".repeat(64));
    let cases = [
        ("network", "\"\" is none of present, absent, foreign"),
        ("pods a", "\"pods\" is none of network, pod, volume, altered, foreign, ingress, hide, rule, fault, count"),
        ("pod a index=0 revision=unreadable", "object= is missing"),
        ("pod a object=pg index=0 revision=unreadable", "\"pg\" is not written kind/scope/name"),
        ("pod a object=statefulset/a/b index=x revision=unreadable", "\"x\" is no index of a StatefulSet"),
        ("pod a object=statefulset/a/b index=0 revision=a", "\"a\" is no hash"),
        (&format!("pod a object=statefulset/a/b index=0 revision={hash} state=gone"), "\"gone\" is no state"),
        (&format!("pod a object=statefulset/a/b index=0 revision={hash} colour=red"), "colour= means nothing here"),
        ("altered a renamed b", "there is no pod \"a\" above this line"),
        ("fault x refuse", "\"x\" is no number"),
        ("fault 1 explode", "\"explode\" is none of refuse, hang, crash-before, crash-after"),
        ("rule a soon", "\"soon\" is not written 5s"),
    ];
    for (line, reason) in cases {
        let error = Host::parse(&format!("network present\n{line}")).unwrap_err();
        assert_eq!((error.line, error.reason.as_str()), (2, reason), "{line}");
    }
}

fn host_with(lines: &str) -> Host {
    let unit = Unit::applied(desired("statefulset/data/pg claims=data"));
    Host::parse(&format!("{}{lines}", unit.host)).unwrap()
}

fn remove() -> Act {
    Act::RemovePod { pod: "data-pg.0".to_owned(), container: "simulated-1".to_owned(), grace: None }
}

#[test]
fn an_act_that_an_engine_would_refuse_is_refused() {
    let spec = desired("statefulset/data/pg claims=data")
        .workloads
        .values()
        .next()
        .unwrap()
        .pod(&writ_core::model::PodIndex::Ordinal(0));
    let create = Act::CreatePod(Box::new(spec));
    let mut host = host_with("");
    let refused = |host: &mut Host, act: &Act| host.execute(act, NOW).unwrap_err().to_string();
    assert_eq!(refused(&mut host, &create), "a container of the name data-pg.0 is there already");
    let volume = Act::RemoveVolume { volume: "voodu-data-pg-data-0".to_owned() };
    assert_eq!(refused(&mut host, &volume), "volume voodu-data-pg-data-0 is in use by data-pg.0");
    assert_eq!(refused(&mut host, &Act::CreateNetwork), "the network is there already");
    let stale = Act::StartPod { pod: "data-pg.0".to_owned(), container: "c9".to_owned() };
    assert_eq!(refused(&mut host, &stale), "there is no container c9 of the name data-pg.0");
    host.execute(&remove(), NOW).unwrap();
    host.execute(&volume, NOW).unwrap();
    assert_eq!(refused(&mut host, &create), "there is no volume voodu-data-pg-data-0");
    assert_eq!(refused(&mut Host::empty(), &create), "there is no network");
}

#[test]
fn each_fault_does_what_it_says() {
    let there = |host: &Host| host.observe(NOW).pods.contains_key("data-pg.0");
    let first = {
        let count = host_with("").to_string();
        let acts = count.lines().find_map(|line| line.strip_prefix("count acts=")).unwrap().split(' ').next().unwrap();
        acts.parse::<u64>().unwrap() + 1
    };
    let cases = [
        ("refuse", Failure::Refused(format!("the simulated host refuses act {first}")), true),
        ("hang", Failure::Hangs(first), true),
        ("crash-before", Failure::Crashes(first), true),
        ("crash-after", Failure::Crashes(first), false),
    ];
    for (kind, failure, stays) in cases {
        let mut host = host_with(&format!("fault {first} {kind}"));
        assert_eq!(host.execute(&remove(), NOW), Err(failure));
        assert_eq!(there(&host), stays, "{kind}");
        assert_eq!(host.execute(&remove(), NOW).is_ok(), stays, "{kind}: a fault comes once");
    }
}

#[test]
fn a_hidden_pod_is_unseen_and_not_gone() {
    let observed = host_with("hide data-pg.0 no answer").observe(NOW);
    assert_eq!(observed.unseen["data-pg.0"], "no answer");
    assert!(observed.pods.is_empty());
}

#[test]
fn a_pod_is_available_after_its_time_and_not_before() {
    let unit = Unit::applied(desired("statefulset/data/pg min-ready=7"));
    let since = unit.host.observe(unit.now).pods["data-pg.0"].since;
    let readiness = |now: Timestamp| unit.host.observe(now).pods["data-pg.0"].readiness;
    assert_eq!(readiness(Timestamp(since.plus(Seconds(7)).0 - 1)), Readiness::NotReady);
    assert_eq!(readiness(since.plus(Seconds(7))), Readiness::Available);
    assert_eq!(unit.host.next_change(since), Some(since.plus(Seconds(7))));
}

#[test]
fn a_pod_of_another_unit_belongs_to_someone_else() {
    let host = Host::parse(DESCRIBED).unwrap();
    let ours = host.observe_for(Some("edge"), NOW);
    assert!(ours.pods.contains_key("data-pg.0") && !ours.foreign.contains_key("data-pg.0"));
    let others = host.observe_for(Some("other"), NOW);
    assert!(!others.pods.contains_key("data-pg.0"));
    assert_eq!(others.foreign["data-pg.0"].0, "unit edge");
}

#[test]
fn a_restarted_container_starts_anew() {
    let mut host = Host::parse(DESCRIBED).unwrap();
    host.restart("c1", NOW).unwrap();
    let pod = &host.observe(NOW).pods["data-pg.0"];
    assert_eq!((&pod.state, pod.since), (&PodState::Running, NOW));
    assert_eq!(host.restart("c9", NOW).unwrap_err().to_string(), "there is no container c9");
}
