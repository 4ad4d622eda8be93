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
