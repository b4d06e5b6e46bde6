//! Errors as people read them.

use std::error::Error;

/// An error and its causes on one line, each once: `cannot read web.yaml: disk gone`.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read {file}")]
    struct Read {
        file: &'static str,
        source: std::io::Error,
    }

    #[test]
    fn the_chain_is_printed_once() {
        let error = Read { file: "web.yaml", source: std::io::Error::other("disk gone") };
        assert_eq!(chain(&error), "cannot read web.yaml: disk gone");
    }
}
