//! `#[lightning_module] struct`.

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{quote, quote_spanned};

use super::{
    ends,
    hparams::{expand_hparams, expand_locals, expand_rebuild},
    implement_at, local,
    module_impl::qualified,
    optimizer::{expand_inert_optimizers, expand_keys, expand_optimizers},
    respan, under_cfgs,
};
use crate::{
    model::{Field, Role, StructModel},
    paths::{constant_ident, hparams_ident, plain},
};

/// ```text
/// #[derive(Debug, P::Module)]
/// struct Net { fc: Linear, #[module(skip)] hidden: usize }
/// struct NetHparams { … }                       // hparams.rs
/// impl P::LightningStruct for Net { … }
/// impl P::InitModule for Net { … }              // where the fields say how they are built
/// impl Net { fn new … fn new_on … }
/// impl Net { const FC: P::FieldKey<Self> … fn trainer … }
/// impl P::ConfigureOptimizers for Net { … }     // optimizer.rs
/// const _: () = P::assert_not_tensor!(Linear, "fc");
/// ```
pub(crate) fn expand_struct(model: &StructModel) -> TokenStream {
    let mut items = expand_hparams(model);
    items.push(expand_lightning_struct(model));
    if model.initialises_itself() {
        items.push(expand_init_module(model));
        items.push(expand_constructors(model));
    } else {
        items.push(expand_late_constructors(model));
    }
    items.push(expand_inherent(model));
    if !model.optimizers.is_empty() {
        items.extend(expand_optimizers(model));
    }
    items.extend(expand_assertions(model));
    let item = expand_item(model);
    let rest = under_cfgs(&model.cfgs, items);
    quote!(#item #rest)
}

/// The same names and types with bodies that never run, for a struct with mistakes.
pub(crate) fn expand_inert_struct(model: &StructModel) -> TokenStream {
    let mut items = expand_hparams(model);
    items.push(expand_inert_lightning_struct(model));
    if model.initialises_itself() {
        items.push(expand_init_module(model));
        items.push(expand_inert_constructors(model));
    } else {
        items.push(expand_late_constructors(model));
    }
    items.push(expand_inherent(model));
    if !model.optimizers.is_empty() {
        items.extend(expand_inert_optimizers(model));
    }
    let item = expand_item(model);
    let rest = under_cfgs(&model.cfgs, items);
    quote!(#item #rest)
}

/// The user's struct with Burn's derive; what Burn is not to look into is skipped.
fn expand_item(model: &StructModel) -> TokenStream {
    let p = model.paths.private();
    let mut item = model.item.clone();
    for (written, field) in item.fields.iter_mut().zip(&model.fields) {
        if !matches!(model.role(field), Some(Role::Module(_) | Role::Buffer(_))) {
            written.attrs.push(syn::parse_quote!(#[module(skip)]));
        }
    }
    quote! {
        #[derive(::core::fmt::Debug, #p::Module)]
        #item
    }
}

/// ```text
/// impl P::LightningStruct for Net {
///     type Hparams = NetHparams;
///     const NAME: &'static str = "Net";
///     const FIELDS: &'static [P::FieldDef] = &[P::FieldDef::module("fc", "Linear")];
///     fn hparams(&self) -> NetHparams { NetHparams { hidden: P::Clone::clone(&self.hidden) } }
/// }
/// ```
fn expand_lightning_struct(model: &StructModel) -> TokenStream {
    let hparams = hparams_ident(&model.item.ident);
    let rebuild = expand_rebuild(model);
    let buffers = expand_buffers(model);
    let state = expand_state(model);
    let built = expand_built(model);
    implement_lightning_struct(
        model,
        quote! {
            fn hparams(&self) -> #hparams {
                #rebuild
            }
            #built
            #buffers
            #state
        },
    )
}

/// `fn __lightning_built() { P::built::<Self>() }`, spanned at the name: with neither `#[init(…)]` nor `fn init` this is where it is reported.
fn expand_built(model: &StructModel) -> TokenStream {
    if model.initialises_itself() {
        return TokenStream::new();
    }
    let p = model.paths.private();
    let span = model.item.ident.span();
    let path = respan(quote!(#p::built::<Self>), span);
    quote! {
        fn __lightning_built() {
            #path()
        }
    }
}

fn expand_inert_lightning_struct(model: &StructModel) -> TokenStream {
    let hparams = hparams_ident(&model.item.ident);
    implement_lightning_struct(
        model,
        quote! {
            fn hparams(&self) -> #hparams {
                ::core::unreachable!()
            }
        },
    )
}

fn implement_lightning_struct(model: &StructModel, methods: TokenStream) -> TokenStream {
    let p = model.paths.private();
    let ident = &model.item.ident;
    let name = plain(ident);
    let hparams = hparams_ident(ident);
    let (impl_generics, ty_generics, where_clause) = model.item.generics.split_for_impl();
    let rows = model.fields.iter().map(|field| expand_field_row(model, field));
    quote! {
        #[automatically_derived]
        impl #impl_generics #p::LightningStruct for #ident #ty_generics #where_clause {
            type Hparams = #hparams;
            const NAME: &'static str = #name;
            const FIELDS: &'static [#p::FieldDef] = &[#(#rows),*];
            #methods
        }
    }
}

fn expand_field_row(model: &StructModel, field: &Field) -> TokenStream {
    let p = model.paths.private();
    let (name, ty, cfgs) = (field.name(), field.type_text(), &field.cfgs);
    let constructor = match model.role(field) {
        Some(Role::Module(_)) if field.frozen.is_some() => quote!(frozen),
        Some(Role::Module(_)) => quote!(module),
        Some(Role::Buffer(_)) => quote!(buffer),
        Some(Role::Hparam(_)) => quote!(hparam),
        Some(Role::State) => quote!(state),
        Some(Role::Skipped) | None => quote!(skipped),
    };
    quote!(#(#cfgs)* #p::FieldDef::#constructor(#name, #ty))
}

/// ```text
/// fn visit_buffers(&self, visitor: &mut dyn P::BufferVisitor) { <Tensor<1> as P::Buffer>::visit(&self.noise, "noise", visitor); }
/// fn map_buffers(&mut self, mapper: &mut dyn P::BufferMapper) -> P::Result<()> { <Tensor<1> as P::Buffer>::replace(&mut self.noise, "noise", mapper)?; P::Result::Ok(()) }
/// ```
fn expand_buffers(model: &StructModel) -> TokenStream {
    let p = model.paths.private();
    let buffers: Vec<&Field> =
        model.fields.iter().filter(|field| matches!(model.role(field), Some(Role::Buffer(_)))).collect();
    if buffers.is_empty() {
        return TokenStream::new();
    }
    // Spanned at the type: a buffer that is no tensor is reported there, and being the same error both times it is printed once.
    let call = |field: &&Field, function: TokenStream, reference: TokenStream, last: TokenStream| {
        let Field { ident, cfgs, ty, .. } = field;
        let name = field.name();
        let (first, end) = ends(ty);
        let function = qualified(&p, ty, &function);
        let mut member = ident.clone();
        member.set_span(end);
        let this = local("self", end);
        let place = quote_spanned!(end=> #this.#member);
        let reference = respan(reference, first);
        let mut args = Group::new(Delimiter::Parenthesis, quote!(#reference #place, #name, #last));
        args.set_span(end);
        quote!(#(#cfgs)* #function #args)
    };
    let visits = buffers.iter().map(|field| call(field, quote!(Buffer::visit), quote!(&), quote!(visitor)));
    let maps = buffers.iter().map(|field| call(field, quote!(Buffer::replace), quote!(&mut), quote!(mapper)));
    quote! {
        fn visit_buffers(&self, visitor: &mut dyn #p::BufferVisitor) {
            #(#visits;)*
        }
        fn map_buffers(&mut self, mapper: &mut dyn #p::BufferMapper) -> #p::Result<()> {
            #(#maps?;)*
            #p::Result::Ok(())
        }
    }
}

/// ```text
/// fn save_state(&self, state: &mut P::StateWriter) -> P::Result<()> { state.put("head", &self.head)?; P::Result::Ok(()) }
/// fn load_state(&mut self, state: &P::StateReader<'_>) -> P::Result<()> { state.get("head", &mut self.head)?; P::Result::Ok(()) }
/// ```
pub(super) fn expand_state(model: &StructModel) -> TokenStream {
    let p = model.paths.private();
    let fields: Vec<&Field> =
        model.fields.iter().filter(|field| matches!(model.role(field), Some(Role::State))).collect();
    if fields.is_empty() {
        return TokenStream::new();
    }
    let saves = fields.iter().map(|field| {
        let (Field { ident, cfgs, .. }, name) = (field, field.name());
        quote!(#(#cfgs)* state.put(#name, &self.#ident)?;)
    });
    let loads = fields.iter().map(|field| {
        let (Field { ident, cfgs, .. }, name) = (field, field.name());
        quote!(#(#cfgs)* state.get(#name, &mut self.#ident)?;)
    });
    quote! {
        fn save_state(&self, state: &mut #p::StateWriter) -> #p::Result<()> {
            #(#saves)*
            #p::Result::Ok(())
        }
        fn load_state(&mut self, state: &#p::StateReader<'_>) -> #p::Result<()> {
            #(#loads)*
            #p::Result::Ok(())
        }
    }
}

/// ```text
/// impl P::InitModule for Net {
///     type Built = Self;
///     fn init_module(hparams: NetHparams, device: &P::Device) -> Self { Self::new_on(hparams, device) }
/// }
/// ```
fn expand_init_module(model: &StructModel) -> TokenStream {
    let p = model.paths.private();
    let ident = &model.item.ident;
    let hparams = hparams_ident(ident);
    let (impl_generics, ty_generics, where_clause) = model.item.generics.split_for_impl();
    let written = model
        .fields
        .iter()
        .flat_map(|field| &field.roles)
        .find(|role| matches!(role.role, Role::Module(Some(_)) | Role::Buffer(Some(_))));
    // Spanned at the first `#[init(…)]`, where it is reported that `fn init` builds the struct as well.
    let span = written.map_or(ident.span(), |role| ends(role).0);
    let head = quote!(impl #impl_generics #p::InitModule for #ident #ty_generics);
    let body = quote! {
        type Built = Self;
        fn init_module(hparams: #hparams, device: &#p::Device) -> Self {
            Self::new_on(hparams, device)
        }
    };
    let implementation = implement_at(span, head, where_clause, body);
    quote!(#[automatically_derived] #implementation)
}

/// ```text
/// impl Net {
///     pub fn new(hparams: NetHparams) -> Self { Self::new_on(hparams, &P::Device::default()) }
///     pub fn new_on(hparams: NetHparams, device: &P::Device) -> Self {
///         P::seed_init(device);
///         let fc: Linear = { let NetHparams { hidden } = P::Clone::clone(&hparams); LinearConfig::new(hidden, 10).init(device) };
///         let NetHparams { hidden } = hparams;
///         Self { fc, hidden }
///     }
/// }
/// ```
fn expand_constructors(model: &StructModel) -> TokenStream {
    let p = model.paths.private();
    let mut above: Vec<&Field> = Vec::new();
    let mut lets = Vec::new();
    for field in &model.fields {
        if let Some(local) = expand_local(model, field, &above) {
            lets.push(local);
            above.push(field);
        }
    }
    let locals = expand_locals(model, quote!(hparams));
    let fields = model.fields.iter().map(|field| {
        let Field { ident, cfgs, .. } = field;
        match model.role(field) {
            Some(Role::State | Role::Skipped) => quote!(#(#cfgs)* #ident: #p::Default::default()),
            _ => quote!(#(#cfgs)* #ident),
        }
    });
    implement_constructors(
        model,
        quote! {
            #p::seed_init(device);
            #(#lets)*
            #locals
            Self { #(#fields),* }
        },
    )
}

fn expand_inert_constructors(model: &StructModel) -> TokenStream {
    implement_constructors(model, quote!(::core::unreachable!()))
}

fn implement_constructors(model: &StructModel, body: TokenStream) -> TokenStream {
    let p = model.paths.private();
    let ident = &model.item.ident;
    let hparams = hparams_ident(ident);
    let (impl_generics, ty_generics, where_clause) = model.item.generics.split_for_impl();
    let doc = format!("Builds a `{}` on the default device.", plain(ident));
    let doc_on = format!("Builds a `{}` on the device.", plain(ident));
    // An expression need not use every hyperparameter, nor a program every constructor.
    quote! {
        #[allow(dead_code, unreachable_pub, unused_variables)]
        impl #impl_generics #ident #ty_generics #where_clause {
            #[doc = #doc]
            #[must_use]
            pub fn new(hparams: #hparams) -> Self {
                Self::new_on(hparams, &#p::Device::default())
            }
            #[doc = #doc_on]
            #[must_use]
            pub fn new_on(hparams: #hparams, device: &#p::Device) -> Self {
                #body
            }
        }
    }
}

/// The constructors where `fn init` builds the struct. The bound is checked where they are called, and not here.
///
/// ```text
/// impl Net {
///     pub fn new(hparams: NetHparams) -> <Self as P::InitModule>::Built where for<'lightning> Self: P::InitModule { Self::new_on(hparams, &P::Device::default()) }
///     pub fn new_on(hparams: NetHparams, device: &P::Device) -> <Self as P::InitModule>::Built where for<'lightning> Self: P::InitModule { P::seed_init(device); … }
/// }
/// ```
fn expand_late_constructors(model: &StructModel) -> TokenStream {
    let p = model.paths.private();
    let ident = &model.item.ident;
    let hparams = hparams_ident(ident);
    let (impl_generics, ty_generics, where_clause) = model.item.generics.split_for_impl();
    let doc = format!("Builds a `{}` on the default device.", plain(ident));
    let doc_on = format!("Builds a `{}` on the device.", plain(ident));
    let built = quote!(<Self as #p::InitModule>::Built where for<'lightning> Self: #p::InitModule);
    quote! {
        #[allow(dead_code, unreachable_pub, clippy::must_use_candidate)]
        impl #impl_generics #ident #ty_generics #where_clause {
            #[doc = #doc]
            pub fn new(hparams: #hparams) -> #built {
                Self::new_on(hparams, &#p::Device::default())
            }
            #[doc = #doc_on]
            pub fn new_on(hparams: #hparams, device: &#p::Device) -> #built {
                #p::seed_init(device);
                <Self as #p::InitModule>::init_module(hparams, device)
            }
        }
    }
}

/// `let fc2: Linear = { let NetHparams { hidden } = …; let fc1 = &fc1; <expr> };`
fn expand_local(model: &StructModel, field: &Field, above: &[&Field]) -> Option<TokenStream> {
    let p = model.paths.private();
    let expr = match model.role(field)? {
        Role::Module(expr) | Role::Buffer(expr) => expr.as_ref()?,
        _ => return None,
    };
    let Field { ident, ty, cfgs, .. } = field;
    let locals = expand_locals(model, quote!(#p::Clone::clone(&hparams)));
    let earlier = above.iter().map(|Field { ident, cfgs, .. }| quote!(#(#cfgs)* let #ident = &#ident;));
    let scope = quote!(#locals #(#earlier)*);
    let value = if scope.is_empty() { quote!(#expr) } else { quote!({ #scope #expr }) };
    let value = if field.frozen.is_some() { quote!(#p::frozen(#value)) } else { value };
    Some(quote!(#(#cfgs)* let #ident: #ty = #value;))
}

/// ```text
/// impl Net {
///     pub const FC: P::FieldKey<Self> = P::FieldKey::new("fc");
///     pub fn trainer() -> P::TrainerBuilder<Self> { P::Trainer::<Self>::builder() }
///     pub fn hparams(&self) -> NetHparams { <Self as P::LightningStruct>::hparams(self) }
///     pub fn freeze(&mut self, field: P::FieldKey<Self>) { P::set_trainable(self, field, false) }
///     pub fn unfreeze(&mut self, field: P::FieldKey<Self>) { P::set_trainable(self, field, true) }
///     pub fn load_from_checkpoint(path: impl P::AsRef<P::Path>) -> P::Result<Self> where for<'lightning> Self: P::InitModule + P::LightningModule { … }
/// }
/// ```
fn expand_inherent(model: &StructModel) -> TokenStream {
    let p = model.paths.private();
    let ident = &model.item.ident;
    let name = plain(ident);
    let hparams = hparams_ident(ident);
    let (impl_generics, ty_generics, where_clause) = model.item.generics.split_for_impl();
    let keys = module_fields(model).map(|field| {
        let (name, cfgs) = (field.name(), &field.cfgs);
        let key = constant_ident(&name, field.ident.span());
        let doc = format!("Key of the field `{name}`.");
        let optimized = model.optimizers.iter().any(|optimizer| optimizer.name() == name);
        let marker = optimized.then(|| quote!(, #p::HasOptimizer));
        quote!(#(#cfgs)* #[doc = #doc] pub const #key: #p::FieldKey<Self #marker> = #p::FieldKey::new(#name);)
    });
    let optimizers = expand_keys(model);
    let trainer = format!("Configures a trainer for `{name}`.");
    quote! {
        #[allow(dead_code, unreachable_pub)]
        impl #impl_generics #ident #ty_generics #where_clause {
            #(#keys)*
            #optimizers
            #[doc = #trainer]
            pub fn trainer() -> #p::TrainerBuilder<Self> {
                #p::Trainer::<Self>::builder()
            }
            /// The hyperparameters, as the fields hold them now.
            pub fn hparams(&self) -> #hparams {
                <Self as #p::LightningStruct>::hparams(self)
            }
            /// Stops training the field.
            pub fn freeze<O>(&mut self, field: #p::FieldKey<Self, O>) {
                #p::set_trainable(self, field, false)
            }
            /// Trains the field again.
            pub fn unfreeze<O>(&mut self, field: #p::FieldKey<Self, O>) {
                #p::set_trainable(self, field, true)
            }
            /// Builds the module of a checkpoint: its hyperparameters, then its parameters.
            ///
            /// # Errors
            /// When the file cannot be read, or holds another module.
            pub fn load_from_checkpoint(path: impl #p::AsRef<#p::Path>) -> #p::Result<Self>
            where
                for<'lightning> Self: #p::InitModule + #p::LightningModule,
            {
                #p::load_from_checkpoint::<Self>(path.as_ref())
            }
        }
    }
}

fn module_fields(model: &StructModel) -> impl Iterator<Item = &Field> {
    model.fields.iter().filter(|field| matches!(model.role(field), Some(Role::Module(_))))
}

/// `const _: () = P::assert_not_tensor!(Linear, "fc");`: a bare tensor would be neither trained nor a buffer.
fn expand_assertions(model: &StructModel) -> Vec<TokenStream> {
    if model.is_generic() {
        return Vec::new();
    }
    let p = model.paths.private();
    let assertion = |field: &Field| {
        let Field { ty, cfgs, .. } = field;
        let name = field.name();
        // All of it spanned at the type: a constant that panics is underlined where its macro is called.
        let span = ends(ty).0;
        let call = respan(quote!(#p::assert_not_tensor!), span);
        let mut args = Group::new(Delimiter::Parenthesis, quote!(#ty, #name));
        args.set_span(span);
        quote_spanned!(span=> #(#cfgs)* const _: () = #call #args;)
    };
    module_fields(model).map(assertion).collect()
}
