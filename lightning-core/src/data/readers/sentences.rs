//! Pairs of sentences in two languages, one per line: `source TAB target`.

use std::path::Path;

use super::text::{broken, read};
use crate::error::{Error, Result};

/// A sentence and its translation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    /// The sentence in the language of the first column.
    pub source: String,
    /// The sentence in the language of the second column.
    pub target: String,
}

/// Reads a file of tab-separated sentence pairs. Columns after the second, which name author and
/// license in such files, are ignored.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("pairs.tsv");
/// std::fs::write(&path, "Go.\tVa !\nRun!\tCours !\n")?;
/// let pairs = lightning_core::data::sentences::pairs(&path)?;
/// assert_eq!((pairs[1].source.as_str(), pairs[1].target.as_str()), ("Run!", "Cours !"));
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// # Errors
/// If the file cannot be read, is empty or not UTF-8, or if a line does not have two sentences:
/// with line and column.
pub fn pairs(path: impl AsRef<Path>) -> Result<Vec<Pair>> {
    let path = path.as_ref();
    read(path)?.lines().enumerate().map(|(index, line)| pair(path, index + 1, line)).collect()
}

fn pair(path: &Path, number: usize, line: &str) -> Result<Pair> {
    let mut columns = line.split('\t').map(str::trim);
    let (source, target) = (columns.next().unwrap_or_default(), columns.next());
    let wrong = |place: String, found: &str| -> Error {
        broken(path, &place, found).help("write a sentence, a tab and its translation on each line")
    };
    match (source, target) {
        (_, None) => Err(wrong(format!(", line {number}"), "one column, expected two with a tab between")),
        ("", _) => Err(wrong(format!(", line {number}, column 1"), "the sentence is empty")),
        (_, Some("")) => Err(wrong(format!(", line {number}, column 2"), "the sentence is empty")),
        (source, Some(target)) => Ok(Pair { source: source.to_owned(), target: target.to_owned() }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn told(text: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pairs.tsv");
        std::fs::write(&path, text).unwrap();
        pairs(&path).unwrap_err().message().split_once("pairs.tsv").unwrap().1.to_owned()
    }

    #[test]
    fn lines_of_two_and_more_columns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pairs.tsv");
        std::fs::write(&path, "Go. \tVa !\r\nHi.\tSalut.\tCC-BY 2.0\t#1\r\n").unwrap();
        let pairs = pairs(&path).unwrap();
        let sides: Vec<(&str, &str)> = pairs.iter().map(|pair| (&*pair.source, &*pair.target)).collect();
        assert_eq!(sides, [("Go.", "Va !"), ("Hi.", "Salut.")]);
    }

    #[test]
    fn lines_without_a_pair() {
        assert_eq!(told(b"Go.\tVa !\nRun!\n"), "`, line 2: one column, expected two with a tab between");
        assert_eq!(told(b"Go.\tVa !\n\n"), "`, line 2: one column, expected two with a tab between");
        assert_eq!(told(b"\tVa !\n"), "`, line 1, column 1: the sentence is empty");
        assert_eq!(told(b"Go.\t \n"), "`, line 1, column 2: the sentence is empty");
        assert_eq!(told(b"Go.\tVa !\nRun!\tCour\xe9 !\n"), "`, line 2: the text is not UTF-8");
        assert_eq!(told(b""), "`: the file is empty");
    }
}
