//! Uses of PyTorch Lightning's API on `self`, and what to write instead.

mod fields;

pub(crate) use fields::{field_trait, read_fields};

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Block, Expr, ExprField, ExprMethodCall, Ident, Macro, Member,
    visit::{self, Visit},
};

use crate::paths::plain;

/// Names that the runtime's trait `PythonHints` has methods for. The trait is imported where one of
/// them is used: the module may have a method or field of the name, which only rustc knows.
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

/// What `self.trainer` has in Python, and what to do instead.
const OF_TRAINER: &[(&str, &str)] = &[
    ("current_epoch", "write `cx.current_epoch()`"),
    ("global_step", "write `cx.global_step()`"),
    ("callback_metrics", "write `cx.metrics()` in a hook"),
    ("logged_metrics", "write `cx.metrics()` in a hook"),
    ("progress_bar_metrics", "write `cx.metrics()` in a hook"),
    ("should_stop", "write `cx.stop(\"reason\")` in a hook"),
    ("sanity_checking", "write `cx.is_sanity_checking()` in a hook"),
    ("estimated_stepping_batches", "write `cx.estimated_optimizer_steps()?` in `#[optimizer(…)]` on the struct"),
    ("optimizers", "write `cx.learning_rates()` or `cx.set_lr(KEY, lr)` in a hook"),
    ("lr_scheduler_configs", "write `cx.learning_rates()` in a hook"),
    ("max_epochs", "write `cx.max_epochs()` in `#[optimizer(…)]` on the struct"),
    ("device", "write `cx.device()`"),
    ("logger", "write `#[log]` above a `let`, or `log(\"name\", &value)`"),
    ("loggers", "write `#[log]` above a `let`, or `log(\"name\", &value)`"),
    ("datamodule", "store the value in a field of the module: `fit` takes the data module as an argument"),
];

/// The uses of Python's API in one body.
#[derive(Default)]
pub(crate) struct PythonHints {
    /// Whether a name of `ON_SELF` is used.
    pub(crate) on_self: bool,
    /// Each `self.trainer.name`, with a help text.
    pub(crate) of_trainer: Vec<(Ident, &'static str)>,
}

impl PythonHints {
    /// Searches the body.
    pub(crate) fn of(block: &Block) -> Self {
        let mut hints = Self::default();
        hints.visit_block(block);
        hints
    }

    /// `self.name`
    fn see_on_self(&mut self, name: &Ident) {
        self.on_self |= ON_SELF.contains(&plain(name).as_str());
    }

    /// `self.trainer.name`
    fn see_of_trainer(&mut self, name: &Ident) {
        let known = OF_TRAINER.iter().find(|(known, _)| *known == plain(name));
        self.of_trainer.extend(known.map(|(_, instead)| (name.clone(), *instead)));
    }

    fn see(&mut self, base: &Expr, name: &Ident) {
        match base {
            Expr::Field(ExprField { base, member: Member::Named(field), .. })
                if field == "trainer" && is_self(base) =>
            {
                self.see_of_trainer(name);
            }
            base if is_self(base) => self.see_on_self(name),
            _ => {}
        }
    }

    /// The arguments of a macro such as `println!(…)` are not parsed, so this searches tokens.
    fn look(&mut self, tokens: TokenStream) {
        let mut path: Vec<Ident> = Vec::new();
        let mut after_dot = false;
        for token in tokens {
            let dot = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '.');
            match token {
                TokenTree::Ident(word) => {
                    if !after_dot {
                        path.clear();
                    }
                    path.push(word);
                    match path.as_slice() {
                        [this, name] if this == "self" => self.see_on_self(name),
                        [this, trainer, name] if this == "self" && trainer == "trainer" => self.see_of_trainer(name),
                        _ => {}
                    }
                }
                TokenTree::Group(group) => {
                    path.clear();
                    self.look(group.stream());
                }
                TokenTree::Punct(_) if dot => {}
                TokenTree::Punct(_) | TokenTree::Literal(_) => path.clear(),
            }
            after_dot = dot;
        }
    }
}

impl<'ast> Visit<'ast> for PythonHints {
    fn visit_expr_field(&mut self, expr: &'ast ExprField) {
        if let Member::Named(member) = &expr.member {
            self.see(&expr.base, member);
        }
        visit::visit_expr_field(self, expr);
    }

    fn visit_expr_method_call(&mut self, expr: &'ast ExprMethodCall) {
        self.see(&expr.receiver, &expr.method);
        visit::visit_expr_method_call(self, expr);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.look(call.tokens.clone());
    }
}

fn is_self(expr: &Expr) -> bool {
    matches!(expr, Expr::Path(path) if path.path.is_ident("self"))
}
