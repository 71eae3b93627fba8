# SPDX-License-Identifier: Apache-2.0
"""Fixtures for tests of the running node; the tools are in helpers.py."""

import os
import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from helpers import ROOT, NodeProcess, Ros, wait_until  # noqa: E402


@pytest.fixture
def ros():
    """A ROS node of the test's own, spun in the background."""
    with Ros() as own:
        yield own


@pytest.fixture
def start_node(request):
    """start_node(parameters=None, wait=True, **launch_arguments): runs the node; it is ended after the test.

    With `wait` it returns when the node's action server is there.
    """
    folder = ROOT / 'out' / 'tests'
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r'\W+', '_', request.node.nodeid.split('tests/ros/')[-1])
    started = []

    def start(parameters=None, *, wait=True, **arguments):
        log = folder / f'{name}.{len(started)}.log'
        log.unlink(missing_ok=True)
        process = NodeProcess(parameters, log=log, **arguments)
        started.append(process)
        if wait:
            namespace = arguments.get('namespace', '').strip('/')
            action = f'/{namespace}/spatialclaw/ask' if namespace else '/spatialclaw/ask'
            with Ros('spatialclaw_test_wait') as own:
                try:
                    wait_until(lambda: own.action(action).server_is_ready() or not process.running(), 20, f'the action server {action}')
                except TimeoutError as error:
                    raise AssertionError(f'{error}; the node printed:\n{process.output()}') from None
            assert process.running(), f'the node ended at once:\n{process.output()}'
        return process

    yield start
    for process in started:
        process.kill()


def pytest_report_header(config):
    return f'ROS 2 {os.environ.get("ROS_DISTRO")}, domain {os.environ.get("ROS_DOMAIN_ID")}'


def pytest_sessionfinish(session, exitstatus):
    """A skipped test is a failed run, except where the shared data is absent: a clone has none."""
    reporter = session.config.pluginmanager.get_plugin('terminalreporter')
    skipped = reporter.stats.get('skipped', []) if reporter else []
    if exitstatus == 0 and any('shared data absent' not in str(report.longrepr) for report in skipped):
        reporter.write_line('tests were skipped: counted as a failure', red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
