//! A simple tokenizer: words or characters as numbers, with the special tokens of sequence models.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::Write,
    path::Path,
};

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::{
    error::{Error, Result},
    os::files::write_atomic,
};

/// The unit of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// A word, as Unicode's text segmentation has it (UAX #29): combining marks belong to their
    /// letter, and `3.14` is one word. A word also ends after an apostrophe, as in French `l'` and
    /// `qu'`. Punctuation and symbols are tokens of their own; spaces are left out.
    Word,
    /// A Unicode code point.
    Char,
}

/// Splits text into tokens, and numbers them.
///
/// The first four numbers are [`PAD`](Self::PAD), [`BOS`](Self::BOS), [`EOS`](Self::EOS) and
/// [`UNK`](Self::UNK); the tokens follow, the most frequent first.
///
/// ```
/// use lightning_core::data::tokenizer::{Tokenizer, Unit};
///
/// let sentences = ["Je t'aime.", "Il t'aime aussi."];
/// let tokenizer = Tokenizer::builder(Unit::Word).lowercase(true).build(sentences);
/// let tokens = tokenizer.encode_sentence("Il t'aime beaucoup.");
/// assert_eq!((tokens[0], tokens[6]), (Tokenizer::BOS, Tokenizer::EOS));
/// assert_eq!(tokenizer.decode(&tokens), "il t' aime <unk> .");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Tokenizer {
    unit: Unit,
    lowercase: bool,
    tokens: Vec<String>,
    numbers: HashMap<String, u32>,
}

/// After which a word ends: the typewriter's apostrophe and the typographer's.
const APOSTROPHES: [char; 2] = ['\'', '’'];

const SPECIAL: [&str; 4] = ["<pad>", "<bos>", "<eos>", "<unk>"];

impl Tokenizer {
    /// Pads short sentences to the length of their batch.
    pub const PAD: u32 = 0;
    /// Begins a sentence.
    pub const BOS: u32 = 1;
    /// Ends a sentence.
    pub const EOS: u32 = 2;
    /// Replaces a token that is not in the vocabulary.
    pub const UNK: u32 = 3;

    /// Starts a tokenizer of words or characters.
    pub fn builder(unit: Unit) -> TokenizerBuilder {
        TokenizerBuilder { unit, lowercase: false, min_count: 1, max_tokens: usize::MAX }
    }

    /// The number of tokens, including the special ones.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there are only special tokens.
    pub fn is_empty(&self) -> bool {
        self.tokens.len() == SPECIAL.len()
    }

    /// Encodes `text` as the numbers of its tokens.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        self.split(text).iter().map(|token| self.numbers.get(token).copied().unwrap_or(Self::UNK)).collect()
    }

    /// Encodes `text` between [`BOS`](Self::BOS) and [`EOS`](Self::EOS).
    pub fn encode_sentence(&self, text: &str) -> Vec<u32> {
        let mut numbers = vec![Self::BOS];
        numbers.extend(self.encode(text));
        numbers.push(Self::EOS);
        numbers
    }

    /// Decodes the tokens up to the first [`EOS`](Self::EOS), without [`PAD`](Self::PAD) and
    /// [`BOS`](Self::BOS). Words are separated by a space.
    pub fn decode(&self, numbers: &[u32]) -> String {
        let tokens: Vec<&str> = numbers
            .iter()
            .take_while(|number| **number != Self::EOS)
            .filter(|number| ![Self::PAD, Self::BOS].contains(number))
            .map(|number| self.tokens.as_slice().get(*number as usize).map_or("<unk>", String::as_str))
            .collect();
        tokens.join(match self.unit {
            Unit::Word => " ",
            Unit::Char => "",
        })
    }

    /// The tokens of `text` as strings, including those that are not in the vocabulary.
    pub fn split(&self, text: &str) -> Vec<String> {
        split(self.unit, self.lowercase, text)
    }

    /// Writes the tokenizer to a JSON file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        write_atomic(path, |file| file.write_all(&text))
    }

    /// Reads a file that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// If the file cannot be read or is not a tokenizer: with line and column.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = fs::read(path).map_err(|error| Error::io("read", path, error))?;
        serde_json::from_slice(&text).map_err(|error| {
            Error::data(format!("`{}` is not a tokenizer", path.display()))
                .at_path(path)
                .caused_by(error)
                .help("pass a file that `Tokenizer::save` wrote")
        })
    }
}

/// The settings of a [`Tokenizer`], returned by [`Tokenizer::builder`].
#[derive(Clone, Copy, Debug)]
pub struct TokenizerBuilder {
    unit: Unit,
    lowercase: bool,
    min_count: usize,
    max_tokens: usize,
}

impl TokenizerBuilder {
    /// Sets whether text is converted to lower case. Default: `false`.
    #[must_use]
    pub fn lowercase(self, lowercase: bool) -> Self {
        Self { lowercase, ..self }
    }

    /// Sets how often a token must occur to be in the vocabulary. Default: 1.
    #[must_use]
    pub fn min_count(self, min_count: usize) -> Self {
        Self { min_count, ..self }
    }

    /// Sets the largest number of tokens, including the four special ones: the rarest are left out.
    /// A model whose embedding has this many rows takes every number. Default: no limit.
    #[must_use]
    pub fn max_tokens(self, max_tokens: usize) -> Self {
        Self { max_tokens, ..self }
    }

    /// Builds the tokenizer with the vocabulary of `texts`: the most frequent token first, ties in
    /// alphabetical order.
    pub fn build<S: AsRef<str>>(self, texts: impl IntoIterator<Item = S>) -> Tokenizer {
        let Self { unit, lowercase, min_count, max_tokens } = self;
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for text in texts {
            for token in split(unit, lowercase, text.as_ref()) {
                *counts.entry(token).or_default() += 1;
            }
        }
        let mut counts: Vec<(String, usize)> = counts.into_iter().filter(|(_, count)| *count >= min_count).collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counts.truncate(max_tokens.saturating_sub(SPECIAL.len()));
        let tokens = SPECIAL.into_iter().map(str::to_owned).chain(counts.into_iter().map(|(token, _)| token)).collect();
        numbered(unit, lowercase, tokens)
    }
}

/// The tokens of `text`.
fn split(unit: Unit, lowercase: bool, text: &str) -> Vec<String> {
    let lowered;
    let text = if lowercase {
        lowered = text.to_lowercase();
        &lowered
    } else {
        text
    };
    match unit {
        Unit::Char => text.chars().map(String::from).collect(),
        Unit::Word => words(text).into_iter().map(str::to_owned).collect(),
    }
}

/// The words of a text: the segments of UAX #29 that are not spaces, tailored to end after an
/// apostrophe.
fn words(text: &str) -> Vec<&str> {
    let mut words: Vec<(usize, &str)> = Vec::new();
    for (at, segment) in text.split_word_bound_indices() {
        // An apostrophe at the end of a word belongs to it.
        if let (true, Some((start, last))) = (segment.starts_with(APOSTROPHES), words.last_mut())
            && *start + last.len() == at
            && last.starts_with(char::is_alphanumeric)
            && !last.ends_with(APOSTROPHES)
            && let Some(joined) = text.get(*start..at + segment.len())
        {
            *last = joined;
            continue;
        }
        let mut at = at;
        for part in segment.split_inclusive(APOSTROPHES) {
            let word = part.trim_start();
            if !word.is_empty() {
                words.push((at + part.len() - word.len(), word));
            }
            at += part.len();
        }
    }
    words.into_iter().map(|(_, word)| word).collect()
}

fn numbered(unit: Unit, lowercase: bool, tokens: Vec<String>) -> Tokenizer {
    let numbers = (0..).zip(&tokens).skip(SPECIAL.len()).map(|(number, token)| (token.clone(), number)).collect();
    Tokenizer { unit, lowercase, tokens, numbers }
}

/// The stored form of a tokenizer.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    unit: Unit,
    lowercase: bool,
    tokens: Vec<String>,
}

impl From<Tokenizer> for Stored {
    fn from(tokenizer: Tokenizer) -> Self {
        let Tokenizer { unit, lowercase, tokens, numbers: _ } = tokenizer;
        Self { unit, lowercase, tokens }
    }
}

impl TryFrom<Stored> for Tokenizer {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let Stored { unit, lowercase, tokens } = stored;
        if tokens.get(..SPECIAL.len()).is_none_or(|first| first != SPECIAL) {
            return Err(format!("the tokens must begin with {SPECIAL:?}"));
        }
        let count = tokens.len();
        let tokenizer = numbered(unit, lowercase, tokens);
        if tokenizer.numbers.len() + SPECIAL.len() != count {
            return Err("the tokens must be distinct, found a duplicate".to_owned());
        }
        Ok(tokenizer)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn texts_into_tokens() {
        let words = |text| split(Unit::Word, false, text);
        assert_eq!(words("J'ai vu l’homme de 40 ans !"), ["J'", "ai", "vu", "l’", "homme", "de", "40", "ans", "!"]);
        assert_eq!(words("  Ça?!\u{202f}\u{2026} x"), ["Ça", "?", "!", "\u{2026}", "x"]);
        assert_eq!(words("'tis -- 'x'"), ["'", "tis", "-", "-", "'", "x'"]);
        assert!(words(" \t").is_empty());
        assert_eq!(split(Unit::Word, true, "ÇA VA"), ["ça", "va"]);
        assert_eq!(split(Unit::Char, false, "a b"), ["a", " ", "b"]);
    }

    /// Words as UAX #29 has them; the first text is the example of its section 4.
    #[test]
    fn words_are_those_of_unicode() {
        let words = |text| split(Unit::Word, false, text);
        assert_eq!(
            words("The quick (\u{201c}brown\u{201d}) fox can\u{2019}t jump 32.3 feet, right?"),
            [
                "The",
                "quick",
                "(",
                "\u{201c}",
                "brown",
                "\u{201d}",
                ")",
                "fox",
                "can\u{2019}",
                "t",
                "jump",
                "32.3",
                "feet",
                ",",
                "right",
                "?"
            ]
        );
        // Decomposed, as macOS writes file names: six tokens before.
        assert_eq!(words("cafe\u{301} re\u{301}sume\u{301}"), ["cafe\u{301}", "re\u{301}sume\u{301}"]);
        assert_eq!(words("café résumé").len(), 2);
        assert_eq!(words("l\u{2019}e\u{301}te\u{301}’"), ["l\u{2019}", "e\u{301}te\u{301}’"]);
        // Vowel signs and viramas are marks: two words and a full stop.
        assert_eq!(words("हिन्दी भाषा।"), ["हिन्दी", "भाषा", "।"]);
        assert_eq!(words("नमस्ते दुनिया"), ["नमस्ते", "दुनिया"]);
        assert_eq!(words("שָׁלוֹם עוֹלָם"), ["שָׁלוֹם", "עוֹלָם"]);
        assert_eq!(words("snake_case 3,14 a-b"), ["snake_case", "3,14", "a", "-", "b"]);
        // Ideographs are words of their own; a family is one symbol.
        assert_eq!(
            words("漢字 \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}!"),
            ["漢", "字", "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}", "!"]
        );
        assert_eq!(words("\u{feff}a\u{ad}b"), ["\u{feff}", "a\u{ad}b"]);
    }

    #[test]
    fn the_most_frequent_tokens_come_first() {
        let texts = ["b a b", "c b a", "<unk> d"];
        let tokenizer = Tokenizer::builder(Unit::Word).build(texts);
        assert_eq!(tokenizer.tokens[4..9], ["b", "a", "<", ">", "c"]);
        let frequent = Tokenizer::builder(Unit::Word).min_count(2).build(texts);
        assert_eq!((frequent.len(), frequent.encode("a b c")), (6, vec![5, 4, Tokenizer::UNK]));
        let few = Tokenizer::builder(Unit::Word).max_tokens(5).build(texts);
        assert_eq!((few.len(), few.encode("a b c")), (5, vec![Tokenizer::UNK, 4, Tokenizer::UNK]));
        assert!(Tokenizer::builder(Unit::Word).max_tokens(1).build(texts).is_empty());
        assert!(Tokenizer::builder(Unit::Char).build([""]).is_empty());
    }

    #[test]
    fn there_and_back() {
        let tokenizer = Tokenizer::builder(Unit::Char).build(["abc "]);
        let sentence = tokenizer.encode_sentence("a bcx");
        assert_eq!(sentence.first().zip(sentence.last()), Some((&Tokenizer::BOS, &Tokenizer::EOS)));
        assert_eq!(tokenizer.decode(&sentence), "a bc<unk>");
        let padded = [&sentence[..], &[Tokenizer::PAD, 5]].concat();
        assert_eq!(tokenizer.decode(&padded), "a bc<unk>");
        assert_eq!(tokenizer.decode(&[999]), "<unk>");
        // The names of special tokens in a text are text.
        let word = Tokenizer::builder(Unit::Word).build(["<pad>"]);
        assert!(word.encode("<pad>").iter().all(|number| *number > Tokenizer::UNK));
    }

    #[test]
    fn saved_and_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("french.json");
        let tokenizer = Tokenizer::builder(Unit::Word).lowercase(true).build(["Ça va !", "Va !"]);
        tokenizer.save(&path).unwrap();
        assert_eq!(Tokenizer::load(&path).unwrap(), tokenizer);

        let told = |text: &str| {
            fs::write(&path, text).unwrap();
            Tokenizer::load(&path).unwrap_err().to_string()
        };
        let stored = serde_json::to_string(&tokenizer).unwrap();
        assert!(told(&stored[..stored.len() / 2]).contains("french.json` is not a tokenizer: EOF while parsing"));
        assert!(told(&stored.replace("<pad>", "<p>")).contains("the tokens must begin with"));
        assert!(told(&stored.replace("\"ça\"", "\"va\"")).contains("the tokens must be distinct, found a duplicate"));
        assert!(told(&stored.replace("word", "syllable")).contains("unknown variant `syllable`"));
        assert!(Tokenizer::load(folder.path().join("none")).unwrap_err().message().starts_with("cannot read `"));
    }
}
