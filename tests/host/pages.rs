//! The pages without a browser: what they tell, that nothing of a repository becomes markup, and the same as files.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

use crate::repository::Sign;
use crate::served::{PG, Served};

/// What somebody may write into a repository, in the hope that it comes to a browser.
const HOSTILE: &str = "<script>alert(1)</script>";

/// The same as text of a page.
const ESCAPED: &str = "&lt;script&gt;alert(1)&lt;/script&gt;";

impl Served {
    #[track_caller]
    fn page(&self, path: &str) -> String {
        let reply = self.place.get(path, &[]).unwrap();
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, Some("text/html; charset=utf-8")),
            "{path}: {reply:?}"
        );
        check_markup(path, &reply.body);
        reply.body
    }
}

/// The addresses that a page leads to or loads.
fn addresses(page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for name in ["href=\"", "src=\"", "action=\""] {
        let quoted = page.split(name).skip(1).filter_map(|rest| rest.split('"').next());
        found.extend(quoted.map(str::to_owned));
    }
    found
}

/// Nothing runs, is styled or comes from anywhere but the program's own files; elements are closed in order.
#[track_caller]
fn check_markup(path: &str, page: &str) {
    for word in [
        " onclick",
        " onerror",
        " onload",
        " style=",
        "<style",
        "javascript:",
        "http://",
        "https://",
        "<iframe",
        "<img",
    ] {
        assert!(!page.contains(word), "{word} stands in {path}:\n{page}");
    }
    let scripts = page.matches("<script").count();
    assert!(
        scripts <= 1 && page.matches("<script src=\"/live.js\" defer></script>").count() == scripts,
        "{path}:\n{page}"
    );
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1) {
        let name = tag.split(['>', ' ']).next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{path}: {tag}"),
            None if ["!doctype", "meta", "link", "input"].contains(&name) => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{path}: {open:?}");
}

#[test]
fn every_view_is_reached_from_the_overview_and_tells_what_it_is_for() {
    let world = Served::new();
    let running = world.run();
    let commit = world.machine.standing().unwrap().0.unwrap();
    let overview = world.page("/");
    for words in [
        commit.get(..12).unwrap(),
        &world.origin.key.fingerprint,
        "statefulset/data/pg",
        "deployment/shop/web",
        "infra, main",
    ] {
        assert!(overview.contains(words), "{words}: {overview}");
    }
    // Breadth first, as far as links lead.
    let (mut seen, mut next) = (BTreeSet::new(), vec!["/".to_owned()]);
    while let Some(path) = next.pop() {
        if path.starts_with('#') || !seen.insert(path.clone()) {
            continue;
        }
        let reply = world.place.get(&path, &[]).unwrap();
        assert_eq!(reply.status, 200, "{path}");
        if reply.header("content-type") == Some("text/html; charset=utf-8") {
            check_markup(&path, &reply.body);
            next.extend(addresses(&reply.body).into_iter().map(|address| address.replace("&amp;", "&")));
        }
    }
    for path in
        ["/history", "/volumes", "/audit", "/objects/statefulset/data/pg", "/style.css", "/live.js", "/icon.svg"]
    {
        assert!(seen.contains(path), "nothing leads to {path}: {seen:?}");
    }
    let entry = world.page(&format!("/commits/{commit}"));
    assert!(
        entry.contains("admitted") && entry.contains(" ms</td>") && entry.contains("statefulset/data/pg"),
        "{entry}"
    );
    let object = world.page("/objects/statefulset/data/pg");
    assert!(object.contains("voodu-data-pg-data-0") && object.contains("nobody changed it"), "{object}");
    let history = world.page("/history?kind=admitted&unit=");
    assert!(
        history.contains("<option selected>admitted</option>") && history.contains(commit.get(..12).unwrap()),
        "{history}"
    );
    assert!(!history.contains("class=\"kind\">intent"), "{history}");
    assert!(world.page("/volumes").contains("voodu-data-pg-data-0"));
    running.until("the check", |_| world.page("/audit").contains("was found <span class=\"mark good\">whole"));
    for (path, status, words) in [
        ("/nothing", 404, "There is nothing here"),
        ("/history?limit=x", 400, "use 1 to 500"),
        ("/history?x=1", 400, "nothing is called `x` here"),
        ("/objects/statefulset/data/none", 404, "Nothing is known of statefulset/data/none"),
        ("/commits/%3Cscript%3E", 404, "nothing is known of commit &lt;script&gt;"),
    ] {
        let reply = world.place.get(path, &[]).unwrap();
        assert_eq!(reply.status, status, "{path}");
        assert!(reply.body.contains(words), "{path}: {}", reply.body);
        check_markup(path, &reply.body);
    }
}

#[test]
fn what_a_repository_says_stays_text_on_every_page_and_no_secret_is_on_any() {
    let world = Served::new();
    let running = world.run();
    // Names are refused that could be markup; all else comes to the record as words about it.
    let secret = "canary-in-the-environment";
    let image = format!("web:1\"{HOSTILE}");
    let hostile = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: shop\n  annotations: {{'{HOSTILE}': '{HOSTILE}'}}\n\
         spec:\n  {HOSTILE}: 1\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    \
         spec: {{containers: [{{name: web, image: '{image}', env: [{{name: A, value: {secret}}}]}}]}}\n"
    );
    let refused = world.origin.deploy(&[("web.yaml", &hostile), ("pg.hcl", PG)]);
    running
        .until("the refusal", |_| world.place.get(&format!("/commits/{refused}"), &[]).unwrap().body.contains(ESCAPED));
    world.origin.repository.write("host/pg.hcl", PG.replace("postgres:15", "postgres:16"));
    let unsigned = world.origin.repository.commit(Sign::Not, HOSTILE);
    running
        .until("the other refusal", |_| world.place.get(&format!("/commits/{unsigned}"), &[]).unwrap().status == 200);
    world.machine.writ(&["suspend", "edge", "--reason", HOSTILE]);
    running.until("the suspension", |_| world.place.get("/", &[]).unwrap().body.contains("Let alone by"));
    let mut told = Vec::new();
    for path in [
        "/".to_owned(),
        "/history".to_owned(),
        format!("/commits/{refused}"),
        format!("/commits/{unsigned}"),
        "/objects/deployment/shop/web".to_owned(),
        "/objects/statefulset/data/pg".to_owned(),
        "/volumes".to_owned(),
        "/audit".to_owned(),
        format!("/history?object={HOSTILE}").replace(['<', '>'], "x"),
        "/api/v1/units".to_owned(),
        "/api/v1/history".to_owned(),
        "/metrics".to_owned(),
    ] {
        let reply = world.place.get(&path, &[]).unwrap();
        assert!(!reply.body.contains(secret), "the secret stands in {path}: {}", reply.body);
        if reply.header("content-type") == Some("text/html; charset=utf-8") {
            check_markup(&path, &reply.body);
            if reply.body.contains(ESCAPED) {
                told.push(path);
            }
        }
    }
    assert_eq!(told, ["/", "/history", &format!("/commits/{refused}")], "where the words came to");
}

#[test]
fn a_page_that_listens_is_told_at_once_and_again_when_something_is_another_one() {
    let world = Served::new();
    let running = world.run();
    let mut stream = world.place.connect().unwrap();
    stream.write_all(b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut text = String::new();
    let mut read = |text: &mut String| {
        let mut part = [0; 1024];
        let count = stream.read(&mut part).unwrap();
        assert!(count > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&part[..count]));
    };
    while !text.contains("event: change\n") {
        read(&mut text);
    }
    assert!(text.contains("content-type: text/event-stream"), "{text}");
    let before = text.matches("event: change\n").count();
    world.origin.deploy(&[("web.hcl", &crate::machine::web("2")), ("pg.hcl", PG)]);
    while text.matches("event: change\n").count() <= before {
        read(&mut text);
    }
    // Places to listen are few, and those who only read have theirs all the same.
    let mut others: Vec<_> = (0..30).map(|_| world.place.connect().unwrap()).collect();
    for other in &mut others {
        other.write_all(b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    }
    running.until("a refusal", |_| {
        world.place.get("/events", &[("accept", "text/event-stream")]).is_ok_and(|it| it.status == 503)
    });
    world.page("/");
    drop(others);
}

#[test]
fn the_history_is_written_as_pages_that_lead_to_each_other_and_to_nothing_else() {
    let world = Served::new();
    drop(world.run());
    let folder = world.machine.path("pages");
    let words = ["history", "--html", folder.to_str().unwrap()];
    let ran = world.machine.writ(&words);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let pages = files(&folder);
    assert!(pages.contains("index.html") && pages.contains("audit.html") && pages.contains("icon.svg"), "{pages:?}");
    let commit = world.machine.standing().unwrap().0.unwrap();
    assert!(pages.contains(&format!("commits/{commit}.html")), "{pages:?}");
    assert!(pages.contains("objects/statefulset_2fdata_2fpg.html"), "{pages:?}");
    let mut led_to = BTreeSet::new();
    for name in pages.iter().filter(|name| name.ends_with(".html")) {
        let page = fs::read_to_string(folder.join(name)).unwrap();
        check_markup(name, &page);
        assert!(!page.contains("<script") && !page.contains("<form"), "{name}");
        for address in addresses(&page).into_iter().filter(|address| !address.starts_with('#')) {
            let there = Path::new(name).parent().unwrap().join(&address);
            let there = normal(&there);
            assert!(pages.contains(&there), "{name} leads to {address}, which is not there");
            led_to.insert(there);
        }
    }
    assert_eq!(led_to, pages, "a page to which nothing leads");
    let audit = fs::read_to_string(folder.join("audit.html")).unwrap();
    assert!(audit.contains("was found <span class=\"mark good\">whole"), "{audit}");
    // A folder that holds something is let alone.
    let again = world.machine.writ(&words);
    assert!(again.code == Some(1) && again.text.contains("holds something"), "{again:?}");
    // What is not chosen is on no page, and no link leads there.
    let chosen = world.machine.path("chosen");
    let ran = world.machine.writ(&["history", "--object", "statefulset/data/pg", "--html", chosen.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let pages = files(&chosen);
    assert!(pages.contains("objects/statefulset_2fdata_2fpg.html"), "{pages:?}");
    assert!(!pages.iter().any(|name| name.contains("web")), "{pages:?}");
    for name in pages.iter().filter(|name| name.ends_with(".html")) {
        assert!(!fs::read_to_string(chosen.join(name)).unwrap().contains("deployment/shop/web"), "{name}");
    }
}

fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()).into_iter().map(|below| format!("{name}/{below}")));
        } else {
            found.insert(name);
        }
    }
    found
}

/// A path without `..`.
fn normal(path: &Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in path.iter().map(|part| part.to_string_lossy().into_owned()) {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}
