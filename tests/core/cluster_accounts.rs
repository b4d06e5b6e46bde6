//! As whom objects of a cluster are applied and deleted: what is planned, and what the plan says of it.

use std::collections::{BTreeMap, BTreeSet};

use writ_core::account::{Account, Naming};
use writ_core::cluster::{ACCOUNT, ObservedObject, Trial, entrust};
use writ_core::model::{Desired, ObjectId};
use writ_core::plan::{Act, Drift};

use crate::cluster::{CONFIG, DEPLOYMENT, Unit, desired, differs, present};

const CONF: &str = "configmap/shop/conf";

fn account(text: &str) -> Account {
    Account::parse(text).unwrap()
}

/// What manifests want that one rule has applied as that account.
fn entrusted(parts: &[&str], named: &str) -> Desired {
    let mut desired = desired(parts);
    let naming = Naming { by: "rule \"shop\"".to_owned(), account: account(named) };
    let named = desired.objects.keys().map(|id| (id.clone(), BTreeSet::from([naming.clone()]))).collect();
    entrust(&mut desired, None, &named);
    desired
}

/// An object that says of itself as whom it was applied.
fn applied_as(text: &str) -> ObservedObject {
    let ObservedObject::Present(mut object) = present(Trial::Unasked) else { unreachable!("it is there") };
    object.account = Some(text.to_owned());
    ObservedObject::Present(object)
}

/// As whom each step is taken: `apply configmap/shop/conf as shop/a`.
fn whom(unit: &Unit, desired: &Desired) -> Vec<String> {
    let told = |account: &Option<Account>| account.as_ref().map_or("itself".to_owned(), Account::to_string);
    let plan = unit.plan(desired);
    let told = plan.steps().filter(|step| step.act != Act::Nothing).map(|step| {
        if let Act::ApplyObject(application) = &step.act {
            return format!("apply {} as {}", step.object, told(&application.object.account));
        }
        let Act::DeleteObject(deletion) = &step.act else { panic!("{step:?}") };
        format!("delete {} as {}", step.object, told(&deletion.account))
    });
    told.collect()
}

#[test]
fn what_is_applied_is_applied_as_its_account_and_the_plan_says_so() {
    let wanted = entrusted(&[CONFIG], "shop/a");
    let mut unit = Unit::new();
    unit.see(CONF, ObservedObject::Absent(Trial::Same));
    unit.check(&wanted, &["create   configmap/shop/conf  new, as shop/a"]);
    assert_eq!(whom(&unit, &wanted), ["apply configmap/shop/conf as shop/a"]);
    assert_eq!(whom(&unit, &desired(&[CONFIG])), ["apply configmap/shop/conf as itself"]);
    unit.see(CONF, ObservedObject::Absent(Trial::Refused("it may not".to_owned())));
    unit.check(&wanted, &["refuse   configmap/shop/conf  the server does not take it from shop/a: it may not"]);
    unit.check(&desired(&[CONFIG]), &["refuse   configmap/shop/conf  the server does not take it: it may not"]);
    Unit::settled(&wanted).check(&wanted, &["keep     configmap/shop/conf  as desired"]);
}

#[test]
fn another_account_is_a_change_of_what_is_wanted_and_no_drift() {
    let (before, after) = (entrusted(&[CONFIG], "shop/a"), entrusted(&[CONFIG], "shop/b"));
    let annotation = format!("metadata.annotations.[{ACCOUNT}]");
    for (before, after, told) in [
        (&before, &after, "writ.account shop/a -> shop/b, as shop/b"),
        (&desired(&[CONFIG]), &after, "writ.account added, as shop/b"),
        (&after, &desired(&[CONFIG]), "writ.account removed"),
    ] {
        let mut unit = Unit::settled(before);
        unit.drift = Drift::Report;
        unit.see(CONF, present(differs(&[&annotation], &[])));
        unit.check(after, &[&format!("update   configmap/shop/conf  {told}")]);
    }
    // What a person writes there by hand is.
    let mut unit = Unit::settled(&after);
    unit.see(CONF, present(differs(&[&annotation], &[(&format!(".{annotation}"), "kubectl")])));
    let told = "metadata.annotations.[writ.account] changed (by kubectl), as shop/b";
    unit.check(&after, &[&format!("update   configmap/shop/conf  {told}")]);
}

#[test]
fn an_object_goes_as_whom_it_was_applied_by_the_record_and_without_that_by_its_own_word() {
    let (wanted, rest) = (entrusted(&[CONFIG, DEPLOYMENT], "shop/a"), entrusted(&[DEPLOYMENT], "shop/a"));
    let gone = |whom: &str| format!("delete configmap/shop/conf as {whom}");
    let mut unit = Unit::settled(&wanted);
    unit.check(
        &rest,
        &[
            "remove   configmap/shop/conf  no longer among the manifests, as shop/a",
            "keep     deployment/shop/web  as desired",
        ],
    );
    unit.see(CONF, applied_as("ops/admin"));
    assert_eq!(whom(&unit, &rest), [gone("shop/a")], "whoever writes to the object does not choose");
    unit.held.objects.remove(&ObjectId::parse(CONF).unwrap());
    assert_eq!(whom(&unit, &rest), [gone("ops/admin")]);
    unit.see(CONF, present(Trial::Unasked));
    assert_eq!(whom(&unit, &rest), [gone("itself")]);
    unit.see(CONF, applied_as("system:masters"));
    let plan = unit.plan(&rest);
    let told = "writ.account of it is no service account: `system:masters`; mend or remove the annotation";
    assert!(plan.is_empty() && plan.to_string().contains(told), "{plan}");
}

#[test]
fn a_unit_that_names_an_account_has_all_of_it_done_as_that() {
    let wanted = desired(&[CONFIG, DEPLOYMENT]);
    let mut unit = Unit::settled(&wanted);
    unit.account = Some(account("shop/unit"));
    unit.see(CONF, applied_as("ops/admin"));
    for _ in ["as held", "as a host that lost its record"] {
        assert_eq!(whom(&unit, &desired(&[DEPLOYMENT])), ["delete configmap/shop/conf as shop/unit"]);
        unit.held.objects.remove(&ObjectId::parse(CONF).unwrap());
    }
    unit = Unit::new();
    unit.account = Some(account("shop/unit"));
    unit.see(CONF, applied_as("shop/unit"));
    let mut both = desired(&[CONFIG]);
    let naming = Naming { by: "rule \"shop\" of .writ/trust.toml".to_owned(), account: account("ops/admin") };
    let named = BTreeMap::from([(ObjectId::parse(CONF).unwrap(), BTreeSet::from([naming]))]);
    entrust(&mut both, unit.account.as_ref(), &named);
    unit.check(
        &both,
        &[
            "refuse   configmap/shop/conf  rule \"shop\" of .writ/trust.toml names the account ops/admin and the unit's \
             `account` names the account shop/unit: let both name the same account, or only one of them any",
        ],
    );
}

#[test]
fn what_is_made_anew_goes_and_comes_as_the_account_of_its_file() {
    let mut unit = Unit::settled(&entrusted(&[DEPLOYMENT], "shop/a"));
    unit.recreate = true;
    unit.see("deployment/shop/web", present(Trial::Immutable("field is immutable".to_owned())));
    let wanted = entrusted(&[DEPLOYMENT], "shop/b");
    assert_eq!(whom(&unit, &wanted), ["delete deployment/shop/web as shop/b", "apply deployment/shop/web as shop/b"]);
}
