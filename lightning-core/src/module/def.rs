//! The description of a module that the macro emits, as plain data.

use crate::{
    hooks::HookSet,
    metrics::{MetricDef, StageSet},
};

/// The role of a field of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldRole {
    /// A Burn module with parameters.
    Module,
    /// A Burn module that is frozen at the start.
    Frozen,
    /// A tensor that is moved and saved, but not trained.
    Buffer,
    /// A hyperparameter.
    Hparam,
    /// Data that is saved in checkpoints.
    State,
    /// Data that is not saved.
    Skipped,
}

/// One field of a module, as written.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FieldDef {
    /// The field's name, which is also the first part of its parameters' paths.
    pub name: &'static str,
    /// The type as written.
    pub type_name: &'static str,
    /// What the field is for.
    pub role: FieldRole,
    /// The source text of a hyperparameter's default.
    pub default: Option<&'static str>,
    /// The doc comment.
    pub doc: &'static str,
    /// The name of a hyperparameter in files: `name`, or that of `#[serde(rename = "…")]`.
    pub key: &'static str,
    /// The hyperparameters of a nested module, if the field holds them.
    pub nested: &'static [FieldDef],
    /// Whether files have the value as serde writes its type: no `#[serde(with = "…")]` changes it.
    pub is_plain: bool,
}

impl FieldDef {
    const fn new(name: &'static str, type_name: &'static str, role: FieldRole) -> Self {
        Self { name, type_name, role, default: None, doc: "", key: name, nested: &[], is_plain: true }
    }

    /// Sets the default of a hyperparameter, as written.
    #[must_use]
    pub const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// Sets the documentation.
    #[must_use]
    pub const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    /// Sets the name of a hyperparameter in files.
    #[must_use]
    pub const fn key(mut self, key: &'static str) -> Self {
        self.key = key;
        self
    }

    /// Sets the hyperparameters of a nested module.
    #[must_use]
    pub const fn nested(mut self, fields: &'static [Self]) -> Self {
        self.nested = fields;
        self
    }

    /// Marks a hyperparameter that files have in another form than that of its type.
    #[must_use]
    pub const fn custom(mut self) -> Self {
        self.is_plain = false;
        self
    }

    /// A trained module.
    pub const fn module(name: &'static str, type_name: &'static str) -> Self {
        Self::new(name, type_name, FieldRole::Module)
    }

    /// A module that starts frozen.
    pub const fn frozen(name: &'static str, type_name: &'static str) -> Self {
        Self::new(name, type_name, FieldRole::Frozen)
    }

    /// A buffer.
    pub const fn buffer(name: &'static str, type_name: &'static str) -> Self {
        Self::new(name, type_name, FieldRole::Buffer)
    }

    /// A hyperparameter.
    pub const fn hparam(name: &'static str, type_name: &'static str) -> Self {
        Self::new(name, type_name, FieldRole::Hparam)
    }

    /// Saved state.
    pub const fn state(name: &'static str, type_name: &'static str) -> Self {
        Self::new(name, type_name, FieldRole::State)
    }

    /// State that is not saved.
    pub const fn skipped(name: &'static str, type_name: &'static str) -> Self {
        Self::new(name, type_name, FieldRole::Skipped)
    }
}

/// Hyperparameters that know their fields: the struct `<Name>Hparams` of each module and data module.
#[doc(hidden)]
pub trait HparamFields {
    /// The hyperparameters, in order.
    const FIELDS: &'static [FieldDef];
}

/// The fields of a type that may be the hyperparameters of a nested module. The inherent constant, for
/// a type that is, takes precedence over that of [`NoHparamFields`].
#[doc(hidden)]
#[derive(Debug)]
pub struct HparamFieldsOf<T>(std::marker::PhantomData<T>);

impl<T: HparamFields> HparamFieldsOf<T> {
    /// The hyperparameters of the nested module.
    pub const FIELDS: &'static [FieldDef] = T::FIELDS;
}

/// The fields of any other type: none.
#[doc(hidden)]
pub trait NoHparamFields {
    /// No hyperparameters.
    const FIELDS: &'static [FieldDef] = &[];
}

impl<T> NoHparamFields for HparamFieldsOf<T> {}

/// The way in which a batch is trained on.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "the macro writes one of them")]
pub enum TrainingMode {
    /// By one `training_step`, whose loss trains every optimizer.
    Plain,
    /// By several steps, each for one optimizer.
    Bound(&'static [BoundStep]),
    /// By the module itself, with `#[manual_optimization]`.
    Manual,
}

/// A `#[training_step(optimizer = …)]`.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the macro writes it")]
pub struct BoundStep {
    /// The method.
    pub name: &'static str,
    /// The optimizer it trains.
    pub optimizer: &'static str,
    /// The interval between steps, in batches.
    pub every: u64,
    /// The number of steps on the same batch.
    pub repeat: u64,
}

/// The description of a module without its type, so that the engine needs no type parameter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ModuleInfo {
    /// The name of the type.
    pub(crate) name: &'static str,
    /// The name of the module's type.
    pub(crate) type_name: fn() -> &'static str,
    pub(crate) fields: &'static [FieldDef],
    /// The declared metrics.
    pub(crate) metrics: &'static [MetricDef],
    /// The hooks that the module implements.
    pub(crate) hooks: HookSet,
    pub(crate) training: TrainingMode,
}

impl ModuleInfo {
    /// Returns whether a declared metric is logged only in validation.
    pub(crate) fn is_validation_only(&self, name: &str) -> bool {
        self.declared_stages(name).is_some_and(|stages| stages == StageSet::VAL)
    }

    /// Returns the stages that log a declared metric; `None` for a name known only at run time.
    pub(crate) fn declared_stages(&self, name: &str) -> Option<StageSet> {
        self.metrics.iter().find(|def| def.name == name).map(|def| def.stages)
    }
}
