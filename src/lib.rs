//! spatialclaw
