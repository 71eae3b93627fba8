# SPDX-License-Identifier: Apache-2.0
"""What a cell measures in an arrangement, and what PyBullet says about it. No ROS.

One view does not show hidden sides, so that truth is an interval as in ``demo.judge``: from the complete shape to what is visible of it.
A number may leave the interval by 3 sigma, of which none may exceed 50 mm, and what a pixel's edge may hide: 10 mm, or 5 mm towards less
distance. A handful of pixels, such as a tail behind a wing, need not count as visible.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from arrangements import Arrangement
from demo.scene import World
from demo.truth import Box, Truth
from numpy.typing import NDArray

Told = dict[str, Any]
Judge = Callable[[Told], str]
"""Nothing when it is right, else what is wrong, with the truth."""

SLACK_M, SLACK_BELOW_M, SLACK_RAD = 0.010, 0.005, 0.02
CAP_M, CAP_RAD = 0.050, 0.05
NOISE_SIGMAS = 4.5  # of the nearest of thousands of noisy points
HANDFUL = 10  # pixels
SURROUNDINGS = ("floor", "table", "door", "heater")


@dataclass(frozen=True)
class Case:
    """One call: `tool` is whom it judges, `code` the statements before the map `told`, all in Rhai."""

    tool: str
    about: str
    code: str
    told: str
    judge: Judge


# ---- judges


def within(low: float, high: float, below: float = SLACK_M, above: float = SLACK_M, cap: float = CAP_M) -> Judge:
    """A value between two truths, give or take the slack and 3 sigma."""
    low, high = min(low, high), max(low, high)

    def judge(told: Told) -> str:
        value, sigma = told["v"], told["s"]
        if not 0.0 < sigma <= max(cap, 0.05 * abs(high)):
            return f"sigma {sigma:.4f} is not in (0, {cap}]"
        spread = 3 * sigma
        if low - below - spread <= value <= high + above + spread:
            return ""
        return f"{value:.4f} ± {sigma:.4f}, truth {low:.4f}..{high:.4f}"

    return judge


def distance(full: float, visible: float) -> Judge:
    """A distance to or between surfaces."""
    return within(full, max(full, visible), SLACK_BELOW_M, SLACK_M)


def verdict(*truths: bool) -> Judge:
    """A relation: whole and visible part may differ, then either is right. What is not clear counts as refused elsewhere."""

    def judge(told: Told) -> str:
        if told["holds"] in truths:
            return ""
        return f"says {told['holds']} by {told['v']:.4f} ± {told['s']:.4f}, truth {truths[0]}"

    return judge


def one_of(*truths: Any) -> Judge:
    """A name or a list of names."""
    return lambda told: "" if told["name"] in truths else f"says {told['name']}, truth {truths}"


def near(truth: NDArray[np.float64], reach: float) -> Judge:
    """A position within so much of the truth, and 3 sigma where one is told."""

    def judge(told: Told) -> str:
        off = float(np.linalg.norm(np.asarray(told["p"]) - truth))
        allowed = reach + min(3 * told.get("s", 0.0), CAP_M)
        return (
            "" if off <= allowed else f"{told['p']} is {off:.4f} from {truth.round(4).tolist()}, allowed {allowed:.4f}"
        )

    return judge


def angle(u: Any, v: Any) -> float:
    """Between two directions of any length."""
    return math.atan2(float(np.linalg.norm(np.cross(u, v))), float(np.dot(u, v)))


# ---- Rhai


def number(tool: str, about: str, call: str, judge: Judge, before: str = "") -> Case:
    """A call that gives a Measurement."""
    return Case(tool, about, f"{before} let m = {call};", "v: m.value, s: m.sigma", judge)


def relation(tool: str, about: str, call: str, judge: Judge) -> Case:
    """A call that gives a Relation."""
    told = "holds: r.holds, clear: r.clear, v: r.margin.value, s: r.margin.sigma"
    return Case(tool, about, f"let r = {call};", told, judge)


def cell(names: list[str], cases: list[Case]) -> str:
    """A cell that finds the objects once and submits the newest picture's time and what each case gave, in order, as JSON."""
    lines = ["let o = #{};", f"let names = {json.dumps(names)};"]
    lines.append("for n in names { try { o[n] = tools.Scene.find(n); } catch (e) { print(`${n}: ${e}`); } }")
    lines.append("let all = [`${InputImages[-1].stamp}`];")
    for case in cases:
        lines.append(f"try {{ {case.code} all.push(#{{{case.told}}}.to_json()); }}")
        lines.append(
            'catch (e) { all.push(#{code: if type_of(e) == "ToolError" { e.code } else { "FAULT" }, message: "" + e}.to_json()); }'
        )
    return "\n".join([*lines, "ReturnAnswer(all);"])


def obj(name: str) -> str:
    return f'o["{name}"]'


# ---- cases


class OneMoment(Truth):
    """Truth about a world that is not posed again, so that boxes are found once."""

    def __init__(self, world: World, t_secs: float) -> None:
        super().__init__(world)
        self._boxes: dict[int, Box] = {}
        self.at(t_secs)

    def box(self, label: int) -> Box:
        if label not in self._boxes:
            self._boxes[label] = super().box(label)
        return self._boxes[label]


class Scene:
    """An arrangement at its newest picture: the whole of every thing, and what is seen of it."""

    def __init__(self, arrangement: Arrangement) -> None:
        self.a = arrangement
        self.truth = OneMoment(arrangement.world, arrangement.now_secs)
        self.random = np.random.default_rng([7, arrangement.seed])
        self.seen = self.truth.visible()
        self.things = [n for n in arrangement.seen if n not in SURROUNDINGS]
        self.id = {n: arrangement.label(n) for n in arrangement.seen}
        self.full = {n: self.truth.box(self.id[n]) for n in self.things}
        self.vis = {n: self.truth.visible_box(self.id[n]) for n in self.things}
        self.least = {n: _without_slivers(self.seen[self.id[n]]) for n in self.things}
        self.table_top_m = self.truth.top(self.id["table"])

    def pairs(self, n: int, among: list[str] | None = None) -> list[tuple[str, str]]:
        """Some pairs of different things."""
        every = list(itertools.permutations(among if among is not None else self.things, 2))
        return [every[i] for i in self.random.permutation(len(every))[:n]]

    def range_m(self, name: str) -> float:
        """How far the camera is from the farthest visible point of a thing."""
        eye = self.truth.origin("front_optical_frame")
        return float(np.linalg.norm(self.seen[self.id[name]] - eye, axis=1).max())

    def centre_reach_m(self, name: str) -> float:
        """How far the middle of what is visible may lie from the true one."""
        full, vis, least = self.full[name], self.vis[name], self.least[name]
        sliver = max(0.0, vis.long_m - least[0], vis.wide_m - least[1], vis.top_m - vis.bottom_m - least[2]) / 2
        return float(np.linalg.norm(vis.centre_m - full.centre_m)) + 2 * SLACK_M + sliver

    def gap_m(self, i: int, j: int) -> float:
        """Horizontal gap of the complete shapes' footprints, by their support functions; negative where they overlap."""
        gaps = []
        for angle in np.arange(0, 2 * math.pi, math.radians(3)):
            d = np.array([math.cos(angle), math.sin(angle), 0.0])
            gaps.append(-self.truth.reach(j, -d) - self.truth.reach(i, d))
        return max(gaps)


def _without_slivers(points: NDArray[np.float64]) -> tuple[float, float, float]:
    """Length, width and height of what is left of visible points without a handful at each end."""
    k = min(HANDFUL, len(points) // 20)

    def extent(direction: tuple[float, ...]) -> float:
        ends = np.sort(points @ np.array(direction))
        return float(ends[-1 - k] - ends[k])

    angles = [math.radians(degrees) for degrees in range(90)]
    sides = [(extent((math.cos(t), math.sin(t), 0.0)), extent((-math.sin(t), math.cos(t), 0.0))) for t in angles]
    best = min(sides, key=lambda side: side[0] * side[1])
    return max(best), min(best), extent((0.0, 0.0, 1.0))
