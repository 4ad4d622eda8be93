//! A run of any length needs as much memory as a short one; the program `memory` looks at longer
//! ones.

use std::{fs, process::Command};

use crate::tiny::{growth_of_fits, growth_of_steps};

#[test]
fn steps_do_not_grow() {
    alone("memory::steps_do_not_grow", || {
        // The allocator's own pages come and go, whatever the number of steps: a MiB of small ones,
        // and huge ones of 2 MiB. 4 MiB are 72 bytes a step.
        let grown = growth_of_steps(60_000, 2_000).unwrap();
        assert!(grown < 4.0, "{grown} MiB");
    });
}

#[test]
fn fits_do_not_grow() {
    alone("memory::fits_do_not_grow", || {
        let grown = growth_of_fits(40, 15).unwrap();
        assert!(grown < 1.0, "{grown} MiB");
    });
}

/// The live bytes of a run that is recorded in every way; `watch_memory` without arguments looks at
/// a million steps.
#[test]
fn recording_a_run_does_not_grow() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_watch_memory"));
    let output = program.args(["--steps", "20000", "--mark", "5000", "--every", "100"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let live = |step: &str| -> f64 {
        let marks = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        marks.filter(|mark| mark[0] == step).map(|mark| mark[1].parse().unwrap()).next().unwrap()
    };
    let grown = (live("20000") - live("5000")) / 1024.0;
    assert!(grown < 256.0, "{grown:.0} KiB in 15,000 steps:\n{text}");
}

#[test]
fn the_heap_is_marked_for_huge_pages() {
    let mode = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    let told = fs::read_to_string("/proc/self/smaps").is_ok_and(|mappings| mappings.contains("VmFlags:"));
    if !mode.contains("[madvise]") || !cfg!(target_env = "gnu") || !told {
        eprintln!("SKIPPED the_heap_is_marked…: huge pages are not for those who ask here (`{}`)", mode.trim());
        return;
    }
    let marked = |settings: Option<&str>| -> u64 {
        let mut program = Command::new(env!("CARGO_BIN_EXE_huge_pages"));
        program.env_remove("GLIBC_TUNABLES").envs(settings.map(|value| ("MALLOC_TOP_PAD_", value)));
        String::from_utf8(program.output().unwrap().stdout).unwrap().trim().parse().unwrap()
    };
    // 1 GiB, and what is left of the block that the heap is enlarged for.
    let default = marked(None);
    assert!((1000..1050).contains(&default), "{default} MiB");
    assert_eq!(marked(Some("131072")), 0, "the environment's settings are left as they are");
}

/// Runs a test in a process of its own: what a process holds is also what the tests beside it hold.
fn alone(test: &str, body: impl FnOnce()) {
    const ALONE: &str = "LIGHTNING_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return body();
    }
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args([test, "--exact"]).env(ALONE, "1").output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}
