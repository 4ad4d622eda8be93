//! The checkpoint file: read back by an independent reader, and the same bytes for the same state.

use std::process::Command;

use burn::{nn::*, optim::AdamConfig, prelude::*, tensor::activation::relu};
use lightning_core::prelude::*;

use crate::{
    foreign,
    support::{Rows, batches, quiet},
};

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = 1e-2)]
struct Normed {
    #[init(LinearConfig::new(8, 4).init(device))]
    fc1: Linear,
    #[init(BatchNormConfig::new(4).init(device))]
    norm: BatchNorm,
    #[init(LinearConfig::new(4, 3).init(device))]
    fc2: Linear,
    #[buffer(Tensor::from_data([1i32, 2, 3], device))]
    counts: Tensor<1, Int>,
}

#[lightning_module]
impl Normed {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(relu(self.norm.forward(self.fc1.forward(x))))
    }
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = cross_entropy(self.forward(batch.x), batch.y);
        train_loss
    }
}

fn train(folder: &std::path::Path) -> (Normed, std::path::PathBuf) {
    seed_everything(11);
    let mut model = Normed::new(NormedHparams::default());
    let mut trainer = quiet(Normed::trainer())
        .enable_checkpointing(true)
        .max_epochs(2)
        .callback(ModelCheckpoint::<Normed>::latest().dirpath(folder))
        .build()
        .unwrap();
    let report = trainer.fit(&mut model, DataLoader::from_batches(batches(&[8; 4], 1)).unwrap()).unwrap();
    (model, report.best_checkpoint.unwrap())
}

#[test]
fn equal_states_give_equal_bytes() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_, a) = train(one.path());
    let (_, b) = train(other.path());
    assert_eq!(a.file_name(), b.file_name());
    assert_eq!(std::fs::read(a).unwrap(), std::fs::read(b).unwrap());
}

#[test]
fn running_statistics_and_integer_buffers_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let (model, path) = train(folder.path());
    let loaded = Normed::load_from_checkpoint(&path).unwrap();
    let x = batches(&[8], 5).remove(0).x;
    assert_eq!(loaded.forward(x.clone()).into_data(), model.forward(x).into_data());
    assert_ne!(
        loaded.norm.running_mean.value_sync().into_data().try_to_vec::<f32>().unwrap(),
        [0.0; 4],
        "training has moved them"
    );
    assert_eq!(loaded.counts.into_data().convert::<i64>().try_to_vec::<i64>().unwrap(), [1, 2, 3]);
}

/// Numpy alone is enough: the format is eight bytes of length, a JSON header, and the data.
const READER: &str = r#"
import json, struct, sys
data = open(sys.argv[1], "rb").read()
(length,) = struct.unpack("<Q", data[:8])
header = json.loads(data[8 : 8 + length])
body = data[8 + length :]
meta = json.loads(header.pop("__metadata__")["lightning"])
assert meta["module"] == "Normed" and meta["global_step"] == 8 and meta["epoch"] == 1, meta
print(",".join(sorted(name for name in header if name.startswith("model."))))
start, end = header["model.fc1.bias"]["data_offsets"]
print(",".join(repr(x) for x in struct.unpack("<%df" % ((end - start) // 4), body[start:end])))
"#;

#[test]
fn another_program_reads_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (model, path) = train(folder.path());
    let Ok(output) = Command::new(foreign::any_python()).arg("-c").arg(READER).arg(&path).output() else {
        eprintln!("SKIPPED another_program_reads_the_file: python3 is not on this machine");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut lines = text.lines();
    assert_eq!(
        lines.next().unwrap(),
        "model.counts,model.fc1.bias,model.fc1.weight,model.fc2.bias,model.fc2.weight,model.norm.beta,model.norm.gamma,\
         model.norm.running_mean,model.norm.running_var"
    );
    let read: Vec<f32> = lines.next().unwrap().split(',').map(|value| value.parse::<f64>().unwrap() as f32).collect();
    assert_eq!(read, model.fc1.bias.unwrap().val().into_data().try_to_vec::<f32>().unwrap());
}

#[test]
fn a_checkpoint_of_another_shape_is_refused_by_name() {
    #[lightning_module]
    #[optimizer(AdamConfig::new(), lr = 1e-2)]
    struct Wide {
        #[init(LinearConfig::new(width, 4).init(device))]
        fc1: Linear,
        #[hparam(default = 8)]
        width: usize,
    }
    #[lightning_module]
    impl Wide {
        fn training_step(&self, batch: Rows) -> Tensor<1> {
            self.fc1.forward(batch.x).mean()
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let mut model = Wide::new(WideHparams::default());
    let mut trainer = quiet(Wide::trainer())
        .enable_checkpointing(true)
        .max_epochs(1)
        .callback(ModelCheckpoint::<Wide>::latest().dirpath(folder.path()))
        .build()
        .unwrap();
    let report = trainer.fit(&mut model, DataLoader::from_batches(batches(&[8], 1)).unwrap()).unwrap();
    let path = report.best_checkpoint.unwrap();
    let mut other = Wide::new(WideHparams::default().with_width(9));
    let text = trainer.load(&mut other, &path).unwrap_err().to_string();
    assert!(text.contains("`fc1.weight` has shape [8, 4] in the file and [9, 4] in the model"), "{text}");
    // A model that does not fit is left as it was, and the file as well.
    trainer.load(&mut model, &path).unwrap();
}

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = 1e-2)]
struct Large {
    #[init(LinearConfig::new(8, 1_200_000).with_bias(false).init(device))]
    wide: Linear,
}

#[lightning_module]
impl Large {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        self.wide.forward(batch.x).powi_scalar(2).mean()
    }
}

#[test]
fn large_files_are_whole_as_well() {
    // Nearly ten million weights and two moments of each: written past the page cache, and with the
    // training going on.
    let folder = tempfile::tempdir().unwrap();
    let mut model = Large::new(LargeHparams::default());
    let weights_only = ModelCheckpoint::latest().save_weights_only(true).filename("weights");
    let mut trainer = quiet(Large::trainer())
        .enable_checkpointing(true)
        .max_epochs(1)
        .callback(weights_only.every(callbacks::Steps(2)).dirpath(folder.path()))
        .callback(ModelCheckpoint::latest().every(callbacks::Steps(2)).filename("whole").dirpath(folder.path()))
        .build()
        .unwrap();
    trainer.fit(&mut model, DataLoader::from_batches(batches(&[2; 2], 1)).unwrap()).unwrap();

    let weights: Vec<u8> = model.wide.weight.val().into_data().as_bytes().to_vec();
    for (name, tensors) in [("weights.ckpt", 1), ("whole.ckpt", 4)] {
        let bytes = std::fs::read(folder.path().join(name)).unwrap();
        assert!(bytes.len() > 30_000_000 * tensors.min(3), "{name} has {} bytes", bytes.len());
        let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(read.len(), tensors, "{name}: {:?}", read.names());
        assert!(read.tensor("model.wide.weight").unwrap().data() == weights, "{name}");
    }
    let loaded = Large::load_from_checkpoint(folder.path().join("whole.ckpt")).unwrap();
    assert!(loaded.wide.weight.val().into_data().as_bytes() == weights);
}
