# SPDX-License-Identifier: Apache-2.0
"""The household scene in PyBullet: builds it, lets it settle, and puts everything where it is at a time."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import trajectory
from .bullet import DATA_DIR, connect, pybullet
from .layout import OBJECTS, SLIDE, ObjectSpec, Part

Pose = tuple[tuple[float, float, float], tuple[float, float, float, float]]

SETTLE_STEPS = 480
STEP_SECS = 1.0 / 240.0
CONTACT_M = 0.004


@dataclass(frozen=True)
class Move:
    """A recorded displacement of one object: it glides along a straight line between two times."""

    label_id: int
    delta_m: tuple[float, float, float]
    start_secs: float
    end_secs: float


@dataclass
class WorldLog:
    """Everything that changed since the scene settled. Two worlds with equal logs are equal at every time."""

    moves: list[Move] = field(default_factory=list)

    def to_json(self) -> list[dict[str, Any]]:
        """Plain data for a message."""
        return [vars(m) for m in self.moves]

    @staticmethod
    def from_json(data: list[dict[str, Any]]) -> WorldLog:
        """Inverse of ``to_json``."""
        return WorldLog([Move(m["label_id"], tuple(m["delta_m"]), m["start_secs"], m["end_secs"]) for m in data])


class World:
    """One PyBullet scene. ``at(t)`` poses robot and objects; queries then speak about that time."""

    def __init__(self, objects: tuple[ObjectSpec, ...] = OBJECTS, settle: bool = True) -> None:
        self.client: Any = connect()
        self.client.setGravity(0.0, 0.0, -9.81)
        self.client.setTimeStep(STEP_SECS)
        self.log = WorldLog()
        self.specs = {o.label_id: o for o in objects}
        self.body_of = {o.label_id: self._add(o) for o in objects}
        self.label_of = {body: label for label, body in self.body_of.items()}
        self.settled_m: dict[int, Pose] = {}
        if settle:
            for _ in range(SETTLE_STEPS):
                self.client.stepSimulation()
        # Who carries whom is physics: the contacts after settling whose force points up.
        self.carried_by = self._read_contacts()
        for label, body in self.body_of.items():
            self.settled_m[label] = self.client.getBasePositionAndOrientation(body)
        self.robot = self._add_robot()
        self.now_secs = 0.0

    def close(self) -> None:
        """Frees the physics server."""
        self.client.disconnect()

    def at(self, t_secs: float) -> World:
        """Poses the robot and every object as they are at a simulated time."""
        self.now_secs = t_secs
        for label, body in self.body_of.items():
            xyz, quat = self.pose_at(label, t_secs)
            self.client.resetBasePositionAndOrientation(body, xyz, quat)
        base = trajectory.map_from_base(t_secs)
        self.client.resetBasePositionAndOrientation(self.robot, base[:3, 3].tolist(), trajectory.quaternion(base))
        # Brings the broad phase up to date, which rays and closest points read.
        self.client.performCollisionDetection()
        return self

    def pose_at(self, label: int, t_secs: float) -> Pose:
        """Position and quaternion of an object's origin (centre of its underside) in ``map``."""
        xyz, quat = self.settled_m[label]
        position = np.array(xyz)
        for move in self.log.moves:
            if move.label_id == label:
                share = (t_secs - move.start_secs) / (move.end_secs - move.start_secs)
                position = position + np.clip(share, 0.0, 1.0) * np.array(move.delta_m)
        return (float(position[0]), float(position[1]), float(position[2])), quat

    def slide(self, start_secs: float) -> Move:
        """Records the demo's displacement, beginning at a simulated time."""
        move = Move(SLIDE.label_id, SLIDE.delta_m, start_secs, start_secs + SLIDE.duration_secs)
        self.log.moves.append(move)
        return move

    def labels(self, name: str) -> list[int]:
        """Label ids of every object of a name."""
        return [o.label_id for o in self.specs.values() if o.name == name]

    def _read_contacts(self) -> dict[int, set[int]]:
        """For each movable object, the objects whose contact pushes it up."""
        carried: dict[int, set[int]] = {}
        for label, body in self.body_of.items():
            if self.specs[label].mass_kg == 0.0:
                continue
            carried[label] = set()
            for contact in self.client.getContactPoints(bodyA=body):
                other, normal_on_b, distance = contact[2], contact[7], contact[8]
                if other in self.label_of and normal_on_b[2] > 0.7 and distance < CONTACT_M:
                    carried[label].add(self.label_of[other])
        return carried

    def _add(self, spec: ObjectSpec) -> int:
        shapes = [_shape(part) for part in spec.parts]
        frames = [list(part.at) for part in spec.parts]
        turns = [self.client.getQuaternionFromEuler(part.rpy) for part in spec.parts]
        if len(shapes) == 1:
            # A mesh file may hold several convex pieces, which the array calls do not unpack.
            collision_args = {k: v for k, v in shapes[0].items() if k != "length"}
            visual_args = _smooth(spec.parts[0]) or {k: v for k, v in shapes[0].items() if k != "height"}
            collision = self.client.createCollisionShape(
                **collision_args, collisionFramePosition=frames[0], collisionFrameOrientation=turns[0]
            )
            visual = self.client.createVisualShape(
                **visual_args,
                visualFramePosition=frames[0],
                visualFrameOrientation=turns[0],
                rgbaColor=spec.rgba,
                specularColor=[0.1, 0.1, 0.1],
            )
        else:
            halves = [s["halfExtents"] for s in shapes]
            kinds = [s["shapeType"] for s in shapes]
            collision = self.client.createCollisionShapeArray(
                shapeTypes=kinds,
                halfExtents=halves,
                collisionFramePositions=frames,
                collisionFrameOrientations=turns,
            )
            visual = self.client.createVisualShapeArray(
                shapeTypes=kinds,
                halfExtents=halves,
                visualFramePositions=frames,
                visualFrameOrientations=turns,
                rgbaColors=[list(spec.rgba)] * len(shapes),
            )
        body = self.client.createMultiBody(
            baseMass=spec.mass_kg,
            baseCollisionShapeIndex=collision,
            baseVisualShapeIndex=visual,
            basePosition=spec.xyz_m,
            baseOrientation=self.client.getQuaternionFromEuler([0.0, 0.0, spec.yaw_rad]),
        )
        self.client.changeVisualShape(body, -1, rgbaColor=spec.rgba)
        self.client.changeDynamics(body, -1, lateralFriction=0.9, rollingFriction=0.01, spinningFriction=0.01)
        return int(body)

    def _add_robot(self) -> int:
        half = [0.22, 0.20, 0.11]
        return int(
            self.client.createMultiBody(
                baseCollisionShapeIndex=self.client.createCollisionShape(
                    pybullet.GEOM_BOX, halfExtents=half, collisionFramePosition=[-0.05, 0.0, 0.15]
                ),
                baseVisualShapeIndex=self.client.createVisualShape(
                    pybullet.GEOM_BOX,
                    halfExtents=half,
                    visualFramePosition=[-0.05, 0.0, 0.15],
                    rgbaColor=[0.3, 0.3, 0.35, 1.0],
                ),
            )
        )


def _shape(part: Part) -> dict[str, Any]:
    """PyBullet's arguments for one part; cylinders carry their height under both of its names."""
    if part.kind == "box":
        return {"shapeType": pybullet.GEOM_BOX, "halfExtents": [s / 2 for s in part.size]}
    if part.kind == "sphere":
        return {"shapeType": pybullet.GEOM_SPHERE, "radius": part.size[0]}
    if part.kind == "cylinder":
        return {
            "shapeType": pybullet.GEOM_CYLINDER,
            "radius": part.size[0],
            "height": part.size[1],
            "length": part.size[1],
        }
    if not math.isfinite(sum(part.size)) or not part.file:
        raise ValueError(f"mesh part without a file or with size {part.size}")
    path = os.path.join(DATA_DIR, part.file)
    return {"shapeType": pybullet.GEOM_MESH, "fileName": path, "meshScale": list(part.size)}


def _smooth(part: Part) -> dict[str, Any] | None:
    """A finer picture of a sphere than the renderer's own, which lies up to 1 cm inside the true surface."""
    if part.kind != "sphere":
        return None
    path = os.path.join(DATA_DIR, "sphere_smooth.obj")
    return {"shapeType": pybullet.GEOM_MESH, "fileName": path, "meshScale": [part.size[0]] * 3}
