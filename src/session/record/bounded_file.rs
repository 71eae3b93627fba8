//! A file that refuses to grow beyond a size.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom, Write},
};

/// Fails where the file would grow beyond `max_bytes`, as a full disk would.
pub(super) struct BoundedFile {
    file: File,
    position: u64,
    max_bytes: u64,
}

impl BoundedFile {
    pub fn new(file: File, max_bytes: u64) -> BoundedFile {
        BoundedFile { file, position: 0, max_bytes }
    }

    /// How large it is.
    pub fn n_bytes(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Makes sure that the bytes are on the disk.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

impl Write for BoundedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.position.saturating_add(bytes.len() as u64) > self.max_bytes {
            let max = self.max_bytes;
            return Err(io::Error::other(format!("the session is larger than the {max} bytes that all may have")));
        }
        let n_written = self.file.write(bytes)?;
        self.position += n_written as u64;
        Ok(n_written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for BoundedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = self.file.seek(to)?;
        Ok(self.position)
    }
}
