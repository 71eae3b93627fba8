# SPDX-License-Identifier: Apache-2.0
"""The simulator by itself: depth, labels, projection and truth against ray tests and plain arithmetic. No ROS."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pybullet", reason="the demo's simulator is not installed: see scripts/demo/requirements.txt")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from demo import camera, layout, trajectory  # noqa: E402
from demo.layout import ObjectSpec, Part  # noqa: E402
from demo.scene import World, WorldLog  # noqa: E402
from demo.truth import Truth  # noqa: E402

TIMES = (0.0, 3.5, 10.5, 31.25)
GREY = (0.5, 0.5, 0.5, 1.0)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    w = World()
    yield w
    w.close()


def cast(world: World, t_secs: float, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Body hit and depth along the optical axis for pixels (u, v)."""
    world.at(t_secs)
    pose = camera.map_from_optical(t_secs)
    rays = np.stack(
        [
            (pixels[:, 0] - camera.CX_PX) / camera.FOCAL_PX,
            (pixels[:, 1] - camera.CY_PX) / camera.FOCAL_PX,
            np.ones(len(pixels)),
        ],
        axis=1,
    )
    ends = pose[:3, 3] + rays @ pose[:3, :3].T * 10.0
    hits = world.client.rayTestBatch([pose[:3, 3].tolist()] * len(ends), ends.tolist())
    return np.array([h[0] for h in hits]), np.array([h[2] for h in hits]) * 10.0


@pytest.mark.parametrize("t_secs", TIMES)
def test_depth_and_labels_agree_with_ray_tests(world: World, t_secs: float) -> None:
    frame = camera.render(world, t_secs)
    inner = camera.measurable(frame.depth_m)
    rows, cols = np.nonzero(inner)
    pick = np.random.default_rng(7).choice(len(rows), 3000, replace=False)
    pixels = np.stack([cols[pick], rows[pick]], axis=1)
    body, depth = cast(world, t_secs, pixels)
    labels = np.array([world.label_of.get(int(b), 0) for b in body])
    assert np.mean(labels == frame.labels[rows[pick], cols[pick]]) > 0.998
    error = np.abs(depth - frame.depth_m[rows[pick], cols[pick]])
    assert np.median(error) < 1e-3
    assert np.quantile(error, 0.9) < 2e-3


@pytest.mark.parametrize("t_secs", TIMES)
def test_depth_of_every_object_agrees_with_ray_tests(world: World, t_secs: float) -> None:
    frame = camera.render(world, t_secs)
    inner = camera.measurable(frame.depth_m)
    for label, body_id in world.body_of.items():
        rows, cols = np.nonzero(inner & (frame.labels == label))
        if label == 0 or len(rows) == 0:
            continue
        body, depth = cast(world, t_secs, np.stack([cols, rows], axis=1)[:: max(1, len(rows) // 500)])
        seen = frame.depth_m[rows, cols][:: max(1, len(rows) // 500)]
        error = np.abs(depth - seen)[body == body_id]
        assert len(error) > 0.97 * len(body), world.specs[label].name
        assert np.quantile(error, 0.9) < 0.005, (world.specs[label].name, np.quantile(error, 0.9))


def test_a_known_corner_projects_into_the_right_pixel(world: World) -> None:
    spec = next(o for o in layout.OBJECTS if o.name == "cabinet")
    x, y, z = spec.parts[0].size
    corner = trajectory.transform(spec.xyz_m, (0.0, 0.0, spec.yaw_rad)) @ np.array([x / 2, y / 2, z, 1.0])
    for t_secs in TIMES:
        u, v, depth = camera.project(corner[None, :3], t_secs)[0]
        labels = camera.render(world, t_secs).labels
        assert 0 < u < camera.WIDTH_PX and 0 < v < camera.HEIGHT_PX and depth > 1.0
        near = labels[int(v) - 2 : int(v) + 4, int(u) - 2 : int(u) + 4]
        assert (near == spec.label_id).any() and (near != spec.label_id).any()


def test_camera_matrix_uses_the_measured_pixel_convention() -> None:
    k = camera.k_matrix()
    assert (k[2], k[5]) == (320.0, 239.0)
    assert k[0] == k[4] == pytest.approx(384.08, abs=0.01)


def test_every_named_object_but_the_suitcase_stays_in_view(world: World) -> None:
    for t_secs in np.arange(0.0, 60.0, 2.5):
        frame = camera.render(world, float(t_secs))
        valid = camera.measurable(frame.depth_m)
        for label, spec in world.specs.items():
            seen = valid & (frame.labels == label)
            if spec.name == "suitcase":
                assert not seen.any()
            elif spec.name not in ("", "floor"):
                rows, cols = np.nonzero(frame.labels == label)
                assert seen.sum() > 150, (spec.name, t_secs)
                assert cols.min() > 0 and cols.max() < camera.WIDTH_PX - 1, (spec.name, t_secs)
                assert rows.min() > 0 and rows.max() < camera.HEIGHT_PX - 1, (spec.name, t_secs)


def test_sensor_noise_is_repeatable_and_has_the_stated_size(world: World) -> None:
    frame = camera.render(world, 0.0)
    a, b = camera.sense(frame, 3), camera.sense(frame, 3)
    assert np.array_equal(a.depth_m, b.depth_m, equal_nan=True)
    assert not np.array_equal(a.depth_m, camera.sense(frame, 4).depth_m, equal_nan=True)
    valid = np.isfinite(a.depth_m)
    score = (a.depth_m - frame.depth_m)[valid] / camera.sigma_z_m(frame.depth_m)[valid]
    assert np.std(score) == pytest.approx(1.0, abs=0.01)
    assert np.isnan(a.depth_m[camera.edges(frame.depth_m)]).all()
    assert camera.millimetres(np.array([[np.nan, 1.2344]], dtype=np.float32)).tolist() == [[0, 1234]]


def _two(a: ObjectSpec, b: ObjectSpec) -> Truth:
    return Truth(World((a, b), settle=False)).at(0.0)


def test_closest_distance_of_boxes_and_spheres_is_exact() -> None:
    box = ObjectSpec(1, "a", (Part("box", (0.2, 0.2, 0.2), (0, 0, 0.1)),), (1.0, 0.5, 0.0), 0.0, GREY)
    other = ObjectSpec(2, "b", (Part("box", (0.1, 0.1, 0.1), (0, 0, 0.05)),), (1.0, -0.3, 0.0), 0.0, GREY)
    ball = ObjectSpec(2, "b", (Part("sphere", (0.1, 0, 0), (0, 0, 0.1)),), (1.6, 0.5, 0.0), 0.0, GREY)
    assert _two(box, other).distance(1, 2) == pytest.approx(0.65, abs=5e-4)
    assert _two(box, ball).distance(1, 2) == pytest.approx(0.40, abs=5e-4)
    assert _two(box, ball).distance_from(np.array([0.0, 0.5, 0.0]), 1) == pytest.approx(0.90, abs=5e-4)
    assert _two(box, ball).distance_from(np.array([0.0, 0.5, 1.1]), 2) == pytest.approx(
        np.hypot(1.6, 1.0) - 0.1, abs=5e-4
    )


def test_box_of_a_turned_box_is_exact() -> None:
    box = ObjectSpec(1, "a", (Part("box", (0.2, 0.5, 0.3), (0, 0, 0.15)),), (1.0, 0.5, 0.4), 0.35, GREY)
    far = ObjectSpec(2, "b", (Part("sphere", (0.1, 0, 0)),), (3.0, 0.5, 0.0), 0.0, GREY)
    found = _two(box, far).box(1)
    assert (found.long_m, found.wide_m) == (pytest.approx(0.5, abs=3e-3), pytest.approx(0.2, abs=3e-3))
    assert (found.bottom_m, found.top_m) == (pytest.approx(0.4, abs=5e-4), pytest.approx(0.7, abs=5e-4))
    assert found.centre_m == pytest.approx([1.0, 0.5, 0.55], abs=2e-3)


def test_reach_of_meshes_agrees_with_their_vertices(world: World) -> None:
    """The convex pieces of a mesh carry a thin collision margin, which must stay below a millimetre or so."""
    import os

    import pybullet_data

    truth = Truth(world).at(0.0)
    for name in ("mug", "duck", "teddy"):
        label = world.labels(name)[0]
        part = world.specs[label].parts[0]
        lines = Path(os.path.join(pybullet_data.getDataPath(), part.file)).read_text(encoding="utf-8").splitlines()
        vertices = np.array([[float(x) for x in line.split()[1:4]] for line in lines if line.startswith("v ")])
        xyz, quat = world.pose_at(label, 0.0)
        turn = np.array(world.client.getMatrixFromQuaternion(quat)).reshape(3, 3)
        local = trajectory.transform(part.at, part.rpy)
        points = (vertices * part.size) @ local[:3, :3].T + local[:3, 3]
        points = points @ turn.T + np.array(xyz)
        for d in np.concatenate([np.eye(3), -np.eye(3)]):
            assert truth.reach(label, d) == pytest.approx((points @ d).max(), abs=1.5e-3), (name, d)


def test_support_and_containment_come_out_as_built(world: World) -> None:
    truth = Truth(world).at(0.0)
    of = {name: world.labels(name)[0] for name in layout.LabelTable().names}
    assert truth.carried_by(of["book"]) == {of["carton"]}
    assert truth.carried_by(of["orange"]) == {of["basket"]}
    assert truth.direct_load(of["table"]) == {3, 5, 6, 8, 9, 10, 11}
    assert truth.contains(of["basket"], of["orange"])
    assert not truth.contains(of["basket"], of["mug"])
    assert not truth.contains(of["carton"], of["book"])
    assert truth.bearing(truth.box(of["stool"]).centre_m) > 0 > truth.bearing(truth.box(of["cabinet"]).centre_m)


def test_visible_truth_bounds_the_full_truth_from_above(world: World) -> None:
    truth = Truth(world)
    for t_secs in TIMES:
        truth.at(t_secs)
        for a, b in (("carton", "mug"), ("teddy", "ball"), ("stool", "cabinet"), ("duck", "mug")):
            i, j = world.labels(a)[0], world.labels(b)[0]
            full, visible = truth.distance(i, j), truth.visible_distance(i, j)
            assert full - 2e-3 <= visible < full + 0.08, (a, b, full, visible)


def test_only_the_duck_moves_and_by_twenty_centimetres() -> None:
    world = World()
    before = {label: world.pose_at(label, 5.0)[0] for label in world.specs}
    move = world.slide(6.0)
    copy = WorldLog.from_json(world.log.to_json())
    assert copy == world.log and move.end_secs == 7.0
    for label, spec in world.specs.items():
        shift = np.linalg.norm(np.subtract(world.pose_at(label, 9.0)[0], before[label]))
        assert shift == pytest.approx(0.20 if spec.name == "duck" else 0.0, abs=1e-9)
    world.at(9.0)
    duck = world.labels("duck")[0]
    truth = Truth(world)
    others = [label for label in world.specs if label not in (duck, 2)]
    assert min(truth.distance(duck, other) for other in others) > 0.03
    world.close()
