//! `#[log]`: its options, and two that share a name.

use expect_test::expect;

use super::check;

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
            unknown option `minimise` of `#[log]`
            = note: available options: `minimize`, `maximize`, `prog_bar`, `on_step`, `on_epoch`, `logger`, `reduce`, `name`, `batch_size`, `metric` and `per_stage`
            = help: did you mean `minimize`?
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            duplicate option `prog_bar` of `#[log]`
            = help: remove one of the two
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            unknown reduction `median`
            = help: write `reduce = mean`, `sum`, `min` or `max`
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `name` must be a non-empty string, found `3`
            = help: write `name = "val/loss"`
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            unknown option `metrics` of `#[log]`
            = note: available options: `minimize`, `maximize`, `prog_bar`, `on_step`, `on_epoch`, `logger`, `reduce`, `name`, `batch_size`, `metric` and `per_stage`
            = help: did you mean `metric`?
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            option `batch_size` needs a value
            = help: write `batch_size = …`
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            options of `#[log]` must be named, found `4`
            = note: available options: `minimize`, `maximize`, `prog_bar`, `on_step`, `on_epoch`, `logger`, `reduce`, `name`, `batch_size`, `metric` and `per_stage`
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `logger` must be `true` or `false`, found `3`
            = help: write `logger` or `logger = false`
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            expected `,`

            `#[log]` takes its options in parentheses
            = help: write `#[log(…)]`
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            option `metric` needs a value
            = help: write `metric = Accuracy::new()`
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `minimize` and `maximize` are mutually exclusive
            = help: remove one of the two
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `on_step = false` leaves nothing to log
            = help: add `on_epoch`, or remove `on_step = false`
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `name` must name one variable, found several
            = help: remove `name`: each variable is logged under its own name
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `reduce` cannot be combined with `metric`
            = note: a stateful metric computes the value of the epoch itself
            = help: remove one of the two
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `batch_size` cannot be combined with `metric`
            = note: a stateful metric counts its samples itself
            = help: remove `batch_size`
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `on_epoch = false` leaves nothing to log
            = help: add `on_step`, or remove `on_epoch = false`
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `on_step` is not available in `on_train_epoch_end`, which runs once per epoch
            = help: remove `on_step`
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
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
            duplicate metric constant `LOSS`
            = note: the first metric with this constant is logged in `training_step`
            = help: rename one of the two variables
            = note: C10 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            metric `loss` must be logged from one variable, found two
            = note: it is first logged in `training_step`
            = help: write a different `name` for each variable
            = note: C10 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            metric `loss` must be logged with the same options everywhere
            = note: it is first logged in `training_step`
            = note: the defaults differ: training logs each step (`on_step`), validation and test the epoch (`on_epoch`)
            = help: write the same `on_step` and `on_epoch` in both places, or rename one of the variables
            = note: C10 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            metric `top` must be logged with the same options everywhere
            = note: it is first logged in `validation_step`
            = help: write the same options in both places, or rename one of the variables
            = note: C10 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            metric `train_thing` must be logged with the same options everywhere
            = note: it is first logged in `shared`
            = help: write the same options in both places, or rename one of the variables
            = note: C10 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            duplicate constant `ACC`
            = note: `#[log]` generates a constant of this name for the metric `acc`
            = help: rename the constant or the logged variable
            = note: C10 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
    );
}
