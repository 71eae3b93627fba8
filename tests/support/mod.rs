// SPDX-License-Identifier: Apache-2.0
//! Scenes, robots and servers that several tests share.

pub mod analytic_scene;
pub mod local_server;
pub mod mosd;
pub mod robot;
pub mod seeing_model;
pub mod session_file;
pub mod table_world;
pub mod tabletop;
pub mod typed_cells;
pub mod written_log;
