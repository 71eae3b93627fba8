# SPDX-License-Identifier: Apache-2.0
"""Namespace, time, parameters, and what the input doctor says of publishers, on the running node."""

import time

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from helpers import FakeCamera, FakeClock, Ros, wait_until
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters, SetParameters
from scene_fixture import DISTANCE_M, DISTANCE_TOLERANCE_M, QUESTION, camera, pictures, static_tf
from spatialclaw.action import AskSpatial
from spatialclaw.srv import CheckInputs

Code = AskSpatial.Result


def doctor(ros, node='/spatialclaw'):
    return ros.call(CheckInputs, f'{node}/check_inputs')


def wait_for_input(ros, node='/spatialclaw'):
    wait_until(lambda: doctor(ros, node).ok, 15, 'usable input')


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
            'spatialclaw: camera camera', 'spatialclaw: transforms', 'spatialclaw: questions',
            'spatialclaw: recorded sessions']


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
