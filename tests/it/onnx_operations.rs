//! Single operations that are exported, and layers without parameters.

use burn::{
    nn::{interpolate::*, pool::*, *},
    prelude::*,
    tensor::{IndexingUpdateOp, activation::*},
};

use crate::{
    onnx_cases::Cases,
    onnx_support::{floats, ints},
};

pub fn operations(cases: &mut Cases<'_>) {
    let device = &Device::default();
    let linear = || LinearConfig::new(6, 6).init(device);
    cases.case(
        "acts",
        linear(),
        |b| floats([b, 6]),
        |net: &Linear, x: Tensor<2>| {
            let x = net.forward::<2>(x);
            let y = || x.clone();
            (
                Tensor::cat(
                    vec![gelu(y()), gelu_approximate(y()), silu(y()), leaky_relu(y(), 0.01), tanh(y()), sigmoid(y())],
                    1,
                ),
                Tensor::cat(
                    vec![
                        mish(y()),
                        softplus(y(), 1.0),
                        hard_sigmoid(y(), 0.2, 0.5),
                        hard_swish(y()),
                        elu(y(), 1.0),
                        quiet_softmax(y(), 1),
                        softmin(y(), 1),
                        log_sigmoid(y()),
                        softsign(y()),
                        glu(y(), 1),
                    ],
                    1,
                ),
                Tensor::cat(
                    vec![
                        relu(y()),
                        y().clamp(-0.5, 0.5),
                        y().powf_scalar(2.0),
                        y().abs().sqrt(),
                        y().exp(),
                        y().abs().log1p(),
                        y().recip(),
                        y().sign(),
                        y().floor(),
                        y().ceil(),
                        y().round(),
                        y().trunc(),
                        y().sin(),
                        y().remainder_scalar(0.7),
                        y().powi_scalar(3),
                    ],
                    1,
                ),
                Tensor::cat(
                    vec![y().sinh(), y().cosh(), y().atan(), tanh(y()).asin(), tanh(y()).acos(), y().asinh()],
                    1,
                ),
            )
        },
    );
    let pair = |b: usize| (floats([b, 4, 6]), ints([b, 4, 3], 6));
    cases.case("shapes", linear(), pair, |net: &Linear, (x, index): (Tensor<3>, Tensor<3, Int>)| {
        let x: Tensor<3> = net.forward::<3>(x);
        let [b, n, k] = x.dims();
        let device = x.device();
        let rows = vec![
            net.weight.val().slice([0..1, 0..6]).reshape([1, 1, 6]).repeat_dim(0, b),
            x.clone(),
            Tensor::zeros([b, 1, k], &device),
            Tensor::<3>::ones([b, 1, k], &device) * 3.0,
            Tensor::<3>::full([1, 1, k], 0.5, &device).expand([b, 1, k]),
        ];
        let classes = Tensor::<1, Int>::arange(0..6, &device).reshape([1, 1, 6]).expand([b * n, 3, 6]);
        let one_hot = index.clone().reshape([b * n, 3, 1]).repeat_dim(2, 6).equal(classes).float();
        (
            (
                x.clone().slice(s![.., 1..3, ..;2]),
                x.clone().slice(s![.., ..;-1, 1..]),
                x.clone().gather(2, index.clone()),
            ),
            (
                x.clone().select(1, Tensor::<1, Int>::from_ints([2, 0], &device)),
                Tensor::cat(rows, 1),
                x.clone().slice_assign([0..b, 1..2, 2..4], x.clone().slice([0..b, 0..1, 0..2])),
                x.clone().flip([1, 2]).permute([0, 2, 1]),
            ),
            (
                x.clone().mean_dim(1).squeeze_dim::<2>(1),
                x.clone().mask_where(x.clone().lower_elem(0.0), x.clone() * 2.0).cumsum(1),
                x.clone().sort(2),
                x.clone().pad((1, 2, 0, 1), 0.25),
                x.clone().var(2),
            ),
            (
                one_hot.reshape([b * n, 18]),
                index.clone() * 2 + 1,
                index.float(),
                x.clone().matmul(x.transpose()).tril(0),
            ),
        )
    });
    let pair = |b: usize| (floats([b, 6]), ints([b, 6], 9));
    cases.case("bools", linear(), pair, |net: &Linear, (x, n): (Tensor<2>, Tensor<2, Int>)| {
        let x = net.forward::<2>(x);
        let (large, few) = (x.clone().greater_elem(0.1), n.clone().lower_elem(5));
        (
            (
                large.clone().bool_and(few.clone()).bool_not(),
                large.clone().bool_or(few.clone()).int(),
                large.any_dim(1),
                few.all_dim(1),
            ),
            (n.clone() / 2, n.clone().remainder_scalar(4), n.clone().max_dim(1), n.clone().sum_dim(1)),
            (
                x.clone().argmin(1),
                x.clone().not_equal(x.clone() + 1),
                x.clone().prod_dim(1),
                x.clone().max_abs_dim(1),
                x.clone().powf(x.clone().abs()).is_nan(),
                x.clone().min(),
            ),
            (
                x.clone().int(),
                x.clone().scatter(1, n.remainder_scalar(6), x.clone(), IndexingUpdateOp::Add),
                x.unfold::<3, _>(1, 3, 2),
            ),
        )
    });
    cases.case(
        "batch_uses",
        linear(),
        |b| floats([b, 6]),
        |net: &Linear, x: Tensor<2>| {
            let x = net.forward::<2>(x);
            let b = x.dims()[0];
            let rows = Tensor::<1, Int>::arange(0..b as i64, &x.device());
            (
                x.clone().mean(),
                x.clone().sum_dim(0) / b as f32,
                x.clone().sub(x.clone().mean_dim(0)),
                x.clone() * b as f32,
                x.clone().matmul(x.clone().transpose()),
                x.clone().select(0, rows),
                x.clone().slice(s![b - 1..b]),
            )
        },
    );
}

/// The modes of interpolation, pooling and attention.
pub fn pooling(cases: &mut Cases<'_>) {
    let device = &Device::default();
    let resize = |mode: &InterpolateMode, corners, size| {
        Interpolate2dConfig::new()
            .with_output_size(Some(size))
            .with_mode(mode.clone())
            .with_align_corners(corners)
            .init()
    };
    cases.case(
        "interp",
        LinearConfig::new(5, 5).init(device),
        |b| floats([b, 3, 6, 5]),
        |net: &Linear, x: Tensor<4>| {
            let x = net.forward::<4>(x);
            let mut outputs = Vec::new();
            for (mode, corners) in [
                (InterpolateMode::Nearest, false),
                (InterpolateMode::Linear, false),
                (InterpolateMode::Linear, true),
                (InterpolateMode::Cubic, false),
                (InterpolateMode::Cubic, true),
            ] {
                for size in [[9, 7], [4, 3], [1, 1], [12, 15]] {
                    outputs.push(resize(&mode, corners, size).forward(x.clone()));
                }
            }
            outputs
        },
    );
    let padding = || PaddingConfig2d::Explicit(1, 1, 1, 1);
    let average = || AvgPool2dConfig::new([3, 3]).with_strides([2, 2]);
    cases.case(
        "pools",
        LinearConfig::new(7, 7).init(device),
        |b| floats([b, 3, 10, 7]),
        |net: &Linear, x: Tensor<4>| {
            let x = net.forward::<4>(x);
            let max = MaxPool2dConfig::new([3, 3]).with_strides([2, 2]);
            vec![
                average().with_padding(padding()).with_count_include_pad(false).init().forward(x.clone()),
                average().with_padding(padding()).init().forward(x.clone()),
                max.clone().with_dilation([2, 2]).with_padding(padding()).init().forward(x.clone()),
                AdaptiveAvgPool2dConfig::new([3, 5]).init().forward(x.clone()),
                AdaptiveAvgPool2dConfig::new([5, 7]).init().forward(x.clone()),
                max.with_ceil_mode(true).init().forward(x),
            ]
        },
    );
    cases.case(
        "avg_ceil",
        LinearConfig::new(7, 7).init(device),
        |b| floats([b, 3, 10, 7]),
        |net: &Linear, x: Tensor<4>| {
            let x = net.forward::<4>(x);
            vec![
                average().with_ceil_mode(true).init().forward(x.clone()),
                average().with_padding(padding()).with_ceil_mode(true).init().forward(x.clone()),
                average().with_padding(padding()).with_ceil_mode(true).with_count_include_pad(false).init().forward(x),
            ]
        },
    );
    let input = |b: usize| (floats([b, 2, 5, 8]), floats([b, 2, 5, 5]), ints([b, 2, 5, 5], 5).equal_elem(0));
    cases.case("attention", LinearConfig::new(8, 8).init(device), input, |net: &Linear, (x, bias, mask)| {
        use burn::tensor::{module::attention, ops::AttentionModuleOptions};
        let x = net.forward::<4>(x);
        let options = |scale, softcap, is_causal| AttentionModuleOptions { scale, softcap, is_causal };
        (
            attention(x.clone(), x.clone(), x.clone(), None, None, options(None, None, true)),
            attention(x.clone(), x.clone(), x.clone(), None, Some(bias), options(Some(0.3), None, false)),
            attention(x.clone(), x.clone(), x.clone(), Some(mask), None, options(None, Some(2.0), false)),
        )
    });
}
