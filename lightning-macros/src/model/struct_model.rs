//! The struct side: fields and optimizers.

use syn::{
    Attribute, Expr, GenericParam, Generics, Ident, ItemStruct, Meta, Path, Token, Type, punctuated::Punctuated,
    visit::Visit,
};

use super::{
    bounds::closed,
    field::{Field, read_field},
    field_types::correct_field_type,
    optimizer::Optimizer,
    role::{Role, RoleAttr},
};
use crate::{
    diagnostics::Diagnostics,
    hooks::Owner,
    parse::{copy_attrs, correct_attrs, has_try, in_cfg_attr, name_of},
    paths::Paths,
};

/// All our attributes of structs and fields.
pub(crate) const STRUCT_ATTRS: &[&str] = &[
    "init",
    "hparam",
    "buffer",
    "state",
    "frozen",
    "optimizer",
    "precision",
    "log",
    "not_a_hook",
    "every",
    "once",
    "dims",
];

/// A `#[lightning_module]` or `#[data_module]` struct.
pub(crate) struct StructModel {
    /// Module or data module.
    pub(crate) owner: Owner,
    /// Where the runtime is.
    pub(crate) paths: Paths,
    /// The struct without our attributes; fields keep all others.
    pub(crate) item: ItemStruct,
    /// The generics of its impls; those of a module with type parameters require that it is
    /// declared.
    pub(crate) generics: Generics,
    /// Its `#[cfg]`s, which are repeated on all generated items.
    pub(crate) cfgs: Vec<Attribute>,
    /// The named fields, in order.
    pub(crate) fields: Vec<Field>,
    /// The `#[optimizer]`s: those on the struct, then those on its fields, in order.
    pub(crate) optimizers: Vec<Optimizer>,
}

impl StructModel {
    /// Reads the item and reports malformed attributes.
    pub(crate) fn new(owner: Owner, paths: Paths, mut item: ItemStruct, diagnostics: &Diagnostics) -> Self {
        if owner == Owner::Module {
            correct_attrs(&mut item.attrs, &["optimizer"], "a module", diagnostics);
        }
        let optimizers = take_optimizers(&mut item.attrs, diagnostics)
            .into_iter()
            .filter_map(|attr| diagnostics.on_page(13, || Optimizer::read(owner, attr, None, diagnostics)))
            .collect();
        let cfgs = copy_attrs(&item.attrs, "cfg");
        if owner == Owner::Module {
            drop_derives(&mut item.attrs);
        }
        let mut optimizers: Vec<Optimizer> = optimizers;
        let mut fields = Vec::new();
        for field in &mut item.fields {
            if owner == Owner::Module {
                correct_attrs(&mut field.attrs, &["optimizer"], "a field of a module", diagnostics);
            }
            let on_field = take_optimizers(&mut field.attrs, diagnostics);
            fields.extend(read_field(owner, field, diagnostics));
            let ident = field.ident.as_ref();
            optimizers.extend(
                on_field
                    .into_iter()
                    .filter_map(|attr| diagnostics.on_page(13, || Optimizer::read(owner, attr, ident, diagnostics))),
            );
        }
        let generics = match owner {
            Owner::Module => closed(&item, paths.outer()),
            Owner::Data => item.generics.clone(),
        };
        Self { owner, paths, item, generics, cfgs, fields, optimizers }
    }

    /// The hyperparameters with their defaults.
    pub(crate) fn hparams(&self) -> impl Iterator<Item = (&Field, Option<&Expr>)> {
        self.fields.iter().filter_map(|field| field.hparam().map(|default| (field, default)))
    }

    /// Whether the attributes of the fields build the struct, so that no `fn init` is needed.
    pub(crate) fn is_built_by_attributes(&self) -> bool {
        let mut roles = self.fields.iter().flat_map(|field| &field.roles);
        let written = roles.any(|role| matches!(role.role, Role::Module(Some(_)) | Role::Buffer(Some(_))));
        let nothing_to_build = self.fields.iter().all(|field| {
            matches!(field.roles.first().map(|role| &role.role), Some(Role::Hparam(..) | Role::State | Role::Skipped))
        });
        self.owner == Owner::Data || written || nothing_to_build
    }

    /// Whether an expression that builds a field has a `?`, so that building can fail.
    pub(crate) fn is_built_fallibly(&self) -> bool {
        let mut roles = self.fields.iter().filter_map(|field| field.roles.first());
        roles.any(|role| match &role.role {
            Role::Module(Some(expr)) | Role::Buffer(Some(expr)) => has_try(expr),
            _ => false,
        })
    }

    /// The role of the field: the first one, or a module if there is none and `fn init` builds the
    /// struct.
    pub(crate) fn role<'a>(&self, field: &'a Field) -> Option<&'a Role> {
        match field.roles.first() {
            Some(role) => Some(&role.role),
            None if self.is_built_by_attributes() => None,
            None => Some(&Role::Module(None)),
        }
    }

    /// The fields with the name of an earlier field.
    pub(crate) fn repeated(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().enumerate().filter_map(|(at, field)| {
            let twice = |earlier: &Field| earlier.ident == field.ident && earlier.cfgs.is_empty();
            (field.cfgs.is_empty() && self.fields.iter().take(at).any(twice)).then_some(field)
        })
    }

    /// Removes what is already reported and rustc would report again: duplicate fields and
    /// hyperparameters with generic types.
    pub(crate) fn remove_reported(&mut self, modernize: impl Fn(&mut Type)) {
        let mut seen: Vec<Ident> = Vec::new();
        let mut keep = Vec::new();
        // Burn's derive would report the generic type of such a hyperparameter again.
        let generic: Vec<bool> =
            self.fields.iter().map(|field| field.hparam().is_some() && self.generic_of(field).is_some()).collect();
        for (field, generic) in self.fields.iter_mut().zip(generic) {
            let twice = field.cfgs.is_empty() && seen.contains(&field.ident);
            keep.push(!(generic || twice));
            seen.push(field.ident.clone());
            modernize(&mut field.ty);
            // What does not fit the type would be reported again.
            if let Some(RoleAttr { role: Role::Hparam(_, search), .. }) = field.roles.first_mut() {
                *search = None;
            }
            if matches!(field.roles.first().map(|role| &role.role), Some(Role::State | Role::Skipped)) {
                correct_field_type(&mut field.ty);
            }
        }
        let mut kept = keep.iter();
        self.fields.retain(|_| kept.next().copied().unwrap_or(true));
        let mut kept = keep.iter();
        if let syn::Fields::Named(fields) = &mut self.item.fields {
            let named = std::mem::take(&mut fields.named);
            fields.named = named.into_iter().filter(|_| kept.next().copied().unwrap_or(true)).collect();
            for (written, field) in fields.named.iter_mut().zip(&self.fields) {
                written.ty = field.ty.clone();
                // An attribute of Burn's derive, which is reported.
                written.attrs.retain(|attr| name_of(attr) != "module");
            }
        }
    }

    /// Whether the struct has generic parameters.
    pub(crate) fn is_generic(&self) -> bool {
        !self.item.generics.params.is_empty()
    }

    /// The generic parameter that the type of the field uses.
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

/// Removes the `#[optimizer]`s, also those with a path: `#[lightning_core::optimizer(…)]`. Reports
/// those in `#[cfg_attr(…)]`.
fn take_optimizers(attrs: &mut Vec<Attribute>, diagnostics: &Diagnostics) -> Vec<Attribute> {
    let is_one = |attr: &mut Attribute| attr.path().segments.last().is_some_and(|last| last.ident == "optimizer");
    let taken = attrs.extract_if(.., is_one).collect();
    attrs.retain(|attr| {
        let Some(hidden) = in_cfg_attr(attr, &["optimizer"]) else { return true };
        diagnostics
            .error(&hidden, "`#[optimizer]` must not be in `#[cfg_attr]`")
            .note("the macro reads its attributes before rustc resolves `#[cfg_attr]`")
            .help("write `configure_optimizers` in the impl, twice, each under its `#[cfg(…)]`")
            .emit();
        false
    });
    taken
}

/// Removes the traits that we derive from the user's `#[derive(…)]`.
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
