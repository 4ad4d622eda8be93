//! The options of `export`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::shape::{Entry, Shape, Table};
use crate::{
    batch::StepBatch,
    error::{Error, Result},
    module::LightningModule,
};

/// The options, with their defaults.
pub(super) fn options() -> Table {
    let list = || Shape::List(Box::new(Shape::Text));
    let entries = vec![
        Entry::new("path", Shape::Text, "File to write.", json!("model.onnx")),
        Entry::new("fixed_batch", Shape::Bool, "Fixes the batch size to that of the data.", json!(false)),
        Entry::new(
            "free_axis",
            list(),
            "Axes that are free besides the batch, as the length of texts: `FIELD:AXIS`, such as `tokens:1`.",
            json!([]),
        ),
        Entry::new("outputs", list(), "Names of the outputs.", json!([])),
    ];
    Table { entries }
}

/// Exports the module, with a batch as the example. Returns the path of the file.
///
/// # Errors
/// Those of [`save`](crate::module::Onnx::save), or of an axis that is not `FIELD:AXIS`.
pub(super) fn export<M: LightningModule>(
    module: &M,
    example: &impl StepBatch,
    options: &Value,
    checkpoint: Option<&PathBuf>,
) -> Result<PathBuf> {
    let texts = |name: &str| {
        let list = options.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        list.into_iter().filter_map(|text| text.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let path = PathBuf::from(options.get("path").and_then(Value::as_str).unwrap_or("model.onnx"));
    let axes = texts("free_axis").iter().map(|text| axis(text)).collect::<Result<Vec<_>>>()?;
    let mut onnx = module.onnx(example).outputs(texts("outputs"));
    if options.get("fixed_batch").and_then(Value::as_bool) == Some(true) {
        onnx = onnx.fixed_batch();
    }
    if !axes.is_empty() {
        onnx = onnx.free_axis("length", axes);
    }
    if let Some(checkpoint) = checkpoint {
        onnx = onnx.metadata("checkpoint", checkpoint.display().to_string());
    }
    onnx.save(&path)?;
    Ok(path)
}

fn axis(text: &str) -> Result<(String, usize)> {
    text.rsplit_once(':').and_then(|(field, axis)| Some((field.to_owned(), axis.parse().ok()?))).ok_or_else(|| {
        Error::config(format!("`--free-axis` must be FIELD:AXIS, found `{text}`"))
            .help("write the field of the batch and its axis, such as `--free-axis [tokens:1]`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_is_a_field_and_a_number() {
        assert_eq!(axis("tokens:1").unwrap(), ("tokens".to_owned(), 1));
        assert_eq!(axis("a:b:2").unwrap(), ("a:b".to_owned(), 2));
        for wrong in ["tokens", "tokens:", "tokens:-1", "tokens:x"] {
            let error = axis(wrong).unwrap_err().to_string();
            assert!(error.contains(&format!("FIELD:AXIS, found `{wrong}`")), "{error}");
        }
    }
}
