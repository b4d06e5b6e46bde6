//! The name that was probably meant.

/// The one of `names` that differs least from `written`, if it differs by little.
pub(super) fn nearest<'n>(written: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    // Comparing takes the product of both lengths, and nobody means a known name by a text this long.
    let written: Vec<char> = written.chars().take(64).flat_map(char::to_lowercase).collect();
    let allowed = ((written.len() + 1) / 3).max(1);
    names
        .into_iter()
        .map(|name| (distance(&written, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// Letters to insert, remove or exchange to make one of the other. Source: Levenshtein, 1965.
fn distance(from: &[char], to: &str) -> usize {
    let mut above: Vec<usize> = (0..=from.len()).collect();
    for (row, wanted) in to.chars().enumerate() {
        let mut left = row + 1;
        let mut diagonal = std::mem::replace(&mut above[0], left);
        for (column, found) in from.iter().enumerate() {
            let exchanged = diagonal + usize::from(*found != wanted);
            diagonal = above[column + 1];
            left = exchanged.min(diagonal + 1).min(left + 1);
            above[column + 1] = left;
        }
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_another_word_is_not() {
        let names = ["image", "replicas", "volumes", "volume_claim"];
        assert_eq!(nearest("imgae", names), Some("image"));
        assert_eq!(nearest("imag", names), Some("image"));
        assert_eq!(nearest("Replica", names), Some("replicas"));
        assert_eq!(nearest("volume_claims", names), Some("volume_claim"));
        assert_eq!(nearest("command", names), None);
    }
}
