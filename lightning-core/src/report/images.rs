//! The last images of a run, as data URLs of bounded size.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::curves::shown_name;
use crate::loggers::{Figure, ImageView, LogPosition};

/// The largest number of images of a page.
const MOST_IMAGES: usize = 16;
/// The largest size of one, in bytes. A larger image is halved until it fits, a larger figure is
/// left out.
const LARGEST: usize = 32 * 1024;
/// The largest size of all, in bytes.
const LARGEST_TOGETHER: usize = 160 * 1024;

#[derive(Clone, Debug)]
struct Image {
    name: String,
    epoch: u64,
    batch_step: u64,
    global_step: u64,
    width: usize,
    url: String,
}

/// The last images of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Images {
    kept: VecDeque<Image>,
    left_out: u64,
}

impl Images {
    /// Adds an image.
    pub(super) fn image(&mut self, name: &str, image: &ImageView<'_>, position: LogPosition) {
        match small_png(image) {
            Some((png, width)) => self.push(name, &data_url("image/png", &png), width, position),
            None => self.left_out += 1,
        }
    }

    /// Adds a figure, unless it is a page or too large.
    pub(super) fn figure(&mut self, name: &str, figure: Figure<'_>, position: LogPosition) {
        let (kind, bytes) = match figure {
            Figure::Svg(text) => ("image/svg+xml", text.as_bytes()),
            Figure::Png(bytes) => ("image/png", bytes),
            Figure::Html(_) => ("", [].as_slice()),
        };
        match bytes.is_empty() || bytes.len() > LARGEST {
            true => self.left_out += 1,
            false => self.push(name, &data_url(kind, bytes), 0, position),
        }
    }

    fn push(&mut self, name: &str, url: &str, width: usize, position: LogPosition) {
        let LogPosition { epoch, batch_step, global_step, .. } = position;
        let (name, url) = (shown_name(name), url.to_owned());
        // A resumed run logs the images of the batch after its checkpoint once more.
        self.kept.retain(|known| (&known.name, known.batch_step, &known.url) != (&name, batch_step, &url));
        self.kept.push_back(Image { name, epoch, batch_step, global_step, width, url });
        // Base64 has four characters for three bytes.
        while self.kept.len() > MOST_IMAGES
            || self.kept.iter().map(|image| image.url.len()).sum::<usize>() > LARGEST_TOGETHER / 3 * 4
        {
            self.kept.pop_front();
            self.left_out += 1;
        }
    }

    /// Forgets the images after `batch_step` training batches.
    pub(super) fn forget_after(&mut self, batch_step: u64) {
        self.kept.retain(|image| image.batch_step <= batch_step);
    }

    /// The number of images that are not kept.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The images as JSON, the last first.
    pub(super) fn to_json(&self) -> Value {
        let json = |image: &Image| {
            let Image { name, epoch, batch_step, global_step, width, url } = image;
            json!({"name": name, "epoch": epoch, "batch": batch_step, "step": global_step, "width": width, "url": url})
        };
        self.kept.iter().rev().map(json).collect()
    }

    /// Reads what [`to_json`](Self::to_json) has written.
    pub(super) fn from_json(value: &Value, left_out: u64) -> Self {
        let image = |value: &Value| {
            let number = |name: &str| value.get(name).and_then(Value::as_u64);
            let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
            Some(Image {
                name: text("name")?,
                epoch: number("epoch")?,
                batch_step: number("batch")?,
                global_step: number("step")?,
                width: number("width")? as usize,
                url: text("url").filter(|url| url.starts_with("data:image/"))?,
            })
        };
        let mut kept: VecDeque<Image> = value.as_array().into_iter().flatten().filter_map(image).collect();
        kept.truncate(MOST_IMAGES);
        kept.make_contiguous().reverse();
        Self { kept, left_out }
    }
}

/// The PNG file of an image and its width, halved until it is small enough.
fn small_png(image: &ImageView<'_>) -> Option<(Vec<u8>, usize)> {
    let mut image: crate::loggers::OwnedImage = image.into();
    loop {
        // Compressing a large one is slow, and the result is too large.
        if image.pixels.len() <= 16 * LARGEST {
            let png = image.borrow().to_png().ok()?;
            if png.len() <= LARGEST {
                return Some((png, image.width));
            }
        }
        if image.width < 2 || image.height < 2 {
            return None;
        }
        image = halved(&image.borrow());
    }
}

/// Every second row and column, as the mean of four pixels.
fn halved(image: &ImageView<'_>) -> crate::loggers::OwnedImage {
    let ImageView { width, height, channels, pixels } = *image;
    let (half_width, half_height) = (width / 2, height / 2);
    let at = |x: usize, y: usize, channel: usize| {
        u32::from(pixels.get((y * width + x) * channels + channel).copied().unwrap_or_default())
    };
    let mut halved = Vec::with_capacity(half_width * half_height * channels);
    for y in 0..half_height {
        for x in 0..half_width {
            for channel in 0..channels {
                let sum: u32 = [(0, 0), (1, 0), (0, 1), (1, 1)]
                    .into_iter()
                    .map(|(right, down)| at(2 * x + right, 2 * y + down, channel))
                    .sum();
                halved.push((sum / 4) as u8);
            }
        }
    }
    let mut small: crate::loggers::OwnedImage = image.into();
    (small.width, small.height, small.pixels) = (half_width, half_height, halved);
    small
}

/// A data URL (RFC 2397) with base64 (RFC 4648).
fn data_url(kind: &str, bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut url = format!("data:{kind};base64,");
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit)) as usize & 63;
            let known = DIGITS.get(index).filter(|_| digit <= chunk.len());
            url.push(known.map_or('=', |digit| char::from(*digit)));
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Stage;

    fn at(step: u64) -> LogPosition {
        LogPosition::new(Stage::Fit, 0, None, step, step)
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        let encode = |text: &str| data_url("t", text.as_bytes()).replace("data:t;base64,", "");
        let expected = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (len, expected) in expected.into_iter().enumerate() {
            assert_eq!(encode(&"foobar"[..len]), expected);
        }
    }

    #[test]
    fn the_last_images_stay_and_are_small() {
        let mut images = Images::default();
        // Noise, which does not compress.
        let mut state = 1_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let pixels: Vec<u8> = (0..600 * 400 * 3).map(|_| noise()).collect();
        for step in 0..40 {
            let image = ImageView::new(600, 400, 3, &pixels).unwrap();
            images.image(&format!("image {step}"), &image, at(step));
        }
        let json = images.to_json();
        let size: usize = json.as_array().unwrap().iter().map(|image| image["url"].as_str().unwrap().len()).sum();
        assert!(size <= LARGEST_TOGETHER / 3 * 4 && size > LARGEST_TOGETHER / 2, "{size}");
        assert_eq!((&json[0]["name"], &json[0]["width"]), (&json!("image 39"), &json!(75)));
        assert_eq!(images.left_out() + json.as_array().unwrap().len() as u64, 40);
        assert_eq!(Images::from_json(&json, 3).to_json(), json);
        images.forget_after(10);
        assert_eq!(images.to_json(), json!([]));
        for level in [7, 7, 8] {
            images.image("twice", &ImageView::new(1, 1, 1, &[level]).unwrap(), at(1));
        }
        assert_eq!(images.to_json().as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn halving_takes_the_mean_of_four() {
        let image = ImageView::new(3, 2, 1, &[0, 4, 9, 8, 12, 9]).unwrap();
        let small = halved(&image);
        assert_eq!((small.width, small.height, small.pixels), (1, 1, vec![6]));
    }
}
