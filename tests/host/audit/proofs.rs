//! Proofs of single facts, checked where there is no record.

use serde_json::{Value, json};

use super::{Audited, elsewhere, json as document, printed, signed_by, strangers_key};

fn prove(audited: &Audited, what: &str) -> Value {
    serde_json::from_str(&printed(&audited.machine, &["audit", "prove", what, "-o", "json"])).unwrap()
}

#[test]
fn an_object_a_commit_and_a_record_are_proven_without_a_record_at_hand() {
    let audited = Audited::new();
    let signers = audited.signers();
    let history = audited.machine.history();
    let about =
        |fits: &dyn Fn(&writ::record::About) -> bool| history.iter().filter(|record| fits(&record.about())).count();
    let (object, commit) = ("deployment/shop/web", audited.commit.as_str());
    for (what, count) in [
        (object, about(&|about| about.object.as_deref() == Some(object))),
        (commit, about(&|about| about.commit.as_deref() == Some(commit))),
        (commit.get(..8).unwrap(), about(&|about| about.commit.as_deref() == Some(commit))),
        ("3", 1),
    ] {
        let proof = prove(&audited, what);
        assert_eq!(
            (proof["schema"].as_str(), proof["records"].as_array().unwrap().len()),
            (Some("writ/audit-proof/v1"), count)
        );
        assert!(count > 0, "{what}");
        let file = audited.put("proof.json", &proof.to_string());
        elsewhere(&["audit", "verify", "--proof", &file]).exits(0).says("holds:").says("--allowed-signers");
        elsewhere(&["audit", "verify", "--proof", &file, "--allowed-signers", &signers]).exits(0).says("edge-1");
    }
    audited.machine.writ(&["audit", "prove", object]).exits(0).says("deployment/shop/web in the record").says("held");
    let ran =
        document(&audited.machine, &["audit", "verify", "--proof", &audited.desk("proof.json").display().to_string()]);
    assert_eq!((&ran["holds"], ran["records"][0]["record"].as_i64()), (&true.into(), Some(3)), "{ran}");
}

#[test]
fn what_is_not_told_or_not_signed_yet_cannot_be_proven() {
    let audited = Audited::new();
    for (what, words) in [
        ("deployment/shop/other", "tells nothing of deployment/shop/other"),
        ("0123456789", "tells nothing of record 123456789"),
        ("abcdef0123", "tells nothing of a commit"),
        ("9999", "tells nothing of record 9999"),
        ("web", "is no object"),
        ("nothing/shop/web", "nothing"),
    ] {
        audited.machine.writ(&["audit", "prove", what]).exits(1).says(words);
    }
    let newest = audited.machine.history().len();
    audited.more();
    audited.machine.writ(&["audit", "prove", &newest.to_string()]).exits(0);
    audited
        .machine
        .writ(&["audit", "prove", &(newest + 1).to_string()])
        .exits(1)
        .says("newer than the newest checkpoint");
    audited.origin.repository.commit(crate::repository::Sign::By(&audited.origin.key), "nothing new");
    let proof = prove(&audited, "deployment/shop/web");
    assert_eq!(proof["unsigned"], json!([]));
}

#[test]
fn nothing_of_a_proof_can_be_changed() {
    let audited = Audited::new();
    let signers = audited.signers();
    let proof = prove(&audited, "deployment/shop/web");
    let first = proof["records"][0]["record"]["record"].as_i64().unwrap();
    let check = |change: &dyn Fn(&mut Value), words: &str| {
        let mut changed = proof.clone();
        change(&mut changed);
        assert_ne!(changed, proof, "{words}");
        let file = audited.put("changed.json", &changed.to_string());
        elsewhere(&["audit", "verify", "--proof", &file]).exits(3).says(words);
    };
    let at = |words: &str| format!("record {first}: {words}");
    let record =
        |name: &'static str, value: Value| move |proof: &mut Value| proof["records"][0]["record"][name] = value.clone();
    check(&record("kind", "released".into()), &at("its contents do not give its hash"));
    check(&record("body", "{}".into()), &at("its contents do not give its hash"));
    check(&record("record", 0.into()), "record 0: its contents do not give its hash");
    check(&record("record", i64::MIN.into()), "its contents do not give its hash");
    check(&record("hash", "00".into()), "this is no proof");
    check(&record("more", 1.into()), "this is no proof");
    check(
        &|proof| proof["about"] = json!({"object": "deployment/shop/other"}),
        &at("it is not about deployment/shop/other"),
    );
    check(&|proof| proof["records"][0]["path"].as_array_mut().unwrap().reverse(), &at("its path does not lead"));
    check(&|proof| drop(proof["records"][0]["path"].as_array_mut().unwrap().pop()), &at("its path does not lead"));
    check(&|proof| proof["records"] = json!([]), "it shows no record");
    check(&|proof| proof["schema"] = "writ/audit-proof/v2".into(), "this is of the form writ/audit-proof/v2");
    check(&|proof| proof["checkpoint"]["signature"] = "x".into(), "its signature cannot be read");
    let altered = |from: &'static str, to: &'static str| {
        move |proof: &mut Value| {
            let text = proof["checkpoint"]["text"].as_str().unwrap().replace(from, to);
            proof["checkpoint"]["text"] = text.into();
        }
    };
    check(&altered("edge-1", "edge-2"), "its signature does not match it");
    check(&altered("\ntime", "\n time"), "is not spelled as a checkpoint is");
    let file = audited.put("proof.json", &proof.to_string());
    elsewhere(&["audit", "verify", "--proof", &file, "--allowed-signers", &signers]).exits(0);
}

#[test]
fn a_proof_by_another_key_holds_in_itself_and_not_for_whoever_knows_the_host() {
    let audited = Audited::new();
    let signers = audited.signers();
    let stranger = strangers_key(audited.desk.path());
    let mut proof = prove(&audited, "3");
    let text = proof["checkpoint"]["text"].as_str().unwrap().to_owned();
    proof["checkpoint"]["signature"] = signed_by(audited.desk.path(), &stranger, "audit@writ", &text).into();
    let file = audited.put("proof.json", &proof.to_string());
    elsewhere(&["audit", "verify", "--proof", &file]).exits(0).says("whether that key is the host's");
    elsewhere(&["audit", "verify", "--proof", &file, "--allowed-signers", &signers]).exits(3).says("is not listed");
    let other = std::fs::read_to_string(&signers).unwrap().replace("edge-1", "edge-2");
    let other = audited.put("other_host", &other);
    let good = audited.put("good.json", &prove(&audited, "3").to_string());
    elsewhere(&["audit", "verify", "--proof", &good, "--allowed-signers", &other])
        .exits(3)
        .says("for other names alone");
    elsewhere(&["audit", "verify", "--proof", &good, "--allowed-signers", &signers]).exits(0);
    elsewhere(&["audit", "verify", "--proof", &good, "--allowed-signers", "/nowhere"])
        .exits(1)
        .says("cannot read /nowhere");
    let broken = audited.put("broken", "edge-1 nonsense=\"1\" ssh-ed25519 AAAA\n");
    elsewhere(&["audit", "verify", "--proof", &good, "--allowed-signers", &broken]).exits(1).says("line 1");
}
