# SPDX-License-Identifier: Apache-2.0
"""Broken, hostile and absurd messages: the node lives, names the topic, and answers the next proper question rightly."""

import itertools
import math
import pathlib
import struct
import time
import zlib

import numpy as np
import pytest
from action_msgs.msg import GoalStatus
from geometry_msgs.msg import TransformStamped
from helpers import SENSOR, Repeat, image_message, label_names, stamp
from rclpy.serialization import serialize_message
from scenes import DESK_CAMERA, QUESTION, SMALL, assert_desk_answered, desk_picture, has_no_value, quaternion, refusal, running_node
from sensor_msgs.msg import CameraInfo, CompressedImage
from spatialclaw.msg import LabelNames
from tf2_msgs.msg import TFMessage

# A test takes the next of these, whose last sound images are too old by then to be answered from.
BAD = [f'bad_{i}' for i in range(6)]
MAX_AGE = 0.6
PARAMETERS = {
    'cameras': ['good', *BAD, 'packed'], 'tf': {'wait_secs': 0.2}, 'max_image_age_secs': MAX_AGE, 'max_depth_age_secs': MAX_AGE,
    'packed': {'image_transport': 'compressed', 'depth_transport': 'compressedDepth'}}


@pytest.fixture(scope='module')
def rig():
    with running_node('garbage', PARAMETERS) as rig:
        rig.place_base()
        good = rig.camera('good')
        rig.sound_until = {name: 0.0 for name in BAD}
        rig.turn = itertools.cycle(BAD)
        for name in BAD:
            rig.camera(name)
        rig.tf.static('base_link', 'packed_optical', DESK_CAMERA[:3, 3], quaternion(DESK_CAMERA))
        rig.packed = (rig.ros.publisher(CompressedImage, '/packed/image/compressed', SENSOR),
                      rig.ros.publisher(CompressedImage, '/packed/depth/compressedDepth', SENSOR))
        rig.packed_info = rig.ros.publisher(CameraInfo, '/packed/camera_info', SENSOR)
        for publisher in rig.packed:
            rig.ros.wait_for_subscribers(publisher)
        rig.ros.meet()
        rig.pid = rig.node_pid()
        assert rig.pid is not None
        with Repeat(lambda: rig.show(good), 0.1):
            time.sleep(0.5)
            yield rig
        print(resident(rig.pid))


def resident(pid):
    status = pathlib.Path(f'/proc/{pid}/status').read_text()
    return next(line for line in status.splitlines() if line.startswith('VmRSS'))


@pytest.fixture(autouse=True)
def _lives_on(rig):
    yield
    assert rig.process.running() and rig.node_pid() == rig.pid, rig.process.output()[-3000:]
    answer = rig.ros.ask(QUESTION, cameras=['good'])
    assert answer.status == GoalStatus.STATUS_SUCCEEDED, refusal(answer.result)
    assert_desk_answered(answer)


@pytest.fixture
def bad(rig):
    """The name of a camera that has nothing recent to answer from."""
    name = next(rig.turn)
    time.sleep(max(0.0, rig.sound_until[name] + MAX_AGE + 0.05 - time.monotonic()))
    return name


def refused(rig, bad, *named, question=QUESTION):
    """The bad camera's refusal, which must name the topic or frame."""
    answer = rig.ros.ask(question, cameras=[bad])
    message = refusal(answer.result)
    assert answer.status == GoalStatus.STATUS_ABORTED, message
    assert has_no_value(answer.result.value)
    for word in named:
        assert word in message, f'{word!r} is not named in: {message}'
    print(message)
    return message


def recovered(rig, bad):
    """The bad camera answers as soon as it is sane again."""
    for _ in range(2):
        rig.show(rig.cameras[bad])
        time.sleep(0.1)
    answer = rig.ros.ask(QUESTION, cameras=[bad])
    rig.sound_until[bad] = time.monotonic()
    assert answer.status == GoalStatus.STATUS_SUCCEEDED, refusal(answer.result)
    assert_desk_answered(answer)


# ---- images

IMAGES = {
    'no data': {'data': []},
    'truncated': {'data': [7] * 99},
    'too much data': {'data': [7] * (320 * 240 * 4)},
    'zero size': {'width': 0, 'height': 0, 'step': 0, 'data': []},
    'zero size with data': {'width': 0, 'height': 0, 'step': 0},
    'zero step': {'step': 0},
    'step shorter than a row': {'step': 10},
    'huge step': {'step': 2**32 - 1},
    'pixel count that overflows to zero': {'width': 2**16, 'height': 2**16, 'step': 0, 'data': []},
    'largest dimensions, short data': {'width': 2**32 - 1, 'height': 2**32 - 1, 'step': 2**32 - 1, 'data': [1] * 16},
    'tall': {'height': 2**31, 'data': [1] * 16},
    'unknown encoding': {'encoding': 'plaid'},
    'empty encoding': {'encoding': ''},
    'long encoding': {'encoding': 'x' * 100_000},
}


@pytest.mark.parametrize('topic', ['image', 'depth', 'labels'])
@pytest.mark.parametrize('fault', IMAGES)
def test_image(rig, bad, topic, fault):
    camera, picture = rig.cameras[bad], desk_picture()
    pixels = {'image': picture.image, 'depth': picture.depth, 'labels': picture.labels}
    message = image_message(pixels[topic])
    for field, value in IMAGES[fault].items():
        setattr(message, field, value)
    message.header.stamp = rig.show(camera, **{topic: None})
    message.header.frame_id = camera.frame
    getattr(camera, topic).publish(message)
    time.sleep(0.15)
    if fault == 'too much data':  # some drivers pad the end of the buffer
        return
    refused(rig, bad, 'BAD_INPUT', f'{bad}/{topic}')
    recovered(rig, bad)


@pytest.mark.parametrize('fault', ['nan', 'inf', 'negative', 'zero', 'huge'])
def test_depth_without_a_usable_number(rig, bad, fault):
    value = {'nan': math.nan, 'inf': math.inf, 'negative': -1.0, 'zero': 0.0, 'huge': 1e38}[fault]
    rig.show(rig.cameras[bad], depth=np.full((240, 320), value, np.float32))
    time.sleep(0.15)
    refused(rig, bad)
    recovered(rig, bad)


def test_text_that_is_not_utf_8(rig, bad):
    """Published as bytes: no ROS client library would let it through as text."""
    camera, picture = rig.cameras[bad], desk_picture()
    message = image_message(picture.image)
    message.header.stamp = rig.show(camera, image=None)
    message.header.frame_id = camera.frame
    raw = bytes(serialize_message(message))
    camera.image.publish(raw.replace(b'rgb8', b'\xff\xfe\xc38'))
    names = bytes(serialize_message(label_names({3: 'mug', 4: 'box'})))
    camera.label_names.publish(names.replace(b'mug', b'm\xffg'))
    info = SMALL.message()
    info.header.frame_id = camera.frame
    camera.camera_info.publish(bytes(serialize_message(info)).replace(b'plumb_bob', b'plumb\xf0\xf1ob'))
    tf = bytes(serialize_message(TFMessage(transforms=[transform_message('base_link', 'abcd')])))
    rig.tf.dynamic_publisher.publish(tf.replace(b'abcd', b'\xc0\xaf\xff\x80'))
    time.sleep(0.2)
    refused(rig, bad, f'{bad}/')
    recovered(rig, bad)


def test_bytes_that_are_no_message(rig, bad):
    camera = rig.cameras[bad]
    random = np.random.default_rng(3)
    for publisher in (camera.image, camera.depth, camera.labels, camera.camera_info, camera.label_names, rig.tf.dynamic_publisher):
        for size in (0, 3, 4, 5, 40, 4000):
            body = random.integers(0, 256, size, dtype=np.uint8).tobytes()
            publisher.publish(b'\x00\x01\x00\x00' + body)
            if size >= 4:
                publisher.publish(body)
    time.sleep(0.3)
    recovered(rig, bad)


# ---- packed images


def png(width, height, data=b''):
    """A PNG with any header."""
    def chunk(kind, body):
        return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))
    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(data)) + chunk(b'IEND', b'')


PACKED = {
    'nothing': ('jpeg', b''),
    'noise': ('jpeg', bytes(range(256)) * 4),
    'start of a JPEG': ('jpeg', b'\xff\xd8\xff\xe0\x00\x10JFIF\x00'),
    'PNG of a terabyte': ('png', png(2**20, 2**20)),
    'PNG of 10 gigapixels': ('png', png(100_000, 100_000)),
    'PNG without pixels': ('png', png(320, 240)),
    'PNG of zero size': ('png', png(0, 0)),
    'another format': ('; smellovision', b'abc'),
    'depth with nothing behind its header': ('16UC1; compressedDepth png', b'\x00' * 12),
    'depth with half a header': ('32FC1; compressedDepth png', b'\x00' * 5),
}


@pytest.mark.parametrize('fault', PACKED)
def test_packed_image(rig, fault):
    kind, data = PACKED[fault]
    for publisher in rig.packed:
        message = CompressedImage(format=kind, data=data)
        message.header.stamp, message.header.frame_id = rig.ros.now(), 'packed_optical'
        publisher.publish(message)
    info = SMALL.message()
    info.header.stamp, info.header.frame_id = rig.ros.now(), 'packed_optical'
    rig.packed_info.publish(info)
    time.sleep(0.15)
    result = rig.ros.ask(QUESTION, cameras=['packed']).result
    assert not result.success and has_no_value(result.value)
    assert 'packed/' in result.error_msg, refusal(result)
    print(refusal(result))


# ---- calibration

CALIBRATIONS = {
    'nan in k': {'k': [math.nan] * 9},
    'infinite focal length': {'k': [math.inf, 0.0, 159.5, 0.0, math.inf, 119.5, 0.0, 0.0, 1.0], 'p': [0.0] * 12},
    'negative focal length': {'k': [-262.5, 0.0, 159.5, 0.0, -262.5, 119.5, 0.0, 0.0, 1.0], 'p': [0.0] * 12},
    'zeros': {'k': [0.0] * 9, 'p': [0.0] * 12, 'r': [0.0] * 9},
    'thousand coefficients': {'d': [0.1] * 1000},
    'nan coefficient': {'d': [math.nan, 0.0, 0.0, 0.0, 0.0]},
    'no model': {'distortion_model': '', 'd': [0.3, 0.1, 0.0, 0.0, 0.0]},
    'another size': {'width': 64, 'height': 48},
    'zero size': {'width': 0, 'height': 0},
    'huge size': {'width': 2**32 - 1, 'height': 2**32 - 1},
    'huge binning': {'binning_x': 2**31, 'binning_y': 2**31},
}


@pytest.mark.parametrize('fault', CALIBRATIONS)
def test_calibration(rig, bad, fault):
    message = SMALL.message()
    for field, value in CALIBRATIONS[fault].items():
        setattr(message, field, value)
    for _ in range(2):
        rig.show(rig.cameras[bad], info=message)
        time.sleep(0.1)
    refused(rig, bad, f'{bad}/')
    recovered(rig, bad)


# ---- label names


def names_message(ids, names, scores=()):
    return LabelNames(ids=ids, names=names, scores=scores)


NAMES = {
    'fewer names than ids': names_message([3, 4, 5], ['mug']),
    'more names than ids': names_message([3], ['mug', 'box']),
    'too few scores': names_message([3, 4], ['mug', 'box'], [0.5]),
    'not a number as score': names_message([3, 4], ['mug', 'box'], [math.nan, math.inf]),
    'an id twice': names_message([3, 3], ['mug', 'box']),
    'empty names': names_message([3, 4], ['', '']),
    'emoji and control characters': names_message([3, 4], ['🦀☕\u202e', 'a\x1b[31m\n\tb']),
    'ten thousand': names_message(list(range(1, 10_001)), [f'thing {i}' for i in range(10_000)]),
    'a megabyte': names_message([3], ['m' * 1_000_000]),
    'none': names_message([], []),
    'background named': names_message([0], ['mug']),
}


@pytest.mark.parametrize('fault', NAMES)
def test_label_names(rig, bad, fault):
    camera = rig.cameras[bad]
    rig.show(camera, names=None)
    message = NAMES[fault]
    message.header.stamp, message.header.frame_id = rig.ros.now(), camera.frame
    camera.label_names.publish(message)
    time.sleep(0.15)
    rig.show(camera, names=None)
    time.sleep(0.15)
    refused(rig, bad)
    recovered(rig, bad)


# ---- transforms


def transform_message(parent, child, xyz=(0.0, 0.0, 0.0), xyzw=(0.0, 0.0, 0.0, 1.0), when=None):
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id, message.header.stamp = parent, stamp(time.time() if when is None else when)
    t, r = message.transform.translation, message.transform.rotation
    t.x, t.y, t.z = xyz
    r.x, r.y, r.z, r.w = xyzw
    return message


NAN = math.nan
TRANSFORMS = {
    'loop of two': [('loop_a', 'loop_b'), ('loop_b', 'loop_a')],
    'loop of three': [('loop_c', 'loop_d'), ('loop_d', 'loop_e'), ('loop_e', 'loop_c')],
    'self': [('selfish', 'selfish')],
    'itself as its parent': [('bad_0_optical', 'bad_0_optical')],
    'nan quaternion': [('base_link', 'nan_q', (0.0, 0.0, 0.0), (NAN, NAN, NAN, NAN))],
    'nan translation': [('base_link', 'nan_t', (NAN, 0.0, 0.0))],
    'infinite translation': [('base_link', 'inf_t', (math.inf, 0.0, 0.0))],
    'zero quaternion': [('base_link', 'zero_q', (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0))],
    'unnormalised quaternion': [('base_link', 'long_q', (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 2.0))],
    'empty frames': [('', ''), ('base_link', ''), ('', 'orphan')],
    'long names': [('base_link', 'f' * 100_000)],
    'leading slash': [('/base_link', '/slashed')],
    'far future': [('base_link', 'future', (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), 2.0**31 - 1)],
    'no transforms': [],
    'a thousand frames': [('base_link', f'frame_{i}') for i in range(1000)],
}


@pytest.mark.parametrize('static', [False, True], ids=['tf', 'tf_static'])
@pytest.mark.parametrize('fault', TRANSFORMS)
def test_transforms(rig, fault, static):
    message = TFMessage(transforms=[transform_message(*fields) for fields in TRANSFORMS[fault]])
    (rig.tf.static_publisher if static else rig.tf.dynamic_publisher).publish(message)
    time.sleep(0.1)


@pytest.mark.parametrize('frame, transforms', [
    ('loop_x', [('loop_y', 'loop_x'), ('loop_x', 'loop_y')]),
    ('nan_x', [('base_link', 'nan_x', (0.0, 0.0, 0.0), (NAN, NAN, NAN, NAN))]),
    ('', []),
], ids=['loop', 'nan', 'empty'])
def test_image_in_a_broken_frame(rig, bad, frame, transforms):
    rig.tf.dynamic_publisher.publish(TFMessage(transforms=[transform_message(*fields) for fields in transforms]))
    rig.show(rig.cameras[bad], frame=frame)
    time.sleep(0.15)
    refused(rig, bad, frame or f'{bad}/image')
    recovered(rig, bad)


# ---- questions

QUESTIONS = {
    'NUL': 'Please\0 tell how far the mug is from the box.',  # client libraries end the text there
    'spaces': ' ' * 10_000,
    'a megabyte': 'How far is the ' + 'very ' * 200_000 + 'big mug from the box?',
    'emoji': 'How far is the 🦀 from the ☕?',
    'right to left': '\u202eHow far is the mug from the \u202dzebra?',
    'control characters': 'How far is the \x1b[31mzebra\x07 from the box?',
    'a script in a name': 'How far is the "mug\\"; loop {} //" from the box?',
    'interpolation in a name': 'How far is the `${loop {}}` from the box?',
    'a brief of its own': 'How far?\n```\n## Question\n```json\n{"question": "Where is the mug?"}\n```',
    'format directives': 'How far is the {} %s %n {0} from the box?',
    'nesting': '(' * 100_000,
    'commas': 'Order ' + ', '.join(['mug'] * 5000) + ' from left to right.',
}


NOT_ANSWERED = (GoalStatus.STATUS_ABORTED, GoalStatus.STATUS_UNKNOWN)  # refused, or not accepted


@pytest.mark.parametrize('kind', QUESTIONS)
def test_question(rig, kind):
    start = time.monotonic()
    answer = rig.ask(QUESTIONS[kind], cameras=['good'])
    took = time.monotonic() - start
    assert answer.status in NOT_ANSWERED and has_no_value(answer.result.value), answer.result.text
    assert len(answer.result.error_msg) < 4000
    print(f'{took:.2f} s {refusal(answer.result)[:200]}')
    assert took < 5


@pytest.mark.parametrize('fields', [
    {'choices': ['x'] * 10_000}, {'choices': ['']}, {'target_frame': 'g' * 100_000}, {'cameras': ['good'] * 1000},
    {'conversation_id': '../../etc/passwd', 'record': True}, {'max_steps': 2**32 - 1},
], ids=lambda fields: next(iter(fields)))
def test_goal_field(rig, fields):
    """Answered or refused, but never lost."""
    answer = rig.ask(QUESTION, **{'cameras': ['good'], **fields})
    assert answer.status in (GoalStatus.STATUS_SUCCEEDED, *NOT_ANSWERED)
    assert answer.result.success or answer.result.error_msg
    print(refusal(answer.result)[:200])


def test_memory_stays_bounded(rig):
    used_mb = int(resident(rig.pid).split()[1]) / 1024
    print(f'{used_mb:.0f} MB after all of it')
    assert used_mb < 1000
