//! What certificates say about a signer, each time beside the moment at which they say otherwise.

use super::*;

const DAY: i64 = 86_400;

fn day(day: i64) -> Timestamp {
    Timestamp::from_seconds(day * DAY)
}

fn fingerprint(number: u8) -> OpenPgpFingerprint {
    OpenPgpFingerprint::V4([number; 20])
}

fn key(number: u8) -> OpenPgpKey {
    OpenPgpKey {
        fingerprint: fingerprint(number),
        imprint: [number; 32],
        created: day(0),
        weak: None,
        binding: Ok(OpenPgpBinding { may_sign: true, until: Some(day(100)) }),
        revoked: None,
    }
}

fn certificate() -> OpenPgpCertificate {
    OpenPgpCertificate { principal: "ann".to_owned(), primary: key(1), subkeys: vec![key(2)] }
}

fn by(number: u8) -> OpenPgpSigner {
    OpenPgpSigner {
        primary: fingerprint(1),
        key: fingerprint(number),
        imprint: [number; 32],
        made: day(10),
        until: None,
    }
}

#[track_caller]
fn check(certificate: OpenPgpCertificate, signer: &OpenPgpSigner, at: i64, expected: Option<Result<&str, Reason>>) {
    let keys = OpenPgpKeys::new(vec![certificate]);
    let found = keys.standing(signer, &[day(10), day(at)]).map(|found| found.map_err(|(reason, _)| reason));
    assert_eq!(found, expected);
}

#[test]
fn a_primary_key_and_a_subkey_sign_under_the_name_of_the_file() {
    check(certificate(), &by(1), 20, Some(Ok("ann")));
    check(certificate(), &by(2), 20, Some(Ok("ann")));
    check(certificate(), &by(3), 20, None);
    check(certificate(), &OpenPgpSigner { primary: fingerprint(2), ..by(2) }, 20, None);
    check(certificate(), &OpenPgpSigner { imprint: [9; 32], ..by(2) }, 20, None);
}

#[test]
fn every_moment_must_lie_within_the_life_of_the_key_and_of_its_primary_key() {
    check(certificate(), &by(2), 99, Some(Ok("ann")));
    check(certificate(), &by(2), 100, Some(Err(Reason::Expired)));
    let mut long = certificate();
    long.subkeys[0].binding = Ok(OpenPgpBinding { may_sign: true, until: None });
    check(long, &by(2), 100, Some(Err(Reason::Expired)));
    let mut late = certificate();
    late.subkeys[0].created = day(11);
    check(late, &by(2), 20, Some(Err(Reason::NotYetValid)));
    check(certificate(), &OpenPgpSigner { until: Some(day(15)), ..by(2) }, 14, Some(Ok("ann")));
    check(certificate(), &OpenPgpSigner { until: Some(day(15)), ..by(2) }, 15, Some(Err(Reason::Expired)));
    check(certificate(), &OpenPgpSigner { made: day(-1), ..by(2) }, 20, Some(Err(Reason::NotYetValid)));
}

#[test]
fn a_compromised_key_never_signed_and_a_retired_one_signed_until_then() {
    for number in [0, 1] {
        let revoked = |revocation| {
            let mut certificate = certificate();
            let key = if number == 0 { &mut certificate.primary } else { &mut certificate.subkeys[0] };
            key.revoked = Some(revocation);
            certificate
        };
        check(revoked(OpenPgpRevocation::Ever), &by(2), 20, Some(Err(Reason::Revoked)));
        check(revoked(OpenPgpRevocation::Since(day(30))), &by(2), 20, Some(Ok("ann")));
        check(revoked(OpenPgpRevocation::Since(day(30))), &by(2), 30, Some(Err(Reason::Revoked)));
    }
}

#[test]
fn a_key_that_is_weak_unbound_or_not_for_signing_does_not_sign() {
    let with = |change: fn(&mut OpenPgpKey)| {
        let mut certificate = certificate();
        change(&mut certificate.subkeys[0]);
        certificate
    };
    check(with(|key| key.weak = Some("is DSA".into())), &by(2), 20, Some(Err(Reason::WeakKey)));
    check(with(|key| key.binding = Err("has none".into())), &by(2), 20, Some(Err(Reason::UnknownKey)));
    let no_signing = with(|key| key.binding = Ok(OpenPgpBinding { may_sign: false, until: None }));
    check(no_signing.clone(), &by(2), 20, Some(Err(Reason::UnknownKey)));
    check(no_signing, &by(1), 20, Some(Ok("ann")));
    let mut certifying = certificate();
    certifying.primary.binding = Ok(OpenPgpBinding { may_sign: false, until: None });
    check(certifying, &by(2), 20, Some(Ok("ann")));
}
