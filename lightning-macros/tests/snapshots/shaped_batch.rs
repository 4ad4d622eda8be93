#[allow(dead_code, missing_docs, non_local_definitions, unreachable_pub)]
#[allow(unused_imports, unused_qualifications, unused_variables, clippy::unit_arg)]
const _: () = {
    use ::lightning_core::__private::{self as __p, NotBatch as _, NotTensor as _};
    ///`images`. Shape: `[batch, 28]`.
    ///
    ///`targets`. Shape: `[batch]`.
    #[automatically_derived]
    impl __p::Batch for Digits {
        const SIZED: bool = <Images as __p::Batch>::SIZED
            || <Tensor<1, Int> as __p::Batch>::SIZED
            || <Vec<String> as __p::Batch>::SIZED;
        fn batch_size(&self) -> __p::Option<usize> {
            __p::first_size([
                <Images as __p::Batch>::batch_size(&self.images),
                <Tensor<1, Int> as __p::Batch>::batch_size(&self.targets),
                <Vec<String> as __p::Batch>::batch_size(&self.names),
            ])
        }
        fn to_device(self, device: &__p::Device) -> Self {
            Self {
                images: <Images as __p::Batch>::to_device(self.images, device),
                targets: <Tensor<1, Int> as __p::Batch>::to_device(self.targets, device),
                names: <Vec<String> as __p::Batch>::to_device(self.names, device),
            }
        }
        fn cast(self, dtype: __p::FloatDType) -> Self {
            Self {
                images: <Images as __p::Batch>::cast(self.images, dtype),
                targets: <Tensor<1, Int> as __p::Batch>::cast(self.targets, dtype),
                names: <Vec<String> as __p::Batch>::cast(self.names, dtype),
            }
        }
        fn stage(self, device: &__p::Device) -> Self {
            Self {
                images: <Images as __p::Batch>::stage(self.images, device),
                targets: <Tensor<1, Int> as __p::Batch>::stage(self.targets, device),
                names: <Vec<String> as __p::Batch>::stage(self.names, device),
            }
        }
        fn save_batch(&self, name: &str, out: &mut __p::BatchWriter) {
            let _ = (name, &out);
            out.dims(
                "Digits",
                |dims| {
                    dims.field(
                        "images",
                        &<Images as __p::HasDims>::shapes(&self.images),
                        &[__p::Dim::Name("batch"), __p::Dim::Size(28)],
                    );
                    dims.field(
                        "targets",
                        &<Tensor<1, Int> as __p::HasDims>::shapes(&self.targets),
                        &[__p::Dim::Name("batch")],
                    );
                },
            );
            <Images as __p::Batch>::save_batch(
                &self.images,
                &__p::part(name, "images"),
                out,
            );
            <Tensor<
                1,
                Int,
            > as __p::Batch>::save_batch(
                &self.targets,
                &__p::part(name, "targets"),
                out,
            );
            <Vec<
                String,
            > as __p::Batch>::save_batch(&self.names, &__p::part(name, "names"), out);
        }
        fn load_batch(name: &str, from: &__p::BatchReader<'_>) -> __p::Result<Self> {
            let _ = (name, from);
            __p::Result::Ok(Self {
                images: <Images as __p::Batch>::load_batch(
                    &__p::part(name, "images"),
                    from,
                )?,
                targets: <Tensor<
                    1,
                    Int,
                > as __p::Batch>::load_batch(&__p::part(name, "targets"), from)?,
                names: <Vec<
                    String,
                > as __p::Batch>::load_batch(&__p::part(name, "names"), from)?,
            })
        }
    }
    #[automatically_derived]
    impl<
        __LightningItem0,
        __LightningItem1,
        __LightningItem2,
    > __p::FromItems<(__LightningItem0, __LightningItem1, __LightningItem2)> for Digits
    where
        Images: __p::FromItems<__LightningItem0>,
        Tensor<1, Int>: __p::FromItems<__LightningItem1>,
        Vec<String>: __p::FromItems<__LightningItem2>,
    {
        const COLUMNS: __p::Option<usize> = <(
            Images,
            Tensor<1, Int>,
            Vec<String>,
        ) as __p::FromItems<
            (__LightningItem0, __LightningItem1, __LightningItem2),
        >>::COLUMNS;
        fn from_items(
            items: __p::Vec<(__LightningItem0, __LightningItem1, __LightningItem2)>,
        ) -> __p::Result<Self> {
            let (__lightning_images, __lightning_targets, __lightning_names) = <(
                Images,
                Tensor<1, Int>,
                Vec<String>,
            ) as __p::FromItems<
                (__LightningItem0, __LightningItem1, __LightningItem2),
            >>::from_items(items)?;
            __p::Result::Ok(Self {
                images: __lightning_images,
                targets: __lightning_targets,
                names: __lightning_names,
            })
        }
        fn from_columns(
            columns: &mut dyn __p::Iterator<Item = __p::TensorData>,
        ) -> __p::Result<Self> {
            let (__lightning_images, __lightning_targets, __lightning_names) = <(
                Images,
                Tensor<1, Int>,
                Vec<String>,
            ) as __p::FromItems<
                (__LightningItem0, __LightningItem1, __LightningItem2),
            >>::from_columns(columns)?;
            __p::Result::Ok(Self {
                images: __lightning_images,
                targets: __lightning_targets,
                names: __lightning_names,
            })
        }
    }
    const _: () = __p::assert!(
        < Images as __p::HasDims > ::RANK == 2usize,
        "`#[dims]` must have as many sizes as `Images` has dimensions, found 2\n= help: write a size for each dimension, `_` for any"
    );
    const _: () = __p::assert!(
        < Digits as __p::Batch > ::SIZED,
        "`Digits` has no batch size\n= help: add a tensor field, or mark a `Vec` of samples or a `usize` count with `#[batch(size)]`"
    );
};
