//! Cuts of made-up histories, and the judgement in windows held against the one of the whole.

use std::convert::Infallible;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::time::Timestamp;
use crate::trust::*;

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

/// Rules of which most changes of two of the people fall foul.
const RULES_TEXT: &str = "version = 1\nforge = [\"forge\"]\nheartbeat = [\"heart\"]\n[[rule]]\nname = \"all\"\npaths = \
     [\"**\"]\nsigners = [\"*\"]\n[[rule]]\nname = \"db\"\npaths = [\"db\"]\nsigners = [\"ann\", \"bo\"]\nthreshold = 2\n";

/// Who may be listed, sign and approve.
const PEOPLE: [&str; 5] = ["ann", "bo", "cy", "forge", "heart"];

/// Paths that commits change.
const PATHS: [&str; 3] = ["db", "web", "other"];

/// One commit, by numbers that mean something only together with those before it.
#[derive(Debug, Clone)]
struct Draw {
    parents: Vec<usize>,
    signer: usize,
    /// What it does to the files about trust, and what is wrong with it; nothing for most numbers.
    deed: u8,
    paths: Vec<usize>,
    merged: u8,
    approver: Option<usize>,
}

/// What a tree says about trust.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    signers: Vec<usize>,
    revoked: BTreeSet<usize>,
    ruled: bool,
}

#[derive(Debug, Clone)]
struct Made {
    parents: Vec<u8>,
    signature: Signature,
    committed: i64,
    state: State,
    paths: Vec<Box<[u8]>>,
    merged: Merged,
    approver: Option<usize>,
}

fn id(number: u8) -> CommitId {
    CommitId::from_bytes([number; 20])
}

fn tree(number: u8) -> TreeId {
    TreeId::from_bytes([number; 20])
}

fn encoded(person: usize) -> Vec<u8> {
    let kind = "ssh-ed25519";
    let mut bytes = u32::try_from(kind.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(kind.bytes());
    bytes.extend(PEOPLE[person].bytes());
    bytes
}

fn key(person: usize) -> Signer {
    Signer::Key(SshKey::of(&encoded(person)))
}

fn listed(state: &State) -> Authorizations {
    use base64::Engine as _;
    let State { signers, revoked, ruled } = state;
    let lines = signers.iter().map(|person| {
        let key = base64::engine::general_purpose::STANDARD.encode(encoded(*person));
        format!("{} ssh-ed25519 {key}\n", PEOPLE[*person])
    });
    let revoked = revoked.iter().map(|person| format!("{}\n", key(*person).id()));
    Authorizations::Listed(Box::new(Listed {
        signers: AllowedSigners::parse(lines.collect::<String>().as_bytes()).unwrap(),
        rules: ruled.then(|| Rules::parse(RULES_TEXT.as_bytes()).unwrap()),
        revoked: Revocations::parse(revoked.collect::<String>().as_bytes()).unwrap(),
        ..Listed::default()
    }))
}

/// The commits 1, 2, 3…, of which the first introduces and the last is the head.
fn make(draws: &[Draw]) -> Vec<Made> {
    let everybody = State { signers: (0..PEOPLE.len()).collect(), revoked: BTreeSet::new(), ruled: false };
    let first = Made {
        parents: Vec::new(),
        signature: Signature::Good(key(0)),
        committed: 1_000,
        state: everybody,
        paths: Vec::new(),
        merged: Merged::NotTried,
        approver: None,
    };
    let mut made = vec![first];
    for draw in draws {
        let Draw { parents, signer, deed, paths, merged, approver } = draw;
        // Most build on one of the few before them, so that lines part and meet.
        let parents: BTreeSet<usize> = parents.iter().map(|back| made.len() - 1 - back % made.len().min(4)).collect();
        let mut state = made[*parents.first().unwrap()].state.clone();
        for parent in &parents {
            state.revoked.extend(&made[*parent].state.revoked);
            state.ruled |= made[*parent].state.ruled;
        }
        let newest = parents.iter().map(|parent| made[*parent].committed).max().unwrap();
        let (mut committed, mut signature) = (newest + i64::from(*merged), Signature::Good(key(*signer)));
        match deed {
            0 => state.ruled = !state.ruled,
            1..=4 => state.ruled = true,
            5..=7 => drop(state.revoked.insert(*signer)),
            8 => state.revoked.clear(),
            9 => state.signers.retain(|person| person != signer),
            10 => state.signers = (0..PEOPLE.len()).collect(),
            11 => committed = newest - 5,
            12 => signature = Signature::Missing,
            13 => signature = Signature::NotChecked,
            14 => committed = 2_000_000,
            _ => {}
        }
        let merged = match merged {
            0..=5 => Merged::Clean,
            6 => Merged::CannotTell("no".to_owned()),
            _ => Merged::Differs("so".to_owned()),
        };
        made.push(Made {
            parents: parents.iter().map(|parent| u8::try_from(parent + 1).unwrap()).collect(),
            signature,
            committed,
            state,
            paths: paths.iter().map(|path| PATHS[*path].as_bytes().into()).collect(),
            merged,
            approver: *approver,
        });
    }
    made
}

/// The evidence of what lies between a head and the ends of its lines, as Git would hand it over.
fn evidence(made: &[Made], head: u8, ends: &[u8], rooted: Option<u8>) -> Evidence {
    let mut builder = EvidenceBuilder::new(id(head));
    let (mut open, mut taken, mut places) = (vec![head], BTreeSet::new(), BTreeMap::new());
    while let Some(number) = open.pop() {
        if !taken.insert(number) {
            continue;
        }
        let Made { parents, signature, committed, state, .. } = &made[usize::from(number) - 1];
        let lines: String = parents.iter().map(|parent| format!("parent {}\n", id(*parent))).collect();
        let (tree, who) = (tree(number), format!("A <a@x> {committed} +0000"));
        let bytes = format!("tree {tree}\n{lines}author {who}\ncommitter {who}\n\n");
        let place = *places.entry(state).or_insert_with(|| builder.authorizations(listed(state)));
        builder.commit(&RawCommit::parse(id(number), bytes.as_bytes()).unwrap(), signature.clone(), place);
        if !ends.contains(&number) {
            open.extend(parents);
        }
    }
    rooted.filter(|floor| taken.contains(floor)).into_iter().for_each(|floor| builder.rooted(id(floor)));
    let mut evidence = builder.finish();
    for number in taken {
        let Made { parents, paths, merged, approver, .. } = &made[usize::from(number) - 1];
        for at in 0..parents.len() {
            // What a commit changed against its second parent is something else than against its first.
            let paths = paths.iter().skip(at).cloned().collect::<BTreeSet<_>>();
            evidence.changed(&id(number), at, Changed::Paths(paths.into_iter().collect()));
        }
        evidence.merged(&id(number), merged.clone());
        if let Some(person) = approver {
            let approval = Approval { tree: tree(number), hosts: None, until: None };
            evidence.approved(SignedApproval { approval, signer: key(*person) });
        }
    }
    evidence
}

fn born(made: &[Made], ends: &[u8], id: &CommitId) -> Born {
    let number = id.as_bytes()[0];
    let Made { parents, committed, .. } = &made[usize::from(number) - 1];
    let goes_on = !ends.contains(&number);
    Born { committed: *committed, parents: parents.iter().filter(|_| goes_on).map(|it| self::id(*it)).collect() }
}

fn cut(made: &[Made], ends: &[u8], size: usize) -> Vec<CommitId> {
    let head = id(u8::try_from(made.len()).unwrap());
    windows(head, size, |id| Ok::<_, Infallible>(born(made, ends, id))).unwrap()
}

/// A commit and its ancestors, up to and with the ends.
fn history(made: &[Made], ends: &[u8], of: u8) -> BTreeSet<u8> {
    let (mut open, mut met) = (vec![of], BTreeSet::new());
    while let Some(number) = open.pop() {
        if met.insert(number) && !ends.contains(&number) {
            open.extend(&made[usize::from(number) - 1].parents);
        }
    }
    met
}

/// What is thought of a history in windows of this many commits.
fn judged(made: &[Made], floor: Option<u8>, size: usize) -> (Verdicts, Result<Admitted, Refusal>) {
    let Signer::Key(ann) = key(0) else { unreachable!("the key of a person") };
    let introduction = Introduction { commit: id(1), signer: ann.id() };
    let head = id(u8::try_from(made.len()).unwrap());
    let question =
        Question { head, introduction, floor: floor.map(id), first_seen: NOW, host: Arc::new(HostTrust::default()) };
    let ends: Vec<u8> = floor.into_iter().chain([1]).collect();
    let hear = |mut proceedings: Proceedings| {
        while let Some(Window { base, head }) = proceedings.window() {
            let head = head.as_bytes()[0];
            let found = match base {
                Some(base) => evidence(made, head, &[base.as_bytes()[0], 1], None),
                // Lines that go past the floor are followed to where trust begins, and so is what the floor settled.
                None => evidence(made, head, if head == 1 { &ends } else { &[1] }, floor),
            };
            proceedings = proceedings.take(&found);
        }
        proceedings
    };
    let begin = || Proceedings::new(question.clone(), cut(made, &ends, size));
    (hear(begin().telling()).verdicts(None), hear(begin()).end(None))
}

fn draw() -> impl Strategy<Value = Draw> {
    let parents = prop_oneof![
        6 => prop::collection::vec(0..1_usize, 1),
        3 => prop::collection::vec(0..4_usize, 1..3),
        1 => prop::collection::vec(0..4_usize, 3),
    ];
    let signer = prop_oneof![8 => 0..3_usize, 1 => 3..5_usize];
    let (deed, paths) = (0..120_u8, prop::collection::vec(0..PATHS.len(), 0..3));
    let approver = prop::option::weighted(0.5, 0..3_usize);
    let all = (parents, signer, deed, paths, 0..10_u8, approver);
    all.prop_map(|(parents, signer, deed, paths, merged, approver)| Draw {
        parents,
        signer,
        deed,
        paths,
        merged,
        approver,
    })
}

fn draws() -> impl Strategy<Value = Vec<Draw>> {
    prop::collection::vec(draw(), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_commit_of_a_history_is_an_ancestor_or_a_descendant_of_each_cut(draws in draws(), size in 1..8_usize) {
        let made = make(&draws);
        let whole = history(&made, &[1], u8::try_from(made.len()).unwrap());
        let heads: Vec<u8> = cut(&made, &[1], size).iter().map(|id| id.as_bytes()[0]).collect();
        prop_assert_eq!(heads.last().copied(), u8::try_from(made.len()).ok());
        for cut in heads {
            let below = history(&made, &[1], cut);
            for commit in &whole {
                prop_assert!(below.contains(commit) || history(&made, &[1], *commit).contains(&cut));
            }
        }
    }

    #[test]
    fn a_history_is_judged_alike_whole_and_in_windows(draws in draws(), floor in prop::option::of(1..42_u8)) {
        let made = make(&draws);
        let floor = floor.filter(|floor| usize::from(*floor) < made.len());
        let whole = judged(&made, floor, usize::MAX);
        for size in [1, 2, 3, 7] {
            prop_assert_eq!(&judged(&made, floor, size), &whole, "in windows of {}", size);
        }
    }
}
