//! Every view in a browser: whole, readable for everybody, live, and deaf to what a repository would have it do.

use serde_json::Value;

use crate::browser::Browser;
use crate::machine::web;
use crate::repository::Sign;
use crate::served::{PG, Served};

const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';

/// What axe-core finds wrong with the page at hand.
fn faults(browser: &Browser) -> Vec<String> {
    let axe = std::env::var("WRIT_AXE").expect("WRIT_AXE names axe.min.js: tests/setup/axe gets it");
    browser.run(&std::fs::read_to_string(axe).unwrap());
    let found =
        browser.run_until_done("const done = arguments[0]; axe.run(document).then(found => done(found.violations));");
    let fault = |fault: &Value| format!("{}: {}: {}", fault["id"], fault["help"], fault["nodes"][0]["html"]);
    found.as_array().unwrap_or_else(|| panic!("axe said nothing: {found}")).iter().map(fault).collect()
}

#[test]
fn every_view_is_whole_and_keeps_nobody_out_in_light_and_dark_on_a_desk_and_a_phone() {
    let world = Served::new();
    let _running = world.run_checked();
    let browser = Browser::start();
    for dark in [false, true] {
        for width in [1_280, 360] {
            browser.be_dark(dark);
            browser.be_wide(width);
            for path in world.views() {
                let what = format!("{path}, dark {dark}, {width} wide");
                browser.go(&world.page(&path));
                browser.until("the title", "document.querySelector('h1')");
                assert_eq!(faults(&browser), Vec::<String>::new(), "{what}");
                let beyond = browser.run("return document.documentElement.scrollWidth - window.innerWidth;");
                assert!(beyond.as_i64().unwrap() <= 0, "{what}: {beyond} beyond the edge");
                let ground = browser.run("return getComputedStyle(document.body).backgroundColor;");
                let light = ground.as_str().unwrap().split(['(', ',']).nth(1).unwrap().parse::<u32>().unwrap() > 127;
                assert_eq!(light, !dark, "{what}: {ground}");
                let told = browser.console();
                let told: Vec<&Value> = told.iter().filter(|told| !told.to_string().contains("/nothing")).collect();
                assert!(told.is_empty(), "{what}: {told:?}");
            }
        }
    }
    // One that finds nothing anywhere would show nothing.
    browser.run("document.querySelector('html').removeAttribute('lang');");
    assert!(faults(&browser).iter().any(|fault| fault.contains("html-has-lang")));
}

#[test]
fn a_page_shows_by_itself_what_has_become_another_one() {
    let world = Served::new();
    let running = world.run_checked();
    let browser = Browser::start();
    browser.go(&world.page("/"));
    browser.until("life", "document.getElementById('live').textContent === 'live'");
    browser.run("window.stays = true;");
    let next = world.origin.deploy(&[("web.hcl", &web("2")), ("pg.hcl", PG)]);
    browser.until(
        "the next commit",
        &format!("document.querySelector('main').innerText.includes('{}')", next.get(..12).unwrap()),
    );
    assert_eq!(browser.run("return window.stays;"), true, "the page was loaded anew");
    drop(running);
    browser.until("the end", "document.getElementById('live').textContent === 'not live'");
}

#[test]
fn what_is_chosen_of_the_history_stands_in_the_address_and_can_be_gone_back_from() {
    let world = Served::new();
    let _running = world.run_checked();
    let browser = Browser::start();
    browser.go(&world.page("/history"));
    browser.run("document.getElementById('kind').value = 'admitted';");
    browser.click(".choice button");
    browser.until("the choice", "location.search.includes('kind=admitted')");
    let kinds =
        browser.run("return [...new Set([...document.querySelectorAll('.kind')].map(kind => kind.textContent))];");
    assert_eq!(kinds, serde_json::json!(["admitted"]));
    assert_eq!(browser.run("return document.getElementById('kind').value;"), "admitted");
    browser.run("history.back();");
    browser.until("all of it", "document.querySelectorAll('.kind').length > 3");
    browser.until("life", "document.getElementById('live').textContent === 'live'");
    browser.go(&world.page("/history?limit=2"));
    browser.click(".onward a");
    browser.until("older records", "location.search.includes('before=')");
    assert!(browser.address().contains("limit=2"), "{}", browser.address());
}

#[test]
fn all_of_it_can_be_used_by_keyboard_alone() {
    let world = Served::new();
    let _running = world.run_checked();
    let browser = Browser::start();
    browser.go(&world.page("/"));
    browser.until("the title", "document.querySelector('h1')");
    browser.press(&[TAB]);
    assert_eq!(browser.run("return document.activeElement.className;"), "skip");
    let seen = browser.run("return document.activeElement.getBoundingClientRect().left >= 0;");
    assert_eq!(seen, true, "the link to the content is not shown when it has the focus");
    browser.press(&[ENTER]);
    browser.until("the content", "document.activeElement.id === 'main'");
    // From there the first link of the content is next, and leads on.
    browser.press(&[TAB]);
    let first = browser.run("return document.activeElement.getAttribute('href');");
    assert!(first.as_str().is_some_and(|address| address.starts_with("/commits/")), "{first}");
    let outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle;");
    assert_eq!(outline, "solid", "nobody sees where the focus is");
    browser.press(&[ENTER]);
    browser.until("the commit", "location.pathname.startsWith('/commits/')");
}

#[test]
fn without_scripts_every_view_is_read_and_chosen_from_all_the_same() {
    let world = Served::new();
    let _running = world.run_checked();
    let browser = Browser::start();
    browser.be_without_scripts();
    for path in world.views() {
        browser.go(&world.page(&path));
        let text = browser.text();
        assert!(text.contains("edge-1") && text.lines().count() > 5, "{path}: {text}");
        assert_eq!(browser.run("return document.getElementById('live').textContent;"), "", "{path}: a script ran");
    }
    browser.go(&world.page("/history"));
    browser.run("document.getElementById('kind').value = 'held';");
    browser.click(".choice button");
    browser.until("the choice", "location.search.includes('kind=held')");
    assert!(browser.text().contains("as desired"), "{}", browser.text());
}

#[test]
fn nothing_that_a_repository_says_runs_in_the_page() {
    const HOSTILE: &str = "<script>window.taken=1</script><img src=x onerror=window.taken=1>";
    let world = Served::new();
    let running = world.run_checked();
    let manifest = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: shop\n  annotations: {{a: '{HOSTILE}'}}\n\
         spec:\n  \"{HOSTILE}\": 1\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    \
         spec: {{containers: [{{name: web, image: 'web:1{HOSTILE}', env: [{{name: A, value: '{HOSTILE}'}}]}}]}}\n"
    );
    let refused =
        world.origin.deploy(&[("web.yaml", &manifest), ("pg.hcl", PG), (&format!("{}.hcl", "a<b>c"), "x = 1\n")]);
    world.origin.repository.write("host/pg.hcl", PG);
    world.machine.writ(&["suspend", "edge", "--reason", HOSTILE]);
    let place = &world.place;
    running.until("the refusal", |_| {
        place.get(&format!("/commits/{refused}"), &[]).is_ok_and(|it| it.body.contains("&lt;script&gt;"))
    });
    let unsigned = world.origin.repository.commit(Sign::Not, HOSTILE);
    running.until("the other", |_| place.get(&format!("/commits/{unsigned}"), &[]).is_ok_and(|it| it.status == 200));
    let browser = Browser::start();
    let mut told = 0;
    for path in world.views().into_iter().chain([format!("/commits/{refused}"), format!("/commits/{unsigned}")]) {
        browser.go(&world.page(&path));
        browser.until("life", "document.getElementById('live').textContent === 'live'");
        browser.run("document.querySelectorAll('details').forEach(part => { part.open = true; });");
        assert_eq!(
            browser.run("return [window.taken === undefined, document.scripts.length, document.images.length];"),
            serde_json::json!([true, 1, 0]),
            "{path}"
        );
        told += browser.text().matches("<script>window.taken=1</script>").count();
    }
    assert!(told >= 2, "the words came to {told} places: nothing was tried");
}
