//! The names of methods: hooks, near misses, hooks of PyTorch Lightning.

use super::params::type_name;
use crate::{
    diagnostics::Diagnostics,
    hooks::{HookDef, Kind, Owner},
    model::{ImplModel, Meant},
};

/// `fn train_step(…)` (C1)
pub(super) fn check_names(model: &ImplModel, diagnostics: &Diagnostics) {
    let keep = "mark the method `#[not_a_hook]` to keep the name";
    for method in &model.methods {
        let name = method.name();
        let ident = &method.sig.ident;
        match method.meant {
            Meant::Hook(_) | Meant::Ordinary => {}
            Meant::NearMiss(Some(hook)) => diagnostics
                .error(ident, format!("unknown hook `{name}`"))
                .note(format!("`{}` runs {}", hook.name, hook.when()))
                .help(format!("did you mean `{}`?", hook.signature_of(&type_name(model))))
                .help(keep)
                .emit(),
            Meant::NearMiss(None) => {
                diagnostics.error(ident, format!("unknown hook `{name}`")).help(likely_hooks(&name)).help(keep).emit()
            }
            Meant::Unavailable(instead) => diagnostics
                .error(ident, format!("hook `{name}` of PyTorch Lightning is not available"))
                .help(instead)
                .help(keep)
                .emit(),
            Meant::Misplaced(_) => diagnostics
                .error(ident, format!("`{name}` must be in a module, found in a data module"))
                .help("move it to the `#[lightning_module]` impl")
                .help(keep)
                .emit(),
        }
    }
}

/// The hook that shares the most words with a name that is close to none.
fn likely_hooks(name: &str) -> String {
    let words: Vec<&str> = name.split('_').collect();
    let shared = |hook: &HookDef| hook.name.split('_').filter(|word| words.contains(word)).count();
    let hooks = HookDef::of(Owner::Module).filter(|hook| hook.kind == Kind::Hook);
    match hooks.max_by_key(|hook| (shared(hook), std::cmp::Reverse(hook.name.len()))) {
        Some(hook) => format!("the closest hook is `{}`", hook.signature()),
        None => "see the table of hooks in the documentation of `#[lightning_module]`".to_owned(),
    }
}
