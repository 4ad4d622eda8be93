#[allow(dead_code, missing_docs, non_local_definitions, unreachable_pub)]
#[allow(unused_imports, unused_qualifications, unused_variables, clippy::unit_arg)]
const _: () = {
    use ::lightning_core::__private::{self as __p, NotBatch as _, NotTensor as _};
    #[automatically_derived]
    impl __p::Batch for DigitBatch {
        const SIZED: bool = <Tensor<2> as __p::Batch>::SIZED
            || <Tensor<1, Int> as __p::Batch>::SIZED;
        fn batch_size(&self) -> __p::Option<usize> {
            __p::first_size([
                <Tensor<2> as __p::Batch>::batch_size(&self.images),
                <Tensor<1, Int> as __p::Batch>::batch_size(&self.targets),
            ])
        }
        fn to_device(self, device: &__p::Device) -> Self {
            Self {
                images: <Tensor<2> as __p::Batch>::to_device(self.images, device),
                targets: <Tensor<1, Int> as __p::Batch>::to_device(self.targets, device),
            }
        }
        fn cast(self, dtype: __p::FloatDType) -> Self {
            Self {
                images: <Tensor<2> as __p::Batch>::cast(self.images, dtype),
                targets: <Tensor<1, Int> as __p::Batch>::cast(self.targets, dtype),
            }
        }
        fn stage(self, device: &__p::Device) -> Self {
            Self {
                images: <Tensor<2> as __p::Batch>::stage(self.images, device),
                targets: <Tensor<1, Int> as __p::Batch>::stage(self.targets, device),
            }
        }
        fn save_batch(&self, name: &str, out: &mut __p::BatchWriter) {
            let _ = (name, &out);
            <Tensor<
                2,
            > as __p::Batch>::save_batch(&self.images, &__p::part(name, "images"), out);
            <Tensor<
                1,
                Int,
            > as __p::Batch>::save_batch(
                &self.targets,
                &__p::part(name, "targets"),
                out,
            );
        }
        fn load_batch(name: &str, from: &__p::BatchReader<'_>) -> __p::Result<Self> {
            let _ = (name, from);
            __p::Result::Ok(Self {
                images: <Tensor<
                    2,
                > as __p::Batch>::load_batch(&__p::part(name, "images"), from)?,
                targets: <Tensor<
                    1,
                    Int,
                > as __p::Batch>::load_batch(&__p::part(name, "targets"), from)?,
            })
        }
    }
    #[automatically_derived]
    impl<
        __LightningItem0,
        __LightningItem1,
    > __p::FromItems<(__LightningItem0, __LightningItem1)> for DigitBatch
    where
        Tensor<2>: __p::FromItems<__LightningItem0>,
        Tensor<1, Int>: __p::FromItems<__LightningItem1>,
    {
        const COLUMNS: __p::Option<usize> = <(
            Tensor<2>,
            Tensor<1, Int>,
        ) as __p::FromItems<(__LightningItem0, __LightningItem1)>>::COLUMNS;
        fn from_items(
            items: __p::Vec<(__LightningItem0, __LightningItem1)>,
        ) -> __p::Result<Self> {
            let (__lightning_images, __lightning_targets) = <(
                Tensor<2>,
                Tensor<1, Int>,
            ) as __p::FromItems<
                (__LightningItem0, __LightningItem1),
            >>::from_items(items)?;
            __p::Result::Ok(Self {
                images: __lightning_images,
                targets: __lightning_targets,
            })
        }
        fn from_columns(
            columns: &mut dyn __p::Iterator<Item = __p::TensorData>,
        ) -> __p::Result<Self> {
            let (__lightning_images, __lightning_targets) = <(
                Tensor<2>,
                Tensor<1, Int>,
            ) as __p::FromItems<
                (__LightningItem0, __LightningItem1),
            >>::from_columns(columns)?;
            __p::Result::Ok(Self {
                images: __lightning_images,
                targets: __lightning_targets,
            })
        }
    }
    const _: () = __p::assert!(
        < DigitBatch as __p::Batch > ::SIZED,
        "`DigitBatch` has no batch size\n= help: add a tensor field, or mark a `Vec` of samples or a `usize` count with `#[batch(size)]`"
    );
};
#[allow(dead_code, missing_docs, non_local_definitions, unreachable_pub)]
#[allow(unused_imports, unused_qualifications, unused_variables, clippy::unit_arg)]
const _: () = {
    use ::lightning_core::__private::{self as __p, NotBatch as _, NotTensor as _};
    #[automatically_derived]
    impl<T> __p::Batch for Pairs<T>
    where
        T: __p::Batch,
    {
        const SIZED: bool = true;
        fn batch_size(&self) -> __p::Option<usize> {
            __p::Option::Some(__p::BatchLen::batch_len(&self.0))
        }
        fn to_device(self, device: &__p::Device) -> Self {
            Self {
                0: <T as __p::Batch>::to_device(self.0, device),
                1: self.1,
            }
        }
        fn cast(self, dtype: __p::FloatDType) -> Self {
            Self {
                0: <T as __p::Batch>::cast(self.0, dtype),
                1: self.1,
            }
        }
        fn stage(self, device: &__p::Device) -> Self {
            Self {
                0: <T as __p::Batch>::stage(self.0, device),
                1: self.1,
            }
        }
        fn save_batch(&self, name: &str, out: &mut __p::BatchWriter) {
            #[allow(unused_imports)]
            use __p::{RefusesHost as _, SavesHost as _};
            let _ = (name, &out);
            out.size_is_declared();
            <T as __p::Batch>::save_batch(&self.0, &__p::part(name, "0"), out);
            (&__p::HostField::<Vec<String>>::new())
                .save_host(&self.1, &__p::part(name, "1"), out);
        }
        fn load_batch(name: &str, from: &__p::BatchReader<'_>) -> __p::Result<Self> {
            #[allow(unused_imports)]
            use __p::{RefusesHost as _, SavesHost as _};
            let _ = (name, from);
            __p::Result::Ok(Self {
                0: <T as __p::Batch>::load_batch(&__p::part(name, "0"), from)?,
                1: (&__p::HostField::<Vec<String>>::new())
                    .load_host(&__p::part(name, "1"), from)?,
            })
        }
    }
    #[automatically_derived]
    impl<
        T,
        __LightningItem0,
        __LightningItem1,
    > __p::FromItems<(__LightningItem0, __LightningItem1)> for Pairs<T>
    where
        T: __p::Batch,
        T: __p::FromItems<__LightningItem0>,
        Vec<String>: __p::FromItems<__LightningItem1>,
    {
        const COLUMNS: __p::Option<usize> = <(
            T,
            Vec<String>,
        ) as __p::FromItems<(__LightningItem0, __LightningItem1)>>::COLUMNS;
        fn from_items(
            items: __p::Vec<(__LightningItem0, __LightningItem1)>,
        ) -> __p::Result<Self> {
            let (__lightning_0, __lightning_1) = <(
                T,
                Vec<String>,
            ) as __p::FromItems<
                (__LightningItem0, __LightningItem1),
            >>::from_items(items)?;
            __p::Result::Ok(Self {
                0: __lightning_0,
                1: __lightning_1,
            })
        }
        fn from_columns(
            columns: &mut dyn __p::Iterator<Item = __p::TensorData>,
        ) -> __p::Result<Self> {
            let (__lightning_0, __lightning_1) = <(
                T,
                Vec<String>,
            ) as __p::FromItems<
                (__LightningItem0, __LightningItem1),
            >>::from_columns(columns)?;
            __p::Result::Ok(Self {
                0: __lightning_0,
                1: __lightning_1,
            })
        }
    }
};
#[allow(dead_code, missing_docs, non_local_definitions, unreachable_pub)]
#[allow(unused_imports, unused_qualifications, unused_variables, clippy::unit_arg)]
const _: () = {
    use ::lightning_core::__private::{self as __p, NotBatch as _, NotTensor as _};
    #[automatically_derived]
    impl __p::Batch for Mixed {
        const SIZED: bool = <Tensor<4> as __p::Batch>::SIZED;
        fn batch_size(&self) -> __p::Option<usize> {
            match self {
                Self::Labelled {
                    images: __lightning_images,
                    names: __lightning_names,
                } => {
                    __p::first_size([
                        <Tensor<4> as __p::Batch>::batch_size(__lightning_images),
                    ])
                }
                Self::Plain { 0: __lightning_0 } => {
                    __p::first_size([
                        <Tensor<4> as __p::Batch>::batch_size(__lightning_0),
                    ])
                }
                Self::End {} => __p::first_size([]),
            }
        }
        fn to_device(self, device: &__p::Device) -> Self {
            match self {
                Self::Labelled {
                    images: __lightning_images,
                    names: __lightning_names,
                } => {
                    Self::Labelled {
                        images: <Tensor<
                            4,
                        > as __p::Batch>::to_device(__lightning_images, device),
                        names: __lightning_names,
                    }
                }
                Self::Plain { 0: __lightning_0 } => {
                    Self::Plain {
                        0: <Tensor<4> as __p::Batch>::to_device(__lightning_0, device),
                    }
                }
                Self::End {} => Self::End {},
            }
        }
        fn cast(self, dtype: __p::FloatDType) -> Self {
            match self {
                Self::Labelled {
                    images: __lightning_images,
                    names: __lightning_names,
                } => {
                    Self::Labelled {
                        images: <Tensor<
                            4,
                        > as __p::Batch>::cast(__lightning_images, dtype),
                        names: __lightning_names,
                    }
                }
                Self::Plain { 0: __lightning_0 } => {
                    Self::Plain {
                        0: <Tensor<4> as __p::Batch>::cast(__lightning_0, dtype),
                    }
                }
                Self::End {} => Self::End {},
            }
        }
        fn stage(self, device: &__p::Device) -> Self {
            match self {
                Self::Labelled {
                    images: __lightning_images,
                    names: __lightning_names,
                } => {
                    Self::Labelled {
                        images: <Tensor<
                            4,
                        > as __p::Batch>::stage(__lightning_images, device),
                        names: __lightning_names,
                    }
                }
                Self::Plain { 0: __lightning_0 } => {
                    Self::Plain {
                        0: <Tensor<4> as __p::Batch>::stage(__lightning_0, device),
                    }
                }
                Self::End {} => Self::End {},
            }
        }
        fn save_batch(&self, name: &str, out: &mut __p::BatchWriter) {
            #[allow(unused_imports)]
            use __p::{RefusesHost as _, SavesHost as _};
            let _ = (name, &out);
            match self {
                Self::Labelled {
                    images: __lightning_images,
                    names: __lightning_names,
                } => {
                    out.variant(name, "Labelled");
                    <Tensor<
                        4,
                    > as __p::Batch>::save_batch(
                        __lightning_images,
                        &__p::part(name, "images"),
                        out,
                    );
                    (&__p::HostField::<Vec<String>>::new())
                        .save_host(__lightning_names, &__p::part(name, "names"), out);
                }
                Self::Plain { 0: __lightning_0 } => {
                    out.variant(name, "Plain");
                    <Tensor<
                        4,
                    > as __p::Batch>::save_batch(
                        __lightning_0,
                        &__p::part(name, "0"),
                        out,
                    );
                }
                Self::End {} => {
                    out.variant(name, "End");
                }
            }
        }
        fn load_batch(name: &str, from: &__p::BatchReader<'_>) -> __p::Result<Self> {
            #[allow(unused_imports)]
            use __p::{RefusesHost as _, SavesHost as _};
            let _ = (name, from);
            match &*from.variant(name)? {
                "Labelled" => {
                    __p::Result::Ok(Self::Labelled {
                        images: <Tensor<
                            4,
                        > as __p::Batch>::load_batch(&__p::part(name, "images"), from)?,
                        names: (&__p::HostField::<Vec<String>>::new())
                            .load_host(&__p::part(name, "names"), from)?,
                    })
                }
                "Plain" => {
                    __p::Result::Ok(Self::Plain {
                        0: <Tensor<
                            4,
                        > as __p::Batch>::load_batch(&__p::part(name, "0"), from)?,
                    })
                }
                "End" => __p::Result::Ok(Self::End {}),
                _ => __p::Result::Err(from.refuse::<Self>(name)),
            }
        }
    }
    const _: () = __p::assert!(
        < Mixed as __p::Batch > ::SIZED,
        "`Mixed` has no batch size\n= help: add a tensor field, or mark a `Vec` of samples or a `usize` count with `#[batch(size)]`"
    );
};
