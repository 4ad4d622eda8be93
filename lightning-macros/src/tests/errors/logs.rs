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
