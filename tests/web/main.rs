//! The pages in a real browser: Chromium, driven by `chromedriver`, and judged by the axe-core that `tests/setup/axe` got and
//! whose path stands in `WRIT_AXE`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../fixtures/again.rs"]
mod again;
#[allow(dead_code, reason = "each test target uses a part")]
#[path = "../fixtures/ask.rs"]
mod ask;
mod browser;
mod confine;
#[allow(dead_code, reason = "each test target uses a part")]
#[path = "../host/machine.rs"]
mod machine;
mod many;
mod pictures;
#[path = "../fixtures/repository.rs"]
mod repository;
#[path = "../host/served.rs"]
mod served;
mod views;
mod world;
