use super::*;
use crate::error::ErrorKind;

fn names(folder: &Path) -> io::Result<Vec<String>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

#[test]
fn the_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.bin");
    assert_eq!(write_atomic(&path, |writer| writer.write_all(b"old").map(|()| 3))?, 3);
    write_atomic(&path, |writer| {
        assert_eq!(fs::read(folder.path().join("a.bin"))?, b"old");
        writer.write_all(&[7; 100_000])
    })?;
    assert_eq!(fs::read(&path)?, [7; 100_000]);
    assert_eq!(names(folder.path())?, ["a.bin"]);
    Ok(())
}

#[cfg(unix)]
#[test]
fn permissions_are_those_of_any_new_file() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir()?;
    let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
    write_atomic(&ours, |writer| writer.write_all(b"x"))?;
    fs::write(&plain, b"x")?;
    assert_eq!(fs::metadata(&ours)?.permissions().mode(), fs::metadata(&plain)?.permissions().mode());
    Ok(())
}

#[test]
fn a_failure_keeps_the_old_file_and_names_the_path() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.bin");
    write_atomic(&path, |writer| writer.write_all(b"old"))?;
    let failed = write_atomic(&path, |writer| {
        writer.write_all(b"new")?;
        Err::<(), _>(io::Error::new(io::ErrorKind::StorageFull, "no space"))
    });
    let Err(error) = failed else { panic!("the failure was lost") };
    assert_eq!(error.kind(), ErrorKind::Io);
    assert_eq!(error.location().path.as_deref(), Some(&*path));
    assert_eq!(error.to_string(), format!("cannot write `{}`: no space", path.display()));
    assert_eq!(fs::read(&path)?, b"old");
    assert_eq!(names(folder.path())?, ["a.bin"]);
    Ok(())
}

#[test]
fn an_error_of_the_caller_comes_back_as_it_was() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let failed = write_atomic(folder.path().join("a"), |_| Err::<(), _>(io::Error::other(Error::data("empty"))));
    assert_eq!(failed.map_err(|error| error.kind()), Err(ErrorKind::Data));
    Ok(())
}

#[test]
fn places_that_cannot_be_written_are_errors() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("file");
    fs::write(&file, b"x")?;
    for path in [file.join("below"), folder.path().join("missing").join("a"), folder.path().join("..")] {
        let failed = write_atomic(&path, |writer| writer.write_all(b"x"));
        assert!(failed.is_err_and(|error| error.to_string().contains(&path.display().to_string())));
    }
    Ok(())
}

#[test]
fn leftovers_go_and_files_being_written_stay() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let left = folder.path().join(".lightning-abc.tmp");
    fs::write(&left, b"half")?;
    fs::write(folder.path().join("a.tmp"), b"the user's")?;
    write_atomic(folder.path().join("a.bin"), |writer| {
        remove_leftovers(folder.path());
        writer.write_all(b"whole")
    })?;
    let mut left: Vec<_> = names(folder.path())?;
    left.sort();
    assert_eq!(left, ["a.bin", "a.tmp"]);
    Ok(())
}

#[test]
fn a_bare_name_is_in_the_current_folder() {
    assert_eq!(folder_of(Path::new("a.ckpt")), Path::new("."));
    assert_eq!(folder_of(Path::new("x/a.ckpt")), Path::new("x"));
    assert_eq!(folder_of(Path::new("/a.ckpt")), Path::new("/"));
}
