impl<A: Activation> Net<A>
where
    Net<A>: ::lightning_core::__private::DeclaredModule,
{
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
        >(0, &first, ::lightning_core::__private::log_weight(batch.len()));
        ::lightning_core::__private::log_weighted::<
            Self,
            _,
        >(1, &second, ::lightning_core::__private::log_weight(batch.len()));
    }
    fn predict_step(&self, batch: Tensor<2>) -> anyhow::Result<Vec<f32>> {
        todo!()
    }
    fn shared(&self, x: Tensor<2>, y: Tensor<1>) -> Result<Tensor<1>> {
        let loss = error(x, y);
        ::lightning_core::__private::log_per_stage::<Self, _>(2, &loss);
        for part in parts() {
            #[cfg(debug_assertions)]
            let ignored = part;
            #[cfg(debug_assertions)]
            ::lightning_core::__private::log_per_stage::<Self, _>(5, &ignored);
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
#[allow(dead_code, missing_docs, non_local_definitions, unreachable_pub)]
#[allow(unused_imports, unused_qualifications, unused_variables, clippy::unit_arg)]
const _: () = {
    use ::lightning_core::__private::{self as __p, NotBatch as _, NotTensor as _};
    impl<A: Activation> Net<A>
    where
        Net<A>: ::lightning_core::__private::DeclaredModule,
    {
        #[cfg(feature = "val")]
        ///Key of the metric `first`, logged in `validation_step`.
        pub const FIRST: __p::Key<Self, __p::Undirected, __p::NYN> = __p::key(0);
        #[cfg(feature = "val")]
        ///Key of the metric `second`, logged in `validation_step`.
        pub const SECOND: __p::Key<Self, __p::Undirected, __p::NYN> = __p::key(1);
        ///Key of the metric `train_loss`, logged in `shared`.
        pub const TRAIN_LOSS: __p::Key<Self, __p::Minimize, __p::YNN> = __p::key(2);
        ///Key of the metric `val_loss`, logged in `shared`.
        pub const VAL_LOSS: __p::Key<Self, __p::Minimize, __p::NYN> = __p::key(3);
        ///Key of the metric `test_loss`, logged in `shared`.
        pub const TEST_LOSS: __p::Key<Self, __p::Minimize, __p::NNN> = __p::key(4);
        #[cfg(debug_assertions)]
        ///Key of the metric `train_ignored`, logged in `shared`.
        pub const TRAIN_IGNORED: __p::Key<Self, __p::Undirected, __p::YNN> = __p::key(5);
        #[cfg(debug_assertions)]
        ///Key of the metric `val_ignored`, logged in `shared`.
        pub const VAL_IGNORED: __p::Key<Self, __p::Undirected, __p::NYN> = __p::key(6);
        #[cfg(debug_assertions)]
        ///Key of the metric `test_ignored`, logged in `shared`.
        pub const TEST_IGNORED: __p::Key<Self, __p::Undirected, __p::NNN> = __p::key(7);
    }
    #[automatically_derived]
    impl<A: Activation> __p::LightningImpl for Net<A>
    where
        Net<A>: ::lightning_core::__private::DeclaredModule,
    {
        const __LIGHTNING_DECLARED: () = __p::declared::<Self>();
        type Builder = __p::TrainerBuilder<Self>;
        type TrainBatch = Pair;
        #[cfg(feature = "val")]
        type ValBatch = Pair;
        #[cfg(not(feature = "val"))]
        type ValBatch = __p::NoBatch;
        type TestBatch = __p::NoBatch;
        type PredictBatch = Tensor<2>;
        const METRICS: &'static [__p::MetricDef] = &[
            __p::MetricDef::val("first").on_epoch().no_logger(),
            __p::MetricDef::val("second").on_epoch().no_logger(),
            __p::MetricDef::train("train_loss").minimize().on_step(),
            __p::MetricDef::val("val_loss").minimize().on_epoch(),
            __p::MetricDef::test("test_loss").minimize().on_epoch(),
            __p::MetricDef::train("train_ignored").on_step().reduce(__p::Reduce::Sum),
            __p::MetricDef::val("val_ignored").on_epoch().reduce(__p::Reduce::Sum),
            __p::MetricDef::test("test_ignored").on_epoch().reduce(__p::Reduce::Sum),
        ];
        const HOOKS: __p::HookSet = {
            let set = __p::HookSet::EMPTY
                .with(__p::Hook::Setup)
                .with(__p::Hook::OnTrainBatchStart)
                .with(__p::Hook::OnTrainBatchEnd)
                .with(__p::Hook::OnValidationBatchStart)
                .with(__p::Hook::OnFitEnd);
            #[cfg(feature = "val")]
            let set = set.with(__p::Hook::OnValidationEpochEnd);
            set
        };
        const BATCH_HOOKS: __p::HookSet = __p::HookSet::EMPTY
            .with(__p::Hook::OnTrainBatchStart)
            .with(__p::Hook::OnTrainBatchEnd);
        fn run_hook(&mut self, hook: __p::Hook, cx: &mut __p::Cx<'_>) -> __p::Outcome {
            match hook {
                __p::Hook::Setup => {
                    __p::hook_output(Self::setup(self, __p::arg::<Stage>(cx.stage())))
                }
                __p::Hook::OnTrainBatchStart => {
                    let batch = cx.batch::<<Self as __p::LightningImpl>::TrainBatch>()?;
                    __p::flow_output(
                            Self::on_train_batch_start(self, __p::arg::<&Pair>(batch)),
                        )
                        .map(|flow| cx.follow(flow))
                }
                __p::Hook::OnTrainBatchEnd => {
                    let batch_idx = cx.batch_idx();
                    let batch = cx.batch::<<Self as __p::LightningImpl>::TrainBatch>()?;
                    __p::with_outputs::<
                        f32,
                        _,
                    >(
                        cx,
                        |outputs, cx| Self::on_train_batch_end(
                            self,
                            __p::arg::<usize>(batch_idx),
                            __p::arg::<&mut HookContext>(cx),
                            __p::arg::<&f32>(outputs),
                            __p::arg::<&Pair>(batch),
                        ),
                    )
                }
                __p::Hook::OnValidationBatchStart => {
                    __p::hook_output(
                        Self::on_validation_batch_start(
                            self,
                            __p::arg::<usize>(cx.dataloader_idx()),
                        ),
                    )
                }
                #[cfg(feature = "val")]
                __p::Hook::OnValidationEpochEnd => {
                    let outputs = __p::epoch_outputs::<Vec<f32>>(cx)?;
                    __p::hook_output(
                        Self::on_validation_epoch_end(
                            self,
                            __p::arg::<Vec<f32>>(outputs),
                        ),
                    )
                }
                __p::Hook::OnFitEnd => __p::hook_output(Self::on_fit_end(self)),
                _ => __p::Result::Ok(()),
            }
        }
        fn save_user_state(&mut self, state: &mut __p::StateWriter) -> __p::Result<()> {
            __p::hook_output(
                Self::on_save_checkpoint(self, __p::arg::<&mut StateWriter>(state)),
            )
        }
        #[cfg(feature = "load")]
        fn load_user_state(&mut self, state: &__p::StateReader<'_>) -> __p::Result<()> {
            __p::hook_output(
                Self::on_load_checkpoint(self, __p::arg::<&StateReader>(state)),
            )
        }
        const EXPORTED: &'static str = "predict_step";
        fn exported_step(
            &self,
            example: &__p::BatchReader<'_>,
            results: &mut __p::BatchWriter,
        ) -> __p::Result<()> {
            use __p::{Exports as _, RefusesExport as _};
            __p::Exported(__p::predicted(self, example)?).export(results)
        }
    }
    #[automatically_derived]
    impl<A: Activation> __p::TrainingStep for Net<A>
    where
        Net<A>: ::lightning_core::__private::DeclaredModule,
    {
        const AGAIN: __p::Again<Self::TrainBatch> = __p::kept_batch;
        fn run_training_step(
            &self,
            _step: usize,
            batch: Self::TrainBatch,
            cx: &__p::StepCx<'_>,
        ) -> __p::Result<__p::Option<__p::TrainingOutput>> {
            __p::training_output_of::<
                f32,
                _,
            >(
                Self::training_step(
                    self,
                    __p::arg::<&StepContext>(cx),
                    batch,
                    __p::arg::<usize>(cx.batch_idx()),
                ),
            )
        }
    }
    #[cfg(feature = "val")]
    #[automatically_derived]
    impl<A: Activation> __p::ValidationStep for Net<A>
    where
        Net<A>: ::lightning_core::__private::DeclaredModule,
    {
        fn run_validation_step(
            &self,
            batch: Self::ValBatch,
            cx: &__p::StepCx<'_>,
        ) -> __p::Result<()> {
            #[allow(unused_imports)]
            use __p::PlainOutput as _;
            let _ = cx;
            #[cfg(feature = "val")]
            {
                __p::kept_output::<
                    Vec<f32>,
                    _,
                    _,
                >(
                    cx,
                    __p::Evaluated(
                            Self::validation_step(
                                self,
                                batch,
                                __p::arg::<usize>(cx.dataloader_idx()),
                            ),
                        )
                        .given(),
                )
            }
            #[cfg(not(feature = "val"))]
            {
                __p::evaluation_output(
                    __p::Evaluated(
                            Self::validation_step(
                                self,
                                batch,
                                __p::arg::<usize>(cx.dataloader_idx()),
                            ),
                        )
                        .given(),
                )
            }
        }
    }
    #[automatically_derived]
    impl<A: Activation> __p::PredictStep for Net<A>
    where
        Net<A>: ::lightning_core::__private::DeclaredModule,
    {
        type Output = <anyhow::Result<Vec<f32>> as __p::FallibleOutput>::Output;
        fn run_predict_step(
            &self,
            batch: Self::PredictBatch,
            _cx: &__p::StepCx<'_>,
        ) -> __p::Result<Self::Output> {
            <anyhow::Result<
                Vec<f32>,
            > as __p::FallibleOutput>::into_fallible_output(
                Self::predict_step(self, batch),
            )
        }
    }
    impl<
        A: Activation,
        const __LIGHTNING_NAME: u64,
    > __p::TrainsOptimizer<__LIGHTNING_NAME> for Net<A>
    where
        Net<A>: ::lightning_core::__private::DeclaredModule,
    {}
    #[automatically_derived]
    impl<A: Activation> __p::InitModule for Net<A>
    where
        Net<A>: ::lightning_core::__private::DeclaredModule,
    {
        type Built = <Result<Self> as __p::InitOutput<Self>>::Built;
        fn init_module(
            hparams: <Self as __p::LightningStruct>::Hparams,
            device: &__p::Device,
        ) -> Self::Built {
            <Result<
                Self,
            > as __p::InitOutput<
                Self,
            >>::built(
                Self::init(
                    __p::arg::<&NetHparams>(&hparams),
                    __p::arg::<&Device>(device),
                ),
                hparams,
            )
        }
    }
};
