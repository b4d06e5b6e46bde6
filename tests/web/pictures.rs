//! Pictures of the views for the documentation: taken at each run, written where `UPDATE=1` asks for it.

use std::fs;
use std::path::Path;

use crate::browser::Browser;
use crate::machine::web;
use crate::repository::Sign;
use crate::served::{PG, Served};

/// Largest picture, in bytes: whoever clones the repository gets all of them.
const PICTURE_BYTES_MAX: usize = 60_000;

#[test]
fn the_views_that_the_documentation_shows_are_there_and_small() {
    let world = Served::new();
    let running = world.run_checked();
    let next = world.origin.deploy(&[("web.hcl", &web("2")), ("pg.hcl", PG)]);
    running.until("the rollout", |_| {
        let reply = world.place.get("/", &[]);
        reply.is_ok_and(|it| it.body.contains("is <span class=\"mark good\">healthy") && it.body.contains(&next))
    });
    world.origin.repository.write("host/web.hcl", web("3"));
    let refused = world.origin.repository.commit(Sign::Not, "unsigned");
    running.until("the refusal", |_| world.place.get(&format!("/commits/{refused}"), &[]).unwrap().status == 200);
    let browser = Browser::start();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/pictures");
    let is_update = std::env::var_os("UPDATE").is_some();
    let commit = format!("/commits/{next}");
    for (name, path, dark, (width, height)) in [
        ("overview", "/", false, (860, 580)),
        ("history", "/history", false, (860, 580)),
        ("commit", commit.as_str(), false, (860, 580)),
        ("object", "/objects/deployment/shop/web", false, (860, 640)),
        ("phone", "/", true, (360, 640)),
    ] {
        browser.be_dark(dark);
        browser.be_sized(width, height);
        browser.go(&world.page(path));
        browser.until("life", "document.getElementById('live').textContent === 'live'");
        let (picture, file) = (browser.picture(), folder.join(format!("{name}.jpg")));
        assert!(picture.len() < PICTURE_BYTES_MAX, "{name}: {} bytes", picture.len());
        if is_update {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&file, picture).unwrap();
        }
        let kept = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}: run with UPDATE=1", file.display()));
        assert!(kept.starts_with(b"\xff\xd8\xff") && kept.len() < PICTURE_BYTES_MAX, "{name}: {} bytes", kept.len());
        let page = fs::read_to_string(folder.join("../web.md")).unwrap();
        assert!(page.contains(&format!("(pictures/{name}.jpg)")), "docs/web.md does not show {name}");
    }
}
