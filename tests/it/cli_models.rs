//! What the command line says of a model: its summary, and its export.

use std::fs;

use crate::{
    cli_support::{start, start_in},
    onnx_support::outputs_of,
};

/// What is exported is the checkpoint that is named, and a wrong option leaves nothing.
#[test]
fn a_checkpoint_is_exported() {
    let told = start(&["fit", "--seed", "1", "--trainer.default_root_dir", "runs"], &[], &[], "");
    assert_eq!(told.code, 0, "{}", told.err);
    let export = ["export", "--ckpt", "last", "--trainer.default_root_dir", "runs"];
    let trained =
        start_in(told.folder, &[&export[..], &["--path", "net.onnx", "--outputs", "[scores]"]].concat(), &[], &[], "");
    assert_eq!((trained.code, trained.out.as_str()), (0, "wrote net.onnx\n"), "{}", trained.err);
    let file = fs::read(trained.folder.path().join("net.onnx")).unwrap();
    let has = |text: &str| file.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(has("first.linear.weight") && has("checkpoint") && has(".ckpt"), "names of parameters and metadata");
    let input = tract_onnx::prelude::Tensor::from_shape(&[3, 4], &[1_f32; 12]).unwrap();
    let outputs = outputs_of(&trained.folder.path().join("net.onnx"), vec![input]).unwrap();
    assert_eq!(outputs[0].shape(), [3, 1]);
    let fresh = start_in(trained.folder, &["export", "--seed", "1", "--outputs", "[scores]"], &[], &[], "");
    assert_eq!((fresh.code, fresh.out.as_str()), (0, "wrote model.onnx\n"), "{}", fresh.err);
    assert!(fresh.err.contains("the weights are untrained"), "{}", fresh.err);
    assert_ne!(fs::read(fresh.folder.path().join("model.onnx")).unwrap(), file);
    fs::remove_file(fresh.folder.path().join("model.onnx")).unwrap();

    let told = start_in(fresh.folder, &[&export[..], &["--free-axis", "[x]"]].concat(), &[], &[], "");
    assert_ne!(told.code, 0);
    assert!(told.err.contains("`--free-axis` must be FIELD:AXIS, found `x`"), "{}", told.err);
    assert!(!told.left.contains(&"model.onnx".to_owned()), "{:?}", told.left);
}

/// The summary of `fit`: shapes and costs from the first batch, by hand.
#[test]
fn the_summary_of_a_run_has_shapes_and_costs() {
    let fit = |more: &[&str]| {
        let told = start(&[&["fit", "--trainer.fast_dev_run", "1"], more].concat(), &[], &[], "");
        assert_eq!(told.code, 0, "{}", told.err);
        told.err
    };
    let shown = fit(&[]);
    for part in [
        "│ 0 │ first │ Block  │ [16, 4] │ [16, 8] │     40 │           512 │ train │",
        "│ 1 │ head  │ Linear │ [16, 8] │ [16, 1] │      9 │           128 │ train │",
        " 49  total params",
        "640  multiply-adds in a forward pass",
        // 49 parameters and gradients, and 16 · 8 + 16 results, of four bytes each.
        "a training step on 16 samples: at most 0.000968 MB (parameters 0.000196, gradients 0.000196, optimizer 0, \
         activations 0.000576)",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    assert!(!shown.contains("first.linear"), "{shown}");
    for more in [
        &["--trainer.summary_depth", "2"][..],
        &["--trainer.callbacks+=ModelSummary", "--trainer.callbacks.max_depth", "2"],
        &["--trainer.callbacks+=RichModelSummary", "--trainer.callbacks.max_depth=-1"],
    ] {
        let shown = fit(more);
        let row = "│ 1 │ first.linear │ Linear │ [16, 4] │ [16, 8] │     40 │           512 │ train │";
        assert!(shown.contains(row), "{more:?}\n{shown}");
    }
    let totals = fit(&["--trainer.summary_depth", "0"]);
    assert!(totals.contains("640  multiply-adds") && !totals.contains("head"), "{totals}");
    assert!(fit(&["--trainer.precision", "bf16-mixed"]).contains("640  multiply-adds"));
    let none = fit(&["--trainer.enable_model_summary", "false"]);
    assert!(!none.contains("params"), "{none}");
}
