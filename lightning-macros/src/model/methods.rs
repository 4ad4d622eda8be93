//! The impl side: methods, what each is meant to be, and the metrics they log.

use syn::{Attribute, FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, Pat, ReturnType, Type};

use super::{
    log::{LogSite, Metric, MetricOptions, collect_logs},
    optimizer::Binding,
};
use crate::{
    diagnostics::{Diagnostics, listed, nearest, suggested},
    habits::Habits,
    hooks::{
        FOREIGN, HookDef, Kind, Logs, MANUAL_STEP, Owner, ParamDef, STAGE_WORDS, StageDef, StepDef, StepOutput,
        UNAVAILABLE,
    },
    parse::{copy_attrs, known_args, name_of, parse_args, take_attrs},
    paths::{Paths, plain},
};

/// Everything ours that may stand in an impl.
const METHOD_ATTRS: &[&str] = &["not_a_hook", "training_step", "manual_optimization"];
/// Announced for later, or written on the wrong item: reported, never passed on to rustc.
const ALIEN_ATTRS: &[&str] = &["optimizer", "hook", "log", "init", "hparam", "state", "buffer", "frozen"];

/// A `#[lightning_module]` or `#[data_module]` impl.
pub(crate) struct ImplModel {
    /// Which of the two.
    pub(crate) owner: Owner,
    /// Where the runtime is.
    pub(crate) paths: Paths,
    /// The impl without our attributes; placeholders stand where values are logged.
    pub(crate) item: ItemImpl,
    /// Its `#[cfg]`s, repeated on all that is emitted.
    pub(crate) cfgs: Vec<Attribute>,
    /// The methods and associated functions, in order.
    pub(crate) methods: Vec<Method>,
    /// The slots.
    pub(crate) metrics: Vec<Metric>,
    /// Metrics of one name that differ.
    pub(crate) conflicts: Vec<Conflict>,
}

/// A method, with what it is meant to be.
pub(crate) struct Method {
    /// Its place among the impl's items.
    pub(crate) index: usize,
    /// Its `#[cfg]`s.
    pub(crate) cfgs: Vec<Attribute>,
    /// Its signature.
    pub(crate) sig: syn::Signature,
    /// What its name says it is.
    pub(crate) meant: Meant,
    /// `#[training_step(optimizer = …)]`
    pub(crate) binding: Option<Binding>,
    /// Whether `#[training_step]` stands here, be it right or wrong.
    pub(crate) attributed: bool,
    /// Its parameters after the receiver.
    pub(crate) params: Parameters,
    /// Its `#[log]`s; the placeholder's number is the index.
    pub(crate) logs: Vec<LogSite>,
    /// What in its body is written as in Python.
    pub(crate) habits: Habits,
    /// The slot of each binding of each `#[log]`.
    pub(crate) slots: Vec<Vec<(Ident, usize)>>,
}

/// What a method's name says.
#[derive(Clone, Copy)]
pub(crate) enum Meant {
    /// A hook.
    Hook(&'static HookDef),
    /// A misspelt or foreign name for a hook.
    NearMiss(Option<&'static HookDef>),
    /// A hook of PyTorch Lightning that does not exist here, with the alternative.
    Unavailable(&'static str),
    /// A hook of the other kind of module.
    Misplaced(&'static HookDef),
    /// An ordinary method.
    Ordinary,
}

/// The parameters of a hook, sorted.
#[derive(Default)]
pub(crate) struct Parameters {
    /// The batch of a step.
    pub(crate) batch: Option<Type>,
    /// Every parameter, in order.
    pub(crate) all: Vec<Param>,
}

/// One parameter.
pub(crate) enum Param {
    /// The batch.
    Batch,
    /// One that the row knows.
    Known(&'static ParamDef, Type),
    /// One that it does not.
    Unknown(FnArg),
}

/// Two `#[log]`s that make one name mean two things.
pub(crate) struct Conflict {
    /// The second variable.
    pub(crate) variable: Ident,
    /// The name both have.
    pub(crate) name: String,
    /// The method of the first.
    pub(crate) first: String,
    /// What differs.
    pub(crate) kind: ConflictKind,
}

/// What differs between two `#[log]`s that share a name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConflictKind {
    /// The metrics' names: only their constants are called the same.
    Metric,
    /// The variables: both say the same `name = "…"`.
    Variable,
    /// Whether steps or epochs are logged, which depends on the method where nothing is written.
    View,
    /// Another option.
    Options,
}

impl Metric {
    fn conflict_with(&self, name: &str, variable: &str, options: &MetricOptions) -> ConflictKind {
        if self.name != name {
            ConflictKind::Metric
        } else if self.variable != variable {
            ConflictKind::Variable
        } else if (self.options.on_step, self.options.on_epoch) != (options.on_step, options.on_epoch) {
            ConflictKind::View
        } else {
            ConflictKind::Options
        }
    }
}

impl Method {
    /// The hook it is, or would be if it were spelt right.
    pub(crate) fn hook(&self) -> Option<&'static HookDef> {
        match self.meant {
            Meant::Hook(hook) | Meant::NearMiss(Some(hook)) => Some(hook),
            _ => None,
        }
    }

    /// Where its logged values belong; `None` for an ordinary method, which several stages may call.
    pub(crate) fn logs_to(&self) -> Option<Logs> {
        match self.meant {
            Meant::Hook(hook) | Meant::NearMiss(Some(hook)) | Meant::Misplaced(hook) => Some(hook.logs),
            Meant::NearMiss(None) | Meant::Unavailable(_) => Some(Logs::Never),
            Meant::Ordinary => None,
        }
    }

    /// The name without `r#`.
    pub(crate) fn name(&self) -> String {
        plain(&self.sig.ident)
    }

    /// Whether it is a `training_step` of any kind.
    pub(crate) fn is_training_step(&self) -> bool {
        matches!(self.meant, Meant::Hook(hook) if hook.name == "training_step")
    }

    /// Whether it optimizes by itself.
    pub(crate) fn is_manual(&self) -> bool {
        matches!(self.meant, Meant::Hook(HookDef { kind: Kind::Step(StepDef { output: StepOutput::Manual, .. }), .. }))
    }

    /// The written return type.
    pub(crate) fn output(&self) -> Option<&Type> {
        match &self.sig.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => Some(ty),
        }
    }

    /// Whether the last segment of the return type is `Result`.
    pub(crate) fn is_fallible(&self) -> bool {
        match self.output() {
            Some(Type::Path(path)) => path.path.segments.last().is_some_and(|last| last.ident == "Result"),
            _ => false,
        }
    }
}

impl ImplModel {
    /// Sorts what the user wrote.
    pub(crate) fn new(owner: Owner, paths: Paths, mut item: ItemImpl, diagnostics: &Diagnostics) -> Self {
        let cfgs = copy_attrs(&item.attrs, "cfg");
        let mut methods = Vec::new();
        for (index, member) in item.items.iter_mut().enumerate() {
            if let ImplItem::Fn(function) = member {
                methods.push(read_method(owner, index, function, diagnostics));
            }
        }
        let mut model = Self { owner, paths, item, cfgs, methods, metrics: Vec::new(), conflicts: Vec::new() };
        model.collect_metrics();
        model
    }

    /// The methods that are the hook, or were meant to be; several only under different `#[cfg]`s.
    pub(crate) fn methods_of<'a>(&'a self, hook: &'a HookDef) -> impl Iterator<Item = &'a Method> + Clone {
        self.methods.iter().filter(move |method| method.hook().is_some_and(|found| found.name == hook.name))
    }

    /// Whether the module optimizes by itself.
    pub(crate) fn is_manual(&self) -> bool {
        self.methods.iter().any(Method::is_manual)
    }

    /// The steps that are bound to optimizers, in order.
    pub(crate) fn bound(&self) -> impl Iterator<Item = (&Method, &Binding)> + Clone {
        self.methods.iter().filter_map(|method| Some((method, method.binding.as_ref()?)))
    }

    /// The hooks that stand here a second time, under no `#[cfg]`.
    pub(crate) fn repeated(&self) -> impl Iterator<Item = &Method> {
        let plain = |method: &Method| match method.meant {
            Meant::Hook(hook) if method.cfgs.is_empty() && !method.attributed => Some(hook.name),
            _ => None,
        };
        self.methods.iter().enumerate().filter_map(move |(at, method)| {
            let name = plain(method)?;
            self.methods.iter().take(at).any(|earlier| plain(earlier) == Some(name)).then_some(method)
        })
    }

    /// Gives every logged variable its slot.
    fn collect_metrics(&mut self) {
        let mut methods = std::mem::take(&mut self.methods);
        for method in &mut methods {
            let name = method.name();
            let logs_to = method.logs_to();
            for site in &method.logs {
                let bindings = site.bindings.iter();
                let slots = bindings.filter_map(|variable| {
                    let slot = self.slot(site, variable, logs_to, &name)?;
                    Some((variable.clone(), slot))
                });
                method.slots.push(slots.collect());
            }
        }
        self.methods = methods;
    }

    /// The slot of a variable; the first of three for `per_stage`, `None` where nothing can be logged.
    fn slot(&mut self, site: &LogSite, variable: &Ident, logs_to: Option<Logs>, method: &str) -> Option<usize> {
        if site.options.per_stage.is_some() {
            let mut slots = [StageDef::Train, StageDef::Val, StageDef::Test]
                .map(|stage| self.stage_slot(site, variable, stage, stage == StageDef::Train, method, true))
                .into_iter();
            return slots.next();
        }
        let (stage, step_by_default) = match logs_to? {
            Logs::Never => return None,
            Logs::Step(stage) => (stage, true),
            Logs::Batch(stage) | Logs::Epoch(stage) => (stage, false),
        };
        Some(self.stage_slot(site, variable, stage, step_by_default, method, false))
    }

    fn stage_slot(
        &mut self,
        site: &LogSite,
        variable: &Ident,
        stage: StageDef,
        step_by_default: bool,
        method: &str,
        prefixed: bool,
    ) -> usize {
        let prefix = |name: &str| if prefixed { format!("{}_{name}", stage.prefix()) } else { name.to_owned() };
        let written = prefix(&plain(variable));
        // One `name` for several variables is reported: each is then known by its own.
        let renamed = site.options.name.as_ref().filter(|_| site.bindings.len() == 1);
        let name = renamed.map_or_else(|| written.clone(), |name| prefix(&name.value()));
        let options = site.options.resolve(step_by_default);
        // The three slots of one `per_stage` lie side by side, so a name met again must come from `per_stage` too.
        let same = |metric: &Metric| metric.name == name || metric.constant_name() == written.to_uppercase();
        if let Some((slot, metric)) = self.metrics.iter_mut().enumerate().find(|(_, metric)| same(metric)) {
            let agrees = metric.name == name && metric.variable == written;
            if !agrees || metric.options != options || metric.per_stage != prefixed {
                let kind = metric.conflict_with(&name, &written, &options);
                let name = if kind == ConflictKind::Metric { metric.constant_name() } else { name };
                let first = metric.methods.first().cloned().unwrap_or_default();
                // One error is enough for the three slots of `per_stage`.
                if !self.conflicts.iter().any(|conflict| conflict.variable == *variable && conflict.first == first) {
                    self.conflicts.push(Conflict { variable: variable.clone(), name, first, kind });
                }
                return slot;
            }
            if !metric.stages.contains(&stage) {
                metric.stages.push(stage);
            }
            if !metric.methods.iter().any(|known| known == method) {
                metric.methods.push(method.to_owned());
            }
            metric.cfgs.push(site.cfgs.clone());
            return slot;
        }
        self.metrics.push(Metric {
            name,
            variable: written,
            span: variable.span(),
            stages: vec![stage],
            options,
            per_stage: prefixed,
            methods: vec![method.to_owned()],
            cfgs: vec![site.cfgs.clone()],
        });
        self.metrics.len() - 1
    }
}

fn read_method(owner: Owner, index: usize, function: &mut ImplItemFn, diagnostics: &Diagnostics) -> Method {
    let ours = take_attrs(&mut function.attrs, METHOD_ATTRS);
    let kept = ours.iter().any(|attr| name_of(attr) == "not_a_hook");
    let ordinary = report_aliens(owner, &mut function.attrs, diagnostics) || kept;
    let cfgs = copy_attrs(&function.attrs, "cfg");
    let name = plain(&function.sig.ident);
    let mut meant = if ordinary { Meant::Ordinary } else { meant_by(owner, &name) };
    let mut binding = None;
    for attr in ours.iter().filter(|attr| name_of(attr) != "not_a_hook") {
        if owner == Owner::Data || kept {
            diagnostics
                .error(attr.path(), format!("`#[{}]` has no meaning here", name_of(attr)))
                .help("it belongs to a training step of a module")
                .emit();
            continue;
        }
        let training = matches!(meant, Meant::Hook(hook) if hook.name == "training_step");
        match name_of(attr).as_str() {
            "training_step" if binding.is_none() => {
                binding = Binding::read(attr, diagnostics);
                // A step whatever it is called, also where the attribute is wrong.
                meant = HookDef::find(owner, "training_step").map_or(Meant::Ordinary, Meant::Hook);
            }
            "training_step" => {
                diagnostics.error(attr.path(), "`#[training_step]` is written twice").help("keep one of the two").emit()
            }
            _ if training && binding.is_none() => {
                known_args(parse_args(attr, diagnostics), "manual_optimization", &[], diagnostics);
                meant = Meant::Hook(MANUAL_STEP);
            }
            _ if training => diagnostics
                .error(attr.path(), "a step that is bound to an optimizer cannot optimize by itself")
                .help("keep one of the two attributes")
                .emit(),
            _ => diagnostics
                .error(attr.path(), format!("`#[manual_optimization]` stands on `{name}`"))
                .expected(format!("`{}`", MANUAL_STEP.signature()))
                .help("write it above `training_step`")
                .emit(),
        }
    }
    let attributed = ours.iter().any(|attr| name_of(attr) == "training_step");
    let logs = collect_logs(&mut function.block, &cfgs, diagnostics);
    let params = match meant {
        Meant::Hook(hook) | Meant::NearMiss(Some(hook)) => read_params(hook, &function.sig),
        _ => Parameters::default(),
    };
    let habits = if owner == Owner::Module { Habits::of(&function.block) } else { Habits::default() };
    let sig = function.sig.clone();
    Method { index, cfgs, sig, meant, binding, attributed, params, logs, habits, slots: Vec::new() }
}

/// Reports attributes that are ours on another item, or nearly ours; true for a misspelt `#[not_a_hook]`.
fn report_aliens(owner: Owner, attrs: &mut Vec<Attribute>, diagnostics: &Diagnostics) -> bool {
    let mut ordinary = false;
    attrs.retain(|attr| {
        let name = name_of(attr);
        let near = suggested(&name, METHOD_ATTRS.iter().copied());
        if near.is_none() && !ALIEN_ATTRS.contains(&name.as_str()) {
            return true;
        }
        ordinary |= near.is_some();
        let report = diagnostics
            .error(attr.path(), format!("`#[{name}]` is no attribute of a method of {}", owner.noun()))
            .note(format!("the attributes of a method are {}", listed(METHOD_ATTRS.iter().copied())));
        match near {
            Some(near) => report.help(format!("did you mean `#[{near}]`?")).emit(),
            None if name == "log" => report.help("write `#[log]` above the `let` whose value is logged").emit(),
            None => report.emit(),
        }
        false
    });
    ordinary
}

/// What the name says the method is.
fn meant_by(owner: Owner, name: &str) -> Meant {
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
    // `train_loader` is an ordinary name on a module, `valid_dataloader` is not.
    let ordinary =
        |target: &str| owner == Owner::Module && target.ends_with("_dataloader") && !name.ends_with("_dataloader");
    if let Some((_, target)) = FOREIGN.iter().find(|(known, _)| *known == name)
        && !ordinary(target)
        && let Some(hook) = HookDef::find(owner, target)
    {
        return Meant::NearMiss(Some(hook));
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

/// Sorts the parameters by the names that the row knows.
fn read_params(hook: &'static HookDef, sig: &syn::Signature) -> Parameters {
    let mut params = Parameters::default();
    for input in &sig.inputs {
        let FnArg::Typed(typed) = input else { continue };
        let name = match &*typed.pat {
            Pat::Ident(binding) => plain(&binding.ident),
            _ => String::new(),
        };
        // `_batch_idx` is the way to say that it is not used yet.
        let known = hook.params.iter().find(|param| param.name == name.trim_start_matches('_'));
        let param = match known {
            Some(known) => Param::Known(known, (*typed.ty).clone()),
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
