//! Notes which images a step pulled, so that the record can tell what each name turned out to be.

use std::cell::RefCell;

use crate::target::{ImageNews, Progress};

/// Progress that is shown as before, with the pulls in it noted.
pub struct Noted<'a> {
    shown: &'a dyn Progress,
    pulled: RefCell<Vec<Pulled>>,
}

/// An image that was pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Its name, as written.
    pub image: String,
    /// What it turned out to be.
    pub digest: String,
}

impl<'a> Noted<'a> {
    /// Notes nothing yet.
    #[must_use]
    pub fn new(shown: &'a dyn Progress) -> Self {
        Self { shown, pulled: RefCell::default() }
    }

    /// What was pulled, in order.
    #[must_use]
    pub fn pulled(self) -> Vec<Pulled> {
        self.pulled.into_inner()
    }
}

impl Progress for Noted<'_> {
    fn image(&self, image: &str, news: &ImageNews) {
        if let ImageNews::Ready { digest, pulled: true } = news {
            self.pulled.borrow_mut().push(Pulled { image: image.to_owned(), digest: digest.clone() });
        }
        self.shown.image(image, news);
    }

    fn init(&self, pod: &str, container: &str) {
        self.shown.init(pod, container);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Quiet;

    #[test]
    fn a_pulled_image_is_noted_with_its_digest_and_one_that_was_there_is_not() {
        let noted = Noted::new(&Quiet);
        noted.image("web:1", &ImageNews::Pulling { done: 1, total: 2 });
        noted.image("web:1", &ImageNews::Ready { digest: "sha256:77a0".into(), pulled: true });
        noted.image("db:1", &ImageNews::Ready { digest: "sha256:1c9e".into(), pulled: false });
        assert_eq!(noted.pulled(), [Pulled { image: "web:1".into(), digest: "sha256:77a0".into() }]);
    }
}
