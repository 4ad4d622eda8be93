//! The bounds of a generic module: those that its fields need of its type parameters.

use syn::{
    GenericArgument, Generics, Ident, PathArguments, Type, TypeParamBound, WherePredicate, parse_quote,
    punctuated::Punctuated, visit::Visit,
};

use super::{role::Role, struct_model::StructModel};
use crate::paths::RuntimePath;

/// The containers of which each is a module if its elements are.
const CONTAINERS: &[&str] = &["Vec", "Option", "Box"];

/// What the fields of a module, and Burn's derive, need of its type parameters.
pub(crate) struct Bounds<'a> {
    /// The type parameters that are modules: all that are in no other field.
    pub(crate) modules: Vec<&'a Ident>,
    /// The type parameters of fields that are not modules.
    pub(crate) data: Vec<&'a Ident>,
    /// The generic types of fields that are modules, other than type parameters and containers of
    /// them.
    pub(crate) module_fields: Vec<&'a Type>,
    /// The same for fields that are not modules.
    pub(crate) data_fields: Vec<&'a Type>,
}

impl<'a> Bounds<'a> {
    pub(crate) fn of(model: &'a StructModel) -> Self {
        let params = type_params(&model.item.generics);
        let (mut data, mut module_fields, mut data_fields) = (Vec::new(), Vec::new(), Vec::new());
        for field in &model.fields {
            let is_module = matches!(model.role(field), Some(Role::Module(_)));
            let of_params = elements(&field.ty, &params).is_some();
            match model.role(field) {
                // A generic hyperparameter is reported, a generic buffer is a tensor.
                Some(Role::Hparam(..) | Role::Buffer(_)) => continue,
                _ if is_module && !of_params => module_fields.push(&field.ty),
                _ if !of_params => data_fields.push(&field.ty),
                _ => {}
            }
            if !is_module {
                data.extend(params.iter().copied().filter(|param| mentions(&field.ty, &[param])));
            }
        }
        let (data, modules) = params.into_iter().partition(|param| data.contains(param));
        Self { modules, data, module_fields, data_fields }
    }

    /// The bounds as predicates. Those of parameters name the traits that Burn's derive looks for.
    pub(crate) fn predicates(&self, p: &RuntimePath) -> Vec<WherePredicate> {
        let modules = self.modules.iter().map(|ty| parse_quote!(#ty: #p::Module + #p::ModuleDisplay + 'static));
        let data = self.data.iter().map(|ty| parse_quote!(#ty: #p::DataParam));
        let module_fields = self.module_fields.iter().map(|ty| parse_quote!(#ty: #p::ModuleField));
        let data_fields = self.data_fields.iter().map(|ty| parse_quote!(#ty: #p::DataField));
        modules.chain(data).chain(module_fields).chain(data_fields).collect()
    }

    /// The type parameters whose bounds the struct itself does not need: those that are no argument
    /// of another type.
    pub(crate) fn unneeded(&self) -> impl Iterator<Item = &'a Ident> {
        let is_argument =
            |param: &Ident| self.module_fields.iter().chain(&self.data_fields).any(|ty| mentions(ty, &[param]));
        self.modules.iter().chain(&self.data).copied().filter(move |param| !is_argument(param))
    }
}

/// Removes the bounds that the derives need of some type parameters: those of each module and of
/// each field with data.
pub(crate) fn drop_known_bounds(generics: &mut Generics, params: &[&Ident]) {
    let unknown = |bounds: &mut Punctuated<TypeParamBound, syn::Token![+]>| {
        *bounds = std::mem::take(bounds).into_iter().filter(|bound| !is_known(bound)).collect();
    };
    for param in generics.type_params_mut().filter(|param| params.contains(&&param.ident)) {
        unknown(&mut param.bounds);
    }
    let Some(clause) = &mut generics.where_clause else { return };
    for predicate in &mut clause.predicates {
        if let WherePredicate::Type(predicate) = predicate
            && let Type::Path(path) = &predicate.bounded_ty
            && params.iter().any(|param| path.path.is_ident(*param))
        {
            unknown(&mut predicate.bounds);
        }
    }
    let predicates = std::mem::take(&mut clause.predicates);
    let is_empty = |predicate: &WherePredicate| matches!(predicate, WherePredicate::Type(ty) if ty.bounds.is_empty());
    clause.predicates = predicates.into_iter().filter(|predicate| !is_empty(predicate)).collect();
}

fn is_known(bound: &TypeParamBound) -> bool {
    match bound {
        TypeParamBound::Trait(bound) => {
            let known = ["Module", "ModuleDisplay", "Clone", "Debug", "Send"];
            bound.path.segments.last().is_some_and(|last| known.iter().any(|name| last.ident == name))
        }
        TypeParamBound::Lifetime(lifetime) => lifetime.ident == "static",
        _ => false,
    }
}

/// The type parameters.
fn type_params(generics: &Generics) -> Vec<&Ident> {
    generics.type_params().map(|param| &param.ident).collect()
}

/// Adds `Net<M>: P::DeclaredModule`, if there are type parameters.
pub(super) fn close(generics: &mut Generics, ty: &Type, p: &RuntimePath) {
    if !type_params(generics).is_empty() {
        generics.make_where_clause().predicates.push(parse_quote!(#ty: #p::DeclaredModule));
    }
}

/// The generics of the impls of a struct.
pub(super) fn closed(item: &syn::ItemStruct, p: &RuntimePath) -> Generics {
    let mut generics = item.generics.clone();
    let (name, arguments) = (&item.ident, generics.split_for_impl().1);
    let ty = parse_quote!(#name #arguments);
    close(&mut generics, &ty, p);
    generics
}

/// The type parameters of a field that is one of them, or a container of them. `None` if another
/// type mentions one.
fn elements<'a>(ty: &'a Type, params: &[&'a Ident]) -> Option<Vec<&'a Ident>> {
    match ty {
        Type::Path(path) if path.qself.is_none() => {
            if let Some(param) = params.iter().find(|param| path.path.is_ident(**param)) {
                return Some(vec![param]);
            }
            let last = path.path.segments.last()?;
            match &last.arguments {
                PathArguments::AngleBracketed(arguments) if CONTAINERS.iter().any(|name| last.ident == name) => {
                    let types = arguments.args.iter().filter_map(|argument| match argument {
                        GenericArgument::Type(ty) => Some(ty),
                        _ => None,
                    });
                    all_elements(types, params)
                }
                _ => (!mentions(ty, params)).then(Vec::new),
            }
        }
        Type::Array(array) => elements(&array.elem, params),
        Type::Tuple(tuple) => all_elements(tuple.elems.iter(), params),
        Type::Group(group) => elements(&group.elem, params),
        Type::Paren(group) => elements(&group.elem, params),
        _ => (!mentions(ty, params)).then(Vec::new),
    }
}

fn all_elements<'a>(types: impl Iterator<Item = &'a Type>, params: &[&'a Ident]) -> Option<Vec<&'a Ident>> {
    types.map(|ty| elements(ty, params)).try_fold(Vec::new(), |mut all, found| {
        all.extend(found?);
        Some(all)
    })
}

fn mentions(ty: &Type, params: &[&Ident]) -> bool {
    struct Names<'a>(&'a [&'a Ident], bool);
    impl<'ast> Visit<'ast> for Names<'_> {
        fn visit_ident(&mut self, ident: &'ast Ident) {
            self.1 |= self.0.contains(&ident);
        }
    }
    let mut names = Names(params, false);
    names.visit_type(ty);
    names.1
}
