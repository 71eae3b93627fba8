//! The thread on which one goal's kernel lives. A kernel may be busy for long; whoever waits for it can stop waiting at any time.

use std::{io, sync::mpsc, thread};

use tokio::sync::oneshot;

use crate::kernel::{Cell, CellReport};

/// Deep scripts recurse on this stack.
const STACK_BYTES: usize = 64 << 20;

/// Hands cells to a kernel on its own thread. The thread ends when this is dropped and its running cell has ended; cancel the
/// kernel's token to end that cell.
pub struct KernelThread {
    cells: mpsc::SyncSender<(Cell, oneshot::Sender<CellReport>)>,
}

/// The kernel's thread is gone, so it can say nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the kernel's thread ended unexpectedly")]
pub struct KernelGone;

impl KernelThread {
    /// Starts the thread; `make_kernel` runs on it and gives the function that runs cells.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start<R>(make_kernel: impl FnOnce() -> R + Send + 'static) -> io::Result<KernelThread>
    where
        R: FnMut(&Cell) -> CellReport,
    {
        let (cells, inbox) = mpsc::sync_channel::<(Cell, oneshot::Sender<CellReport>)>(1);
        thread::Builder::new().name("kernel".to_owned()).stack_size(STACK_BYTES).spawn(move || {
            let mut run_cell = make_kernel();
            while let Ok((cell, reply)) = inbox.recv() {
                // Nobody waits for the report of a goal that has ended.
                let _ = reply.send(run_cell(&cell));
            }
        })?;
        Ok(KernelThread { cells })
    }

    /// Runs one cell.
    ///
    /// # Errors
    /// [`KernelGone`].
    pub async fn run_cell(&self, cell: Cell) -> Result<CellReport, KernelGone> {
        let (reply, report) = oneshot::channel();
        // One cell runs at a time, so the channel of one never makes this wait.
        self.cells.try_send((cell, reply)).map_err(|_| KernelGone)?;
        report.await.map_err(|_| KernelGone)
    }
}
