// mistakes: 1
use lightning_core::prelude::*;

#[data_module]
struct Data {}

#[data_module]
impl Data {
    fn setup(&mut self) {
        #[log]
        let read = 1.0;
    }
}

fn main() {}
