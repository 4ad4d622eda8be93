#!/usr/bin/env bash
# The compile time of the macros: a crate of 20 modules, and the same modules with hand-written
# trait implementations. Each round changes one line of one module, in both crates in turn. Prints
# the medians of the times and of the ratios per round, which other load on the machine hardly
# affects, and fails if a ratio is above 1.10.
#
#   scripts/compile_cost.sh [check] [debug] [release]        all three by default
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
rounds=${ROUNDS:-15}
modules=20
limit=1.10
root=target/compile_cost
kinds=("$@")
[ ${#kinds[@]} -gt 0 ] || kinds=(check debug release)

# Shared by both forms: the methods of the user, and a function that trains.
steps() {
    cat <<'RUST'
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(relu(self.fc1.forward(x)))
    }
RUST
}

run_function() {
    cat <<'RUST'

/// Trains and tests the module.
pub fn run(train: DataLoader<Rows>, val: DataLoader<Rows>) -> lightning_core::Result<f64> {
    let mut net = Net::new(NetHparams::default().with_lr(3e-3));
    let mut trainer = Net::trainer()
        .max_epochs(3)
        .callback(EarlyStopping::new(Net::VAL_LOSS).patience(3))
        .callback(ModelCheckpoint::new(Net::VAL_ACC))
        .build()?;
    trainer.fit(&mut net, (train, val.clone()))?;
    Ok(trainer.test(&mut net, val)?.get(Net::TEST_ACC).unwrap_or_default() * 1.0)
}
RUST
}

head_lines() {
    cat <<'RUST'
use burn::{nn::*, optim::AdamConfig, prelude::*, tensor::activation::relu};
use lightning_core::prelude::*;

use crate::Rows;

RUST
}

with_macros() {
    head_lines
    cat <<'RUST'
#[lightning_module]
#[optimizer(AdamConfig::new(), lr = lr)]
pub struct Net {
    #[init(LinearConfig::new(64, hidden).init(device))]
    fc1: Linear,
    #[init(LinearConfig::new(hidden, 10).init(device))]
    fc2: Linear,
    #[hparam(default = 128)]
    hidden: usize,
    #[hparam(default = 1e-3)]
    lr: f64,
}

#[lightning_module]
impl Net {
RUST
    steps
    cat <<'RUST'
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        let logits = self.forward(batch.x);
        #[log(minimize, prog_bar)]
        let train_loss = cross_entropy(logits, batch.y);
        train_loss
    }
    fn validation_step(&self, batch: Rows) {
        let logits = self.forward(batch.x);
        #[log(maximize, prog_bar)]
        let val_acc = accuracy(&logits, &batch.y);
        #[log(minimize)]
        let val_loss = cross_entropy(logits, batch.y);
    }
    fn test_step(&self, batch: Rows) {
        #[log(maximize)]
        let test_acc = accuracy(&self.forward(batch.x), &batch.y);
    }
    fn on_train_epoch_end(&mut self, cx: &mut HookContext) {
        if cx.current_epoch() > 100 {
            self.lr *= 0.5;
        }
    }
}
RUST
    run_function
}

by_hand() {
    cat <<'RUST'
use burn::{module::Module, nn::*, optim::AdamConfig, prelude::*, tensor::activation::relu};
use lightning_core::{__private as private, hooks::*, metrics::*, module::*, optim::*, prelude::*, trainer::*};
#[allow(unused_imports)]
use lightning_core::__private::*;
use serde::{Deserialize, Serialize};

use crate::Rows;

#[derive(Debug, Module)]
pub struct Net {
    fc1: Linear,
    fc2: Linear,
    #[module(skip)]
    hidden: usize,
    #[module(skip)]
    lr: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetHparams {
    pub hidden: usize,
    pub lr: f64,
}

impl Default for NetHparams {
    fn default() -> Self {
        Self { hidden: 128, lr: 1e-3 }
    }
}

impl NetHparams {
    #[must_use]
    pub fn with_hidden(mut self, hidden: usize) -> Self {
        self.hidden = hidden;
        self
    }
    #[must_use]
    pub fn with_lr(mut self, lr: f64) -> Self {
        self.lr = lr;
        self
    }
}

impl LightningStruct for Net {
    type Hparams = NetHparams;
    const NAME: &'static str = "Net";
    const FIELDS: &'static [FieldDef] = &[
        FieldDef::module("fc1", "Linear"),
        FieldDef::module("fc2", "Linear"),
        FieldDef::hparam("hidden", "usize"),
        FieldDef::hparam("lr", "f64"),
    ];
    fn hparams(&self) -> NetHparams {
        NetHparams { hidden: self.hidden, lr: self.lr }
    }
}

impl InitModule for Net {
    type Built = Self;
    fn init_module(hparams: NetHparams, device: &Device) -> Self {
        Self {
            fc1: LinearConfig::new(64, hparams.hidden).init(device),
            fc2: LinearConfig::new(hparams.hidden, 10).init(device),
            hidden: hparams.hidden,
            lr: hparams.lr,
        }
    }
}

impl ConfigureOptimizers for Net {
    const OPTIMIZERS: &'static [&'static str] = &["optimizer"];
    fn configure_optimizers(&self, _cx: &FitContext) -> Result<Vec<OptimizerSetup>> {
        Ok(vec![OptimizerSetup::new("optimizer", AdamConfig::new(), self.lr)])
    }
}

impl Net {
    pub const TRAIN_LOSS: MetricKey<Self, Minimize, Stages<Y, N, N>> = MetricKey::new(&<Self as LightningImpl>::METRICS[0]);
    pub const VAL_ACC: MetricKey<Self, Maximize, Stages<N, Y, N>> = MetricKey::new(&<Self as LightningImpl>::METRICS[1]);
    pub const VAL_LOSS: MetricKey<Self, Minimize, Stages<N, Y, N>> = MetricKey::new(&<Self as LightningImpl>::METRICS[2]);
    pub const TEST_ACC: MetricKey<Self, Maximize, Stages<N, N, Y>> = MetricKey::new(&<Self as LightningImpl>::METRICS[3]);

    pub fn new(hparams: NetHparams) -> Self {
        private::build_module::<Self>(hparams, &Device::default())
    }
    pub fn trainer() -> TrainerBuilder<Self> {
        Trainer::<Self>::builder()
    }
RUST
    steps
    cat <<'RUST'
    fn training_loss(&self, batch: Rows) -> Tensor<1> {
        let logits = self.forward(batch.x);
        let train_loss = cross_entropy(logits, batch.y);
        private::log::<Self, _>(0, &train_loss);
        train_loss
    }
    fn validate(&self, batch: Rows) {
        let logits = self.forward(batch.x);
        let val_acc = accuracy(&logits, &batch.y);
        private::log::<Self, _>(1, &val_acc);
        let val_loss = cross_entropy(logits, batch.y);
        private::log::<Self, _>(2, &val_loss);
    }
    fn test(&self, batch: Rows) {
        let test_acc = accuracy(&self.forward(batch.x), &batch.y);
        private::log::<Self, _>(3, &test_acc);
    }
    fn end_of_epoch(&mut self, cx: &mut HookContext) {
        if cx.current_epoch() > 100 {
            self.lr *= 0.5;
        }
    }
}

impl LightningImpl for Net {
    type TrainBatch = Rows;
    type ValBatch = Rows;
    type TestBatch = Rows;
    type PredictBatch = NoBatch;
    const METRICS: &'static [MetricDef] = &[
        MetricDef::new("train_loss", StageSet::TRAIN).minimize().prog_bar().on_step(),
        MetricDef::new("val_acc", StageSet::VAL).maximize().prog_bar().on_epoch(),
        MetricDef::new("val_loss", StageSet::VAL).minimize().on_epoch(),
        MetricDef::new("test_acc", StageSet::TEST).maximize().on_epoch(),
    ];
    const HOOKS: HookSet = HookSet::EMPTY.with(Hook::OnTrainEpochEnd);
    const __LIGHTNING_DECLARED: () = ();
    type Builder = TrainerBuilder<Self>;
    fn run_hook(&mut self, hook: Hook, cx: &mut HookContext<'_>) -> Result<()> {
        if hook == Hook::OnTrainEpochEnd {
            self.end_of_epoch(cx);
        }
        Ok(())
    }
}

impl TrainingStep for Net {
    fn run_training_step(&self, _step: usize, batch: Rows, _cx: &StepContext<'_>) -> Result<Option<private::TrainingOutput>> {
        self.training_loss(batch).into_training_output()
    }
    const AGAIN: fn(&Rows) -> Option<Rows> = |batch| Some(batch.clone());
}

impl ValidationStep for Net {
    fn run_validation_step(&self, batch: Rows, _cx: &StepContext<'_>) -> Result<()> {
        self.validate(batch);
        Ok(())
    }
}

impl TestStep for Net {
    fn run_test_step(&self, batch: Rows, _cx: &StepContext<'_>) -> Result<()> {
        self.test(batch);
        Ok(())
    }
}
RUST
    run_function
}

batch_by_hand() {
    cat <<'RUST'
impl Batch for Rows {
    const SIZED: bool = true;
    fn batch_size(&self) -> Option<usize> {
        self.x.batch_size()
    }
    fn to_device(self, device: &Device) -> Self {
        Self { x: Batch::to_device(self.x, device), y: Batch::to_device(self.y, device) }
    }
    fn cast(self, dtype: burn::tensor::FloatDType) -> Self {
        Self { x: Batch::cast(self.x, dtype), y: self.y }
    }
}
RUST
}

# Writes a crate with 20 modules, one per file, in a separate workspace with the lock file and the
# profiles of the repository.
generate() {
    local form=$1 crate=$root/$1 index name
    mkdir -p "$crate/src"
    {
        printf '[package]\nname = "%s"\nversion = "0.1.0"\nedition = "2024"\n[workspace]\n' "${form//_/-}"
        printf '[dependencies]\nlightning-core = { path = "../../../lightning-core" }\nserde = { version = "1", features = ["derive"] }\n'
        printf 'burn = { version = "=0.22.1", default-features = false }\n'
        sed -n '/^\[profile/,$p' Cargo.toml | sed '/^\[workspace/,$d'
    } >"$crate/Cargo.toml"
    cp Cargo.lock "$crate/Cargo.lock"
    for ((index = 0; index < modules; index++)); do
        name=$(printf 'm%02d' "$index")
        "$form" >"$crate/src/$name.rs"
    done
    {
        # As in the output of the macros: printing forty warnings would take time.
        printf '#![allow(dead_code)]\n\nuse burn::prelude::*;\nuse lightning_core::prelude::*;\n\n'
        for ((index = 0; index < modules; index++)); do printf 'mod m%02d;\n' "$index"; done
        if [ "$form" = with_macros ]; then printf '\n#[derive(Batch, Clone, Debug)]\n'; else printf '\n#[derive(Clone, Debug)]\n'; fi
        printf 'pub struct Rows {\n    x: Tensor<2>,\n    y: Tensor<1, Int>,\n}\n\n'
        if [ "$form" = by_hand ]; then batch_by_hand; fi
        printf '\nfn main() -> lightning_core::Result<()> {\n    let device = Device::default();\n'
        printf '    let rows = Rows { x: Tensor::ones([8, 64], &device), y: Tensor::zeros([8], &device) };\n'
        printf '    let data = DataLoader::from_batches(vec![rows; 4])?;\n'
        for ((index = 0; index < modules; index++)); do
            printf '    println!("{}", m%02d::run(data.clone(), data.clone())?);\n' "$index"
        done
        printf '    Ok(())\n}\n'
    } >"$crate/src/main.rs"
}

build() { # kind, form
    local arguments=(--manifest-path "$root/$2/Cargo.toml" --target-dir "$root/target" --quiet)
    case $1 in
    check) "$cargo" check "${arguments[@]}" ;;
    debug) "$cargo" build "${arguments[@]}" ;;
    release) "$cargo" build --release "${arguments[@]}" ;;
    *) echo "unknown kind $1; available: check, debug, release" >&2 && exit 2 ;;
    esac
}

for form in with_macros by_hand; do generate "$form"; done
failed=0
for kind in "${kinds[@]}"; do
    for form in with_macros by_hand; do build "$kind" "$form"; done
    times=$(for ((round = 1; round <= rounds; round++)); do
        for form in with_macros by_hand; do
            # Changes the last factor of one function in each round.
            sed -i "s/unwrap_or_default() \* .*)/unwrap_or_default() * 1.0${round})/" "$root/$form/src/m07.rs"
            start=$(date +%s%N)
            build "$kind" "$form"
            printf '%d ' $((($(date +%s%N) - start) / 1000))
        done
        echo
    done)
    column() { echo "$times" | awk "{ print $1 }" | sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }
    ratio=$(column '$1 / $2')
    awk -v kind="$kind" -v macros="$(column '$1')" -v hand="$(column '$2')" -v ratio="$ratio" \
        'BEGIN { printf "%-8s with the macros %6.0f ms, by hand %6.0f ms: %.2f\n", kind, macros / 1000, hand / 1000, ratio }'
    awk -v ratio="$ratio" -v limit="$limit" 'BEGIN { exit !(ratio > limit) }' && failed=1
done
exit "$failed"
