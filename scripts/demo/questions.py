# SPDX-License-Identifier: Apache-2.0
"""The questions of the demo, each with the function that makes its judge from the simulator's truth."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import judge
from .truth import Truth

Make = Callable[[Truth], judge.Judge]


@dataclass(frozen=True)
class Question:
    """What is asked and how its judge is made, once the truth's world is posed at the answer's stamp."""

    text: str
    make: Make
    target_frame: str = ""
    last_secs: float = 0.0  # above 0: asked about that much of the past
    slide_first: bool = False  # the duck is displaced before this question
    measured: bool = True  # must rest on evidence


def _one(truth: Truth, name: str) -> int:
    labels = truth.world.labels(name)
    if len(labels) != 1:
        raise ValueError(f"{len(labels)} objects are called {name}")
    return labels[0]


def _name(truth: Truth, label: int) -> str:
    return truth.world.specs[label].name


def between(a: str, b: str) -> Make:
    """Surface-to-surface distance of two objects."""
    return lambda t: judge.distance(t.distance(_one(t, a), _one(t, b)), t.visible_distance(_one(t, a), _one(t, b)))


def away(a: str, frame: str) -> Make:
    """Distance from a frame's origin to an object's surface."""
    return lambda t: judge.distance(
        t.distance_from(t.origin(frame), _one(t, a)), t.visible_distance_from(t.origin(frame), _one(t, a))
    )


def direction(a: str) -> Make:
    """Bearing of an object in the robot's frame."""
    return lambda t: judge.bearing(t.bearing(t.box(_one(t, a)).centre_m), t.bearing(t.visible_box(_one(t, a)).centre_m))


def left_of(a: str, b: str, viewer: str | None = None) -> Make:
    """Whether a is left of b for a viewer, by the bearings of the centres about the up axis."""

    def make(t: Truth) -> judge.Judge:
        eye = t.origin("base_link") if viewer is None else t.box(_one(t, viewer)).centre_m
        angle = [math.atan2(p[1], p[0]) for p in (t.box(_one(t, n)).centre_m - eye for n in (a, b))]
        return judge.yes_no(math.remainder(angle[0] - angle[1], 2 * math.pi) > 0)

    return make


def in_front_of(a: str, b: str) -> Make:
    """Whether a is horizontally nearer to the robot than b."""

    def make(t: Truth) -> judge.Judge:
        near, far = (t.in_frame("base_link", t.box(_one(t, n)).centre_m[None])[0] for n in (a, b))
        return judge.yes_no(math.hypot(near[0], near[1]) < math.hypot(far[0], far[1]))

    return make


def negated(make: Make) -> Make:
    """The opposite of a yes-no question."""

    def opposite(t: Truth) -> judge.Judge:
        yes = make(t)({"value": {"kind": judge.KIND_BOOL, "truth": True}}).right
        return judge.yes_no(not yes)

    return opposite


def right_of_robot(a: str) -> Make:
    """Whether an object is on the robot's right, in the body's axes."""
    return lambda t: judge.yes_no(bool(t.in_frame("base_link", t.box(_one(t, a)).centre_m[None])[0][1] < 0))


def height(a: str) -> Make:
    """Vertical extent."""

    def make(t: Truth) -> judge.Judge:
        full, seen = t.box(_one(t, a)), t.visible_box(_one(t, a))
        return judge.number(seen.top_m - seen.bottom_m, full.top_m - full.bottom_m, "m")

    return make


def length(a: str) -> Make:
    """Larger side of the footprint."""
    return lambda t: judge.number(t.visible_box(_one(t, a)).long_m, t.box(_one(t, a)).long_m, "m")


def width(a: str) -> Make:
    """Smaller side of the footprint."""
    return lambda t: judge.number(t.visible_box(_one(t, a)).wide_m, t.box(_one(t, a)).wide_m, "m")


def top_above_floor(a: str) -> Make:
    """Height of the highest point."""
    return lambda t: judge.number(t.visible_box(_one(t, a)).top_m, t.top(_one(t, a)), "m")


def bottom_above(a: str, b: str) -> Make:
    """Height of a's underside above b's top."""

    def make(t: Truth) -> judge.Judge:
        zero = t.top(_one(t, b))
        return judge.number(t.bottom(_one(t, a)) - zero, t.visible_box(_one(t, a)).bottom_m - zero, "m")

    return make


def where(a: str, frame: str) -> Make:
    """Centre of an object in a frame."""

    def make(t: Truth) -> judge.Judge:
        both = np.stack([t.box(_one(t, a)).centre_m, t.visible()[_one(t, a)].mean(axis=0)])
        centre, seen = t.in_frame(frame, both)
        return judge.position(frame, centre, seen)

    return make


def how_many(a: str) -> Make:
    """Number of objects of a name that are in view."""
    return lambda t: judge.count(sum(label in t.visible() for label in t.world.labels(a)))


def load_of(a: str) -> Make:
    """Number of objects that stand directly on one."""
    return lambda t: judge.count(len(t.direct_load(_one(t, a))))


def nearer(a: str, b: str, frame: str) -> Make:
    """Which of two is nearer to a frame's origin."""
    return lambda t: judge.name(min((a, b), key=lambda n: t.distance_from(t.origin(frame), _one(t, n))))


def carrier(a: str) -> Make:
    """What an object stands on."""

    def make(t: Truth) -> judge.Judge:
        (below,) = t.carried_by(_one(t, a))
        return judge.name(_name(t, below))

    return make


def on_top(a: str, b: str) -> Make:
    """Whether b carries a, by contact."""
    return lambda t: judge.yes_no(_one(t, b) in t.carried_by(_one(t, a)))


def inside(a: str, b: str) -> Make:
    """Whether a is inside b."""
    return lambda t: judge.yes_no(t.contains(_one(t, b), _one(t, a)))


def under(a: str, b: str) -> Make:
    """Whether the first thing above a is b."""
    return lambda t: judge.yes_no(t.above(_one(t, a)) == _one(t, b))


def left_to_right(*listed: str) -> Make:
    """Names by falling bearing in the robot's frame."""
    return lambda t: judge.order(sorted(listed, key=lambda n: -t.bearing(t.box(_one(t, n)).centre_m)))


def highest() -> Make:
    """The object in view that reaches highest."""

    def make(t: Truth) -> judge.Judge:
        return judge.name(_name(t, max(t.visible(), key=t.top)))

    return make


def taller(a: str, b: str) -> Make:
    """Whether a's vertical extent exceeds b's."""

    def make(t: Truth) -> judge.Judge:
        first, second = (t.top(_one(t, n)) - t.bottom(_one(t, n)) for n in (a, b))
        return judge.yes_no(first > second)

    return make


def moved(a: str, secs: float) -> Make:
    """Whether an object moved in the last seconds, by the world's log."""

    def make(t: Truth) -> judge.Judge:
        now = t.world.now_secs
        before, after = (np.array(t.world.pose_at(_one(t, a), s)[0]) for s in (now - secs, now))
        return judge.moved(float(np.linalg.norm(after - before)))

    return make


def in_view() -> Make:
    """Everything in view; whether floor counts as a thing is left to the answer."""

    def make(t: Truth) -> judge.Judge:
        return judge.names({_name(t, label) for label in t.visible()} - {"floor"}, {"floor"})

    return make


def refused(code: int) -> Make:
    """A typed refusal."""
    return lambda _: judge.refusal(code)


LAST_SECS = 6.0
QUESTIONS: tuple[Question, ...] = (
    Question("How far is the carton from the mug?", between("carton", "mug")),
    Question("What is the distance between the teddy and the ball?", between("teddy", "ball")),
    Question("How far is the stool from the cabinet?", between("stool", "cabinet")),
    Question("How far is the heater from the door?", between("heater", "door")),
    Question("How far is the toolbox from the robot?", away("toolbox", "base_link")),
    Question("How far is the ball from the camera?", away("ball", "front_optical_frame")),
    Question("What is the bearing of the stool?", direction("stool")),
    Question("In which direction is the mug?", direction("mug")),
    Question("Where is the ball?", where("ball", "map")),
    Question("Where is the mug?", where("mug", "base_link"), target_frame="base_link"),
    Question("How tall is the toolbox?", height("toolbox")),
    Question("How long is the toolbox?", length("toolbox")),
    Question("How wide is the carton?", width("carton")),
    Question("How high is the top of the book above the floor?", top_above_floor("book")),
    Question("How high is the book above the table?", bottom_above("book", "table")),
    Question("Is the stool to the left of the cabinet?", left_of("stool", "cabinet"), measured=False),
    Question(
        "Is the teddy to the left of the ball, seen from the cabinet?",
        left_of("teddy", "ball", "cabinet"),
        measured=False,
    ),
    Question("Is the cabinet to the right of the robot?", right_of_robot("cabinet"), measured=False),
    Question("Is the ball in front of the toolbox?", in_front_of("ball", "toolbox"), measured=False),
    Question("Is the orange behind the mug?", negated(in_front_of("orange", "mug")), measured=False),
    Question("How many cups are there?", how_many("cup"), measured=False),
    Question("How many objects stand directly on the table?", load_of("table"), measured=False),
    Question(
        "Which is nearer to the robot, the stool or the ball?", nearer("stool", "ball", "base_link"), measured=False
    ),
    Question("Is the book on top of the carton?", on_top("book", "carton"), measured=False),
    Question("What is the book on?", carrier("book"), measured=False),
    Question("Is the orange inside the basket?", inside("orange", "basket"), measured=False),
    Question("Is the mug inside the basket?", inside("mug", "basket"), measured=False),
    Question("Is the toolbox under the table?", under("toolbox", "table"), measured=False),
    Question(
        "Order the cabinet, the duck and the stool from left to right.",
        left_to_right("cabinet", "duck", "stool"),
        measured=False,
    ),
    Question("Which object reaches highest above the floor?", highest(), measured=False),
    Question("Is the stool taller than the cabinet?", taller("stool", "cabinet"), measured=False),
    Question("Is there a teddy?", lambda t: judge.yes_no(_one(t, "teddy") in t.visible()), measured=False),
    Question("What do you see?", in_view(), measured=False),
    Question("How far is the suitcase?", refused(12040), measured=False),
    Question("How far is the cup?", refused(12041), measured=False),
    Question("What colour is the mug?", refused(12050), measured=False),
    Question(
        f"Did the duck move in the last {LAST_SECS:.0f} seconds?",
        moved("duck", LAST_SECS),
        last_secs=LAST_SECS,
        slide_first=True,
        measured=False,
    ),
    Question(
        f"Did the mug move in the last {LAST_SECS:.0f} seconds?",
        moved("mug", LAST_SECS),
        last_secs=LAST_SECS,
        measured=False,
    ),
    Question("How far is the duck from the mug?", between("duck", "mug")),
)
"""Asked in this order. The suitcase is behind the robot, there are three cups, and nothing measures colour."""
