//! What ranks tell each other while they connect: a rank that fails must not leave the others
//! waiting in NCCL.

use std::borrow::Borrow;

use crate::{
    distributed::Collective,
    error::{Error, Result},
};

/// The first byte of a message: what follows are bytes, or the text of an error.
const GOOD: u8 = 0;
const FAILED: u8 = 1;

/// Returns what all ranks have, in rank order.
///
/// # Errors
/// If one of them has failed, or was lost.
pub(super) fn of_all<E: Borrow<Error>>(control: &dyn Collective, own: Result<Vec<u8>, E>) -> Result<Vec<Vec<u8>>> {
    let message = match &own {
        Ok(bytes) => [&[GOOD], bytes.as_slice()].concat(),
        Err(error) => [&[FAILED], text(error.borrow()).as_bytes()].concat(),
    };
    let mut all = control.all_gather(&message)?;
    for (rank, message) in all.iter_mut().enumerate() {
        if message.first() != Some(&GOOD) {
            return Err(failed(rank, &String::from_utf8_lossy(message.get(1..).unwrap_or_default())));
        }
        message.remove(0);
    }
    Ok(all)
}

/// The message and the remedy of an error, which [`failed`] takes apart again.
fn text(error: &Error) -> String {
    format!("{}\n{}", error.message(), error.remedy().unwrap_or_default())
}

fn failed(rank: usize, text: &str) -> Error {
    let (message, remedy) = text.split_once('\n').unwrap_or((text, ""));
    let error = Error::config(format!("`nccl(true)` on rank {rank}: {message}"));
    if remedy.is_empty() { error } else { error.help(remedy) }
}

/// Returns the first two ranks that have the same GPU.
pub(super) fn same_gpu(identities: &[Vec<u8>]) -> Option<[usize; 2]> {
    identities.iter().enumerate().find_map(|(rank, identity)| {
        let first = identities.iter().position(|other| other == identity)?;
        (first < rank).then_some([first, rank])
    })
}

/// The error of two ranks that have the same GPU.
pub(super) fn shared_gpu([first, second]: [usize; 2]) -> Error {
    Error::config(format!(
        "`nccl(true)` needs a GPU of its own for each rank, and ranks {first} and {second} have the same one"
    ))
    .help(
        "write `.accelerator(\"cuda\")` and `.devices(n)`, so that each rank takes the device with its number on the \
         machine, and start no more ranks than the machine has GPUs",
    )
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::distributed::Threads;

    fn on_each<R: Send>(world: usize, of: impl Fn(Threads) -> R + Sync) -> Vec<R> {
        thread::scope(|scope| {
            let of = &of;
            let ranks: Vec<_> = Threads::new(world).into_iter().map(|rank| scope.spawn(move || of(rank))).collect();
            ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
        })
    }

    #[test]
    fn every_rank_has_the_bytes_of_all() {
        for all in on_each(3, |rank| of_all::<Error>(&rank, Ok(vec![rank.rank() as u8; rank.rank()]))) {
            assert_eq!(all.unwrap(), [vec![], vec![1], vec![2, 2]]);
        }
    }

    #[test]
    fn every_rank_has_the_error_of_the_first_that_fails() {
        let results = on_each(3, |rank| match rank.rank() {
            0 => of_all::<Error>(&rank, Ok(vec![7])),
            1 => of_all(&rank, Err(Error::config("the library is missing").help("install it"))),
            _ => of_all(&rank, Err(Error::config("no device"))),
        });
        for result in results {
            assert_eq!(
                result.unwrap_err().to_string(),
                "`nccl(true)` on rank 1: the library is missing; help: install it"
            );
        }
    }

    #[test]
    fn ranks_with_the_same_gpu_are_found() {
        let gpus = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect::<Vec<_>>();
        assert_eq!(same_gpu(&gpus(&["a", "b", "c"])), None);
        assert_eq!(same_gpu(&gpus(&["a", "b", "c", "b", "a"])), Some([1, 3]));
        assert!(shared_gpu([1, 3]).message().ends_with("ranks 1 and 3 have the same one"));
    }
}
