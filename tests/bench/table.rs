//! Ratios of programs that run in turn, round by round.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs,
    path::Path,
};

use super::measure::{Run, quantile};

/// The target ratios: workload, program, and the smallest speedup. There is no target for PyTorch
/// on the CPU with the last two workloads.
const TARGETS: [(&str, &str, f64); 6] = [
    ("mlp", "user-hand", 2.2),
    ("mlp", "burn-train", 2.2),
    ("mlp", "lightning", 5.0),
    ("wide", "user-hand", 1.7),
    ("cnn", "user-hand", 1.4),
    ("transformer", "user-hand", 1.15),
];

/// Prints the table of a file with one [`Run`] per line.
///
/// # Errors
/// If the file cannot be read.
pub fn print(file: &Path, ours: &str) -> Result<(), Box<dyn Error>> {
    let mut runs: BTreeMap<String, BTreeMap<String, Vec<Run>>> = BTreeMap::new();
    for line in fs::read_to_string(file)?.lines() {
        let run: Run = serde_json::from_str(line)?;
        runs.entry(run.workload.clone()).or_default().entry(run.program.clone()).or_default().push(run);
    }
    println!(
        "| workload | program | ms a step | with epoch's end | peak MiB | steady MiB | {ours} is faster by | from round to round | aim |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (workload, programs) in &runs {
        let Some(own) = programs.get(ours) else { continue };
        for (program, runs) in programs {
            let median = |number: fn(&Run) -> f64| quantile(&mut runs.iter().map(number).collect::<Vec<_>>(), 0.5);
            let pairs = own.iter().zip(runs);
            let mut ratios: Vec<f64> = pairs.map(|(own, other)| other.step_ms / own.step_ms).collect();
            let (ratio, low, high) =
                (quantile(&mut ratios, 0.5), quantile(&mut ratios, 0.0), quantile(&mut ratios, 1.0));
            let aim = TARGETS.iter().find(|(of, against, _)| of == workload && against == program);
            println!(
                "| {workload} | {program} | {:.3} | {:.3} | {:.0} | {:.0} | {ratio:.2} | {low:.2} to {high:.2} | {} |",
                median(|run| run.step_ms),
                median(|run| run.epoch_ms),
                median(|run| run.peak_mib),
                median(|run| run.steady_mib),
                aim.map_or(String::new(), |(_, _, aim)| aim.to_string()),
            );
        }
    }
    println!("\nMachine: {}.", machine());
    let with: BTreeSet<String> = runs
        .values()
        .flat_map(|programs| programs.iter())
        .flat_map(|(program, runs)| runs.iter().map(move |run| format!("{program}: {}", run.with)))
        .collect();
    for line in with {
        println!("{line}.");
    }
    Ok(())
}

/// Returns the number of cores, the processor, and whether it has AVX-512.
fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| text.lines().find(|line| line.starts_with(name)).and_then(|line| line.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let avx512 = field("flags").is_some_and(|flags| flags.split(' ').any(|flag| flag == "avx512f"));
    let (with, name) = (if avx512 { "with" } else { "without" }, field("model name").unwrap_or("unknown processor"));
    format!("{cores} cores, {name}, {with} AVX-512")
}
