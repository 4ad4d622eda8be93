//! Wrong programs and every word they are answered with. One error per mistake.

use expect_test::{Expect, expect};

use super::messages;

fn check(source: &str, expected: Expect) {
    expected.assert_eq(&messages(source).join("\n\n"));
    for message in messages(source) {
        let headline = message.lines().next().unwrap_or_default();
        assert!(headline.chars().count() <= 90, "too long: {headline}");
        assert!(!headline.ends_with('.'), "full stop: {headline}");
    }
}

#[test]
fn near_miss_names() {
    check(
        r##"
#[lightning_module] impl Net {
    fn traning_step(&self, batch: B) -> Tensor<1> { #[log] let loss = l(); loss }
    fn val_step(&self, batch: B) {}
    fn on_validation_epoch_finished(&mut self) {}
    fn validation_epoch_end(&mut self) {}
    fn valid_dataloader(&self) -> DataLoader<B> { todo!() }
    fn configure_optimizers(&self) -> Adam { todo!() }
    fn optimizer_step(&mut self) {}
}
"##,
        expect![[r#"
            `traning_step` is no hook of a module
            = note: `training_step`: for each training batch
            = help: did you mean `fn training_step(&self, batch: B) -> Tensor<1>`?
            = help: or mark the method `#[not_a_hook]` to keep the name

            `val_step` is no hook of a module
            = note: `validation_step`: for each validation batch
            = help: did you mean `fn validation_step(&self, batch: B)`?
            = help: or mark the method `#[not_a_hook]` to keep the name

            `on_validation_epoch_finished` looks like a hook, but a module has no such hook
            = help: the nearest is `fn on_validation_epoch_end(&mut self, outputs: Vec<T>, cx: &mut HookContext)`
            = help: or mark the method `#[not_a_hook]` to keep the name

            `validation_epoch_end` is no hook of a module
            = note: `on_validation_epoch_end`: after the validation batches
            = help: did you mean `fn on_validation_epoch_end(&mut self, outputs: Vec<T>, cx: &mut HookContext)`?
            = help: or mark the method `#[not_a_hook]` to keep the name

            `valid_dataloader` is no hook of a module
            = note: `val_dataloader`: when `fit` or `validate` is given `()`, for the validation batches
            = help: did you mean `fn val_dataloader(&self) -> Result<DataLoader<B>>`?
            = help: or mark the method `#[not_a_hook]` to keep the name

            `optimizer_step` is not available as a hook of a module
            = help: the trainer steps the optimizer: use `on_before_optimizer_step` to look at the gradients before it does
            = help: or mark the method `#[not_a_hook]` to keep the name"#]],
    );
}

#[test]
fn wrong_receivers() {
    check(
        r##"
#[lightning_module] impl Net {
    fn training_step(&mut self, batch: B) -> Tensor<1> { todo!() }
    fn validation_step(batch: B) {}
    fn on_fit_start(self) {}
    fn on_fit_end(&self) {}
    fn init(&self, hparams: &NetHparams, device: &Device) -> Self { todo!() }
}
"##,
        expect![[r#"
            `training_step` takes `&self`, found `&mut self`
            = note: expected `fn training_step(&self, batch: B) -> Tensor<1>`
            = help: write `&self`; what changes from batch to batch goes into a hook, such as `on_train_batch_end`

            `validation_step` takes `&self`, found no receiver
            = note: expected `fn validation_step(&self, batch: B)`
            = help: write `&self`

            `on_fit_start` takes `&mut self`, found `self`
            = note: expected `fn on_fit_start(&mut self, cx: &mut HookContext)`
            = help: write `&mut self`

            `on_fit_end` takes `&mut self`, found `&self`
            = note: expected `fn on_fit_end(&mut self, cx: &mut HookContext)`
            = help: write `&mut self`

            `init` takes no receiver, found `&self`
            = note: expected `fn init(hparams: &…Hparams, device: &Device) -> Self`
            = help: remove it, or mark the method `#[not_a_hook]` to keep the name"#]],
    );
}

#[test]
fn qualifiers() {
    check(
        r##"
#[lightning_module] impl Net {
    async fn training_step(&self, batch: B) -> Tensor<1> { todo!() }
    const unsafe extern "C" fn on_fit_start(&mut self) {}
    fn test_step<T: Batch>(&self, batch: T) {}
}
"##,
        expect![[r#"
            `training_step` cannot be `async`
            = note: expected `fn training_step(&self, batch: B) -> Tensor<1>`
            = help: remove it

            `on_fit_start` cannot be `const`
            = note: expected `fn on_fit_start(&mut self, cx: &mut HookContext)`
            = help: remove it

            `on_fit_start` cannot be `unsafe`
            = note: expected `fn on_fit_start(&mut self, cx: &mut HookContext)`
            = help: remove it

            `on_fit_start` cannot be `extern`
            = note: expected `fn on_fit_start(&mut self, cx: &mut HookContext)`
            = help: remove it

            `test_step` cannot be generic
            = note: expected `fn test_step(&self, batch: B)`
            = help: write the types themselves, such as `batch: Tensor<2>`"#]],
    );
}

#[test]
fn wrong_parameters() {
    check(
        r##"
#[lightning_module] impl Net {
    fn training_step(&self, batch: B, batch_index: usize, optimizers: &mut Optimizers<Self>) -> Tensor<1> { todo!() }
    fn on_train_epoch_end(&mut self, outputs: Vec<f32>) {}
    fn on_train_batch_start(&mut self, batch: B) {}
    fn on_test_batch_end(&mut self, batch: &mut B) {}
    fn on_train_batch_end(&mut self, outputs: T, cx: &mut HookContext, _cx: &mut HookContext, (a, b): (u8, u8)) {}
    fn prepare_data(&self, stage: Stage) {}
    fn init(hparams: &NetHparams) -> Self { todo!() }
}
"##,
        expect![[r#"
            `training_step` has no parameter `batch_index`
            = note: its parameters are the batch, then any of `batch_idx: usize`, `dataloader_idx: usize`, `cx: &StepContext`
            = help: did you mean `batch_idx`?

            `training_step` has no parameter `optimizers`
            = note: its parameters are the batch, then any of `batch_idx: usize`, `dataloader_idx: usize`, `cx: &StepContext`
            = help: remove it

            `on_train_epoch_end` has no parameter `outputs`
            = note: its parameters, recognised by name, are `cx: &mut HookContext`
            = help: remove it

            `on_train_batch_start` sees its `batch` by reference, found `B`
            = note: expected `fn on_train_batch_start(&mut self, batch: &B, batch_idx: usize, cx: &mut HookContext)`
            = help: write `&B`

            `on_test_batch_end` sees its `batch` by reference, found `&mut B`
            = note: expected `fn on_test_batch_end(&mut self, batch: &B, batch_idx: usize, dataloader_idx: usize, cx: &mut HookContext)`
            = help: write `&B`

            `on_train_batch_end` sees its `outputs` by reference, found `T`
            = note: expected `fn on_train_batch_end(&mut self, outputs: &T, batch: &B, batch_idx: usize, cx: &mut HookContext)`
            = help: write `&T`

            `cx` is asked for twice
            = help: keep one of the two

            `on_train_batch_end` has no parameter `(a, b)`
            = note: its parameters, recognised by name, are `outputs: &T`, `batch: &B`, `batch_idx: usize`, `cx: &mut HookContext`
            = help: remove it

            `prepare_data` has no parameter `stage`
            = note: it takes no parameters
            = help: remove it

            `init` has no parameter `device`
            = note: expected `fn init(hparams: &…Hparams, device: &Device) -> Self`
            = help: add `device: &Device`"#]],
    );
}

#[test]
fn wrong_batches() {
    check(
        r##"
#[lightning_module] impl Net {
    fn training_step(&self) -> Tensor<1> { todo!() }
    fn validation_step(&self, batch: &B) {}
    fn test_step(&self, batch: impl Batch) {}
    fn predict_step(&self, batch: B) -> impl Iterator<Item = f32> { todo!() }
}
"##,
        expect![[r#"
            `training_step` takes a batch, found none
            = note: expected `fn training_step(&self, batch: B) -> Tensor<1>`
            = help: add `batch: B`, where `B` is the type that the loader gives

            `validation_step` takes its batch by value, found a reference
            = help: write `B`: the step owns the batch

            the batch of `test_step` needs a named type
            = help: write the type that derives `Batch`

            name the prediction's type
            = help: write the type that the step returns"#]],
    );
}

#[test]
fn generated_and_repeated_names() {
    check(
        r##"
#[lightning_module] impl Net {
    fn freeze(&mut self) {}
    fn training_step(&self, batch: B) -> Tensor<1> { todo!() }
    fn training_step(&self, batch: B) -> Tensor<1> { todo!() }
}
"##,
        expect![[r#"
            `freeze` exists already: `#[lightning_module]` writes it
            = help: choose another name

            `training_step` is written twice
            = help: keep one of the two"#]],
    );
}

#[test]
fn old_tensors() {
    check(
        r##"
#[lightning_module] struct Net { layer: Linear, #[buffer] noise: Vec<Tensor<B, 2>> }
#[lightning_module] impl Net {
    fn forward(&self, x: Tensor<B, 3, Int>) -> Tensor<B, 2> { todo!() }
}
#[derive(Batch)] struct Images { images: Tensor<B, 4> }
"##,
        expect![[r#"
            `Tensor<B, 2>` is the tensor of an older Burn
            = help: Burn 0.22 has no backend parameter: write `Tensor<2>`

            `Tensor<B, 3, Int>` is the tensor of an older Burn
            = help: Burn 0.22 has no backend parameter: write `Tensor<3, Int>`

            `Tensor<B, 2>` is the tensor of an older Burn
            = help: Burn 0.22 has no backend parameter: write `Tensor<2>`

            `Tensor<B, 4>` is the tensor of an older Burn
            = help: Burn 0.22 has no backend parameter: write `Tensor<4>`"#]],
    );
}

#[test]
fn logs_in_wrong_places() {
    check(
        r##"
#[lightning_module] impl Net {
    fn predict_step(&self, batch: B) { #[log] let seen = 1.0; }
    fn on_fit_start(&mut self) { #[log] let start = 1.0; }
    fn helper(&self) { #[log] let helped = 1.0; }
}
#[data_module] impl Data {
    fn setup(&mut self) -> Result<()> { #[log] let read = 1.0; Ok(()) }
}
"##,
        expect![[r#"
            `predict_step` logs nothing
            = note: no stage collects metrics when it runs
            = help: log the value in a training, validation or test step, or in an epoch hook

            `on_fit_start` logs nothing
            = note: no stage collects metrics when it runs
            = help: log the value in a training, validation or test step, or in an epoch hook

            `helper` is no step and no hook, so this metric belongs to no stage
            = note: several stages may call the method
            = help: write `#[log(per_stage)]` for one metric per stage, or log the result in the step

            a data module logs nothing
            = help: log the value in a step or hook of the `#[lightning_module]`"#]],
    );
}

#[test]
fn logs_of_wrong_forms() {
    check(
        r##"
#[lightning_module] impl Net {
    #[log]
    fn training_step(&self, batch: B) -> Tensor<1> {
        #[log] let later;
        #[log] let _ = 1;
        #[log] let (Some(a), Some(b)) = pair else { return };
        #[log] let None = option else { return };
        #[log] later = 3;
        let f = || { #[log] let inner = 1; };
        let g = async { #[log] let inner = 1; };
        fn nested() { #[log] let inner = 1; }
        for x in xs { #[log] let round = x; }
        while go() { #[log] #[log] let round = x; }
        #[log(reduce = max)] let fine = 1;
        #[log] let Some(single) = option else { return };
        later
    }
}
"##,
        expect![[r#"
            `#[log]` is no attribute of a method of a module
            = note: the attributes of a method are `not_a_hook`, `training_step` and `manual_optimization`
            = help: write `#[log]` above the `let` whose value is logged

            `#[log]` is written twice on one `let`
            = help: write all options in one `#[log(…)]`

            this `let` has no value yet
            = help: write `#[log]` on a `let` with a value: `#[log] let val_acc = …;`

            this `let` binds no variable
            = note: the variable's name is the metric's name
            = help: name the value: `#[log] let val_acc = …;`

            `let … else` with several variables cannot be logged
            = help: log each variable by a `let` of its own

            this `let` binds no variable
            = note: the variable's name is the metric's name
            = help: name the value: `#[log] let val_acc = …;`

            `#[log]` stands on no `let`
            = help: bind the value first: `#[log] let val_acc = …;`

            `#[log]` stands in a closure
            = note: the value may come into being on another thread, or after the step
            = help: log it where the result is bound in the step itself

            `#[log]` stands in an `async` block
            = note: the value may come into being on another thread, or after the step
            = help: log it where the result is bound in the step itself

            `#[log]` stands in a nested item
            = note: the value may come into being on another thread, or after the step
            = help: log it where the result is bound in the step itself

            `#[log]` stands in a loop
            = note: the value is logged in every round, and nothing says what the rounds make together
            = help: write `reduce = mean`, `sum`, `min` or `max`, or log once after the loop

            `#[log]` stands in a loop
            = note: the value is logged in every round, and nothing says what the rounds make together
            = help: write `reduce = mean`, `sum`, `min` or `max`, or log once after the loop"#]],
    );
}

#[test]
fn log_options() {
    check(
        r##"
#[lightning_module] impl Net {
    fn training_step(&self, batch: B) -> Tensor<1> {
        #[log(minimise)] let a = 1;
        #[log(minimize, maximize)] let b = 1;
        #[log(prog_bar, prog_bar)] let c = 1;
        #[log(on_step = false)] let d = 1;
        #[log(reduce = median)] let e = 1;
        #[log(name = 3)] let f = 1;
        #[log(name = "both")] let (g, h) = pair;
        #[log(metrics = Accuracy::new())] let i = 1;
        #[log(batch_size)] let j = 1;
        #[log(logger = 3, 4)] let k = 1;
        #[log(minimize prog_bar)] let l = 1;
        #[log = "x"] let m = 1;
        #[log(metric = Accuracy::new(), reduce = sum, batch_size = 3)] let n = pair;
        #[log(metric)] let p = pair;
        #[log(metric = Accuracy::new(), on_epoch = false)] let q = pair;
        a
    }
    fn on_train_epoch_end(&mut self) { #[log(on_step)] let o = 1; }
}
"##,
        expect![[r#"
            `#[log]` has no option `minimise`
            = note: its options are `minimize`, `maximize`, `prog_bar`, `on_step`, `on_epoch`, `logger`, `reduce`, `name`, `batch_size`, `metric` and `per_stage`
            = help: did you mean `minimize`?

            `prog_bar` is written twice in `#[log]`
            = help: keep one of the two

            `reduce` does not know `median`
            = help: write `reduce = mean`, `sum`, `min` or `max`

            `name` takes the metric's name as a string
            = help: write `name = "val/loss"`

            `#[log]` has no option `metrics`
            = note: its options are `minimize`, `maximize`, `prog_bar`, `on_step`, `on_epoch`, `logger`, `reduce`, `name`, `batch_size`, `metric` and `per_stage`
            = help: did you mean `metric`?

            `batch_size` needs a value
            = help: write `batch_size = …`

            `#[log]` takes no value without a name here
            = note: its options are `minimize`, `maximize`, `prog_bar`, `on_step`, `on_epoch`, `logger`, `reduce`, `name`, `batch_size`, `metric` and `per_stage`

            `logger` is switched on or off
            = help: write `logger` or `logger = false`

            expected `,`

            `#[log = …]` is not a form of `#[log]`
            = help: write `#[log(…)]`

            `metric` needs a value
            = help: write `metric = Accuracy::new()`

            `minimize` and `maximize` exclude each other
            = help: keep the one that says which values are better

            with `on_step = false` nothing is left to log
            = help: write `on_epoch` beside it, or remove `on_step = false`

            one `name` for several variables
            = help: remove `name`: each variable is logged by its own name

            `reduce` cannot be written beside `metric`
            = note: a stateful metric says itself what the values of an epoch come to
            = help: keep one of the two

            `batch_size` cannot be written beside `metric`
            = note: a stateful metric counts what it is given
            = help: remove `batch_size`

            with `on_epoch = false` nothing is left to log
            = help: write `on_step` beside it, or remove `on_epoch = false`

            `on_train_epoch_end` runs once an epoch, there is no step to log
            = help: remove `on_step`"#]],
    );
}

#[test]
fn metric_conflicts() {
    check(
        r##"
#[lightning_module] impl Net {
    const ACC: f64 = 1.0;
    fn training_step(&self, batch: B) -> Tensor<1> {
        #[log(minimize)] let loss = 1;
        #[log] let Loss = 1;
        #[log(name = "loss")] let other = 1;
        loss
    }
    fn validation_step(&self, batch: B) {
        #[log(minimize)] let loss = 1;
        #[log] let acc = 1;
        #[log(metric = Accuracy::new())] let top = pair;
        #[log(metric = Accuracy :: new())] let top = pair;
        #[log(metric = Accuracy::new().top_k(5))] let top = pair;
    }
    fn test_step(&self, batch: B) { #[log] let acc = 1; }
    fn shared(&self) { #[log(per_stage)] let thing = 1; }
    fn on_train_batch_end(&mut self) { #[log(prog_bar)] let train_thing = 1; }
}
"##,
        expect![[r#"
            two metrics would both have the constant `LOSS`
            = note: it is logged first in `training_step`
            = help: rename one of the two variables

            two variables are logged as `loss`
            = note: it is logged first in `training_step`
            = help: give them different names

            metric `loss` is logged twice, with different options
            = note: it is logged first in `training_step`
            = note: training logs each step, everything else the epoch, unless `on_step` or `on_epoch` says so
            = help: write the same options at both, or rename one of the two variables

            metric `top` is logged twice, with different options
            = note: it is logged first in `validation_step`
            = help: write the same options at both, or rename one of the two variables

            metric `train_thing` is logged twice, with different options
            = note: it is logged first in `shared`
            = help: write the same options at both, or rename one of the two variables

            `ACC` is the constant of the metric `acc`
            = help: rename the constant, or the logged variable"#]],
    );
}

#[test]
fn alien_method_attributes() {
    check(
        r##"
#[lightning_module] impl Net {
    #[training_step(optimizer = critic)] fn critic_step(&self, batch: B) -> Tensor<1> { todo!() }
    #[manual_optimization] fn training_step(&self, batch: B) -> Tensor<1> { todo!() }
    #[not_hook] fn train_step(&self) {}
    #[not_a_hook] fn val_step(&self) {}
}
"##,
        expect![[r#"
            `#[not_hook]` is no attribute of a method of a module
            = note: the attributes of a method are `not_a_hook`, `training_step` and `manual_optimization`
            = help: did you mean `#[not_a_hook]`?

            `training_step` takes `&mut self`, found `&self`
            = note: expected `fn training_step(&mut self, batch: B, optimizers: &mut Optimizers<Self>) -> Result<()>`
            = help: write `&mut self`

            `training_step` stands beside steps that are bound to optimizers
            = note: it would train every optimizer a second time
            = help: write `#[training_step(optimizer = …)]` above it, or remove it"#]],
    );
}

#[test]
fn impls_of_traits() {
    check(
        r##"
#[lightning_module] impl Model for Net { fn training_step(&self) {} }
"##,
        expect![[r#"
            `#[lightning_module]` stands on an impl of a trait
            = note: hooks are methods of the type itself
            = help: move the attribute to `impl Net`"#]],
    );
}

#[test]
fn wrong_items() {
    check(
        r##"
#[lightning_module] fn main() {}
#[lightning_module] enum Net { A }
#[data_module] trait Data {}
#[lightning_module] struct Unit;
#[lightning_module] struct Tuple(#[init(x())] Linear);
#[derive(Batch)] union U { a: u8 }
"##,
        expect![[r#"
            `#[lightning_module]` stands on an item that is neither struct nor impl
            = help: write it on a struct with named fields, and on the struct's `impl`

            `#[lightning_module]` stands on an item that is neither struct nor impl
            = help: write it on a struct with named fields, and on the struct's `impl`

            `#[data_module]` stands on an item that is neither struct nor impl
            = help: write it on a struct with named fields, and on the struct's `impl`

            `#[lightning_module]` needs named fields, `Unit` is a unit struct
            = help: write `struct Unit {}`

            `#[lightning_module]` needs named fields, `Tuple` is a tuple struct
            = help: write `struct Tuple { layer: Linear }`

            `Batch` cannot be derived for the union `U`
            = help: write a struct or an enum"#]],
    );
}

#[test]
fn macro_arguments() {
    check(
        r##"
#[lightning_module(krate = x)] struct Net { layer: Linear }
#[data_module(crate = "x")] impl Data {}
#[lightning_module(crate)] impl Net {}
"##,
        expect![[r#"
            `#[lightning_module]` has no option `krate`
            = note: its options are `crate`
            = help: did you mean `crate`?

            `crate` takes a path
            = help: write `crate = path::to::lightning_core`, without quotes

            `crate` needs a value
            = help: write `crate = path::to::lightning_core`"#]],
    );
}

#[test]
fn roles() {
    check(
        r##"
#[lightning_module] struct Net {
    #[init(LinearConfig::new(1, 2).init(device))] layer: Linear,
    plain: usize,
    #[init] bare: Linear,
    #[buffer] noise: Tensor<1>,
    #[hparam] #[state] both: usize,
    #[frozen] #[hparam] cold: usize,
    #[hparam] device: String,
    #[hparams] misspelt: usize,
    #[precision(f32)] #[init(norm())] norm: BatchNorm,
    #[precision] #[init(norm())] untyped: BatchNorm,
    #[precision(f16)] #[init(norm())] half: BatchNorm,
    #[precision = f32] #[init(norm())] value: BatchNorm,
    #[precision(f32)] #[precision(f32)] #[init(norm())] twice: BatchNorm,
    #[precision(f32)] #[buffer(zeros())] table: Tensor<2>,
    #[precision(f32)] #[hparam] size: usize,
    #[optimizer(Adam::new(), lr = 1.0)] #[init(x())] critic: Critic,
    #[hparam(defualt = 3)] near: usize,
    #[hparam(default)] empty: usize,
    #[state(skip = true)] skipped: usize,
    #[hparam] #[serde(flatten)] nested: Nested,
    #[init(1 2)] broken: Linear,
}
"##,
        expect![[r#"
            `#[hparams]` is no attribute of a field of a module
            = help: did you mean `#[hparam]`?

            `#[precision]` needs a type
            = help: write `#[precision(f32)]`: the field stays in float32 where the run computes in 16 bits

            `#[precision]` takes `f32` and nothing else
            = note: the precision of the run is a setting of the trainer: `precision("bf16-mixed")`
            = help: write `#[precision(f32)]`: the field stays in float32 where the run computes in 16 bits

            `#[precision = …]` is not a form of `#[precision]`
            = help: write `#[precision(…)]`

            `#[precision]` is written twice
            = help: keep one of the two

            `#[hparam]` has no option `defualt`
            = note: its options are `default`
            = help: did you mean `default`?

            `default` needs a value
            = help: write `default = …`

            `skip` takes no value
            = help: write `#[state(skip)]`, or `#[state]` to keep the field in the checkpoint

            unexpected token
            = help: `#[init(…)]` takes one expression, as in `#[init(build(device))]`

            field `both` has two roles
            = note: the first is `#[hparam]`
            = help: keep one of the two

            field `plain` has no role
            = help: write `#[init(expr)]`, `#[hparam]`, `#[hparam(default = expr)]`, `#[buffer(expr)]` or `#[state]` before it

            `#[init]` needs an expression here
            = note: other fields say how they are built, so this one has to as well
            = help: write `#[init(expr)]`, or build all fields in `fn init` in the impl

            `#[buffer]` needs an expression here
            = note: other fields say how they are built, so this one has to as well
            = help: write `#[buffer(expr)]`, or build all fields in `fn init` in the impl

            `#[frozen]` has no meaning on field `cold`
            = note: only a field with `#[init]` has parameters that could be trained
            = help: remove `#[frozen]`

            `#[precision]` has no meaning on field `table`
            = note: a buffer is never cast
            = help: remove `#[precision]`

            `#[precision]` has no meaning on field `size`
            = note: only a field with `#[init]` has parameters that are cast
            = help: remove `#[precision]`

            a hyperparameter cannot be called `device`
            = note: expressions in attributes see another `device`
            = help: choose another name, such as `device_name`

            hyperparameter `nested` cannot be flattened
            = note: an unknown key in a configuration file could not be reported
            = help: remove `flatten`: the field's keys are written under its name"#]],
    );
}

#[test]
fn generic_hparams() {
    check(
        r##"
#[lightning_module] struct Net<T, const N: usize> { layer: T, #[hparam] value: Vec<T>, #[hparam] array: [f64; N] }
"##,
        expect![[r#"
            hyperparameter `value` cannot use the generic `T`
            = note: the hyperparameters are a struct of their own, without generics
            = help: give it a concrete type

            hyperparameter `array` cannot use the generic `N`
            = note: the hyperparameters are a struct of their own, without generics
            = help: give it a concrete type"#]],
    );
}

#[test]
fn optimizers() {
    check(
        r##"
#[lightning_module] #[optimizer(lr = 1e-3)] struct A { x: Linear }
#[lightning_module] #[optimizer(AdamConfig::new())] struct B { x: Linear }
#[lightning_module] #[optimizer] struct C { x: Linear }
#[lightning_module] #[optimizer(Adam::new(), lr = 1)] #[optimizer(Adam::new(), lr = 2)] struct D { x: Linear }
#[lightning_module] #[optimizer(Adam::new(), lr = lr, interval = step, group(backbone, lr = lr * 0.1))] struct E { x: Linear, #[hparam] lr: f64 }
#[data_module] #[optimizer(Adam::new(), lr = lr)] struct F { #[hparam] lr: f64 }
"##,
        expect![[r#"
            `#[optimizer]` has no configuration
            = help: write `#[optimizer(AdamConfig::new(), lr = 1e-3)]`

            `#[optimizer]` has no learning rate
            = help: write `#[optimizer(AdamConfig::new(), lr = 1e-3)]`

            `#[optimizer]` has no configuration and no learning rate
            = help: write `#[optimizer(AdamConfig::new(), lr = 1e-3)]`

            `#[optimizer]` is written twice
            = note: both would step the same parameters
            = help: keep one of the two

            `backbone` is no field with parameters
            = note: a group takes a field, `params::rank_below(n)`, `params::regex("…")` or Burn's `ParamGroup`
            = help: the fields with parameters are `x`

            `#[optimizer]` belongs to a module, this is a data module
            = help: write it on the `#[lightning_module]` struct"#]],
    );
}

#[test]
fn data_modules() {
    check(
        r##"
#[data_module] struct Data { #[hparam] dir: PathBuf, plain: usize, #[init(x)] module: Linear }
#[data_module] impl Data {
    fn setup(&self, stage: Stage) -> Result<()> { Ok(()) }
    fn train_dataloader(&self) -> impl Loader<B> { todo!() }
    fn valid_dataloader(&self) -> DataLoader<B> { todo!() }
    fn test_dataloader(&self) {}
    fn training_step(&self, batch: B) -> Tensor<1> { todo!() }
    fn new() -> Self { todo!() }
}
"##,
        expect![[r#"
            `#[init]` is no attribute of a field of a data module
            = note: the attributes of a field are `hparam` and `state`

            field `plain` has no role
            = help: write `#[hparam]`, `#[hparam(default = expr)]`, `#[state]` or `#[state(skip)]` before it

            `valid_dataloader` is no hook of a data module
            = note: `val_dataloader`: at the start of `fit` and `validate`, for the validation batches
            = help: did you mean `fn val_dataloader(&self) -> Result<DataLoader<B>>`?
            = help: or mark the method `#[not_a_hook]` to keep the name

            `training_step` is a hook of a module, this is a data module
            = help: move it to the `#[lightning_module]` impl
            = help: or mark the method `#[not_a_hook]` to keep the name

            `setup` takes `&mut self`, found `&self`
            = note: expected `fn setup(&mut self, stage: Stage) -> Result<()>`
            = help: write `&mut self`

            name the loader's type
            = help: write `DataLoader<B>`, or `Result<DataLoader<B>>`

            `test_dataloader` returns nothing
            = note: expected `fn test_dataloader(&self) -> Result<DataLoader<B>>`
            = help: write `DataLoader<B>`, or `Result<DataLoader<B>>`

            `new` exists already: `#[data_module]` writes it
            = help: choose another name"#]],
    );
}

#[test]
fn batches() {
    check(
        r##"
#[derive(Batch)] struct A<'a> { #[batch(size)] a: Tensor<1>, #[batch(size, hots)] b: &'a str }
#[derive(Batch)] enum E { #[batch(size)] X { #[batch(size = 3)] a: u8 } }
#[derive(Batch)] #[batch(host)] struct C {}
"##,
        expect![[r#"
            `#[batch]` has no option `hots`
            = note: its options are `size` and `host`
            = help: did you mean `host`?

            `#[batch(size)]` is written on two fields
            = help: keep it on the field that carries the batch size

            a batch owns its data, `A` borrows it
            = help: remove `'a` and store owned values

            `#[batch]` on a variant has no meaning
            = help: write it on a field of the variant

            `size` takes no value
            = help: write `#[batch(size)]`

            `#[batch]` has no option `host`
            = note: its options are `crate`"#]],
    );
}

/// The `use … as _;` that an expansion has beside its errors.
fn kept_imports(source: &str) -> Vec<String> {
    let text = super::expand(source).to_string().replace(' ', "");
    assert!(text.contains("compile_error!"), "{text}");
    text.split(';').filter_map(|item| item.rsplit_once("use")?.1.strip_suffix("as_").map(str::to_owned)).collect()
}

#[test]
fn imports_of_what_is_not_emitted_are_used() {
    let source = "
#[lightning_module]
#[optimizer(optim::AdamConfig::new().with_beta_1(Beta::<f32>::first()), lr = Cosine::new(lr, 10))]
struct Net<E, const N: usize> {
    #[init(LinearConfig::new(4, f32::DIGITS).init(device))] layer: Linear,
    #[init(E::new(N::X, <E as Encode>::Config::new()))] encoder: E,
    #[init({ use somewhere::Other; Other::new() })] other: Other,
    #[init(Self::layer())] own: Linear,
    #[hparam(defaul = PathBuf::from(\"a\"))] path: PathBuf,
}
";
    let kept = kept_imports(source);
    assert_eq!(kept, ["optim::AdamConfig", "Beta", "Cosine", "LinearConfig", "PathBuf"]);
    // What a `#[cfg]` leaves out may have no import.
    let conditional = source.replace("#[init(Self", "#[cfg(unix)] #[init(Self");
    assert!(kept_imports(&conditional).is_empty());
}
