use super::*;

#[test]
fn a_folder_is_locked_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let lock = FolderLock::acquire(folder.path())?;
    let error = FolderLock::acquire(folder.path()).map(drop).map_err(|error| error.to_string());
    let path = folder.path().display();
    let expected =
        format!("the run folder `{path}` must be written by one run at a time, found another logger of this");
    assert!(error.is_err_and(|text| text.starts_with(&expected)));
    drop(lock);
    assert_eq!(fs::read_dir(folder.path())?.count(), 0);
    FolderLock::acquire(folder.path()).map(drop)
}

/// The file of a killed process holds no lock, whatever it says.
#[test]
fn a_lock_that_was_left_behind_is_none() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for left in ["1 elsewhere\n", "", "999999999999", "\u{fffd}"] {
        fs::write(folder.path().join(NAME), left)?;
        let lock = FolderLock::acquire(folder.path())?;
        let holder = fs::read_to_string(folder.path().join(NAME))?;
        assert_eq!(holder, format!("{} {}\n", process::id(), machine()));
        drop(lock);
    }
    Ok(())
}

#[test]
fn the_holder_is_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join(NAME);
    let told = |holder: &str| -> Result<String> {
        fs::write(&path, holder)?;
        Ok(held(Path::new("run"), &File::open(&path)?).to_string())
    };
    let here = machine();
    let rule = "the run folder `run` must be written by one run at a time, found";
    let version = "or give this run another `.version(…)`";
    assert_eq!(
        told(&format!("1 {here}\n"))?,
        format!("{rule} process 1; help: wait until it ends, or stop it: `kill 1`; {version}")
    );
    assert_eq!(
        told("4711 node7\n")?,
        format!("{rule} process 4711 of the machine `node7`; help: wait until it ends, or stop it; {version}")
    );
    assert_eq!(told("")?, format!("{rule} another process; help: wait until it ends, or stop it; {version}"));
    Ok(())
}

/// Of many that try at the same time and release at once, no two hold the lock together.
#[test]
fn it_is_never_held_twice() -> Result<()> {
    use std::sync::atomic::{AtomicU32, Ordering};

    let folder = tempfile::tempdir()?;
    let (holders, most, taken) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let Ok(lock) = FolderLock::acquire(folder.path()) else { continue };
                    most.fetch_max(1 + holders.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
                    taken.fetch_add(1, Ordering::SeqCst);
                    holders.fetch_sub(1, Ordering::SeqCst);
                    drop(lock);
                }
            });
        }
    });
    assert_eq!(most.into_inner(), 1);
    assert!(taken.into_inner() > 0);
    Ok(())
}
