# SPDX-License-Identifier: Apache-2.0
"""What stands where: the household scene as plain data (metres, radians, map frame, z up).

The origin of every object is the centre of its underside, so ``xyz_m[2]`` is the height it stands at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Vec3 = tuple[float, float, float]
Rgba = tuple[float, float, float, float]


@dataclass(frozen=True)
class Part:
    """One rigid shape of an object; visual and collision geometry are the same."""

    kind: Literal["box", "cylinder", "sphere", "mesh"]
    # box: edge lengths; cylinder: (radius, height, 0); sphere: (radius, 0, 0); mesh: scale per axis
    size: Vec3
    at: Vec3 = (0.0, 0.0, 0.0)  # centre of the shape (origin of the mesh) in the object's frame
    rpy: Vec3 = (0.0, 0.0, 0.0)
    file: str = ""  # mesh: path inside pybullet_data, convex pieces


@dataclass(frozen=True)
class ObjectSpec:
    """One object of the scene. ``label_id`` is its value in the label image, 0 for unlabelled background."""

    label_id: int
    name: str
    parts: tuple[Part, ...]
    xyz_m: Vec3
    yaw_rad: float
    rgba: Rgba
    mass_kg: float = 0.0  # 0: immovable


@dataclass(frozen=True)
class Slide:
    """A straight horizontal displacement that happens during the demo."""

    label_id: int
    delta_m: Vec3
    duration_secs: float


def _box(x: float, y: float, z: float, at: Vec3 | None = None) -> Part:
    return Part("box", (x, y, z), at if at is not None else (0.0, 0.0, z / 2))


def _upright_cylinder(radius: float, height: float) -> Part:
    return Part("cylinder", (radius, height, 0.0), (0.0, 0.0, height / 2))


def _basket(x: float, y: float, z: float, wall: float) -> tuple[Part, ...]:
    return (
        _box(x, y, wall),
        _box(x, wall, z, (0.0, (y - wall) / 2, z / 2)),
        _box(x, wall, z, (0.0, -(y - wall) / 2, z / 2)),
        _box(wall, y - 2 * wall, z, ((x - wall) / 2, 0.0, z / 2)),
        _box(wall, y - 2 * wall, z, (-(x - wall) / 2, 0.0, z / 2)),
    )


def _table(x: float, y: float, z: float, top: float, leg: float) -> tuple[Part, ...]:
    legs = tuple(
        _box(leg, leg, z - top, (sx * (x - leg) / 2, sy * (y - leg) / 2, (z - top) / 2))
        for sx in (-1, 1)
        for sy in (-1, 1)
    )
    return (_box(x, y, top, (0.0, 0.0, z - top / 2)), *legs)


TABLE_TOP_M = 0.55
_CUP = (_upright_cylinder(0.045, 0.13),)
_QUARTER = 1.5707963267948966

OBJECTS: tuple[ObjectSpec, ...] = (
    ObjectSpec(0, "", (_box(0.1, 8.0, 2.6),), (3.9, 0.0, 0.0), 0.0, (0.86, 0.87, 0.83, 1.0)),
    ObjectSpec(1, "floor", (_box(8.0, 8.0, 0.1, (0.0, 0.0, -0.05)),), (0.5, 0.0, 0.0), 0.0, (0.66, 0.58, 0.49, 1.0)),
    ObjectSpec(2, "table", _table(0.75, 1.02, TABLE_TOP_M, 0.04, 0.05), (1.78, 0.0, 0.0), 0.0, (0.72, 0.52, 0.33, 1.0)),
    ObjectSpec(3, "carton", (_box(0.20, 0.22, 0.16),), (1.75, 0.34, TABLE_TOP_M), 0.12, (0.78, 0.64, 0.42, 1.0), 0.5),
    ObjectSpec(
        4, "book", (_box(0.14, 0.17, 0.045),), (1.74, 0.34, TABLE_TOP_M + 0.16), 0.35, (0.15, 0.30, 0.62, 1.0), 0.4
    ),
    ObjectSpec(
        5,
        "mug",
        (Part("mesh", (1.25, 1.25, 1.25), file="objects/mug_col.obj"),),
        (1.56, -0.16, TABLE_TOP_M),
        2.4,
        (0.85, 0.16, 0.14, 1.0),
        0.3,
    ),
    ObjectSpec(
        6, "basket", _basket(0.26, 0.26, 0.075, 0.012), (1.80, -0.33, TABLE_TOP_M), -0.1, (0.55, 0.40, 0.24, 1.0), 0.4
    ),
    ObjectSpec(
        7,
        "orange",
        (Part("sphere", (0.048, 0.0, 0.0), (0.0, 0.0, 0.048)),),
        (1.82, -0.33, TABLE_TOP_M + 0.012),
        0.0,
        (0.95, 0.52, 0.08, 1.0),
        0.2,
    ),
    ObjectSpec(
        8,
        "duck",
        (Part("mesh", (0.09, 0.09, 0.09), (0.0, 0.0, -0.0084), (_QUARTER, 0.0, 0.0), "duck_vhacd.obj"),),
        (1.50, 0.03, TABLE_TOP_M),
        -2.0,
        (0.96, 0.84, 0.16, 1.0),
        0.2,
    ),
    ObjectSpec(9, "cup", _CUP, (1.93, 0.10, TABLE_TOP_M), 0.0, (0.35, 0.68, 0.72, 1.0), 0.2),
    ObjectSpec(10, "cup", _CUP, (2.02, -0.06, TABLE_TOP_M), 0.0, (0.35, 0.68, 0.72, 1.0), 0.2),
    ObjectSpec(11, "cup", _CUP, (1.83, -0.08, TABLE_TOP_M), 0.0, (0.35, 0.68, 0.72, 1.0), 0.2),
    ObjectSpec(
        12,
        "teddy",
        (Part("mesh", (0.3, 0.3, 0.3), (-0.204, 0.097, -0.0585), (_QUARTER, 0.0, 0.0), "teddy2_VHACD_CHs.obj"),),
        (1.08, 0.26, 0.0),
        1.75,
        (0.62, 0.40, 0.24, 1.0),
        0.5,
    ),
    ObjectSpec(
        13,
        "ball",
        (Part("sphere", (0.11, 0.0, 0.0), (0.0, 0.0, 0.11)),),
        (1.12, -0.24, 0.0),
        0.0,
        (0.90, 0.90, 0.92, 1.0),
        0.4,
    ),
    ObjectSpec(14, "toolbox", (_box(0.20, 0.36, 0.20),), (1.66, 0.05, 0.0), 0.08, (0.75, 0.12, 0.12, 1.0), 3.0),
    ObjectSpec(15, "stool", (_upright_cylinder(0.16, 0.45),), (2.45, 0.78, 0.0), 0.0, (0.30, 0.45, 0.30, 1.0), 4.0),
    ObjectSpec(16, "cabinet", (_box(0.40, 0.42, 0.85),), (2.74, -0.62, 0.0), 0.15, (0.52, 0.46, 0.56, 1.0), 20.0),
    ObjectSpec(17, "suitcase", (_box(0.25, 0.45, 0.60),), (-1.30, 0.25, 0.0), 0.3, (0.20, 0.22, 0.26, 1.0), 8.0),
    # A half door, so that the camera always sees all of it.
    ObjectSpec(18, "door", (_box(0.05, 0.70, 1.0),), (3.80, 0.80, 0.0), 0.0, (0.58, 0.43, 0.30, 1.0)),
    ObjectSpec(
        19, "heater", (_box(0.12, 0.60, 0.60, (0.0, 0.0, 0.40)),), (3.76, -0.15, 0.0), 0.0, (0.92, 0.92, 0.90, 1.0)
    ),
)
"""The scene. ``suitcase`` stands behind the robot: it has a name and is never in view."""

SLIDE = Slide(label_id=8, delta_m=(0.0, 0.20, 0.0), duration_secs=1.0)
"""The one thing that moves between two times."""


@dataclass(frozen=True)
class LabelTable:
    """Names of the label image's values, as the latched LabelNames message carries them."""

    ids: tuple[int, ...] = field(default_factory=lambda: tuple(o.label_id for o in OBJECTS if o.label_id))
    names: tuple[str, ...] = field(default_factory=lambda: tuple(o.name for o in OBJECTS if o.label_id))
