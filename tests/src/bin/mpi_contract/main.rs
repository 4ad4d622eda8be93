//! A rank of `tests/it/distributed.rs`: `mpi_contract MODE`, started by `mpirun`. The mode `cost`
//! prints what exchanges cost: `mpirun -n 2 --bind-to none mpi_contract cost`.
#![forbid(unsafe_code)]

mod contract;

use std::{
    env, process, thread,
    time::{Duration, Instant},
};

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
        "cost" => cost(&*mpi)?,
        _ => return Err(Error::msg("unknown mode")),
    }
    Ok(())
}

/// Prints the median time of an exchange in microseconds, for each kind and length.
fn cost(ranks: &dyn Collective) -> Result<()> {
    let print = |name: &str, exchange: &mut dyn FnMut() -> Result<()>| {
        let mut times = Vec::new();
        for _ in 0..101 {
            ranks.barrier()?;
            let since = Instant::now();
            exchange()?;
            times.push(since.elapsed().as_secs_f64() * 1e6);
        }
        times.sort_by(f64::total_cmp);
        if ranks.rank() == 0 {
            println!("{name}: {:.1}", times[times.len() / 2]);
        }
        Ok::<_, Error>(())
    };
    let mut word = [1.0; 8];
    print("sum_f64 of 8", &mut || ranks.sum_f64(&mut word))?;
    for len in [1_000, 100_000, 1_000_000, 10_000_000] {
        let mut values = vec![1e-30_f32; len];
        print(&format!("sum_f32 of {len}"), &mut || ranks.sum_f32(&mut values))?;
        let mut values = Some(values);
        print(&format!("start_sum_f32 of {len}"), &mut || {
            values = Some(ranks.start_sum_f32(values.take().unwrap_or_default())?.wait()?);
            Ok(())
        })?;
    }
    Ok(())
}
