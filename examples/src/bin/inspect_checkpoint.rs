//! Prints the contents of checkpoints.
//!
//! ```sh
//! cargo run --bin inspect_checkpoint -- lightning_logs/version_0/checkpoints/last.ckpt
//! ```

use std::env;

fn main() -> lightning_core::Result<()> {
    let paths: Vec<_> = env::args_os().skip(1).collect();
    if paths.is_empty() {
        return Err("needs one or more checkpoint files, found none".into());
    }
    for path in paths {
        print!("{}", lightning_core::checkpoint::inspect(path)?);
    }
    Ok(())
}
