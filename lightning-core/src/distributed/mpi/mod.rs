//! Ranks that are connected by MPI.
//!
//! The library is opened at run time, so that one program works with Open MPI, MPICH, Intel MPI and
//! any library of the standard ABI, and is built without any of them.

mod abi;
mod background;
#[expect(unsafe_code, reason = "the functions of an MPI library are C functions, which take pointers to memory")]
mod ffi;
mod library;
mod split;

use std::{
    fmt,
    io::{Write as _, stderr},
    process,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant},
};

use self::{
    abi::Failure,
    background::Background,
    ffi::{Group, Session},
};
use super::{Collective, Pending, lengths, pending::Ready};
use crate::error::{Error, Result};

/// The number of values that are summed in one call: libraries are fastest with 4 MB.
const CHUNK: usize = 1 << 20;

/// The largest number of values or bytes for each rank in one call.
const LARGEST: usize = 1 << 28;

/// The largest number of bytes of a rank in one call that gathers different lengths.
const GATHERED: usize = 1 << 24;

/// How long a rank that ends with an error waits for the others to end as well, before it ends
/// them. If all return the same error, each of them can print it and write its files.
const GRACE: Duration = Duration::from_secs(1);

/// The processes of an MPI launcher, such as `mpirun -n 4`.
///
/// The MPI library is opened at run time: that of the launcher, or the one that the environment
/// variable `LIGHTNING_MPI_LIBRARY` names. When a rank ends with an exit code other than 0, by an
/// error, a panic or [`std::process::exit`], all ranks end with this code.
///
/// ```no_run
/// use lightning_core::distributed::{Collective as _, Mpi};
///
/// # fn main() -> lightning_core::Result<()> {
/// let mpi = Mpi::world()?;
/// let mut values = [1.0_f32, 2.0];
/// mpi.sum_f32(&mut values)?;
/// println!("rank {} of {}: {values:?}", mpi.rank(), mpi.world_size());
/// # Ok(())
/// # }
/// ```
pub struct Mpi {
    session: Arc<Session>,
    name: String,
    library: String,
    world: Group,
    local: Group,
    /// The group in which ranks that end with an error wait for each other.
    ending: Group,
    /// `None` if the library may be called by one thread at a time only.
    background: Option<Background>,
    /// The process that initialized MPI: its children by `fork` do not end it.
    process: u32,
}

static WORLD: OnceLock<Arc<Mpi>> = OnceLock::new();

impl Mpi {
    /// Returns the ranks of this launch. The first call opens the library and initializes MPI; when
    /// the process exits, MPI is finalized.
    ///
    /// A process that no MPI launcher has started is the only rank of a world of its own.
    ///
    /// # Errors
    /// If no library can be opened, or if it cannot be initialized.
    pub fn world() -> Result<Arc<Self>> {
        static STARTING: Mutex<()> = Mutex::new(());
        let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mpi) = WORLD.get() {
            return Ok(Arc::clone(mpi));
        }
        let (opened, library) = library::open()?;
        let session = opened.start().map_err(|failure| {
            let Failure { operation, text } = failure;
            Error::config(format!("`{operation}` of `{library}` failed: {text}"))
                .help("start the program by the launcher of this library, such as `mpirun -n 2 ./train`")
        })?;
        let mpi = Arc::new(Self::of(session, library)?);
        ffi::at_exit(ended);
        Ok(Arc::clone(WORLD.get_or_init(|| mpi)))
    }

    fn of(session: Session, library: String) -> Result<Self> {
        let failed = |failure: Failure| failure.into_error(0);
        let world = session.everybody().map_err(failed)?;
        let local = session.machine().map_err(failed)?;
        let ending = session.everybody().map_err(failed)?;
        let sums = session.everybody().map_err(failed)?;
        let (name, session) = (name(&session.version()), Arc::new(session));
        let background = if session.multiple { Some(Background::start(Arc::clone(&session), sums)?) } else { None };
        Ok(Self { session, name, library, world, local, ending, background, process: process::id() })
    }

    /// Returns the path or name by which the library was opened, such as `libmpi.so.40`.
    pub fn library(&self) -> &str {
        &self.library
    }

    fn check<T>(&self, result: Result<T, Failure>) -> Result<T> {
        result.map_err(|failure| failure.into_error(self.world.rank))
    }
}

impl Collective for Mpi {
    fn name(&self) -> &str {
        &self.name
    }

    fn rank(&self) -> usize {
        self.world.rank
    }

    fn world_size(&self) -> usize {
        self.world.size
    }

    fn local_rank(&self) -> usize {
        self.local.rank
    }

    fn local_size(&self) -> usize {
        self.local.size
    }

    fn sum_f32(&self, values: &mut [f32]) -> Result<()> {
        values.chunks_mut(CHUNK).try_for_each(|values| self.check(self.session.sum(&self.world, values)))
    }

    fn sum_f64(&self, values: &mut [f64]) -> Result<()> {
        values.chunks_mut(CHUNK).try_for_each(|values| self.check(self.session.sum(&self.world, values)))
    }

    fn all_to_all_f32(&self, from: &[f32], to: &mut [f32]) -> Result<()> {
        lengths::check_all_to_all(from.len(), to.len(), self.world.size)?;
        let exchange = |from: &[f32], to: &mut [f32]| self.check(self.session.all_to_all(&self.world, from, to));
        split::all_to_all(from, to, self.world.size, LARGEST, exchange)
    }

    fn all_gather_f32(&self, from: &[f32], to: &mut [f32]) -> Result<()> {
        lengths::check_all_gather(from.len(), to.len(), self.world.size)?;
        let exchange = |from: &[f32], to: &mut [f32]| self.check(self.session.all_gather(&self.world, from, to));
        split::all_gather(from, to, self.world.size, LARGEST, exchange)
    }

    fn all_gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        let exchange = |from: &[u8], to: &mut [u8]| self.check(self.session.all_gather(&self.world, from, to));
        let mut lens = vec![0; self.world.size * size_of::<u64>()];
        exchange(&(bytes.len() as u64).to_le_bytes(), &mut lens)?;
        let lens: Vec<usize> = lens.as_chunks().0.iter().map(|len| u64::from_le_bytes(*len) as usize).collect();
        split::all_gather_bytes(bytes, &lens, GATHERED, exchange)
    }

    fn broadcast(&self, bytes: &mut Vec<u8>, root: usize) -> Result<()> {
        let exchange = |bytes: &mut [u8]| self.check(self.session.broadcast(&self.world, bytes, root));
        let mut len = (bytes.len() as u64).to_le_bytes();
        exchange(&mut len)?;
        bytes.resize(u64::from_le_bytes(len) as usize, 0);
        bytes.chunks_mut(LARGEST).try_for_each(exchange)
    }

    fn barrier(&self) -> Result<()> {
        self.check(self.session.barrier(&self.world))
    }

    fn start_sum_f32(&self, mut values: Vec<f32>) -> Result<Box<dyn Pending>> {
        if let Some(background) = &self.background {
            return background.sum(values);
        }
        self.sum_f32(&mut values)?;
        Ok(Box::new(Ready(values)))
    }

    fn abort(&self, code: i32) -> ! {
        self.session.abort(code)
    }
}

impl fmt::Debug for Mpi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, library, world, .. } = self;
        write!(f, "rank {} of {} of {name} (`{library}`)", world.rank, world.size)
    }
}

/// Shortens what a library says about itself to its name and version: `Open MPI v4.1.4`.
fn name(version: &str) -> String {
    let line = version.lines().next().unwrap_or_default();
    let line = line.split(',').next().unwrap_or_default();
    line.split_whitespace().filter(|word| *word != "Version:").collect::<Vec<_>>().join(" ")
}

/// Ends MPI with the process: with the exit code 0 it is finalized, with any other all ranks end
/// with this code, because they would wait for this one for ever.
fn ended(status: i32) {
    let Some(mpi) = WORLD.get().filter(|mpi| mpi.process == process::id()) else { return };
    if status == 0 || all_end(mpi) {
        if mpi.session.ours {
            mpi.session.finalize();
        }
        return;
    }
    let rank = mpi.world.rank;
    // Nobody can be told that standard error is closed.
    let _ = writeln!(stderr(), "rank {rank} ends with the exit code {status}, and all other ranks with it");
    mpi.session.abort(status)
}

/// Whether all ranks end with an error within [`GRACE`].
fn all_end(mpi: &Mpi) -> bool {
    let Ok(mut request) = mpi.session.start_barrier(&mpi.ending) else { return false };
    let since = Instant::now();
    loop {
        match mpi.session.is_done(&mut request) {
            Ok(true) => return true,
            Ok(false) if since.elapsed() < GRACE => thread::sleep(Duration::from_millis(1)),
            Ok(false) | Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_library_is_short() {
        let open_mpi = "Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4, repo rev: v4.1.4, May 26, 2022";
        assert_eq!(name(open_mpi), "Open MPI v4.1.4");
        assert_eq!(name("MPICH Version:      4.0.2\nMPICH Release date: Thu Apr  7 2022"), "MPICH 4.0.2");
        assert_eq!(name("Intel(R) MPI Library 2021.19 for Linux* OS\n"), "Intel(R) MPI Library 2021.19 for Linux* OS");
        assert_eq!(name(""), "");
    }
}
