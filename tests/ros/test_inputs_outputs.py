# SPDX-License-Identifier: Apache-2.0
"""What goes into the node and what comes out, against a scene with a known answer."""

import math
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import TransformStamped
from helpers import LATCHED, FakeCamera, FakeClock, GoalStatus, Ros, image_message, wait_until
from rcl_interfaces.msg import Log, Parameter, ParameterValue
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters, SetParameters
from rclpy.qos import DurabilityPolicy, QoSProfile
from scene_fixture import DISTANCE_M, DISTANCE_TOLERANCE_M, MUG_CENTER_M, QUESTION, camera, pictures, static_tf
from sensor_msgs.msg import Image
from spatialclaw.action import AskSpatial
from spatialclaw.msg import SpatialAnswer, SpatialValue
from spatialclaw.srv import CheckInputs
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import Marker, MarkerArray

Code = AskSpatial.Result
WARN = 30  # rcl_interfaces/Log, whose constants are bytes here and numbers there


def doctor(ros, node='/spatialclaw'):
    return ros.call(CheckInputs, f'{node}/check_inputs')


def wait_for_input(ros, node='/spatialclaw'):
    wait_until(lambda: doctor(ros, node).ok, 15, 'usable input')


def is_finite(*numbers):
    return all(math.isfinite(number) for number in numbers)


def test_an_answer_is_measured_and_seen_everywhere(start_node, ros):
    start_node()
    tf, cam = static_tf(ros), camera(ros)
    cam.wait_for_node()
    with cam.stream(hz=10, **pictures()):
        wait_for_input(ros)
        status, result, _ = ros.ask(QUESTION)
        assert (status, result.success, result.error_code) == (GoalStatus.STATUS_SUCCEEDED, True, Code.NONE), result.error_msg
        number = result.value.number
        assert (result.value.kind, number.unit) == (SpatialValue.KIND_NUMBER, 'm')
        assert number.value == pytest.approx(DISTANCE_M, abs=DISTANCE_TOLERANCE_M)
        assert 0 < number.sigma < 0.02
        assert {evidence.label for evidence in result.evidence} >= {'mug', 'bowl'}
        assert all(evidence.header.frame_id == 'map' for evidence in result.evidence)
        assert result.provenance.cameras == ['camera'] and result.provenance.fixed_frame == 'map'

        # A listener that comes late is told as well.
        with Ros('late') as late:
            answers = late.listen(SpatialAnswer, '/spatialclaw/answer', LATCHED)
            markers = late.listen(MarkerArray, '/spatialclaw/markers', LATCHED)
            debug = late.listen(Image, '/spatialclaw/debug/image', LATCHED)
            wait_until(lambda: answers and markers and debug, 10, 'latched answer, markers and debug image')
        assert answers[-1].value == result.value and answers[-1].question == QUESTION
        assert answers[-1].header.frame_id == 'map'
        assert answers[-1].header.stamp == result.evidence[0].header.stamp
        drawn = [m for m in markers[-1].markers if m.action == Marker.ADD]
        (line,) = [m for m in drawn if m.type == Marker.LINE_LIST]
        assert math.dist(*[(p.x, p.y, p.z) for p in line.points]) == pytest.approx(number.value, abs=1e-9)
        assert line.header.stamp == answers[-1].header.stamp and line.header.frame_id == 'map'
        assert any(m.text.startswith(f'{number.value:.3f} ± ') for m in drawn if m.type == Marker.TEXT_VIEW_FACING)
        assert len({(m.ns, m.id) for m in drawn}) == len(drawn)
        assert all(is_finite(m.pose.position.x, m.pose.position.y, m.pose.position.z, m.scale.x, m.scale.y, m.scale.z) for m in drawn)
        assert (debug[-1].encoding, debug[-1].width) == ('rgb8', 640)

        _, placed, _ = ros.ask('Where is the mug?')
        position = placed.value.placement.pose.pose.position
        assert (position.x, position.y, position.z) == pytest.approx(MUG_CENTER_M, abs=0.01)

        status, refused, _ = ros.ask('How far is the wrench from the bowl?')
        assert (status, refused.error_code) == (GoalStatus.STATUS_ABORTED, Code.NOT_VISIBLE)
        assert 'wrench' in refused.error_msg and refused.value.kind == SpatialValue.KIND_NONE
    assert tf is not None


def test_a_target_frame_and_a_moment_can_be_asked_for(start_node, ros):
    start_node()
    tf, cam = static_tf(ros), camera(ros)
    tf.static('map', 'table', xyz=(1.0, 0.0, 0.5))
    cam.wait_for_node()
    with cam.stream(hz=10, **pictures()):
        wait_for_input(ros)
        stamp = cam.publish(**pictures())
        _, result, _ = ros.ask('Where is the mug?', target_frame='table', time_mode=AskSpatial.Goal.TIME_STAMP, stamp=stamp)
        placement = result.value.placement
        assert placement.header.frame_id == 'table', result.error_msg
        assert placement.header.stamp == stamp
        position = placement.pose.pose.position
        assert (position.x, position.y, position.z) == pytest.approx((0.0, MUG_CENTER_M[1], 0.0), abs=0.01)
        long_ago = ros.ask('Where is the mug?', time_mode=AskSpatial.Goal.TIME_STAMP, stamp=1.0)
        assert long_ago.result.error_code == Code.NOT_BUFFERED


def test_it_works_in_a_namespace(start_node, ros):
    start_node(namespace='robot1')
    static_tf(ros, prefix='/robot1')
    cam = camera(ros, prefix='/robot1')
    cam.wait_for_node()
    with cam.stream(hz=10, **pictures()):
        wait_for_input(ros, '/robot1/spatialclaw')
        _, result, _ = ros.send(QUESTION, action='/robot1/spatialclaw/ask').answer()
        assert result.value.number.value == pytest.approx(DISTANCE_M, abs=DISTANCE_TOLERANCE_M), result.error_msg


def test_the_doctor_says_why_nothing_is_heard(start_node, ros):
    start_node({'camera': {'qos': 'reliable'}})
    cam = FakeCamera(ros)  # best effort
    what = {key: value for key, value in pictures().items() if key != 'labels'}
    ros.node.destroy_publisher(cam.labels)
    with Ros('stranger') as stranger, cam.stream(hz=10, **what):
        stranger.publisher(DiagnosticArray, '/camera/labels')

        def text():
            return '\n'.join(value.value for finding in doctor(ros).findings for value in finding.values)
        wait_until(lambda: 'publishes best effort, expected reliable' in text(), 10, 'the finding about QoS')
        wait_until(lambda: 'publishes diagnostic_msgs/msg/DiagnosticArray' in text(), 10, 'the finding about the type')
        response = doctor(ros)
        assert not response.ok
        assert response.findings[0].level == DiagnosticStatus.ERROR
        assert 'NO_IMAGE' in response.findings[0].message
        diagnostics = ros.listen(DiagnosticArray, '/diagnostics')
        wait_until(lambda: diagnostics, 5, 'diagnostics')
        assert [status.name for status in diagnostics[-1].status] == [
            'spatialclaw: camera camera', 'spatialclaw: transforms', 'spatialclaw: questions']


def test_damaged_messages_are_reported_and_survived(start_node, ros):
    start_node()
    static_tf(ros)
    cam = camera(ros)
    log = ros.listen(Log, '/rosout', QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL))
    cam.wait_for_node()
    bad = image_message(np.zeros((4, 4, 3), np.uint8))
    bad.step = 0
    truncated = image_message(np.zeros((480, 640, 3), np.uint8))
    truncated.data = truncated.data[:100]
    huge = Image(width=2**32 - 1, height=2**32 - 1, encoding='rgb8', step=2**32 - 1)
    unknown = image_message(np.zeros((4, 4), np.uint8), encoding='')
    nan = TransformStamped(child_frame_id='camera_optical')
    nan.header.frame_id = 'map'
    nan.transform.translation.x = math.nan
    tf = ros.publisher(TFMessage, '/tf')

    def warned(topic):
        return any(line.level == WARN and topic in line.msg for line in log)

    def damage():
        for message in (Image(), bad, truncated, huge, unknown):
            message.header.stamp, message.header.frame_id = ros.now(), 'camera_optical'
            for publisher in (cam.image, cam.depth, cam.labels):
                publisher.publish(message)
        tf.publish(TFMessage(transforms=[nan, TransformStamped()]))
        return all(warned(topic) for topic in ('/camera/image', '/camera/depth', '/camera/labels', '/tf'))

    wait_until(damage, 10, 'warnings on /rosout')
    with cam.stream(hz=10, **pictures()):
        wait_for_input(ros)
        assert ros.ask(QUESTION).result.success


def test_simulated_time_is_followed_and_may_jump_back(start_node, ros):
    start_node({'use_sim_time': True})
    clock = FakeClock(ros)
    static_tf(ros)
    cam = camera(ros)
    cam.wait_for_node()

    def run(first, last):
        for tenth in range(int(first * 10), int(last * 10)):
            clock.set(tenth / 10)
            cam.publish(stamp=tenth / 10, **pictures())
            time.sleep(0.02)

    assert ros.ask(QUESTION).result.error_code in (Code.BAD_INPUT, Code.NO_IMAGE)
    run(1000.0, 1002.0)
    _, result, _ = ros.ask(QUESTION)
    assert result.success, result.error_msg
    assert result.provenance.taken_at.sec in (1001, 1002)
    clock.set(500.0)
    wait_until(lambda: not doctor(ros).ok, 5, 'old images to be forgotten')
    run(500.0, 502.0)
    _, result, _ = ros.ask(QUESTION)
    assert result.success, result.error_msg
    assert all(500 <= evidence.header.stamp.sec < 502 for evidence in result.evidence)


def test_the_node_publishes_no_command(start_node, ros):
    start_node()
    wait_until(lambda: 'spatialclaw' in ros.node.get_node_names(), 10, 'the node in the graph')
    time.sleep(1.0)  # for its publishers to be discovered
    published = {name for name, _ in ros.node.get_publisher_names_and_types_by_node('spatialclaw', '/')}
    assert published == {
        '/diagnostics', '/rosout', '/spatialclaw/answer', '/spatialclaw/ask/_action/feedback', '/spatialclaw/ask/_action/status',
        '/spatialclaw/debug/image', '/spatialclaw/markers'}


# ---- parameters


def test_parameters_can_be_read_and_not_changed(start_node, ros):
    start_node({'cameras': ['front', 'wrist'], 'front': {'labels': ['5:mug']}})
    names = ros.call(ListParameters, '/spatialclaw/list_parameters').result.names
    assert {'cameras', 'front.depth_max_m', 'wrist.qos', 'tf.wait_secs', 'use_sim_time'} <= set(names)
    values = ros.call(
        GetParameters, '/spatialclaw/get_parameters', GetParameters.Request(names=['cameras', 'front.labels', 'fixed_frame'])).values
    assert (values[0].string_array_value, values[1].string_array_value, values[2].string_value) == (['front', 'wrist'], ['5:mug'], 'map')
    (descriptor,) = ros.call(
        DescribeParameters, '/spatialclaw/describe_parameters', DescribeParameters.Request(names=['tf.wait_secs'])).descriptors
    assert descriptor.read_only and descriptor.floating_point_range[0].to_value == 10.0
    wish = Parameter(name='tf.wait_secs', value=ParameterValue(type=3, double_value=1.0))
    (answer,) = ros.call(SetParameters, '/spatialclaw/set_parameters', SetParameters.Request(parameters=[wish])).results
    assert not answer.successful and 'restart the node' in answer.reason


@pytest.mark.parametrize('parameters, message', [
    ({'tf': {'cache_sec': 1.0}}, 'parameter "tf.cache_sec" is unknown; nearest known: "tf.cache_secs"'),
    ({'window_secs': 3}, 'parameter "window_secs" is 3 (integer), expected a double'),
    ({'camera': {'depth_max_m': 0.1}}, 'parameter "camera.depth_max_m" is 0.1, expected more than depth_min_m'),
])
def test_unusable_parameters_stop_the_start(start_node, parameters, message):
    node = start_node(parameters, wait=False)
    assert node.wait() == 1
    assert node.output().count(message) == 1
