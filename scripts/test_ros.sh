#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_ros.sh [PYTEST ARGS...]: the tests that run the installed node (`make build` first) under ROS 2.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh
exec scripts/isolated.sh python3 -m pytest "${@:-tests/ros}"
