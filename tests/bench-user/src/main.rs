//! `bench-user PROGRAM WORKLOAD [FILE]` times a loop written by hand (`user-hand`), burn-train
//! (`burn-train`) or, with the feature `trainer`, the trainer and the hand-written loop without
//! AVX-512 (`trainer-no-avx512`, `hand-no-avx512`), and adds a line of JSON to the file.

#[path = "../../bench/hand.rs"]
mod hand;
#[cfg(feature = "train")]
mod learner;
#[path = "../../bench/measure.rs"]
mod measure;
#[cfg(feature = "trainer")]
#[path = "../../bench/trainer.rs"]
mod trainer;
#[path = "../../bench/workloads.rs"]
mod workloads;

use std::{error::Error, path::Path, time::Instant};

use burn::tensor::Device;

use hand::Hand;
use measure::{Run, Stopwatch};
use workloads::{Cnn, Mlp, NormMlp, Transformer, Wide, Workload};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Epochs of a run.
const EPOCHS: usize = 3;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [program, workload, rest @ ..] = arguments.as_slice() else {
        return Err("usage: bench-user PROGRAM WORKLOAD [FILE]".into());
    };
    let run = match workload.as_str() {
        "mlp" => run::<Mlp>(program),
        "batchnorm" => run::<NormMlp>(program),
        "cnn" => run::<Cnn>(program),
        "transformer" => run::<Transformer>(program),
        "wide" => run::<Wide>(program),
        other => Err(format!("there is no workload `{other}`").into()),
    }?;
    run.report(rest.first().map(Path::new))
}

#[cfg(not(feature = "trainer"))]
trait Runs: Workload {}
#[cfg(not(feature = "trainer"))]
impl<W: Workload> Runs for W {}

#[cfg(feature = "trainer")]
trait Runs: Workload {
    type Module: trainer::Trained<Workload = Self>;
}

#[cfg(feature = "trainer")]
mod modules {
    use super::*;
    macro_rules! runs {
        ($($workload:ty: $module:ident),*) => {
            $(impl Runs for $workload { type Module = trainer::$module; })*
        };
    }
    runs!(Mlp: MlpModule, NormMlp: NormMlpModule, Cnn: CnnModule, Transformer: TransformerModule, Wide: WideModule);
}

fn run<W: Runs>(program: &str) -> Outcome<Run> {
    match program {
        #[cfg(not(feature = "trainer"))]
        "user-hand" => by_hand::<W>(program),
        #[cfg(feature = "train")]
        "burn-train" => learner::train::<W>(EPOCHS),
        #[cfg(feature = "trainer")]
        "hand-no-avx512" => by_hand::<W>(program),
        #[cfg(feature = "trainer")]
        "trainer-no-avx512" => {
            let folder = tempfile::tempdir()?;
            let with = "lightning-core without x86-v4, Burn 0.22.1";
            Ok(trainer::alone(program, trainer::logging::<W::Module>(folder.path()), &Device::default(), with)?)
        }
        other => Err(format!("there is no program `{other}` in this build").into()),
    }
}

fn by_hand<W: Workload>(program: &str) -> Outcome<Run> {
    let folder = tempfile::tempdir()?;
    let start = Instant::now();
    let mut hand = Hand::<W>::new(&Device::default(), folder.path())?;
    let mut watch = Stopwatch::default();
    for _ in 0..EPOCHS {
        watch.start();
        for _ in 0..W::STEPS {
            hand.step()?;
            watch.step();
        }
        hand.save(folder.path())?;
    }
    Ok(Run::new(program, W::NAME, &watch, EPOCHS * W::STEPS, start.elapsed(), "Burn 0.22.1, default features"))
}
