//! Commit statuses on their way to a forge that does not always behave.

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use writ::record::{Event, Filter, ReportEvent, Store};
use writ::report::{Flushed, Forge, Pace, Receiver, Speaks, flush};
use writ_core::status::{CommitStatus, State};
use writ_core::time::{Seconds, Timestamp};

use crate::forge::{Forge as Server, TOKEN, Trick};
use crate::record::state_folder;

const NOW: Timestamp = Timestamp(1_795_000_000_000);
const SEED: u64 = 7;
const CONTEXT: &str = "writ/edge/web";

/// A store, a server and a forge that leads to it.
struct World {
    folder: TempDir,
    store: Store,
    server: Server,
    forge: Receiver,
}

impl World {
    async fn new(speaks: Speaks) -> Self {
        let folder = state_folder();
        let store = Store::open(NOW, folder.path()).unwrap();
        let server = Server::start().await;
        let forge = forge(&folder, speaks, &server.url(), TOKEN).into();
        Self { folder, store, server, forge }
    }

    fn ask(&self, commit: &str, state: State, text: &str) -> bool {
        self.ask_at(NOW, commit, CONTEXT, state, text)
    }

    fn ask_at(&self, now: Timestamp, commit: &str, context: &str, state: State, text: &str) -> bool {
        let (commit, context) = (commit.to_owned(), context.to_owned());
        let status = CommitStatus { commit, context, state, description: text.to_owned() };
        self.store.enqueue(now, &self.forge.id(), &status).unwrap()
    }

    async fn flush(&self, now: Timestamp) -> Flushed {
        flush(&self.store, std::slice::from_ref(&self.forge), &mut Pace::every(Seconds(0)), now, SEED).await.unwrap()
    }

    fn told(&self, kind: &'static str) -> Vec<Event> {
        let records = self.store.history(&Filter { kind: Some(kind), ..Filter::default() }).unwrap();
        records.into_iter().map(|record| record.event).collect()
    }

    fn states(&self, commit: &str) -> Vec<String> {
        self.server.said(commit, CONTEXT).into_iter().map(|(state, _)| state).collect()
    }
}

fn forge(folder: &TempDir, speaks: Speaks, url: &str, token: &str) -> Forge {
    let file: PathBuf = folder.path().join("token");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    Forge::at(speaks, url, "ops/infra", &file).unwrap()
}

fn commit(number: u32) -> String {
    format!("{number:040x}")
}

const fn flushed(sent: u32, given_up: u32, postponed: u32) -> Flushed {
    Flushed { sent, given_up, postponed }
}

#[tokio::test]
async fn each_interface_is_told_each_state_with_the_audit_head() {
    for (speaks, names) in [
        (Speaks::Gitea, ["pending", "success", "failure", "error"]),
        (Speaks::GitHub, ["pending", "success", "failure", "error"]),
        (Speaks::GitLab, ["pending", "success", "failed", "failed"]),
        (Speaks::BitbucketCloud, ["INPROGRESS", "SUCCESSFUL", "FAILED", "FAILED"]),
        (Speaks::BitbucketDataCenter, ["INPROGRESS", "SUCCESSFUL", "FAILED", "FAILED"]),
    ] {
        let mut world = World::new(speaks).await;
        let leading = forge(&world.folder, speaks, &world.server.url(), TOKEN).leading_to("https://edge-1.example");
        world.forge = leading.into();
        let states = [State::Pending, State::Success, State::Failure, State::Error];
        for (number, state) in (1..).zip(states) {
            world.ask(&commit(number), state, "3 pods");
            let head = world.store.audit_head().unwrap().short();
            assert_eq!(world.flush(NOW).await, flushed(1, 0, 0));
            let want = (names[number as usize - 1].to_owned(), format!("3 pods audit {head}"));
            assert_eq!(world.server.said(&commit(number), CONTEXT), [want], "{speaks:?}");
        }
        assert_eq!(world.store.waiting().unwrap(), 0);
        assert_eq!(world.told("status-sent").len(), 4);
    }
}

#[tokio::test]
async fn a_status_leads_to_the_page_of_its_commit_where_the_pages_have_an_address() {
    for speaks in [Speaks::Gitea, Speaks::GitHub, Speaks::GitLab] {
        let mut world = World::new(speaks).await;
        world.ask(&commit(1), State::Success, "3 pods");
        // A status that was asked for before there was an address leads there as well.
        let leading = forge(&world.folder, speaks, &world.server.url(), TOKEN).leading_to("https://edge-1.example");
        world.forge = leading.into();
        assert_eq!(world.flush(NOW).await, flushed(1, 0, 0));
        world.forge = forge(&world.folder, speaks, &world.server.url(), TOKEN).into();
        world.ask(&commit(2), State::Success, "3 pods");
        assert_eq!(world.flush(NOW).await, flushed(1, 0, 0));
        let led: Vec<_> =
            world.server.requests().iter().map(|request| request.body.get("target_url").cloned()).collect();
        let page = format!("https://edge-1.example/commits/{}", commit(1));
        assert_eq!(led, [Some(page.into()), None], "{speaks:?}");
    }
}

#[tokio::test]
async fn bitbucket_is_told_where_a_status_leads_and_under_a_key_that_it_takes_and_nothing_without_that() {
    let mut world = World::new(Speaks::BitbucketCloud).await;
    let (short, long) = ("writ/edge/web".to_owned(), format!("writ/edge/{}", "web".repeat(20)));
    for context in [&short, &long] {
        world.ask_at(NOW, &commit(1), context, State::Success, "3 pods");
    }
    assert_eq!(world.flush(NOW).await, flushed(0, 0, 1), "a person has to say where it leads");
    assert!(world.server.requests().is_empty());
    let until = world.store.next_due().unwrap().unwrap();
    let leading = forge(&world.folder, Speaks::BitbucketCloud, &world.server.url(), TOKEN);
    world.forge = leading.leading_to("https://edge-1.example").into();
    assert_eq!(world.flush(until).await, flushed(2, 0, 0));
    let keys: Vec<String> =
        world.server.requests().iter().map(|request| request.body["key"].as_str().unwrap().to_owned()).collect();
    assert_eq!((keys[0].as_str(), keys[1].len()), (short.as_str(), 40));
    for request in world.server.requests() {
        assert_eq!(request.body["url"], format!("https://edge-1.example/commits/{}", commit(1)));
    }
    assert_eq!(world.server.said(&commit(1), &long).len(), 1);
}

#[tokio::test]
async fn what_stands_already_is_asked_for_once() {
    let world = World::new(Speaks::Gitea).await;
    let asked = (0..10_000).filter(|_| world.ask(&commit(1), State::Success, "3 pods")).count();
    assert_eq!(asked, 1);
    assert_eq!(world.told("status-enqueued").len(), 1);
    world.flush(NOW).await;
    assert!(!world.ask(&commit(1), State::Success, "3 pods"), "it stands on the commit");
    assert!(world.ask(&commit(1), State::Success, "4 pods"), "another text is a change");
    assert!(world.ask(&commit(1), State::Failure, "4 pods"), "another state is a change");
    world.flush(NOW).await;
    assert_eq!(world.states(&commit(1)), ["success", "failure"]);
}

#[tokio::test]
async fn only_the_newest_word_on_a_commit_is_sent_and_contexts_keep_their_order() {
    let world = World::new(Speaks::GitHub).await;
    world.ask(&commit(1), State::Pending, "applying");
    world.ask(&commit(2), State::Pending, "applying");
    world.ask(&commit(1), State::Error, "superseded");
    world.ask(&commit(2), State::Success, "3 pods");
    assert_eq!(world.flush(NOW).await, flushed(2, 0, 0));
    let paths: Vec<String> = world.server.requests().into_iter().map(|request| request.path).collect();
    let want = [1, 2].map(|number| format!("/api/v3/repos/ops/infra/statuses/{}", commit(number)));
    assert_eq!(paths, want);
    assert_eq!((world.states(&commit(1)), world.states(&commit(2))), (vec!["error".into()], vec!["success".into()]));
}

#[tokio::test]
async fn a_context_waits_behind_its_failed_status_and_another_goes_on() {
    let world = World::new(Speaks::Gitea).await;
    world.ask(&commit(1), State::Success, "first");
    world.ask(&commit(2), State::Success, "second");
    world.ask_at(NOW, &commit(1), "writ/edge/db", State::Success, "other");
    world.server.trick(Trick::Answer(500, vec![], "boom".into()));
    assert_eq!(world.flush(NOW).await, flushed(1, 0, 1));
    assert_eq!(world.server.said(&commit(1), "writ/edge/db").len(), 1);
    assert!(world.states(&commit(2)).is_empty(), "the second may not overtake the first");
    assert_eq!(world.flush(NOW).await, flushed(0, 0, 0));
    let next = world.store.next_due().unwrap().unwrap();
    assert!(next > NOW && next <= NOW.plus(Seconds(5)));
    assert_eq!(world.flush(next).await, flushed(2, 0, 0));
    let last: Vec<String> = world.server.requests().into_iter().rev().take(2).map(|request| request.path).collect();
    assert!(last[1].ends_with(&commit(1)) && last[0].ends_with(&commit(2)), "{last:?}");
}

#[tokio::test]
async fn a_forge_that_asks_to_be_let_alone_is() {
    let world = World::new(Speaks::GitHub).await;
    world.ask(&commit(1), State::Success, "3 pods");
    world.ask_at(NOW, &commit(1), "writ/edge/db", State::Success, "other");
    world.server.trick(Trick::Answer(429, vec![("retry-after", "120".into())], "slow down".into()));
    assert_eq!(world.flush(NOW).await, flushed(0, 0, 1));
    assert_eq!(world.flush(NOW.plus(Seconds(119))).await, flushed(0, 0, 0));
    assert_eq!(world.server.requests().len(), 1);
    let next = world.store.next_due().unwrap().unwrap();
    // Others may have been told the same moment.
    assert!((NOW.plus(Seconds(120))..=NOW.plus(Seconds(150))).contains(&next), "{next}");
    assert_eq!(world.flush(next).await, flushed(2, 0, 0));
}

#[tokio::test]
async fn a_forge_is_written_to_once_a_second_whatever_the_repository_and_nothing_is_lost() {
    let world = World::new(Speaks::GitHub).await;
    let file = world.folder.path().join("token");
    let other = Forge::at(Speaks::GitHub, &world.server.url(), "ops/other", &file).unwrap();
    for number in 0..20 {
        world.ask_at(NOW, &commit(number), &format!("writ/edge/{number}"), State::Success, "3 pods");
    }
    let (commit, context) = (commit(1), CONTEXT.to_owned());
    let status = CommitStatus { commit, context, state: State::Success, description: "3 pods".to_owned() };
    world.store.enqueue(NOW, &other.id(), &status).unwrap();
    let receivers = [world.forge, other.into()];
    let (mut pace, mut now, mut sent) = (Pace::default(), NOW, 0);
    loop {
        let done = flush(&world.store, &receivers, &mut pace, now, SEED).await.unwrap();
        assert!(done.sent + done.given_up <= 1, "{done:?}");
        sent += done.sent + done.given_up;
        let Some(again) = pace.again() else { break };
        assert_eq!(again, now.plus(Seconds(1)));
        now = again;
    }
    // The server knows nothing of the other repository.
    assert_eq!((sent, world.store.waiting().unwrap(), now), (21, 0, NOW.plus(Seconds(20))));
}

#[tokio::test]
async fn a_denied_token_waits_for_a_person_and_is_told_once() {
    let world = World::new(Speaks::Gitea).await;
    world.ask(&commit(1), State::Success, "3 pods");
    std::fs::write(world.folder.path().join("token"), "wrong").unwrap();
    let mut now = NOW;
    for _ in 0..5 {
        assert_eq!(world.flush(now).await, flushed(0, 0, 1));
        now = world.store.next_due().unwrap().unwrap();
    }
    assert!(now >= NOW.plus(Seconds(5 * 3_600)), "a denied token is not tried every minute");
    let told = world.told("forge-postponed");
    let [Event::Report(ReportEvent::Postponed { reason, .. })] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(reason, r#"the forge answered 401: {"message":"Bad credentials"}"#);
    std::fs::write(world.folder.path().join("token"), TOKEN).unwrap();
    assert_eq!(world.flush(now).await, flushed(1, 0, 0));
}

#[tokio::test]
async fn a_commit_that_the_forge_does_not_know_is_given_up_and_holds_nothing_back() {
    let world = World::new(Speaks::GitHub).await;
    world.server.forget(&commit(1));
    world.ask(&commit(1), State::Success, "3 pods");
    world.ask("", State::Error, "no commit at all");
    world.ask(&commit(2), State::Success, "3 pods");
    assert_eq!(world.flush(NOW).await, flushed(1, 2, 0));
    let reasons: Vec<String> = (world.told("status-given-up").into_iter())
        .map(|event| {
            let Event::Report(ReportEvent::GivenUp { reason, .. }) = event else { panic!("{event:?}") };
            reason
        })
        .collect();
    let missing = format!(r#"the forge answered 404: {{"message":"No commit found for SHA: {}"}}"#, commit(1));
    assert_eq!(reasons, [missing, "`` is no commit".to_owned()]);
    assert_eq!(world.server.requests().len(), 2, "nothing is sent to an address without a commit");
}

#[tokio::test]
async fn a_forge_that_hangs_cuts_or_babbles_is_tried_again() {
    for trick in [Trick::Hang, Trick::Cut, Trick::Babble] {
        let mut world = World::new(Speaks::GitLab).await;
        let impatient = forge(&world.folder, Speaks::Gitea, &world.server.url(), TOKEN).timeout(Duration::from_secs(1));
        world.forge = impatient.into();
        world.ask(&commit(1), State::Success, "3 pods");
        world.server.trick(trick);
        assert_eq!(world.flush(NOW).await, flushed(0, 0, 1));
        let next = world.store.next_due().unwrap().unwrap();
        assert!(next > NOW && next <= NOW.plus(Seconds(5)));
        assert_eq!(world.flush(next).await, flushed(1, 0, 0));
        assert_eq!(world.states(&commit(1)), ["success"]);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_token_stays_with_its_host() {
    let world = World::new(Speaks::GitHub).await;
    let thief = Server::start().await;
    world.ask(&commit(1), State::Success, "3 pods");
    world.server.trick(Trick::Answer(307, vec![("location", thief.url())], String::new()));
    assert_eq!(world.flush(NOW).await, flushed(0, 0, 1));
    assert!(thief.requests().is_empty());
    let hold = world.store.hold(&world.forge.id()).unwrap().unwrap();
    assert!(hold.reason.contains(&thief.url()) && hold.reason.contains("`url`"), "{}", hold.reason);
    for request in world.server.requests() {
        let bearers: Vec<_> = request.headers.iter().filter(|(_, value)| value.contains(TOKEN)).collect();
        assert_eq!(bearers.len(), 1);
        assert_eq!(bearers[0].0, "authorization");
    }
}

#[tokio::test]
async fn a_month_without_the_forge_stays_small_and_ends_with_the_newest_words() {
    const DAY: u32 = 86_400;
    let folder = state_folder();
    let store = Store::open(NOW, folder.path()).unwrap();
    // Nobody listens at a port that was just given back.
    let gone = Server::start().await.url();
    let away = Receiver::from(forge(&folder, Speaks::Gitea, &gone, TOKEN));
    let (mut now, mut tries) = (NOW, 0);
    for day in 0..30 {
        for hour in 0..24 {
            let state = if hour % 2 == 0 { State::Pending } else { State::Success };
            let status = CommitStatus {
                commit: commit(day),
                context: CONTEXT.to_owned(),
                state,
                description: format!("hour {hour}"),
            };
            assert!(store.enqueue(now, &away.id(), &status).unwrap());
            let ended = now.plus(Seconds(DAY / 24));
            while store.next_due().unwrap().unwrap() < ended {
                now = store.next_due().unwrap().unwrap().max(now);
                tries +=
                    flush(&store, std::slice::from_ref(&away), &mut Pace::every(Seconds(0)), now, u64::from(tries))
                        .await
                        .unwrap()
                        .postponed;
            }
            now = ended;
        }
    }
    assert!((30 * 24 * 4..=30 * 24 * 9).contains(&tries), "{tries} tries in a month");
    assert_eq!(store.waiting().unwrap(), 30, "one for each commit");
    let count = |kind| store.history(&Filter { kind: Some(kind), ..Filter::default() }).unwrap().len();
    assert_eq!(count("status-enqueued"), 720);
    assert_eq!(count("forge-postponed"), 1, "being away is told once");
}

#[tokio::test]
async fn a_unit_that_changes_all_the_time_does_not_use_up_what_github_takes_for_a_commit() {
    for (speaks, sent) in [(Speaks::GitHub, 500), (Speaks::Gitea, 502)] {
        let world = World::new(speaks).await;
        let change = |second: u32| {
            let state = if second.is_multiple_of(2) { State::Failure } else { State::Success };
            world.ask_at(NOW.plus(Seconds(second)), &commit(1), CONTEXT, state, "drift");
            world.flush(NOW.plus(Seconds(second)))
        };
        for second in 0..502 {
            change(second).await;
        }
        assert_eq!(world.states(&commit(1)).len(), sent);
        let rest = u32::from(sent == 500);
        assert_eq!(world.flush(NOW.plus(Seconds(499 + 3_599))).await, flushed(0, 0, 0));
        assert_eq!(world.flush(NOW.plus(Seconds(499 + 3_600))).await, flushed(rest, 0, 0), "the newest of an hour");
        assert_eq!(world.states(&commit(1)).last().unwrap(), "success");
        // The next commit waits for nothing, neither does what had to be said before it.
        change(4_100).await;
        world.ask(&commit(2), State::Pending, "applying");
        assert_eq!(world.flush(NOW.plus(Seconds(4_101))).await, flushed(1 + rest, 0, 0));
        assert_eq!(world.states(&commit(2)), ["pending"]);
    }
}

#[tokio::test]
async fn a_status_asked_for_while_another_is_on_its_way_is_not_lost() {
    let world = World::new(Speaks::Gitea).await;
    world.ask(&commit(1), State::Pending, "applying");
    let on_its_way = world.store.due(NOW).unwrap().remove(0);
    world.ask(&commit(1), State::Success, "3 pods");
    world.store.sent(NOW, on_its_way.id).unwrap();
    assert_eq!(world.flush(NOW).await, flushed(1, 0, 0));
    assert_eq!(world.states(&commit(1)), ["success"]);
}

#[tokio::test]
async fn neither_the_store_nor_an_error_holds_the_token() {
    let world = World::new(Speaks::Gitea).await;
    for (number, trick) in
        (1..).zip([Trick::Answer(401, vec![], "no".into()), Trick::Answer(500, vec![], "no".into()), Trick::Cut])
    {
        world.ask_at(NOW, &commit(number), &format!("writ/edge/{number}"), State::Success, "3 pods");
        world.server.trick(trick);
        world.flush(NOW.plus(Seconds(number * 10_000))).await;
    }
    assert!(!format!("{:?}", world.forge).contains(TOKEN));
    for file in std::fs::read_dir(world.folder.path()).unwrap().map(Result::unwrap) {
        let bytes = std::fs::read(file.path()).unwrap();
        let found = bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
        assert_eq!(found, file.file_name() == "token", "{:?}", file.file_name());
    }
}
