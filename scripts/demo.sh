#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# demo.sh [ASK_DEMO ARGS...]: a simulated robot with a depth camera, the node, and a client that asks the node questions
# and checks every answer against the simulator's truth. Needs `make build`. Results: out/demo/answers.json and scene.png.
# Exit code 0 only when every answer is right.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
. scripts/env.sh

say() { echo "demo: $*" >&2; }

# Python with the simulator. In a venv (the wheels underlay is one) it goes there, else into a venv that sees the system's packages.
usable() { "$1" -c 'import numpy, PIL, pybullet, scipy' >/dev/null 2>&1; }
python=$(command -v python3)
if ! usable "$python"; then
  if ! "$python" -c 'import os, sys; sys.exit(not (sys.prefix != sys.base_prefix and os.access(sys.prefix, os.W_OK)))'; then
    venv=$root/build/demo_venv
    [ -x "$venv/bin/python" ] || "$python" -m venv --system-site-packages "$venv"
    python=$venv/bin/python
  fi
fi
if ! usable "$python"; then
  mkdir -p out/demo
  say "installing the simulator (PyBullet) with $python; there are wheels for CPython 3.10 and 3.11 on x86_64, others compile it, which takes many minutes"
  "$python" -m pip install -v --no-input --disable-pip-version-check -r scripts/demo/requirements.txt >out/demo/pip.log 2>&1 &
  pip_pid=$!
  trap 'kill "$pip_pid" 2>/dev/null || true' EXIT
  seconds=0
  while kill -0 "$pip_pid" 2>/dev/null; do
    sleep 1
    seconds=$((seconds + 1))
    if [ $((seconds % 10)) = 0 ]; then say "still installing, $seconds s: $(tail -n 1 out/demo/pip.log | tr -d '\r' | cut -c -100)"; fi
  done
  if ! wait "$pip_pid"; then
    tail -n 20 out/demo/pip.log >&2
    say "PyBullet could not be installed; the whole log is in out/demo/pip.log"
    exit 1
  fi
  trap - EXIT
fi

if ! "$python" -c 'import tf2_msgs.msg, spatialclaw.action' 2>/dev/null; then
  "$python" -c 'import tf2_msgs.msg, spatialclaw.action' 2>&1 | tail -n 1 >&2
  say "the package's interfaces are not there: run 'make build' first"
  exit 1
fi

export DEMO_PYTHON=$python
exec scripts/isolated.sh scripts/demo/session.sh "$@"
