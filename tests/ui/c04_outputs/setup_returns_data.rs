// mistakes: 1
use lightning_core::prelude::*;

#[data_module]
struct Data {}

#[data_module]
impl Data {
    fn setup(&mut self) -> Result<Vec<f32>> {
        Ok(Vec::new())
    }
}

fn main() {}
