//! A long history: its pages are as quick, and the agent as small, as with a short one.

use std::time::Instant;

use writ::clock::Clock;
use writ::record::WorkEvent;
use writ_core::status::State;

use crate::served::Served;

/// Records beside those of the host itself.
const RECORDS: usize = 100_000;

/// Memory of a process, in bytes.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
}

#[test]
fn a_hundred_thousand_records_are_shown_page_by_page_in_memory_that_does_not_grow() {
    let world = Served::new();
    let store = world.machine.store();
    for thousand in 0..RECORDS / 1_000 {
        let append = |batch: &writ::record::Batch<'_>| {
            (0..1_000).try_for_each(|number| {
                let text = format!("{} of {RECORDS}", thousand * 1_000 + number);
                let (unit, commit) = ("edge".to_owned(), Some("0".repeat(40)));
                batch
                    .append(Clock.now(), &WorkEvent::PassEnded { unit, commit, state: State::Success, text }.into())
                    .map(drop)
            })
        };
        store.batch(append).unwrap();
    }
    drop(store);
    let (running, place) = (world.machine.run(), &world.place);
    running.until("the first pass", |_| place.get("/readyz", &[]).is_ok_and(|reply| reply.status == 200));
    let get = |path: &str| {
        let reply = place.get(path, &[]).unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        reply.body
    };
    // All of it is checked once, in its own time.
    while !get("/audit").contains("\">whole</span>") {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    // What is read for the first time is in memory from then on.
    for path in ["/", "/history", "/audit", "/api/v1/history?limit=500", "/metrics"] {
        get(path);
    }
    let before = resident(running.id());
    let (mut address, mut pages) = ("/history?limit=500".to_owned(), 0);
    let start = Instant::now();
    while pages < 50 {
        let page = get(&address);
        let older = page.rsplit_once("<a href=\"/history?").and_then(|(_, rest)| rest.split('"').next());
        address =
            format!("/history?{}", older.unwrap_or_else(|| panic!("no older page of {address}")).replace("&amp;", "&"));
        pages += 1;
    }
    for _ in 0..20 {
        get("/api/v1/history?unit=edge&limit=500");
        get(&format!("/history?commit={}", "f".repeat(40)));
    }
    let (after, took) = (resident(running.id()), start.elapsed());
    assert!(after < before + (32 << 20), "{before} bytes before and {after} after, {took:?}");
}
