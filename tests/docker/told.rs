//! What a person is told of pods: how they ended, what they and the ones before them wrote, and what was done to them.

use crate::site::Site;

/// A set whose pods may use so much memory and no more.
fn limited(name: &str, script: &str, more: &str) -> String {
    let form = r#"
statefulset "SCOPE" "NAME" {
  image   = "writ-test/box:1"
  command = ["sh", "-c", "SCRIPT"]
  resources {
    limits { memory = "16Mi" }
  }
  MORE
}
"#;
    form.replace("NAME", name).replace("SCRIPT", script).replace("MORE", more)
}

/// One that eats more memory than it may, once, and a neighbour.
fn eaters(second: &str) -> String {
    let once = format!(
        "trap 'exit 0' TERM; if [ -e /data/eaten ]; then echo {second}; sleep 1000 & wait; \
         else echo the first run; touch /data/eaten; exec tail /dev/zero; fi"
    );
    let claim = "volume_claim \"data\" { mount_path = \"/data\" }";
    let neighbour = limited("neighbour", "trap 'exit 0' TERM; echo the only run; sleep 1000 & wait", "");
    limited("once", &once, claim) + &neighbour
}

#[tokio::test]
async fn status_logs_history_and_exec_tell_of_a_pod_that_ran_out_of_memory_and_of_its_neighbour() {
    let site = Site::new().await;
    let scope = site.world.scope.clone();
    site.deploy("eaters.hcl", &eaters("the second run")).await;
    let (once, neighbour) = (site.pod("once", 0), site.pod("neighbour", 0));
    let status = site.writ(&["status"]).await;
    let line = |pod: &str| {
        let found = status.out.lines().find(|line| line.trim_start().starts_with(&format!("{pod} ")));
        found.unwrap_or_else(|| panic!("{pod} is not in {}", status.out)).to_owned()
    };
    assert!(line(&once).contains("out of memory") && !line(&neighbour).contains("memory"), "{}", status.out);
    status.shows(&format!("statefulset/{scope}/once")).shows(&format!("volume voodu-{scope}-once-data-0"));
    let document = site.writ(&["status", "-o", "json"]).await.document();
    let objects = document["units"][0]["objects"].as_array().unwrap();
    let told: Vec<_> = objects.iter().map(|object| &object["pods"][0]["out_of_memory"]).collect();
    assert_eq!(told, [false, true], "{document:#}");

    // What the run before wrote, and no line of this one; who never ran before has nothing to show.
    let previous = site.writ(&["logs", "once-0", "-n", &scope, "--previous"]).await;
    assert_eq!((previous.code, previous.out.as_str()), (Some(0), "the first run\n"), "{previous:?}");
    site.writ(&["logs", &once]).await.exits(0).shows("the first run").shows("the second run");
    let none = site.writ(&["logs", &neighbour, "--previous"]).await;
    assert!(none.code == Some(1) && none.error.contains("wrote nothing before"), "{none:?}");

    let exec =
        site.writ(&["exec", "once-0", "-n", &scope, "--", "sh", "-c", "echo $VOODU_REPLICA_ORDINAL; hostname"]).await;
    assert_eq!((exec.code, exec.out.as_str()), (Some(0), "0\nonce-0\n"));
    assert_eq!(site.writ(&["exec", "once-1", "-n", &scope, "--", "true"]).await.code, Some(1), "there is no such pod");

    // The events of one object, oldest first, and nobody else's.
    let object = format!("statefulset/{scope}/once");
    site.deploy("eaters.hcl", &eaters("another run")).await;
    let history = site.writ(&["history", "--object", &object, "-o", "json"]).await.document();
    let records = history["records"].as_array().unwrap().clone();
    let of = |key: &str| records.iter().map(|record| record[key].to_string()).collect::<Vec<_>>();
    let (times, numbers) = (of("at"), records.iter().map(|record| record["record"].as_i64()).collect::<Vec<_>>());
    assert!(times.is_sorted() && numbers.is_sorted() && numbers[0].is_some(), "{history:#}");
    let text = history.to_string();
    assert!(text.contains("replace") && !text.contains(&neighbour), "{history:#}");
    site.holds().await;
}

#[tokio::test]
async fn k87_a_pod_that_runs_out_of_memory_again_and_again_is_said_to_while_the_agent_waits_for_it() {
    let site = Site::new().await;
    site.commit("glutton.hcl", &limited("glutton", "exec tail /dev/zero", ""));
    let agent = site.start();
    let pod = site.pod("glutton", 0);
    site.becomes("told to be out of memory", async || {
        let status = site.writ(&["status"]).await;
        let line = status.out.lines().find(|line| line.contains(&pod)).unwrap_or_default().to_owned();
        let told = line.contains("out of memory") && status.code != Some(0);
        if told { Ok(()) } else { Err(format!("{status:?}")) }
    })
    .await;
    assert_eq!(agent.stop().await, Some(0));
    site.holds().await;
}
