//! A text file as windows of characters or tokens, for language models.

use std::{collections::BTreeSet, fmt, fs, ops::Range, path::Path, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    data::Dataset,
    error::{Error, Result},
};

/// Reads a file of UTF-8 text.
///
/// # Errors
/// If the file cannot be read, is empty, or is not UTF-8: with the line.
pub fn read(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(|error| Error::io("read", path, error))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        broken(path, &format!(", line {line}"), "the text is not UTF-8").help("save the file as UTF-8")
    })?;
    match text.strip_prefix('\u{feff}').unwrap_or(&text) {
        "" => Err(broken(path, "", "the file is empty").help("pass a file with text")),
        rest if rest.len() == text.len() => Ok(text),
        rest => Ok(rest.to_owned()),
    }
}

pub(super) fn broken(path: &Path, place: &str, found: &str) -> Error {
    Error::data(format!("`{}`{place}: {found}", path.display())).at_path(path)
}

/// The characters of a text, numbered in the order of their code points.
///
/// ```
/// use lightning_core::data::text::CharVocabulary;
///
/// let vocabulary = CharVocabulary::of("to be or not");
/// assert_eq!(vocabulary.len(), 7);
/// assert_eq!(vocabulary.encode("bet")?, [1, 2, 6]);
/// assert_eq!(vocabulary.decode(&[1, 2, 6]), "bet");
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeSet<char>", into = "BTreeSet<char>")]
pub struct CharVocabulary {
    /// Sorted, without duplicates.
    characters: Vec<char>,
}

impl CharVocabulary {
    /// The characters that occur in `text`.
    pub fn of(text: &str) -> Self {
        text.chars().collect::<BTreeSet<char>>().into()
    }

    /// The number of characters.
    pub fn len(&self) -> usize {
        self.characters.len()
    }

    /// Whether there are no characters.
    pub fn is_empty(&self) -> bool {
        self.characters.is_empty()
    }

    /// Encodes `text` as the numbers of its characters.
    ///
    /// # Errors
    /// If a character is not in the vocabulary: with its line.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let mut tokens = Vec::with_capacity(text.len());
        for (at, character) in text.char_indices() {
            match self.characters.binary_search(&character) {
                Ok(token) => tokens.push(token as u32),
                Err(_) => {
                    let line = 1 + text.get(..at).unwrap_or_default().matches('\n').count();
                    let error =
                        Error::data(format!("line {line}: the character {character:?} is not in the vocabulary"));
                    return Err(error.help("build the vocabulary from all texts that are encoded"));
                }
            }
        }
        tokens.shrink_to_fit();
        Ok(tokens)
    }

    /// Decodes `tokens`. A number without a character becomes U+FFFD.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let character = |token: &u32| self.characters.as_slice().get(*token as usize).copied();
        tokens.iter().map(|token| character(token).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    }
}

impl From<BTreeSet<char>> for CharVocabulary {
    fn from(characters: BTreeSet<char>) -> Self {
        Self { characters: characters.into_iter().collect() }
    }
}

impl From<CharVocabulary> for BTreeSet<char> {
    fn from(vocabulary: CharVocabulary) -> Self {
        vocabulary.characters.into_iter().collect()
    }
}

/// Windows of a sequence of tokens: item `i` starts at token `i * stride`.
///
/// All windows, clones and parts share one copy of the tokens.
///
/// ```
/// use lightning_core::data::{Dataset, text::TokenWindows};
///
/// let windows = TokenWindows::new(vec![0, 1, 2, 3, 4, 5, 6, 7], 3, 2)?;
/// assert_eq!(windows.len(), 3);
/// let window = windows.get(1)?;
/// assert_eq!((window.input(), window.target()), (&[2, 3, 4][..], &[3, 4, 5][..]));
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone)]
pub struct TokenWindows {
    tokens: Arc<[u32]>,
    /// The range of the tokens that is read.
    part: Range<usize>,
    context: usize,
    stride: usize,
}

impl TokenWindows {
    /// Creates windows of `context` tokens, each `stride` tokens after the previous one. A rest
    /// shorter than a window is left out.
    ///
    /// With a stride of 1, an epoch contains each token `context` times; with a stride of
    /// `context`, once.
    ///
    /// # Errors
    /// If `context` or `stride` is 0, or if there are `context` tokens or fewer.
    pub fn new(tokens: impl Into<Arc<[u32]>>, context: usize, stride: usize) -> Result<Self> {
        let tokens = tokens.into();
        let part = 0..tokens.len();
        Self { tokens, part, context, stride }.checked()
    }

    /// Splits the tokens into the first `fraction`, rounded down, and the rest. No window crosses
    /// the boundary.
    ///
    /// # Errors
    /// If either part has no window.
    pub fn split(&self, fraction: f64) -> Result<(Self, Self)> {
        let Range { start, end } = self.part;
        let first = ((end - start) as f64 * fraction.clamp(0.0, 1.0)) as usize;
        let cut = start + first.min(end - start);
        let part = |part| Self { part, ..self.clone() }.checked();
        Ok((part(start..cut)?, part(cut..end)?))
    }

    /// Returns windows of the same tokens with another stride.
    ///
    /// # Errors
    /// If `stride` is 0.
    pub fn with_stride(&self, stride: usize) -> Result<Self> {
        Self { stride, ..self.clone() }.checked()
    }

    /// Tokens in the input of a window.
    pub fn context(&self) -> usize {
        self.context
    }

    /// The tokens of all windows.
    pub fn tokens(&self) -> &[u32] {
        self.tokens.get(self.part.clone()).unwrap_or_default()
    }

    fn checked(self) -> Result<Self> {
        let Self { part, context, stride, .. } = &self;
        let tokens = part.len();
        let text = if *context == 0 || *stride == 0 {
            format!("the context and the stride must be at least 1, found {context} and {stride}")
        } else if tokens <= *context {
            format!("a text must have more tokens than a window of {context}, found {tokens}")
        } else {
            return Ok(self);
        };
        Err(Error::data(text)
            .help("write a context and a stride of at least 1, and a context below the number of tokens"))
    }
}

impl Dataset for TokenWindows {
    type Item = Window;

    fn len(&self) -> usize {
        (self.part.len() - self.context - 1) / self.stride + 1
    }

    fn get(&self, index: usize) -> Result<Window> {
        let start = index.checked_mul(self.stride).and_then(|offset| offset.checked_add(self.part.start));
        let end = start.and_then(|start| start.checked_add(self.context));
        match (start, end) {
            (Some(start), Some(end)) if end < self.part.end => {
                Ok(Window { tokens: Arc::clone(&self.tokens), input: start..end })
            }
            _ => Err(Error::data(format!("there is no window {index}: the text has {}, counted from 0", self.len()))),
        }
    }
}

impl fmt::Debug for TokenWindows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, context, stride, .. } = self;
        write!(f, "TokenWindows({} of {context} tokens, stride {stride}, of {})", self.len(), part.len())
    }
}

/// One window: the input tokens of a model, and the token that follows each of them.
#[derive(Clone)]
pub struct Window {
    tokens: Arc<[u32]>,
    input: Range<usize>,
}

impl Window {
    /// The input tokens.
    pub fn input(&self) -> &[u32] {
        self.tokens.get(self.input.clone()).unwrap_or_default()
    }

    /// The tokens to predict: the input shifted by one.
    pub fn target(&self) -> &[u32] {
        self.tokens.get(self.input.start + 1..self.input.end + 1).unwrap_or_default()
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Window({:?})", self.input)
    }
}

/// Windows of the characters of a text, with their vocabulary.
///
/// ```
/// use lightning_core::data::{Dataset, text::CharWindows};
///
/// let text = CharWindows::new("what's in a name?", 4, 4)?;
/// let (train, val) = text.split(0.75)?;
/// assert_eq!((train.len(), val.len()), (2, 1));
/// assert_eq!(text.vocabulary().decode(val.get(0)?.input()), "name");
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CharWindows {
    vocabulary: Arc<CharVocabulary>,
    windows: TokenWindows,
}

impl CharWindows {
    /// Creates the windows of the text in a file; see [`TokenWindows::new`].
    ///
    /// # Errors
    /// If the file cannot be read, is not UTF-8, or is too short for a window.
    pub fn read(path: impl AsRef<Path>, context: usize, stride: usize) -> Result<Self> {
        let path = path.as_ref();
        Self::new(&read(path)?, context, stride).map_err(|error| error.at_path(path))
    }

    /// Creates the windows of `text`; see [`TokenWindows::new`].
    ///
    /// # Errors
    /// If `context` or `stride` is 0, or if there are `context` characters or fewer.
    pub fn new(text: &str, context: usize, stride: usize) -> Result<Self> {
        let vocabulary = CharVocabulary::of(text);
        let windows = TokenWindows::new(vocabulary.encode(text)?, context, stride)?;
        Ok(Self { vocabulary: Arc::new(vocabulary), windows })
    }

    /// The characters of the whole text.
    pub fn vocabulary(&self) -> &Arc<CharVocabulary> {
        &self.vocabulary
    }

    /// The windows, without the vocabulary.
    pub fn windows(&self) -> &TokenWindows {
        &self.windows
    }

    /// Returns windows of the same text with another stride.
    ///
    /// # Errors
    /// If `stride` is 0.
    pub fn with_stride(&self, stride: usize) -> Result<Self> {
        Ok(Self { vocabulary: Arc::clone(&self.vocabulary), windows: self.windows.with_stride(stride)? })
    }

    /// Splits the text into the first `fraction` and the rest, both with the vocabulary of the
    /// whole text; see [`TokenWindows::split`].
    ///
    /// # Errors
    /// If either part has no window.
    pub fn split(&self, fraction: f64) -> Result<(Self, Self)> {
        let (first, rest) = self.windows.split(fraction)?;
        let part = |windows| Self { vocabulary: Arc::clone(&self.vocabulary), windows };
        Ok((part(first), part(rest)))
    }
}

impl Dataset for CharWindows {
    type Item = Window;

    fn len(&self) -> usize {
        self.windows.len()
    }

    fn get(&self, index: usize) -> Result<Window> {
        self.windows.get(index)
    }
}

#[cfg(test)]
mod tests;
