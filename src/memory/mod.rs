//! Memory that is charged to whoever asked for it, and work shared between threads on one account.
//!
//! A goal has an [`Account`]. A thread that works for it enters the account, and every block it then takes carries the account's
//! address, so that the account is credited whichever thread gives the block back. [`parallel`] hands the caller's account on to its
//! worker threads. It owns the process's allocator and must know nothing of what the memory is for.

mod account;
mod large;
pub mod parallel;

pub use account::{Account, Entered, has_room, outside};
