//! Exported models in the reference implementation: `onnx.checker` and onnxruntime, with the Python
//! that `ONNX_PYTHON` names.

use std::{fs, path::Path, process::Command};

use burn::tensor::{DType, TensorData};
use serde_json::{Value, json};

use crate::onnx_cases::{Cases, ExportedCase, export_all};

/// Writes the values of a tensor and describes the file. Integers are `int64` in an ONNX file.
fn written(folder: &Path, file: String, name: &str, data: &TensorData) -> Value {
    let (kind, bytes): (&str, Vec<u8>) = match data.dtype() {
        DType::F32 => ("float32", data.as_bytes().to_vec()),
        dtype if dtype.is_bool() => ("bool", data.iter::<bool>().map(u8::from).collect()),
        _ => ("int64", data.iter::<i64>().flat_map(i64::to_le_bytes).collect()),
    };
    fs::write(folder.join(&file), bytes).unwrap();
    json!({ "name": name, "file": file, "type": kind, "shape": data.shape().as_slice() })
}

#[test]
fn every_case_agrees_with_onnxruntime() {
    let Ok(python) = std::env::var("ONNX_PYTHON") else {
        println!("skipped: ONNX_PYTHON names no Python with onnx and onnxruntime");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut index = Vec::new();
    let mut check = |case: ExportedCase| {
        let samples = case.samples.iter().map(|(size, sample)| {
            let part = |kind: &str, list: &[(String, TensorData)]| -> Vec<Value> {
                let file = |number| format!("{}.{size}.{kind}{number}", case.name);
                let parts = list.iter().enumerate();
                parts.map(|(number, (name, data))| written(folder.path(), file(number), name, data)).collect()
            };
            json!({ "size": size, "inputs": part("in", &sample.inputs), "outputs": part("out", &sample.outputs) })
        });
        let samples: Vec<Value> = samples.collect();
        index.push(json!({ "file": format!("{}.onnx", case.name), "samples": samples }));
    };
    export_all(&mut Cases { folder: folder.path().to_owned(), check: &mut check });
    fs::write(folder.path().join("index.json"), Value::from(index).to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/onnx_check.py");
    let output = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).unwrap();
    print!("{told}");
    assert!(told.starts_with("69 runs"), "{told}");
}
