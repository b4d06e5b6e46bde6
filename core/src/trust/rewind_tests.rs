//! Rewinds: one that is followed beside each that is not.

use super::*;
use crate::trust::{AllowedSigners, Rules, SshKey};

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

fn id(number: u8) -> CommitId {
    CommitId::from_bytes([number; 20])
}

fn encoded(name: &str) -> Vec<u8> {
    let kind = "ssh-ed25519";
    let length = u32::try_from(kind.len()).unwrap().to_be_bytes();
    length.into_iter().chain(kind.bytes()).chain(name.bytes()).collect()
}

fn signed(name: &str, rewind: Rewind) -> SignedRewind {
    SignedRewind { rewind, signer: Signer::Key(SshKey::of(&encoded(name))) }
}

fn good() -> Rewind {
    let (source, host) = ("infra".to_owned(), "edge-1".to_owned());
    Rewind { source, host, from: id(9), to: id(5), until: Timestamp::from_seconds(1_000_001) }
}

/// What comes of these statements where Ann and Bo may sign: the goals, or why not.
fn judge(statements: &[SignedRewind], rules: Option<&str>, used: &BTreeSet<RewindId>) -> Result<Vec<u8>, String> {
    use base64::Engine as _;
    let key = |name: &str| base64::engine::general_purpose::STANDARD.encode(encoded(name));
    let lines = format!(
        "ann ssh-ed25519 {}\nbo ssh-ed25519 {}\ncy namespaces=\"git\" ssh-ed25519 {}\n",
        key("ann"),
        key("bo"),
        key("cy")
    );
    let listed = Listed {
        signers: AllowedSigners::parse(lines.as_bytes()).unwrap(),
        rules: rules.map(|rules| Rules::parse(rules.as_bytes()).unwrap()),
        ..Listed::default()
    };
    let host = HostTrust { name: Some("edge-1".to_owned()), ..HostTrust::default() };
    let case = RewindCase { source: "infra", host: &host, floor: id(9), listed: &listed, statements, used, now: NOW };
    let (followed, refused) = rewinds(&case);
    if refused.is_empty() {
        Ok(followed.iter().map(|back| back.to.as_bytes()[0]).collect())
    } else {
        Err(refused.join("; "))
    }
}

#[track_caller]
fn refused(statements: &[SignedRewind], rules: Option<&str>, expected: &str) {
    let error = judge(statements, rules, &BTreeSet::new()).unwrap_err();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn one_that_somebody_whom_the_floor_authorizes_signed_for_this_host_is_followed() {
    assert_eq!(judge(&[signed("ann", good())], None, &BTreeSet::new()), Ok(vec![5]));
    refused(&[signed("stranger", good())], None, "may not sign it");
    refused(&[signed("cy", good())], None, "may not sign it");
}

#[test]
fn one_for_another_host_or_source_is_nothing_to_this_one() {
    let other = Rewind { host: "edge-2".to_owned(), ..good() };
    assert_eq!(judge(&[signed("ann", other)], None, &BTreeSet::new()), Ok(vec![]));
    let other = Rewind { source: "apps".to_owned(), ..good() };
    assert_eq!(judge(&[signed("ann", other)], None, &BTreeSet::new()), Ok(vec![]));
}

#[test]
fn one_is_used_once_for_its_floor_and_before_its_end() {
    assert_eq!(
        judge(&[signed("ann", good())], None, &[good().id()].into()),
        Err(format!("a rewind to {}: it was used already", id(5)))
    );
    refused(&[signed("ann", Rewind { from: id(8), ..good() })], None, "was applied last");
    refused(&[signed("ann", Rewind { until: NOW, ..good() })], None, "it ended at");
}

#[test]
fn who_may_not_change_the_list_of_signers_may_not_let_a_host_back() {
    let rules = "version = 1\n[[rule]]\nname = \"web\"\npaths = [\"web\"]\nsigners = [\"*\"]\n\
                 [[rule]]\nname = \"trust\"\npaths = [\".writ\"]\nsigners = [\"ann\", \"bo\"]\nthreshold = 2\n";
    refused(&[signed("ann", good())], Some(rules), "rule \"trust\" wants 2 of them and counts 1");
    refused(&[signed("ann", good()), signed("ann", good())], Some(rules), "counts 1");
    assert_eq!(judge(&[signed("ann", good()), signed("bo", good())], Some(rules), &BTreeSet::new()), Ok(vec![5]));
    let until = Timestamp::from_seconds(2_000_000);
    let other = Rewind { until, ..good() };
    refused(&[signed("ann", good()), signed("bo", other)], Some(rules), "counts 1");
    let forge = "version = 1\nforge = [\"ann\"]\n[[rule]]\nname = \"all\"\npaths = [\"**\"]\nsigners = [\"*\"]\n";
    refused(&[signed("ann", good())], Some(forge), "may not sign it");
    refused(&[signed("ann", good())], Some("version = 1\nforge = [\"ann\"]\n"), "may not sign it");
    assert_eq!(judge(&[signed("bo", good())], Some(forge), &BTreeSet::new()), Ok(vec![5]));
}
