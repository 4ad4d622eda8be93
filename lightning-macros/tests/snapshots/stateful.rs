impl Net {
    fn validation_step(&self, batch: Pair) {
        let scores = self.shared(&batch);
        #[cfg(feature = "f1")]
        let val_f1 = (&scores, &batch.targets);
        #[cfg(feature = "f1")] #[allow(clippy::redundant_closure)]
        ::lightning_core::__private::log_metric::<
            Self,
            _,
            _,
        >(0usize, || FBeta::f1().num_classes(self.classes), &val_f1);
    }
    fn shared(&self, batch: &Pair) -> Tensor<2> {
        let scores = self.layer.forward(batch.x.clone());
        let acc = (&scores, &batch.targets);
        #[allow(clippy::redundant_closure)]
        ::lightning_core::__private::log_metric_per_stage::<
            Self,
            _,
            _,
        >(1usize, || Accuracy::new(), &acc);
        let loss = 0.5;
        ::lightning_core::__private::log_weighted_per_stage::<
            Self,
            _,
            _,
        >(4usize, &loss, batch.tokens);
        scores
    }
}
#[allow(dead_code, unreachable_pub)]
impl Net {
    #[cfg(feature = "f1")]
    ///Key of the metric `val_f1`, logged in `validation_step`.
    pub const VAL_F1: ::lightning_core::__private::MetricKey<
        Self,
        ::lightning_core::__private::Maximize,
        ::lightning_core::__private::Stages<
            ::lightning_core::__private::N,
            ::lightning_core::__private::Y,
            ::lightning_core::__private::N,
        >,
    > = ::lightning_core::__private::MetricKey::new(
        &<Self as ::lightning_core::__private::LightningImpl>::METRICS[0usize],
    );
    ///Key of the metric `train_acc`, logged in `shared`.
    pub const TRAIN_ACC: ::lightning_core::__private::MetricKey<
        Self,
        ::lightning_core::__private::Undirected,
        ::lightning_core::__private::Stages<
            ::lightning_core::__private::Y,
            ::lightning_core::__private::N,
            ::lightning_core::__private::N,
        >,
    > = ::lightning_core::__private::MetricKey::new(
        &<Self as ::lightning_core::__private::LightningImpl>::METRICS[1usize],
    );
    ///Key of the metric `val_acc`, logged in `shared`.
    pub const VAL_ACC: ::lightning_core::__private::MetricKey<
        Self,
        ::lightning_core::__private::Undirected,
        ::lightning_core::__private::Stages<
            ::lightning_core::__private::N,
            ::lightning_core::__private::Y,
            ::lightning_core::__private::N,
        >,
    > = ::lightning_core::__private::MetricKey::new(
        &<Self as ::lightning_core::__private::LightningImpl>::METRICS[2usize],
    );
    ///Key of the metric `test_acc`, logged in `shared`.
    pub const TEST_ACC: ::lightning_core::__private::MetricKey<
        Self,
        ::lightning_core::__private::Undirected,
        ::lightning_core::__private::Stages<
            ::lightning_core::__private::N,
            ::lightning_core::__private::N,
            ::lightning_core::__private::Y,
        >,
    > = ::lightning_core::__private::MetricKey::new(
        &<Self as ::lightning_core::__private::LightningImpl>::METRICS[3usize],
    );
    ///Key of the metric `train_loss`, logged in `shared`.
    pub const TRAIN_LOSS: ::lightning_core::__private::MetricKey<
        Self,
        ::lightning_core::__private::Undirected,
        ::lightning_core::__private::Stages<
            ::lightning_core::__private::Y,
            ::lightning_core::__private::N,
            ::lightning_core::__private::N,
        >,
    > = ::lightning_core::__private::MetricKey::new(
        &<Self as ::lightning_core::__private::LightningImpl>::METRICS[4usize],
    );
    ///Key of the metric `val_loss`, logged in `shared`.
    pub const VAL_LOSS: ::lightning_core::__private::MetricKey<
        Self,
        ::lightning_core::__private::Undirected,
        ::lightning_core::__private::Stages<
            ::lightning_core::__private::N,
            ::lightning_core::__private::Y,
            ::lightning_core::__private::N,
        >,
    > = ::lightning_core::__private::MetricKey::new(
        &<Self as ::lightning_core::__private::LightningImpl>::METRICS[5usize],
    );
    ///Key of the metric `test_loss`, logged in `shared`.
    pub const TEST_LOSS: ::lightning_core::__private::MetricKey<
        Self,
        ::lightning_core::__private::Undirected,
        ::lightning_core::__private::Stages<
            ::lightning_core::__private::N,
            ::lightning_core::__private::N,
            ::lightning_core::__private::Y,
        >,
    > = ::lightning_core::__private::MetricKey::new(
        &<Self as ::lightning_core::__private::LightningImpl>::METRICS[6usize],
    );
}
#[automatically_derived]
impl ::lightning_core::__private::LightningImpl for Net {
    fn __lightning_declared() {
        ::lightning_core::__private::declared::<Self>()
    }
    type TrainBatch = ::lightning_core::__private::NoBatch;
    type ValBatch = Pair;
    type TestBatch = ::lightning_core::__private::NoBatch;
    type PredictBatch = ::lightning_core::__private::NoBatch;
    const METRICS: &'static [::lightning_core::__private::MetricDef] = &[
        ::lightning_core::__private::MetricDef::new(
                "val_f1",
                ::lightning_core::__private::StageSet::VAL,
            )
            .maximize()
            .on_epoch()
            .stateful(),
        ::lightning_core::__private::MetricDef::new(
                "train_acc",
                ::lightning_core::__private::StageSet::TRAIN,
            )
            .on_step()
            .on_epoch()
            .stateful(),
        ::lightning_core::__private::MetricDef::new(
                "val_acc",
                ::lightning_core::__private::StageSet::VAL,
            )
            .on_step()
            .on_epoch()
            .stateful(),
        ::lightning_core::__private::MetricDef::new(
                "test_acc",
                ::lightning_core::__private::StageSet::TEST,
            )
            .on_step()
            .on_epoch()
            .stateful(),
        ::lightning_core::__private::MetricDef::new(
                "train_loss",
                ::lightning_core::__private::StageSet::TRAIN,
            )
            .on_step(),
        ::lightning_core::__private::MetricDef::new(
                "val_loss",
                ::lightning_core::__private::StageSet::VAL,
            )
            .on_epoch(),
        ::lightning_core::__private::MetricDef::new(
                "test_loss",
                ::lightning_core::__private::StageSet::TEST,
            )
            .on_epoch(),
    ];
    const HOOKS: ::lightning_core::__private::HookSet = ::lightning_core::__private::HookSet::EMPTY;
    const STEPS: ::lightning_core::__private::StepSet = ::lightning_core::__private::StepSet::EMPTY
        .with(::lightning_core::__private::Step::Validation);
}
#[automatically_derived]
impl ::lightning_core::__private::ValidationStep for Net {
    #[allow(clippy::unit_arg)]
    fn run_validation_step(
        &self,
        batch: Self::ValBatch,
        _cx: &::lightning_core::__private::StepContext<'_>,
    ) -> ::lightning_core::__private::Result<()> {
        ::lightning_core::__private::evaluation_output(
            Self::validation_step(self, batch),
        )
    }
}
