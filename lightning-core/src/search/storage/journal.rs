//! Records in a file, one a line.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use super::{Storage, lock::Lock};
use crate::{
    error::{Error, Result},
    search::number,
};

/// The number of seconds after which a lock whose journal does not change was left by a killed
/// process. Optuna has the same.
const GRACE: Duration = Duration::from_secs(30);

/// Keeps the trials in a file that any number of processes share, on one machine or on several with
/// a common file system.
///
/// The file has the format of Optuna's `JournalStorage`: Optuna continues a study that was begun
/// here and the other way round, and `optuna-dashboard study.log` shows it while it runs. A process
/// locks the file by the link `study.log.lock` while it writes. A line that a killed process has
/// not finished is removed by the next one that writes.
///
/// ```
/// use lightning_core::search::Journal;
///
/// let journal = Journal::new("study.log");
/// ```
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    grace: Duration,
    /// The records read so far, and where the next one starts.
    count: usize,
    offset: u64,
}

impl Journal {
    /// Takes a file, which is created when the first study is stored in it.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_path_buf(), grace: GRACE, count: 0, offset: 0 }
    }

    /// Sets after what time without a change of the file its lock is taken away from a process that
    /// is supposed to be killed. Default 30 seconds, as Optuna's.
    #[must_use]
    pub fn grace_period(mut self, time: Duration) -> Self {
        self.grace = time;
        self
    }

    fn open(&self) -> Result<File> {
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, error))?;
        }
        let options = OpenOptions::new().read(true).append(true).create(true).open(&self.path);
        options.map_err(|error| Error::io("open the journal", &self.path, error))
    }

    /// Reads the whole lines from the `from`-th record on.
    fn records(&mut self, file: &mut File, from: usize) -> Result<Vec<Value>> {
        if from < self.count {
            (self.count, self.offset) = (0, 0);
        }
        let unreadable = |error| Error::io("read the journal", &self.path, error);
        let length = file.metadata().map_err(unreadable)?.len();
        if length < self.offset {
            return Err(Error::data(format!(
                "the journal `{}` has become shorter while it was used",
                self.path.display()
            ))
            .help("do not change the file; start a new study if it was replaced"));
        }
        file.seek(SeekFrom::Start(self.offset)).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(length - self.offset).read_to_end(&mut bytes).map_err(unreadable)?;
        let mut records = Vec::new();
        let mut fault = None;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if let Some(error) = fault.take() {
                return Err(self.damaged(error));
            }
            if line.last() != Some(&b'\n') {
                break;
            }
            match parsed(line) {
                Ok(record) => {
                    self.count += 1;
                    self.offset += line.len() as u64;
                    if self.count > from {
                        records.push(record);
                    }
                }
                // The last line may be one that a machine wrote in part when it went down.
                Err(error) => fault = Some(error),
            }
        }
        Ok(records)
    }

    fn damaged(&self, fault: String) -> Error {
        let line = self.count + 1;
        Error::data(format!("line {line} of the journal `{}` is damaged: {fault}", self.path.display()))
            .help("remove the line, or start a new study in another file")
    }

    /// Removes what stands behind the last whole line.
    fn repair(&self, file: &mut File) -> io::Result<()> {
        let length = file.metadata()?.len();
        let mut end = length;
        let mut block = [0_u8; 4096];
        while end > 0 {
            let start = end.saturating_sub(block.len() as u64);
            let part = &mut block[..(end - start) as usize];
            file.seek(SeekFrom::Start(start))?;
            file.read_exact(part)?;
            if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
                end = start + at as u64 + 1;
                break;
            }
            end = start;
        }
        if end < length {
            file.set_len(end)?;
        }
        Ok(())
    }
}

fn parsed(line: &[u8]) -> std::result::Result<Value, String> {
    let text = std::str::from_utf8(line).map_err(|error| error.to_string())?;
    let record = number::parse(text).map_err(|error| error.to_string())?;
    match record["op_code"].is_u64() {
        true => Ok(record),
        false => Err("a record must have an `op_code`".to_owned()),
    }
}

impl Storage for Journal {
    fn read(&mut self, from: usize) -> Result<Vec<Value>> {
        let mut file = self.open()?;
        self.records(&mut file, from)
    }

    fn update(&mut self, from: usize, decide: &mut dyn FnMut(&[Value]) -> Result<Vec<Value>>) -> Result<()> {
        let mut file = self.open()?;
        let _lock = Lock::acquire(&self.path, self.grace)?;
        let path = self.path.clone();
        let unwritable = |error| Error::io("write the journal", &path, error);
        self.repair(&mut file).map_err(unwritable)?;
        let records = self.records(&mut file, from)?;
        let new = decide(&records)?;
        if new.is_empty() {
            return Ok(());
        }
        let lines: String = new.iter().map(|record| number::text(record) + "\n").collect();
        file.write_all(lines.as_bytes()).and_then(|()| file.sync_all()).map_err(unwritable)?;
        self.count += new.len();
        self.offset += lines.len() as u64;
        Ok(())
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.path)
    }
}
