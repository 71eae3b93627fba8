//! A reply while it is written.

use std::{fmt, sync::Arc};

/// A piece of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delta<'a> {
    /// More of the text.
    Text(&'a str),
    /// More of the thinking.
    Thinking(&'a str),
    /// What came before is void: another server starts anew.
    Restart,
}

/// Hears a reply while it is written. It is called from the task that reads the connection and must not block.
#[derive(Clone)]
pub struct DeltaSink(Arc<dyn Fn(Delta<'_>) + Send + Sync>);

impl DeltaSink {
    /// Calls `hear` with every piece.
    pub fn new(hear: impl Fn(Delta<'_>) + Send + Sync + 'static) -> DeltaSink {
        DeltaSink(Arc::new(hear))
    }

    /// Hands on one piece.
    pub fn send(&self, delta: Delta<'_>) {
        (self.0)(delta);
    }
}

impl fmt::Debug for DeltaSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeltaSink")
    }
}
