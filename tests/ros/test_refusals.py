# SPDX-License-Identifier: Apache-2.0
"""Every refusal that inputs, transforms, scenes and goals can cause, by faults injected on the topics.

One node serves all tests; each has a camera of its own, so that no fault is seen by another test.
"""

import math
import time

import numpy as np
import pytest
from action_msgs.msg import GoalStatus
from builtin_interfaces.msg import Duration, Time
from helpers import Repeat, image_message, stamp
from scenes import (
    DESK_CAMERA, GAP_M, QUESTION, SMALL, Box, Ground, assert_desk_answered, code_name, desk_picture, has_no_value, quaternion,
    refusal, render, running_node)
from spatialclaw.action import AskSpatial

Goal = AskSpatial.Goal
CAMERAS = [
    'fine', 'silent', 'stale', 'flat', 'old_depth', 'uncalibrated', 'skewed', 'small_depth', 'other_depth', 'cut', 'cut_depth', 'odd',
    'cut_labels', 'odd_model', 'nan_lens', 'zero_lens', 'short_lens', 'unlabelled', 'brief', 'nowhere', 'adrift', 'ahead', 'before',
    'single', 'twins', 'specks', 'hollow', 'bare', 'even', 'far', 'near', 'slow', 'dead_labels',
    'taken', 'dying_depth']
PARAMETERS = {
    'cameras': CAMERAS, 'max_image_age_secs': 2.0, 'max_depth_age_secs': 2.0, 'buffer': {'seconds': 10.0, 'megabytes': 32},
    'tf': {'wait_secs': 0.8}, 'far': {'depth_max_m': 0.8}, 'near': {'depth_min_m': 3.0}}


@pytest.fixture(scope='module')
def rig():
    with running_node('refusals', PARAMETERS) as rig:
        rig.place_base()
        yield rig


def ask(rig, name, question=QUESTION, send=None, **fields):
    """The answer about a camera whose images `send` (default: the desk) publishes 5 times a second meanwhile."""
    with Repeat(send or (lambda: rig.show(rig.camera(name))), 0.2):
        time.sleep(0.5)  # until several have arrived
        return rig.ros.ask(question, cameras=[name], **fields)


def assert_refused(answer, code, *named):
    status, result, _ = answer
    assert code_name(result.error_code) == code, refusal(result)
    expected = {'CANCELED': GoalStatus.STATUS_CANCELED, 'INVALID_GOAL': GoalStatus.STATUS_UNKNOWN}
    assert status == expected.get(code, GoalStatus.STATUS_ABORTED)
    assert not result.success and not result.forced
    assert result.error_msg
    for word in named:
        assert word in result.error_msg, f'{word!r} is not named in: {result.error_msg}'
    assert has_no_value(result.value), result.value
    print(refusal(result))


def ago(seconds):
    return stamp(time.time() - seconds)


def test_without_a_fault_there_is_an_answer(rig):
    """So that no refusal below is for want of something else."""
    rig.until_usable(lambda: rig.show(rig.camera('fine')), 'fine')
    answer = ask(rig, 'fine')
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    assert_desk_answered(answer)


# ---- images


def test_no_image(rig):
    rig.camera('silent')
    assert_refused(rig.ros.ask(QUESTION, cameras=['silent']), 'NO_IMAGE', 'silent/image')


def test_stale_image(rig):
    rig.show(rig.camera('stale'), stamp=ago(5))
    time.sleep(0.3)
    assert_refused(rig.ros.ask(QUESTION, cameras=['stale']), 'STALE_IMAGE', 'stale/image')


def test_no_depth(rig):
    assert_refused(ask(rig, 'flat', send=lambda: rig.show(rig.camera('flat'), depth=None)), 'NO_DEPTH', 'flat/depth')


def test_stale_depth(rig):
    camera = rig.camera('old_depth')
    camera.publish(depth=desk_picture().depth, info=False, stamp=ago(5))
    assert_refused(ask(rig, 'old_depth', send=lambda: rig.show(camera, depth=None)), 'STALE_DEPTH', 'old_depth/depth')


def test_no_camera_info(rig):
    answer = ask(rig, 'uncalibrated', send=lambda: rig.show(rig.camera('uncalibrated'), info=False))
    assert_refused(answer, 'NO_CAMERA_INFO', 'uncalibrated/camera_info')


def test_sync_skew(rig):
    """Depth keeps coming, always 100 ms beside the image."""
    camera = rig.camera('skewed')

    def send():
        now = time.time()
        camera.publish(depth=desk_picture().depth, info=False, stamp=stamp(now - 0.1))
        rig.show(camera, depth=None, stamp=stamp(now))

    assert_refused(ask(rig, 'skewed', send=send), 'SYNC_SKEW', 'skewed')


def test_depth_of_another_size(rig):
    half = np.ascontiguousarray(desk_picture().depth[::2, ::2])
    answer = ask(rig, 'small_depth', send=lambda: rig.show(rig.camera('small_depth'), depth=half))
    assert_refused(answer, 'DEPTH_NOT_REGISTERED', 'small_depth', '160x120', '320x240')


def test_depth_in_another_frame(rig):
    camera = rig.camera('other_depth')

    def send():
        when = rig.show(camera, depth=None)
        camera.publish(depth=desk_picture().depth, info=False, stamp=when, frame='depth_optical')

    assert_refused(ask(rig, 'other_depth', send=send), 'DEPTH_NOT_REGISTERED', 'other_depth', 'depth_optical')


def broken(camera, topic, change):
    """Sends the desk with one message changed by `change`."""
    pixels = {'image': desk_picture().image, 'depth': desk_picture().depth, 'labels': desk_picture().labels}
    message = image_message(pixels[topic])

    def send():
        when = camera.publish(**{**pixels, topic: None, 'names': {3: 'mug', 4: 'box'}})
        message.header.stamp, message.header.frame_id = when, camera.frame
        change(message)
        getattr(camera, topic).publish(message)

    return send


@pytest.mark.parametrize('name, topic', [('cut', 'image'), ('cut_depth', 'depth'), ('cut_labels', 'labels')])
def test_truncated_image(rig, name, topic):
    def cut(message):
        message.data = message.data[:100]

    answer = ask(rig, name, send=broken(rig.camera(name), topic, cut))
    assert_refused(answer, 'BAD_INPUT', f'{name}/{topic}', '100')


def test_unknown_encoding(rig):
    def rename(message):
        message.encoding = 'yuv999'

    assert_refused(ask(rig, 'odd', send=broken(rig.camera('odd'), 'image', rename)), 'BAD_INPUT', 'odd/image', 'yuv999')


# ---- calibration


def camera_info(**changes):
    message = SMALL.message()
    for field, value in changes.items():
        setattr(message, field, value)
    return message


@pytest.mark.parametrize('name, changes, word', [
    ('odd_model', {'distortion_model': 'crystal_ball', 'd': [0.1, 0.2, 0.0, 0.0, 0.0]}, 'crystal_ball'),
    ('nan_lens', {'k': [math.nan, 0.0, 159.5, 0.0, 262.5, 119.5, 0.0, 0.0, 1.0]}, 'nan_lens'),
    ('zero_lens', {'k': [0.0] * 9, 'p': [0.0] * 12}, 'zero_lens'),
    ('short_lens', {'d': [0.1]}, 'short_lens'),
])
def test_unsupported_calibration(rig, name, changes, word):
    answer = ask(rig, name, send=lambda: rig.show(rig.camera(name), info=camera_info(**changes)))
    assert_refused(answer, 'UNSUPPORTED_CALIBRATION', f'{name}/camera_info', word)


# ---- labels


def test_no_labels(rig):
    answer = ask(rig, 'unlabelled', send=lambda: rig.show(rig.camera('unlabelled'), labels=None, names=None))
    assert_refused(answer, 'SEGMENTATION_UNAVAILABLE', 'unlabelled')


def test_labels_that_stopped(rig):
    """A segmenter that died is no proof that nothing is there."""
    camera = rig.camera('dead_labels')
    rig.show(camera, stamp=ago(3.0))
    answer = ask(rig, 'dead_labels', 'How many mugs are there?', send=lambda: rig.show(camera, labels=None, names=None))
    assert_refused(answer, 'SEGMENTATION_UNAVAILABLE', 'dead_labels')


def test_moment_not_buffered(rig):
    answer = ask(rig, 'brief', time_mode=Goal.TIME_STAMP, stamp=time.time() - 60)
    assert_refused(answer, 'NOT_BUFFERED', 'brief')


# ---- transforms


def test_unknown_frame(rig):
    rig.camera('nowhere', frame='nowhere_optical', placed=False)
    assert_refused(ask(rig, 'nowhere'), 'TF_UNKNOWN_FRAME', 'nowhere_optical')


def test_unknown_target_frame(rig):
    answer = ask(rig, 'fine', 'Where is the mug?', answer_kind=Goal.ANSWER_POINT, target_frame='gripper')
    assert_refused(answer, 'TF_UNKNOWN_FRAME', 'gripper')


def test_disconnected_frames(rig):
    rig.camera('adrift', frame='adrift_optical', placed=False)
    rig.tf.static('island', 'adrift_optical')
    assert_refused(ask(rig, 'adrift'), 'TF_DISCONNECTED', 'adrift_optical', 'island')


def test_transform_older_than_the_image(rig):
    rig.camera('ahead', frame='ahead_optical', placed=False)
    for seconds in (4, 3):
        rig.tf.dynamic('base_link', 'ahead_optical', DESK_CAMERA[:3, 3], quaternion(DESK_CAMERA), stamp=ago(seconds))
    assert_refused(ask(rig, 'ahead'), 'TF_EXTRAPOLATION', 'ahead_optical', 'after')


def test_transform_younger_than_the_image(rig):
    rig.camera('before', frame='before_optical', placed=False)
    rig.show(rig.camera('before'), stamp=ago(1.0))
    for _ in range(3):
        rig.tf.dynamic('base_link', 'before_optical', DESK_CAMERA[:3, 3], quaternion(DESK_CAMERA))
        time.sleep(0.05)
    assert_refused(rig.ros.ask(QUESTION, cameras=['before']), 'TF_EXTRAPOLATION', 'before_optical', 'before')


def test_single_transform_sample(rig):
    rig.camera('single', frame='single_optical', placed=False)
    rig.tf.dynamic('base_link', 'single_optical', DESK_CAMERA[:3, 3], quaternion(DESK_CAMERA), stamp=ago(0.5))
    assert_refused(ask(rig, 'single'), 'TF_EXTRAPOLATION', 'single_optical')


# ---- the scene


def test_not_visible(rig):
    """The refusal says what is there instead."""
    assert_refused(ask(rig, 'fine', 'How far is the zebra from the box?'), 'NOT_VISIBLE', 'zebra', 'mug', 'box')


def test_what_was_there_a_moment_ago_is_not_there_now(rig):
    camera = rig.camera('taken')
    with Repeat(lambda: rig.show(camera), 0.1):
        time.sleep(0.5)
        assert_desk_answered(rig.ros.ask(QUESTION, cameras=['taken']))
    answer = ask(rig, 'taken', send=lambda: rig.show(camera, desk_picture(without=(3,))))
    assert_refused(answer, 'NOT_VISIBLE', 'mug')


def test_depth_that_went_blind_is_not_made_up_for_by_older_depth(rig):
    camera = rig.camera('dying_depth')
    with Repeat(lambda: rig.show(camera), 0.1):
        time.sleep(0.5)
    nothing = np.full_like(desk_picture().depth, np.nan)
    answer = ask(rig, 'dying_depth', send=lambda: rig.show(camera, depth=nothing))
    assert_refused(answer, 'TOO_FEW_PIXELS', 'mug')


def test_ambiguous_referent(rig):
    answer = ask(rig, 'twins', 'How far is the cup from the table?',
                 send=lambda: rig.show(rig.camera('twins'), names={1: 'floor', 2: 'table', 3: 'cup', 4: 'cup'}))
    assert_refused(answer, 'AMBIGUOUS_REFERENT', 'cup')


def test_object_of_three_pixels(rig):
    picture = desk_picture()
    labels = picture.labels.copy()
    rows, columns = np.nonzero(labels == 3)
    labels[rows[3:], columns[3:]] = 0
    assert_refused(ask(rig, 'specks', send=lambda: rig.show(rig.camera('specks'), labels=labels)), 'TOO_FEW_PIXELS', 'mug')


def test_object_without_depth(rig):
    picture = desk_picture()
    depth = np.where(picture.labels == 3, np.float32(np.nan), picture.depth)
    assert_refused(ask(rig, 'hollow', send=lambda: rig.show(rig.camera('hollow'), depth=depth)), 'TOO_FEW_PIXELS', 'mug')


def test_height_without_a_floor(rig):
    picture = desk_picture(without=(1, 2))
    answer = ask(rig, 'bare', 'How high is the mug above the floor?',
                 send=lambda: rig.show(rig.camera('bare'), picture, names={3: 'mug', 4: 'box'}))
    assert_refused(answer, 'NOT_MEASURABLE', 'floor')


def test_relation_too_close_to_call(rig):
    """Two cubes of the same height: neither is taller."""
    cubes = [Ground(1)] + [Box(label, (1.2, y, 0.15), (0.3, 0.3, 0.3)) for label, y in ((3, 0.3), (4, -0.3))]
    picture = render(cubes, DESK_CAMERA, SMALL)
    answer = ask(rig, 'even', 'Is the mug taller than the box?', send=lambda: rig.show(rig.camera('even'), picture))
    assert_refused(answer, 'NOT_MEASURABLE')


@pytest.mark.parametrize('name, limit', [('far', '0.8'), ('near', '3')])
def test_out_of_the_trusted_range(rig, name, limit):
    assert_refused(ask(rig, name), 'OUT_OF_RANGE', 'mug', limit)


# ---- the goal


def test_question_outside_the_grammar(rig):
    answer = ask(rig, 'fine', 'Please compose a sonnet on mugs.')
    assert_refused(answer, 'UNSUPPORTED_QUESTION')


@pytest.mark.parametrize('fields, word', [
    ({'question': ''}, 'question'),
    ({'answer_kind': 99}, 'answer_kind'),
    ({'time_mode': 9}, 'time_mode'),
    ({'cameras': ['periscope']}, 'periscope'),
    ({'model': 'oracle-9000'}, 'oracle-9000'),
    ({'interface': 'telepathy'}, 'telepathy'),
    ({'deadline': Duration(sec=-1)}, 'deadline'),
    ({'deadline': Duration(sec=86400 * 365)}, 'deadline'),
    ({'window': Duration(sec=-1), 'time_mode': Goal.TIME_LAST}, 'window'),
    ({'stamp': Time(sec=5), 'time_mode': Goal.TIME_NOW}, 'stamp'),
    ({'time_mode': Goal.TIME_STAMP}, 'stamp'),
    ({'answer_kind': Goal.ANSWER_NUMBER, 'choices': ['near', 'far']}, 'choices'),
], ids=lambda value: '-'.join(value) if isinstance(value, dict) else value)
def test_goal_that_contradicts_itself(rig, fields, word):
    """Such a goal is not accepted, and ~/answer tells why."""
    fields = {'question': QUESTION, 'cameras': ['fine'], **fields}
    answer = rig.ask(fields.pop('question'), **fields)
    assert_refused(answer, 'INVALID_GOAL', word)
    assert not answer.feedback


def test_answer_of_another_kind(rig):
    assert_refused(ask(rig, 'fine', answer_kind=Goal.ANSWER_BOOL), 'WRONG_ANSWER_KIND')


def test_answer_outside_the_choices(rig):
    answer = ask(rig, 'fine', 'Which is taller, the mug or the box?', choices=['zebra', 'giraffe'])
    assert_refused(answer, 'WRONG_ANSWER_KIND', 'zebra')


# ---- goals that meet: one waits for a transform that does not come, others arrive


@pytest.fixture
def slow(rig):
    """A camera whose goals wait `tf.wait_secs` before they are refused."""
    rig.camera('slow', frame='slow_optical', placed=False)
    for seconds in (4, 3):
        rig.tf.dynamic('base_link', 'slow_optical', DESK_CAMERA[:3, 3], quaternion(DESK_CAMERA), stamp=ago(seconds))
    with Repeat(lambda: rig.show(rig.camera('slow')), 0.1):
        time.sleep(0.5)
        yield 'slow'


def test_deadline(rig, slow):
    start = time.monotonic()
    assert_refused(rig.ros.ask(QUESTION, cameras=[slow], deadline=0.25), 'DEADLINE_EXCEEDED')
    assert time.monotonic() - start < 0.55, 'the end came by the deadline, not by the wait for transforms'


def test_cancel(rig, slow):
    goal = rig.ros.send(QUESTION, cameras=[slow])
    goal.cancel()
    assert_refused(goal.answer(), 'CANCELED')


def test_newer_goal_takes_the_pending_place(rig, slow):
    running, pending, newest = (rig.ros.send(QUESTION, cameras=[slow]) for _ in range(3))
    assert_refused(pending.answer(), 'PREEMPTED')
    assert_refused(running.answer(), 'TF_EXTRAPOLATION')
    assert_refused(newest.answer(), 'TF_EXTRAPOLATION')


def test_after_all_faults_the_answer_is_still_right(rig):
    answer = ask(rig, 'fine')
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    assert_desk_answered(answer)
    assert rig.node_pid() is not None
    print(f'{answer.result.value.number.value:.4f} ± {answer.result.value.number.sigma:.4f} m, truth {GAP_M} m')


def test_every_code_is_tested_or_listed():
    """A new code in the action file needs a test here, or a reason."""
    elsewhere = {
        'NONE': 'no refusal', 'INTERNAL_ERROR': 'a defect', 'BUDGET_EXCEEDED': 'the kernel tests', 'SHUTTING_DOWN': 'test_action_protocol',
        'CONVERSATION_BUSY': 'test_goals',
        'NO_ANSWER': 'needs a model that never submits', 'MODEL_UNAVAILABLE': 'needs a remote model'}
    codes = {name for name in dir(AskSpatial.Result) if isinstance(getattr(AskSpatial.Result, name), int) and name.isupper()}
    tested = {code for code in codes if f"'{code}'" in open(__file__).read().split('def test_every_code')[0]}
    assert codes - tested == set(elsewhere)
