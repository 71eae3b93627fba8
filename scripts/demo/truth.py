# SPDX-License-Identifier: Apache-2.0
"""Exact answers from PyBullet alone: closest points, ray tests, contacts and poses.

Nothing here reads an image, a transform or a result of the node. Every function speaks about the time the
world was last posed at. Two kinds of truth are kept apart:

* *full*: between the complete shapes (``getClosestPoints``); never more than what one view can show,
* *visible*: between the surface points that the true camera pose sees (``rayTest`` through the pixels where
  the sensor gives a depth at all); never less than the full truth.
"""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from . import camera, trajectory
from .bullet import pybullet
from .scene import World

Points = NDArray[np.float64]

FAR_M = 20.0
RAY_BATCH = 8192
PLATE_HALF_M = (8.0, 8.0, 0.05)
PLATE_AT_M = 5.0


@dataclass(frozen=True)
class Box:
    """An upright box around an object: the smallest footprint rectangle and the vertical extent."""

    centre_m: Points
    long_m: float
    wide_m: float
    bottom_m: float
    top_m: float


class Truth:
    """Queries about one world. Objects are named by label id."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._probe = world.client.createCollisionShape(pybullet.GEOM_SPHERE, radius=1e-4)
        self._plate = world.client.createCollisionShape(pybullet.GEOM_BOX, halfExtents=list(PLATE_HALF_M))
        self._seen_at: float | None = None
        self._seen: dict[int, Points] = {}

    def at(self, t_secs: float) -> Truth:
        """Speaks about a simulated time from now on."""
        self.world.at(t_secs)
        return self

    def distance(self, a: int, b: int) -> float:
        """Full surface-to-surface distance of two objects, 0 in contact."""
        found = self.world.client.getClosestPoints(self.world.body_of[a], self.world.body_of[b], FAR_M)
        return max(0.0, min(contact[8] for contact in found))

    def distance_from(self, point_m: Points, label: int) -> float:
        """Full distance from a point in ``map`` to an object's surface."""
        found = self.world.client.getClosestPoints(
            bodyA=self.world.body_of[label],
            bodyB=-1,
            distance=FAR_M,
            collisionShapeB=self._probe,
            collisionShapePositionB=list(map(float, point_m)),
            collisionShapeOrientationB=[0.0, 0.0, 0.0, 1.0],
        )
        return max(0.0, min(contact[8] for contact in found) + 1e-4)

    def reach(self, label: int, direction: Points) -> float:
        """How far an object reaches along a unit vector: the maximum of direction . point, from ``map``'s origin.

        Measured as the gap to a large plate that faces the object.
        """
        d = np.asarray(direction, dtype=np.float64)
        origin = np.array(self.world.pose_at(label, self.world.now_secs)[0])
        plate_m = origin + d * PLATE_AT_M
        turn = _turn_facing(*d.tolist())
        found = self.world.client.getClosestPoints(
            bodyA=self.world.body_of[label],
            bodyB=-1,
            distance=FAR_M,
            collisionShapeB=self._plate,
            collisionShapePositionB=plate_m.tolist(),
            collisionShapeOrientationB=list(turn),
        )
        gap = min(contact[8] for contact in found)
        return float(d @ plate_m) - PLATE_HALF_M[2] - gap

    def box(self, label: int) -> Box:
        """The upright box around an object; its rectangle is the one of least area, to half a degree."""
        best: tuple[float, float, float, float, Points] | None = None
        for half_degrees in range(180):
            angle = math.radians(half_degrees / 2)
            u = np.array([math.cos(angle), math.sin(angle), 0.0])
            v = np.array([-math.sin(angle), math.cos(angle), 0.0])
            u_hi, u_lo = self.reach(label, u), -self.reach(label, -u)
            v_hi, v_lo = self.reach(label, v), -self.reach(label, -v)
            area = (u_hi - u_lo) * (v_hi - v_lo)
            if best is None or area < best[0]:
                centre = u * (u_hi + u_lo) / 2 + v * (v_hi + v_lo) / 2
                best = (area, angle, u_hi - u_lo, v_hi - v_lo, centre)
        if best is None:
            raise RuntimeError("no rectangle was tried")
        top, bottom = self.top(label), self.bottom(label)
        centre = best[4] + np.array([0.0, 0.0, (top + bottom) / 2])
        return Box(centre, max(best[2], best[3]), min(best[2], best[3]), bottom, top)

    def top(self, label: int) -> float:
        """Height of an object's highest point above ``map``'s origin plane, which is the floor."""
        return self.reach(label, np.array([0.0, 0.0, 1.0]))

    def bottom(self, label: int) -> float:
        """Height of an object's lowest point."""
        return -self.reach(label, np.array([0.0, 0.0, -1.0]))

    def visible(self) -> dict[int, Points]:
        """The N x 3 surface points of every object that the camera sees now and its depth sensor can measure."""
        now = self.world.now_secs
        if self._seen_at != now:
            self._seen = self._cast(now)
            self._seen_at = now
        return self._seen

    def visible_box(self, label: int) -> Box:
        """The upright box around what is visible of an object."""
        points = self.visible()[label]
        best: tuple[float, float, float, Points] | None = None
        for half_degrees in range(180):
            angle = math.radians(half_degrees / 2)
            u, v = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
            along, across = points[:, :2] @ u, points[:, :2] @ v
            size = float(np.ptp(along)), float(np.ptp(across))
            if best is None or size[0] * size[1] < best[0]:
                middle = np.multiply(u, (along.max() + along.min()) / 2) + np.multiply(
                    v, (across.max() + across.min()) / 2
                )
                best = (size[0] * size[1], max(size), min(size), middle)
        if best is None:
            raise RuntimeError("no rectangle was tried")
        bottom, top = float(points[:, 2].min()), float(points[:, 2].max())
        centre = np.array([best[3][0], best[3][1], (bottom + top) / 2])
        return Box(centre, best[1], best[2], bottom, top)

    def above(self, label: int) -> int | None:
        """The first object straight above the middle of an object's top, by a ray test."""
        centre = self.box(label).centre_m
        start = np.array([centre[0], centre[1], self.top(label) + 0.003])
        hit = self.world.client.rayTest(start.tolist(), (start + [0.0, 0.0, 3.0]).tolist())[0]
        return self.world.label_of.get(hit[0])

    def visible_distance(self, a: int, b: int) -> float:
        """Distance between the visible surfaces of two objects."""
        seen = self.visible()
        return float(cKDTree(seen[a]).query(seen[b])[0].min())

    def visible_distance_from(self, point_m: Points, label: int) -> float:
        """Distance from a point to an object's visible surface."""
        return float(np.linalg.norm(self.visible()[label] - point_m, axis=1).min())

    def in_frame(self, frame: str, points_m: Points) -> Points:
        """Points of ``map`` in another frame of the robot's tree, now."""
        inverse = np.linalg.inv(trajectory.map_from_frame(frame, self.world.now_secs))
        return points_m @ inverse[:3, :3].T + inverse[:3, 3]

    def origin(self, frame: str) -> Points:
        """Origin of a frame of the robot's tree in ``map``, now."""
        return trajectory.map_from_frame(frame, self.world.now_secs)[:3, 3]

    def bearing(self, point_m: Points, frame: str = "base_link") -> float:
        """Horizontal direction of a point in a frame, positive to the left (REP-103)."""
        p = self.in_frame(frame, np.asarray(point_m, dtype=np.float64).reshape(1, 3))[0]
        return math.atan2(p[1], p[0])

    def carried_by(self, label: int) -> set[int]:
        """The objects that carry an object directly, by contact after settling."""
        return self.world.carried_by.get(label, set())

    def direct_load(self, label: int) -> set[int]:
        """The objects that stand directly on an object."""
        return {other for other, below in self.world.carried_by.items() if label in below}

    def contains(self, outer: int, inner: int) -> bool:
        """True when the inner object's box lies within the outer's footprint and starts clearly below its rim."""
        a, b = self.box(outer), self.box(inner)
        inside = all(
            self.reach(outer, d) >= self.reach(inner, d)
            for d in (np.array(s + (0.0,)) for s in itertools.chain([(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)]))
        )
        return inside and a.bottom_m <= b.bottom_m < a.top_m - 0.005

    def _cast(self, now: float) -> dict[int, Points]:
        frame = camera.render(self.world, now)
        rows, cols = np.nonzero(camera.measurable(frame.depth_m) & (frame.labels > 0))
        # Floor and other large surfaces are thinned: every object keeps at most about 20 000 rays.
        labels = frame.labels[rows, cols]
        keep = np.ones(len(rows), dtype=bool)
        for label, count in zip(*np.unique(labels, return_counts=True), strict=True):
            if count > 20000:
                keep &= (labels != label) | ((rows + cols) % (count // 20000 + 1) == 0)
        rows, cols, labels = rows[keep], cols[keep], labels[keep]
        pose = camera.map_from_optical(now)
        rays = np.stack(
            [(cols - camera.CX_PX) / camera.FOCAL_PX, (rows - camera.CY_PX) / camera.FOCAL_PX, np.ones(len(rows))],
            axis=1,
        )
        ends = pose[:3, 3] + rays @ pose[:3, :3].T * 8.0
        hits: list[tuple[int, float]] = []
        for start in range(0, len(ends), RAY_BATCH):
            stop = min(start + RAY_BATCH, len(ends))
            batch = self.world.client.rayTestBatch([pose[:3, 3].tolist()] * (stop - start), ends[start:stop].tolist())
            hits.extend((hit[0], hit[2]) for hit in batch)
        bodies = np.array([h[0] for h in hits])
        points = pose[:3, 3] + (ends - pose[:3, 3]) * np.array([h[1] for h in hits])[:, None]
        return {
            label: points[(labels == label) & (bodies == body)]
            for label, body in self.world.body_of.items()
            if label and np.any((labels == label) & (bodies == body))
        }


@functools.lru_cache(maxsize=4096)
def _turn_facing(*direction: float) -> tuple[float, float, float, float]:
    """Quaternion of a rotation whose z axis is the given vector's direction; boxes ask for the same ones again and again."""
    z = np.array(direction) / np.linalg.norm(direction)
    helper = np.array([1.0, 0.0, 0.0]) if abs(z[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    x = np.cross(helper, z)
    x /= np.linalg.norm(x)
    m = np.eye(4)
    m[:3, :3] = np.stack([x, np.cross(z, x), z], axis=1)
    return trajectory.quaternion(m)
