# SPDX-License-Identifier: Apache-2.0
"""Open questions about the demo scene: none is in the offline grammar. Each has its judge from the simulator's truth.

Most take two or three measurements and a thought about them; some are about what would happen.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from . import judge, trajectory
from .questions import Make, Question
from .truth import Points, Truth

PUSH_STEP_M = 0.01


@dataclass(frozen=True)
class OpenQuestion(Question):
    """A question with a short name, by which its recorded replies are found."""

    key: str = ""


def _one(t: Truth, name: str) -> int:
    (label,) = t.world.labels(name)
    return label


def _towards_robot(t: Truth, label: int) -> Points:
    """Horizontal unit vector from an object's middle to the robot."""
    d = t.origin("base_link") - t.box(label).centre_m
    d[2] = 0.0
    return d / np.linalg.norm(d)


def _touches(t: Truth, label: int, shift_m: Points, other: int) -> bool:
    """Whether an object slid along a straight line would touch another on the way."""
    body = t.world.body_of[label]
    xyz, quat = t.world.pose_at(label, t.world.now_secs)
    n_steps = max(1, math.ceil(float(np.linalg.norm(shift_m)) / PUSH_STEP_M))
    nearest = math.inf
    for share in np.linspace(0.0, 1.0, n_steps + 1):
        t.world.client.resetBasePositionAndOrientation(body, (np.array(xyz) + share * shift_m).tolist(), quat)
        nearest = min(nearest, t.distance(label, other))
    t.world.at(t.world.now_secs)
    return nearest <= 0.0


def first_over_edge(support: str) -> Make:
    """Of what stands directly on a support, the object whose middle is nearest to the edge on the robot's side."""

    def make(t: Truth) -> judge.Judge:
        table = _one(t, support)
        d = _towards_robot(t, table)
        first = max(t.direct_load(table), key=lambda label: float(d @ t.box(label).centre_m))
        return judge.name(t.world.specs[first].name)

    return make


def first_bumped(goal: str) -> Make:
    """The first object that the robot's body would touch on the straight line to an object."""

    def make(t: Truth) -> judge.Judge:
        client, target = t.world.client, _one(t, goal)
        start, end = t.origin("base_link"), t.box(target).centre_m
        way = (end - start)[:2]
        turn = trajectory.quaternion(trajectory.transform((0, 0, 0), (0, 0, math.atan2(way[1], way[0]))))
        found = ""
        for share in np.arange(0.0, 1.0, PUSH_STEP_M / float(np.linalg.norm(way))):
            place = [*(start[:2] + share * way).tolist(), float(start[2])]
            client.resetBasePositionAndOrientation(t.world.robot, place, turn)
            hit = [
                t.world.specs[label].name
                for label, body in t.world.body_of.items()
                if t.world.specs[label].name not in ("", "floor") and client.getClosestPoints(t.world.robot, body, 0.0)
            ]
            if hit:
                found = hit[0]
                break
        t.world.at(t.world.now_secs)
        return judge.name(found)

    return make


def gap_over(a: str, b: str, needed_m: float) -> Make:
    """Whether the gap between two objects is wider than a length."""
    return lambda t: judge.yes_no(t.distance(_one(t, a), _one(t, b)) > needed_m)


def stands_within(a: str, b: str) -> Make:
    """Whether a's footprint is smaller than b's in every direction."""
    return lambda t: judge.yes_no(t.box(_one(t, a)).long_m < t.box(_one(t, b)).wide_m)


def fits_upright_under(a: str, support: str, board_m: float) -> Make:
    """Whether a's longest side, upright, is less than the free height under a board of a thickness."""

    def make(t: Truth) -> judge.Judge:
        box = t.box(_one(t, a))
        return judge.yes_no(max(box.long_m, box.top_m - box.bottom_m) < t.top(_one(t, support)) - board_m)

    return make


def tower_taller(a: str, b: str) -> Make:
    """Whether all objects of a name, one on another, would be taller than b."""

    def make(t: Truth) -> judge.Judge:
        tower = sum(t.top(label) - t.bottom(label) for label in t.world.labels(a))
        return judge.yes_no(tower > t.top(_one(t, b)) - t.bottom(_one(t, b)))

    return make


def slid_left_touches(a: str, by_m: float, b: str) -> Make:
    """Whether an object slid to the robot's left would touch another."""

    def make(t: Truth) -> judge.Judge:
        left = trajectory.map_from_frame("base_link", t.world.now_secs)[:3, 1]
        return judge.yes_no(_touches(t, _one(t, a), by_m * left, _one(t, b)))

    return make


def cup_fits_between(a: str, b: str) -> Make:
    """Whether the widest cup is narrower than the gap between two objects."""
    return lambda t: judge.yes_no(
        max(t.box(label).long_m for label in t.world.labels("cup")) < t.distance(_one(t, a), _one(t, b))
    )


def in_a_row(name: str, within_m: float) -> Make:
    """Whether the middles of three objects lie on one line, to within a length."""

    def make(t: Truth) -> judge.Judge:
        a, b, c = (t.box(label).centre_m[:2] for label in t.world.labels(name))
        twice_area = abs((b - a)[0] * (c - a)[1] - (b - a)[1] * (c - a)[0])
        return judge.yes_no(twice_area / max(math.dist(*pair) for pair in ((a, b), (b, c), (a, c))) < within_m)

    return make


def slid_to_robot_stays_on(a: str, by_m: float, support: str) -> Make:
    """Whether the middle of an object slid towards the robot would still be over its support."""

    def make(t: Truth) -> judge.Judge:
        label, table = _one(t, a), _one(t, support)
        d = _towards_robot(t, label)
        left = t.reach(table, d) - float(d @ t.box(label).centre_m)
        return judge.yes_no(left > by_m)

    return make


def higher_by(a: str, b: str) -> Make:
    """Height of a's highest point above b's."""

    def make(t: Truth) -> judge.Judge:
        i, j = _one(t, a), _one(t, b)
        return judge.number(t.visible_box(i).top_m - t.visible_box(j).top_m, t.top(i) - t.top(j), "m")

    return make


def farthest_two(name: str) -> Make:
    """Largest surface-to-surface distance among the objects of a name."""

    def make(t: Truth) -> judge.Judge:
        pairs = list(itertools.combinations(t.world.labels(name), 2))
        full = max(t.distance(a, b) for a, b in pairs)
        return judge.distance(full, max(t.visible_distance(a, b) for a, b in pairs))

    return make


def turn(a: str, b: str) -> Make:
    """Angle at the robot between two objects' directions, without sign."""

    def make(t: Truth) -> judge.Judge:
        i, j = _one(t, a), _one(t, b)
        full, seen = (
            abs(math.remainder(t.bearing(box(i).centre_m) - t.bearing(box(j).centre_m), 2 * math.pi))
            for box in (t.box, t.visible_box)
        )
        return judge.bearing(full, seen)

    return make


def _yes_no(key: str, text: str, make: Make) -> OpenQuestion:
    return OpenQuestion(text, make, measured=False, key=key)


OPEN_QUESTIONS: tuple[OpenQuestion, ...] = (
    _yes_no(
        "cloth",
        "If a cloth under everything on the table were pulled slowly and straight towards the robot, "
        "which object would go over the edge first?",
        first_over_edge("table"),
    ),
    _yes_no(
        "way",
        "Which object would the robot bump into first if it drove straight to the cabinet?",
        first_bumped("cabinet"),
    ),
    _yes_no(
        "pass",
        "Could a robot that is 40 cm wide drive between the teddy and the ball without touching them?",
        gap_over("teddy", "ball", 0.40),
    ),
    _yes_no(
        "seat",
        "Could the ball lie on the stool without sticking out over the edge of its top?",
        stands_within("ball", "stool"),
    ),
    _yes_no(
        "upright",
        "Would the toolbox still fit under the table if it were stood upright on its smallest side?",
        fits_upright_under("toolbox", "table", 0.04),
    ),
    _yes_no(
        "tower",
        "If the three cups were stacked one on top of another, would the tower be taller than the stool?",
        tower_taller("cup", "stool"),
    ),
    _yes_no(
        "slide",
        "If the mug were slid 20 cm to the left, as the robot sees it, would it bump into the duck?",
        slid_left_touches("mug", 0.20, "duck"),
    ),
    _yes_no(
        "room",
        "Is there room to put one more cup between the duck and the carton without touching either?",
        cup_fits_between("duck", "carton"),
    ),
    _yes_no("row", "Do the three cups stand in one straight row, to within 2 cm?", in_a_row("cup", 0.02)),
    _yes_no(
        "drop",
        "If the mug were slid 30 cm straight towards the robot, would it still be on the table?",
        slid_to_robot_stays_on("mug", 0.30, "table"),
    ),
    OpenQuestion(
        "How much higher is the top of the carton than the rim of the basket?",
        higher_by("carton", "basket"),
        key="rim",
    ),
    OpenQuestion(
        "How wide is the gap between those two cups that are farthest apart from each other?",
        farthest_two("cup"),
        key="cups",
    ),
    OpenQuestion(
        "By what angle must the robot turn on the spot to look from the stool to the cabinet?",
        turn("stool", "cabinet"),
        key="turn",
    ),
    OpenQuestion(
        "By how much does the cabinet reach higher than the stool?",
        higher_by("cabinet", "stool"),
        key="higher",
    ),
)
"""Asked in this order, by every interface."""
