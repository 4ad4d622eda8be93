use std::path::PathBuf;

use burn::tensor::{Tensor, TensorData};

use super::{file::find, stored::PIECE, *};

fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ckpt");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn sample() -> Vec<u8> {
    let tensors = vec![
        Stored::new("b".to_owned(), TensorData::new(vec![1.5_f32, -2.0], [2])).unwrap(),
        Stored::new("a".to_owned(), TensorData::new(vec![true, false, true], [3])).unwrap(),
        Stored::new("c".to_owned(), TensorData::new(vec![7_i64], [1, 1])).unwrap(),
    ];
    let mut bytes = Vec::new();
    let head = write(&mut bytes, tensors, Some("{\"a\": \"ü\"}")).unwrap();
    bytes[..head.len()].copy_from_slice(&head);
    bytes
}

#[test]
fn what_is_written_is_read() {
    let (_folder, path) = file(&sample());
    let container = Container::open(&path).unwrap();
    container.verify().unwrap();
    assert_eq!(container.text(), Some("{\"a\": \"ü\"}"));
    assert_eq!(container.tensors().map(|(name, _)| name).collect::<Vec<_>>(), ["c", "b", "a"]);
    assert_eq!(container.read("b").unwrap().unwrap(), TensorData::new(vec![1.5_f32, -2.0], [2]));
    assert_eq!(container.read("a").unwrap().unwrap(), TensorData::new(vec![true, false, true], [3]));
    assert!(container.read("d").unwrap().is_none());
}

#[test]
fn tensors_that_are_shared_are_written_as_they_were() {
    let device = burn::tensor::Device::default();
    for elements in [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7] {
        let numbers: Vec<f32> = (0..elements).map(|at| at as f32 - 1.5).collect();
        let tensor = Tensor::<2>::from_data(TensorData::new(numbers.clone(), [1, elements]), &device);
        // A tensor that is not contiguous is also written in the order of its elements.
        let turned = Tensor::<2>::from_data(TensorData::new(numbers.clone(), [elements, 1]), &device).transpose();
        let mut all = Vec::new();
        for (name, tensor) in [("a", tensor.clone()), ("b", turned)] {
            let (dims, flat) = crate::tensor::handle::Handle::float(tensor).on_host().unwrap();
            all.push(Stored::shared(name.to_owned(), dims, flat).unwrap());
        }
        assert!(all.iter().all(|stored| stored.is_shared() && stored.len() == 4 * elements));
        let changed = tensor.mul_scalar(2.0);
        let mut bytes = Vec::new();
        let head = write(&mut bytes, all, None).unwrap();
        bytes[..head.len()].copy_from_slice(&head);
        let (_folder, path) = file(&bytes);
        let container = Container::open(&path).unwrap();
        container.verify().unwrap();
        for name in ["a", "b"] {
            let read = container.read(name).unwrap().unwrap();
            assert_eq!(read, TensorData::new(numbers.clone(), [1, elements]), "{name} of {elements}");
        }
        assert_eq!(changed.into_data().iter::<f32>().next(), Some(-3.0));
    }
}

#[test]
fn the_safetensors_crate_reads_it() {
    let bytes = sample();
    let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(read.tensor("c").unwrap().data(), 7_i64.to_le_bytes());
    assert_eq!(read.len(), 3);
}

#[test]
fn every_changed_bit_is_noticed() {
    let bytes = sample();
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let (_folder, path) = file(&damaged);
        let result = Container::open(&path).and_then(|container| {
            container.verify()?;
            Ok(container.text().is_some())
        });
        // With another key for the hash it is a file of another program. A checkpoint must have the
        // text and the hash, which its reader checks.
        let error = match result {
            Err(error) => error,
            Ok(_) if !contains(&damaged, HASH_KEY) => continue,
            Ok(_) => panic!("bit {bit} was not noticed"),
        };
        assert!(error.to_string().contains("a.ckpt"), "{error}");
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    find(bytes, text.as_bytes()).is_some()
}

#[test]
fn a_header_longer_than_the_file_is_not_allocated() {
    for length in [u64::MAX, 1 << 40, 99_999_999] {
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend(b"{}");
        let (_folder, path) = file(&bytes);
        let error = Container::open(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("must have {length} bytes, found 2")), "{error}");
    }
}
