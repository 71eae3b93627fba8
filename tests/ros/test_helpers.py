# SPDX-License-Identifier: Apache-2.0
"""The test tools themselves, against a stand-in for the node that is written in rclpy."""

import time

import numpy as np
import pytest
from helpers import (LATCHED, RELIABLE, SENSOR, FakeCamera, FakeClock, FakeTf, GoalRejected, GoalStatus, Intrinsics, Ros, image_message,
                     wait_until)
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from sensor_msgs.msg import CameraInfo, Image
from spatialclaw.action import AskSpatial
from spatialclaw.msg import LabelNames
from std_msgs.msg import Header
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage


@pytest.fixture
def server():
    """Answers every question with itself; 'reject', 'abort' and 'wait' do as they say."""
    def execute(goal):
        question = goal.request.question
        for step in range(3):
            goal.publish_feedback(AskSpatial.Feedback(step=step))
        while question == 'wait' and not goal.is_cancel_requested:
            time.sleep(0.01)
        {'wait': goal.canceled, 'abort': goal.abort}.get(question, goal.succeed)()
        return AskSpatial.Result(text=f'{question} {goal.request.deadline.sec}')

    with Ros('spatialclaw', threads=2) as own:
        action = ActionServer(
            own.node, AskSpatial, '~/ask', execute, callback_group=ReentrantCallbackGroup(), cancel_callback=lambda _: CancelResponse.ACCEPT,
            goal_callback=lambda request: GoalResponse.REJECT if request.question == 'reject' else GoalResponse.ACCEPT)
        yield own
        action.destroy()


def test_ask(server, ros):
    status, result, feedback = ros.ask('echo', deadline=2.5)
    wait_until(lambda: len(feedback) == 3)
    assert (status, result.text, [f.step for f in feedback]) == (GoalStatus.STATUS_SUCCEEDED, 'echo 2', [0, 1, 2])
    assert ros.ask('abort').status == GoalStatus.STATUS_ABORTED
    with pytest.raises(GoalRejected):
        ros.ask('reject')


def test_cancel(server, ros):
    goal = ros.send('wait')
    assert len(goal.cancel().goals_canceling) == 1
    assert goal.answer().status == GoalStatus.STATUS_CANCELED


def test_timeouts_say_what_was_missing(ros):
    with pytest.raises(TimeoutError, match='no action server /spatialclaw/ask'):
        ros.ask('anyone?', timeout=0.2)
    with pytest.raises(TimeoutError, match='no service /nowhere'):
        ros.call(Trigger, '/nowhere', timeout=0.2)


def test_camera(ros):
    camera = FakeCamera(ros, 'front', intrinsics=Intrinsics(width=64, height=48))
    heard = {name: ros.listen(kind, f'/front/{name}', SENSOR) for name, kind in
             {'image': Image, 'depth': Image, 'camera_info': CameraInfo, 'labels': Image}.items()}
    for publisher in (camera.image, camera.depth, camera.camera_info, camera.labels):
        ros.wait_for_subscribers(publisher)
    rng = np.random.default_rng(1)
    image = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
    depth = rng.random((48, 64))
    camera.publish(image=image, depth=depth, labels=np.full((48, 64), 300), names={300: ('mug', 0.5)}, stamp=12.25)
    wait_until(lambda: all(heard.values()))
    assert bytes(heard['image'][0].data) == image.tobytes()
    assert np.array_equal(np.frombuffer(heard['depth'][0].data, '<f4').reshape(48, 64), depth.astype('<f4'))
    assert np.frombuffer(heard['labels'][0].data, '<u2')[0] == 300
    assert heard['camera_info'][0].width == 64
    assert {(m[0].header.stamp.sec, m[0].header.stamp.nanosec, m[0].header.frame_id) for m in heard.values()} == {
        (12, 250000000, 'camera_optical')}
    late = ros.listen(LabelNames, '/front/label_names', LATCHED)
    wait_until(lambda: late)
    assert (list(late[0].ids), late[0].names, list(late[0].scores)) == ([300], ['mug'], [0.5])


def test_who_was_met_hears_what_is_sent_once(server, ros):
    for n in range(20):
        heard = server.listen(Header, f'/once_{n}', SENSOR)
        publisher = ros.publisher(Header, f'/once_{n}', SENSOR)
        ros.wait_for_subscribers(publisher)
        ros.meet()
        publisher.publish(Header())
        wait_until(lambda: heard, 5, f'message {n}')


def test_image_encodings():
    assert image_message(np.zeros((2, 3), np.uint16)).encoding == '16UC1'
    assert image_message(np.zeros((2, 3), np.uint8)).encoding == 'mono8'
    assert image_message(np.zeros((2, 3, 3), np.uint8), 'bgr8').encoding == 'bgr8'
    padded = image_message(np.ones((2, 3), np.float32), row_padding=4)
    assert (padded.encoding, padded.step, len(padded.data)) == ('32FC1', 16, 32)


def test_stream(ros):
    camera = FakeCamera(ros, reliable=True)
    heard = ros.listen(CameraInfo, '/camera/camera_info')
    with camera.stream(hz=50):
        wait_until(lambda: len(heard) > 3)


def test_tf_and_clock(ros):
    tf = FakeTf(ros)
    tf.static('map', 'base', (1, 2, 3))
    tf.static('base', 'camera', (0, 0, 1))
    static = ros.listen(TFMessage, '/tf_static', LATCHED)
    dynamic = ros.listen(TFMessage, '/tf', RELIABLE)
    wait_until(lambda: static)
    assert [t.child_frame_id for t in static[-1].transforms] == ['base', 'camera']
    ros.wait_for_subscribers(tf.dynamic_publisher)
    tf.dynamic('odom', 'base', (1, 0, 0), stamp=5)
    assert wait_until(lambda: dynamic)[0].transforms[0].header.stamp.sec == 5

    clock = FakeClock(ros)
    with Ros('spatialclaw_test_simulated', use_sim_time=True) as simulated:
        ros.wait_for_subscribers(clock._publisher)
        wait_until(lambda: clock.set(42.5) or simulated.now().sec == 42)
