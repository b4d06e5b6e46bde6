//! The program is killed everywhere, and the next start puts everything right.

use crate::machine::{Machine, Origin, Ran};

/// A database with a volume for each of its pods.
fn pg(image: &str, replicas: u32) -> String {
    format!(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: pg, namespace: data}}\nspec:\n  serviceName: pg\n  \
         replicas: {replicas}\n  minReadySeconds: 0\n  selector: {{matchLabels: {{app: pg}}}}\n  template:\n    \
         metadata: {{labels: {{app: pg}}}}\n    spec:\n      containers:\n        - name: pg\n          image: postgres:{image}\n          \
         volumeMounts: [{{name: data, mountPath: /data}}]\n  volumeClaimTemplates:\n    - metadata: {{name: data}}\n      \
         spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}\n"
    )
}

/// A program without data.
fn web(image: &str, replicas: u32) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec:\n  replicas: {replicas}\n  \
         minReadySeconds: 0\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    \
         spec: {{containers: [{{name: web, image: 'web:{image}'}}]}}\n"
    )
}

/// What a host goes through: a state that it is in, a commit that it is killed in, and one that comes before it is
/// started again.
struct Story {
    before: Vec<(&'static str, String)>,
    then: Vec<(&'static str, String)>,
    newer: Option<Vec<(&'static str, String)>>,
    settings: &'static str,
}

/// Where the program dies.
#[derive(Debug, Clone, Copy)]
enum Death {
    /// With the deed done and its outcome not written down.
    AfterAct(u64),
    /// Right after a record; that of an intent is right before the act.
    AfterRecord(i64),
}

fn story(before: &[(&'static str, String)], then: &[(&'static str, String)]) -> Story {
    Story { before: before.to_vec(), then: then.to_vec(), newer: None, settings: "" }
}

fn deploy(origin: &Origin, files: &[(&str, String)]) -> String {
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    origin.deploy(&files)
}

/// Kills the program at every act and after every record of a story, and starts it again.
#[track_caller]
fn check(story: &Story) {
    let origin = Origin::new();
    let base = Machine::new(&origin, story.settings);
    if !story.before.is_empty() {
        deploy(&origin, &story.before);
        base.pass();
    }
    let then = deploy(&origin, &story.then);
    let newer = story.newer.as_ref().map(|files| deploy(&origin, files));
    origin.offer(&then);

    // Nobody kills this one: what it reaches is what all others must reach.
    let whole = base.copy();
    whole.pass();
    let (acts, records) = (base.acts() + 1..=whole.acts(), base.history().len() + 1..=whole.history().len());
    if let Some(newer) = &newer {
        origin.offer(newer);
        whole.pass();
    }
    assert!(!acts.is_empty(), "the story has no act");
    let deaths = acts.map(Death::AfterAct);
    let deaths = deaths.chain(records.map(|record| Death::AfterRecord(i64::try_from(record).unwrap())));
    for death in deaths {
        origin.offer(&then);
        let machine = base.copy();
        let died = die(&machine, death);
        assert_eq!(died.code, None, "{death:?} never came: {died:?}");
        if let Some(newer) = &newer {
            origin.offer(newer);
        }
        check_restart(&machine, &whole, &base, death);
    }
}

/// One pass in which the program is killed.
fn die(machine: &Machine, death: Death) -> Ran {
    let mut command = machine.command(&["run", "--once"]);
    match death {
        Death::AfterAct(act) => machine.describe(&format!("fault {act} crash-after")),
        Death::AfterRecord(record) => drop(command.env("WRIT_TEST_DIE_AT_RECORD", record.to_string())),
    }
    command.output().unwrap().into()
}

#[track_caller]
fn check_restart(machine: &Machine, whole: &Machine, base: &Machine, death: Death) {
    machine.pass();
    machine.check_journal();
    assert_eq!(machine.pods(), whole.pods(), "{death:?}\n{}", machine.host());
    assert_eq!(held(machine), held(whole), "{death:?}");
    assert_eq!(machine.standing(), whole.standing(), "{death:?}");
    assert!(machine.volumes().is_superset(&base.volumes()), "a volume is lost: {death:?}\n{}", machine.host());
    let (host, journal) = (machine.host(), machine.history().len());
    let idle = machine.pass();
    assert_eq!(idle.code, Some(0), "{death:?} {idle:?}");
    assert_eq!(machine.host(), host, "{death:?}: a further pass changes nothing");
    let news: Vec<_> = machine.history().drain(journal..).map(|record| (record.kind, record.body)).collect();
    assert!(news.is_empty(), "{death:?}: a further pass wrote {news:?}");
}

/// What is held, in short.
fn held(machine: &Machine) -> Vec<String> {
    let held = machine.holdings().objects.into_iter();
    held.map(|(object, it)| format!("{object} {} {} {:?}", it.revision, it.replicas, it.parts.keys())).collect()
}

#[test]
fn killed_anywhere_while_it_creates_it_creates_everything_once() {
    check(&story(&[], &[("pg.yaml", pg("15", 2)), ("web.yaml", web("1", 2))]));
}

#[test]
fn killed_anywhere_in_a_rollout_it_finishes_the_rollout() {
    check(&story(
        &[("pg.yaml", pg("15", 2)), ("web.yaml", web("1", 2))],
        &[("pg.yaml", pg("16", 2)), ("web.yaml", web("2", 2))],
    ));
}

#[test]
fn killed_anywhere_while_it_scales_down_it_keeps_every_volume() {
    check(&story(
        &[("pg.yaml", pg("15", 3)), ("web.yaml", web("1", 3))],
        &[("pg.yaml", pg("15", 1)), ("web.yaml", web("1", 1))],
    ));
}

#[test]
fn killed_anywhere_in_a_removal_it_removes_the_rest_and_holds_nothing_of_it() {
    check(&story(&[("pg.yaml", pg("15", 2)), ("web.yaml", web("1", 1))], &[("web.yaml", web("1", 1))]));
}

#[test]
fn killed_anywhere_in_a_commit_it_goes_on_with_the_newer_one() {
    let newer = Some(vec![("pg.yaml", pg("17", 3)), ("web.yaml", web("3", 1))]);
    let then = [("pg.yaml", pg("16", 2)), ("web.yaml", web("2", 2))];
    check(&Story { newer, ..story(&[("pg.yaml", pg("15", 2)), ("web.yaml", web("1", 2))], &then) });
}

#[test]
fn killed_anywhere_in_a_commit_that_is_reverted_it_goes_back_even_where_drift_is_only_reported() {
    let before = [("pg.yaml", pg("15", 2)), ("web.yaml", web("1", 2))];
    let then = [("pg.yaml", pg("16", 3)), ("web.yaml", web("2", 1))];
    check(&Story { newer: Some(before.to_vec()), settings: "drift = \"report\"\n", ..story(&before, &then) });
}
