//! The ROS 2 node.

use std::process::ExitCode;

fn main() -> ExitCode {
    match spatialclaw::ros::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in error.to_string().lines() {
                tracing::error!("{line}");
            }
            ExitCode::FAILURE
        }
    }
}
