//! As whom each wanted object is applied: by what the unit and the rules of its file say.
//!
//! Invariant: an object of which they say different things is left as it is.

use std::collections::{BTreeMap, BTreeSet};

use super::ClusterObject;
use crate::account::{Account, Clash, Naming, agreed};
use crate::model::{Desired, ObjectId};

/// The annotation that says as whom an object was applied last, and what that is called among its parts.
pub const ACCOUNT: &str = "writ.account";

/// How messages call what the settings of a unit say.
const OF_UNIT: &str = "the unit's `account`";

/// As whom an object is applied, by what its unit says and what others say of it, and one who says so; none if nobody names
/// anybody, which is the agent itself.
///
/// # Errors
/// If they name different ones.
pub fn whom(unit: Option<&Account>, named: &BTreeSet<Naming>) -> Result<Option<Naming>, Clash> {
    let of_unit = unit.map(|account| Naming { by: OF_UNIT.to_owned(), account: account.clone() });
    agreed(&named.iter().cloned().chain(of_unit).collect()).map(Option::<&Naming>::cloned)
}

/// Has each wanted object applied as the account that is named for it, by the unit or by whoever `named` has.
pub fn entrust(desired: &mut Desired, unit: Option<&Account>, named: &BTreeMap<ObjectId, BTreeSet<Naming>>) {
    let nobody = BTreeSet::new();
    for object in desired.objects.values_mut() {
        match whom(unit, named.get(&object.id).unwrap_or(&nobody)) {
            Ok(naming) => object.entrust(naming.map(|naming| naming.account)),
            Err(clash) => object.waits = Some(clash.to_string()),
        }
    }
}

impl ClusterObject {
    /// Has it applied as somebody, which is part of what is wanted.
    fn entrust(&mut self, account: Option<Account>) {
        let Some(account) = account else { return };
        let part = (ACCOUNT.to_owned(), account.to_string());
        self.account = Some(account);
        self.revise(self.revision.clone(), BTreeMap::from([part]));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::{Owner, SPEC, resolve};
    use crate::hash::HashKey;
    use crate::model::{Object, World};
    use crate::text::Places;

    const ID: &str = "configmap/shop/conf";

    fn account(text: &str) -> Account {
        Account::parse(text).unwrap()
    }

    /// What is wanted of an object whose unit and whose rules name these accounts.
    fn entrusted(unit: Option<&str>, rules: &[(&str, &str)]) -> ClusterObject {
        let id = ObjectId::parse(ID).unwrap();
        let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf", "namespace": "shop"}});
        let objects = [Object { id: id.clone(), body, places: Places::default() }];
        let world = World { buckets: BTreeMap::new(), hash_key: HashKey([7; 32]) };
        let mut desired = resolve(&objects, &world).unwrap().0;
        let naming = |(by, text): &(&str, &str)| Naming { by: (*by).to_owned(), account: account(text) };
        let named = BTreeMap::from([(id.clone(), rules.iter().map(naming).collect())]);
        entrust(&mut desired, unit.map(account).as_ref(), &named);
        desired.objects.remove(&id).unwrap()
    }

    #[test]
    fn whom_the_unit_and_the_rules_agree_on_is_sent_along_and_part_of_what_is_wanted() {
        let owner = Owner { host: "h".to_owned(), unit: "u".to_owned(), set: "s".to_owned() };
        let annotations = |object: &ClusterObject| object.sent(&owner, None)["metadata"]["annotations"].clone();
        let own = entrusted(None, &[]);
        assert_eq!((&own.account, own.parts.get(ACCOUNT)), (&None, None));
        assert_eq!(annotations(&own), json!({SPEC: own.revision.as_str()}));
        let (of_unit, of_rule) = (entrusted(Some("shop/a"), &[]), entrusted(None, &[("rule", "shop/a")]));
        let of_both = entrusted(Some("shop/a"), &[("rule", "shop/a"), ("another", "shop/a")]);
        for object in [&of_unit, &of_rule, &of_both] {
            assert_eq!(object.account, Some(account("shop/a")));
            assert_eq!(object.revision, of_rule.revision, "whoever says so");
            assert_eq!(annotations(object), json!({SPEC: object.revision.as_str(), ACCOUNT: "shop/a"}));
            assert_eq!(object.waits, None);
        }
        let other = entrusted(None, &[("rule", "shop/b")]);
        assert!(own.revision != of_rule.revision && of_rule.revision != other.revision);
    }

    #[test]
    fn an_object_of_which_they_say_different_things_is_applied_as_nobody() {
        for (unit, rules) in
            [(Some("shop/a"), [("rule", "shop/b")].as_slice()), (None, &[("one", "shop/a"), ("other", "shop/b")])]
        {
            let object = entrusted(unit, rules);
            let told = object.waits.unwrap();
            assert!(told.contains("names the account shop/a") && told.contains("names the account shop/b"), "{told}");
            assert_eq!(object.account, None);
        }
    }
}
