//! The system calls that a computing process needs; every other is refused with `EPERM`.
//!
//! Refused calls do not end the process: a C library that asks for something new gets an error, which it must be able to handle. No
//! file can be opened, no socket made, no process started or signalled, no memory made executable.

use std::{collections::BTreeMap, process};

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Is, SeccompCondition as If,
    SeccompFilter, SeccompRule, TargetArch,
};

/// Allowed with any argument.
const ALLOWED: &[c_long] = &[
    // The three open files.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_ppoll,
    libc::SYS_close,
    libc::SYS_fstat,
    // Memory.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Threads.
    libc::SYS_clone3,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_membarrier,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Signals to itself.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    // Time and chance.
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
];

/// Lets the calling thread, and all that it starts, do nothing else any more.
///
/// # Errors
/// Why not: another processor, or a system without filters.
pub fn restrict() -> Result<(), String> {
    let unavailable = |reason: String| format!("system calls are not filtered: {reason}");
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| unavailable(error.to_string()))?;
    for filter in filters(arch).map_err(|error| unavailable(error.to_string()))? {
        seccompiler::apply_filter(&filter).map_err(|error| unavailable(error.to_string()))?;
    }
    Ok(())
}

fn filters(arch: TargetArch) -> Result<Vec<BpfProgram>, BackendError> {
    let only = |argument, is, value: u64| -> Result<Vec<SeccompRule>, BackendError> {
        Ok(vec![SeccompRule::new(vec![If::new(argument, Width::Dword, is, value)?])?])
    };
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    let executable = libc::PROT_EXEC as u64;
    rules.insert(libc::SYS_mmap, only(2, Is::MaskedEq(executable), 0)?);
    rules.insert(libc::SYS_mprotect, only(2, Is::MaskedEq(executable), 0)?);
    let thread = libc::CLONE_THREAD as u64;
    rules.insert(libc::SYS_clone, only(0, Is::MaskedEq(thread), thread)?);
    rules.insert(libc::SYS_tgkill, only(0, Is::Eq, u64::from(process::id()))?);
    rules.insert(libc::SYS_prctl, only(0, Is::Eq, libc::PR_SET_NAME as u64)?);
    // Reading a limit, not setting one.
    let null = If::new(2, Width::Qword, Is::Eq, 0)?;
    rules.insert(libc::SYS_prlimit64, vec![SeccompRule::new(vec![null])?]);
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    let main = SeccompFilter::new(rules, refused, SeccompAction::Allow, arch)?;
    // A filter cannot see what `clone3` is to make. Without it the C library falls back on `clone`, whose flags it can see.
    let not_there = SeccompAction::Errno(libc::ENOSYS as u32);
    let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let clone3 = SeccompFilter::new(clone3, SeccompAction::Allow, not_there, arch)?;
    // The first one must let the installation of the second through, so the stricter comes last.
    Ok(vec![clone3.try_into()?, main.try_into()?])
}
