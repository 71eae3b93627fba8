//! spatialclaw answers spatial questions about what a robot sees with measured, uncertain, evidenced values.
//!
//! Modules stand in a fixed order; each may use only itself and those before it (a test holds this):
//!
//! | module | owns |
//! |---|---|
//! | [`error_code`] | leaf: the stable codes with which a question can be refused |
//! | [`memory`] | whose memory is whose, and work shared between threads |
//! | [`geometry`] | pure maths in metres and radians: quantities, cameras, clouds, planes, boxes, relations, motion |
//! | [`array`] | arrays of numbers as numpy has them: broadcasting, reductions, linear algebra, nearest neighbours, hulls |
//! | [`scene`] | what the robot saw and from where: images, synchronisation, buffers, transforms, snapshots |
//! | [`bag`] | what a robot saw, read back from bags and pictures |
//! | [`perception`] | port: who says which pixels belong to what, and how far they are |
//! | [`llm`] | port: who writes the cells |
//! | [`answer`] | typed values, evidence and refusals |
//! | [`tools`] | what a cell can call |
//! | [`kernel`] | the persistent, sandboxed Rhai kernel that runs cells |
//! | [`agent`] | the loop from question to answer |
//! | [`session`] | sessions on disk: recorded, replayed, told as a page |
//! | [`config`] | parameters, as written and as checked |
//! | [`app`] | all of the above as one service, still without ROS |
//! | `ros` | the ROS 2 rim (feature `ros`) |

pub mod agent;
pub mod answer;
pub mod app;
pub mod array;
pub mod bag;
pub mod config;
pub mod error_code;
pub mod geometry;
pub mod kernel;
pub mod llm;
pub mod memory;
pub mod perception;
pub mod ros;
pub mod scene;
pub mod session;
pub mod tools;

// Files under tests/support name the library from outside and are shared with the unit tests.
#[cfg(test)]
extern crate self as spatialclaw;
