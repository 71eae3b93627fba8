#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# isolated.sh COMMAND...: runs a command where it meets no other ROS 2: with a network and shared memory of its own where
# the system allows it, and in any case in a domain that nobody uses. ROS_DOMAIN_ID is kept when it is set.
set -euo pipefail

if [ -z "${ROS_DOMAIN_ID:-}" ]; then
  ROS_DOMAIN_ID=$(python3 - <<'PYTHON'
import random
import socket

for domain in random.sample(range(1, 100), 99):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(('', 7400 + 250 * domain))
        except OSError:
            continue
    print(domain)
    break
PYTHON
  )
  export ROS_DOMAIN_ID
fi

# shellcheck disable=SC2016 # for the inner shell
enter='mount -t tmpfs tmpfs /dev/shm && python3 - && exec "$@"'
loopback_up='import fcntl, socket, struct
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))'
for map in '' --map-root-user; do
  # shellcheck disable=SC2086 # no argument or one
  if unshare $map --net --mount bash -c "$enter" _ true <<<"$loopback_up" 2>/dev/null; then
    exec unshare $map --net --mount bash -c "$enter" _ "$@" <<<"$loopback_up"
  fi
done
echo "isolated.sh: no network namespace to be had; using domain $ROS_DOMAIN_ID of this machine" >&2
exec "$@" </dev/null
