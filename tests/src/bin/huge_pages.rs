//! Builds a trainer and prints how many MiB of the heap the kernel has marked for huge pages.

use std::fs;

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Line {
    #[init(LinearConfig::new(1, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Line {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
}

/// Returns the kilobytes of the heap's mappings with the flag `hg`.
fn marked_kb(mappings: &str) -> u64 {
    let (mut in_heap, mut size, mut marked) = (false, 0, 0);
    for line in mappings.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("Size:") => size = words.next().and_then(|kb| kb.parse().ok()).unwrap_or(0),
            Some("VmFlags:") if in_heap && words.any(|flag| flag == "hg") => marked += size,
            Some(range) if !range.ends_with(':') => in_heap = line.ends_with("[heap]"),
            _ => {}
        }
    }
    marked
}

fn main() -> Result<()> {
    let _trainer = Line::trainer().enable_checkpointing(false).no_logger().build()?;
    let mappings = fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    println!("{}", marked_kb(&mappings) / 1024);
    Ok(())
}
