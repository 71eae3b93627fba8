# SPDX-License-Identifier: Apache-2.0
"""Cases about the room between and around things. No ROS."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from demo.bullet import pybullet
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, cKDTree
from tool_cases import CAP_M, HANDFUL, Case, Scene, Told, distance, number, obj, relation, verdict, within


class PassageCases(Scene):
    """What fits between two things, and what is nearest."""

    def spaces(self) -> Iterator[Case]:
        table, floor = self.id["table"], 1
        for support, top in ((table, self.table_top_m), (floor, 0.0)):
            standing = [n for n in self.things if support in self.truth.carried_by(self.id[n])]
            for a, b in self.pairs(4, standing):
                i, j = self.id[a], self.id[b]
                passage = Passage(self, a, b, support, top)
                if passage.gap_m < 0.02:
                    continue
                full_m = self.gap_m(i, j)
                call = f"let f = tools.Geometry.free_space_between({obj(a)}, {obj(b)});"
                gap = within(full_m, max(full_m, passage.gap_m, passage.gap_without_slivers_m))
                yield Case("free_space.gap", f"{a} {b}", call, "v: f.gap.value, s: f.gap.sigma", gap)
                # The widest lane known to be free is truly free; the widest that may be is no narrower than the true one.
                tight, loose = passage.lane_m(0.004, 0.0, 0.015), passage.lane_m(0.04, 0.01, -0.015)

                def free(told: Told, loose: float = loose) -> str:
                    limit = loose + 0.03 + min(3 * told["s"], CAP_M)
                    return (
                        ""
                        if told["v"] <= limit
                        else f"{told['v']:.4f} ± {told['s']:.4f} are said to be free, truth {loose:.3f}"
                    )

                def possible(told: Told, tight: float = tight, most: float = passage.gap_m) -> str:
                    spread = 0.03 + min(3 * told["s"], CAP_M)
                    if tight - spread <= told["v"] <= most + spread:
                        return ""
                    return f"{told['v']:.4f} ± {told['s']:.4f} may be free, truth {tight:.3f}, gap {most:.3f}"

                yield Case("free_space.width", f"{a} {b}", call, "v: f.width.value, s: f.width.sigma", free)
                yield Case(
                    "free_space.possible", f"{a} {b}", call, "v: f.possible.value, s: f.possible.sigma", possible
                )
                height = min(self.full[a].top_m, self.full[b].top_m) - top
                if height > 0.06 and loose > 0.03:
                    for share, holds in ((0.5, True), (1.5, False)):
                        wide = share * tight if holds else share * passage.gap_m + 0.06
                        if wide < 0.01:
                            continue
                        call = f"tools.Geometry.fits([{wide + 0.1}, {wide}, {height - 0.01}], {obj(a)}, {obj(b)})"
                        yield relation("fits", f"{wide:.3f} {a} {b}", call, verdict(holds))

    def clearances(self) -> Iterator[Case]:
        world = self.a.world
        for n in self.things:
            i = self.id[n]
            below = self.truth.carried_by(i)
            if any(label != 1 and self.truth.contains(label, i) for label in below):
                continue
            others = [label for label in world.specs if label not in (i, 1, *below)]
            full = min(self.truth.distance(i, label) for label in others)
            level = self.vis[n].bottom_m + 0.03
            above = {label: p[p[:, 2] > level] for label, p in self.seen.items() if label in others}
            tree_points = np.concatenate([p for p in above.values() if len(p)])
            visible = float(np.sort(cKDTree(self.seen[i]).query(tree_points)[0])[HANDFUL])
            yield number("clearance", n, f"tools.Geometry.clearance({obj(n)})", distance(full, visible))


class Passage:
    """The straight passage between what is visible of two things, cut into slabs that PyBullet's shapes are in or not."""

    SLAB_M = 0.005

    def __init__(self, scene: Scene, a: str, b: str, support: int, top_m: float) -> None:
        self.world, self.top_m, self.support = scene.a.world, top_m, support
        hulls = [_outline(scene.seen[scene.id[n]][:, :2]) for n in (a, b)]
        self.start, end = _nearest(*hulls)
        self.gap_m = float(np.linalg.norm(end - self.start))
        p, q = (scene.seen[scene.id[n]][:, :2] for n in (a, b))
        self.gap_without_slivers_m = max(_reach_without_sliver(p, q), _reach_without_sliver(q, p))
        self.across = (end - self.start) / max(self.gap_m, 1e-9)
        along = np.array([-self.across[1], self.across[0]])
        reach = [hull @ along - self.start @ along for hull in hulls]
        low, high = max(r.min() for r in reach), min(r.max() for r in reach)
        if high - low < 0.02:
            low, high = (low + high) / 2 - 0.01, (low + high) / 2 + 0.01
        self.middle, self.length_m, self.along = (low + high) / 2, high - low, along
        self.bodies = [body for label, body in self.world.body_of.items() if label not in (support, 1)]
        self.high_m = min(scene.vis[n].top_m for n in (a, b))

    def lane_m(self, above_m: float, less_m: float, longer_m: float) -> float:
        """The widest lane that no shape reaches into from `above_m` over the support to `less_m` below the lower top.

        At both ends it is longer by `longer_m`.
        """
        low, high = self.top_m + above_m, self.high_m - less_m
        if high <= low:
            return self.gap_m
        half = [self.SLAB_M / 2 - 5e-4, max(self.length_m / 2 + longer_m, 0.01), (high - low) / 2]
        shape = self.world.client.createCollisionShape(pybullet.GEOM_BOX, halfExtents=half)
        turn = [
            0.0,
            0.0,
            math.sin(0.5 * math.atan2(self.across[1], self.across[0])),
            math.cos(0.5 * math.atan2(self.across[1], self.across[0])),
        ]
        best = run = 0
        for k in range(int(self.gap_m / self.SLAB_M)):
            xy = self.start + self.across * (k + 0.5) * self.SLAB_M + self.along * self.middle
            at = [float(xy[0]), float(xy[1]), (low + high) / 2]
            where = {"collisionShapePositionB": at, "collisionShapeOrientationB": turn}
            hit = any(self._reaches(body, collisionShapeB=shape, **where) for body in self.bodies)
            run = 0 if hit else run + 1
            best = max(best, run)
        return best * self.SLAB_M

    def _reaches(self, body: int, **slab: Any) -> bool:
        found = self.world.client.getClosestPoints(bodyA=body, bodyB=-1, distance=0.002, **slab)
        return any(contact[8] < 0 for contact in found)


def _reach_without_sliver(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Distance of the nearest of `p` to `q` without a handful that lies before all others."""
    return float(np.sort(cKDTree(q).query(p)[0])[min(HANDFUL, len(p) // 20)])


def _outline(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The convex outline, with points every few millimetres along it."""
    corners = points[ConvexHull(points).vertices]
    sides = zip(corners, np.roll(corners, -1, axis=0), strict=True)
    return np.concatenate(
        [
            p + np.linspace(0, 1, max(2, int(np.linalg.norm(q - p) / 0.002)), endpoint=False)[:, None] * (q - p)
            for p, q in sides
        ]
    )


def _nearest(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    apart, at = cKDTree(a).query(b)
    j = int(apart.argmin())
    return a[at[j]], b[j]
