# SPDX-License-Identifier: Apache-2.0
"""The truth that other tests rely on, held to closed forms."""

import math

import numpy as np
import pytest
from helpers import Intrinsics
from scenes import (
    DESK_CAMERA, OPTICAL, SMALL, Box, Ground, Sphere, apply, desk_picture, looking, pixel_rays, quaternion, render, rotation,
    transform, turned)

LOOK = Intrinsics(width=101, height=81, fx=100.0, fy=100.0, cx=50.0, cy=40.0)


def points(picture, map_from_optical, intrinsics, label):
    mask = picture.labels == label
    return apply(map_from_optical, (pixel_rays(intrinsics) * picture.depth[..., None])[mask])


def test_optical_axes_are_those_of_rep_103():
    body_from_optical = rotation(OPTICAL)
    assert np.allclose(body_from_optical @ [0, 0, 1], [1, 0, 0])  # forward
    assert np.allclose(body_from_optical @ [1, 0, 0], [0, -1, 0])  # right
    assert np.allclose(body_from_optical @ [0, 1, 0], [0, 0, -1])  # down


def test_quaternions_survive_the_matrix():
    for q in np.random.default_rng(1).normal(size=(50, 4)):
        q /= np.linalg.norm(q)
        back = np.array(quaternion(rotation(q)))
        assert min(np.abs(back - q).max(), np.abs(back + q).max()) < 1e-12


def test_a_camera_pitched_down_looks_down():
    ahead = looking((1.0, 2.0, 3.0), yaw_rad=0.3, pitch_rad=0.2)[:3, 2]
    assert np.allclose(ahead, [math.cos(0.2) * math.cos(0.3), math.cos(0.2) * math.sin(0.3), -math.sin(0.2)])


def test_sphere_depth_equals_the_closed_form():
    picture = render([Sphere(5, (2.0, 0.0, 0.0), 0.5)], looking((0, 0, 0)), LOOK)
    assert picture.depth[40, 50] == pytest.approx(1.5, abs=1e-6)
    seen = points(picture, looking((0, 0, 0)), LOOK, 5)
    assert np.allclose(np.linalg.norm(seen - [2, 0, 0], axis=1), 0.5, atol=1e-6)
    # The silhouette's half angle is asin(r / d).
    assert (picture.labels[40] == 5).sum() == pytest.approx(2 * 100 * math.tan(math.asin(0.25)), abs=2)
    assert np.isnan(picture.depth[0, 0])


def test_a_turned_box_shows_points_on_its_own_faces():
    box = Box(7, (1.5, 0.2, 0.1), (0.2, 0.4, 0.3), yaw_rad=0.4)
    camera = looking((0.0, 0.0, 0.5), pitch_rad=0.3)
    own = apply(np.linalg.inv(transform(box.centre) @ turned(box.yaw_rad)), points(render([box], camera, LOOK), camera, LOOK, 7))
    beyond = np.abs(own) - np.asarray(box.size) / 2
    assert len(own) > 100
    assert np.allclose(beyond.max(axis=1), 0, atol=1e-6)


def test_ground_lies_at_its_height_and_behind_what_stands_on_it():
    camera = looking((0.0, 0.0, 1.0), pitch_rad=0.5)
    picture = render([Ground(1), Sphere(2, (1.8, 0.0, 0.2), 0.2)], camera, LOOK)
    assert np.allclose(points(picture, camera, LOOK, 1)[:, 2], 0, atol=1e-6)
    assert (picture.labels == 2).sum() > 100


def test_the_desk_shows_all_it_names():
    picture = desk_picture()
    values, counts = np.unique(picture.labels, return_counts=True)
    assert {1, 2, 3, 4} <= set(values)
    assert counts[values == 3][0] > 300
    mug, box = (points(picture, DESK_CAMERA, SMALL, label) for label in (3, 4))
    assert mug[:, 1].min() - box[:, 1].max() == pytest.approx(0.30, abs=2 * 1.3 / SMALL.fx)
