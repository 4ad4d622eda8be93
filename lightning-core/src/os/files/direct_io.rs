//! Writes that bypass the page cache.
//!
//! A cached write copies the data into new pages of the kernel, which takes a core at least 0.1 s
//! per 100 MB. Training on all cores would have to wait for that. With `O_DIRECT` the data is
//! written from the program's own memory.

use std::{
    fs::File,
    io::{self, Seek as _, SeekFrom, Write},
    path::Path,
};

/// The alignment of offsets, lengths and addresses of direct writes, in bytes: at least the logical
/// block size of common disks.
const BLOCK: usize = 4096;
/// The size of the buffer, in bytes.
const BUFFER: usize = 1 << 20;

/// Collects bytes in whole blocks of aligned memory and writes them directly, or through the page
/// cache if the file system rejects direct writes. [`DirectWriter::finish`] writes the last bytes;
/// `flush` does nothing.
#[derive(Debug)]
pub(crate) struct DirectWriter<'a> {
    file: &'a mut File,
    /// The same file, opened for direct writes.
    direct: Option<File>,
    memory: Vec<u8>,
    /// The aligned start of the buffer in `memory`.
    start: usize,
    /// The number of bytes in the buffer.
    filled: usize,
    /// The number of bytes in the file.
    written: u64,
}

impl<'a> DirectWriter<'a> {
    /// Writes to an empty file, which is at `path`.
    pub(super) fn new(file: &'a mut File, path: &Path) -> Self {
        let memory = vec![0; BUFFER + BLOCK];
        let start = memory.as_ptr().align_offset(BLOCK);
        // `align_offset` may fail. The kernel then rejects the direct writes.
        let start = if start <= BLOCK { start } else { 0 };
        Self { file, direct: open_direct(path), memory, start, filled: 0, written: 0 }
    }

    /// Writes the remaining bytes.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn finish(mut self) -> io::Result<()> {
        // A direct write must have whole blocks.
        if !self.filled.is_multiple_of(BLOCK) {
            self.direct = None;
        }
        self.write_buffer()
    }

    fn write_buffer(&mut self) -> io::Result<()> {
        let Self { file, direct, memory, start, filled, written } = self;
        let bytes = memory.get(*start..*start + *filled).unwrap_or_default();
        let result = direct.as_mut().map(|direct| direct.write_all(bytes));
        match result {
            // `EINVAL`: the file system does not support this direct write.
            Some(Err(error)) if error.kind() == io::ErrorKind::InvalidInput => *direct = None,
            Some(result) => result?,
            None => {}
        }
        if direct.is_none() {
            file.seek(SeekFrom::Start(*written))?;
            file.write_all(bytes)?;
        }
        *written += *filled as u64;
        *filled = 0;
        Ok(())
    }
}

impl Write for DirectWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.filled == BUFFER {
            self.write_buffer()?;
        }
        let (from, to) = (self.start + self.filled, self.start + BUFFER);
        let taken = self.memory.get_mut(from..to).unwrap_or_default().write(bytes)?;
        self.filled += taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(target_os = "linux")]
fn open_direct(path: &Path) -> Option<File> {
    use std::os::unix::fs::OpenOptionsExt as _;

    std::fs::OpenOptions::new().write(true).custom_flags(libc::O_DIRECT).open(path).ok()
}

#[cfg(not(target_os = "linux"))]
fn open_direct(_path: &Path) -> Option<File> {
    None
}

#[cfg(test)]
mod tests;
