#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path};

use super::{mirror, store::Location};
use crate::error::Result;

fn read(text: &str) -> Result<Option<Location>> {
    Location::read(Path::new(text))
}

#[test]
fn addresses_are_read() {
    let location = read("s3://bucket/run/checkpoints/last.ckpt").unwrap().unwrap();
    assert_eq!(location.to_string(), "s3://bucket/run/checkpoints/last.ckpt");
    let (folder, name) = location.split();
    assert_eq!((folder.to_string().as_str(), name.as_str()), ("s3://bucket/run/checkpoints", "last.ckpt"));
    assert!(location.local().ends_with("s3/bucket/run/checkpoints/last.ckpt"));
    assert!(read("file:///tmp/run").unwrap().unwrap().local().ends_with("file/tmp/run"));
    for path in ["runs", "/s3/bucket", "http://host/path", "c:\\runs"] {
        assert_eq!(read(path).unwrap(), None, "{path}");
    }
    for (wrong, expected) in [
        ("s3:///run", "must have a bucket"),
        ("file://run", "must have a whole path"),
        ("s3://bucket/../other", "must have a plain path"),
        ("gs://bucket/a//b", "must have a plain path"),
    ] {
        let error = read(wrong).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains(wrong), "{error}");
    }
}

/// The storage is a folder: what is uploaded, in which order, and what is left.
#[test]
fn a_folder_is_uploaded_in_order() {
    let root = tempfile::tempdir().unwrap();
    let storage = root.path().join("storage");
    let location = read(&format!("file://{}", storage.display())).unwrap().unwrap();
    let mirror = mirror::Mirror::new(location.clone());
    // The mirror of this test alone is below the working folder.
    let local = mirror.local().to_path_buf();
    fs::create_dir_all(local.join("checkpoints")).unwrap();
    for (name, size) in [("a.ckpt", 10_usize), ("b.ckpt", 20 << 20)] {
        fs::write(local.join("checkpoints").join(name), vec![1; size]).unwrap();
        mirror.push(&serde_json::json!({"put": format!("checkpoints/{name}")})).unwrap();
        let text = format!("lightning-checkpoint: {name}\n");
        let item = serde_json::json!({
            "pointer": "checkpoints/last.ckpt", "text": text, "target": format!("checkpoints/{name}"),
        });
        mirror.push(&item).unwrap();
    }
    mirror.push(&serde_json::json!({"delete": "checkpoints/a.ckpt"})).unwrap();
    fs::write(local.join("metrics.csv"), "a\n1\n").unwrap();
    mirror.logs(&local).unwrap();
    mirror.finish().unwrap();
    let stored = storage.join("checkpoints");
    assert_eq!(fs::metadata(stored.join("b.ckpt")).unwrap().len(), 20 << 20);
    assert_eq!(fs::read_to_string(stored.join("last.ckpt")).unwrap(), "lightning-checkpoint: b.ckpt\n");
    assert!(!stored.join("a.ckpt").exists() && !local.join("checkpoints/a.ckpt").exists());
    assert_eq!(fs::read_to_string(storage.join("metrics.csv")).unwrap(), "a\n1\n");
    let names: Vec<_> = fs::read_dir(&storage).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");

    // Another machine has nothing of it.
    drop(mirror);
    fs::remove_dir_all(&local).unwrap();
    let pointer = read(&format!("{location}/checkpoints/last.ckpt")).unwrap().unwrap();
    let file = mirror::download(&pointer).unwrap();
    assert_eq!(fs::metadata(file.with_file_name("b.ckpt")).unwrap().len(), 20 << 20);
    let missing = read(&format!("{location}/checkpoints/none.ckpt")).unwrap().unwrap();
    let error = mirror::download(&missing).unwrap_err().to_string();
    assert!(error.contains("there is no") && error.contains("none.ckpt"), "{error}");
    fs::remove_dir_all(&local).unwrap();
    let mirror = mirror::Mirror::new(location);
    mirror.pull(true).unwrap();
    assert!(local.join("checkpoints/b.ckpt").is_file() && local.join("metrics.csv").is_file());
    fs::remove_dir_all(&local).unwrap();
}
