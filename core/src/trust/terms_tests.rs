//! Terms of paths by the rules of parents and of the host, each that counts beside one that does not.

use base64::Engine as _;

use super::*;
use crate::account::agreed;
use crate::time::Timestamp;
use crate::trust::*;

const PLAIN: &str =
    "version = 1\n[[rule]]\nname = \"all\"\npaths = [\"**\"]\nsigners = [\"*\"]\nmay = [\"ports\", \"root\"]\n";
const SHOP: &str = "[[rule]]\nname = \"shop\"\npaths = [\"shop\"]\nsigners = [\"*\"]\naccount = \"shop/deployer\"\n";

fn id(number: u8) -> CommitId {
    CommitId::from_bytes([number; 20])
}

fn key() -> Vec<u8> {
    [&11_u32.to_be_bytes()[..], b"ssh-ed25519ann"].concat()
}

/// The head of a history of commits that change nothing but their rules, on a host with that ceiling.
fn head(commits: &[(u8, &[u8], &str)], ceiling: Option<&str>) -> Admitted {
    let mut builder = EvidenceBuilder::new(id(commits.last().unwrap().0));
    let line = format!("ann ssh-ed25519 {}\n", base64::engine::general_purpose::STANDARD.encode(key()));
    let rules = |text: &str| Rules::parse(text.as_bytes()).unwrap();
    for (number, parents, text) in commits {
        let listed = Listed {
            signers: AllowedSigners::parse(line.as_bytes()).unwrap(),
            rules: Some(rules(text)),
            ..Listed::default()
        };
        let place = builder.authorizations(Authorizations::Listed(Box::new(listed)));
        let parents: String = parents.iter().map(|parent| format!("parent {}\n", id(*parent))).collect();
        let bytes = format!("tree {}\n{parents}author A <a@x> 1 +0000\ncommitter A <a@x> 1 +0000\n\n", id(0));
        let commit = RawCommit::parse(id(*number), bytes.as_bytes()).unwrap();
        builder.commit(&commit, Signature::Good(Signer::Key(SshKey::of(&key()))), place);
    }
    let mut evidence = builder.finish();
    for (number, parents, _) in commits {
        (0..parents.len()).for_each(|at| evidence.changed(&id(*number), at, Changed::Paths(Vec::new())));
        evidence.merged(&id(*number), Merged::Clean);
    }
    let introduction = Introduction { commit: id(1), signer: SshKey::of(&key()).id() };
    let host = HostTrust { ceiling: ceiling.map(rules), ..HostTrust::default() };
    let first_seen = Timestamp::from_seconds(1_000);
    let case = Case {
        evidence: &evidence,
        introduction: &introduction,
        floor: None,
        witnesses: None,
        first_seen,
        host: &host,
    };
    admit(&case).unwrap()
}

/// Who names which account for a path.
fn named(head: &Admitted, path: &str) -> Vec<String> {
    head.terms(path.as_bytes()).accounts.iter().map(ToString::to_string).collect()
}

#[test]
fn an_account_is_that_of_the_rules_that_cover_the_path_and_counts_from_the_commit_after_theirs() {
    let with = format!("{PLAIN}{SHOP}");
    let other = with.replace("shop/deployer", "shop/other");
    let of_shop = "rule \"shop\" of .writ/trust.toml names the account shop/deployer";
    let chain = head(&[(1, &[], PLAIN), (2, &[1], &with), (3, &[2], &other)], None);
    assert_eq!(named(&chain, "shop/web.yaml"), [of_shop], "the third commit is judged by the rules of the second");
    assert_eq!(named(&chain, "db/pg.yaml"), [""; 0]);
    assert_eq!(named(&head(&[(1, &[], PLAIN), (2, &[1], &with)], None), "shop/web.yaml"), [""; 0]);
    assert_eq!(
        named(&head(&[(1, &[], &with)], None), "shop/web.yaml"),
        [of_shop],
        "the introduction was pinned as it is"
    );
}

#[test]
fn what_the_host_says_counts_beside_the_rules_of_every_parent() {
    let with = format!("{PLAIN}{SHOP}");
    let ceiling = with.replace("shop/deployer", "ops/shop");
    let on = |ceiling: &str| named(&head(&[(1, &[], &with), (2, &[1], PLAIN)], Some(ceiling)), "shop/web.yaml");
    let (of_shop, of_host) = (
        "rule \"shop\" of .writ/trust.toml names the account shop/deployer",
        "rule \"shop\" of this host names the account ops/shop",
    );
    assert_eq!(on(&ceiling), [of_shop, of_host]);
    assert_eq!(on(PLAIN), [of_shop]);
    let branch = with.replace("shop/deployer", "shop/older");
    let merge = head(&[(1, &[], &branch), (2, &[1], &with), (3, &[1], &branch), (4, &[2, 3], &with)], None);
    let terms = merge.terms(b"shop/web.yaml");
    let told = agreed(&terms.accounts).unwrap_err().to_string();
    assert!(told.contains("shop/deployer in one parent of the commit and shop/older in another"), "{told}");
    let alike = head(&[(1, &[], &with), (2, &[1], &with), (3, &[1], &with), (4, &[2, 3], PLAIN)], None);
    assert_eq!(named(&alike, "shop/web.yaml"), [of_shop]);
}

#[test]
fn of_two_terms_what_both_give_is_left_and_all_who_name_an_account_are_kept() {
    let rules = |text: &str| Rules::parse(text.as_bytes()).unwrap().terms(None, b"shop/a", "x");
    let (plain, shop) = (rules(PLAIN), rules(&format!("version = 1\n{SHOP}")));
    assert_eq!(plain.powers, Some([Power::Ports, Power::Root].into()));
    assert_eq!((shop.powers.clone(), shop.accounts.len()), (None, 1));
    let narrow = Terms { powers: Some([Power::Root, Power::Ingress].into()), ..Terms::default() };
    assert_eq!(plain.clone().and(narrow).powers, Some([Power::Root].into()));
    assert_eq!(plain.clone().and(shop.clone()), shop.clone().and(plain.clone()));
    assert_eq!(shop.clone().and(Terms::default()), shop);
    assert_eq!(plain.clone().and(shop).powers, plain.powers);
}
