//! "Did you mean": the known word that is nearest to a mistyped one.

/// Longer words are not compared: the cost grows with the square of the length.
const MAX_CHARS: usize = 64;

/// The word of `known` that was probably meant, if one is near enough.
///
/// Near enough is one edit per three characters (at least one): an insertion, a deletion, a
/// substitution or two neighbouring characters swapped.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let limit = (word.chars().count() / 3).max(1);
    let near = known.into_iter().map(|candidate| (distance(word, candidate), candidate));
    near.filter(|(edits, candidate)| *edits <= limit && *edits < candidate.chars().count())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean "x"?`, or `otherwise` when nothing is near.
pub(crate) fn hint<'k>(
    word: &str,
    known: impl IntoIterator<Item = &'k str>,
    otherwise: impl FnOnce() -> String,
) -> String {
    nearest(word, known).map_or_else(otherwise, |near| format!("did you mean \"{near}\"?"))
}

/// Edits between two words (optimal string alignment), case and `_` against `-` not counted.
fn distance(a: &str, b: &str) -> usize {
    let letters = |word: &str| -> Vec<char> {
        word.chars()
            .map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() })
            .take(MAX_CHARS + 1)
            .collect()
    };
    let (a, b) = (letters(a), letters(b));
    if a.len() > MAX_CHARS || b.len() > MAX_CHARS {
        return usize::MAX;
    }
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substitution = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substitution.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_typing_errors_and_nothing_else() {
        let known = ["address", "name", "mtu", "sr-domain"];
        assert_eq!(nearest("adress", known), Some("address"));
        assert_eq!(nearest("nmae", known), Some("name"));
        assert_eq!(nearest("sr_domain", known), Some("sr-domain"));
        assert_eq!(nearest("MTU", known), Some("mtu"));
        assert_eq!(nearest("speed", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest(&"x".repeat(100_000), known), None);
    }

    #[test]
    fn counts_edits() {
        assert_eq!(distance("abcd", "abcd"), 0);
        assert_eq!(distance("abcd", "abdc"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
