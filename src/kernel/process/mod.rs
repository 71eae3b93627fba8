//! The kernel in a process of its own: the wall around everything that the kernel's own limits may have missed.
//!
//! The parent starts `spatialclaw_kernel` without any of its environment and speaks to it over stdin and stdout (`wire`). The child
//! (`child`) gives up what it does not need before it reads the question (`walls`): memory beyond a limit of address space, files, and
//! on Linux every system call but those that computing takes. It ends when its stdin does, so none is left behind when the parent dies.
//! A death signal on the parent would end it too early: the kernel sends that one when the *thread* that started the child ends.
//!
//! The child runs the same [`super::Kernel`], so reports and limits are the same. What only the parent has, such as the models, is asked of
//! it over the same pipes (`looker`). This module knows nothing of how a goal uses its kernel.

mod child;
mod looker;
mod parent;
#[cfg(target_os = "linux")]
mod system_calls;
mod walls;
mod wire;

use std::{env, io, path::PathBuf};

pub use child::serve;
pub(super) use parent::{Child, start};

/// File name of the child's program.
pub const PROGRAM: &str = "spatialclaw_kernel";

/// How kernels are started as processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessOptions {
    /// The program, which must be of this release.
    pub program: PathBuf,
    /// Address space in bytes that a child may take; `None` = what it needs for its stack, the snapshot, and one and a half times
    /// [`super::Limits::max_memory_bytes`].
    pub address_space_bytes: Option<u64>,
}

impl ProcessOptions {
    /// With the program that lies beside the running one.
    ///
    /// # Errors
    /// When there is none, or the running program's own path is not known.
    pub fn beside_executable() -> io::Result<ProcessOptions> {
        let program = env::current_exe()?.with_file_name(PROGRAM);
        if !program.is_file() {
            let message = format!("thread, because {} is missing; install it there for process", program.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        Ok(ProcessOptions { program, address_space_bytes: None })
    }
}

/// Why a child gave no report.
pub(super) struct Ended {
    /// A limit of its process ended it; otherwise it is a defect.
    pub is_limit: bool,
    /// What happened, and what to do where it was a limit.
    pub what: String,
}
