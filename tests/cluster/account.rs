//! Objects that are applied as service accounts: those of a unit, and those of the rules by which their files are changed.

use std::fs;

use crate::machine::Ran;
use crate::place::Place;
use crate::repository::Sign;

const CONF: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf, namespace: NS}\ndata: {key: value}\n";
const WEB: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: NS}\nspec: {ports: [{port: 80}]}\n";

/// Whoever changes `host/conf` has the powers of one account, and whoever changes `host/web` those of another.
const RULES: &str = "version = 1\n\
    [[rule]]\nname = \"rules\"\npaths = [\".writ\", \"host/plain\"]\nsigners = [\"*\"]\n\
    [[rule]]\nname = \"conf\"\npaths = [\"host/conf\"]\nsigners = [\"*\"]\naccount = \"NS/conf\"\n\
    [[rule]]\nname = \"web\"\npaths = [\"host/web\"]\nsigners = [\"*\"]\naccount = \"NS/web\"\n";

/// An account that may do these things with objects of a kind, and nothing else.
fn account(place: &Place, name: &str, verbs: &str, kinds: &str) {
    place.kubectl(&["create", "serviceaccount", name]);
    allow(place, name, verbs, kinds);
}

/// A role of the account's own name.
fn allow(place: &Place, name: &str, verbs: &str, kinds: &str) {
    place.kubectl(&["create", "role", name, &format!("--verb={verbs}"), &format!("--resource={kinds}")]);
    let account = format!("--serviceaccount={}:{name}", place.namespace);
    place.kubectl(&["create", "rolebinding", name, "--role", name, &account]);
}

/// A namespace with the accounts of [`RULES`], whose commits are judged by them.
fn ruled() -> Place {
    let place = Place::new("");
    place.kubectl(&["create", "namespace", &place.namespace]);
    account(&place, "conf", "get,create,patch,delete", "configmaps");
    account(&place, "web", "get,create,patch", "services");
    rule(&place, RULES);
    place
}

/// Commits rules, which count from the next commit on.
fn rule(place: &Place, rules: &str) {
    place.origin.repository.write(".writ/trust.toml", rules.replace("NS", &place.namespace));
    place.origin.repository.commit(Sign::By(&place.origin.key), "rules of the next commit");
}

/// Commits files as all of the unit, in which `NS` is the namespace.
fn deploy(place: &Place, files: &[(&str, &str)]) {
    let files: Vec<(&str, String)> =
        files.iter().map(|(path, text)| (*path, text.replace("NS", &place.namespace))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    place.origin.deploy(&files);
}

/// Adds settings to those of the unit, and a setting to those of the host.
fn set(place: &Place, unit: &str, host: &str) {
    let file = place.machine.path("agent.toml");
    let settings = fs::read_to_string(&file).unwrap().replace("[host]\n", &format!("[host]\n{host}"));
    fs::write(&file, format!("{settings}{unit}")).unwrap();
}

/// As whom an object says that it was applied.
fn applied_as(place: &Place, object: &str) -> Option<String> {
    Some(place.object(object)?["metadata"]["annotations"]["writ.account"].as_str().unwrap_or("nobody").to_owned())
}

#[track_caller]
fn says(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!(ran.code, Some(code), "{ran:?}");
    words.iter().for_each(|words| assert!(ran.text.contains(words), "{words}: {ran:?}"));
}

#[test]
fn a_unit_has_the_powers_of_its_account_and_no_others() {
    let place = Place::new("");
    place.kubectl(&["create", "namespace", &place.namespace]);
    account(&place, "deployer", "get,list,watch,create,patch,delete", "configmaps");
    place.kubectl(&["create", "role", "looks", "--verb=get,list", "--resource=services"]);
    let looks = format!("--serviceaccount={}:deployer", place.namespace);
    place.kubectl(&["create", "rolebinding", "looks", "--role", "looks", &looks]);
    let file = place.machine.path("agent.toml");
    let settings = fs::read_to_string(&file).unwrap();
    set(&place, &format!("account = \"{}/deployer\"\n", place.namespace), "");
    place.deploy(&format!("{CONF}---\n{WEB}"));
    says(&place.pass(), 3, &[]);
    let user =
        format!("User \"system:serviceaccount:{}:deployer\" cannot patch resource \"services\"", place.namespace);
    says(&place.plan(), 3, &[&user]);
    assert_eq!(place.object("configmap/conf").unwrap()["data"]["key"], "value");
    assert_eq!(applied_as(&place, "configmap/conf"), Some(format!("{}/deployer", place.namespace)));
    assert!(place.object("service/web").is_none());

    // As the agent itself it may.
    fs::write(&file, settings).unwrap();
    says(&place.pass(), 2, &[]);
    assert_eq!(applied_as(&place, "service/web"), Some("nobody".to_owned()));
    assert_eq!(applied_as(&place, "configmap/conf"), Some("nobody".to_owned()));
}

#[test]
fn what_the_files_of_a_rule_ask_for_is_made_as_its_account_or_refused_by_the_server_and_the_rest_goes_on() {
    let place = ruled();
    let (ours, theirs) = (CONF.replace("conf", "stray"), WEB.replace("web", "stray"));
    deploy(&place, &[("conf/a.yaml", &format!("{CONF}---\n{theirs}")), ("web/b.yaml", &format!("{WEB}---\n{ours}"))]);
    says(&place.pass(), 3, &[]);
    let ns = &place.namespace;
    let denied = |account: &str, kind: &str| {
        format!(
            "the server does not take it from {ns}/{account}: {kind} \"stray\" is forbidden: User \
             \"system:serviceaccount:{ns}:{account}\" cannot patch resource \"{kind}\""
        )
    };
    says(&place.plan(), 3, &[&denied("conf", "services"), &denied("web", "configmaps")]);
    assert_eq!(applied_as(&place, "configmap/conf"), Some(format!("{ns}/conf")));
    assert_eq!(applied_as(&place, "service/web"), Some(format!("{ns}/web")));
    assert!(place.object("service/stray").is_none() && place.object("configmap/stray").is_none());
    let why = place.machine.writ(&["why", &format!("configmap/{ns}/conf")]);
    let by = format!("applied   as {ns}/conf, which rule \"conf\" of .writ/trust.toml names");
    says(&why, 0, &[&by, &format!("create: new, as {ns}/conf: done")]);

    deploy(&place, &[("conf/a.yaml", CONF), ("web/b.yaml", WEB)]);
    says(&place.pass(), 0, &[]);
    let versions = ["configmap/conf", "service/web"].map(|object| place.version(object));
    says(&place.pass(), 0, &[]);
    assert_eq!(["configmap/conf", "service/web"].map(|object| place.version(object)), versions, "it was written to");
}

#[test]
fn an_object_goes_as_whom_it_was_applied_also_where_the_record_was_lost() {
    let place = ruled();
    let ns = &place.namespace;
    deploy(&place, &[("conf/a.yaml", CONF), ("web/b.yaml", WEB)]);
    says(&place.pass(), 2, &[]);
    deploy(&place, &[("conf/a.yaml", CONF)]);
    let denied = "cannot delete resource \"services\"";
    says(&place.plan(), 2, &[&format!("remove   service/{ns}/web  no longer among the manifests, as {ns}/web")]);
    says(&place.pass(), 1, &[&format!("cannot delete service/{ns}/web as {ns}/web"), denied]);

    let lost = place.twin();
    let (commit, signer) = (&place.origin.introduction, &place.origin.key.fingerprint);
    let words = ["enrol", "infra", "--commit", commit, "--signer", signer, "--take-over", "--yes"];
    says(&lost.writ(&words), 0, &[]);
    says(&lost.writ(&["run", "--once"]), 1, &[&format!("cannot delete service/{ns}/web as {ns}/web"), denied]);
    place.kubectl(&["delete", "role/web", "rolebinding/web"]);
    allow(&place, "web", "get,delete", "services");
    says(&lost.writ(&["run", "--once"]), 2, &[]);
    assert!(place.object("service/web").is_none());
    assert_eq!(applied_as(&place, "configmap/conf"), Some(format!("{ns}/conf")));
}

#[test]
fn an_account_that_a_signed_commit_changes_applies_from_the_commit_after_it() {
    let place = ruled();
    let ns = &place.namespace;
    account(&place, "other", "get,create,patch,delete", "configmaps");
    deploy(&place, &[("conf/a.yaml", CONF)]);
    says(&place.pass(), 2, &[]);
    rule(&place, &RULES.replace("NS/conf", "NS/other"));
    says(&place.pass(), 0, &[]);
    assert_eq!(applied_as(&place, "configmap/conf"), Some(format!("{ns}/conf")), "its own rules are not its yet");
    deploy(&place, &[("conf/a.yaml", CONF)]);
    says(&place.plan(), 2, &[&format!("writ.account {ns}/conf -> {ns}/other, as {ns}/other")]);
    says(&place.pass(), 2, &[]);
    assert_eq!(applied_as(&place, "configmap/conf"), Some(format!("{ns}/other")));
    place.kubectl(&["annotate", "configmap", "conf", "writ.account=kube-system/admin", "--overwrite"]);
    says(&place.pass(), 2, &[]);
    assert_eq!(applied_as(&place, "configmap/conf"), Some(format!("{ns}/other")), "a person's hand is drift");
}

#[test]
fn a_rule_of_the_repository_escapes_neither_the_account_of_the_unit_nor_that_of_the_host() {
    for of_host in [true, false] {
        let place = ruled();
        let ns = &place.namespace;
        let ceiling = place.machine.path("trust.toml");
        let by = if of_host {
            let rules = "version = 1\n[[rule]]\nname = \"ceiling\"\npaths = [\"**\"]\nsigners = [\"*\"]\naccount = \"NS/conf\"\n";
            fs::write(&ceiling, rules.replace("NS", ns)).unwrap();
            set(&place, "", &format!("trust = \"{}\"\n", ceiling.display()));
            "rule \"ceiling\" of this host"
        } else {
            place.kubectl(&["create", "role", "looks", "--verb=get,list", "--resource=configmaps,services"]);
            let looks = format!("--serviceaccount={ns}:conf");
            place.kubectl(&["create", "rolebinding", "looks", "--role", "looks", &looks]);
            set(&place, &format!("account = \"{ns}/conf\"\n"), "");
            "the unit's `account`"
        };
        let bare = CONF.replace("conf", "bare");
        deploy(&place, &[("conf/a.yaml", CONF), ("web/b.yaml", WEB), ("plain/c.yaml", &bare)]);
        says(&place.pass(), 3, &[]);
        let of_rule = format!("rule \"web\" of .writ/trust.toml names the account {ns}/web");
        let of_other = format!("{by} names the account {ns}/conf");
        says(&place.plan(), 3, &[&of_rule, &of_other, "let both name the same account, or only one of them any"]);
        assert!(place.object("service/web").is_none(), "as nobody");
        assert_eq!(applied_as(&place, "configmap/conf"), Some(format!("{ns}/conf")), "both name it");
        assert_eq!(
            applied_as(&place, "configmap/bare"),
            Some(format!("{ns}/conf")),
            "a rule that names none leaves it"
        );
    }
}
