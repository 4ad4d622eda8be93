pub struct FashionData {
    dir: PathBuf,
    batch_size: usize,
    train: Option<Images>,
}
///Hyperparameters of [`FashionData`].
#[derive(::core::clone::Clone, ::core::fmt::Debug, ::core::cmp::PartialEq)]
#[derive(::lightning_core::__private::Serialize)]
#[derive(::lightning_core::__private::Deserialize)]
#[serde(crate = "::lightning_core::__private::serde")]
#[allow(missing_docs, private_interfaces)]
#[must_use]
pub struct FashionDataHparams {
    pub dir: PathBuf,
    #[serde(default = "FashionDataHparams::__lightning_default_batch_size")]
    pub batch_size: usize,
}
///What a search tries for the hyperparameters of [`FashionData`].
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
#[allow(dead_code)]
#[must_use]
pub struct FashionDataSpace(::lightning_core::__private::Space<FashionDataHparams>);
#[allow(dead_code, missing_docs, non_local_definitions, unreachable_pub)]
#[allow(unused_imports, unused_qualifications, unused_variables, clippy::unit_arg)]
const _: () = {
    use ::lightning_core::__private::{self as __p, NotBatch as _, NotTensor as _};
    impl FashionDataHparams {
        /// The required hyperparameters as given, the others with their defaults.
        #[allow(clippy::too_many_arguments)]
        pub fn new(dir: PathBuf) -> Self {
            Self {
                dir,
                batch_size: Self::__lightning_default_batch_size(),
            }
        }
        pub fn with_dir(self, dir: PathBuf) -> Self {
            Self { dir, ..self }
        }
        pub fn with_batch_size(self, batch_size: usize) -> Self {
            Self { batch_size, ..self }
        }
        fn __lightning_default_batch_size() -> usize {
            64
        }
    }
    __p::space!(
        pub FashionDataSpace, FashionDataHparams, space, [__p::FieldDef::hparam("dir",
        "PathBuf"), __p::FieldDef::hparam("batch_size", "usize").default("64"),], {}, {
        pub fn dir(self, values : impl __p::IntoDistribution < PathBuf >) -> Self {
        Self(self.0.replace("dir", values)) } pub fn batch_size(self, values : impl
        __p::IntoDistribution < usize >) -> Self { Self(self.0.replace("batch_size",
        values)) } }
    );
    #[automatically_derived]
    impl __p::DataStruct for FashionData {
        type Hparams = FashionDataHparams;
        const NAME: &'static str = "FashionData";
        const FIELDS: &'static [__p::FieldDef] = &[
            __p::FieldDef::hparam("dir", "PathBuf"),
            __p::FieldDef::hparam("batch_size", "usize").default("64"),
            __p::FieldDef::skipped("train", "Option<Images>"),
        ];
        fn hparams(&self) -> FashionDataHparams {
            FashionDataHparams {
                dir: __p::Clone::clone(&self.dir),
                batch_size: __p::Clone::clone(&self.batch_size),
            }
        }
        fn __lightning_new(hparams: FashionDataHparams) -> Self {
            Self::new(hparams)
        }
    }
    impl FashionData {
        ///Makes a `FashionData`; nothing is read before a run starts.
        #[must_use]
        pub fn new(hparams: FashionDataHparams) -> Self {
            let FashionDataHparams { dir, batch_size } = hparams;
            Self {
                dir,
                batch_size,
                train: <Option<Images> as __p::Default>::default(),
            }
        }
        /// The hyperparameters, as the fields hold them now.
        pub fn hparams(&self) -> FashionDataHparams {
            <Self as __p::DataStruct>::hparams(self)
        }
    }
};
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
#[allow(dead_code, missing_docs, non_local_definitions, unreachable_pub)]
#[allow(unused_imports, unused_qualifications, unused_variables, clippy::unit_arg)]
const _: () = {
    use ::lightning_core::__private::{self as __p, NotBatch as _, NotTensor as _};
    #[automatically_derived]
    impl __p::DataModule for FashionData {
        fn __lightning_declared() -> __p::DataParts<Self> {
            __p::data_declared::<Self>()
        }
        type This = Self;
        fn prepare_data(&mut self) -> __p::Result<()> {
            __p::hook_output(<FashionData>::prepare_data(self))
        }
        fn setup(&mut self, stage: __p::Stage) -> __p::Result<()> {
            __p::hook_output(<FashionData>::setup(self, __p::arg::<Stage>(stage)))
        }
        type Train = __p::Has<
            <Result<DataLoader<ImageBatch>> as __p::LoaderOutput>::Loader,
        >;
        fn train_dataloader(&mut self) -> __p::Result<Self::Train> {
            __p::Result::Ok(
                __p::Has(
                    <Result<
                        DataLoader<ImageBatch>,
                    > as __p::LoaderOutput>::into_loader(
                        <FashionData>::train_dataloader(self),
                    )?,
                ),
            )
        }
        type Val = __p::NoLoader;
        fn val_dataloader(&mut self) -> __p::Result<Self::Val> {
            __p::Result::Ok(__p::NoLoader)
        }
        type Test = __p::NoLoader;
        fn test_dataloader(&mut self) -> __p::Result<Self::Test> {
            __p::Result::Ok(__p::NoLoader)
        }
        type Predict = __p::NoLoader;
        fn predict_dataloader(&mut self) -> __p::Result<Self::Predict> {
            __p::Result::Ok(__p::NoLoader)
        }
    }
    __p::misplaced_data_hooks!(FashionData[] [] prepare_data setup train_dataloader);
};
