//! The first images of a preview.

use std::{io::Write, path::Path};

use burn::tensor::{FloatDType, Tensor, TensorData};

use crate::{
    batch::BatchTensor,
    error::{Error, Result},
    loggers::{ToImage, grid},
    os::files,
    tensor::handle::{Handle, is_float},
};

/// The most images that are shown.
const MOST: usize = 16;

/// Sides below this are those of a sequence or a table.
const SMALLEST_SIDE: usize = 8;

/// The images of one field, each `[1, channels, height, width]`.
#[derive(Clone, Debug, Default)]
pub(super) struct Images {
    field: Option<String>,
    images: Vec<Tensor<4>>,
}

impl Images {
    /// Adds the images of a batch. The first batch decides on the field.
    pub(super) fn add(&mut self, tensors: &[BatchTensor], names: &[String]) {
        let mut fields: Vec<_> =
            tensors.iter().zip(names).filter_map(|(tensor, name)| images_of(tensor, name)).collect();
        // An image with channels goes before one without.
        fields.sort_by_key(|(rank, ..)| std::cmp::Reverse(*rank));
        let found = match &self.field {
            Some(field) => fields.into_iter().find(|(_, name, _)| *name == field),
            None => fields.into_iter().next(),
        };
        let Some((_, name, images)) = found else { return };
        self.field.get_or_insert_with(|| name.to_owned());
        for index in 0..images.dims()[0].min(MOST) {
            let image = images.clone().narrow(0, index, 1);
            let fits = self.images.first().is_none_or(|first| first.dims() == image.dims());
            if self.images.len() < MOST && fits {
                self.images.push(image);
            }
        }
    }

    /// Writes them as one PNG file.
    pub(super) fn save(&self, path: &Path) -> Result<()> {
        if self.images.is_empty() {
            let text = "the batches must have images to save, found no float field [batch, channels, height, width] or \
                        [batch, height, width]";
            return Err(Error::data(text).help("reshape the images in `collate`, with the channels before the rows"));
        }
        let images = Tensor::cat(self.images.clone(), 0);
        let columns = (1..MOST).find(|columns| columns * columns >= self.images.len()).unwrap_or(MOST);
        // sync: once, when the file is written.
        let data: TensorData = images.clone().try_into_data().map_err(|error| {
            Error::new(crate::error::ErrorKind::Device, format!("the device failed while images were read: {error:?}"))
        })?;
        let finite = || data.iter::<f32>().filter(|value| value.is_finite());
        let (least, most) = (finite().fold(f32::INFINITY, f32::min), finite().fold(f32::NEG_INFINITY, f32::max));
        let is_image = least >= 0.0 && most <= 1.0;
        let images = match most > least && !is_image {
            true => (images - least) / (most - least),
            false => images,
        };
        let png = grid(images, columns).to_image()?.borrow().to_png()?;
        files::write_atomic(path, |out| out.write_all(&png))
    }
}

/// The images of a tensor with its rank: at most three channels of them.
fn images_of<'a>(tensor: &BatchTensor, name: &'a str) -> Option<(usize, &'a str, Tensor<4>)> {
    let Handle::Device(bridge) = &tensor.handle else { return None };
    if !is_float(bridge.dtype()) {
        return None;
    }
    let images = match *tensor.handle.dims().as_slice() {
        [batch, channels, height, width] if batch * channels * height * width > 0 => {
            let images = Tensor::<4>::from_bridge(bridge.clone());
            images.narrow(1, 0, if channels >= 3 { 3 } else { 1 })
        }
        [batch, height, width] if batch > 0 && height >= SMALLEST_SIDE && width >= SMALLEST_SIDE => {
            Tensor::<3>::from_bridge(bridge.clone()).reshape([batch, 1, height, width])
        }
        _ => return None,
    };
    Some((bridge.rank(), name, images.cast(FloatDType::F32)))
}
