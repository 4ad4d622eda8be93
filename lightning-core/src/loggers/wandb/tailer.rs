//! W&B's own client, which sends what is written to a server while the run goes on.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::error::Result;

/// What a shell runs: the client, and a wait for the end of this process. The logger writes `end` once
/// the run has ended, and the client then ends by itself, after all is sent. Without that line the
/// process was killed, and a client would wait for ever for the end of the run.
#[cfg(unix)]
const SCRIPT: &str = r#"trap '' INT
exec 3<&0
"$0" beta sync --live --yes "$1" > "$2/sync.log" 2>&1 < /dev/null 3<&- &
client=$!
(read -r word <&3; [ "$word" = end ] || { sleep "$3"; kill $client; }) 2> /dev/null &
watcher=$!
wait $client
echo $? > "$2/sync.status"
kill $watcher 2> /dev/null
exit 0"#;

/// How long the client of a killed process may still send, in seconds.
#[cfg(unix)]
const GRACE: &str = "60";

/// The client of one run.
#[derive(Debug)]
pub(super) struct Tailer {
    #[cfg(unix)]
    shell: std::process::Child,
    logs: PathBuf,
    is_told: bool,
}

impl Tailer {
    /// Starts the client for the file of a run; what it prints goes to `logs`.
    ///
    /// # Errors
    /// If it cannot be started.
    #[cfg(unix)]
    pub(super) fn start(client: &Path, file: &Path, logs: &Path) -> Result<Self> {
        use std::process::{Command, Stdio};

        use crate::error::Error;

        let client = find(client).ok_or_else(|| missing(client, file))?;
        fs::create_dir_all(logs).map_err(|error| Error::io("create the folder", logs, error))?;
        crate::os::files::remove(&logs.join("sync.status"))
            .map_err(|error| Error::io("remove", logs.join("sync.status"), error))?;
        let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT]).arg(whole(&client)).arg(whole(file)).arg(whole(logs)).arg(GRACE);
        // The client writes files of its own to its working folder.
        command.current_dir(logs);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let shell = command.spawn().map_err(|error| Error::io("start", &client, error))?;
        Ok(Self { shell, logs: logs.to_path_buf(), is_told: false })
    }

    /// # Errors
    /// Always: the client is started through a shell of Unix.
    #[cfg(not(unix))]
    pub(super) fn start(client: &Path, file: &Path, _logs: &Path) -> Result<Self> {
        Err(missing(client, file))
    }

    /// Whether the client has ended before the run has: with the last line that it printed. Once.
    pub(super) fn failure(&mut self) -> Option<String> {
        let status = fs::read_to_string(self.logs.join("sync.status")).ok()?;
        if std::mem::replace(&mut self.is_told, true) {
            return None;
        }
        let log = fs::read_to_string(self.logs.join("sync.log")).unwrap_or_default();
        let last = log.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it printed nothing");
        Some(format!("ended with status {}: {}", status.trim(), last.trim()))
    }

    /// Tells the client that the run has ended; it sends the rest and ends, after this process if it
    /// takes long.
    #[cfg(unix)]
    pub(super) fn end(mut self) {
        use std::io::Write as _;
        if let Some(mut stdin) = self.shell.stdin.take() {
            // A shell that has ended needs to know nothing.
            let _ = stdin.write_all(b"end\n");
        }
        // So that the process table has no entry of it for the rest of a long program.
        let _ = std::thread::Builder::new().name("wandb client".to_owned()).spawn(move || self.shell.wait());
    }

    #[cfg(not(unix))]
    pub(super) fn end(self) {}
}

/// Where a program is, by its path or in the folders of `PATH`.
#[cfg(unix)]
fn find(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_path_buf());
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn missing(client: &Path, file: &Path) -> crate::error::Error {
    crate::error::Error::config(format!(
        "the run is not sent while it goes on: there is no program `{}`; it is kept in `{}`",
        client.display(),
        file.display()
    ))
    .help(format!(
        "install the client with `pip install wandb`, or send the run later with `wandb sync {}`",
        file.display()
    ))
}
