//! Files of rules, each accepted one beside what is refused.

use super::*;

const WHOLE: &str = r#"
version = 1
max_age = "30d"
heartbeat = ["heartbeat@example.org"]
forge = ["forge@example.org"]

[[rule]]
name = "everybody"
paths = ["**"]
signers = ["*@example.org"]

[[rule]]
name = "database"
paths = ["hosts/*/db/", "db"]
hosts = ["edge-*", "!edge-9"]
signers = ["ann@example.org", "bo@example.org"]
threshold = 2
may = ["ports"]
"#;

fn rules(text: &str) -> Rules {
    Rules::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn permit(text: &str, host: &str, path: &str, people: &[&str]) -> Result<Vec<String>, Denial> {
    let people = people.iter().copied().collect();
    let rules = rules(text);
    let by = rules.permit(Some(host), path.as_bytes(), &people)?;
    Ok(by.into_iter().map(str::to_owned).collect())
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    assert_eq!(Rules::parse(text.as_bytes()).map_err(|error| error.to_string()).expect_err(text), expected);
}

#[test]
fn every_rule_that_covers_a_path_on_the_host_must_let_it_be_changed() {
    let (ann, bo, cy) = ("ann@example.org", "bo@example.org", "cy@example.org");
    let both = Ok(vec!["everybody".to_owned(), "database".to_owned()]);
    assert_eq!(permit(WHOLE, "edge-1", "hosts/edge-1/db/pg.hcl", &[ann, bo]), both);
    let few = Denial::TooFew { rule: "database".to_owned(), wanted: 2, found: 1 };
    assert_eq!(permit(WHOLE, "edge-1", "hosts/edge-1/db/pg.hcl", &[ann, cy]), Err(few));
    let none = Denial::NoSigner { rule: "database".to_owned() };
    assert_eq!(permit(WHOLE, "edge-1", "db", &[cy]), Err(none));
    assert_eq!(permit(WHOLE, "edge-9", "db", &[cy]), Ok(vec!["everybody".to_owned()]));
    assert_eq!(permit(WHOLE, "core", "web.hcl", &[cy]), Ok(vec!["everybody".to_owned()]));
    assert_eq!(permit(WHOLE, "core", "web.hcl", &["x@evil"]), Err(Denial::NoSigner { rule: "everybody".to_owned() }));
}

#[test]
fn what_no_rule_covers_is_denied_and_without_rules_nothing_is() {
    let one = "version = 1\n[[rule]]\nname = \"web\"\npaths = [\"web\"]\nsigners = [\"*\"]\n";
    assert_eq!(permit(one, "h", "web/a", &["x"]), Ok(vec!["web".to_owned()]));
    assert_eq!(permit(one, "h", "db/a", &["x"]), Err(Denial::NoRule));
    assert_eq!(permit("version = 1\nmax_age = \"1d\"\n", "h", "db/a", &["x"]), Ok(Vec::new()));
}

#[test]
fn on_a_host_of_unknown_name_every_rule_counts() {
    let people = ["cy@example.org"].into();
    assert!(rules(WHOLE).permit(None, b"db", &people).is_err());
    assert!(rules(WHOLE).permit(Some("core"), b"db", &people).is_ok());
}

#[test]
fn powers_are_those_that_every_covering_rule_grants() {
    let powers = |text: &str, host, path: &str| rules(text).terms(host, path.as_bytes(), "x").powers;
    assert_eq!(powers(WHOLE, Some("edge-1"), "db"), Some(BTreeSet::from([Power::Ports])));
    assert_eq!(powers(WHOLE, Some("edge-1"), "web"), None);
    let narrow = "version = 1\n[[rule]]\nname = \"a\"\npaths = [\"a\"]\nsigners = [\"*\"]\nmay = []\n";
    assert_eq!(powers(narrow, None, "a/x"), Some(BTreeSet::new()));
    assert_eq!(powers(narrow, None, "b/x"), Some(BTreeSet::new()));
    assert_eq!(powers("version = 1\n", None, "b/x"), None);
}

#[test]
fn accounts_are_those_that_covering_rules_name_on_the_host() {
    let text = format!("{WHOLE}account = \"data/keeper\"\n");
    let accounts = |host, path: &str| -> Vec<String> {
        let terms = rules(&text).terms(host, path.as_bytes(), "these rules");
        terms.accounts.iter().map(ToString::to_string).collect()
    };
    let keeper = "rule \"database\" of these rules names the account data/keeper";
    assert_eq!(accounts(Some("edge-1"), "db/pg.yaml"), [keeper]);
    assert_eq!(accounts(Some("edge-9"), "db/pg.yaml"), [""; 0], "the rule is not for that host");
    assert_eq!(accounts(Some("edge-1"), "web.yaml"), [""; 0]);
    refused(
        &format!("{WHOLE}account = \"keeper\"\n"),
        "line 19: `keeper` is no service account (write it as NAMESPACE/NAME, as in \"shop/deployer\")",
    );
    assert!(Rules::parse(format!("{WHOLE}account = [\"data/keeper\"]\n").as_bytes()).is_err());
}

#[test]
fn heartbeats_and_forges_are_known_by_their_principals() {
    let rules = rules(WHOLE);
    assert_eq!((rules.is_forge("forge@example.org"), rules.is_forge("ann@example.org")), (true, false));
    assert_eq!((rules.is_heartbeat("heartbeat@example.org"), rules.is_heartbeat("ann@example.org")), (true, false));
    assert_eq!(rules.max_age(), Some(Seconds(2_592_000)));
}

#[test]
fn everything_that_is_wrong_is_told_with_its_line_at_once() {
    let text = "version = 2\nmax_age = \"soon\"\n[[rule]]\nname = \"a\"\npaths = [\"/etc\"]\nsigners = []\nthreshold = 0\n\
                may = [\"ports\", \"everything\"]\n[[rule]]\nname = \"b\"\npaths = [\"a\"]\nsigners = [\"a,b\"]\nhosts = []\n";
    let all = format!("ordinary, {}", Power::ALL.map(Power::name).join(", "));
    refused(
        text,
        &format!(
            "line 1: `version` is 1 in what this program reads; \
             line 2: `max_age` is a span such as `12h` or `30d`, above zero; \
             line 5: this is no pattern of paths: paths begin at the root of the tree, without `/`; \
             line 6: `signers` is a list of patterns that can match somebody, each without a comma; \
             line 7: `threshold` is a number from 1 to 32; \
             line 8: no power is called `everything` (there are {all}); \
             line 12: `signers` is a list of patterns that can match somebody, each without a comma; \
             line 13: `hosts` is a list of patterns that can match somebody, each without a comma"
        ),
    );
    refused(
        "version = 1\n[[rule]]\nname = \"a\"\npaths = [\"a\"]\nsigners = [\"*\"]\n[[rule]]\nname = \"a\"\npaths = [\"a\"]\nsigners = [\"*\"]\n",
        "line 6: two rules are called `a`",
    );
}

#[test]
fn unknown_and_missing_keys_and_what_is_no_toml_are_refused() {
    refused(
        "version = 1\nmaxage = \"1d\"\n",
        "line 2: unknown key `maxage` in the file of rules (did you mean `max_age`?)",
    );
    refused("max_age = \"1d\"\n", "line 1: the file of rules needs `version`");
    for text in ["version = 1\n[[rule]]\nname = \"a\"\n", "version = \"1\"", "= 1", "version = 1\nversion = 1\n"] {
        assert!(Rules::parse(text.as_bytes()).is_err(), "{text}");
    }
    assert!(Rules::parse(b"version = 1 # \xff").is_err());
    assert!(Rules::parse(&vec![b'\n'; 300 << 10]).is_err());
}
