//! Buffers and `#[state]` fields: how a checkpoint reads and writes them.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::calls::qualified;
use crate::{
    model::{Field, Role, StructModel},
    spans::{ends, local, parens, respan},
};

/// ```text
/// fn visit_buffers(&self, visitor: &mut dyn P::BufferVisitor) {
///     <Tensor<1> as P::Buffer>::visit(&self.noise, "noise", visitor);
/// }
/// fn map_buffers(&mut self, mapper: &mut dyn P::BufferMapper) -> P::Result<()> {
///     <Tensor<1> as P::Buffer>::replace(&mut self.noise, "noise", mapper)?;
///     P::Result::Ok(())
/// }
/// ```
pub(super) fn expand_buffers(model: &StructModel) -> TokenStream {
    let p = model.paths.private();
    let buffers: Vec<&Field> =
        model.fields.iter().filter(|field| matches!(model.role(field), Some(Role::Buffer(_)))).collect();
    if buffers.is_empty() {
        return TokenStream::new();
    }
    // Spanned at the type, where rustc reports a buffer that is not a tensor. The error is equal in
    // both functions, so it is printed once.
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
        let args = parens(quote!(#reference #place, #name, #last), end);
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
/// fn save_state(&self, state: &mut P::StateWriter) -> P::Result<()> {
///     <usize as P::StateValue>::save(&self.head, "head", state)?;
///     P::Result::Ok(())
/// }
/// fn load_state(&mut self, state: &P::StateReader<'_>) -> P::Result<()> {
///     <usize as P::StateValue>::load(&mut self.head, "head", state)?;
///     P::Result::Ok(())
/// }
/// ```
pub(super) fn expand_state(model: &StructModel) -> TokenStream {
    let p = model.paths.private();
    let fields: Vec<&Field> =
        model.fields.iter().filter(|field| matches!(model.role(field), Some(Role::State))).collect();
    if fields.is_empty() {
        return TokenStream::new();
    }
    // Spanned at the type, where rustc reports a missing serde impl. The error is equal in both
    // functions, so it is printed once.
    let call = |field: &&Field, function: TokenStream, reference: TokenStream| {
        let Field { ident, cfgs, ty, .. } = field;
        let name = field.name();
        let (first, last) = ends(ty);
        let function = qualified(p, ty, &function);
        let (reference, this, state) = (respan(reference, first), local("self", last), local("state", last));
        let args = parens(quote_spanned!(last=> #reference #this.#ident, #name, #state), last);
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
