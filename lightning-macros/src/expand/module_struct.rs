//! `#[lightning_module] struct`.

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use super::{
    assert_at,
    calls::qualified,
    ends,
    hparams::{expand_definition, expand_hparams, expand_locals, expand_mentioned, expand_rebuild},
    implement_at, local,
    mentions::Mentions,
    optimizer::{expand_inert_optimizers, expand_keys, expand_optimizers},
    respan, scoped,
};
use crate::{
    habits::field_trait,
    model::{Field, Role, StructModel},
    paths::{hparams_ident, plain, public_constant},
    text::text_of,
};

/// ```text
/// #[derive(Debug, P::Module)]
/// struct Net { fc: Linear, #[module(skip)] hidden: usize }
/// struct NetHparams { … }                       // hparams.rs
/// const _: () = {
///     impl P::LightningStruct for Net { … }
///     impl P::InitModule for Net { … }          // where the fields say how they are built
///     impl Net { const FC: P::FieldKey<Self> … }
///     P::module_methods! { … }                  // new, new_on, trainer, hparams, freeze, unfreeze, load_from_checkpoint
///     impl P::ConfigureOptimizers for Net { … } // optimizer.rs
///     const _: () = P::assert_not_tensor!(Linear, "fc");
/// };
/// ```
pub(crate) fn expand_struct(model: &StructModel) -> TokenStream {
    let init = model.initialises_itself().then(|| expand_init_module(model, expand_body(model)));
    let optimizers = if model.optimizers.is_empty() { Vec::new() } else { expand_optimizers(model) };
    let rest = optimizers.into_iter().chain(expand_assertions(model));
    expand_with(model, expand_lightning_struct(model), init, rest)
}

/// The same names and types with bodies that never run, for a struct with mistakes.
pub(crate) fn expand_inert_struct(model: &StructModel) -> TokenStream {
    let never = quote!(::core::unreachable!());
    let init = model.initialises_itself().then(|| expand_init_module(model, never));
    let optimizers = if model.optimizers.is_empty() { Vec::new() } else { expand_inert_optimizers(model) };
    expand_with(model, expand_inert_lightning_struct(model), init, optimizers)
}

fn expand_with(
    model: &StructModel,
    lightning_struct: TokenStream,
    init: Option<TokenStream>,
    rest: impl IntoIterator<Item = TokenStream>,
) -> TokenStream {
    let item = expand_item(model);
    let hparams = expand_definition(model);
    let items = expand_hparams(model).into_iter().chain([lightning_struct]).chain(init);
    let items =
        items.chain([expand_keys_of_fields(model), expand_methods(model)]).chain(expand_habits(model)).chain(rest);
    let scope = scoped(&model.paths, &model.cfgs, items);
    quote!(#item #hparams #scope)
}

/// The user's struct with Burn's derive; what Burn is not to look into is skipped.
fn expand_item(model: &StructModel) -> TokenStream {
    let p = model.paths.outer();
    let mut item = model.item.clone();
    for (written, field) in item.fields.iter_mut().zip(&model.fields) {
        match model.role(field) {
            Some(Role::Module(_)) => written.ty = expand_type(model, field),
            Some(Role::Buffer(_)) => {}
            _ => written.attrs.push(syn::parse_quote!(#[module(skip)])),
        }
    }
    quote! {
        #[derive(::core::fmt::Debug, #p::Module)]
        #item
    }
}

/// The field's type: `P::InF32<BatchNorm>` for `#[precision(f32)] norm: BatchNorm`.
fn expand_type(model: &StructModel, field: &Field) -> syn::Type {
    let (p, ty) = (model.paths.outer(), &field.ty);
    if field.precision.is_none() {
        return ty.clone();
    }
    syn::parse_quote!(#p::InF32<#ty>)
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
    let rebuild = expand_rebuild(model);
    let buffers = expand_buffers(model);
    let state = expand_state(model);
    let built = expand_built(model);
    implement_lightning_struct(model, rebuild, quote!(#built #buffers #state))
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
    implement_lightning_struct(model, quote!(::core::unreachable!()), TokenStream::new())
}

fn implement_lightning_struct(model: &StructModel, rebuild: TokenStream, methods: TokenStream) -> TokenStream {
    let p = model.paths.private();
    let ident = &model.item.ident;
    let name = plain(ident);
    let hparams = hparams_ident(ident);
    let (impl_generics, ty_generics, where_clause) = model.item.generics.split_for_impl();
    let rows = expand_rows(model);
    quote! {
        #[automatically_derived]
        impl #impl_generics #p::LightningStruct for #ident #ty_generics #where_clause {
            type Hparams = #hparams;
            const NAME: &'static str = #name;
            #rows
            fn hparams(&self) -> #hparams {
                #rebuild
            }
            #methods
        }
    }
}

/// `const FIELDS: &'static [P::FieldDef] = &[P::FieldDef::module("fc", "Linear"), P::FieldDef::hparam("hidden", "usize").default("128")];`
pub(super) fn expand_rows(model: &StructModel) -> TokenStream {
    let p = model.paths.private();
    let rows = model.fields.iter().map(|field| expand_field_row(model, field));
    quote!(const FIELDS: &'static [#p::FieldDef] = &[#(#rows),*];)
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
    let default = field.hparam().flatten().map(text_of).map(|default| quote!(.default(#default)));
    let doc = Some(field.doc_text()).filter(|doc| !doc.is_empty()).map(|doc| quote!(.doc(#doc)));
    quote!(#(#cfgs)* #p::FieldDef::#constructor(#name, #ty) #default #doc)
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
        let function = qualified(p, ty, &function);
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
/// fn save_state(&self, state: &mut P::StateWriter) -> P::Result<()> { <usize as P::StateValue>::save(&self.head, "head", state)?; P::Result::Ok(()) }
/// fn load_state(&mut self, state: &P::StateReader<'_>) -> P::Result<()> { <usize as P::StateValue>::load(&mut self.head, "head", state)?; P::Result::Ok(()) }
/// ```
pub(super) fn expand_state(model: &StructModel) -> TokenStream {
    let p = model.paths.private();
    let fields: Vec<&Field> =
        model.fields.iter().filter(|field| matches!(model.role(field), Some(Role::State))).collect();
    if fields.is_empty() {
        return TokenStream::new();
    }
    // Spanned at the type, where it is reported that serde cannot write or read it: the same error both times, printed once.
    let call = |field: &&Field, function: TokenStream, reference: TokenStream| {
        let Field { ident, cfgs, ty, .. } = field;
        let name = field.name();
        let (first, last) = ends(ty);
        let function = qualified(p, ty, &function);
        let (reference, this, state) = (respan(reference, first), local("self", last), local("state", last));
        let mut args =
            Group::new(Delimiter::Parenthesis, quote_spanned!(last=> #reference #this.#ident, #name, #state));
        args.set_span(last);
        quote!(#(#cfgs)* #function #args)
    };
    let saves = fields.iter().map(|field| call(field, quote!(StateValue::save), quote!(&)));
    let loads = fields.iter().map(|field| call(field, quote!(StateValue::load), quote!(&mut)));
    quote! {
        fn save_state(&self, state: &mut #p::StateWriter) -> #p::Result<()> {
            #(#saves?;)*
            #p::Result::Ok(())
        }
        fn load_state(&mut self, state: &#p::StateReader<'_>) -> #p::Result<()> {
            #(#loads?;)*
            #p::Result::Ok(())
        }
    }
}

/// ```text
/// impl P::InitModule for Net {
///     type Built = Self;
///     fn init_module(hparams: Self::Hparams, device: &P::Device) -> Self { … }
/// }
/// ```
fn expand_init_module(model: &StructModel, body: TokenStream) -> TokenStream {
    let p = model.paths.private();
    let ident = &model.item.ident;
    let (impl_generics, ty_generics, where_clause) = model.item.generics.split_for_impl();
    let written = model
        .fields
        .iter()
        .flat_map(|field| &field.roles)
        .find(|role| matches!(role.role, Role::Module(Some(_)) | Role::Buffer(Some(_))));
    // Spanned at the first `#[init(…)]`, where it is reported that `fn init` builds the struct as well.
    let span = written.map_or(ident.span(), |role| ends(role).0);
    let head = quote!(impl #impl_generics #p::InitModule for #ident #ty_generics);
    let exprs = model.fields.iter().filter_map(|field| match model.role(field) {
        Some(Role::Module(expr) | Role::Buffer(expr)) => expr.as_ref(),
        _ => None,
    });
    let (device, again) = Mentions::of(quote!(#(#exprs)*)).param("device");
    let body = quote! {
        type Built = Self;
        fn init_module(hparams: Self::Hparams, #device: &#p::Device) -> Self {
            #again
            #body
        }
    };
    implement_at(span, head, where_clause, body)
}

/// ```text
/// let hidden = P::Clone::clone(&hparams.hidden);
/// let fc: Linear = LinearConfig::new(hidden, 10).init(device);
/// let NetHparams { hidden } = hparams;
/// Self { fc, hidden }
/// ```
fn expand_body(model: &StructModel) -> TokenStream {
    let mut above: Vec<&Field> = Vec::new();
    let mut lets = Vec::new();
    for field in &model.fields {
        if let Some(local) = expand_local(model, field, &above) {
            lets.push(local);
            above.push(field);
        }
    }
    let fields = model.fields.iter().map(|field| {
        let Field { ident, cfgs, .. } = field;
        match model.role(field) {
            Some(Role::State | Role::Skipped) => {
                let default = expand_default_of(model, field);
                quote!(#(#cfgs)* #ident: #default)
            }
            _ => quote!(#(#cfgs)* #ident),
        }
    });
    let locals = expand_locals(model);
    quote!(#(#lets)* #locals Self { #(#fields),* })
}

/// `<Vec<f32> as P::Default>::default()`, spanned at the type: one that has no default is reported there.
pub(super) fn expand_default_of(model: &StructModel, field: &Field) -> TokenStream {
    let default = qualified(model.paths.private(), &field.ty, &quote!(Default::default));
    let mut nothing = Group::new(Delimiter::Parenthesis, TokenStream::new());
    nothing.set_span(ends(&field.ty).1);
    quote!(#default #nothing)
}

/// `let hidden = P::Clone::clone(&hparams.hidden); let fc1: Linear = <expr>;`, with what the expression mentions; in a block where that
/// is a field above, which is a reference there.
fn expand_local(model: &StructModel, field: &Field, above: &[&Field]) -> Option<TokenStream> {
    let p = model.paths.private();
    let expr = match model.role(field)? {
        Role::Module(expr) | Role::Buffer(expr) => expr.as_ref()?,
        _ => return None,
    };
    let Field { ident, cfgs, .. } = field;
    let ty = expand_type(model, field);
    let mentioned = Mentions::of(expr.to_token_stream());
    let hparams = expand_mentioned(model, &mentioned, "hparams", cfgs);
    let earlier = above.iter().filter(|field| mentioned.contains(&field.ident));
    let earlier = earlier.map(|Field { ident, cfgs, .. }| {
        let (name, again) = mentioned.bindings(ident);
        let again = again.map(|again| quote!(#(#cfgs)* let #again = #name;));
        quote!(#(#cfgs)* let #name = &#ident; #again)
    });
    let earlier: TokenStream = earlier.collect();
    let value = if earlier.is_empty() { quote!(#expr) } else { quote!({ #earlier #expr }) };
    let value = if field.precision.is_some() { quote!(#p::InF32::new(#value)) } else { value };
    let value = if field.frozen.is_some() { quote!(#p::frozen(#value)) } else { value };
    Some(quote!(#(#hparams)* #(#cfgs)* let #ident: #ty = #value;))
}

/// ```text
/// impl Net {
///     pub const FC: P::FieldKey<Self> = P::FieldKey::new("fc");
/// }
/// ```
fn expand_keys_of_fields(model: &StructModel) -> TokenStream {
    let p = model.paths.private();
    let keys = module_fields(model).map(|field| {
        let (name, cfgs) = (field.name(), &field.cfgs);
        let optimized = model.optimizers.iter().any(|optimizer| optimizer.name() == name);
        let marker = optimized.then(|| quote!(, #p::HasOptimizer));
        let key = quote!(#p::FieldKey<Self #marker> = #p::FieldKey::new(#name));
        let constant = public_constant(&name, field.ident.span(), key);
        quote!(#(#cfgs)* #constant)
    });
    let optimizers = expand_keys(model);
    let keys = quote!(#(#keys)* #optimizers);
    if keys.is_empty() {
        return TokenStream::new();
    }
    let ident = &model.item.ident;
    let (impl_generics, ty_generics, where_clause) = model.item.generics.split_for_impl();
    quote!(impl #impl_generics #ident #ty_generics #where_clause { #keys })
}

/// `impl P::CurrentEpochField for Net { … }` for a field that has a name of PyTorch Lightning's: reading it is no mistake.
fn expand_habits(model: &StructModel) -> impl Iterator<Item = TokenStream> {
    let p = model.paths.private();
    let own = model.fields.iter().filter_map(|field| Some((field, field_trait(&field.ident)?)));
    own.map(move |(field, name)| {
        let (Field { ident, cfgs, .. }, ty) = (field, expand_type(model, field));
        let owner = &model.item.ident;
        let (impl_generics, ty_generics, where_clause) = model.item.generics.split_for_impl();
        quote! {
            #(#cfgs)*
            #[automatically_derived]
            impl #impl_generics #p::#name for #owner #ty_generics #where_clause {
                type Value = #ty;
                fn read(&self) -> &#ty {
                    &self.#ident
                }
            }
        }
    })
}

/// `P::module_methods!(Net, [], [Net], []);`
fn expand_methods(model: &StructModel) -> TokenStream {
    let p = model.paths.private();
    let name = &model.item.ident;
    let (impl_generics, ty_generics, where_clause) = model.item.generics.split_for_impl();
    quote!(#p::module_methods!(#name, [#impl_generics], [#name #ty_generics], [#where_clause]);)
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
        let (Field { ty, cfgs, .. }, name) = (field, field.name());
        assert_at(p, &quote!(assert_not_tensor), ends(ty).0, cfgs, quote!(#ty, #name))
    };
    module_fields(model).map(assertion).collect()
}
