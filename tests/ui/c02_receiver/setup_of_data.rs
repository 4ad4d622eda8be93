// mistakes: 1
use lightning_core::prelude::*;

#[data_module]
struct Data {}

#[data_module]
impl Data {
    fn setup(&self, stage: Stage) {
        let _ = stage;
    }
}

fn main() {}
