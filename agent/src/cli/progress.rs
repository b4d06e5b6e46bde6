//! Shows what takes long: bars on a terminal, lines elsewhere.

use std::cell::RefCell;
use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use writ::target::{ImageNews, Progress};

use super::terminal::Terminal;

/// Progress on standard error.
pub(crate) struct Shown {
    terminal: Terminal,
    bars: Option<MultiProgress>,
    images: RefCell<BTreeMap<String, ProgressBar>>,
}

impl Shown {
    pub(crate) fn on(terminal: Terminal) -> Self {
        let bars = terminal.draws().then(MultiProgress::new);
        Self { terminal, bars, images: RefCell::default() }
    }

    fn begin(&self, image: &str) -> ProgressBar {
        let Some(bars) = &self.bars else {
            self.terminal.say(&format!("pulling {image}"));
            return ProgressBar::hidden();
        };
        let style = ProgressStyle::with_template("pulling {msg} {bytes}/{total_bytes} {wide_bar}");
        let bar = ProgressBar::new(0).with_message(image.to_owned());
        bars.add(bar.with_style(style.expect("the template is a constant that is tested by its use")))
    }
}

/// A bar of bytes on a terminal, and nothing elsewhere.
pub(crate) fn of_bytes(terminal: Terminal, what: &str, total: Option<u64>) -> ProgressBar {
    if !terminal.draws() {
        return ProgressBar::hidden();
    }
    let form = if total.is_some() { "{msg} {bytes}/{total_bytes} {wide_bar}" } else { "{msg} {bytes}" };
    let style = ProgressStyle::with_template(form).expect("the templates are constants that are tested by their use");
    let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
    bar.with_style(style).with_message(what.to_owned())
}

/// A bar of so many on a terminal, and nothing elsewhere.
pub(crate) fn of_number(terminal: Terminal, what: &str, total: usize) -> ProgressBar {
    if !terminal.draws() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {pos}/{len} {wide_bar}");
    let bar = ProgressBar::new(u64::try_from(total).unwrap_or(u64::MAX)).with_message(what.to_owned());
    bar.with_style(style.expect("the template is a constant that is tested by its use"))
}

impl Progress for Shown {
    fn image(&self, image: &str, news: &ImageNews) {
        let mut images = self.images.borrow_mut();
        match news {
            ImageNews::Pulling { done, total } => {
                let bar = images.entry(image.to_owned()).or_insert_with(|| self.begin(image));
                bar.set_length(*total);
                bar.set_position(*done);
            }
            ImageNews::Ready { digest, pulled } => {
                if let Some(bar) = images.remove(image) {
                    bar.finish_and_clear();
                }
                if *pulled {
                    self.terminal.say(&format!("pulled {image} ({digest})"));
                }
            }
        }
    }

    fn init(&self, pod: &str, container: &str) {
        self.terminal.say(&format!("{pod}: {container} prepares it"));
    }
}
