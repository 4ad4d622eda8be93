//! Fields of a module in Python that a module in Rust does not have.

use quote::{ToTokens, format_ident, quote_spanned};
use syn::{
    Block, Expr, ExprField, FnArg, Ident, Item, Member, ReceiverKind, Signature,
    visit_mut::{self, VisitMut},
};

use super::is_self;
use crate::paths::{RuntimePath, plain};
use crate::spans::parens;

/// Fields of a module in Python, with the runtime's trait for modules that declare such a field
/// themselves.
const FIELDS: &[(&str, &str)] = &[
    ("current_epoch", "CurrentEpochField"),
    ("global_step", "GlobalStepField"),
    ("device", "DeviceField"),
    ("logger", "LoggerField"),
    ("trainer", "TrainerField"),
];

/// The runtime's trait for a module with this field.
pub(crate) fn field_trait(field: &Ident) -> Option<Ident> {
    let name = plain(field);
    FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| format_ident!("{field}"))
}

/// Replaces `self.current_epoch` with `<Self as P::CurrentEpochField>::read(self)`, whose error
/// message says what to write: the macro on the impl does not know the fields. Only where `self` is
/// a shared reference, since the call borrows all of `self`.
pub(crate) fn read_fields(p: &RuntimePath, sig: &Signature, block: &mut Block) {
    struct Reads<'a> {
        p: &'a RuntimePath,
    }
    impl VisitMut for Reads<'_> {
        fn visit_expr_mut(&mut self, expr: &mut Expr) {
            if let Some(read) = self.read(expr) {
                *expr = read;
                return;
            }
            visit_mut::visit_expr_mut(self, expr);
        }
        /// Has another `self`.
        fn visit_item_mut(&mut self, _: &mut Item) {}
    }
    impl Reads<'_> {
        fn read(&self, expr: &Expr) -> Option<Expr> {
            let Expr::Field(ExprField { base, member: Member::Named(member), attrs, .. }) = expr else { return None };
            if !is_self(base) || !attrs.is_empty() {
                return None;
            }
            let (base, span) = (base.to_token_stream(), member.span());
            let mut name = field_trait(member)?;
            name.set_span(span);
            let p = self.p.at(span);
            let args = parens(base, span);
            syn::parse2(quote_spanned!(span=> (*<Self as #p::#name>::read #args))).ok()
        }
    }
    let shared = matches!(sig.inputs.first(), Some(FnArg::Receiver(receiver))
        if matches!(receiver.kind, ReceiverKind::Reference(_, _, None)));
    if shared {
        Reads { p }.visit_block_mut(block);
    }
}
