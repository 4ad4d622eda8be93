pub struct FashionData {
    dir: PathBuf,
    batch_size: usize,
    train: Option<Images>,
}
///Hyperparameters of [`FashionData`].
#[derive(
    ::core::clone::Clone,
    ::core::fmt::Debug,
    ::core::cmp::PartialEq,
    ::lightning_core::__private::serde::Serialize,
    ::lightning_core::__private::serde::Deserialize,
)]
#[serde(crate = "::lightning_core::__private::serde")]
#[allow(unreachable_pub)]
pub struct FashionDataHparams {
    ///Hyperparameter `dir`.
    pub dir: PathBuf,
    ///Hyperparameter `batch_size`.
    #[serde(default = "FashionDataHparams::__lightning_default_batch_size")]
    pub batch_size: usize,
}
#[allow(dead_code, unreachable_pub)]
impl FashionDataHparams {
    /// The required hyperparameters as given, the others with their defaults.
    #[must_use]
    #[allow(clippy::too_many_arguments)]
    pub fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            batch_size: Self::__lightning_default_batch_size(),
        }
    }
    ///Sets `dir`.
    #[must_use]
    pub fn with_dir(mut self, dir: PathBuf) -> Self {
        self.dir = dir;
        self
    }
    ///Sets `batch_size`.
    #[must_use]
    pub fn with_batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }
    #[doc(hidden)]
    fn __lightning_default_batch_size() -> usize {
        64
    }
}
#[automatically_derived]
impl ::lightning_core::__private::Hparams for FashionDataHparams {
    const SCHEMA: &'static [::lightning_core::__private::HparamDef] = &[
        ::lightning_core::__private::HparamDef {
            name: "dir",
            ty: "PathBuf",
            default: ::lightning_core::__private::Option::None,
            doc: "",
        },
        ::lightning_core::__private::HparamDef {
            name: "batch_size",
            ty: "usize",
            default: ::lightning_core::__private::Option::Some("64"),
            doc: "",
        },
    ];
}
#[automatically_derived]
impl ::lightning_core::__private::DataStruct for FashionData {
    type Hparams = FashionDataHparams;
    const NAME: &'static str = "FashionData";
    fn hparams(&self) -> FashionDataHparams {
        FashionDataHparams {
            dir: ::lightning_core::__private::Clone::clone(&self.dir),
            batch_size: ::lightning_core::__private::Clone::clone(&self.batch_size),
        }
    }
}
#[allow(dead_code, unreachable_pub, unused_variables)]
impl FashionData {
    ///Makes a `FashionData`; nothing is read before a run starts.
    #[must_use]
    pub fn new(hparams: FashionDataHparams) -> Self {
        let FashionDataHparams { dir, batch_size } = hparams;
        Self {
            dir,
            batch_size,
            train: ::lightning_core::__private::Default::default(),
        }
    }
    /// The hyperparameters, as the fields hold them now.
    pub fn hparams(&self) -> FashionDataHparams {
        <Self as ::lightning_core::__private::DataStruct>::hparams(self)
    }
}
impl FashionData {
    fn prepare_data(&self) -> Result<()> {
        data::download(URL, SHA256, &self.dir)
    }
    fn setup(&mut self, stage: Stage) -> Result<()> {
        self.train = Some(idx::images(&self.dir, "train")?);
        Ok(())
    }
    fn train_dataloader(&self) -> Result<DataLoader<ImageBatch>> {
        DataLoader::builder(self.train.clone().unwrap_or_default())
            .batch_size(self.batch_size)
            .shuffle(true)
            .num_workers(2)
            .map(|item, rng| item.random_crop(28, 4, rng))
            .collate(ImageBatch::from_items)
            .build()
    }
}
#[automatically_derived]
impl ::lightning_core::__private::DataModule for FashionData {
    fn __lightning_declared() -> ::lightning_core::__private::DataParts<Self> {
        ::lightning_core::__private::data_declared::<Self>()
    }
    #[allow(unused_variables, clippy::unit_arg)]
    fn prepare_data(&mut self) -> ::lightning_core::__private::Result<()> {
        ::lightning_core::__private::hook_output(<FashionData>::prepare_data(self))
    }
    #[allow(unused_variables, clippy::unit_arg)]
    fn setup(
        &mut self,
        stage: ::lightning_core::__private::Stage,
    ) -> ::lightning_core::__private::Result<()> {
        ::lightning_core::__private::hook_output(<FashionData>::setup(self, stage))
    }
    type Train = ::lightning_core::__private::Has<
        <Result<
            DataLoader<ImageBatch>,
        > as ::lightning_core::__private::LoaderOutput>::Loader,
    >;
    fn train_dataloader(&mut self) -> ::lightning_core::__private::Result<Self::Train> {
        ::lightning_core::__private::Result::Ok(
            ::lightning_core::__private::Has(
                <Result<
                    DataLoader<ImageBatch>,
                > as ::lightning_core::__private::LoaderOutput>::into_loader(
                    <FashionData>::train_dataloader(self),
                )?,
            ),
        )
    }
    type Val = ::lightning_core::__private::NoLoader;
    fn val_dataloader(&mut self) -> ::lightning_core::__private::Result<Self::Val> {
        ::lightning_core::__private::Result::Ok(::lightning_core::__private::NoLoader)
    }
    type Test = ::lightning_core::__private::NoLoader;
    fn test_dataloader(&mut self) -> ::lightning_core::__private::Result<Self::Test> {
        ::lightning_core::__private::Result::Ok(::lightning_core::__private::NoLoader)
    }
    type Predict = ::lightning_core::__private::NoLoader;
    fn predict_dataloader(
        &mut self,
    ) -> ::lightning_core::__private::Result<Self::Predict> {
        ::lightning_core::__private::Result::Ok(::lightning_core::__private::NoLoader)
    }
}
