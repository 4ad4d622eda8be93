impl Digits {
    fn forward(&self, images: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(relu(self.fc1.forward(images)))
    }
    fn training_step(&self, batch: DigitBatch) -> Tensor<1> {
        let logits = self.forward(batch.images);
        let train_loss = cross_entropy(logits, batch.targets);
        ::lightning_core::__private::log::<Self, _>(0, &train_loss);
        train_loss
    }
    fn validation_step(&self, batch: DigitBatch) {
        let logits = self.forward(batch.images);
        let val_acc = accuracy(&logits, &batch.targets);
        ::lightning_core::__private::log::<Self, _>(1, &val_acc);
        let val_loss = cross_entropy(logits, batch.targets);
        ::lightning_core::__private::log::<Self, _>(2, &val_loss);
    }
    fn test_step(&self, batch: DigitBatch) {
        let test_acc = accuracy(&self.forward(batch.images), &batch.targets);
        ::lightning_core::__private::log::<Self, _>(3, &test_acc);
    }
}
#[allow(dead_code, missing_docs, non_local_definitions, unreachable_pub)]
#[allow(unused_imports, unused_qualifications, unused_variables, clippy::unit_arg)]
const _: () = {
    use ::lightning_core::__private::{self as __p, NotBatch as _, NotTensor as _};
    impl Digits {
        ///Key of the metric `train_loss`, logged in `training_step`.
        pub const TRAIN_LOSS: __p::Key<Self, __p::Minimize, __p::YNN> = __p::key(0);
        ///Key of the metric `val_acc`, logged in `validation_step`.
        pub const VAL_ACC: __p::Key<Self, __p::Maximize, __p::NYN> = __p::key(1);
        ///Key of the metric `val_loss`, logged in `validation_step`.
        pub const VAL_LOSS: __p::Key<Self, __p::Minimize, __p::NYN> = __p::key(2);
        ///Key of the metric `test_acc`, logged in `test_step`.
        pub const TEST_ACC: __p::Key<Self, __p::Maximize, __p::NNY> = __p::key(3);
    }
    #[automatically_derived]
    impl __p::LightningImpl for Digits {
        const __LIGHTNING_DECLARED: () = __p::declared::<Self>();
        type Builder = __p::TrainerBuilder<Self>;
        type TrainBatch = DigitBatch;
        type ValBatch = DigitBatch;
        type TestBatch = DigitBatch;
        type PredictBatch = __p::NoBatch;
        const METRICS: &'static [__p::MetricDef] = &[
            __p::MetricDef::train("train_loss").minimize().prog_bar().on_step(),
            __p::MetricDef::val("val_acc").maximize().prog_bar().on_epoch(),
            __p::MetricDef::val("val_loss").minimize().on_epoch(),
            __p::MetricDef::test("test_acc").maximize().on_epoch(),
        ];
        const FORWARD: bool = true;
        fn forward_step(
            &self,
            example: &__p::BatchReader<'_>,
            results: &mut __p::BatchWriter,
        ) -> __p::Result<()> {
            use __p::{
                Exports as _, RefusesExport as _, RefusesParameter as _, TakesPart as _,
            };
            let __lightning_0 = (&__p::StepParameter::<Tensor<2>>::new())
                .take("images", 0, 1, example)?;
            __p::Exported(Self::forward(self, __lightning_0)).export(results)
        }
    }
    #[automatically_derived]
    impl __p::TrainingStep for Digits {
        const AGAIN: __p::Again<Self::TrainBatch> = __p::again!();
        fn run_training_step(
            &self,
            _step: usize,
            batch: Self::TrainBatch,
            _cx: &__p::StepCx<'_>,
        ) -> __p::Result<__p::Option<__p::TrainingOutput>> {
            __p::training_output(Self::training_step(self, batch))
        }
    }
    #[automatically_derived]
    impl __p::ValidationStep for Digits {
        fn run_validation_step(
            &self,
            batch: Self::ValBatch,
            _cx: &__p::StepCx<'_>,
        ) -> __p::Result<()> {
            __p::no_output(Self::validation_step(self, batch))
        }
    }
    #[automatically_derived]
    impl __p::TestStep for Digits {
        fn run_test_step(
            &self,
            batch: Self::TestBatch,
            _cx: &__p::StepCx<'_>,
        ) -> __p::Result<()> {
            __p::no_output(Self::test_step(self, batch))
        }
    }
    impl<const __LIGHTNING_NAME: u64> __p::TrainsOptimizer<__LIGHTNING_NAME> for Digits {}
    const _: () = __p::assert_counted!(DigitBatch, "DigitBatch");
    __p::misplaced_hooks!(Digits[] [] training_step validation_step test_step);
};
