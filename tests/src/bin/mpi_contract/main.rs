//! A rank of `tests/it/distributed.rs`: `mpi_contract MODE`, started by `mpirun`.
#![forbid(unsafe_code)]

mod contract;

use std::{env, process, thread, time::Duration};

use lightning_core::{
    Error, Result,
    distributed::{Collective, Mpi},
};

fn main() -> Result<()> {
    let mpi = Mpi::world()?;
    let mode = env::args().nth(1).unwrap_or_default();
    let others_wait = || {
        // Longer than any test: the rank has to be ended.
        if mpi.rank() != 1 {
            let _ = mpi.sum_f32(&mut [1.0]);
            thread::sleep(Duration::from_secs(60));
        }
    };
    match mode.as_str() {
        "contract" => {
            contract::contract(&*mpi)?;
            let (rank, world, local, size) = (mpi.rank(), mpi.world_size(), mpi.local_rank(), mpi.local_size());
            println!("rank {rank} of {world}, {local} of {size} on this machine, {}", mpi.name());
        }
        "error" => {
            others_wait();
            return Err(Error::data("the data of rank 1 is broken"));
        }
        "panic" => {
            others_wait();
            panic!("rank 1 panics");
        }
        "exit" => {
            others_wait();
            process::exit(3);
        }
        "abort" => {
            others_wait();
            mpi.abort(7);
        }
        "all" => {
            // The first rank is slow, as if it wrote a file.
            thread::sleep(Duration::from_millis(if mpi.rank() == 0 { 300 } else { 0 }));
            return Err(Error::data(format!("rank {} knows the error of all", mpi.rank())));
        }
        "root" => {
            let error = mpi.broadcast(&mut vec![1], 99);
            println!("{}", error.map_or_else(|error| error.to_string(), |()| "no error".to_owned()));
        }
        _ => return Err(Error::msg("unknown mode")),
    }
    Ok(())
}
