//! English sentences with their French translations, split into training, validation and test
//! parts.

use std::{collections::BTreeMap, path::Path};

use lightning_core::{
    Error, Result, Rng,
    data::{
        sentences::pairs,
        tokenizer::{Tokenizer, Unit},
    },
};

/// A sentence with all its known translations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    pub source: String,
    pub targets: Vec<String>,
}

/// Sentences in three parts. No English sentence is in two of them, not even with another
/// translation.
#[derive(Clone, Debug)]
pub struct Corpus {
    pub train: Vec<Sentence>,
    pub val: Vec<Sentence>,
    pub test: Vec<Sentence>,
    /// Built from the training part only, like `french`.
    pub english: Tokenizer,
    pub french: Tokenizer,
}

impl Corpus {
    /// Reads a file of `english TAB french` lines, holds out `held_out` English sentences for
    /// validation and as many for testing, and numbers at most `words` words of each language.
    pub fn read(file: &Path, held_out: usize, words: usize, seed: u64) -> Result<Self> {
        let mut translations: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for pair in pairs(file)? {
            translations.entry(pair.source).or_default().push(pair.target);
        }
        let mut sentences: Vec<Sentence> =
            translations.into_iter().map(|(source, targets)| Sentence { source, targets }).collect();
        if sentences.len() <= 2 * held_out {
            let (needed, found) = (2 * held_out + 1, sentences.len());
            let what = format!("holding out twice {held_out} sentences needs at least {needed}, found {found}");
            return Err(Error::data(what).at_path(file).help("use a longer file, or a smaller `--data.held_out`"));
        }
        Rng::new(seed).shuffle(&mut sentences);
        let test = sentences.split_off(sentences.len() - held_out);
        let val = sentences.split_off(sentences.len() - held_out);
        let train = sentences;
        let tokenizer = Tokenizer::builder(Unit::Word).lowercase(true).min_count(2).max_tokens(words);
        let english = tokenizer.build(train.iter().map(|sentence| &sentence.source));
        let french = tokenizer.build(train.iter().flat_map(|sentence| &sentence.targets));
        Ok(Self { train, val, test, english, french })
    }

    /// Returns for each sentence a translation of the nearest training sentence: a baseline.
    pub fn nearest(&self, sentences: &[Sentence]) -> Vec<&str> {
        let known: Vec<Vec<String>> = self.train.iter().map(|sentence| self.english.split(&sentence.source)).collect();
        let nearest = |sentence: &Sentence| {
            let words = self.english.split(&sentence.source);
            let distances = known.iter().map(|known| edits(known, &words));
            let best = distances.zip(&self.train).min_by_key(|(distance, _)| *distance);
            best.and_then(|(_, sentence)| sentence.targets.first()).map_or("", String::as_str)
        };
        sentences.iter().map(nearest).collect()
    }
}

/// Returns the edit distance in words: insertions, deletions and replacements (Levenshtein, 1966).
fn edits(a: &[String], b: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn corpus(lines: &str, held_out: usize) -> Result<Corpus> {
        let path = std::env::temp_dir().join(format!("lightning-pairs-{}-{held_out}.tsv", std::process::id()));
        std::fs::write(&path, lines).unwrap();
        let corpus = Corpus::read(&path, held_out, 1000, 3);
        std::fs::remove_file(path).unwrap();
        corpus
    }

    #[test]
    fn no_sentence_is_in_two_parts() {
        let lines: String = (0..50).map(|i| format!("Sentence {}.\tPhrase {i}.\n", i / 2)).collect();
        let corpus = corpus(&lines, 5).unwrap();
        assert_eq!((corpus.train.len(), corpus.val.len(), corpus.test.len()), (15, 5, 5));
        let mut sources: Vec<&str> =
            [&corpus.train, &corpus.val, &corpus.test].into_iter().flatten().map(|s| s.source.as_str()).collect();
        sources.sort_unstable();
        sources.dedup();
        assert_eq!(sources.len(), 25);
        assert!(corpus.test.iter().all(|sentence| sentence.targets.len() == 2));
        assert!(self::corpus(&lines, 13).unwrap_err().message().ends_with("at least 27, found 25"));
    }

    #[test]
    fn the_nearest_sentence() {
        let lines =
            "I am cold.\tJ'ai froid.\nI am very old.\tJe suis très vieux.\nGo on.\tContinue.\nGo on.\tContinuez.\n";
        let corpus = corpus(lines, 0).unwrap();
        let like = |source: &str| Sentence { source: source.to_owned(), targets: Vec::new() };
        let asked = [like("I am so cold."), like("I'm very, very old."), like("Go!")];
        assert_eq!(corpus.nearest(&asked), ["J'ai froid.", "Je suis très vieux.", "Continue."]);
    }

    #[test]
    fn edit_distances() {
        let edits = |a: &str, b: &str| {
            let letters = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
            super::edits(&letters(a), &letters(b))
        };
        assert_eq!((edits("kitten", "sitting"), edits("", "abc"), edits("abc", ""), edits("abc", "abc")), (3, 3, 3, 0));
    }
}
