#[automatically_derived]
impl ::lightning_core::__private::Batch for DigitBatch {
    const SIZED: bool = <Tensor<2> as ::lightning_core::__private::Batch>::SIZED
        || <Tensor<1, Int> as ::lightning_core::__private::Batch>::SIZED;
    fn batch_size(&self) -> ::lightning_core::__private::Option<usize> {
        ::lightning_core::__private::first_size([
            <Tensor<2> as ::lightning_core::__private::Batch>::batch_size(&self.images),
            <Tensor<
                1,
                Int,
            > as ::lightning_core::__private::Batch>::batch_size(&self.targets),
        ])
    }
    #[allow(unused_variables)]
    fn to_device(self, device: &::lightning_core::__private::Device) -> Self {
        Self {
            images: <Tensor<
                2,
            > as ::lightning_core::__private::Batch>::to_device(self.images, device),
            targets: <Tensor<
                1,
                Int,
            > as ::lightning_core::__private::Batch>::to_device(self.targets, device),
        }
    }
    #[allow(unused_variables)]
    fn cast(self, dtype: ::lightning_core::__private::FloatDType) -> Self {
        Self {
            images: <Tensor<
                2,
            > as ::lightning_core::__private::Batch>::cast(self.images, dtype),
            targets: <Tensor<
                1,
                Int,
            > as ::lightning_core::__private::Batch>::cast(self.targets, dtype),
        }
    }
    #[allow(unused_variables)]
    fn stage(self, device: &::lightning_core::__private::Device) -> Self {
        Self {
            images: <Tensor<
                2,
            > as ::lightning_core::__private::Batch>::stage(self.images, device),
            targets: <Tensor<
                1,
                Int,
            > as ::lightning_core::__private::Batch>::stage(self.targets, device),
        }
    }
}
#[automatically_derived]
impl<
    __LightningItem0,
    __LightningItem1,
> ::lightning_core::__private::FromItems<(__LightningItem0, __LightningItem1)>
for DigitBatch
where
    Tensor<2>: ::lightning_core::__private::FromItems<__LightningItem0>,
    Tensor<1, Int>: ::lightning_core::__private::FromItems<__LightningItem1>,
{
    const COLUMNS: ::lightning_core::__private::Option<usize> = <(
        Tensor<2>,
        Tensor<1, Int>,
    ) as ::lightning_core::__private::FromItems<
        (__LightningItem0, __LightningItem1),
    >>::COLUMNS;
    fn from_items(
        items: ::lightning_core::__private::Vec<(__LightningItem0, __LightningItem1)>,
    ) -> ::lightning_core::__private::Result<Self> {
        let (__lightning_images, __lightning_targets) = <(
            Tensor<2>,
            Tensor<1, Int>,
        ) as ::lightning_core::__private::FromItems<
            (__LightningItem0, __LightningItem1),
        >>::from_items(items)?;
        ::lightning_core::__private::Result::Ok(Self {
            images: __lightning_images,
            targets: __lightning_targets,
        })
    }
    fn from_columns(
        columns: &mut dyn ::lightning_core::__private::Iterator<
            Item = ::lightning_core::__private::TensorData,
        >,
    ) -> ::lightning_core::__private::Result<Self> {
        let (__lightning_images, __lightning_targets) = <(
            Tensor<2>,
            Tensor<1, Int>,
        ) as ::lightning_core::__private::FromItems<
            (__LightningItem0, __LightningItem1),
        >>::from_columns(columns)?;
        ::lightning_core::__private::Result::Ok(Self {
            images: __lightning_images,
            targets: __lightning_targets,
        })
    }
}
const _: () = ::lightning_core::__private::assert!(
    < DigitBatch as ::lightning_core::__private::Batch > ::SIZED,
    "nothing in `DigitBatch` carries the batch size\n= help: add a tensor field, or mark the field to count with `#[batch(size)]`"
);
#[automatically_derived]
impl<T> ::lightning_core::__private::Batch for Pairs<T>
where
    T: ::lightning_core::__private::Batch,
{
    const SIZED: bool = true;
    fn batch_size(&self) -> ::lightning_core::__private::Option<usize> {
        ::lightning_core::__private::Option::Some(
            ::lightning_core::__private::BatchLen::batch_len(&self.0),
        )
    }
    #[allow(unused_variables)]
    fn to_device(self, device: &::lightning_core::__private::Device) -> Self {
        Self {
            0: <T as ::lightning_core::__private::Batch>::to_device(self.0, device),
            1: self.1,
        }
    }
    #[allow(unused_variables)]
    fn cast(self, dtype: ::lightning_core::__private::FloatDType) -> Self {
        Self {
            0: <T as ::lightning_core::__private::Batch>::cast(self.0, dtype),
            1: self.1,
        }
    }
    #[allow(unused_variables)]
    fn stage(self, device: &::lightning_core::__private::Device) -> Self {
        Self {
            0: <T as ::lightning_core::__private::Batch>::stage(self.0, device),
            1: self.1,
        }
    }
}
#[automatically_derived]
impl<
    T,
    __LightningItem0,
    __LightningItem1,
> ::lightning_core::__private::FromItems<(__LightningItem0, __LightningItem1)>
for Pairs<T>
where
    T: ::lightning_core::__private::Batch,
    T: ::lightning_core::__private::FromItems<__LightningItem0>,
    Vec<String>: ::lightning_core::__private::FromItems<__LightningItem1>,
{
    const COLUMNS: ::lightning_core::__private::Option<usize> = <(
        T,
        Vec<String>,
    ) as ::lightning_core::__private::FromItems<
        (__LightningItem0, __LightningItem1),
    >>::COLUMNS;
    fn from_items(
        items: ::lightning_core::__private::Vec<(__LightningItem0, __LightningItem1)>,
    ) -> ::lightning_core::__private::Result<Self> {
        let (__lightning_0, __lightning_1) = <(
            T,
            Vec<String>,
        ) as ::lightning_core::__private::FromItems<
            (__LightningItem0, __LightningItem1),
        >>::from_items(items)?;
        ::lightning_core::__private::Result::Ok(Self {
            0: __lightning_0,
            1: __lightning_1,
        })
    }
    fn from_columns(
        columns: &mut dyn ::lightning_core::__private::Iterator<
            Item = ::lightning_core::__private::TensorData,
        >,
    ) -> ::lightning_core::__private::Result<Self> {
        let (__lightning_0, __lightning_1) = <(
            T,
            Vec<String>,
        ) as ::lightning_core::__private::FromItems<
            (__LightningItem0, __LightningItem1),
        >>::from_columns(columns)?;
        ::lightning_core::__private::Result::Ok(Self {
            0: __lightning_0,
            1: __lightning_1,
        })
    }
}
#[automatically_derived]
impl ::lightning_core::__private::Batch for Mixed {
    const SIZED: bool = <Tensor<4> as ::lightning_core::__private::Batch>::SIZED;
    fn batch_size(&self) -> ::lightning_core::__private::Option<usize> {
        #[allow(unused_variables)]
        match self {
            Self::Labelled { images: __lightning_images, names: __lightning_names } => {
                ::lightning_core::__private::first_size([
                    <Tensor<
                        4,
                    > as ::lightning_core::__private::Batch>::batch_size(
                        __lightning_images,
                    ),
                ])
            }
            Self::Plain { 0: __lightning_0 } => {
                ::lightning_core::__private::first_size([
                    <Tensor<
                        4,
                    > as ::lightning_core::__private::Batch>::batch_size(__lightning_0),
                ])
            }
            Self::End {} => ::lightning_core::__private::first_size([]),
        }
    }
    #[allow(unused_variables)]
    fn to_device(self, device: &::lightning_core::__private::Device) -> Self {
        match self {
            Self::Labelled { images: __lightning_images, names: __lightning_names } => {
                Self::Labelled {
                    images: <Tensor<
                        4,
                    > as ::lightning_core::__private::Batch>::to_device(
                        __lightning_images,
                        device,
                    ),
                    names: __lightning_names,
                }
            }
            Self::Plain { 0: __lightning_0 } => {
                Self::Plain {
                    0: <Tensor<
                        4,
                    > as ::lightning_core::__private::Batch>::to_device(
                        __lightning_0,
                        device,
                    ),
                }
            }
            Self::End {} => Self::End {},
        }
    }
    #[allow(unused_variables)]
    fn cast(self, dtype: ::lightning_core::__private::FloatDType) -> Self {
        match self {
            Self::Labelled { images: __lightning_images, names: __lightning_names } => {
                Self::Labelled {
                    images: <Tensor<
                        4,
                    > as ::lightning_core::__private::Batch>::cast(
                        __lightning_images,
                        dtype,
                    ),
                    names: __lightning_names,
                }
            }
            Self::Plain { 0: __lightning_0 } => {
                Self::Plain {
                    0: <Tensor<
                        4,
                    > as ::lightning_core::__private::Batch>::cast(__lightning_0, dtype),
                }
            }
            Self::End {} => Self::End {},
        }
    }
    #[allow(unused_variables)]
    fn stage(self, device: &::lightning_core::__private::Device) -> Self {
        match self {
            Self::Labelled { images: __lightning_images, names: __lightning_names } => {
                Self::Labelled {
                    images: <Tensor<
                        4,
                    > as ::lightning_core::__private::Batch>::stage(
                        __lightning_images,
                        device,
                    ),
                    names: __lightning_names,
                }
            }
            Self::Plain { 0: __lightning_0 } => {
                Self::Plain {
                    0: <Tensor<
                        4,
                    > as ::lightning_core::__private::Batch>::stage(
                        __lightning_0,
                        device,
                    ),
                }
            }
            Self::End {} => Self::End {},
        }
    }
}
const _: () = ::lightning_core::__private::assert!(
    < Mixed as ::lightning_core::__private::Batch > ::SIZED,
    "nothing in `Mixed` carries the batch size\n= help: add a tensor field, or mark the field to count with `#[batch(size)]`"
);
