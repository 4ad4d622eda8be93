//! `#[init(…)]` with a `?`: `new` returns a `Result`.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

/// What building can fail with, beside the crate's own errors.
fn parse(text: &str) -> std::result::Result<usize, std::num::ParseIntError> {
    text.parse()
}

fn layer(inputs: usize, outputs: usize, device: &Device) -> Result<Linear> {
    if outputs == 0 {
        return Err(lightning_core::Error::config("the width must be positive, found 0"));
    }
    Ok(LinearConfig::new(inputs, outputs).init(device))
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(layer(4, width, device)?)]
    first: Linear,
    #[init({
        let inputs = first.weight.dims()[1];
        (0..2).map(|_| layer(inputs, inputs, device)).collect::<Result<Vec<_>>>()?
    })]
    blocks: Vec<Linear>,
    #[buffer(Tensor::full([1], parse(&offset).map_err(|error| error.to_string())? as f64, device))]
    offset_value: Tensor<1>,
    #[init(vec![layer(width, 1, device)?])]
    last: Vec<Linear>,
    #[hparam(default = 3)]
    width: usize,
    #[hparam(default = "2".to_owned())]
    offset: String,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        let x = self.blocks.iter().fold(self.first.forward(batch), |x, block| block.forward(x));
        #[log(minimize)]
        let train_loss = (self.last[0].forward(x) + self.offset_value.clone().unsqueeze()).mean();
        train_loss
    }
}

/// A `?` of a closure is the closure's.
#[lightning_module]
struct InAClosure {
    #[init((|| -> Option<Linear> { Some(layer(4, width, device).ok()?.no_grad()) })().unwrap())]
    layer: Linear,
    #[hparam(default = 1)]
    width: usize,
}

#[lightning_module]
impl InAClosure {
    fn predict_step(&self, batch: Tensor<2>) -> Tensor<2> {
        self.layer.forward(batch)
    }
}

/// A module in another one.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Outer {
    #[frozen]
    #[init(Net::new_on(net, device)?)]
    inner: Net,
    #[init(layer(4, 1, device)?)]
    head: Linear,
    #[hparam(default = NetHparams::default())]
    net: NetHparams,
}

#[lightning_module]
impl Outer {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.head.forward(batch).mean() + self.inner.offset_value.clone()
    }
}

#[test]
fn runs() {
    let mut model = Net::new(NetHparams::default()).unwrap();
    quick(Net::trainer()).build().unwrap().fit(&mut model, rows()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.ckpt");
    quick(Net::trainer()).build().unwrap().save_checkpoint(&model, &path).unwrap();
    assert_eq!(Net::load_from_checkpoint(&path).unwrap().first.weight.to_data(), model.first.weight.to_data());

    let error = Net::new(NetHparams::default().with_width(0)).unwrap_err();
    assert!(error.to_string().contains("must be positive, found 0"), "{error}");
    let error = Net::new(NetHparams::default().with_offset("x".to_owned())).unwrap_err();
    assert!(error.to_string().contains("invalid digit"), "{error}");
    assert_eq!(InAClosure::new(InAClosureHparams::default()).layer.weight.dims(), [4, 1]);

    let mut outer = Outer::new(OuterHparams::default()).unwrap();
    quick(Outer::trainer()).build().unwrap().fit(&mut outer, rows()).unwrap();
    assert!(Outer::new(OuterHparams::default().with_net(NetHparams::default().with_width(0))).is_err());
}
