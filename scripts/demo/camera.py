# SPDX-License-Identifier: Apache-2.0
"""The simulated depth camera: renders a world, then spoils the depth as a real sensor does. No ROS.

PyBullet's software renderer puts the optical axis at cx = W/2, cy = H/2 - 1 (measured: with it the metric
depth agrees with ray tests; the usual half-pixel guess is off by millimetres).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import trajectory
from .bullet import pybullet
from .scene import World

WIDTH_PX = 640
HEIGHT_PX = 480
VERTICAL_FOV_RAD = math.radians(64.0)
NEAR_M = 0.1
FAR_M = 20.0
FOCAL_PX = HEIGHT_PX / 2 / math.tan(VERTICAL_FOV_RAD / 2)
CX_PX = WIDTH_PX / 2
CY_PX = HEIGHT_PX / 2 - 1
MAX_RANGE_M = 6.0
NOISE_SEED = 20120


@dataclass(frozen=True)
class Frame:
    """One exposure. Arrays are H x W, row-major; depth along the optical axis in metres, NaN = unknown."""

    t_secs: float
    rgb: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    labels: NDArray[np.uint16]


def k_matrix() -> list[float]:
    """Row-major 3 x 3 camera matrix."""
    return [FOCAL_PX, 0.0, CX_PX, 0.0, FOCAL_PX, CY_PX, 0.0, 0.0, 1.0]


def map_from_optical(t_secs: float) -> trajectory.Matrix:
    """Pose of the optical frame (z forward, x right, y down) in ``map``."""
    return trajectory.map_from_frame("front_optical_frame", t_secs)


def project(points_m: NDArray[np.float64], t_secs: float) -> NDArray[np.float64]:
    """Pixel (u, v) and depth of N x 3 points given in ``map``."""
    optical_from_map = np.linalg.inv(map_from_optical(t_secs))
    p = points_m @ optical_from_map[:3, :3].T + optical_from_map[:3, 3]
    return np.stack([FOCAL_PX * p[:, 0] / p[:, 2] + CX_PX, FOCAL_PX * p[:, 1] / p[:, 2] + CY_PX, p[:, 2]], axis=1)


def render(world: World, t_secs: float) -> Frame:
    """Colour, exact depth and label ids at a simulated time."""
    world.at(t_secs)
    pose = map_from_optical(t_secs)
    eye, forward, up = pose[:3, 3], pose[:3, 2], -pose[:3, 1]
    view = world.client.computeViewMatrix(eye.tolist(), (eye + forward).tolist(), up.tolist())
    lens = world.client.computeProjectionMatrixFOV(math.degrees(VERTICAL_FOV_RAD), WIDTH_PX / HEIGHT_PX, NEAR_M, FAR_M)
    _, _, rgba, z_buffer, bodies = world.client.getCameraImage(
        WIDTH_PX,
        HEIGHT_PX,
        view,
        lens,
        renderer=pybullet.ER_TINY_RENDERER,
        lightDirection=[-1.0, 0.8, 3.0],
        shadow=0,
        lightAmbientCoeff=0.6,
        lightDiffuseCoeff=0.4,
        lightSpecularCoeff=0.05,
    )
    shape = (HEIGHT_PX, WIDTH_PX)
    buffer = np.asarray(z_buffer, dtype=np.float64).reshape(shape)
    depth = FAR_M * NEAR_M / (FAR_M - (FAR_M - NEAR_M) * buffer)
    depth[buffer >= 1.0] = np.nan
    body = np.asarray(bodies, dtype=np.int64).reshape(shape)
    table = np.zeros(max(world.label_of) + 3, dtype=np.uint16)
    for body_id, label in world.label_of.items():
        table[body_id] = label
    labels = np.where((body >= 0) & (body < len(table)), table[np.clip(body, 0, len(table) - 1)], 0)
    rgb = np.asarray(rgba, dtype=np.uint8).reshape(*shape, 4)[:, :, :3].copy()
    return Frame(t_secs, rgb, depth.astype(np.float32), labels.astype(np.uint16))


def edges(depth_m: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Pixels on either side of a depth discontinuity, where a real sensor returns nothing.

    A step counts from 3 cm or 2 % of the depth, whichever is more: slanted floors stay valid.
    """
    out = np.zeros(depth_m.shape, dtype=bool)
    limit = np.maximum(0.03, 0.02 * depth_m)
    for axis in (0, 1):
        step = np.abs(np.diff(depth_m, axis=axis))
        near_limit = limit[:-1, :] if axis == 0 else limit[:, :-1]
        jump = ~(step < near_limit)
        if axis == 0:
            out[:-1, :] |= jump
            out[1:, :] |= jump
        else:
            out[:, :-1] |= jump
            out[:, 1:] |= jump
    return out


def measurable(depth_m: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Pixels for which the sensor gives a depth at all."""
    return np.isfinite(depth_m) & (depth_m < MAX_RANGE_M) & ~edges(depth_m)


def sigma_z_m(depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
    """Axial noise of a structured-light camera: Nguyen, Izadi and Lovell, 3DIMPVT 2012."""
    return (0.0012 + 0.0019 * (depth_m - 0.4) ** 2).astype(np.float32)


def sense(frame: Frame, frame_idx: int, seed: int = NOISE_SEED) -> Frame:
    """The frame as the sensor reports it: noisy depth, NaN at discontinuities. Repeatable per seed and index."""
    random = np.random.default_rng([seed, frame_idx])
    noise = random.standard_normal(frame.depth_m.shape).astype(np.float32)
    depth = frame.depth_m + noise * sigma_z_m(frame.depth_m)
    depth = np.where(measurable(frame.depth_m), depth, np.float32(np.nan)).astype(np.float32)
    return Frame(frame.t_secs, frame.rgb, depth, frame.labels)


def millimetres(depth_m: NDArray[np.float32]) -> NDArray[np.uint16]:
    """REP-118 16UC1 coding: millimetres, 0 = unknown."""
    return np.nan_to_num(np.rint(depth_m * 1000.0), nan=0.0).clip(0, 65535).astype(np.uint16)
