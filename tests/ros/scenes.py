# SPDX-License-Identifier: Apache-2.0
"""Truth for tests of the running node: analytic scenes rendered exactly, rigid transforms, and the shared data's whereabouts.

Everything is in a frame with +z up unless a name says otherwise; matrices are 4x4 `target_from_source`.
"""

import contextlib
import dataclasses
import functools
import math
import os
import pathlib
import time

import numpy as np
import pytest
from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticStatus
from helpers import (
    LATCHED, ROOT, Answer, FakeCamera, FakeTf, GoalRejected, Intrinsics, NodeProcess, Ros, wait_until)
from spatialclaw.action import AskSpatial
from spatialclaw.msg import SpatialAnswer, SpatialValue
from spatialclaw.srv import CheckInputs

SHARED_DATA = pathlib.Path(os.environ.get('SPATIALCLAW_SHARED_DATA', ROOT.parent / 'shared' / 'data'))
OPTICAL = (-0.5, 0.5, -0.5, 0.5)  # body (x forward, z up) from optical (z forward, y down), REP-103; x, y, z, w
SMALL = Intrinsics(width=320, height=240, fx=262.5, fy=262.5, cx=159.5, cy=119.5)


def shared_data(name):
    """The folder of a shared data set; the test is skipped where it is not."""
    folder = SHARED_DATA / name
    if not folder.is_dir():
        pytest.skip(f'shared data absent: {folder} (SPATIALCLAW_SHARED_DATA says where the sets are)')
    return folder


def code_name(code):
    """The constant's name of an error code, or the number."""
    names = [n for n in dir(AskSpatial.Result) if n.isupper() and getattr(AskSpatial.Result, n) == code]
    return names[0] if names else str(code)


def refusal(result):
    """`NOT_VISIBLE: message`, for assertions that fail with both."""
    return f'{code_name(result.error_code)}: {result.error_msg}' if result.error_code else f'answered: {result.text}'


def has_no_value(value):
    """Whether a SpatialValue says nothing at all: no kind, number, truth, text, place or item."""
    return value == SpatialValue()


# ---- rigid transforms


def rotation(quaternion):
    x, y, z, w = np.asarray(quaternion, float) / np.linalg.norm(quaternion)
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]])


def quaternion(matrix):
    """x, y, z, w of a rotation matrix (Shepperd: divide by the largest component)."""
    m = np.asarray(matrix)[:3, :3]
    squares = np.array([1 + m[0, 0] - m[1, 1] - m[2, 2], 1 - m[0, 0] + m[1, 1] - m[2, 2],
                        1 - m[0, 0] - m[1, 1] + m[2, 2], 1 + np.trace(m)])
    i = int(np.argmax(squares))
    rows = [[squares[0], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0], m[2, 1] - m[1, 2]],
            [m[0, 1] + m[1, 0], squares[1], m[1, 2] + m[2, 1], m[0, 2] - m[2, 0]],
            [m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], squares[2], m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], squares[3]]]
    q = np.array(rows[i])
    return tuple(float(x) for x in q / np.linalg.norm(q))


def transform(xyz=(0.0, 0.0, 0.0), quaternion=(0.0, 0.0, 0.0, 1.0)):
    matrix = np.eye(4)
    matrix[:3, :3] = rotation(quaternion)
    matrix[:3, 3] = xyz
    return matrix


def turned(yaw_rad):
    return transform(quaternion=(0.0, 0.0, math.sin(yaw_rad / 2), math.cos(yaw_rad / 2)))


def apply(target_from_source, points):
    return np.asarray(points) @ target_from_source[:3, :3].T + target_from_source[:3, 3]


def looking(xyz, yaw_rad=0.0, pitch_rad=0.0):
    """map_from_optical of a camera at xyz that looks along yaw, and down by pitch."""
    return transform(xyz) @ turned(yaw_rad) @ transform(
        quaternion=(0.0, math.sin(pitch_rad / 2), 0.0, math.cos(pitch_rad / 2))) @ transform(quaternion=OPTICAL)


# ---- analytic scenes


@dataclasses.dataclass(frozen=True)
class Box:
    """An upright box, turned about its centre by yaw."""

    label: int
    centre: tuple
    size: tuple
    yaw_rad: float = 0.0
    colour: tuple = (180, 60, 40)

    def hit(self, origin, rays):
        own = np.linalg.inv(transform(self.centre) @ turned(self.yaw_rad))
        start, way = apply(own, origin), rays @ own[:3, :3].T
        half = np.asarray(self.size) / 2
        with np.errstate(divide='ignore', invalid='ignore'):
            one, other = (-half - start) / way, (half - start) / way
        near, far = np.minimum(one, other).max(axis=-1), np.maximum(one, other).min(axis=-1)
        return np.where((near <= far) & (near > 0), near, np.inf)


@dataclasses.dataclass(frozen=True)
class Sphere:
    label: int
    centre: tuple
    radius: float
    colour: tuple = (60, 160, 60)

    def hit(self, origin, rays):
        to = np.asarray(self.centre) - origin
        a, b, c = (rays * rays).sum(-1), rays @ to, to @ to - self.radius ** 2
        inner = b * b - a * c
        near = (b - np.sqrt(np.maximum(inner, 0))) / a
        return np.where((inner > 0) & (near > 0), near, np.inf)


@dataclasses.dataclass(frozen=True)
class Ground:
    """The plane z = height."""

    label: int = 0
    height: float = 0.0
    colour: tuple = (110, 110, 120)

    def hit(self, origin, rays):
        with np.errstate(divide='ignore', invalid='ignore'):
            t = (self.height - origin[2]) / rays[..., 2]
        return np.where(t > 0, t, np.inf)


@dataclasses.dataclass(frozen=True)
class Picture:
    """What a camera sees: rgb HxWx3 uint8, depth in metres along the optical axis (NaN where nothing is), labels HxW."""

    image: np.ndarray
    depth: np.ndarray
    labels: np.ndarray


def render(shapes, map_from_optical, intrinsics):
    """Ray casts exactly: one ray through each pixel's centre, the centre of the top-left pixel at (0, 0)."""
    rays_optical = pixel_rays(intrinsics)
    rays, origin = rays_optical @ map_from_optical[:3, :3].T, map_from_optical[:3, 3]
    hits = np.stack([shape.hit(origin, rays) for shape in shapes])
    nearest = hits.argmin(axis=0)
    depth = np.take_along_axis(hits, nearest[None], axis=0)[0]  # rays have optical z = 1
    seen = np.isfinite(depth)
    labels = np.where(seen, np.array([shape.label for shape in shapes])[nearest], 0).astype(np.uint16)
    shade = np.clip(1.2 - depth / 8, 0.3, 1.0, where=seen, out=np.zeros_like(depth))
    colours = np.array([shape.colour for shape in shapes], float)[nearest] * shade[..., None]
    return Picture(colours.astype(np.uint8), np.where(seen, depth, np.nan).astype(np.float32), labels)


def pixel_rays(intrinsics):
    """HxWx3 rays with optical z = 1."""
    u, v = np.meshgrid(np.arange(intrinsics.width), np.arange(intrinsics.height))
    return np.stack([(u - intrinsics.cx) / intrinsics.fx, (v - intrinsics.cy) / intrinsics.fy, np.ones(u.shape)], axis=-1)


def depth_sigma(depth):
    """The node's default depth noise (Nguyen, Izadi, Lovell 2012)."""
    return 0.0012 + 0.0019 * np.maximum(depth - 0.4, 0) ** 2


# ---- a desk that most tests share

GAP_M = 0.30  # between the facing sides of mug and box
NAMES = {1: 'floor', 2: 'table', 3: 'mug', 4: 'box'}
TABLE_M, MUG_M, BOX_M = 0.70, 0.10, 0.20  # height of the table, edges of the cubes on it
DESK = (
    Ground(label=1),
    Box(label=2, centre=(1.3, 0.0, TABLE_M / 2), size=(0.8, 1.2, TABLE_M), colour=(150, 110, 70)),
    Box(label=3, centre=(1.15, (GAP_M + MUG_M) / 2, TABLE_M + MUG_M / 2), size=(MUG_M,) * 3, colour=(200, 40, 40)),
    Box(label=4, centre=(1.15, -(GAP_M + BOX_M) / 2, TABLE_M + BOX_M / 2), size=(BOX_M,) * 3, colour=(40, 80, 200)),
)
DESK_CAMERA = looking((0.0, 0.0, 1.2), pitch_rad=0.35)
QUESTION = 'How far is the mug from the box?'


@functools.lru_cache
def desk_picture(intrinsics=SMALL, without=()):
    """The desk as DESK_CAMERA sees it; `without` lists labels of shapes to leave out."""
    return render([shape for shape in DESK if shape.label not in without], DESK_CAMERA, intrinsics)


def assert_desk_answered(answer, intrinsics=SMALL):
    """That QUESTION was answered with GAP_M: within 3 sigma and what a pixel covers at that distance."""
    result = answer.result
    assert result.success and result.error_code == 0, refusal(result)
    assert result.value.kind == SpatialValue.KIND_NUMBER and result.value.number.unit == 'm', result.value
    number = result.value.number
    # The last pixel of a side lies up to one pixel's width inside it, at both sides.
    pitch_m = 2 * 1.3 / intrinsics.fx
    assert number.sigma > 0
    assert abs(number.value - GAP_M) <= 3 * number.sigma + pitch_m, (number, pitch_m)


class Rig:
    """The node under test, with the desk's transforms, for all tests of a module."""

    def __init__(self, process, ros):
        self.process, self.ros, self.tf = process, ros, FakeTf(ros)
        self.cameras = {}
        self._answers = ros.listen(SpatialAnswer, '/spatialclaw/answer', LATCHED)

    def ask(self, question, **fields):
        """As `Ros.ask`. A goal that is not even accepted has no result: its reason is what ~/answer tells, its status UNKNOWN."""
        before = len(self._answers)
        try:
            return self.ros.ask(question, **fields)
        except GoalRejected:
            told = wait_until(lambda: [m for m in self._answers[before:] if not m.success], 5, 'the reason of the rejection')
            return Answer(GoalStatus.STATUS_UNKNOWN, told[-1], [])

    def place_base(self):
        self.tf.static('map', 'base_link')

    def camera(self, name, *, frame=None, intrinsics=SMALL, placed=True, node_listens=True):
        """A fake camera of this name at DESK_CAMERA, once; `placed` gives it its static transform."""
        if name not in self.cameras:
            frame = frame or f'{name}_optical'
            self.cameras[name] = FakeCamera(self.ros, name, frame=frame, intrinsics=intrinsics)
            if placed:
                self.tf.static('base_link', frame, DESK_CAMERA[:3, 3], quaternion(DESK_CAMERA))
            if node_listens:
                self.cameras[name].wait_for_node()
        return self.cameras[name]

    def show(self, camera, picture=None, names=NAMES, **what):
        """Publishes the desk (or `picture`) from a camera and gives the node a moment to take it in; `what` as for publish."""
        picture = picture or desk_picture(camera.intrinsics)
        given = {'image': picture.image, 'depth': picture.depth, 'labels': picture.labels, 'names': names, **what}
        return camera.publish(**given)

    def until_usable(self, send, *names, timeout=10.0):
        """Calls `send` again and again until the node finds the inputs of these cameras usable."""
        def usable():
            send()
            time.sleep(0.1)
            found = {status.name.split()[-1]: status.level for status in self.ros.call(CheckInputs, '/spatialclaw/check_inputs').findings}
            return all(found[name] == DiagnosticStatus.OK for name in names)
        wait_until(usable, timeout, f'usable input of {", ".join(names)}')

    def node_pid(self):
        """The process id of the node itself, a child of the launcher; None when it is gone."""
        return node_pid(self.process)


def node_pid(process):
    for pid in process.leftovers():
        with contextlib.suppress(OSError):
            if 'spatialclaw_node' in pathlib.Path(f'/proc/{pid}/exe').readlink().name:
                return pid
    return None


@contextlib.contextmanager
def running_node(name, parameters, **arguments):
    """A Rig around a node of its own, ended when the block ends; what the node prints goes to out/tests/NAME.log."""
    folder = ROOT / 'out' / 'tests'
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f'{name}.log'
    log.unlink(missing_ok=True)
    process = NodeProcess(parameters, log=log, **arguments)
    try:
        with Ros(f'test_{name}') as ros:
            try:
                wait_until(lambda: ros.action().server_is_ready() or not process.running(), 20, 'the action server')
            except TimeoutError as error:
                raise AssertionError(f'{error}; the node printed:\n{process.output()}') from None
            assert process.running(), f'the node ended at once:\n{process.output()}'
            yield Rig(process, ros)
    finally:
        process.kill()


def heard(messages, accept, timeout=5.0, what='the message'):
    """The first message of a growing list that `accept` takes."""
    return wait_until(lambda: next((m for m in list(messages) if accept(m)), None), timeout, what)
