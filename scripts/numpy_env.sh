#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# numpy_env.sh: prints the Python with numpy and scipy that the arrays are compared with; makes it in .numpy/ on first use.
# SPATIALCLAW_NUMPY_PYTHON names another one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1
requirements=tests/numpy/requirements.txt

say() { echo "numpy: $*" >&2; }

if [ -n "${SPATIALCLAW_NUMPY_PYTHON:-}" ]; then
  echo "$SPATIALCLAW_NUMPY_PYTHON"
  exit 0
fi
python=$PWD/.numpy/bin/python
if [ -f .numpy/stamp ] && cmp -s .numpy/stamp "$requirements"; then
  echo "$python"
  exit 0
fi
for name in python3.11 python3.12 python3.13 python3.10 python3; do
  base=$(command -v "$name") || continue
  "$base" -c 'import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || continue
  rm -rf .numpy
  say "installing $(paste -sd ' ' "$requirements") into .numpy ($("$base" --version))"
  "$base" -m venv .numpy
  "$python" -m pip install -q --retries 5 -r "$requirements" </dev/null >&2
  cp "$requirements" .numpy/stamp
  echo "$python"
  exit 0
done
say "no CPython 3.10 to 3.13 with venv was found"
exit 1
