impl Net {
    /// Scores.
    ///
    ///`images`. Shape: `[batch, 1, _, SIDE]`.
    ///
    ///The result. Shape: `[batch, hidden]`.
    fn forward(&self, images: &Images, fast: bool) -> Result<Tensor<2>> {
        let mut __lightning_dims = ::lightning_core::__private::__dims_of_call!(
            "Net::forward"
        );
        if let ::lightning_core::__private::Option::Some(__lightning_dims) = &mut __lightning_dims {
            ::lightning_core::__private::bind_hparams::<
                Self,
            >(__lightning_dims, &self, &["batch", "hidden"]);
            __lightning_dims
                .param(
                    "images",
                    &<&Images as ::lightning_core::__private::HasDims>::shapes(&images),
                    &[
                        ::lightning_core::__private::Dim::Name("batch"),
                        ::lightning_core::__private::Dim::Size(1),
                        ::lightning_core::__private::Dim::Any,
                        ::lightning_core::__private::Dim::Size(SIDE),
                    ],
                );
        }
        #[allow(clippy::diverging_sub_expression)]
        let __lightning_result: Result<Tensor<2>> = '__lightning_body: {
            if fast {
                break '__lightning_body Err(error());
            }
            self.layer.forward(images)
        };
        #[allow(unreachable_code, clippy::needless_return)]
        return {
            if let ::lightning_core::__private::Option::Some(__lightning_dims) = &mut __lightning_dims {
                __lightning_dims
                    .result(
                        &<Result<
                            Tensor<2>,
                        > as ::lightning_core::__private::HasDims>::shapes(
                            &__lightning_result,
                        ),
                        &[
                            ::lightning_core::__private::Dim::Name("batch"),
                            ::lightning_core::__private::Dim::Name("hidden"),
                        ],
                    );
            }
            __lightning_result
        };
    }
    ///
    ///`batch`. Shape: `[batch, 4]`.
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        let mut __lightning_dims = ::lightning_core::__private::__dims_of_call!(
            "Net::training_step"
        );
        if let ::lightning_core::__private::Option::Some(__lightning_dims) = &mut __lightning_dims {
            ::lightning_core::__private::bind_hparams::<
                Self,
            >(__lightning_dims, &self, &["batch"]);
            __lightning_dims
                .param(
                    "batch",
                    &<Tensor<2> as ::lightning_core::__private::HasDims>::shapes(&batch),
                    &[
                        ::lightning_core::__private::Dim::Name("batch"),
                        ::lightning_core::__private::Dim::Size(4),
                    ],
                );
        }
        self.loss(batch)
    }
    fn on_train_batch_end(&mut self) {}
    fn on_before_backward(&mut self) {}
    fn on_before_optimizer_step(&mut self, cx: &mut HookContext) {}
}
#[allow(dead_code, missing_docs, non_local_definitions, unreachable_pub)]
#[allow(unused_imports, unused_qualifications, unused_variables, clippy::unit_arg)]
const _: () = {
    use ::lightning_core::__private::{self as __p, NotBatch as _, NotTensor as _};
    #[automatically_derived]
    impl __p::LightningImpl for Net {
        const __LIGHTNING_DECLARED: () = __p::declared::<Self>();
        type Builder = __p::TrainerBuilder<Self>;
        type TrainBatch = Tensor<2>;
        type ValBatch = __p::NoBatch;
        type TestBatch = __p::NoBatch;
        type PredictBatch = __p::NoBatch;
        const HOOKS: __p::HookSet = __p::HookSet::EMPTY
            .with(__p::Hook::OnTrainBatchEnd)
            .with(__p::Hook::OnBeforeBackward)
            .with(__p::Hook::OnBeforeOptimizerStep);
        fn run_hook(&mut self, hook: __p::Hook, cx: &mut __p::Cx<'_>) -> __p::Outcome {
            match hook {
                __p::Hook::OnTrainBatchEnd if cx.is_every(100) => {
                    __p::hook_output(Self::on_train_batch_end(self))
                }
                __p::Hook::OnBeforeBackward if cx.is_every_epoch(__LIGHTNING_COUNT_3) => {
                    __p::hook_output(Self::on_before_backward(self))
                }
                __p::Hook::OnBeforeOptimizerStep if cx.is_once(50) => {
                    __p::hook_output(
                        Self::on_before_optimizer_step(
                            self,
                            __p::arg::<&mut HookContext>(cx),
                        ),
                    )
                }
                _ => __p::Result::Ok(()),
            }
        }
        const FORWARD: bool = true;
        fn forward_step(
            &self,
            example: &__p::BatchReader<'_>,
            results: &mut __p::BatchWriter,
        ) -> __p::Result<()> {
            use __p::{
                Exports as _, RefusesExport as _, RefusesParameter as _, TakesPart as _,
            };
            let __lightning_0 = (&__p::StepParameter::<Images>::new())
                .take("images", 0, 2, example)?;
            let __lightning_1 = (&__p::StepParameter::<bool>::new())
                .take("fast", 1, 2, example)?;
            __p::Exported(Self::forward(self, &__lightning_0, __lightning_1))
                .export(results)
        }
    }
    #[automatically_derived]
    impl __p::TrainingStep for Net {
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
    const __LIGHTNING_COUNT_3: u64 = {
        let count: u64 = <Net>::OFTEN;
        __p::assert!(
            count > 0,
            "the number of `#[every]` must be at least 1, found 0\n= help: write `#[every(1)]` or more"
        );
        count
    };
    const _: () = __p::assert!(
        < & Images as __p::HasDims > ::RANK == 4usize,
        "`#[dims]` must have as many sizes as `&Images` has dimensions, found 4\n= help: write a size for each dimension, `_` for any"
    );
    impl<const __LIGHTNING_NAME: u64> __p::TrainsOptimizer<__LIGHTNING_NAME> for Net {}
    const _: () = __p::assert_counted!(Tensor < 2 >, "Tensor<2>");
    __p::misplaced_hooks!(
        Net[] [] training_step on_train_batch_end on_before_backward
        on_before_optimizer_step
    );
};
