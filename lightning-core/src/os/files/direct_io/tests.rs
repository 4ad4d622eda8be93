use super::*;

#[test]
fn files_of_every_length_hold_what_was_written() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.bin");
    let bytes: Vec<u8> = (0..2 * BUFFER + 3 * BLOCK).map(|at| (at % 251) as u8).collect();
    for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, BUFFER - 1, BUFFER, BUFFER + 1, 2 * BUFFER, bytes.len()] {
        for cached in [false, true] {
            let mut file = File::create(&path)?;
            let mut writer = DirectWriter::new(&mut file, &path);
            if cached {
                writer.direct = None;
            }
            for piece in bytes[..length].chunks(300_007) {
                writer.write_all(piece)?;
            }
            writer.finish()?;
            assert!(std::fs::read(&path)? == bytes[..length], "{length} bytes, cached: {cached}");
        }
    }
    Ok(())
}

#[test]
fn a_file_system_that_refuses_gets_the_bytes_through_the_cache() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.bin");
    let mut file = File::create(&path)?;
    let mut writer = DirectWriter::new(&mut file, &path);
    let bytes: Vec<u8> = (0..3 * BUFFER).map(|at| (at % 241) as u8).collect();
    writer.write_all(&bytes[..BUFFER + BLOCK])?;
    // Unaligned memory from here on: the kernel returns `EINVAL`.
    writer.start += 1;
    writer.memory.insert(0, 0);
    writer.memory.resize(BUFFER + BLOCK + 1, 0);
    writer.write_all(&bytes[BUFFER + BLOCK..])?;
    writer.finish()?;
    assert!(std::fs::read(&path)? == bytes);
    Ok(())
}

#[test]
fn a_file_that_cannot_be_written_is_an_error() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.bin");
    std::fs::write(&path, b"old")?;
    let mut file = File::open(&path)?;
    let mut writer = DirectWriter { direct: None, ..DirectWriter::new(&mut file, &path) };
    assert!(writer.write_all(&vec![0; 2 * BUFFER]).is_err());
    assert_eq!(std::fs::read(&path)?, b"old");
    Ok(())
}
