//! Services for which names are not enough: what comes to their ports is passed on to pods that are ready.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use writ::target::{Depth, Target};

use crate::engine::Engine;
use crate::free_port::free_port;
use crate::site::Site;
use crate::world::World;
use crate::yaml::set;

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(180);

/// A server that tells who it is on port 8080, ready until a file says otherwise.
const TELLS: &str = r#"
command: ["sh", "-c", "mkdir /www; echo \"$POD of $GENERATION\" > /www/who; exec httpd -f -p 8080 -h /www"]
ports: [{containerPort: 8080, name: http}]
env:
  - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
  - {name: GENERATION, value: "GENERATION_NUMBER"}
readinessProbe: {exec: {command: ["sh", "-c", "test ! -f /tmp/unready && wget -qO /dev/null http://127.0.0.1:8080/who"]}, periodSeconds: 1}"#;

/// The set `web` with so many pods.
fn web(replicas: u32, generation: u32) -> String {
    let more = format!("replicas: {replicas}");
    set("web", &[&more], &[TELLS.trim_start()]).replace("GENERATION_NUMBER", &generation.to_string())
}

fn service(spec: &str) -> String {
    format!(
        "\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: SCOPE}}\nspec:\n  selector: {{app: web}}\n{spec}"
    )
}

const HTTP: &str = "  ports: [{name: http, port: 80, targetPort: http}]\n";
impl Site {
    fn relay(&self) -> String {
        format!("{}-web.service", self.world.scope)
    }

    fn address(&self, container: &str) -> String {
        self.world.address(container)
    }
}

/// What a server answers at an address; an error if the connection breaks.
fn ask(address: &str, port: u16) -> std::io::Result<String> {
    let mut connection = TcpStream::connect((address, port))?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.write_all(b"GET /who HTTP/1.0\r\n\r\n")?;
    let mut text = String::new();
    connection.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| std::io::Error::other(text.clone()))?;
    assert!(head.contains(" 200 "), "{head}");
    Ok(body.trim().to_owned())
}

/// Who answers so many times.
fn who(address: &str, port: u16, times: usize) -> BTreeSet<String> {
    (0..times).map(|_| ask(address, port).unwrap()).collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Asks until these answer, and nobody else, so many times in a row.
async fn answer(site: &Site, address: &str, port: u16, wanted: &[&str]) {
    site.becomes(&format!("{wanted:?} at {address}:{port}"), async || {
        let found = (0..12).map(|_| ask(address, port)).collect::<Result<BTreeSet<_>, _>>();
        match found {
            Ok(found) if found == names(wanted) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn a_port_unlike_the_pods_leads_to_the_ready_pods_and_to_nobody_else() {
    let site = Site::new().await;
    let client = set("client", &[], &[crate::yaml::SLEEPS]);
    site.deploy("a.yaml", &format!("{}\n---{client}{}", web(2, 1), service(HTTP))).await;
    let (relay, pod) = (site.relay(), site.pod("client", 0));
    let address = site.address(&relay);
    // The names of the Service are the relay's, and no pod's.
    for name in ["web.SCOPE", "web.SCOPE.svc", "web.SCOPE.svc.cluster.local"] {
        assert_eq!(site.world.resolve(&pod, &site.scoped(name)).await, [address.as_str()], "{name}");
    }
    let asked = site.world.exec(&pod, &["wget", "-qO-", &site.scoped("http://web.SCOPE/who")]).await;
    assert!(asked.1 == 0 && asked.0.ends_with(" of 1"), "{asked:?}");
    answer(&site, &address, 80, &["web-0 of 1", "web-1 of 1"]).await;
    // It has no power, and nothing is to be done about it.
    let form = "{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.Memory}} {{.Config.Env}}";
    let made = site.world.field(&relay, form);
    assert!(made.starts_with("65534:65534 true [ALL] 268435456 "), "{made}");
    let before = site.containers();
    assert_eq!(site.settle().await, 0);
    assert_eq!(site.containers(), before);

    let agent = site.start();
    site.world.exec(&site.pod("web", 0), &["touch", "/tmp/unready"]).await;
    answer(&site, &address, 80, &["web-1 of 1"]).await;
    site.world.exec(&site.pod("web", 0), &["rm", "/tmp/unready"]).await;
    answer(&site, &address, 80, &["web-0 of 1", "web-1 of 1"]).await;
    // Without an agent it goes on.
    agent.kill().await;
    assert_eq!(who(&address, 80, 12), names(&["web-0 of 1", "web-1 of 1"]));
    assert_eq!(site.containers(), before, "nobody was made anew");
    site.holds().await;
}

#[tokio::test]
async fn a_changed_service_remakes_its_relay_alone_and_what_a_person_does_to_it_is_mended() {
    let site = Site::new().await;
    site.deploy("a.yaml", &format!("{}{}", web(1, 1), service(HTTP))).await;
    let (relay, before) = (site.relay(), site.containers());
    let changed = |before: &std::collections::BTreeMap<String, String>| -> Vec<String> {
        let now = site.containers();
        let other = |name: &&String| now.get(*name) != before.get(*name);
        now.keys().chain(before.keys()).filter(other).cloned().collect::<BTreeSet<_>>().into_iter().collect()
    };
    site.deploy("a.yaml", &format!("{}{}", web(1, 1), service(&HTTP.replace("port: 80,", "port: 81,")))).await;
    assert_eq!(changed(&before), [relay.as_str()]);
    assert_eq!(ask(&site.address(&relay), 81).unwrap(), "web-0 of 1");
    for harm in [vec!["rm", "-f", &relay], vec!["stop", &relay], vec!["update", "--cpu-shares", "512", &relay]] {
        let before = site.containers();
        site.world.person(&harm);
        assert!(site.settle().await > 0, "{harm:?}");
        assert_eq!(changed(&before), [relay.as_str()], "{harm:?}");
        assert_eq!(ask(&site.address(&relay), 81).unwrap(), "web-0 of 1");
    }
    // People find it by the Service.
    let object = site.scoped("service/SCOPE/web");
    site.writ(&["status"]).await.shows(&relay);
    site.writ(&["why", &object]).await.exits(0);
    site.writ(&["logs", &object]).await.exits(0);
    site.deploy("a.yaml", &web(1, 1)).await;
    assert!(!site.containers().contains_key(&relay));
    site.holds().await;
}

#[tokio::test]
async fn a_rolling_update_behind_a_relay_loses_no_connection() {
    let site = Site::new().await;
    site.deploy("a.yaml", &format!("{}{}", web(2, 1), service(HTTP))).await;
    let address = site.address(&site.relay());
    let done = Arc::new(AtomicBool::new(false));
    let ask_on = || {
        let (address, done) = (address.clone(), Arc::clone(&done));
        thread::spawn(move || {
            let mut answers = Vec::new();
            while !done.load(Ordering::Relaxed) {
                answers.push(ask(&address, 80).map_err(|error| error.to_string()));
            }
            answers
        })
    };
    let asking: Vec<_> = (0..3).map(|_| ask_on()).collect();
    site.deploy("a.yaml", &format!("{}{}", web(2, 2), service(HTTP))).await;
    done.store(true, Ordering::Relaxed);
    let answers: Vec<_> = asking.into_iter().flat_map(|asking| asking.join().unwrap()).collect();
    let lost: Vec<_> = answers.iter().filter(|answer| answer.is_err()).collect();
    assert!(lost.is_empty(), "{} of {} were lost: {lost:?}", lost.len(), answers.len());
    let found: BTreeSet<String> = answers.iter().flatten().cloned().collect();
    assert!(found.len() >= 3 && answers.len() > 100, "{} answers: {found:?}", answers.len());
    // Asked alone: among others that ask in turn, every second one could get the same pod each time.
    answer(&site, &address, 80, &["web-0 of 2", "web-1 of 2"]).await;
    site.holds().await;
}

/// Two pods that repeat what they are told, in connections and in single messages, and their Service.
const TALKS: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: talk, namespace: SCOPE}
spec:
  replicas: 2
  selector: {matchLabels: {app: talk}}
  template:
    metadata: {labels: {app: talk}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: talk
          image: redis:7
          command: [perl, -MIO::Socket::INET, -MIO::Select, -e]
          args:
            - |
              $calls = IO::Socket::INET->new(LocalPort => 7, Listen => 1024) or die;
              $messages = IO::Socket::INET->new(LocalPort => 53, Proto => "udp") or die;
              $all = IO::Select->new($calls, $messages);
              while (1) {
                  for $one ($all->can_read) {
                      if ($one == $calls) { $all->add(scalar $calls->accept) }
                      elsif ($one == $messages) { $messages->recv($text, 65535); $messages->send($text) }
                      elsif (sysread($one, $text, 65536)) { for ($at = 0; $at < length $text; $at += $wrote) { $wrote = syswrite($one, $text, 65536, $at) } }
                      else { $all->remove($one); close $one }
                  }
              }
---
apiVersion: v1
kind: Service
metadata: {name: talk, namespace: SCOPE}
spec:
  selector: {app: talk}
  ports:
    - {name: calls, port: 70, targetPort: 7}
    - {name: messages, port: 5300, targetPort: 53, protocol: UDP}
"#;

/// Sends bytes and takes back what is repeated, until both directions are closed; the digests of both.
fn echo(address: &str, port: u16, megabytes: usize) -> (Vec<u8>, Vec<u8>) {
    let mut reads = TcpStream::connect((address, port)).unwrap();
    reads.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut writes = reads.try_clone().unwrap();
    let writer = thread::spawn(move || {
        let (mut sum, mut state) = (Sha256::new(), 7_u64);
        for _ in 0..megabytes * 16 {
            let block: Vec<u8> = (0..8_192)
                .flat_map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    state.to_be_bytes()
                })
                .collect();
            sum.update(&block);
            writes.write_all(&block).unwrap();
        }
        // One direction ends; what is still on its way back comes.
        writes.shutdown(std::net::Shutdown::Write).unwrap();
        sum.finalize().to_vec()
    });
    let (mut sum, mut count, mut block) = (Sha256::new(), 0, vec![0; 65_536]);
    loop {
        match reads.read(&mut block).unwrap() {
            0 => break,
            read => {
                sum.update(&block[..read]);
                count += read;
            }
        }
    }
    assert_eq!(count, megabytes * 16 * 65_536);
    (writer.join().unwrap(), sum.finalize().to_vec())
}

#[tokio::test]
async fn every_byte_of_a_long_connection_and_of_many_at_once_comes_back_as_it_was_sent() {
    let site = Site::new().await;
    site.deploy("a.yaml", TALKS).await;
    let address = site.address(&format!("{}-talk.service", site.world.scope));
    let (sent, back) = echo(&address, 70, 100);
    assert_eq!(sent, back);
    let mut open: Vec<TcpStream> = (0..900)
        .map(|_| {
            let connection = TcpStream::connect((address.as_str(), 70)).unwrap();
            connection.set_read_timeout(Some(PATIENCE)).unwrap();
            connection
        })
        .collect();
    for (at, connection) in open.iter_mut().enumerate() {
        connection.write_all(format!("{at:08}").as_bytes()).unwrap();
    }
    for (at, connection) in open.iter_mut().enumerate() {
        let mut text = [0; 8];
        connection.read_exact(&mut text).unwrap();
        assert_eq!(text, format!("{at:08}").as_bytes());
    }
}

#[tokio::test]
async fn messages_come_back_to_the_client_that_sent_them() {
    let site = Site::new().await;
    site.deploy("a.yaml", TALKS).await;
    let address = site.address(&format!("{}-talk.service", site.world.scope));
    let clients: Vec<UdpSocket> = (0..100)
        .map(|_| {
            let client = UdpSocket::bind("0.0.0.0:0").unwrap();
            client.connect((address.as_str(), 5_300)).unwrap();
            client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            client
        })
        .collect();
    for round in 0..3 {
        for (at, client) in clients.iter().enumerate() {
            let message = format!("{at} in {round}");
            let mut text = [0; 64];
            // A message may be lost; another one from the same client is not mistaken for it.
            let came = (0..5).any(|_| {
                client.send(message.as_bytes()).unwrap();
                client.recv(&mut text).is_ok_and(|count| text[..count] == *message.as_bytes())
            });
            assert!(came, "{message}");
        }
    }
}

#[tokio::test]
async fn a_service_is_reached_from_the_host_at_the_port_of_its_type_and_on_loopback_alone() {
    let site = Site::new().await;
    let node = service(&format!("  type: NodePort\n{HTTP}"));
    let file = site.path("a.yaml");
    let text = format!("{}{node}", web(1, 1));
    std::fs::write(&file, site.scoped(&text)).unwrap();
    let told = site.writ(&["check", file.to_str().unwrap()]).await;
    let (_, told) = told.error.split_once("port 80 is published as port ").unwrap_or_else(|| panic!("{told:?}"));
    let port: u16 = told.split(' ').next().unwrap().parse().unwrap();
    assert!((30_000..=32_767).contains(&port), "{port}");
    site.deploy("a.yaml", &text).await;
    assert_eq!(ask("127.0.0.1", port).unwrap(), "web-0 of 1");
    let bound = site.world.field(&site.relay(), "{{range $p, $b := .NetworkSettings.Ports}}{{$b}}{{end}}");
    assert_eq!(bound, format!("[{{127.0.0.1 {port}}}]"));
    // The port of a balancer is the Service's own.
    let free = free_port();
    let balancer = service(&format!("  type: LoadBalancer\n{}", HTTP.replace("port: 80,", &format!("port: {free},"))));
    site.deploy("a.yaml", &format!("{}{balancer}", web(1, 1))).await;
    assert_eq!(ask("127.0.0.1", free).unwrap(), "web-0 of 1");
    assert!(ask("127.0.0.1", port).is_err());
    // Any other address is one that the host must allow.
    let open = balancer.replace("namespace: SCOPE}", "namespace: SCOPE, annotations: {writ.publish: 0.0.0.0}}");
    site.commit("a.yaml", &format!("{}{open}", web(1, 1)));
    let refused = site.pass().await;
    assert_ne!(refused.code, Some(0));
    let told = site.told().await;
    assert!(told.contains("host-port-address"), "{told}");
    assert_eq!(ask("127.0.0.1", free).unwrap(), "web-0 of 1");
    site.holds().await;
}

#[tokio::test]
async fn a_client_stays_with_its_pod_where_the_service_says_so() {
    let site = Site::new().await;
    let client = set("client", &["replicas: 4"], &[crate::yaml::SLEEPS]);
    let sticky = service(&format!("  sessionAffinity: ClientIP\n{}", HTTP.replace("port: 80, ", "port: 8080, ")));
    site.deploy("a.yaml", &format!("{}\n---{client}{sticky}", web(2, 1))).await;
    let mut all = BTreeSet::new();
    let fetch = site.scoped("for i in 1 2 3 4 5 6; do wget -qO- http://web.SCOPE:8080/who; done");
    for ordinal in 0..4 {
        let (text, code) = site.world.exec(&site.pod("client", ordinal), &["sh", "-c", &fetch]).await;
        let found: BTreeSet<String> = text.lines().map(str::to_owned).collect();
        assert!(code == 0 && found.len() == 1, "{text}");
        all.extend(found);
    }
    assert_eq!(all, names(&["web-0 of 1", "web-1 of 1"]), "clients are spread");
}

#[tokio::test]
async fn a_relay_that_dies_is_back_by_itself_and_so_it_is_after_its_engine() {
    let engine = Engine::up();
    let world = World::on(&engine.endpoint());
    let site = Site::with(world, "").await;
    site.deploy("a.yaml", &format!("{}{}", web(1, 1), service(HTTP))).await;
    let relay = site.relay();
    let process = |site: &Site| site.world.field(&relay, "{{.State.Pid}}");
    let first = process(&site);
    let pid = rustix::process::Pid::from_raw(first.parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let back = async |site: &Site| {
        site.becomes("it answers again", async || {
            let seen = ask(&site.address(&relay), 80);
            if seen.as_ref().is_ok_and(|who| who == "web-0 of 1") { Ok(()) } else { Err(format!("{seen:?}")) }
        })
        .await;
    };
    back(&site).await;
    assert_ne!(process(&site), first);
    let agent = site.start();
    engine.run("kill9");
    engine.run("up");
    back(&site).await;
    agent.kill().await;
    assert_eq!(site.settle().await, 0);
    let Target::Docker(_) = &*site.world.target else { panic!("no engine") };
    assert_eq!(site.world.look(Depth::Deep).await.unseen.len(), 0);
}
