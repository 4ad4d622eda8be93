impl Net {
    fn validation_step(&self, batch: Pair) {
        let scores = self.shared(&batch);
        #[cfg(feature = "f1")]
        let val_f1 = (&scores, &batch.targets);
        #[cfg(feature = "f1")] #[allow(clippy::redundant_closure)]
        ::lightning_core::__private::logged_metric::<
            Self,
            _,
            _,
        >(0, || FBeta::f1().num_classes(self.classes))
            .log(&val_f1);
    }
    fn shared(&self, batch: &Pair) -> Tensor<2> {
        let scores = self.layer.forward(batch.x.clone());
        let acc = (&scores, &batch.targets);
        #[allow(clippy::redundant_closure)]
        ::lightning_core::__private::logged_metric::<Self, _, _>(1, || Accuracy::new())
            .log_per_stage(&acc);
        let loss = 0.5;
        ::lightning_core::__private::log_weighted_per_stage::<
            Self,
            _,
        >(4, &loss, ::lightning_core::__private::log_weight(batch.tokens));
        scores
    }
}
#[allow(dead_code, missing_docs, non_local_definitions, unreachable_pub)]
#[allow(unused_imports, unused_qualifications, unused_variables, clippy::unit_arg)]
const _: () = {
    use ::lightning_core::__private::{self as __p, NotBatch as _, NotTensor as _};
    impl Net {
        #[cfg(feature = "f1")]
        ///Key of the metric `val_f1`, logged in `validation_step`.
        pub const VAL_F1: __p::Key<Self, __p::Maximize, __p::NYN> = __p::key(0);
        ///Key of the metric `train_acc`, logged in `shared`.
        pub const TRAIN_ACC: __p::Key<Self, __p::Undirected, __p::YNN> = __p::key(1);
        ///Key of the metric `val_acc`, logged in `shared`.
        pub const VAL_ACC: __p::Key<Self, __p::Undirected, __p::NYN> = __p::key(2);
        ///Key of the metric `test_acc`, logged in `shared`.
        pub const TEST_ACC: __p::Key<Self, __p::Undirected, __p::NNY> = __p::key(3);
        ///Key of the metric `train_loss`, logged in `shared`.
        pub const TRAIN_LOSS: __p::Key<Self, __p::Undirected, __p::YNN> = __p::key(4);
        ///Key of the metric `val_loss`, logged in `shared`.
        pub const VAL_LOSS: __p::Key<Self, __p::Undirected, __p::NYN> = __p::key(5);
        ///Key of the metric `test_loss`, logged in `shared`.
        pub const TEST_LOSS: __p::Key<Self, __p::Undirected, __p::NNY> = __p::key(6);
    }
    #[automatically_derived]
    impl __p::LightningImpl for Net {
        const __LIGHTNING_DECLARED: () = __p::declared::<Self>();
        type Builder = __p::TrainerBuilder<Self>;
        type TrainBatch = __p::NoBatch;
        type ValBatch = Pair;
        type TestBatch = __p::NoBatch;
        type PredictBatch = __p::NoBatch;
        const METRICS: &'static [__p::MetricDef] = &[
            __p::MetricDef::val("val_f1").maximize().on_epoch().stateful(),
            __p::MetricDef::train("train_acc").on_step().on_epoch().stateful(),
            __p::MetricDef::val("val_acc").on_step().on_epoch().stateful(),
            __p::MetricDef::test("test_acc").on_step().on_epoch().stateful(),
            __p::MetricDef::train("train_loss").on_step(),
            __p::MetricDef::val("val_loss").on_epoch(),
            __p::MetricDef::test("test_loss").on_epoch(),
        ];
    }
    #[automatically_derived]
    impl __p::ValidationStep for Net {
        fn run_validation_step(
            &self,
            batch: Self::ValBatch,
            _cx: &__p::StepCx<'_>,
        ) -> __p::Result<()> {
            __p::no_output(Self::validation_step(self, batch))
        }
    }
    const _: () = __p::assert_counted!(Pair, "Pair");
    __p::misplaced_hooks!(Net[] [] validation_step);
};
