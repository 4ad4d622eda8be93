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
#[derive(
    ::core::clone::Clone,
    ::core::fmt::Debug,
    ::core::cmp::PartialEq,
    ::lightning_core::__private::serde::Serialize,
    ::lightning_core::__private::serde::Deserialize,
)]
#[serde(crate = "::lightning_core::__private::serde", default)]
#[allow(unreachable_pub)]
pub struct DigitsHparams {
    ///Hyperparameter `hidden`.
    pub hidden: usize,
    ///Hyperparameter `lr`.
    pub lr: f64,
}
#[automatically_derived]
impl ::lightning_core::__private::Default for DigitsHparams {
    fn default() -> Self {
        Self { hidden: 128, lr: 1e-3 }
    }
}
#[allow(dead_code, unreachable_pub)]
impl DigitsHparams {
    ///Sets `hidden`.
    #[must_use]
    pub fn with_hidden(mut self, hidden: usize) -> Self {
        self.hidden = hidden;
        self
    }
    ///Sets `lr`.
    #[must_use]
    pub fn with_lr(mut self, lr: f64) -> Self {
        self.lr = lr;
        self
    }
}
#[automatically_derived]
impl ::lightning_core::__private::Hparams for DigitsHparams {
    const SCHEMA: &'static [::lightning_core::__private::HparamDef] = &[
        ::lightning_core::__private::HparamDef {
            name: "hidden",
            ty: "usize",
            default: ::lightning_core::__private::Option::Some("128"),
            doc: "",
        },
        ::lightning_core::__private::HparamDef {
            name: "lr",
            ty: "f64",
            default: ::lightning_core::__private::Option::Some("1e-3"),
            doc: "",
        },
    ];
}
#[automatically_derived]
impl ::lightning_core::__private::LightningStruct for Digits {
    type Hparams = DigitsHparams;
    const NAME: &'static str = "Digits";
    const FIELDS: &'static [::lightning_core::__private::FieldDef] = &[
        ::lightning_core::__private::FieldDef::module("fc1", "Linear"),
        ::lightning_core::__private::FieldDef::module("fc2", "Linear"),
        ::lightning_core::__private::FieldDef::hparam("hidden", "usize"),
        ::lightning_core::__private::FieldDef::hparam("lr", "f64"),
    ];
    fn hparams(&self) -> DigitsHparams {
        DigitsHparams {
            hidden: ::lightning_core::__private::Clone::clone(&self.hidden),
            lr: ::lightning_core::__private::Clone::clone(&self.lr),
        }
    }
}
#[automatically_derived]
impl ::lightning_core::__private::InitModule for Digits {
    type Built = Self;
    fn init_module(
        hparams: DigitsHparams,
        device: &::lightning_core::__private::Device,
    ) -> Self {
        Self::new_on(hparams, device)
    }
}
#[allow(dead_code, unreachable_pub, unused_variables)]
impl Digits {
    ///Builds a `Digits` on the default device.
    #[must_use]
    pub fn new(hparams: DigitsHparams) -> Self {
        Self::new_on(hparams, &::lightning_core::__private::Device::default())
    }
    ///Builds a `Digits` on the device.
    #[must_use]
    pub fn new_on(
        hparams: DigitsHparams,
        device: &::lightning_core::__private::Device,
    ) -> Self {
        ::lightning_core::__private::seed_init(device);
        let fc1: Linear = {
            let DigitsHparams { hidden, lr } = ::lightning_core::__private::Clone::clone(
                &hparams,
            );
            LinearConfig::new(64, hidden).init(device)
        };
        let fc2: Linear = {
            let DigitsHparams { hidden, lr } = ::lightning_core::__private::Clone::clone(
                &hparams,
            );
            let fc1 = &fc1;
            LinearConfig::new(hidden, 10).init(device)
        };
        let DigitsHparams { hidden, lr } = hparams;
        Self { fc1, fc2, hidden, lr }
    }
}
#[allow(dead_code, unreachable_pub)]
impl Digits {
    ///Key of the field `fc1`.
    pub const FC1: ::lightning_core::__private::FieldKey<Self> = ::lightning_core::__private::FieldKey::new(
        "fc1",
    );
    ///Key of the field `fc2`.
    pub const FC2: ::lightning_core::__private::FieldKey<Self> = ::lightning_core::__private::FieldKey::new(
        "fc2",
    );
    ///Key of the optimizer `optimizer`.
    pub const OPTIMIZER: ::lightning_core::__private::OptimizerKey<Self> = ::lightning_core::__private::OptimizerKey::new(
        "optimizer",
    );
    ///Configures a trainer for `Digits`.
    pub fn trainer() -> ::lightning_core::__private::TrainerBuilder<Self> {
        ::lightning_core::__private::Trainer::<Self>::builder()
    }
    /// The hyperparameters, as the fields hold them now.
    pub fn hparams(&self) -> DigitsHparams {
        <Self as ::lightning_core::__private::LightningStruct>::hparams(self)
    }
    /// Stops training the field.
    pub fn freeze<O>(&mut self, field: ::lightning_core::__private::FieldKey<Self, O>) {
        ::lightning_core::__private::set_trainable(self, field, false)
    }
    /// Trains the field again.
    pub fn unfreeze<O>(
        &mut self,
        field: ::lightning_core::__private::FieldKey<Self, O>,
    ) {
        ::lightning_core::__private::set_trainable(self, field, true)
    }
    /// Builds the module of a checkpoint: its hyperparameters, then its parameters.
    ///
    /// # Errors
    /// When the file cannot be read, or holds another module.
    pub fn load_from_checkpoint(
        path: impl ::lightning_core::__private::AsRef<::lightning_core::__private::Path>,
    ) -> ::lightning_core::__private::Result<Self>
    where
        for<'lightning> Self: ::lightning_core::__private::InitModule
            + ::lightning_core::__private::LightningModule,
    {
        ::lightning_core::__private::load_from_checkpoint::<Self>(path.as_ref())
    }
}
#[automatically_derived]
impl ::lightning_core::__private::ConfigureOptimizers for Digits {
    const OPTIMIZERS: &'static [&'static str] = &["optimizer"];
    #[allow(unused_variables, clippy::needless_question_mark)]
    fn configure_optimizers(
        &self,
        cx: &::lightning_core::__private::FitContext,
    ) -> ::lightning_core::__private::Result<
        ::lightning_core::__private::Vec<::lightning_core::__private::OptimizerSetup>,
    > {
        let DigitsHparams { hidden, lr } = <Self as ::lightning_core::__private::LightningStruct>::hparams(
            self,
        );
        ::lightning_core::__private::Result::Ok(
            ::lightning_core::__private::vec![
                ::lightning_core::__private::OptimizerSetup::new("optimizer",
                AdamConfig::new(), lr)
            ],
        )
    }
}
impl ::lightning_core::__private::DeclaresOptimizer<16619714916788818356u64> for Digits {}
const _: () = ::lightning_core::__private::assert_not_tensor!(Linear, "fc1");
const _: () = ::lightning_core::__private::assert_not_tensor!(Linear, "fc2");
