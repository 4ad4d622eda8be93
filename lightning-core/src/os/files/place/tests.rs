//! Devices, FIFOs, sockets and links are what they were after a file is written to them.
//!
//! No test touches a device of the machine: as root, an own device is made in a temporary folder.
//! Without the rights to make one, there are none to replace the machine's.

use std::{
    io::{Read as _, Write as _},
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, symlink},
        net::UnixListener,
    },
    process::Command,
    thread,
    time::Duration,
};

use super::{
    super::{LARGE, write_atomic, write_atomic_head_last},
    *,
};

/// Makes a device like `/dev/null`, `None` where that is not possible.
fn null_device(folder: &Path) -> Option<PathBuf> {
    let device = folder.join("null-device");
    let made = Command::new("mknod").arg(&device).args(["c", "1", "3"]).output();
    if made.is_ok_and(|made| made.status.success()) {
        return OpenOptions::new().write(true).open(&device).is_ok().then_some(device);
    }
    // Only root can rename something into `/dev`.
    if fs::metadata("/proc/self").map_or(true, |own| own.uid() == 0) {
        return None;
    }
    let device = folder.join("link-to-null");
    symlink("/dev/null", &device).ok().map(|()| device)
}

/// Makes a FIFO; `false` where that is not possible.
pub(crate) fn fifo(path: &Path) -> bool {
    Command::new("mkfifo").arg(path).status().is_ok_and(|status| status.success())
}

fn kind(path: &Path) -> io::Result<FileType> {
    Ok(fs::symlink_metadata(path)?.file_type())
}

fn write_both(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomic(path, |writer| writer.write_all(bytes))?;
    for len in [10, LARGE] {
        write_atomic_head_last(path, len, |writer| {
            writer.write_all(bytes)?;
            Ok(bytes.first().copied().into_iter().collect())
        })?;
    }
    create(path)?.write_all(bytes)?;
    Ok(())
}

#[test]
fn a_device_is_written_and_stays() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let Some(device) = null_device(folder.path()) else { return Ok(()) };
    let machine_null = kind(Path::new("/dev/null"))?;
    assert!(machine_null.is_char_device());
    let link = folder.path().join("link");
    symlink(&device, &link)?;
    for path in [&link, &device] {
        let before = (kind(path)?, kind(&device)?);
        write_both(path, b"gone")?;
        assert_eq!((kind(path)?, kind(&device)?), before);
        assert!(fs::metadata(path)?.file_type().is_char_device());
        assert_eq!(fs::read(path)?, b"");
    }
    assert_eq!(kind(Path::new("/dev/null"))?, machine_null);
    let left = fs::read_dir(folder.path())?.count();
    assert_eq!(left, 2, "a temporary file was left behind");
    Ok(())
}

#[test]
fn a_full_device_is_an_error() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let full = folder.path().join("full-device");
    let made = Command::new("mknod").arg(&full).args(["c", "1", "7"]).output();
    if !made.is_ok_and(|made| made.status.success()) {
        return Ok(());
    }
    let error = write_atomic(&full, |writer| writer.write_all(b"x")).map_err(|error| error.to_string());
    assert!(error.is_err_and(|text| text.contains("full-device`: No space left")));
    assert!(kind(&full)?.is_char_device());
    Ok(())
}

#[test]
fn a_fifo_is_written_while_it_is_read_and_refused_without_a_reader() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("fifo");
    if !fifo(&path) {
        return Ok(());
    }
    let told = "a FIFO is written to while a process reads it, found a FIFO without a reader";
    let error = write_atomic(&path, |writer| writer.write_all(b"x")).map_err(|error| error.to_string());
    assert_eq!(error, Err(format!("cannot write `{}`: {told}", path.display())));
    assert!(create(&path).is_err_and(|error| error.to_string().contains(told)));
    assert!(open(&path).is_err_and(|error| error.to_string().contains("found a FIFO")));
    assert!(check_appendable(&path).is_err_and(|error| error.to_string().contains("found a FIFO")));
    assert!(kind(&path)?.is_fifo());

    // More than a pipe holds, so that the writer waits for its reader.
    let bytes = vec![7; 300_000];
    let read = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut read = Vec::new();
            File::open(&path).and_then(|mut file| file.read_to_end(&mut read)).map(|_| read)
        });
        // The reader opens the FIFO at its own time.
        let mut tries = 0..500;
        let written = loop {
            let written = write_atomic(&path, |writer| writer.write_all(&bytes));
            if written.is_ok() || tries.next().is_none() {
                break written;
            }
            thread::sleep(Duration::from_millis(10));
        };
        written.map(|()| reader.join())
    })?;
    assert_eq!(read.ok().and_then(io::Result::ok), Some(bytes));
    assert!(kind(&path)?.is_fifo());
    Ok(())
}

#[test]
fn a_link_stays_and_its_target_is_replaced() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("elsewhere"))?;
    fs::write(at("elsewhere/real"), b"old")?;
    symlink("elsewhere/real", at("relative"))?;
    symlink(at("relative"), at("twice"))?;
    symlink("elsewhere/new", at("dangling"))?;
    write_atomic(at("twice"), |writer| writer.write_all(b"new"))?;
    assert_eq!(fs::read(at("elsewhere/real"))?, b"new");
    write_atomic(at("dangling"), |writer| writer.write_all(b"first"))?;
    assert_eq!(fs::read(at("elsewhere/new"))?, b"first");
    write_both(&at("relative"), b"both")?;
    assert_eq!(fs::read(at("elsewhere/real"))?, b"both");
    for link in ["relative", "twice", "dangling"] {
        assert!(kind(&at(link))?.is_symlink(), "{link}");
    }
    assert!(kind(&at("elsewhere/real"))?.is_file());
    Ok(())
}

#[test]
fn links_that_lead_nowhere_are_errors() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    symlink(&b, &a)?;
    symlink(&a, &b)?;
    assert!(write_atomic(&a, |writer| writer.write_all(b"x")).is_err());
    let nowhere = folder.path().join("nowhere");
    symlink("missing/file", &nowhere)?;
    assert!(write_atomic(&nowhere, |writer| writer.write_all(b"x")).is_err());
    assert!(kind(&a)?.is_symlink() && kind(&nowhere)?.is_symlink());
    Ok(())
}

#[test]
fn folders_and_sockets_are_refused_in_words() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (below, socket) = (folder.path().join("below"), folder.path().join("socket"));
    fs::create_dir(&below)?;
    let _listener = UnixListener::bind(&socket)?;
    for (path, found) in [(&below, "found a folder"), (&socket, "found a socket")] {
        let error = write_atomic(path, |writer| writer.write_all(b"x")).map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains(found)), "{found}");
        assert!(create(path).is_err_and(|error| error.to_string().contains(found)));
        assert!(check_appendable(path).is_err_and(|error| error.to_string().contains(found)));
    }
    assert!(kind(&below)?.is_dir() && kind(&socket)?.is_socket());
    Ok(())
}

/// As `program > file` does with `/dev/stdout`.
#[cfg(target_os = "linux")]
#[test]
fn an_open_file_is_written_where_it_is() -> Result<()> {
    use std::os::fd::AsRawFd as _;

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("out");
    let file = File::create(&path)?;
    let descriptor = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    write_atomic(&descriptor, |writer| writer.write_all(b"one"))?;
    assert_eq!(fs::read(&path)?, b"one");
    fs::remove_file(&path)?;
    write_atomic(&descriptor, |writer| writer.write_all(b"two"))?;
    assert_eq!((fs::read(&descriptor)?, fs::read_dir(folder.path())?.count()), (b"onetwo".to_vec(), 0));
    Ok(())
}

/// What waits in a folder under the name of a temporary file does not keep a run waiting.
#[test]
fn a_fifo_among_the_leftovers_does_not_hang() -> Result<()> {
    let folder = tempfile::tempdir()?;
    if fifo(&folder.path().join(".lightning-x.tmp")) {
        super::super::remove_leftovers(folder.path());
    }
    Ok(())
}
