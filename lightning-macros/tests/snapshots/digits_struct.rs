#[derive(::core::fmt::Debug, ::lightning_core::__private::Module)]
pub struct Digits {
    fc1: Linear,
    fc2: Linear,
    #[module(skip)]
    hidden: usize,
    #[module(skip)]
    lr: f64,
}
///Hyperparameters of [`Digits`].
#[derive(::core::clone::Clone, ::core::fmt::Debug, ::core::cmp::PartialEq)]
#[derive(::lightning_core::__private::Serialize)]
#[derive(::lightning_core::__private::Deserialize)]
#[serde(crate = "::lightning_core::__private::serde", default)]
#[allow(missing_docs, private_interfaces)]
#[must_use]
pub struct DigitsHparams {
    pub hidden: usize,
    pub lr: f64,
}
///What a search tries for the hyperparameters of [`Digits`].
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
#[allow(dead_code)]
#[must_use]
pub struct DigitsSpace(::lightning_core::__private::Space<DigitsHparams>);
#[allow(dead_code, missing_docs, non_local_definitions, unreachable_pub)]
#[allow(unused_imports, unused_qualifications, unused_variables, clippy::unit_arg)]
const _: () = {
    use ::lightning_core::__private::{self as __p, NotBatch as _, NotTensor as _};
    impl __p::Default for DigitsHparams {
        fn default() -> Self {
            Self { hidden: 128, lr: 1e-3 }
        }
    }
    impl DigitsHparams {
        pub fn with_hidden(self, hidden: usize) -> Self {
            Self { hidden, ..self }
        }
        pub fn with_lr(self, lr: f64) -> Self {
            Self { lr, ..self }
        }
    }
    __p::space!(
        pub DigitsSpace, DigitsHparams, space, [__p::FieldDef::hparam("hidden", "usize")
        .default("128"), __p::FieldDef::hparam("lr", "f64").default("1e-3"),], {}, { pub
        fn hidden(self, values : impl __p::IntoDistribution < usize >) -> Self {
        Self(self.0.replace("hidden", values)) } pub fn lr(self, values : impl
        __p::IntoDistribution < f64 >) -> Self { Self(self.0.replace("lr", values)) } }
    );
    #[automatically_derived]
    impl __p::LightningStruct for Digits {
        type Hparams = DigitsHparams;
        const NAME: &'static str = "Digits";
        const FIELDS: &'static [__p::FieldDef] = &[
            __p::FieldDef::module("fc1", "Linear"),
            __p::FieldDef::module("fc2", "Linear"),
            __p::FieldDef::hparam("hidden", "usize").default("128"),
            __p::FieldDef::hparam("lr", "f64").default("1e-3"),
        ];
        fn hparams(&self) -> DigitsHparams {
            DigitsHparams {
                hidden: __p::Clone::clone(&self.hidden),
                lr: __p::Clone::clone(&self.lr),
            }
        }
    }
    impl __p::InitModule for Digits {
        type Built = Self;
        fn init_module(hparams: Self::Hparams, device: &__p::Device) -> Self::Built {
            let hidden = __p::Clone::clone(&hparams.hidden);
            let fc1: Linear = LinearConfig::new(64, hidden).init(device);
            let hidden = __p::Clone::clone(&hparams.hidden);
            let fc2: Linear = LinearConfig::new(hidden, 10).init(device);
            let DigitsHparams { hidden, lr } = hparams;
            Self { fc1, fc2, hidden, lr }
        }
    }
    impl Digits {
        pub const FC1: __p::FieldKey<Self> = __p::FieldKey::new("fc1");
        pub const FC2: __p::FieldKey<Self> = __p::FieldKey::new("fc2");
        pub const OPTIMIZER: __p::OptimizerKey<Self> = __p::optimizer_key("optimizer");
    }
    __p::module_methods!(Digits, [], [Digits], []);
    impl __p::ConfigureOptimizers for Digits {
        const OPTIMIZERS: &'static [&'static str] = &["optimizer"];
        fn configure_optimizers(&self, cx: &__p::FitContext) -> __p::Setups {
            let lr = __p::Clone::clone(&self.lr);
            __p::setups([__p::OptimizerSetup::new("optimizer", AdamConfig::new(), lr)])
        }
    }
    impl __p::DeclaresOptimizer<16619714916788818356u64> for Digits {}
    const _: () = __p::assert_not_tensor!(Linear, "fc1");
    const _: () = __p::assert_not_tensor!(Linear, "fc2");
};
