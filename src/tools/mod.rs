//! What a cell can call (being written).
