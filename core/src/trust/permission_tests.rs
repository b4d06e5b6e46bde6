//! Rules held against histories written as text, each attack beside the honest history that it resembles.
//!
//! A line is a commit: `number < parents by signer: paths changed | against the second parent`, then words: `rules=NAME`
//! sets the tree's rules from then on, `signers=a,b` the tree's list, `revoked=a,b` its revoked keys, `clean`/`dirty` what merging again gives, `tree=N`
//! the tree of another commit. Rules and lists are the first parent's unless a line sets them.

use std::collections::BTreeMap;

use crate::time::Timestamp;
use crate::trust::*;

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

/// Everybody may change everything but `db`, which Ann and Bo change together; the forge merges; the heartbeat confirms.
const STRICT: &str = r#"
version = 1
forge = ["forge"]
heartbeat = ["heart"]
[[rule]]
name = "all"
paths = ["**"]
signers = ["*"]
[[rule]]
name = "db"
paths = ["db"]
signers = ["ann", "bo"]
threshold = 2
[[rule]]
name = "web"
paths = ["web"]
signers = ["cy", "ann"]
"#;

/// A rule that covers `web` alone.
const NARROW: &str =
    "version = 1\nforge = [\"forge\"]\n[[rule]]\nname = \"web\"\npaths = [\"web\"]\nsigners = [\"*\"]\n";

struct History {
    evidence: Evidence,
    floor: Option<CommitId>,
}

fn id(number: u8) -> CommitId {
    CommitId::from_bytes([number; 20])
}

fn tree(number: u8) -> TreeId {
    TreeId::from_bytes([number; 20])
}

fn key(name: &str) -> Signer {
    Signer::Key(SshKey::of(&encoded(name)))
}

/// A key's encoding that no library needs to take: its kind and its name.
fn encoded(name: &str) -> Vec<u8> {
    let kind = "ssh-ed25519";
    let mut bytes = u32::try_from(kind.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(kind.bytes());
    bytes.extend(name.bytes());
    bytes
}

/// What a tree says: who may sign, by which rules, and who is revoked.
type State = (String, String, String);

fn listed((names, rules, revoked): &State) -> Authorizations {
    use base64::Engine as _;
    let lines = names.split(',').map(|name| {
        let key = base64::engine::general_purpose::STANDARD.encode(encoded(name));
        format!("{name} ssh-ed25519 {key}\n")
    });
    let rules = match rules.as_str() {
        "strict" => Some(STRICT),
        "narrow" => Some(NARROW),
        "empty" => Some("version = 1\n"),
        _ => None,
    };
    let revoked = revoked.split(',').filter(|name| !name.is_empty()).map(|name| format!("{}\n", key(name).id()));
    Authorizations::Listed(Box::new(Listed {
        signers: AllowedSigners::parse(lines.collect::<String>().as_bytes()).unwrap(),
        rules: rules.map(|rules| Rules::parse(rules.as_bytes()).unwrap()),
        revoked: Revocations::parse(revoked.collect::<String>().as_bytes()).unwrap(),
        ..Listed::default()
    }))
}

fn history(text: &str) -> History {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let commits = lines.iter().filter(|line| line.starts_with(|first: char| first.is_ascii_digit()));
    let head = commits.clone().next_back().unwrap().split(' ').next().unwrap().parse().unwrap();
    let mut builder = EvidenceBuilder::new(id(head));
    let mut places = BTreeMap::new();
    let mut states: BTreeMap<u8, State> = BTreeMap::new();
    let (mut changed, mut merged) = (Vec::new(), Vec::new());
    for line in commits {
        let (commit, rest) = line.split_once(':').unwrap();
        let words: Vec<&str> = commit.split_whitespace().collect();
        let number: u8 = words[0].parse().unwrap();
        let signer = words[words.iter().position(|word| *word == "by").unwrap() + 1];
        let parents: Vec<u8> = match words[1] {
            "<" => words[2].split(',').map(|parent| parent.parse().unwrap()).collect(),
            _ => Vec::new(),
        };
        let first = parents.first().map(|parent| states[parent].clone());
        let mut state = first.unwrap_or(("ann,bo,cy,forge,heart".to_owned(), String::new(), String::new()));
        let mut own_tree = number;
        let (mut edges, mut merge) = (vec![Vec::new()], Merged::NotTried);
        for word in rest.split_whitespace() {
            match word.split_once('=') {
                Some(("rules", name)) => state.1 = name.to_owned(),
                Some(("signers", names)) => state.0 = names.to_owned(),
                Some(("revoked", names)) => state.2 = names.to_owned(),
                Some(("tree", other)) => own_tree = other.parse().unwrap(),
                _ if word == "|" => edges.push(Vec::new()),
                _ if word == "clean" => merge = Merged::Clean,
                _ if word == "dirty" => merge = Merged::Differs("db".to_owned()),
                _ => edges.last_mut().unwrap().push(Box::from(word.as_bytes())),
            }
        }
        let place = *places.entry(state.clone()).or_insert_with(|| builder.authorizations(listed(&state)));
        states.insert(number, state);
        let lines: String = parents.iter().map(|parent| format!("parent {}\n", id(*parent))).collect();
        let bytes = format!("tree {}\n{lines}author A <a@x> 1 +0000\ncommitter A <a@x> 1 +0000\n\n", tree(own_tree));
        let commit = RawCommit::parse(id(number), bytes.as_bytes()).unwrap();
        builder.commit(&commit, Signature::Good(key(signer)), place);
        for (at, paths) in edges.into_iter().take(parents.len()).enumerate() {
            changed.push((number, at, Changed::Paths(paths)));
        }
        merged.push((number, merge));
    }
    let floor = lines.iter().find_map(|line| line.strip_prefix("floor ")).map(|floor| id(floor.parse().unwrap()));
    floor.into_iter().for_each(|floor| builder.rooted(floor));
    let mut evidence = builder.finish();
    changed.into_iter().for_each(|(commit, at, changed)| evidence.changed(&id(commit), at, changed));
    merged.into_iter().for_each(|(commit, merge)| evidence.merged(&id(commit), merge));
    for line in lines.iter().filter_map(|line| line.strip_prefix("approve ")) {
        let (number, name) = line.split_once(" by ").unwrap();
        let approval = Approval { tree: tree(number.parse().unwrap()), hosts: None, until: None };
        evidence.approved(SignedApproval { approval, signer: key(name) });
    }
    History { evidence, floor }
}

fn judge(text: &str, host: &HostTrust) -> String {
    let History { evidence, floor } = history(text);
    let introduction = Introduction { commit: id(1), signer: key("ann").id() };
    let case = Case {
        evidence: &evidence,
        introduction: &introduction,
        floor: floor.as_ref(),
        witnesses: None,
        first_seen: NOW,
        host,
    };
    match admit(&case) {
        Ok(admitted) => format!("{} admitted", admitted.commit().as_bytes()[0]),
        Err(refusal) => {
            let reason = refusal.reason.map_or("unchecked", Reason::code);
            let parents = (0..40).map(|number| (id(number).to_string(), number.to_string()));
            let detail = parents.fold(refusal.detail, |text, (id, number)| text.replace(&id, &number));
            format!("{} {reason}: {detail}", refusal.commit.as_bytes()[0])
        }
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(judge(text, &HostTrust::default()), expected, "{text}");
}

/// What is added to a refusal where an approval is by a key that the parent does not list.
fn unlisted(name: &str) -> String {
    unusable(name, "the files of its parent 1 do not list the key")
}

/// What is added to a refusal where an approval cannot be used.
fn unusable(name: &str, why: &str) -> String {
    format!("; an approval of its tree cannot be used: that of {}: {why}", key(name).id())
}

#[test]
fn rules_apply_from_the_commit_after_theirs() {
    check("1 by ann:\n2 < 1 by cy: rules=strict db .writ/trust.toml", "2 admitted");
    check(
        "1 by ann: rules=strict\n2 < 1 by cy: db",
        "2 path-not-allowed: rule \"db\" of its parent 1 does not let cy change `db`",
    );
    check("1 by ann: rules=strict\n2 < 1 by cy: web other", "2 admitted");
    check(
        "1 by ann: rules=strict\n2 < 1 by bo: web",
        "2 path-not-allowed: rule \"web\" of its parent 1 does not let bo change `web`",
    );
}

#[test]
fn what_no_rule_covers_nobody_changes() {
    check("1 by ann: rules=narrow\n2 < 1 by cy: web/a", "2 admitted");
    check(
        "1 by ann: rules=narrow\n2 < 1 by ann: web/a .writ/trust.toml",
        "2 path-not-allowed: no rule of its parent 1 covers `.writ/trust.toml` on this host",
    );
}

#[test]
fn a_threshold_counts_people_and_not_signatures() {
    let alone =
        "2 threshold-not-met: rule \"db\" of its parent 1 wants 2 people behind a change of `db` and counts 1 in ann";
    check("1 by ann: rules=strict\n2 < 1 by ann: db\napprove 2 by bo", "2 admitted");
    check("1 by ann: rules=strict\n2 < 1 by ann: db", alone);
    check("1 by ann: rules=strict\n2 < 1 by ann: db\napprove 2 by ann", alone);
    check("1 by ann: rules=strict\n2 < 1 by ann: db\napprove 1 by bo", alone);
    let stranger = format!("{alone}{}", unlisted("stranger"));
    check("1 by ann: rules=strict\n2 < 1 by ann: db\napprove 2 by stranger", &stranger);
    let forge = format!("{alone}{}", unusable("forge", "forge is no person to the files of its parent 1"));
    check("1 by ann: rules=strict\n2 < 1 by ann: db\napprove 2 by forge", &forge);
}

#[test]
fn a_commit_in_the_middle_is_held_against_the_rules_though_the_net_difference_hides_it() {
    check("1 by ann: rules=strict\n2 < 1 by cy: web\n3 < 2 by cy: web", "3 admitted");
    let denied = "2 path-not-allowed: rule \"db\" of its parent 1 does not let cy change `db`";
    check("1 by ann: rules=strict\n2 < 1 by cy: db\n3 < 2 by ann: db tree=1\napprove 1 by bo", denied);
}

#[test]
fn a_forge_merges_what_people_changed_and_nothing_of_its_own() {
    let branch = "1 by ann: rules=strict\n2 < 1 by cy: web\n3 < 1 by cy: other\n";
    check(&format!("{branch}4 < 2,3 by forge: other | web clean"), "4 admitted");
    check(
        &format!("{branch}4 < 2,3 by forge: other | web dirty"),
        "4 not-a-clean-merge: it is signed by a forge's key, it is not the merge of its parents (db), and nobody approved \
         of its tree",
    );
    check(&format!("{branch}4 < 2,3 by cy: other | web dirty"), "4 admitted");
    check(
        "1 by ann: rules=strict\n2 < 1 by forge: other",
        "2 not-a-clean-merge: it is signed by a forge's key, it is no merge, and nobody approved of its tree",
    );
}

#[test]
fn a_squashed_branch_is_let_in_by_those_who_approved_of_its_tree() {
    check("1 by ann: rules=strict\n2 < 1 by forge: web\napprove 2 by cy", "2 admitted");
    check("1 by ann: rules=strict\n2 < 1 by forge: db\napprove 2 by ann\napprove 2 by bo", "2 admitted");
    check(
        "1 by ann: rules=strict\n2 < 1 by forge: web\napprove 2 by bo",
        "2 path-not-allowed: rule \"web\" of its parent 1 does not let bo change `web`",
    );
    check(
        "1 by ann: rules=strict\n2 < 1 by forge: other\napprove 2 by stranger",
        &format!(
            "2 path-not-allowed: rule \"all\" of its parent 1 is about `other`, and there is nobody whom it authorizes \
             behind the change{}",
            unlisted("stranger")
        ),
    );
}

#[test]
fn a_clean_merge_is_held_against_the_rules_by_those_who_made_what_it_brings() {
    // The branch was made before the rules were.
    let old = "1 by ann:\n2 < 1 by ann: .writ/trust.toml rules=strict\n3 < 1 by cy: db\n";
    let denied = "4 path-not-allowed: rule \"db\" of its parent 2 does not let cy change `db`";
    check(&format!("{old}4 < 2,3 by forge: db | .writ/trust.toml clean rules=strict"), denied);
    check(&format!("{old}4 < 2,3 by cy: db | .writ/trust.toml clean rules=strict"), denied);
    let old = "1 by ann:\n2 < 1 by ann: .writ/trust.toml rules=strict\n3 < 1 by cy: web\n";
    check(&format!("{old}4 < 2,3 by forge: web | .writ/trust.toml clean rules=strict"), "4 admitted");
}

#[test]
fn who_was_taken_off_the_list_gets_nothing_in_by_a_merge_of_the_forge() {
    let old = "1 by ann: rules=narrow\n2 < 1 by ann: web signers=ann,bo,forge\n";
    let denied = "4 path-not-allowed: rule \"web\" of its parent 2 is about `web/x`, and there is nobody whom it authorizes behind the change";
    check(&format!("{old}3 < 1 by cy: web/x\n4 < 2,3 by forge: web/x | web clean"), denied);
    check(&format!("{old}3 < 1 by cy: web/x\n4 < 3,2 by forge: web | web/x clean signers=ann,bo,forge"), denied);
    check(&format!("{old}3 < 1 by bo: web/x\n4 < 2,3 by forge: web/x | web clean"), "4 admitted");
}

#[test]
fn an_old_branch_need_not_know_who_came_later() {
    let old = "1 by ann: rules=strict signers=ann,bo,forge\n2 < 1 by ann: web/list signers=ann,bo,forge,cy\n\
               3 < 2 by cy: web\n4 < 1 by bo: other\n";
    check(&format!("{old}5 < 3,4 by forge: other | web web/list clean"), "5 admitted");
}

#[test]
fn a_settled_side_needs_nobody_again() {
    let text = "1 by ann: rules=strict\n2 < 1 by bo: other\n3 < 2 by cy: web\n4 < 2 by cy: web/x\n\
                5 < 4,3 by forge: web | web/x clean\nfloor 3";
    check(text, "5 admitted");
    let text = "1 by ann: rules=strict\n2 < 1 by bo: other\n3 < 2 by cy: web\n4 < 2 by bo: web/x\n\
                5 < 4,3 by forge: web | web/x clean\nfloor 3";
    check(text, "4 path-not-allowed: rule \"web\" of its parent 2 does not let bo change `web/x`");
}

#[test]
fn a_heartbeat_confirms_and_changes_nothing() {
    check("1 by ann: rules=strict\n2 < 1 by heart: tree=1", "2 admitted");
    let denied = "path-not-allowed: it is signed by a heartbeat's key, which may confirm one parent and change nothing";
    check("1 by ann: rules=strict\n2 < 1 by heart: other", &format!("2 {denied}"));
    check("1 by ann: rules=strict\n2 < 1 by ann: other\n3 < 1,2 by heart: other | tree=2", &format!("3 {denied}"));
    check("1 by ann:\n2 < 1 by heart: other", "2 admitted");
}

#[test]
fn the_ceiling_of_the_host_is_held_against_every_edge_and_no_repository_raises_it() {
    let ceiling = "version = 1\n[[rule]]\nname = \"ops\"\npaths = [\"**\"]\nsigners = [\"ann\"]\n";
    let host = HostTrust { ceiling: Some(Rules::parse(ceiling.as_bytes()).unwrap()), ..HostTrust::default() };
    assert_eq!(judge("1 by ann:\n2 < 1 by ann: db", &host), "2 admitted");
    let denied = "2 path-not-allowed: rule \"ops\" of this host does not let cy change `db`";
    assert_eq!(judge("1 by ann:\n2 < 1 by cy: db", &host), denied);
    assert_eq!(judge("1 by ann: rules=narrow\n2 < 1 by cy: web", &host), denied.replace("`db`", "`web`"));
}

/// Asks about a history that Ann introduced, on a host that has no floor and says nothing.
fn ask<T>(evidence: &Evidence, witnesses: Option<&Witnesses>, about: impl FnOnce(&Case<'_>) -> T) -> T {
    let (host, introduction) = (HostTrust::default(), Introduction { commit: id(1), signer: key("ann").id() });
    about(&Case { evidence, introduction: &introduction, floor: None, witnesses, first_seen: NOW, host: &host })
}

#[test]
fn a_witness_keeps_a_head_out_and_what_cannot_be_told_of_one_leaves_it_unchecked() {
    let History { evidence, .. } = history("1 by ann:\n2 < 1 by ann: web");
    let reason_by = |witness: u8, parents: &[u8], unread: &[&str]| {
        let payload = |number: u8| PayloadDigest([number; 32]);
        let (mut lineage, by) = (Lineage::default(), Testimony::Runs { unit: "edge".to_owned() });
        lineage.add(id(2), parents.iter().map(|parent| id(*parent)).collect(), payload(2));
        let all = vec![Witness { commit: id(witness), payload: None, by }];
        let unread = unread.iter().map(|why| (*why).to_owned()).collect();
        let witnesses = Witnesses { all, lineage, let_back: Vec::new(), unread };
        ask(&evidence, Some(&witnesses), admit).map(drop).map_err(|refusal| (refusal.commit, refusal.reason))
    };
    assert_eq!(reason_by(2, &[], &[]), Ok(()));
    assert_eq!(reason_by(1, &[1], &[]), Ok(()));
    assert_eq!(reason_by(9, &[], &[]), Err((id(2), Some(Reason::Rewind))));
    assert_eq!(reason_by(9, &[1], &[]), Err((id(2), None)), "the history is not here to its end");
    assert_eq!(reason_by(2, &[], &["the engine is silent"]), Err((id(2), None)));
    assert_eq!(reason_by(9, &[], &["the engine is silent"]), Err((id(2), Some(Reason::Rewind))), "one is enough");
}

#[test]
fn what_was_not_read_is_neither_allowed_nor_denied() {
    let text = "1 by ann: rules=strict\n2 < 1 by cy: other\n3 < 1 by cy: web\n4 < 2,3 by cy: web | other";
    check(text, "4 unchecked: its parents could not be merged again: nobody tried");
    let History { evidence, .. } = history("1 by ann: rules=strict\n2 < 1 by cy: other");
    let lacks = evidence.lacks(None, &HostTrust::default());
    assert_eq!(lacks, [], "everything was given");
    let mut evidence = evidence;
    evidence.changed(&id(2), 0, Changed::NotRead);
    let lack = Lack::Changes { commit: id(2), parent: 0, from: tree(1), to: tree(2) };
    assert_eq!(evidence.lacks(None, &HostTrust::default()), [lack]);
    assert_eq!(evidence.lacks(Some(&id(2)), &HostTrust::default()), []);
    assert_eq!(ask(&evidence, None, admit).unwrap_err().reason, None);
}

#[test]
fn what_let_a_change_in_is_told_for_each_edge_and_path() {
    let History { evidence, .. } = history("1 by ann: rules=strict\n2 < 1 by ann: db web\napprove 2 by bo");
    let told: Vec<String> = ask(&evidence, None, |case| explain(case, &id(2)))
        .unwrap()
        .into_iter()
        .map(|Allowance { parent: _, path, rules, people, approvals: _ }| {
            format!("{}: {} by {}", String::from_utf8(path).unwrap(), rules.join(","), people.join(","))
        })
        .collect();
    assert_eq!(told, ["db: all,db by ann,bo", "web: all,web by ann,bo"]);
}

/// What let `path` be what it is in the head's tree.
fn grounds_of(path: &str, text: &str) -> String {
    let History { evidence, .. } = history(text);
    match ask(&evidence, None, |case| grounds(case, path.as_bytes())) {
        Ok(Grounds::Unruled) => "no rules".to_owned(),
        Ok(Grounds::Introduced) => "introduced".to_owned(),
        Ok(Grounds::Changed { commit, allowances }) => {
            let told = allowances.into_iter().map(|Allowance { parent, path: _, rules, people, approvals }| {
                let (parent, rules) = (parent.as_bytes()[0], rules.join(","));
                format!(" | {parent}: {rules} by {}, approved by {}", people.join(","), approvals.join(","))
            });
            format!("{}{}", commit.as_bytes()[0], told.collect::<String>())
        }
        Err(outcome) => format!("{outcome:?}"),
    }
}

#[test]
fn a_path_is_explained_by_the_commit_that_changed_it_last() {
    let text = "1 by ann: rules=strict\n2 < 1 by ann: db web\n3 < 2 by cy: other\napprove 2 by bo";
    assert_eq!(grounds_of("db", text), "2 | 1: all,db by ann,bo, approved by bo");
    assert_eq!(grounds_of("other", text), "3 | 2: all by cy, approved by ");
    assert_eq!(grounds_of("nowhere", text), "introduced");
    assert_eq!(grounds_of("db", "1 by ann:\n2 < 1 by ann: db"), "no rules");
    let later = "1 by ann:\n2 < 1 by cy: db\n3 < 2 by ann: other | rules=strict";
    assert_eq!(grounds_of("db", &later.replace(" |", "")), "2", "there were no rules by then");
    let merged = "1 by ann: rules=strict\n2 < 1 by cy: web\n3 < 1 by bo: other\n4 < 2,3 by forge: other | web clean";
    assert_eq!(grounds_of("web", merged), "4 | 3: all,web by cy, approved by ");
    let without = grounds_of("db", &text.replace("approve 2 by bo", "approve 2 by cy"));
    assert!(without.starts_with("Refused(ThresholdNotMet"), "{without}");
}

#[test]
fn a_revoked_key_signs_nothing_that_the_revoking_commit_does_not_know() {
    let revoked = |number| {
        format!("2 revoked: the key {} is revoked by commit {number}, whose history does not hold it", key("cy").id())
    };
    check("1 by ann:\n2 < 1 by cy: web\n3 < 2 by ann: revoked=cy", "3 admitted");
    check("1 by ann:\n2 < 1 by cy: web\n3 < 1 by ann: revoked=cy\n4 < 3,2 by ann: web | revoked=cy", &revoked(3));
    check("1 by ann:\n2 < 1 by cy: web\n3 < 1 by ann: revoked=bo\n4 < 3,2 by ann: web | revoked=bo", "4 admitted");
    check("1 by ann: revoked=cy\n2 < 1 by cy: web", &revoked(1));
}

#[test]
fn a_host_revokes_whatever_a_repository_says() {
    let revoked = Revocations::parse(format!("{}\n", key("cy").id()).as_bytes()).unwrap();
    let host = HostTrust { revoked: Some(revoked), ..HostTrust::default() };
    assert_eq!(judge("1 by ann:\n2 < 1 by bo: web", &host), "2 admitted");
    assert_eq!(
        judge("1 by ann:\n2 < 1 by cy: web", &host),
        format!("2 revoked: the key {} is revoked by this host", key("cy").id())
    );
}

#[test]
fn what_is_revoked_stays_revoked_and_rules_stay() {
    check(
        "1 by ann: revoked=cy\n2 < 1 by ann: revoked=",
        "2 authorizations-removed: it takes entries out of .writ/revoked that a parent has",
    );
    check("1 by ann: revoked=cy\n2 < 1 by ann: revoked=cy,bo", "2 admitted");
    check(
        "1 by ann: rules=strict\n2 < 1 by ann: rules=none",
        "2 authorizations-removed: it removes .writ/trust.toml, which a parent has; a file with `version = 1` alone asks for \
         nothing",
    );
    check("1 by ann: rules=strict\n2 < 1 by ann: rules=empty .writ/trust.toml", "2 admitted");
}
