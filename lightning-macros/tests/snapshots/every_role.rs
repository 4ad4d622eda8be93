#[derive(::core::fmt::Debug, crate::lightning::__private::Module)]
#[derive(PartialEq)]
pub(crate) struct Moco<E: Encode, const K: usize>
where
    E: Clone,
{
    student: E,
    /// Follows the student.
    teacher: E,
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
#[derive(
    ::core::clone::Clone,
    ::core::fmt::Debug,
    ::core::cmp::PartialEq,
    crate::lightning::__private::serde::Serialize,
    crate::lightning::__private::serde::Deserialize,
)]
#[serde(crate = "crate::lightning::__private::serde")]
#[allow(unreachable_pub)]
pub(crate) struct MocoHparams {
    /// Which encoder.
    pub r#type: String,
    #[cfg(feature = "lr")]
    ///Hyperparameter `lr`.
    #[serde(default = "MocoHparams::__lightning_default_lr")]
    pub lr: f64,
}
#[allow(dead_code, unreachable_pub)]
impl MocoHparams {
    /// The required hyperparameters as given, the others with their defaults.
    #[must_use]
    #[allow(clippy::too_many_arguments)]
    pub fn new(r#type: String) -> Self {
        Self {
            r#type,
            #[cfg(feature = "lr")]
            lr: Self::__lightning_default_lr(),
        }
    }
    ///Sets `type`.
    #[must_use]
    pub fn with_type(mut self, r#type: String) -> Self {
        self.r#type = r#type;
        self
    }
    #[cfg(feature = "lr")]
    ///Sets `lr`.
    #[must_use]
    pub fn with_lr(mut self, lr: f64) -> Self {
        self.lr = lr;
        self
    }
    #[cfg(feature = "lr")]
    #[doc(hidden)]
    fn __lightning_default_lr() -> f64 {
        1e-3
    }
}
#[automatically_derived]
impl crate::lightning::__private::Hparams for MocoHparams {
    const SCHEMA: &'static [crate::lightning::__private::HparamDef] = &[
        crate::lightning::__private::HparamDef {
            name: "type",
            ty: "String",
            default: crate::lightning::__private::Option::None,
            doc: "Which encoder.",
        },
        #[cfg(feature = "lr")]
        crate::lightning::__private::HparamDef {
            name: "lr",
            ty: "f64",
            default: crate::lightning::__private::Option::Some("1e-3"),
            doc: "",
        },
    ];
}
#[automatically_derived]
impl<E: Encode, const K: usize> crate::lightning::__private::LightningStruct
for Moco<E, K>
where
    E: Clone,
{
    type Hparams = MocoHparams;
    const NAME: &'static str = "Moco";
    const FIELDS: &'static [crate::lightning::__private::FieldDef] = &[
        crate::lightning::__private::FieldDef::module("student", "E"),
        crate::lightning::__private::FieldDef::frozen("teacher", "E"),
        crate::lightning::__private::FieldDef::buffer("queue", "Tensor<2>"),
        crate::lightning::__private::FieldDef::state("head", "usize"),
        crate::lightning::__private::FieldDef::skipped("seen", "Option<Vec<u8>>"),
        crate::lightning::__private::FieldDef::hparam("type", "String"),
        #[cfg(feature = "lr")]
        crate::lightning::__private::FieldDef::hparam("lr", "f64"),
    ];
    fn hparams(&self) -> MocoHparams {
        MocoHparams {
            r#type: crate::lightning::__private::Clone::clone(&self.r#type),
            #[cfg(feature = "lr")]
            lr: crate::lightning::__private::Clone::clone(&self.lr),
        }
    }
    fn visit_buffers(
        &self,
        visitor: &mut dyn crate::lightning::__private::BufferVisitor,
    ) {
        <Tensor<
            2,
        > as crate::lightning::__private::Buffer>::visit(&self.queue, "queue", visitor);
    }
    fn map_buffers(
        &mut self,
        mapper: &mut dyn crate::lightning::__private::BufferMapper,
    ) -> crate::lightning::__private::Result<()> {
        <Tensor<
            2,
        > as crate::lightning::__private::Buffer>::replace(
            &mut self.queue,
            "queue",
            mapper,
        )?;
        crate::lightning::__private::Result::Ok(())
    }
    fn save_state(
        &self,
        state: &mut crate::lightning::__private::StateWriter,
    ) -> crate::lightning::__private::Result<()> {
        state.put("head", &self.head)?;
        crate::lightning::__private::Result::Ok(())
    }
    fn load_state(
        &mut self,
        state: &crate::lightning::__private::StateReader<'_>,
    ) -> crate::lightning::__private::Result<()> {
        state.get("head", &mut self.head)?;
        crate::lightning::__private::Result::Ok(())
    }
}
#[automatically_derived]
impl<E: Encode, const K: usize> crate::lightning::__private::InitModule for Moco<E, K>
where
    E: Clone,
{
    type Built = Self;
    fn init_module(
        hparams: MocoHparams,
        device: &crate::lightning::__private::Device,
    ) -> Self {
        Self::new_on(hparams, device)
    }
}
#[allow(dead_code, unreachable_pub, unused_variables)]
impl<E: Encode, const K: usize> Moco<E, K>
where
    E: Clone,
{
    ///Builds a `Moco` on the default device.
    #[must_use]
    pub fn new(hparams: MocoHparams) -> Self {
        Self::new_on(hparams, &crate::lightning::__private::Device::default())
    }
    ///Builds a `Moco` on the device.
    #[must_use]
    pub fn new_on(
        hparams: MocoHparams,
        device: &crate::lightning::__private::Device,
    ) -> Self {
        crate::lightning::__private::seed_init(device);
        let student: E = {
            let MocoHparams { r#type, #[cfg(feature = "lr")] lr } = crate::lightning::__private::Clone::clone(
                &hparams,
            );
            build(r#type, device)
        };
        let teacher: E = crate::lightning::__private::frozen({
            let MocoHparams { r#type, #[cfg(feature = "lr")] lr } = crate::lightning::__private::Clone::clone(
                &hparams,
            );
            let student = &student;
            copy_of(student)
        });
        let queue: Tensor<2> = {
            let MocoHparams { r#type, #[cfg(feature = "lr")] lr } = crate::lightning::__private::Clone::clone(
                &hparams,
            );
            let student = &student;
            let teacher = &teacher;
            Tensor::zeros([K, 128], device)
        };
        let MocoHparams { r#type, #[cfg(feature = "lr")] lr } = hparams;
        Self {
            student,
            teacher,
            queue,
            head: crate::lightning::__private::Default::default(),
            seen: crate::lightning::__private::Default::default(),
            r#type,
            #[cfg(feature = "lr")]
            lr,
        }
    }
}
#[allow(dead_code, unreachable_pub)]
impl<E: Encode, const K: usize> Moco<E, K>
where
    E: Clone,
{
    ///Key of the field `student`.
    pub const STUDENT: crate::lightning::__private::FieldKey<Self> = crate::lightning::__private::FieldKey::new(
        "student",
    );
    ///Key of the field `teacher`.
    pub const TEACHER: crate::lightning::__private::FieldKey<Self> = crate::lightning::__private::FieldKey::new(
        "teacher",
    );
    ///Configures a trainer for `Moco`.
    pub fn trainer() -> crate::lightning::__private::TrainerBuilder<Self> {
        crate::lightning::__private::Trainer::<Self>::builder()
    }
    /// The hyperparameters, as the fields hold them now.
    pub fn hparams(&self) -> MocoHparams {
        <Self as crate::lightning::__private::LightningStruct>::hparams(self)
    }
    /// Stops training the field.
    pub fn freeze<O>(&mut self, field: crate::lightning::__private::FieldKey<Self, O>) {
        crate::lightning::__private::set_trainable(self, field, false)
    }
    /// Trains the field again.
    pub fn unfreeze<O>(
        &mut self,
        field: crate::lightning::__private::FieldKey<Self, O>,
    ) {
        crate::lightning::__private::set_trainable(self, field, true)
    }
    /// Builds the module of a checkpoint: its hyperparameters, then its parameters.
    ///
    /// # Errors
    /// When the file cannot be read, or holds another module.
    pub fn load_from_checkpoint(
        path: impl crate::lightning::__private::AsRef<crate::lightning::__private::Path>,
    ) -> crate::lightning::__private::Result<Self>
    where
        for<'lightning> Self: crate::lightning::__private::InitModule
            + crate::lightning::__private::LightningModule,
    {
        crate::lightning::__private::load_from_checkpoint::<Self>(path.as_ref())
    }
}
