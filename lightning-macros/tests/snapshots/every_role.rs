#[derive(::core::fmt::Debug, crate::lightning::__private::Module)]
#[crate::lightning::__private::without_bounds(E)]
#[derive(PartialEq)]
pub(crate) struct Moco<E: Encode, const K: usize>
where
    E: Clone,
    E: crate::lightning::__private::Module + crate::lightning::__private::ModuleDisplay
        + 'static,
{
    student: E,
    /// Follows the student.
    teacher: crate::lightning::__private::InF32<E>,
    queue: Tensor<2>,
    #[module(skip)]
    head: usize,
    #[module(skip)]
    seen: Option<Vec<u8>>,
    /// Which encoder.
    #[module(skip)]
    r#type: String,
    #[cfg(feature = "lr")]
    #[module(skip)]
    lr: f64,
}
///Hyperparameters of [`Moco`].
#[derive(::core::clone::Clone, ::core::fmt::Debug, ::core::cmp::PartialEq)]
#[derive(crate::lightning::__private::Serialize)]
#[derive(crate::lightning::__private::Deserialize)]
#[serde(crate = "crate::lightning::__private::serde")]
#[allow(missing_docs, private_interfaces)]
#[must_use]
pub(crate) struct MocoHparams {
    /// Which encoder.
    pub(crate) r#type: String,
    #[cfg(feature = "lr")]
    #[serde(default = "MocoHparams::__lightning_default_lr")]
    pub(crate) lr: f64,
}
///What a search tries for the hyperparameters of [`Moco`].
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
#[allow(dead_code)]
#[must_use]
pub(crate) struct MocoSpace(crate::lightning::__private::Space<MocoHparams>);
#[allow(dead_code, missing_docs, non_local_definitions, unreachable_pub)]
#[allow(unused_imports, unused_qualifications, unused_variables, clippy::unit_arg)]
const _: () = {
    use crate::lightning::__private::{self as __p, NotBatch as _, NotTensor as _};
    impl MocoHparams {
        /// The required hyperparameters as given, the others with their defaults.
        #[allow(clippy::too_many_arguments)]
        pub(crate) fn new(r#type: String) -> Self {
            Self {
                r#type,
                #[cfg(feature = "lr")]
                lr: Self::__lightning_default_lr(),
            }
        }
        /// Which encoder.
        pub(crate) fn with_type(self, r#type: String) -> Self {
            Self { r#type, ..self }
        }
        #[cfg(feature = "lr")]
        pub(crate) fn with_lr(self, lr: f64) -> Self {
            Self { lr, ..self }
        }
        #[cfg(feature = "lr")]
        fn __lightning_default_lr() -> f64 {
            1e-3
        }
    }
    __p::space!(
        pub (crate) MocoSpace, MocoHparams, space, [__p::FieldDef::hparam("type",
        "String").doc("Which encoder."), #[cfg(feature = "lr")]
        __p::FieldDef::hparam("lr", "f64").default("1e-3"),], {}, { #[doc =
        " Which encoder."] pub (crate) fn r#type(self, values : impl
        __p::IntoDistribution < String >) -> Self { Self(self.0.replace("type", values))
        } #[cfg(feature = "lr")] pub (crate) fn lr(self, values : impl
        __p::IntoDistribution < f64 >) -> Self { Self(self.0.replace("lr", values)) } }
    );
    #[automatically_derived]
    impl<E: Encode, const K: usize> __p::LightningStruct for Moco<E, K>
    where
        Moco<E, K>: crate::lightning::__private::DeclaredModule,
    {
        type Hparams = MocoHparams;
        const NAME: &'static str = "Moco";
        const FIELDS: &'static [__p::FieldDef] = &[
            __p::FieldDef::module("student", "E"),
            __p::FieldDef::frozen("teacher", "E").doc("Follows the student."),
            __p::FieldDef::buffer("queue", "Tensor<2>"),
            __p::FieldDef::state("head", "usize"),
            __p::FieldDef::skipped("seen", "Option<Vec<u8>>"),
            __p::FieldDef::hparam("type", "String").doc("Which encoder."),
            #[cfg(feature = "lr")]
            __p::FieldDef::hparam("lr", "f64").default("1e-3"),
        ];
        fn hparams(&self) -> MocoHparams {
            MocoHparams {
                r#type: __p::Clone::clone(&self.r#type),
                #[cfg(feature = "lr")]
                lr: __p::Clone::clone(&self.lr),
            }
        }
        fn visit_buffers(&self, visitor: &mut dyn __p::BufferVisitor) {
            <Tensor<2> as __p::Buffer>::visit(&self.queue, "queue", visitor);
        }
        fn map_buffers(
            &mut self,
            mapper: &mut dyn __p::BufferMapper,
        ) -> __p::Result<()> {
            <Tensor<2> as __p::Buffer>::replace(&mut self.queue, "queue", mapper)?;
            __p::Result::Ok(())
        }
        fn save_state(&self, state: &mut __p::StateWriter) -> __p::Result<()> {
            <usize as __p::StateValue>::save(&self.head, "head", state)?;
            __p::Result::Ok(())
        }
        fn load_state(&mut self, state: &__p::StateReader<'_>) -> __p::Result<()> {
            <usize as __p::StateValue>::load(&mut self.head, "head", state)?;
            __p::Result::Ok(())
        }
    }
    impl<E: Encode, const K: usize> __p::InitModule for Moco<E, K>
    where
        E: Clone,
        Moco<E, K>: crate::lightning::__private::DeclaredModule,
    {
        type Built = Self;
        fn init_module(hparams: Self::Hparams, device: &__p::Device) -> Self::Built {
            let r#type = __p::Clone::clone(&hparams.r#type);
            let student: E = build(r#type, device);
            let teacher: crate::lightning::__private::InF32<E> = __p::frozen(
                __p::InF32::new({
                    let student = &student;
                    copy_of(student)
                }),
            );
            let queue: Tensor<2> = Tensor::zeros([K, 128], device);
            let MocoHparams { r#type, #[cfg(feature = "lr")] lr } = hparams;
            Self {
                student,
                teacher,
                queue,
                head: <usize as __p::Default>::default(),
                seen: <Option<Vec<u8>> as __p::Default>::default(),
                r#type,
                #[cfg(feature = "lr")]
                lr,
            }
        }
    }
    impl<E: Encode, const K: usize> Moco<E, K>
    where
        E: Clone,
        Moco<E, K>: crate::lightning::__private::DeclaredModule,
    {
        pub const STUDENT: __p::FieldKey<Self> = __p::FieldKey::new("student");
        pub const TEACHER: __p::FieldKey<Self> = __p::FieldKey::new("teacher");
    }
    __p::module_methods!(
        Moco, [< E : Encode, const K : usize >], [Moco < E, K >], [where E : Clone, Moco
        < E, K > : crate ::lightning::__private::DeclaredModule]
    );
    impl<E: Encode, const K: usize> __p::DeclaredModule for Moco<E, K>
    where
        E: Clone,
        E: __p::Module + __p::ModuleDisplay + 'static,
    {}
    #[allow(clippy::multiple_bound_locations)]
    fn bounds<E: Encode, const K: usize>()
    where
        E: Clone,
    {
        __p::assert_module_param::<E>();
    }
    #[allow(clippy::multiple_bound_locations)]
    fn fields<E: Encode, const K: usize>()
    where
        E: Clone,
        E: __p::Module + __p::ModuleDisplay + 'static,
    {}
};
