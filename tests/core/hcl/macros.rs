//! `postgres` and `redis`: what they say by themselves, and what an author says instead.

use writ_core::dialect::lower;

use super::{lowered, object, objects, problems, render, single};

/// What `postgres "data" "pg" {}` stands for.
const POSTGRES: &str = r#"
statefulset "data" "pg" {
  image    = "postgres:15"
  replicas = 1
  ports    = ["5432"]
  env = {
    PGDATA      = "/var/lib/postgresql/data/pgdata"
    POSTGRES_DB = "pg"
  }
  volume_claim "data" {
    mount_path = "/var/lib/postgresql/data"
  }
}
"#;

/// A redis with a command of its own, and what it stands for.
const REDIS: [&str; 2] = [
    r#"
redis "data" "cache" {
  command = ["redis-server", "--appendonly", "yes"]
}
"#,
    r#"
statefulset "data" "cache" {
  image   = "redis:7-alpine"
  command = ["redis-server", "--appendonly", "yes"]
  ports   = ["6379"]
  volume_claim "data" {
    mount_path = "/data"
  }
  probes {
    liveness {
      tcp_socket {
        port = 6379
      }
      period            = "10s"
      failure_threshold = 3
    }
    readiness {
      exec {
        command = ["sh", "-c", "redis-cli ping | grep -q -e PONG -e NOAUTH -e NOPERM"]
      }
      period            = "5s"
      failure_threshold = 1
      success_threshold = 2
    }
  }
}
"#,
];

/// The objects of a manifest as text, without where they were written.
fn text(manifest: &str) -> String {
    let (objects, problems, refused) = lowered(&single(manifest));
    assert!(!refused, "{problems}");
    render(&objects)
}

#[test]
fn v72_v73_v74_v79_v85_an_empty_macro_is_the_statefulset_of_one_pod_that_its_table_says() {
    assert_eq!(text("postgres \"data\" \"pg\" {}"), text(POSTGRES));
    let [short, long] = REDIS;
    assert_eq!(text(short), text(long));
}

#[test]
fn v75_v76_v77_the_version_is_a_known_one_and_reaches_no_object() {
    let with =
        |version: &str| format!("postgres \"data\" \"pg\" {{\n  plugin {{\n    version = \"{version}\"\n  }}\n}}");
    assert_eq!(text(&with("0.2.0")), text(POSTGRES));
    assert_eq!(text(&with("latest")), text(POSTGRES));
    let (_, notes, _) = lowered(&single(&with("latest")));
    assert!(notes.contains("\"latest\" is 0.2.0 here") && notes.contains(":3:15"), "{notes}");
    assert_eq!(lowered(&single(&with("0.2.0"))).1, "");
    let problems = problems(&with("0.3.0"));
    assert!(problems.contains("a postgres of version `0.3.0` is not built in"), "{problems}");
    assert!(problems.contains("the versions are 0.2.0"), "{problems}");
}

#[test]
fn v78_what_the_author_says_wins_by_name_by_kind_and_by_path_and_the_rest_stays() {
    let manifest = r#"
postgres "data" "pg" {
  image = "postgres:16"
  ports = ["5433"]
  env = {
    POSTGRES_DB = "shop"
    TZ          = "UTC"
  }
  volume_claim "data" {
    size = "20Gi"
  }
  volume_claim "wal" {
    mount_path = "/wal"
  }
}
"#;
    let long = POSTGRES
        .replace("postgres:15", "postgres:16")
        .replace("[\"5432\"]", "[\"5433\"]")
        .replace("POSTGRES_DB = \"pg\"", "POSTGRES_DB = \"shop\"\n    TZ = \"UTC\"")
        .replace("  volume_claim", "  volume_claim \"wal\" {\n    mount_path = \"/wal\"\n  }\n  volume_claim")
        .replace("postgresql/data\"\n  }", "postgresql/data\"\n    size = \"20Gi\"\n  }");
    assert_eq!(text(manifest), text(&long));
    let elsewhere = "redis \"data\" \"cache\" {\n  volumes = [\"/srv/cache:/data/\"]\n  probes {\n    liveness {\n      \
                     exec = [\"true\"]\n    }\n  }\n}\n";
    let set = object(elsewhere, "statefulset/data/cache");
    assert!(set["spec"].get("volumeClaimTemplates").is_none(), "{set}");
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["livenessProbe"], serde_json::json!({"exec": {"command": ["true"]}}));
    assert_eq!(container["readinessProbe"]["periodSeconds"], 5);
    let entrypoint =
        object("redis \"data\" \"cache\" {\n  entrypoint = [\"redis-server\"]\n}", "statefulset/data/cache");
    assert!(entrypoint["spec"]["template"]["spec"]["containers"][0].get("args").is_none(), "{entrypoint}");
}

#[test]
fn where_the_claim_for_the_data_is_mounted_is_where_the_data_goes() {
    let with = |kind: &str, path: &str| {
        format!("{kind} \"s\" \"n\" {{\n  volume_claim \"data\" {{\n    mount_path = \"{path}\"\n  }}\n}}\n")
    };
    let container = |kind: &str| {
        let set = object(&with(kind, "/srv/own/"), "statefulset/s/n");
        set["spec"]["template"]["spec"]["containers"][0].clone()
    };
    let postgres = container("postgres");
    let data = serde_json::json!({"name": "PGDATA", "value": "/srv/own/pgdata"});
    assert!(postgres["env"].as_array().unwrap().contains(&data), "{postgres}");
    assert_eq!(postgres["volumeMounts"], serde_json::json!([{"mountPath": "/srv/own", "name": "data"}]));
    let redis = container("redis");
    assert!(redis["args"][2].as_str().unwrap().contains("\ndir /srv/own\n"), "{redis}");
    let refused = problems(&with("redis", "/srv/$$(own)"));
    assert!(refused.contains("a redis cannot keep its data at `/srv/$$(own)`"), "{refused}");
}

#[test]
fn what_a_macro_says_by_itself_stands_where_the_block_does() {
    let manifest = "\n\npostgres \"data\" \"pg\" {\n}\n";
    let (lowered, sources) = lower(&single(manifest));
    let objects = lowered.unwrap().objects;
    let set = objects.iter().find(|object| object.id.to_string() == "statefulset/data/pg").unwrap();
    for part in ["/spec/template/spec/containers/0/image", "/spec/template/spec/containers/0/env/4", ""] {
        assert_eq!(sources.describe(&set.place(part).unwrap()), "stack.hcl:3:1", "{part}");
    }
    assert_eq!(sources.text("stack.hcl"), Some(manifest), "nothing of the block is secret");
}

#[test]
fn v87_macros_stand_beside_plain_workloads_whose_names_they_do_not_take() {
    let both = "redis \"data\" \"cache\" {}\nstatefulset \"data\" \"kafka\" {\n  image = \"kafka:3\"\n}\n";
    let ids: Vec<String> = objects(both).into_iter().map(|(id, _)| id).collect();
    assert!(ids.contains(&"statefulset/data/cache".to_owned()), "{ids:?}");
    assert!(ids.contains(&"statefulset/data/kafka".to_owned()), "{ids:?}");
    let twins = problems(&both.replace("kafka\" {", "cache\" {"));
    assert!(twins.contains("redis/data/cache has the name of a statefulset"), "{twins}");
}
