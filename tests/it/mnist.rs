//! The MNIST example's reader, on the real files where they are.

use std::path::Path;

use lightning_examples::data::mnist::mnist;

#[test]
fn the_real_files_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/mnist");
    if !folder.is_dir() {
        eprintln!("SKIPPED the_real_files_are_read: {} is not there", folder.display());
        return;
    }
    let mnist = mnist(&folder).unwrap();
    assert_eq!((mnist.train.labels.len(), mnist.test.labels.len()), (60_000, 10_000));
    // The first labels of the official files.
    assert_eq!(mnist.train.labels[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    assert_eq!(mnist.test.labels[..5], [7, 2, 1, 0, 4]);
}

#[test]
fn a_missing_folder_says_how_to_get_the_files() {
    let text = mnist(Path::new("no-such-folder")).unwrap_err().to_string();
    assert!(text.contains("no-such-folder") && text.contains("train-images-idx3-ubyte.gz"), "{text}");
}
