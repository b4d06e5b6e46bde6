//! The name that was probably meant.

/// The one of `names` that differs least from `written`, if it differs by little.
pub(super) fn nearest<Name: AsRef<str> + Ord>(written: &str, names: impl IntoIterator<Item = Name>) -> Option<Name> {
    // Comparing takes the product of both lengths, and nobody means a known name by a text this long.
    let written: Vec<char> = written.chars().take(64).flat_map(char::to_lowercase).collect();
    let allowed = (written.len() / 3).max(1);
    names
        .into_iter()
        .map(|name| (distance(&written, name.as_ref()), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// Letters to insert, remove or exchange, and neighbours to swap, to make one of the other.
/// Source: "optimal string alignment" after Damerau, 1964.
fn distance(from: &[char], to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=from.len()).collect();
    for (row, wanted) in to.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, found) in from.iter().enumerate() {
            let exchanged = above[column] + usize::from(found != wanted);
            let mut least = exchanged.min(above[column + 1] + 1).min(current[column] + 1);
            let is_swapped = row > 0 && column > 0 && to[row - 1] == *found && from[column - 1] == *wanted;
            if is_swapped {
                least = least.min(before[column - 1] + 1);
            }
            current.push(least);
        }
        before = std::mem::replace(&mut above, current);
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
        assert_eq!(nearest("kye", ["key"]), Some("key"));
        assert_eq!(nearest("yek", ["key"]), None);
        assert_eq!(nearest("imag", names), Some("image"));
        assert_eq!(nearest("Replica", names), Some("replicas"));
        assert_eq!(nearest("volume_claims", names), Some("volume_claim"));
        assert_eq!(nearest("command", names), None);
    }
}
