//! Expansions, reviewed like code.

use expect_test::expect_file;

use super::{pretty, programs};

#[test]
fn digits_struct() {
    expect_file!["../../tests/snapshots/digits_struct.rs"].assert_eq(&pretty(programs::DIGITS_STRUCT));
}

#[test]
fn digits_impl() {
    expect_file!["../../tests/snapshots/digits_impl.rs"].assert_eq(&pretty(programs::DIGITS_IMPL));
}

#[test]
fn struct_with_every_role() {
    expect_file!["../../tests/snapshots/every_role.rs"].assert_eq(&pretty(
        r#"
        #[lightning_module(crate = crate::lightning)]
        #[derive(Clone, PartialEq)]
        pub(crate) struct Moco<E: Encode, const K: usize> where E: Clone {
            #[init(build(r#type, device))]
            student: E,
            /// Follows the student.
            #[frozen]
            #[init(copy_of(student))]
            teacher: E,
            #[buffer(Tensor::zeros([K, 128], device))]
            queue: Tensor<2>,
            #[state]
            head: usize,
            #[state(skip)]
            seen: Option<Vec<u8>>,
            /// Which encoder.
            #[hparam]
            r#type: String,
            #[cfg(feature = "lr")]
            #[hparam(default = 1e-3)]
            lr: f64,
        }
        "#,
    ));
}

#[test]
fn hooks_of_every_shape() {
    expect_file!["../../tests/snapshots/hooks.rs"].assert_eq(&pretty(
        r#"
        #[lightning_module]
        impl<A: Activation> Net<A> {
            fn init(hparams: &NetHparams, device: &Device) -> Result<Self> { todo!() }
            fn setup(&mut self, stage: Stage) {}
            fn training_step(&self, cx: &StepContext, Pair { x, y }: Pair, batch_idx: usize) -> Result<Tensor<1>> {
                let loss = self.shared(x, y)?;
                Ok(loss)
            }
            #[cfg(feature = "val")]
            fn validation_step(&self, batch: Pair, _dataloader_idx: usize) {
                #[log(batch_size = batch.len(), logger = false)]
                let (first, second) = self.errors(batch);
            }
            fn predict_step(&self, batch: Tensor<2>) -> anyhow::Result<Vec<f32>> { todo!() }
            fn shared(&self, x: Tensor<2>, y: Tensor<1>) -> Result<Tensor<1>> {
                #[log(minimize, per_stage)]
                let loss = error(x, y);
                for part in parts() {
                    #[cfg(debug_assertions)]
                    #[log(per_stage, reduce = sum)]
                    let ignored = part;
                }
                Ok(loss)
            }
            fn on_train_batch_start(&mut self, batch: &Pair) -> ControlFlow<()> { ControlFlow::Continue(()) }
            fn on_train_batch_end(&mut self, batch_idx: usize, cx: &mut HookContext, outputs: &f32, batch: &Pair) {}
            fn on_validation_batch_start(&mut self, dataloader_idx: usize) -> Result<()> { Ok(()) }
            #[cfg(feature = "val")]
            fn on_validation_epoch_end(&mut self, outputs: Vec<f32>) {}
            fn on_fit_end(&mut self) {}
            fn on_save_checkpoint(&mut self, state: &mut StateWriter) -> Result<()> { Ok(()) }
            #[cfg(feature = "load")]
            fn on_load_checkpoint(&mut self, state: &StateReader) {}
        }
        "#,
    ));
}

#[test]
fn data_module() {
    expect_file!["../../tests/snapshots/data_module.rs"].assert_eq(&pretty(programs::FASHION_DATA));
}

#[test]
fn batch() {
    expect_file!["../../tests/snapshots/batch.rs"].assert_eq(&pretty(
        r#"
        #[derive(Batch, Clone, Debug)]
        pub struct DigitBatch { images: Tensor<2>, targets: Tensor<1, Int> }
        #[derive(Batch)]
        struct Pairs<T>(#[batch(size)] T, #[batch(host)] Vec<String>);
        #[derive(Batch)]
        enum Mixed { Labelled { images: Tensor<4>, #[batch(host)] names: Vec<String> }, Plain(Tensor<4>), End }
        "#,
    ));
}
