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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from arrangements import WINDOW_SECS, Arrangement
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, cKDTree

from demo import camera, trajectory
from demo.bullet import pybullet
from demo.scene import World
from demo.truth import Box, Truth

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


def _o(name: str) -> str:
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


class Cases:
    """All cases of an arrangement, at its newest picture."""

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

    def all(self) -> list[Case]:
        """In a fixed order."""
        made = [
            self.distances(), self.tree(), self.boxes(), self.oriented_boxes(), self.heights(), self.planes(), self.edges(),
            self.sides(), self.orders(), self.supports(), self.spaces(), self.clearances(), self.motions(), self.directions(),
            self.frames(),
        ]  # fmt: skip
        return [case for group in made for case in group]

    def pairs(self, n: int, among: list[str] | None = None) -> list[tuple[str, str]]:
        """Some pairs of different things."""
        every = list(itertools.permutations(among if among is not None else self.things, 2))
        return [every[i] for i in self.random.permutation(len(every))[:n]]

    def range_m(self, name: str) -> float:
        """How far the camera is from the farthest visible point of a thing."""
        eye = self.truth.origin("front_optical_frame")
        return float(np.linalg.norm(self.seen[self.id[name]] - eye, axis=1).max())

    def distances(self) -> Iterator[Case]:
        for a, b in self.pairs(7):
            i, j = self.id[a], self.id[b]
            judge = distance(self.truth.distance(i, j), self.truth.visible_distance(i, j))
            call = f"tools.Geometry.surface_distance({_o(a)}, {_o(b)})"
            yield number("surface_distance", f"{a} {b}", call, judge)
        for a in self.things[:5]:
            for name, frame in (("robot", "base_link"), ("camera", "front_optical_frame"), ("pan_link", "pan_link")):
                at = self.truth.origin(frame)
                judge = distance(
                    self.truth.distance_from(at, self.id[a]), self.truth.visible_distance_from(at, self.id[a])
                )
                yield number("distance_from", f"{name} {a}", f'tools.Geometry.distance_from("{name}", {_o(a)})', judge)
            at = self.random.uniform((0.8, -1.0, 0.0), (2.8, 1.0, 1.2))
            judge = distance(self.truth.distance_from(at, self.id[a]), self.truth.visible_distance_from(at, self.id[a]))
            yield number(
                "distance_from", f"{at.round(3)} {a}", f"tools.Geometry.distance_from({at.tolist()}, {_o(a)})", judge
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
            yield number("length", n, f"tools.Geometry.length({_o(n)})", within(min(least[0], vis.long_m), full.long_m))
            yield number("width", n, f"tools.Geometry.width({_o(n)})", within(min(least[1], vis.wide_m), full.wide_m))
            yield number("height", n, f"tools.Geometry.height({_o(n)})", within(least[2], full.top_m - full.bottom_m))
            yield Case(
                "Object.center", n, "", f"p: {_o(n)}.center.tolist()", near(full.centre_m, self._centre_reach_m(n))
            )

    def _centre_reach_m(self, name: str) -> float:
        """How far the middle of what is visible may lie from the true one."""
        full, vis, least = self.full[name], self.vis[name], self.least[name]
        sliver = max(0.0, vis.long_m - least[0], vis.wide_m - least[1], vis.top_m - vis.bottom_m - least[2]) / 2
        return float(np.linalg.norm(vis.centre_m - full.centre_m)) + 2 * SLACK_M + sliver

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
                f"let b = tools.Geometry.oriented_box({_o(n)}); let sig = []; for x in b.sides {{ sig.push(x.sigma); }} "
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
                    f'tools.Geometry.height_above({_o(n)}, "floor", "{part}")',
                    within(low, high),
                )
                call = f'tools.Geometry.height_above({_o(n)}, {_o("table")}, "{part}")'
                yield number(
                    "height_above", f"{part} {n} table", call, within(low - self.table_top_m, high - self.table_top_m)
                )
        for a, b in self.pairs(3):
            low, high = self.full[a].top_m - self.full[b].top_m, self.vis[a].top_m - self.vis[b].top_m
            yield number(
                "height_above",
                f"top {a} {b}",
                f'tools.Geometry.height_above({_o(a)}, {_o(b)}, "top")',
                within(low, high),
            )
        yield number(
            "ground_height",
            "floor",
            "tools.Reconstruct.Reconstruct(InputImages[-1]).ground_height",
            within(0.0, 0.0, 0.005, 0.005),
        )

        def up(told: Told) -> str:
            off = math.acos(max(-1.0, min(1.0, told["p"][2])))
            return (
                ""
                if off <= 3 * told["s"] and told["s"] < 0.03
                else f"{math.degrees(off):.2f}° off, sigma {math.degrees(told['s']):.2f}°"
            )

        yield Case("gravity", "ransac", 'let g = tools.Geometry.gravity("ransac");', "p: g.up.tolist(), s: g.sigma", up)

    def planes(self) -> Iterator[Case]:
        def level(told: Told) -> str:
            off = math.acos(min(1.0, told["p"][2]))
            return (
                "" if off <= 3 * told["s"] + 0.003 and told["s"] < 0.03 else f"{off:.4f} rad off, sigma {told['s']:.4f}"
            )

        top = f"let t = tools.Geometry.fit_plane({_o('table')}, [0, 0, 1]);"
        yield Case("fit_plane", "table", top, "p: t.normal.tolist(), s: t.normal_sigma", level)
        x, y, _ = self.a.world.pose_at(self.id["table"], self.a.now_secs)[0]
        for up in (-0.2, 0.0, 0.35):
            at = [x, y, self.table_top_m + up]
            yield number("Plane.distance_to", f"{up:+.2f}", f"t.distance_to({at})", within(up, up, 0.004, 0.004), top)
        for n in self.things:
            if self.id["table"] in self.truth.carried_by(self.id[n]):
                low, high = self.full[n].top_m - self.table_top_m, self.vis[n].top_m - self.table_top_m
                yield number("Plane.height_of", n, f"t.height_of({_o(n)})", within(low, high), top)
        normals: dict[str, NDArray[np.float64]] = {}
        boxes = [n for n in self.things if self.a.world.specs[self.id[n]].parts[0].kind == "box" and n != "basket"]
        for n in boxes:
            quat = self.a.world.pose_at(self.id[n], self.a.now_secs)[1]
            faces = np.array(self.a.world.client.getMatrixFromQuaternion(quat)).reshape(3, 3).T
            faces = np.concatenate([faces, -faces])

            def face(told: Told, faces: NDArray[np.float64] = faces, n: str = n) -> str:
                normal = np.array(told["p"])
                normals[n] = faces[int(np.argmax(faces @ normal))]
                off = math.acos(min(1.0, float(normals[n] @ normal)))
                right = off <= 3 * told["s"] + 0.005 and told["s"] < 0.1
                return "" if right else f"{off:.4f} rad from the nearest face, sigma {told['s']:.4f}"

            code = f"let f = tools.Geometry.fit_plane({_o(n)});"
            yield Case("fit_plane", n, code, "p: f.normal.tolist(), s: f.normal_sigma", face)
        for a, b in itertools.pairwise(boxes):

            def angle(told: Told, a: str = a, b: str = b) -> str:
                if a not in normals or b not in normals:
                    return ""
                truth = math.acos(min(1.0, abs(float(normals[a] @ normals[b]))))
                return within(truth, truth, 0.01, 0.01, 0.1)(told)

            planes = (f"tools.Geometry.fit_plane({_o(n)})" for n in (a, b))
            yield number("angle_between", f"{a} {b}", f"tools.Geometry.angle_between({', '.join(planes)})", angle)

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
            yield number("distance_to_edge", n, f"tools.Geometry.distance_to_edge({_o(n)}, {_o('table')})", judge)

    def sides(self) -> Iterator[Case]:
        for a, b in self.pairs(6):
            viewers = [("robot", '"robot"', "base_link"), ("camera", '"camera"', "front_optical_frame")]
            # Nobody sees sides of what is above or below.
            apart = (
                n
                for n in self.things
                if all(np.hypot(*(self.full[n].centre_m - self.full[m].centre_m)[:2]) > 0.2 for m in (a, b))
            )
            third = next(n for n in apart if n not in (a, b))
            for side in ("left", "right", "front", "behind"):
                for name, code, frame in [*viewers, (third, _o(third), None)]:
                    truths = []
                    for boxes in (self.full, self.vis):
                        eye = self.truth.origin(frame) if frame else boxes[third].centre_m
                        p, q = ((boxes[n].centre_m - eye)[:2] for n in (a, b))
                        turn = math.remainder(math.atan2(p[1], p[0]) - math.atan2(q[1], q[0]), 2 * math.pi)
                        left, nearer = turn > 0, math.hypot(*p) < math.hypot(*q)
                        truths.append({"left": left, "right": not left, "front": nearer, "behind": not nearer}[side])
                    call = f'tools.Geometry.side_of({_o(a)}, "{side}", {_o(b)}, {code})'
                    yield relation("side_of", f"{a} {side} {b} by {name}", call, verdict(*truths))
        for n in self.things:
            for side, axis, sign in (("left", 1, 1), ("right", 1, -1), ("front", 0, 1), ("behind", 0, -1)):
                truths = [
                    bool(sign * self.truth.in_frame("base_link", boxes[n].centre_m[None])[0][axis] > 0)
                    for boxes in (self.full, self.vis)
                ]
                yield relation(
                    "side_of_frame",
                    f"{n} {side}",
                    f'tools.Geometry.side_of_frame({_o(n)}, "{side}", "robot")',
                    verdict(*truths),
                )

    def orders(self) -> Iterator[Case]:
        for _ in range(3):
            some = [self.things[i] for i in self.random.permutation(len(self.things))[:4]]
            listed = "[" + ", ".join(map(_o, some)) + "]"
            names = "let names = []; for x in l { names.push(x.label); }"
            for viewer, frame in (("robot", "base_link"), ("camera", "front_optical_frame")):
                at = self.truth.origin(frame)
                truths = [
                    sorted(some, key=lambda n: -self._turn(boxes[n].centre_m, at, frame))
                    for boxes in (self.full, self.vis)
                ]
                call = f'let l = tools.Geometry.order_left_to_right({listed}, "{viewer}"); {names}'
                yield Case("order_left_to_right", f"{some} {viewer}", call, "name: names", one_of(*truths))
                nearest = [
                    min(some, key=lambda n: self.truth.distance_from(at, self.id[n])),
                    min(some, key=lambda n: self.truth.visible_distance_from(at, self.id[n])),
                ]
                call = f'let l = tools.Geometry.nearest_to({listed}, "{viewer}");'
                yield Case("nearest_to", f"{some} {viewer}", call, "name: l.label", one_of(*nearest))
            others = some[1:]
            nearest = [
                min(others, key=lambda n: self.truth.distance(self.id[some[0]], self.id[n])),
                min(others, key=lambda n: self.truth.visible_distance(self.id[some[0]], self.id[n])),
            ]
            call = f"let l = tools.Geometry.nearest_to([{', '.join(map(_o, others))}], {_o(some[0])});"
            yield Case("nearest_to", f"{others} {some[0]}", call, "name: l.label", one_of(*nearest))

    def _turn(self, p: NDArray[np.float64], at: NDArray[np.float64], frame: str) -> float:
        """Bearing about the up axis from a place, with the cut behind the robot."""
        ahead = trajectory.map_from_frame("base_link", self.a.now_secs)[:2, 0]
        d = (p - at)[:2]
        return math.remainder(math.atan2(d[1], d[0]) - math.atan2(ahead[1], ahead[0]), 2 * math.pi)

    def supports(self) -> Iterator[Case]:
        everything = [*self.things, "table"]
        listed = "[" + ", ".join(_o(n) for n in everything if n) + "]"
        yield Case("objects", "all", f"let l = {listed};", "name: l.len()", one_of(len(everything)))
        for n in self.things:
            carriers = {self.a.world.specs[label].name for label in self.truth.carried_by(self.id[n])}
            held = [c for c in carriers if c != "floor" and self.truth.contains(self.a.label(c), self.id[n])]
            others = [other for other in self.things if other not in (n, *carriers)]
            some = [others[k] for k in self.random.permutation(len(others))[:4]]
            for other in dict.fromkeys([*some, "table", *(c for c in carriers if c in everything)]):
                i, j = self.id[n], self.id[other]
                if other not in held:
                    yield relation(
                        "on_top_of",
                        f"{n} {other}",
                        f"tools.Geometry.on_top_of({_o(n)}, {_o(other)})",
                        verdict(other in carriers),
                    )
                if other not in ("table",):
                    inside = other == "basket" and self.truth.contains(j, i)
                    yield relation(
                        "inside", f"{n} {other}", f"tools.Geometry.inside({_o(n)}, {_o(other)})", verdict(inside)
                    )
                overlap = self._gap(i, j)
                if overlap > 0.03:
                    yield relation(
                        "under", f"{n} {other}", f"tools.Geometry.under({_o(n)}, {_o(other)})", verdict(False)
                    )
                elif n in carriers:
                    yield relation(
                        "under", f"{n} {other}", f"tools.Geometry.under({_o(n)}, {_o(other)})", verdict(True)
                    )
            if carriers & set(everything):
                call = f"let l = tools.Geometry.support_of({_o(n)}, {listed});"
                yield Case("support_of", n, call, "name: l.label", one_of(*carriers))
        for below in ("table", *(n for n in ("carton", "basket") if n in self.things)):
            on_it = sorted(
                n
                for n in self.things
                if self.id[below] in self.truth.carried_by(self.id[n])
                and not self.truth.contains(self.id[below], self.id[n])
            )
            code = f"let l = tools.Geometry.resting_on({_o(below)}, {listed}); let names = []; for x in l {{ names.push(x.label); }} names.sort();"
            yield Case("resting_on", below, code, "name: names", one_of(on_it))

    def _gap(self, i: int, j: int) -> float:
        """Horizontal gap of the complete shapes' footprints, by their support functions; negative where they overlap."""
        gaps = []
        for angle in np.arange(0, 2 * math.pi, math.radians(3)):
            d = np.array([math.cos(angle), math.sin(angle), 0.0])
            gaps.append(-self.truth.reach(j, -d) - self.truth.reach(i, d))
        return max(gaps)

    def spaces(self) -> Iterator[Case]:
        table, floor = self.id["table"], 1
        for support, top in ((table, self.table_top_m), (floor, 0.0)):
            standing = [n for n in self.things if support in self.truth.carried_by(self.id[n])]
            for a, b in self.pairs(4, standing):
                i, j = self.id[a], self.id[b]
                passage = Passage(self, a, b, support, top)
                if passage.gap_m < 0.02:
                    continue
                full_m = self._gap(i, j)
                call = f"let f = tools.Geometry.free_space_between({_o(a)}, {_o(b)});"
                gap = within(full_m, max(full_m, passage.gap_m))
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
                        call = f"tools.Geometry.fits([{wide + 0.1}, {wide}, {height - 0.01}], {_o(a)}, {_o(b)})"
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
            yield number("clearance", n, f"tools.Geometry.clearance({_o(n)})", distance(full, visible))

    def motions(self) -> Iterator[Case]:
        velocity = np.array(self.a.velocity_m_per_s)
        for n in self.things:
            moves = n == self.a.glider
            delta = velocity * WINDOW_SECS if moves else np.zeros(3)
            dist = float(np.linalg.norm(delta))
            code = f'let d = tools.Geometry.displacement(tools.Scene.find_at("{n}", {WINDOW_SECS}), {_o(n)});'
            told = "v: d.distance.value, s: d.distance.sigma, holds: d.moved, clear: d.relation.clear, p: d.translation.tolist()"

            def displaced(told: Told, dist: float = dist, delta: NDArray[np.float64] = delta) -> str:
                if told["holds"] != (dist > 0) and told["clear"]:
                    return f"says moved {told['holds']}, truth {dist:.3f} m"
                off = float(np.linalg.norm(np.array(told["p"]) - delta))
                allowed = min(3 * told["s"], CAP_M) + SLACK_M
                return "" if off <= allowed else f"moved by {told['p']} ± {told['s']:.4f}, truth {delta.tolist()}"

            yield Case("displacement", n, code, told, displaced)
            code = f'let d = tools.Geometry.motion("{n}");'
            told = (
                "state: d.state, v: d.speed.value, s: d.speed.sigma, path: d.path_length.value, path_s: d.path_length.sigma, "
                "p: d.velocity.tolist(), ps: d.velocity_sigma, delta: d.displacement.tolist(), secs: d.secs, why: d.why"
            )

            def moved(told: Told, moves: bool = moves, delta: NDArray[np.float64] = delta, dist: float = dist) -> str:
                if told["state"] == "unknown":
                    return ""
                if told["state"] != ("moving" if moves else "static"):
                    return f"state {told['state']}, truth {dist:.3f} m"
                if abs(told["secs"] - WINDOW_SECS) > 1e-3:
                    return f"over {told['secs']} s"
                speed = (
                    within(dist / WINDOW_SECS, dist / WINDOW_SECS)({**told, "s": max(told["s"], 1e-9)}) if moves else ""
                )
                off = np.abs(np.array(told["p"]) - delta / WINDOW_SECS) - 3 * np.array(told["ps"]) - SLACK_M
                path = (
                    within(dist, dist, SLACK_M, 2 * SLACK_M)({"v": told["path"], "s": told["path_s"]}) if moves else ""
                )
                bad = f"velocity {told['p']} ± {told['ps']}, truth {delta.tolist()}" if off.max() > 0 else ""
                return "; ".join(filter(None, (speed and f"speed {speed}", path and f"path {path}", bad)))

            yield Case("motion", n, code, told, moved)

    def directions(self) -> Iterator[Case]:
        for n in self.things:
            bearings = [self.truth.bearing(boxes[n].centre_m) for boxes in (self.full, self.vis)]
            yield number(
                "bearing", n, f"tools.Geometry.bearing({_o(n)})", within(*bearings, SLACK_RAD, SLACK_RAD, CAP_RAD)
            )
            code = f"let d = tools.Geometry.direction_of({_o(n)});"
            yield Case(
                "direction_of",
                f"{n} angle",
                code,
                "v: d.angle.value, s: d.angle.sigma",
                within(*bearings, SLACK_RAD, SLACK_RAD, CAP_RAD),
            )
            slopes = []
            for boxes in (self.full, self.vis):
                x, y, z = self.truth.in_frame("base_link", boxes[n].centre_m[None])[0]
                slopes.append(math.atan2(z, math.hypot(x, y)))
            judge = within(*slopes, SLACK_RAD, SLACK_RAD, CAP_RAD)
            yield Case("direction_of", f"{n} elevation", code, "v: d.elevation.value, s: d.elevation.sigma", judge)
            in_robot = self.truth.in_frame("base_link", self.full[n].centre_m[None])[0]
            code = f'let t = tools.TF.transform({_o(n)}, "base_link");'
            yield Case("TF.transform", n, code, "p: t.center.tolist()", near(in_robot, self._centre_reach_m(n)))

    def frames(self) -> Iterator[Case]:
        now = self.a.now_secs
        for frame in ("base_link", "front_optical_frame", "tilt_link"):
            for ago in (0.0, 0.33, 0.9):
                truth = trajectory.map_from_frame(frame, now - ago)
                code = f'let t = tools.TF.lookup("map", "{frame}", {now - ago});'
                yield Case("TF.lookup", f"{frame} -{ago}", code, "p: t.position.tolist()", near(truth[:3, 3], 2e-4))
        half = 0.02
        step = (trajectory.map_from_base(now + half) - trajectory.map_from_base(now - half))[:3, 3] / (2 * half)
        speed = float(np.linalg.norm(step))
        yield number("TF.velocity", "robot", "tools.TF.velocity().speed", within(speed, speed, 0.003, 0.003))
        fine = np.array([trajectory.map_from_base(t)[:3, 3] for t in np.linspace(now - WINDOW_SECS, now, 200)])
        length = float(np.linalg.norm(np.diff(fine, axis=0), axis=1).sum())
        yield number(
            "TF.path", "robot", f'tools.TF.path("robot", {WINDOW_SECS}).length', within(length, length, 0.003, 0.003)
        )
        for _ in range(4):
            p = self.random.uniform((1.2, -0.5, 0.0), (2.6, 0.5, 1.0))
            pixel = camera.project(p[None], now)[0][:2]
            code = f"let uv = tools.Geometry.project_point_to_camera({p.tolist()}, InputImages[-1]);"
            yield Case("project_point_to_camera", str(p.round(2)), code, "p: [uv[0], uv[1]]", near(pixel, 0.1))


class Passage:
    """The straight passage between what is visible of two things, cut into slabs that PyBullet's shapes are in or not."""

    SLAB_M = 0.005

    def __init__(self, cases: Cases, a: str, b: str, support: int, top_m: float) -> None:
        self.world, self.top_m, self.support = cases.a.world, top_m, support
        hulls = [_outline(cases.seen[cases.id[n]][:, :2]) for n in (a, b)]
        self.start, end = _nearest(*hulls)
        self.gap_m = float(np.linalg.norm(end - self.start))
        self.across = (end - self.start) / max(self.gap_m, 1e-9)
        along = np.array([-self.across[1], self.across[0]])
        reach = [hull @ along - self.start @ along for hull in hulls]
        low, high = max(r.min() for r in reach), min(r.max() for r in reach)
        if high - low < 0.02:
            low, high = (low + high) / 2 - 0.01, (low + high) / 2 + 0.01
        self.middle, self.length_m, self.along = (low + high) / 2, high - low, along
        self.bodies = [body for label, body in self.world.body_of.items() if label not in (support, 1)]
        self.high_m = min(cases.vis[n].top_m for n in (a, b))

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
            hit = any(
                any(c[8] < 0 for c in self.world.client.getClosestPoints(
                    bodyA=body, bodyB=-1, distance=0.002, collisionShapeB=shape, collisionShapePositionB=at, collisionShapeOrientationB=turn))
                for body in self.bodies
            )  # fmt: skip
            run = 0 if hit else run + 1
            best = max(best, run)
        return best * self.SLAB_M


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
