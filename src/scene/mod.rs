//! What the robot saw and from where: stamped images, synchronisation, bounded buffers, transforms, and the immutable snapshot
//! that one question works on.
//!
//! It knows nothing of ROS messages (the rim hands it plain bytes and numbers), models or scripts, and reads no clock: `now` is an
//! argument. After a [`Snapshot`] is taken nothing reads a buffer again, so any answer can be replayed.

mod camera_buffer;
pub mod camera_frame;
pub mod camera_model;
pub mod frame_buffer;
pub mod health;
pub mod image_decode;
pub mod image_encode;
pub mod imu;
pub mod labels;
pub mod memory;
pub mod name_distance;
mod pick;
pub mod raw_message;
mod registration;
pub mod scene_buffer;
pub mod scene_config;
#[cfg(test)]
mod scene_fuzz;
#[cfg(test)]
mod scene_tests;
pub mod snapshot;
pub mod snapshot_codec;
pub mod snapshot_plan;
pub mod snapshot_request;
pub mod stamp;
mod stream;
mod sync;
pub mod tf_buffer;
mod tf_error;
mod tf_link;
mod tf_lookup;
#[cfg(test)]
mod tf_oracle;
pub mod tf_sigma;

pub use camera_frame::CameraFrame;
pub use health::{CameraHealth, StreamHealth};
pub use imu::{ImuHealth, ImuSample};
pub use labels::{LabelImage, LabelNames};
pub use memory::{MemoryConfig, MemoryView, Remembered, Sighting};
pub use scene_buffer::SceneBuffer;
pub use scene_config::{CameraConfig, Rectified, SceneConfig};
pub use snapshot::{InputProblem, PosedCamera, Snapshot, View};
pub use snapshot_request::{SnapshotRequest, When};
pub use stamp::{FrameId, Stamp};
pub use tf_buffer::{LookedUp, StampedTransform, TfBuffer, TfError, TransformSet};
