//! Messages to plain values and back, one message a file.
//!
//! Functions here are pure: no node, no clock, no log. What goes out is fit to be sent: no NUL characters (r2r panics on them),
//! no NaN, fixed arrays of the right length. A new message is a new file with a literal-built test.

pub mod answer;
pub mod camera_info;
pub mod evidence;
pub mod feedback;
pub mod geometry;
pub mod goal;

pub mod health;
pub mod image;
pub mod imu;
pub mod label_names;
pub mod text;
pub mod time;
pub mod transforms;
pub mod uuid;
pub mod value;
