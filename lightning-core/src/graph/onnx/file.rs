//! Writing a model: parameter by parameter, into one file or two.

use std::{
    io::{self, Write},
    path::Path,
};

use burn::tensor::TensorData;

use super::{
    elements::raw_bytes,
    proto::{Initializer, InitializerData, Model},
};
use crate::{
    error::{Error, Result},
    loggers::protobuf::Message,
    os::files::write_atomic,
};

/// A message of Protocol Buffers has at most 2 GiB: the values of a larger model are in a file of
/// their own.
pub(crate) const EXTERNAL_LIMIT: u64 = (1 << 31) - (1 << 20);

/// Values of at most this size in bytes stay in the model's own file.
const SMALL: u64 = 1024;

/// Offsets in the file of values are multiples of this, so that a runtime can map the file.
const ALIGNMENT: u64 = 4096;

/// The values of the parameters, read one by one.
pub(crate) trait Parameters {
    /// # Errors
    /// If the module lacks the parameter, or the device fails.
    fn read(&self, path: &str) -> Result<TensorData>;
}

/// Writes a model. Values go to a second file, `<name>.data`, if all together have more than `limit`
/// bytes.
///
/// # Errors
/// If a file cannot be written or a parameter cannot be read. Nothing is changed then.
pub(crate) fn write(path: &Path, model: &Model, parameters: &dyn Parameters, limit: u64) -> Result<()> {
    let total: u64 = model.initializers.iter().map(Initializer::len).sum();
    let layout = Layout::of(model, path, total > limit);
    write_atomic(path, |file| {
        write_model(file, model, &layout, parameters)?;
        // After the model is complete, and right before both are renamed.
        match &layout.location {
            Some(_) => write_atomic(data_path(path), |data| write_values(data, model, &layout, parameters))
                .map_err(io::Error::other),
            None => Ok(()),
        }
    })
}

/// The path of the second file.
fn data_path(path: &Path) -> std::path::PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".data");
    path.with_file_name(name)
}

/// Where the values of each initializer are.
struct Layout {
    /// The name of the second file.
    location: Option<String>,
    /// The offset in the second file; `None` for values in the model's own.
    offsets: Vec<Option<u64>>,
}

impl Layout {
    fn of(model: &Model, path: &Path, is_external: bool) -> Self {
        let mut end = 0_u64;
        let offsets = model.initializers.iter().map(|initializer| {
            (is_external && initializer.len() > SMALL).then(|| {
                let offset = end.next_multiple_of(ALIGNMENT);
                end = offset + initializer.len();
                offset
            })
        });
        let offsets = offsets.collect();
        let name = || data_path(path).file_name().map(|name| name.to_string_lossy().into_owned());
        Self { location: if is_external { name() } else { None }, offsets }
    }

    /// Each initializer as the bytes before its values, and whether the values follow.
    fn heads<'a>(&'a self, model: &'a Model) -> impl Iterator<Item = (&'a Initializer, Vec<u8>, bool)> {
        let location = self.location.as_deref().unwrap_or_default();
        model.initializers.iter().zip(&self.offsets).map(move |(initializer, offset)| match offset {
            Some(offset) => (initializer, initializer.external(location, *offset).into_bytes(), false),
            None => {
                let head = initializer.head().length(9, initializer.len());
                (initializer, head.into_bytes(), true)
            }
        })
    }
}

fn write_model(file: &mut dyn Write, model: &Model, layout: &Layout, parameters: &dyn Parameters) -> io::Result<()> {
    let (before_graph, after_graph) = model.model_parts();
    let (nodes, boundary) = model.graph_parts();
    // Each initializer with the bytes before its values.
    let initializers: Vec<(&Initializer, Vec<u8>, bool)> = layout
        .heads(model)
        .map(|(initializer, head, has_values)| {
            let values = if has_values { initializer.len() } else { 0 };
            let mut start = Message::new().length(5, head.len() as u64 + values).into_bytes();
            start.extend(head);
            (initializer, start, has_values)
        })
        .collect();
    // The length of the graph is written before it, and its parameters are not read yet.
    let sizes = initializers
        .iter()
        .map(|(initializer, start, has_values)| start.len() as u64 + if *has_values { initializer.len() } else { 0 });
    let len = (nodes.len() + boundary.len()) as u64 + sizes.sum::<u64>();
    file.write_all(&before_graph)?;
    file.write_all(&Message::new().length(7, len).into_bytes())?;
    file.write_all(&nodes)?;
    for (initializer, start, has_values) in &initializers {
        file.write_all(start)?;
        if *has_values {
            write_data(file, initializer, parameters)?;
        }
    }
    file.write_all(&boundary)?;
    file.write_all(&after_graph)
}

fn write_values(file: &mut dyn Write, model: &Model, layout: &Layout, parameters: &dyn Parameters) -> io::Result<()> {
    let mut end = 0_u64;
    for (initializer, offset) in model.initializers.iter().zip(&layout.offsets) {
        let Some(offset) = offset else { continue };
        let gap = vec![0; usize::try_from(offset - end).unwrap_or_default()];
        file.write_all(&gap)?;
        write_data(file, initializer, parameters)?;
        end = offset + initializer.len();
    }
    Ok(())
}

fn write_data(file: &mut dyn Write, initializer: &Initializer, parameters: &dyn Parameters) -> io::Result<()> {
    match &initializer.data {
        InitializerData::Bytes(bytes) => file.write_all(bytes),
        InitializerData::Parameter { path, len } => {
            let bytes = raw_bytes(&parameters.read(path).map_err(io::Error::other)?);
            if bytes.len() as u64 != *len {
                let message = format!("the parameter `{path}` must have {len} bytes, found {}", bytes.len());
                return Err(io::Error::other(Error::msg(message)));
            }
            file.write_all(&bytes)
        }
    }
}
