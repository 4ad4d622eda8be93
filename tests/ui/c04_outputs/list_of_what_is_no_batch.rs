// mistakes: 1
use lightning_core::prelude::*;

struct Row {
    features: [f32; 4],
}

#[data_module]
struct Data {}

#[data_module]
impl Data {
    fn train_dataloader(&self) -> Vec<Row> {
        vec![Row { features: [0.0; 4] }]
    }
}

fn main() {}
