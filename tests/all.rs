// SPDX-License-Identifier: Apache-2.0
//! All integration tests in one binary: thirty of them took 4 GB of disk and most of the time of a build.
//! Run one file with `cargo test --test all space_tools::`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test ends at the first surprise")]

mod support;

mod agent_hostile;
mod agent_interfaces;
mod agent_loop;
mod agent_stages;
mod architecture;
mod array_properties;
mod ask;
mod cli;
mod conversations;
mod docs;
mod geometry_coverage;
mod kernel_arrays;
mod kernel_cells;
mod kernel_escape;
mod kernel_fuzz;
mod kernel_habits;
mod kernel_tools;
mod kernel_worker;
mod llm_exchanges;
mod llm_faults;
mod llm_goals;
mod llm_models;
mod model_cells;
mod mosd_agent;
mod mosd_cells;
mod mosd_geometry;
mod numpy_oracle;
mod offline_answers;
mod perception_tools;
mod reference_page;
mod session_report;
mod sessions;
mod soak;
mod space_tools;
mod vlm_cells;
