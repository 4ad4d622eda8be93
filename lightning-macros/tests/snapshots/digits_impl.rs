impl Digits {
    fn forward(&self, images: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(relu(self.fc1.forward(images)))
    }
    fn training_step(&self, batch: DigitBatch) -> Tensor<1> {
        let logits = self.forward(batch.images);
        let train_loss = cross_entropy(logits, batch.targets);
        ::lightning_core::__private::log::<Self, _>(0usize, &train_loss);
        train_loss
    }
    fn validation_step(&self, batch: DigitBatch) {
        let logits = self.forward(batch.images);
        let val_acc = accuracy(&logits, &batch.targets);
        ::lightning_core::__private::log::<Self, _>(1usize, &val_acc);
        let val_loss = cross_entropy(logits, batch.targets);
        ::lightning_core::__private::log::<Self, _>(2usize, &val_loss);
    }
    fn test_step(&self, batch: DigitBatch) {
        let test_acc = accuracy(&self.forward(batch.images), &batch.targets);
        ::lightning_core::__private::log::<Self, _>(3usize, &test_acc);
    }
}
#[allow(dead_code, unreachable_pub)]
impl Digits {
    ///Key of the metric `train_loss`, logged in `training_step`.
    pub const TRAIN_LOSS: ::lightning_core::__private::MetricKey<
        Self,
        ::lightning_core::__private::Minimize,
        ::lightning_core::__private::Stages<
            ::lightning_core::__private::Y,
            ::lightning_core::__private::N,
            ::lightning_core::__private::N,
        >,
    > = ::lightning_core::__private::MetricKey::new(
        &<Self as ::lightning_core::__private::LightningImpl>::METRICS[0usize],
    );
    ///Key of the metric `val_acc`, logged in `validation_step`.
    pub const VAL_ACC: ::lightning_core::__private::MetricKey<
        Self,
        ::lightning_core::__private::Maximize,
        ::lightning_core::__private::Stages<
            ::lightning_core::__private::N,
            ::lightning_core::__private::Y,
            ::lightning_core::__private::N,
        >,
    > = ::lightning_core::__private::MetricKey::new(
        &<Self as ::lightning_core::__private::LightningImpl>::METRICS[1usize],
    );
    ///Key of the metric `val_loss`, logged in `validation_step`.
    pub const VAL_LOSS: ::lightning_core::__private::MetricKey<
        Self,
        ::lightning_core::__private::Minimize,
        ::lightning_core::__private::Stages<
            ::lightning_core::__private::N,
            ::lightning_core::__private::Y,
            ::lightning_core::__private::N,
        >,
    > = ::lightning_core::__private::MetricKey::new(
        &<Self as ::lightning_core::__private::LightningImpl>::METRICS[2usize],
    );
    ///Key of the metric `test_acc`, logged in `test_step`.
    pub const TEST_ACC: ::lightning_core::__private::MetricKey<
        Self,
        ::lightning_core::__private::Maximize,
        ::lightning_core::__private::Stages<
            ::lightning_core::__private::N,
            ::lightning_core::__private::N,
            ::lightning_core::__private::Y,
        >,
    > = ::lightning_core::__private::MetricKey::new(
        &<Self as ::lightning_core::__private::LightningImpl>::METRICS[3usize],
    );
}
#[automatically_derived]
impl ::lightning_core::__private::LightningImpl for Digits {
    fn __lightning_declared() {
        ::lightning_core::__private::declared::<Self>()
    }
    type TrainBatch = DigitBatch;
    type ValBatch = DigitBatch;
    type TestBatch = DigitBatch;
    type PredictBatch = ::lightning_core::__private::NoBatch;
    const METRICS: &'static [::lightning_core::__private::MetricDef] = &[
        ::lightning_core::__private::MetricDef::new(
                "train_loss",
                ::lightning_core::__private::StageSet::TRAIN,
            )
            .minimize()
            .prog_bar()
            .on_step(),
        ::lightning_core::__private::MetricDef::new(
                "val_acc",
                ::lightning_core::__private::StageSet::VAL,
            )
            .maximize()
            .prog_bar()
            .on_epoch(),
        ::lightning_core::__private::MetricDef::new(
                "val_loss",
                ::lightning_core::__private::StageSet::VAL,
            )
            .minimize()
            .on_epoch(),
        ::lightning_core::__private::MetricDef::new(
                "test_acc",
                ::lightning_core::__private::StageSet::TEST,
            )
            .maximize()
            .on_epoch(),
    ];
    const HOOKS: ::lightning_core::__private::HookSet = ::lightning_core::__private::HookSet::EMPTY;
    const STEPS: ::lightning_core::__private::StepSet = ::lightning_core::__private::StepSet::EMPTY
        .with(::lightning_core::__private::Step::Training)
        .with(::lightning_core::__private::Step::Validation)
        .with(::lightning_core::__private::Step::Test);
}
#[automatically_derived]
impl ::lightning_core::__private::TrainingStep for Digits {
    fn again(
        batch: &Self::TrainBatch,
    ) -> ::lightning_core::__private::Option<Self::TrainBatch> {
        ::lightning_core::__private::again!(batch)
    }
    #[allow(clippy::unit_arg)]
    fn run_training_step(
        &self,
        _step: usize,
        batch: Self::TrainBatch,
        _cx: &::lightning_core::__private::StepContext<'_>,
    ) -> ::lightning_core::__private::Result<
        ::lightning_core::__private::Option<::lightning_core::__private::TrainingOutput>,
    > {
        ::lightning_core::__private::training_output(Self::training_step(self, batch))
    }
}
#[automatically_derived]
impl ::lightning_core::__private::ValidationStep for Digits {
    #[allow(clippy::unit_arg)]
    fn run_validation_step(
        &self,
        batch: Self::ValBatch,
        _cx: &::lightning_core::__private::StepContext<'_>,
    ) -> ::lightning_core::__private::Result<()> {
        #[allow(unused_imports)]
        use ::lightning_core::__private::PlainOutput as _;
        ::lightning_core::__private::evaluation_output(
            ::lightning_core::__private::Evaluated(Self::validation_step(self, batch))
                .given(),
        )
    }
}
#[automatically_derived]
impl ::lightning_core::__private::TestStep for Digits {
    #[allow(clippy::unit_arg)]
    fn run_test_step(
        &self,
        batch: Self::TestBatch,
        _cx: &::lightning_core::__private::StepContext<'_>,
    ) -> ::lightning_core::__private::Result<()> {
        #[allow(unused_imports)]
        use ::lightning_core::__private::PlainOutput as _;
        ::lightning_core::__private::evaluation_output(
            ::lightning_core::__private::Evaluated(Self::test_step(self, batch)).given(),
        )
    }
}
impl<
    const __LIGHTNING_NAME: u64,
> ::lightning_core::__private::TrainsOptimizer<__LIGHTNING_NAME> for Digits {}
