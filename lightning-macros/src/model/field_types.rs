//! Types that a field of a module cannot have, since a module is `Clone`, `Debug` and `Send`. Those of
//! the standard library are recognized by name: rustc would report them in the generated code of
//! several derives.

use syn::{GenericArgument, Type, TypeParamBound, parse_quote, visit_mut::VisitMut};

use crate::text::text_of;

/// A type within that of a field, and what to write instead.
pub(crate) struct UnfitType {
    /// The type as written.
    pub(crate) ty: Type,
    /// The trait that it lacks.
    pub(crate) lacks: &'static str,
    /// What to write instead.
    pub(crate) help: String,
}

const ATOMICS: &[&str] = &[
    "AtomicBool",
    "AtomicUsize",
    "AtomicIsize",
    "AtomicU64",
    "AtomicU32",
    "AtomicU16",
    "AtomicU8",
    "AtomicI64",
    "AtomicI32",
    "AtomicI16",
    "AtomicI8",
];

/// Replaces the types that the field cannot have, so that nothing follows from them, and returns
/// them.
pub(crate) fn correct_field_type(ty: &mut Type) -> Vec<UnfitType> {
    struct Correct {
        found: Vec<UnfitType>,
        /// Whether the type is in an `Arc`, which makes it `Clone`.
        shared: bool,
    }
    impl VisitMut for Correct {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            if let Some((unfit, meant)) = replacement(ty, self.shared) {
                self.found.push(unfit);
                *ty = meant;
                return;
            }
            let before = self.shared;
            self.shared |= last_name(ty).as_deref() == Some("Arc");
            syn::visit_mut::visit_type_mut(self, ty);
            self.shared = before;
        }
    }
    let mut correct = Correct { found: Vec::new(), shared: false };
    correct.visit_type_mut(ty);
    correct.found
}

fn replacement(ty: &Type, shared: bool) -> Option<(UnfitType, Type)> {
    let (lacks, help, meant): (_, String, Type) = match (ty, last_name(ty)?.as_str()) {
        (Type::Ptr(_), _) => ("Send", "store the data itself, or an index into it".to_owned(), parse_quote!(usize)),
        (_, "Rc") => {
            let inner = argument(ty)?;
            let meant: Type = parse_quote!(::std::sync::Arc<#inner>);
            ("Send", format!("write `Arc<{}>`", text_of(inner)), meant)
        }
        (_, "Mutex" | "RwLock") if !shared => {
            let inner = argument(ty)?;
            let help = format!(
                "write `{}`, which hooks change through `&mut self`, or `Arc<{}>`",
                text_of(inner),
                text_of(ty)
            );
            ("Clone", help, parse_quote!(::std::sync::Arc<#ty>))
        }
        (_, "Box") => {
            let function = function_pointer(argument(ty)?)?;
            ("Clone", format!("write `{}`, or a struct with a method", text_of(&function)), function)
        }
        (_, name) if !shared && (ATOMICS.contains(&name) || name == "JoinHandle") => {
            ("Clone", format!("write `Arc<{}>`", text_of(ty)), parse_quote!(::std::sync::Arc<#ty>))
        }
        (_, "File") if !shared && text_of(ty).ends_with("fs::File") => {
            let help = format!("store its path, and open it in a hook, or write `Arc<{}>`", text_of(ty));
            ("Clone", help, parse_quote!(::std::sync::Arc<#ty>))
        }
        _ => return None,
    };
    Some((UnfitType { ty: ty.clone(), lacks, help }, meant))
}

/// `fn(f64) -> f64` for `dyn Fn(f64) -> f64 + Send`.
fn function_pointer(ty: &Type) -> Option<Type> {
    let Type::TraitObject(object) = ty else { return None };
    object.bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else { return None };
        let last = bound.path.segments.last()?;
        if !["Fn", "FnMut", "FnOnce"].iter().any(|name| last.ident == name) {
            return None;
        }
        let syn::PathArguments::Parenthesized(signature) = &last.arguments else { return None };
        let (inputs, output) = (&signature.inputs, &signature.output);
        Some(parse_quote!(fn(#inputs) #output))
    })
}

/// The last name of a path; empty for other types.
fn last_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        _ => Some(String::new()),
    }
}

/// `T` of `Rc<T>`.
fn argument(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let syn::PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}
