#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# setup_underlay.sh: makes sure that there is a ROS 2 to build and test against.
# Uses the one that is sourced, if any. Else installs ROS 2 Jazzy from Python wheels into .underlay/, which needs no root
# where a C++ compiler, make and a CPython 3.10 to 3.13 with headers are there. For development and tests: a robot has its own ROS 2.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
underlay=$root/.underlay
export PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }

if [ -n "${ROS_DISTRO:-}" ] && [ -n "${AMENT_PREFIX_PATH:-}" ]; then
  say "using the ROS 2 $ROS_DISTRO that is sourced"
  python3 -c 'import numpy, PIL, pytest, rosbags, zstandard, yaml' 2>/dev/null ||
    say "the tests also need: python3 -m pip install numpy pillow pytest pyyaml rosbags zstandard"
  exit 0
fi
if [ -n "${SPATIALCLAW_UNDERLAY:-}" ]; then
  [ -f "$SPATIALCLAW_UNDERLAY/setup.bash" ] || die "SPATIALCLAW_UNDERLAY=$SPATIALCLAW_UNDERLAY holds no setup.bash"
  say "using $SPATIALCLAW_UNDERLAY as it is"
  exit 0
fi
[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] ||
  die "the ROS 2 wheels exist for x86_64 Linux only, this is $(uname -s) $(uname -m). Install ROS 2, source its setup.bash and try again."

# Whether this Python can make the underlay: version, venv, headers. A command of this name may exist and not work.
suits() {
  "$1" - <<'PYTHON' >/dev/null 2>&1
import ensurepip, os, platform, sys, sysconfig, venv
ok = (platform.python_implementation() == 'CPython' and (3, 10) <= sys.version_info[:2] <= (3, 13)
      and os.path.exists(os.path.join(sysconfig.get_paths()['include'], 'Python.h')))
sys.exit(not ok)
PYTHON
}
find_python() {
  local name path
  # 3.11 and 3.10 first: the simulator of the demo has wheels for these.
  for name in python3.11 python3.10 python3 python3.12 python3.13; do
    while read -r path; do
      if suits "$path"; then "$path" -c 'import sys; print(sys.executable)'; return 0; fi
    done < <(type -ap "$name")
  done
  return 1
}

system_packages=()
if ! command -v c++ >/dev/null || ! command -v make >/dev/null; then system_packages+=(build-essential); fi
find_python >/dev/null || system_packages+=(python3 python3-dev python3-venv)
if [ ${#system_packages[@]} -gt 0 ]; then
  install="apt-get install -y --no-install-recommends ${system_packages[*]}"
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo -n)
  if command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null; then
    say "installing ${system_packages[*]}"
    "${as_root[@]}" apt-get update -qq </dev/null
    # shellcheck disable=SC2086 # a command line
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" $install -qq </dev/null >/dev/null
  else
    die "please run, then try again:  sudo $install"
  fi
fi
python=$(find_python) ||
  die "no CPython 3.10 to 3.13 with venv and headers was found (looked for python3.11, python3.10, python3, python3.12, python3.13)"

stamp=$underlay/spatialclaw/stamp
key=$({ echo "$underlay"; "$python" -VV; cat scripts/underlay/requirements.txt scripts/underlay/fixup.sh scripts/underlay/tf2_msgs/msg/*; } | sha256sum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$key" ]; then
  exit 0
fi

say "1/3 Python environment in .underlay ($("$python" --version), $python)"
rm -rf "$underlay"
"$python" -m venv "$underlay"
mkdir -p "$underlay/spatialclaw"
touch "$underlay/COLCON_IGNORE"
say "2/3 ROS 2 Jazzy from wheels: about 100 MB to fetch, half a minute or more"
_ROS_WHEELS_BOOTSTRAP_COMPLETE=1 "$underlay/bin/pip" install -q --retries 5 -r scripts/underlay/requirements.txt </dev/null
scripts/underlay/fixup.sh "$underlay"
say "3/3 tf2_msgs, which the wheels leave out"
. scripts/env.sh
scripts/underlay/interfaces.sh scripts/underlay/tf2_msgs "$underlay/spatialclaw/tf2_msgs"
echo "$key" >"$stamp"
say "done ($(du -sh "$underlay" | cut -f1))"
