//! Every attribute of a field holds however the module is built: by `#[init(…)]`, by an `fn init` that returns the
//! module, and by one that returns its fields.

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{Trainer, precision::InF32, prelude::*};

use crate::support::{Rows, batches, bits, quiet};

/// The impl of the three modules, and the test of each.
macro_rules! module_and_test {
    ($name:ident, $test:ident, $new:path, { $($init:tt)* }) => {
        #[lightning_module]
        impl $name {
            $($init)*
            fn training_step(&self, batch: Rows) -> Tensor<1> {
                let offset = self.offset.clone().cast(batch.x.dtype());
                let x = self.norm.forward(batch.x + offset.unsqueeze());
                let distance = self.left.forward(x.clone()) + self.right.forward(x.clone()) - self.teacher.forward(x) - 1.0;
                (distance.clone() * distance).mean()
            }
            fn on_train_batch_end(&mut self) {
                self.seen += 1;
                self.scratch += 1;
                self.offset = self.offset.clone() + 1.0;
            }
        }

        impl Parts for $name {
            fn parts(&self) -> [Vec<u32>; 4] {
                let linear = |layer: &Linear| values(layer.weight.val().into_data());
                let norm = self.norm.inner();
                let statistics = [norm.gamma.val(), norm.running_mean.value(), norm.running_var.value()];
                let statistics = statistics.into_iter().flat_map(|tensor| values(tensor.into_data())).collect();
                [linear(&self.left), linear(&self.right), linear(&self.teacher), statistics]
            }
        }

        #[test]
        fn $test() {
            seed_everything(3);
            let mut model = $new($name::new(Default::default()));
            let plan = Trainer::plan(&model).unwrap().to_string();
            for line in [
                "left: Linear (16 parameters)",
                "right: Linear (16 parameters)",
                "teacher: Linear (16 parameters, frozen)",
                "norm: BatchNorm (32 parameters, frozen)",
                "offset: Tensor<1> (buffer)",
                "seen: u64 (state)",
                "scratch: u64 (state, not saved)",
                "width: usize (hyperparameter)",
                "lr 0.25, 16 parameters",
                "lr 0, 16 parameters",
            ] {
                assert!(plan.contains(line), "{line:?} is not in\n{plan}");
            }
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("m.ckpt");
            let before = model.parts();
            let fit = |model: &mut $name, precision: &str| {
                let mut trainer = quiet($name::trainer()).max_epochs(1).precision(precision).build().unwrap();
                trainer.fit(model, DataLoader::from_batches(batches(&[8; 3], 1)).unwrap()).unwrap();
                trainer.save_checkpoint(model, &path).unwrap();
            };
            // `left` has a rate, `right` has the rate 0: each optimizer trains its own field.
            let check = |before: &[Vec<u32>; 4], after: &[Vec<u32>; 4]| {
                assert_ne!(after[0], before[0], "`left` is trained");
                assert_eq!(after[1..], before[1..], "nothing else is");
            };
            fit(&mut model, "32-true");
            check(&before, &model.parts());
            assert_eq!((model.seen, model.scratch), (3, 3));

            let mut loaded = $name::load_from_checkpoint(&path).unwrap();
            assert_eq!(loaded.parts(), model.parts());
            assert_eq!((loaded.seen, loaded.scratch, loaded.width), (3, 0, 8));
            assert_eq!(values(loaded.offset.to_data()), values(Tensor::<1>::full([8], 3.0, &Device::default()).into_data()));
            let before = loaded.parts();
            // BatchNorm computes in float32 here; its statistics are those of float32.
            fit(&mut loaded, "bf16-mixed");
            check(&before, &loaded.parts());

            loaded = loaded.unfreeze($name::TEACHER);
            let plan = Trainer::plan(&loaded).unwrap().to_string();
            assert!(plan.contains("teacher: Linear (16 parameters)\n"), "{plan}");
        }
    };
}

trait Parts {
    /// The weights of `left`, `right` and `teacher`, and what `norm` has.
    fn parts(&self) -> [Vec<u32>; 4];
}

fn values(data: TensorData) -> Vec<u32> {
    bits(&data.try_to_vec::<f32>().unwrap())
}

fn linear(width: usize, device: &Device) -> Linear {
    LinearConfig::new(width, 2).with_bias(false).init(device)
}

#[lightning_module]
struct ByAttributes {
    #[optimizer(SgdConfig::new(), lr = lr)]
    #[init(linear(width, device))]
    left: Linear,
    #[optimizer(SgdConfig::new(), lr = 0.0)]
    #[init(linear(width, device))]
    right: Linear,
    #[frozen]
    #[init(linear(width, device))]
    teacher: Linear,
    #[frozen]
    #[precision(f32)]
    #[init(BatchNormConfig::new(width).init(device))]
    norm: BatchNorm,
    #[buffer(Tensor::zeros([width], device))]
    offset: Tensor<1>,
    #[state]
    seen: u64,
    #[state(skip)]
    scratch: u64,
    #[hparam(default = 8)]
    width: usize,
    #[hparam(default = 0.25)]
    lr: f64,
}

module_and_test!(ByAttributes, attributes_hold_with_init_on_the_fields, std::convert::identity, {});

/// Declares a module of the same fields that `fn init` builds, with and without `#[init]` on them.
macro_rules! built_by_fn_init {
    ($name:ident $(, #[$init:ident])?) => {
        #[lightning_module]
        struct $name {
            #[optimizer(SgdConfig::new(), lr = lr)]
            $(#[$init])?
            left: Linear,
            #[optimizer(SgdConfig::new(), lr = 0.0)]
            $(#[$init])?
            right: Linear,
            #[frozen]
            $(#[$init])?
            teacher: Linear,
            #[frozen]
            #[precision(f32)]
            $(#[$init])?
            norm: BatchNorm,
            #[buffer]
            offset: Tensor<1>,
            #[state]
            seen: u64,
            #[state(skip)]
            scratch: u64,
            #[hparam(default = 8)]
            width: usize,
            #[hparam(default = 0.25)]
            lr: f64,
        }
    };
}

built_by_fn_init!(ByInit, #[init]);
built_by_fn_init!(ByInitOfFields);

module_and_test!(ByInit, attributes_hold_with_an_init_of_the_module, std::convert::identity, {
    fn init(hparams: &ByInitHparams, device: &Device) -> Self {
        let ByInitHparams { width, lr } = *hparams;
        Self {
            left: linear(width, device),
            right: linear(width, device),
            teacher: linear(width, device),
            norm: InF32::new(BatchNormConfig::new(width).init(device)),
            offset: Tensor::zeros([width], device),
            seen: 0,
            scratch: 0,
            width,
            lr,
        }
    }
});

module_and_test!(ByInitOfFields, attributes_hold_with_an_init_of_the_fields, Result::unwrap, {
    fn init(hparams: &ByInitOfFieldsHparams, device: &Device) -> Result<ByInitOfFieldsFields> {
        let width = hparams.width;
        Ok(ByInitOfFieldsFields {
            left: linear(width, device),
            right: linear(width, device),
            teacher: linear(width, device),
            norm: InF32::new(BatchNormConfig::new(width).init(device)),
            offset: Tensor::zeros([width], device),
            seen: 0,
            scratch: 0,
        })
    }
});
