# SPDX-License-Identifier: Apache-2.0
"""Simulator and client together over ROS 2, with a stand-in for the node that answers from the truth."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

for module in ("pybullet", "PIL", "rclpy", "tf2_msgs.msg", "spatialclaw.action"):
    pytest.importorskip(module, reason=f"needs {module}: `make build` and scripts/demo/requirements.txt")

ROOT = Path(__file__).resolve().parents[2]


def session(tmp_path: Path, fake: str, *args: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "scripts/demo/session.sh"), "--out", str(tmp_path), *args]
    isolated = ROOT / "scripts/isolated.sh"
    if isolated.exists():
        command.insert(0, str(isolated))
    env = {
        **os.environ,
        "DEMO_PYTHON": sys.executable,
        "DEMO_OUT": str(tmp_path),
        "DEMO_NODE": f"{sys.executable} {ROOT}/tests/demo/fake_node.py {fake}",
    }
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=150, check=False)


def test_true_answers_are_all_right(tmp_path: Path) -> None:
    done = session(tmp_path, "", "--only", "duck")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "answers.json").read_text(encoding="utf-8"))
    assert report["right"] == report["asked"] == 3
    assert (tmp_path / "scene.png").stat().st_size > 50_000
    assert "argv" not in done.stdout and "pybullet" not in done.stdout


def test_false_answers_are_noticed(tmp_path: Path) -> None:
    done = session(tmp_path, "--wrong 1", "--only", "mug")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "answers.json").read_text(encoding="utf-8"))
    assert [q["question"] for q in report["questions"] if q["right"]] == ["What colour is the mug?"]


def test_a_node_that_dies_ends_the_demo_with_its_last_words(tmp_path: Path) -> None:
    done = session(tmp_path, "--no-such-argument", "--only", "mug")
    assert done.returncode == 1
    assert "the node ended early" in done.stderr and "no-such-argument" in done.stderr
