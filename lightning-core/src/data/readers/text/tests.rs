#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn windows(tokens: u32, context: usize, stride: usize) -> Result<TokenWindows> {
    TokenWindows::new((0..tokens).collect::<Vec<_>>(), context, stride)
}

#[test]
fn every_window_that_fits_and_no_other() {
    for tokens in 2..12 {
        for context in 1..tokens as usize {
            for stride in 1..6 {
                let windows = windows(tokens, context, stride).unwrap();
                let starts: Vec<u32> =
                    (0..tokens).step_by(stride).take_while(|start| start + (context as u32) < tokens).collect();
                assert_eq!(windows.len(), starts.len());
                for (index, start) in starts.into_iter().enumerate() {
                    let window = windows.get(index).unwrap();
                    assert_eq!(window.input(), (start..start + context as u32).collect::<Vec<_>>());
                    assert_eq!(window.target(), (start + 1..=start + context as u32).collect::<Vec<_>>());
                }
                assert!(windows.get(windows.len()).is_err() && windows.get(usize::MAX).is_err());
            }
        }
    }
}

#[test]
fn parts_share_the_tokens_and_no_window_reaches_over_the_cut() {
    let whole = windows(20, 3, 1).unwrap();
    let (first, rest) = whole.split(0.5).unwrap();
    assert_eq!((first.tokens().len(), rest.tokens()[0]), (10, 10));
    assert_eq!(first.get(first.len() - 1).unwrap().target(), [7, 8, 9]);
    assert_eq!(rest.get(0).unwrap().input(), [10, 11, 12]);
    assert!(Arc::ptr_eq(&first.tokens, &rest.tokens));
    assert!(Arc::ptr_eq(&first.get(0).unwrap().tokens, &whole.tokens));
    let message = whole.split(0.9).unwrap_err().message().to_owned();
    assert_eq!(message, "a text must have more tokens than a window of 3, found 2");
    assert!(whole.split(f64::NAN).is_err());
    assert_eq!(format!("{whole:?}"), "TokenWindows(17 of 3 tokens, stride 1, of 20)");
}

#[test]
fn sizes_that_do_not_fit() {
    assert_eq!(windows(4, 4, 1).unwrap_err().message(), "a text must have more tokens than a window of 4, found 4");
    assert_eq!(windows(4, 0, 1).unwrap_err().message(), "the context and the stride must be at least 1, found 0 and 1");
    assert!(windows(4, 1, 0).is_err());
    assert!(windows(4, 1, 1).unwrap().with_stride(0).is_err());
    assert_eq!(windows(4, 1, 1).unwrap().with_stride(2).unwrap().len(), 2);
    assert!(windows(4, usize::MAX, 1).is_err());
}

#[test]
fn characters_by_code_point() {
    let vocabulary = CharVocabulary::of("héé\n!");
    assert_eq!(vocabulary.encode("\n!hé").unwrap(), [0, 1, 2, 3]);
    assert_eq!(vocabulary.decode(&[2, 3, 9]), "hé\u{fffd}");
    let error = vocabulary.encode("h\nhx").unwrap_err();
    assert_eq!(error.message(), "line 2: the character 'x' is not in the vocabulary");
    let stored = serde_json::to_string(&vocabulary).unwrap();
    assert_eq!(serde_json::from_str::<CharVocabulary>(&stored).unwrap(), vocabulary);
    assert!(CharVocabulary::of("").is_empty());
}

#[test]
fn files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    fs::write(&path, "\u{feff}abcab").unwrap();
    let text = CharWindows::read(&path, 2, 2).unwrap();
    assert_eq!((text.vocabulary().len(), text.len(), text.get(1).unwrap().input()), (3, 2, &[2, 0][..]));
    assert!(CharWindows::read(&path, 9, 1).unwrap_err().location().path.is_some());
    fs::write(&path, b"ab\ncd\n\xff").unwrap();
    assert!(read(&path).unwrap_err().message().ends_with("a.txt`, line 3: the text is not UTF-8"));
    fs::write(&path, "").unwrap();
    assert!(read(&path).unwrap_err().message().ends_with("a.txt`: the file is empty"));
    assert!(read(folder.path().join("none.txt")).unwrap_err().message().starts_with("cannot read `"));
}
