//! Reads a method: its attributes, the meaning of its name, its parameters.

use syn::{
    Attribute, Expr, FnArg, Ident, ImplItemFn, Pat,
    visit::{self, Visit},
};

use super::{
    binding::Binding,
    cadence::read_cadence,
    dims::read_method_shapes,
    log_collector::collect_logs,
    method::{Meant, Method, Param, Parameters},
};
use crate::{
    diagnostics::{Diagnostics, listed, nearest, suggested},
    hooks::{FOREIGN, HookDef, Kind, MANUAL_STEP, Owner, STAGE_WORDS, UNAVAILABLE, readings},
    parse::{copy_attrs, in_cfg_attr, known_args, name_of, parse_args, peel_types, take_attrs},
    paths::plain,
    python_hints::PythonHints,
    text::text_of,
};

/// Our attributes of methods.
const METHOD_ATTRS: &[&str] = &["not_a_hook", "training_step", "manual_optimization", "every", "once", "dims"];
/// Those that say when a hook is called.
const CADENCES: &[&str] = &["every", "once"];
/// Our attributes on the wrong item: reported, and not passed on to rustc.
const FOREIGN_ATTRS: &[&str] = &["optimizer", "hook", "log", "init", "hparam", "state", "buffer", "frozen"];

pub(super) fn read_method(owner: Owner, index: usize, function: &mut ImplItemFn, diagnostics: &Diagnostics) -> Method {
    peel_signature(&mut function.sig);
    report_hidden(&mut function.attrs, diagnostics);
    report_on_params(&mut function.sig, diagnostics);
    let cadences = take_attrs(&mut function.attrs, CADENCES);
    let shapes = diagnostics.on_page(3, || read_method_shapes(function, diagnostics));
    let ours = take_attrs(&mut function.attrs, METHOD_ATTRS);
    let (kept, ours): (Vec<_>, Vec<_>) = ours.into_iter().partition(|attr| name_of(attr) == "not_a_hook");
    let ordinary = report_foreign(owner, &mut function.attrs, diagnostics) || !kept.is_empty();
    let cfgs = copy_attrs(&function.attrs, "cfg");
    let name = plain(&function.sig.ident);
    let named = if ordinary { Meant::Ordinary } else { meant_by(owner, &name, &function.sig) };
    let (meant, binding) = if owner == Owner::Data || !kept.is_empty() {
        report_misplaced(&ours, diagnostics);
        (named, None)
    } else {
        diagnostics.on_page(12, || read_step_attrs(&ours, named, &name, diagnostics))
    };
    if let Meant::Hook(HookDef { kind: Kind::Init, .. }) = meant {
        diagnostics.on_page(2, || report_self(&function.sig, &mut function.block, diagnostics));
    }
    let attributed = ours.iter().any(|attr| name_of(attr) == "training_step");
    let cadence = diagnostics.on_page(19, || read_cadence(&cadences, &name, diagnostics));
    let logs = diagnostics.on_page(11, || collect_logs(&mut function.block, &cfgs, diagnostics));
    let params = match meant {
        Meant::Hook(hook) | Meant::NearMiss(Some(hook)) => read_params(hook, &function.sig),
        _ => Parameters::default(),
    };
    let hints = if owner == Owner::Module { PythonHints::of(&function.block) } else { PythonHints::default() };
    let sig = function.sig.clone();
    Method { index, cfgs, sig, meant, binding, attributed, cadence, shapes, params, logs, hints, slots: Vec::new() }
}

/// Removes the invisible brackets around the types of the signature.
fn peel_signature(sig: &mut syn::Signature) {
    for input in &mut sig.inputs {
        if let FnArg::Typed(typed) = input {
            peel_types(&mut typed.ty);
        }
    }
    if let syn::ReturnType::Type(_, ty) = &mut sig.output {
        peel_types(ty);
    }
}

/// Reports `#[cfg_attr(test, training_step(…))]`.
fn report_hidden(attrs: &mut Vec<Attribute>, diagnostics: &Diagnostics) {
    attrs.retain(|attr| {
        let Some(name) = in_cfg_attr(attr, METHOD_ATTRS) else { return true };
        diagnostics
            .error(&name, format!("`#[{name}]` must not be in `#[cfg_attr]`"))
            .note("the macro reads its attributes before rustc resolves `#[cfg_attr]`")
            .help("write the method twice, each under its `#[cfg(…)]`")
            .emit();
        false
    });
}

/// Reports `#[log] batch: B`.
fn report_on_params(sig: &mut syn::Signature, diagnostics: &Diagnostics) {
    for input in &mut sig.inputs {
        let FnArg::Typed(typed) = input else { continue };
        for attr in take_attrs(&mut typed.attrs, FOREIGN_ATTRS) {
            let name = name_of(&attr);
            let report = diagnostics.error(attr.path(), format!("unknown attribute `#[{name}]` on a parameter"));
            match name.as_str() {
                "log" => report.help("write `#[log]` above a `let`: `#[log] let value = …;`").emit(),
                _ => report.help(format!("remove `#[{name}]`")).emit(),
            }
        }
    }
}

/// Reports the first `self` in `fn init`, which has none: rustc would advise a receiver.
fn report_self(sig: &syn::Signature, block: &mut syn::Block, diagnostics: &Diagnostics) {
    struct Selves(Vec<(Ident, Option<Ident>)>);
    impl Selves {
        fn see(&mut self, base: &Expr, name: Option<&Ident>) -> bool {
            let Expr::Path(path) = base else { return false };
            let Some(this) = path.path.get_ident().filter(|this| *this == "self") else { return false };
            self.0.push((this.clone(), name.cloned()));
            true
        }
    }
    impl<'ast> Visit<'ast> for Selves {
        fn visit_expr(&mut self, expr: &'ast Expr) {
            let seen = match expr {
                Expr::MethodCall(call) => self.see(&call.receiver, Some(&call.method)),
                Expr::Field(syn::ExprField { base, member: syn::Member::Named(name), .. }) => {
                    self.see(base, Some(name))
                }
                other => self.see(other, None),
            };
            if !seen {
                visit::visit_expr(self, expr);
            }
        }
        /// Has another `self`.
        fn visit_item(&mut self, _: &'ast syn::Item) {}
    }
    if sig.receiver().is_some() {
        return;
    }
    let mut selves = Selves(Vec::new());
    selves.visit_block(block);
    let Some((this, name)) = selves.0.into_iter().next() else { return };
    let report = diagnostics.error(&this, "`self` is not available in `init`, which builds the module");
    match name.map(|name| plain(&name)) {
        Some(name) if name == "save_hyperparameters" => {
            report.help("remove the call: hyperparameters are fields with `#[hparam]`, saved in each checkpoint").emit()
        }
        Some(name) => {
            report.help(format!("write a local variable `{name}`, or `hparams.{name}` for a hyperparameter")).emit()
        }
        None => report.help("build the fields as local variables, and return them").emit(),
    }
    // rustc would report each `self` again.
    let params = sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(binding) => Some(&binding.ident),
            _ => None,
        },
        FnArg::Receiver(_) => None,
    });
    *block = syn::parse_quote!({
        let _ = (#(&#params,)*);
        ::core::unreachable!()
    });
}

fn report_misplaced(attrs: &[Attribute], diagnostics: &Diagnostics) {
    for attr in attrs {
        let name = name_of(attr);
        diagnostics
            .error(attr.path(), format!("`#[{name}]` must be on a training step of a module"))
            .help(format!("remove `#[{name}]`"))
            .emit();
    }
}

/// Reads `#[training_step(…)]` and `#[manual_optimization]`, which change what a method is.
fn read_step_attrs(
    attrs: &[Attribute],
    mut meant: Meant,
    name: &str,
    diagnostics: &Diagnostics,
) -> (Meant, Option<Binding>) {
    let mut binding = None;
    for attr in attrs {
        let training = matches!(meant, Meant::Hook(hook) if hook.name == "training_step");
        match name_of(attr).as_str() {
            "training_step" if binding.is_none() => {
                if matches!(meant, Meant::Hook(hook) if std::ptr::eq(hook, MANUAL_STEP)) {
                    diagnostics
                        .error(attr.path(), "`#[training_step]` cannot be combined with `#[manual_optimization]`")
                        .help("remove one of the two")
                        .emit();
                }
                let reported = report_other_meaning(attr, meant, name, diagnostics);
                if reported && matches!(meant, Meant::Hook(_)) {
                    // It is checked as the hook of its name.
                    continue;
                }
                binding = Binding::read(attr, diagnostics);
                // A step whatever its name is, even if the attribute is wrong.
                meant = HookDef::find(Owner::Module, "training_step").map_or(Meant::Ordinary, Meant::Hook);
            }
            "training_step" => diagnostics
                .error(attr.path(), "duplicate attribute `#[training_step]`")
                .help("remove one of the two")
                .emit(),
            _ if training && binding.is_none() => {
                known_args(parse_args(attr, diagnostics), "manual_optimization", &[], diagnostics);
                meant = Meant::Hook(MANUAL_STEP);
            }
            _ if training => diagnostics
                .error(attr.path(), "`#[manual_optimization]` cannot be combined with `#[training_step]`")
                .help("remove one of the two")
                .emit(),
            _ => diagnostics
                .error(attr.path(), format!("`#[manual_optimization]` must be on `training_step`, found on `{name}`"))
                .expected(format!("`{}`", MANUAL_STEP.signature()))
                .help("write it above `training_step`")
                .emit(),
        }
    }
    (meant, binding)
}

/// Reports `#[training_step(…)]` on a method whose name has, or seems to have, another meaning: it
/// could not be both, and a `validation_step` that trains would leave a run without validation.
fn report_other_meaning(attr: &Attribute, meant: Meant, name: &str, diagnostics: &Diagnostics) -> bool {
    let note = match meant {
        Meant::Hook(hook) if hook.name != "training_step" => format!("`{name}` runs {}", hook.when()),
        Meant::NearMiss(Some(hook)) if hook.name != "training_step" => {
            format!("the name is close to `{}`, which runs {}", hook.name, hook.when())
        }
        Meant::NearMiss(None) => "the name is close to that of a hook".to_owned(),
        Meant::Unavailable(_) => format!("`{name}` is a hook of PyTorch Lightning"),
        _ => return false,
    };
    diagnostics
        .error(attr.path(), format!("`#[training_step]` must not be on a hook, found on `{name}`"))
        .note(note)
        .help("rename the step, for example to `critic_step`, or remove `#[training_step]` to write the hook")
        .emit();
    true
}

/// Reports our attributes that belong on another item and misspelled ones. Returns true for a
/// misspelled `#[not_a_hook]`.
fn report_foreign(owner: Owner, attrs: &mut Vec<Attribute>, diagnostics: &Diagnostics) -> bool {
    let mut ordinary = false;
    attrs.retain(|attr| {
        let name = name_of(attr);
        let near = suggested(&name, METHOD_ATTRS.iter().copied());
        if near.is_none() && !FOREIGN_ATTRS.contains(&name.as_str()) {
            return true;
        }
        ordinary |= near.is_some_and(|near| !CADENCES.contains(&near) && near != "dims");
        let report = diagnostics
            .error(attr.path(), format!("unknown attribute `#[{name}]` on a method of {}", owner.noun()))
            .note(format!("available attributes: {}", listed(METHOD_ATTRS.iter().copied())));
        match near {
            Some(near) => report.help(format!("did you mean `#[{near}]`?")).emit(),
            None if name == "log" => report.help("write `#[log]` above the `let` of the value to log").emit(),
            None => report.emit(),
        }
        false
    });
    ordinary
}

/// Finds the meaning of a method's name.
fn meant_by(owner: Owner, name: &str, sig: &syn::Signature) -> Meant {
    if let Some(hook) = HookDef::find(owner, name) {
        return Meant::Hook(hook);
    }
    if let Some((_, instead)) = UNAVAILABLE.iter().find(|(known, _)| *known == name) {
        return Meant::Unavailable(instead);
    }
    if owner == Owner::Data
        && let Some(hook) = HookDef::find(Owner::Module, name).filter(|hook| hook.kind != Kind::Init)
    {
        return Meant::Misplaced(hook);
    }
    for reading in readings(name) {
        let foreign = FOREIGN.iter().find(|(known, _)| *known == reading).map(|(_, target)| *target);
        if let Some(hook) = HookDef::find(owner, foreign.unwrap_or(&reading))
            && !is_ordinary_loader(owner, name, hook, sig)
        {
            return Meant::NearMiss(Some(hook));
        }
    }
    let rows = HookDef::of(owner).map(|hook| hook.name);
    if let Some(near) = nearest(name, rows) {
        return Meant::NearMiss(HookDef::find(owner, near));
    }
    let mut words = name.split('_');
    if words.next() == Some("on") && words.next().is_some_and(|word| STAGE_WORDS.contains(&word)) {
        return Meant::NearMiss(None);
    }
    Meant::Ordinary
}

/// `train_loader` is an ordinary name on a module if it returns no loader; `valid_dataloader` is
/// not.
fn is_ordinary_loader(owner: Owner, name: &str, hook: &HookDef, sig: &syn::Signature) -> bool {
    let returns_loader = || text_of(&sig.output).contains("Loader");
    owner == Owner::Module && hook.kind == Kind::Loader && !name.ends_with("_dataloader") && !returns_loader()
}

/// Reads the parameters: the batch, those of the row, and unknown ones.
fn read_params(hook: &'static HookDef, sig: &syn::Signature) -> Parameters {
    let mut params = Parameters::default();
    for input in &sig.inputs {
        let FnArg::Typed(typed) = input else { continue };
        let name = match &*typed.pat {
            Pat::Ident(binding) => plain(&binding.ident),
            _ => String::new(),
        };
        // A leading underscore marks a parameter as unused.
        let known = hook.params.iter().find(|param| param.name == name.trim_start_matches('_'));
        let param = match known {
            Some(known) => Param::Known(known, typed.ty.clone()),
            None if matches!(hook.kind, Kind::Step(_)) && params.batch.is_none() => {
                params.batch = Some((*typed.ty).clone());
                Param::Batch
            }
            None => Param::Unknown(input.clone()),
        };
        params.all.push(param);
    }
    params
}
