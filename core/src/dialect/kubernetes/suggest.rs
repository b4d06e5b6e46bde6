//! What a person may have meant.

/// The known word that is nearest to what was written, if one is near enough to be meant.
pub(super) fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |word: &str| word.chars().filter(|c| !matches!(c, '-' | '_')).collect::<String>().to_lowercase();
    let wanted = plain(written);
    if wanted.chars().count() > LONGEST {
        return None;
    }
    let near = known.map(|word| (distance(&wanted, &plain(word)), word)).min_by_key(|(distance, _)| *distance);
    near.filter(|(distance, word)| *distance <= 1 + word.len() / 5).map(|(_, word)| word)
}

/// Longer words are no misspelt names of fields; comparing them would only cost time.
const LONGEST: usize = 64;

/// Letters to add, drop, change or swap with their neighbours (optimal string alignment).
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut least = (row[j] + usize::from(a != b)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_leads_to_the_one_that_was_meant() {
        let known = || ["replicas", "selector", "template", "serviceName", "volumeClaimTemplates"].into_iter();
        for (written, meant) in [
            ("replica", "replicas"),
            ("relpicas", "replicas"),
            ("service_name", "serviceName"),
            ("servicename", "serviceName"),
            ("volumeClaimTemplate", "volumeClaimTemplates"),
        ] {
            assert_eq!(nearest(written, known()), Some(meant));
        }
        assert_eq!(nearest("strategy", known()), None);
        assert_eq!(nearest(&"x".repeat(10_000), known()), None);
    }
}
