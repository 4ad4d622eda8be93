//! The edit distance.

/// Returns the smallest number of replaced, inserted and deleted units that turn one list into the
/// other (Vladimir Levenshtein, 1966).
pub(super) fn edit_distance<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    // The distances of a prefix of `a` from all prefixes of `b`.
    let mut distances: Vec<usize> = (0..=b.len()).collect();
    for (row, a) in a.iter().enumerate() {
        let mut diagonal = row;
        let mut left = row + 1;
        let (first, rest) = distances.split_at_mut(1);
        first.fill(left);
        for (distance, b) in rest.iter_mut().zip(b) {
            let replaced = diagonal + usize::from(a != b);
            diagonal = *distance;
            *distance = replaced.min(diagonal + 1).min(left + 1);
            left = *distance;
        }
    }
    distances.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_of_words() {
        let distance = |a: &str, b: &str| edit_distance(a.as_bytes(), b.as_bytes());
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("", ""), 0);
        assert_eq!(distance("flaw", "lawn"), 2);
        assert_eq!(distance("abc", "abc"), 0);
    }
}
