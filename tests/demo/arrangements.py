# SPDX-License-Identifier: Apache-2.0
"""The demo's household, put up at random: which objects, how large, where, turned how, and which one glides. No ROS."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from demo import camera
from demo.layout import OBJECTS, ObjectSpec, Part
from demo.scene import Move, World

BY_NAME = {spec.name: spec for spec in OBJECTS}
LABEL_CRATE = 20
TABLE_SIZE_M = (0.75, 1.02)
# Radius of the circle that a thing needs, metres.
ON_TABLE = {"carton": 0.16, "book": 0.12, "mug": 0.09, "basket": 0.19, "duck": 0.10, "cup": 0.06, "crate": 0.13}
ON_FLOOR = {"teddy": 0.22, "ball": 0.13, "toolbox": 0.22, "stool": 0.18, "cabinet": 0.32}
# Where things stand on the floor: in front of the table and on either side of it.
FLOOR_M = (((0.95, 1.20), (-0.55, 0.55)), ((1.5, 2.9), (0.85, 1.25)), ((1.5, 2.9), (-1.25, -0.85)))
MIN_PIXELS = 250
WINDOW_SECS = 1.0
PERIOD_SECS = 0.2
STILL_GAP_M = 0.015


@dataclass(frozen=True)
class Arrangement:
    """A settled world, the moment that is asked about, and what glides there at which velocity (m/s, in ``map``)."""

    seed: int
    world: World
    now_secs: float
    glider: str
    velocity_m_per_s: tuple[float, float, float]
    seen: tuple[str, ...]  # names of what the camera shows well at every moment of the window

    def stamps_secs(self) -> list[float]:
        """When pictures are taken, oldest first."""
        n = round(WINDOW_SECS / PERIOD_SECS)
        return [self.now_secs - (n - k) * PERIOD_SECS for k in range(n + 1)]

    def label(self, name: str) -> int:
        """The one object of a name."""
        (label,) = self.world.labels(name)
        return label


def _standing(spec: ObjectSpec, xy: tuple[float, float], z: float, yaw: float) -> ObjectSpec:
    return replace(spec, xyz_m=(xy[0], xy[1], z), yaw_rad=yaw)


def _box(spec: ObjectSpec, x: float, y: float, z: float) -> ObjectSpec:
    return replace(spec, parts=(Part("box", (x, y, z), (0.0, 0.0, z / 2)),))


def _put_up(random: np.random.Generator) -> tuple[ObjectSpec, ...] | None:
    """Specs of a random household without overlaps; None when no room was found."""
    table_xy = (random.uniform(1.65, 1.85), random.uniform(-0.15, 0.15))
    table_yaw = random.uniform(-0.15, 0.15)
    table = _standing(BY_NAME["table"], table_xy, 0.0, table_yaw)
    top_m = 0.55
    specs = [BY_NAME[""], BY_NAME["floor"], BY_NAME["door"], BY_NAME["heater"], table]
    taken: list[tuple[float, float, float]] = []

    def place(radius: float, draw: object) -> tuple[float, float] | None:
        for _ in range(200):
            x, y = draw()  # type: ignore[operator]
            if all(math.hypot(x - a, y - b) > radius + r + 0.02 for a, b, r in taken):
                taken.append((x, y, radius))
                return (x, y)
        return None

    def on_table(radius: float) -> tuple[float, float]:
        u = random.uniform(-1, 1) * (TABLE_SIZE_M[0] / 2 - radius)
        v = random.uniform(-1, 1) * (TABLE_SIZE_M[1] / 2 - radius)
        c, s = math.cos(table_yaw), math.sin(table_yaw)
        return table_xy[0] + c * u - s * v, table_xy[1] + s * u + c * v

    resized = {
        "carton": _box(BY_NAME["carton"], *random.uniform((0.15, 0.15, 0.10), (0.22, 0.22, 0.22))),
        "crate": _box(
            replace(BY_NAME["carton"], label_id=LABEL_CRATE, name="crate", rgba=(0.3, 0.6, 0.3, 1.0)),
            *random.uniform((0.07, 0.09, 0.06), (0.15, 0.20, 0.18)),
        ),
        "toolbox": _box(BY_NAME["toolbox"], *random.uniform((0.15, 0.25, 0.12), (0.25, 0.36, 0.25))),
        "cabinet": _box(BY_NAME["cabinet"], *random.uniform((0.30, 0.30, 0.50), (0.42, 0.45, 0.85))),
    }
    chosen = list(random.permutation([n for n in ON_TABLE if n != "book"])[: random.integers(4, 6)])
    for name in sorted(chosen, key=lambda n: -ON_TABLE[n]):
        if (xy := place(ON_TABLE[name], lambda r=ON_TABLE[name]: on_table(r))) is None:
            return None
        specs.append(_standing(resized.get(name) or BY_NAME[name], xy, top_m, random.uniform(-math.pi, math.pi)))
    placed = {spec.name: spec for spec in specs}
    if "basket" in placed:
        x, y, _ = placed["basket"].xyz_m
        specs.append(_standing(BY_NAME["orange"], (x, y), top_m + 0.012, 0.0))
    if "carton" in placed:  # the book lies on the carton, else it lies nowhere
        x, y, _ = placed["carton"].xyz_m
        turn = placed["carton"].yaw_rad + random.uniform(-0.4, 0.4)
        specs.append(_standing(BY_NAME["book"], (x, y), top_m + placed["carton"].parts[0].size[2], turn))
    for name in random.permutation(list(ON_FLOOR))[: random.integers(3, 5)]:
        (x_low, x_high), (y_low, y_high) = FLOOR_M[random.integers(len(FLOOR_M))]
        if (xy := place(ON_FLOOR[name], lambda: random.uniform((x_low, y_low), (x_high, y_high)))) is None:
            return None
        specs.append(_standing(resized.get(name) or BY_NAME[name], xy, 0.0, random.uniform(-math.pi, math.pi)))
    return tuple(specs)


def _names_seen(world: World, stamps: list[float]) -> set[str]:
    """What every picture shows with many pixels, away from its border."""
    names = {spec.name for spec in world.specs.values() if spec.name}
    for t_secs in stamps:
        frame = camera.render(world, t_secs)
        measurable = camera.measurable(frame.depth_m)
        for label, spec in world.specs.items():
            rows, cols = np.nonzero(frame.labels == label)
            inside = len(rows) > 0 and (
                rows.min() > 2
                and cols.min() > 2
                and rows.max() < camera.HEIGHT_PX - 3
                and cols.max() < camera.WIDTH_PX - 3
            )
            if not inside or (measurable & (frame.labels == label)).sum() < MIN_PIXELS:
                names.discard(spec.name)
    return names


def _stays_clear(world: World, label: int, stamps: list[float]) -> bool:
    """Whether a thing that glides touches nothing but what carries it."""
    others = [body for other, body in world.body_of.items() if other not in (label, 1, *world.carried_by[label])]
    for t_secs in stamps:
        world.at(t_secs)
        for body in others:
            if world.client.getClosestPoints(world.body_of[label], body, STILL_GAP_M):
                return False
    return True


def _glides(
    world: World, label: int, now_secs: float, random: np.random.Generator
) -> tuple[float, float, float] | None:
    """Makes an object glide over the window at a constant velocity; None when everything is in its way."""
    stamps = list(np.linspace(now_secs - WINDOW_SECS - 0.2, now_secs + 0.2, 8))
    for _ in range(12):
        angle, speed = random.uniform(-math.pi, math.pi), random.uniform(0.06, 0.15)
        velocity = (speed * math.cos(angle), speed * math.sin(angle), 0.0)
        secs = stamps[-1] - stamps[0]
        world.log.moves = [Move(label, tuple(v * secs for v in velocity), stamps[0], stamps[-1])]
        if _stays_clear(world, label, stamps) and _still_carried(world, label, stamps):
            return velocity
    world.log.moves = []
    return None


def _still_carried(world: World, label: int, stamps: list[float]) -> bool:
    for t_secs in (stamps[0], stamps[-1]):
        # From just inside the thing, which a ray does not hit from there.
        xyz, _ = world.at(t_secs).pose_at(label, t_secs)
        hit = world.client.rayTest([xyz[0], xyz[1], xyz[2] + 0.005], [xyz[0], xyz[1], xyz[2] - 0.05])[0]
        if world.label_of.get(hit[0]) not in world.carried_by[label]:
            return False
    return True


def arrange(seed: int) -> Arrangement:
    """The arrangement of a seed: the same at every call."""
    random = np.random.default_rng([2026, seed])
    for _ in range(50):
        specs = _put_up(random)
        if specs is None:
            continue
        world = World(specs)
        now_secs = round(1000.0 + 40.0 * seed + random.uniform(0.0, 14.0), 1)
        upright = all(_is_upright(world, label) for label in world.carried_by)
        # What is carried does not glide along, so that only what carries nothing may.
        free = [
            spec.name
            for label, spec in world.specs.items()
            if spec.mass_kg and not any(label in below for below in world.carried_by.values()) and spec.name != "orange"
        ]
        for glider in random.permutation(free):
            (label,) = world.labels(glider)
            velocity = _glides(world, label, now_secs, random) if upright else None
            if velocity is None:
                continue
            found = Arrangement(seed, world, now_secs, str(glider), velocity, ())
            seen = _names_seen(world, found.stamps_secs())
            if {"table", glider} <= seen and len(seen - {"floor", "table", "door", "heater"}) >= 5:
                return replace(found, seen=tuple(sorted(seen)))
        world.close()
    raise RuntimeError(f"seed {seed}: no arrangement was found")


def _is_upright(world: World, label: int) -> bool:
    turn = np.array(world.client.getMatrixFromQuaternion(world.settled_m[label][1])).reshape(3, 3)
    kind = world.specs[label].parts[0].kind
    # A ball may roll and the teddy leans a little; nothing else may have been pushed over.
    least = {"sphere": -1.0, "mesh": 0.97}.get(kind, 0.9999)
    return bool(turn[2, 2] > least) and bool(world.carried_by[label])
