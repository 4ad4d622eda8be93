//! What a user of PyTorch Lightning writes on `self`, and what to write instead.

use proc_macro2::{Ident, TokenStream, TokenTree};

use crate::paths::plain;

/// Names that the runtime's trait `Habits` answers. It is brought into scope where one of them is used: the module may have a method
/// or a field of the name, which only rustc knows.
const ON_SELF: &[&str] = &[
    "log",
    "log_dict",
    "print",
    "save_hyperparameters",
    "manual_backward",
    "optimizers",
    "lr_schedulers",
    "current_epoch",
    "global_step",
    "device",
    "logger",
];

/// What `self.trainer` has in Python, and where it is here.
const OF_TRAINER: &[(&str, &str)] = &[
    ("current_epoch", "`cx.current_epoch()`"),
    ("global_step", "`cx.global_step()`"),
    ("callback_metrics", "`cx.metrics()`, in a hook"),
    ("logged_metrics", "`cx.metrics()`, in a hook"),
    ("progress_bar_metrics", "`cx.metrics()`, in a hook"),
    ("should_stop", "`cx.stop(\"reason\")`, in a hook"),
    ("sanity_checking", "`cx.is_sanity_checking()`, in a hook"),
    ("estimated_stepping_batches", "`cx.estimated_optimizer_steps()?`, in `#[optimizer(…)]` on the struct"),
    ("optimizers", "`cx.learning_rates()` and `cx.set_lr(KEY, lr)`, in a hook"),
    ("lr_scheduler_configs", "`cx.learning_rates()`, in a hook"),
    ("max_epochs", "`cx.max_epochs()`, in `#[optimizer(…)]` on the struct"),
    ("device", "`cx.device()`"),
    ("logger", "`#[log]` above a `let`, or `log(\"name\", &value)`"),
    ("loggers", "`#[log]` above a `let`, or `log(\"name\", &value)`"),
    ("datamodule", "a field of the module: data modules are given to `fit`"),
];

/// The habits in one body.
#[derive(Default)]
pub(crate) struct Habits {
    /// Whether something is used that the runtime answers.
    pub(crate) on_self: bool,
    /// Each `self.trainer.name`, with what to write.
    pub(crate) of_trainer: Vec<(Ident, &'static str)>,
}

impl Habits {
    /// Looks for them in tokens: what is inside of `println!(…)` is no expression yet.
    pub(crate) fn of(tokens: TokenStream) -> Self {
        let mut habits = Self::default();
        habits.look(tokens);
        habits
    }

    fn look(&mut self, tokens: TokenStream) {
        // The words of `self.a.b` so far.
        let mut path: Vec<Ident> = Vec::new();
        let mut after_dot = false;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '.' => {
                    after_dot = true;
                    continue;
                }
                TokenTree::Ident(word) => {
                    if !after_dot {
                        path.clear();
                    }
                    path.push(word);
                    self.see(&path);
                }
                TokenTree::Group(group) => {
                    path.clear();
                    self.look(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => path.clear(),
            }
            after_dot = false;
        }
    }

    fn see(&mut self, path: &[Ident]) {
        match path {
            [this, name] if this == "self" => self.on_self |= ON_SELF.contains(&plain(name).as_str()),
            [this, trainer, name] if this == "self" && trainer == "trainer" => {
                let known = OF_TRAINER.iter().find(|(known, _)| *known == plain(name));
                self.of_trainer.extend(known.map(|(_, instead)| (name.clone(), *instead)));
            }
            _ => {}
        }
    }
}
