#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# build.sh: builds this package into build/ and installs it into install/spatialclaw/, as colcon does in a workspace.
# BUILD_TYPE is Release, or Debug for a quicker build of a slower node.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
scripts/setup_underlay.sh
. scripts/env.sh
# A package must not find its own earlier install among its dependencies.
spatialclaw_prefix_remove "$root/install/spatialclaw"
export CARGO_NET_RETRY=${CARGO_NET_RETRY:-5}

# CMake refuses a package whose dependencies lie below its source folder, as .underlay/ does: a link gives it another path.
mkdir -p build/src
ln -sfn "$root" build/src/spatialclaw

echo "build: interfaces and node; the first time takes several minutes" >&2
arguments=("-DCMAKE_BUILD_TYPE=${BUILD_TYPE:-Release}" -DBUILD_TESTING=OFF)
if command -v colcon >/dev/null; then
  colcon --log-base log build --paths build/src/spatialclaw --cmake-args "${arguments[@]}"
else
  cmake -S build/src/spatialclaw -B build/spatialclaw -DCMAKE_INSTALL_PREFIX="$root/install/spatialclaw" \
    -DCMAKE_PREFIX_PATH="${AMENT_PREFIX_PATH//:/;}" "${arguments[@]}"
  cmake --build build/spatialclaw -j"$(nproc)"
  cmake --install build/spatialclaw
fi
