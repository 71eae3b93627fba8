# SPDX-License-Identifier: Apache-2.0
"""Cases about surfaces and shapes: distances, boxes, heights, planes, edges. No ROS."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from demo import camera
from numpy.typing import NDArray
from tool_cases import (
    CAP_M,
    HANDFUL,
    NOISE_SIGMAS,
    SLACK_BELOW_M,
    SLACK_M,
    Case,
    Scene,
    Told,
    angle,
    distance,
    near,
    number,
    obj,
    within,
)


class ShapeCases(Scene):
    """What is near, large, high and flat."""

    def distances(self) -> Iterator[Case]:
        for a, b in self.pairs(7):
            i, j = self.id[a], self.id[b]
            judge = distance(self.truth.distance(i, j), self.truth.visible_distance(i, j))
            call = f"tools.Geometry.surface_distance({obj(a)}, {obj(b)})"
            yield number("surface_distance", f"{a} {b}", call, judge)
        for a in self.things[:5]:
            for name, frame in (("robot", "base_link"), ("camera", "front_optical_frame"), ("pan_link", "pan_link")):
                at = self.truth.origin(frame)
                judge = distance(
                    self.truth.distance_from(at, self.id[a]), self.truth.visible_distance_from(at, self.id[a])
                )
                yield number("distance_from", f"{name} {a}", f'tools.Geometry.distance_from("{name}", {obj(a)})', judge)
            at = self.random.uniform((0.8, -1.0, 0.0), (2.8, 1.0, 1.2))
            judge = distance(self.truth.distance_from(at, self.id[a]), self.truth.visible_distance_from(at, self.id[a]))
            yield number(
                "distance_from", f"{at.round(3)} {a}", f"tools.Geometry.distance_from({at.tolist()}, {obj(a)})", judge
            )

    def tree(self) -> Iterator[Case]:
        """Nearest points of masked pixels, by Points, k-d tree and broadcasting: they have noise and no sigma."""
        for a, b in self.pairs(4):
            i, j = self.id[a], self.id[b]
            full, visible = self.truth.distance(i, j), self.truth.visible_distance(i, j)
            noise = NOISE_SIGMAS * float(np.hypot(*(camera.sigma_z_m(np.array(self.range_m(n))) for n in (a, b))))

            def judge(told: Told, full: float = full, visible: float = visible, noise: float = noise) -> str:
                if abs(told["tree"] - told["nearest"]) > 1e-6:
                    return f"tree and nearest differ: {told}"
                right = all(
                    full - SLACK_BELOW_M - noise <= told[way] <= max(full, visible) + SLACK_M + noise / 2
                    for way in told
                )
                return "" if right else f"{told}, truth {full:.4f}..{visible:.4f}, noise {noise:.4f}"

            code = (
                "let cloud = tools.Reconstruct.Reconstruct(InputImages[-1]).points[-1]; "
                f'let p = cloud[tools.SAM3.segment_image_by_text(InputImages[-1], "{a}").get_mask(-1)]; '
                f'let q = cloud[tools.SAM3.segment_image_by_text(InputImages[-1], "{b}").get_mask(-1)]; '
                "let found = KDTree(p).query(q); let least = found[0].min(); let at = found[0].argmin();"
            )
            yield Case(
                "KDTree",
                f"{a} {b}",
                code,
                "tree: least, points: p.min_distance(q), nearest: p.nearest(q[at]).distance",
                judge,
            )

    def boxes(self) -> Iterator[Case]:
        for n in self.things:
            full, vis, least = self.full[n], self.vis[n], self.least[n]
            yield number(
                "length", n, f"tools.Geometry.length({obj(n)})", within(min(least[0], vis.long_m), full.long_m)
            )
            yield number("width", n, f"tools.Geometry.width({obj(n)})", within(min(least[1], vis.wide_m), full.wide_m))
            yield number("height", n, f"tools.Geometry.height({obj(n)})", within(least[2], full.top_m - full.bottom_m))
            yield Case(
                "Object.center", n, "", f"p: {obj(n)}.center.tolist()", near(full.centre_m, self.centre_reach_m(n))
            )

    def oriented_boxes(self) -> Iterator[Case]:
        for n in self.things:
            points, vis = self.seen[self.id[n]], self.vis[n]
            cuboid = self._cuboid_sides(n)
            visible = sorted((vis.long_m, vis.wide_m, vis.top_m - vis.bottom_m), reverse=True)

            def judge(told: Told, points=points, visible=visible, cuboid=cuboid) -> str:  # type: ignore[no-untyped-def]
                slack = SLACK_M + min(3 * max(told["s"]), CAP_M)
                axes, sides = np.array(told["axes"]), np.array(told["v"])
                if np.abs(axes @ axes.T - np.eye(3)).max() > 1e-6 or list(sides) != sorted(sides, reverse=True):
                    return f"axes {told['axes']} or order of sides {told['v']}"
                out = np.abs((points - told["p"]) @ axes.T) - sides / 2
                if np.quantile(out.max(axis=1), 0.995) > slack:
                    return f"visible points lie {np.quantile(out.max(axis=1), 0.995):.4f} outside, allowed {slack:.4f}"
                if np.prod(sides) > np.prod(np.array(visible) + 2 * slack):
                    return f"volume {np.prod(sides):.6f} of {told['v']}, an upright box of {visible} does"
                if cuboid is not None and any(abs(s - t) > slack for s, t in zip(sides, cuboid, strict=True)):
                    return f"sides {told['v']} ± {told['s']}, truth {cuboid}"
                return ""

            told = "p: b.center.tolist(), v: b.size, s: sig, axes: ax, volume: b.volume.value"
            code = (
                f"let b = tools.Geometry.oriented_box({obj(n)}); let sig = []; for x in b.sides {{ sig.push(x.sigma); }} "
                "let ax = []; for x in b.axes { ax.push(x.tolist()); }"
            )
            yield Case("oriented_box", n, code, told, judge)

    def _cuboid_sides(self, name: str) -> list[float] | None:
        """Sides of a thing that is one box of which three faces are well in view, longest first."""
        spec = self.a.world.specs[self.id[name]]
        if len(spec.parts) != 1 or spec.parts[0].kind != "box":
            return None
        half, local = np.array(spec.parts[0].size) / 2, self._local(name)
        hidden = 0
        for axis in range(3):
            others = [k for k in range(3) if k != axis]
            on_face = np.abs(np.abs(local[:, axis]) - half[axis]) < 0.002
            spans = len(local[on_face]) > 80 and all(
                np.ptp(local[on_face][:, k]) > 1.9 * half[k] - 0.01 for k in others
            )
            hidden += not spans
        return sorted(spec.parts[0].size, reverse=True) if hidden == 0 else None

    def _local(self, name: str) -> NDArray[np.float64]:
        """Visible points in the axes of a thing's first part."""
        world = self.a.world
        xyz, quat = world.pose_at(self.id[name], self.a.now_secs)
        turn = np.array(world.client.getMatrixFromQuaternion(quat)).reshape(3, 3)
        return (self.seen[self.id[name]] - np.array(xyz)) @ turn - np.array(world.specs[self.id[name]].parts[0].at)

    def heights(self) -> Iterator[Case]:
        for n in self.things:
            full, vis = self.full[n], self.vis[n]
            for part in ("bottom", "top"):
                low, high = getattr(full, f"{part}_m"), getattr(vis, f"{part}_m")
                yield number(
                    "height_above",
                    f"{part} {n} floor",
                    f'tools.Geometry.height_above({obj(n)}, "floor", "{part}")',
                    within(low, high),
                )
                call = f'tools.Geometry.height_above({obj(n)}, {obj("table")}, "{part}")'
                yield number(
                    "height_above", f"{part} {n} table", call, within(low - self.table_top_m, high - self.table_top_m)
                )
        for a, b in self.pairs(3):
            low, high = self.full[a].top_m - self.full[b].top_m, self.vis[a].top_m - self.vis[b].top_m
            yield number(
                "height_above",
                f"top {a} {b}",
                f'tools.Geometry.height_above({obj(a)}, {obj(b)}, "top")',
                within(low, high),
            )
        yield number(
            "ground_height",
            "floor",
            "tools.Reconstruct.Reconstruct(InputImages[-1]).ground_height",
            within(0.0, 0.0, 0.005, 0.005),
        )

        def up(told: Told) -> str:
            off = angle(told["p"], (0.0, 0.0, 1.0))
            return (
                ""
                if off <= 3 * told["s"] and told["s"] < 0.03
                else f"{math.degrees(off):.2f}° off, sigma {math.degrees(told['s']):.2f}°"
            )

        yield Case("gravity", "ransac", 'let g = tools.Geometry.gravity("ransac");', "p: g.up.tolist(), s: g.sigma", up)

    def planes(self) -> Iterator[Case]:
        def level(told: Told) -> str:
            off = angle(told["p"], (0.0, 0.0, 1.0))
            return (
                "" if off <= 3 * told["s"] + 0.003 and told["s"] < 0.03 else f"{off:.4f} rad off, sigma {told['s']:.4f}"
            )

        top = f"let t = tools.Geometry.fit_plane({obj('table')}, [0, 0, 1]);"
        yield Case("fit_plane", "table", top, "p: t.normal.tolist(), s: t.normal_sigma", level)
        x, y, _ = self.a.world.pose_at(self.id["table"], self.a.now_secs)[0]
        for up in (-0.2, 0.0, 0.35):
            at = [x, y, self.table_top_m + up]
            yield number("Plane.distance_to", f"{up:+.2f}", f"t.distance_to({at})", within(up, up, 0.004, 0.004), top)
        for n in self.things:
            if self.id["table"] in self.truth.carried_by(self.id[n]):
                low, high = self.full[n].top_m - self.table_top_m, self.vis[n].top_m - self.table_top_m
                yield number("Plane.height_of", n, f"t.height_of({obj(n)})", within(low, high), top)
        normals: dict[str, NDArray[np.float64]] = {}
        boxes = [n for n in self.things if self.a.world.specs[self.id[n]].parts[0].kind == "box" and n != "basket"]
        for n in boxes:
            quat = self.a.world.pose_at(self.id[n], self.a.now_secs)[1]
            faces = np.array(self.a.world.client.getMatrixFromQuaternion(quat)).reshape(3, 3).T
            faces = np.concatenate([faces, -faces])

            def face(told: Told, faces: NDArray[np.float64] = faces, n: str = n) -> str:
                normal = np.array(told["p"])
                normals[n] = faces[int(np.argmax(faces @ normal))]
                off = angle(normals[n], normal)
                right = off <= 3 * told["s"] + 0.005 and told["s"] < 0.1
                return "" if right else f"{off:.4f} rad from the nearest face, sigma {told['s']:.4f}"

            code = f"let f = tools.Geometry.fit_plane({obj(n)});"
            yield Case("fit_plane", n, code, "p: f.normal.tolist(), s: f.normal_sigma", face)
        for a, b in itertools.pairwise(boxes):

            def leaning(told: Told, a: str = a, b: str = b) -> str:
                if a not in normals or b not in normals:
                    return ""
                between = angle(normals[a], normals[b])
                truth = min(between, math.pi - between)
                return within(truth, truth, 0.01, 0.01, 0.1)(told)

            planes = (f"tools.Geometry.fit_plane({obj(n)})" for n in (a, b))
            yield number("angle_between", f"{a} {b}", f"tools.Geometry.angle_between({', '.join(planes)})", leaning)

    def edges(self) -> Iterator[Case]:
        world, table = self.a.world, self.id["table"]
        xyz, quat = world.pose_at(table, self.a.now_secs)
        turn = np.array(world.client.getMatrixFromQuaternion(quat)).reshape(3, 3)
        size = world.specs[table].parts[0].size
        for n in self.things:
            if table not in self.truth.carried_by(self.id[n]):
                continue
            full, visible = [], []
            for axis, sign in itertools.product((0, 1), (-1.0, 1.0)):
                outward = sign * turn[:, axis]
                edge = float(outward @ np.array(xyz)) + size[axis] / 2
                full.append(edge - self.truth.reach(self.id[n], outward))
                visible.append(edge - float(np.sort(self.seen[self.id[n]] @ outward)[-1 - HANDFUL]))
            judge = within(min(full), min(visible))
            yield number("distance_to_edge", n, f"tools.Geometry.distance_to_edge({obj(n)}, {obj('table')})", judge)
