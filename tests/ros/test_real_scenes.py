# SPDX-License-Identifier: Apache-2.0
"""Real tabletop scenes with human instance masks: every question of the set, asked through the action."""

import functools
import json

import numpy as np
import pytest
from action_msgs.msg import GoalStatus
from helpers import Intrinsics
from PIL import Image as Picture
from scenes import SHARED_DATA, quaternion, refusal, running_node, shared_data
from spatialclaw.action import AskSpatial
from spatialclaw.msg import SpatialValue

FOLDER = SHARED_DATA / 'mosd_tabletop'
QUESTIONS = json.loads((FOLDER / 'questions.json').read_text()) if FOLDER.is_dir() else [None]
KINECT = Intrinsics(width=640, height=480, fx=525.0, fy=525.0, cx=319.5, cy=239.5)


def map_from_optical(plane):
    """Map: +z up from the table's surface, origin at the camera's foot on it, x along the camera's horizontal view."""
    up = np.asarray(plane['normal_cam']) / np.linalg.norm(plane['normal_cam'])
    height = -up @ np.asarray(plane['point_cam'])  # of the camera above the table
    assert height > 0, 'the plane normal points towards the camera'
    forward = np.array([0, 0, 1.0]) - up[2] * up
    forward /= np.linalg.norm(forward)
    matrix = np.eye(4)
    matrix[:3, :3] = [forward, np.cross(up, forward), up]
    matrix[2, 3] = height
    return matrix


def load(scene):
    read = {kind: np.asarray(Picture.open(FOLDER / f'{scene}_{kind}.png')) for kind in ('rgb', 'depth_mm', 'instance')}
    assert read['depth_mm'].shape == (480, 640) and read['instance'].shape == (480, 640)
    names = {int(i): 'table' if i == 1 else f'object {i}' for i in np.unique(read['instance']) if i > 0}
    return read['rgb'][..., :3], read['depth_mm'].astype(np.uint16), read['instance'], names


def publish(camera, loaded):
    image, depth, labels, names = loaded
    camera.publish(image=image, depth=depth, labels=labels, names=names)


@pytest.fixture(scope='module')
def rig():
    """Each scene is a camera of its own, all at their places above one map."""
    shared_data('mosd_tabletop')
    truth = json.loads((FOLDER / 'gt.json').read_text())
    parameters = {'cameras': list(truth), 'max_image_age_secs': 600.0, 'max_depth_age_secs': 600.0}
    with running_node('real_scenes', parameters) as rig:
        rig.place_base()  # at the camera's foot, x forward
        for scene, facts in truth.items():
            camera = rig.camera(scene, intrinsics=KINECT, placed=False)
            matrix = map_from_optical(facts['table_plane'])
            rig.tf.static('map', camera.frame, matrix[:3, 3], quaternion(matrix))
            rig.until_usable(functools.partial(publish, camera, load(scene)), scene)
        yield rig


def said(value):
    """The objects' numbers that an answer names, in order; a count as it is."""
    if value.kind == SpatialValue.KIND_NUMBER:
        assert value.number.unit == '1' and value.number.sigma == 0
        return value.number.value
    words = value.items if value.kind == SpatialValue.KIND_LIST else [value.text]
    numbers = [int(word.removeprefix('the ').removeprefix('object ')) for word in words]
    return numbers if value.kind == SpatialValue.KIND_LIST else numbers[0]


@pytest.mark.parametrize('asked', QUESTIONS, ids=lambda asked: f'{asked["scene"]}-{asked["question"][:40]}' if asked else 'absent')
def test_question_of_the_set(rig, asked):
    status, result, _ = rig.ros.ask(asked['question'], cameras=[asked['scene']])
    assert status == GoalStatus.STATUS_SUCCEEDED, refusal(result)
    kinds = {'count': [SpatialValue.KIND_NUMBER], 'left_right': [SpatialValue.KIND_LIST]}
    assert result.value.kind in kinds.get(asked['kind'], [SpatialValue.KIND_TEXT, SpatialValue.KIND_CHOICE])
    assert said(result.value) == asked['answer'], result.text
    assert result.provenance.cameras == [asked['scene']]
    assert result.provenance.models == ['offline-grammar']


@pytest.mark.parametrize('scene', ['learn0', 'learn43', 'test44'])
def test_heights_of_the_set(rig, scene):
    """gt.json holds the 2nd and 98th percentile or so of heights over the table plane; sigma must cover the difference."""
    truth = json.loads((FOLDER / 'gt.json').read_text())[scene]['objects']
    figures = []
    for name, facts in truth.items():
        _, result, _ = rig.ros.ask(f'How high is the top of object {name} above the table?', cameras=[scene], answer_kind=AskSpatial.Goal.ANSWER_NUMBER)
        assert result.success, refusal(result)
        number, top = result.value.number, facts['height_above_table_m'][1]
        figures.append(f'object {name}: {number.value:.4f} ± {number.sigma:.4f} m, set {top:.4f} m')
        assert number.unit == 'm' and abs(number.value - top) < 0.01, figures[-1]
    print(scene, '; '.join(figures))
