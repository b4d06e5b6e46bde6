//! A mirror does not grow for ever, and making it afresh loses nothing and disturbs nobody.

use std::fs;
use std::path::Path;

use writ::git::{Bounds, Growth, Mirror, Remote, Renewed, Repository as Read};
use writ_core::trust::{CommitId, HostTrust};

use crate::git::{World, id};
use crate::machine::{Machine, Origin};
use crate::repository::Sign;

fn packs(folder: &Path) -> usize {
    let all = fs::read_dir(folder.join("objects/pack")).unwrap();
    all.flatten().filter(|entry| entry.path().extension().is_some_and(|ending| ending == "pack")).count()
}

/// A mirror that is made afresh above four packs, whose growth in size does not count.
fn small(world: &World) -> (Remote, Mirror) {
    let growth = Growth { packs: 4, times: 4, spare: u64::MAX };
    let remote = Remote { bounds: Bounds { growth, ..Bounds::default() }, ..world.remote() };
    let mirror = Mirror::open(&world.folder(), &remote).unwrap();
    (remote, mirror)
}

/// Commits and fetches, once for each pack.
fn grow(world: &World, mirror: &mut Mirror, times: usize) -> CommitId {
    let mut head = None;
    for number in 0..times {
        world.repository.write("unit/web.yaml", format!("number: {number}\n"));
        head = Some(world.commit("change"));
        assert_eq!(mirror.fetch().unwrap(), head);
    }
    head.unwrap()
}

/// What stands beside the mirror; nothing of a try may be left.
fn beside(world: &World) -> Vec<String> {
    let all = fs::read_dir(world.folder().parent().unwrap()).unwrap();
    let mut names: Vec<String> = all.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn two_hundred_pushes_leave_a_mirror_of_few_packs_that_has_every_commit() {
    let world = World::new();
    let growth = Growth { packs: 16, times: 4, spare: u64::MAX };
    let remote = Remote { bounds: Bounds { growth, ..Bounds::default() }, ..world.remote() };
    let mut mirror = Mirror::open(&world.folder(), &remote).unwrap();
    let (mut head, mut renewals) = (None, 0);
    for number in 0..200 {
        world.repository.write("unit/web.yaml", format!("number: {number}\n"));
        head = Some(world.commit("change"));
        assert_eq!(mirror.fetch().unwrap(), head);
        renewals += usize::from(mirror.renew(&[world.introduction.commit]).unwrap() == Renewed::Yes);
        assert!(packs(&world.folder()) <= 16, "after {number}");
    }
    assert_eq!(renewals, 12);
    let evidence =
        mirror.repository().evidence(&world.introduction, None, head.unwrap(), &HostTrust::default()).unwrap();
    assert_eq!(evidence.len(), 201);
    assert_eq!(Mirror::open(&world.folder(), &remote).unwrap().offered().unwrap(), head);
    assert_eq!(beside(&world), [".mirror.readers", "mirror", "mirror.lock"]);
}

#[test]
fn a_mirror_within_its_bounds_stays_and_one_that_is_too_large_is_made_afresh() {
    let world = World::new();
    let (_, mut mirror) = small(&world);
    grow(&world, &mut mirror, 4);
    assert_eq!((mirror.renew(&[]).unwrap(), packs(&world.folder())), (Renewed::No, 4));
    grow(&world, &mut mirror, 1);
    assert_eq!((mirror.renew(&[]).unwrap(), packs(&world.folder())), (Renewed::Yes, 1));
    drop(mirror);

    let sized = Growth { packs: 1_000, times: 2, spare: 0 };
    let remote = Remote { bounds: Bounds { growth: sized, ..Bounds::default() }, ..world.remote() };
    let mut mirror = Mirror::open(&world.folder(), &remote).unwrap();
    let mut grown = 0;
    while mirror.renew(&[]).unwrap() == Renewed::No {
        grown += 1;
        assert!(grown < 100, "its size is never too large");
        grow(&world, &mut mirror, 1);
    }
    assert_eq!(packs(&world.folder()), 1);
}

#[test]
fn what_is_needed_and_not_on_the_remote_any_more_keeps_the_old_mirror() {
    let world = World::new();
    let (remote, mut mirror) = small(&world);
    let needed = grow(&world, &mut mirror, 2);
    world.repository.reset(&world.introduction.commit.to_string());
    grow(&world, &mut mirror, 4);
    // The server keeps what no branch leads to, and does not send it.
    assert_eq!(mirror.renew(&[needed]).unwrap(), Renewed::Needed(vec![needed]));
    assert_eq!(beside(&world), [".mirror.readers", "mirror", "mirror.lock"]);
    assert!(mirror.repository().evidence(&world.introduction, None, needed, &HostTrust::default()).is_ok());
    assert_eq!(mirror.renew(&[needed]).unwrap(), Renewed::No, "no second try before something more came");
    let head = grow(&world, &mut mirror, 2);
    assert_eq!(mirror.renew(&[head]).unwrap(), Renewed::Yes);
    let mirror = Mirror::open(&world.folder(), &remote).unwrap();
    assert!(mirror.repository().evidence(&world.introduction, None, needed, &HostTrust::default()).is_err());
    // What nobody needs, and what the old one never had, keeps nothing.
    assert!(mirror.repository().evidence(&world.introduction, None, head, &HostTrust::default()).is_ok());
}

#[test]
fn a_mirror_that_somebody_reads_stays_until_they_are_done() {
    let world = World::new();
    let (_, mut mirror) = small(&world);
    grow(&world, &mut mirror, 5);
    let reader = Read::open(&world.folder()).unwrap();
    assert_eq!((mirror.renew(&[]).unwrap(), packs(&world.folder())), (Renewed::Read, 5));
    drop(reader);
    grow(&world, &mut mirror, 2);
    assert_eq!((mirror.renew(&[]).unwrap(), packs(&world.folder())), (Renewed::Yes, 1));
}

#[test]
fn a_remote_that_goes_away_leaves_the_old_mirror_and_is_not_asked_at_every_pass() {
    let world = World::new();
    let (_, mut mirror) = small(&world);
    let head = grow(&world, &mut mirror, 5);
    let away = world.repository.path().with_extension("away");
    fs::rename(world.repository.path(), &away).unwrap();
    assert!(mirror.renew(&[]).is_err());
    assert_eq!(mirror.renew(&[]).unwrap(), Renewed::No);
    assert_eq!((packs(&world.folder()), mirror.offered().unwrap()), (5, Some(head)));
    assert_eq!(beside(&world), [".mirror.readers", "mirror", "mirror.lock"]);
    fs::rename(&away, world.repository.path()).unwrap();
    grow(&world, &mut mirror, 2);
    assert_eq!(mirror.renew(&[]).unwrap(), Renewed::Yes);
}

#[test]
fn what_a_crash_left_of_a_fetch_or_of_a_new_mirror_is_removed() {
    let world = World::new();
    world.mirror().fetch().unwrap();
    let pack = world.folder().join("objects/pack");
    let before = fs::read_dir(&pack).unwrap().count();
    for name in [".tmpx7Q2", "pack-0123.pack", "pack-0123.keep"] {
        fs::write(pack.join(name), vec![0; 1 << 20]).unwrap();
    }
    fs::create_dir_all(world.folder().with_file_name(".mirror.fresh").join("objects")).unwrap();
    let head = id(&world.repository.head());
    assert_eq!(world.mirror().offered().unwrap(), Some(head));
    assert_eq!(fs::read_dir(&pack).unwrap().count(), before);
    assert_eq!(beside(&world), [".mirror.readers", "mirror", "mirror.lock"]);
}

#[test]
fn a_clone_takes_64_fetches_in_a_row_and_the_next_pass_makes_it_afresh_and_changes_nothing_else() {
    let origin = Origin::new();
    let pod = |number: usize| {
        format!("statefulset \"shop\" \"web\" {{\n  image = \"web:1\"\n  env = {{ NUMBER = \"{number}\" }}\n}}\n")
    };
    origin.deploy(&[("web.hcl", &pod(0))]);
    let machine = Machine::new(&origin, "");
    machine.pass();
    let clone = machine.state().join("git/infra");
    let remote = Remote {
        name: "infra".into(),
        url: origin.repository.url(),
        branch: "main".into(),
        credentials: writ::git::Credentials::None,
        bounds: Bounds::default(),
    };
    let mut mirror = Mirror::open(&clone, &remote).unwrap();
    for number in 0..Bounds::default().growth.packs {
        origin.repository.write("number", number.to_string());
        origin.repository.commit(Sign::By(&origin.key), "number");
        mirror.fetch().unwrap();
    }
    drop(mirror);
    assert_eq!(packs(&clone), Bounds::default().growth.packs + 1);
    let pods = machine.pods();
    assert_eq!(machine.pass().code, Some(0));
    assert_eq!((packs(&clone), machine.pods()), (1, pods));
    assert_eq!(machine.store().floor("infra").unwrap(), Some(origin.repository.head()));
    machine.check_journal();
}
