//! Lists of revocations: `ssh-keygen` and Writ agree on each, and what is listed signs no more.

use std::fs;
use std::path::Path;

use writ_core::trust::{Reason, Revocations, SshKey};

use super::world::World;
use crate::repository::{Key, Sign, certify, key, program};

const BOB: [&str; 4] = ["-I", "bob's laptop", "-n", "bob@example.com"];

/// Makes a KRL by `ssh-keygen -k` from a file of its language, and of public keys.
fn krl(folder: &Path, authority: Option<&Key>, specification: &str) -> Vec<u8> {
    let (list, from) = (folder.join("list.krl"), folder.join("specification"));
    fs::write(&from, specification).unwrap();
    let mut command = program("ssh-keygen");
    command.args(["-q", "-k", "-f"]).arg(&list);
    if let Some(authority) = authority {
        command.arg("-s").arg(authority.file.with_extension("pub"));
    }
    assert!(command.arg(&from).status().unwrap().success(), "{specification}");
    fs::read(&list).unwrap()
}

/// Whether `ssh-keygen -Q` takes a key or certificate for revoked.
fn ssh_keygen_revokes(folder: &Path, list: &[u8], public: &Path) -> bool {
    let file = folder.join("asked.krl");
    fs::write(&file, list).unwrap();
    let output = program("ssh-keygen").args(["-Q", "-f"]).arg(&file).arg(public).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(": ok") != text.contains(": REVOKED"), "{text}");
    text.contains(": REVOKED")
}

#[test]
fn a_krl_means_what_ssh_keygen_says_that_it_means() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let authority = key(path, "authority");
    let keys = [key(path, "one"), key(path, "two")];
    let ids: Vec<&str> = keys.iter().map(|key| key.fingerprint.as_str()).collect();
    let encoded = |key: &Key| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.decode(key.public.split(' ').nth(1).unwrap()).unwrap()
    };
    let lists = [
        (None, keys[0].public.clone()),
        (None, format!("sha1: {}", keys[0].public)),
        (None, format!("sha256: {}", keys[0].public)),
        (None, format!("hash: {}", ids[0])),
        (None, format!("{}\n{}\n", keys[0].public, authority.public)),
        (Some(&authority), "serial: 1\nserial: 5-9\nserial: 100-18446744073709551615\n".to_owned()),
        (Some(&authority), (1..40).map(|number| format!("serial: {}\n", number * 3 + 20)).collect()),
        (Some(&authority), "id: bob's laptop\nid: another\n".to_owned()),
        (Some(&authority), "serial: 4\nid: x\n".to_owned() + &format!("sha256: {}\n", keys[1].public)),
    ];
    let mut revoked = 0;
    for (authority_of_list, specification) in lists {
        let list = krl(path, authority_of_list, &specification);
        let read = Revocations::parse(&list).unwrap_or_else(|error| panic!("{specification}: {error}"));
        for key in &keys {
            let public = key.file.with_extension("pub");
            let expected = ssh_keygen_revokes(path, &list, &public);
            assert_eq!(read.revokes_ssh_key(&SshKey::of(&encoded(key))), expected, "{specification} on a key");
            for (serial, name) in
                [(0, "x"), (1, "y"), (4, "y"), (7, "y"), (23, "y"), (24, "y"), (u64::MAX, "bob's laptop")]
            {
                let serial_text = serial.to_string();
                let made = certify(&authority, key, &["-I", name, "-n", "bob@example.com", "-z", &serial_text]);
                let expected = ssh_keygen_revokes(path, &list, &made.file);
                let by_key = [key, &authority].iter().any(|key| read.revokes_ssh_key(&SshKey::of(&encoded(key))));
                let id = authority.fingerprint.parse().unwrap();
                let found = by_key || read.revokes_certificate(&id, serial, name.as_bytes());
                assert_eq!(found, expected, "{specification} on certificate {serial} {name}");
                revoked += usize::from(expected);
            }
        }
    }
    assert!(revoked > 20, "{revoked} certificates are revoked");
}

#[test]
fn refuses_a_key_that_a_text_or_a_krl_revokes_though_the_file_of_signers_lists_it() {
    type List = fn(&World) -> Vec<u8>;
    let lists: [(&str, List); 4] = [
        ("a fingerprint", |world| format!("# lost\n{}\n", world.bob.fingerprint).into_bytes()),
        ("a whole key", |world| format!("{} bob\n", world.bob.public).into_bytes()),
        ("a KRL of keys", |world| krl(world.keys.path(), None, &world.bob.public)),
        ("a KRL of SHA-1", |world| krl(world.keys.path(), None, &format!("sha1: {}", world.bob.public))),
    ];
    for (what, list) in lists {
        let world = World::new();
        world.authorize(&(world.alice.line() + &world.bob.line()));
        world.admitted(&world.by_bob("before"));
        world.repository.write(".writ/revoked", list(&world));
        world.admitted(&world.by_alice(what));
        let head = world.by_bob("after");
        world.refused(&head, &head, Reason::Revoked);
        world.repository.reset("HEAD~1");
        world.admitted(&world.by_alice("alice goes on"));
    }
}

#[test]
fn refuses_a_certificate_whose_number_name_key_or_authority_is_revoked() {
    let world = World::new();
    let path = world.keys.path();
    let authority = key(path, "authority");
    world.authorize(&(world.alice.line() + &format!("*@example.com cert-authority {}\n", authority.public)));
    let bob = |serial: &str| certify(&authority, &world.bob, &[&BOB[..], &["-z", serial]].concat());
    let start = world.repository.commit(Sign::By(&bob("7")), "before");
    world.admitted(&start);
    let lists = [
        ("serial: 7\n".to_owned(), true),
        ("serial: 1-6\nserial: 8-9\n".to_owned(), false),
        ("id: bob's laptop\n".to_owned(), true),
        ("id: bob's phone\n".to_owned(), false),
        (world.bob.public.clone(), true),
        (authority.public.clone(), true),
    ];
    for (specification, is_revoked) in &lists {
        world.repository.write(".writ/revoked", krl(path, Some(&authority), specification));
        world.admitted(&world.by_alice("revoke"));
        let head = world.repository.commit(Sign::By(&bob("7")), "after");
        if *is_revoked {
            world.refused(&head, &head, Reason::Revoked);
        } else {
            world.admitted(&head);
        }
        world.repository.reset(&start);
    }
}
