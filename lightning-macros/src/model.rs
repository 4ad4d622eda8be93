//! The intermediate representation: the user's item by meaning; each part keeps its tokens.

mod batch;
mod binding;
mod bounds;
mod conflict;
mod field;
mod group;
mod impl_model;
mod log;
mod log_collector;
mod log_options;
mod method;
mod metric;
mod optimizer;
mod placeholder;
mod read_method;
mod role;
mod schedule;
mod slots;
mod struct_model;

pub(crate) use batch::{BatchField, BatchModel, Members};
pub(crate) use binding::Binding;
pub(crate) use bounds::{Bounds, drop_known_bounds};
pub(crate) use conflict::ConflictKind;
pub(crate) use field::Field;
pub(crate) use group::GroupArg;
pub(crate) use impl_model::ImplModel;
pub(crate) use log::{Enclosed, LogForm, LogSite};
pub(crate) use log_options::{Direction, Reduce};
pub(crate) use method::{Meant, Method, Param};
pub(crate) use metric::Metric;
pub(crate) use optimizer::{Optimizer, name_hash, suggestion};
pub(crate) use placeholder::expand_placeholders;
pub(crate) use role::Role;
pub(crate) use schedule::{IntervalArg, is_zero};
pub(crate) use struct_model::{STRUCT_ATTRS, StructModel};
