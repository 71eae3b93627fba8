# SPDX-License-Identifier: Apache-2.0
"""The rules by which the demo's answers count as right, on made-up results."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pybullet", reason="the demo's simulator is not installed: see scripts/demo/requirements.txt")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from demo import judge  # noqa: E402
from demo.questions import QUESTIONS  # noqa: E402


def result(kind: int, **fields: Any) -> dict[str, Any]:
    value = {"kind": kind, "text": "", "truth": False, "items": [], **fields}
    ok = kind != judge.KIND_NONE
    return {"success": ok, "error_code": 0, "error_msg": "", "text": "", "value": value, "evidence": []}


def number(value: float, sigma: float, unit: str = "m") -> dict[str, Any]:
    return result(judge.KIND_NUMBER, number={"value": value, "sigma": sigma, "unit": unit})


@pytest.mark.parametrize(
    ("got", "right"),
    [
        (number(0.345, 0.004), True),
        (number(0.324, 0.004), True),  # full 0.340 - 5 mm - 12 mm
        (number(0.322, 0.004), False),
        (number(0.371, 0.004), True),  # visible 0.350 + 10 mm + 12 mm
        (number(0.373, 0.004), False),
        (number(0.42, 0.05), False),  # 3 sigma counts up to 50 mm only
        (number(0.345, 0.06), False),  # knows too little
        (number(0.345, 0.0), False),  # knows too much
        (number(float("nan"), 0.004), False),
        (number(0.345, 0.004, "rad"), False),
        (result(judge.KIND_TEXT, text="0.345 m"), False),
    ],
)
def test_a_distance_lies_between_full_and_visible_truth(got: dict[str, Any], right: bool) -> None:
    assert judge.distance(0.340, 0.350)(got).right is right


def test_counts_names_and_lists_are_equal_or_wrong() -> None:
    assert judge.count(3)(number(3.0, 0.0, "1")).right
    assert not judge.count(3)(number(2.0, 0.0, "1")).right
    assert judge.name("carton")(result(judge.KIND_CHOICE, text="the carton#3")).right
    assert not judge.name("carton")(result(judge.KIND_TEXT, text="table")).right
    assert judge.order(["a", "b"])(result(judge.KIND_LIST, items=["a", "b"])).right
    assert not judge.order(["a", "b"])(result(judge.KIND_LIST, items=["b", "a"])).right
    seen = judge.names({"mug"}, {"floor"})
    assert seen(result(judge.KIND_LIST, items=["mug", "floor"])).right
    assert not seen(result(judge.KIND_LIST, items=["mug", "zebra"])).right
    assert not seen(result(judge.KIND_LIST, items=["floor"])).right


def test_a_displacement_in_words_counts() -> None:
    def said(text: str) -> dict[str, Any]:
        return {**result(judge.KIND_BOOL, truth=True), "text": text}

    rule = judge.moved(0.2)
    assert rule(said("Yes, the duck moved 0.205 ± 0.004 m in map.")).right
    assert rule(said("Yes.")).right
    assert not rule(said("Yes, the duck moved by 0.310 ± 0.004 m.")).right
    assert not judge.moved(0.0)(said("Yes.")).right


def test_a_refusal_needs_its_code_a_message_and_no_value() -> None:
    refused = {**result(judge.KIND_NONE), "error_code": 12040, "error_msg": "not in view"}
    assert judge.refusal(12040)(refused).right
    assert not judge.refusal(12041)(refused).right
    assert not judge.refusal(12040)({**refused, "error_msg": ""}).right
    assert not judge.refusal(12040)(number(1.0, 0.01)).right


def test_a_position_must_be_in_the_frame_asked_for() -> None:
    def at(x: float, frame: str) -> dict[str, Any]:
        pose = {"position": {"x": x, "y": 0.0, "z": 0.0}}
        placement = {
            "header": {"frame_id": frame},
            "pose": {"pose": pose, "covariance": (np.eye(6) * 1e-4).ravel().tolist()},
        }
        return result(judge.KIND_POINT, placement=placement)

    rule = judge.position("base_link", np.array([1.0, 0.0, 0.0]), np.array([0.97, 0.0, 0.0]))
    assert rule(at(0.96, "base_link")).right
    assert not rule(at(0.96, "map")).right
    assert not rule(at(0.90, "base_link")).right


def test_evidence_must_come_from_an_image_of_the_moment() -> None:
    def seen(nanos: int, frame: str) -> dict[str, Any]:
        stamp = {"sec": nanos // 1_000_000_000, "nanosec": nanos % 1_000_000_000}
        return {"evidence": [{"id": "mug#5@front", "header": {"stamp": stamp, "frame_id": frame}}]}

    second = 1_000_000_000
    fault = judge.evidence_fault
    assert fault(seen(10 * second, "map"), 9 * second, 11 * second, second // 5) == ""
    assert "no image" in fault(seen(10 * second + 7, "map"), 9 * second, 11 * second, second // 5)
    assert "is from" in fault(seen(3 * second, "map"), 9 * second, 11 * second, second // 5)
    assert "frame" in fault(seen(10 * second, "nowhere"), 9 * second, 11 * second, second // 5)
    assert "without" in fault({"evidence": []}, 0, second, second // 5)


def test_the_demo_asks_enough_and_provokes_three_refusals() -> None:
    assert len(QUESTIONS) >= 14
    assert len({q.text for q in QUESTIONS}) == len(QUESTIONS)
    made = [
        q.text
        for q in QUESTIONS
        if q.text in ("How far is the suitcase?", "How far is the cup?", "What colour is the mug?")
    ]
    assert len(made) == 3
