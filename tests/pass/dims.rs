//! `#[dims]` on fields, parameters and results of every kind.
#![deny(warnings)]

use burn::{module::ModuleDisplay, nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{Error, prelude::*};

use super::quick;

const CLASSES: usize = 3;

/// An alias does not show its rank.
type Images = Tensor<4>;

mod sizes {
    pub(super) const SIDE: usize = 2;
}

#[derive(Batch, Clone, Debug)]
struct Digits {
    /// Grey images.
    #[dims(batch, 1, sizes::SIDE, side)]
    images: Images,
    #[dims(batch)]
    targets: Tensor<1, Int>,
    #[dims(batch, CLASSES)]
    soft: Option<Tensor<2>>,
    #[dims(batch, _)]
    views: Vec<Tensor<2>>,
    #[batch(host)]
    #[dims(3)]
    mask: Tensor<1, Bool>,
    names: Vec<String>,
    nested: Mixed,
}

#[derive(Batch, Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "a batch is moved once")]
enum Mixed {
    Labelled {
        #[dims(batch, 4)]
        x: Tensor<2>,
        #[dims(batch)]
        r#type: Tensor<1>,
    },
    Plain(#[dims(n)] Tensor<1>),
    Nothing,
}

#[derive(Batch, Clone, Debug)]
struct Both<T> {
    #[dims(a, 2)]
    x: Tensor<2>,
    #[dims(a, 2)]
    y: Box<Tensor<2>>,
    other: T,
}

trait Layer {
    fn make(device: &Device) -> Self;
    fn apply(&self, x: Tensor<2>) -> Tensor<2>;
}

impl Layer for Linear {
    fn make(device: &Device) -> Self {
        LinearConfig::new(4, 8).init(device)
    }
    fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        self.forward(x)
    }
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net<L: Layer + Module + ModuleDisplay + 'static, const N: usize> {
    #[init(L::make(device))]
    layer: L,
    #[hparam(default = 8)]
    hidden: usize,
    #[hparam(default = "text".to_owned())]
    kind: String,
}

#[lightning_module]
impl<L: Layer + Module + ModuleDisplay + 'static, const N: usize> Net<L, N> {
    const FOUR: usize = 4;

    /// Scores.
    #[dims(-> batch, hidden)]
    pub fn forward(&self, #[dims(batch, 1, side, side)] mut images: Images, negate: bool) -> Tensor<2> {
        let add = |x: usize| {
            if negate {
                return x;
            }
            x + 1
        };
        images = images + add(1) as f32;
        for _ in 0..2 {
            if negate {
                return self.layer.apply(-images.flatten(1, 3));
            }
        }
        self.layer.apply(images.flatten(1, 3))
    }
    #[dims(-> N)]
    fn checked(&self, #[dims(kind, Self::FOUR)] x: &Tensor<2>) -> Result<Tensor<1>> {
        if self.kind.is_empty() {
            return Err("no".into());
        }
        let sum = Ok::<_, Error>(x.clone().sum())?;
        #[log(per_stage, minimize)]
        let loss = sum;
        Ok(loss)
    }
    fn build(#[dims(n, m)] x: Option<&Tensor<2>>) -> usize {
        x.map_or(0, |x| x.dims()[0])
    }
    #[dims(-> _, _)]
    fn never(&mut self, #[dims(rows)] _rows: Tensor<1, Int>) -> Tensor<2> {
        unimplemented!()
    }
    #[dims(-> 1)]
    fn training_step(&self, batch: Digits) -> Result<Tensor<1>> {
        let x = self.forward(batch.images, batch.names.is_empty());
        let loss = self.checked(&x.clone().slice([0..2, 0..4]))?;
        Ok(loss + x.mean())
    }
    fn validation_step(&self, #[dims(batch, 4)] rows: Tensor<2>) -> Result<()> {
        self.checked(&rows)?;
        Ok(())
    }
    fn on_validation_batch_end(&mut self, #[dims(batch, 4)] batch: &Tensor<2>) {
        let _ = batch;
    }
}

#[test]
fn runs() {
    let device = Device::default();
    let digits = Digits {
        images: Tensor::ones([2, 1, 2, 2], &device),
        targets: Tensor::zeros([2], &device),
        soft: Some(Tensor::zeros([2, 3], &device)),
        views: vec![Tensor::zeros([2, 5], &device), Tensor::zeros([2, 6], &device)],
        mask: Tensor::full([3], true, &device),
        names: Vec::new(),
        nested: Mixed::Labelled { x: Tensor::zeros([7, 4], &device), r#type: Tensor::zeros([7], &device) },
    };
    let other = Digits { nested: Mixed::Plain(Tensor::zeros([1], &device)), ..digits.clone() };
    let last = Digits { nested: Mixed::Nothing, names: vec!["a".to_owned()], ..digits.clone() };
    let mut model = Net::<Linear, 1>::new(NetHparams::default());
    let rows = super::rows();
    quick(Net::trainer()).build().unwrap().fit(&mut model, (vec![digits, other, last], rows.clone())).unwrap();
    assert_eq!(Net::<Linear, 1>::build(rows.first()), 4);
    let both = Both { x: Tensor::zeros([1, 2], &device), y: Box::new(Tensor::zeros([1, 2], &device)), other: 1 };
    assert_eq!(Batch::batch_size(&both), Some(1));
    let _ = (model.hidden, both.other, both.y, |model: &mut Net<Linear, 1>| model.never(Tensor::zeros([1], &device)));
}
