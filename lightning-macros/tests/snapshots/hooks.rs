impl<A: Activation> Net<A> {
    fn init(hparams: &NetHparams, device: &Device) -> Result<Self> {
        todo!()
    }
    fn setup(&mut self, stage: Stage) {}
    fn training_step(
        &self,
        cx: &StepContext,
        Pair { x, y }: Pair,
        batch_idx: usize,
    ) -> Result<Tensor<1>> {
        let loss = self.shared(x, y)?;
        Ok(loss)
    }
    #[cfg(feature = "val")]
    fn validation_step(&self, batch: Pair, _dataloader_idx: usize) {
        let (first, second) = self.errors(batch);
        ::lightning_core::__private::log_weighted::<
            Self,
            _,
            _,
        >(0usize, &first, batch.len());
        ::lightning_core::__private::log_weighted::<
            Self,
            _,
            _,
        >(1usize, &second, batch.len());
    }
    fn predict_step(&self, batch: Tensor<2>) -> anyhow::Result<Vec<f32>> {
        todo!()
    }
    fn shared(&self, x: Tensor<2>, y: Tensor<1>) -> Result<Tensor<1>> {
        let loss = error(x, y);
        ::lightning_core::__private::log_per_stage::<Self, _>(2usize, &loss);
        for part in parts() {
            #[cfg(debug_assertions)]
            let ignored = part;
            #[cfg(debug_assertions)]
            ::lightning_core::__private::log_per_stage::<Self, _>(5usize, &ignored);
        }
        Ok(loss)
    }
    fn on_train_batch_start(&mut self, batch: &Pair) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
    fn on_train_batch_end(
        &mut self,
        batch_idx: usize,
        cx: &mut HookContext,
        outputs: &f32,
        batch: &Pair,
    ) {}
    fn on_validation_batch_start(&mut self, dataloader_idx: usize) -> Result<()> {
        Ok(())
    }
    #[cfg(feature = "val")]
    fn on_validation_epoch_end(&mut self, outputs: Vec<f32>) {}
    fn on_fit_end(&mut self) {}
    fn on_save_checkpoint(&mut self, state: &mut StateWriter) -> Result<()> {
        Ok(())
    }
    #[cfg(feature = "load")]
    fn on_load_checkpoint(&mut self, state: &StateReader) {}
}
#[allow(dead_code, unreachable_pub)]
impl<A: Activation> Net<A> {
    #[cfg(feature = "val")]
    ///Key of the metric `first`, logged in `validation_step`.
    pub const FIRST: ::lightning_core::__private::MetricKey<
        Self,
        ::lightning_core::__private::Undirected,
        ::lightning_core::__private::Stages<
            ::lightning_core::__private::N,
            ::lightning_core::__private::Y,
            ::lightning_core::__private::N,
        >,
    > = ::lightning_core::__private::MetricKey::new(
        &<Self as ::lightning_core::__private::LightningImpl>::METRICS[0usize],
    );
    #[cfg(feature = "val")]
    ///Key of the metric `second`, logged in `validation_step`.
    pub const SECOND: ::lightning_core::__private::MetricKey<
        Self,
        ::lightning_core::__private::Undirected,
        ::lightning_core::__private::Stages<
            ::lightning_core::__private::N,
            ::lightning_core::__private::Y,
            ::lightning_core::__private::N,
        >,
    > = ::lightning_core::__private::MetricKey::new(
        &<Self as ::lightning_core::__private::LightningImpl>::METRICS[1usize],
    );
    ///Key of the metric `train_loss`, logged in `shared`.
    pub const TRAIN_LOSS: ::lightning_core::__private::MetricKey<
        Self,
        ::lightning_core::__private::Minimize,
        ::lightning_core::__private::Stages<
            ::lightning_core::__private::Y,
            ::lightning_core::__private::N,
            ::lightning_core::__private::N,
        >,
    > = ::lightning_core::__private::MetricKey::new(
        &<Self as ::lightning_core::__private::LightningImpl>::METRICS[2usize],
    );
    ///Key of the metric `val_loss`, logged in `shared`.
    pub const VAL_LOSS: ::lightning_core::__private::MetricKey<
        Self,
        ::lightning_core::__private::Minimize,
        ::lightning_core::__private::Stages<
            ::lightning_core::__private::N,
            ::lightning_core::__private::Y,
            ::lightning_core::__private::N,
        >,
    > = ::lightning_core::__private::MetricKey::new(
        &<Self as ::lightning_core::__private::LightningImpl>::METRICS[3usize],
    );
    ///Key of the metric `test_loss`, logged in `shared`.
    pub const TEST_LOSS: ::lightning_core::__private::MetricKey<
        Self,
        ::lightning_core::__private::Minimize,
        ::lightning_core::__private::Stages<
            ::lightning_core::__private::N,
            ::lightning_core::__private::N,
            ::lightning_core::__private::Y,
        >,
    > = ::lightning_core::__private::MetricKey::new(
        &<Self as ::lightning_core::__private::LightningImpl>::METRICS[4usize],
    );
    #[cfg(debug_assertions)]
    ///Key of the metric `train_ignored`, logged in `shared`.
    pub const TRAIN_IGNORED: ::lightning_core::__private::MetricKey<
        Self,
        ::lightning_core::__private::Undirected,
        ::lightning_core::__private::Stages<
            ::lightning_core::__private::Y,
            ::lightning_core::__private::N,
            ::lightning_core::__private::N,
        >,
    > = ::lightning_core::__private::MetricKey::new(
        &<Self as ::lightning_core::__private::LightningImpl>::METRICS[5usize],
    );
    #[cfg(debug_assertions)]
    ///Key of the metric `val_ignored`, logged in `shared`.
    pub const VAL_IGNORED: ::lightning_core::__private::MetricKey<
        Self,
        ::lightning_core::__private::Undirected,
        ::lightning_core::__private::Stages<
            ::lightning_core::__private::N,
            ::lightning_core::__private::Y,
            ::lightning_core::__private::N,
        >,
    > = ::lightning_core::__private::MetricKey::new(
        &<Self as ::lightning_core::__private::LightningImpl>::METRICS[6usize],
    );
    #[cfg(debug_assertions)]
    ///Key of the metric `test_ignored`, logged in `shared`.
    pub const TEST_IGNORED: ::lightning_core::__private::MetricKey<
        Self,
        ::lightning_core::__private::Undirected,
        ::lightning_core::__private::Stages<
            ::lightning_core::__private::N,
            ::lightning_core::__private::N,
            ::lightning_core::__private::Y,
        >,
    > = ::lightning_core::__private::MetricKey::new(
        &<Self as ::lightning_core::__private::LightningImpl>::METRICS[7usize],
    );
}
#[automatically_derived]
impl<A: Activation> ::lightning_core::__private::LightningImpl for Net<A> {
    fn __lightning_declared() {
        ::lightning_core::__private::declared::<Self>()
    }
    type TrainBatch = Pair;
    #[cfg(feature = "val")]
    type ValBatch = Pair;
    #[cfg(not(feature = "val"))]
    type ValBatch = ::lightning_core::__private::NoBatch;
    type TestBatch = ::lightning_core::__private::NoBatch;
    type PredictBatch = Tensor<2>;
    const METRICS: &'static [::lightning_core::__private::MetricDef] = &[
        ::lightning_core::__private::MetricDef::new(
                "first",
                ::lightning_core::__private::StageSet::VAL,
            )
            .on_epoch()
            .no_logger(),
        ::lightning_core::__private::MetricDef::new(
                "second",
                ::lightning_core::__private::StageSet::VAL,
            )
            .on_epoch()
            .no_logger(),
        ::lightning_core::__private::MetricDef::new(
                "train_loss",
                ::lightning_core::__private::StageSet::TRAIN,
            )
            .minimize()
            .on_step(),
        ::lightning_core::__private::MetricDef::new(
                "val_loss",
                ::lightning_core::__private::StageSet::VAL,
            )
            .minimize()
            .on_epoch(),
        ::lightning_core::__private::MetricDef::new(
                "test_loss",
                ::lightning_core::__private::StageSet::TEST,
            )
            .minimize()
            .on_epoch(),
        ::lightning_core::__private::MetricDef::new(
                "train_ignored",
                ::lightning_core::__private::StageSet::TRAIN,
            )
            .on_step()
            .reduce(::lightning_core::__private::Reduce::Sum),
        ::lightning_core::__private::MetricDef::new(
                "val_ignored",
                ::lightning_core::__private::StageSet::VAL,
            )
            .on_epoch()
            .reduce(::lightning_core::__private::Reduce::Sum),
        ::lightning_core::__private::MetricDef::new(
                "test_ignored",
                ::lightning_core::__private::StageSet::TEST,
            )
            .on_epoch()
            .reduce(::lightning_core::__private::Reduce::Sum),
    ];
    const HOOKS: ::lightning_core::__private::HookSet = {
        let set = ::lightning_core::__private::HookSet::EMPTY
            .with(::lightning_core::__private::Hook::Setup)
            .with(::lightning_core::__private::Hook::OnTrainBatchStart)
            .with(::lightning_core::__private::Hook::OnTrainBatchEnd)
            .with(::lightning_core::__private::Hook::OnValidationBatchStart)
            .with(::lightning_core::__private::Hook::OnFitEnd);
        #[cfg(feature = "val")]
        let set = set.with(::lightning_core::__private::Hook::OnValidationEpochEnd);
        set
    };
    const BATCH_HOOKS: ::lightning_core::__private::HookSet = ::lightning_core::__private::HookSet::EMPTY
        .with(::lightning_core::__private::Hook::OnTrainBatchStart)
        .with(::lightning_core::__private::Hook::OnTrainBatchEnd);
    const STEPS: ::lightning_core::__private::StepSet = {
        let set = ::lightning_core::__private::StepSet::EMPTY
            .with(::lightning_core::__private::Step::Training)
            .with(::lightning_core::__private::Step::Predict);
        #[cfg(feature = "val")]
        let set = set.with(::lightning_core::__private::Step::Validation);
        set
    };
    #[allow(clippy::unit_arg)]
    fn run_hook(
        &mut self,
        hook: ::lightning_core::__private::Hook,
        cx: &mut ::lightning_core::__private::HookContext<'_>,
    ) -> ::lightning_core::__private::Result<()> {
        match hook {
            ::lightning_core::__private::Hook::Setup => {
                ::lightning_core::__private::hook_output(Self::setup(self, cx.stage()))
            }
            ::lightning_core::__private::Hook::OnTrainBatchStart => {
                let batch = cx
                    .batch::<
                        <Self as ::lightning_core::__private::LightningImpl>::TrainBatch,
                    >()?;
                ::lightning_core::__private::flow_output(
                        Self::on_train_batch_start(self, batch),
                    )
                    .map(|flow| cx.follow(flow))
            }
            ::lightning_core::__private::Hook::OnTrainBatchEnd => {
                let batch_idx = cx.batch_idx();
                let batch = cx
                    .batch::<
                        <Self as ::lightning_core::__private::LightningImpl>::TrainBatch,
                    >()?;
                ::lightning_core::__private::with_outputs::<
                    f32,
                    _,
                >(
                    cx,
                    |outputs, cx| Self::on_train_batch_end(
                        self,
                        batch_idx,
                        cx,
                        outputs,
                        batch,
                    ),
                )
            }
            ::lightning_core::__private::Hook::OnValidationBatchStart => {
                ::lightning_core::__private::hook_output(
                    Self::on_validation_batch_start(self, cx.dataloader_idx()),
                )
            }
            #[cfg(feature = "val")]
            ::lightning_core::__private::Hook::OnValidationEpochEnd => {
                let outputs = ::lightning_core::__private::epoch_outputs::<
                    Vec<f32>,
                >(cx)?;
                ::lightning_core::__private::hook_output(
                    Self::on_validation_epoch_end(self, outputs),
                )
            }
            ::lightning_core::__private::Hook::OnFitEnd => {
                ::lightning_core::__private::hook_output(Self::on_fit_end(self))
            }
            _ => ::lightning_core::__private::Result::Ok(()),
        }
    }
    #[allow(unused_variables, clippy::unit_arg)]
    fn save_user_state(
        &mut self,
        state: &mut ::lightning_core::__private::StateWriter,
    ) -> ::lightning_core::__private::Result<()> {
        ::lightning_core::__private::hook_output(Self::on_save_checkpoint(self, state))
    }
    #[cfg(feature = "load")]
    #[allow(unused_variables, clippy::unit_arg)]
    fn load_user_state(
        &mut self,
        state: &::lightning_core::__private::StateReader<'_>,
    ) -> ::lightning_core::__private::Result<()> {
        ::lightning_core::__private::hook_output(Self::on_load_checkpoint(self, state))
    }
}
#[automatically_derived]
impl<A: Activation> ::lightning_core::__private::TrainingStep for Net<A> {
    fn again(
        batch: &Self::TrainBatch,
    ) -> ::lightning_core::__private::Option<Self::TrainBatch> {
        ::lightning_core::__private::Option::Some(
            ::lightning_core::__private::Clone::clone(batch),
        )
    }
    #[allow(clippy::unit_arg)]
    fn run_training_step(
        &self,
        _step: usize,
        batch: Self::TrainBatch,
        cx: &::lightning_core::__private::StepContext<'_>,
    ) -> ::lightning_core::__private::Result<
        ::lightning_core::__private::Option<::lightning_core::__private::TrainingOutput>,
    > {
        ::lightning_core::__private::training_output_of::<
            f32,
            _,
        >(Self::training_step(self, cx, batch, cx.batch_idx()))
    }
}
#[cfg(feature = "val")]
#[automatically_derived]
impl<A: Activation> ::lightning_core::__private::ValidationStep for Net<A> {
    #[allow(clippy::unit_arg)]
    fn run_validation_step(
        &self,
        batch: Self::ValBatch,
        cx: &::lightning_core::__private::StepContext<'_>,
    ) -> ::lightning_core::__private::Result<()> {
        #[allow(unused_imports)]
        use ::lightning_core::__private::PlainOutput as _;
        let _ = cx;
        #[cfg(feature = "val")]
        {
            ::lightning_core::__private::kept_output::<
                Vec<f32>,
                _,
                _,
            >(
                cx,
                ::lightning_core::__private::Evaluated(
                        Self::validation_step(self, batch, cx.dataloader_idx()),
                    )
                    .given(),
            )
        }
        #[cfg(not(feature = "val"))]
        {
            ::lightning_core::__private::evaluation_output(
                ::lightning_core::__private::Evaluated(
                        Self::validation_step(self, batch, cx.dataloader_idx()),
                    )
                    .given(),
            )
        }
    }
}
#[automatically_derived]
impl<A: Activation> ::lightning_core::__private::PredictStep for Net<A> {
    type Output = <anyhow::Result<
        Vec<f32>,
    > as ::lightning_core::__private::FallibleOutput>::Output;
    #[allow(clippy::unit_arg)]
    fn run_predict_step(
        &self,
        batch: Self::PredictBatch,
        _cx: &::lightning_core::__private::StepContext<'_>,
    ) -> ::lightning_core::__private::Result<Self::Output> {
        <anyhow::Result<
            Vec<f32>,
        > as ::lightning_core::__private::FallibleOutput>::into_fallible_output(
            Self::predict_step(self, batch),
        )
    }
}
impl<
    A: Activation,
    const __LIGHTNING_NAME: u64,
> ::lightning_core::__private::TrainsOptimizer<__LIGHTNING_NAME> for Net<A> {}
#[automatically_derived]
impl<A: Activation> ::lightning_core::__private::InitModule for Net<A> {
    type Built = Result<Self>;
    #[allow(unused_variables)]
    fn init_module(
        hparams: <Self as ::lightning_core::__private::LightningStruct>::Hparams,
        device: &::lightning_core::__private::Device,
    ) -> Self::Built {
        Self::init(&hparams, device)
    }
}
