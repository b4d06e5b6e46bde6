//! Heads held against witnesses, in histories small enough to be read, and in many that chance made.

use proptest::prelude::*;

use crate::trust::*;

fn id(number: u8) -> CommitId {
    CommitId::from_bytes([number; 20])
}

/// `2<1 3<1,2 5=4<1`: commits with their parents; `5=4` is a copy of 4 under another signature.
fn lineage(text: &str) -> Lineage {
    let mut lineage = Lineage::default();
    for word in text.split_whitespace() {
        let (commit, parents) = word.split_once('<').unwrap_or((word, ""));
        let (commit, payload) = commit.split_once('=').unwrap_or((commit, commit));
        let parents = parents.split(',').filter(|parent| !parent.is_empty());
        let parents = parents.map(|parent| id(parent.parse().unwrap())).collect();
        lineage.add(id(commit.parse().unwrap()), parents, PayloadDigest([payload.parse().unwrap(); 32]));
    }
    lineage
}

/// What keeps head `head` out: witnesses, each by its number; `?` behind one of which it cannot be told.
fn check(history: &str, let_back: &[u8], witnesses: &[u8], head: u8, expected: &str) {
    let all = witnesses.iter().map(|number| {
        let payload = Some(PayloadDigest([*number; 32]));
        Witness { commit: id(*number), payload, by: Testimony::Runs { unit: "edge".to_owned() } }
    });
    let let_back = let_back.iter().map(|number| id(*number)).collect();
    let witnesses = Witnesses { all: all.collect(), lineage: lineage(history), let_back, unread: Vec::new() };
    let told: Vec<String> = witnesses
        .against(&id(head))
        .into_iter()
        .map(|(witness, descent)| {
            let unknown = if matches!(descent, Descent::CannotTell(_)) { "?" } else { "" };
            format!("{}{unknown}", witness.commit.as_bytes()[0])
        })
        .collect();
    assert_eq!(told.join(" "), expected, "{head} in {history}");
}

#[test]
fn a_head_has_to_descend_from_every_witness() {
    let history = "1 2<1 3<2 4<3 9<1";
    check(history, &[], &[], 2, "");
    check(history, &[], &[3], 4, "");
    check(history, &[], &[3], 3, "");
    check(history, &[], &[3], 2, "3");
    check(history, &[], &[2, 3, 4], 3, "4");
    check(history, &[], &[2, 9], 4, "9");
    check("1 2<1 3<1 4<2,3", &[], &[2, 3], 4, "");
    check("1 2<1", &[], &[7], 2, "7");
}

#[test]
fn a_copy_under_another_signature_is_the_same_commit() {
    check("1 2<1 5=2<1 6<5", &[], &[2], 6, "");
    check("1 2<1 5<1 6<5", &[], &[2], 6, "2");
}

#[test]
fn what_people_let_back_witnesses_no_longer_and_neither_does_what_is_behind_it() {
    let history = "1 2<1 3<2 9<1 8<1";
    check(history, &[3], &[2, 3], 9, "");
    check(history, &[3], &[2, 3, 8], 9, "8");
    check(history, &[2], &[2, 3], 9, "3");
}

#[test]
fn a_history_that_was_not_read_to_its_end_is_no_answer() {
    check("2<1 3<2", &[], &[7], 3, "7?");
    check("2<1 3<2", &[], &[2], 3, "");
    check("3<2", &[9], &[2], 3, "");
}

#[test]
fn two_heads_are_split_only_if_neither_goes_on_from_the_other() {
    let view = |history: &str, own: u8, other: u8| lineage(history).view(&id(own), &id(other));
    for (own, other) in [(2, 3), (3, 2), (3, 3), (1, 3)] {
        assert_eq!(view("1 2<1 3<2", own, other), View::Same);
    }
    assert_eq!(view("1 2<1 3<1", 2, 3), View::Split);
    assert_eq!(view("1 2", 1, 2), View::Split, "histories that share nothing");
    assert_eq!(view("1 2<1 3=2<1", 2, 3), View::Same, "a copy under another signature");
    assert_eq!(view("1 2<1", 2, 9), View::CannotTell, "one that is ahead and not here");
    assert_eq!(view("2<1 3<1", 2, 3), View::CannotTell);
}

proptest! {
    /// Against a walk of another kind: forward from the witness, by every edge, until nothing more is reached.
    #[test]
    fn a_head_is_kept_out_exactly_by_what_does_not_lead_to_it(
        parents in prop::collection::vec(prop::collection::btree_set(0_usize..30, 0..3), 1..30),
        head in 0_usize..30,
        witness in 0_usize..30,
    ) {
        let number = |at: usize| id(u8::try_from(at + 1).unwrap());
        let (mut lineage, count) = (Lineage::default(), parents.len());
        let parents: Vec<Vec<usize>> =
            parents.iter().enumerate().map(|(at, all)| all.iter().copied().filter(|it| *it < at).collect()).collect();
        for (at, all) in parents.iter().enumerate() {
            let payload = PayloadDigest([u8::try_from(at + 1).unwrap(); 32]);
            lineage.add(number(at), all.iter().map(|it| number(*it)).collect(), payload);
        }
        let (head, witness) = (head % count, witness % count);
        let mut reached = vec![false; count];
        reached[witness] = true;
        for at in 0..count {
            reached[at] = reached[at] || parents[at].iter().any(|it| reached[*it]);
        }
        let by = Testimony::Runs { unit: "edge".to_owned() };
        let all = vec![Witness { commit: number(witness), payload: None, by }];
        let witnesses = Witnesses { all, lineage, ..Witnesses::default() };
        prop_assert_eq!(witnesses.against(&number(head)).is_empty(), reached[head]);
        prop_assert!(witnesses.after(number(witness)).against(&number(head)).is_empty());
    }
}
