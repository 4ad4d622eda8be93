//! How well translations match those of people, over a whole corpus.

use std::collections::HashMap;

/// Word sequences of one to four words are compared.
const ORDER: usize = 4;

/// The corpus BLEU of tokenized translations, each with one or more references, from 0 to 100.
///
/// It is the geometric mean of the shares of 1-, 2-, 3- and 4-grams that occur in a reference, each counted at most as often as there,
/// times a penalty for translations that are shorter than the references: Papineni et al., "BLEU: a Method for Automatic Evaluation of
/// Machine Translation", 2002. Of the references' lengths the closest counts. Nothing is smoothed.
///
/// ```
/// use lightning_examples::bleu::bleu;
///
/// let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
/// let translation = words("the cat sat on the mat");
/// assert!((bleu(&[(translation.clone(), vec![translation.clone()])]) - 100.0).abs() < 1e-9);
/// assert_eq!(bleu(&[(translation, vec![words("no word in common")])]), 0.0);
/// ```
pub fn bleu<T: AsRef<str>>(corpus: &[(Vec<T>, Vec<Vec<T>>)]) -> f64 {
    let (mut found, mut all) = ([0; ORDER], [0; ORDER]);
    let (mut length, mut reference_length) = (0, 0);
    for (translation, references) in corpus {
        length += translation.len();
        let closest = references.iter().map(Vec::len).min_by_key(|len| (len.abs_diff(translation.len()), *len));
        reference_length += closest.unwrap_or(0);
        for n in 1..=ORDER {
            let allowed: Vec<_> = references.iter().map(|reference| ngrams(reference, n)).collect();
            for (ngram, count) in ngrams(translation, n) {
                let most = allowed.iter().filter_map(|counts| counts.get(&ngram)).max().copied().unwrap_or(0);
                found[n - 1] += count.min(most);
                all[n - 1] += count;
            }
        }
    }
    if found.contains(&0) {
        return 0.0;
    }
    let precision =
        found.iter().zip(all).map(|(found, all)| (*found as f64 / all as f64).ln()).sum::<f64>() / ORDER as f64;
    let brevity = (1.0 - reference_length as f64 / length as f64).min(0.0);
    100.0 * (precision + brevity).exp()
}

fn ngrams<T: AsRef<str>>(words: &[T], n: usize) -> HashMap<Vec<&str>, usize> {
    let mut counts = HashMap::new();
    for ngram in words.windows(n) {
        *counts.entry(ngram.iter().map(AsRef::as_ref).collect()).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        text.split(' ').collect()
    }

    /// Example 1 of Papineni et al., section 2.1: modified unigram precisions 17/18 and 8/14, here as BLEU parts of a corpus of two.
    #[test]
    fn clipped_counts_of_the_paper() {
        let references = [
            "It is a guide to action that ensures that the military will forever heed Party commands",
            "It is the guiding principle which guarantees the military forces always being under the command of the Party",
            "It is the practical guide for the army always to heed the directions of the party",
        ];
        let candidate =
            words("It is a guide to action which ensures that the military always obeys the commands of the party");
        let allowed: Vec<_> = references.iter().map(|text| words(text)).collect();
        let found: usize = ngrams(&candidate, 1)
            .into_iter()
            .map(|(word, count)| {
                count.min(
                    allowed
                        .iter()
                        .map(|reference| ngrams(reference, 1).get(&word).copied().unwrap_or(0))
                        .max()
                        .unwrap_or(0),
                )
            })
            .sum();
        assert_eq!((found, candidate.len()), (17, 18));
    }

    /// By hand: 5 of 6 words, 3 of 5 pairs, 2 of 4, 1 of 3; then the same with a reference twice as long.
    #[test]
    fn the_geometric_mean_and_the_penalty() {
        let translation = words("the cat sat on a mat");
        let same_length = words("the cat sat on the mat");
        let expected = 100.0 * (5.0 / 6.0 * 3.0 / 5.0 * 2.0 / 4.0 * 1.0 / 3.0_f64).powf(0.25);
        let score = bleu(&[(translation.clone(), vec![same_length.clone()])]);
        assert!((score - expected).abs() < 1e-9, "{score} {expected}");
        let longer = words("the cat sat on the mat and then it left the room");
        let score = bleu(&[(translation.clone(), vec![longer.clone()])]);
        assert!((score - expected * (-1.0_f64).exp()).abs() < 1e-9, "{score}");
        // The reference of the closest length counts.
        let score = bleu(&[(translation, vec![longer, same_length])]);
        assert!((score - expected).abs() < 1e-9, "{score}");
    }

    #[test]
    fn nothing_in_common_is_zero() {
        assert_eq!(bleu(&[(words("a b c d"), vec![words("e f g h")])]), 0.0);
        assert_eq!(bleu::<&str>(&[(Vec::new(), vec![words("a b c d")])]), 0.0);
        assert_eq!(bleu::<&str>(&[]), 0.0);
    }
}
