#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bench.sh [run.py ARGS...]: the kernel and its tools against an interpreter with numpy and scipy, in one run, taking turns.
# Results: out/bench/bench.md and bench.json. The peers live in build/bench_venv, made on first use.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1

say() { echo "bench: $*" >&2; }

venv=$PWD/build/bench_venv
wanted=$(cat tests/numpy/requirements.txt scripts/bench/requirements.txt)
if [ "$(cat "$venv/stamp" 2>/dev/null)" != "$wanted" ]; then
  for name in python3.11 python3.12 python3.13 python3.10 python3; do
    base=$(command -v "$name") || continue
    "$base" -c 'import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && break
    base=''
  done
  if [ -z "${base:-}" ]; then
    say "no CPython 3.10 to 3.13 with venv was found"
    exit 1
  fi
  say "installing numpy, scipy, ipykernel and jupyter_client into build/bench_venv ($("$base" --version))"
  rm -rf "$venv"
  "$base" -m venv "$venv"
  "$venv/bin/python" -m pip install -q --retries 5 -r scripts/bench/requirements.txt </dev/null >&2
  echo "$wanted" >"$venv/stamp"
fi

binary=$(cargo bench --locked --bench peers --no-run --message-format=json-render-diagnostics |
  "$venv/bin/python" -c 'import json, sys
found = [m.get("executable") for m in map(json.loads, sys.stdin) if m.get("reason") == "compiler-artifact" and m["target"]["name"] == "peers"]
print(found[-1])')
PYTHONPATH=scripts exec "$venv/bin/python" -m bench.run --binary "$binary" "$@"
