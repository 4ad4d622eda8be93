//! Modules and data modules own their data.

use syn::{
    GenericArgument, GenericParam, Generics, ItemImpl, ItemStruct, Lifetime, PathArguments, Type, visit_mut::VisitMut,
};

use crate::{diagnostics::Diagnostics, hooks::Owner, paths::plain};

/// Reports `struct Net<'a>`: a run needs a module that lives as long as the program (C14). The
/// struct goes on without its lifetimes, so that they are reported once.
pub(crate) fn check_no_lifetimes(owner: Owner, item: &mut ItemStruct, diagnostics: &Diagnostics) {
    let Some(param) = item.generics.lifetimes().next() else { return };
    let (noun, name, lifetime) = (owner.noun(), plain(&item.ident), &param.lifetime);
    diagnostics
        .error(lifetime, format!("{noun} must own its data, found the lifetime `{lifetime}` of `{name}`"))
        .help("write `String` for `&str`, `Vec<T>` for `&[T]`, or `std::sync::Arc<T>` for data that is shared")
        .emit();
    let mut lifetimes = Forever(remove_lifetimes(&mut item.generics));
    lifetimes.visit_item_struct_mut(item);
}

/// Removes the lifetimes of an impl whose self type has them as arguments: they are reported at the
/// struct. Returns whether there are any.
pub(crate) fn drop_lifetimes(item: &mut ItemImpl) -> bool {
    let Type::Path(path) = &mut *item.self_ty else { return false };
    let mut found = false;
    for segment in &mut path.path.segments {
        let PathArguments::AngleBracketed(arguments) = &mut segment.arguments else { continue };
        let given = std::mem::take(&mut arguments.args);
        let count = given.len();
        arguments.args = given.into_iter().filter(|given| !matches!(given, GenericArgument::Lifetime(_))).collect();
        found |= arguments.args.len() < count;
        if arguments.args.is_empty() {
            segment.arguments = PathArguments::None;
        }
    }
    if found {
        let mut lifetimes = Forever(remove_lifetimes(&mut item.generics));
        lifetimes.visit_item_impl_mut(item);
    }
    found
}

fn remove_lifetimes(generics: &mut Generics) -> Vec<Lifetime> {
    let removed = generics.lifetimes().map(|param| param.lifetime.clone()).collect();
    let params = std::mem::take(&mut generics.params);
    generics.params = params.into_iter().filter(|param| !matches!(param, GenericParam::Lifetime(_))).collect();
    removed
}

/// Replaces lifetimes by `'static`.
struct Forever(Vec<Lifetime>);

impl VisitMut for Forever {
    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if self.0.iter().any(|removed| removed.ident == lifetime.ident) {
            *lifetime = Lifetime::new("'static", lifetime.span());
        }
    }
}
