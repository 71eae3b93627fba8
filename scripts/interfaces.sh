#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# interfaces.sh [COMPARE_INTERFACES ARGS...]: the demo's simulator, the node with a model that plays recorded replies, and a client that
# asks every open question by each action interface and judges the answers. Needs `make build`. Exit code 0 only when every outcome
# is the expected one.
#
# To record: --requests FOLDER --wait-reply 600 --deadline 900, and write the missing replies while it waits.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export DEMO_CLIENT=demo.compare_interfaces DEMO_PARAMS=${DEMO_PARAMS:-$root/scripts/demo/interfaces_params.yaml}
export DEMO_OUT=${DEMO_OUT:-out/interfaces}
# Time stands still once the buffers are full: every question is asked of the same images.
export DEMO_SIM=${DEMO_SIM-"--rtf 1 --hold-after 12"}
exec "$root/scripts/demo.sh" "$@"
