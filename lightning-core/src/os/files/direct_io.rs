//! Writing past the page cache.
//!
//! A write through the cache is a copy into fresh pages of the kernel's: 0.1 s of a core and more for 100 MB, which a training on all cores
//! would have to give up. A file opened with `O_DIRECT` is written from the program's own memory.

use std::{
    fs::File,
    io::{self, Seek as _, SeekFrom, Write},
    path::Path,
};

/// What offsets, lengths and addresses of direct writes are multiples of: no less than the blocks of any disk in use.
const BLOCK: usize = 4096;
const BUFFER: usize = 1 << 20;

/// Gathers bytes into whole blocks in aligned memory and writes them past the cache, as long as the file system takes them like that,
/// and through it otherwise. The last bytes are written by [`PastCache::finish`]; `flush` does nothing.
#[derive(Debug)]
pub(crate) struct PastCache<'a> {
    file: &'a mut File,
    /// The same file, opened for direct writes.
    direct: Option<File>,
    memory: Vec<u8>,
    /// Where in the memory the blocks start.
    start: usize,
    filled: usize,
    /// Bytes that are in the file.
    written: u64,
}

impl<'a> PastCache<'a> {
    /// Writes an empty file, which is at `path`.
    pub(super) fn new(file: &'a mut File, path: &Path) -> Self {
        let memory = vec![0; BUFFER + BLOCK];
        let start = memory.as_ptr().align_offset(BLOCK);
        // Memory that cannot be aligned is not: the whole buffer is used, and direct writes are refused.
        let start = if start <= BLOCK { start } else { 0 };
        Self { file, direct: open_direct(path), memory, start, filled: 0, written: 0 }
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if !self.filled.is_multiple_of(BLOCK) {
            self.direct = None;
        }
        self.pour()
    }

    fn pour(&mut self) -> io::Result<()> {
        let Self { file, direct, memory, start, filled, written } = self;
        let bytes = memory.get(*start..*start + *filled).unwrap_or_default();
        let poured = direct.as_mut().map(|direct| direct.write_all(bytes));
        match poured {
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

impl Write for PastCache<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.filled == BUFFER {
            self.pour()?;
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
