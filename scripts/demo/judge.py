# SPDX-License-Identifier: Apache-2.0
"""When an answer counts as right. Works on plain data (an AskSpatial result as nested dicts), so it needs no ROS.

The rules are fixed here, in terms of the scene and the sensor, and look at the node's sigma only up to a cap: a
node cannot be right by claiming to know nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import trajectory

Result = dict[str, Any]
Judge = Callable[[Result], "Verdict"]

SCORING = """\
How verdicts are made. Truth is the simulator's, taken at the stamp of the images the answer names.
  distance   One view cannot see hidden sides, so truth is an interval: from the distance between the complete
             shapes (closest points) to the distance between the surfaces in view (ray tests through the pixels
             that have depth). Right: full - 5 mm - s <= answer <= visible + 10 mm + s, with s = 3 sigma, at most
             50 mm.
  size       likewise from the visible to the complete extent, 10 mm + s either way
  bearing    between the visible middle's and the complete centre's bearing, 0.02 rad + 3 sigma (at most 0.05 rad)
  position   no farther from the true centre than the visible middle is, + 10 mm + s
  numbers    also need the right unit, evidence from published images of the moment asked about, and a sigma
             above 0 and at most 50 mm (or 5 % of the value) or 0.05 rad
  others     must be equal to the truth; refusals must carry the right code and no value"""

SLACK_M = 0.010
SLACK_BELOW_M = 0.005
SLACK_RAD = 0.02
CAP_M = 0.050
CAP_SHARE = 0.05
CAP_RAD = 0.05

KIND_NONE, KIND_NUMBER, KIND_BOOL, KIND_CHOICE, KIND_TEXT, KIND_POINT, KIND_POSE, KIND_LIST = range(8)

CODES = {
    12040: "NOT_VISIBLE",
    12041: "AMBIGUOUS_REFERENT",
    12043: "NOT_MEASURABLE",
    12050: "UNSUPPORTED_QUESTION",
}


@dataclass(frozen=True)
class Verdict:
    """Right or not, what the truth is, and why it is wrong."""

    right: bool
    truth: str
    why: str = ""


def number(low: float, high: float, unit: str, slack: tuple[float, float] = (SLACK_M, SLACK_M)) -> Judge:
    """A number between two truths, give or take ``slack`` (below, above) and the capped 3 sigma."""
    low, high = min(low, high), max(low, high)
    name = f"{low:.3f} {unit}" if high - low < 5e-4 else f"{low:.3f}..{high:.3f} {unit}"

    def judge(result: Result) -> Verdict:
        value = result["value"]
        if value["kind"] != KIND_NUMBER:
            return Verdict(False, name, f"value kind {value['kind']} is not a number")
        got = value["number"]
        if got["unit"] != unit:
            return Verdict(False, name, f"unit {got['unit']!r}, expected {unit!r}")
        cap = CAP_RAD if unit == "rad" else max(CAP_M, CAP_SHARE * high)
        sigma = got["sigma"]
        if not 0.0 < sigma <= cap:
            return Verdict(False, name, f"sigma {sigma:.4f} {unit} is not in (0, {cap:.3f}]")
        spread = min(3 * sigma, CAP_RAD if unit == "rad" else CAP_M)
        miss = max(low - spread - slack[0] - got["value"], got["value"] - high - spread - slack[1])
        if not miss <= 0:
            return Verdict(False, name, f"{miss:.3f} {unit} outside what is allowed")
        return Verdict(True, name)

    return judge


def distance(full_m: float, visible_m: float) -> Judge:
    """A distance to or between surfaces."""
    return number(full_m, max(full_m, visible_m), "m", (SLACK_BELOW_M, SLACK_M))


def bearing(full_rad: float, visible_rad: float) -> Judge:
    """A direction to the left of straight ahead."""
    return number(full_rad, visible_rad, "rad", (SLACK_RAD, SLACK_RAD))


def count(expected: int) -> Judge:
    """A bare count."""

    def judge(result: Result) -> Verdict:
        value = result["value"]
        right = value["kind"] == KIND_NUMBER and value["number"]["value"] == expected and value["number"]["unit"] == "1"
        return Verdict(right, str(expected), "" if right else "not the count")

    return judge


def yes_no(expected: bool) -> Judge:
    """A truth value."""

    def judge(result: Result) -> Verdict:
        value = result["value"]
        right = value["kind"] == KIND_BOOL and value["truth"] == expected
        return Verdict(right, "yes" if expected else "no", "" if right else "not the truth value")

    return judge


def moved(expected_m: float) -> Judge:
    """Whether something moved; where the answer's words give the displacement, that counts too."""

    def judge(result: Result) -> Verdict:
        verdict = yes_no(expected_m > 0)(result)
        truth = f"yes, {expected_m:.3f} m" if expected_m > 0 else "no"
        said = displacement(result["text"])
        if verdict.right and expected_m > 0 and said:
            if abs(said[0] - expected_m) > min(3 * said[1], CAP_M) + SLACK_M:
                return Verdict(False, truth, f"says it moved by {said[0]:.3f} m")
        return Verdict(verdict.right, truth, verdict.why)

    return judge


def displacement(text: str) -> tuple[float, float] | None:
    """The first length that a text gives after "moved", with its sigma or 0, in metres."""
    found = re.search(r"\bmoved?\b\D*?(\d+\.\d+)\s*(?:(?:±|\+/-)\s*(\d+\.\d+)\s*)?m\b", text)
    return (float(found.group(1)), float(found.group(2) or 0.0)) if found else None


def name(expected: str) -> Judge:
    """One object by its name; an instance suffix such as ``#3`` does not matter."""

    def judge(result: Result) -> Verdict:
        value = result["value"]
        right = value["kind"] in (KIND_CHOICE, KIND_TEXT) and bare(value["text"]) == expected
        return Verdict(right, expected, "" if right else "not the object")

    return judge


def order(expected: list[str]) -> Judge:
    """Names in order."""

    def judge(result: Result) -> Verdict:
        value = result["value"]
        right = value["kind"] == KIND_LIST and [bare(i) for i in value["items"]] == expected
        return Verdict(right, ", ".join(expected), "" if right else "not this order")

    return judge


def names(required: set[str], optional: set[str]) -> Judge:
    """A set of names: all required ones, none but those and the optional ones."""

    def judge(result: Result) -> Verdict:
        value = result["value"]
        got = {bare(i) for i in value["items"]}
        wrong = sorted((required - got) | (got - required - optional))
        right = value["kind"] == KIND_LIST and not wrong
        return Verdict(right, ", ".join(sorted(required)), "" if right else f"missing or extra: {', '.join(wrong)}")

    return judge


def position(frame: str, centre_m: np.ndarray, visible_m: np.ndarray) -> Judge:
    """A point in a frame."""
    truth = "({:.3f}, {:.3f}, {:.3f}) m".format(*centre_m)

    def judge(result: Result) -> Verdict:
        value = result["value"]
        if value["kind"] not in (KIND_POINT, KIND_POSE):
            return Verdict(False, truth, f"value kind {value['kind']} is not a point")
        placement = value["placement"]
        if placement["header"]["frame_id"] != frame:
            return Verdict(False, truth, f"frame {placement['header']['frame_id']!r}, expected {frame!r}")
        p = placement["pose"]["pose"]["position"]
        covariance = np.reshape(placement["pose"]["covariance"], (6, 6))[:3, :3]
        sigma = math.sqrt(max(0.0, float(np.linalg.eigvalsh((covariance + covariance.T) / 2)[-1])))
        if not 0.0 < sigma <= CAP_M:
            return Verdict(False, truth, f"sigma {sigma:.4f} m is not in (0, {CAP_M:.3f}]")
        allowed = float(np.linalg.norm(visible_m - centre_m)) + SLACK_M + min(3 * sigma, CAP_M)
        off = float(np.linalg.norm(np.array([p["x"], p["y"], p["z"]]) - centre_m))
        return Verdict(off <= allowed, truth, "" if off <= allowed else f"{off:.3f} m off, allowed {allowed:.3f} m")

    return judge


def refusal(code: int) -> Judge:
    """A typed refusal without a value."""

    def judge(result: Result) -> Verdict:
        truth = f"refusal {CODES[code]}"
        if result["success"] or result["value"]["kind"] != KIND_NONE:
            return Verdict(False, truth, "answered all the same")
        right = result["error_code"] == code and bool(result["error_msg"])
        return Verdict(right, truth, "" if right else f"code {result['error_code']}: {result['error_msg']}")

    return judge


def bare(text: str) -> str:
    """A name without article, case and instance suffix."""
    return re.sub(r"^(the|a|an)\s+", "", text.strip().lower()).split("#")[0].strip()


def nanos_of(time: dict[str, int]) -> int:
    """Integer nanoseconds of a builtin_interfaces/Time as plain data."""
    return time["sec"] * 1_000_000_000 + time["nanosec"]


def evidence_fault(result: Result, earliest: int, latest: int, period: int) -> str:
    """Why a measurement's evidence cannot be believed, or an empty string. Times in nanoseconds."""
    if not result["evidence"]:
        return "a measurement without evidence"
    for evidence in result["evidence"]:
        nanos, frame = nanos_of(evidence["header"]["stamp"]), evidence["header"]["frame_id"]
        if nanos % period:
            return f"evidence {evidence['id']}: no image has the stamp {nanos * 1e-9:.3f} s"
        if not earliest <= nanos <= latest:
            return f"evidence {evidence['id']} is from {nanos * 1e-9:.3f} s, asked at {latest * 1e-9:.3f} s"
        try:
            trajectory.map_from_frame(frame, 0.0)
        except KeyError:
            return f"evidence {evidence['id']} is in the unknown frame {frame!r}"
    return ""
