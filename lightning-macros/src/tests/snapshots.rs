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
            #[precision(f32)]
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
fn stateful_metrics() {
    expect_file!["../../tests/snapshots/stateful.rs"].assert_eq(&pretty(
        r#"
        #[lightning_module]
        impl Net {
            fn validation_step(&self, batch: Pair) {
                let scores = self.shared(&batch);
                #[cfg(feature = "f1")]
                #[log(maximize, metric = FBeta::f1().num_classes(self.classes))]
                let val_f1 = (&scores, &batch.targets);
            }
            fn shared(&self, batch: &Pair) -> Tensor<2> {
                let scores = self.layer.forward(batch.x.clone());
                #[log(per_stage, on_step, on_epoch, metric = Accuracy::new())]
                let acc = (&scores, &batch.targets);
                #[log(per_stage, batch_size = batch.tokens)]
                let loss = 0.5;
                scores
            }
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
fn cadences_and_shapes() {
    expect_file!["../../tests/snapshots/cadences.rs"].assert_eq(&pretty(
        r#"
        #[lightning_module]
        impl Net {
            /// Scores.
            #[dims(-> batch, hidden)]
            fn forward(&self, #[dims(batch, 1, _, SIDE)] images: &Images, fast: bool) -> Result<Tensor<2>> {
                if fast { return Err(error()); }
                self.layer.forward(images)
            }
            fn training_step(&self, #[dims(batch, 4)] batch: Tensor<2>) -> Tensor<1> { self.loss(batch) }
            #[every(100)]
            fn on_train_batch_end(&mut self) {}
            #[every(Self::OFTEN, epochs)]
            fn on_before_backward(&mut self) {}
            #[once(50)]
            fn on_before_optimizer_step(&mut self, cx: &mut HookContext) {}
        }
        "#,
    ));
    expect_file!["../../tests/snapshots/shaped_batch.rs"].assert_eq(&pretty(
        r#"
        #[derive(Batch)]
        struct Digits { #[dims(batch, 28)] images: Images, #[dims(batch)] targets: Tensor<1, Int>, names: Vec<String> }
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

/// The lines that the expansion adds to the item.
fn added_lines(source: &str) -> usize {
    let item = prettyplease::unparse(&syn::parse_file(source).expect("Rust"));
    pretty(source).lines().count().saturating_sub(item.lines().count())
}

#[test]
fn a_module_with_three_hooks_stays_small() {
    let three_hooks = r#"
        #[lightning_module]
        impl Digits {
            fn training_step(&self, batch: DigitBatch) -> Tensor<1> {
                #[log(minimize, prog_bar)]
                let train_loss = cross_entropy(self.forward(batch.images), batch.targets);
                train_loss
            }
            fn validation_step(&self, batch: DigitBatch) {
                #[log(minimize)]
                let val_loss = cross_entropy(self.forward(batch.images), batch.targets);
            }
            fn on_train_epoch_end(&mut self, cx: &mut HookContext) {
                cx.print("done");
            }
        }
    "#;
    let lines = added_lines(three_hooks);
    println!("{lines} lines beside the impl");
    assert!(lines <= 60, "{lines} lines:\n{}", pretty(three_hooks));
}

#[test]
fn a_struct_stays_small() {
    for source in [programs::DIGITS_STRUCT, STRUCT_WITHOUT_HPARAMS, STRUCT_OF_MANY_HPARAMS] {
        let (fields, hparams) = (source.matches("#[init").count(), source.matches("#[hparam").count());
        // A hyperparameter is also a field; an optimizer is a separate impl.
        let optimizers = source.matches("#[optimizer").count();
        let space = if hparams > 0 { 10 + 3 * hparams } else { 0 };
        let budget = 30 + 8 * hparams + 4 * (fields + hparams) + 10 * optimizers + space;
        let lines = added_lines(source);
        println!("{lines} of {budget} lines beside a struct of {fields} modules and {hparams} hyperparameters");
        assert!(lines <= budget, "{lines} lines, at most {budget}:\n{}", pretty(source));
    }
}

const STRUCT_WITHOUT_HPARAMS: &str = "
    #[lightning_module]
    pub struct Line { #[init(LinearConfig::new(2, 1).init(device))] linear: Linear }
";

const STRUCT_OF_MANY_HPARAMS: &str = "
    #[lightning_module]
    #[optimizer(AdamConfig::new(), lr = lr)]
    pub struct Mlp {
        #[init(LinearConfig::new(inputs, hidden).init(device))] first: Linear,
        #[init(LinearConfig::new(hidden, hidden).init(device))] second: Linear,
        #[init(DropoutConfig::new(dropout_rate).init())] dropout: Dropout,
        #[init(LinearConfig::new(hidden, classes).init(device))] last: Linear,
        #[hparam(default = 64)] inputs: usize,
        #[hparam(default = 128)] hidden: usize,
        #[hparam(default = 10)] classes: usize,
        #[hparam(default = 0.5)] dropout_rate: f64,
        #[hparam(default = 1e-3)] lr: f64,
    }
";
