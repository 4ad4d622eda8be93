// mistakes: 2
use burn::prelude::*;
use lightning_core::prelude::*;

#[derive(Batch)]
enum Examples {
    Images {
        images: Tensor<3>,
    },
    Texts {
        #[batch(host)]
        texts: Vec<String>,
    },
    Names(#[batch(host)] Vec<String>, #[batch(host)] usize),
}

fn main() {}
