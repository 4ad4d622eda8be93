//! What an `#[init(…)]` may be made of: hyperparameters that are moved, named in strings and
//! macros, and the fields above.
#![deny(warnings)]

use std::path::PathBuf;

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

#[derive(Module, Debug)]
struct Named {
    layer: Linear,
    #[module(skip)]
    name: String,
}

impl Named {
    fn new(name: String, sizes: Vec<usize>, device: &Device) -> Self {
        Self { layer: LinearConfig::new(sizes[0], sizes[1]).init(device), name }
    }
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = { let [first, _] = lr; first })]
struct Net {
    #[init(Named::new(name, sizes, device))]
    first: Named,
    #[init(Named::new(format!("{name} of {}", folder.display()), sizes, device))]
    second: Named,
    #[init({
        let all = vec![first.layer.clone(), second.layer.clone()];
        all.into_iter().map(|layer| if sizes.len() > 2 { layer } else { copy_of(&layer) }).collect()
    })]
    copies: Vec<Linear>,
    #[cfg(unix)]
    #[init(Some(LinearConfig::new(sizes[0], 1).init(device)))]
    optional: Option<Linear>,
    #[hparam(default = "net".to_owned())]
    name: String,
    #[hparam(default = PathBuf::from("."))]
    folder: PathBuf,
    #[hparam(default = vec![4, 1])]
    sizes: Vec<usize>,
    #[hparam(default = [0.1, 0.2])]
    lr: [f64; 2],
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        let copied = self.copies.iter().map(|layer| layer.forward(batch.clone()).mean()).reduce(|a, b| a + b);
        self.first.layer.forward(batch.clone()).mean() + self.second.layer.forward(batch).mean() + copied.unwrap()
    }
}

#[test]
fn runs() {
    let mut model = Net::new(NetHparams::default().with_name("other".to_owned()));
    assert_eq!((model.first.name.as_str(), model.second.name.as_str()), ("other", "other of ."));
    #[cfg(unix)]
    assert!(model.optional.is_some());
    quick(Net::trainer()).build().unwrap().fit(&mut model, rows()).unwrap();
}
