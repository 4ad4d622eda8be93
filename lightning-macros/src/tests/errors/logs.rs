//! `#[log]`: where it is written.

use expect_test::expect;

use super::check;

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
            `#[log]` is not available in `predict_step`
            = note: no metrics are collected while it runs
            = help: log the value in a training, validation or test step, or in an epoch hook
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[log]` is not available in `on_fit_start`
            = note: no metrics are collected while it runs
            = help: log the value in a training, validation or test step, or in an epoch hook
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[log]` must be in a step or hook, found in `helper`
            = note: several stages may call the method, so the metric belongs to none
            = help: write `#[log(per_stage)]` for one metric per stage, or log the result in the step
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[log]` must be in a module, found in a data module
            = help: log the value in a step or hook of the `#[lightning_module]`
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
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
            unknown attribute `#[log]` on a method of a module
            = note: available attributes: `not_a_hook`, `training_step`, `manual_optimization`, `every`, `once` and `dims`
            = help: write `#[log]` above the `let` of the value to log
            = note: C17 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            duplicate `#[log]` on one `let`
            = help: write all options in one `#[log(…)]`
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[log]` must be on a `let` with a value
            = help: write `#[log] let val_acc = …;`
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[log]` must be on a `let` that binds a variable
            = note: the variable's name is the metric's name
            = help: write `#[log] let val_acc = …;`
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[log]` on `let … else` must bind one variable, found several
            = help: log each variable with a separate `let`
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[log]` must be on a `let` that binds a variable
            = note: the variable's name is the metric's name
            = help: write `#[log] let val_acc = …;`
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[log]` must be on a `let`
            = help: bind the value first: `#[log] let val_acc = …;`
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[log]` must not be in a closure
            = note: the value may be computed on another thread, or after the step
            = help: write `#[log]` on a `let` of the step itself, and bind the result there
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[log]` must not be in an `async` block
            = note: the value may be computed on another thread, or after the step
            = help: write `#[log]` on a `let` of the step itself, and bind the result there
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[log]` must not be in a nested item
            = note: the value may be computed on another thread, or after the step
            = help: write `#[log]` on a `let` of the step itself, and bind the result there
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[log]` in a loop needs `reduce`
            = note: the value is logged in every iteration
            = help: write `reduce = mean`, `sum`, `min` or `max`, or log once after the loop
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[log]` in a loop needs `reduce`
            = note: the value is logged in every iteration
            = help: write `reduce = mean`, `sum`, `min` or `max`, or log once after the loop
            = note: C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
    );
}
