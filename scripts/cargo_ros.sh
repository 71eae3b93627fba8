#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# cargo_ros.sh ARGS...: cargo with the `ros` feature, for quick work on the node without colcon.
#   scripts/cargo_ros.sh build            scripts/cargo_ros.sh clippy --all-targets
#   scripts/cargo_ros.sh test -- --nocapture
# Builds the interfaces first when they changed. SPATIALCLAW_UNDERLAY and CARGO_TARGET_DIR may point elsewhere.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
. scripts/env.sh
if [ -n "$_spatialclaw_wheels" ]; then
  scripts/underlay/interfaces.sh scripts/underlay/tf2_msgs "$_spatialclaw_wheels/spatialclaw/tf2_msgs"
  spatialclaw_prefix_add "$_spatialclaw_wheels/spatialclaw/tf2_msgs"
  cache=$_spatialclaw_wheels/spatialclaw
else
  cache=$root/build/cargo_ros
fi

# What `make build` installed would stand in r2r's way with older interfaces.
spatialclaw_prefix_remove "$root/install/spatialclaw"
unset CMAKE_PREFIX_PATH

# r2r makes its bindings anew when AMENT_PREFIX_PATH changes, not when an interface does: hence the hash in the path.
hash=$(sha256sum msg/*.msg srv/*.srv action/*.action | sha256sum | cut -c1-12)
scripts/underlay/interfaces.sh . "$cache/interfaces-$hash"
spatialclaw_prefix_add "$cache/interfaces-$hash"

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target/ros}
args=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  args+=("$1")
  shift
done
exec cargo "${args[@]}" --features ros "$@"
