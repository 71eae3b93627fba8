//! The ROS 2 rim.
pub mod goal_table;
