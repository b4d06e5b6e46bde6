//! An agent that ends while a pod is between leaving the network and coming back.

use std::time::Duration;

use crate::proxy::Proxy;
use crate::site::Site;
use crate::yaml::{SLEEPS, headless, set};

/// Pods that are led to by a shared name as soon as a probe says so.
fn web() -> String {
    let probe = "readinessProbe: {exec: {command: [\"true\"]}, periodSeconds: 1}";
    [headless("web"), set("web", &["serviceName: web"], &[SLEEPS, probe])].join("---")
}

/// How long the engine takes to connect a pod: longer than a program needs to end that waits for nothing, and shorter
/// than one waits that does.
const SLOW: Duration = Duration::from_millis(1_500);

/// A host before whose engine a proxy holds up whatever comes back to the network.
async fn site() -> (Site, Proxy) {
    let site = Site::new().await;
    let proxy = Proxy::before(&site.world.endpoint);
    *site.endpoint.borrow_mut() = proxy.endpoint();
    proxy.hold("/networks/voodu0/connect");
    site.commit("web.yaml", &web());
    (site, proxy)
}

/// Waits until a pod has left the network and wants to come back.
async fn is_between(site: &Site, proxy: &Proxy) {
    let between = async || if proxy.held() > 0 { Ok(()) } else { Err(format!("{:?}", proxy.calls())) };
    site.becomes("a pod between leaving and coming back", between).await;
    assert!(!is_connected(site), "it has left the network");
}

fn is_connected(site: &Site) -> bool {
    let names = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}";
    site.world.field(&site.pod("web", 0), names).contains("voodu0")
}

/// The engine answers in the end.
async fn goes_on(site: &Site, proxy: &Proxy) {
    is_between(site, proxy).await;
    tokio::time::sleep(SLOW).await;
    proxy.release();
}

/// The pod is on the network under all of its names, as the one that it was.
async fn check(site: &Site) {
    assert!(is_connected(site), "it is cut off: {}", site.told().await);
    let aliases = site.world.field(&site.pod("web", 0), "{{.NetworkSettings.Networks.voodu0.Aliases}}");
    for name in ["web-0.SCOPE", "web.SCOPE"].map(|name| site.scoped(name)) {
        assert!(aliases.contains(&name), "{name} is not among {aliases}");
    }
    let before = site.containers();
    assert_eq!(site.settle().await, 0, "nothing is left to be mended");
    assert_eq!(site.containers(), before);
    site.holds().await;
}

#[tokio::test]
async fn a_pass_that_ends_while_a_pod_comes_back_to_the_network_leaves_it_connected() {
    let (site, proxy) = site().await;
    let (pass, ()) = tokio::join!(site.pass(), goes_on(&site, &proxy));
    pass.exits(2);
    check(&site).await;
}

#[tokio::test]
async fn an_agent_that_is_stopped_while_a_pod_comes_back_to_the_network_leaves_it_connected() {
    let (site, proxy) = site().await;
    let agent = site.start();
    is_between(&site, &proxy).await;
    let (ended, ()) = tokio::join!(agent.stop(), goes_on(&site, &proxy));
    assert_eq!(ended, Some(0));
    check(&site).await;
}
