//! The tables of functions, one file a kind.

mod builtins;
mod creation;
mod elementwise;
mod linear;
mod math;
mod ordering;
mod reductions;
mod shaping;
mod spatial;

use super::declaration::Function;

/// Every table, in the order of the manual.
pub const ALL: [&[Function]; 9] = [
    creation::FUNCTIONS,
    shaping::FUNCTIONS,
    elementwise::FUNCTIONS,
    reductions::FUNCTIONS,
    ordering::FUNCTIONS,
    linear::FUNCTIONS,
    spatial::FUNCTIONS,
    math::FUNCTIONS,
    builtins::FUNCTIONS,
];
