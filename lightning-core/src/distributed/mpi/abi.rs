//! The constants of `mpi.h` in each family of libraries, and what else the calls share.

use std::ffi::c_int;

use crate::error::{Error, ErrorKind};

/// A handle of any family: a pointer in Open MPI and the standard ABI, an `int` in MPICH.
///
/// It is passed by value as a word. An `int` is the lower half of a register or of a stack slot,
/// and the lower half of a word in memory, on 64-bit machines with the lowest byte first.
pub(super) type Handle = usize;

/// Whether a [`Handle`] is passed on this machine as said there.
pub(super) const SUPPORTED: bool = cfg!(all(target_pointer_width = "64", target_endian = "little"));

/// The constants that a program otherwise takes from `mpi.h`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Constants {
    pub(super) world: Handle,
    pub(super) float: Handle,
    pub(super) double: Handle,
    pub(super) byte: Handle,
    pub(super) sum: Handle,
    pub(super) errors_return: Handle,
    pub(super) info_null: Handle,
    /// `MPI_COMM_TYPE_SHARED`.
    pub(super) shared: c_int,
    /// `MPI_THREAD_SERIALIZED`.
    pub(super) serialized: c_int,
    /// `MPI_THREAD_MULTIPLE`.
    pub(super) multiple: c_int,
    /// `MPI_IN_PLACE`.
    pub(super) in_place: usize,
    /// `MPI_STATUS_IGNORE`.
    pub(super) status_ignore: usize,
}

/// MPICH's ABI, which Intel MPI, MVAPICH and Cray MPICH share (<https://www.mpich.org/abi/>).
pub(super) const MPICH: Constants = Constants {
    world: 0x4400_0000,
    float: 0x4c00_040a,
    double: 0x4c00_080b,
    byte: 0x4c00_010d,
    sum: 0x5800_0003,
    errors_return: 0x5400_0001,
    info_null: 0x1c00_0000,
    shared: 1,
    serialized: 2,
    multiple: 3,
    in_place: usize::MAX,
    status_ignore: 1,
};

/// The ABI of the standard MPI-5.0 (its annex A).
pub(super) const STANDARD: Constants = Constants {
    world: 0x101,
    float: 0x210,
    double: 0x214,
    byte: 0x247,
    sum: 0x21,
    errors_return: 0x143,
    info_null: 0x130,
    shared: 221,
    serialized: 2048,
    multiple: 4096,
    in_place: 1,
    status_ignore: 0,
};

impl Constants {
    /// Those of Open MPI 4 and 5, whose handles are the addresses of variables.
    pub(super) fn of_open_mpi(address: impl Fn(&str) -> Result<Handle, String>) -> Result<Self, String> {
        Ok(Self {
            world: address("ompi_mpi_comm_world")?,
            float: address("ompi_mpi_float")?,
            double: address("ompi_mpi_double")?,
            byte: address("ompi_mpi_byte")?,
            sum: address("ompi_mpi_op_sum")?,
            errors_return: address("ompi_mpi_errors_return")?,
            info_null: address("ompi_mpi_info_null")?,
            shared: 0,
            serialized: 2,
            multiple: 3,
            in_place: 1,
            status_ignore: 0,
        })
    }
}

/// What MPI answered in place of doing what was asked.
#[derive(Debug)]
pub(super) struct Failure {
    /// The function that failed.
    pub(super) operation: &'static str,
    /// The text of the library.
    pub(super) text: String,
}

impl Failure {
    /// Returns the error of a rank.
    pub(super) fn into_error(self, rank: usize) -> Error {
        let Self { operation, text } = self;
        // MPICH adds a stack of calls on lines of their own.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Error::new(ErrorKind::Other, format!("`{operation}` failed on rank {rank}: {text}"))
            .help("look for the first error in the output of all ranks: the others follow from it")
    }
}

/// Numbers that MPI knows.
pub(super) trait Number {
    /// The handle of the type, which must have the size and form of `Self`.
    fn kind(constants: &Constants) -> Handle;
}

impl Number for f32 {
    fn kind(constants: &Constants) -> Handle {
        constants.float
    }
}

impl Number for f64 {
    fn kind(constants: &Constants) -> Handle {
        constants.double
    }
}

impl Number for u8 {
    fn kind(constants: &Constants) -> Handle {
        constants.byte
    }
}

/// A length as MPI takes it.
pub(super) fn count(operation: &'static str, len: usize) -> Result<c_int, Failure> {
    let text = || "more than 2,147,483,647 values in one call".to_owned();
    c_int::try_from(len).map_err(|_| Failure { operation, text: text() })
}
