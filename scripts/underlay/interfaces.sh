#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# interfaces.sh SOURCE PREFIX: builds an interface package with the sourced ROS 2 and installs it into PREFIX.
# Does nothing when PREFIX is there already; PREFIX appears whole or not at all.
set -euo pipefail
source_dir=$(realpath "${1:?source directory}")
prefix=${2:?prefix}
mkdir -p "$(dirname "$prefix")"
exec 9>"$prefix.lock"
flock 9
[ ! -e "$prefix" ] || exit 0

build=$(mktemp -d)
trap 'rm -rf "$build" "$prefix.new"' EXIT
echo "building the interfaces of $(basename "$source_dir") into $prefix (about half a minute)" >&2
{
  ln -s "$source_dir" "$build/source" && # CMake refuses dependencies below the source folder, such as .underlay/
    cmake -S "$build/source" -B "$build/build" -DSPATIALCLAW_INTERFACES_ONLY=ON -DBUILD_TESTING=OFF \
      -DCMAKE_PREFIX_PATH="${AMENT_PREFIX_PATH//:/;}" -DCMAKE_INSTALL_PREFIX="$prefix" &&
    cmake --build "$build/build" -j"$(nproc)" &&
    DESTDIR=$prefix.new cmake --install "$build/build"
} >"$build.log" 2>&1 || { cat "$build.log" >&2; rm -f "$build.log"; exit 1; }
rm -f "$build.log"
# colcon expects a set-up script in every prefix that a workspace is built upon.
for shell in sh bash; do
  cat >"$prefix.new$(realpath -m "$prefix")/local_setup.$shell" <<SETUP
export AMENT_PREFIX_PATH="$prefix\${AMENT_PREFIX_PATH:+:\$AMENT_PREFIX_PATH}"
export LD_LIBRARY_PATH="$prefix/lib\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
SETUP
done
mv -T "$prefix.new$(realpath -m "$prefix")" "$prefix"
