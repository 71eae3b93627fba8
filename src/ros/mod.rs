//! The ROS 2 rim: the only user of r2r.
//!
//! It turns messages into plain values and back ([`convert`]), keeps the life of goals ([`goal_table`], which needs no ROS), and
//! knows nothing of how an answer comes about. A new message is one file in `convert/`; a new topic is a few lines in
//! `subscriptions` or `outputs`. Nothing here publishes a command to the robot.

#[cfg(feature = "ros")]
mod action_server;
#[cfg(feature = "ros")]
pub mod convert;
#[cfg(feature = "ros")]
mod diagnostics;
pub mod goal_table;
#[cfg(feature = "ros")]
mod logging;
#[cfg(feature = "ros")]
mod markers;
#[cfg(feature = "ros")]
mod node;
#[cfg(feature = "ros")]
mod outputs;
#[cfg(feature = "ros")]
mod parameters;
#[cfg(feature = "ros")]
mod publishers;
#[cfg(feature = "ros")]
mod rosout;
#[cfg(feature = "ros")]
mod subscriptions;
#[cfg(any(feature = "ros", test))]
mod throttle;
#[cfg(any(feature = "ros", test))]
mod topic_names;

#[cfg(feature = "ros")]
pub use node::{NodeError, run};
