//! The functions of an MPI library, opened at run time: no header and no compiler of MPI is needed.
//!
//! Everything that is unsafe about MPI is in this file. What it offers is safe: a [`Session`]
//! exists only while MPI is initialized, a [`Group`] knows its size, and a [`RunningSum`] owns the
//! memory that the library writes to.

use std::{
    ffi::{c_char, c_int, c_void},
    mem, ptr,
    sync::{Arc, OnceLock},
};

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

use super::abi::{Constants, Failure, Handle, MPICH, Number, STANDARD, SUPPORTED, count};

/// Room for any text that MPI returns, in bytes: the longest in use is 8,192.
const TEXT: usize = 8192;

macro_rules! functions {
    ($($field:ident = $name:ident($($argument:ty),*);)*) => {
        /// The functions of the library.
        #[derive(Debug)]
        struct Functions {
            $($field: unsafe extern "C" fn($($argument),*) -> c_int,)*
        }

        impl Functions {
            fn find(library: &Library) -> Result<Self, libloading::Error> {
                Ok(Self {
                    $($field: {
                        let name = concat!(stringify!($name), "\0").as_bytes();
                        // SAFETY: the MPI standard gives the function of this name these
                        // parameters, with `Handle` in the place of each handle.
                        *unsafe { library.get::<unsafe extern "C" fn($($argument),*) -> c_int>(name) }?
                    },)*
                })
            }
        }
    };
}

functions! {
    abort = MPI_Abort(Handle, c_int);
    all_gather = MPI_Allgather(*const c_void, c_int, Handle, *mut c_void, c_int, Handle, Handle);
    all_reduce = MPI_Allreduce(*const c_void, *mut c_void, c_int, Handle, Handle, Handle);
    all_to_all = MPI_Alltoall(*const c_void, c_int, Handle, *mut c_void, c_int, Handle, Handle);
    barrier = MPI_Barrier(Handle);
    broadcast = MPI_Bcast(*mut c_void, c_int, Handle, c_int, Handle);
    dup = MPI_Comm_dup(Handle, *mut Handle);
    rank = MPI_Comm_rank(Handle, *mut c_int);
    set_error_handler = MPI_Comm_set_errhandler(Handle, Handle);
    size = MPI_Comm_size(Handle, *mut c_int);
    split_type = MPI_Comm_split_type(Handle, c_int, c_int, Handle, *mut Handle);
    error_string = MPI_Error_string(c_int, *mut c_char, *mut c_int);
    finalize = MPI_Finalize();
    finalized = MPI_Finalized(*mut c_int);
    library_version = MPI_Get_library_version(*mut c_char, *mut c_int);
    start_all_reduce = MPI_Iallreduce(*const c_void, *mut c_void, c_int, Handle, Handle, Handle, *mut Handle);
    start_barrier = MPI_Ibarrier(Handle, *mut Handle);
    init_thread = MPI_Init_thread(*mut c_int, *mut c_void, c_int, *mut c_int);
    initialized = MPI_Initialized(*mut c_int);
    query_thread = MPI_Query_thread(*mut c_int);
    test = MPI_Test(*mut Handle, *mut c_int, *mut c_void);
}

/// A communicator.
#[derive(Debug)]
pub(super) struct Group {
    handle: Handle,
    /// The number of this process in the group.
    pub(super) rank: usize,
    /// The number of processes in the group.
    pub(super) size: usize,
}

impl Group {
    /// The length of the part of each rank.
    fn part(&self, operation: &'static str, len: usize) -> Result<c_int, Failure> {
        count(operation, len.checked_div(self.size).unwrap_or_default())
    }
}

/// An initialized MPI library. It stays open until the process ends.
#[derive(Debug)]
pub(super) struct Session {
    functions: Functions,
    constants: Constants,
    /// Whether several threads may call MPI at the same time.
    pub(super) multiple: bool,
    /// Whether this session initialized MPI, and has to finalize it.
    pub(super) ours: bool,
}

/// An opened MPI library that is not initialized yet.
#[derive(Debug)]
pub(super) struct Opened {
    functions: Functions,
    constants: Constants,
    library: Library,
}

impl Opened {
    /// Opens a library by its path or by a name that the loader looks for.
    pub(super) fn open(name: &str) -> Result<Self, String> {
        if !SUPPORTED {
            return Err("only 64-bit machines with the lowest byte first are supported".to_owned());
        }
        // SAFETY: the initializers of an MPI library have no preconditions. Its symbols are global
        // because Open MPI's plugins look for them there.
        let library =
            unsafe { Library::open(Some(name), RTLD_NOW | RTLD_GLOBAL) }.map_err(|error| error.to_string())?;
        let functions = Functions::find(&library).map_err(|error| error.to_string())?;
        let address = |symbol: &str| {
            let symbol = format!("{symbol}\0");
            // SAFETY: only the address of the symbol is taken, nothing is read from it.
            let found = unsafe { library.get::<*mut c_void>(symbol.as_bytes()) };
            found.map(|symbol| symbol.into_raw().addr()).map_err(|error| error.to_string())
        };
        let constants = if address("ompi_mpi_comm_world").is_ok() {
            Constants::of_open_mpi(address)?
        } else if name.contains("mpi_abi") {
            STANDARD
        } else {
            MPICH
        };
        Ok(Self { functions, constants, library })
    }

    /// Initializes MPI, unless the program has done so.
    pub(super) fn start(self) -> Result<Session, Failure> {
        let Self { functions, constants, library } = self;
        // The functions are called until the process ends.
        mem::forget(library);
        let Constants { serialized, multiple, .. } = constants;
        let mut session = Session { functions, constants, multiple: false, ours: false };
        let (mut initialized, mut provided) = (0, 0);
        // SAFETY: the function may be called at any time, and writes one `int`.
        session.check("MPI_Initialized", unsafe { (session.functions.initialized)(&mut initialized) })?;
        if initialized == 0 {
            let init = session.functions.init_thread;
            // SAFETY: MPI is not initialized, and null stands for the arguments of the program.
            let code = unsafe { init(ptr::null_mut(), ptr::null_mut(), multiple, &mut provided) };
            session.check("MPI_Init_thread", code)?;
            session.ours = true;
        } else {
            // SAFETY: MPI is initialized, and the function writes one `int`.
            session.check("MPI_Query_thread", unsafe { (session.functions.query_thread)(&mut provided) })?;
        }
        if provided < serialized {
            let text = "the library allows calls from one thread only, and a run makes them from several".to_owned();
            return Err(Failure { operation: "MPI_Init_thread", text });
        }
        session.multiple = provided >= multiple;
        Ok(session)
    }
}

impl Session {
    fn check(&self, operation: &'static str, code: c_int) -> Result<(), Failure> {
        if code == 0 {
            return Ok(());
        }
        let text = read_text(|text, len| {
            // SAFETY: `text` has room for the longest text, and `len` for its length.
            unsafe { (self.functions.error_string)(code, text, len) }
        });
        Err(Failure { operation, text: text.unwrap_or_else(|| format!("error {code}")) })
    }

    /// Returns what the library says about itself.
    pub(super) fn version(&self) -> String {
        let text = read_text(|text, len| {
            // SAFETY: `text` has room for the longest text, and `len` for its length.
            unsafe { (self.functions.library_version)(text, len) }
        });
        text.unwrap_or_default()
    }

    /// Returns a group of all processes that nobody else uses.
    pub(super) fn everybody(&self) -> Result<Group, Failure> {
        let mut handle = 0;
        // SAFETY: the group of all processes exists while MPI is initialized.
        self.check("MPI_Comm_dup", unsafe { (self.functions.dup)(self.constants.world, &mut handle) })?;
        self.group(handle)
    }

    /// Returns the group of the processes of this machine.
    pub(super) fn machine(&self) -> Result<Group, Failure> {
        let Constants { world, shared, info_null, .. } = self.constants;
        let mut handle = 0;
        // SAFETY: the group of all processes exists while MPI is initialized; the key 0 keeps
        // their order.
        let code = unsafe { (self.functions.split_type)(world, shared, 0, info_null, &mut handle) };
        self.check("MPI_Comm_split_type", code)?;
        self.group(handle)
    }

    fn group(&self, handle: Handle) -> Result<Group, Failure> {
        let (mut rank, mut size) = (0, 0);
        let handler = self.constants.errors_return;
        // SAFETY: the handle is a group that MPI has just made, and the handler is predefined.
        self.check("MPI_Comm_set_errhandler", unsafe { (self.functions.set_error_handler)(handle, handler) })?;
        // SAFETY: as above, and the function writes one `int`.
        self.check("MPI_Comm_rank", unsafe { (self.functions.rank)(handle, &mut rank) })?;
        // SAFETY: as above.
        self.check("MPI_Comm_size", unsafe { (self.functions.size)(handle, &mut size) })?;
        let [rank, size] = [rank, size].map(|number: c_int| usize::try_from(number).unwrap_or_default());
        Ok(Group { handle, rank, size })
    }

    pub(super) fn sum<T: Number>(&self, group: &Group, values: &mut [T]) -> Result<(), Failure> {
        let count = count("MPI_Allreduce", values.len())?;
        let (kind, sum, values) = (T::kind(&self.constants), self.constants.sum, values.as_mut_ptr().cast());
        // SAFETY: `values` has `count` numbers of this type, which are read and written.
        let code = unsafe { (self.functions.all_reduce)(self.in_place(), values, count, kind, sum, group.handle) };
        self.check("MPI_Allreduce", code)
    }

    /// Sends the parts of `from` to the ranks of the group; both slices have a part for each rank.
    pub(super) fn all_to_all<T: Number>(&self, group: &Group, from: &[T], to: &mut [T]) -> Result<(), Failure> {
        let part = group.part("MPI_Alltoall", from.len().min(to.len()))?;
        let (kind, from, to) = (T::kind(&self.constants), from.as_ptr().cast(), to.as_mut_ptr().cast());
        // SAFETY: both slices have at least `part` numbers of this type for each rank of the group.
        let code = unsafe { (self.functions.all_to_all)(from, part, kind, to, part, kind, group.handle) };
        self.check("MPI_Alltoall", code)
    }

    /// Receives the numbers of all ranks; `to` has room for those of each rank.
    pub(super) fn all_gather<T: Number>(&self, group: &Group, from: &[T], to: &mut [T]) -> Result<(), Failure> {
        let count = count("MPI_Allgather", from.len())?.min(group.part("MPI_Allgather", to.len())?);
        let (kind, from, to) = (T::kind(&self.constants), from.as_ptr().cast(), to.as_mut_ptr().cast());
        // SAFETY: `from` has at least `count` numbers of this type, and `to` as many for each rank.
        let code = unsafe { (self.functions.all_gather)(from, count, kind, to, count, kind, group.handle) };
        self.check("MPI_Allgather", code)
    }

    pub(super) fn broadcast<T: Number>(&self, group: &Group, values: &mut [T], root: usize) -> Result<(), Failure> {
        let (count, root) = (count("MPI_Bcast", values.len())?, count("MPI_Bcast", root)?);
        let (kind, values) = (T::kind(&self.constants), values.as_mut_ptr().cast());
        // SAFETY: `values` has `count` numbers of this type, which are read on `root` and written
        // elsewhere. A wrong `root` is an error of MPI.
        self.check("MPI_Bcast", unsafe { (self.functions.broadcast)(values, count, kind, root, group.handle) })
    }

    pub(super) fn barrier(&self, group: &Group) -> Result<(), Failure> {
        // SAFETY: the group exists while MPI is initialized.
        self.check("MPI_Barrier", unsafe { (self.functions.barrier)(group.handle) })
    }

    /// Starts a barrier that [`is_done`](Self::is_done) asks about.
    pub(super) fn start_barrier(&self, group: &Group) -> Result<Request, Failure> {
        let mut request = 0;
        // SAFETY: the group exists while MPI is initialized, and a barrier has no memory.
        self.check("MPI_Ibarrier", unsafe { (self.functions.start_barrier)(group.handle, &mut request) })?;
        Ok(Request(request))
    }

    /// Asks whether an exchange has ended, and moves it on.
    pub(super) fn is_done(&self, request: &mut Request) -> Result<bool, Failure> {
        let mut done = 0;
        let ignore = ptr::without_provenance_mut(self.constants.status_ignore);
        // SAFETY: the request is one that MPI has started; MPI sets an ended one to its null.
        self.check("MPI_Test", unsafe { (self.functions.test)(&mut request.0, &mut done, ignore) })?;
        Ok(done != 0)
    }

    /// Ends MPI. No exchange may follow.
    pub(super) fn finalize(&self) {
        if !self.is_finalized() {
            // SAFETY: MPI is initialized and not finalized.
            unsafe { (self.functions.finalize)() };
        }
    }

    /// Ends all ranks with this exit code.
    pub(super) fn abort(&self, code: c_int) -> ! {
        if !self.is_finalized() {
            // SAFETY: MPI is initialized and not finalized.
            unsafe { (self.functions.abort)(self.constants.world, code) };
        }
        // SAFETY: `_exit` ends the process and calls no handlers: one of them may have come here.
        unsafe { libc::_exit(code) }
    }

    fn is_finalized(&self) -> bool {
        let mut finalized = 0;
        // SAFETY: the function may be called at any time, and writes one `int`.
        let code = unsafe { (self.functions.finalized)(&mut finalized) };
        code != 0 || finalized != 0
    }

    fn in_place(&self) -> *const c_void {
        ptr::without_provenance(self.constants.in_place)
    }
}

/// An exchange that was started.
#[derive(Debug)]
pub(super) struct Request(Handle);

/// A sum that MPI works on, with the memory that it writes to.
#[derive(Debug)]
pub(super) struct RunningSum {
    session: Arc<Session>,
    /// The heap block of a vector stays where it is when the vector moves. Nobody reads or writes
    /// it before all requests have ended.
    values: Vec<f32>,
    /// Those that have not ended, the first one last.
    requests: Vec<Request>,
}

impl RunningSum {
    /// Starts the sum of `values`, in chunks of `chunk` numbers.
    pub(super) fn start(
        session: &Arc<Session>,
        group: &Group,
        values: Vec<f32>,
        chunk: usize,
    ) -> Result<Self, Failure> {
        let mut running = Self { session: Arc::clone(session), values, requests: Vec::new() };
        let (kind, sum, start) = (session.constants.float, session.constants.sum, session.functions.start_all_reduce);
        for values in running.values.chunks_mut(chunk.max(1)) {
            let (count, mut request) = (count("MPI_Iallreduce", values.len())?, 0);
            let values = values.as_mut_ptr().cast();
            // SAFETY: `values` has `count` numbers of the type `float`, which MPI reads and writes
            // until the request has ended; the memory is kept until then.
            let code = unsafe { start(session.in_place(), values, count, kind, sum, group.handle, &mut request) };
            session.check("MPI_Iallreduce", code)?;
            running.requests.push(Request(request));
        }
        running.requests.reverse();
        Ok(running)
    }

    /// Moves the sum on, and returns the values once all of them are summed.
    pub(super) fn advance(&mut self) -> Result<Option<Vec<f32>>, Failure> {
        while let Some(request) = self.requests.last_mut() {
            if !self.session.is_done(request)? {
                return Ok(None);
            }
            self.requests.pop();
        }
        Ok(Some(mem::take(&mut self.values)))
    }
}

impl Drop for RunningSum {
    fn drop(&mut self) {
        if !self.requests.is_empty() {
            // MPI may still write to it.
            mem::forget(mem::take(&mut self.values));
        }
    }
}

/// Calls `ended` with the exit status when the process exits. Only the first call has an effect.
///
/// Where the C library does not tell the status, it is 0.
pub(super) fn at_exit(ended: fn(c_int)) {
    static ENDED: OnceLock<fn(c_int)> = OnceLock::new();
    if ENDED.set(ended).is_err() {
        return;
    }
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            fn on_exit(function: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
        }
        extern "C" fn call(status: c_int, _: *mut c_void) {
            ENDED.get().inspect(|ended| ended(status));
        }
        // SAFETY: glibc calls the function once, with the status and the argument.
        unsafe { on_exit(call, ptr::null_mut()) };
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    {
        extern "C" fn call() {
            ENDED.get().inspect(|ended| ended(0));
        }
        // SAFETY: the C library calls the function once, without arguments.
        unsafe { libc::atexit(call) };
    }
}

fn read_text(write: impl FnOnce(*mut c_char, *mut c_int) -> c_int) -> Option<String> {
    let (mut bytes, mut len) = (vec![0_u8; TEXT], 0);
    let code = write(bytes.as_mut_ptr().cast(), &mut len);
    let text = bytes.get(..usize::try_from(len).ok()?)?;
    (code == 0).then(|| String::from_utf8_lossy(text).trim_end_matches('\0').trim().to_owned())
}
