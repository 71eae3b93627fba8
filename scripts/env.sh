# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# . scripts/env.sh: the environment for building, running and testing spatialclaw from this checkout.
# Uses the ROS 2 that is sourced already, else the underlay that scripts/setup_underlay.sh makes
# (in .underlay/, or where SPATIALCLAW_UNDERLAY says), and on top of it what `make build` has installed.

_spatialclaw_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Puts an installed prefix in front of the search paths, once; takes one out again.
spatialclaw_prefix_add() {
  local prefix=$1 python
  [ -d "$prefix" ] || return 0
  case ":${AMENT_PREFIX_PATH:-}:" in *":$prefix:"*) return 0 ;; esac
  export AMENT_PREFIX_PATH="$prefix${AMENT_PREFIX_PATH:+:$AMENT_PREFIX_PATH}"
  export LD_LIBRARY_PATH="$prefix/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  for python in "$prefix"/lib/python3*/site-packages "$prefix"/local/lib/python3*/dist-packages; do
    if [ -d "$python" ]; then export PYTHONPATH="$python${PYTHONPATH:+:$PYTHONPATH}"; fi
  done
}
spatialclaw_prefix_remove() {
  local name keep entry entries
  for name in AMENT_PREFIX_PATH LD_LIBRARY_PATH PYTHONPATH CMAKE_PREFIX_PATH PATH; do
    keep=
    IFS=: read -ra entries <<<"${!name:-}"
    for entry in "${entries[@]}"; do
      case $entry in "$1" | "$1"/*) ;; *) keep+=:$entry ;; esac
    done
    if [ -n "${!name:-}" ]; then export "$name=${keep#:}"; fi
  done
}

# The wheels underlay in use, empty when a real ROS 2 is sourced. A wheels underlay is a Python venv, no ROS install is.
_spatialclaw_wheels=
if [ -n "${ROS_DISTRO:-}" ] && [ -n "${AMENT_PREFIX_PATH:-}" ]; then
  IFS=: read -ra _spatialclaw_prefixes <<<"$AMENT_PREFIX_PATH"
  for _spatialclaw_prefix in "${_spatialclaw_prefixes[@]}"; do
    if [ -f "$_spatialclaw_prefix/pyvenv.cfg" ]; then _spatialclaw_wheels=$_spatialclaw_prefix; fi
  done
  unset _spatialclaw_prefixes _spatialclaw_prefix
else
  _spatialclaw_wheels=${SPATIALCLAW_UNDERLAY:-$_spatialclaw_root/.underlay}
  if [ ! -f "$_spatialclaw_wheels/setup.bash" ]; then
    echo "No ROS 2 is sourced and there is none in $_spatialclaw_wheels: run 'make setup' first." >&2
    return 1
  fi
  case $- in *u*) _spatialclaw_nounset=1; set +u ;; *) _spatialclaw_nounset= ;; esac
  # shellcheck source=/dev/null
  . "$_spatialclaw_wheels/setup.bash"
  if [ -n "$_spatialclaw_nounset" ]; then set -u; fi
  unset _spatialclaw_nounset
fi

if [ -n "$_spatialclaw_wheels" ]; then
  spatialclaw_prefix_add "$_spatialclaw_wheels/spatialclaw/tf2_msgs"
  case ":$PATH:" in *":$_spatialclaw_wheels/bin:"*) ;; *) export PATH="$_spatialclaw_wheels/bin:$PATH" ;; esac
  export RMW_IMPLEMENTATION=rmw_fastrtps_cpp # the only one there
  if [ -z "${LIBCLANG_PATH:-}" ]; then
    for _spatialclaw_libclang in "$_spatialclaw_wheels"/lib/python3*/site-packages/clang/native; do
      [ -e "$_spatialclaw_libclang/libclang.so" ] || continue
      export LIBCLANG_PATH=$_spatialclaw_libclang
      # That package has no compiler headers (stddef.h and the like) beside it: the C compiler's serve.
      BINDGEN_EXTRA_CLANG_ARGS="-isystem $(cc -print-file-name=include)"
      export BINDGEN_EXTRA_CLANG_ARGS
    done
    unset _spatialclaw_libclang
  fi
fi

spatialclaw_prefix_add "$_spatialclaw_root/install/spatialclaw"

export ROS_AUTOMATIC_DISCOVERY_RANGE=${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}
export ROS_LOG_DIR=${ROS_LOG_DIR:-$_spatialclaw_root/out/log}
export FASTRTPS_DEFAULT_PROFILES_FILE=${FASTRTPS_DEFAULT_PROFILES_FILE:-$_spatialclaw_root/config/fastdds_lossless_loopback.xml}
