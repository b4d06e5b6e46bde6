//! One identity for content: the hash that decides a change, shows drift and explains it.
//!
//! A workload's hash is made in two steps. Each part of its pod template after defaults (the image, the command, each
//! variable, each mount, …) and each key of a ConfigMap, a Secret, a bucket or an asset that the template uses has a
//! digest. The hash is SHA-256 over the names and digests of all parts, in order of name. So whatever changes the
//! hash changes a part that can be named.
//!
//! What needs no new container is not in it: the number of pods, the update strategy, `minReadySeconds`, deadlines and
//! the sizes of claims. Labels, annotations, probes and the grace period are parts of the template and are in it, as on
//! Kubernetes. So are the DNS names, which a container gets when it is made.
//!
//! Invariant: deterministic on every machine and with every version of the program; see [`VERSION`].
//! Invariant: what a Secret or a bucket holds enters by HMAC-SHA-256 under the host's [`HashKey`], together with the
//! name of its key, so that nobody without the host's key can find a value by trying, nor see that two are equal.

mod encode;
mod object;
mod parts;
mod spec;

pub(crate) use object::{of_applied, of_object, of_value};
pub use spec::{HashKey, SpecHash, VERSION};

use std::collections::BTreeMap;

use crate::model::ObjectId;
use crate::model::template::Template;

/// The hash of a workload's template, and the digests that it was made of, by what they are of.
#[must_use]
pub(crate) fn of_template(
    object: &ObjectId,
    template: &Template,
    key: &HashKey,
) -> (SpecHash, BTreeMap<String, String>) {
    let parts = parts::parts(object, template, key);
    (spec_hash(&parts), parts)
}

/// The hash over a set of parts: name to digest.
#[must_use]
pub fn spec_hash(parts: &BTreeMap<String, String>) -> SpecHash {
    let mut encoder = encode::Encoder::new("writ spec");
    encoder.number(u64::from(VERSION)).list(parts.iter(), |encoder, (name, digest)| {
        encoder.text(name).text(digest);
    });
    SpecHash::new(VERSION, &encoder.digest())
}

/// A digest of something secret, which tells nothing about it to whoever lacks the host's key: 64 hexadecimal digits.
#[must_use]
pub(crate) fn digest_of_secret(what: &str, value: &[u8], key: &HashKey) -> String {
    encode::Encoder::new(what).bytes(value).keyed_digest(key)
}
