#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# session.sh [CLIENT ARGS...]: simulator, node and client side by side; ends all three. Called by scripts/demo.sh.
# DEMO_CLIENT names another client than demo.ask_demo, DEMO_PARAMS other
# parameters of the node, DEMO_SIM arguments of the simulator.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=${DEMO_PYTHON:-python3}
export PYTHONPATH=$PWD/scripts${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
out=${DEMO_OUT:-out/demo} # where the logs go; --out says where the results go
mkdir -p "$out"

sim_pid='' node_pid='' ask_pid=''
# shellcheck disable=SC2317 # called by the trap
finish() {
  local code=$? pid left alive
  trap - EXIT INT TERM
  for pid in $ask_pid $node_pid $sim_pid; do kill -TERM "$pid" 2>/dev/null || true; done
  for left in $(seq 100); do
    alive=''
    for pid in $ask_pid $node_pid $sim_pid; do if kill -0 "$pid" 2>/dev/null; then alive="$alive $pid"; fi; done
    [ -n "$alive" ] || break
    if [ "$left" = 100 ]; then for pid in $alive; do kill -KILL "$pid" 2>/dev/null || true; done; fi
    sleep 0.1
  done
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

echo "demo: starting the simulator and the node (ROS_DOMAIN_ID=${ROS_DOMAIN_ID:-0}); logs in $out/"
# shellcheck disable=SC2086 # several arguments or none
"$python" -m demo.robot_camera ${DEMO_SIM:-} </dev/null >"$out/sim.log" 2>&1 &
sim_pid=$!
# DEMO_NODE: another command in the node's place, for tests of the demo itself.
if [ -n "${DEMO_NODE:-}" ]; then
  bash -c "exec $DEMO_NODE" </dev/null >"$out/node.log" 2>&1 &
else
  "$python" scripts/launch.py launch/spatialclaw.launch.py camera:=front use_sim_time:=true \
    params_file:="${DEMO_PARAMS:-$PWD/scripts/demo/demo_params.yaml}" </dev/null >"$out/node.log" 2>&1 &
fi
node_pid=$!
"$python" -m "${DEMO_CLIENT:-demo.ask_demo}" "$@" </dev/null &
ask_pid=$!

code=0
ended=''
wait -n -p ended "$sim_pid" "$node_pid" "$ask_pid" || code=$?
if [ "$ended" = "$ask_pid" ]; then
  ask_pid=''
  if [ "$code" != 0 ]; then
    echo "demo: exit code $code; the node's last lines ($out/node.log):" >&2
    tail -n 15 "$out/node.log" >&2
  fi
  exit "$code"
fi
if [ "$ended" = "$node_pid" ]; then what=node; else what=sim; fi
echo "demo: the $what ended early with code $code; its last lines ($out/$what.log):" >&2
tail -n 25 "$out/$what.log" >&2
exit 1
