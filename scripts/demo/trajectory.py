# SPDX-License-Identifier: Apache-2.0
"""Where the robot and its camera are at a simulated time: a pure function, so truth and simulation agree.

Poses are 4x4 homogeneous matrices named ``target_from_source``; metres, radians; REP-103 axes.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

PAN_AMPLITUDE_RAD = math.radians(15.0)
TILT_RAD = math.radians(33.0)
MAST_HEIGHT_M = 1.20


def transform(xyz_m: tuple[float, float, float], rpy_rad: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Matrix:
    """Homogeneous matrix of a translation and fixed-axis roll, pitch, yaw."""
    cr, cp, cy = (math.cos(a) for a in rpy_rad)
    sr, sp, sy = (math.sin(a) for a in rpy_rad)
    m = np.eye(4)
    m[:3, :3] = [
        [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
        [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
        [-sp, cp * sr, cp * cr],
    ]
    m[:3, 3] = xyz_m
    return m


def quaternion(m: Matrix) -> tuple[float, float, float, float]:
    """Unit quaternion (x, y, z, w) of a matrix's rotation."""
    r = m[:3, :3]
    w = math.sqrt(max(0.0, 1.0 + r[0, 0] + r[1, 1] + r[2, 2])) / 2
    x = math.copysign(math.sqrt(max(0.0, 1.0 + r[0, 0] - r[1, 1] - r[2, 2])) / 2, r[2, 1] - r[1, 2])
    y = math.copysign(math.sqrt(max(0.0, 1.0 - r[0, 0] + r[1, 1] - r[2, 2])) / 2, r[0, 2] - r[2, 0])
    z = math.copysign(math.sqrt(max(0.0, 1.0 - r[0, 0] - r[1, 1] + r[2, 2])) / 2, r[1, 0] - r[0, 1])
    n = math.sqrt(x * x + y * y + z * z + w * w)
    return x / n, y / n, z / n, w / n


# The static part of the tree: (parent, child, parent_from_child).
STATIC_LINKS: tuple[tuple[str, str, Matrix], ...] = (
    ("map", "odom", transform((0.35, -0.20, 0.0), (0.0, 0.0, 0.15))),
    ("base_link", "mast_link", transform((0.10, 0.0, MAST_HEIGHT_M))),
    ("tilt_link", "front_link", transform((0.04, 0.0, 0.02))),
    # REP-103: optical z forward, x right, y down.
    ("front_link", "front_optical_frame", transform((0.0, 0.0, 0.0), (-math.pi / 2, 0.0, -math.pi / 2))),
)
_STATIC = {child: m for _, child, m in STATIC_LINKS}


def map_from_base(t_secs: float) -> Matrix:
    """The robot drives gently forth and back and turns a little."""
    x = 0.10 - 0.10 * math.cos(2 * math.pi * t_secs / 23.0)
    y = 0.03 * math.sin(2 * math.pi * t_secs / 31.0)
    yaw = 0.04 * math.sin(2 * math.pi * t_secs / 17.0)
    return transform((x, y, 0.0), (0.0, 0.0, yaw))


def moving_links(t_secs: float) -> tuple[tuple[str, str, Matrix], ...]:
    """The moving part of the tree at a time: odometry, pan and tilt."""
    pan = PAN_AMPLITUDE_RAD * math.sin(2 * math.pi * t_secs / 14.0)
    tilt = TILT_RAD + math.radians(2.0) * math.sin(2 * math.pi * t_secs / 9.0)
    odom_from_base = np.linalg.inv(_STATIC["odom"]) @ map_from_base(t_secs)
    return (
        ("odom", "base_link", odom_from_base),
        ("mast_link", "pan_link", transform((0.0, 0.0, 0.05), (0.0, 0.0, pan))),
        ("pan_link", "tilt_link", transform((0.0, 0.0, 0.03), (0.0, tilt, 0.0))),
    )


def map_from_frame(frame: str, t_secs: float) -> Matrix:
    """Pose of any frame of the robot's tree in ``map``.

    Raises ``KeyError`` for a frame that is not in the tree.
    """
    links = {child: (parent, m) for parent, child, m in (*STATIC_LINKS, *moving_links(t_secs))}
    out = np.eye(4)
    while frame != "map":
        parent, parent_from_frame = links[frame]
        out = parent_from_frame @ out
        frame = parent
    return out
