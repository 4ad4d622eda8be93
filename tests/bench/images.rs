//! Images per second that are cropped and flipped on one core, and decoded on two: the Rust half of
//! `scripts/bench_images.sh`.
//!
//! Prints one line of JSON, `{"name": images per second}`. The argument is a folder with one folder
//! of JPEG files per class.
#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::{
    hint::black_box,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use lightning_core::{
    Rng,
    data::{Dataset, Image, Layout, image_folder::ImageFolder},
};

const BATCH: usize = 32;
const WORKERS: usize = 2;

fn main() {
    let folder = std::env::args().nth(1).expect("the folder of jpeg files");
    let rates = [
        ("crop_flip_28", crop_and_flip(28, 1, 4)),
        ("crop_flip_224", crop_and_flip(224, 3, 28)),
        ("jpeg_224", decode(&ImageFolder::new(folder).unwrap())),
    ];
    println!("{}", serde_json::Value::from_iter(rates));
}

/// `RandomCrop(side, padding)` and `RandomHorizontalFlip(0.5)` of byte images in the layout
/// `[channels, height, width]`, which torchvision uses.
fn crop_and_flip(side: usize, channels: usize, padding: usize) -> f64 {
    let pixels = (0..side * side * channels).map(|i| (i * 7) as u8).collect();
    let image = Image::new(pixels, [side, side, channels], Layout::Chw).unwrap();
    let mut rng = Rng::new(1);
    let mut images = 0;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(1) {
        for _ in 0..BATCH {
            let seen = black_box(&image).random_crop(side, padding, &mut rng).unwrap();
            black_box(seen.random_horizontal_flip(0.5, &mut rng));
        }
        images += BATCH;
    }
    f64::from(images as u32) / start.elapsed().as_secs_f64()
}

/// Reads and decodes all files on two threads, into batches of `[32, 3, 224, 224]` bytes.
fn decode(images: &ImageFolder) -> f64 {
    let batches = images.len() / BATCH;
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let batch = next.fetch_add(1, Ordering::Relaxed);
                    if batch >= batches {
                        break;
                    }
                    let mut pixels = Vec::with_capacity(BATCH * 3 * 224 * 224);
                    for index in batch * BATCH..(batch + 1) * BATCH {
                        let (image, _) = images.get(index).unwrap();
                        pixels.extend(image.into_layout(Layout::Chw).into_pixels());
                    }
                    black_box(pixels);
                }
            });
        }
    });
    (batches * BATCH) as f64 / start.elapsed().as_secs_f64()
}
