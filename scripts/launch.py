#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""launch.py FILE [NAME:=VALUE ...]: `ros2 launch`, or a small stand-in for it where that is not installed.

SIGINT and SIGTERM are passed on to the nodes. The exit code is that of the first node that failed, else 0.
launch.py --dry-run FILE [NAME:=VALUE ...]: prints as JSON what the stand-in would start.
"""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time

STAND_IN = os.path.join(os.path.dirname(os.path.realpath(__file__)), 'launch_stand_in')
PATIENCE = 10.0  # seconds from SIGINT to SIGTERM, and from there to SIGKILL


def real_launch():
    return importlib.util.find_spec('launch_ros') is not None and shutil.which('ros2') is not None


def describe(node):
    files = [node.command[i + 1] for i, word in enumerate(node.command) if word == '--params-file']
    texts = []
    for name in files:
        with open(name, encoding='utf-8') as file:
            texts.append(file.read())
    return {'command': node.command, 'respawn': node.respawn, 'parameter_files': texts}


def supervise(nodes):
    """Runs the nodes until all have ended; the first failure's exit code."""
    stop_signal = None

    def on_signal(number, _frame):
        nonlocal stop_signal
        stop_signal = number

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)

    running = {}
    due = {node: 0.0 for node in nodes}
    code = 0
    escalation = []
    while running or due:
        if stop_signal is not None and not escalation:
            due.clear()
            now = time.monotonic()
            # At a terminal Ctrl-C has reached the nodes already.
            if not (stop_signal == signal.SIGINT and sys.stdin and sys.stdin.isatty()):
                escalation.append((now, signal.SIGINT if stop_signal == signal.SIGINT else signal.SIGTERM))
            escalation += [(now + PATIENCE, signal.SIGTERM), (now + 2 * PATIENCE, signal.SIGKILL), (float('inf'), 0)]
        while escalation and escalation[0][0] <= time.monotonic():
            number = escalation.pop(0)[1]
            for process in running.values():
                process.send_signal(number)
        for node, when in list(due.items()):
            if when <= time.monotonic():
                del due[node]
                running[node] = subprocess.Popen(node.command, stdin=subprocess.DEVNULL)
        for node, process in list(running.items()):
            status = process.poll()
            if status is None:
                continue
            del running[node]
            print(f'launch.py: {os.path.basename(node.command[0])} ended with {status}', file=sys.stderr, flush=True)
            code = code or (128 - status if status < 0 else status)
            if node.respawn and stop_signal is None:
                due[node] = time.monotonic() + node.respawn_delay
        time.sleep(0.02)
    return code


def main(arguments):
    if not arguments or arguments[0] in ('-h', '--help'):
        print(__doc__)
        return 0 if arguments else 2
    dry_run = arguments[0] == '--dry-run'
    if dry_run:
        arguments = arguments[1:]
    elif real_launch():
        os.execvp('ros2', ['ros2', 'launch', *arguments])

    sys.path.insert(0, STAND_IN)
    import launch
    print('launch.py: ros2 launch is not installed, a stand-in evaluates the launch file', file=sys.stderr, flush=True)
    file, *assignments = arguments
    bad = [a for a in assignments if ':=' not in a]
    if bad:
        print(f'launch.py: not NAME:=VALUE: {bad[0]}', file=sys.stderr)
        return 2
    try:
        context = launch.evaluate(file, dict(a.split(':=', 1) for a in assignments))
    except (OSError, ValueError, LookupError) as error:
        print(f'launch.py: {error}', file=sys.stderr)
        return 2
    if dry_run:
        print(json.dumps([describe(node) for node in context.nodes], indent=1))
        return 0
    return supervise(context.nodes)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
