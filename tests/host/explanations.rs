//! By which rules and people something runs, as `writ why` and `writ verify` tell it from the host's own copy.

use serde_json::Value;
use writ::record::{Event, Record, TrustEvent};

use crate::cli::same_each_run;
use crate::golden::{check_file, data};
use crate::machine::{Machine, Origin};
use crate::repository::{Key, Sign, key};

const WEB: &str = "statefulset \"shop\" \"web\" {\n  image = \"web:1\"\n  replicas = 1\n}\n";

/// Everybody changes everything, and two people what this host runs.
const RULES: &str = "version = 1\n[[rule]]\nname = \"all\"\npaths = [\"**\"]\nsigners = [\"*\"]\n\
                     [[rule]]\nname = \"hosts\"\npaths = [\"host\"]\nsigners = [\"*\"]\nthreshold = 2\n";

/// A host that runs what two people let in, and the second of them.
struct Ruled {
    origin: Origin,
    machine: Machine,
    bo: Key,
    /// The commit that changed the manifest last.
    head: String,
    _keys: tempfile::TempDir,
}

impl Ruled {
    fn new() -> Self {
        let (origin, keys) = (Origin::new(), tempfile::tempdir().unwrap());
        let machine = Machine::new(&origin, "");
        let bo = key(keys.path(), "bo");
        origin.repository.authorize(&(origin.key.line() + &bo.line()));
        origin.repository.write(".writ/trust.toml", RULES);
        origin.repository.commit(Sign::By(&origin.key), "rules");
        let head = origin.deploy(&[("web.hcl", WEB)]);
        origin.repository.approve(&bo, &head, "");
        machine.pass();
        Self { origin, machine, bo, head, _keys: keys }
    }

    fn text(&self, words: &[&str]) -> String {
        let keys = [(&self.origin.key, "ANN"), (&self.bo, "BO")];
        let text = self.machine.writ(words).text;
        same_each_run(&keys.iter().fold(text, |text, (key, name)| text.replace(&key.fingerprint, name)))
    }

    fn why(&self) -> Value {
        let ran = self.machine.writ(&["why", "statefulset/shop/web", "-o", "json"]);
        serde_json::from_str::<Value>(&ran.text).unwrap()["change"]["declared"].clone()
    }
}

#[test]
fn why_and_verify_tell_the_rules_and_the_people_as_reviewed() {
    let ruled = Ruled::new();
    check_file(&data("cli/why-ruled.expected"), &ruled.text(&["why", "statefulset/shop/web"]));
    check_file(&data("cli/verify-ruled.expected"), &ruled.text(&["verify"]));
    let allowed = ruled.why()["allowed"].clone();
    let expected = serde_json::json!([{
        "parent": ruled.origin.repository.git(&["rev-parse", "main^"]), "path": "host/web.hcl",
        "rules": ["all", "hosts"], "people": ["ann@example.com", "bo@example.com"], "approvals": ["bo@example.com"],
    }]);
    assert_eq!(allowed, expected);
    let verdicts: Value = serde_json::from_str(&ruled.machine.writ(&["verify", "-o", "json"]).text).unwrap();
    let commits = verdicts["commits"].as_array().unwrap();
    assert_eq!((&commits[0]["allowed"], &commits[1]["allowed"]), (&serde_json::json!([]), &serde_json::json!([])));
    assert_eq!(commits[2]["allowed"], expected);
}

#[test]
fn the_record_and_the_page_of_a_commit_keep_what_let_it_change_each_path() {
    let ruled = Ruled::new();
    let parent = ruled.origin.repository.git(&["rev-parse", "main^"]);
    let about = |record: &&Record| matches!(&record.event, Event::Trust(TrustEvent::Admitted { commit, .. }) if *commit == ruled.head);
    let history = ruled.machine.history();
    let record: Value = serde_json::from_str(&history.iter().find(about).unwrap().body).unwrap();
    let expected = serde_json::json!([{
        "parent": parent, "paths": ["host/web.hcl"], "more": 0, "rules": ["all", "hosts"],
        "people": ["ann@example.com", "bo@example.com"], "approvals": ["bo@example.com"],
    }]);
    assert_eq!(record["allowed"], expected);

    let pages = tempfile::tempdir().unwrap();
    ruled.machine.writ(&["history", "--html", pages.path().to_str().unwrap()]);
    let page = std::fs::read_to_string(pages.path().join(format!("commits/{}.html", ruled.head))).unwrap();
    let row = format!(
        "<tr><td>host/web.hcl</td><td>by rules &quot;all&quot;, &quot;hosts&quot; for ann@example.com, bo@example.com \
         (approved)</td><td><code>{}</code></td></tr>",
        parent.get(..12).unwrap()
    );
    assert!(page.contains(&row), "{row}: {page}");
}

#[test]
fn a_commit_that_changed_something_else_is_not_the_one_that_let_a_file_in() {
    let ruled = Ruled::new();
    ruled.origin.repository.write("README", "more");
    ruled.origin.repository.commit(Sign::By(&ruled.bo), "elsewhere");
    ruled.machine.pass();
    assert_eq!(ruled.why()["commit"], ruled.head.as_str());
}

#[test]
fn where_it_cannot_be_told_any_more_it_says_so_and_the_rest_is_told() {
    let ruled = Ruled::new();
    let refs = ruled.origin.repository.git(&["for-each-ref", "--format=%(refname)", "refs/writ"]);
    ruled.origin.repository.git(&["update-ref", "-d", &refs]);
    ruled.machine.pass();
    let unknown = ruled.why()["unknown"].as_str().unwrap().to_owned();
    assert!(unknown.contains("wants 2 people"), "an approval that was withdrawn counts no longer: {unknown}");
    std::fs::remove_dir_all(ruled.machine.state().join("git")).unwrap();
    let text = ruled.text(&["why", "statefulset/shop/web"]);
    assert!(text.contains("cannot be told any more") && text.contains("signed    by ann@example.com"), "{text}");
}
