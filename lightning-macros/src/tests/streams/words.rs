//! The parts of random items.

#[rustfmt::skip]
pub(super) const WORDS: &[&str] = &[
    "self", "Self", "mut", "fn", "async", "log", "init", "hparam", "buffer", "state", "frozen", "optimizer", "batch", "training_step",
    "cx", "batch_idx", "Result", "let", "else", "default", "per_stage", "crate", "impl", "struct", "enum", "union", "trait", "where",
    "for", "pub", "dyn", "const", "_", "derive", "cfg", "doc", "unsafe", "extern", "loop", "if", "match", "return", "macro_rules",
    "dataloader_idx", "device", "hparams", "type", "static", "ref", "Tensor", "size", "host", "skip", "lr", "Digits", "on_train_start",
];

pub(super) const ARGS: &[&str] = &[
    "crate",
    "crate = ",
    "crate = \"x\"",
    "crate = a::b",
    "crate = a, crate = b",
    "kate = x",
    "1",
    ",",
    "= =",
    "crate(x)",
    "crate = ::a",
    "crate = <a as b>::c",
];
pub(super) const NAMES: &[&str] =
    &["forward", "new", "trainer", "hparams", "freeze", "traning_step", "on_train_something", "r#type"];
#[rustfmt::skip]
pub(super) const ITEM_ATTRS: &[&str] = &[
    "#[optimizer(AdamConfig::new(), lr = lr)]", "#[optimizer]", "#[optimizer = 3]", "#[optimizer(lr = )]", "#[optimizer(config(1), lr)]",
    "#[derive(Clone, Module, Debug, PartialEq)]", "#[derive(,)]", "#[cfg(test)]", "#[cfg]", "/// Doc.", "#[batch(crate = a)]", "#[batch(size)]",
    "#[log]", "#[serde(flatten)]", "#[optimizer(a, b, c)]", "#[cfg_attr(a, b)]",
];
pub(super) const GENERICS: &[&str] = &["", "<T>", "<'a, T: 'a + Clone, const N: usize>", "<>", "<T = u8>"];
#[rustfmt::skip]
pub(super) const FIELD_ATTRS: &[&str] = &[
    "#[init(x(device))]", "#[init]", "#[init()]", "#[init = 3]", "#[inti(x)]", "#[init(a b)]", "#[hparam]", "#[hparam(default = 3)]",
    "#[hparam(default)]", "#[hparam(default = 3, default = 4)]", "#[hparam(3)]", "#[state]", "#[state(skip)]", "#[state(skip = 1)]", "#[state(skp)]",
    "#[buffer(x)]", "#[buffer]", "#[frozen]", "#[frozen(x)]", "#[optimizer(x)]", "#[precision(f32)]", "#[cfg(a)]", "#[cfg(b)]", "/// Doc.",
    "#[batch(size)]", "#[dims(batch, 2)]", "#[dims(self.x, 0)]", "#[dims(,)]", "#[batch(host)]", "#[batch(size, host)]", "#[batch]", "#[batch = 1]", "#[serde(rename = \"x\")]", "#[serde(flatten)]", "#[serde]", "#[log]",
];
pub(super) const FIELDS: &[&str] =
    &["a", "b", "c", "r#type", "r#fn", "device", "hparams", "größe", "_x", "A", "training_step"];
#[rustfmt::skip]
pub(super) const TYPES: &[&str] = &[
    "usize", "Tensor<2>", "Tensor<B, 2>", "Tensor<B, 2, Int>", "Tensor<>", "Tensor", "Result<()>", "Result<T, E>", "Option<Tensor<1>>", "()", "T", "&'a T",
    "&B", "&mut HookContext", "&StepContext", "impl Clone", "dyn Fn(u8) -> u8", "fn(u8)", "[T; N]", "(A, B)", "!", "_", "<T as A>::B", "m!()", "Self",
    "DataLoader<B>", "*const u8", "for<'a> fn(&'a u8)", "Vec<Vec<Tensor<B, 1>>>", "&Tensor<B, 2>",
];
#[rustfmt::skip]
pub(super) const METHOD_ATTRS: &[&str] = &[
    "", "", "", "#[not_a_hook]", "#[not_hook]", "#[log]", "#[cfg(a)]", "#[cfg(b)] #[cfg(c)]", "#[training_step(optimizer = a)]", "#[manual_optimization]",
    "#[every(5)]", "#[dims(-> batch, 10)]", "#[dims(2)]", "#[dims(->)]", "#[every(N, epochs)]", "#[once(0)]", "#[every]", "#[hook]", "/// Doc.", "#[init]", "#[optimizer]", "pub", "#[inline]",
];
pub(super) const QUALIFIERS: &[&str] = &["", "", "", "", "async ", "const ", "unsafe ", "extern \"C\" ", "pub(crate) "];
#[rustfmt::skip]
pub(super) const RECEIVERS: &[&str] = &[
    "", "self,", "mut self,", "&self,", "&self,", "&mut self,", "&mut self,", "&'a self,", "self: &Self,", "self: &mut Self,", "self: Box<Self>,", "self: &Net,",
];
#[rustfmt::skip]
pub(super) const PARAMS: &[&str] = &[
    "batch", "batch", "#[dims(batch, 4)] x", "#[dims(0)] x", "#[dims] (a, b)", "_", "_batch", "mut batch", "(a, b)", "Pair { x, y }", "batch_idx", "_batch_idx", "dataloader_idx", "cx", "stage", "hparams", "device",
    "outputs", "ref x", "[a, ..]", "x @ Some(_)", "r#type", "3", "&x",
];
#[rustfmt::skip]
pub(super) const STATEMENT_ATTRS: &[&str] = &["#[cfg(a)]", "#[cfg(not(b))]", "#[allow(unused)]", "#[log]", "#[cfg]"];
#[rustfmt::skip]
pub(super) const LOGS: &[&str] = &[
    "#[log]", "#[log(minimize)]", "#[log(maximize, prog_bar)]", "#[log(minimize, maximize)]", "#[log(per_stage)]", "#[log(per_stage, minimize, name = \"x\")]",
    "#[log(reduce = sum)]", "#[log(reduce = 3)]", "#[log(reduce)]", "#[log(name = \"val/loss\")]", "#[log(name = x)]", "#[log(on_step = false)]",
    "#[log(on_step, on_epoch)]", "#[log(on_epoch = false)]", "#[log(batch_size = n.clone())]", "#[log(batch_size)]", "#[log(per_stage, batch_size = 3)]",
    "#[log(logger = false)]", "#[log(logger = maybe)]", "#[log(minimise)]", "#[log(minimize minimize)]", "#[log(,)]", "#[log = 1]", "#[log(3)]", "#[log] #[log]",
];
#[rustfmt::skip]
pub(super) const BLOCKS: &[&str] = &[
    "if x", "for a in b", "while x", "loop", "match x", "|| ", "async", "async move", "const", "unsafe", "let y = || ", "fn inner()", "impl X", "mod m", "",
    "let Some(z) = w else", "'a: loop", "#[cfg(a)] if x",
];
#[rustfmt::skip]
pub(super) const LETS: &[&str] = &[
    "x = 1", "x", "mut x = 1", "x: f32 = 1.0", "(a, b) = c", "_ = 1", "Some(x) = y else { return }", "(a, b) = y else { return }", "S { a, .. } = s", "[a, b @ ..] = s",
    "r#type = 1", "größe = 1", "A = 1", "ref x = y", "x @ y = 1", "None = x else { return }", "&x = y", "x = if a { 1 } else { 2 }", "a | b = c", "val_loss = self.loss()",
];
#[rustfmt::skip]
pub(super) const STATEMENTS: &[&str] = &[
    "self.log(\"x\", 1);", "x = 1;", "return x;", "m!(x);", ";", "use a::b;", "const A: u8 = 1;", "struct S;", "self.trainer.max_epochs;", "loop { break; }",
    "x", "match x { 1 => {} _ => {} }", "{ }", "let _ = |x| x;", "break 'a;", "self.forward(x)?;", "self.save_hyperparameters();", "self.current_epoch",
];
