# SPDX-License-Identifier: Apache-2.0
"""Cases about where things are and go: sides, orders, supports, motion, directions, frames. No ROS."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from arrangements import WINDOW_SECS
from demo import camera, trajectory
from numpy.typing import NDArray
from tool_cases import (
    CAP_M,
    CAP_RAD,
    SLACK_M,
    SLACK_RAD,
    Case,
    Scene,
    Told,
    near,
    number,
    obj,
    one_of,
    relation,
    verdict,
    within,
)


class PlaceCases(Scene):
    """What is where, carries what and goes where."""

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
                for name, code, frame in [*viewers, (third, obj(third), None)]:
                    truths = []
                    for boxes in (self.full, self.vis):
                        eye = self.truth.origin(frame) if frame else boxes[third].centre_m
                        p, q = ((boxes[n].centre_m - eye)[:2] for n in (a, b))
                        turn = math.remainder(math.atan2(p[1], p[0]) - math.atan2(q[1], q[0]), 2 * math.pi)
                        left, nearer = turn > 0, math.hypot(*p) < math.hypot(*q)
                        truths.append({"left": left, "right": not left, "front": nearer, "behind": not nearer}[side])
                    call = f'tools.Geometry.side_of({obj(a)}, "{side}", {obj(b)}, {code})'
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
                    f'tools.Geometry.side_of_frame({obj(n)}, "{side}", "robot")',
                    verdict(*truths),
                )

    def orders(self) -> Iterator[Case]:
        for _ in range(3):
            some = [self.things[i] for i in self.random.permutation(len(self.things))[:4]]
            listed = "[" + ", ".join(map(obj, some)) + "]"
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
            call = f"let l = tools.Geometry.nearest_to([{', '.join(map(obj, others))}], {obj(some[0])});"
            yield Case("nearest_to", f"{others} {some[0]}", call, "name: l.label", one_of(*nearest))

    def _turn(self, p: NDArray[np.float64], at: NDArray[np.float64], frame: str) -> float:
        """Bearing about the up axis from a place, with the cut behind the robot."""
        ahead = trajectory.map_from_frame("base_link", self.a.now_secs)[:2, 0]
        d = (p - at)[:2]
        return math.remainder(math.atan2(d[1], d[0]) - math.atan2(ahead[1], ahead[0]), 2 * math.pi)

    def supports(self) -> Iterator[Case]:
        everything = [*self.things, "table"]
        listed = "[" + ", ".join(obj(n) for n in everything if n) + "]"
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
                        f"tools.Geometry.on_top_of({obj(n)}, {obj(other)})",
                        verdict(other in carriers),
                    )
                if other not in ("table",):
                    inside = other == "basket" and self.truth.contains(j, i)
                    yield relation(
                        "inside", f"{n} {other}", f"tools.Geometry.inside({obj(n)}, {obj(other)})", verdict(inside)
                    )
                overlap = self.gap_m(i, j)
                if overlap > 0.03:
                    yield relation(
                        "under", f"{n} {other}", f"tools.Geometry.under({obj(n)}, {obj(other)})", verdict(False)
                    )
                elif n in carriers:
                    yield relation(
                        "under", f"{n} {other}", f"tools.Geometry.under({obj(n)}, {obj(other)})", verdict(True)
                    )
            if carriers & set(everything):
                call = f"let l = tools.Geometry.support_of({obj(n)}, {listed});"
                yield Case("support_of", n, call, "name: l.label", one_of(*carriers))
        for below in ("table", *(n for n in ("carton", "basket") if n in self.things)):
            on_it = sorted(
                n
                for n in self.things
                if self.id[below] in self.truth.carried_by(self.id[n])
                and not self.truth.contains(self.id[below], self.id[n])
            )
            code = (
                f"let l = tools.Geometry.resting_on({obj(below)}, {listed}); "
                "let names = []; for x in l { names.push(x.label); } names.sort();"
            )
            yield Case("resting_on", below, code, "name: names", one_of(on_it))

    def motions(self) -> Iterator[Case]:
        velocity = np.array(self.a.velocity_m_per_s)
        for n in self.things:
            moves = n == self.a.glider
            delta = velocity * WINDOW_SECS if moves else np.zeros(3)
            dist = float(np.linalg.norm(delta))
            code = f'let d = tools.Geometry.displacement(tools.Scene.find_at("{n}", {WINDOW_SECS}), {obj(n)});'
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
                "p: d.velocity.tolist(), ps: d.velocity_sigma.tolist(), delta: d.displacement.tolist(), secs: d.secs, why: d.why"
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
                "bearing", n, f"tools.Geometry.bearing({obj(n)})", within(*bearings, SLACK_RAD, SLACK_RAD, CAP_RAD)
            )
            code = f"let d = tools.Geometry.direction_of({obj(n)});"
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
            code = f'let t = tools.TF.transform({obj(n)}, "base_link");'
            yield Case("TF.transform", n, code, "p: t.center.tolist()", near(in_robot, self.centre_reach_m(n)))

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
