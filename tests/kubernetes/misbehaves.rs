//! The server that misbehaves on request does so, and is otherwise as good as the real one.

use std::time::{Duration, Instant};

use crate::apiserver::{ApiServer, Fault, Which};
use crate::world::{Cluster, World, until};

/// A world, a server before its cluster, and the cluster by way of that.
async fn between() -> (World, ApiServer, Cluster) {
    let world = World::new().await;
    let real = &world.cluster;
    let server = ApiServer::before(&real.text("url"), &real.text("ca.crt"), &real.text("token")).await;
    let cluster = real.by(&server.kubeconfig());
    (world, server, cluster)
}

const MAPS: Which = Which { method: "", begins: "/api/v1/namespaces/", holds: "/configmaps" };

async fn create(world: &World, cluster: &Cluster, name: &str) -> Result<String, String> {
    cluster.try_kubectl(&["-n", &world.namespace, "create", "configmap", name], "").await
}

#[tokio::test]
async fn without_rules_it_does_what_the_real_one_does() {
    let (world, server, cluster) = between().await;
    create(&world, &cluster, "kept").await.unwrap();
    assert!(world.object("configmap/kept").await.is_some());
    let told = server.requests();
    let wanted = format!("POST /api/v1/namespaces/{}/configmaps?", world.namespace);
    assert!(told.iter().any(|request| request.starts_with(&wanted)), "{told:#?}");
    let refused = cluster.try_kubectl(&["-n", &world.namespace, "get", "configmap", "missing"], "").await;
    assert!(refused.unwrap_err().contains("NotFound"));
}

#[tokio::test]
async fn an_answer_of_its_own_is_given_as_often_as_said_and_nothing_is_done_then() {
    let (world, server, cluster) = between().await;
    let posts = Which { method: "POST", ..MAPS };
    for (fault, wanted) in [
        (Fault::conflict(), "the object has been modified"),
        (Fault::invalid("spec.replicas: must be positive"), "must be positive"),
        (Fault::internal(), "an error on the server"),
    ] {
        server.spoil(posts, 1, fault);
        let complaint = create(&world, &cluster, "second").await.unwrap_err();
        assert!(complaint.contains(wanted), "{complaint}");
        assert!(world.object("configmap/second").await.is_none());
    }
    create(&world, &cluster, "second").await.unwrap();
}

#[tokio::test]
async fn a_server_with_too_much_to_do_is_asked_again_when_it_says() {
    let (world, server, cluster) = between().await;
    server.spoil(Which { method: "POST", ..MAPS }, 2, Fault::too_many(1));
    let from = Instant::now();
    create(&world, &cluster, "late").await.unwrap();
    assert!(from.elapsed() >= Duration::from_secs(2), "{:?}", from.elapsed());
    let asked = server.requests().iter().filter(|request| request.starts_with("POST")).count();
    assert_eq!(asked, 3);
}

#[tokio::test]
async fn a_lost_request_is_not_done_and_a_lost_answer_is() {
    let (world, server, cluster) = between().await;
    let posts = Which { method: "POST", ..MAPS };
    server.spoil(posts, 1, Fault::Cut);
    create(&world, &cluster, "cut").await.unwrap_err();
    server.spoil(posts, 1, Fault::Unanswered);
    create(&world, &cluster, "unanswered").await.unwrap_err();
    assert!(world.object("configmap/cut").await.is_none());
    assert!(world.object("configmap/unanswered").await.is_some());
}

#[tokio::test]
async fn a_slow_server_answers_and_one_that_hangs_does_not() {
    let (world, server, cluster) = between().await;
    let gets = Which { method: "GET", ..MAPS };
    let get = ["-n", world.namespace.as_str(), "get", "configmaps", "--request-timeout=2s"];
    server.spoil(gets, 1, Fault::Late(Duration::from_millis(700)));
    let from = Instant::now();
    cluster.try_kubectl(&get, "").await.unwrap();
    assert!(from.elapsed() >= Duration::from_millis(700));
    server.spoil(gets, 1, Fault::Hang);
    cluster.try_kubectl(&get, "").await.unwrap_err();
}

#[tokio::test]
async fn a_watch_is_told_that_its_place_is_too_old_at_once_or_in_the_middle() {
    let (world, server, cluster) = between().await;
    let watch = ["-n", world.namespace.as_str(), "get", "configmaps", "--watch-only", "-o", "json"];
    let watches = Which { holds: "watch=true", ..Which::default() };
    server.spoil(watches, 1, Fault::Expired);
    let complaint = cluster.try_kubectl(&watch, "").await.unwrap();
    assert!(complaint.contains("too old resource version"), "{complaint}");

    let watching = cluster.try_kubectl(&watch, "");
    let ending = async {
        let asks = || async {
            let asked = server.requests().iter().filter(|request| request.contains("watch=true")).count();
            ((asked == 2).then_some(()), format!("{asked} watches"))
        };
        until(asks).await.unwrap();
        // A watch that was asked for may not have begun yet; it ends when it has.
        loop {
            server.expire_watches();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let complaint = tokio::select! {
        said = watching => said.unwrap(),
        () = ending => unreachable!("it goes on until the watch has ended"),
    };
    assert!(complaint.contains("too old resource version"), "{complaint}");
}

#[tokio::test]
async fn a_part_of_the_interface_that_is_hidden_is_announced_and_does_not_answer() {
    let (world, server, cluster) = between().await;
    let groups = cluster.kubectl(&["get", "--raw", "/apis"]).await;
    assert!(groups.contains("\"apps/v1\""), "{groups}");
    let list = ["-n", world.namespace.as_str(), "get", "statefulsets.v1.apps"];
    cluster.try_kubectl(&list, "").await.unwrap();
    server.hide("/apis/apps/v1");
    let groups = cluster.kubectl(&["get", "--raw", "/apis"]).await;
    assert!(groups.contains("\"apps/v1\""), "{groups}");
    for path in ["/apis/apps/v1", "/apis/apps/v1/statefulsets"] {
        let complaint = cluster.try_kubectl(&["get", "--raw", path], "").await.unwrap_err();
        assert!(complaint.contains("currently unable to handle"), "{complaint}");
    }
    cluster.kubectl(&["get", "--raw", "/apis/batch/v1"]).await;
    server.behave();
    cluster.kubectl(&["get", "--raw", "/apis/apps/v1"]).await;
}
