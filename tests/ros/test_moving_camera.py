# SPDX-License-Identifier: Apache-2.0
"""A camera that turns at 1 rad/s: points are placed by the transform at the image's time, never by the latest one."""

import math
import threading
import time

import numpy as np
import pytest
from action_msgs.msg import GoalStatus
from helpers import Intrinsics, label_names, stamp
from scenes import OPTICAL, Box, Ground, apply, depth_sigma, quaternion, refusal, render, running_node, transform, turned
from spatialclaw.action import AskSpatial
from spatialclaw.msg import SpatialValue
from tf2_msgs.msg import TFMessage

TURN_RATE = 1.0  # rad/s
TF_PERIOD = 1 / 50
# Images repeat from panel to panel, so that all there are can be drawn beforehand: 24 on the way from one to the next, 30.6 Hz.
N_PICTURES = 24
N_QUESTIONS = 40
# The stamps of this camera are exact, to the clock's resolution.
PARAMETERS = {'cameras': ['camera'], 'tf': {'wait_secs': 0.3}, 'stamp_sigma_secs': 0.001}
CAMERA = Intrinsics(width=320, height=240, fx=262.5, fy=262.5, cx=159.5, cy=119.5)
BASE_FROM_OPTICAL = transform((0.15, 0.0, 1.0), OPTICAL)
COLOURS = ['red', 'orange', 'yellow', 'green', 'blue', 'violet', 'white', 'black']
STEP_RAD = 2 * math.pi / len(COLOURS)  # less than the camera's field of view: one panel is always in sight
PANEL = (0.02, 0.30, 0.24)  # thickness, width, height
DISTANCE = 1.8


IMAGE_PERIOD = STEP_RAD / TURN_RATE / N_PICTURES
CENTRE = transform((0.4, -0.3, 0.0))  # map from the point that the robot turns about, and the panels stand around
AXLE_FROM_BASE = transform((0.1, 0.0, 0.0))


def panels():
    """Panels on a circle, each facing its middle: the camera sees their front faces alone."""
    for i in range(len(COLOURS)):
        yaw = i * STEP_RAD
        yield Box(label=i + 1, centre=(DISTANCE * math.cos(yaw), DISTANCE * math.sin(yaw), 1.0), size=PANEL, yaw_rad=yaw)


# The middle of what can be seen of each panel, in map: its front face.
TRUTH = {f'{name} panel': apply(CENTRE @ turned(i * STEP_RAD), [DISTANCE - PANEL[0] / 2, 0.0, 1.0]) for i, name in enumerate(COLOURS)}


def draw_pictures():
    """What is seen at yaw 0, 1/24 step, ...: colour, noisy depth in millimetres, labels."""
    noise = np.random.default_rng(7)
    for k in range(N_PICTURES):
        picture = render((Ground(), *panels()), turned(k * STEP_RAD / N_PICTURES) @ AXLE_FROM_BASE @ BASE_FROM_OPTICAL, CAMERA)
        depth = picture.depth + noise.normal(size=picture.depth.shape) * depth_sigma(picture.depth)
        yield picture.image, (np.nan_to_num(depth) * 1000).round().astype(np.uint16), picture.labels


class Carousel:
    """The robot turns on the spot; TF and images come from two threads, as they come from two drivers."""

    def __init__(self, rig):
        self.rig, self.camera = rig, rig.camera('camera', intrinsics=CAMERA, placed=False)
        rig.tf.static('base_link', self.camera.frame, BASE_FROM_OPTICAL[:3, 3], OPTICAL)
        self.camera.label_names.publish(label_names({i + 1: name for i, name in enumerate(TRUTH)}))
        self._pictures = list(draw_pictures())
        self._stop = threading.Event()
        self._zero = time.time_ns()
        self._threads = [threading.Thread(target=self._every, args=what, daemon=True)
                         for what in ((TF_PERIOD, self._send_tf), (IMAGE_PERIOD, self._send_image))]
        self.n_images = 0

    def yaw(self, nanos):
        return TURN_RATE * (nanos - self._zero) * 1e-9

    def map_from_base(self, nanos):
        return CENTRE @ turned(self.yaw(nanos)) @ AXLE_FROM_BASE

    def _send_tf(self, _, nanos):
        matrix = self.map_from_base(nanos)
        self.rig.tf.dynamic('map', 'base_link', matrix[:3, 3], quaternion(matrix), stamp=nanos_stamp(nanos))

    def _send_image(self, count, nanos):
        n_steps, k = divmod(count, N_PICTURES)
        image, depth, labels = self._pictures[k]
        turned_labels = np.where(labels > 0, (labels + n_steps - 1) % len(COLOURS) + 1, 0)
        self.camera.publish(image=image, depth=depth, labels=turned_labels, stamp=nanos_stamp(nanos))
        self.n_images += 1

    def _every(self, period, send):
        count = 0
        while not self._stop.is_set():
            # Never ahead of its time, and what a late thread has missed it leaves out.
            send(count, self._zero + round(count * period * 1e9))
            elapsed = (time.time_ns() - self._zero) * 1e-9
            count = max(count + 1, int(elapsed / period))
            self._stop.wait(max(count * period - (time.time_ns() - self._zero) * 1e-9, 0))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def nanos_stamp(nanos):
    message = stamp(0)
    message.sec, message.nanosec = divmod(nanos, 10**9)
    return message


def stamp_nanos(message):
    return message.sec * 10**9 + message.nanosec


def latest_transform(messages):
    """The newest map_from_base on the wire, as a listener that ignores time would use it."""
    newest = max((t for m in list(messages) for t in m.transforms), key=lambda t: stamp_nanos(t.header.stamp))
    t, q = newest.transform.translation, newest.transform.rotation
    return transform((t.x, t.y, t.z), (q.x, q.y, q.z, q.w))


@pytest.fixture(scope='module')
def measured():
    """Rows of (panel, error in map, sigma of each axis, error with the latest transform), metres.

    Questions about a panel that the image cut at its edge are left out: what was seen of it has another middle.
    """
    rows = []
    with running_node('moving_camera', PARAMETERS) as rig:
        heard_tf = rig.ros.listen(TFMessage, '/tf', 100)
        with Carousel(rig) as carousel:
            time.sleep(1.0)
            for _ in range(N_QUESTIONS):
                panel = list(TRUTH)[round(carousel.yaw(time.time_ns()) / STEP_RAD) % len(COLOURS)]
                status, result, _ = rig.ros.ask(f'Where is the {panel}?', answer_kind=AskSpatial.Goal.ANSWER_POINT)
                latest = latest_transform(heard_tf)
                del heard_tf[:-5]
                assert status == GoalStatus.STATUS_SUCCEEDED, refusal(result)
                assert result.value.kind == SpatialValue.KIND_POINT
                placement = result.value.placement
                assert placement.header.frame_id == 'map'
                image_nanos = stamp_nanos(placement.header.stamp)
                if not in_sight(panel, carousel.yaw(image_nanos)):
                    continue
                p = placement.pose.pose.position
                place = np.array([p.x, p.y, p.z])
                truth = TRUTH[panel]
                sigma = np.sqrt(np.array(placement.pose.covariance).reshape(6, 6).diagonal()[:3])
                # The same measurement, placed by the latest transform in place of the one at the image's time.
                seen_from_base = apply(np.linalg.inv(carousel.map_from_base(image_nanos)), place)
                rows.append((panel, place - truth, sigma, apply(latest, seen_from_base) - truth))
                time.sleep(0.07)
    print(f'{N_QUESTIONS} questions, {len(rows)} about panels in full sight, {len({row[0] for row in rows})} panels, {carousel.n_images} images')
    return rows


def in_sight(panel, yaw):
    """Whether all of the panel is in the image of a camera at this yaw, with a margin of some pixels."""
    i = list(TRUTH).index(panel)
    optical_from_axle = np.linalg.inv(turned(yaw) @ AXLE_FROM_BASE @ BASE_FROM_OPTICAL)
    for side in (-1, 1):
        edge = apply(optical_from_axle @ turned(i * STEP_RAD), [DISTANCE, side * PANEL[1] / 2, 1.0])
        if edge[2] <= 0 or not 5 < CAMERA.fx * edge[0] / edge[2] + CAMERA.cx < CAMERA.width - 5:
            return False
    return True


def off(errors, sigmas):
    """Whether a point is off by more than 3 sigma in any axis."""
    return bool((np.abs(errors) > 3 * sigmas).any())


def test_points_are_placed_at_the_images_time(measured):
    assert len(measured) > N_QUESTIONS / 2
    errors = np.array([np.linalg.norm(error) for _, error, _, _ in measured])
    sigmas = np.array([sigma for _, _, sigma, _ in measured])
    print(f'error median {np.median(errors) * 1e3:.1f} mm, largest {errors.max() * 1e3:.1f} mm; '
          f'sigma largest axis median {np.median(sigmas.max(axis=1)) * 1e3:.1f} mm')
    assert len({panel for panel, *_ in measured}) >= 4, 'the camera turned past several panels'
    assert [(panel, error, sigma) for panel, error, sigma, _ in measured if off(error, sigma)] == []
    assert sigmas.max() < 0.05, 'sigma stays of use'


def test_the_latest_transform_would_be_wrong(measured):
    wrong = np.array([np.linalg.norm(error) for _, _, _, error in measured])
    n_off = sum(off(error, sigma) for _, _, sigma, error in measured)
    print(f'with the latest transform: error median {np.median(wrong) * 1e3:.0f} mm, {n_off} of {len(measured)} beyond 3 sigma')
    assert n_off > len(measured) / 2
