//! Calls to the engine that fail, or are done and lose their answer, one after the other.

use crate::proxy::{Fault, Proxy};
use crate::site::Site;
use crate::yaml::{CLAIM, MOUNTED, SLEEPS, set};

/// Two pods with a claim each.
fn pods(generation: usize) -> String {
    let env = format!("env: [{{name: GENERATION, value: \"{generation}\"}}]");
    set("db", &["replicas: 2", CLAIM], &[SLEEPS, &env, MOUNTED])
}

/// Spoils call after call of a deployment until none is left to spoil, and lets the host heal after each.
async fn check(fault: Fault) {
    let site = Site::new().await;
    let stranger = format!("{}-stranger", site.world.scope);
    site.world.person(&["run", "-d", "--name", &stranger, "writ-test/box:1", "sleep", "1000"]);
    let seen = site.world.field(&stranger, "{{.Id}} {{.State.StartedAt}}");
    let proxy = Proxy::before(&site.world.endpoint);
    *site.endpoint.borrow_mut() = proxy.endpoint();
    site.deploy("db.yaml", &pods(0)).await;
    for ordinal in 0..2 {
        let words = format!("echo {ordinal} > /data/row");
        let wrote = site.world.exec(&site.pod("db", ordinal), &["sh", "-c", &words]).await;
        assert_eq!(wrote, (String::new(), 0));
    }
    let mut number = 1;
    loop {
        // Every other time the pods are made anew, and between them they are replaced.
        if number % 2 == 0 {
            site.world.person(&["rm", "-f", &site.pod("db", 0), &site.pod("db", 1)]);
        }
        site.commit("db.yaml", &pods(number));
        proxy.spoil(number, fault);
        let pass = site.pass().await;
        let spoilt = proxy.spoilt();
        if spoilt {
            assert!(matches!(pass.code, Some(0..=2)), "call {number} of {:?}: {pass:?}", proxy.calls());
        }
        heal(&site, number, &proxy).await;
        if !spoilt {
            break;
        }
        number += 3;
    }
    assert!(number > 20, "only {number} calls: {:?}", proxy.calls());
    assert_eq!(site.world.field(&stranger, "{{.Id}} {{.State.StartedAt}}"), seen);
    site.holds().await;
}

/// Passes bring the host to where it was to come, without a trace of the fault.
async fn heal(site: &Site, number: usize, proxy: &Proxy) {
    let mut passes = Vec::new();
    for _ in 0..5 {
        let pass = site.pass().await;
        let done = pass.code == Some(0);
        passes.push(pass);
        if done {
            break;
        }
    }
    assert_eq!(passes.last().unwrap().code, Some(0), "call {number} of {:?}: {passes:?}", proxy.calls());
    let containers = site.containers();
    let pods = [site.pod("db", 0), site.pod("db", 1)];
    assert!(containers.keys().eq(pods.iter()), "call {number}: {containers:?}");
    for (pod, ordinal) in pods.iter().zip(["0", "1"]) {
        let told = site.world.exec(pod, &["sh", "-c", "echo $GENERATION; cat /data/row"]).await;
        assert_eq!(told.0, format!("{number}\n{ordinal}"), "call {number}");
    }
    assert_eq!(site.volumes(&site.world.scope).len(), 2);
}

#[tokio::test]
async fn a_call_that_the_engine_refuses_leaves_nothing_behind_after_the_next_pass() {
    check(Fault::Refused).await;
}

#[tokio::test]
async fn a_call_that_never_reaches_the_engine_leaves_nothing_behind_after_the_next_pass() {
    check(Fault::Cut).await;
}

#[tokio::test]
async fn a_call_that_is_done_and_loses_its_answer_leaves_nothing_behind_after_the_next_pass() {
    check(Fault::Unanswered).await;
}
