//! The struct side: fields, their roles, optimizers.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{
    Attribute, Expr, GenericParam, Ident, ItemStruct, Meta, Path, Token, Type, punctuated::Punctuated, visit::Visit,
};

use super::optimizer::Optimizer;
use crate::{
    diagnostics::{Diagnostics, listed},
    hooks::Owner,
    parse::{Arg, copy_attrs, doc_text, known_args, mend_attrs, name_of, parse_args, parse_expr, take_attrs},
    paths::{Paths, plain},
    text::text_of,
};

/// The attributes of a module's field, with the role each gives.
const MODULE_ATTRS: &[&str] = &["init", "hparam", "buffer", "state", "frozen"];
/// The same, and what belongs to the optimizers.
const FIELD_ATTRS: &[&str] = &["init", "hparam", "buffer", "state", "frozen", "optimizer"];
/// The attributes of a data module's field.
const DATA_ATTRS: &[&str] = &["hparam", "state"];
/// Announced for later, or written on the wrong item: reported, never passed on to rustc.
const FOREIGN_ATTRS: &[&str] = &["precision", "batch", "log", "not_a_hook"];

/// Everything ours that may stand on a struct or its fields.
pub(crate) const STRUCT_ATTRS: &[&str] =
    &["init", "hparam", "buffer", "state", "frozen", "optimizer", "precision", "log", "not_a_hook"];

/// A `#[lightning_module]` or `#[data_module]` struct.
pub(crate) struct StructModel {
    /// Which of the two.
    pub(crate) owner: Owner,
    /// Where the runtime is.
    pub(crate) paths: Paths,
    /// The struct without its fields' and its own lightning attributes; fields keep all others.
    pub(crate) item: ItemStruct,
    /// Its `#[cfg]`s, repeated on all that is emitted.
    pub(crate) cfgs: Vec<Attribute>,
    /// The named fields, in order.
    pub(crate) fields: Vec<Field>,
    /// The `#[optimizer]`s: those on the struct, then those on its fields, in order.
    pub(crate) optimizers: Vec<Optimizer>,
}

/// One field.
pub(crate) struct Field {
    /// Its name.
    pub(crate) ident: Ident,
    /// Its type.
    pub(crate) ty: Type,
    /// Its `#[cfg]`s.
    pub(crate) cfgs: Vec<Attribute>,
    /// Its doc comment.
    pub(crate) docs: Vec<Attribute>,
    /// Its `#[serde(…)]`s, which belong to the hyperparameter.
    pub(crate) serde: Vec<Attribute>,
    /// Every role written on it; more than one is an error.
    pub(crate) roles: Vec<RoleAttr>,
    /// `#[frozen]`.
    pub(crate) frozen: Option<Attribute>,
    /// Whether an attribute was reported already, so that the field's lack of a role is a consequence.
    pub(crate) reported: bool,
}

/// A role attribute.
pub(crate) struct RoleAttr {
    /// As written.
    pub(crate) attr: Attribute,
    /// What it says.
    pub(crate) role: Role,
}

/// What a field is for.
#[derive(Clone)]
pub(crate) enum Role {
    /// A Burn module; without an expression `fn init` builds it.
    Module(Option<Expr>),
    /// A hyperparameter and its default.
    Hparam(Option<Expr>),
    /// A tensor that is never trained.
    Buffer(Option<Expr>),
    /// Data kept in the checkpoint.
    State,
    /// Data that is not kept.
    Skipped,
}

impl Field {
    /// The name without `r#`.
    pub(crate) fn name(&self) -> String {
        plain(&self.ident)
    }

    /// The type as text.
    pub(crate) fn type_text(&self) -> String {
        text_of(&self.ty)
    }

    /// The doc comment as text.
    pub(crate) fn doc_text(&self) -> String {
        doc_text(&self.docs)
    }

    /// The hyperparameter's default: `None` for another role, `Some(None)` for a required one.
    pub(crate) fn hparam(&self) -> Option<Option<&Expr>> {
        match &self.roles.first()?.role {
            Role::Hparam(default) => Some(default.as_ref()),
            _ => None,
        }
    }
}

impl StructModel {
    /// Sorts what the user wrote.
    pub(crate) fn new(owner: Owner, paths: Paths, mut item: ItemStruct, diagnostics: &Diagnostics) -> Self {
        if owner == Owner::Module {
            mend_attrs(&mut item.attrs, &["optimizer"], "a module", diagnostics);
        }
        let optimizers = take_attrs(&mut item.attrs, &["optimizer"])
            .into_iter()
            .filter_map(|attr| Optimizer::read(owner, attr, None, diagnostics))
            .collect();
        let cfgs = copy_attrs(&item.attrs, "cfg");
        if owner == Owner::Module {
            drop_derives(&mut item.attrs);
        }
        let mut optimizers: Vec<Optimizer> = optimizers;
        let mut fields = Vec::new();
        for field in &mut item.fields {
            if owner == Owner::Module {
                mend_attrs(&mut field.attrs, FIELD_ATTRS, "a field of a module", diagnostics);
            }
            let on_field = take_attrs(&mut field.attrs, &["optimizer"]);
            fields.extend(read_field(owner, field, diagnostics));
            let ident = field.ident.as_ref();
            optimizers.extend(on_field.into_iter().filter_map(|attr| Optimizer::read(owner, attr, ident, diagnostics)));
        }
        Self { owner, paths, item, cfgs, fields, optimizers }
    }

    /// The hyperparameters with their defaults.
    pub(crate) fn hparams(&self) -> impl Iterator<Item = (&Field, Option<&Expr>)> {
        self.fields.iter().filter_map(|field| field.hparam().map(|default| (field, default)))
    }

    /// Whether the fields say how to build the struct, so that no `fn init` does.
    pub(crate) fn initialises_itself(&self) -> bool {
        let mut roles = self.fields.iter().flat_map(|field| &field.roles);
        let written = roles.any(|role| matches!(role.role, Role::Module(Some(_)) | Role::Buffer(Some(_))));
        let nothing_to_build = self.fields.iter().all(|field| {
            matches!(field.roles.first().map(|role| &role.role), Some(Role::Hparam(_) | Role::State | Role::Skipped))
        });
        self.owner == Owner::Data || written || nothing_to_build
    }

    /// The field's role: the first one written, or a module where `fn init` builds what has none.
    pub(crate) fn role<'a>(&self, field: &'a Field) -> Option<&'a Role> {
        match field.roles.first() {
            Some(role) => Some(&role.role),
            None if self.initialises_itself() => None,
            None => Some(&Role::Module(None)),
        }
    }

    /// The fields that have the name of an earlier one.
    pub(crate) fn repeated(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().enumerate().filter_map(|(at, field)| {
            let twice = |earlier: &Field| earlier.ident == field.ident && earlier.cfgs.is_empty();
            (field.cfgs.is_empty() && self.fields.iter().take(at).any(twice)).then_some(field)
        })
    }

    /// Takes out what was reported and rustc would report again: fields written twice, and types that nothing can be made of.
    pub(crate) fn make_harmless(&mut self, modernise: impl Fn(&mut Type)) {
        let mut seen: Vec<Ident> = Vec::new();
        let mut keep = Vec::new();
        // A hyperparameter that cannot be one goes too: Burn would report its generic once more.
        let generic: Vec<bool> =
            self.fields.iter().map(|field| field.hparam().is_some() && self.generic_of(field).is_some()).collect();
        for (field, generic) in self.fields.iter_mut().zip(generic) {
            let twice = field.cfgs.is_empty() && seen.contains(&field.ident);
            keep.push(!(generic || twice));
            seen.push(field.ident.clone());
            modernise(&mut field.ty);
        }
        let mut kept = keep.iter();
        self.fields.retain(|_| kept.next().copied().unwrap_or(true));
        let mut kept = keep.iter();
        if let syn::Fields::Named(fields) = &mut self.item.fields {
            let named = std::mem::take(&mut fields.named);
            fields.named = named.into_iter().filter(|_| kept.next().copied().unwrap_or(true)).collect();
            for (written, field) in fields.named.iter_mut().zip(&self.fields) {
                written.ty = field.ty.clone();
            }
        }
    }

    /// Whether the struct has generic parameters.
    pub(crate) fn is_generic(&self) -> bool {
        !self.item.generics.params.is_empty()
    }

    /// The generic parameter that the field's type names.
    pub(crate) fn generic_of(&self, field: &Field) -> Option<String> {
        struct Names<'a> {
            params: &'a [String],
            found: Option<String>,
        }
        impl<'ast> Visit<'ast> for Names<'_> {
            fn visit_ident(&mut self, ident: &'ast Ident) {
                let name = ident.to_string();
                if self.found.is_none() && self.params.contains(&name) {
                    self.found = Some(name);
                }
            }
        }
        let params: Vec<String> = self
            .item
            .generics
            .params
            .iter()
            .map(|param| match param {
                GenericParam::Type(param) => param.ident.to_string(),
                GenericParam::Const(param) => param.ident.to_string(),
                GenericParam::Lifetime(param) => param.lifetime.ident.to_string(),
            })
            .collect();
        let mut names = Names { params: &params, found: None };
        names.visit_type(&field.ty);
        names.found
    }
}

/// Splits the field's attributes into ours, which are removed, and the others, which stay.
fn read_field(owner: Owner, field: &mut syn::Field, diagnostics: &Diagnostics) -> Option<Field> {
    let ident = field.ident.clone()?;
    let known = if owner == Owner::Module { MODULE_ATTRS } else { DATA_ATTRS };
    mend_attrs(&mut field.attrs, known, &format!("a field of {}", owner.noun()), diagnostics);
    let mut ours = Vec::new();
    let mut reported = false;
    field.attrs.retain(|attr| {
        let name = name_of(attr);
        if known.contains(&name.as_str()) {
            ours.push(attr.clone());
            return false;
        }
        let alien = report_alien(owner, attr, &name, diagnostics);
        reported |= alien;
        !alien
    });

    let (frozen, roles): (Vec<_>, Vec<_>) = ours.into_iter().partition(|attr| name_of(attr) == "frozen");
    let roles: Vec<RoleAttr> = roles.into_iter().filter_map(|attr| read_role(attr, diagnostics)).collect();
    if let Some(attr) = frozen.first() {
        known_args(parse_args(attr, diagnostics), "frozen", &[], diagnostics);
    }
    // On the struct's own field a `#[serde]` would belong to no derive.
    let hparam = roles.first().is_some_and(|role| matches!(role.role, Role::Hparam(_)));
    let serde = if hparam { take_attrs(&mut field.attrs, &["serde"]) } else { Vec::new() };
    Some(Field {
        ident,
        ty: field.ty.clone(),
        cfgs: copy_attrs(&field.attrs, "cfg"),
        docs: copy_attrs(&field.attrs, "doc"),
        serde,
        roles,
        frozen: frozen.into_iter().next(),
        reported,
    })
}

/// Reports an attribute that is ours on another item.
fn report_alien(owner: Owner, attr: &Attribute, name: &str, diagnostics: &Diagnostics) -> bool {
    if !FOREIGN_ATTRS.contains(&name) && !MODULE_ATTRS.contains(&name) {
        return false;
    }
    let known = if owner == Owner::Module { FIELD_ATTRS } else { DATA_ATTRS };
    diagnostics
        .error(attr.path(), format!("`#[{name}]` is no attribute of a field of {}", owner.noun()))
        .note(format!("the attributes of a field are {}", listed(known.iter().copied())))
        .emit();
    true
}

fn read_role(attr: Attribute, diagnostics: &Diagnostics) -> Option<RoleAttr> {
    let role = match name_of(&attr).as_str() {
        "init" => Role::Module(parse_expr(&attr, diagnostics)),
        "buffer" => Role::Buffer(parse_expr(&attr, diagnostics)),
        "hparam" => {
            let known: &[(&str, &str)] = &[("default", "default = …")];
            let args = known_args(parse_args(&attr, diagnostics), "hparam", known, diagnostics);
            Role::Hparam(args.into_iter().find_map(|arg| match arg {
                Arg::Value(_, value) => Some(value),
                _ => None,
            }))
        }
        "state" => {
            let args = known_args(parse_args(&attr, diagnostics), "state", &[("skip", "skip")], diagnostics);
            match args.first() {
                Some(Arg::Value(key, _)) => {
                    diagnostics
                        .error(key, "`skip` takes no value")
                        .help("write `#[state(skip)]`, or `#[state]` to keep the field in the checkpoint")
                        .emit();
                    Role::Skipped
                }
                Some(_) => Role::Skipped,
                None => Role::State,
            }
        }
        _ => return None,
    };
    Some(RoleAttr { attr, role })
}

/// Drops what we derive ourselves from the user's derives.
fn drop_derives(attrs: &mut Vec<Attribute>) {
    attrs.retain_mut(|attr| {
        if !attr.path().is_ident("derive") {
            return true;
        }
        let Meta::List(list) = &mut attr.meta else { return true };
        let parsed = list.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated);
        let Ok(paths) = parsed else { return true };
        let kept: Vec<Path> = paths.into_iter().filter(|path| !derived_by_us(path)).collect();
        list.tokens = quote::quote!(#(#kept),*);
        !kept.is_empty()
    });
}

fn derived_by_us(path: &Path) -> bool {
    path.segments.last().is_some_and(|last| last.ident == "Clone" || last.ident == "Debug" || last.ident == "Module")
}

impl ToTokens for RoleAttr {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.attr.path().to_tokens(tokens);
    }
}
