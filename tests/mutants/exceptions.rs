//! Mutants that may compile, and mutants whose error may be elsewhere, with the reasons.

/// Program (or `any`), mutant, reason: these compile and do what was written.
pub(crate) const HARMLESS: &[(&str, &str, &str)] = &[
    // Another way to write the same.
    ("any", "receiver of *_step: self: &Self", "it is `&self`"),
    ("any", "receiver of *_dataloader: self: &Self", "it is `&self`"),
    ("any", "receiver of prepare_data*: self: &Self", "it is `&self`"),
    ("any", "receiver of setup*: self: &mut Self", "it is `&mut self`"),
    ("any", "receiver of teardown*: self: &mut Self", "it is `&mut self`"),
    ("any", "receiver of on_*: self: &mut Self", "it is `&mut self`"),
    ("any", "output of validation_step: ()", "it is no output"),
    ("any", "output of test_step: ()", "it is no output"),
    ("any", "output of on_*: ()", "it is no output"),
    ("any", "output of prepare_data*: ()", "it is no output"),
    ("any", "output of setup*: ()", "it is no output"),
    ("any", "output of teardown*: ()", "it is no output"),
    ("any", "parameter of *, _stage*: stage", "the underscore says that the parameter is not used yet"),
    // What the row of the hook allows as well.
    ("any", "receiver of *_dataloader: &mut self", "a loader may be made by what `&mut self` keeps"),
    ("any", "receiver of *_dataloader: self: &mut Self", "a loader may be made by what `&mut self` keeps"),
    ("any", "receiver of prepare_data 2: &mut self", "a data module may remember what it prepared"),
    ("any", "receiver of prepare_data 2: self: &mut Self", "a data module may remember what it prepared"),
    ("any", "output of training_step: Option<Tensor<1>>, and no body", "`None` skips the batch"),
    ("any", "output of training_step: Result<Tensor<1>>, and no body", "a step may fail"),
    ("digits", "output of validation_step: impl Send", "`()` is `Send`, and any value may be handed on"),
    ("digits", "output of test_step: impl Send", "`()` is `Send`, and any value may be handed on"),
    ("any", "output of validation_step: *, and no body", "a step may return any value, which a hook may take"),
    ("any", "output of test_step: *, and no body", "a step may return any value, which a hook may take"),
    ("every_hook", "output of test_step: impl Send", "a step may return any value, which a hook may take"),
    ("any", "output of predict_step: *, and no body", "a prediction is of any type that can be kept"),
    ("any", "output of on_*: (), and no body", "a hook need not be able to fail"),
    ("any", "output of on_*: none, and no body", "a hook need not be able to fail"),
    ("any", "output of on_*: Result<()>, and no body", "a hook may fail"),
    ("any", "output of prepare_data*: (), and no body", "a hook need not be able to fail"),
    ("any", "output of prepare_data*: none, and no body", "a hook need not be able to fail"),
    ("any", "output of prepare_data*: Result<()>, and no body", "a hook may fail"),
    ("any", "output of setup*: (), and no body", "a hook need not be able to fail"),
    ("any", "output of setup*: none, and no body", "a hook need not be able to fail"),
    ("any", "output of setup*: Result<()>, and no body", "a hook may fail"),
    ("any", "output of teardown*: (), and no body", "a hook need not be able to fail"),
    ("any", "output of teardown*: none, and no body", "a hook need not be able to fail"),
    ("any", "output of teardown*: Result<()>, and no body", "a hook may fail"),
    ("any", "output of *_dataloader: Result<Result<DataLoader<*>>>, and no body", "a loader that fails in either way"),
    ("every_hook", "output of test_dataloader: Result<Vec<Pair>>, and no body", "a loader may fail"),
    // Parameters are recognised by their names, and the batch by having none of them.
    ("any", "order of the parameters of *: batch_idx: usize, *", "parameters have no order"),
    ("any", "order of the parameters of *: dataloader_idx: usize, *", "parameters have no order"),
    ("any", "order of the parameters of *: cx: *", "parameters have no order"),
    ("any", "parameter dropped from *: batch_idx: usize", "nothing has to be asked for"),
    ("any", "parameter dropped from *: dataloader_idx: usize", "nothing has to be asked for"),
    ("any", "parameter dropped from *: cx: *", "nothing has to be asked for"),
    ("any", "parameter dropped from *: stage: Stage", "nothing has to be asked for"),
    ("any", "parameter dropped from *: _stage: Stage", "nothing has to be asked for"),
    // Attributes without which the program means something else, which may be meant.
    ("digits", "attribute log, dropped: gone", "a `let`, whose value nobody asks for by its key"),
    ("digits", "attribute log, dropped 4: gone", "a `let`, whose value nobody asks for by its key"),
    (
        "every_hook",
        "attribute frozen, dropped: gone",
        "the field is trained, and counted so in the summary before the run",
    ),
    ("every_hook", "attribute batch, dropped: gone", "the first tensor is counted, which is the one that was marked"),
    ("every_hook", "attribute batch, dropped 2: gone", "strings stay on the host by themselves"),
];

/// Program (or `any`), mutant, reason: these are errors, at another place.
pub(crate) const ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "any",
        "type of batch in *_step: *",
        "the step is right by itself: reported at the loader that gives other batches",
    ),
    ("any", "output of *: none", "rustc underlines the value that the body still returns"),
    ("every_hook", "output of validation_step: impl Send", "rustc underlines the `Ok` whose error nobody names"),
    ("every_hook", "output of validation_step: Result<Result<()>>", "rustc underlines the `()` in `Ok`"),
    ("every_hook", "output of validation_step: Result<Option<()>>", "rustc underlines the `()` in `Ok`"),
    ("any", "output of predict_step: Result<*", "rustc underlines the value that the body returns inside of `Ok`"),
    (
        "every_hook",
        "output of validation_step: *, and no body",
        "without its call of `shared` no `val_loss` is logged: reported at the key that is monitored",
    ),
    (
        "every_hook",
        "output of test_step: *, and no body",
        "without its call of `shared` no `test_loss` is logged: reported at the key that is read",
    ),
    (
        "every_hook",
        "output of test_dataloader: Vec<Vec<Pair>>, and no body",
        "a list of batches; not those of the step",
    ),
];
