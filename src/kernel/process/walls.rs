//! What a child gives up before it reads the question. None of it can be taken back.

#[cfg(target_os = "linux")]
pub use linux::{close_inherited_files, raise};
#[cfg(not(target_os = "linux"))]
pub use other::{close_inherited_files, raise};

#[cfg(target_os = "linux")]
mod linux {
    use std::{fs, io, thread};

    use nix::{
        sys::resource::{Resource, setrlimit},
        unistd,
    };

    use super::super::{super::worker::STACK_BYTES, wire::Setup};
    use crate::kernel::process::system_calls;

    /// Bytes of address space for code, stacks and arenas of helper threads, and what the allocator rounds up.
    const OVERHEAD_BYTES: u64 = 256 << 20;
    /// Address space of one helper thread's stack, with its guard.
    const HELPER_BYTES: u64 = 3 << 20;
    /// Seconds of processor time beyond what all cores can use until the goal's deadline.
    const SPARE_CPU_SECS: u64 = 60;

    /// Closes what the parent's libraries left open over `exec`. Call it before anything else opens a file.
    ///
    /// # Errors
    /// When the system does not tell which files are open.
    pub fn close_inherited_files() -> io::Result<()> {
        let mut open = Vec::new();
        for entry in fs::read_dir("/proc/self/fd")? {
            open.extend(entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()));
        }
        for file in open.into_iter().filter(|file| *file > 2) {
            // The directory that was read is among them, and closed already.
            let _ = unistd::close(file);
        }
        Ok(())
    }

    /// Limits memory, processor time and files, and lets no system call through but those of `system_calls`. Returns what this
    /// system does not offer.
    ///
    /// # Errors
    /// When a limit cannot be set.
    pub fn raise(setup: &Setup) -> io::Result<Vec<String>> {
        let n_cores = thread::available_parallelism().map_or(1, |n| n.get() as u64);
        let address_space = match setup.address_space_bytes {
            Some(bytes) => bytes,
            None => needed_bytes(setup, n_cores)?,
        };
        let cpu_secs = setup.time_left.as_secs().saturating_mul(n_cores).saturating_add(SPARE_CPU_SECS);
        for (resource, limit) in [
            (Resource::RLIMIT_AS, address_space),
            (Resource::RLIMIT_CPU, cpu_secs),
            // The three that are open stay; no other can be opened, none written, and a crash leaves no image behind.
            (Resource::RLIMIT_NOFILE, 3),
            (Resource::RLIMIT_FSIZE, 0),
            (Resource::RLIMIT_CORE, 0),
        ] {
            setrlimit(resource, limit, limit).map_err(|error| io::Error::other(format!("{resource:?}: {error}")))?;
        }
        Ok(system_calls::restrict().err().into_iter().collect())
    }

    /// One and a half times the memory that is allowed: whatever evades the account ends there, and an honest cell never does.
    fn needed_bytes(setup: &Setup, n_cores: u64) -> io::Result<u64> {
        let statm = fs::read_to_string("/proc/self/statm")?;
        let pages: u64 = statm.split(' ').next().and_then(|pages| pages.parse().ok()).unwrap_or(0);
        let page_bytes = unistd::sysconf(unistd::SysconfVar::PAGE_SIZE)?.and_then(|n| u64::try_from(n).ok());
        let memory = (setup.max_memory_bytes as u64).saturating_add(setup.max_memory_bytes as u64 / 2);
        // Blocks of the snapshot are there twice while they are decoded.
        let snapshot = (setup.snapshot_bytes as u64).saturating_mul(2);
        let fixed = pages * page_bytes.unwrap_or(4096) + STACK_BYTES as u64 + OVERHEAD_BYTES + n_cores * HELPER_BYTES;
        Ok(fixed.saturating_add(memory).saturating_add(snapshot))
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::io;

    use super::super::wire::Setup;

    pub fn close_inherited_files() -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "kernels as processes need Linux"))
    }

    pub fn raise(_: &Setup) -> io::Result<Vec<String>> {
        close_inherited_files().map(|()| Vec::new())
    }
}
