//! The host's ingress on a real engine: a real Caddy, real clients, and what happens to it.

use std::net::TcpListener;
use std::process::Command;

use reqwest::{Client, redirect};
use writ_core::ingress::{CONTAINER, VOLUME};

use crate::front::Front;
use crate::load::Load;

/// An app that tells its version, and takes its time to end.
fn app(name: &str, version: &str, more: &str) -> String {
    let serve = "mkdir -p /tmp/www/cgi-bin; echo VERSION > /tmp/www/version; cd /tmp/www; \
         printf '#!/bin/sh\\\\nsleep 2; echo; echo slow VERSION\\\\n' > cgi-bin/slow; chmod +x cgi-bin/slow; \
         httpd -p 8080 -h /tmp/www; trap 'sleep 3; exit 0' TERM; while :; do sleep 1000 & wait; done";
    let serve = serve.replace("VERSION", version);
    format!(
        "app \"SCOPE\" \"{name}\" {{\n  image = \"writ-test/box:1\"\n  command = [\"sh\", \"-c\", \"{serve}\"]\n  \
         ports = [\"8080\"]\n  health_check = \"/version\"\n  host = \"{name}.SCOPE.example.org\"\n{more}\n}}\n"
    )
}

#[tokio::test]
async fn v93_v95_requests_are_led_by_host_and_path_to_ready_pods_and_elsewhere_nowhere() {
    let front = Front::new("").await;
    let silent = app("web", "never", "path = \"/none\"").replace("httpd -p 8080", "true -p 8080");
    let text = [
        app("web", "one", "replicas = 2"),
        app("api", "two", "").replace("host = \"api", "path = \"/cgi-bin\"\n  host = \"web"),
        silent.replace("\"web\"", "\"none\"").replace("\"/version\"", "\"/missing\""),
    ];
    front.site.commit("web.hcl", &text.concat());
    let agent = front.site.start();
    front.answers("web", "/version", (200, "one")).await;
    front.answers("web", "/cgi-bin/slow", (200, "slow two")).await;
    assert_eq!(front.asks("other", "/").await.0, 404);
    // What is not ready gets nothing, however long it runs.
    let (status, _) = front.asks("web", "/none/x").await;
    assert_eq!(status, 503);
    assert_eq!(agent.stop().await, Some(0));
    front.answers("web", "/version", (200, "one")).await;
    front.site.commit("web.hcl", &text[..2].concat());
    front.site.settle().await;
    let before = front.ingress().unwrap();
    assert_eq!(front.site.settle().await, 0, "a second pass changes nothing");
    assert_eq!(front.ingress().unwrap(), before);
    front.site.writ(&["plan"]).await.exits(0).shows("as desired: http://web.");
    front.site.writ(&["status"]).await.exits(0).shows("voodu-caddy serves it");
    front.site.writ(&["why", &format!("ingress/{}/web", front.site.world.scope)]).await.exits(0).shows("web.");
    // Without routes there is no ingress, and its volume stays.
    let without = text[0].replace("app ", "deployment ").replace("host = \"web.SCOPE.example.org\"", "");
    front.site.deploy("web.hcl", &without).await;
    assert!(front.ingress().unwrap_err().contains("No such"));
    assert_eq!(front.site.world.person(&["volume", "ls", "-q", "--filter", &format!("name={VOLUME}")]), VOLUME);
    front.site.holds().await;
}

#[tokio::test]
async fn v94_a_certificate_is_issued_and_plain_requests_are_sent_to_the_encrypted_port() {
    let front = Front::new("").await;
    front.site.deploy("web.hcl", &app("web", "one", "tls {\n email = \"ops@example.org\"\n }")).await;
    let authority = front
        .site
        .becomes("an authority", async || {
            let file = "/data/caddy/pki/authorities/local/root.crt";
            front.site.world.tries(&["exec", CONTAINER, "cat", file])
        })
        .await;
    front
        .site
        .becomes("encrypted", async || match front.asks_encrypted("web", "/version", &authority).await {
            Ok(text) if text == "one" => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
    assert_eq!(front.asks("web", "/version").await.0, 308);
    let client = Client::builder().no_proxy().redirect(redirect::Policy::none());
    let client = client.resolve(&front.host("web"), front.at(front.http)).build().unwrap();
    let answer = client.get(format!("http://{}:{}/a?b=c", front.host("web"), front.http)).send().await.unwrap();
    let to = format!("https://{}:{}/a?b=c", front.host("web"), front.https);
    assert_eq!(answer.headers()["location"].to_str().unwrap(), to);
    // Another name has no certificate, and another authority vouches for none.
    assert!(front.asks_encrypted("other", "/version", &authority).await.is_err());
    let address = front.site.world.address(CONTAINER);
    let pod = front.site.containers().into_keys().find(|name| name.contains("-web.")).unwrap();
    let (said, code) = front.site.world.exec(&pod, &["nc", "-w", "2", &address, "2019"]).await;
    assert_ne!(code, 0, "its own interface is for nobody else: {said}");
}

/// A certificate for a name, and its key.
fn self_signed(front: &Front, name: &str) -> (String, String) {
    let (key, certificate) = (front.site.path("tls.key"), front.site.path("tls.crt"));
    let (host, settings) = (front.host(name), front.site.path("openssl.cnf"));
    let text = format!(
        "[req]\ndistinguished_name = dn\nx509_extensions = ext\n[dn]\n[ext]\nbasicConstraints = critical, CA:FALSE\n\
         subjectAltName = DNS:{host}\n"
    );
    std::fs::write(&settings, text).unwrap();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", &format!("/CN={host}"), "-config"])
        .arg(&settings)
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    (std::fs::read_to_string(certificate).unwrap(), std::fs::read_to_string(key).unwrap())
}

fn with_secret(certificate: &str, key: &str) -> String {
    let indent = |text: &str| text.lines().map(|line| format!("    {line}\n")).collect::<String>();
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: cert, namespace: SCOPE}}\nstringData:\n  tls.crt: |\n{}  \
         tls.key: |\n{}---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: front, namespace: SCOPE}}\n\
         spec:\n  rules:\n    - host: own.SCOPE.example.org\n      http:\n        paths: [{{path: /, pathType: Prefix, \
         backend: {{service: {{name: web, port: {{number: 8080}}}}}}}}]\n  tls: [{{hosts: [own.SCOPE.example.org], \
         secretName: cert}}]\n",
        indent(certificate),
        indent(key)
    )
}

#[tokio::test]
async fn a_certificate_of_a_secret_is_served_and_a_configuration_that_is_refused_changes_nothing() {
    let front = Front::new("").await;
    let (certificate, key) = self_signed(&front, "own");
    front.site.write("web.hcl", &app("web", "one", ""));
    front.site.deploy("own.yaml", &with_secret(&certificate, &key)).await;
    front
        .site
        .becomes("encrypted", async || match front.asks_encrypted("own", "/version", &certificate).await {
            Ok(text) if text == "one" => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
    // Another key does not fit the certificate.
    let (_, other) = self_signed(&front, "own");
    let commit = front.site.commit("own.yaml", &with_secret(&certificate, &other));
    let pass = front.site.pass().await;
    pass.exits(1);
    assert!(pass.out.contains("private key does not match"), "{pass:?}");
    let (state, said) = front.site.said(&commit).pop().unwrap();
    assert_eq!(state, "failure", "{said}");
    assert_eq!(front.asks_encrypted("own", "/version", &certificate).await.as_deref(), Ok("one"));
    assert_eq!(front.asks("web", "/version").await, (200, "one".to_owned()));
    for text in
        [format!("{:?}", front.site.history().await), format!("{pass:?}"), format!("{:?}", front.site.forge.requests())]
    {
        for line in key.lines().chain(other.lines()).filter(|line| !line.starts_with("-----")) {
            assert!(!text.contains(line), "a key stands in {text}");
        }
    }
    // The commit is reverted, and all is well.
    front.site.deploy("own.yaml", &with_secret(&certificate, &key)).await;
    assert_eq!(front.asks_encrypted("own", "/version", &certificate).await.as_deref(), Ok("one"));
    front.site.holds().await;
}

/// A Gateway and a route of its, which leads by method, path and header, changes requests and redirects.
const GATEWAY: &str = r#"
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front, namespace: SCOPE}
spec:
  gatewayClassName: caddy
  listeners: [{name: plain, port: 80, protocol: HTTP, hostname: "*.SCOPE.example.org"}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: SCOPE}
spec:
  parentRefs: [{name: front}]
  hostnames: [gate.SCOPE.example.org]
  rules:
    - matches: [{path: {value: /api}}]
      filters:
        - {type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}
        - {type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: X-Front, value: api}]}}
      backendRefs: [{name: web, port: 8080}]
    - matches: [{path: {value: /api}, headers: [{name: X-Tenant, value: b}]}]
      filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /version}}}]
      backendRefs: [{name: other, port: 8080}]
    - matches: [{path: {type: Exact, value: /old}}]
      filters:
        - type: RequestRedirect
          requestRedirect: {hostname: new.example.org, path: {type: ReplaceFullPath, replaceFullPath: /new}, statusCode: 301}
"#;

#[tokio::test]
async fn a_route_of_a_gateway_leads_by_path_and_header_changes_requests_and_redirects() {
    let front = Front::new("").await;
    front.site.write("web.hcl", &[app("web", "one", ""), app("other", "two", "")].concat());
    front.site.deploy("gateway.yaml", GATEWAY).await;
    front.answers("gate", "/api/version", (200, "one")).await;
    let host = front.host("gate");
    let client = Client::builder().no_proxy().resolve(&host, front.at(front.http));
    let client = client.redirect(redirect::Policy::none()).build().unwrap();
    let ask = |path: &str| client.get(format!("http://{host}:{}{path}", front.http));
    let answer = ask("/api/version?a=b").send().await.unwrap();
    assert_eq!(answer.headers()["x-front"], "api");
    front.answers("other", "/version", (200, "two")).await;
    let answer = ask("/api/anything").header("x-tenant", "b").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().trim()), (200, "two"));
    let answer = ask("/old?a=b").send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 301);
    let to = format!("http://new.example.org:{}/new?a=b", front.http);
    assert_eq!(answer.headers()["location"].to_str().unwrap(), to);
    // What no rule is about leads nowhere, and neither does what only begins like it.
    for path in ["/", "/apiary", "/old/x", "/OLD"] {
        assert_eq!(front.asks("gate", path).await.0, 404, "{path}");
    }
    assert_eq!(front.site.settle().await, 0);
    front.site.holds().await;
}

#[tokio::test]
async fn a_host_name_that_one_unit_serves_is_refused_to_another_which_keeps_its_other_names() {
    let second = "[[unit]]\nname = \"SCOPE-2\"\nsource = \"infra\"\npath = \"second\"\ntarget = \"docker\"\n";
    let front = Front::new(second).await;
    let other = app("web", "two", "").replace("\"SCOPE\"", "\"SCOPEx\"");
    let free = app("free", "two", "").replace("\"SCOPE\"", "\"SCOPEx\"");
    front.site.repository.write("second/web.hcl", front.site.scoped(&free));
    front.site.deploy("web.hcl", &app("web", "one", "")).await;
    front.answers("web", "/version", (200, "one")).await;
    front.answers("free", "/version", (200, "two")).await;
    front.site.repository.write("second/web.hcl", front.site.scoped(&[free, other].concat()));
    front.site.commit("note.txt", "second");
    let pass = front.site.pass().await;
    pass.exits(3);
    assert!(pass.out.contains("each host name belongs to one unit"), "{pass:?}");
    assert_eq!(front.asks("web", "/version").await, (200, "one".to_owned()));
    assert_eq!(front.asks("free", "/version").await, (200, "two".to_owned()));
    let before = front.ingress().unwrap();
    front.site.pass().await.exits(3);
    assert_eq!(front.ingress().unwrap(), before);
}

#[tokio::test]
async fn a_rolling_update_of_three_replicas_loses_no_request_at_two_hundred_a_second() {
    let front = Front::new("").await;
    front.site.commit("web.hcl", &app("web", "one", "replicas = 3"));
    let agent = front.site.start();
    front.answers("web", "/version", (200, "one")).await;
    let commit = front.site.commit("web.hcl", &app("web", "one", "replicas = 3\n  env = { A = \"1\" }"));
    front.site.is_said(&commit, "success").await;
    let load = Load::start(front.at(front.http), &front.host("web"), 200).await;
    let slow = front.asks("web", "/cgi-bin/slow");
    let commit = front.site.commit("web.hcl", &app("web", "two", "replicas = 3"));
    let rolled = front.site.becomes("rolled", async || {
        let said = front.site.said(&commit).pop();
        let new = load.seen("two");
        if said.as_ref().is_some_and(|(state, _)| state == "success") && new {
            Ok(())
        } else {
            Err(format!("{said:?}"))
        }
    });
    let ((status, text), ()) = tokio::join!(slow, rolled);
    assert_eq!((status, text.as_str()), (200, "slow one"), "what is under way ends well");
    let counted = load.stop().await;
    assert_eq!(counted.lost, Vec::<String>::new(), "{counted}");
    assert!(counted.reused > 500 && counted.fresh > 500, "{counted}");
    assert_eq!(front.asks("web", "/version").await, (200, "two".to_owned()));
    assert_eq!(agent.stop().await, Some(0));
}

#[tokio::test]
async fn a_broken_update_leaves_the_old_replicas_serving_and_its_revert_heals() {
    let front = Front::new("").await;
    let good = app("web", "one", "replicas = 3");
    front.site.deploy("web.hcl", &good).await;
    let load = Load::start(front.at(front.http), &front.host("web"), 50).await;
    let missing = good.replace("writ-test/box:1", "writ-test/missing:1");
    front.site.commit("web.hcl", &missing);
    front.site.pass().await.exits(1);
    front.site.deploy("web.hcl", &good.replace("echo one", "echo three")).await;
    let counted = load.stop().await;
    assert_eq!(counted.lost, Vec::<String>::new(), "{counted}");
    assert_eq!(front.asks("web", "/version").await, (200, "three".to_owned()));
}

#[tokio::test]
async fn an_ingress_that_is_killed_or_removed_comes_back_and_one_without_an_agent_goes_on() {
    let front = Front::new("").await;
    let commit = front.site.commit("web.hcl", &app("web", "one", "replicas = 2"));
    let agent = front.site.start();
    front.site.is_said(&commit, "success").await;
    front.answers("web", "/version", (200, "one")).await;
    let pods: Vec<String> = front.site.containers().into_keys().filter(|name| name.contains("-web.")).collect();
    let name = format!("web.{}", front.site.world.scope);
    front
        .site
        .becomes("both are led to", async || match front.site.world.resolve(&pods[0], &name).await {
            found if found.len() == 2 => Ok(()),
            found => Err(format!("{found:?}")),
        })
        .await;
    // The engine starts it again, with what it was given last.
    agent.kill().await;
    front.site.world.person(&["exec", CONTAINER, "sh", "-c", "kill -9 1 || true; kill -TERM 1"]);
    front.answers("web", "/version", (200, "one")).await;
    front.site.world.person(&["restart", "-t", "2", CONTAINER]);
    front.answers("web", "/version", (200, "one")).await;
    // A pod that goes while nobody looks is not asked any more.
    front.site.world.person(&["rm", "-f", &pods[0]]);
    for _ in 0..20 {
        let told = || front.site.world.tries(&["logs", "--tail", "5", CONTAINER]);
        assert_eq!(front.asks("web", "/version").await, (200, "one".to_owned()), "{:?}", told());
    }
    let agent = front.site.start();
    for words in [["rm", "-f", CONTAINER], ["stop", "-t1", CONTAINER]] {
        front.site.world.person(&words);
        front.answers("web", "/version", (200, "one")).await;
    }
    front.site.world.person(&["rm", "-f", CONTAINER]);
    front.answers("web", "/version", (200, "one")).await;
    assert_eq!(agent.stop().await, Some(0));
    front.site.holds().await;
}

#[tokio::test]
async fn a_port_that_somebody_else_holds_fails_the_ingress_and_no_pod() {
    let front = Front::new("").await;
    let taken = TcpListener::bind(front.at(front.http)).unwrap();
    front.site.commit("web.hcl", &app("web", "one", ""));
    let pass = front.site.pass().await;
    pass.exits(1);
    let scope = &front.site.world.scope;
    assert!(pass.out.contains(&format!("ingress/{scope}/web")), "{pass:?}");
    assert!(front.site.containers().keys().any(|name| name.contains("-web.")), "{:?}", front.site.containers());
    drop(taken);
    front.site.settle().await;
    front.answers("web", "/version", (200, "one")).await;
}
